//! Page assembly: pages that were read, in order, through the assembler to the sink.

use std::{collections::VecDeque, io};

use recto_schemas::{
    Options, PageCounts, PageOutcome, PageSummary, RawOutput, ReadWarning, UnreadLineRecord,
};

use super::{PageResult, PageSink, parts::ReadPage};
use crate::{
    image::preview::PagePreview,
    text::{AssembledPage, assemble::DocumentAssembler},
};

/// Assembles pages, feeds the sink, and sums up what the manifest says of the whole document.
pub(super) struct PageAssembly<'a> {
    sink: &'a mut dyn PageSink,
    assembler: DocumentAssembler,
    /// Pages in the assembler, in order.
    pending: VecDeque<PendingPage>,
    counts: PageCounts,
    warnings: Vec<ReadWarning>,
}

/// The part of a page that goes past the assembler.
struct PendingPage {
    summary: PageSummary,
    unread: Vec<UnreadLineRecord>,
    raw: Option<RawOutput>,
    preview: Option<PagePreview>,
    is_stored: bool,
}

impl<'a> PageAssembly<'a> {
    pub(super) fn new(options: &Options, sink: &'a mut dyn PageSink) -> Self {
        Self {
            sink,
            assembler: DocumentAssembler::new(options),
            pending: VecDeque::new(),
            counts: PageCounts::default(),
            warnings: Vec::new(),
        }
    }

    /// Takes the next page; gives the sink the pages that are ready.
    pub(super) fn push(&mut self, mut page: ReadPage) -> io::Result<()> {
        page.content.is_partial = page.summary.outcome == PageOutcome::Partial;
        self.counts.add(page.summary.outcome);
        for warning in page.warnings {
            self.warn(page.summary.page, warning);
        }
        self.pending.push_back(PendingPage {
            summary: page.summary,
            unread: page.unread,
            raw: page.raw,
            preview: page.preview,
            is_stored: page.is_stored,
        });
        for assembled in self.assembler.push(page.content) {
            deliver(self.sink, &mut self.pending, assembled)?;
        }
        Ok(())
    }

    /// Gives the sink the pages that are left.
    pub(super) fn finish(mut self) -> io::Result<(PageCounts, Vec<ReadWarning>)> {
        let (pages, levels) = self.assembler.finish();
        for assembled in pages {
            deliver(self.sink, &mut self.pending, assembled)?;
        }
        self.sink.heading_levels(&levels)?;
        Ok((self.counts, self.warnings))
    }

    /// Keeps one warning of each kind, however many pages it concerns.
    fn warn(&mut self, page: u32, warning: ReadWarning) {
        match self
            .warnings
            .iter_mut()
            .find(|known| known.kind == warning.kind)
        {
            Some(known) => known.pages += 1,
            None => self.warnings.push(ReadWarning {
                first_page: Some(page),
                pages: 1,
                ..warning
            }),
        }
    }
}

fn deliver(
    sink: &mut dyn PageSink,
    pending: &mut VecDeque<PendingPage>,
    mut assembled: AssembledPage,
) -> io::Result<()> {
    let Some(PendingPage {
        summary,
        unread,
        raw,
        preview,
        is_stored,
    }) = pending.pop_front()
    else {
        return Err(io::Error::other(
            "assembly gave a page that it was not given",
        ));
    };
    if summary.outcome == PageOutcome::Partial {
        mark_partial(&mut assembled, &summary);
    }
    sink.page(PageResult {
        summary,
        assembled,
        unread,
        raw,
        preview,
        is_stored,
    })
}

/// Says in the page's Markdown that it is not the whole page, as it is said of a page that failed: whoever has the
/// Markdown alone would not know.
fn mark_partial(assembled: &mut AssembledPage, summary: &PageSummary) {
    let markdown = &mut assembled.markdown;
    if !markdown.is_empty() {
        markdown.push('\n');
    }
    let kind = summary
        .reason
        .as_ref()
        .map_or("", |reason| reason.kind.as_str());
    let share = summary.unread.map_or(0.0, |unread| unread.share);
    markdown.push_str(&format!(
        "<!-- page {}: {:.0} % not read ({kind}) -->\n",
        assembled.number,
        share * 100.0
    ));
}
