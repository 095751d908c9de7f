//! JPEG 2000, as a file with boxes or a bare codestream: PDFium draws it, at the resolution level that the bitmap needs.

use image::metadata::Orientation;

use super::{ImageHeader, header};
use crate::image::{
    child::{
        bitmap::{BitmapWriter, DrawnPage, Placement, Samples},
        one_picture::{PictureCode, PicturePdf},
        pdfium::PdfiumLibrary,
        pread::PreadFile,
    },
    protocol::{ChildError, PictureCut},
};

/// The end-of-codestream marker (ISO 15444-1, A.4.4).
const END: [u8; 2] = [0xFF, 0xD9];
/// Bytes at the end of a file in which the marker is looked for: boxes of metadata may follow it.
const TAIL_BYTES: usize = 64 << 10;

/// The header of the file that begins with `head`.
pub(super) fn header(head: &[u8]) -> Result<ImageHeader, ChildError> {
    let size = header::jp2_size(head)
        .ok_or_else(|| ChildError::Damaged("its image header is missing".to_owned()))?;
    Ok(ImageHeader {
        size,
        dpi: header::jp2_dpi(head),
        orientation: Orientation::NoTransforms,
    })
}

/// Bytes that OpenJPEG takes for a pixel: three samples of 4, and what they are made of.
const BYTES_PER_PIXEL: u64 = 16;
/// Share of the bitmap's width that a resolution level has to have to be drawn in place of the next finer one.
const NEARLY: f64 = 0.98;

/// Draws the file; decoding may take `max_bytes` of memory.
pub(super) fn draw(
    lib: PdfiumLibrary,
    file: &PreadFile,
    size: (u32, u32),
    placement: Placement,
    max_bytes: u64,
) -> Result<DrawnPage, ChildError> {
    let whole = usize::try_from(file.length()).map_err(|_| ChildError::OutOfMemory)?;
    let data = file
        .head(whole)
        .map_err(|e| ChildError::Io(e.to_string()))?;
    let tail = &data[data.len().saturating_sub(TAIL_BYTES)..];
    let is_cut = !tail.windows(END.len()).any(|bytes| bytes == END);
    let pdf = PicturePdf::open(lib, &PictureCode::jpeg2000(size), data)?;
    let is_large = u64::from(size.0) * u64::from(size.1) * BYTES_PER_PIXEL > max_bytes;
    let level = is_large.then(|| level_below(size, placement.stored_size()));
    let mut page = match level.flatten() {
        None => pdf.draw(placement)?,
        Some(level) => {
            let mut writer = BitmapWriter::new(Samples::Rgb, level, placement)?;
            pdf.scaled_rows(level, Samples::Rgb, |row| writer.push(row))?;
            let page = writer.finish();
            pdf.check_drawn(&page.rgb)?;
            page
        }
    };
    page.cut = is_cut.then_some(PictureCut { rows: None });
    Ok(page)
}

/// The size of the resolution level that a bitmap is drawn from in place of the next finer one, if it is nearly as large as
/// the bitmap. PDFium decodes the level for a bitmap that is smaller than it, not as large.
fn level_below(size: (u32, u32), bitmap: (u32, u32)) -> Option<(u32, u32)> {
    let levels = (1..6).map(|level| {
        (
            (size.0 >> level).saturating_sub(1),
            (size.1 >> level).saturating_sub(1),
        )
    });
    levels
        .take_while(|level| f64::from(level.0) >= f64::from(bitmap.0) * NEARLY)
        .last()
        .map(|level| (level.0.min(bitmap.0), level.1.min(bitmap.1)))
}

/// Returns true if `head` begins a JP2 file or a bare codestream (ISO 15444-1, I.5.1 and A.4.1).
pub(in crate::image::child) fn begins(head: &[u8]) -> bool {
    head.starts_with(b"\0\0\0\x0CjP  \r\n\x87\n") || head.starts_with(b"\xFF\x4F\xFF\x51")
}
