//! What a worker is made of, out of its settings.

use std::sync::Arc;

use crate::{
    cli::Worker,
    hub::Tell,
    job::{
        Parts,
        failure::{KINDS, Nature},
        place::UnderWay,
        plan::Bounds,
        verdict::Verdict,
    },
    metrics::{Build, Metrics},
    setup,
    store::Stores,
    workdir::WorkDir,
};

/// Loads the engine and makes the rest.
pub(super) fn make(arguments: &Worker) -> anyhow::Result<Parts> {
    let work = WorkDir::open(&arguments.work.base(), arguments.work.limit_bytes())?;
    let stores = Stores::new(&arguments.store, arguments.file_root.file_root.as_deref())?;
    let rasterizer = setup::rasterizer(&arguments.machine)?;
    let engine = setup::engine(
        arguments.engine.name(),
        &arguments.machine,
        &arguments.got(),
        Tell::Log,
    )?;
    let build = Build {
        version: env!("CARGO_PKG_VERSION"),
        engine: &engine.info().name.to_string(),
        model_sha256: &engine.info().model_sha256,
    };
    let metrics = Arc::new(metrics(&build)?);
    Ok(Parts {
        bounds: Bounds {
            limits: arguments.limits.limits(),
            got: arguments.got(),
        },
        under_way: UnderWay::default(),
        stores,
        engine,
        rasterizer,
        work,
        metrics,
    })
}

fn metrics(build: &Build<'_>) -> anyhow::Result<Metrics> {
    let kinds = |wanted: &[Nature]| -> Vec<&'static str> {
        let kinds = KINDS.iter().filter(|(_, nature)| wanted.contains(nature));
        kinds.map(|(kind, _)| *kind).collect()
    };
    let ended = recto_schemas::ResultState::ALL.map(|state| state.as_str());
    let transient = kinds(&[Nature::Transient]);
    let failed = kinds(&[Nature::Permanent, Nature::Transient]);
    let interrupted = kinds(&[Nature::Interrupted]);
    let [ack, dead_letter, retry, hand_back] = Verdict::ALL;
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
