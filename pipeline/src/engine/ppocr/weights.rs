//! The model's files: the two networks as ONNX, and the character list inside the recogniser's.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use ort::environment::Environment;
use sha2::{Digest, Sha256};

use super::runtime::{OnnxNetwork, runtime};

/// File name of the detector.
pub const DETECTOR_FILE: &str = "PP-OCRv6_det_small.onnx";
/// File name of the recogniser.
pub const RECOGNISER_FILE: &str = "PP-OCRv6_rec_small.onnx";
/// The recogniser's metadata field with its characters, one a line.
const CHARACTERS_FIELD: &str = "character";

/// Why the model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The library that runs the networks is not there, or is not one that can be used.
    #[error(
        "cannot load ONNX Runtime from {path}: {reason}; run `make setup` to fetch it, or set \
         RECTO_ONNXRUNTIME to its library"
    )]
    Runtime {
        /// The library.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not there, or cannot be read.
    #[error(
        "cannot read the model file {path}: {source}; run `make setup` to fetch the models, or set \
         RECTO_PPOCR_MODELS to the folder that holds them"
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
         RECTO_PPOCR_MODELS to a folder with PP-OCRv6 models"
    )]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// The two networks as they lie in their files.
pub(super) struct ModelFiles {
    runtime: Environment,
    detector: (PathBuf, Vec<u8>),
    recogniser: (PathBuf, Vec<u8>),
    /// SHA-256 of the detector's file and the recogniser's, one after the other.
    pub(super) sha256: String,
}

impl ModelFiles {
    /// Reads the files in `folder`, to be run by the runtime in `library`.
    pub(super) fn read(folder: &Path, library: &Path) -> Result<Self, LoadError> {
        let runtime = runtime(library)?;
        let mut hash = Sha256::new();
        let mut read = |name| {
            let path = folder.join(name);
            let bytes = fs::read(&path).map_err(|source| LoadError::Read {
                path: path.clone(),
                source,
            })?;
            hash.update(&bytes);
            Ok((path, bytes))
        };
        let (detector, recogniser) = (read(DETECTOR_FILE)?, read(RECOGNISER_FILE)?);
        let sha256 = hash.finalize().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        Ok(Self {
            runtime,
            detector,
            recogniser,
            sha256,
        })
    }

    /// A detector of its own.
    pub(super) fn detector(&self) -> Result<OnnxNetwork, LoadError> {
        self.network(&self.detector, true)
    }

    fn network(
        &self,
        (path, onnx): &(PathBuf, Vec<u8>),
        gives_back: bool,
    ) -> Result<OnnxNetwork, LoadError> {
        OnnxNetwork::load(&self.runtime, onnx, gives_back).map_err(|reason| invalid(path, reason))
    }

    /// Makes the recogniser ready for one thread.
    pub(super) fn lane(&self) -> Result<LineRecognizer, LoadError> {
        let recogniser = self.network(&self.recogniser, false)?;
        let list = recogniser
            .metadata(CHARACTERS_FIELD)
            .ok_or_else(|| invalid(&self.recogniser.0, "it names no characters".to_owned()))?;
        Ok(LineRecognizer {
            recogniser,
            characters: parse_characters(&list),
        })
    }
}

/// What one thread of the engine owns: a recogniser of its own, so that it does not wait for another.
pub(super) struct LineRecognizer {
    pub(super) recogniser: OnnxNetwork,
    /// The text of each class but the blank (class 0): class `i` is `characters[i - 1]`.
    pub(super) characters: Vec<String>,
}

fn invalid(path: &Path, reason: String) -> LoadError {
    LoadError::Invalid {
        path: path.into(),
        reason,
    }
}

/// The characters in the order of their classes. The list leaves the blank before and the space after
/// them out.
fn parse_characters(list: &str) -> Vec<String> {
    list.split('\n').chain([" "]).map(str::to_owned).collect()
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
