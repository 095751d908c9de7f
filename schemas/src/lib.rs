//! The contract between Recto and everything around it: what a document is asked to become
//! ([`Options`]), what became of it ([`Manifest`]), what is on each page ([`PageRecord`]), and the
//! messages around it ([`Job`], [`JobResult`], [`DeadLetter`]).
//!
//! Depends on serde and schemars alone, so that any program can read and write these types; with the feature `clap`,
//! the options are arguments of a command line too.

#![cfg_attr(test, allow(missing_docs, reason = "tests are not published"))]

#[macro_use]
mod words;
// Why a document, a page or an attempt ended as it did: the closed sets of words.
pub mod reason;
pub mod options;
// How GOT reads, and what a page's reading took.
pub mod got;
// `1-3,7,10-`: which pages of a document.
pub mod pages;
// `recto.manifest/v1`: what became of a document.
pub mod manifest;
// `recto.page/v1`: the lines of one page, one JSON object a line in `NAME.pages.jsonl`.
pub mod page;
// `recto.job/v1`: one document to read, as it is in the queue.
pub mod job;
// `recto.result/v1`: how a job ended, as it is in the results queue.
pub mod result;
// `recto.dead-letter/v1`: a job that no further try would help, with its reason.
pub mod dead_letter;
// `recto.event/v1`: the steps of a job, for the ledger.
pub mod event;
// `recto.eval/v1`: how well documents with known text were read.
pub mod eval;
// `recto.run/v1`: the account of a run over many documents.
pub mod run;
// Answers and requests of the HTTP service.
pub mod service;
// The published JSON Schemas, and the rule for versions.
pub mod published;

pub use dead_letter::DeadLetter;
pub use eval::{ErrorRate, EvalCase, EvalChunk, EvalReport, EvalTotal, GotMeasures};
pub use event::{JobEvent, JobStep, WorkerReport};
pub use got::{CrossCheck, DecodingReport, PageTiling, RawOutput, ReadAttempt};
pub use job::{DocumentPassword, Job, JobPages, JobSource};
pub use manifest::{
    DocumentState, DocumentTiming, Manifest, ModelInfo, PageCounts, PageOutcome, PageSummary,
    PageTiming, PartReport, ReadWarning, ResultFile, SourceInfo, UnreadSummary,
};
pub use options::{
    BoundedInt, ByteSize, DeviceName, DocumentLimits, Dtype, EngineName, FallbackReader, GotMode,
    GotOptions, GotRuntime, HeadersFooters, HumanDuration, LayoutModelInfo, Megapixels, Options,
    PageBox, PagesPerPass, RegionColor, ScriptFallback, Share, TextLayer, TilePolicy,
};
pub use page::{LineRecord, LineRole, PageRecord, UnreadLineRecord};
pub use pages::{PageRanges, ParsePageRangesError};
pub use published::{SchemaName, VersionError, check_version, schema};
pub use reason::{
    AttemptKind, FailureDetail, FailureKind, FailureStage, FinishReason, PageReason, Reason,
    RejectionKind, TextReason, TilingReason, WarningKind,
};
pub use result::{JobResult, OutputUris, ResultSource, ResultState, ResultTiming};
pub use run::{FileState, RunFiles, RunPages, RunReport};

/// The revision of the code that turns pages into Markdown.
///
/// Raised by whoever changes what the same input and options become; part of a result's fingerprint.
pub const PIPELINE_REVISION: u32 = 7;
