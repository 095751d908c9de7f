//! [`Options`]: everything that decides what a document becomes, and the limits it is held to.
//!
//! Passwords are not here: options are stored, hashed and shown.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{GotOptions, PageRanges};

/// What to do with one document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Options {
    /// Which engine reads page images.
    pub engine: EngineName,
    /// Which pages, `1-3,7,10-`; all where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages: Option<PageRanges>,
    /// Resolution to rasterize at, in dots per inch; the engine's wish where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 36, max = 1200))]
    pub dpi: Option<u32>,
    /// When a PDF's own text is taken instead of reading the page's image.
    pub text_layer: TextLayer,
    /// Whether running heads, running feet and page numbers stay in the Markdown.
    pub furniture: HeadersFooters,
    /// Whether `<!-- page 3 -->` stands before each page's Markdown.
    pub page_markers: bool,
    /// Whether a review page is written.
    pub html: bool,
    /// How GOT reads.
    #[serde(flatten)]
    pub got: GotOptions,
    /// What a document may cost.
    pub limits: DocumentLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            engine: EngineName::default(),
            pages: None,
            dpi: None,
            text_layer: TextLayer::default(),
            furniture: HeadersFooters::default(),
            page_markers: true,
            html: false,
            got: GotOptions::default(),
            limits: DocumentLimits::default(),
        }
    }
}

/// The engines a document may ask for.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum EngineName {
    /// PP-OCR: detection and recognition of lines, on the CPU.
    #[default]
    Ppocr,
    /// GOT-OCR 2.0: a page image to formatted text, on a GPU or the CPU.
    Got,
}

impl std::fmt::Display for EngineName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ppocr => "ppocr",
            Self::Got => "got",
        })
    }
}

/// When a PDF's own text is taken instead of reading the page's image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TextLayer {
    /// Where it is sound: visible, mapped to Unicode, and not laid over a full-page image.
    #[default]
    Auto,
    /// Wherever there is one.
    Always,
    /// Never: every page is read from its image.
    Never,
}

/// What becomes of running heads, running feet and page numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HeadersFooters {
    /// They stay where they stand on the page.
    #[default]
    Keep,
    /// They are left out of the Markdown; `pages.jsonl` still has them.
    Drop,
}

/// What one document may cost. Each limit that is hit is named in the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DocumentLimits {
    /// Most pages read from one document; those after it are not read, and the manifest says so.
    #[schemars(range(min = 1))]
    pub max_pages: u32,
    /// Most pixels of one page's bitmap; checked before the bitmap is made, and met by a lower resolution
    /// where that still leaves a readable page.
    #[schemars(range(min = 1))]
    pub max_page_pixels: u64,
    /// Largest document, in bytes.
    #[schemars(range(min = 1))]
    pub max_document_bytes: u64,
    /// Address space of one rasterizer process, in mebibytes.
    #[schemars(range(min = 64))]
    pub max_raster_mib: u64,
    /// Longest time to rasterize one page, in seconds.
    #[schemars(range(min = 0.001))]
    pub page_timeout_s: f64,
    /// Longest time for the engine to write one page's text, in seconds.
    #[schemars(range(min = 0.001))]
    pub read_timeout_s: f64,
    /// Longest time for one document, in seconds.
    #[schemars(range(min = 0.001))]
    pub document_timeout_s: f64,
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self {
            max_pages: 5_000,
            max_page_pixels: 40_000_000,
            max_document_bytes: 2_000_000_000,
            max_raster_mib: 384,
            page_timeout_s: 20.0,
            read_timeout_s: 900.0,
            document_timeout_s: 3_600.0,
        }
    }
}
