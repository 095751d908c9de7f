//! [`LocalWorker`]: reads the jobs of `recto serve --local` in this process. The ledger is the queue: what has not ended when
//! the process does is begun again at the next start.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use recto_schemas::{
    DeadLetter, DocumentPassword, FailureKind, FailureStage, Job, JobEvent, JobStep,
};
use tokio::{
    sync::{Semaphore, mpsc},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::JobCanceller;
use crate::{
    broker::connection::ExponentialBackoff,
    commands::job_queue::{JobSink, QueueError},
    job::{
        self, JobContext, JobDelivery, JobEnd, failure::JobFailure, messages, parse,
        progress::JobProgress, shown_body,
    },
    ledger::{
        Ledger,
        database::{Intake, JobFilter},
        record::{JobRecord, JobState, split_id},
    },
    observe::logging,
    os::clock,
};

/// Time for pages in hand to be read and kept at the end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// The worker of a service without a broker.
pub(crate) struct LocalWorker {
    context: Arc<JobContext>,
    ledger: Ledger,
    queue: mpsc::UnboundedSender<String>,
    state: Mutex<LocalState>,
}

#[derive(Default)]
struct LocalState {
    /// Jobs that are in hand, by their first `id`: one that is handed over twice is read once.
    in_hand: HashSet<String>,
    /// Jobs that are read, by `id`.
    running: HashMap<String, RunningJob>,
    /// Passwords, which the ledger does not keep, by `id`.
    passwords: HashMap<String, DocumentPassword>,
}

struct RunningJob {
    batch: Option<String>,
    progress: Arc<JobProgress>,
    cancelled: CancellationToken,
}

impl LocalWorker {
    /// A worker, and the jobs that it will be given.
    pub(crate) fn new(
        context: JobContext,
        ledger: Ledger,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<String>) {
        let (queue, jobs) = mpsc::unbounded_channel();
        let worker = Self {
            context: Arc::new(context),
            ledger,
            queue,
            state: Mutex::default(),
        };
        (Arc::new(worker), jobs)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, LocalState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads jobs, `at_once` at a time, until it is told to stop; then the pages in hand are kept.
    pub(crate) async fn run(
        self: Arc<Self>,
        mut jobs: mpsc::UnboundedReceiver<String>,
        at_once: usize,
        stop: &CancellationToken,
    ) -> anyhow::Result<()> {
        self.queue_open_jobs().await?;
        let permits = Arc::new(Semaphore::new(at_once));
        let running = TaskTracker::new();
        loop {
            let next = async {
                let permit = Arc::clone(&permits).acquire_owned().await.ok()?;
                Some((jobs.recv().await?, permit))
            };
            let next = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                next = next => next,
            };
            let Some((id, permit)) = next else { break };
            let worker = Arc::clone(&self);
            running.spawn(async move {
                worker.take(&id).await;
                drop(permit);
            });
        }
        for job in self.state().running.values() {
            job.progress.stop.cancel();
        }
        running.close();
        tokio::select! {
            () = running.wait() => {}
            () = sleep(DRAIN_TIMEOUT) => tracing::warn!("pages in hand are given up"),
        }
        Ok(())
    }

    /// Queues what an earlier process has not ended.
    async fn queue_open_jobs(&self) -> anyhow::Result<()> {
        let (mut after, mut found) = (String::new(), 0);
        loop {
            let page = self.ledger.unheard(i64::MAX, &after).await?;
            let Some(last) = page.last() else { break };
            after.clone_from(&last.id);
            found += page.len();
            for record in &page {
                let _ = self.queue.send(record.id.clone());
            }
        }
        if found > 0 {
            tracing::info!(jobs = found, "going on with jobs that had not ended");
        }
        Ok(())
    }

    /// Reads a job of the ledger, if it is still to be read and nobody does.
    async fn take(&self, id: &str) {
        let first = split_id(id).0;
        let password = {
            let mut state = self.state();
            if !state.in_hand.insert(first.to_owned()) {
                return;
            }
            state.passwords.remove(id)
        };
        self.take_open(id, password).await;
        self.state().in_hand.remove(first);
    }

    async fn take_open(&self, id: &str, password: Option<DocumentPassword>) {
        let mut backoff = ExponentialBackoff::default();
        let record = loop {
            match self.ledger.job(id).await {
                Ok(Some(record)) if record.state.is_open() => break record,
                Ok(_) => return,
                Err(error) => {
                    tracing::warn!(%error, id, "a job waits: the ledger does not answer");
                    sleep(backoff.next_wait()).await;
                }
            }
        };
        let is_resumed = record.started > 0;
        let (message_id, has_password) = (record.message_id(), record.has_password);
        let job = match serde_json::from_str::<Job>(&record.body) {
            Ok(job) => Job {
                id: message_id,
                password,
                ..job
            },
            Err(error) => {
                tracing::warn!(%error, id, "the ledger's copy of a job cannot be read");
                return;
            }
        };
        let span = logging::job_span(
            &job.id,
            &job.source.uri,
            job.batch.as_deref(),
            0,
            job.traceparent.as_deref(),
        );
        let read = async {
            if has_password && job.password.is_none() {
                let failure = JobFailure::new(
                    FailureStage::Parse,
                    FailureKind::BadMessage,
                    "its password was kept in memory alone and is gone; submit the document again"
                        .to_owned(),
                );
                return self.end(&job, dead_letter(&job, &failure)).await;
            }
            self.read(&job, is_resumed).await;
        };
        tracing::Instrument::instrument(read, span).await;
    }

    async fn read(&self, job: &Job, is_resumed: bool) {
        let progress = Arc::new(JobProgress::default());
        let cancelled = CancellationToken::new();
        let running = RunningJob {
            batch: job.batch.clone(),
            progress: Arc::clone(&progress),
            cancelled: cancelled.clone(),
        };
        self.state().running.insert(job.id.clone(), running);
        // An order to cancel changes the ledger first: either it finds the job running, or the job finds itself ended.
        if !self.is_open(job).await {
            self.state().running.remove(&job.id);
            return;
        }
        self.record(messages::started(job, &self.context.worker))
            .await;
        tracing::info!("job started");
        let delivery = JobDelivery {
            is_resumed,
            crashes: 0,
            progress,
        };
        let run = std::panic::AssertUnwindSafe(job::run(&self.context, job, &delivery));
        let ended = tokio::select! {
            ended = run.catch_unwind() => ended.unwrap_or_else(|_| {
                Err(JobFailure::new(FailureStage::Read, FailureKind::Panic, "reading panicked".to_owned()))
            }),
            () = cancelled.cancelled() => Err(JobFailure::new(
                FailureStage::Read,
                FailureKind::JobCancelled,
                "cancelled by an order".to_owned(),
            )),
        };
        self.state().running.remove(&job.id);
        match ended {
            Ok(JobEnd::Result(ended)) => {
                let result = messages::result(job, &ended, 0, messages::queued_s(job));
                tracing::info!(
                    state = ended.state.as_str(),
                    pages = ended.manifest.counts.selected,
                    pages.failed = ended.manifest.counts.failed,
                    read = ended.read_now,
                    "job ended"
                );
                let result = Box::new(result);
                self.end(job, JobStep::Ended { result }).await;
                if let Err(error) = ended.parts.remove().await {
                    tracing::warn!(%error, "parts of a document could not be removed");
                }
            }
            Ok(JobEnd::Stopped | JobEnd::Continued(_)) => {
                tracing::info!(
                    "the pages that were read are kept; the next start goes on with the job"
                );
            }
            Err(failure) => {
                tracing::warn!(
                    stage = failure.stage.as_str(),
                    kind = failure.kind.as_str(),
                    error = %failure,
                    "job failed"
                );
                if let Err(error) = job::shared::forget(&self.context, job).await {
                    tracing::debug!(%error, "nothing of the job is kept");
                }
                self.end(job, dead_letter(job, &failure)).await;
            }
        }
    }

    /// Returns true if the job has not ended in the ledger, as far as that answers.
    async fn is_open(&self, job: &Job) -> bool {
        match self.ledger.job(&job.id).await {
            Ok(record) => record.is_none_or(|record| record.state.is_open()),
            Err(_) => true,
        }
    }

    /// Records the end of a job.
    async fn end(&self, job: &Job, step: JobStep) {
        self.record(messages::event(job, step)).await;
    }

    /// Records a step, for as long as that takes.
    async fn record(&self, event: JobEvent) {
        let event = Intake::Event(Box::new(event));
        let mut backoff = ExponentialBackoff::default();
        while let Err(error) = self.ledger.take(std::slice::from_ref(&event)).await {
            tracing::warn!(%error, "a step of a job waits for the ledger");
            sleep(backoff.next_wait()).await;
        }
    }
}

/// The step of a job that has no result.
fn dead_letter(job: &Job, failure: &JobFailure) -> JobStep {
    let body = serde_json::to_vec(job).unwrap_or_default();
    JobStep::DeadLettered {
        letter: Box::new(DeadLetter {
            schema: DeadLetter::SCHEMA.to_owned(),
            id: Some(job.id.clone()),
            stage: failure.stage,
            kind: failure.kind,
            message: failure.message.clone(),
            attempts: 0,
            redelivery_count: 0,
            batch: job.batch.clone(),
            labels: job.labels.clone(),
            traceparent: job.traceparent.clone(),
            failed_at: clock::now(),
            body: shown_body::without_secrets(&body),
        }),
    }
}

#[async_trait]
impl JobSink for LocalWorker {
    async fn send(&self, job: &Job) -> Result<(), QueueError> {
        let not_queued = |error: String| QueueError::NotQueued(error);
        let body = serde_json::to_vec(job).expect("a job is JSON");
        parse::parse_job(&body).map_err(|failure| not_queued(failure.to_string()))?;
        if let Some(password) = &job.password {
            self.state()
                .passwords
                .insert(job.id.clone(), password.clone());
        }
        let event = Intake::Event(Box::new(messages::submitted(job)));
        let taken = self.ledger.take(std::slice::from_ref(&event)).await;
        taken.map_err(|error| not_queued(error.to_string()))?;
        self.queue
            .send(job.id.clone())
            .map_err(|_| not_queued("the service stops".to_owned()))
    }
}

#[async_trait]
impl JobCanceller for LocalWorker {
    async fn cancel(&self, batch: Option<String>, job: Option<String>) -> anyhow::Result<()> {
        // Those that are read are told themselves; the others end in the ledger, where they are looked up.
        let running: HashSet<String> = {
            let state = self.state();
            let ids = state.running.keys();
            ids.map(|id| split_id(id).0.to_owned()).collect()
        };
        let waiting = |record: &mut JobRecord| {
            let is_waiting = record.state.is_open() && !running.contains(&record.id);
            if is_waiting {
                record.cancel();
            }
            is_waiting
        };
        if let Some(id) = &job {
            let id = split_id(id).0.to_owned();
            self.ledger.change(&[id], &waiting).await?;
        }
        if let Some(batch) = batch.clone() {
            let filter = JobFilter {
                batch,
                states: vec![JobState::Waiting, JobState::Reading, JobState::Lost],
                kind: None,
            };
            let mut after = String::new();
            loop {
                let page = self.ledger.jobs(&filter, &after).await?;
                let Some(last) = page.last() else { break };
                after.clone_from(&last.id);
                let ids: Vec<String> = page.into_iter().map(|record| record.id).collect();
                self.ledger.change(&ids, &waiting).await?;
            }
        }
        let is_meant = |id: &str, of: Option<&str>| {
            job.as_deref() == Some(id) || (batch.is_some() && batch.as_deref() == of)
        };
        for (id, running) in &self.state().running {
            if is_meant(id, running.batch.as_deref()) {
                running.cancelled.cancel();
            }
        }
        Ok(())
    }
}
