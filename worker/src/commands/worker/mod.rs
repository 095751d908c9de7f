//! `recto worker`: from the settings to a running consumer, and to its orderly end.

mod args;
// What a worker is made of, out of its settings.
mod parts;
// `--check`: every part tried, every problem told at once.
mod check;
// What goes on beside the jobs: looks at the store and the disk.
mod watch;

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context;
use tokio::sync::{RwLock, Semaphore};
use tokio_util::task::TaskTracker;

use crate::{
    broker::topology::QueueTopology,
    commands::EXIT_FAILED,
    consumer::{self, ConsumerContext, FailureBackoff, ResultPublisher, Shutdown},
    job::keyed_lock::KeyedLock,
    observe::admin::{AdminServer, HealthComponent, WorkerHealth},
    observe::logging,
    os::signals,
};

pub(crate) use args::{NOTES, WorkerArgs};

/// The consumer's loop goes round every second; connecting takes up to two time-outs of the broker's.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);
/// Threads that wait for network and timers; the work is done on others.
const RUNTIME_THREADS: usize = 2;

/// Runs a worker until it is told to stop.
///
/// # Errors
/// What keeps it from starting.
pub(crate) fn run(arguments: &WorkerArgs) -> anyhow::Result<ExitCode> {
    logging::init(&arguments.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let ended = if arguments.check {
        Ok(runtime.block_on(check::check(arguments)))
    } else {
        runtime.block_on(work(arguments))
    };
    // A thread that still reads a document given up is not waited for.
    runtime.shutdown_background();
    ended
}

async fn work(arguments: &WorkerArgs) -> anyhow::Result<ExitCode> {
    let start_by = Instant::now() + arguments.consumer.start_timeout;
    let health = Arc::new(WorkerHealth::new(
        LONGEST_SILENCE + 2 * arguments.broker.amqp_timeout,
    ));
    let drain = Shutdown::new(arguments.consumer.drain_timeout);
    drain_on_signal(&drain, &health)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "recto worker starts");
    tracing::info!(settings = arguments.shown(), "settings");

    // Before the slow parts, so that whoever asks sees a worker that starts.
    let admin = match arguments.admin.admin_address.0 {
        Some(address) => Some(AdminServer::bind(address).await?),
        None => None,
    };
    let parts = Arc::new(parts::make(arguments)?);
    health.set(HealthComponent::Engine, Ok(()));
    health.set(HealthComponent::Disk, Ok(()));
    if let Some(admin) = admin {
        tracing::info!(address = %admin.address(), "admin port");
        let scrape = watch::scrape(&parts, &health);
        tokio::spawn(admin.serve(
            Arc::clone(&health),
            scrape,
            drain.now.clone().cancelled_owned(),
        ));
    }
    tokio::spawn(watch::watch(
        Arc::clone(&parts),
        Arc::clone(&health),
        arguments.store_probe.clone(),
    ));
    watch::wait_for_store(&parts, &health, arguments, start_by, &drain).await?;

    let desk = Arc::new(ConsumerContext {
        broker: arguments.broker.clone(),
        topology: QueueTopology::new(&arguments.broker),
        outlet: ResultPublisher::new(arguments.broker.clone(), Arc::clone(&parts.metrics)),
        health,
        jobs: arguments.consumer.prefetch(),
        jobs_in_flight: KeyedLock::default(),
        trouble: FailureBackoff::default(),
        permits: Arc::new(Semaphore::new(usize::from(arguments.consumer.prefetch()))),
        alone: Arc::new(RwLock::new(())),
        tasks: TaskTracker::new(),
        broken: AtomicBool::new(false),
        drain,
        parts,
    });
    desk.parts
        .metrics
        .permits(usize::from(arguments.consumer.prefetch()));
    consumer::run(&desk, start_by).await?;
    desk.parts.work.remove();
    let broken = desk.broken.load(Ordering::Relaxed);
    tracing::info!(broken, "recto worker ends");
    Ok(match broken {
        true => ExitCode::from(EXIT_FAILED),
        false => ExitCode::SUCCESS,
    })
}

/// The first signal drains.
fn drain_on_signal(drain: &Shutdown, health: &Arc<WorkerHealth>) -> anyhow::Result<()> {
    let (drain, health) = (drain.clone(), Arc::clone(health));
    signals::on_first_signal(signals::SERVICE, move |name| {
        tracing::info!(
            signal = name,
            deadline_s = drain.deadline.as_secs_f64(),
            "drains: no more jobs; those under way have until the deadline"
        );
        health.drain();
        drain.stop.cancel();
    })
    .context("cannot listen for signals")
}
