//! Rasterizer: documents in, page bitmaps and text layers out, by a pool of child processes with deadlines.
//!
//! Everything that a document's bytes can break breaks a child ([`crate::image::child`]). This side starts
//! children, asks them for pages, ends those that take too long, and checks what they answer.
//!
//! # Examples
//!
//! The first page of a document as a bitmap, and its own text:
//!
//! ```standalone_crate
//! use std::{env, error::Error, fs::File, process};
//!
//! use recto_pipeline::{
//!     cancel::CancelToken,
//!     image::{
//!         child,
//!         rasterizer::{Rasterizer, RasterizerConfig, RenderRequest, TextLayerRequest},
//!     },
//!     sandbox::SandboxConfig,
//! };
//! use recto_schemas::DocumentLimits;
//!
//! fn main() -> Result<(), Box<dyn Error>> {
//!     if env::args().nth(1).as_deref() == Some("raster-child") {
//!         process::exit(child::main());
//!     }
//!     let Some(pdfium) = env::var_os("RECTO_PDFIUM") else {
//!         return Ok(());
//!     };
//!     let rasterizer = Rasterizer::new(RasterizerConfig {
//!         program: "/proc/self/exe".into(),
//!         pdfium: pdfium.into(),
//!         children: 1,
//!         pages_per_child: 500,
//!         font_dirs: Vec::new(),
//!         sandbox: SandboxConfig::REQUIRED,
//!     })?;
//!     let file = File::open("../tests/samples/born-digital.pdf")?;
//!     let cancel = CancelToken::new();
//!     let document = rasterizer.open(file, None, &DocumentLimits::default(), &cancel)?;
//!
//!     let mut page = document.inspect(1, &cancel)?;
//!     assert!(page.inspection().text.characters > 0);
//!     let page = page.render(&RenderRequest {
//!         dpi: 72.0,
//!         max_side_px: 2_000,
//!         text_layer: TextLayerRequest::Visible,
//!     })?;
//!     // At 72 dpi a point is a pixel.
//!     assert_eq!(page.image.height as f32, page.inspection.height_pt.round());
//!     assert!(!page.text_layer.unwrap_or_default().lines.is_empty());
//!     Ok(())
//! }
//! ```

mod document;
mod page;
mod pool;
mod process;
mod bitmap_size;
mod validate;
mod fonts;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod reply_checks;
#[cfg(test)]
mod reply_tests;

use std::{fs::File, path::PathBuf};

use recto_schemas::DocumentLimits;

pub use self::{
    document::{Bookmark, DocumentInfo, OpenDocument},
    error::RasterError,
    page::{InspectedPage, PageText, RasterPage, RenderRequest},
};
use self::{pool::ChildPool, process::ChildSpawner};
pub use super::protocol::TextLayerRequest;
use crate::{
    cancel::CancelToken,
    sandbox::{SandboxConfig, SandboxReport},
};

/// Options of a [`Rasterizer`].
#[derive(Clone, Debug)]
pub struct RasterizerConfig {
    /// The program that becomes a child when its first argument is `raster-child` (see [`crate::image::child::main`]);
    /// `/proc/self/exe` for `recto` itself.
    pub program: PathBuf,
    /// PDFium's library.
    pub pdfium: PathBuf,
    /// Maximum number of children at any time, over all documents.
    pub children: usize,
    /// Pages after which a child is replaced by a new one.
    pub pages_per_child: u32,
    /// Folders with substitutes for fonts that are not embedded; [`DEFAULT_FONT_DIRS`] if empty.
    pub font_dirs: Vec<PathBuf>,
    /// The sandbox of the children.
    pub sandbox: SandboxConfig,
}

/// The default folders with substitutes for fonts that are not embedded: PDFium's own list for Linux.
pub const DEFAULT_FONT_DIRS: [&str; 4] = [
    "/usr/share/fonts",
    "/usr/share/X11/fonts/Type1",
    "/usr/share/X11/fonts/TTF",
    "/usr/local/share/fonts",
];

/// The children of a process, shared by all its documents.
#[derive(Debug)]
pub struct Rasterizer {
    config: RasterizerConfig,
    has_fonts: bool,
    pool: ChildPool,
    spawner: ChildSpawner,
}

impl Rasterizer {
    /// A rasterizer; starts no child yet.
    ///
    /// # Errors
    /// [`RasterError::PdfiumMissing`] if there is no such library.
    pub fn new(mut config: RasterizerConfig) -> Result<Self, RasterError> {
        if let Err(error) = config.pdfium.metadata() {
            return Err(RasterError::PdfiumMissing {
                path: config.pdfium,
                why: error.to_string(),
            });
        }
        if config.font_dirs.is_empty() {
            config.font_dirs = DEFAULT_FONT_DIRS.map(PathBuf::from).to_vec();
        }
        let spawner = ChildSpawner::new(&config.program).map_err(|e| cannot_start(&e))?;
        Ok(Self {
            has_fonts: config.font_dirs.iter().any(|dir| fonts::has_fonts(dir)),
            pool: ChildPool::new(config.children),
            spawner,
            config,
        })
    }

    /// Starts a child that opens nothing, and tells what became of its sandbox on this machine.
    ///
    /// # Errors
    /// [`RasterError::SandboxMissing`] if it is required and not to be had; [`RasterError::PdfiumMissing`] if PDFium's
    /// library does not load.
    pub fn check_sandbox(&self) -> Result<SandboxReport, RasterError> {
        let nothing = File::open("/dev/null").map_err(|e| cannot_start(&e))?;
        let limits = DocumentLimits::default();
        let cancel = CancelToken::new();
        let deadline = document::page_deadline(&limits, &cancel);
        let (_, report) = document::start_child(self, &nothing, &limits, deadline)?;
        Ok(report)
    }

    /// Starts a child and opens `file` in it. Waits for a child if all are busy.
    ///
    /// # Errors
    /// The reason for which the document cannot be opened; [`RasterError::Cancelled`].
    pub fn open<'r>(
        &'r self,
        file: File,
        password: Option<&str>,
        limits: &DocumentLimits,
        cancel: &CancelToken,
    ) -> Result<OpenDocument<'r>, RasterError> {
        let metadata = file
            .metadata()
            .map_err(|e| RasterError::Io(e.to_string()))?;
        if !metadata.is_file() {
            return Err(RasterError::Io("it is no regular file".to_owned()));
        }
        if metadata.len() > limits.max_document_size.bytes() {
            return Err(RasterError::DocumentTooLarge {
                bytes: metadata.len(),
                limit: limits.max_document_size.bytes(),
            });
        }
        OpenDocument::open(self, file, password, limits, cancel)
    }
}

fn cannot_start(error: &std::io::Error) -> RasterError {
    RasterError::Io(format!(
        "a rasterizer process could not be started: {error}"
    ))
}
