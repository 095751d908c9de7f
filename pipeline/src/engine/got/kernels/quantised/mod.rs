//! Products with weights in 8 or 4 bits: integers in groups of [`GROUP`] that share a scale, as in GGML's
//! `Q8_0` and `Q4_0`. The other factor is rounded to 8 bits, group by group, when it comes.
//!
//! Outputs are kept in panels of [`PANEL`]: four inputs of each of sixteen outputs fill one register, which is
//! what AVX-512's VNNI multiplies and adds in one instruction. Weights are stored with an offset, as that
//! instruction wants one side without sign.

#[cfg(target_arch = "x86_64")]
mod vnni;

use half::f16;
use rayon::prelude::*;

/// Inputs that share a scale.
pub(in super::super) const GROUP: usize = 32;
/// Outputs that are computed side by side.
const PANEL: usize = 16;
/// Inputs of an output that stand together.
const QUAD: usize = 4;
/// Rows computed together.
const ROWS: usize = 8;
/// Bytes of weights that are worth a task of their own.
const TASK: usize = 1 << 18;
/// Scales tried for a group of 4-bit weights.
const TRIALS: i32 = 8;

/// Bits a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum WeightBits {
    /// -127 to 127.
    Eight,
    /// -8 to 7.
    Four,
}

impl WeightBits {
    /// The offset that is added to a weight so that it has no sign.
    fn offset(self) -> i32 {
        match self {
            Self::Eight => 128,
            Self::Four => 8,
        }
    }

    /// Bytes of one group of a panel, its scales not counted.
    fn group_bytes(self) -> usize {
        match self {
            Self::Eight => PANEL * GROUP,
            Self::Four => PANEL * GROUP / 2,
        }
    }
}

/// A matrix in panels.
#[derive(Debug)]
pub(in super::super) struct PackedWeights {
    bits: WeightBits,
    /// Outputs asked for; panels are filled up with zeros.
    outputs: usize,
    inputs: usize,
    /// (panels, groups, group_bytes): quad after quad, each output's four inputs together. With four bits, quad
    /// 2i is in the low halves and quad 2i + 1 in the high halves.
    weights: Vec<u8>,
    /// (panels, groups, PANEL).
    scales: Vec<f16>,
}

/// Rows rounded to 8 bits.
struct QuantizedActivations {
    /// (rows, inputs).
    values: Vec<i8>,
    /// (rows, groups).
    scales: Vec<f32>,
    /// Sum of a group's values: (rows, groups).
    sums: Vec<i32>,
}

impl PackedWeights {
    /// Packs a matrix (outputs, inputs); the inputs are a multiple of [`GROUP`].
    pub(in super::super) fn new(weight: &[f32], inputs: usize, bits: WeightBits) -> Self {
        assert!(inputs.is_multiple_of(GROUP) && weight.len().is_multiple_of(inputs));
        let outputs = weight.len() / inputs;
        let (panels, groups) = (outputs.div_ceil(PANEL), inputs / GROUP);
        let bytes = bits.group_bytes();
        let mut weights = vec![0u8; panels * groups * bytes];
        let mut scales = vec![f16::ZERO; panels * groups * PANEL];
        weights
            .par_chunks_mut(groups * bytes)
            .zip(scales.par_chunks_mut(groups * PANEL))
            .zip(weight.par_chunks(PANEL * inputs))
            .for_each(|((weights, scales), rows)| {
                pack_panel(rows, inputs, bits, weights, scales);
            });
        Self {
            bits,
            outputs,
            inputs,
            weights,
            scales,
        }
    }

    /// Inputs.
    pub(in super::super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Outputs.
    pub(in super::super) fn outputs(&self) -> usize {
        self.outputs
    }

    /// `x (m, inputs) * weight transposed`, (m, outputs).
    pub(in super::super) fn product(&self, x: &[f32]) -> Vec<f32> {
        let m = x.len() / self.inputs;
        let rounded = round(x, self.inputs);
        let panel_bytes = self.inputs / GROUP * self.bits.group_bytes();
        let panels = (TASK / panel_bytes).max(1);
        // Panels first, so that each task writes a stretch of its own: (panels, m, PANEL).
        let mut turned = vec![0.0f32; self.weights.len() / panel_bytes * m * PANEL];
        turned
            .par_chunks_mut(panels * m * PANEL)
            .enumerate()
            .for_each(|(task, out)| {
                for (index, out) in out.chunks_exact_mut(m * PANEL).enumerate() {
                    self.panel_product(task * panels + index, &rounded, out);
                }
            });
        if m == 1 {
            turned.truncate(self.outputs);
            return turned;
        }
        in_rows(&turned, m, self.outputs)
    }

    /// One panel's outputs for all rows: (m, PANEL).
    fn panel_product(&self, panel: usize, x: &QuantizedActivations, out: &mut [f32]) {
        let groups = self.inputs / GROUP;
        let bytes = groups * self.bits.group_bytes();
        let part = WeightPanel {
            bits: self.bits,
            weights: &self.weights[panel * bytes..][..bytes],
            scales: &self.scales[panel * groups * PANEL..][..groups * PANEL],
        };
        for (block, out) in out.chunks_mut(ROWS * PANEL).enumerate() {
            let rows = ActivationRows {
                values: &x.values[block * ROWS * self.inputs..],
                scales: &x.scales[block * ROWS * groups..],
                sums: &x.sums[block * ROWS * groups..],
            };
            #[cfg(target_arch = "x86_64")]
            if vnni::block(&part, &rows, out) {
                continue;
            }
            portable_block(&part, &rows, out);
        }
    }
}

/// One panel.
#[derive(Clone, Copy)]
struct WeightPanel<'a> {
    bits: WeightBits,
    /// (groups, group_bytes).
    weights: &'a [u8],
    /// (groups, PANEL).
    scales: &'a [f16],
}

/// Rows of the other factor, at least as many as there are outputs to write.
#[derive(Clone, Copy)]
struct ActivationRows<'a> {
    values: &'a [i8],
    scales: &'a [f32],
    sums: &'a [i32],
}

fn pack_panel(
    rows: &[f32],
    inputs: usize,
    bits: WeightBits,
    weights: &mut [u8],
    scales: &mut [f16],
) {
    let bytes = bits.group_bytes();
    for (output, row) in rows.chunks_exact(inputs).enumerate() {
        for (group, values) in row.chunks_exact(GROUP).enumerate() {
            let scale = f16::from_f32(match bits {
                WeightBits::Eight => super::math::largest_size(values) / 127.0,
                WeightBits::Four => best_scale(values),
            });
            scales[group * PANEL + output] = scale;
            let mut integers = [0u8; GROUP];
            integers_of(values, scale.to_f32(), bits, &mut integers);
            let target = &mut weights[group * bytes..][..bytes];
            for (quad, integers) in integers.chunks_exact(QUAD).enumerate() {
                match bits {
                    WeightBits::Eight => {
                        target[(quad * PANEL + output) * QUAD..][..QUAD].copy_from_slice(integers);
                    }
                    WeightBits::Four => {
                        let place = &mut target[(quad / 2 * PANEL + output) * QUAD..][..QUAD];
                        for (byte, integer) in place.iter_mut().zip(integers) {
                            *byte |= integer << (quad % 2 * 4);
                        }
                    }
                }
            }
        }
    }
}

/// The whole number next to `x`, ties to even; right up to four million.
#[inline(always)]
fn whole(x: f32) -> f32 {
    // Adding this leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    (x + ROUND) - ROUND
}

/// `1 / scale`, or nothing if all is nothing.
#[inline(always)]
fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

fastest! {
    /// Values as integers with their offset.
    fn integers_of(values: &[f32], scale: f32, bits: WeightBits, out: &mut [u8]) {
        let (inverse, offset) = (inverse(scale), bits.offset() as f32);
        let (least, most) = match bits {
            WeightBits::Eight => (-127.0, 127.0),
            WeightBits::Four => (-8.0, 7.0),
        };
        for (out, value) in out.iter_mut().zip(values) {
            *out = (whole(value * inverse).clamp(least, most) + offset) as u8;
        }
    }
}

fastest! {
    /// The scale of 4-bit weights whose rounding errors are smallest; negative where the largest value is
    /// positive, because there is one more step below zero than above.
    fn best_scale(values: &[f32]) -> f32 {
        let mut top = 0.0f32;
        for value in values {
            top = if value.abs() > top.abs() { *value } else { top };
        }
        let (mut best, mut least) = (0.0, f32::INFINITY);
        for trial in 0..TRIALS {
            let scale = -top / (8.0 - 0.25 * trial as f32);
            let inverse = inverse(scale);
            let mut parts = [0.0f32; super::math::LANES];
            // Groups are whole.
            for values in values.as_chunks::<{ super::math::LANES }>().0 {
                for lane in 0..super::math::LANES {
                    let integer = whole(values[lane] * inverse).clamp(-8.0, 7.0);
                    let off = values[lane] - integer * scale;
                    parts[lane] = off.mul_add(off, parts[lane]);
                }
            }
            let error = super::math::total(parts);
            if error < least {
                (best, least) = (scale, error);
            }
        }
        best
    }
}

fn round(x: &[f32], inputs: usize) -> QuantizedActivations {
    let groups = x.len() / GROUP;
    let mut rounded = QuantizedActivations {
        values: vec![0; x.len()],
        scales: vec![0.0; groups],
        sums: vec![0; groups],
    };
    debug_assert!(x.len().is_multiple_of(inputs));
    rounded
        .values
        .par_chunks_mut(inputs)
        .zip(rounded.scales.par_chunks_mut(inputs / GROUP))
        .zip(rounded.sums.par_chunks_mut(inputs / GROUP))
        .zip(x.par_chunks(inputs))
        .with_min_len(4)
        .for_each(|(((values, scales), sums), x)| round_row(x, values, scales, sums));
    rounded
}

fastest! {
    fn round_row(x: &[f32], values: &mut [i8], scales: &mut [f32], sums: &mut [i32]) {
        let groups = x.chunks_exact(GROUP).zip(values.chunks_exact_mut(GROUP));
        for ((group, values), (scale, sum)) in groups.zip(scales.iter_mut().zip(sums)) {
            let top = super::math::largest_size(group);
            *scale = top / 127.0;
            let inverse = inverse(*scale);
            let mut total = 0;
            for (value, x) in values.iter_mut().zip(group) {
                *value = whole(x * inverse) as i8;
                total += i32::from(*value);
            }
            *sum = total;
        }
    }
}

/// The sum of each group of one row and one output, times its scales, in the order of the groups.
fn portable_block(part: &WeightPanel<'_>, x: &ActivationRows<'_>, out: &mut [f32]) {
    let groups = part.scales.len() / PANEL;
    for (row, out) in out.chunks_exact_mut(PANEL).enumerate() {
        let mut sums = [0.0f32; PANEL];
        for group in 0..groups {
            let values = &x.values[(row * groups + group) * GROUP..][..GROUP];
            let bytes = part.bits.group_bytes();
            let weights = &part.weights[group * bytes..][..bytes];
            let correction = -part.bits.offset() * x.sums[row * groups + group];
            let integers = group_product(part.bits, weights, values, correction);
            let scale = x.scales[row * groups + group];
            for (output, sum) in sums.iter_mut().enumerate() {
                let scale = part.scales[group * PANEL + output].to_f32() * scale;
                *sum = (integers[output] as f32).mul_add(scale, *sum);
            }
        }
        out.copy_from_slice(&sums);
    }
}

fastest! {
    fn group_product(bits: WeightBits, weights: &[u8], values: &[i8], correction: i32) -> [i32; PANEL] {
        let mut sums = [correction; PANEL];
        for (quad, values) in values.chunks_exact(QUAD).enumerate() {
            let (place, shift) = match bits {
                WeightBits::Eight => (quad, 0),
                WeightBits::Four => (quad / 2, quad % 2 * 4),
            };
            let mask = if bits == WeightBits::Eight { 0xff } else { 0x0f };
            let weights = &weights[place * PANEL * QUAD..][..PANEL * QUAD];
            for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(QUAD)) {
                for (weight, value) in weights.iter().zip(values) {
                    *sum += i32::from((weight >> shift) & mask) * i32::from(*value);
                }
            }
        }
        sums
    }
}

/// (panels, m, PANEL) to (m, outputs).
fn in_rows(turned: &[f32], m: usize, outputs: usize) -> Vec<f32> {
    let mut out = vec![0.0f32; m * outputs];
    out.par_chunks_mut(outputs)
        .with_min_len(4)
        .enumerate()
        .for_each(|(row, out)| {
            for (panel, out) in out.chunks_mut(PANEL).enumerate() {
                let from = (panel * m + row) * PANEL;
                out.copy_from_slice(&turned[from..from + out.len()]);
            }
        });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers about as weights are spread.
    fn noise(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let mut uniform = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..count)
            .map(|_| (0..6).map(|_| uniform()).sum())
            .collect()
    }

    fn exact(x: &[f32], weight: &[f32], k: usize) -> Vec<f32> {
        let rows = x.chunks_exact(k);
        rows.flat_map(|x| {
            weight.chunks_exact(k).map(|w| {
                let products = x.iter().zip(w).map(|(a, b)| f64::from(*a) * f64::from(*b));
                products.sum::<f64>() as f32
            })
        })
        .collect()
    }

    fn relative_error(got: &[f32], expected: &[f32]) -> f32 {
        let norm = |v: &mut dyn Iterator<Item = f32>| v.map(|x| x * x).sum::<f32>().sqrt();
        let off = norm(&mut got.iter().zip(expected).map(|(a, b)| a - b));
        off / norm(&mut expected.iter().copied())
    }

    #[test]
    fn products_are_close_for_any_number_of_rows_and_outputs() {
        for (bits, bound) in [(WeightBits::Eight, 0.011), (WeightBits::Four, 0.095)] {
            for (m, n, k) in [(1, 40, 96), (3, 16, 256), (8, 33, 64), (21, 70, 128)] {
                let (x, weight) = (noise(m * k, 1), noise(n * k, 2));
                let packed = PackedWeights::new(&weight, k, bits);
                let (got, expected) = (packed.product(&x), exact(&x, &weight, k));
                assert_eq!(got.len(), m * n);
                let error = relative_error(&got, &expected);
                assert!(error < bound, "{bits:?} {m} {n} {k}: {error}");
            }
        }
    }

    #[test]
    fn a_row_does_not_depend_on_its_neighbours() {
        let (k, n) = (128, 50);
        for bits in [WeightBits::Eight, WeightBits::Four] {
            let packed = PackedWeights::new(&noise(n * k, 3), k, bits);
            let x = noise(19 * k, 4);
            let all = packed.product(&x);
            for (row, x) in x.chunks_exact(k).enumerate() {
                assert_eq!(packed.product(x), all[row * n..][..n]);
            }
        }
    }

    #[test]
    fn every_processor_gives_the_same() {
        let (k, n, m) = (96, 16, 5);
        for bits in [WeightBits::Eight, WeightBits::Four] {
            let packed = PackedWeights::new(&noise(n * k, 5), k, bits);
            let x = round(&noise(m * k, 6), k);
            let part = WeightPanel {
                bits,
                weights: &packed.weights,
                scales: &packed.scales,
            };
            let rows = ActivationRows {
                values: &x.values,
                scales: &x.scales,
                sums: &x.sums,
            };
            let mut portable = [0.0; 5 * PANEL];
            portable_block(&part, &rows, &mut portable);
            #[cfg(target_arch = "x86_64")]
            {
                let mut fast = [0.0; 5 * PANEL];
                if vnni::block(&part, &rows, &mut fast) {
                    assert_eq!(fast, portable);
                }
            }
            assert!(portable.iter().any(|x| *x != 0.0));
        }
    }

    #[test]
    fn zeros_stay_zeros() {
        let packed = PackedWeights::new(&[0.0; 64], 32, WeightBits::Four);
        assert_eq!(packed.product(&[0.0; 32]), [0.0; 2]);
        assert_eq!(packed.product(&noise(32, 1)), [0.0; 2]);
    }
}
