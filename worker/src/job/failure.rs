//! [`JobFailure`]: why a job has no result.

use std::{fmt, io};

use recto_pipeline::read::ReadError;
use recto_schemas::{FailureKind, FailureStage};

use crate::{broker::publish::PublishError, os::scratch::is_disk_full, store::StoreError};

/// The reason why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobFailure {
    /// The stage at which it failed.
    pub(crate) stage: FailureStage,
    /// The machine-readable code.
    pub(crate) kind: FailureKind,
    /// What happened and what to do about it; never a secret.
    pub(crate) message: String,
}

impl JobFailure {
    /// A failure of that kind.
    pub(crate) fn new(stage: FailureStage, kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            stage,
            kind,
            message: message.into(),
        }
    }

    /// A store failed, while fetching or while storing.
    pub(crate) fn store(stage: FailureStage, error: &StoreError) -> Self {
        let kind = match error.kind() {
            // The URI is the message's.
            FailureKind::BadUri => FailureKind::BadMessage,
            kind => kind,
        };
        Self::new(stage, kind, error.to_string())
    }

    /// The document could not be opened, or its results not be written.
    pub(crate) fn read(error: &ReadError) -> Self {
        let kind = match error {
            ReadError::Sink(error) if is_disk_full(error) => FailureKind::DiskFull,
            ReadError::Cancelled => FailureKind::Shutdown,
            error => error.kind(),
        };
        Self::new(FailureStage::Read, kind, error.to_string())
    }

    /// A result was not confirmed.
    pub(crate) fn publish(error: &PublishError) -> Self {
        Self::new(FailureStage::Publish, error.kind(), error.to_string())
    }

    /// The scratch directory failed.
    pub(crate) fn work(stage: FailureStage, error: &io::Error) -> Self {
        let kind = match is_disk_full(error) {
            true => FailureKind::DiskFull,
            false => FailureKind::Io,
        };
        Self::new(stage, kind, format!("the work folder failed: {error}"))
    }
}

impl fmt::Display for JobFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It was not in the list of kinds, and so became `io` without a word.
    #[test]
    fn a_result_that_could_not_be_written_says_so() {
        let error = ReadError::Sink(io::Error::other("gone"));
        assert_eq!(JobFailure::read(&error).kind, FailureKind::ResultNotWritten);
        let full = ReadError::Sink(io::ErrorKind::StorageFull.into());
        assert_eq!(JobFailure::read(&full).kind, FailureKind::DiskFull);
        let stopped = JobFailure::read(&ReadError::Cancelled);
        assert_eq!(stopped.kind, FailureKind::Shutdown);
    }
}
