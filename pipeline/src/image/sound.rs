//! Whether a page's own text may stand for reading its image: one pure table.

use recto_schemas::{Failure, TextLayer};

use super::facts::PageFacts;

/// Where a page's text is to come from, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Take the page's own text.
    Use(Failure),
    /// Read its image.
    Read(Failure),
}

/// Decides where a page's text is to come from.
pub fn text_layer_verdict(_facts: &PageFacts, _choice: TextLayer) -> Verdict {
    Verdict::Read(Failure {
        kind: "no-text-layer".to_owned(),
        message: "the page has no text of its own".to_owned(),
    })
}
