//! Health probes beside the jobs: looks at the store and the disk, and the values of a scrape.

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
    store::{ObjectStore, StoreUri},
};

/// Between two looks at the store.
const STORE_EVERY: Duration = Duration::from_secs(30);
/// Between two looks at the disk.
const DISK_EVERY: Duration = Duration::from_secs(10);
/// Between two looks whether the last job is done.
const MEMORY_EVERY: Duration = Duration::from_secs(1);
/// A disk with less room than this takes no document.
const LEAST_DISK_BYTES: u64 = 16 << 20;

/// Waits until the store answers, as long as starting may take.
pub(super) async fn wait_for_store(
    job_context: &JobContext,
    health: &WorkerHealth,
    arguments: &WorkerArgs,
    start_by: Instant,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    let mut backoff = ExponentialBackoff::default();
    loop {
        let probe = job_context.stores.probe(arguments.store_probe.as_ref());
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
        tracing::warn!(%error, "no store yet");
        tokio::select! {
            () = with_heartbeat(health, sleep(wait)) => {}
            () = shutdown.draining.cancelled() => return Ok(()),
        }
    }
}

/// Looks at store and disk for as long as the worker lives.
pub(super) async fn run(
    job_context: Arc<JobContext>,
    health: Arc<WorkerHealth>,
    probe: Option<StoreUri>,
) {
    let (mut store, mut disk) = (interval(STORE_EVERY), interval(DISK_EVERY));
    let mut memory_check = interval(MEMORY_EVERY);
    let mut worked = false;
    // The first look at each was at the start.
    store.tick().await;
    disk.tick().await;
    loop {
        tokio::select! {
            _ = memory_check.tick() => {
                let works = job_context.metrics.jobs_in_flight() > 0;
                if worked && !works {
                    // It may take some milliseconds, which the runtime's threads do not have.
                    let _ = tokio::task::spawn_blocking(allocator::trim).await;
                }
                worked = works;
            }
            _ = store.tick() => {
                let usable = job_context.stores.probe(probe.as_ref()).await;
                health.set(HealthComponent::Store, usable.map_err(|error| error.to_string()));
            }
            _ = disk.tick() => {
                let room = job_context.work.check(LEAST_DISK_BYTES.min(job_context.work.limit_bytes()));
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
