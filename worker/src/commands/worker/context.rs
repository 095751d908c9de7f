//! The job context of a worker, made from its settings.

use std::sync::Arc;

use super::WorkerArgs;
use crate::{
    broker::connection::process_name,
    job::{JobContext, evidence::KnownGood, keyed_lock::KeyedLock, policy},
    models::ProgressReporter,
    models::loader,
    observe::metrics::{BuildInfo, Metrics},
    os::scratch::ScratchDir,
    store::ObjectStores,
};

/// Loads the engine, and opens stores, scratch directory and metrics.
pub(super) fn job_context(arguments: &WorkerArgs) -> anyhow::Result<JobContext> {
    let work = ScratchDir::open(&arguments.work.base(), arguments.work.limit_bytes())?;
    let stores = ObjectStores::new(&arguments.store, arguments.file_root.file_root.as_deref())?;
    let rasterizer = loader::rasterizer(&arguments.machine)?;
    let engine = loader::engine(
        arguments.engine_settings(),
        &arguments.machine,
        ProgressReporter::Log,
    )?;
    let build = BuildInfo {
        version: env!("CARGO_PKG_VERSION"),
        engine: &engine.info().name.to_string(),
        model_sha256: &engine.info().model_sha256,
    };
    let metrics = Arc::new(Metrics::new(&build, policy::is_possible)?);
    Ok(JobContext {
        limits: arguments.limits.clone(),
        bounds: arguments.bounds.clone(),
        results_in_flight: KeyedLock::default(),
        known_good: KnownGood::default(),
        worker: process_name(),
        stores: Arc::new(stores),
        engine,
        rasterizer: Arc::new(rasterizer),
        work,
        metrics,
    })
}
