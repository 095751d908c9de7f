//! JPEGs on a PDF's page that end too early: PDFium draws them gray from there on, and says nothing.

use std::io::Cursor;

use super::{
    bitmap::DrawnPage,
    geometry::Affine,
    image_file::jpeg_has_end,
    one_picture::is_progressive,
    pdfium::{ObjectKind, PageObject, PdfPage},
};
use crate::image::protocol::PictureCut;

/// Depth to which forms within forms are looked into: scanner programs put pictures into one.
const MAX_FORM_DEPTH: u32 = 3;
/// Objects looked at: pages of scans have few.
const MAX_OBJECTS: usize = 2_000;
/// Least share of the page that a picture covers to be looked at: what is lost of smaller ones is little.
const LEAST_COVERAGE: f64 = 0.05;
/// Bytes at the end of a JPEG in which its end marker mostly is: line ends and padding follow it.
const TAIL_BYTES: usize = 64;
/// Places looked at along the last row of a picture.
const SAMPLES: u32 = 64;
/// Gray of pixels without data, all of whose coefficients are zero, and how far colors may be from it after scaling.
const NO_DATA: u8 = 128;
const TOLERANCE: u8 = 6;

/// A JPEG without its end, by where it lies.
struct CutImage {
    to_display: Affine,
    rows: u32,
    is_progressive: bool,
}

/// Looks for pictures without their end on a page that was drawn as `drawn`, `width` by `height` pixels.
pub(super) fn find(
    page: &PdfPage<'_>,
    drawn: &DrawnPage,
    (width, height): (u32, u32),
) -> Option<PictureCut> {
    let to_display = page.to_display()?;
    let size = page.size();
    let area = f64::from(size.0) * f64::from(size.1);
    let mut found = Vec::new();
    for object in page.objects().take(MAX_OBJECTS) {
        look(&object, &to_display, area, 0, &mut found);
    }
    let scale = Affine {
        a: f64::from(width) / f64::from(size.0),
        d: f64::from(height) / f64::from(size.1),
        ..Affine::IDENTITY
    };
    found
        .into_iter()
        .any(|image| image.is_progressive || image.ends_gray(drawn, width, &scale))
        .then_some(PictureCut { rows: None })
}

fn look(
    object: &PageObject<'_>,
    to_display: &Affine,
    page_area: f64,
    depth: u32,
    found: &mut Vec<CutImage>,
) {
    let Some(matrix) = object.matrix() else {
        return;
    };
    let to_display = matrix.then(to_display);
    match object.kind() {
        ObjectKind::Form if depth < MAX_FORM_DEPTH => {
            for child in object.children().take(MAX_OBJECTS) {
                look(&child, &to_display, page_area, depth + 1, found);
            }
        }
        ObjectKind::Image => {
            let [left, top, right, bottom] = to_display.bounds([0.0, 0.0, 1.0, 1.0]);
            if (right - left) * (bottom - top) < LEAST_COVERAGE * page_area
                || !object.is_plain_jpeg()
            {
                return;
            }
            let data = object.raw_image_data();
            let tail = &data[data.len().saturating_sub(TAIL_BYTES)..];
            let ends = tail.windows(2).any(|bytes| bytes == [0xFF, 0xD9]);
            if data.is_empty() || ends || jpeg_has_end(Cursor::new(&data)) {
                return;
            }
            found.push(CutImage {
                to_display,
                rows: object.image_size().map_or(1, |(_, rows)| rows.max(1)),
                is_progressive: is_progressive(&data),
            });
        }
        _ => {}
    }
}

impl CutImage {
    /// Returns true if the bitmap shows no data along the picture's last row. Some programs leave the marker out, so that it
    /// alone proves nothing.
    fn ends_gray(&self, drawn: &DrawnPage, width: u32, scale: &Affine) -> bool {
        // A picture fills the unit square, its last row at the bottom; the rows of a block end together.
        let up = 2.0_f64.min(f64::from(self.rows) / 2.0) / f64::from(self.rows);
        let mut seen = 0;
        for at in 0..SAMPLES {
            let across = (f64::from(at) + 0.5) / f64::from(SAMPLES);
            let (x, y) = self.to_display.then(scale).point(across, up);
            if x < 0.0 || y < 0.0 || x >= f64::from(width) {
                continue;
            }
            let start = (y as usize * width as usize + x as usize) * 3;
            let Some(pixel) = drawn.rgb.get(start..start + 3) else {
                continue;
            };
            if pixel
                .iter()
                .any(|color| color.abs_diff(NO_DATA) > TOLERANCE)
            {
                return false;
            }
            seen += 1;
        }
        seen > SAMPLES / 2
    }
}
