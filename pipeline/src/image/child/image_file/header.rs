//! Header of an image file: its size, resolution and turn, and the page that follows from them.

use std::io::{Read, Seek, SeekFrom};

use image::metadata::Orientation;

use crate::image::{
    child::{bitmap::turns_sideways, pread::PreadFile},
    inspection::PageInspection,
    protocol::ChildError,
};

/// Resolution of images that do not tell theirs, in dots per inch: a scanner's default.
const ASSUMED_DPI: f64 = 200.0;
/// Plausible resolutions of a scan or photograph, in dots per inch: lower ones are a screen's, whatever the image shows.
const PLAUSIBLE_DPI: std::ops::RangeInclusive<f64> = 100.0..=2400.0;
/// The same for the coarser direction: a fax in normal mode has 204 by 98.
const COARSEST_DPI: f64 = 50.0;

/// The header of an image file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::image::child) struct ImageHeader {
    /// Size as stored, in pixels.
    pub size: (u32, u32),
    /// Resolution as stored, in dots per inch across and down.
    pub dpi: Option<(f64, f64)>,
    /// The turn that shows it upright.
    pub orientation: Orientation,
}

impl ImageHeader {
    /// The page that the image is. If its pixels are not square, the coarser direction counts as
    /// stretched to the finer one.
    pub fn inspection(&self) -> Result<PageInspection, ChildError> {
        let (mut width, mut height) = (f64::from(self.size.0), f64::from(self.size.1));
        if width < 1.0 || height < 1.0 {
            return Err(ChildError::PageDamaged(
                "the picture has no pixels".to_owned(),
            ));
        }
        let (x, y) = self
            .dpi
            .filter(|(x, y)| PLAUSIBLE_DPI.contains(&x.max(*y)) && x.min(*y) >= COARSEST_DPI)
            .unwrap_or((ASSUMED_DPI, ASSUMED_DPI));
        let dpi = x.max(y);
        (width, height) = ((width * dpi / x).round(), (height * dpi / y).round());
        if turns_sideways(self.orientation) {
            (width, height) = (height, width);
        }
        Ok(PageInspection {
            width_pt: (width / dpi * 72.0) as f32,
            height_pt: (height / dpi * 72.0) as f32,
            image_coverage: 1.0,
            image_dpi: Some(dpi as f32),
            image_px: Some((width as u32, height as u32)),
            ..PageInspection::default()
        })
    }
}

/// The `pHYs` chunk, which is before the first `IDAT` (PNG specification, 11.3.4.3).
pub(super) fn png_dpi(mut reader: PreadFile) -> Option<(f64, f64)> {
    /// Chunks looked at.
    const MAX_CHUNKS: u32 = 64;
    const INCHES_PER_METER: f64 = 0.0254;
    reader.seek(SeekFrom::Start(8)).ok()?;
    for _ in 0..MAX_CHUNKS {
        let mut head = [0; 8];
        reader.read_exact(&mut head).ok()?;
        let (length, name) = head.split_at(4);
        let length = be32(length)?;
        match name {
            b"pHYs" => {
                let mut body = [0; 9];
                reader.read_exact(&mut body).ok()?;
                let per_meter = (f64::from(be32(&body[..4])?), f64::from(be32(&body[4..8])?));
                return (body[8] == 1).then_some((
                    per_meter.0 * INCHES_PER_METER,
                    per_meter.1 * INCHES_PER_METER,
                ));
            }
            b"IDAT" | b"IEND" => return None,
            _ => {
                reader.seek(SeekFrom::Current(i64::from(length) + 4)).ok()?;
            }
        }
    }
    None
}

fn be32(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}

/// The density in the `JFIF` segment (ITU-T T.871, 10.1).
pub(super) fn jpeg_dpi(head: &[u8]) -> Option<(f64, f64)> {
    const CENTIMETERS_PER_INCH: f64 = 2.54;
    let segment = head.windows(5).position(|bytes| bytes == b"JFIF\0")?;
    let body = head.get(segment + 7..segment + 12)?;
    let density = |bytes: &[u8]| f64::from(u16::from_be_bytes([bytes[0], bytes[1]]));
    let (x, y) = (density(&body[1..3]), density(&body[3..5]));
    match body[0] {
        1 => Some((x, y)),
        2 => Some((x * CENTIMETERS_PER_INCH, y * CENTIMETERS_PER_INCH)),
        _ => None,
    }
}

/// The resolution in the information header of a BMP, in pixels per meter (`BITMAPINFOHEADER`).
pub(super) fn bmp_dpi(head: &[u8]) -> Option<(f64, f64)> {
    const INCHES_PER_METER: f64 = 0.0254;
    let along = |at: usize| Some(u32::from_le_bytes(*head.get(at..)?.first_chunk()?));
    // Older headers are shorter and have none.
    let has_resolution = along(14)? >= 40;
    let dpi = |at: usize| Some(f64::from(along(at)?) * INCHES_PER_METER);
    has_resolution.then_some((dpi(38)?, dpi(42)?))
}

/// The capture resolution in a JP2's header, or else the display resolution, in pixels per meter (ISO 15444-1, I.5.3.7).
pub(super) fn jp2_dpi(head: &[u8]) -> Option<(f64, f64)> {
    const INCHES_PER_METER: f64 = 0.0254;
    let at = [b"resc", b"resd"]
        .iter()
        .find_map(|name| head.windows(4).position(|bytes| bytes == *name))?;
    let body = head.get(at + 4..at + 14)?;
    let number = |at: usize| f64::from(u16::from_be_bytes([body[at], body[at + 1]]));
    let along = |at: usize, exponent: u8| {
        let scale = 10_f64.powi(i32::from(exponent.cast_signed()));
        number(at) / number(at + 2) * scale * INCHES_PER_METER
    };
    Some((along(4, body[9]), along(0, body[8])))
}

/// The size in a JP2's header, or in that of a bare codestream (ISO 15444-1, I.5.3.1 and A.5.1).
pub(in crate::image::child) fn jp2_size(head: &[u8]) -> Option<(u32, u32)> {
    let word = |at: usize| be32(head.get(at..at + 4)?);
    if let Some(at) = head.windows(4).position(|bytes| bytes == b"ihdr") {
        return Some((word(at + 8)?, word(at + 4)?));
    }
    let at = head
        .windows(4)
        .position(|bytes| bytes == b"\xFF\x4F\xFF\x51")?;
    let side = |end: usize, start: usize| word(at + end)?.checked_sub(word(at + start)?);
    Some((side(8, 16)?, side(12, 20)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(size: (u32, u32), dpi: Option<(f64, f64)>, orientation: Orientation) -> ImageHeader {
        ImageHeader {
            size,
            dpi,
            orientation,
        }
    }

    #[test]
    fn a_pictures_size_follows_its_resolution_where_that_can_be_believed() {
        let upright = Orientation::NoTransforms;
        let cases = [
            (Some((300.0, 300.0)), (612.0, 792.0, (2550, 3300))),
            (None, (918.0, 1188.0, (2550, 3300))),
            (Some((72.0, 72.0)), (918.0, 1188.0, (2550, 3300))),
            (Some((1.0, 1.0)), (918.0, 1188.0, (2550, 3300))),
        ];
        for (dpi, (width, height, pixels)) in cases {
            let inspection = head((2550, 3300), dpi, upright).inspection().unwrap();
            assert_eq!(
                (inspection.width_pt, inspection.height_pt),
                (width, height),
                "{dpi:?}"
            );
            assert_eq!(inspection.image_px, Some(pixels));
        }
    }

    #[test]
    fn fax_pixels_become_square_and_turned_pictures_upright() {
        let fax = head((1728, 1078), Some((204.0, 98.0)), Orientation::NoTransforms);
        let inspection = fax.inspection().unwrap();
        assert_eq!(inspection.image_px, Some((1728, 2244)));
        assert_eq!(inspection.width_pt.round(), 610.0);
        assert_eq!(inspection.height_pt.round(), 792.0);
        let turned = head((300, 200), Some((300.0, 300.0)), Orientation::Rotate90);
        assert_eq!(turned.inspection().unwrap().image_px, Some((200, 300)));
    }

    #[test]
    fn jpeg_density_counts_in_inches_and_centimeters() {
        let jfif = |unit| {
            [
                &[0xFF, 0xD8, 0xFF, 0xE0, 0, 16][..],
                b"JFIF\0",
                &[1, 2, unit, 0, 150, 0, 100, 0, 0],
            ]
            .concat()
        };
        assert_eq!(jpeg_dpi(&jfif(1)), Some((150.0, 100.0)));
        assert_eq!(jpeg_dpi(&jfif(2)), Some((381.0, 254.0)));
        assert_eq!(jpeg_dpi(&jfif(0)), None);
        assert_eq!(jpeg_dpi(b"JFIF\0\x01"), None);
    }

    #[test]
    fn jpeg_2000_tells_its_size_with_and_without_boxes() {
        let resolution = [0, 254, 0, 1, 0, 254, 0, 1, 2, 2];
        let boxes = [
            &b"\0\0\0\x16ihdr"[..],
            &[0, 0, 0, 70, 0, 0, 0, 50, 0, 3, 7, 7, 0, 0],
            b"\0\0\0\x12resc",
            &resolution,
        ]
        .concat();
        assert_eq!(jp2_size(&boxes), Some((50, 70)));
        let (x, y) = jp2_dpi(&boxes).unwrap();
        assert_eq!((x.round(), y.round()), (645.0, 645.0));
        let codestream = [
            &b"\xFF\x4F\xFF\x51\0\x2F\0\0"[..],
            &[0, 0, 0, 52, 0, 0, 0, 73, 0, 0, 0, 2, 0, 0, 0, 3],
        ]
        .concat();
        assert_eq!(jp2_size(&codestream), Some((50, 70)));
        assert_eq!(jp2_size(b"jP"), None);
    }
}
