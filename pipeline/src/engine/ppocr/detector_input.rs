//! The detector's input: a page scaled and normalized, one plane a channel.

use super::{
    runtime::InputTensor,
    tuning::detector::{ALIGN_PX, MAX_ENLARGEMENT, MAX_SIDE_PX, MIN_PIXELS},
};
use crate::image::{
    PageImage,
    resample::scale::{ScalePlan, triangle_taps},
};

/// Width and height of a page for the detector, with at most about `pixels` pixels.
pub(super) fn detector_size(width: u32, height: u32, pixels: u32) -> (u32, u32) {
    let (w, h) = (width.max(1) as f32, height.max(1) as f32);
    let target = (w * h).clamp(MIN_PIXELS.min(pixels as f32), pixels as f32);
    let scale = (target / (w * h))
        .sqrt()
        .min(MAX_ENLARGEMENT)
        .min(MAX_SIDE_PX / w.max(h));
    let side = |length: f32| ((length * scale / ALIGN_PX as f32).round() as u32).max(1) * ALIGN_PX;
    (side(w), side(h))
}

/// Scales `image` to `width` × `height` and normalizes it to −1…1.
pub(super) fn detector_input(image: &PageImage, width: u32, height: u32) -> InputTensor {
    let (w, h) = (width as usize, height as usize);
    let mut planes = vec![0.0f32; 3 * w * h];
    let plan = ScalePlan {
        image,
        columns: triangle_taps(image.width, width),
        rows: triangle_taps(image.height, height),
        gain: 2.0 / 255.0,
        bias: -1.0,
    };
    let channels = |pixel: &[u8]| {
        [
            f32::from(pixel[0]),
            f32::from(pixel[1]),
            f32::from(pixel[2]),
        ]
    };
    plan.run(channels, |y, row| {
        for (channel, values) in row.chunks_exact(w).enumerate() {
            planes[(channel * h + y) * w..][..w].copy_from_slice(values);
        }
    });
    InputTensor {
        channels: 3,
        height: h,
        width: w,
        values: planes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::fixtures::{hash, scan};

    fn image(width: u32, height: u32, value: impl Fn(u32, u32) -> u8) -> PageImage {
        let pixel = |i: u32| [value(i % width, i / width); 3];
        let rgb = (0..width * height).flat_map(pixel).collect();
        PageImage {
            width,
            height,
            dpi: 200.0,
            rgb,
        }
    }

    fn at(input: &InputTensor, channel: usize, y: usize, x: usize) -> f32 {
        input.values[(channel * input.height + y) * input.width + x]
    }

    #[test]
    fn large_pages_come_down_to_the_wanted_pixels_and_keep_their_shape() {
        let (w, h) = detector_size(1654, 2339, 1408 * 992);
        assert_eq!((w, h), (992, 1408));
        assert_eq!(detector_size(992, 1408, 1408 * 992), (992, 1408));
    }

    #[test]
    fn thin_and_tiny_pages_get_a_size_the_network_can_take() {
        for (w, h) in [(1, 1), (1, 60_000), (60_000, 1), (31, 33)] {
            let (dw, dh) = detector_size(w, h, 1_000_000);
            assert!(
                dw >= 32 && dh >= 32 && dw % 32 == 0 && dh % 32 == 0,
                "{dw}x{dh}"
            );
            assert!(dw.max(dh) <= 4096 && dw * dh <= 1_200_000, "{dw}x{dh}");
        }
    }

    #[test]
    fn black_and_white_stay_what_they_are_at_any_scale() {
        for (w, h) in [(64, 64), (200, 150), (33, 47)] {
            for (value, expected) in [(0u8, -1.0f32), (255, 1.0)] {
                let input = detector_input(&image(w, h, |_, _| value), 64, 32);
                assert!(input.values.iter().all(|v| (v - expected).abs() < 1e-5));
            }
        }
    }

    #[test]
    fn fine_stripes_average_to_gray_when_scaled_down() {
        let input = detector_input(
            &image(256, 64, |x, _| if x % 2 == 0 { 0 } else { 255 }),
            64,
            32,
        );
        let middle = at(&input, 0, 16, 32);
        assert!(middle.abs() < 0.1, "{middle}");
    }

    #[test]
    fn an_edge_stays_in_its_place() {
        let input = detector_input(&image(128, 64, |x, _| if x < 64 { 0 } else { 255 }), 64, 32);
        assert!(at(&input, 1, 10, 30) < -0.9 && at(&input, 1, 10, 33) > 0.9);
    }

    #[test]
    fn pages_scale_to_the_same_bits_on_every_machine() {
        let cases = [
            ((200, 150), (64, 96), 0x8949_05cb_ace9_e21f),
            ((60, 90), (128, 160), 0x46ad_b42c_2435_3643),
            ((331, 77), (96, 96), 0x8c8e_867b_7971_69b3),
            ((1, 300), (32, 512), 0x370b_ba2f_e5bb_8225),
            ((900, 700), (640, 512), 0x93aa_b199_1ef8_a6b3),
        ];
        for (from, to, expected) in cases {
            let input = detector_input(&scan(from.0, from.1, 5), to.0, to.1);
            let bytes = input.values.iter().flat_map(|v| v.to_bits().to_le_bytes());
            assert_eq!(hash(bytes), expected, "{from:?} to {to:?}");
        }
    }
}
