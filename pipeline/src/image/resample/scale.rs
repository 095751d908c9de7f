//! Scaling in floating point: rows are scaled across, and then added up down the page.

use std::collections::VecDeque;

use super::FilterTaps;
use crate::image::PageImage;

/// Taps of a triangle as wide as a target pixel, and at least as a source pixel: bilinear if a side
/// grows, averaging if it shrinks.
pub(crate) fn triangle_taps(source: u32, target: u32) -> FilterTaps<f32> {
    let scale = source as f32 / target as f32;
    let reach = scale.max(1.0);
    let mut taps = FilterTaps::with_capacity(target);
    for at in 0..target {
        let center = (at as f32 + 0.5) * scale - 0.5;
        let first = (center - reach).ceil().max(0.0) as usize;
        let last = ((center + reach).floor().max(0.0) as usize).min(source as usize - 1);
        let first = first.min(last);
        let weight = |at: usize| (1.0 - (at as f32 - center).abs() / reach).max(0.0);
        let sum: f32 = (first..=last).map(weight).sum();
        if sum > 0.0 {
            taps.push(first, (first..=last).map(|at| weight(at) / sum));
        } else {
            taps.push(first, [1.0]);
        }
    }
    taps
}

/// Taps that average what a target pixel covers, for `target` of at most `source` pixels: thin
/// strokes grow pale instead of vanishing.
pub(crate) fn area_taps(source: u32, target: u32) -> FilterTaps<f32> {
    // The first source pixel of each target pixel and the shares of it and those after it that fall
    // there.
    let mut covered: Vec<(usize, Vec<f32>)> = vec![(0, Vec::new()); target as usize];
    let mut add = |index: usize, at: u32, share: f32| {
        // Rounding may put a share past the end.
        if let Some((first, shares)) = covered.get_mut(index) {
            if shares.is_empty() {
                *first = at as usize;
            }
            shares.push(share);
        }
    };
    let step = f64::from(target) / f64::from(source);
    for at in 0..source {
        let start = f64::from(at) * step;
        let index = (start as usize).min(target as usize - 1);
        let next = (start + step - (index + 1) as f64).clamp(0.0, step);
        add(index, at, (step - next) as f32);
        if next > 0.0 {
            add(index + 1, at, next as f32);
        }
    }
    let mut taps = FilterTaps::with_capacity(target);
    for (first, shares) in covered {
        taps.push(first, shares);
    }
    taps
}

/// A page to be scaled, and how.
pub(crate) struct ScalePlan<'a> {
    pub(crate) image: &'a PageImage,
    /// Taps across.
    pub(crate) columns: FilterTaps<f32>,
    /// Taps down.
    pub(crate) rows: FilterTaps<f32>,
    /// The factor by which values are multiplied...
    pub(crate) gain: f32,
    /// ...before this is added.
    pub(crate) bias: f32,
}

impl ScalePlan<'_> {
    /// Scales the page and gives each target row, by its number, to `put_row`: the values of one
    /// channel after the other. `channels` turns an RGB pixel into the values that are scaled.
    pub(crate) fn run<const CHANNELS: usize>(
        &self,
        channels: impl Fn(&[u8]) -> [f32; CHANNELS],
        mut put_row: impl FnMut(usize, &[f32]),
    ) {
        let stride = self.image.width as usize * 3;
        let length = CHANNELS * self.columns.len();
        // Source rows, scaled across, kept while target rows need them.
        let mut scaled: VecDeque<(usize, Vec<f32>)> = VecDeque::new();
        let mut spare: Vec<Vec<f32>> = Vec::new();
        let mut source = vec![[0.0f32; CHANNELS]; self.image.width as usize];
        let mut sum = vec![0.0f32; length];
        for (y, (first, weights)) in self.rows.iter().enumerate() {
            while scaled.front().is_some_and(|(at, _)| *at < first) {
                spare.extend(scaled.pop_front().map(|(_, line)| line));
            }
            sum.fill(self.bias);
            for (at, weight) in (first..).zip(weights) {
                if scaled.back().is_none_or(|(last, _)| *last < at) {
                    let mut line = spare.pop().unwrap_or_else(|| vec![0.0; length]);
                    let pixels = self.image.rgb[at * stride..(at + 1) * stride].chunks_exact(3);
                    for (values, pixel) in source.iter_mut().zip(pixels) {
                        *values = channels(pixel);
                    }
                    self.scale_row(&source, &mut line);
                    scaled.push_back((at, line));
                }
                let front = scaled.front().map_or(at, |(front, _)| *front);
                if let Some((_, line)) = scaled.get(at - front) {
                    sum.iter_mut().zip(line).for_each(|(s, v)| *s += v * weight);
                }
            }
            put_row(y, &sum);
        }
    }

    /// Scales one row across.
    fn scale_row<const CHANNELS: usize>(&self, source: &[[f32; CHANNELS]], out: &mut [f32]) {
        let width = self.columns.len();
        for (x, (first, weights)) in self.columns.iter().enumerate() {
            let mut sum = [0.0f32; CHANNELS];
            let source = &source[first..][..weights.len()];
            for at in 0..weights.len() {
                for channel in 0..CHANNELS {
                    sum[channel] += source[at][channel] * weights[at];
                }
            }
            for channel in 0..CHANNELS {
                out[channel * width + x] = sum[channel] * self.gain;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_to_one_whatever_the_sizes() {
        for (source, target) in [
            (1, 1),
            (5, 5),
            (7, 3),
            (1654, 1000),
            (900, 899),
            (3, 9),
            (1, 40),
        ] {
            let taps = [triangle_taps(source, target)];
            let area = (target <= source).then(|| area_taps(source, target));
            for taps in taps.iter().chain(&area) {
                assert_eq!(taps.len(), target as usize);
                for (first, weights) in taps.iter() {
                    let sum: f32 = weights.iter().sum();
                    assert!((sum - 1.0).abs() < 1e-4, "{source} to {target}: {sum}");
                    assert!(first + weights.len() <= source as usize);
                }
            }
        }
    }

    #[test]
    fn area_taps_cover_each_source_pixel_by_its_share() {
        let taps = area_taps(5, 2);
        let taps: Vec<_> = taps.iter().map(|(first, w)| (first, w.to_vec())).collect();
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert_eq!((taps[0].0, taps[1].0), (0, 2));
        assert!(near(&taps[0].1, &[0.4, 0.4, 0.2]), "{taps:?}");
        assert!(near(&taps[1].1, &[0.2, 0.4, 0.4]), "{taps:?}");
    }
}
