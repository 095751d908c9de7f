//! A document file in, pages of Markdown to a sink as they finish.
//!
//! Synchronous, and blind to where documents come from and go to: no runtime, no network, no
//! environment. The modules stand in the order in which a page travels.

// A flag that stops work at the next page.
pub mod cancel;
// What a page is made of: boxes and lines.
pub mod page;
mod script;
mod dehyphenate;
mod edit_distance;
// A document's pages as bitmaps and as the text they carry: child processes, limits, ink, rulings.
pub mod image;
// The [`Engine`](engine::Engine) trait, its fair queue, and the engines.
pub mod engine;
pub mod layout;
pub mod text;
// [`read`](read::read): the whole way of a document.
pub mod read;
// How well a text was read: error rates, GOT's measures, the worst cases to look at.
pub mod eval;
