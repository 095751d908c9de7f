//! Models and libraries: found on this machine or on the Hugging Face hub, and loaded.

pub(crate) mod config;
mod checksums;
#[cfg(feature = "got")]
mod got;
#[cfg(feature = "got")]
mod hub;
pub(crate) mod loader;
#[cfg(feature = "ppocr")]
mod tesseract;

/// The receiver of a download's progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProgressReporter {
    /// Nobody.
    Nobody,
    /// Whoever looks at standard error.
    Person,
    /// The log.
    Log,
}

impl ProgressReporter {
    /// Tells of what is not as it should be.
    pub(crate) fn warn(self, said: &str) {
        match self {
            Self::Nobody => {}
            Self::Person => eprintln!("{said}"),
            Self::Log => tracing::warn!("{said}"),
        }
    }
}
