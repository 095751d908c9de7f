//! [`Options`]: everything that decides what a document becomes, and the limits it is held to.
//!
//! Each option is declared once, here: its doc comment is its help, its description in the published schema and its
//! line in the reference; the range of its values is part of its type. Behind the feature `clap` the same types are
//! arguments of the command line. An engine's own options are a member under the engine's name.
//!
//! Passwords are not here: options are stored, hashed and shown.

pub mod got;
mod layout_model;
pub mod limits;
mod number;
mod script_fallback;
mod units;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    got::{
        DeviceName, Dtype, GotMode, GotOptions, GotRuntime, PageBox, PagesPerPass, RegionColor,
        TilePolicy,
    },
    layout_model::LayoutModelInfo,
    limits::DocumentLimits,
    number::{BoundedInt, Megapixels, Share},
    script_fallback::{FallbackReader, ScriptFallback},
    units::{ByteSize, HumanDuration, duration, spelled},
};
use crate::PageRanges;

/// The options of one document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[serde(default)]
pub struct Options {
    /// Engine that reads page images.
    #[cfg_attr(feature = "clap", arg(skip))]
    pub engine: EngineName,
    /// Pages to read, such as `1-3,7,10-`; all when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "clap",
        arg(long, value_name = "RANGES", env = "RECTO_PAGES")
    )]
    pub pages: Option<PageRanges>,
    /// Resolution to rasterize at, in dots per inch, such as `200`: 36 to 1200, the engine's default when not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", env = "RECTO_DPI"))]
    pub dpi: Option<BoundedInt<36, 1200>>,
    /// When a PDF's own text is taken instead of reading the page image.
    #[cfg_attr(
        feature = "clap",
        arg(
            long,
            value_name = "WHEN",
            value_enum,
            env = "RECTO_TEXT_LAYER",
            default_value_t
        )
    )]
    pub text_layer: TextLayer,
    /// Running heads, running feet and page numbers.
    #[cfg_attr(
        feature = "clap",
        arg(
            long,
            value_name = "WHAT",
            value_enum,
            env = "RECTO_HEADERS_FOOTERS",
            default_value_t
        )
    )]
    pub headers_footers: HeadersFooters,
    /// Write a line such as `<!-- page 3 -->` before each page's Markdown.
    #[cfg_attr(
        feature = "clap",
        arg(
            long,
            value_name = "on|off",
            env = "RECTO_PAGE_MARKERS",
            value_parser = switch,
            action = clap::ArgAction::Set,
            num_args = 0..=1,
            require_equals = true,
            default_value = "on",
            default_missing_value = "on"
        )
    )]
    pub page_markers: bool,
    /// Also write NAME.html, a review page: each page's image beside its text, for checking by eye.
    #[cfg_attr(
        feature = "clap",
        arg(
            long,
            value_name = "on|off",
            env = "RECTO_HTML",
            value_parser = switch,
            action = clap::ArgAction::Set,
            num_args = 0..=1,
            require_equals = true,
            default_value = "off",
            default_missing_value = "on"
        )
    )]
    pub html: bool,
    /// Second reader for lines in a script that the engine `ppocr` does not know [default: none, or the worker's].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "clap",
        arg(long, value_name = "READER", value_enum, env = "RECTO_SCRIPT_FALLBACK")
    )]
    pub script_fallback: Option<ScriptFallback>,
    /// The second reader as it runs: the process that reads fills it in, and one that runs another refuses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(skip))]
    pub fallback_reader: Option<FallbackReader>,
    /// The layout model beside the engine `ppocr`: the process that reads fills it in, and one that runs another refuses
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(skip))]
    pub layout_model: Option<LayoutModelInfo>,
    /// Options of the engine `got`; refused if another engine reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(skip))]
    pub got: Option<GotOptions>,
    /// Limits on what the document may cost.
    #[cfg_attr(feature = "clap", command(flatten))]
    pub limits: DocumentLimits,
}

/// The options of every engine, each under its name: `--got-…` on the command line.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct EngineOptions {
    /// Those of `got`.
    #[cfg_attr(feature = "clap", command(flatten))]
    pub got: GotOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            engine: EngineName::default(),
            pages: None,
            dpi: None,
            text_layer: TextLayer::default(),
            headers_footers: HeadersFooters::default(),
            page_markers: true,
            html: false,
            script_fallback: None,
            fallback_reader: None,
            layout_model: None,
            got: None,
            limits: DocumentLimits::DEFAULT,
        }
    }
}

impl Options {
    /// An engine other than `engine` that these options are for in part.
    pub fn foreign_to(&self, engine: EngineName) -> Option<EngineName> {
        let others = [(EngineName::Got, self.got.is_some())];
        others
            .into_iter()
            .find(|&(owner, given)| given && owner != engine)
            .map(|(owner, _)| owner)
    }

    /// The options that decide the text of a result, each of the others at its default.
    ///
    /// A new option counts unless it is set back here.
    #[must_use]
    pub fn deciding(&self) -> Self {
        Self {
            got: self.got.as_ref().map(GotOptions::deciding),
            limits: self.limits.deciding(),
            ..self.clone()
        }
    }

    /// These options for `engine`, with its own of `engines` and no other's. Without an engine, those of `engines` that
    /// differ from their defaults decide which engine may read.
    #[must_use]
    pub fn for_engine(&self, engine: Option<EngineName>, engines: &EngineOptions) -> Self {
        let reads = |name: EngineName, is_default: bool| match engine {
            Some(engine) => engine == name,
            None => !is_default,
        };
        let got = &engines.got;
        Self {
            engine: engine.unwrap_or_default(),
            got: reads(EngineName::Got, *got == GotOptions::default()).then(|| got.clone()),
            ..self.clone()
        }
    }

    /// The defaults, with those of `engine` written out.
    pub fn defaults_of(engine: EngineName) -> Self {
        Self {
            engine,
            got: (engine == EngineName::Got).then(GotOptions::default),
            ..Self::default()
        }
    }
}

/// Engines that read page images.
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
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum EngineName {
    /// PP-OCR, on the CPU: detection and recognition of lines.
    #[default]
    Ppocr,
    /// GOT-OCR 2.0, on the CPU or a GPU: a page image to formatted text.
    Got,
}

impl EngineName {
    /// Every engine.
    pub const ALL: [Self; 2] = [Self::Ppocr, Self::Got];
}

impl std::fmt::Display for EngineName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ppocr => "ppocr",
            Self::Got => "got",
        })
    }
}

/// When a PDF's own text is taken instead of reading the page image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum TextLayer {
    /// If it can be trusted: visible, mapped to Unicode, and not laid over a full-page image.
    #[default]
    Auto,
    /// Wherever there is one.
    Always,
    /// Never: every page is read from its image.
    Never,
}

/// Running heads, running feet and page numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum HeadersFooters {
    /// They stay in their places on the page.
    #[default]
    Keep,
    /// They are left out of the Markdown; NAME.pages.jsonl still has them.
    Drop,
}

/// A switch as it is written on the command line and in variables: `on` or `off`.
///
/// # Errors
/// It is another word; then with the two that are meant.
pub fn switch(text: &str) -> Result<bool, &'static str> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("give `on` or `off`"),
    }
}
