//! Loading of PDFium, ONNX Runtime and the models from the cache.

use std::{env, path::PathBuf, sync::Arc, thread};

use anyhow::Context;
#[cfg(feature = "ppocr")]
use recto_pipeline::engine::ppocr::{LAYOUT_NETWORK_FILE, PpOcr, PpOcrConfig};
use recto_pipeline::{
    engine::Engine,
    image::rasterizer::{Rasterizer, RasterizerConfig},
    sandbox::{SandboxConfig, SandboxReport},
};
use recto_schemas::{EngineName, GotRuntime, ScriptFallback};

#[cfg(feature = "ppocr")]
use super::checksums::pinned;
use super::{
    ProgressReporter,
    checksums::check_library,
    config::{MachineConfig, SandboxPolicy},
};

/// The hidden mode in which this program rasterizes for its parent.
pub(crate) const RASTER_CHILD: &str = "raster-child";

/// The hidden mode in which this program becomes Tesseract in a sandbox.
#[cfg(feature = "ppocr")]
pub(crate) const TESSERACT_CHILD: &str = recto_pipeline::engine::tesseract::child::MODE;

/// The layout model's folder among the models.
#[cfg(feature = "ppocr")]
const LAYOUT_MODEL: &str = "layout-cdla";

/// The word for no layout model.
#[cfg(feature = "ppocr")]
const NO_LAYOUT_MODEL: &str = "none";

/// More rasterizers than this do not make an engine on the same cores faster.
const MOST_RASTERIZERS: usize = 4;

/// Pages after which a rasterizer process is replaced, so that a slow leak never adds up.
const PAGES_PER_CHILD: u32 = 500;

/// The engine to load, and its settings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EngineSettings<'a> {
    /// The engine.
    pub(crate) name: EngineName,
    /// The second reader beside PP-OCR.
    pub(crate) script_fallback: ScriptFallback,
    /// The values that GOT runs with.
    pub(crate) got: &'a GotRuntime,
}

/// Loads the engine's model. `tell` hears of a download, and of a second reader that fails.
pub(crate) fn engine(
    settings: EngineSettings<'_>,
    machine: &MachineConfig,
    tell: ProgressReporter,
) -> anyhow::Result<Arc<dyn Engine>> {
    let EngineSettings {
        name,
        script_fallback,
        got,
    } = settings;
    let has_fallback = script_fallback == ScriptFallback::Tesseract;
    anyhow::ensure!(
        name == EngineName::Ppocr || !has_fallback,
        "--script-fallback goes with --engine ppocr; leave it out, or take that engine"
    );
    match name {
        EngineName::Ppocr => {
            let layout_model = layout_model(machine)?;
            ppocr(machine, has_fallback.then_some(tell), layout_model)
        }
        #[cfg(feature = "got")]
        EngineName::Got => super::got::load(machine, got, tell),
        #[cfg(not(feature = "got"))]
        EngineName::Got => {
            let _ = (got, tell);
            anyhow::bail!(
                "this program was built without GOT; build it with `--features got`, or take --engine ppocr"
            )
        }
    }
}

#[cfg(not(feature = "ppocr"))]
pub(super) fn ppocr(
    _: &MachineConfig,
    _: Option<ProgressReporter>,
    _: Option<PathBuf>,
) -> anyhow::Result<Arc<dyn Engine>> {
    anyhow::bail!(
        "this program was built without PP-OCR; build it with `--features ppocr`, or take --engine got"
    )
}

/// Loads PP-OCR; with a second reader if somebody hears of its failures, and with the layout model in that folder.
#[cfg(feature = "ppocr")]
pub(super) fn ppocr(
    machine: &MachineConfig,
    fallback: Option<ProgressReporter>,
    layout_model: Option<PathBuf>,
) -> anyhow::Result<Arc<dyn Engine>> {
    // First, because it is the part that may be missing.
    let fallback = match fallback {
        Some(tell) => Some(super::tesseract::load(machine, tell)?),
        None => None,
    };
    let runtime = match &machine.onnxruntime {
        Some(runtime) => runtime.clone(),
        None => cache(machine)?.join("onnxruntime/libonnxruntime.so"),
    };
    check_library(machine, &runtime, "--onnxruntime")?;
    let config = PpOcrConfig {
        workers: machine
            .threads
            .map_or_else(cores, |threads| threads.get() as usize),
        layout_model,
        pinned: pinned(machine),
        ..PpOcrConfig::new(runtime)
    };
    Ok(Arc::new(PpOcr::load_with(
        &models(machine)?,
        config,
        fallback,
    )?))
}

#[cfg(not(feature = "ppocr"))]
fn layout_model(_: &MachineConfig) -> anyhow::Result<Option<PathBuf>> {
    Ok(None)
}

/// The folder of the layout model: the one that is named, else the one that comes with Recto if it is there.
#[cfg(feature = "ppocr")]
fn layout_model(machine: &MachineConfig) -> anyhow::Result<Option<PathBuf>> {
    match machine.layout_model.as_deref() {
        Some(NO_LAYOUT_MODEL) => Ok(None),
        Some(named) => Ok(Some(PathBuf::from(named))),
        None => Ok(Some(models(machine)?.join(LAYOUT_MODEL))
            .filter(|folder| folder.join(LAYOUT_NETWORK_FILE).is_file())),
    }
}

/// The folder of the models that come with Recto.
pub(super) fn models(machine: &MachineConfig) -> anyhow::Result<PathBuf> {
    match &machine.ppocr_models {
        Some(models) => Ok(models.clone()),
        None => Ok(cache(machine)?.join("models")),
    }
}

/// Makes the pool of rasterizer processes, once one has shown the sandbox that this machine gives. `default` is the
/// policy of who gave none; `tell` hears of a sandbox that is not sufficient.
pub(crate) fn rasterizer(
    machine: &MachineConfig,
    default: SandboxPolicy,
    tell: ProgressReporter,
) -> anyhow::Result<(Rasterizer, SandboxReport)> {
    let pdfium = match &machine.pdfium {
        Some(pdfium) => pdfium.clone(),
        None => cache(machine)?.join("pdfium/libpdfium.so"),
    };
    check_library(machine, &pdfium, "--pdfium")?;
    let children = machine
        .rasterizers
        .map_or(cores().min(MOST_RASTERIZERS), |children| {
            children.get() as usize
        });
    let sandbox = match machine.sandbox.unwrap_or(default) {
        SandboxPolicy::Require => SandboxConfig::REQUIRED,
        SandboxPolicy::BestEffort => SandboxConfig::BEST_EFFORT,
    };
    let rasterizer = Rasterizer::new(RasterizerConfig {
        program: PathBuf::from("/proc/self/exe"),
        pdfium,
        children,
        pages_per_child: PAGES_PER_CHILD,
        font_dirs: Vec::new(),
        sandbox,
    })?;
    let report = rasterizer.check_sandbox()?;
    if !report.is_sufficient() {
        tell.warn(&format!(
            "documents are opened in a weak sandbox ({report}): a hostile one may reach files and network; missing: {}",
            report.missing()
        ));
    }
    Ok((rasterizer, report))
}

/// The cache folder.
pub(super) fn cache(machine: &MachineConfig) -> anyhow::Result<PathBuf> {
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
