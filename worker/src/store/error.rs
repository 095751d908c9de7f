//! Errors of an object store, sorted by what a caller can do about them.

use std::{fmt, io};

use recto_schemas::FailureKind;
use thiserror::Error;

use super::uri::StoreUriError;

/// An error of a store.
#[derive(Debug, Error)]
#[error("{at}: {cause}")]
pub(crate) struct StoreError {
    /// The URI, or the store's address.
    pub(crate) at: String,
    /// The cause; its text does not name the place again.
    pub(crate) cause: ErrorCause,
}

/// The cause of a store's error.
#[derive(Debug, Error)]
pub(crate) enum ErrorCause {
    /// The text is not the URI of an object.
    #[error("{0}")]
    BadUri(#[from] StoreUriError),
    /// No object has that key and version.
    #[error("no such object; check bucket, key and version")]
    NoSuchObject,
    /// The bucket does not exist.
    #[error("no such bucket; check its name, the endpoint and the region")]
    NoSuchBucket,
    /// The object no longer has the version or the ETag that it had before.
    #[error("changed since it was first seen; submit it again")]
    SourceChanged,
    /// The store accepts the credentials, but denies the call.
    #[error("access denied ({code}); allow it to these credentials, or give others")]
    Denied {
        /// The store's error code.
        code: String,
    },
    /// The store denies an object and also the listing that would tell whether there is one: AWS denies a missing object too then.
    #[error(
        "access denied, or no such object: without s3:ListBucket the store does not say which; allow it, or check the key"
    )]
    DeniedOrAbsent,
    /// The store does not accept the credentials. This is transient: secrets are replaced, roles refreshed.
    #[error("the store does not accept the credentials ({code}); check key, secret and clock")]
    BadCredentials {
        /// The store's error code.
        code: String,
    },
    /// More bytes than the caller takes.
    #[error("larger than {max_bytes} bytes")]
    TooLarge {
        /// The caller's limit.
        max_bytes: u64,
    },
    /// The object is outside of what this process may touch.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// The store does not answer, or asks to retry later.
    #[error("the store cannot be used at the moment: {0}")]
    Unavailable(String),
    /// The local disk is full.
    #[error("no room on the disk ({0}); free some")]
    DiskFull(io::Error),
    /// The local file system failed otherwise.
    #[error("{0}")]
    Io(io::Error),
    /// The store refuses the request as wrong.
    #[error("the store refuses the request: {0}")]
    BadRequest(String),
    /// Settings or credentials are missing or wrong.
    #[error("{0}")]
    NotConfigured(String),
}

impl StoreError {
    pub(crate) fn new(at: impl fmt::Display, cause: ErrorCause) -> Self {
        Self {
            at: at.to_string(),
            cause,
        }
    }

    /// For `map_err`: an error of a file that is the object.
    pub(crate) fn io(at: &impl fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::new(at, ErrorCause::from(error))
    }

    /// For `map_err`: an error of a file of this process, which a copy goes to or comes from.
    pub(crate) fn local(at: &impl fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::new(at, ErrorCause::local(error))
    }

    /// The machine-readable code.
    pub(crate) fn kind(&self) -> FailureKind {
        self.cause.kind()
    }

    /// Returns true if the same call may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        self.cause.is_transient()
    }
}

impl ErrorCause {
    /// An error of a file of this process.
    fn local(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => Self::DiskFull(error),
            _ => Self::Io(error),
        }
    }

    /// The machine-readable code.
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::BadUri(_) => FailureKind::BadUri,
            Self::NoSuchObject => FailureKind::NoSuchObject,
            Self::NoSuchBucket => FailureKind::NoSuchBucket,
            Self::SourceChanged => FailureKind::SourceChanged,
            Self::Denied { .. } | Self::DeniedOrAbsent => FailureKind::AccessDenied,
            Self::BadCredentials { .. } => FailureKind::BadCredentials,
            Self::TooLarge { .. } => FailureKind::DocumentTooLarge,
            Self::NotAllowed(_) => FailureKind::NotAllowed,
            Self::Unavailable(_) => FailureKind::StoreUnavailable,
            Self::DiskFull(_) => FailureKind::DiskFull,
            Self::Io(_) => FailureKind::Io,
            Self::BadRequest(_) => FailureKind::BadRequest,
            Self::NotConfigured(_) => FailureKind::NotConfigured,
        }
    }

    /// Returns true if the same call may succeed later, without anyone changing the job.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::BadCredentials { .. }
            | Self::Unavailable(_)
            | Self::DiskFull(_)
            | Self::Io(_)
            | Self::NotConfigured(_) => true,
            Self::BadUri(_)
            | Self::NoSuchObject
            | Self::NoSuchBucket
            | Self::SourceChanged
            | Self::Denied { .. }
            | Self::DeniedOrAbsent
            | Self::TooLarge { .. }
            | Self::NotAllowed(_)
            | Self::BadRequest(_) => false,
        }
    }
}

impl From<io::Error> for ErrorCause {
    fn from(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::NotFound => Self::NoSuchObject,
            Kind::PermissionDenied => Self::Denied {
                code: error.to_string(),
            },
            _ => Self::local(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn causes() -> Vec<ErrorCause> {
        let code = String::from("AccessDenied");
        vec![
            ErrorCause::BadUri(StoreUriError::Scheme),
            ErrorCause::NoSuchObject,
            ErrorCause::NoSuchBucket,
            ErrorCause::SourceChanged,
            ErrorCause::Denied { code: code.clone() },
            ErrorCause::DeniedOrAbsent,
            ErrorCause::BadCredentials { code },
            ErrorCause::TooLarge { max_bytes: 1 },
            ErrorCause::NotAllowed("outside"),
            ErrorCause::Unavailable("503".to_owned()),
            ErrorCause::DiskFull(io::ErrorKind::StorageFull.into()),
            ErrorCause::Io(io::ErrorKind::Other.into()),
            ErrorCause::BadRequest("400".to_owned()),
            ErrorCause::NotConfigured("no credentials".to_owned()),
        ]
    }

    #[test]
    fn every_cause_has_its_kind() {
        let mut given: Vec<_> = causes().iter().map(ErrorCause::kind).collect();
        given.dedup();
        let kinds = [
            FailureKind::BadUri,
            FailureKind::NoSuchObject,
            FailureKind::NoSuchBucket,
            FailureKind::SourceChanged,
            FailureKind::AccessDenied,
            FailureKind::BadCredentials,
            FailureKind::DocumentTooLarge,
            FailureKind::NotAllowed,
            FailureKind::StoreUnavailable,
            FailureKind::DiskFull,
            FailureKind::Io,
            FailureKind::BadRequest,
            FailureKind::NotConfigured,
        ];
        assert_eq!(given, kinds);
    }

    #[test]
    fn a_full_disk_is_passing_and_a_missing_file_is_not() {
        // ENOSPC, EDQUOT and EFBIG, as Linux numbers them.
        for number in [28, 122, 27] {
            let cause = ErrorCause::from(io::Error::from_raw_os_error(number));
            assert_eq!(cause.kind(), FailureKind::DiskFull);
            assert!(cause.is_transient());
        }
        let missing = StoreError::io(&"file:///a")(io::ErrorKind::NotFound.into());
        assert_eq!(missing.kind(), FailureKind::NoSuchObject);
        assert!(!missing.is_transient());
        assert!(missing.to_string().starts_with("file:///a: no such object"));
    }
}
