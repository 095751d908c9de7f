//! A document file in, pages of Markdown to a sink as they finish.
//!
//! Synchronous, and blind to where documents come from and go to: no runtime, no network, no
//! environment. The modules stand in the order in which a page travels.

pub mod cancel;
pub mod page;
mod script;
mod statistics;
mod edit_distance;
mod dehyphenate;
pub mod image;
pub mod engine;
pub mod layout;
pub mod text;
pub mod read;
pub mod eval;
