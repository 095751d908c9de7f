//! Errors of a conversion.

use std::io;

use recto_pipeline::read::ReadError;
use recto_schemas::{FailureDetail, FailureKind, Manifest};
use tokio::task::JoinError;

use crate::{os::scratch::is_disk_full, store::StoreError};

/// A document has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvertError {
    /// The source cannot be read.
    #[error("{}", unreadable(.0))]
    Unreadable(io::Error),
    /// The source does not exist.
    #[error("no such file; check the path")]
    NoSuchFile,
    /// The source is larger than its limit.
    #[error(
        "the document is larger than {} MB; raise --max-document-size", *max_bytes as f64 / 1e6
    )]
    TooLarge { max_bytes: u64 },
    /// The source cannot be downloaded.
    #[error("{}", .0.cause)]
    Fetch(#[from] StoreError),
    /// The scratch directory failed.
    #[error("cannot be read: {0}")]
    Scratch(io::Error),
    /// The document cannot be read.
    #[error("{0}")]
    Read(ReadError),
    /// A page was lost by this machine's fault.
    #[error("{}", .0.message)]
    LostPage(FailureDetail),
    /// The result cannot be written.
    #[error("the result could not be written: {error}")]
    Write {
        /// The system's reason.
        error: io::Error,
        /// The manifest that it would have had.
        manifest: Box<Manifest>,
    },
    /// The result cannot be published.
    #[error("the result could not be written: {error}")]
    Publish {
        /// The store's reason.
        error: StoreError,
        /// The manifest that it would have had.
        manifest: Box<Manifest>,
    },
    /// A part cannot be stored, or not be read again.
    #[error("pages that were read could not be kept: {0}")]
    Parts(StoreError),
    /// Reading was stopped; the pages that were read are kept.
    #[error("stopped")]
    Stopped,
    /// Reading panicked.
    #[error("reading the document panicked; this is a defect of recto, please report it")]
    Panicked,
    /// The token was cancelled.
    #[error("cancelled")]
    Cancelled,
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

impl ConvertError {
    pub(super) fn write(error: io::Error, manifest: Manifest) -> Self {
        let manifest = Box::new(manifest);
        Self::Write { error, manifest }
    }

    /// Parts could not be kept, or not be had: the store's error, or `otherwise` that of this machine.
    pub(super) fn of_parts(error: io::Error, otherwise: impl FnOnce(io::Error) -> Self) -> Self {
        match error.downcast::<StoreError>() {
            Ok(error) => Self::Parts(error),
            Err(error) => otherwise(error),
        }
    }

    /// The thread that read has panicked. The panic's own message could quote the document.
    pub(super) fn panicked(panicked: &JoinError) -> Self {
        tracing::error!(is_panic = panicked.is_panic(), "reading panicked");
        Self::Panicked
    }

    /// The machine-readable code.
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::Unreadable(_) | Self::NoSuchFile => FailureKind::NotReadable,
            Self::TooLarge { .. } => FailureKind::DocumentTooLarge,
            Self::Fetch(error) | Self::Publish { error, .. } | Self::Parts(error) => error.kind(),
            Self::Scratch(error) | Self::Write { error, .. } => match is_disk_full(error) {
                true => FailureKind::DiskFull,
                false => FailureKind::Io,
            },
            Self::Read(ReadError::Sink(error)) if is_disk_full(error) => FailureKind::DiskFull,
            Self::Read(error) => error.kind(),
            Self::LostPage(failure) => failure.kind,
            Self::Panicked => FailureKind::Panic,
            Self::Stopped | Self::Cancelled => FailureKind::Cancelled,
        }
    }
}
