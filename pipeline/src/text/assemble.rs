//! Pages in order: running heads across pages, then Markdown.

use recto_schemas::Furniture;

use super::{AssembledPage, PageContent};

/// Takes pages in order and gives them back in order, a few pages later, when their running heads are known.
#[derive(Debug)]
pub struct Assembler {}

impl Assembler {
    /// An assembler for one document.
    pub fn new(_furniture: Furniture, _page_markers: bool) -> Self {
        Self {}
    }

    /// Takes the next page; gives the pages that are ready.
    pub fn push(&mut self, _page: PageContent) -> Vec<AssembledPage> {
        Vec::new()
    }

    /// Gives the pages that are left.
    pub fn finish(self) -> Vec<AssembledPage> {
        Vec::new()
    }
}
