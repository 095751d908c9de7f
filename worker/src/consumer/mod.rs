//! The consumer: deliveries in, each settled once, after its result is durable.
//!
//! One [`ConsumerSession`] at a time: a connection and its deliveries. If it is lost, the jobs that it brought go on;
//! the broker delivers them again, to this worker or another one, and whoever gets them finds the stored result, or
//! waits for it.

pub(crate) mod config;
mod session;
mod orders;
mod publisher;
mod delivery;
mod settle;
mod crash_marks;
mod suspension;
mod shutdown;
mod stop_watch;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use tokio::{
    sync::{RwLock, Semaphore},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::{
    broker::config::BrokerConfig,
    broker::{
        connection::ExponentialBackoff,
        consume::{ConsumerClosed, Delivery},
        error::BrokerError,
        topology::QueueTopology,
    },
    job::{JobContext, keyed_lock::KeyedLock},
    observe::admin::{HealthComponent, WorkerHealth},
    observe::logging::rounded,
    observe::metrics::ReconnectPeer,
};
pub(crate) use orders::Orders;
pub(crate) use publisher::ResultPublisher;
use session::ConsumerSession;
pub(crate) use shutdown::Shutdown;
pub(crate) use suspension::Suspension;

/// Time between two heartbeats of the consumer's loop.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Time between two reports of what this worker has in hand.
const REPORT_INTERVAL: Duration = Duration::from_secs(10);
/// A session that lasts this long counts as stable: the waits between connections start over. After shorter ones they
/// grow.
const MIN_STABLE_SESSION: Duration = Duration::from_secs(30);
/// Time for interrupted jobs to be requeued, after the drain timeout.
const REQUEUE_GRACE: Duration = Duration::from_secs(5);

/// Everything the consumer works with.
pub(crate) struct ConsumerContext {
    pub(crate) job_context: Arc<JobContext>,
    pub(crate) broker: BrokerConfig,
    pub(crate) topology: QueueTopology,
    pub(crate) publisher: ResultPublisher,
    pub(crate) health: Arc<WorkerHealth>,
    pub(crate) shutdown: Shutdown,
    /// Maximum number of concurrent jobs; also the prefetch count.
    pub(crate) jobs: u16,
    /// A document that would be read for so long is shared out among workers.
    pub(crate) share_above: Duration,
    /// One for each concurrent job, whichever session brought it.
    pub(crate) permits: Arc<Semaphore>,
    /// Held, by the job's `id`, while the job is done: one that a lost session brought goes on, and comes again.
    pub(crate) jobs_in_flight: KeyedLock,
    pub(crate) suspension: Suspension,
    pub(crate) orders: Orders,
    /// Shared by ordinary jobs; held alone by a job in quarantine, which may have killed a worker before.
    pub(crate) quarantine: Arc<RwLock<()>>,
    pub(crate) tasks: TaskTracker,
    /// Set if a component broke that only a new process mends.
    pub(crate) must_restart: AtomicBool,
}

/// Consumes until the worker shuts down. The first connection has until `start_by`.
///
/// # Errors
/// [`BrokerError`] if the first connection could not be made in time, or never will be.
pub(crate) async fn run(
    context: &Arc<ConsumerContext>,
    start_by: Instant,
) -> Result<(), BrokerError> {
    let mut backoff = ExponentialBackoff::default();
    let mut started = false;
    let _reports = AbortOnDropHandle::new(tokio::spawn(report(Arc::clone(context))));
    while !context.shutdown.draining.is_cancelled() {
        let opened = tokio::select! {
            opened = with_heartbeat(&context.health, ConsumerSession::open(context)) => opened,
            () = context.shutdown.draining.cancelled() => break,
        };
        match opened {
            Ok(session) => {
                if started {
                    let metrics = &context.job_context.metrics;
                    metrics.reconnected(ReconnectPeer::Broker);
                }
                started = true;
                let since = Instant::now();
                context.health.set(HealthComponent::Broker, Ok(()));
                tracing::info!(
                    queue = context.topology.jobs,
                    jobs = context.jobs,
                    "consuming jobs"
                );
                let Some(reason) = consume(context, session).await else {
                    context.publisher.close().await;
                    return Ok(());
                };
                tracing::warn!(%reason, "lost the broker; connecting again");
                let broker = HealthComponent::Broker;
                context.health.set(broker, Err(reason.to_string()));
                if since.elapsed() >= MIN_STABLE_SESSION {
                    backoff.reset();
                }
                sleep_unless_draining(context, backoff.next_wait()).await;
            }
            Err(error) if !started && (!error.is_transient() || Instant::now() >= start_by) => {
                return Err(error);
            }
            Err(error) => {
                tracing::warn!(%error, "cannot connect to the broker yet");
                let broker = HealthComponent::Broker;
                context.health.set(broker, Err(error.to_string()));
                sleep_unless_draining(context, backoff.next_wait()).await;
            }
        }
    }
    // Jobs whose session was lost.
    drain_in_flight(context).await;
    context.publisher.close().await;
    Ok(())
}

/// Tells the ledger, now and then, which jobs this worker has in hand.
async fn report(context: Arc<ConsumerContext>) {
    let mut reports = interval(REPORT_INTERVAL);
    reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        reports.tick().await;
        let jobs = context.jobs_in_flight.keys();
        if let Err(error) = context.publisher.report(jobs).await {
            tracing::debug!(%error, "the ledger was not told what this worker has in hand");
        }
    }
}

/// Does work that has a deadline of its own, with heartbeats meanwhile.
pub(crate) async fn with_heartbeat<T>(health: &WorkerHealth, work: impl Future<Output = T>) -> T {
    let heartbeats = async {
        loop {
            health.heartbeat();
            sleep(HEARTBEAT_INTERVAL).await;
        }
    };
    tokio::select! {
        done = work => done,
        never = heartbeats => never,
    }
}

/// Sleeps; a shutdown ends it at once.
async fn sleep_unless_draining(context: &ConsumerContext, time: Duration) {
    tokio::select! {
        () = with_heartbeat(&context.health, sleep(time)) => {}
        () = context.shutdown.draining.cancelled() => {}
    }
}

/// Takes deliveries until the worker has shut down, or until the session is lost: then the reason for that.
async fn consume(
    context: &Arc<ConsumerContext>,
    mut session: ConsumerSession,
) -> Option<ConsumerClosed> {
    let start = |message| {
        let handled = delivery::handle(Arc::clone(context), message);
        context.tasks.spawn(handled);
    };
    let mut heartbeat = interval(HEARTBEAT_INTERVAL);
    let lost = loop {
        tokio::select! {
            biased;
            () = context.shutdown.draining.cancelled() => break None,
            _ = heartbeat.tick() => context.health.heartbeat(),
            () = context.suspension.suspended() => {
                if let Err(closed) = wait_suspended(context, &mut session, start).await {
                    break closed;
                }
            }
            delivery = session.next(context) => match delivery {
                Ok(delivery) => start(delivery),
                Err(closed) => break Some(closed),
            },
        }
    };
    if lost.is_none() {
        stop_deliveries(context, &mut session, start).await;
        drain_in_flight(context).await;
    }
    session.close().await;
    lost
}

/// Takes no deliveries until the suspension is over; those that came already are handled, which gives them back.
///
/// # Errors
/// The session is lost (`Some`), or the worker shuts down.
async fn wait_suspended(
    context: &Arc<ConsumerContext>,
    session: &mut ConsumerSession,
    start: impl Fn(Delivery),
) -> Result<(), Option<ConsumerClosed>> {
    stop_deliveries(context, session, start).await;
    let fit = context
        .suspension
        .wait_until_fit(&context.job_context, &context.health);
    let doubt = tokio::select! {
        doubt = with_heartbeat(&context.health, fit) => doubt,
        () = context.shutdown.draining.cancelled() => return Err(None),
    };
    if let Some(trouble) = doubt {
        let context = Arc::clone(context);
        tokio::spawn(async move {
            let (job_context, health) = (&context.job_context, &context.health);
            let clear = context
                .suspension
                .clear_doubt(job_context, health, &trouble);
            clear.await;
        });
    }
    let resumed = session.resume(context).await;
    resumed.map_err(|error| {
        let reason = error.to_string();
        Some(ConsumerClosed::ConnectionLost { reason })
    })?;
    tracing::info!(queue = context.topology.jobs, "consuming jobs");
    Ok(())
}

/// Cancels the consumers, and hands out what the broker sent before it knew.
async fn stop_deliveries(
    context: &ConsumerContext,
    session: &mut ConsumerSession,
    start: impl Fn(Delivery),
) {
    if let Err(error) = session.cancel().await {
        tracing::warn!(%error, "could not cancel the consumer");
        return;
    }
    while let Ok(Ok(delivery)) = timeout(REQUEUE_GRACE, session.next(context)).await {
        start(delivery);
    }
}

/// Waits for the jobs in flight up to the drain timeout, then aborts them.
async fn drain_in_flight(context: &ConsumerContext) {
    context.tasks.close();
    let in_flight = context.tasks.len();
    let started = Instant::now();
    let ended = timeout(context.shutdown.timeout, context.tasks.wait());
    let all_done = with_heartbeat(&context.health, ended).await.is_ok();
    if !all_done {
        context.shutdown.aborted.cancel();
        if timeout(REQUEUE_GRACE, context.tasks.wait()).await.is_err() {
            tracing::warn!(
                jobs = context.tasks.len(),
                "jobs were not requeued in time; the broker delivers them again"
            );
        }
    }
    if in_flight > 0 {
        tracing::info!(
            jobs = in_flight,
            seconds = rounded(started.elapsed().as_secs_f64()),
            requeued = !all_done,
            "in-flight jobs drained"
        );
    }
}
