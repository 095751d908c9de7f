//! [`JobFailure`]: why a job has no result.

use std::{fmt, io};

use recto_schemas::{FailureKind, FailureStage};

use crate::{document::ConvertError, os::scratch::is_disk_full, store::StoreError};

/// Longest message, in bytes: it may quote a URI, whose key has at most 1,024.
const MAX_MESSAGE_BYTES: usize = 2_000;

/// The reason why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobFailure {
    /// The stage at which it failed.
    pub(crate) stage: FailureStage,
    /// The machine-readable code.
    pub(crate) kind: FailureKind,
    /// A sentence for people: the error and what to do about it; never a secret.
    pub(crate) message: String,
}

impl JobFailure {
    /// A failure of that kind. Of a message that quotes too much, the beginning is kept.
    pub(crate) fn new(stage: FailureStage, kind: FailureKind, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MAX_MESSAGE_BYTES {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
            message.push('…');
        }
        Self {
            stage,
            kind,
            message,
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

    /// The document could not be fetched, read or stored.
    pub(crate) fn convert(error: &ConvertError) -> Self {
        match error {
            ConvertError::Fetch(error) => Self::store(FailureStage::Fetch, error),
            ConvertError::Publish { error, .. } | ConvertError::Parts(error) => {
                Self::store(FailureStage::Store, error)
            }
            ConvertError::Scratch(error) | ConvertError::Write { error, .. } => {
                Self::work(FailureStage::Read, error)
            }
            ConvertError::Stopped | ConvertError::Cancelled => {
                Self::new(FailureStage::Read, FailureKind::Shutdown, error.to_string())
            }
            ConvertError::Unreadable(_)
            | ConvertError::NoSuchFile
            | ConvertError::TooLarge { .. }
            | ConvertError::Read(_)
            | ConvertError::LostPage(_)
            | ConvertError::Panicked => {
                Self::new(FailureStage::Read, error.kind(), error.to_string())
            }
        }
    }

    /// The scratch directory failed.
    pub(crate) fn work(stage: FailureStage, error: &io::Error) -> Self {
        let kind = match is_disk_full(error) {
            true => FailureKind::DiskFull,
            false => FailureKind::Io,
        };
        Self::new(
            stage,
            kind,
            format!("the scratch directory failed: {error}"),
        )
    }
}

impl fmt::Display for JobFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use recto_pipeline::read::ReadError;

    use super::*;

    /// It was not in the list of kinds, and so became `io` without a word.
    #[test]
    fn a_result_that_could_not_be_written_says_so() {
        let kind = |error| JobFailure::convert(&error).kind;
        let read = |error| kind(ConvertError::Read(ReadError::Sink(error)));
        let other = io::Error::other("gone");
        assert_eq!(read(other), FailureKind::ResultNotWritten);
        let full = io::ErrorKind::StorageFull.into();
        assert_eq!(read(full), FailureKind::DiskFull);
        assert_eq!(kind(ConvertError::Cancelled), FailureKind::Shutdown);
    }
}
