//! `recto.run/v1`: the account of a run of `recto convert` over many documents.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ModelInfo;

/// The account of a run, `run.json`: the sums of `run.csv`, which has one row for each file that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunReport {
    /// `recto.run/v1`.
    pub schema: String,
    /// The time at which the run began (RFC 3339).
    pub started_at: String,
    /// The time at which it ended (RFC 3339).
    pub ended_at: String,
    /// False if the run was stopped before every file had its row.
    pub is_complete: bool,
    /// The inputs, as they were named.
    pub inputs: Vec<String>,
    /// The engine that read page images.
    pub engine: String,
    /// The engine's model.
    pub model: ModelInfo,
    /// [`crate::PIPELINE_REVISION`] of the program.
    pub pipeline_revision: u32,
    /// Files by state.
    pub files: RunFiles,
    /// Failed documents by the kind of their failure.
    pub failed_by_kind: BTreeMap<String, u64>,
    /// Files that are no documents, or were not to be read, by kind: an ending such as `.docx`, or a word.
    pub passed_over_by_kind: BTreeMap<String, u64>,
    /// Pages of documents.
    pub pages: RunPages,
    /// Size of the documents that were read, in bytes.
    pub bytes: u64,
    /// The time that the run took, in seconds.
    pub wall_s: f64,
}

impl RunReport {
    /// The value of [`RunReport::schema`].
    pub const SCHEMA: &'static str = "recto.run/v1";
}

/// Files by state. `found = done + partial + failed + skipped + passed_over`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunFiles {
    /// Rows of `run.csv`.
    pub found: u64,
    /// Documents that were read now.
    pub done: u64,
    /// Documents that were read now, in part.
    pub partial: u64,
    /// Documents without any page, and folders that could not be read.
    pub failed: u64,
    /// Documents that were not read, because the result of an earlier run is there.
    pub skipped: u64,
    /// Files that were not taken for documents, and folders that were not entered.
    pub passed_over: u64,
}

/// Pages of a run's documents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunPages {
    /// Pages that were read now.
    pub read: u64,
    /// Pages that failed.
    pub failed: u64,
    /// Pages of the results that were there.
    pub skipped: u64,
}

words! {
    /// The state of a file in `run.csv`.
    FileState {
        /// It was read.
        Done = "done",
        /// It was read in part.
        Partial = "partial",
        /// No page of it has a result.
        Failed = "failed",
        /// It was not read, because the result of an earlier run is there.
        Skipped = "skipped",
        /// It was not taken for a document.
        PassedOver = "passed-over",
    }
}
