//! The consumer: deliveries in, each settled once, after its result is durable.
//!
//! One [`ConsumerSession`] at a time: a connection and its deliveries. When it is lost the jobs that
//! it brought go on; the broker delivers them again, to this worker or another one, and whoever gets them finds
//! the stored result, or waits for it.

// One connection and what it delivers.
mod session;
// What the worker sends, on a connection of its own.
mod outlet;
// One delivery: from its arrival to its verdict.
mod handle;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use recto_pipeline::cancel::CancelToken;
use tokio::{
    sync::{RwLock, Semaphore},
    time::{interval, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    broker::{
        connection::ExponentialBackoff, consume::ConsumerClosed, error::BrokerError,
        topology::QueueTopology,
    },
    cli::BrokerArgs,
    job::{JobContext, failure::JobFailure, keyed_lock::KeyedLock, policy::policy},
    observe::admin::{HealthComponent, WorkerHealth},
    observe::logging::rounded,
    observe::metrics::ReconnectPeer,
};
pub(crate) use outlet::ResultPublisher;
use session::ConsumerSession;

/// How often the loop shows that it goes round.
const BEAT: Duration = Duration::from_secs(1);
/// A session that lasts so long was a good one; after shorter ones the waits between them grow.
const LASTING: Duration = Duration::from_secs(30);
/// Time for interrupted jobs to be handed back, after the drain's deadline.
const HAND_BACK: Duration = Duration::from_secs(5);

/// Everything the consumer works with.
pub(crate) struct ConsumerContext {
    pub(crate) parts: Arc<JobContext>,
    pub(crate) broker: BrokerArgs,
    pub(crate) topology: QueueTopology,
    pub(crate) outlet: ResultPublisher,
    pub(crate) health: Arc<WorkerHealth>,
    pub(crate) drain: Shutdown,
    /// Jobs at once; also what the broker may send ahead.
    pub(crate) jobs: u16,
    /// One for each job at once, whichever session brought it.
    pub(crate) permits: Arc<Semaphore>,
    /// Held, by the job's `id`, while the job is done: one that a lost session brought goes on, and comes again.
    pub(crate) jobs_in_flight: KeyedLock,
    pub(crate) trouble: FailureBackoff,
    /// Shared by jobs; held alone by one that may have killed a worker before.
    pub(crate) alone: Arc<RwLock<()>>,
    pub(crate) tasks: TaskTracker,
    /// Raised when a part that cannot be mended broke.
    pub(crate) broken: AtomicBool,
}

/// Store or disk in trouble: the next job would fail like the last one.
#[derive(Debug, Default)]
pub(crate) struct FailureBackoff(AtomicU32);

impl FailureBackoff {
    /// After a failure that the next job would share, waits while the job's permit is held: a sick worker must not be the
    /// fastest of its fleet, and run the whole queue through its retries. A second, then twice that, up to a minute.
    async fn pause(&self, failure: &JobFailure, drain: &Shutdown) {
        const LONGEST: Duration = Duration::from_secs(60);
        if !policy(failure.kind).backoff {
            return;
        }
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        let wait = Duration::from_secs(1 << before.min(6)).min(LONGEST);
        tokio::select! {
            () = sleep(wait) => {}
            () = drain.stop.cancelled() => {}
        }
    }

    /// A job went through.
    fn over(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// The two steps of an orderly end.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown {
    /// Take no more jobs.
    pub(crate) stop: CancellationToken,
    /// Give up what is under way.
    pub(crate) now: CancellationToken,
    /// The same, for threads.
    pub(crate) cancel: CancelToken,
    /// From the first to the second.
    pub(crate) deadline: Duration,
}

impl Shutdown {
    pub(crate) fn new(deadline: Duration) -> Self {
        Self {
            stop: CancellationToken::new(),
            now: CancellationToken::new(),
            cancel: CancelToken::new(),
            deadline,
        }
    }

    fn give_up(&self) {
        self.now.cancel();
        self.cancel.cancel();
    }
}

/// Consumes until the drain. The first connection has until `start_by`.
///
/// # Errors
/// [`BrokerError`] where the first connection could not be made in time, or never will be.
pub(crate) async fn run(desk: &Arc<ConsumerContext>, start_by: Instant) -> Result<(), BrokerError> {
    let mut backoff = ExponentialBackoff::default();
    let mut started = false;
    while !desk.drain.stop.is_cancelled() {
        let opened = tokio::select! {
            opened = beating(&desk.health, ConsumerSession::open(desk)) => opened,
            () = desk.drain.stop.cancelled() => break,
        };
        match opened {
            Ok(session) => {
                if started {
                    desk.parts.metrics.reconnected(ReconnectPeer::Broker);
                }
                started = true;
                let since = Instant::now();
                desk.health.set(HealthComponent::Broker, Ok(()));
                tracing::info!(queue = desk.topology.jobs, jobs = desk.jobs, "taking jobs");
                let Some(why) = serve(desk, session).await else {
                    desk.outlet.close().await;
                    return Ok(());
                };
                tracing::warn!(reason = %why, "lost the broker; connecting again");
                desk.health
                    .set(HealthComponent::Broker, Err(why.to_string()));
                if since.elapsed() >= LASTING {
                    backoff.reset();
                }
                wait(desk, backoff.next_wait()).await;
            }
            Err(error) if !started && (!error.is_transient() || Instant::now() >= start_by) => {
                return Err(error);
            }
            Err(error) => {
                tracing::warn!(%error, "no broker yet");
                desk.health
                    .set(HealthComponent::Broker, Err(error.to_string()));
                wait(desk, backoff.next_wait()).await;
            }
        }
    }
    // Jobs whose session was lost.
    finish(desk).await;
    desk.outlet.close().await;
    Ok(())
}

/// Does what has a deadline of its own, and shows meanwhile that the worker lives.
pub(crate) async fn beating<T>(health: &WorkerHealth, work: impl Future<Output = T>) -> T {
    let beat = async {
        loop {
            health.beat();
            sleep(BEAT).await;
        }
    };
    tokio::select! {
        done = work => done,
        never = beat => never,
    }
}

/// Sleeps; ends at once with the drain.
async fn wait(desk: &ConsumerContext, time: Duration) {
    tokio::select! {
        () = beating(&desk.health, sleep(time)) => {}
        () = desk.drain.stop.cancelled() => {}
    }
}

/// Takes deliveries until the drain, which it sees to its end, or until the session is lost: then says why.
async fn serve(
    desk: &Arc<ConsumerContext>,
    mut session: ConsumerSession,
) -> Option<ConsumerClosed> {
    let start = |delivery| {
        desk.tasks.spawn(handle::handle(Arc::clone(desk), delivery));
    };
    let mut beat = interval(BEAT);
    let lost = loop {
        tokio::select! {
            biased;
            () = desk.drain.stop.cancelled() => break None,
            _ = beat.tick() => desk.health.beat(),
            delivery = session.consumer.next() => match delivery {
                Ok(delivery) => start(delivery),
                Err(ended) => break Some(ended),
            },
        }
    };
    if lost.is_none() {
        // What comes now was under way already; `handle` gives it back.
        let cancelled = session.consumer.cancel().await;
        if let Err(error) = &cancelled {
            tracing::warn!(%error, "could not stop consuming in order");
        }
        while cancelled.is_ok()
            && let Ok(Ok(delivery)) = timeout(HAND_BACK, session.consumer.next()).await
        {
            start(delivery);
        }
        finish(desk).await;
    }
    session.close().await;
    lost
}

/// Waits for the jobs under way up to the deadline, then gives them up.
async fn finish(desk: &ConsumerContext) {
    desk.tasks.close();
    let under_way = desk.tasks.len();
    let started = Instant::now();
    let ended = timeout(desk.drain.deadline, desk.tasks.wait());
    let all_done = beating(&desk.health, ended).await.is_ok();
    if !all_done {
        desk.drain.give_up();
        if timeout(HAND_BACK, desk.tasks.wait()).await.is_err() {
            tracing::warn!(
                jobs = desk.tasks.len(),
                "jobs left without being handed back; the broker delivers them again"
            );
        }
    }
    if under_way > 0 {
        tracing::info!(
            jobs = under_way,
            seconds = rounded(started.elapsed().as_secs_f64()),
            handed_back = !all_done,
            "drained"
        );
    }
}
