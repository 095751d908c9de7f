//! Document file: the document of a child, whatever its format. Formats are told by their first bytes, never by name.

use super::{
    bitmap::DrawnPage,
    cut_images,
    image_file::{self, ImageFile},
    pdf,
    pdfium::{PdfFile, PdfiumLibrary},
    pread::PreadFile,
    tiff::TiffFile,
    visibility::Bitmap,
};
use crate::image::{
    inspection::PageInspection,
    protocol::{ChildError, ChildReply, DocumentFormat, OpenRequest, TextLayerRequest, WireText},
};

/// Bytes of a file within which a PDF's header may begin (ISO 32000-1, Annex H, note 13).
pub(in crate::image) const PDF_HEADER_WITHIN: usize = 1024;
/// Memory that decoding leaves to PDFium, this program and the page's bitmap, in bytes.
const BESIDE_DECODING: u64 = 128 << 20;
/// Bytes shown of a file that is no document.
const SHOWN_BYTES: usize = 16;
/// Characters that make a beginning text.
const LEAST_TEXT: usize = 4;

/// An open document.
pub(super) enum DocumentFile {
    Pdf(PdfFile),
    Image(ImageFile, DocumentFormat),
    Tiff(Box<TiffFile>),
}

/// A page that is loaded and inspected, and may be rendered.
pub(super) struct LoadedPage<'s> {
    inspection: PageInspection,
    page: PageHandle<'s>,
}

enum PageHandle<'s> {
    Pdf(pdf::LoadedPdfPage<'s>),
    Image(&'s ImageFile),
    Tiff(&'s mut TiffFile, u32),
}

impl DocumentFile {
    /// Opens what is in `reader`, in a process that may have `max_memory_bytes`.
    pub fn open(
        lib: PdfiumLibrary,
        reader: PreadFile,
        request: &OpenRequest,
        max_memory_bytes: u64,
    ) -> Result<Self, ChildError> {
        let head = reader
            .head(PDF_HEADER_WITHIN)
            .map_err(|e| ChildError::Io(e.to_string()))?;
        let max_bytes = max_memory_bytes.saturating_sub(BESIDE_DECODING).max(1);
        let document = match format(&head) {
            Some(DocumentFormat::Pdf) => {
                Self::Pdf(pdf::open(lib, reader, request.password.as_deref())?)
            }
            Some(DocumentFormat::Tiff) => {
                Self::Tiff(Box::new(TiffFile::open(lib, reader, max_bytes)?))
            }
            Some(format) => Self::Image(ImageFile::open(lib, reader, format, max_bytes)?, format),
            None => return Err(ChildError::NotADocument(beginning(&head))),
        };
        if document.pages() == 0 {
            return Err(ChildError::NoPages);
        }
        Ok(document)
    }

    /// The answer to having opened it.
    pub fn opened(&self, with_bookmarks: bool) -> ChildReply {
        let (format, encrypted) = match self {
            Self::Pdf(document) => (DocumentFormat::Pdf, document.is_encrypted()),
            Self::Image(_, format) => (*format, false),
            Self::Tiff(_) => (DocumentFormat::Tiff, false),
        };
        ChildReply::Opened {
            format,
            pages: self.pages(),
            encrypted,
            bookmarks: match self {
                Self::Pdf(document) if with_bookmarks => document.bookmarks(),
                _ => Vec::new(),
            },
        }
    }

    fn pages(&self) -> u32 {
        match self {
            Self::Pdf(document) => document.pages(),
            Self::Image(..) => 1,
            Self::Tiff(tiff) => tiff.pages(),
        }
    }

    /// Looks at the one-based `page`.
    pub fn inspect(&mut self, page: u32) -> Result<LoadedPage<'_>, ChildError> {
        let index = page
            .checked_sub(1)
            .ok_or_else(|| ChildError::PageDamaged("pages are counted from 1".to_owned()))?;
        let (inspection, page) = match self {
            Self::Pdf(document) => {
                let (inspection, page) = pdf::inspect(document, index)?;
                (inspection, PageHandle::Pdf(page))
            }
            Self::Image(image, _) => (image.inspect()?, PageHandle::Image(image)),
            Self::Tiff(tiff) => (tiff.inspect(index)?, PageHandle::Tiff(tiff, index)),
        };
        Ok(LoadedPage { inspection, page })
    }
}

impl LoadedPage<'_> {
    /// The inspection of the page.
    pub fn inspection(&self) -> &PageInspection {
        &self.inspection
    }

    /// Its bitmap.
    pub fn render(&mut self, width: u32, height: u32) -> Result<DrawnPage, ChildError> {
        match &mut self.page {
            PageHandle::Pdf(page) => {
                let mut drawn = DrawnPage {
                    rgb: page.render(width, height)?,
                    cut: None,
                };
                drawn.cut = cut_images::find(page.page(), &drawn, (width, height));
                Ok(drawn)
            }
            PageHandle::Image(image) => image.render((width, height)),
            PageHandle::Tiff(tiff, index) => tiff.render(*index, (width, height)),
        }
    }

    /// Its text if it is wanted, in pixels of its `bitmap`; pictures have none.
    pub fn text(&self, bitmap: Bitmap<'_>, request: TextLayerRequest) -> Option<WireText> {
        match &self.page {
            PageHandle::Pdf(page) => page.text(bitmap, request),
            _ => (request != TextLayerRequest::None).then(WireText::default),
        }
    }
}

/// Returns true if a file of any name that begins with `head` is a document. A PDF has to tell its version: other files
/// mention the format.
pub(in crate::image) fn begins_document(head: &[u8]) -> bool {
    match format(head) {
        Some(DocumentFormat::Pdf) => head.windows(5).any(|bytes| bytes == b"%PDF-"),
        known => known.is_some(),
    }
}

pub(super) fn format(head: &[u8]) -> Option<DocumentFormat> {
    let starts: [(&[u8], DocumentFormat); 8] = [
        (b"\x89PNG\r\n\x1a\n", DocumentFormat::Png),
        (b"\xFF\xD8\xFF", DocumentFormat::Jpeg),
        (b"II*\0", DocumentFormat::Tiff),
        (b"MM\0*", DocumentFormat::Tiff),
        (b"II+\0", DocumentFormat::Tiff),
        (b"MM\0+", DocumentFormat::Tiff),
        (b"GIF87a", DocumentFormat::Gif),
        (b"GIF89a", DocumentFormat::Gif),
    ];
    if let Some((_, format)) = starts.iter().find(|(start, _)| head.starts_with(start)) {
        return Some(*format);
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Some(DocumentFormat::WebP);
    }
    if image_file::is_jpeg2000(head) {
        return Some(DocumentFormat::Jpeg2000);
    }
    if image_file::is_bmp(head) {
        return Some(DocumentFormat::Bmp);
    }
    head.windows(4)
        .any(|bytes| bytes == b"%PDF")
        .then_some(DocumentFormat::Pdf)
}

/// The first bytes of a file that is no document, for people.
pub(super) fn beginning(head: &[u8]) -> String {
    if head.is_empty() {
        return "the file is empty".to_owned();
    }
    let text: &[u8] = head.trim_ascii_start();
    if text.is_empty() {
        return "it starts with nothing but white space".to_owned();
    }
    let shown = text
        .iter()
        .take(SHOWN_BYTES)
        .take_while(|byte| byte.is_ascii_graphic() || **byte == b' ')
        .count();
    if shown >= LEAST_TEXT.min(text.len()) {
        let text = String::from_utf8_lossy(&text[..shown]);
        return format!("it starts with `{}`", text.trim_end());
    }
    let bytes: Vec<String> = head
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("it starts with the bytes {}", bytes.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_first_bytes() {
        let cases: [(&[u8], Option<DocumentFormat>); 7] = [
            (b"%PDF-1.7\n", Some(DocumentFormat::Pdf)),
            (
                b"\xEF\xBB\xBFjunk before\n%PDF-1.4",
                Some(DocumentFormat::Pdf),
            ),
            (b"\xFF\xD8\xFF\xE0\0\x10JFIF", Some(DocumentFormat::Jpeg)),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some(DocumentFormat::WebP)),
            (b"RIFF\x10\0\0\0WAVEfmt ", None),
            (b"MM\0*\0\0\0\x08", Some(DocumentFormat::Tiff)),
            (b"<html>", None),
        ];
        for (head, expected) in cases {
            assert_eq!(format(head), expected, "{}", head.escape_ascii());
        }
    }

    #[test]
    fn other_files_are_named_by_how_they_begin() {
        assert_eq!(beginning(b""), "the file is empty");
        assert_eq!(beginning(b"\n\n <html>\n"), "it starts with `<html>`");
        assert_eq!(
            beginning(b"<!DOCTYPE html><p>"),
            "it starts with `<!DOCTYPE html><`"
        );
        assert_eq!(
            beginning(b"PK\x03\x04"),
            "it starts with the bytes 50 4b 03 04"
        );
        assert_eq!(beginning(b" \n"), "it starts with nothing but white space");
    }
}
