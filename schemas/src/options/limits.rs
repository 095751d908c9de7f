//! Limits on what one document may cost.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{BoundedInt, ByteSize, HumanDuration, Megapixels};

/// Less than this, in bytes, and PDFium itself does not start in a rasterizer process.
const MIN_RASTERIZER_MEMORY: u64 = 64 << 20;

/// Limits on what one document may cost. Each one that is hit is named in the manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[cfg_attr(feature = "clap", command(next_help_heading = "Limits"))]
#[serde(default)]
pub struct DocumentLimits {
    /// Maximum number of pages read from one document; those after it are not read, and the manifest says so.
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", env = "RECTO_MAX_PAGES", default_value_t = Self::DEFAULT.max_pages))]
    pub max_pages: BoundedInt<1>,
    /// Maximum size of one page's bitmap, in millions of pixels; larger pages get a lower resolution.
    #[cfg_attr(feature = "clap", arg(long, value_name = "N", env = "RECTO_MAX_MEGAPIXELS", default_value_t = Self::DEFAULT.max_megapixels))]
    pub max_megapixels: Megapixels,
    /// Maximum size of a document.
    #[cfg_attr(feature = "clap", arg(long, value_name = "SIZE", env = "RECTO_MAX_DOCUMENT_SIZE", default_value_t = Self::DEFAULT.max_document_size))]
    pub max_document_size: ByteSize,
    /// Maximum size of what one document becomes, all outputs together; a document that comes to more fails.
    #[cfg_attr(feature = "clap", arg(long, value_name = "SIZE", env = "RECTO_MAX_OUTPUT_SIZE", default_value_t = Self::DEFAULT.max_output_size))]
    pub max_output_size: ByteSize,
    /// Address space of one rasterizer process, at least 64MiB.
    #[cfg_attr(feature = "clap", arg(long, value_name = "SIZE", env = "RECTO_RASTERIZER_MEMORY", default_value_t = Self::DEFAULT.rasterizer_memory))]
    pub rasterizer_memory: ByteSize<MIN_RASTERIZER_MEMORY>,
    /// Timeout for rasterizing one page.
    #[cfg_attr(feature = "clap", arg(long, value_name = "TIME", env = "RECTO_PAGE_TIMEOUT", default_value_t = Self::DEFAULT.page_timeout))]
    pub page_timeout: HumanDuration,
    /// Timeout for the engine to write one page's text.
    #[cfg_attr(feature = "clap", arg(long, value_name = "TIME", env = "RECTO_READ_TIMEOUT", default_value_t = Self::DEFAULT.read_timeout))]
    pub read_timeout: HumanDuration,
    /// Timeout for one document.
    #[cfg_attr(feature = "clap", arg(long, value_name = "TIME", env = "RECTO_DOCUMENT_TIMEOUT", default_value_t = Self::DEFAULT.document_timeout))]
    pub document_timeout: HumanDuration,
}

impl DocumentLimits {
    /// The limits of a document for which nothing else is said.
    pub const DEFAULT: Self = Self {
        max_pages: BoundedInt::of::<5_000>(),
        max_megapixels: Megapixels::of::<40>(),
        max_document_size: ByteSize::of::<2_000_000_000>(),
        // 5,000 dense pages come to some 300 MB with --jsonl and --html.
        max_output_size: ByteSize::of::<1_000_000_000>(),
        rasterizer_memory: ByteSize::of::<{ 384 << 20 }>(),
        page_timeout: HumanDuration::seconds::<20>(),
        read_timeout: HumanDuration::seconds::<900>(),
        document_timeout: HumanDuration::seconds::<3_600>(),
    };

    /// The lower of each limit.
    #[must_use]
    pub fn lower(&self, other: &Self) -> Self {
        Self {
            max_pages: self.max_pages.min(other.max_pages),
            max_megapixels: self.max_megapixels.min(other.max_megapixels),
            max_document_size: self.max_document_size.min(other.max_document_size),
            max_output_size: self.max_output_size.min(other.max_output_size),
            rasterizer_memory: self.rasterizer_memory.min(other.rasterizer_memory),
            page_timeout: self.page_timeout.min(other.page_timeout),
            read_timeout: self.read_timeout.min(other.read_timeout),
            document_timeout: self.document_timeout.min(other.document_timeout),
        }
    }

    /// The limits that decide which text a result has. Those on time and memory decide no more than if reading fails.
    pub(super) fn deciding(&self) -> Self {
        Self {
            max_pages: self.max_pages,
            max_megapixels: self.max_megapixels,
            ..Self::DEFAULT
        }
    }
}

impl Default for DocumentLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_raised_and_each_may_be_lowered() {
        let wanted = DocumentLimits {
            max_pages: BoundedInt::of::<3>(),
            document_timeout: HumanDuration::seconds::<1_000_000>(),
            ..DocumentLimits::DEFAULT
        };
        let limits = wanted.lower(&DocumentLimits::DEFAULT);
        assert_eq!(limits.max_pages.get(), 3);
        assert!(limits.document_timeout <= DocumentLimits::DEFAULT.document_timeout);
    }
}
