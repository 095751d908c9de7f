//! Deliveries: each from its arrival until its job has ended one way or another. [`settle`](super::settle) does the rest.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use recto_schemas::{FailureKind, FailureStage, Job};
use tokio::{task::JoinError, time::sleep};
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::{
    ConsumerContext,
    crash_marks::{CrashMark, Crashes, MAX_CRASHES},
    orders::OrderVerdict,
    settle::shutting_down,
    stop_watch::{StopReason, StopWatch, hold_time},
};
use crate::{
    broker::consume::{Acker, Delivery, InboundMessage},
    job::{self, JobDelivery, JobEnd, failure::JobFailure, messages, parse, progress::JobProgress},
    observe::logging,
};

/// Jobs in quarantine start in random order within this time: an innocent one gets its turn before the culprit.
const QUARANTINE_JITTER: Duration = Duration::from_millis(500);
/// A message that the broker has counted so many unsettled deliveries of is published again as a new one. The worker
/// counts crashes itself, so no queue's delivery limit, and no policy of an operator's, has to drop a job without a
/// reason.
const RENEW_AFTER: u32 = 2;
/// Time between two looks if a delivery's connection is still there.
const STALE_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Time between two looks if a job has to stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(250);
/// Time for pages in hand to be read and kept once the worker gives up what it does.
const PAGES_IN_HAND_TIMEOUT: Duration = Duration::from_secs(3);

/// Handles a delivery until it is settled.
pub(super) async fn handle(context: Arc<ConsumerContext>, delivery: Delivery) {
    let Delivery { mut message, acker } = delivery;
    let mut parsed = parse::parse_job(&message.body);
    let workers = context.publisher.user_id();
    let is_from_worker = workers.is_none_or(|user| message.user_id.as_deref() == Some(user));
    if !is_from_worker {
        note_claims(&message, &parsed);
        message = message.without_claims();
        // The whole document, then.
        if let Ok(job) = &mut parsed {
            job.pages = None;
        }
    }
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
        delivered: Instant::now(),
        started: Instant::now(),
    };
    handler.run(parsed, acker).instrument(span).await;
}

/// Says that a message has headers, or pages, that only workers set, and is of another user.
fn note_claims(message: &InboundMessage, parsed: &Result<Job, JobFailure>) {
    let has_pages = parsed.as_ref().is_ok_and(|job| job.pages.is_some());
    if message.has_claims() || has_pages {
        tracing::warn!(
            user = message.user_id,
            "a message claims to be a worker's and is not believed; all workers of a queue have the same user at the broker"
        );
    }
}

/// A delivery that is being handled.
pub(super) struct DeliveryHandler<'a> {
    pub(super) context: &'a Arc<ConsumerContext>,
    pub(super) message: &'a InboundMessage,
    /// As much as is known of the job.
    pub(super) job: Option<Job>,
    pub(super) delivered: Instant,
    pub(super) started: Instant,
}

impl DeliveryHandler<'_> {
    async fn run(mut self, parsed: Result<Job, JobFailure>, acker: Acker) {
        if let Ok(job) = &parsed
            && let Some(queue) = self.elsewhere(job).await
        {
            return self.pass_on(queue, acker).await;
        }
        if let Ok(job) = &parsed
            && self.context.orders.verdict(job) == OrderVerdict::Cancelled
        {
            return self.settle(Err(cancelled(None)), acker).await;
        }
        if let Ok(job) = &parsed
            && self.is_purged(job).await
        {
            return self.settle_purged(job, acker).await;
        }
        let shutdown = &self.context.shutdown;
        let begun = async {
            let lock = match &parsed {
                // A session that is lost may have brought the same job, and the messages for pages of one document come
                // one after the other. This one takes no permit while it waits for that.
                Ok(job) => Some(self.context.jobs_in_flight.lock(&job.id).await),
                Err(_) => None,
            };
            let permit = Arc::clone(&self.context.permits).acquire_owned().await;
            permit.ok().map(|permit| (lock, permit))
        };
        let begun = tokio::select! {
            biased;
            () = shutdown.draining.cancelled() => None,
            () = self.context.suspension.suspended() => None,
            // Another worker may have a permit sooner.
            () = sleep(hold_time(self.context)) => None,
            begun = begun => begun,
        };
        let Some((lock, _permit)) = begun else {
            return self.settle(Err(shutting_down()), acker).await;
        };
        if acker.is_stale() {
            // Its session was lost while it waited for a permit; the broker delivers it again.
            return self.note_stale();
        }
        self.started = Instant::now();
        let _in_flight = self.context.job_context.metrics.job_in_flight();
        let ended = match parsed {
            Ok(job) => {
                self.tell_start(&job);
                self.isolate(job, &acker).await
            }
            Err(failure) => Err(failure),
        };
        drop(lock);
        self.settle(ended, acker).await;
    }

    /// Tells the ledger that the job is begun, without waiting: what is told at its end counts.
    fn tell_start(&self, job: &Job) {
        let event = messages::started(job, self.context.publisher.name());
        let context = Arc::clone(self.context);
        tokio::spawn(async move {
            if let Err(error) = context.publisher.event(&event).await {
                tracing::debug!(%error, "the ledger was not told that a job has started");
            }
        });
    }

    /// Returns true if the job is to be dropped. One of which pages are read already goes on, whoever has it now.
    async fn is_purged(&self, job: &Job) -> bool {
        if self.context.orders.verdict(job) != OrderVerdict::Purged {
            return false;
        }
        if job.pages.is_some() || self.message.has_parts {
            return false;
        }
        if !self.is_resumed() {
            return true;
        }
        // A document that is gone has no pages either.
        let kept = job::shared::pages_kept(&self.context.job_context, job).await;
        kept.unwrap_or(0) == 0
    }

    /// The place of a message that is not to be handled here and now.
    async fn elsewhere(&self, job: &Job) -> Option<NextPlace> {
        let context = self.context;
        let engine = context.job_context.engine.info().name.to_string();
        if let Some(wanted) = &job.engine
            && *wanted != engine
            && let Some(queue) = context.topology.engine_queue(wanted)
        {
            tracing::debug!(wanted, "the job is for another engine");
            return Some(NextPlace::Queue(queue.to_owned()));
        }
        if self.message.counted_by_broker >= RENEW_AFTER {
            return Some(NextPlace::Queue(self.home_queue().to_owned()));
        }
        // This worker has said its word: another one is to be heard, if there is one.
        let opinion = self.message.opinion.as_ref();
        if opinion.is_some_and(|opinion| opinion.by == context.publisher.name())
            && context.publisher.others_consume().await
        {
            return Some(NextPlace::Delay);
        }
        if context.orders.verdict(job) == OrderVerdict::Paused {
            return Some(NextPlace::Pause);
        }
        None
    }

    /// The queue that the message belongs to.
    pub(super) fn home_queue(&self) -> &str {
        let topology = &self.context.topology;
        let engine = self.job.as_ref().and_then(|job| job.engine.as_deref());
        engine
            .and_then(|engine| topology.engine_queue(engine))
            .unwrap_or(&topology.jobs)
    }

    /// Runs the job beside others; alone, and marked, if its message has come before; not at all if it is poison.
    async fn isolate(&self, job: Job, acker: &Acker) -> Result<JobEnd, JobFailure> {
        // Before marks are looked for where the job's results would go.
        self.context.job_context.bounds.check(&job)?;
        if let Some(queued_s) = messages::queued_s(&job) {
            let wait = Duration::try_from_secs_f64(queued_s).unwrap_or_default();
            self.context.job_context.metrics.queue_wait(wait);
        }
        if !self.message.redelivered {
            return self.beside_others(self.run_job(job, 0, acker)).await;
        }
        let crashes = self.crashes(&job).await?;
        if crashes.number >= MAX_CRASHES {
            return self.reject_poison_message(&job, crashes.number).await;
        }
        if crashes.number == 0 {
            let run = self.run_marked(job, crashes, acker);
            return self.beside_others(run).await;
        }
        // It may have killed its workers, so it runs alone, and the jobs beside it neither suffer for it nor are taken
        // for the culprit.
        sleep(QUARANTINE_JITTER.mul_f64(rand::random())).await;
        tracing::info!(crashes = crashes.number, "job in quarantine: runs alone");
        let _alone = tokio::select! {
            alone = self.context.quarantine.write() => alone,
            () = self.context.shutdown.draining.cancelled() => return Err(shutting_down()),
        };
        self.run_marked(job, crashes, acker).await
    }

    /// The crashes since the last page of the job's document was stored: a worker that ended after that may have ended
    /// over anything.
    async fn crashes(&self, job: &Job) -> Result<Crashes, JobFailure> {
        let context = &self.context.job_context;
        let store = |error| JobFailure::store(FailureStage::Store, &error);
        let known = CrashMark::crashes(context, job).await.map_err(store)?;
        if known.number == 0 {
            return Ok(known);
        }
        // The document may be gone, which its job finds out.
        let pages = job::shared::pages_kept(context, job).await.unwrap_or(0);
        if pages <= known.pages {
            return Ok(known);
        }
        CrashMark::remove_all(context, job).await;
        Ok(Crashes { number: 0, pages })
    }

    async fn beside_others(
        &self,
        run: impl Future<Output = Result<JobEnd, JobFailure>>,
    ) -> Result<JobEnd, JobFailure> {
        let _shared = tokio::select! {
            shared = self.context.quarantine.read() => shared,
            () = self.context.shutdown.draining.cancelled() => return Err(shutting_down()),
        };
        run.await
    }

    /// Runs the job with a mark in the store that says so, and that stays if this process dies.
    async fn run_marked(
        &self,
        job: Job,
        crashes: Crashes,
        acker: &Acker,
    ) -> Result<JobEnd, JobFailure> {
        let context = &self.context.job_context;
        let mark = CrashMark::leave(context, &job, crashes).await;
        let mark = mark.map_err(|error| JobFailure::store(FailureStage::Store, &error))?;
        let mut run = pin!(self.run_job(job.clone(), crashes.number, acker));
        let ended = tokio::select! {
            ended = &mut run => ended,
            // This process lives, whoever gets the message next.
            () = stale(acker) => {
                mark.remove(context).await;
                return run.await;
            }
        };
        match &ended {
            Ok(JobEnd::Result(_) | JobEnd::Continued(_)) => {
                CrashMark::remove_all(context, &job).await;
            }
            Ok(JobEnd::Stopped) => mark.remove(context).await,
            // The engine that stopped counts as a crash: the process ends.
            Err(failure) if job::policy::policy(failure.kind).restart => {}
            Err(_) => mark.remove(context).await,
        }
        ended
    }

    /// Runs the job on a task of its own, so that a panic ends that job alone; has it stop at a page, its pages kept, when
    /// others are to go on with it.
    async fn run_job(&self, job: Job, crashes: u32, acker: &Acker) -> Result<JobEnd, JobFailure> {
        tracing::info!("job started");
        let delivery = Arc::new(JobDelivery {
            is_resumed: self.is_resumed(),
            crashes,
            progress: Arc::new(JobProgress::default()),
        });
        let (job_context, run) = (Arc::clone(&self.context.job_context), Arc::clone(&delivery));
        let of_task = job.clone();
        let work = async move { job::run(&job_context, &of_task, &run).await };
        // Dropping the task's future cancels the threads that read for it.
        let mut task = AbortOnDropHandle::new(tokio::spawn(work.in_current_span()));
        let stopped = self.stop_when_needed(&job, &delivery.progress, acker);
        let reason = tokio::select! {
            ended = &mut task => return unless_panicked(ended),
            reason = stopped => reason,
        };
        delivery.progress.stop.cancel();
        tracing::info!(?reason, "no further page of the document is begun here");
        let ended = tokio::select! {
            ended = &mut task => unless_panicked(ended)?,
            () = self.aborted() => return Err(shutting_down()),
        };
        match (ended, reason) {
            (JobEnd::Stopped, StopReason::Share(workers)) => {
                job::shared::share(&self.context.job_context, &job, &delivery, workers).await
            }
            (JobEnd::Stopped, StopReason::Cancel) => Err(cancelled(Some(&delivery.progress))),
            (ended, _) => Ok(ended),
        }
    }

    /// Waits for a reason to stop reading.
    async fn stop_when_needed(
        &self,
        job: &Job,
        progress: &JobProgress,
        acker: &Acker,
    ) -> StopReason {
        let mut watch = StopWatch {
            context: self.context,
            acker,
            delivered: self.delivered,
            may_share: job.pages.is_none(),
            job,
            can_keep: None,
            asked: None,
        };
        let aborted = &self.context.shutdown.aborted;
        loop {
            if let Some(reason) = watch.reason(progress).await {
                return reason;
            }
            tokio::select! {
                () = sleep(STOP_CHECK_INTERVAL) => {}
                () = aborted.cancelled() => return StopReason::Shutdown,
            }
        }
    }

    /// Waits until the worker gives up what it does, and pages in hand had their time.
    async fn aborted(&self) {
        self.context.shutdown.aborted.cancelled().await;
        sleep(PAGES_IN_HAND_TIMEOUT).await;
    }

    /// Returns true if an earlier delivery may have stored pages.
    pub(super) fn is_resumed(&self) -> bool {
        self.message.redelivered || self.message.has_parts || self.message.attempts > 0
    }

    /// The job's stored result; without one, the job fails for good.
    async fn reject_poison_message(&self, job: &Job, crashes: u32) -> Result<JobEnd, JobFailure> {
        let context = &self.context.job_context;
        let stored = job::stored(context, job).await?;
        CrashMark::remove_all(context, job).await;
        if let Some(stored) = stored {
            return Ok(JobEnd::Result(Box::new(stored)));
        }
        let what = match &job.pages {
            Some(range) => format!("pages {} to {} of this document", range.first, range.last),
            None => "this job".to_owned(),
        };
        Err(JobFailure::new(
            FailureStage::Deliver,
            FailureKind::PoisonMessage,
            format!(
                "{crashes} workers ended while they had {what}; look at the document and at the workers' memory"
            ),
        ))
    }
}

/// The next place of a message that is handed over as it came.
pub(super) enum NextPlace {
    /// This queue.
    Queue(String),
    /// The delay queue that it came from.
    Delay,
    /// A delay queue, in which a job waits whose batch is paused.
    Pause,
}

/// The failure of a job that an operator has cancelled.
fn cancelled(progress: Option<&JobProgress>) -> JobFailure {
    let (stage, read) = match progress.and_then(|progress| Some((progress, progress.pages()?))) {
        Some((progress, pages)) => {
            let read = pages.saturating_sub(progress.remaining());
            let read = format!("{read} of {pages} pages were read, and are not kept");
            (FailureStage::Read, read)
        }
        None => (FailureStage::Deliver, "it was not begun here".to_owned()),
    };
    JobFailure::new(
        stage,
        FailureKind::JobCancelled,
        format!("cancelled by an order; {read}"),
    )
}

fn unless_panicked(
    ended: Result<Result<JobEnd, JobFailure>, JoinError>,
) -> Result<JobEnd, JobFailure> {
    ended.unwrap_or_else(|panicked| {
        // The panic's own text could quote the document.
        tracing::error!(is_panic = panicked.is_panic(), "the job panicked");
        Err(JobFailure::new(
            FailureStage::Read,
            FailureKind::Panic,
            "the job panicked; this is a defect of recto, please report it",
        ))
    })
}

async fn stale(acker: &Acker) {
    while !acker.is_stale() {
        sleep(STALE_CHECK_INTERVAL).await;
    }
}
