//! The document of a child, whatever its format. Formats are told by their first bytes, never by name.

use super::{
    pdf,
    pdfium::{Document, Library},
    pictures::Picture,
    pread::Pread,
    tiff::Tiff,
};
use crate::image::{
    facts::PageFacts,
    protocol::{Fault, Format, Reply, Start, WireLine},
    rasterizer::TextWish,
};

/// How far into a file a PDF's header may stand (ISO 32000-1, Annex H, note 13).
const PDF_HEADER_WITHIN: usize = 1024;
/// Bytes shown of a file that is no document.
const SHOWN_BYTES: usize = 16;
/// Characters that make a beginning text.
const LEAST_TEXT: usize = 4;

/// An open document.
pub(super) enum Source {
    Pdf(Document),
    Picture(Picture, Format),
    Tiff(Box<Tiff>),
}

/// A page that was inspected, and may be rendered.
pub(super) struct Inspected<'s> {
    facts: PageFacts,
    page: InspectedPage<'s>,
}

enum InspectedPage<'s> {
    Pdf(pdf::Inspected<'s>),
    Picture(&'s Picture),
    Tiff(&'s mut Tiff, u32),
}

impl Source {
    /// Opens what is in `reader`.
    pub fn open(lib: Library, reader: Pread, start: &Start) -> Result<Self, Fault> {
        let head = reader
            .head(PDF_HEADER_WITHIN)
            .map_err(|e| Fault::Io(e.to_string()))?;
        // Half for the decoded picture, half for turning and scaling it.
        let max_bytes = start.max_raster_mib.saturating_mul(1 << 20) / 2;
        let source = match format(&head) {
            Some(Format::Pdf) => Self::Pdf(pdf::open(lib, reader, start.password.as_deref())?),
            Some(Format::Tiff) => Self::Tiff(Box::new(Tiff::open(lib, reader, max_bytes)?)),
            Some(format) => Self::Picture(Picture::open(reader, format, max_bytes)?, format),
            None => return Err(Fault::NotADocument(beginning(&head))),
        };
        if source.pages() == 0 {
            return Err(Fault::NoPages);
        }
        Ok(source)
    }

    /// The answer to having opened it.
    pub fn opened(&self) -> Reply {
        let (format, encrypted) = match self {
            Self::Pdf(document) => (Format::Pdf, document.is_encrypted()),
            Self::Picture(_, format) => (*format, false),
            Self::Tiff(_) => (Format::Tiff, false),
        };
        Reply::Opened {
            format,
            pages: self.pages(),
            encrypted,
        }
    }

    fn pages(&self) -> u32 {
        match self {
            Self::Pdf(document) => document.pages(),
            Self::Picture(..) => 1,
            Self::Tiff(tiff) => tiff.pages(),
        }
    }

    /// Looks at the one-based `page`.
    pub fn inspect(&mut self, page: u32) -> Result<Inspected<'_>, Fault> {
        let index = page
            .checked_sub(1)
            .ok_or_else(|| Fault::PageDamaged("pages are counted from 1".to_owned()))?;
        let (facts, page) = match self {
            Self::Pdf(document) => {
                let (facts, page) = pdf::inspect(document, index)?;
                (facts, InspectedPage::Pdf(page))
            }
            Self::Picture(picture, _) => (picture.inspect()?, InspectedPage::Picture(picture)),
            Self::Tiff(tiff) => (tiff.inspect(index)?, InspectedPage::Tiff(tiff, index)),
        };
        Ok(Inspected { facts, page })
    }
}

impl Inspected<'_> {
    /// What is on the page.
    pub fn facts(&self) -> &PageFacts {
        &self.facts
    }

    /// Its bitmap, `width * height * 3` bytes of RGB.
    pub fn render(&mut self, width: u32, height: u32) -> Result<Vec<u8>, Fault> {
        match &mut self.page {
            InspectedPage::Pdf(page) => page.render(width, height),
            InspectedPage::Picture(picture) => picture.render(width, height),
            InspectedPage::Tiff(tiff, index) => tiff.render(*index, width, height),
        }
    }

    /// Its text where it is wanted, in pixels of a bitmap of that size; pictures have none.
    pub fn lines(&self, width: u32, height: u32, wish: TextWish) -> Option<Vec<WireLine>> {
        match &self.page {
            InspectedPage::Pdf(page) => page.lines(width, height, wish),
            _ => (wish != TextWish::None).then(Vec::new),
        }
    }
}

fn format(head: &[u8]) -> Option<Format> {
    let starts: [(&[u8], Format); 6] = [
        (b"\x89PNG\r\n\x1a\n", Format::Png),
        (b"\xFF\xD8\xFF", Format::Jpeg),
        (b"II*\0", Format::Tiff),
        (b"MM\0*", Format::Tiff),
        (b"II+\0", Format::Tiff),
        (b"MM\0+", Format::Tiff),
    ];
    if let Some((_, format)) = starts.iter().find(|(start, _)| head.starts_with(start)) {
        return Some(*format);
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return Some(Format::WebP);
    }
    head.windows(4)
        .any(|bytes| bytes == b"%PDF")
        .then_some(Format::Pdf)
}

/// How a file that is no document begins, for people.
fn beginning(head: &[u8]) -> String {
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
        let cases: [(&[u8], Option<Format>); 7] = [
            (b"%PDF-1.7\n", Some(Format::Pdf)),
            (b"\xEF\xBB\xBFjunk before\n%PDF-1.4", Some(Format::Pdf)),
            (b"\xFF\xD8\xFF\xE0\0\x10JFIF", Some(Format::Jpeg)),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some(Format::WebP)),
            (b"RIFF\x10\0\0\0WAVEfmt ", None),
            (b"MM\0*\0\0\0\x08", Some(Format::Tiff)),
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
