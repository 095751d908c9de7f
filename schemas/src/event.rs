//! `recto.event/v1`: one step of a job, as the ledger and whoever else binds a queue to the events exchange gets it; and
//! `recto.worker/v1`, what a worker has in hand.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DeadLetter, Job, JobResult};

/// A step of a job. Sent at least once, in any order: the job's `submitted_at` tells one submission of the same `id` from
/// the next.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JobEvent {
    /// `recto.event/v1`.
    pub schema: String,
    /// The job's `id`; a message without a readable one has `unknown-` and the beginning of its SHA-256.
    pub id: String,
    /// The job's `batch`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// The job's `submitted_at`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub submitted_at: Option<String>,
    /// When the step was made, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// The step.
    #[serde(flatten)]
    pub step: JobStep,
}

impl JobEvent {
    /// The value of [`JobEvent::schema`].
    pub const SCHEMA: &'static str = "recto.event/v1";
}

/// A step of a job, named by the member `event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum JobStep {
    /// It is about to be put into the queue: recorded first, so that a job that never gets there is known.
    Submitted {
        /// The job without its password.
        job: Box<Job>,
        /// True if it had a password.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        has_password: bool,
    },
    /// A worker has begun it.
    Started {
        /// The worker, as it calls itself in its log.
        worker: String,
        /// The job without its password.
        job: Box<Job>,
        /// True if it has a password.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        has_password: bool,
    },
    /// Its result is stored.
    Ended {
        /// The result.
        result: Box<JobResult>,
    },
    /// It ended without a result.
    DeadLettered {
        /// The dead letter.
        letter: Box<DeadLetter>,
    },
    /// It was dropped by an order to purge its batch.
    Purged,
}

impl JobStep {
    /// The name of the step, which is the message's routing key too.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Submitted { .. } => "submitted",
            Self::Started { .. } => "started",
            Self::Ended { .. } => "ended",
            Self::DeadLettered { .. } => "dead-lettered",
            Self::Purged => "purged",
        }
    }
}

/// The jobs that a worker has taken from the queue and not ended. Sent by each worker every few seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerReport {
    /// `recto.worker/v1`.
    pub schema: String,
    /// The worker, as it calls itself in its log.
    pub worker: String,
    /// When it was sent, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// The jobs' `id`s.
    pub jobs: Vec<String>,
}

impl WorkerReport {
    /// The value of [`WorkerReport::schema`].
    pub const SCHEMA: &'static str = "recto.worker/v1";
}
