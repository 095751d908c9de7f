//! The pool of child processes: documents in, pages out, deadlines kept.

mod error;

use std::{fs::File, marker::PhantomData, path::PathBuf, time::Duration};

use recto_schemas::{Limits, Warning};

pub use self::error::RasterError;
use super::{PageImage, facts::PageFacts};
use crate::{cancel::Cancel, page::Line};

/// How children are started.
#[derive(Clone, Debug)]
pub struct RasterizerConfig {
    /// The program that becomes a child when its first argument is `raster-child`; `/proc/self/exe` for `recto` itself.
    pub program: PathBuf,
    /// PDFium's library.
    pub pdfium: PathBuf,
    /// Most children at any time, over all documents.
    pub children: usize,
    /// Pages after which a child is replaced by a new one.
    pub pages_per_child: u32,
    /// Where substitutes for fonts that are not embedded come from; [`DEFAULT_FONT_DIRS`] where empty.
    pub font_dirs: Vec<PathBuf>,
}

/// Where substitutes for fonts that are not embedded come from unless told otherwise: PDFium's own list for Linux.
pub const DEFAULT_FONT_DIRS: [&str; 4] = [
    "/usr/share/fonts",
    "/usr/share/X11/fonts/Type1",
    "/usr/share/X11/fonts/TTF",
    "/usr/local/share/fonts",
];

/// The children of a process, shared by all its documents.
#[derive(Debug)]
pub struct Rasterizer {}

/// An open document; several threads may ask for its pages at once.
#[derive(Debug)]
pub struct Document<'r> {
    info: DocumentInfo,
    rasterizer: PhantomData<&'r Rasterizer>,
}

/// What is known of a document once it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentInfo {
    /// `pdf`, `png`, `jpeg`, `tiff` or `webp`.
    pub format: &'static str,
    /// Pages it has; at least 1.
    pub pages: u32,
    /// Whether it is encrypted (and could be opened all the same).
    pub encrypted: bool,
}

/// What to make of a page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PagePlan {
    /// Resolution wanted, in dots per inch; pictures are never scaled up to meet it.
    pub dpi: f32,
    /// Longest side of the bitmap in pixels; the resolution is lowered to meet it.
    pub max_side_px: u32,
    /// Which of the page's own text comes with it.
    pub text: TextWish,
}

/// Which of a page's own text is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextWish {
    /// None.
    None,
    /// What a viewer shows.
    Visible,
    /// All, hidden text too: for `--text-layer always`.
    All,
}

/// A page.
#[derive(Clone, Debug, PartialEq)]
pub struct RasterPage {
    /// What the child saw of it.
    pub facts: PageFacts,
    /// Its bitmap.
    pub image: PageImage,
    /// Its own text where it was wanted, in content order, in pixels of `image`.
    pub text: Option<Vec<Line>>,
    /// `fonts-missing`, `dpi-lowered`.
    pub warnings: Vec<Warning>,
    /// From asking the child to having the page, without waiting for a child.
    pub raster: Duration,
}

impl Rasterizer {
    /// A rasterizer; starts no child yet.
    ///
    /// # Errors
    /// [`RasterError::PdfiumMissing`] where there is no such library.
    pub fn new(_config: RasterizerConfig) -> Result<Self, RasterError> {
        Ok(Self {})
    }

    /// Starts a child and opens `file` in it. Waits for a child where all are busy.
    ///
    /// # Errors
    /// Why the document cannot be opened; [`RasterError::Cancelled`].
    pub fn open<'r>(
        &'r self,
        _file: File,
        _password: Option<&str>,
        _limits: &Limits,
        _cancel: &Cancel,
    ) -> Result<Document<'r>, RasterError> {
        Err(RasterError::Io("not written yet".to_owned()))
    }
}

impl Document<'_> {
    /// What is known of the document.
    pub fn info(&self) -> &DocumentInfo {
        &self.info
    }

    /// Rasterizes the one-based `page`. `plan` is called here, in the parent, with what a child saw of
    /// the page, and says what to make of it.
    ///
    /// # Errors
    /// Why there is no bitmap; where [`RasterError::is_page_only`] holds, other pages are worth asking for.
    pub fn page(
        &self,
        _page: u32,
        _plan: &dyn Fn(&PageFacts) -> PagePlan,
        _cancel: &Cancel,
    ) -> Result<RasterPage, RasterError> {
        Err(RasterError::Io("not written yet".to_owned()))
    }
}
