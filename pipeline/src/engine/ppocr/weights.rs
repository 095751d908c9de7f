//! The model's files: the two networks as ONNX, and the character list inside the recogniser's.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rten::{Model, ModelOptions, RunOptions, ThreadPool};
use rten_tensor::{NdTensor, NdTensorView};
use sha2::{Digest, Sha256};

/// File name of the detector.
pub const DETECTOR_FILE: &str = "PP-OCRv6_det_small.onnx";
/// File name of the recogniser.
pub const RECOGNISER_FILE: &str = "PP-OCRv6_rec_small.onnx";
/// The recogniser's metadata field with its characters, one a line.
const CHARACTERS_FIELD: &str = "character";

/// Why the model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file is not there, or cannot be read.
    #[error(
        "cannot read the model file {path}: {source}; run `make setup` to fetch the models, or set \
         RECTO_MODELS to the folder that holds them"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is there but is no network that can be run.
    #[error(
        "the model file {path} does not load: {reason}; delete it and run `make setup`, or set \
         RECTO_MODELS to a folder with PP-OCRv6 models"
    )]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The two networks and the characters, shared by all lanes.
pub(super) struct Weights {
    pub(super) detector: Network,
    pub(super) recogniser: Network,
    /// The text of each class but the blank (class 0): class `i` is `characters[i - 1]`.
    pub(super) characters: Vec<String>,
    /// SHA-256 of the detector's file and the recogniser's, one after the other.
    pub(super) sha256: String,
}

impl Weights {
    pub(super) fn load(folder: &Path) -> Result<Self, LoadError> {
        let mut hash = Sha256::new();
        let (detector, _) = load_network(&folder.join(DETECTOR_FILE), &mut hash)?;
        let path = folder.join(RECOGNISER_FILE);
        let (recogniser, characters) = load_network(&path, &mut hash)?;
        let reason = "it names no characters".to_owned();
        let characters = characters.ok_or(LoadError::Invalid { path, reason })?;
        Ok(Self {
            detector,
            recogniser,
            characters,
            sha256: hash.finalize().iter().fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            }),
        })
    }
}

/// Loads one network, adds its bytes to `hash`, and gives its characters where it names some.
fn load_network(
    path: &Path,
    hash: &mut Sha256,
) -> Result<(Network, Option<Vec<String>>), LoadError> {
    let bytes = fs::read(path).map_err(|source| LoadError::Read {
        path: path.into(),
        source,
    })?;
    hash.update(&bytes);
    let model = ModelOptions::with_all_ops()
        .prepack_weights(true)
        .load(bytes)
        .map_err(|e| LoadError::Invalid {
            path: path.into(),
            reason: e.to_string(),
        })?;
    let characters = model.metadata().get(CHARACTERS_FIELD).map(parse_characters);
    Ok((Network(model), characters))
}

/// The characters in the order of their classes. The list leaves the blank before and the space after
/// them out.
fn parse_characters(list: &str) -> Vec<String> {
    list.split('\n').chain([" "]).map(str::to_owned).collect()
}

/// A network with one input and one output.
pub(super) struct Network(Model);

impl Network {
    /// Runs the network on `lane`'s thread.
    pub(super) fn run<const N: usize>(
        &self,
        input: NdTensorView<'_, f32, 4>,
        lane: &Lane,
    ) -> Result<NdTensor<f32, N>, String> {
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&lane.pool)));
        let output = self
            .0
            .run_one(input.into(), Some(options))
            .map_err(|e| e.to_string())?;
        output
            .try_into()
            .map_err(|_| "the network's output has an unknown shape".to_owned())
    }
}

/// What one thread of the engine owns: a pool of a single thread, so that a network that runs for it
/// never takes a second core.
pub(super) struct Lane {
    pool: Arc<ThreadPool>,
}

impl Lane {
    pub(super) fn new() -> Self {
        Self {
            pool: Arc::new(ThreadPool::with_num_threads(1)),
        }
    }
}
