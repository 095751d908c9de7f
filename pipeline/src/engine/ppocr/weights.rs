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

use super::head::{Head, cut};

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
    /// The recogniser without its last layer.
    pub(super) recogniser: Network,
    pub(super) head: Head,
    /// The text of each class but the blank (class 0): class `i` is `characters[i - 1]`.
    pub(super) characters: Vec<String>,
    /// SHA-256 of the detector's file and the recogniser's, one after the other.
    pub(super) sha256: String,
}

impl Weights {
    pub(super) fn load(folder: &Path) -> Result<Self, LoadError> {
        let mut hash = Sha256::new();
        let path = folder.join(DETECTOR_FILE);
        let detector = Network::load(read(&path, &mut hash)?).map_err(invalid(&path))?;
        let path = folder.join(RECOGNISER_FILE);
        let (rest, head) = cut(&read(&path, &mut hash)?).map_err(invalid(&path))?;
        let recogniser = Network::load(rest).map_err(invalid(&path))?;
        let characters = recogniser.characters().map_err(invalid(&path))?;
        if characters.len() + 1 != head.classes() {
            let reason = format!(
                "{} characters for {} classes",
                characters.len(),
                head.classes()
            );
            return Err(invalid(&path)(reason));
        }
        let sha256 = hash.finalize().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Ok(Self {
            detector,
            recogniser,
            head,
            characters,
            sha256,
        })
    }
}

/// The bytes of a file, added to `hash` too.
fn read(path: &Path, hash: &mut Sha256) -> Result<Vec<u8>, LoadError> {
    let bytes = fs::read(path).map_err(|source| LoadError::Read {
        path: path.into(),
        source,
    })?;
    hash.update(&bytes);
    Ok(bytes)
}

fn invalid(path: &Path) -> impl Fn(String) -> LoadError {
    move |reason| LoadError::Invalid {
        path: path.into(),
        reason,
    }
}

/// The characters in the order of their classes. The list leaves the blank before and the space after
/// them out.
fn parse_characters(list: &str) -> Vec<String> {
    list.split('\n').chain([" "]).map(str::to_owned).collect()
}

/// A network with one input and one output.
pub(super) struct Network(Model);

impl Network {
    fn load(onnx: Vec<u8>) -> Result<Self, String> {
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        options.load(onnx).map(Self).map_err(|e| e.to_string())
    }

    fn characters(&self) -> Result<Vec<String>, String> {
        let list = self.0.metadata().get(CHARACTERS_FIELD);
        list.map(parse_characters)
            .ok_or_else(|| "it names no characters".to_owned())
    }

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

    /// Runs `work` on the lane's own thread.
    pub(super) fn run<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.pool.run(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_space_is_the_last_class_of_the_list() {
        assert_eq!(
            parse_characters("a\nb\u{3000}\n木"),
            ["a", "b\u{3000}", "木", " "]
        );
    }
}
