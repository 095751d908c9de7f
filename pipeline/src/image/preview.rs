//! The small gray picture of a page that a review page shows.

use image::{ExtendedColorType, GrayImage, ImageEncoder as _, codecs::jpeg::JpegEncoder, imageops};

use super::PageImage;

/// Widest preview, in pixels.
const MAX_WIDTH: u32 = 1_000;
/// Highest preview, in pixels: long receipts are scaled down further.
const MAX_HEIGHT: u32 = 4_000;
/// Size that a preview should have, in bytes.
const WANTED_BYTES: usize = 100_000;
/// JPEG qualities from the best to the floor, at which type is still readable, each with its size as
/// a share of the best one's (measured on 35 scanned pages).
const QUALITIES: [(u8, f64); 4] = [(60, 1.0), (45, 0.88), (32, 0.77), (22, 0.69)];
/// Rows of the strips, and one strip in how many, by which a preview's size is estimated.
const STRIP_ROWS: usize = 16;
const STRIP_EVERY: usize = 4;

/// A small gray JPEG of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct PagePreview {
    /// The JPEG file; empty if there was no image to make it from.
    pub jpeg: Vec<u8>,
    /// Width in pixels, at most 1,000.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Makes the preview of `image` after turning it clockwise by `rotation` degrees (0, 90, 180 or 270).
///
/// Scaled by area averaging, so that thin strokes grow pale instead of vanishing. An image without
/// pixels, or with fewer than its size says, gives an empty preview.
pub fn preview(image: &PageImage, rotation: u16) -> PagePreview {
    let wanted = u64::from(image.width) * u64::from(image.height) * 3;
    if wanted == 0 || (image.rgb.len() as u64) < wanted {
        return PagePreview {
            jpeg: Vec::new(),
            width: 0,
            height: 0,
        };
    }
    let (width, height) = scaled_size(image, rotation % 180 == 90);
    let small = shrink(image, width, height);
    let upright = match rotation {
        90 => imageops::rotate90(&small),
        180 => imageops::rotate180(&small),
        270 => imageops::rotate270(&small),
        _ => small,
    };
    PagePreview {
        jpeg: encode(&upright),
        width: upright.width(),
        height: upright.height(),
    }
}

/// The preview's size before turning; never larger than the image.
fn scaled_size(image: &PageImage, sideways: bool) -> (u32, u32) {
    let (max_x, max_y) = if sideways {
        (MAX_HEIGHT, MAX_WIDTH)
    } else {
        (MAX_WIDTH, MAX_HEIGHT)
    };
    let factor = (f64::from(max_x) / f64::from(image.width))
        .min(f64::from(max_y) / f64::from(image.height))
        .min(1.0);
    let scaled = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
    (scaled(image.width), scaled(image.height))
}

/// Target of a row or column of the large image: an index in the small one, the share that falls
/// there, and the share that falls on the next.
struct AreaShare {
    index: usize,
    here: f32,
    next: f32,
}

/// The shares of `from` rows on `to` rows, `to <= from`; a small row's shares add up to 1.
fn shares(from: u32, to: u32) -> Vec<AreaShare> {
    let step = f64::from(to) / f64::from(from);
    (0..from)
        .map(|at| {
            let start = f64::from(at) * step;
            let index = (start as usize).min(to as usize - 1);
            let next = (start + step - (index + 1) as f64).clamp(0.0, step);
            AreaShare {
                index,
                here: (step - next) as f32,
                next: next as f32,
            }
        })
        .collect()
}

/// Gray, by area averaging: each small pixel is the mean of what it covers.
fn shrink(image: &PageImage, width: u32, height: u32) -> GrayImage {
    let (columns, rows) = (shares(image.width, width), shares(image.height, height));
    let small_width = width as usize;
    // One place more than there are columns and rows takes what rounding puts past the end.
    let mut row = vec![0f32; small_width + 1];
    let mut sums = [vec![0f32; small_width], vec![0f32; small_width]];
    let mut grey = Vec::with_capacity(small_width * height as usize);
    let mut at = 0;
    for (pixels, share) in image.rgb.chunks_exact(image.width as usize * 3).zip(&rows) {
        if share.index > at {
            grey.extend(sums[0].iter().map(|&sum| (sum + 0.5) as u8));
            sums.swap(0, 1);
            sums[1].fill(0.0);
            at = share.index;
        }
        shrink_row(pixels, &columns, &mut row);
        let [here, next] = &mut sums;
        for (sum, value) in here.iter_mut().zip(&row) {
            *sum += value * share.here;
        }
        if share.next > 0.0 {
            for (sum, value) in next.iter_mut().zip(&row) {
                *sum += value * share.next;
            }
        }
    }
    grey.extend(sums[0].iter().map(|&sum| (sum + 0.5) as u8));
    GrayImage::from_raw(width, height, grey).expect("one value for each pixel")
}

/// One row of pixels, gray by ITU-R BT.601 luma, averaged into `row`.
fn shrink_row(pixels: &[u8], columns: &[AreaShare], row: &mut [f32]) {
    row.fill(0.0);
    for (pixel, share) in pixels.chunks_exact(3).zip(columns) {
        let luma = (u32::from(pixel[0]) * 77 + u32::from(pixel[1]) * 150 + u32::from(pixel[2]) * 29)
            as f32
            / 256.0;
        row[share.index] += luma * share.here;
        row[share.index + 1] += luma * share.next;
    }
}

/// The JPEG at the best quality that should keep it within [`WANTED_BYTES`], else at the floor.
fn encode(grey: &GrayImage) -> Vec<u8> {
    let (best, _) = QUALITIES[0];
    let expected = sampled_size(grey, best) as f64;
    let quality = QUALITIES
        .iter()
        .find(|(_, share)| expected * share <= WANTED_BYTES as f64)
        .unwrap_or(&QUALITIES[QUALITIES.len() - 1])
        .0;
    encode_at(grey.as_raw(), grey.width(), quality)
}

/// About what the JPEG takes, in bytes, from a quarter of its rows: encoding is half of a preview's
/// time, so that trying each quality in turn would double it.
fn sampled_size(grey: &GrayImage, quality: u8) -> usize {
    let strip = STRIP_ROWS * grey.width() as usize;
    let sample: Vec<u8> = grey
        .as_raw()
        .chunks(strip)
        .step_by(STRIP_EVERY)
        .flatten()
        .copied()
        .collect();
    let size = encode_at(&sample, grey.width(), quality).len();
    (size as f64 * grey.as_raw().len() as f64 / sample.len() as f64) as usize
}

/// The JPEG of rows of `width` gray pixels.
fn encode_at(grey: &[u8], width: u32, quality: u8) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let height = (grey.len() / width as usize) as u32;
    JpegEncoder::new_with_quality(&mut jpeg, quality)
        .write_image(grey, width, height, ExtendedColorType::L8)
        .expect("a grey image of at most 4,000 pixels a side is a JPEG, and memory takes it");
    jpeg
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(width: u32, height: u32, tone: impl Fn(u32, u32) -> [u8; 3]) -> PageImage {
        let rgb = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .flat_map(|(x, y)| tone(x, y))
            .collect();
        PageImage {
            width,
            height,
            dpi: 200.0,
            rgb,
        }
    }

    fn decode(preview: &PagePreview) -> GrayImage {
        let image = image::load_from_memory(&preview.jpeg).unwrap().into_luma8();
        assert_eq!(image.dimensions(), (preview.width, preview.height));
        image
    }

    #[test]
    fn a_page_is_at_most_a_thousand_pixels_wide_after_turning() {
        let cases = [
            ((1654, 2339), 0, (1000, 1414)),
            ((2339, 1654), 90, (1000, 1414)),
            ((1654, 2339), 180, (1000, 1414)),
            ((2339, 1654), 270, (1000, 1414)),
            ((640, 480), 0, (640, 480)),
            ((640, 480), 90, (480, 640)),
            ((100, 8000), 0, (50, 4000)),
            ((9000, 1), 0, (1000, 1)),
        ];
        for ((width, height), rotation, size) in cases {
            let preview = preview(&page(width, height, |_, _| [255; 3]), rotation);
            assert_eq!((preview.width, preview.height), size);
            assert_eq!(decode(&preview).get_pixel(0, 0).0, [255]);
        }
    }

    #[test]
    fn rotation_turns_clockwise() {
        // A black corner, top left; where it comes to lie as (right, bottom).
        let image = page(1200, 1600, |x, y| {
            if x < 300 && y < 300 { [0; 3] } else { [255; 3] }
        });
        for (rotation, right, bottom) in [
            (0, false, false),
            (90, true, false),
            (180, true, true),
            (270, false, true),
        ] {
            let grey = decode(&preview(&image, rotation));
            let x = if right { grey.width() - 50 } else { 50 };
            let y = if bottom { grey.height() - 50 } else { 50 };
            assert!(grey.get_pixel(x, y).0[0] < 20, "turned by {rotation}");
            assert!(
                grey.get_pixel(grey.width() - x, y).0[0] > 235,
                "turned by {rotation}"
            );
        }
    }

    #[test]
    fn scaling_averages_and_keeps_thin_strokes() {
        // Every fourth column black, the rest white: a quarter less light, whatever the phase.
        let image = page(2500, 40, |x, _| if x % 4 == 0 { [0; 3] } else { [255; 3] });
        let small = shrink(&image, 1000, 16);
        for run in small.as_raw().chunks_exact(8) {
            let mean = run.iter().map(|&v| u32::from(v)).sum::<u32>() / 8;
            assert!((185..=197).contains(&mean), "{mean}");
        }
        let red = shrink(&page(1500, 30, |_, _| [255, 0, 0]), 1000, 20);
        assert!(red.as_raw().iter().all(|&v| (75..=78).contains(&v)));
    }

    #[test]
    fn a_noisy_page_takes_a_lower_quality_instead_of_more_bytes() {
        let noisy = page(1654, 2339, |x, y| {
            let hash = (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77))
                .wrapping_mul(0xC2B2_AE3D);
            [(220 - (hash >> 16) % 100) as u8; 3]
        });
        let grey = shrink(&noisy, 1000, 1414);
        let best = encode_at(grey.as_raw(), 1000, QUALITIES[0].0);
        assert!(best.len() > 120_000, "{}", best.len());
        let preview = preview(&noisy, 0);
        assert!(
            preview.jpeg.len() <= WANTED_BYTES * 11 / 10,
            "{}",
            preview.jpeg.len()
        );
    }

    #[test]
    fn an_image_without_its_pixels_has_no_preview() {
        let mut image = page(10, 10, |_, _| [0; 3]);
        image.rgb.truncate(299);
        assert!(preview(&image, 0).jpeg.is_empty());
        assert!(preview(&page(0, 10, |_, _| [0; 3]), 0).jpeg.is_empty());
    }
}
