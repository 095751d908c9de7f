//! [`Delivery`]: pages back in order, through assembly, to the sink.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
};

use recto_schemas::{Counts, Options, PageRecord, PageSummary, Raw, Warning};

use super::{Page, ReadError, Sink, carry::Carried};
use crate::{image::preview::Preview, text::AssembledPage, text::assemble::Assembler};

/// Pages in assembly, in order: what the sink gets beside the assembled page.
type Assembling = VecDeque<(PageSummary, Option<Raw>, Option<Preview>)>;

/// Puts pages in order, assembles them and feeds the sink.
pub(super) struct Delivery<'a> {
    sink: &'a mut dyn Sink,
    assembler: Assembler,
    /// Requests that finished before an earlier one.
    early: BTreeMap<usize, Vec<Carried>>,
    next: usize,
    assembling: Assembling,
    counts: Counts,
    warnings: Vec<Warning>,
}

impl<'a> Delivery<'a> {
    pub(super) fn new(options: &Options, sink: &'a mut dyn Sink) -> Self {
        Self {
            sink,
            assembler: Assembler::new(options.furniture, options.page_markers),
            early: BTreeMap::new(),
            next: 0,
            assembling: VecDeque::new(),
            counts: Counts::default(),
            warnings: Vec::new(),
        }
    }

    /// Takes the pages of request `index`; gives how many requests have gone on to assembly.
    pub(super) fn take(&mut self, index: usize, pages: Vec<Carried>) -> io::Result<usize> {
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
    pub(super) fn finish(self) -> Result<(Counts, Vec<Warning>), ReadError> {
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

    fn assemble(&mut self, carried: Carried) -> io::Result<()> {
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
    fn warn(&mut self, page: u32, warning: Warning) {
        match self
            .warnings
            .iter_mut()
            .find(|known| known.kind == warning.kind)
        {
            Some(known) => known.pages += 1,
            None => self.warnings.push(Warning {
                first_page: Some(page),
                pages: 1,
                ..warning
            }),
        }
    }
}

fn give(
    sink: &mut dyn Sink,
    assembling: &mut Assembling,
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
    sink.page(Page {
        summary,
        record,
        assembled,
        preview,
    })
}
