//! [`LoadError`]: the reasons why the model cannot be loaded.

use std::path::PathBuf;

/// The reason why the model could not be loaded.
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
        /// The error in it.
        reason: String,
    },
    /// A file is not there, or cannot be read.
    #[error(
        "cannot read the model file {path}: {reason}; run `make setup` to fetch the models, or set \
         RECTO_PPOCR_MODELS to the folder that holds them"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: std::io::Error,
    },
    /// A file is there but is no network that can be run.
    #[error(
        "the model file {path} does not load: {reason}; delete it and run `make setup`, or set \
         RECTO_PPOCR_MODELS to a folder with PP-OCRv6 models"
    )]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The error in it.
        reason: String,
    },
    /// A file of the layout model is not there, or cannot be read.
    #[error(
        "cannot read the layout model's file {path}: {reason}; a layout model is a folder with model.onnx and \
         layout.json (docs/converting.md); name another one with --layout-model, or do without with --layout-model none"
    )]
    ReadLayout {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: std::io::Error,
    },
    /// A file of the layout model is there but is not one that can be used.
    #[error(
        "the layout model's file {path} does not do: {reason}; docs/converting.md says what a layout model is; name \
         another one with --layout-model, or do without with --layout-model none"
    )]
    InvalidLayout {
        /// The file.
        path: PathBuf,
        /// The error in it.
        reason: String,
    },
}
