//! Scaling row by row in integers: for pictures of which only a few rows are held at a time.

use std::collections::VecDeque;

use super::{FilterTaps, scale::triangle_taps};

/// Bits of a weight across: 255 times their sum is just within 32 bits.
const COLUMN_BITS: u32 = 24;
/// Bits that a sample keeps after its point between the two steps: a byte and these are 16 bits.
const FRACTION_BITS: u32 = 8;
/// Bits of a weight down: a sample of 16 bits times their sum is just within 32 bits.
const ROW_BITS: u32 = 16;

/// Scales a picture whose rows come one after the other, by a triangle as wide as the step: bilinear where a side grows,
/// averaging where it shrinks. It holds the rows that the triangle spans, in the target's width.
pub(crate) struct RowScaler {
    /// Samples of a pixel, each a byte.
    channels: usize,
    columns: FilterTaps<u32>,
    rows: FilterTaps<u32>,
    /// Source rows scaled across, from `first_held` on.
    held: VecDeque<Vec<u16>>,
    first_held: usize,
    /// The target row that is given next.
    next: usize,
    spare: Vec<Vec<u16>>,
    sums: Vec<u32>,
    out: Vec<u8>,
}

impl RowScaler {
    /// A scaler of pictures of `source` pixels across and down to `target`, each side at least 1, with so many bytes a
    /// pixel.
    pub(crate) fn new(channels: usize, source: (u32, u32), target: (u32, u32)) -> Self {
        let samples = target.0 as usize * channels;
        Self {
            channels,
            columns: fixed_point(&triangle_taps(source.0, target.0), COLUMN_BITS),
            rows: fixed_point(&triangle_taps(source.1, target.1), ROW_BITS),
            held: VecDeque::new(),
            first_held: 0,
            next: 0,
            spare: Vec::new(),
            sums: vec![0; samples],
            out: vec![0; samples],
        }
    }

    /// Takes the next row of the source and gives `put_row` the rows of the target that it completes.
    pub(crate) fn push(&mut self, row: &[u8], mut put_row: impl FnMut(&[u8])) {
        let mut scaled = self.spare.pop().unwrap_or_default();
        scaled.clear();
        match self.channels {
            1 => scale_row::<1>(&self.columns, row, &mut scaled),
            3 => scale_row::<3>(&self.columns, row, &mut scaled),
            _ => scale_row::<4>(&self.columns, row, &mut scaled),
        }
        self.held.push_back(scaled);
        while let Some((first, weights)) = self.rows.get(self.next) {
            if first + weights.len() > self.first_held + self.held.len() {
                break;
            }
            while self.first_held < first {
                self.spare.extend(self.held.pop_front());
                self.first_held += 1;
            }
            self.sums.fill(1 << (ROW_BITS + FRACTION_BITS - 1));
            for (line, &weight) in self.held.iter().zip(weights) {
                let samples = self.sums.iter_mut().zip(line);
                samples.for_each(|(sum, sample)| *sum += u32::from(*sample) * weight);
            }
            for (out, sum) in self.out.iter_mut().zip(&self.sums) {
                *out = (sum >> (ROW_BITS + FRACTION_BITS)) as u8;
            }
            put_row(&self.out);
            self.next += 1;
        }
    }
}

/// Scales one row across; the samples of `scaled` have [`FRACTION_BITS`].
fn scale_row<const CHANNELS: usize>(columns: &FilterTaps<u32>, row: &[u8], scaled: &mut Vec<u16>) {
    const SHIFT: u32 = COLUMN_BITS - FRACTION_BITS;
    let (pixels, _) = row.as_chunks::<CHANNELS>();
    for (first, weights) in columns.iter() {
        let mut sums = [1_u32 << (SHIFT - 1); CHANNELS];
        let pixels = &pixels[first..][..weights.len()];
        for at in 0..weights.len() {
            for channel in 0..CHANNELS {
                sums[channel] += u32::from(pixels[at][channel]) * weights[at];
            }
        }
        scaled.extend(sums.map(|sum| (sum >> SHIFT) as u16));
    }
}

/// Weights in integers whose sum is exactly one, so that an even color stays what it is.
fn fixed_point(taps: &FilterTaps<f32>, bits: u32) -> FilterTaps<u32> {
    let one = 1_u32 << bits;
    let mut fixed = FilterTaps::with_capacity(taps.len() as u32);
    for (first, weights) in taps.iter() {
        let mut rounded: Vec<u32> = weights
            .iter()
            .map(|weight| (weight * one as f32) as u32)
            .collect();
        let sum: u32 = rounded.iter().sum();
        if let Some(largest) = rounded.iter_mut().max() {
            *largest = (*largest + one).saturating_sub(sum);
        }
        fixed.push(first, rounded);
    }
    fixed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(channels: usize, source: (u32, u32), target: (u32, u32), pixels: &[u8]) -> Vec<u8> {
        let mut scaler = RowScaler::new(channels, source, target);
        let mut out = Vec::new();
        for row in pixels.chunks_exact(source.0 as usize * channels) {
            scaler.push(row, |row| out.extend_from_slice(row));
        }
        assert_eq!(out.len(), target.0 as usize * target.1 as usize * channels);
        out
    }

    /// The same filter as the `image` crate's, which works in floating point on the whole picture.
    #[test]
    fn pictures_are_scaled_as_the_image_crate_scales_them() {
        let source = (97, 61);
        let pixels: Vec<u8> = (0..97_u32 * 61 * 3)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let image = image::RgbImage::from_raw(97, 61, pixels.clone()).unwrap();
        for target in [(97, 61), (40, 30), (13, 61), (97, 100), (1, 1), (200, 7)] {
            let wanted = image::imageops::resize(
                &image,
                target.0,
                target.1,
                image::imageops::FilterType::Triangle,
            );
            let seen = scaled(3, source, target, &pixels);
            let farthest = seen
                .iter()
                .zip(wanted.as_raw())
                .map(|(a, b)| a.abs_diff(*b))
                .max();
            assert!(farthest <= Some(1), "{target:?}: {farthest:?}");
        }
    }

    #[test]
    fn an_even_color_stays_what_it_is() {
        for value in [0, 1, 127, 254, 255] {
            for (source, target) in [((7, 9), (3, 2)), ((999, 5), (10, 5)), ((2, 2), (50, 50))] {
                let pixels = vec![value; source.0 as usize * source.1 as usize];
                let seen = scaled(1, source, target, &pixels);
                assert!(
                    seen.iter().all(|&sample| sample == value),
                    "{value} {source:?}"
                );
            }
        }
    }
}
