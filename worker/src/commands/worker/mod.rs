//! `recto worker`: runs the consumer from start to shutdown.

mod args;
mod context;
mod check;
mod probes;

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
    consumer::{self, ConsumerContext, Orders, ResultPublisher, Shutdown, Suspension},
    job::keyed_lock::KeyedLock,
    observe::admin::{AdminAnswers, AdminServer, HealthComponent, WorkerHealth},
    observe::logging,
    os::signals,
    store::ObjectStores,
};

pub(crate) use args::{NOTES, WorkerArgs};
pub(crate) use context::{JobSettings, job_context};

/// Longest time without a heartbeat, beside the broker's timeouts: the consumer's loop has one every second, and
/// connecting takes up to two timeouts.
const MAX_HEARTBEAT_GAP: Duration = Duration::from_secs(60);
/// Threads for network and timers; documents are read on others.
const RUNTIME_THREADS: usize = 2;

/// Runs a worker until it is told to stop.
///
/// # Errors
/// Whatever keeps it from starting.
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
    // Threads that still read an aborted document are not waited for.
    runtime.shutdown_background();
    ended
}

async fn work(arguments: &WorkerArgs) -> anyhow::Result<ExitCode> {
    let start_by = Instant::now() + arguments.consumer.start_timeout;
    let health = Arc::new(WorkerHealth::new(
        MAX_HEARTBEAT_GAP + 2 * arguments.broker.amqp_timeout,
    ));
    let shutdown = Shutdown::new(arguments.consumer.drain_timeout);
    drain_on_signal(&shutdown, &health)?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "recto worker starts");
    tracing::info!(settings = arguments.shown(), "settings");
    if let Some(warning) = arguments.bounds.warning() {
        tracing::warn!("{warning}");
    }

    // Before the slow steps, so that probes see a worker that is starting.
    let admin = AdminServer::open(arguments.admin.admin_address).await?;
    let root = arguments.file_root.file_root.as_deref();
    let (job_context, sandbox) = job_context(JobSettings {
        engine: arguments.engine_settings(),
        machine: &arguments.machine,
        work: &arguments.work,
        limits: &arguments.limits,
        bounds: &arguments.bounds,
        stores: Arc::new(ObjectStores::new(&arguments.store, root)?),
    })?;
    let job_context = Arc::new(job_context);
    health.set_sandbox(sandbox.to_string());
    health.set(HealthComponent::Engine, Ok(()));
    health.set(HealthComponent::Disk, Ok(()));
    health.set(HealthComponent::Consumer, Ok(()));
    if let Some(admin) = admin {
        tracing::info!(address = %admin.address(), "admin port");
        let scrape = probes::scrape(&job_context, &health);
        let answers = AdminAnswers::new(Arc::clone(&health), scrape, &arguments.admin.admin_host);
        tokio::spawn(admin.serve(answers, shutdown.aborted.clone().cancelled_owned()));
    }
    tokio::spawn(probes::run(
        Arc::clone(&job_context),
        Arc::clone(&health),
        arguments.store_probe.clone(),
    ));
    probes::wait_for_store(&job_context, &health, arguments, start_by, &shutdown).await?;

    let context = Arc::new(ConsumerContext {
        broker: arguments.broker.clone(),
        topology: QueueTopology::new(&arguments.broker),
        publisher: ResultPublisher::new(
            arguments.broker.clone(),
            Arc::clone(&job_context.metrics),
            Arc::clone(&health),
        ),
        health,
        jobs: arguments.consumer.prefetch(),
        share_above: arguments.consumer.share_above,
        jobs_in_flight: KeyedLock::default(),
        suspension: Suspension::default(),
        orders: Orders::default(),
        permits: Arc::new(Semaphore::new(usize::from(arguments.consumer.prefetch()))),
        quarantine: Arc::new(RwLock::new(())),
        tasks: TaskTracker::new(),
        must_restart: AtomicBool::new(false),
        shutdown,
        job_context,
    });
    context
        .job_context
        .metrics
        .permits(usize::from(arguments.consumer.prefetch()));
    consumer::run(&context, start_by).await?;
    context.job_context.work.remove();
    let must_restart = context.must_restart.load(Ordering::Relaxed);
    tracing::info!(must_restart, "recto worker exits");
    Ok(match must_restart {
        true => ExitCode::from(EXIT_FAILED),
        false => ExitCode::SUCCESS,
    })
}

/// The first signal starts the shutdown.
fn drain_on_signal(shutdown: &Shutdown, health: &Arc<WorkerHealth>) -> anyhow::Result<()> {
    let (shutdown, health) = (shutdown.clone(), Arc::clone(health));
    signals::on_first_signal(signals::SERVICE, move |name| {
        tracing::info!(
            signal = name,
            timeout_s = shutdown.timeout.as_secs_f64(),
            "shutting down, waiting for in-flight jobs"
        );
        health.set_draining();
        shutdown.draining.cancel();
    })
    .context("cannot listen for signals")
}
