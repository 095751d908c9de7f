//! A document's pages as bitmaps, and as the text they carry.
//!
//! Everything that touches a document's bytes runs in child processes of the same binary
//! ([`crate::image::child`]); this side owns the deadlines ([`crate::image::rasterizer`]).

/// The pool of child processes: documents in, pages out, deadlines kept.
pub mod rasterizer;
/// The other side: what a child process does, from its first limit to its last page.
pub mod child;
/// What a child saw of a page before any bitmap is made.
pub mod facts;
/// Whether a page's own text may stand for reading its image.
pub mod sound;
/// What parent and child say to each other.
mod protocol;
/// Characters of a page's own text to lines.
mod text_layer;
/// Whether anything stands on a page.
pub mod ink;
/// Ruled lines.
pub mod rulings;
/// The small grey picture of a page that a review page shows.
pub mod preview;

/// A page's bitmap, upright as a viewer shows it: RGB, 8 bits a channel, rows without padding.
#[derive(Clone, Debug, PartialEq)]
pub struct PageImage {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Resolution in dots per inch.
    pub dpi: f32,
    /// `width * height * 3` bytes.
    pub rgb: Vec<u8>,
}
