//! The model's files: the two networks as ONNX, and the character list inside the recognizer's.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use ort::environment::Environment;
use sha2::{Digest, Sha256};

use super::{
    PpOcrConfig,
    error::LoadError,
    runtime::{OnnxNetwork, runtime},
};
use crate::script::is_square;

/// File name of the detector.
pub const DETECTOR_FILE: &str = "PP-OCRv6_det_small.onnx";
/// File name of the recognizer.
pub const RECOGNIZER_FILE: &str = "PP-OCRv6_rec_small.onnx";
/// The recognizer's metadata field with its characters, one a line.
const CHARACTERS_FIELD: &str = "character";

/// A network as it lies in its file.
struct OnnxFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

/// The two networks as they lie in their files.
pub(super) struct ModelFiles {
    pub(super) runtime: Environment,
    detector: OnnxFile,
    recognizer: OnnxFile,
    /// SHA-256 of the detector's file and the recognizer's, one after the other.
    pub(super) sha256: String,
}

impl ModelFiles {
    /// Reads the files in `folder`, to be run by the runtime that `config` names.
    pub(super) fn read(folder: &Path, config: &PpOcrConfig) -> Result<Self, LoadError> {
        let runtime = runtime(&config.runtime)?;
        let mut hash = Sha256::new();
        let mut read = |name| {
            let path = folder.join(name);
            let bytes = fs::read(&path).map_err(|reason| LoadError::Read {
                path: path.clone(),
                reason,
            })?;
            let checked = config.pinned.check(&path, &bytes);
            checked.map_err(|reason| invalid(&path, reason))?;
            hash.update(&bytes);
            Ok(OnnxFile { path, bytes })
        };
        let (detector, recognizer) = (read(DETECTOR_FILE)?, read(RECOGNIZER_FILE)?);
        let sha256 = hex(&hash.finalize());
        Ok(Self {
            runtime,
            detector,
            recognizer,
            sha256,
        })
    }

    /// A detector of its own.
    pub(super) fn detector(&self) -> Result<OnnxNetwork, LoadError> {
        self.network(&self.detector, true)
    }

    fn network(&self, file: &OnnxFile, frees_memory: bool) -> Result<OnnxNetwork, LoadError> {
        OnnxNetwork::load(&self.runtime, &file.bytes, frees_memory)
            .map_err(|reason| invalid(&file.path, reason))
    }

    /// A recognizer of its own.
    pub(super) fn recognizer(&self) -> Result<LineRecognizer, LoadError> {
        let recognizer = self.network(&self.recognizer, false)?;
        let list = recognizer
            .metadata(CHARACTERS_FIELD)
            .ok_or_else(|| invalid(&self.recognizer.path, "it names no characters".to_owned()))?;
        let characters = parse_characters(&list);
        Ok(LineRecognizer {
            network: recognizer,
            latin_classes: latin_classes(&characters),
            characters,
        })
    }
}

/// The recognizer of one worker: its own, so that it does not wait for another.
pub(super) struct LineRecognizer {
    pub(super) network: OnnxNetwork,
    /// The text of each class but the blank (class 0): class `i` is `characters[i - 1]`.
    pub(super) characters: Vec<String>,
    /// The classes of characters that are not set in a square, in order.
    pub(super) latin_classes: Vec<usize>,
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn invalid(path: &Path, reason: String) -> LoadError {
    LoadError::Invalid {
        path: path.into(),
        reason,
    }
}

/// The characters in the order of their classes. The list leaves the blank before and the space
/// after them out.
fn parse_characters(list: &str) -> Vec<String> {
    list.split('\n').chain([" "]).map(str::to_owned).collect()
}

/// The classes of the characters that stand in Latin text.
fn latin_classes(characters: &[String]) -> Vec<usize> {
    let is_latin = |text: &String| !text.trim().is_empty() && !text.chars().any(is_square);
    let numbered = characters.iter().enumerate();
    numbered
        .filter(|(_, text)| is_latin(text))
        .map(|(index, _)| index + 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latin_text_has_neither_ideographs_nor_their_punctuation() {
        let characters = ["a", "木", "，", "=", " "].map(str::to_owned);
        assert_eq!(latin_classes(&characters), [1, 4]);
    }

    #[test]
    fn the_space_is_the_last_class_of_the_list() {
        assert_eq!(
            parse_characters("a\nb\u{3000}\n木"),
            ["a", "b\u{3000}", "木", " "]
        );
    }
}
