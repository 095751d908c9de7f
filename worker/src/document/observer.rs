//! Observer of a conversion: progress, metrics and limits of the command that runs it.

use std::{io, time::Duration};

use recto_schemas::{Manifest, PageSummary};

use crate::observe::metrics::JobStage;

/// An observer of a conversion. Its methods are called in this order.
pub(crate) trait ConvertObserver: Send + Sync {
    /// The document was downloaded.
    fn fetched(&self) {}

    /// The document is open, and this many pages will come.
    fn opened(&self, _pages: u32) {}

    /// A page was read.
    fn page(&self, _page: &PageSummary) {}

    /// A page was read before, by an earlier delivery or run.
    fn page_resumed(&self) {}

    /// A page was written; the result has grown by this many bytes.
    ///
    /// # Errors
    /// The result may not grow further; reading stops.
    fn written(&self, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    /// The document was read.
    fn read(&self, _manifest: &Manifest) {}

    /// A file was published.
    fn stored(&self, _bytes: u64) {}

    /// A stage ended, well or not.
    fn stage(&self, _stage: JobStage, _took: Duration) {}
}
