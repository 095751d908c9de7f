//! Headers of image files as a child reads them, without PDFium and without decoding, for tests and fuzzing.

use std::{
    fs::File,
    io::{Cursor, Write as _},
};

use rustix::fs::{MemfdFlags, memfd_create};

use super::{
    image_file::{ImageData, ImageHeader, jp2_size, jpeg_has_end},
    one_picture::{self, PictureCode},
    pread::PreadFile,
    source,
    tiff::directories::Directories,
};
use crate::image::{
    inspection::PageInspection,
    protocol::{ChildError, DocumentFormat},
};

/// Memory for decoding, in bytes: less than a child has, so that headers reach it.
const MAX_BYTES: u64 = 16 << 20;
/// Pages of a TIFF whose headers are read.
const PAGES: u32 = 50;

/// The pages that a file claims to have, as the child tells them; none if it is no image.
pub(crate) fn inspections(bytes: &[u8]) -> Vec<PageInspection> {
    // These get bytes that no header goes before: pictures in a TIFF or in a PDF.
    let _ = (jp2_size(bytes), PictureCode::jpeg(bytes));
    let _ = (
        one_picture::is_progressive(bytes),
        jpeg_has_end(Cursor::new(bytes)),
    );
    let head = &bytes[..bytes.len().min(source::PDF_HEADER_WITHIN)];
    let format = source::format(head);
    assert!(source::beginning(head).chars().count() < 60);
    let reader = file_of(bytes);
    let headers = match format {
        None | Some(DocumentFormat::Pdf) => Vec::new(),
        Some(DocumentFormat::Tiff) => tiff_headers(reader).unwrap_or_default(),
        Some(format) => {
            let header = ImageData::new(reader, format, MAX_BYTES).header();
            header.into_iter().collect()
        }
    };
    let pages: Vec<_> = headers
        .iter()
        .filter_map(|header| header.inspection().ok())
        .collect();
    for page in &pages {
        assert!(page.width_pt.is_finite() && page.width_pt > 0.0);
        assert!(page.height_pt.is_finite() && page.height_pt > 0.0);
        assert!(
            page.image_px
                .is_some_and(|(width, height)| width > 0 && height > 0)
        );
    }
    pages
}

fn tiff_headers(reader: PreadFile) -> Result<Vec<ImageHeader>, ChildError> {
    let mut directories = Directories::find(reader, MAX_BYTES)?;
    let pages = 0..directories.pages().min(PAGES);
    Ok(pages
        .filter_map(|page| {
            let header = directories.header(page).ok()?;
            directories.look_at_chunks(header);
            Some(header)
        })
        .collect())
}

fn file_of(bytes: &[u8]) -> PreadFile {
    let file = memfd_create(c"document", MemfdFlags::CLOEXEC).expect("memory for a file");
    let mut file = File::from(file);
    file.write_all(bytes).expect("memory for a file");
    PreadFile::new(file).expect("a file in memory has a length")
}
