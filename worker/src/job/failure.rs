//! [`JobFailure`]: why a job has no result, and the one list of words for it.

use std::fmt;

use recto_pipeline::read::ReadError;

use crate::{broker::publish::PublishError, store::StoreError};

/// The stage of a job's life at which it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureStage {
    /// Handing the message over, again and again.
    Deliver,
    /// Understanding the message.
    Parse,
    /// Getting the document from its store.
    Fetch,
    /// Opening and reading it.
    Read,
    /// Putting the results into the store.
    Store,
    /// Sending the result message.
    Publish,
}

/// The outlook of another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retryability {
    /// Fail the same way.
    Permanent,
    /// Perhaps succeed.
    Transient,
    /// Nothing was wrong: the worker was asked to stop.
    Interrupted,
}

/// Every word for a failure, and what another try would do.
pub(crate) const KINDS: [(&str, Retryability); 35] = [
    ("bad-message", Retryability::Permanent),
    ("unknown-version", Retryability::Permanent),
    ("not-allowed", Retryability::Permanent),
    ("engine-unavailable", Retryability::Permanent),
    ("crash-loop", Retryability::Permanent),
    ("no-such-object", Retryability::Permanent),
    ("no-such-bucket", Retryability::Permanent),
    ("bad-request", Retryability::Permanent),
    ("source-changed", Retryability::Permanent),
    ("not-a-document", Retryability::Permanent),
    ("damaged", Retryability::Permanent),
    ("no-pages", Retryability::Permanent),
    ("encrypted", Retryability::Permanent),
    ("wrong-password", Retryability::Permanent),
    ("unsupported", Retryability::Permanent),
    ("document-too-large", Retryability::Permanent),
    ("page-too-large", Retryability::Permanent),
    ("no-such-page", Retryability::Permanent),
    ("page-timeout", Retryability::Permanent),
    ("page-damaged", Retryability::Permanent),
    ("access-denied", Retryability::Transient),
    ("store-unavailable", Retryability::Transient),
    ("not-configured", Retryability::Transient),
    ("disk-full", Retryability::Transient),
    ("out-of-memory", Retryability::Transient),
    ("crashed", Retryability::Transient),
    ("engine-stopped", Retryability::Transient),
    ("pdfium-missing", Retryability::Transient),
    ("io", Retryability::Transient),
    ("panic", Retryability::Transient),
    ("unroutable", Retryability::Transient),
    ("nacked", Retryability::Transient),
    ("confirm-timeout", Retryability::Transient),
    ("broker-lost", Retryability::Transient),
    ("drain", Retryability::Interrupted),
];

/// The reason why a job has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobFailure {
    /// The stage at which it failed.
    pub(crate) stage: FailureStage,
    /// A word of [`KINDS`].
    pub(crate) kind: &'static str,
    /// A sentence for people: the error and what to do about it; never a secret.
    pub(crate) message: String,
}

impl FailureStage {
    /// The word it is written as.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Deliver => "deliver",
            Self::Parse => "parse",
            Self::Fetch => "fetch",
            Self::Read => "read",
            Self::Store => "store",
            Self::Publish => "publish",
        }
    }
}

impl JobFailure {
    /// A failure of that kind; a word that is not in [`KINDS`] becomes `io`.
    pub(crate) fn new(stage: FailureStage, kind: &str, message: impl Into<String>) -> Self {
        let known = KINDS.iter().find(|(known, _)| *known == kind);
        Self {
            stage,
            kind: known.map_or("io", |(known, _)| known),
            message: message.into(),
        }
    }

    /// The outlook of another try.
    pub(crate) fn nature(&self) -> Retryability {
        KINDS
            .iter()
            .find(|(known, _)| *known == self.kind)
            .map_or(Retryability::Transient, |(_, nature)| *nature)
    }

    /// A store failed, while fetching or while storing.
    pub(crate) fn store(stage: FailureStage, error: &StoreError) -> Self {
        let kind = match error.kind() {
            "too-large" => "document-too-large",
            "bad-uri" => "bad-message",
            kind => kind,
        };
        Self::new(stage, kind, error.to_string())
    }

    /// The document could not be opened, or its results not be written.
    pub(crate) fn read(error: &ReadError) -> Self {
        let kind = match error {
            ReadError::Sink(error) if crate::os::scratch::is_disk_full(error) => "disk-full",
            ReadError::Cancelled => "drain",
            error => error.kind(),
        };
        Self::new(FailureStage::Read, kind, error.to_string())
    }

    /// A result was not confirmed.
    pub(crate) fn publish(error: &PublishError) -> Self {
        Self::new(FailureStage::Publish, error.kind(), error.to_string())
    }

    /// The scratch directory failed.
    pub(crate) fn work(stage: FailureStage, error: &std::io::Error) -> Self {
        let kind = if crate::os::scratch::is_disk_full(error) {
            "disk-full"
        } else {
            "io"
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
    use recto_pipeline::image::rasterizer::RasterError;

    use super::*;
    use crate::{broker::publish, store};

    /// A kind that is missing here would silently become `io` and be tried again.
    #[test]
    fn every_word_of_the_parts_is_a_kind_of_failure() {
        let known = |kind: &str| KINDS.iter().any(|(known, _)| *known == kind);
        let raster = RasterError::KINDS
            .iter()
            .filter(|kind| **kind != "cancelled");
        let translated = ["too-large", "bad-uri"];
        let store = store::KINDS
            .iter()
            .filter(|kind| !translated.contains(kind));
        for kind in raster.chain(store).chain(&publish::KINDS) {
            assert!(known(kind), "{kind}");
        }
    }
}
