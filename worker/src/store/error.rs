//! Errors of an object store, sorted by what a caller can do about them.

use std::{fmt, io};

use thiserror::Error;

use super::uri::StoreUriError;

/// Every kind that [`StoreError::kind`] gives, in the order of [`ErrorCause`].
#[cfg(test)]
pub(crate) const KINDS: [&str; 12] = [
    "bad-uri",
    "no-such-object",
    "no-such-bucket",
    "source-changed",
    "access-denied",
    "too-large",
    "not-allowed",
    "store-unavailable",
    "disk-full",
    "io",
    "bad-request",
    "not-configured",
];

/// The URI and the cause of an error.
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
    /// The text is no URI of an object.
    #[error("{0}")]
    BadUri(#[from] StoreUriError),
    /// Nothing has that key, or not in that version.
    #[error("no such object; check bucket, key and version")]
    NoSuchObject,
    /// The bucket is not there.
    #[error("no such bucket; check its name, the endpoint and the region")]
    NoSuchBucket,
    /// The version or the ETag seen before is no longer there.
    #[error("changed since it was first seen; submit it anew")]
    SourceChanged,
    /// The store knows who asks, and says no.
    #[error("access denied ({code}); allow it to these credentials, or give others")]
    Denied {
        /// The store's own word for it.
        code: String,
    },
    /// The store does not take the credentials. Passing: secrets are replaced, roles refreshed.
    #[error("the store does not accept the credentials ({code}); check key, secret and clock")]
    BadCredentials {
        /// The store's own word for it.
        code: String,
    },
    /// More bytes than the caller takes.
    #[error("larger than {most_bytes} bytes")]
    TooLarge {
        /// The most that the caller takes.
        most_bytes: u64,
    },
    /// Outside of what this process may touch.
    #[error("{0}")]
    NotAllowed(&'static str),
    /// No answer, or one that says to come again.
    #[error("the store cannot be used at the moment: {0}")]
    Unavailable(String),
    /// No room on the local disk.
    #[error("no room on the disk ({0}); free some")]
    DiskFull(io::Error),
    /// The local file system's other refusals.
    #[error("{0}")]
    Io(io::Error),
    /// The store says that the request is wrong.
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

    /// For `map_err`: trouble with a file that is the object.
    pub(crate) fn io(at: &impl fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::new(at, ErrorCause::from(error))
    }

    /// For `map_err`: trouble with a file of this process, which a copy goes to or comes from.
    pub(crate) fn local(at: &impl fmt::Display) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::new(at, ErrorCause::local(error))
    }

    /// One of `KINDS`.
    pub(crate) fn kind(&self) -> &'static str {
        self.cause.kind()
    }

    /// Returns true if the same call may succeed later.
    pub(crate) fn is_transient(&self) -> bool {
        self.cause.is_transient()
    }
}

impl ErrorCause {
    /// Trouble with a file of this process.
    fn local(error: io::Error) -> Self {
        use io::ErrorKind as Kind;
        match error.kind() {
            Kind::StorageFull | Kind::QuotaExceeded | Kind::FileTooLarge => Self::DiskFull(error),
            _ => Self::Io(error),
        }
    }

    /// One of `KINDS`.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::BadUri(_) => "bad-uri",
            Self::NoSuchObject => "no-such-object",
            Self::NoSuchBucket => "no-such-bucket",
            Self::SourceChanged => "source-changed",
            Self::Denied { .. } | Self::BadCredentials { .. } => "access-denied",
            Self::TooLarge { .. } => "too-large",
            Self::NotAllowed(_) => "not-allowed",
            Self::Unavailable(_) => "store-unavailable",
            Self::DiskFull(_) => "disk-full",
            Self::Io(_) => "io",
            Self::BadRequest(_) => "bad-request",
            Self::NotConfigured(_) => "not-configured",
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
            ErrorCause::BadCredentials { code },
            ErrorCause::TooLarge { most_bytes: 1 },
            ErrorCause::NotAllowed("outside"),
            ErrorCause::Unavailable("503".to_owned()),
            ErrorCause::DiskFull(io::ErrorKind::StorageFull.into()),
            ErrorCause::Io(io::ErrorKind::Other.into()),
            ErrorCause::BadRequest("400".to_owned()),
            ErrorCause::NotConfigured("no credentials".to_owned()),
        ]
    }

    #[test]
    fn every_kind_is_published_and_each_is_given() {
        let mut given: Vec<_> = causes().iter().map(ErrorCause::kind).collect();
        given.dedup();
        assert_eq!(given, KINDS);
    }

    #[test]
    fn a_full_disk_is_passing_and_a_missing_file_is_not() {
        // ENOSPC, EDQUOT and EFBIG, as Linux numbers them.
        for number in [28, 122, 27] {
            let cause = ErrorCause::from(io::Error::from_raw_os_error(number));
            assert_eq!(cause.kind(), "disk-full");
            assert!(cause.is_transient());
        }
        let missing = StoreError::io(&"file:///a")(io::ErrorKind::NotFound.into());
        assert_eq!(missing.kind(), "no-such-object");
        assert!(!missing.is_transient());
        assert!(missing.to_string().starts_with("file:///a: no such object"));
    }
}
