//! Rasterizer errors: the reason for which a document or a page has no bitmap, in words for people.

use std::path::PathBuf;

use recto_schemas::FailureKind;

/// The reason for which a document or one of its pages has no bitmap.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RasterError {
    /// The bytes are no format that is read.
    #[error("not a PDF, PNG, JPEG, JPEG 2000, TIFF, WebP, GIF or BMP: {0}")]
    NotADocument(String),
    /// The format is known, but the document cannot be opened.
    #[error("the document is damaged: {0}")]
    Damaged(String),
    /// The document has no page.
    #[error("the document has no pages")]
    NoPages,
    /// A password is needed and none was given.
    #[error("the document is encrypted; give its password with --password")]
    Encrypted,
    /// The password that was given does not open the document.
    #[error("the password does not open the document; give another one with --password")]
    WrongPassword,
    /// The document makes use of something that is not supported.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// The document is larger than its limit.
    #[error("the document has {bytes} bytes and the limit is {limit}; raise --max-document-size")]
    DocumentTooLarge {
        /// Its size.
        bytes: u64,
        /// `limits.max_document_size`, in bytes.
        limit: u64,
    },
    /// The page has no readable size within the pixel limit, or no size at all.
    #[error("{0}")]
    PageTooLarge(String),
    /// The document has no page of that number.
    #[error("there is no page {page}; the document has {pages}")]
    NoSuchPage {
        /// The page that was asked for.
        page: u32,
        /// The pages there are.
        pages: u32,
    },
    /// The document was not open within the limit.
    #[error("opening took longer than {limit_s} s and was stopped; raise --page-timeout")]
    OpenTimeout {
        /// `limits.page_timeout`, in seconds.
        limit_s: String,
    },
    /// The page was not done within the limit.
    #[error("the page took longer than {limit_s} s and was stopped; raise --page-timeout")]
    PageTimeout {
        /// `limits.page_timeout`, in seconds.
        limit_s: String,
    },
    /// The child hit its address-space limit.
    #[error("rasterizing needs more than {limit_mib} MiB; raise --rasterizer-memory")]
    OutOfMemory {
        /// `limits.rasterizer_memory`, in mebibytes.
        limit_mib: u64,
    },
    /// The child ended on its own.
    #[error("the rasterizer crashed on it ({0})")]
    Crashed(String),
    /// The page cannot be read.
    #[error("the page is damaged: {0}")]
    PageDamaged(String),
    /// The token was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// PDFium's library is not where it should be, or does not load.
    #[error("pdfium was not found at {}: {why}; run `make setup` or set RECTO_PDFIUM", path.display())]
    PdfiumMissing {
        /// The path at which it was looked for.
        path: PathBuf,
        /// The loader's reason.
        why: String,
    },
    /// A sandbox is required, and this machine does not give it.
    #[error("the sandbox that rasterizer processes need is not to be had here: {0}")]
    SandboxMissing(String),
    /// The document could not be read, or a child could not be started.
    #[error("{0}")]
    Io(String),
}

impl RasterError {
    /// The machine-readable code.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::NotADocument(_) => FailureKind::NotADocument,
            Self::Damaged(_) => FailureKind::Damaged,
            Self::NoPages => FailureKind::NoPages,
            Self::Encrypted => FailureKind::Encrypted,
            Self::WrongPassword => FailureKind::WrongPassword,
            Self::Unsupported(_) => FailureKind::Unsupported,
            Self::DocumentTooLarge { .. } => FailureKind::DocumentTooLarge,
            Self::PageTooLarge(_) => FailureKind::PageTooLarge,
            Self::NoSuchPage { .. } => FailureKind::NoSuchPage,
            Self::OpenTimeout { .. } | Self::PageTimeout { .. } => FailureKind::PageTimeout,
            Self::OutOfMemory { .. } => FailureKind::OutOfMemory,
            Self::Crashed(_) => FailureKind::Crashed,
            Self::PageDamaged(_) => FailureKind::PageDamaged,
            Self::Cancelled => FailureKind::Cancelled,
            Self::PdfiumMissing { .. } => FailureKind::PdfiumMissing,
            Self::SandboxMissing(_) => FailureKind::SandboxMissing,
            Self::Io(_) => FailureKind::Io,
        }
    }

    /// Returns true if the failure concerns one page only, so that the next page is worth asking for.
    /// Meant for errors of an inspected page, not for those of opening a document.
    pub fn is_page_only(&self) -> bool {
        matches!(
            self,
            Self::PageTooLarge(_)
                | Self::NoSuchPage { .. }
                | Self::PageTimeout { .. }
                | Self::OutOfMemory { .. }
                | Self::Crashed(_)
                | Self::PageDamaged(_)
                | Self::Unsupported(_)
        )
    }
}
