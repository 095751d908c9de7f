//! The [`Engine`] trait: page images in, lines or markup out.
//!
//! Made for engines that batch: [`Engine::submit`] hands a request over and gives a [`PendingResponse`];
//! requests of all documents are in one bounded queue that serves documents in turn
//! ([`queue`]), finish in any order, and are dropped when their ticket is.

// The bounded queue that serves documents in turn.
pub mod queue;
#[cfg(feature = "ppocr")]
pub mod ppocr;
// A second reader for lines in scripts that PP-OCR does not know.
#[cfg(feature = "ppocr")]
pub mod tesseract;
#[cfg(feature = "got")]
pub mod got;
// An engine without a model, for tests of what surrounds one.
pub mod fake;

use std::{sync::Arc, time::Duration};

use recto_schemas::{DecodingReport, EngineName, FinishReason, Options, RawOutput, ScriptFallback};
use serde::{Deserialize, Serialize};

use crate::{
    cancel::{
        CancelToken,
        oneshot::{self, OneshotError, OneshotReceiver, OneshotSender},
    },
    clock::AwakeInstant,
    image::PageImage,
    page::{TextLine, UnreadInk},
};

/// An OCR model that reads page images. Shared by all documents of a process.
pub trait Engine: Send + Sync {
    /// The engine's name, its model and what it prefers.
    fn info(&self) -> &EngineInfo;

    /// Checks the engine's own part of a document's options, and fills in what this process runs, so that they say all
    /// that decides the text. Engines without options of their own have nothing to do. Called by [`resolve`].
    ///
    /// # Errors
    /// Why the engine does not read with them.
    fn complete(&self, options: &mut Options) -> Result<(), OptionsError> {
        let _ = options;
        Ok(())
    }

    /// Hands a request over. Blocks while the queue is full.
    ///
    /// # Errors
    /// [`EngineError::Stopped`] if the engine no longer takes requests, [`EngineError::Cancelled`]
    /// if the request was cancelled while it waited for a place.
    fn submit(&self, request: EngineRequest) -> Result<PendingResponse, EngineError>;

    /// The engine's counters since it started.
    fn usage(&self) -> EngineUsage;
}

/// Makes a document's options those that `engine` reads it with.
///
/// # Errors
/// They are for another engine in part, or the engine does not read with them.
pub fn resolve(engine: &dyn Engine, options: &mut Options) -> Result<(), OptionsError> {
    let name = engine.info().name;
    if let Some(other) = options.foreign_to(name) {
        return Err(OptionsError::Unavailable(format!(
            "`options.{other}` are options of the engine `{other}`, and `{name}` reads here; leave them out, or have \
             `{other}` read the document"
        )));
    }
    let wants_fallback = options
        .script_fallback
        .is_some_and(|f| f != ScriptFallback::None);
    if name != EngineName::Ppocr && (wants_fallback || options.fallback_reader.is_some()) {
        return Err(OptionsError::Unavailable(format!(
            "`script_fallback` is an option of the engine `{}`, and `{name}` reads here; leave it out, or have `{}` read \
             the document",
            EngineName::Ppocr,
            EngineName::Ppocr
        )));
    }
    if name != EngineName::Ppocr && options.layout_model.is_some() {
        return Err(OptionsError::Unavailable(format!(
            "`layout_model` is an option of the engine `{}`, and `{name}` reads here; leave it out, or have `{}` read the \
             document",
            EngineName::Ppocr,
            EngineName::Ppocr
        )));
    }
    options.engine = name;
    engine.complete(options)
}

/// The reason why an engine does not read with a document's options.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// They contradict themselves: no engine reads with them.
    #[error("{0}")]
    Invalid(String),
    /// They are not those of the engine that runs here; another process may read with them.
    #[error("{0}")]
    Unavailable(String),
}

/// An engine's properties and preferences.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineInfo {
    /// Its name.
    pub name: EngineName,
    /// The model's name, such as `PP-OCRv6-small`.
    pub model: String,
    /// SHA-256 of the model's files one after another, 64 hexadecimal digits.
    pub model_sha256: String,
    /// The commit of the Hugging Face hub that the files are of, if they come from there.
    pub revision: Option<String>,
    /// The scripts that it reads, by their names in Unicode; none if its model does not say.
    pub scripts: &'static [&'static str],
    /// The resolution it reads best, in dots per inch.
    pub dpi: f32,
    /// The longest side it makes use of, in pixels; larger bitmaps are only scaled down by it.
    pub max_side_px: u32,
    /// True if it reads parts of a page, and gives each line its place.
    pub reads_parts: bool,
    /// Most pages it wants in one request.
    pub pages_per_request: u32,
    /// Requests that keep it busy: a document has at most so many in flight.
    pub max_in_flight: u32,
    /// Sequences that it decodes at once, where it decodes.
    pub batch: Option<u32>,
    /// Memory that it holds, if that is a lot.
    pub memory: Option<EngineMemory>,
}

/// Memory that an engine holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineMemory {
    /// Its weights, in bytes.
    pub weights_bytes: u64,
    /// Keys and values of all sequences it can decode at once, when full, in bytes.
    pub cache_bytes: u64,
}

/// Counters of an engine since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EngineUsage {
    /// Threads (or devices) that run the model.
    pub workers: u32,
    /// Time they were at work, all of them together.
    pub busy: Duration,
    /// Its decoder's counters, if it has one.
    pub decode: Option<DecodeUsage>,
    /// Its second reader's counters, if it has one.
    pub fallback: Option<FallbackUsage>,
}

/// Counters of a second reader of lines since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FallbackUsage {
    /// Lines that it read.
    pub lines: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Time that calls took, all of them together.
    pub busy: Duration,
}

/// Counters of a decoder since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeUsage {
    /// Turns in which every sequence of the batch got its next token.
    pub steps: u64,
    /// Sequences in those turns, added up; `rows / steps` is the mean batch.
    pub rows: u64,
    /// Tokens written.
    pub tokens: u64,
    /// Views of pages that went through the vision encoder.
    pub views: u64,
    /// Sequences that were cut because they repeated themselves.
    pub loops: u64,
    /// Time in the vision encoder.
    pub encoding: Duration,
    /// Time in which prompts were taken in.
    pub prefilling: Duration,
    /// Time in decode steps.
    pub decoding: Duration,
}

/// Which document a request belongs to; documents are served in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId(pub u64);

/// One or several pages to read together.
#[derive(Clone, Debug)]
pub struct EngineRequest {
    /// The document they are of.
    pub document: DocumentId,
    /// The pages, in order; never empty.
    pub pages: Vec<Arc<PageImage>>,
    /// True if they are whole pages; false if something was taken out of them, as text that is known is.
    pub is_whole: bool,
    /// The options the document is read with; those of an engine are this engine's.
    pub options: Arc<Options>,
    /// Cancelled when nobody waits for the answer any more.
    pub cancel: CancelToken,
}

/// An engine's text of a range of a request's pages.
#[derive(Clone, Debug, PartialEq)]
pub struct OcrResult {
    /// Index in the request of the first page it covers.
    pub first: usize,
    /// Number of pages it covers, at least 1.
    pub count: usize,
    /// The engine that read it: itself, or the one it fell back on.
    pub engine: EngineName,
    /// The text.
    pub content: OcrContent,
    /// The ink that was not read, where the engine can tell and it is much.
    pub unread: Option<UnreadInk>,
    /// Clockwise degrees by which the image had to be turned to stand upright: 0, 90, 180 or 270.
    /// Line coordinates are those of the turned image.
    pub rotation: u16,
    /// Skew of the lines in degrees after that turn, positive where they fall to the right.
    pub skew_deg: f32,
    /// The reason why reading ended.
    pub stop: FinishReason,
    /// Mean confidence over the characters, 0 to 1; `None` if nothing was read.
    pub confidence: Option<f32>,
    /// The record of decoding, if a decoder wrote the text.
    pub decoding: Option<DecodingReport>,
    /// The model's input and output, if the options ask for it.
    pub raw: Option<RawOutput>,
    /// Waiting in the engine's queue.
    pub queued: Duration,
    /// Time that the networks ran for it.
    pub inference_time: Duration,
}

/// The content that an engine reads: lines with places, or a page as markup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum OcrContent {
    /// Lines, in no order.
    Regions(Vec<TextLine>),
    /// Mathpix Markdown.
    Markup(String),
}

/// The error of a request that has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The request was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The engine no longer takes requests.
    #[error("the engine has stopped; start recto again")]
    Stopped,
    /// The answer did not come in time.
    #[error("the engine gave no answer in time")]
    Timeout,
    /// The model failed on these pages.
    #[error("the model failed: {0}")]
    Model(String),
}

/// The answer to a request, or why there is none.
pub type EngineResponse = Result<Vec<OcrResult>, EngineError>;

/// A place in the engine's queue. Dropping it cancels the request.
#[derive(Debug)]
pub struct PendingResponse {
    answer: OneshotReceiver<EngineResponse>,
    cancel: CancelToken,
}

/// The engine's side of a [`PendingResponse`].
#[derive(Debug)]
pub struct ResponseSender(OneshotSender<EngineResponse>);

impl PendingResponse {
    /// A place for a request with that token, and the side that answers it.
    pub fn new(cancel: CancelToken) -> (Self, ResponseSender) {
        let (sender, answer) = oneshot::channel();
        (Self { answer, cancel }, ResponseSender(sender))
    }

    /// Waits for the answer, at most `timeout`, or until the request is cancelled.
    ///
    /// # Errors
    /// Why there is none; [`EngineError::Timeout`] after `timeout`.
    pub fn wait(self, timeout: Duration) -> EngineResponse {
        let deadline = AwakeInstant::now().checked_add(timeout);
        self.answer
            .recv(&self.cancel, deadline)
            .unwrap_or_else(|error| {
                Err(match error {
                    OneshotError::Closed => EngineError::Stopped,
                    OneshotError::Cancelled => EngineError::Cancelled,
                    OneshotError::Timeout => EngineError::Timeout,
                })
            })
    }
}

impl Drop for PendingResponse {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl ResponseSender {
    /// Answers the request; nothing happens if nobody waits any more.
    pub fn send(self, answer: EngineResponse) {
        self.0.send(answer);
    }
}
