//! [`GotError`]: why a checkpoint cannot be used.

use std::{io, path::PathBuf};

/// Why a checkpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GotError {
    /// A file is missing or cannot be read.
    #[error("cannot read {}: {}", path.display(), why(error))]
    File {
        /// Which one.
        path: PathBuf,
        /// What happened.
        error: io::Error,
    },
    /// A configuration file says what this engine cannot do, or contradicts itself.
    #[error("{}: {message}", path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// What it says, and what would do.
        message: String,
    },
    /// A weight or tokenizer file is not what it should be.
    #[error("{}: {message}", path.display())]
    Broken {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, and what would do.
        message: String,
    },
    /// A tensor is missing, has another shape, or cannot be converted.
    #[error("tensor `{name}`: {message}")]
    Tensor {
        /// Its name in the checkpoint.
        name: String,
        /// What was expected and what was found.
        message: String,
    },
    /// What was asked for does not fit this machine.
    #[error("{0}")]
    Fit(String),
    /// The arithmetic failed.
    #[error("{}", words(.0))]
    Candle(#[from] candle_core::Error),
}

/// What happened; where a file is not there, what a checkpoint's folder holds.
fn why(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "it is not there; a checkpoint has config.json, model.safetensors (or its shards \
             with their index), and tokenizer.json or qwen.tiktoken"
                .to_owned()
        }
        _ => error.to_string(),
    }
}

/// What candle says, without the backtrace that it adds where `RUST_BACKTRACE` is set.
pub(super) fn words(error: &candle_core::Error) -> String {
    match error {
        candle_core::Error::WithBacktrace { inner, .. } => words(inner),
        other => other.to_string(),
    }
}
