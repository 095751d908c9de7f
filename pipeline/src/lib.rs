//! A document file in, pages of Markdown to a sink as they finish.
//!
//! Synchronous, and blind to where documents come from and go to: no runtime, no network, no
//! environment. The modules are in the order in which a page travels.
//!
//! # Examples
//!
//! A document's Markdown, page by page:
//!
//! ```standalone_crate
//! use std::{env, error::Error, fs::File, io, path::Path, process};
//!
//! use recto_pipeline::{
//!     cancel::CancelToken,
//!     engine::ppocr::{PpOcr, PpOcrConfig},
//!     image::{
//!         child,
//!         rasterizer::{Rasterizer, RasterizerConfig},
//!     },
//!     read::{self, DocumentInput, PageResult, PageSink},
//!     sandbox::SandboxConfig,
//! };
//! use recto_schemas::Options;
//!
//! struct PrintPages;
//!
//! impl PageSink for PrintPages {
//!     fn open(&mut self, pages: u32) -> io::Result<()> {
//!         eprintln!("{pages} pages");
//!         Ok(())
//!     }
//!
//!     fn page(&mut self, page: PageResult) -> io::Result<()> {
//!         println!("{}", page.assembled.markdown);
//!         Ok(())
//!     }
//!
//!     fn heading_levels(&mut self, _levels: &[u8]) -> io::Result<()> {
//!         Ok(())
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn Error>> {
//!     // Documents are opened in processes of their own, which the rasterizer starts with this argument.
//!     if env::args().nth(1).as_deref() == Some("raster-child") {
//!         process::exit(child::main());
//!     }
//!     // `make setup` fetches these three.
//!     let (Some(pdfium), Some(runtime), Some(models)) = (
//!         env::var_os("RECTO_PDFIUM"),
//!         env::var_os("RECTO_ONNXRUNTIME"),
//!         env::var_os("RECTO_PPOCR_MODELS"),
//!     ) else {
//!         return Ok(());
//!     };
//!     let rasterizer = Rasterizer::new(RasterizerConfig {
//!         program: "/proc/self/exe".into(),
//!         pdfium: pdfium.into(),
//!         children: 2,
//!         pages_per_child: 500,
//!         font_dirs: Vec::new(),
//!         sandbox: SandboxConfig::REQUIRED,
//!     })?;
//!     let engine = PpOcr::load(Path::new(&models), PpOcrConfig::new(runtime.into()))?;
//!
//!     let input = DocumentInput {
//!         file: File::open("../tests/samples/born-digital.pdf")?,
//!         password: None,
//!         rasterizer: &rasterizer,
//!     };
//!     let (options, cancel) = (Options::default(), CancelToken::new());
//!     let outcome = read::read(input, &options, &engine, &mut PrintPages, &cancel)?;
//!     assert_eq!(outcome.format, "pdf");
//!     assert_eq!(outcome.counts.failed, 0);
//!     Ok(())
//! }
//! ```
//!
//! The parts can be used alone: [`image::rasterizer`] makes bitmaps of pages, an [`engine::Engine`] reads bitmaps,
//! [`text::assemble`] makes Markdown of lines.

#![cfg_attr(
    not(all(feature = "ppocr", feature = "got", feature = "eval")),
    expect(
        dead_code,
        reason = "engines and evaluation share basics of which each needs others"
    )
)]

pub mod cancel;
mod clock;
mod deadline_stream;
pub mod sandbox;
pub mod page;
mod script;
pub mod format_controls;
mod statistics;
mod text_marks;
mod edit_distance;
mod dehyphenate;
pub mod image;
pub mod pinned_files;
pub mod engine;
pub mod layout;
pub mod text;
pub mod read;
#[cfg(feature = "eval")]
pub mod eval;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
