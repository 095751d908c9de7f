//! Resources of the machine: threads, libraries and models.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use recto_schemas::BoundedInt;

/// Resources of this machine that the work may use.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Resources")]
pub(crate) struct MachineConfig {
    /// Threads of the engine, such as `2` [default: one for each core]
    #[arg(long, value_name = "N", env = "RECTO_THREADS")]
    pub(crate) threads: Option<BoundedInt<1, 1024>>,

    /// Rasterizer processes, such as `2` [default: one for each core, at most 4]
    #[arg(long, value_name = "N", env = "RECTO_RASTERIZERS")]
    pub(crate) rasterizers: Option<BoundedInt<1, 256>>,

    /// Cache folder, with what `make setup` fetched, such as `/var/cache/recto` [default: the user's]
    #[arg(long, value_name = "DIR", env = "RECTO_CACHE")]
    pub(crate) cache: Option<PathBuf>,

    /// PDFium's shared library, such as `/usr/lib/libpdfium.so` [default: pdfium/libpdfium.so in the cache folder]
    #[arg(long, value_name = "FILE", env = "RECTO_PDFIUM")]
    pub(crate) pdfium: Option<PathBuf>,

    /// Sandbox of rasterizer processes, such as `require`: refuse to open documents where the machine does not give
    /// seccomp and one of Landlock and namespaces, or go on with what there is [default: require for `worker`,
    /// best-effort elsewhere]
    #[arg(long, value_name = "POLICY", env = "RECTO_SANDBOX")]
    pub(crate) sandbox: Option<SandboxPolicy>,

    /// ONNX Runtime's shared library, such as `/usr/lib/libonnxruntime.so` [default: onnxruntime/libonnxruntime.so in
    /// the cache folder]
    #[arg(long, value_name = "FILE", env = "RECTO_ONNXRUNTIME")]
    pub(crate) onnxruntime: Option<PathBuf>,

    /// Folder with PP-OCR's model files, such as `/var/cache/recto/models` [default: models in the cache folder]
    #[arg(long, value_name = "DIR", env = "RECTO_PPOCR_MODELS")]
    pub(crate) ppocr_models: Option<PathBuf>,

    /// Layout model beside PP-OCR, which tells titles, figures and tables on page images: a folder with `model.onnx` and
    /// `layout.json`, such as `/var/cache/recto/models/layout-cdla`, or `none` [default: layout-cdla among PP-OCR's
    /// models, if it is there]
    #[arg(long, value_name = "FOLDER|none", env = "RECTO_LAYOUT_MODEL")]
    pub(crate) layout_model: Option<String>,

    /// Tesseract's program, such as `/usr/bin/tesseract`, for --script-fallback tesseract [default: the one in the cache
    /// folder, else the one in PATH]
    #[arg(long, value_name = "FILE", env = "RECTO_TESSERACT")]
    pub(crate) tesseract: Option<PathBuf>,

    /// Languages that Tesseract reads, as it names them, such as `rus,ell` [default: all it has data for but English]
    #[arg(
        long,
        value_name = "LANGUAGES",
        env = "RECTO_TESSERACT_LANGUAGES",
        value_delimiter = ','
    )]
    pub(crate) tesseract_languages: Option<Vec<String>>,

    #[command(flatten)]
    pub(crate) got: GotModelConfig,
}

/// The rule for machines that do not give the whole sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SandboxPolicy {
    /// No document is opened.
    Require,
    /// Documents are opened in as many layers as there are.
    BestEffort,
}

/// GOT's model, and how much of it at once.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "GOT")]
pub(crate) struct GotModelConfig {
    /// GOT's checkpoint: a folder, or a model of the Hugging Face hub, such as `stepfun-ai/GOT-OCR-2.0-hf`, with
    /// `@REVISION` after it to pin one; it is downloaded once [default: got-nano, a small one that comes with Recto
    /// and reads English print]
    #[arg(long = "got-model", value_name = "FOLDER|ID", env = "RECTO_GOT_MODEL")]
    pub(crate) model: Option<String>,

    /// Sequences decoded at once, such as `8` [default: what memory and processor make best use of]
    #[arg(
        long = "got-batch-size",
        value_name = "N",
        env = "RECTO_GOT_BATCH_SIZE"
    )]
    pub(crate) batch_size: Option<BoundedInt<1, 65_536>>,
}
