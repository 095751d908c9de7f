//! A document file in, pages of Markdown to a sink as they finish.
//!
//! Synchronous, and blind to where documents come from and go to: no runtime, no network, no
//! environment. The modules are in the order in which a page travels.
//!
//! # Examples
//!
//! A document's Markdown, page by page. The rasterizer starts `program` with the argument `raster-child`, so a program
//! that uses this crate calls [`image::child::main`] first thing when it gets that argument; `examples/outline.rs`
//! is a whole one.
//!
//! ```no_run
//! use std::{fs::File, io, path::Path};
//!
//! use recto_pipeline::{
//!     cancel::CancelToken,
//!     engine::ppocr::{PpOcr, PpOcrConfig},
//!     image::rasterizer::{Rasterizer, RasterizerConfig},
//!     read::{self, PageResult, PageSink},
//! };
//! use recto_schemas::Options;
//!
//! struct Print;
//!
//! impl PageSink for Print {
//!     fn open(&mut self, pages: u32) -> io::Result<()> {
//!         eprintln!("{pages} pages");
//!         Ok(())
//!     }
//!
//!     fn page(&mut self, page: PageResult) -> io::Result<()> {
//!         println!("{}", page.assembled.markdown);
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = PpOcr::load(Path::new("models"), PpOcrConfig::new("libonnxruntime.so".into()))?;
//! let rasterizer = Rasterizer::new(RasterizerConfig {
//!     program: "/proc/self/exe".into(),
//!     pdfium: "libpdfium.so".into(),
//!     children: 2,
//!     pages_per_child: 500,
//!     font_dirs: Vec::new(),
//! })?;
//! let input = read::Input { file: File::open("scan.pdf")?, password: None, rasterizer: &rasterizer };
//! let outcome = read::read(input, &Options::default(), &engine, &mut Print, &CancelToken::new())?;
//! eprintln!("{} of {} pages failed", outcome.counts.failed, outcome.counts.selected);
//! # Ok(())
//! # }
//! ```

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
