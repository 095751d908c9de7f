//! Bicubic scaling that equals Pillow's to the bit.
//!
//! The model was trained on pages that Pillow had scaled (`Resample.c` of Pillow 13, 8 bits a
//! channel): the filter is stretched by the scale if a side shrinks, weights are rounded to fixed
//! point, and rows are scaled horizontally, rounded to 8 bits, and then vertically.

use super::FilterTaps;
use crate::image::{PageImage, luma::whole_pixels};

/// Fractional bits of a fixed-point weight: 8 of 32 bits hold the value, 2 the filter's overshoot.
const PRECISION_BITS: u32 = 32 - 8 - 2;
/// Rounds a fixed-point sum to the nearest value.
const HALF: i32 = 1 << (PRECISION_BITS - 1);
/// Half the filter's width, in source pixels at scale 1.
const SUPPORT: f64 = 2.0;
/// Columns whose sums are kept in registers while rows are added.
const COLUMNS: usize = 32;
/// Rows that are scaled horizontally together.
const ROWS: usize = 8;

/// Scales `page` to RGB of `width` × `height`; white if its buffer is too short.
pub(crate) fn bicubic(page: &PageImage, width: u32, height: u32) -> Vec<u8> {
    let Some(pixels) = whole_pixels(page) else {
        return vec![255; width as usize * height as usize * 3];
    };
    // A side that keeps its size is not filtered.
    let across = (page.width != width).then(|| bicubic_taps(page.width, width));
    let down = (page.height != height).then(|| bicubic_taps(page.height, height));
    // Compiled for each vector unit that a processor may have.
    pulp::Arch::new().dispatch(|| {
        if is_down_first((page.width, page.height), (width, height)) {
            let lower = scale_down(pixels, page.width, down.as_ref());
            return scale_across(&lower, page.width, across.as_ref());
        }
        let narrower = scale_across(pixels, page.width, across.as_ref());
        scale_down(&narrower, width, down.as_ref())
    })
}

/// Returns true if rows are scaled vertically first: since Pillow 13, if the height loses more than
/// twice as many pixels as the width. The order shows in the last bits, because values are rounded
/// in between.
fn is_down_first(from: (u32, u32), to: (u32, u32)) -> bool {
    let across = i64::from(from.0) - i64::from(to.0);
    let down = i64::from(from.1) - i64::from(to.1);
    down > 0 && down > 2 * across
}

/// Taps for scaling a side of `source` pixels to `target`, both at least 1; weights in fixed point.
fn bicubic_taps(source: u32, target: u32) -> FilterTaps<i32> {
    let scale = f64::from(source) / f64::from(target);
    let stretch = scale.max(1.0);
    let (support, shrink) = (SUPPORT * stretch, 1.0 / stretch);
    let mut taps = FilterTaps::with_capacity(target);
    let mut exact = Vec::new();
    for at in 0..target {
        let center = (f64::from(at) + 0.5) * scale;
        let first = (center - support + 0.5).max(0.0) as u32;
        let end = ((center + support + 0.5) as u32).min(source);
        let weigh = |x: u32| cubic((f64::from(x) - center + 0.5) * shrink);
        exact.clear();
        exact.extend((first..end).map(weigh));
        let sum: f64 = exact.iter().sum();
        taps.push(first as usize, exact.iter().map(|w| fixed(w / sum)));
    }
    taps
}

/// Keys' cubic with a = -0.5, written as Pillow writes it, since another order would round
/// differently.
fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

/// A weight in fixed point, halves rounded away from zero.
fn fixed(weight: f64) -> i32 {
    let scaled = weight * f64::from(1 << PRECISION_BITS);
    (scaled + 0.5f64.copysign(scaled)) as i32
}

/// Rounds a fixed-point sum and clamps it to 8 bits.
#[inline(always)]
fn clip(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// Scales rows of `width` RGB pixels horizontally; without taps they stay as they are.
#[inline(always)]
fn scale_across(pixels: &[u8], width: u32, taps: Option<&FilterTaps<i32>>) -> Vec<u8> {
    let Some(taps) = taps else {
        return pixels.to_vec();
    };
    let stride = width as usize * 3;
    let target = taps.len() * 3;
    let mut scaled = vec![0; pixels.len() / stride * target];
    // The same column of several rows is adjacent, so that one weight serves all of them.
    let mut columns = vec![[0i32; ROWS * 3]; width as usize];
    let bands = scaled.chunks_mut(target * ROWS);
    for (rows, out) in pixels.chunks(stride * ROWS).zip(bands) {
        for (y, row) in rows.chunks_exact(stride).enumerate() {
            for (column, pixel) in columns.iter_mut().zip(row.chunks_exact(3)) {
                column[y * 3] = pixel[0].into();
                column[y * 3 + 1] = pixel[1].into();
                column[y * 3 + 2] = pixel[2].into();
            }
        }
        for (x, (first, weights)) in taps.iter().enumerate() {
            let mut sums = [HALF; ROWS * 3];
            let columns = &columns[first..][..weights.len()];
            for at in 0..weights.len() {
                for value in 0..ROWS * 3 {
                    sums[value] += columns[at][value] * weights[at];
                }
            }
            let mut pixels = [0; ROWS * 3];
            for value in 0..ROWS * 3 {
                pixels[value] = clip(sums[value]);
            }
            for (row, pixel) in out.chunks_exact_mut(target).zip(pixels.chunks_exact(3)) {
                row[x * 3..x * 3 + 3].copy_from_slice(pixel);
            }
        }
    }
    scaled
}

/// Scales rows of `width` RGB pixels vertically; without taps they stay as they are.
#[inline(always)]
fn scale_down(pixels: &[u8], width: u32, taps: Option<&FilterTaps<i32>>) -> Vec<u8> {
    let Some(taps) = taps else {
        return pixels.to_vec();
    };
    let stride = width as usize * 3;
    let mut scaled = vec![0; taps.len() * stride];
    for ((first, weights), out) in taps.iter().zip(scaled.chunks_exact_mut(stride)) {
        let rows = &pixels[first * stride..(first + weights.len()) * stride];
        let (blocks, rest) = out.as_chunks_mut::<COLUMNS>();
        let done = blocks.len() * COLUMNS;
        for (block, out) in blocks.iter_mut().enumerate() {
            let mut sums = [HALF; COLUMNS];
            for (row, weight) in rows.chunks_exact(stride).zip(weights) {
                add_row(
                    &mut sums,
                    &row[block * COLUMNS..(block + 1) * COLUMNS],
                    *weight,
                );
            }
            for column in 0..COLUMNS {
                out[column] = clip(sums[column]);
            }
        }
        let mut sums = [HALF; COLUMNS];
        for (row, weight) in rows.chunks_exact(stride).zip(weights) {
            add_row(&mut sums, &row[done..], *weight);
        }
        for (out, sum) in rest.iter_mut().zip(sums) {
            *out = clip(sum);
        }
    }
    scaled
}

/// Adds a row's weighted values to the sums of as many columns.
#[inline(always)]
fn add_row(sums: &mut [i32; COLUMNS], row: &[u8], weight: i32) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += i32::from(*value) * weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::fixtures::{hash, pillow_page};

    #[test]
    fn scales_as_pillow_does() {
        // Horizontally first.
        let expected = [
            8, 22, 76, 85, 47, 43, 168, 102, 154, 109, 188, 141, 88, 147, 103, 20, 37, 76, 82, 30,
            30, 123, 140, 111, 97, 198, 68, 124, 97, 141, 28, 34, 74, 77, 27, 11,
        ];
        assert_eq!(bicubic(&pillow_page(7, 5), 4, 3), expected);
        // Vertically first.
        let expected = [
            66, 124, 86, 68, 79, 88, 83, 52, 80, 160, 169, 146, 145, 160, 118, 171, 88, 158,
        ];
        assert_eq!(bicubic(&pillow_page(4, 9), 3, 2), expected);
    }

    #[test]
    fn scales_any_shape_to_the_bit() {
        let cases = [
            ((170, 220), (102, 102), 0x4ee1_df8b_cde7_1c40),
            ((160, 240), (102, 102), 0x768e_5820_c8cc_c674),
            ((90, 50), (128, 64), 0x3ba1_6570_ba98_ccd8),
            ((128, 50), (128, 64), 0xf509_864f_a278_e142),
            ((90, 64), (128, 64), 0x6e7c_8d9f_4c58_ca02),
            ((300, 20), (64, 64), 0xc4b4_a170_aa91_99f8),
            ((1, 90), (16, 16), 0xc649_be7c_b4fb_5e25),
            ((90, 1), (16, 16), 0xe8e1_d861_4fc7_8b05),
            ((33, 77), (33, 77), 0xc7f7_8a3b_1359_f6c3),
            ((41, 30), (67, 19), 0x7f79_1f13_3e88_42d1),
        ];
        for (from, to, expected) in cases {
            let scaled = bicubic(&pillow_page(from.0, from.1), to.0, to.1);
            assert_eq!(hash(scaled), expected, "{from:?} to {to:?}");
        }
    }
}
