//! Deliveries: each from its arrival until it is settled. Nothing else settles the messages of jobs.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use recto_schemas::{FailureKind, FailureStage, Job};
use tokio::time::sleep;
use tracing::Instrument;

use super::ConsumerContext;
use crate::{
    broker::{
        connection::ExponentialBackoff,
        consume::{Acker, Delivery, InboundMessage},
        publish::PublishError,
    },
    job::{
        self, JobOutcome, disposition::Disposition, failure::JobFailure, messages, parse,
        policy::policy,
    },
    observe::logging,
    observe::metrics::JobStage,
};

/// From so many redeliveries on a message is in quarantine: deliveries that nobody settled may have killed their
/// workers, so its job runs alone, and those beside it neither suffer for it nor are taken for the culprit.
const QUARANTINE_AFTER: u32 = 2;
/// Jobs in quarantine start in random order within this time: an innocent one gets its turn before the culprit.
const QUARANTINE_JITTER: Duration = Duration::from_millis(500);
/// A message counts as poison if the broker would drop it after so many more deliveries: the dead letter of a worker
/// has a reason, that of the broker has none.
const DELIVERIES_BEFORE_LIMIT: u32 = 2;

/// Handles a delivery until it is settled.
pub(super) async fn handle(context: Arc<ConsumerContext>, delivery: Delivery) {
    let Delivery { message, acker } = delivery;
    let parsed = parse::parse_job(&message.body);
    let known = match &parsed {
        Ok(job) => Some(job.clone()),
        Err(_) => parse::partial_job(&message.body),
    };
    let of = |member: fn(&Job) -> Option<&str>| known.as_ref().and_then(member);
    let span = logging::job_span(
        of(|job| Some(&job.id)).unwrap_or("unknown"),
        of(|job| Some(&job.source.uri)).unwrap_or(""),
        of(|job| job.batch.as_deref()),
        message.attempts,
        of(|job| job.traceparent.as_deref()),
    );
    let handler = DeliveryHandler {
        context: &context,
        message: &message,
        job: known,
        started: Instant::now(),
    };
    handler.run(parsed, acker).instrument(span).await;
}

/// A delivery that is being handled.
struct DeliveryHandler<'a> {
    context: &'a Arc<ConsumerContext>,
    message: &'a InboundMessage,
    /// As much as is known of the job.
    job: Option<Job>,
    started: Instant,
}

impl DeliveryHandler<'_> {
    async fn run(mut self, parsed: Result<Job, JobFailure>, acker: Acker) {
        let shutdown = &self.context.shutdown;
        let lock = match &parsed {
            // A session that is lost may have brought the same job. This one takes no permit while it waits for that;
            // then it finds the stored result.
            Ok(job) => tokio::select! {
                lock = self.context.jobs_in_flight.lock(&job.id) => Some(lock),
                () = shutdown.aborted.cancelled() => None,
            },
            Err(_) => None,
        };
        let permit = tokio::select! {
            biased;
            () = shutdown.draining.cancelled() => None,
            permit = Arc::clone(&self.context.permits).acquire_owned() => permit.ok(),
        };
        let Some(_permit) = permit else {
            return self.settle(Err(shutting_down()), acker).await;
        };
        if acker.is_stale() {
            // Its session was lost while it waited for a permit; the broker delivers it again.
            return self.note_stale();
        }
        self.started = Instant::now();
        let _in_flight = self.context.job_context.metrics.job_in_flight();
        let ended = match parsed {
            Ok(job) => self.isolate(job).await,
            Err(failure) => Err(failure),
        };
        drop(lock);
        self.settle(ended, acker).await;
    }

    /// Runs the job beside others; alone if it is in quarantine; not at all if its message is poison.
    async fn isolate(&self, job: Job) -> Result<JobOutcome, JobFailure> {
        if let Some(queued_s) = messages::queued_s(&job) {
            let wait = Duration::try_from_secs_f64(queued_s).unwrap_or_default();
            self.context.job_context.metrics.queue_wait(wait);
        }
        let redeliveries = self.message.redelivery_count;
        let shutdown = &self.context.shutdown;
        let near_limit = redeliveries.saturating_add(DELIVERIES_BEFORE_LIMIT)
            >= self.context.topology.delivery_limit;
        if near_limit && redeliveries >= QUARANTINE_AFTER {
            return tokio::select! {
                ended = self.reject_poison_message(&job, redeliveries) => ended,
                () = shutdown.aborted.cancelled() => Err(shutting_down()),
            };
        }
        if redeliveries < QUARANTINE_AFTER {
            let _shared = tokio::select! {
                shared = self.context.quarantine.read() => shared,
                () = shutdown.draining.cancelled() => return Err(shutting_down()),
            };
            return self.run_job(job).await;
        }
        sleep(QUARANTINE_JITTER.mul_f64(rand::random())).await;
        tracing::info!(redeliveries, "job in quarantine: runs alone");
        let _alone = tokio::select! {
            alone = self.context.quarantine.write() => alone,
            () = shutdown.draining.cancelled() => return Err(shutting_down()),
        };
        self.run_job(job).await
    }

    /// Runs the job on a task of its own, so that a panic ends that job alone.
    async fn run_job(&self, job: Job) -> Result<JobOutcome, JobFailure> {
        tracing::info!("job started");
        let job_context = Arc::clone(&self.context.job_context);
        let aborted = self.context.shutdown.aborted.clone();
        let work = async move {
            // Dropping the job's future cancels the threads that read for it.
            tokio::select! {
                ended = job::run(&job_context, &job) => ended,
                () = aborted.cancelled() => Err(shutting_down()),
            }
        };
        tokio::spawn(work.in_current_span())
            .await
            .unwrap_or_else(|panicked| {
                // The panic's own text could quote the document.
                tracing::error!(is_panic = panicked.is_panic(), "the job panicked");
                Err(JobFailure::new(
                    FailureStage::Read,
                    FailureKind::Panic,
                    "the job panicked; this is a defect of recto, please report it",
                ))
            })
    }

    /// The job's stored result; without one, the job fails for good.
    async fn reject_poison_message(
        &self,
        job: &Job,
        redeliveries: u32,
    ) -> Result<JobOutcome, JobFailure> {
        match job::stored(&self.context.job_context, job).await? {
            Some(ended) => Ok(ended),
            None => Err(JobFailure::new(
                FailureStage::Deliver,
                FailureKind::PoisonMessage,
                format!(
                    "delivered {redeliveries} times before, and each time its worker ended or lost the broker; look at the document and at the workers' memory"
                ),
            )),
        }
    }

    async fn settle(&self, ended: Result<JobOutcome, JobFailure>, acker: Acker) {
        let failure = match ended {
            Ok(ended) => match self.publish_result(&ended, &acker).await {
                PublishOutcome::Confirmed => return self.acknowledge(&ended, acker).await,
                PublishOutcome::Rejected(error) => JobFailure::publish(&error),
                PublishOutcome::ShuttingDown => shutting_down(),
                PublishOutcome::Stale => return self.note_stale(),
            },
            Err(failure) => failure,
        };
        self.settle_failure(&failure, acker).await;
    }

    /// Publishes the result message. If the broker rejects it the job has failed: trying again is the retry's task.
    async fn publish_result(&self, ended: &JobOutcome, acker: &Acker) -> PublishOutcome {
        let Some(job) = &self.job else {
            return PublishOutcome::Confirmed;
        };
        let queued_s = messages::queued_s(job)
            .map(|now| (now - self.started.elapsed().as_secs_f64()).max(0.0));
        let result = messages::result(job, ended, self.message.attempts, queued_s);
        let started = Instant::now();
        let publish = || self.context.publisher.result(&job.id, &result);
        let outcome = self
            .publish_until_confirmed(acker, publish, OnReject::Fail)
            .await;
        let metrics = &self.context.job_context.metrics;
        metrics.stage(JobStage::Publish, started.elapsed());
        outcome
    }

    async fn acknowledge(&self, ended: &JobOutcome, acker: Acker) {
        if acker.ack().await.is_err() {
            return self.note_stale();
        }
        self.context.backoff.reset();
        let took = self.started.elapsed();
        let metrics = &self.context.job_context.metrics;
        metrics.job_done(ended.state, took);
        tracing::info!(
            state = ended.state.as_str(),
            pages = ended.manifest.counts.selected,
            pages.failed = ended.manifest.counts.failed,
            read = ended.read_now,
            seconds = logging::rounded(took.as_secs_f64()),
            "job ended"
        );
    }

    async fn settle_failure(&self, failure: &JobFailure, acker: Acker) {
        let context = self.context;
        self.update_health(failure);
        context.backoff.wait_after(failure, &context.shutdown).await;
        let steps = context.topology.delays.len();
        let disposition = Disposition::of(Err(failure), self.message.attempts, steps);
        let settled = match disposition {
            Disposition::Requeue => acker.nack_requeue().await,
            // Only a result is acknowledged.
            Disposition::Ack => return,
            Disposition::Retry { .. } | Disposition::DeadLetter => {
                let publish = || self.publish_failure(disposition, failure);
                match self
                    .publish_until_confirmed(&acker, publish, OnReject::Retry)
                    .await
                {
                    PublishOutcome::Confirmed => acker.ack().await,
                    PublishOutcome::ShuttingDown | PublishOutcome::Rejected(_) => {
                        acker.nack_requeue().await
                    }
                    PublishOutcome::Stale => return self.note_stale(),
                }
            }
        };
        if settled.is_err() {
            return self.note_stale();
        }
        let metrics = &context.job_context.metrics;
        metrics.job_failed(disposition.label(), failure.kind);
        tracing::warn!(
            disposition = disposition.as_str(),
            stage = failure.stage.as_str(),
            kind = failure.kind.as_str(),
            error = %failure,
            "job failed"
        );
    }

    /// Publishes the message to a delay queue, or a dead letter for it.
    async fn publish_failure(
        &self,
        disposition: Disposition,
        failure: &JobFailure,
    ) -> Result<(), PublishError> {
        let publisher = &self.context.publisher;
        if let Disposition::Retry { step } = disposition {
            return publisher.retry(step, self.message).await;
        }
        let letter = messages::dead_letter(self.message, self.job.as_ref(), failure);
        let message_id = self.message.message_id.clone();
        let id = letter.id.clone().or(message_id);
        publisher.dead_letter(id, &letter).await
    }

    /// Publishes until the broker confirms it, as long as the delivery can be settled: until then the delivery is all
    /// there is of the job.
    async fn publish_until_confirmed<F: Future<Output = Result<(), PublishError>>>(
        &self,
        acker: &Acker,
        publish: impl Fn() -> F,
        on_reject: OnReject,
    ) -> PublishOutcome {
        let mut backoff = ExponentialBackoff::default();
        loop {
            if acker.is_stale() {
                return PublishOutcome::Stale;
            }
            let aborted = &self.context.shutdown.aborted;
            let published = tokio::select! {
                published = publish() => published,
                () = aborted.cancelled() => return PublishOutcome::ShuttingDown,
            };
            let Err(error) = published else {
                return PublishOutcome::Confirmed;
            };
            let rejected = matches!(
                error,
                PublishError::Unroutable { .. } | PublishError::Nacked { .. }
            );
            if rejected && on_reject == OnReject::Fail {
                return PublishOutcome::Rejected(error);
            }
            tracing::warn!(%error, "a message is not confirmed; publishing it again");
            tokio::select! {
                () = sleep(backoff.next_wait()) => {}
                () = aborted.cancelled() => return PublishOutcome::ShuttingDown,
            }
        }
    }

    /// Updates the worker's health by what the failure says of it.
    fn update_health(&self, failure: &JobFailure) {
        let policy = policy(failure.kind);
        if let Some(component) = policy.unhealthy {
            let reason = failure.message.clone();
            self.context.health.set(component, Err(reason));
        }
        if policy.restart {
            self.context.must_restart.store(true, Ordering::Relaxed);
            self.context.shutdown.draining.cancel();
        }
    }

    /// Counts a delivery that cannot be settled any more: the broker delivers its message again.
    fn note_stale(&self) {
        self.context.job_context.metrics.stale_settlement();
        tracing::info!("the delivery's connection is lost; the broker delivers it again");
    }
}

fn shutting_down() -> JobFailure {
    JobFailure::new(
        FailureStage::Deliver,
        FailureKind::Shutdown,
        "the worker is shutting down",
    )
}

/// What to do if the broker rejects a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnReject {
    /// Give up; the caller does something else.
    Fail,
    /// Publish again: there is nothing else to do.
    Retry,
}

/// The outcome of publishing a message.
enum PublishOutcome {
    /// The broker has it.
    Confirmed,
    /// The broker rejected it.
    Rejected(PublishError),
    /// The worker is shutting down.
    ShuttingDown,
    /// The delivery cannot be settled any more.
    Stale,
}
