//! [`ObservedParts`]: parts whose pages an observer sees.

use std::io;

use recto_pipeline::read::{PagePositions, PartStore, ReadPage};

use crate::document::observer::ConvertObserver;

/// Shows the pages that are read to the observer.
pub(crate) struct ObservedParts<'a> {
    pub(crate) parts: &'a mut dyn PartStore,
    pub(crate) observer: &'a dyn ConvertObserver,
}

impl PartStore for ObservedParts<'_> {
    fn pages_per_part(&self) -> u32 {
        self.parts.pages_per_part()
    }

    fn stored(&mut self, pages: u32) -> io::Result<Vec<PagePositions>> {
        self.parts.stored(pages)
    }

    fn load(&mut self, part: &PagePositions) -> io::Result<Vec<ReadPage>> {
        self.parts.load(part)
    }

    fn page_read(&mut self, page: &ReadPage) {
        self.observer.page(page.summary());
    }

    fn store(&mut self, part: PagePositions, pages: &[ReadPage]) -> io::Result<()> {
        self.parts.store(part, pages)
    }
}
