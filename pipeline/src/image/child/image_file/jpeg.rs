//! JPEG: whether a file has its end, and files of many pixels, which PDFium draws.

use std::io::{Read, Seek, SeekFrom};

use crate::image::{
    child::{
        bitmap::{DrawnPage, Placement},
        one_picture::{self, PictureCode, PicturePdf},
        pdfium::PdfiumLibrary,
        pread::PreadFile,
    },
    protocol::{ChildError, PictureCut},
};

/// Share of the memory for decoding that a picture may take to be decoded whole, as one in so many: a progressive one
/// takes three times as much while it is decoded.
pub(super) const SHARE_OF_MEMORY: u64 = 3;

/// Returns true if the end marker comes after the last scan: in a scan it cannot be.
pub(in crate::image::child) fn has_end(mut file: impl Read + Seek) -> bool {
    let (mut scan, mut end) = (0, 0);
    let mut block = vec![0; 64 << 10];
    let (mut at, mut last) = (0_u64, 0_u8);
    if file.seek(SeekFrom::Start(0)).is_err() {
        return true;
    }
    loop {
        // What cannot be read is no evidence.
        let Ok(length) = file.read(&mut block) else {
            return true;
        };
        if length == 0 {
            return end >= scan && end > 0;
        }
        for &byte in &block[..length] {
            match (last, byte) {
                (0xFF, 0xDA) => scan = at,
                (0xFF, 0xD9) => end = at,
                _ => {}
            }
            last = byte;
            at += 1;
        }
    }
}

/// Returns true if a file comes in passes, each over the whole picture.
pub(super) fn is_progressive(file: &PreadFile) -> Result<bool, ChildError> {
    let whole = usize::try_from(file.length()).map_err(|_| ChildError::OutOfMemory)?;
    let data = file
        .head(whole)
        .map_err(|e| ChildError::Io(e.to_string()))?;
    Ok(one_picture::is_progressive(&data))
}

/// Draws a JPEG without ever holding all its pixels.
pub(super) fn draw_by_pdfium(
    lib: PdfiumLibrary,
    file: &PreadFile,
    placement: Placement,
) -> Result<DrawnPage, ChildError> {
    let whole = usize::try_from(file.length()).map_err(|_| ChildError::OutOfMemory)?;
    let data = file
        .head(whole)
        .map_err(|e| ChildError::Io(e.to_string()))?;
    let cut = !has_end(std::io::Cursor::new(&data));
    let code = PictureCode::jpeg(&data)
        .ok_or_else(|| ChildError::Damaged("its frame header is missing".to_owned()))?;
    let mut page = PicturePdf::open(lib, &code, data)?.draw(placement)?;
    page.cut = cut.then_some(PictureCut { rows: None });
    Ok(page)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_preview_in_the_header_does_not_end_the_picture() {
        let preview = b"\xFF\xD8\xFF\xDA..\xFF\xD9";
        let scan = b"\xFF\xDA....\xFF\x00";
        let end = b"\xFF\xD9";
        let file = |parts: &[&[u8]]| Cursor::new(parts.concat());
        assert!(has_end(file(&[preview, scan, end])));
        assert!(has_end(file(&[preview, scan, end, b"maker notes"])));
        assert!(!has_end(file(&[preview, scan])));
    }
}
