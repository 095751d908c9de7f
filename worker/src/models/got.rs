//! Loading of GOT: its checkpoint, what it runs as, and PP-OCR beside it.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use indicatif::DecimalBytes;
use recto_pipeline::engine::{
    Engine, EngineInfo,
    got::{GotConfig, GotEngine},
};
use recto_schemas::GotRuntime;

use super::{
    ProgressReporter,
    checksums::pinned,
    config::MachineConfig,
    hub::{self, Checkpoint},
    loader::{models, ppocr},
};

/// The small GOT's folder among the models.
const NANO: &str = "got-nano";

/// Loads GOT from the checkpoint that is named, or the small one that comes with Recto.
pub(super) fn load(
    machine: &MachineConfig,
    runtime: &GotRuntime,
    tell: ProgressReporter,
) -> anyhow::Result<Arc<dyn Engine>> {
    let checkpoint = match machine.got.model.as_deref() {
        Some(model) => hub::checkpoint(model, tell)?,
        None => {
            let folder = nano(machine)?;
            tell_nano(tell);
            Checkpoint {
                folder,
                name: None,
                revision: None,
            }
        }
    };
    let second = machine.clone();
    let config = GotConfig {
        name: checkpoint.name,
        revision: checkpoint.revision,
        dtype: runtime.dtype,
        device: runtime.device.clone().unwrap_or_default().to_string(),
        batch_size: machine.got.batch_size.map(|batch| batch.get() as usize),
        max_new_tokens: runtime.max_new_tokens.get() as usize,
        threads: machine.threads.map(|threads| threads.get() as usize),
        cross_check: Some(Arc::new(move || {
            ppocr(&second, None, None).map_err(|error| format!("{error:#}"))
        })),
        pinned: pinned(machine),
    };
    let engine = GotEngine::load(&checkpoint.folder, config);
    let engine =
        engine.with_context(|| format!("GOT cannot run from {}", checkpoint.folder.display()))?;
    tell_memory(engine.info(), tell);
    Ok(Arc::new(engine))
}

/// The folder of the small GOT that comes with Recto.
fn nano(machine: &MachineConfig) -> anyhow::Result<PathBuf> {
    let folder = models(machine)?.join(NANO);
    anyhow::ensure!(
        folder.is_dir(),
        "{} is missing: run `make setup`, which puts it there, or give --got-model a folder, or a model of the hub \
         such as stepfun-ai/GOT-OCR-2.0-hf",
        folder.display()
    );
    Ok(folder)
}

/// Says that the model is a small one, which readers of scans may take for GOT itself.
fn tell_nano(tell: ProgressReporter) {
    let said = "got-nano is a small model for clean English print; name another one with --got-model, such as \
                stepfun-ai/GOT-OCR-2.0-hf";
    match tell {
        ProgressReporter::Nobody => {}
        ProgressReporter::Person => eprintln!("{said}"),
        ProgressReporter::Log => tracing::info!("{said}"),
    }
}

/// Says what the model takes, before it takes it.
fn tell_memory(info: &EngineInfo, tell: ProgressReporter) {
    let (Some(memory), Some(batch)) = (info.memory, info.batch) else {
        return;
    };
    let (weights_bytes, cache_bytes) = (memory.weights_bytes, memory.cache_bytes);
    match tell {
        ProgressReporter::Nobody => {}
        ProgressReporter::Person => eprintln!(
            "{}: {} of weights, up to {} of cache for {batch} sequences at once",
            info.model,
            DecimalBytes(weights_bytes),
            DecimalBytes(cache_bytes),
        ),
        ProgressReporter::Log => tracing::info!(
            model = info.model,
            weights_bytes,
            cache_bytes,
            batch,
            "the model is loaded"
        ),
    }
}
