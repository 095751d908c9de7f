//! Health probes that run beside the jobs: store and disk, and the values of a scrape.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use tokio::time::{interval, sleep, timeout_at};

use super::WorkerArgs;
use crate::{
    broker::connection::ExponentialBackoff,
    consumer::{Shutdown, with_heartbeat},
    job::JobContext,
    observe::admin::{HealthComponent, ScrapeFn, WorkerHealth},
    os::allocator,
    store::{ObjectStore as _, ObjectStores, StoreError, StoreUri},
};

/// Time between two probes of the store.
const STORE_EVERY: Duration = Duration::from_secs(30);
/// Time between two probes of the disk.
const DISK_EVERY: Duration = Duration::from_secs(10);
/// Time between two checks for idleness, which gives memory back to the system.
const MEMORY_EVERY: Duration = Duration::from_secs(1);

/// Tries what a job does with the store below the prefix `at`; without one, asks if it answers and takes the credentials.
pub(super) async fn store(stores: &ObjectStores, at: Option<&StoreUri>) -> Result<(), StoreError> {
    match at {
        Some(at) => stores.check_usable(at).await,
        None => stores.probe(None).await,
    }
}

/// Waits until the store answers, up to the start timeout.
pub(super) async fn wait_for_store(
    job_context: &JobContext,
    health: &WorkerHealth,
    arguments: &WorkerArgs,
    start_by: Instant,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let mut backoff = ExponentialBackoff::default();
    loop {
        let probe = store(&job_context.stores, arguments.store_probe.as_ref());
        let probed = tokio::select! {
            probed = with_heartbeat(health, timeout_at(start_by.into(), probe)) => probed,
            () = shutdown.draining.cancelled() => return Ok(()),
        };
        let error = match probed {
            Ok(Ok(())) => {
                health.set(HealthComponent::Store, Ok(()));
                return Ok(());
            }
            Ok(Err(error)) => error,
            Err(_) => bail!("the store is not usable: it does not answer"),
        };
        health.set(HealthComponent::Store, Err(error.to_string()));
        let wait = backoff.next_wait();
        if !error.is_transient() || Instant::now() + wait >= start_by {
            return Err(error).context("the store is not usable");
        }
        tracing::warn!(%error, "the store does not answer yet");
        tokio::select! {
            () = with_heartbeat(health, sleep(wait)) => {}
            () = shutdown.draining.cancelled() => return Ok(()),
        }
    }
}

/// Probes store and disk until the process ends.
pub(super) async fn run(
    job_context: Arc<JobContext>,
    health: Arc<WorkerHealth>,
    probe: Option<StoreUri>,
) {
    let (mut store_check, mut disk_check) = (interval(STORE_EVERY), interval(DISK_EVERY));
    let mut memory_check = interval(MEMORY_EVERY);
    // Loading the models is work, too.
    let mut worked = true;
    // Both were probed at the start.
    store_check.tick().await;
    disk_check.tick().await;
    loop {
        tokio::select! {
            _ = memory_check.tick() => {
                let works = job_context.metrics.jobs_in_flight() > 0;
                if worked && !works {
                    // It may take milliseconds, for which it must not block a thread of the runtime.
                    let _ = tokio::task::spawn_blocking(allocator::trim).await;
                }
                worked = works;
            }
            _ = store_check.tick() => {
                let usable = store(&job_context.stores, probe.as_ref()).await;
                health.set(HealthComponent::Store, usable.map_err(|error| error.to_string()));
            }
            _ = disk_check.tick() => {
                let room = job_context.work.check_room();
                health.set(HealthComponent::Disk, room.map_err(|error| error.to_string()));
            }
        }
    }
}

/// The values of `/metrics`.
pub(super) fn scrape(job_context: &Arc<JobContext>, health: &Arc<WorkerHealth>) -> ScrapeFn {
    let (job_context, health) = (Arc::clone(job_context), Arc::clone(health));
    Arc::new(move || {
        let metrics = &job_context.metrics;
        metrics.observe_engine(job_context.engine.usage());
        metrics.scratch(
            job_context.work.used_bytes(),
            job_context.work.limit_bytes(),
        );
        metrics.ready(health.ready());
        metrics.encode()
    })
}
