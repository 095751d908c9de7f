//! `recto.result/v1`: how a job ended, as it is in the results queue.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DocumentState, FailureDetail, ModelInfo, PageCounts};

/// The outcome of a job. Sent at least once; a result that is sent again has the same `id`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobResult {
    /// `recto.result/v1`.
    pub schema: String,
    /// The job's `id`.
    pub id: String,
    /// Its outcome.
    pub state: ResultState,
    /// The document that was read.
    pub source: ResultSource,
    /// The results' URIs.
    pub outputs: OutputUris,
    /// SHA-256 of everything that decides this result: 64 hexadecimal digits, the first 16 of
    /// which name its folder.
    pub fingerprint: String,
    /// The engine that read page images.
    pub engine: String,
    /// The engine's model.
    pub model: ModelInfo,
    /// Pages by outcome.
    pub counts: PageCounts,
    /// The reason why the document failed or was cut short, or why its first failed page did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<FailureDetail>,
    /// The job's `batch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// The job's `labels`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The job's `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Times that the job was tried before.
    pub attempts: u32,
    /// When the result was sent, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub finished_at: String,
    /// The time that each stage took.
    pub timing: ResultTiming,
}

impl JobResult {
    /// The value of [`JobResult::schema`].
    pub const SCHEMA: &'static str = "recto.result/v1";
}

/// The outcome of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ResultState {
    /// Every page that was asked for has a result.
    Done,
    /// Some pages failed or were not reached; the others have a result.
    Partial,
    /// The document was opened, and no page has a result.
    Failed,
    /// A result of the same source and options was stored before, by another job; `outputs` names it.
    Skipped,
}

impl ResultState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Done, Self::Partial, Self::Failed, Self::Skipped];

    /// The word it is written as.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// A job that read its document ends as the document did.
impl From<DocumentState> for ResultState {
    fn from(state: DocumentState) -> Self {
        match state {
            DocumentState::Done => Self::Done,
            DocumentState::Partial => Self::Partial,
            DocumentState::Failed => Self::Failed,
        }
    }
}

/// The document that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResultSource {
    /// As in the job.
    pub uri: String,
    /// The version that was read, where its bucket keeps versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// Its `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Its size in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// URIs of what was stored. A document without any page has only its manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputUris {
    /// `recto.manifest/v1`.
    pub manifest: String,
    /// SHA-256 of the manifest's bytes: 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest_sha256: Option<String>,
    /// The Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
    /// `recto.page/v1`, one page a line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<String>,
    /// The review page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

/// The time that each stage of a job took, in seconds. A member that is not known, because the result was stored by an
/// earlier delivery, is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResultTiming {
    /// From `submitted_at` to the start of work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_s: Option<f64>,
    /// Fetching the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch_s: Option<f64>,
    /// Opening and reading it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_s: Option<f64>,
    /// Storing the results.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_s: Option<f64>,
}
