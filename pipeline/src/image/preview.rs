//! Previews: small gray pictures of pages, which the review page shows.

use image::{ExtendedColorType, GrayImage, ImageEncoder as _, codecs::jpeg::JpegEncoder, imageops};
use serde::{Deserialize, Serialize};

use super::{
    PageImage,
    luma::{BT601_LUMA, whole_pixels},
    resample::scale::{ScalePlan, area_taps},
    tuning::preview::{
        MAX_HEIGHT_PX, MAX_WIDTH_PX, QUALITIES, STRIP_EVERY, STRIP_ROWS, TARGET_BYTES,
    },
};

/// A small gray JPEG of a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PagePreview {
    /// The JPEG file; empty if there was no image to make it from.
    pub jpeg: Vec<u8>,
    /// Width in pixels, at most 1,000.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Makes the preview of `image` after turning it clockwise by `rotation` degrees (0, 90, 180 or
/// 270).
///
/// Scaled by area averaging, so that thin strokes grow pale instead of vanishing. An image without
/// pixels, or with fewer than its size says, gives an empty preview.
pub fn preview(image: &PageImage, rotation: u16) -> PagePreview {
    if whole_pixels(image).is_none() {
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
        (MAX_HEIGHT_PX, MAX_WIDTH_PX)
    } else {
        (MAX_WIDTH_PX, MAX_HEIGHT_PX)
    };
    let factor = (f64::from(max_x) / f64::from(image.width))
        .min(f64::from(max_y) / f64::from(image.height))
        .min(1.0);
    let scaled = |side: u32| ((f64::from(side) * factor).round() as u32).max(1);
    (scaled(image.width), scaled(image.height))
}

/// The image in gray, each small pixel the mean of what it covers.
fn shrink(image: &PageImage, width: u32, height: u32) -> GrayImage {
    let mut gray = Vec::with_capacity(width as usize * height as usize);
    let plan = ScalePlan {
        image,
        columns: area_taps(image.width, width),
        rows: area_taps(image.height, height),
        gain: 1.0,
        bias: 0.0,
    };
    plan.run(
        |pixel| [BT601_LUMA.exact(pixel)],
        |_, row| gray.extend(row.iter().map(|&luma| (luma + 0.5) as u8)),
    );
    GrayImage::from_raw(width, height, gray).expect("one value for each pixel")
}

/// The JPEG at the best quality that should keep it within [`TARGET_BYTES`], else at the floor.
fn encode(gray: &GrayImage) -> Vec<u8> {
    let (best, _) = QUALITIES[0];
    let expected = sampled_size(gray, best) as f64;
    let quality = QUALITIES
        .iter()
        .find(|(_, share)| expected * share <= TARGET_BYTES as f64)
        .unwrap_or(&QUALITIES[QUALITIES.len() - 1])
        .0;
    encode_at(gray.as_raw(), gray.width(), quality)
}

/// The JPEG's size in bytes, about, from a quarter of its rows: encoding is half of a preview's
/// time, so that trying each quality in turn would double it.
fn sampled_size(gray: &GrayImage, quality: u8) -> usize {
    let strip = STRIP_ROWS * gray.width() as usize;
    let sample: Vec<u8> = gray
        .as_raw()
        .chunks(strip)
        .step_by(STRIP_EVERY)
        .flatten()
        .copied()
        .collect();
    let size = encode_at(&sample, gray.width(), quality).len();
    (size as f64 * gray.as_raw().len() as f64 / sample.len() as f64) as usize
}

/// The JPEG of rows of `width` gray pixels.
fn encode_at(gray: &[u8], width: u32, quality: u8) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let height = (gray.len() / width as usize) as u32;
    JpegEncoder::new_with_quality(&mut jpeg, quality)
        .write_image(gray, width, height, ExtendedColorType::L8)
        .expect("a gray image of at most 4,000 pixels a side is a JPEG, and memory takes it");
    jpeg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::fixtures::{hash, scan};

    fn page(width: u32, height: u32, color: impl Fn(u32, u32) -> [u8; 3]) -> PageImage {
        let rgb = (0..height)
            .flat_map(|y| (0..width).map(move |x| (x, y)))
            .flat_map(|(x, y)| color(x, y))
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
        // A black corner, top left, and the place where it comes to lie, as (right, bottom).
        let image = page(1200, 1600, |x, y| {
            if x < 300 && y < 300 { [0; 3] } else { [255; 3] }
        });
        for (rotation, right, bottom) in [
            (0, false, false),
            (90, true, false),
            (180, true, true),
            (270, false, true),
        ] {
            let gray = decode(&preview(&image, rotation));
            let x = if right { gray.width() - 50 } else { 50 };
            let y = if bottom { gray.height() - 50 } else { 50 };
            assert!(gray.get_pixel(x, y).0[0] < 20, "turned by {rotation}");
            assert!(
                gray.get_pixel(gray.width() - x, y).0[0] > 235,
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
        let gray = shrink(&noisy, 1000, 1414);
        let best = encode_at(gray.as_raw(), 1000, QUALITIES[0].0);
        assert!(best.len() > 120_000, "{}", best.len());
        let preview = preview(&noisy, 0);
        assert!(
            preview.jpeg.len() <= TARGET_BYTES * 11 / 10,
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

    #[test]
    fn pages_shrink_to_the_same_bytes_on_every_machine() {
        let cases = [
            ((200, 150), (200, 150), 0x0933_4c9a_943e_1556),
            ((1100, 90), (1000, 82), 0xddfa_4cdf_f593_627a),
            ((1654, 933), (1000, 564), 0x7534_ccfd_101d_4985),
            ((3001, 40), (1000, 13), 0xb7aa_8dce_699d_15cd),
            ((1, 4500), (1, 4000), 0x1de8_6d8d_a1cf_3964),
        ];
        for (from, to, expected) in cases {
            let small = shrink(&scan(from.0, from.1, 6), to.0, to.1);
            assert_eq!(hash(small.into_raw()), expected, "{from:?} to {to:?}");
        }
    }
}
