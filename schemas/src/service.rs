//! Answers and requests of the HTTP service (`recto serve`). Its OpenAPI document is made from these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Job, Options};

/// A job, as the ledger knows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobView {
    /// The job's `id`. It stays the same when the job is submitted again.
    pub id: String,
    /// The batch that it belongs to; empty if to none.
    pub batch: String,
    /// `waiting`, `reading`, `lost`, `done`, `partial`, `failed`, `skipped`, `dead` or `cancelled`.
    pub state: String,
    /// The failure kind, if it did not end well.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The reason, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// The document's URI.
    pub source: String,
    /// The prefix of its results.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// The URI of the result's manifest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub manifest: String,
    /// SHA-256 of the manifest's bytes, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub manifest_sha256: String,
    /// Pages that were asked for.
    pub pages: i64,
    /// Pages without a result.
    pub pages_failed: i64,
    /// Size of the document in bytes.
    pub bytes: i64,
    /// Number of times that it was submitted.
    pub tries: i64,
    /// The worker that had it last.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub worker: String,
    /// When it was submitted, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub submitted_at: Option<String>,
    /// When a worker began it, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub started_at: Option<String>,
    /// When it ended, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub ended_at: Option<String>,
    /// The job itself (`recto.job/v1`), without its password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Box<Job>>,
}

/// Jobs of a batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobList {
    /// The jobs, in the order of their ids.
    pub jobs: Vec<JobView>,
    /// The value of `after` for the next part; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A job that has ended, with what was read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentView {
    /// The job.
    #[serde(flatten)]
    pub job: JobView,
    /// The Markdown; absent if no page has a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
}

/// The files of a result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileList {
    /// The files, the manifest last.
    pub files: Vec<FileView>,
}

/// A file of a result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FileView {
    /// Its name in the result, which is the end of its URL too.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, 64 hexadecimal digits.
    pub sha256: String,
}

/// The state of a batch: `recto.batch/v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchView {
    /// `recto.batch/v1`.
    pub schema: String,
    /// The batch's name.
    pub batch: String,
    /// Jobs that were submitted: the sum of those that follow, up to `open`.
    pub submitted: i64,
    /// Every page has a result.
    pub done: i64,
    /// Some pages have a result.
    pub partial: i64,
    /// No page has a result.
    pub failed: i64,
    /// A result was stored before, by another job.
    pub skipped: i64,
    /// Ended as dead letters.
    pub dead: i64,
    /// Cancelled or purged.
    pub cancelled: i64,
    /// Not ended: waiting, reading and lost.
    pub open: i64,
    /// In a queue, as far as is known.
    pub waiting: i64,
    /// In the hands of a worker.
    pub reading: i64,
    /// Neither in a queue nor with a worker.
    pub lost: i64,
    /// Jobs that did not end well by reason.
    pub reasons: BTreeMap<String, i64>,
    /// Pages that were asked for.
    pub pages: i64,
    /// Pages without a result.
    pub pages_failed: i64,
    /// Size of the documents in bytes.
    pub bytes: i64,
}

impl BatchView {
    /// The value of [`BatchView::schema`].
    pub const SCHEMA: &'static str = "recto.batch/v1";
}

/// The batches that the key may see.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchList {
    /// The batches, in the order of their names.
    pub batches: Vec<BatchView>,
}

/// A document that a store has, to be read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentRequest {
    /// `s3://bucket/key` or `file:///path`, below a prefix that the service allows.
    #[schemars(length(min = 1, max = 2048))]
    pub uri: String,
    /// The batch that the job belongs to, 1 to 200 characters; the key's own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 200),
        regex(pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")
    )]
    pub batch: Option<String>,
    /// The document's options; those that are left out have their defaults. Without any, `html` is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<Options>,
    /// The password of an encrypted document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub password: Option<String>,
}

/// Jobs of a batch that are to be submitted again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRequest {
    /// Jobs in one of these states; `dead` and `failed` if absent or empty.
    #[serde(default)]
    #[schemars(inner(regex(pattern = "^(lost|done|partial|failed|skipped|dead|cancelled)$")))]
    pub state: Vec<String>,
    /// Jobs that ended for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// The outcome of a retry.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RetryView {
    /// Jobs that were submitted again.
    pub queued: u64,
    /// Jobs that cannot be, with the reason of the first ones.
    pub refused: u64,
    /// Reasons of the first ones that were refused.
    pub reasons: Vec<String>,
    /// True if there are more such jobs: ask again.
    pub has_more: bool,
}

/// An error (RFC 9457, `application/problem+json`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProblemView {
    /// The HTTP status.
    pub status: u16,
    /// The meaning of the status.
    pub title: String,
    /// The reason and what to do about it.
    pub detail: String,
    /// The job that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Box<JobView>>,
}

/// The outcome of the events of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventsView {
    /// Documents that became jobs.
    pub submitted: u64,
    /// Documents whose jobs were known.
    pub known: u64,
    /// Documents and events that no rule is for.
    pub ignored: u64,
    /// Documents that are looked for after this answer.
    pub pending: u64,
    /// 1 if the body is JSON and no event that is known; the service's log says why.
    pub unreadable: u64,
}

/// The webhooks of the service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookList {
    /// The webhooks.
    pub webhooks: Vec<WebhookView>,
}

/// A webhook and its messages.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WebhookView {
    /// Its name.
    pub name: String,
    /// Messages that it has taken.
    pub delivered: i64,
    /// Messages that are sent until it takes them.
    pub waiting: i64,
    /// Messages that were given up.
    pub failed: i64,
    /// The error of one that waits or was given up.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
}

/// A message to a webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type")]
pub enum WebhookEvent {
    /// A job has ended.
    #[serde(rename = "job.ended")]
    JobEnded {
        /// When it ended, RFC 3339.
        timestamp: String,
        /// The job.
        data: Box<JobView>,
    },
    /// All jobs of a batch have ended. Sent again if others come and end.
    #[serde(rename = "batch.ended")]
    BatchEnded {
        /// When the last of them ended, RFC 3339.
        timestamp: String,
        /// The batch.
        data: Box<BatchView>,
    },
}
