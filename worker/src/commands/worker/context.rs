//! The job context of a worker, made from its settings.

use std::sync::Arc;

use recto_pipeline::sandbox::SandboxReport;

use super::WorkerArgs;
use crate::{
    broker::connection::process_name,
    job::{JobContext, evidence::KnownGood, keyed_lock::KeyedLock, policy},
    models::{ProgressReporter, config::SandboxPolicy, loader},
    observe::metrics::{BuildInfo, Metrics},
    os::scratch::ScratchDir,
    store::ObjectStores,
};

/// Loads the engine, tries the rasterizer's sandbox, and opens stores, scratch directory and metrics.
pub(super) fn job_context(arguments: &WorkerArgs) -> anyhow::Result<(JobContext, SandboxReport)> {
    let work = ScratchDir::open(&arguments.work.base(), arguments.work.limit_bytes())?;
    let stores = ObjectStores::new(&arguments.store, arguments.file_root.file_root.as_deref())?;
    let (rasterizer, sandbox) = loader::rasterizer(
        &arguments.machine,
        SandboxPolicy::Require,
        ProgressReporter::Log,
    )?;
    tracing::info!(
        sandbox = %sandbox,
        missing = sandbox.missing(),
        "sandbox of rasterizer processes"
    );
    let engine = loader::engine(
        arguments.engine_settings(),
        &arguments.machine,
        ProgressReporter::Log,
    )?;
    let build = BuildInfo {
        version: env!("CARGO_PKG_VERSION"),
        engine: &engine.info().name.to_string(),
        model_sha256: &engine.info().model_sha256,
        sandbox: &sandbox,
    };
    let metrics = Arc::new(Metrics::new(&build, policy::is_possible)?);
    let context = JobContext {
        limits: arguments.limits.clone(),
        bounds: arguments.bounds.clone(),
        results_in_flight: KeyedLock::default(),
        kept_documents: Arc::default(),
        known_good: KnownGood::default(),
        worker: process_name(),
        stores: Arc::new(stores),
        engine,
        rasterizer: Arc::new(rasterizer),
        work,
        metrics,
    };
    Ok((context, sandbox))
}
