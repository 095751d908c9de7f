//! Products with weights in 8 or 4 bits.
//!
//! Weights are integers in groups of [`GROUP`] that share a scale, as in GGML's `Q8_0` and `Q4_0`.
//! Activations are quantized to 8 bits, group by group, when they come.
//!
//! Weights are stored in panels of `PANEL` outputs: four inputs of sixteen outputs fill one
//! register, which AVX-512 VNNI multiplies and adds in one instruction. They are stored with an
//! offset, because that instruction wants one side unsigned.

#[cfg(target_arch = "x86_64")]
mod vnni;

use half::f16;
use rayon::prelude::*;

/// Inputs that share a scale.
pub const GROUP: usize = 32;
/// Outputs computed side by side.
const PANEL: usize = 16;
/// Adjacent inputs of an output.
const QUAD: usize = 4;
/// Rows computed together.
const ROWS: usize = 8;
/// Bytes of weights worth a task of their own.
const TASK: usize = 1 << 18;
/// Scales tried for a group of 4-bit weights.
const TRIALS: i32 = 8;

/// Bit width of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightBits {
    /// -127 to 127.
    Eight,
    /// -8 to 7.
    Four,
}

impl WeightBits {
    /// Offset that makes a weight unsigned.
    fn offset(self) -> i32 {
        match self {
            Self::Eight => 128,
            Self::Four => 8,
        }
    }

    /// Bytes of a panel's group without its scales.
    fn group_bytes(self) -> usize {
        match self {
            Self::Eight => PANEL * GROUP,
            Self::Four => PANEL * GROUP / 2,
        }
    }
}

/// A quantized matrix in panels.
#[derive(Debug)]
pub struct PackedWeights {
    bits: WeightBits,
    /// Outputs of the matrix; the last panel is filled up with zeros.
    outputs: usize,
    inputs: usize,
    /// (panels, groups, group_bytes): quad by quad, each output's four inputs adjacent. With four
    /// bits, quad 2i is in the low nibbles and quad 2i + 1 in the high ones.
    weights: Vec<u8>,
    /// (panels, groups, PANEL).
    scales: Vec<f16>,
}

/// Activations in 8 bits.
struct QuantizedActivations {
    /// (rows, inputs).
    values: Vec<i8>,
    /// (rows, groups).
    scales: Vec<f32>,
    /// Sums of each group's values: (rows, groups).
    sums: Vec<i32>,
}

impl PackedWeights {
    /// Quantizes a matrix (outputs, inputs), whose inputs are a multiple of [`GROUP`].
    pub fn new(weight: &[f32], inputs: usize, bits: WeightBits) -> Self {
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

    /// Inputs of the matrix.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Outputs of the matrix.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `x (m, inputs) * weight transposed`, (m, outputs).
    pub fn matmul(&self, x: &[f32]) -> Vec<f32> {
        let m = x.len() / self.inputs;
        let quantized = quantize_activations(x, self.inputs);
        let panel_bytes = self.inputs / GROUP * self.bits.group_bytes();
        let panels = (TASK / panel_bytes).max(1);
        // Panels first, so that each task has its own output: (panels, m, PANEL).
        let mut transposed = vec![0.0f32; self.weights.len() / panel_bytes * m * PANEL];
        transposed
            .par_chunks_mut(panels * m * PANEL)
            .enumerate()
            .for_each(|(task, out)| {
                for (index, out) in out.chunks_exact_mut(m * PANEL).enumerate() {
                    self.panel_matmul(task * panels + index, &quantized, out);
                }
            });
        if m == 1 {
            transposed.truncate(self.outputs);
            return transposed;
        }
        to_row_major(&transposed, m, self.outputs)
    }

    /// One panel's outputs for all rows: (m, PANEL).
    fn panel_matmul(&self, panel: usize, x: &QuantizedActivations, out: &mut [f32]) {
        let groups = self.inputs / GROUP;
        let bytes = groups * self.bits.group_bytes();
        let panel = WeightPanel {
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
            if vnni::block(&panel, &rows, out) {
                continue;
            }
            portable_block(&panel, &rows, out);
        }
    }
}

/// One panel of weights.
#[derive(Clone, Copy)]
struct WeightPanel<'a> {
    bits: WeightBits,
    /// (groups, group_bytes).
    weights: &'a [u8],
    /// (groups, PANEL).
    scales: &'a [f16],
}

/// Rows of activations, at least as many as the output has.
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
                WeightBits::Eight => super::math::max_abs(values) / 127.0,
                WeightBits::Four => best_scale(values),
            });
            scales[group * PANEL + output] = scale;
            let mut integers = [0u8; GROUP];
            quantize_weights(values, scale.to_f32(), bits, &mut integers);
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

/// The integer nearest to `x`, ties to even; exact up to four million.
#[inline(always)]
fn round_to_int(x: f32) -> f32 {
    // 1.5 * 2^23: adding it leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    (x + ROUND) - ROUND
}

/// `1 / scale`, or 0 if the scale is 0.
#[inline(always)]
fn inverse(scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { 1.0 / scale }
}

simd_dispatch! {
    /// Quantizes values to integers with their offset.
    fn quantize_weights(values: &[f32], scale: f32, bits: WeightBits, out: &mut [u8]) {
        let (inverse, offset) = (inverse(scale), bits.offset() as f32);
        let (least, most) = match bits {
            WeightBits::Eight => (-127.0, 127.0),
            WeightBits::Four => (-8.0, 7.0),
        };
        for (out, value) in out.iter_mut().zip(values) {
            *out = (round_to_int(value * inverse).clamp(least, most) + offset) as u8;
        }
    }
}

simd_dispatch! {
    /// The scale of 4-bit weights with the smallest rounding error. It is negative if the value of
    /// largest magnitude is positive, because there is one more step below zero than above.
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
            // A group is a multiple of the lanes, so nothing is left over.
            for values in values.as_chunks::<{ super::math::LANES }>().0 {
                for lane in 0..super::math::LANES {
                    let integer = round_to_int(values[lane] * inverse).clamp(-8.0, 7.0);
                    let off = values[lane] - integer * scale;
                    parts[lane] = off.mul_add(off, parts[lane]);
                }
            }
            let error = super::math::sum_lanes(parts);
            if error < least {
                (best, least) = (scale, error);
            }
        }
        best
    }
}

fn quantize_activations(x: &[f32], inputs: usize) -> QuantizedActivations {
    let groups = x.len() / GROUP;
    let mut quantized = QuantizedActivations {
        values: vec![0; x.len()],
        scales: vec![0.0; groups],
        sums: vec![0; groups],
    };
    debug_assert!(x.len().is_multiple_of(inputs));
    quantized
        .values
        .par_chunks_mut(inputs)
        .zip(quantized.scales.par_chunks_mut(inputs / GROUP))
        .zip(quantized.sums.par_chunks_mut(inputs / GROUP))
        .zip(x.par_chunks(inputs))
        .with_min_len(4)
        .for_each(|(((values, scales), sums), x)| quantize_row(x, values, scales, sums));
    quantized
}

simd_dispatch! {
    fn quantize_row(x: &[f32], values: &mut [i8], scales: &mut [f32], sums: &mut [i32]) {
        let groups = x.chunks_exact(GROUP).zip(values.chunks_exact_mut(GROUP));
        for ((group, values), (scale, sum)) in groups.zip(scales.iter_mut().zip(sums)) {
            let top = super::math::max_abs(group);
            *scale = top / 127.0;
            let inverse = inverse(*scale);
            let mut total = 0;
            for (value, x) in values.iter_mut().zip(group) {
                *value = round_to_int(x * inverse) as i8;
                total += i32::from(*value);
            }
            *sum = total;
        }
    }
}

/// Sums each group's dot product times its scales, in the order of the groups.
fn portable_block(panel: &WeightPanel<'_>, x: &ActivationRows<'_>, out: &mut [f32]) {
    let groups = panel.scales.len() / PANEL;
    for (row, out) in out.chunks_exact_mut(PANEL).enumerate() {
        let mut sums = [0.0f32; PANEL];
        for group in 0..groups {
            let values = &x.values[(row * groups + group) * GROUP..][..GROUP];
            let bytes = panel.bits.group_bytes();
            let weights = &panel.weights[group * bytes..][..bytes];
            let correction = -panel.bits.offset() * x.sums[row * groups + group];
            let integers = group_dot(panel.bits, weights, values, correction);
            let scale = x.scales[row * groups + group];
            for (output, sum) in sums.iter_mut().enumerate() {
                let scale = panel.scales[group * PANEL + output].to_f32() * scale;
                *sum = (integers[output] as f32).mul_add(scale, *sum);
            }
        }
        out.copy_from_slice(&sums);
    }
}

simd_dispatch! {
    fn group_dot(bits: WeightBits, weights: &[u8], values: &[i8], correction: i32) -> [i32; PANEL] {
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
fn to_row_major(transposed: &[f32], m: usize, outputs: usize) -> Vec<f32> {
    let mut out = vec![0.0f32; m * outputs];
    out.par_chunks_mut(outputs)
        .with_min_len(4)
        .enumerate()
        .for_each(|(row, out)| {
            for (panel, out) in out.chunks_mut(PANEL).enumerate() {
                let from = (panel * m + row) * PANEL;
                out.copy_from_slice(&transposed[from..from + out.len()]);
            }
        });
    out
}

#[cfg(test)]
mod tests;
