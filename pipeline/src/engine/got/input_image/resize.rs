//! Bicubic scaling that equals Pillow's to the bit.
//!
//! The model was trained on pages that Pillow had scaled (`Resample.c` of Pillow 13, 8 bits a
//! channel): the filter is stretched by the scale if a side shrinks, weights are rounded to fixed
//! point, and rows are scaled horizontally, rounded to 8 bits, and then vertically.

use crate::image::PageImage;

/// Fractional bits of a fixed-point weight: 8 of 32 bits hold the value, 2 the filter's overshoot.
const PRECISION_BITS: u32 = 32 - 8 - 2;
/// Rounds a fixed-point sum to the nearest value.
const HALF: i32 = 1 << (PRECISION_BITS - 1);
/// Half the filter's width, in source pixels at scale 1.
const SUPPORT: f64 = 2.0;
/// Columns whose sums are kept in registers while rows are added.
const LANES: usize = 32;
/// Rows that are scaled horizontally together.
const ROWS: usize = 8;

/// Scales `page` to RGB of `width` × `height` as Pillow's bicubic filter does.
pub(super) fn resize(page: &PageImage, width: u32, height: u32) -> Vec<u8> {
    let wanted = u64::from(page.width) * u64::from(page.height) * 3;
    if wanted == 0 || (page.rgb.len() as u64) < wanted {
        return vec![255; width as usize * height as usize * 3];
    }
    let pixels = &page.rgb[..wanted as usize];
    let across = KernelTaps::new(page.width, width);
    let down = KernelTaps::new(page.height, height);
    // Compiled for each vector unit that a processor may have.
    pulp::Arch::new().dispatch(|| {
        if is_down_first((page.width, page.height), (width, height)) {
            let lower = scale_down(pixels, page.width, &down);
            return scale_across(&lower, page.width, &across);
        }
        let narrower = scale_across(pixels, page.width, &across);
        scale_down(&narrower, width, &down)
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

/// Source pixels and weights of each target pixel along one side.
struct KernelTaps {
    /// First source pixel of each target pixel.
    first: Vec<usize>,
    /// Fixed-point weights of all target pixels, one after another.
    weights: Vec<i32>,
    /// End of each target pixel's weights.
    ends: Vec<usize>,
    /// True if each target pixel is the source pixel of the same number.
    identity: bool,
}

impl KernelTaps {
    /// Taps for scaling a side of `source` pixels to `target`, both at least 1.
    fn new(source: u32, target: u32) -> Self {
        let scale = f64::from(source) / f64::from(target);
        let stretch = scale.max(1.0);
        let (support, shrink) = (SUPPORT * stretch, 1.0 / stretch);
        let mut taps = Self {
            first: Vec::with_capacity(target as usize),
            weights: Vec::new(),
            ends: Vec::with_capacity(target as usize),
            identity: source == target,
        };
        let mut exact = Vec::new();
        for at in 0..target {
            let center = (f64::from(at) + 0.5) * scale;
            let first = (center - support + 0.5).max(0.0) as u32;
            let end = ((center + support + 0.5) as u32).min(source);
            let weigh = |x: u32| bicubic((f64::from(x) - center + 0.5) * shrink);
            exact.clear();
            exact.extend((first..end).map(weigh));
            let sum: f64 = exact.iter().sum();
            taps.first.push(first as usize);
            taps.weights.extend(exact.iter().map(|w| fixed(w / sum)));
            taps.ends.push(taps.weights.len());
        }
        taps
    }

    /// First source pixel and weights of each target pixel.
    fn iter(&self) -> impl Iterator<Item = (usize, &[i32])> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let spans = starts.zip(&self.ends);
        let weights = spans.map(|(start, &end)| &self.weights[start..end]);
        self.first.iter().copied().zip(weights)
    }
}

/// Keys' cubic with a = -0.5, written as Pillow writes it, since another order would round
/// differently.
fn bicubic(x: f64) -> f64 {
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

/// Scales rows of `width` RGB pixels horizontally.
#[inline(always)]
fn scale_across(pixels: &[u8], width: u32, taps: &KernelTaps) -> Vec<u8> {
    if taps.identity {
        return pixels.to_vec();
    }
    let stride = width as usize * 3;
    let target = taps.first.len() * 3;
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
            for (column, weight) in columns[first..].iter().zip(weights) {
                for (sum, value) in sums.iter_mut().zip(column) {
                    *sum += value * weight;
                }
            }
            let sums = sums.map(clip);
            for (row, pixel) in out.chunks_exact_mut(target).zip(sums.chunks_exact(3)) {
                row[x * 3..x * 3 + 3].copy_from_slice(pixel);
            }
        }
    }
    scaled
}

/// Scales rows of `width` RGB pixels vertically.
#[inline(always)]
fn scale_down(pixels: &[u8], width: u32, taps: &KernelTaps) -> Vec<u8> {
    if taps.identity {
        return pixels.to_vec();
    }
    let stride = width as usize * 3;
    let mut scaled = vec![0; taps.first.len() * stride];
    for ((first, weights), out) in taps.iter().zip(scaled.chunks_exact_mut(stride)) {
        let rows = &pixels[first * stride..(first + weights.len()) * stride];
        let (blocks, rest) = out.as_chunks_mut::<LANES>();
        let done = blocks.len() * LANES;
        for (block, out) in blocks.iter_mut().enumerate() {
            let mut sums = [HALF; LANES];
            for (row, weight) in rows.chunks_exact(stride).zip(weights) {
                add_row(&mut sums, &row[block * LANES..(block + 1) * LANES], *weight);
            }
            *out = sums.map(clip);
        }
        let mut sums = [HALF; LANES];
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
fn add_row(sums: &mut [i32; LANES], row: &[u8], weight: i32) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += i32::from(*value) * weight;
    }
}
