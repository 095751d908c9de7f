//! Where the cache, PDFium, ONNX Runtime and the models are, and what is made of them.

use std::{env, path::PathBuf, sync::Arc, thread};

use anyhow::Context;
use recto_pipeline::{
    engine::{
        Engine,
        ppocr::{PpOcr, PpOcrConfig},
    },
    image::rasterizer::{Rasterizer, RasterizerConfig},
};
use recto_schemas::EngineName;

use crate::cli::MachineArgs;

/// The hidden mode in which this program rasterizes for its parent.
pub(crate) const RASTER_CHILD: &str = "raster-child";

/// More rasterizers than this do not make an engine on the same cores faster.
const MOST_RASTERIZERS: usize = 4;

/// Pages after which a rasterizer process is replaced, so that a slow leak never adds up.
const PAGES_PER_CHILD: u32 = 500;

/// Loads the engine's model.
pub(crate) fn engine(name: EngineName, machine: &MachineArgs) -> anyhow::Result<Arc<dyn Engine>> {
    let models = match &machine.models {
        Some(models) => models.clone(),
        None => cache(machine)?.join("models"),
    };
    let runtime = match &machine.onnxruntime {
        Some(runtime) => runtime.clone(),
        None => cache(machine)?.join("onnxruntime/libonnxruntime.so"),
    };
    match name {
        EngineName::Ppocr => {
            let config = PpOcrConfig {
                lanes: machine.threads.map_or_else(cores, usize::from),
                ..PpOcrConfig::new(runtime)
            };
            Ok(Arc::new(PpOcr::load(&models, config)?))
        }
    }
}

/// Makes the pool of rasterizer processes; starts none yet.
pub(crate) fn rasterizer(machine: &MachineArgs) -> anyhow::Result<Rasterizer> {
    let pdfium = match &machine.pdfium {
        Some(pdfium) => pdfium.clone(),
        None => cache(machine)?.join("pdfium/libpdfium.so"),
    };
    let children = machine
        .rasterizers
        .map_or(cores().min(MOST_RASTERIZERS), usize::from);
    Ok(Rasterizer::new(RasterizerConfig {
        program: PathBuf::from("/proc/self/exe"),
        pdfium,
        children,
        pages_per_child: PAGES_PER_CHILD,
        font_dirs: Vec::new(),
    })?)
}

fn cache(machine: &MachineArgs) -> anyhow::Result<PathBuf> {
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
