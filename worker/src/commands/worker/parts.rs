//! What a worker is made of, out of its settings.

use std::sync::Arc;

use super::WorkerArgs;
use crate::{
    job::{
        JobContext,
        failure::{KINDS, Retryability},
        keyed_lock::KeyedLock,
        verdict::Disposition,
    },
    models::hub::ProgressReporter,
    models::loader,
    observe::metrics::{BuildInfo, Metrics},
    os::scratch::ScratchDir,
    store::ObjectStores,
};

/// Loads the engine and makes the rest.
pub(super) fn make(arguments: &WorkerArgs) -> anyhow::Result<JobContext> {
    let work = ScratchDir::open(&arguments.work.base(), arguments.work.limit_bytes())?;
    let stores = ObjectStores::new(&arguments.store, arguments.file_root.file_root.as_deref())?;
    let rasterizer = loader::rasterizer(&arguments.machine)?;
    let engine = loader::engine(
        arguments.engine,
        &arguments.machine,
        &arguments.got,
        ProgressReporter::Log,
    )?;
    let build = BuildInfo {
        version: env!("CARGO_PKG_VERSION"),
        engine: &engine.info().name.to_string(),
        model_sha256: &engine.info().model_sha256,
    };
    let metrics = Arc::new(metrics(&build)?);
    Ok(JobContext {
        limits: arguments.limits.clone(),
        results_in_flight: KeyedLock::default(),
        stores,
        engine,
        rasterizer,
        work,
        metrics,
    })
}

fn metrics(build: &BuildInfo<'_>) -> anyhow::Result<Metrics> {
    let kinds = |wanted: &[Retryability]| -> Vec<&'static str> {
        let kinds = KINDS.iter().filter(|(_, nature)| wanted.contains(nature));
        kinds.map(|(kind, _)| *kind).collect()
    };
    let ended = recto_schemas::ResultState::ALL.map(|state| state.as_str());
    let transient = kinds(&[Retryability::Transient]);
    let failed = kinds(&[Retryability::Permanent, Retryability::Transient]);
    let interrupted = kinds(&[Retryability::Interrupted]);
    let [ack, dead_letter, retry, hand_back] = Disposition::ALL;
    Ok(Metrics::new(
        build,
        &[
            (ack, &ended),
            (dead_letter, &failed),
            (retry, &transient),
            (hand_back, &interrupted),
        ],
    )?)
}
