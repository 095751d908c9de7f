//! Targets of the fuzz tests (`tests/fuzz`): bytes from outside, through the code that takes them, to what is promised of
//! the outcome. They panic where a promise is broken. Compiled for tests and for `cargo fuzz` alone.

use crate::{
    image::{child::header_checks, rasterizer::reply_checks},
    text::foreign_markup,
};

/// Bytes of Markdown for one byte of markup, at most: rows of a table are filled with empty cells up to 10,000 places, for
/// which some 300 bytes of markup are enough.
const GROWTH: usize = 500;

/// Bytes of a child to its parent: as they are, and as one message of the right length.
pub fn protocol(bytes: &[u8]) {
    reply_checks::hold_all(bytes);
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    reply_checks::hold_all(&[&length.to_le_bytes()[..], bytes].concat());
}

/// The beginning of a file that may be an image: what the child tells of it, behind the parent's door.
pub fn image_headers(bytes: &[u8]) {
    for page in header_checks::inspections(bytes) {
        reply_checks::hold_inspection(page);
    }
}

/// A model's markup, as Markdown: no markup but ours, and not much more than it was.
pub fn mathpix(bytes: &[u8]) {
    let markup = String::from_utf8_lossy(bytes);
    let (markdown, found) = foreign_markup::of_mathpix(&markup);
    assert!(found.is_empty(), "{found:?} in {markdown:?} of {markup:?}");
    let most = (markup.len() + 64) * GROWTH;
    assert!(markdown.len() <= most, "{} bytes", markdown.len());
}

#[cfg(test)]
mod tests;
