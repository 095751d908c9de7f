//! `recto.manifest/v1`: what became of one document, page by page.
//!
//! The same input and options give the same manifest but for the `timing` members.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    DecodingReport, FailureDetail, FallbackReader, LayoutModelInfo, Options, PageReason, Reason,
    TextReason, WarningKind,
};

/// The outcome of one document and of each of its pages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// `recto.manifest/v1`.
    pub schema: String,
    /// The document's outcome.
    pub state: DocumentState,
    /// The reason, if the document as a whole failed or was cut short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureDetail>,
    /// The document that was read.
    pub source: SourceInfo,
    /// The document's format, `pdf`, `png`, `jpeg`, `jp2`, `tiff`, `webp`, `gif` or `bmp`; absent if it was not recognized.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The engine that read page images.
    pub engine: String,
    /// The engine's model.
    pub model: ModelInfo,
    /// [`crate::PIPELINE_REVISION`] of the program that wrote this.
    pub pipeline_revision: u32,
    /// The options it was read with.
    pub options: Options,
    /// SHA-256 of everything that decides this result, 64 hexadecimal digits; absent if the document could
    /// not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The `id` of the job that asked; absent if none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The files of a result in a store, but for this manifest; empty if it is in a folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ResultFile>,
    /// Pages by outcome.
    pub counts: PageCounts,
    /// Warnings: notes for people about a result that is no failure.
    pub warnings: Vec<ReadWarning>,
    /// One entry for each page that was asked for, in order.
    pub pages: Vec<PageSummary>,
    /// The only member, here and in each page, that differs between runs.
    pub timing: DocumentTiming,
    /// SHA-256 of this manifest's bytes in the store, 64 hexadecimal digits; not a part of it.
    #[serde(skip)]
    pub stored_sha256: Option<String>,
}

impl Manifest {
    /// The value of [`Manifest::schema`].
    pub const SCHEMA: &'static str = "recto.manifest/v1";
}

/// A file of a result in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResultFile {
    /// Its name in the manifest's folder, which has the beginning of its SHA-256 in it: another result of the same
    /// document never writes over it.
    pub name: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, 64 hexadecimal digits.
    pub sha256: String,
}

/// The outcome of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentState {
    /// Every page that was asked for has a result.
    Done,
    /// Some pages failed, were not reached or were read in part only; the others have a result.
    Partial,
    /// No page has a result.
    Failed,
}

/// A note for people about a result that is no failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadWarning {
    /// The machine-readable code.
    pub kind: WarningKind,
    /// A sentence for people: its meaning and what to do about it.
    pub message: String,
    /// The first page it concerns; absent if it concerns the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_page: Option<u32>,
    /// Number of pages it concerns; 0 if it concerns the document.
    pub pages: u32,
}

/// The document that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceInfo {
    /// Its origin: a path as given, `-` for standard input, or a URI.
    pub uri: String,
    /// The version that was read, where its bucket keeps versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Its `ETag`, where it came from a store; of a file its size and time of change (nanoseconds), in hex, `size-time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Size in bytes; absent if it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// SHA-256 of its bytes, 64 hexadecimal digits; absent if it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// The model an engine read with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ModelInfo {
    /// The model's name, such as `PP-OCRv6-small`.
    pub name: String,
    /// SHA-256 of its files one after another, 64 hexadecimal digits.
    pub sha256: String,
    /// The commit of the Hugging Face hub that the files are of, whatever branch or tag was named; absent if they do not
    /// come from there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The scripts that it reads, such as `Latin`; absent if the model does not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<String>,
    /// The second reader of lines in other scripts; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FallbackReader>,
    /// The layout model beside it; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<LayoutModelInfo>,
}

/// Pages by outcome. `selected = ok + empty + text_layer + failed + skipped`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PageCounts {
    /// Pages the document has; 0 if it could not be opened.
    pub document: u32,
    /// Pages that were asked for.
    pub selected: u32,
    /// Read by the engine, in whole or in part.
    pub ok: u32,
    /// Those of `ok` that were read in part only.
    #[serde(default)]
    pub partial: u32,
    /// Without ink, or without text though the model was asked.
    pub empty: u32,
    /// Taken from the document's own text.
    pub text_layer: u32,
    /// Failed, or not reached in time.
    pub failed: u32,
    /// Asked for, but after the most pages that are read from one document.
    pub skipped: u32,
}

impl PageCounts {
    /// Counts one page.
    pub fn add(&mut self, outcome: PageOutcome) {
        self.selected += 1;
        if outcome == PageOutcome::Partial {
            self.partial += 1;
        }
        *match outcome {
            PageOutcome::Ok | PageOutcome::Partial => &mut self.ok,
            PageOutcome::Empty => &mut self.empty,
            PageOutcome::TextLayer => &mut self.text_layer,
            PageOutcome::Failed => &mut self.failed,
        } += 1;
    }
}

/// The outcome of one page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PageSummary {
    /// One-based number in the document.
    pub page: u32,
    /// The page's outcome.
    pub outcome: PageOutcome,
    /// The reason: for `ok` why the image was read, for `partial` why not all was, for `text-layer` why
    /// the text was trusted, for `empty` that no text was found or written if the model was asked, for
    /// `failed` what happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Source of the text, such as `ppocr` or `text-layer`; absent for empty and failed pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Resolution of the bitmap, in dots per inch; absent if none was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dpi: Option<f32>,
    /// Size of the upright bitmap in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width_px: Option<u32>,
    /// Size of the upright bitmap in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height_px: Option<u32>,
    /// Clockwise degrees by which the page was turned to stand upright: 0, 90, 180 or 270.
    pub rotation: u16,
    /// Mean confidence over the page's characters, 0 to 1; absent if no model ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// Characters of text on the page.
    pub characters: u32,
    /// The ink that was not read; absent unless the page is `partial`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<UnreadSummary>,
    /// Lines that the second reader read; `reader` of the page's record names them. Absent if there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub lines_by_fallback: u32,
    /// The record of decoding, if GOT read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decoding: Option<DecodingReport>,
    /// The time that each stage took.
    pub timing: PageTiming,
}

impl PageSummary {
    /// Returns true if something is drawn on the page, but no text was found.
    pub fn has_no_text(&self) -> bool {
        let no_text = PageReason::Text(TextReason::NoTextFound);
        self.reason
            .as_ref()
            .is_some_and(|reason| reason.kind == no_text)
    }
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The ink of a page that was not read.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnreadSummary {
    /// Share of the ink of all lines of text, 0 to 1.
    pub share: f32,
    /// Lines of which most was not read; `unread` of the page's record has them.
    pub lines: u32,
}

/// The outcome of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PageOutcome {
    /// Read by the engine.
    Ok,
    /// Read by the engine in part: some of its lines were not read (reason `unreadable-script`).
    Partial,
    /// Without ink, so that no model ran; or no text was found (reason `no-text-found`), or the model
    /// wrote nothing (reason `empty-answer`).
    Empty,
    /// Taken from the document's own text.
    TextLayer,
    /// Failed, or not reached in time.
    Failed,
}

impl PageOutcome {
    /// Every outcome.
    pub const ALL: &'static [Self] = &[
        Self::Ok,
        Self::Partial,
        Self::Empty,
        Self::TextLayer,
        Self::Failed,
    ];

    /// The word it is written as.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Partial => "partial",
            Self::Empty => "empty",
            Self::TextLayer => "text-layer",
            Self::Failed => "failed",
        }
    }
}

/// The time that each stage of a page took, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PageTiming {
    /// Opening, inspecting and rasterizing.
    pub raster_s: f64,
    /// Waiting for the engine.
    pub queue_s: f64,
    /// In the engine.
    pub engine_s: f64,
}

/// The time that each stage of a document took, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentTiming {
    /// From opening the document to its last page.
    pub wall_s: f64,
    /// The parts in which a long document was read, in order; absent if it was read in one go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartReport>,
    /// Pages that are known to have been read more than once: two parts have them, or their part was there when it was
    /// to be stored. Pages that a worker had read and not stored when it ended are not known, and not in it. Absent if
    /// none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub pages_reread: u32,
}

/// A part of a document: pages that one worker read, one after another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PartReport {
    /// The first page, counted among those that were asked for, from 1.
    pub first: u32,
    /// The last page, counted in the same way.
    pub last: u32,
    /// The worker that read it; empty if none did, but `recto convert`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub worker: String,
    /// When it was stored, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub read_at: String,
}
