//! The pages of a document that are read.

use recto_schemas::{FailureDetail, FailureKind, Options};

use super::ReadError;
use crate::image::rasterizer::OpenDocument;

/// The pages of a document that are read.
pub(super) struct PageSelection {
    /// Their one-based numbers, in order.
    pub(super) pages: Vec<u32>,
    /// Pages that were asked for and are over the limit.
    pub(super) skipped: u32,
}

impl PageSelection {
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.pages.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn new(options: &Options, count: u32) -> Result<Self, ReadError> {
        let most = usize::try_from(options.limits.max_pages.get()).unwrap_or(usize::MAX);
        let mut pages: Vec<u32> = match &options.pages {
            Some(ranges) => ranges.select(count).collect(),
            None => (1..=count).collect(),
        };
        if let (true, Some(ranges)) = (pages.is_empty(), &options.pages) {
            return Err(ReadError::NoSuchPage {
                count,
                asked: ranges.to_string(),
            });
        }
        let skipped = pages.len().saturating_sub(most);
        pages.truncate(most);
        Ok(Self {
            pages,
            skipped: u32::try_from(skipped).unwrap_or(u32::MAX),
        })
    }

    pub(super) fn failure(
        &self,
        document: &OpenDocument<'_>,
        options: &Options,
    ) -> Option<FailureDetail> {
        (self.skipped > 0).then(|| FailureDetail {
            kind: FailureKind::PageLimit,
            message: format!(
                "the document has {} pages, {} after the first {} were not read; raise --max-pages",
                document.info().pages,
                self.skipped,
                options.limits.max_pages
            ),
        })
    }
}
