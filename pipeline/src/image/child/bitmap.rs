//! Bitmap writer: a picture's rows become the page's bitmap, scaled as they come, upright, on a ground on which they show.
//!
//! Only the bitmap is held, so that memory does not grow with a picture's resolution.

use image::{DynamicImage, GrayImage, RgbImage, metadata::Orientation};

use crate::image::{
    protocol::{ChildError, PictureCut},
    resample::rows::RowScaler,
};

/// Luma from which a color is light: what has less shows on white.
const LIGHT: u32 = 160;
/// Share of what is opaque that has to show on white for the picture to be laid on it, as one in so many: type covers
/// a few percent of a page.
const LEAST_SHOWN: u64 = 200;
/// Opacity from which a pixel tells what a picture shows.
const OPAQUE: u8 = 128;

/// The samples of a pixel, a byte each; opacity is not multiplied into the colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Samples {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
}

impl Samples {
    /// Bytes of a pixel.
    pub fn bytes(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// A page's bitmap, and whether its picture was whole.
#[derive(Debug)]
pub(super) struct DrawnPage {
    /// `width * height * 3` bytes of RGB.
    pub rgb: Vec<u8>,
    /// Set if the picture ends too early.
    pub cut: Option<PictureCut>,
}

/// The place and size of a picture's bitmap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    /// The turn that shows it upright.
    pub orientation: Orientation,
    /// The size of the bitmap, upright.
    pub size: (u32, u32),
}

/// Takes a picture row by row.
pub(super) struct BitmapWriter {
    samples: Samples,
    source: (u32, u32),
    rows: u32,
    placement: Placement,
    scaler: RowScaler,
    /// Colors with their opacity multiplied in, and the opacity, of a row that has any.
    opacity_row: Vec<u8>,
    /// The bitmap before it is turned: gray, RGB, or RGB with opacity.
    pixels: Vec<u8>,
}

impl BitmapWriter {
    /// A writer for a picture of `source` pixels as stored.
    pub fn new(
        samples: Samples,
        source: (u32, u32),
        placement: Placement,
    ) -> Result<Self, ChildError> {
        let scaled = placement.stored_size();
        let channels = match samples {
            Samples::Gray => 1,
            Samples::Rgb => 3,
            Samples::GrayAlpha | Samples::Rgba => 4,
        };
        let mut pixels = Vec::new();
        pixels
            .try_reserve_exact(scaled.0 as usize * scaled.1 as usize * channels)
            .map_err(|_| ChildError::OutOfMemory)?;
        Ok(Self {
            samples,
            source,
            rows: 0,
            placement,
            scaler: RowScaler::new(channels, source, scaled),
            opacity_row: Vec::new(),
            pixels,
        })
    }

    /// Takes the next row, `width` pixels; rows past the last one are left out.
    pub fn push(&mut self, row: &[u8]) {
        if self.rows == self.source.1 {
            return;
        }
        self.rows += 1;
        let with_opacity = &mut self.opacity_row;
        with_opacity.clear();
        match self.samples {
            Samples::Gray | Samples::Rgb => {}
            Samples::GrayAlpha => with_opacity.extend(
                row.as_chunks::<2>()
                    .0
                    .iter()
                    .flat_map(|&[gray, alpha]| multiplied([gray, gray, gray, alpha])),
            ),
            Samples::Rgba => with_opacity.extend(
                row.as_chunks::<4>()
                    .0
                    .iter()
                    .flat_map(|&rgba| multiplied(rgba)),
            ),
        }
        let pixels = &mut self.pixels;
        let row = match self.samples {
            Samples::Gray | Samples::Rgb => row,
            _ => &self.opacity_row,
        };
        self.scaler.push(row, |row| pixels.extend_from_slice(row));
    }

    /// Takes a row that is not known.
    pub fn push_blank(&mut self) {
        let blank = match self.samples {
            Samples::Gray | Samples::Rgb => 0xFF,
            Samples::GrayAlpha | Samples::Rgba => 0,
        };
        let row = vec![blank; self.source.0 as usize * self.samples.bytes()];
        self.push(&row);
    }

    /// Number of rows taken.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// The page; rows that did not come are blank.
    pub fn finish(mut self) -> DrawnPage {
        let height = self.source.1;
        let read = self.rows;
        for _ in read..height {
            self.push_blank();
        }
        if matches!(self.samples, Samples::GrayAlpha | Samples::Rgba) {
            on_ground(&mut self.pixels);
        }
        DrawnPage {
            rgb: self.placement.turned(self.samples, self.pixels),
            cut: (read < height).then_some(PictureCut {
                rows: Some((read, height)),
            }),
        }
    }
}

impl Placement {
    /// The size of the bitmap before it is turned: turning few pixels is less work than turning all.
    pub fn stored_size(&self) -> (u32, u32) {
        let (width, height) = self.size;
        if turns_sideways(self.orientation) {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// Turns a bitmap upright and gives it three colors.
    pub fn turned(&self, samples: Samples, pixels: Vec<u8>) -> Vec<u8> {
        let (width, height) = self.stored_size();
        if self.orientation == Orientation::NoTransforms && samples != Samples::Gray {
            return pixels;
        }
        let image = match samples {
            Samples::Gray => {
                GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
            }
            _ => RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
        };
        let mut image = image.expect("the scaler gives all rows");
        image.apply_orientation(self.orientation);
        image.into_rgb8().into_raw()
    }
}

/// Returns true if a turn makes rows columns.
pub(super) fn turns_sideways(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// A color with its opacity multiplied in.
fn multiplied([r, g, b, alpha]: [u8; 4]) -> [u8; 4] {
    let times = |color: u8| ((u16::from(color) * u16::from(alpha) + 127) / 255) as u8;
    [times(r), times(g), times(b), alpha]
}

/// Makes RGB of RGB with opacity: on white, as viewers show it, unless that would show nothing.
fn on_ground(pixels: &mut Vec<u8>) {
    let ground = if shows_on_white(pixels) { 0xFF } else { 0 };
    let (mut to, mut from) = (0, 0);
    while let Some(&[r, g, b, alpha]) = pixels[from..].first_chunk() {
        let rest = (u16::from(255 - alpha) * ground / 255) as u8;
        for color in [r, g, b] {
            // Scaling rounds color and opacity each for itself.
            pixels[to] = color.saturating_add(rest);
            to += 1;
        }
        from += 4;
    }
    pixels.truncate(to);
}

/// Returns true if a picture has something dark in it, or is opaque all over, or transparent.
fn shows_on_white(pixels: &[u8]) -> bool {
    let (mut opaque, mut dark) = (0_u64, 0_u64);
    let (pixels, _) = pixels.as_chunks::<4>();
    for &[r, g, b, alpha] in pixels {
        if alpha >= OPAQUE {
            let sum = 299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b);
            opaque += 1;
            dark += u64::from(sum * 255 < LIGHT * 1000 * u32::from(alpha));
        }
    }
    opaque == pixels.len() as u64 || dark * LEAST_SHOWN >= opaque
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(samples: Samples, source: (u32, u32), rows: &[&[u8]]) -> DrawnPage {
        let placement = Placement {
            orientation: Orientation::NoTransforms,
            size: source,
        };
        let mut writer = BitmapWriter::new(samples, source, placement).unwrap();
        for row in rows {
            writer.push(row);
        }
        writer.finish()
    }

    #[test]
    fn transparency_lies_on_a_ground_on_which_the_picture_shows() {
        let clear = [9, 9, 9, 0];
        for (ink, ground) in [
            ([0, 0, 0, 255], 255),
            ([200, 0, 0, 255], 255),
            ([255, 255, 255, 255], 0),
            ([240, 240, 60, 255], 0),
        ] {
            let row = [ink, clear].concat();
            let page = drawn(Samples::Rgba, (2, 1), &[&row]);
            assert_eq!(page.rgb[..3], ink[..3]);
            assert_eq!(page.rgb[3..], [ground; 3], "{ink:?}");
        }
        // Without transparency there is no ground.
        let page = drawn(Samples::GrayAlpha, (2, 1), &[&[255, 255, 250, 255]]);
        assert_eq!(page.rgb, [255, 255, 255, 250, 250, 250]);
    }

    #[test]
    fn rows_that_did_not_come_are_blank_and_counted() {
        let page = drawn(Samples::Gray, (1, 3), &[&[7]]);
        assert_eq!(page.rgb, [7, 7, 7, 255, 255, 255, 255, 255, 255]);
        assert_eq!(page.cut.unwrap().rows, Some((1, 3)));
        assert!(drawn(Samples::Gray, (1, 1), &[&[7], &[8]]).cut.is_none());
    }

    #[test]
    fn pictures_are_turned_after_they_are_scaled() {
        let placement = Placement {
            orientation: Orientation::Rotate90,
            size: (1, 2),
        };
        let mut writer = BitmapWriter::new(Samples::Gray, (4, 2), placement).unwrap();
        for _ in 0..2 {
            writer.push(&[0, 0, 255, 255]);
        }
        let rgb = writer.finish().rgb;
        assert!(rgb[0] < 40 && rgb[3] > 215, "{rgb:?}");
    }
}
