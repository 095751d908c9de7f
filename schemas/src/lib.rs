//! The contract between Recto and everything around it: what a document is asked to become
//! ([`Options`]), what became of it ([`Manifest`]) and what stands on each page ([`PageRecord`]).
//!
//! Depends on serde and schemars alone, so that any program can read and write these types.

#![cfg_attr(test, allow(missing_docs, reason = "tests are not published"))]

// What to do with a document: one type for command line, jobs, identity and manifest.
pub mod options;
// `1-3,7,10-`: which pages of a document.
pub mod pages;
// `recto.manifest/v1`: what became of a document.
pub mod manifest;
// `recto.page/v1`: the lines of one page, one JSON object a line in `NAME.pages.jsonl`.
pub mod page;
// The published JSON Schemas, and the rule for versions.
pub mod published;

pub use manifest::{
    Counts, DocumentState, DocumentTiming, Failure, Manifest, Model, PageOutcome, PageSummary,
    PageTiming, Source, Warning,
};
pub use options::{EngineName, Furniture, Limits, Options, TextLayer};
pub use page::{LineRecord, LineRole, PageRecord};
pub use pages::{PageRanges, ParsePageRangesError};
pub use published::{SchemaName, VersionError, check_version, schema};

/// The revision of the code that turns pages into Markdown.
///
/// Raised by whoever changes what the same input and options become; part of a result's identity.
pub const PIPELINE_REVISION: u32 = 1;
