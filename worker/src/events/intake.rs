//! [`EventIntake`]: from a hint to a job, by a look at what is there.
//!
//! The ledger decides if a job is new: of several that are told of the same document at the same time, one submits it.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use recto_schemas::{Job, JobSource};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{sleep, timeout},
};

use super::{
    notification::{Ignored, Notification, ObjectHint, UnreadableEvent},
    rules::{Rule, RuleMatch, Rules},
};
use crate::{
    broker::connection::ExponentialBackoff,
    commands::job_queue::JobSink,
    job::retry::lost_again,
    ledger::{
        Ledger,
        record::{JobState, milliseconds},
    },
    observe::metrics::{
        MetricLabel as _,
        events::{EventMetrics, EventOrigin, EventOutcome},
    },
    os::clock,
    store::{
        ErrorCause, ObjectMetadata, ObjectStore as _, ObjectStores, ObjectVersion, StoreError,
    },
};

/// Objects that are looked at, and jobs that are handed over, at the same time.
const AT_ONCE: usize = 16;
/// Waits before an object that is not there is looked for again, in seconds: some stores tell of an upload as it begins.
/// A longer one is told of again as it ends.
const ABSENT_WAITS_S: [u64; 7] = [1, 2, 5, 10, 30, 60, 120];
/// Maximum objects that are waited for: what is not there beyond them is given up at once, and left to the sweep.
const MAX_ABSENT: usize = 500;
/// Maximum requests whose objects are not settled yet.
const MAX_REQUESTS: usize = 500;
/// Time that a request waits for its objects to be settled; then they are settled after its answer.
const REQUEST_TIME: Duration = Duration::from_secs(5);

/// Takes events and makes jobs of what they tell of.
pub(crate) struct EventIntake {
    pub(super) rules: Rules,
    pub(super) stores: Arc<ObjectStores>,
    pub(super) ledger: Ledger,
    sink: Arc<dyn JobSink>,
    metrics: EventMetrics,
    steps: Semaphore,
    absent: Semaphore,
    requests: Arc<Semaphore>,
}

/// The outcome for a document that a hint told of.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    pub(super) outcome: EventOutcome,
    /// The job's id and the URI of its document, if there is a job.
    pub(super) job: Option<(String, String)>,
}

/// RetryMode with what is not there, and with a store, a ledger or a broker that is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RetryMode {
    /// None: it is the caller's.
    None,
    /// Minutes for an object, and any time for the others.
    Long,
}

/// The account of a request with events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TakenEvents {
    /// Documents that became jobs.
    pub(crate) submitted: u64,
    /// Documents whose jobs were known.
    pub(crate) known: u64,
    /// Records that are no business of any rule.
    pub(crate) ignored: u64,
    /// Documents that are settled after the answer.
    pub(crate) pending: u64,
}

/// A request's events were not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TakeError {
    /// They never will be.
    #[error(transparent)]
    Unreadable(#[from] UnreadableEvent),
    /// They will be, if they are sent again later.
    #[error("too many events wait to be settled; send it again later")]
    Busy,
}

/// A document could not be settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SettleError {
    pub(super) reason: String,
    /// True if the store refuses this document, and may well give others.
    pub(super) is_refusal: bool,
}

impl SettleError {
    fn refusal(error: &StoreError) -> Self {
        Self {
            reason: error.to_string(),
            is_refusal: true,
        }
    }
}

impl From<String> for SettleError {
    fn from(reason: String) -> Self {
        Self {
            reason,
            is_refusal: false,
        }
    }
}

/// Another look may go otherwise.
enum Unsettled {
    /// No such object, or no way to know.
    Absent(StoreError),
    /// Store, ledger or broker are away.
    Away(String),
    /// The store will never give it.
    Refused(StoreError),
}

impl EventIntake {
    /// Takes events for these rules.
    ///
    /// # Errors
    /// The registry has the series of events already.
    pub(crate) fn new(
        rules: Rules,
        stores: Arc<ObjectStores>,
        ledger: Ledger,
        sink: Arc<dyn JobSink>,
        registry: &prometheus::Registry,
    ) -> prometheus::Result<Self> {
        Ok(Self {
            rules,
            stores,
            ledger,
            sink,
            metrics: EventMetrics::new(registry)?,
            steps: Semaphore::new(AT_ONCE),
            absent: Semaphore::new(MAX_ABSENT),
            requests: Arc::new(Semaphore::new(MAX_REQUESTS)),
        })
    }

    /// The rule of this name.
    pub(crate) fn rule(&self, name: &str) -> Option<&Rule> {
        self.rules.named(name)
    }

    /// Takes the events of a request: one body, and the type that its header `ce-type` names, if there is one. What is not
    /// settled within moments is settled after the answer, as far as this process lives; the sweep finds the rest.
    ///
    /// # Errors
    /// [`TakeError`] says if it is worth sending again.
    pub(crate) async fn take(
        self: &Arc<Self>,
        cloud_event: Option<&str>,
        body: &[u8],
    ) -> Result<TakenEvents, TakeError> {
        let permit = Arc::clone(&self.requests)
            .try_acquire_owned()
            .map_err(|_| TakeError::Busy)?;
        let origin = EventOrigin::Http;
        let notification = self.read(origin, cloud_event, body)?;
        let mut taken = TakenEvents {
            ignored: notification.ignored.len() as u64,
            ..TakenEvents::default()
        };
        let hints = notification.hints.len() as u64;
        let intake = Arc::clone(self);
        let settling = tokio::spawn(async move {
            let _permit = permit;
            intake.settle_all(origin, &notification.hints, false).await
        });
        let Ok(Ok(settled)) = timeout(REQUEST_TIME, settling).await else {
            taken.pending = hints;
            return Ok(taken);
        };
        for outcome in settled {
            match outcome {
                EventOutcome::Submitted | EventOutcome::SentAgain => taken.submitted += 1,
                EventOutcome::Known => taken.known += 1,
                _ => taken.ignored += 1,
            }
        }
        Ok(taken)
    }

    /// Reads a message, and counts what of it gives no hint.
    pub(super) fn read(
        &self,
        origin: EventOrigin,
        cloud_event: Option<&str>,
        body: &[u8],
    ) -> Result<Notification, UnreadableEvent> {
        let read = Notification::read(cloud_event, body).inspect_err(|_| {
            self.metrics.count(origin, EventOutcome::Unreadable);
        })?;
        for ignored in &read.ignored {
            let outcome = match ignored {
                Ignored::Removed => EventOutcome::Removed,
                Ignored::Test => EventOutcome::Test,
                Ignored::OtherEvent => EventOutcome::OtherEvent,
                Ignored::OtherStore => EventOutcome::OtherStore,
            };
            self.metrics.count(origin, outcome);
            if *ignored == Ignored::OtherStore {
                tracing::warn!("an event tells of a store that is not read: only S3 and files are");
            }
        }
        Ok(read)
    }

    /// Settles the hints of a message, however long that takes: all at the same time, so that none waits for the others.
    pub(super) async fn settle_all(
        &self,
        origin: EventOrigin,
        hints: &[ObjectHint],
        redelivered: bool,
    ) -> Vec<EventOutcome> {
        let settling = hints
            .iter()
            .map(|hint| self.settle(origin, hint, redelivered, RetryMode::Long));
        let settled = join_all(settling).await.into_iter();
        settled.flatten().map(|settled| settled.outcome).collect()
    }

    /// Makes a job of what is where the hint leads, unless it is known. `redelivered` says that the hint may have got half
    /// the way before.
    ///
    /// # Errors
    /// Only without patience: the reason why it is not settled.
    pub(super) async fn settle(
        &self,
        origin: EventOrigin,
        hint: &ObjectHint,
        redelivered: bool,
        patience: RetryMode,
    ) -> Result<Settled, SettleError> {
        let settled = match self.rules.of(&hint.at) {
            RuleMatch::Matches(rule) => self.wait(rule, hint, redelivered, patience).await?,
            RuleMatch::Result => EventOutcome::Result.into(),
            RuleMatch::None => EventOutcome::NoRule.into(),
        };
        self.metrics.count(origin, settled.outcome);
        if hint.since_ms > 0 {
            let age_ms = milliseconds(&clock::now()) - hint.since_ms;
            self.metrics.age(age_ms as f64 / 1e3);
        }
        if let Some((job, source)) = &settled.job
            && settled.outcome != EventOutcome::Known
        {
            tracing::info!(
                job,
                source,
                origin = origin.as_str(),
                "an event became a job"
            );
        }
        Ok(settled)
    }

    async fn wait(
        &self,
        rule: &Rule,
        hint: &ObjectHint,
        redelivered: bool,
        patience: RetryMode,
    ) -> Result<Settled, SettleError> {
        let mut absent_waits = ABSENT_WAITS_S.iter();
        let mut held: Option<SemaphorePermit<'_>> = None;
        let mut backoff = ExponentialBackoff::default();
        loop {
            let wait = match self.step(rule, hint, (redelivered, patience)).await {
                Ok(settled) => return Ok(settled),
                Err(Unsettled::Away(reason)) if patience == RetryMode::None => {
                    return Err(reason.into());
                }
                Err(Unsettled::Away(reason)) => {
                    tracing::warn!(source = %hint.at, reason, "an event waits");
                    backoff.next_wait()
                }
                Err(Unsettled::Refused(error)) if patience == RetryMode::Long => {
                    tracing::warn!(source = %hint.at, %error, "a document that an event told of is refused");
                    return Ok(EventOutcome::Refused.into());
                }
                Err(Unsettled::Refused(error)) => return Err(SettleError::refusal(&error)),
                Err(Unsettled::Absent(error))
                    if patience == RetryMode::None
                        && !matches!(error.cause, ErrorCause::NoSuchObject) =>
                {
                    return Err(SettleError::refusal(&error));
                }
                Err(Unsettled::Absent(error)) => {
                    held = held.or_else(|| self.absent.try_acquire().ok());
                    let next = absent_waits.next().filter(|_| held.is_some());
                    let Some(seconds) = next.filter(|_| patience == RetryMode::Long) else {
                        tracing::info!(source = %hint.at, %error, "an event is given up");
                        return Ok(EventOutcome::Gone.into());
                    };
                    Duration::from_secs(*seconds)
                }
            };
            sleep(wait).await;
        }
    }

    /// One look, and what follows from it.
    async fn step(
        &self,
        rule: &Rule,
        hint: &ObjectHint,
        (redelivered, patience): (bool, RetryMode),
    ) -> Result<Settled, Unsettled> {
        let _permit = self.steps.acquire().await;
        let found = match self.stores.stat(&hint.at, &ObjectVersion::default()).await {
            Ok(found) => found,
            Err(error) => return Err(unseen(error)),
        };
        if !rule.takes_size(found.bytes) {
            return Ok(EventOutcome::Size.into());
        }
        self.submit(rule, hint, &found, (redelivered, patience))
            .await
            .map_err(Unsettled::Away)
    }

    /// Submits the document as it was found, unless the ledger knows it.
    async fn submit(
        &self,
        rule: &Rule,
        hint: &ObjectHint,
        found: &ObjectMetadata,
        (redelivered, patience): (bool, RetryMode),
    ) -> Result<Settled, String> {
        let job = rule.job(&hint.at, found);
        let known = self.ledger.claim(&job).await;
        let (job, outcome) = match known.map_err(|error| error.to_string())? {
            None => (job, EventOutcome::Submitted),
            Some(record) if record.state == JobState::Lost => {
                match lost_again(&self.ledger, &job, &record)
                    .await
                    .map_err(|error| error.to_string())?
                {
                    Some(job) => (job, EventOutcome::SentAgain),
                    None => return Ok(Settled::new(EventOutcome::Known, &job)),
                }
            }
            // It may not have been sent: sent twice, it is done once. It stays the same try.
            Some(record) if redelivered && record.state == JobState::Waiting => {
                let submitted_at = clock::from_milliseconds(record.submitted);
                let id = record.message_id();
                (
                    Job {
                        id,
                        submitted_at,
                        ..job
                    },
                    EventOutcome::SentAgain,
                )
            }
            Some(_) => return Ok(Settled::new(EventOutcome::Known, &job)),
        };
        let mut backoff = ExponentialBackoff::default();
        while let Err(error) = self.sink.send(&job).await {
            if patience == RetryMode::None {
                // Once it is known to be lost, the next sweep sends it.
                return Err(format!("the job {} is {error}", job.id));
            }
            // The ledger has it: nobody else will send it.
            tracing::warn!(job = job.id, %error, "a job waits to be queued");
            sleep(backoff.next_wait()).await;
        }
        Ok(Settled::new(outcome, &job))
    }
}

impl Settled {
    fn new(outcome: EventOutcome, job: &Job) -> Self {
        let JobSource { uri, .. } = &job.source;
        Self {
            outcome,
            job: Some((job.id.clone(), uri.clone())),
        }
    }
}

impl From<EventOutcome> for Settled {
    fn from(outcome: EventOutcome) -> Self {
        Self { outcome, job: None }
    }
}

/// The consequence of a look that failed.
fn unseen(error: StoreError) -> Unsettled {
    match &error.cause {
        ErrorCause::NoSuchObject
        | ErrorCause::NoSuchBucket
        | ErrorCause::Denied { .. }
        | ErrorCause::DeniedOrAbsent => Unsettled::Absent(error),
        _ if error.is_transient() => Unsettled::Away(error.to_string()),
        _ => Unsettled::Refused(error),
    }
}

#[cfg(test)]
mod tests;
