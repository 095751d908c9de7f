//! [`WorkerOrder`]: an operator's order to all workers, those that start later among them.

use recto_schemas::Job;
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::os::clock;

/// An order, as it is in the stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerOrder {
    /// `recto.order/v1`.
    pub(crate) schema: String,
    pub(crate) action: OrderAction,
    /// The jobs of this batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) batch: Option<String>,
    /// The job of this `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) job: Option<String>,
    /// When it was given, RFC 3339.
    pub(crate) at: String,
}

/// The action that an order asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OrderAction {
    /// End the jobs that were submitted before.
    Cancel,
    /// Drop the jobs that were submitted before and of which nothing is read yet.
    Purge,
    /// Begin no job.
    Pause,
    /// Begin jobs again.
    Resume,
}

impl OrderAction {
    /// Returns true if it holds for good; a later order takes the others back.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Cancel | Self::Purge)
    }
}

impl WorkerOrder {
    /// The value of `schema`.
    pub(crate) const SCHEMA: &'static str = "recto.order/v1";

    /// An order that is given now.
    pub(crate) fn new(action: OrderAction, batch: Option<String>, job: Option<String>) -> Self {
        Self {
            schema: Self::SCHEMA.to_owned(),
            action,
            batch,
            job,
            at: clock::now(),
        }
    }

    /// Returns true if it is about the job.
    pub(crate) fn is_about(&self, job: &Job) -> bool {
        let of_batch = self.batch.is_some() && self.batch == job.batch;
        of_batch || self.job.as_deref() == Some(job.id.as_str())
    }

    /// Returns true if the job was submitted after it. One that does not say when was not.
    pub(crate) fn is_before(&self, job: &Job) -> bool {
        let instant = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
        let submitted = job.submitted_at.as_deref().and_then(instant);
        submitted
            .zip(instant(&self.at))
            .is_some_and(|(submitted, at)| submitted > at)
    }
}
