//! [`ReorderBuffer`]: pages back in order, through assembly, to the sink.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
};

use recto_schemas::{Options, PageCounts, PageRecord, PageSummary, RawOutput, ReadWarning};

use super::{PageResult, PageSink, ReadError, carry::ProcessedPage};
use crate::{image::preview::PagePreview, text::AssembledPage, text::assemble::DocumentAssembler};

/// Pages in assembly, in order: what the sink gets beside the assembled page.
type PendingPages = VecDeque<(PageSummary, Option<RawOutput>, Option<PagePreview>)>;

/// Puts pages in order, assembles them and feeds the sink.
pub(super) struct ReorderBuffer<'a> {
    sink: &'a mut dyn PageSink,
    assembler: DocumentAssembler,
    /// Requests that finished before an earlier one.
    early: BTreeMap<usize, Vec<ProcessedPage>>,
    next: usize,
    assembling: PendingPages,
    counts: PageCounts,
    warnings: Vec<ReadWarning>,
}

impl<'a> ReorderBuffer<'a> {
    pub(super) fn new(options: &Options, sink: &'a mut dyn PageSink) -> Self {
        Self {
            sink,
            assembler: DocumentAssembler::new(options.headers_footers, options.page_markers),
            early: BTreeMap::new(),
            next: 0,
            assembling: VecDeque::new(),
            counts: PageCounts::default(),
            warnings: Vec::new(),
        }
    }

    /// Takes the pages of request `index`; gives how many requests have gone on to assembly.
    pub(super) fn take(&mut self, index: usize, pages: Vec<ProcessedPage>) -> io::Result<usize> {
        self.early.insert(index, pages);
        while let Some(pages) = self.early.remove(&self.next) {
            self.next += 1;
            for page in pages {
                self.assemble(page)?;
            }
        }
        Ok(self.next)
    }

    /// Gives the sink the pages that are left.
    pub(super) fn finish(self) -> Result<(PageCounts, Vec<ReadWarning>), ReadError> {
        let Self {
            sink,
            assembler,
            mut assembling,
            counts,
            warnings,
            ..
        } = self;
        for page in assembler.finish() {
            give(sink, &mut assembling, page).map_err(ReadError::Sink)?;
        }
        Ok((counts, warnings))
    }

    fn assemble(&mut self, carried: ProcessedPage) -> io::Result<()> {
        self.counts.add(carried.summary.outcome);
        for warning in carried.warnings {
            self.warn(carried.summary.page, warning);
        }
        self.assembling
            .push_back((carried.summary, carried.raw, carried.preview));
        for page in self.assembler.push(carried.content) {
            give(self.sink, &mut self.assembling, page)?;
        }
        Ok(())
    }

    /// One warning a kind, however many pages it concerns.
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

fn give(
    sink: &mut dyn PageSink,
    assembling: &mut PendingPages,
    assembled: AssembledPage,
) -> io::Result<()> {
    let Some((summary, raw, preview)) = assembling.pop_front() else {
        return Err(io::Error::other(
            "assembly gave a page that it was not given",
        ));
    };
    let record = PageRecord {
        schema: PageRecord::SCHEMA.to_owned(),
        page: summary.page,
        outcome: summary.outcome,
        width_px: summary.width_px.unwrap_or(0),
        height_px: summary.height_px.unwrap_or(0),
        lines: assembled.lines.clone(),
        raw,
    };
    sink.page(PageResult {
        summary,
        record,
        assembled,
        preview,
    })
}
