//! Loading of PDFium, ONNX Runtime and the models from the cache.

use std::{env, path::PathBuf, sync::Arc, thread};

use anyhow::Context;
use indicatif::DecimalBytes;
use recto_pipeline::{
    engine::{
        Engine, EngineInfo,
        got::{GotConfig, GotEngine},
        ppocr::{PpOcr, PpOcrConfig},
    },
    image::rasterizer::{Rasterizer, RasterizerConfig},
};
use recto_schemas::{EngineName, GotRuntime};

use super::{
    config::MachineConfig,
    hub::{self, Checkpoint, ProgressReporter},
};

/// The small GOT's folder among the models.
const NANO: &str = "got-nano";

/// The hidden mode in which this program rasterizes for its parent.
pub(crate) const RASTER_CHILD: &str = "raster-child";

/// More rasterizers than this do not make an engine on the same cores faster.
const MOST_RASTERIZERS: usize = 4;

/// Pages after which a rasterizer process is replaced, so that a slow leak never adds up.
const PAGES_PER_CHILD: u32 = 500;

/// Loads the engine's model. `got` is what GOT runs as, `tell` who hears of a download.
pub(crate) fn engine(
    name: EngineName,
    machine: &MachineConfig,
    got: &GotRuntime,
    tell: ProgressReporter,
) -> anyhow::Result<Arc<dyn Engine>> {
    match name {
        EngineName::Ppocr => ppocr(machine),
        EngineName::Got => self::got(machine, got, tell),
    }
}

fn got(
    machine: &MachineConfig,
    runtime: &GotRuntime,
    tell: ProgressReporter,
) -> anyhow::Result<Arc<dyn Engine>> {
    let checkpoint = match machine.got.model.as_deref() {
        Some(model) => hub::checkpoint(model, tell)?,
        None => Checkpoint {
            folder: nano(machine)?,
            name: None,
        },
    };
    let second = machine.clone();
    let config = GotConfig {
        name: checkpoint.name,
        dtype: runtime.dtype,
        device: runtime.device.clone().unwrap_or_default().to_string(),
        batch_size: machine.got.batch_size.map(|batch| batch.get() as usize),
        max_new_tokens: runtime.max_new_tokens.get() as usize,
        threads: machine.threads.map(|threads| threads.get() as usize),
        cross_check: Some(Arc::new(move || {
            ppocr(&second).map_err(|error| format!("{error:#}"))
        })),
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

fn ppocr(machine: &MachineConfig) -> anyhow::Result<Arc<dyn Engine>> {
    let runtime = match &machine.onnxruntime {
        Some(runtime) => runtime.clone(),
        None => cache(machine)?.join("onnxruntime/libonnxruntime.so"),
    };
    let config = PpOcrConfig {
        workers: machine
            .threads
            .map_or_else(cores, |threads| threads.get() as usize),
        ..PpOcrConfig::new(runtime)
    };
    Ok(Arc::new(PpOcr::load(&models(machine)?, config)?))
}

/// The folder of the models that come with Recto.
fn models(machine: &MachineConfig) -> anyhow::Result<PathBuf> {
    match &machine.ppocr_models {
        Some(models) => Ok(models.clone()),
        None => Ok(cache(machine)?.join("models")),
    }
}

/// Makes the pool of rasterizer processes; starts none yet.
pub(crate) fn rasterizer(machine: &MachineConfig) -> anyhow::Result<Rasterizer> {
    let pdfium = match &machine.pdfium {
        Some(pdfium) => pdfium.clone(),
        None => cache(machine)?.join("pdfium/libpdfium.so"),
    };
    let children = machine
        .rasterizers
        .map_or(cores().min(MOST_RASTERIZERS), |children| {
            children.get() as usize
        });
    Ok(Rasterizer::new(RasterizerConfig {
        program: PathBuf::from("/proc/self/exe"),
        pdfium,
        children,
        pages_per_child: PAGES_PER_CHILD,
        font_dirs: Vec::new(),
    })?)
}

fn cache(machine: &MachineConfig) -> anyhow::Result<PathBuf> {
    if let Some(cache) = &machine.cache {
        return Ok(cache.clone());
    }
    let folder = |name| {
        env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    folder("XDG_CACHE_HOME")
        .or_else(|| Some(folder("HOME")?.join(".cache")))
        .map(|caches| caches.join("recto"))
        .context("there is no HOME to find the cache folder in; set RECTO_CACHE")
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
