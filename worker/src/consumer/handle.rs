//! One delivery: from its arrival to its verdict. The only place that settles messages.

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
        self, JobOutcome, failure::JobFailure, message, outcome, policy::policy,
        verdict::Disposition,
    },
    observe::logging,
    observe::metrics::JobStage,
};

/// A message that was delivered so often without being settled may have killed its workers: it runs alone, so that
/// the jobs beside it do not suffer for it, nor are taken for it.
const SUSPECT_AFTER: u32 = 2;
/// Suspects start in random order within this time: an innocent one gets its turn before the culprit.
const SUSPECTS_WAIT: Duration = Duration::from_millis(500);
/// A message is given up as a crash loop when the broker is this many deliveries from doing so itself.
const BEFORE_LIMIT: u32 = 2;

/// Handles a delivery to its end.
pub(super) async fn handle(desk: Arc<ConsumerContext>, delivery: Delivery) {
    let Delivery { message, acker } = delivery;
    let parsed = message::parse(&message.body);
    let known = match &parsed {
        Ok(job) => Some(job.clone()),
        Err(_) => message::about(&message.body),
    };
    let of = |word: fn(&Job) -> Option<&str>| known.as_ref().and_then(word);
    let span = logging::job_span(
        of(|job| Some(&job.id)).unwrap_or("unknown"),
        of(|job| Some(&job.source.uri)).unwrap_or(""),
        of(|job| job.batch.as_deref()),
        message.attempts,
        of(|job| job.traceparent.as_deref()),
    );
    let handling = DeliveryHandler {
        desk: &desk,
        message: &message,
        job: known,
        started: Instant::now(),
    };
    handling.run(parsed, acker).instrument(span).await;
}

/// A delivery that is being handled.
struct DeliveryHandler<'a> {
    desk: &'a Arc<ConsumerContext>,
    message: &'a InboundMessage,
    /// As much as is known of the job.
    job: Option<Job>,
    started: Instant,
}

impl DeliveryHandler<'_> {
    async fn run(mut self, parsed: Result<Job, JobFailure>, acker: Acker) {
        let drain = &self.desk.drain;
        let lock = match &parsed {
            // A session that is lost brought it too. It takes no permit meanwhile; what comes of it will be found stored.
            Ok(job) => tokio::select! {
                lock = self.desk.jobs_in_flight.lock(&job.id) => Some(lock),
                () = drain.now.cancelled() => None,
            },
            Err(_) => None,
        };
        let permit = tokio::select! {
            biased;
            () = drain.stop.cancelled() => None,
            permit = Arc::clone(&self.desk.permits).acquire_owned() => permit.ok(),
        };
        let Some(_permit) = permit else {
            return self.settle(Err(stopping()), acker).await;
        };
        if acker.is_stale() {
            // Its session went while it waited; it comes again.
            return self.stale();
        }
        self.started = Instant::now();
        let _in_flight = self.desk.parts.metrics.job_in_flight();
        let ended = match parsed {
            Ok(job) => self.work(job).await,
            Err(failure) => Err(failure),
        };
        drop(lock);
        self.settle(ended, acker).await;
    }

    /// Does the job, alone where it may have killed workers before.
    async fn work(&self, job: Job) -> Result<JobOutcome, JobFailure> {
        if let Some(queued_s) = outcome::queued_s(&job) {
            let wait = Duration::try_from_secs_f64(queued_s).unwrap_or_default();
            self.desk.parts.metrics.queue_wait(wait);
        }
        let deliveries = self.message.delivery_count;
        let stop = &self.desk.drain.stop;
        let near_limit =
            deliveries.saturating_add(BEFORE_LIMIT) >= self.desk.topology.delivery_limit;
        if near_limit && deliveries >= SUSPECT_AFTER {
            return tokio::select! {
                ended = self.crash_loop(&job, deliveries) => ended,
                () = self.desk.drain.now.cancelled() => Err(stopping()),
            };
        }
        if deliveries < SUSPECT_AFTER {
            let _beside_others = tokio::select! {
                beside_others = self.desk.alone.read() => beside_others,
                () = stop.cancelled() => return Err(stopping()),
            };
            return self.work_now(job).await;
        }
        sleep(SUSPECTS_WAIT.mul_f64(rand::random())).await;
        tracing::info!(deliveries, "may have ended its workers: runs alone");
        let _alone = tokio::select! {
            alone = self.desk.alone.write() => alone,
            () = stop.cancelled() => return Err(stopping()),
        };
        self.work_now(job).await
    }

    /// On a task of its own, so that a panic is that job's alone.
    async fn work_now(&self, job: Job) -> Result<JobOutcome, JobFailure> {
        tracing::info!("job started");
        let (parts, drain) = (Arc::clone(&self.desk.parts), self.desk.drain.clone());
        let work = async move {
            tokio::select! {
                ended = job::run(&parts, &job, &drain.cancel) => ended,
                () = drain.now.cancelled() => Err(stopping()),
            }
        };
        tokio::spawn(work.in_current_span())
            .await
            .unwrap_or_else(|panicked| {
                // Its own words could quote the document.
                tracing::error!(is_panic = panicked.is_panic(), "the job broke off");
                let message = "the job broke off; this is a defect of recto, please report it";
                Err(JobFailure::new(
                    FailureStage::Read,
                    FailureKind::Panic,
                    message,
                ))
            })
    }

    /// The job's stored result, else the end of its tries.
    async fn crash_loop(&self, job: &Job, deliveries: u32) -> Result<JobOutcome, JobFailure> {
        match job::stored(&self.desk.parts, job).await? {
            Some(ended) => Ok(ended),
            None => Err(JobFailure::new(
                FailureStage::Deliver,
                FailureKind::PoisonMessage,
                format!(
                    "delivered {deliveries} times before, and each time its worker ended or lost the broker; look at the document and at the workers' memory"
                ),
            )),
        }
    }

    async fn settle(&self, ended: Result<JobOutcome, JobFailure>, acker: Acker) {
        let failure = match ended {
            Ok(ended) => match self.send_result(&ended, &acker).await {
                PublishOutcome::Confirmed => return self.acknowledge(&ended, acker).await,
                PublishOutcome::Refused(error) => JobFailure::publish(&error),
                PublishOutcome::Stopping => stopping(),
                PublishOutcome::Stale => return self.stale(),
            },
            Err(failure) => failure,
        };
        self.settle_failure(&failure, acker).await;
    }

    /// Sends the result message; what the broker refuses is not sent again here.
    async fn send_result(&self, ended: &JobOutcome, acker: &Acker) -> PublishOutcome {
        let Some(job) = &self.job else {
            return PublishOutcome::Confirmed;
        };
        let queued_s =
            outcome::queued_s(job).map(|now| (now - self.started.elapsed().as_secs_f64()).max(0.0));
        let result = outcome::result(job, ended, self.message.attempts, queued_s);
        let started = Instant::now();
        let send = || self.desk.outlet.result(&job.id, &result);
        let sent = self.send(acker, send, OnReject::Final).await;
        let metrics = &self.desk.parts.metrics;
        metrics.stage(JobStage::Publish, started.elapsed());
        sent
    }

    async fn acknowledge(&self, ended: &JobOutcome, acker: Acker) {
        if acker.ack().await.is_err() {
            return self.stale();
        }
        self.desk.trouble.over();
        let metrics = &self.desk.parts.metrics;
        let took = self.started.elapsed();
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
        self.note(failure);
        self.desk.trouble.pause(failure, &self.desk.drain).await;
        let steps = self.desk.topology.delays.len();
        let disposition = Disposition::of(Err(failure), self.message.attempts, steps);
        let settled = match disposition {
            Disposition::Requeue => acker.nack_requeue().await,
            // Only a result is acknowledged.
            Disposition::Ack => return,
            Disposition::Retry { .. } | Disposition::DeadLetter => {
                let send = || self.pass_on(disposition, failure);
                match self.send(&acker, send, OnReject::Passing).await {
                    PublishOutcome::Confirmed => acker.ack().await,
                    PublishOutcome::Stopping | PublishOutcome::Refused(_) => {
                        acker.nack_requeue().await
                    }
                    PublishOutcome::Stale => return self.stale(),
                }
            }
        };
        if settled.is_err() {
            return self.stale();
        }
        let metrics = &self.desk.parts.metrics;
        metrics.job_failed(disposition.label(), failure.kind);
        tracing::warn!(
            disposition = disposition.as_str(),
            stage = failure.stage.as_str(),
            kind = failure.kind.as_str(),
            error = %failure,
            "job failed"
        );
    }

    /// Sends the message on its way: to a delay queue, or as a dead letter.
    async fn pass_on(
        &self,
        disposition: Disposition,
        failure: &JobFailure,
    ) -> Result<(), PublishError> {
        if let Disposition::Retry { step } = disposition {
            return self.desk.outlet.retry(step, self.message).await;
        }
        let counts = (self.message.attempts, self.message.delivery_count);
        let job = self.job.as_ref();
        let letter = outcome::dead_letter(&self.message.body, job, failure, counts);
        let id = letter
            .id
            .clone()
            .or_else(|| self.message.message_id.clone());
        self.desk.outlet.dead_letter(id, &letter).await
    }

    /// Sends until it is confirmed, as long as the delivery is in hand: until then it is all there is of the job.
    async fn send<F: Future<Output = Result<(), PublishError>>>(
        &self,
        acker: &Acker,
        send: impl Fn() -> F,
        refusal: OnReject,
    ) -> PublishOutcome {
        let mut backoff = ExponentialBackoff::default();
        loop {
            if acker.is_stale() {
                return PublishOutcome::Stale;
            }
            let drain = &self.desk.drain.now;
            let sent = tokio::select! {
                sent = send() => sent,
                () = drain.cancelled() => return PublishOutcome::Stopping,
            };
            let Err(error) = sent else {
                return PublishOutcome::Confirmed;
            };
            let refused = matches!(
                error,
                PublishError::Unroutable { .. } | PublishError::Nacked { .. }
            );
            if refused && refusal == OnReject::Final {
                return PublishOutcome::Refused(error);
            }
            tracing::warn!(%error, "a message is not confirmed; sending it again");
            tokio::select! {
                () = sleep(backoff.next_wait()) => {}
                () = drain.cancelled() => return PublishOutcome::Stopping,
            }
        }
    }

    /// What a failure says of the worker itself.
    fn note(&self, failure: &JobFailure) {
        let policy = policy(failure.kind);
        if let Some(component) = policy.unhealthy {
            let reason = failure.message.clone();
            self.desk.health.set(component, Err(reason));
        }
        if policy.restart {
            self.desk.broken.store(true, Ordering::Relaxed);
            self.desk.drain.stop.cancel();
        }
    }

    /// The delivery cannot be settled any more: the broker gives it to somebody again.
    fn stale(&self) {
        self.desk.parts.metrics.stale_settlement();
        tracing::info!("the delivery's connection is gone; it comes again");
    }
}

fn stopping() -> JobFailure {
    JobFailure::new(
        FailureStage::Deliver,
        FailureKind::Shutdown,
        "the worker is stopping",
    )
}

/// What a broker's refusal of a message means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnReject {
    /// Do something else.
    Final,
    /// Try again: there is nothing else to do.
    Passing,
}

/// What came of a message.
enum PublishOutcome {
    /// The broker has it.
    Confirmed,
    /// The broker refused it.
    Refused(PublishError),
    /// The worker stops.
    Stopping,
    /// The delivery is not in hand any more.
    Stale,
}
