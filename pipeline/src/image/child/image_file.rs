//! Image files as documents: PNG, JPEG and WebP are one page, TIFF is in [`super::tiff`].

use std::io::{BufReader, Read, Seek, SeekFrom};

use image::{
    DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, Rgb, RgbImage, imageops,
    metadata::Orientation,
};

use super::pread::PreadFile;
use crate::image::{
    inspection::PageInspection,
    protocol::{ChildError, DocumentFormat},
};

/// Resolution of images that do not tell theirs, in dots per inch: a scanner's default.
const ASSUMED_DPI: f64 = 200.0;
/// Plausible resolutions of a scan or photograph, in dots per inch: lower ones are a screen's, whatever the image shows.
const PLAUSIBLE_DPI: std::ops::RangeInclusive<f64> = 100.0..=2400.0;
/// The same for the coarser direction: a fax in normal mode has 204 by 98.
const COARSEST_DPI: f64 = 50.0;

/// A PNG, JPEG or WebP.
pub(super) struct ImageFile {
    reader: PreadFile,
    format: ImageFormat,
    max_bytes: u64,
}

/// The header of an image file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ImageHeader {
    /// Size as stored, in pixels.
    pub size: (u32, u32),
    /// Resolution as stored, in dots per inch across and down.
    pub dpi: Option<(f64, f64)>,
    /// The turn that shows it upright.
    pub orientation: Orientation,
}

impl ImageFile {
    /// The image in `reader`; decoding may take `max_bytes` of memory.
    pub fn open(
        reader: PreadFile,
        format: DocumentFormat,
        max_bytes: u64,
    ) -> Result<Self, ChildError> {
        let file = Self {
            reader,
            format: match format {
                DocumentFormat::Png => ImageFormat::Png,
                DocumentFormat::Jpeg => ImageFormat::Jpeg,
                _ => ImageFormat::WebP,
            },
            max_bytes,
        };
        file.decoder()?;
        Ok(file)
    }

    fn decoder(&self) -> Result<impl ImageDecoder, ChildError> {
        let mut reader = self.reader.clone();
        reader
            .seek(SeekFrom::Start(0))
            .map_err(|e| ChildError::Io(e.to_string()))?;
        let mut reader = ImageReader::with_format(BufReader::new(reader), self.format);
        let mut limits = Limits::default();
        limits.max_alloc = Some(self.max_bytes);
        reader.limits(limits);
        reader.into_decoder().map_err(|e| image_error(&e))
    }

    /// Inspects it without decoding it.
    pub fn inspect(&self) -> Result<PageInspection, ChildError> {
        let mut decoder = self.decoder()?;
        let head = ImageHeader {
            size: decoder.dimensions(),
            orientation: decoder.orientation().unwrap_or(Orientation::NoTransforms),
            dpi: self.stored_dpi(),
        };
        if decoder.total_bytes() > self.max_bytes {
            return Err(too_large(head.size));
        }
        head.inspection()
    }

    /// Decodes it, upright, to a bitmap of that size.
    pub fn render(&self, width: u32, height: u32) -> Result<Vec<u8>, ChildError> {
        let mut decoder = self.decoder()?;
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        if decoder.total_bytes() > self.max_bytes {
            return Err(too_large(decoder.dimensions()));
        }
        let image = DynamicImage::from_decoder(decoder).map_err(|e| image_error(&e))?;
        Ok(fit(image, orientation, (width, height)))
    }

    fn stored_dpi(&self) -> Option<(f64, f64)> {
        match self.format {
            ImageFormat::Png => png_dpi(self.reader.clone()),
            ImageFormat::Jpeg => jpeg_dpi(&self.reader.head(64 << 10).ok()?),
            _ => None,
        }
    }
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

/// Turns a decoded image upright, lays it on white if it is transparent, and scales it to `size`.
pub(super) fn fit(mut image: DynamicImage, orientation: Orientation, size: (u32, u32)) -> Vec<u8> {
    // Scaling first means turning less, but the size is that of the upright picture.
    let stored = if turns_sideways(orientation) {
        (size.1, size.0)
    } else {
        size
    };
    if (image.width(), image.height()) != stored {
        // A triangle as wide as the step averages what falls into a pixel.
        image = image.resize_exact(stored.0, stored.1, imageops::FilterType::Triangle);
    }
    image.apply_orientation(orientation);
    if image.color().has_alpha() {
        on_white(&image).into_raw()
    } else {
        image.into_rgb8().into_raw()
    }
}

fn on_white(image: &DynamicImage) -> RgbImage {
    let rgba = image.to_rgba8();
    let mut rgb = RgbImage::new(rgba.width(), rgba.height());
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [r, g, b, alpha] = from.0.map(u32::from);
        *to = Rgb([r, g, b].map(|c| ((c * alpha + 255 * (255 - alpha) + 127) / 255) as u8));
    }
    rgb
}

fn turns_sideways(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// The reason for a picture that is too large to decode.
pub(super) fn too_large(size: (u32, u32)) -> ChildError {
    let (width, height) = size;
    ChildError::TooLarge(format!(
        "the picture has {width} × {height} pixels, more than can be decoded; raise --rasterizer-memory"
    ))
}

fn image_error(error: &image::ImageError) -> ChildError {
    match error {
        image::ImageError::Limits(_) => ChildError::TooLarge(
            "the picture has more pixels than can be decoded; raise --rasterizer-memory".to_owned(),
        ),
        image::ImageError::Unsupported(e) => ChildError::Unsupported(e.to_string()),
        other => ChildError::Damaged(other.to_string()),
    }
}

/// The `pHYs` chunk, which is before the first `IDAT` (PNG specification, 11.3.4.3).
fn png_dpi(mut reader: PreadFile) -> Option<(f64, f64)> {
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
fn jpeg_dpi(head: &[u8]) -> Option<(f64, f64)> {
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
    fn transparency_shows_white_paper() {
        let mut image = image::RgbaImage::new(2, 1);
        image.put_pixel(0, 0, image::Rgba([0, 0, 0, 255]));
        image.put_pixel(1, 0, image::Rgba([0, 0, 0, 0]));
        let rgb = fit(image.into(), Orientation::Rotate90, (1, 2));
        assert_eq!(rgb, [0, 0, 0, 255, 255, 255]);
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
}
