//! Error type for a checkpoint that cannot be used.

use std::{io, path::PathBuf};

/// A checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GotError {
    /// A file is missing or cannot be read.
    #[error("cannot read {}: {}", path.display(), io_message(error))]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A configuration file asks for something that this engine does not support, or contradicts
    /// itself.
    #[error("{}: {message}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// The problem, and what would be accepted.
        message: String,
    },
    /// A weight or tokenizer file is invalid.
    #[error("{}: {message}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// The problem, and what would be accepted.
        message: String,
    },
    /// A tensor is missing, has another shape, or cannot be converted.
    #[error("tensor `{name}`: {message}")]
    Tensor {
        /// The tensor's name in the checkpoint.
        name: String,
        /// The expected and the actual value.
        message: String,
    },
    /// The requested setup does not fit this machine.
    #[error("{0}")]
    Fit(String),
    /// A tensor operation failed.
    #[error("{}", candle_message(.0))]
    Candle(#[from] candle_core::Error),
}

/// The error's message; for a missing file, the files that a checkpoint must have.
fn io_message(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "it is not there; a checkpoint has config.json, model.safetensors (or its shards \
             with their index), and tokenizer.json or qwen.tiktoken"
                .to_owned()
        }
        _ => error.to_string(),
    }
}

/// candle's message without the backtrace that it adds when `RUST_BACKTRACE` is set.
pub(super) fn candle_message(error: &candle_core::Error) -> String {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => candle_message(inner),
        other => other.to_string(),
    }
}
