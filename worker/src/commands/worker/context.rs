//! The job context of a process that reads, made from its settings.

use std::sync::Arc;

use recto_pipeline::sandbox::SandboxReport;
use recto_schemas::DocumentLimits;

use crate::{
    broker::connection::process_name,
    job::{JobContext, bounds::JobBounds, evidence::KnownGood, keyed_lock::KeyedLock, policy},
    models::{
        ProgressReporter,
        config::{MachineConfig, SandboxPolicy},
        loader::{self, EngineSettings},
    },
    observe::metrics::{BuildInfo, Metrics},
    os::scratch::{ScratchDir, config::ScratchConfig},
    store::ObjectStores,
};

/// The settings that jobs are done with.
pub(crate) struct JobSettings<'a> {
    pub(crate) engine: EngineSettings<'a>,
    pub(crate) machine: &'a MachineConfig,
    pub(crate) work: &'a ScratchConfig,
    pub(crate) limits: &'a DocumentLimits,
    pub(crate) bounds: &'a JobBounds,
    pub(crate) stores: Arc<ObjectStores>,
}

/// Loads the engine, tries the rasterizer's sandbox, and opens scratch directory and metrics.
pub(crate) fn job_context(
    settings: JobSettings<'_>,
) -> anyhow::Result<(JobContext, SandboxReport)> {
    let work = ScratchDir::open(&settings.work.base(), settings.work.limit_bytes())?;
    let (rasterizer, sandbox) = loader::rasterizer(
        settings.machine,
        SandboxPolicy::Require,
        ProgressReporter::Log,
    )?;
    tracing::info!(
        sandbox = %sandbox,
        missing = sandbox.missing(),
        "sandbox of rasterizer processes"
    );
    let engine = loader::engine(settings.engine, settings.machine, ProgressReporter::Log)?;
    let build = BuildInfo {
        version: env!("CARGO_PKG_VERSION"),
        engine: &engine.info().name.to_string(),
        model_sha256: &engine.info().model_sha256,
        sandbox: &sandbox,
    };
    let metrics = Arc::new(Metrics::new(&build, policy::is_possible)?);
    let context = JobContext {
        limits: settings.limits.clone(),
        bounds: settings.bounds.clone(),
        results_in_flight: KeyedLock::default(),
        kept_documents: Arc::default(),
        known_good: KnownGood::default(),
        worker: process_name(),
        stores: settings.stores,
        engine,
        rasterizer: Arc::new(rasterizer),
        work,
        metrics,
    };
    Ok((context, sandbox))
}
