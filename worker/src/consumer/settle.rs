//! Settling: what becomes of a delivery's message once its job has ended. Nothing else settles the messages of jobs.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use recto_schemas::{FailureKind, FailureStage, Job, JobStep};
use tokio::time::{sleep, timeout};

use super::{
    crash_marks::CrashMark,
    delivery::{DeliveryHandler, NextPlace},
    suspension::Trouble,
};
use crate::{
    broker::{
        connection::ExponentialBackoff,
        consume::{Acker, InboundMessage, StaleDelivery},
        publish::PublishError,
    },
    document::parts::JobParts,
    job::{
        self, JobEnd, JobOutcome,
        disposition::{Circumstances, Disposition, Evidence},
        evidence,
        failure::JobFailure,
        messages,
        policy::{Reaction, policy},
    },
    observe::{admin::HealthComponent, logging, metrics::JobStage},
};

/// Attempts to remove the parts of a document whose result is stored.
const MAX_REMOVALS: u32 = 5;

/// Time for a message that is given back to be confirmed; after that the delivery itself is returned to the queue,
/// which the broker may count.
const HAND_BACK_TIMEOUT: Duration = Duration::from_secs(3);

impl DeliveryHandler<'_> {
    /// Settles the message of a job that has ended.
    pub(super) async fn settle(&self, ended: Result<JobEnd, JobFailure>, acker: Acker) {
        match ended {
            Ok(JobEnd::Result(ended)) => self.settle_result(&ended, acker).await,
            Ok(JobEnd::Stopped) => self.settle_stopped(acker).await,
            Ok(JobEnd::Continued(messages)) => self.settle_continued(&messages, acker).await,
            Err(failure) => self.settle_failure(&failure, acker).await,
        }
    }

    /// The result is stored, so nothing but its message is left to do, for as long as it takes.
    async fn settle_result(&self, ended: &JobOutcome, acker: Acker) {
        match self.publish_result(ended, &acker).await {
            PublishOutcome::Confirmed => {
                self.remove_parts(&ended.parts).await;
                self.acknowledge(ended, acker).await;
            }
            PublishOutcome::ShuttingDown => {
                let requeue = Disposition::Requeue;
                let settled = self.give_back(self.message, acker).await;
                self.note_failure(requeue, &shutting_down(), settled);
            }
            PublishOutcome::Stale => {
                self.remove_parts(&ended.parts).await;
                self.note_stale();
            }
        }
    }

    /// Another delivery goes on where this one has stopped.
    async fn settle_stopped(&self, acker: Acker) {
        if acker.is_stale() {
            return self.note_stale();
        }
        tracing::info!("the pages that were read are stored; the job goes back to its queue");
        let rest = InboundMessage {
            has_parts: true,
            ..self.message.clone()
        };
        if self.give_back(&rest, acker).await.is_err() {
            self.note_stale();
        }
    }

    /// The job goes on as other messages, as soon as the broker has all of them.
    async fn settle_continued(&self, messages: &[Job], acker: Acker) {
        for job in messages {
            let publish = || {
                let queue = self.home_queue();
                self.context.publisher.job(queue, job, self.message)
            };
            match self.publish_until_confirmed(&acker, publish).await {
                PublishOutcome::Confirmed => {}
                // The flag `redelivered` tells the next worker that these messages may be missing.
                PublishOutcome::ShuttingDown => {
                    let _ = acker.nack_requeue().await;
                    return;
                }
                PublishOutcome::Stale => return self.note_stale(),
            }
        }
        if acker.ack().await.is_err() {
            return self.note_stale();
        }
        self.context.suspension.note_success(&self.context.health);
        tracing::info!(
            messages = messages.len(),
            "the job goes on in other messages"
        );
    }

    /// Drops a job by an order to purge: no result and no dead letter, but a line in the log and a count. One whose result
    /// is stored has its message all the same.
    pub(super) async fn settle_purged(&self, job: &Job, acker: Acker) {
        if self.is_resumed()
            && let Some(stored) = self.stored().await
        {
            return self.settle_result(&stored, acker).await;
        }
        let context = &self.context.job_context;
        let event = messages::event(job, JobStep::Purged);
        let publish = || self.context.publisher.event(&event);
        match self.publish_until_confirmed(&acker, publish).await {
            PublishOutcome::Confirmed => {}
            PublishOutcome::ShuttingDown => return drop(acker.nack_requeue().await),
            PublishOutcome::Stale => return self.note_stale(),
        }
        if self.message.redelivered {
            CrashMark::remove_all(context, job).await;
        }
        if acker.ack().await.is_err() {
            return self.note_stale();
        }
        context.metrics.job_purged();
        tracing::warn!(
            submitted_at = job.submitted_at,
            "job purged: dropped by an order, without a result or a dead letter"
        );
    }

    async fn publish_result(&self, ended: &JobOutcome, acker: &Acker) -> PublishOutcome {
        let Some(job) = &self.job else {
            return PublishOutcome::Confirmed;
        };
        let queued_s = messages::queued_s(job)
            .map(|now| (now - self.started.elapsed().as_secs_f64()).max(0.0));
        let result = messages::result(job, ended, self.message.attempts, queued_s);
        let event = messages::event(
            job,
            JobStep::Ended {
                result: Box::new(result.clone()),
            },
        );
        let started = Instant::now();
        let publisher = &self.context.publisher;
        let publish = async || {
            publisher.event(&event).await?;
            publisher.result(&job.id, &result).await
        };
        let outcome = self.publish_until_confirmed(acker, publish).await;
        let metrics = &self.context.job_context.metrics;
        metrics.stage(JobStage::Publish, started.elapsed());
        outcome
    }

    /// Removes what is not needed any more. What a store keeps is left, which costs space and nothing else.
    async fn remove_parts(&self, parts: &JobParts) {
        let mut backoff = ExponentialBackoff::default();
        for _ in 0..MAX_REMOVALS {
            match parts.remove().await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, "parts of a document could not be removed; trying again");
                    sleep(backoff.next_wait()).await;
                }
            }
        }
    }

    async fn acknowledge(&self, ended: &JobOutcome, acker: Acker) {
        if acker.ack().await.is_err() {
            return self.note_stale();
        }
        self.context.suspension.note_success(&self.context.health);
        let took = self.started.elapsed();
        let metrics = &self.context.job_context.metrics;
        metrics.job_done(ended.state, took);
        tracing::info!(
            state = ended.state.as_str(),
            pages = ended.manifest.counts.selected,
            pages.failed = ended.manifest.counts.failed,
            pages.reread = ended.manifest.timing.pages_reread,
            parts = ended.manifest.timing.parts.len(),
            read = ended.read_now,
            seconds = logging::rounded(took.as_secs_f64()),
            "job ended"
        );
    }

    async fn settle_failure(&self, failure: &JobFailure, acker: Acker) {
        let disposition = self.disposition(failure).await;
        if disposition == Disposition::DeadLetter && self.is_ended_elsewhere().await {
            return self.settle_continued(&[], acker).await;
        }
        let may_be_stored = disposition == Disposition::DeadLetter
            || matches!(
                policy(failure.kind).reaction,
                Reaction::SecondOpinion { .. }
            );
        if may_be_stored
            && disposition != Disposition::Requeue
            && let Some(stored) = self.stored().await
        {
            return self.settle_result(&stored, acker).await;
        }
        let settled = match disposition {
            Disposition::Requeue if policy(failure.kind).restart => acker.nack_requeue().await,
            Disposition::Requeue => self.give_back(self.message, acker).await,
            Disposition::Retry { .. } | Disposition::DeadLetter => {
                let publish = || self.publish_failure(disposition, failure);
                match self.publish_until_confirmed(&acker, publish).await {
                    PublishOutcome::Confirmed => {
                        self.forget(disposition, failure).await;
                        acker.ack().await
                    }
                    PublishOutcome::ShuttingDown => acker.nack_requeue().await,
                    PublishOutcome::Stale => return self.note_stale(),
                }
            }
        };
        self.note_failure(disposition, failure, settled);
    }

    fn note_failure(
        &self,
        disposition: Disposition,
        failure: &JobFailure,
        settled: Result<(), StaleDelivery>,
    ) {
        if settled.is_err() {
            return self.note_stale();
        }
        let metrics = &self.context.job_context.metrics;
        metrics.job_failed(disposition.label(), failure.kind);
        tracing::warn!(
            disposition = disposition.as_str(),
            stage = failure.stage.as_str(),
            kind = failure.kind.as_str(),
            error = %failure,
            "job failed"
        );
    }

    /// Hands the message over as it came, without a word of failure.
    pub(super) async fn pass_on(&self, to: NextPlace, acker: Acker) {
        if self.hand_over(self.message, &to, acker).await.is_err() {
            self.note_stale();
        }
    }

    /// Gives the message back to its queue, with nothing counted.
    async fn give_back(&self, message: &InboundMessage, acker: Acker) -> Result<(), StaleDelivery> {
        let home = NextPlace::Queue(self.home_queue().to_owned());
        self.hand_over(message, &home, acker).await
    }

    /// Publishes the message as it came, and acknowledges the delivery. If the broker does not confirm that soon, the
    /// delivery is returned to its queue.
    async fn hand_over(
        &self,
        message: &InboundMessage,
        to: &NextPlace,
        acker: Acker,
    ) -> Result<(), StaleDelivery> {
        let publisher = &self.context.publisher;
        let handed = async {
            match to {
                NextPlace::Queue(queue) => publisher.hand_over(queue, message).await,
                NextPlace::Delay => publisher.postpone(message).await,
                NextPlace::Pause => publisher.pause(message).await,
            }
        };
        match timeout(HAND_BACK_TIMEOUT, handed).await {
            Ok(Ok(())) => acker.ack().await,
            Ok(Err(_)) | Err(_) => acker.nack_requeue().await,
        }
    }

    /// Decides on a job that failed, after a look at this worker.
    async fn disposition(&self, failure: &JobFailure) -> Disposition {
        let policy = policy(failure.kind);
        if policy.restart {
            let context = self.context;
            let reason = failure.message.clone();
            context.health.set(HealthComponent::Engine, Err(reason));
            context.must_restart.store(true, Ordering::Relaxed);
            context.shutdown.draining.cancel();
        }
        // The document was fetched: the store is well.
        if failure.stage == FailureStage::Read && policy.reaction == Reaction::Final {
            self.context.suspension.note_success(&self.context.health);
        }
        let evidence = self.evidence(failure, policy.reaction).await;
        let opinion = self.message.opinion.as_ref();
        Disposition::of(
            policy.reaction,
            Circumstances {
                evidence: &evidence,
                seconded: opinion.is_some_and(|first| {
                    first.kind == failure.kind.as_str() && first.by != self.context.publisher.name()
                }),
                suspicious: self.is_suspicious(failure, policy.reaction, &evidence),
                attempts: self.message.attempts,
                steps: self.context.topology.delays.len(),
            },
        )
    }

    /// Tests this worker, and suspends it if it is unfit.
    async fn evidence(&self, failure: &JobFailure, reaction: Reaction) -> Evidence {
        let context = &self.context.job_context;
        let component = match (reaction, failure.kind) {
            (_, kind) if has_no_part_of_store(kind) => return Evidence::Plausible,
            (Reaction::Test(component), _) => component,
            (Reaction::SecondOpinion { .. }, _) => HealthComponent::Store,
            (Reaction::Final | Reaction::Attempt | Reaction::Requeue, _) => {
                return Evidence::Plausible;
            }
        };
        let places = self.job.as_ref().and_then(job::places);
        let evidence = match (component, &places) {
            (HealthComponent::Disk, _) => match context.work.check_room() {
                Ok(()) => Evidence::Plausible,
                Err(error) => Evidence::Unfit(error.to_string()),
            },
            (_, Some(places)) => {
                let known = &context.known_good;
                evidence::of_store(&context.stores, known, failure.stage, places).await
            }
            (_, None) => Evidence::Plausible,
        };
        if let Evidence::Unfit(reason) = &evidence {
            let trouble = Trouble {
                component,
                reason: reason.clone(),
                stage: failure.stage,
                places,
            };
            self.context
                .suspension
                .suspend(&self.context.health, trouble);
        }
        evidence
    }

    /// Counts failures that this worker may be the reason of.
    fn is_suspicious(&self, failure: &JobFailure, reaction: Reaction, evidence: &Evidence) -> bool {
        let Reaction::SecondOpinion { .. } = reaction else {
            return false;
        };
        if *evidence != Evidence::Plausible || has_no_part_of_store(failure.kind) {
            return false;
        }
        let health = &self.context.health;
        let suspension = &self.context.suspension;
        suspension.note_alike(health, failure.kind, |number| Trouble {
            component: HealthComponent::Store,
            reason: format!(
                "{number} jobs in a row failed with {}, and none succeeded; the last one: {}",
                failure.kind, failure.message
            ),
            stage: failure.stage,
            places: self.job.as_ref().and_then(job::places),
        })
    }

    /// Removes the marks of earlier crashes, and the parts of the document, if the job has ended.
    async fn forget(&self, disposition: Disposition, failure: &JobFailure) {
        let context = &self.context.job_context;
        let Some(job) = &self.job else { return };
        if disposition != Disposition::DeadLetter {
            return;
        }
        if self.message.redelivered {
            CrashMark::remove_all(context, job).await;
        }
        let is_cut =
            failure.kind == FailureKind::JobCancelled && failure.stage == FailureStage::Read;
        let may_be_kept = self.is_resumed() || job.pages.is_some() || is_cut;
        if may_be_kept && let Err(error) = job::shared::forget(context, job).await {
            tracing::warn!(%error, "parts of a document that failed may be left");
        }
    }

    /// Returns true if the job ends by another message for pages of its document, or has ended.
    async fn is_ended_elsewhere(&self) -> bool {
        let job = self.job.as_ref();
        let Some((job, range)) = job.and_then(|job| Some((job, job.pages.as_ref()?))) else {
            return false;
        };
        let closes = job::shared::close_failed(&self.context.job_context, job, range).await;
        // Two dead letters are better than none.
        closes.is_ok_and(|closes| !closes)
    }

    /// The job's stored result: a job that has one never ends as a dead letter.
    async fn stored(&self) -> Option<JobOutcome> {
        let job = self.job.as_ref().filter(|job| !job.source.uri.is_empty())?;
        job::stored(&self.context.job_context, job).await.ok()?
    }

    /// Publishes the message to a delay queue, or a dead letter for it.
    async fn publish_failure(
        &self,
        disposition: Disposition,
        failure: &JobFailure,
    ) -> Result<(), PublishError> {
        let publisher = &self.context.publisher;
        if let Disposition::Retry { step } = disposition {
            let second = matches!(
                policy(failure.kind).reaction,
                Reaction::SecondOpinion { .. }
            );
            let opinion = second.then_some(failure.kind);
            return publisher.retry(step, self.message, opinion).await;
        }
        let letter = messages::dead_letter(self.message, self.job.as_ref(), failure);
        let message_id = self.message.message_id.clone();
        let id = letter.id.clone().or(message_id);
        let event = messages::dead_letter_event(self.message, self.job.as_ref(), letter.clone());
        publisher.event(&event).await?;
        publisher.dead_letter(id, &letter).await
    }

    /// Publishes until the broker confirms it, as long as the delivery can be settled: until then the delivery is all
    /// there is of the job. A full queue is waited for; one that is gone is declared again.
    async fn publish_until_confirmed<F: Future<Output = Result<(), PublishError>>>(
        &self,
        acker: &Acker,
        publish: impl Fn() -> F,
    ) -> PublishOutcome {
        let mut backoff = ExponentialBackoff::default();
        let aborted = &self.context.shutdown.aborted;
        loop {
            if acker.is_stale() {
                return PublishOutcome::Stale;
            }
            let published = tokio::select! {
                published = publish() => published,
                () = aborted.cancelled() => return PublishOutcome::ShuttingDown,
            };
            let Err(error) = published else {
                return PublishOutcome::Confirmed;
            };
            tracing::warn!(%error, "a message is not confirmed; publishing it again");
            tokio::select! {
                () = sleep(backoff.next_wait()) => {}
                () = aborted.cancelled() => return PublishOutcome::ShuttingDown,
            }
            if matches!(error, PublishError::Unroutable { .. }) {
                self.context.publisher.restore_queues().await;
            }
        }
    }

    /// Counts a delivery that cannot be settled any more: the broker delivers its message again.
    pub(super) fn note_stale(&self) {
        self.context.job_context.metrics.stale_settlement();
        tracing::info!("the delivery's connection is lost; the broker delivers it again");
    }
}

/// The failure of a job that was not begun, or not ended, because the worker stops or is suspended.
pub(super) fn shutting_down() -> JobFailure {
    JobFailure::new(
        FailureStage::Deliver,
        FailureKind::Shutdown,
        "the worker takes no more jobs",
    )
}

/// Returns true for what a message asks and this worker does not do: nothing of the store has a part in it, and the
/// worker is as well as before, however many such messages come.
fn has_no_part_of_store(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::NotAllowed | FailureKind::EngineUnavailable
    )
}

/// The outcome of publishing a message.
enum PublishOutcome {
    /// The broker has it.
    Confirmed,
    /// The worker is shutting down.
    ShuttingDown,
    /// The delivery cannot be settled any more.
    Stale,
}
