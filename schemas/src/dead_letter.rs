//! `recto.dead-letter/v1`: a job that no further try would help, with its reason.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FailureKind, FailureStage};

/// A job that ended without a result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeadLetter {
    /// `recto.dead-letter/v1`.
    pub schema: String,
    /// The job's `id`; absent if the message had none that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The step in which it failed.
    pub stage: FailureStage,
    /// The machine-readable code.
    pub kind: FailureKind,
    /// A sentence for people: the error and what to do about it.
    pub message: String,
    /// Times that the job was tried.
    pub attempts: u32,
    /// Times that the broker delivered this message before without it being settled.
    pub redelivery_count: u32,
    /// The job's `batch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// The job's `labels`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The job's `traceparent`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// When it was given up, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub failed_at: String,
    /// The message as it came, but for secrets: JSON with each password replaced by `***`, else its beginning.
    pub body: String,
}

impl DeadLetter {
    /// The value of [`DeadLetter::schema`].
    pub const SCHEMA: &'static str = "recto.dead-letter/v1";
}
