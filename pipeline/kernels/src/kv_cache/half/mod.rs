//! Attention over 16-bit keys and values, which are widened in registers: half the memory is read,
//! and nothing is written in between.

#[cfg(target_arch = "x86_64")]
mod avx512;

use half::{f16, slice::HalfFloatSliceExt};

/// Positions widened together if the processor cannot widen in registers.
const BLOCK: usize = 32;

/// Scores of keys: `scale` times their product with the query.
pub(super) fn score(query: &[f32], keys: &[f16], scores: &mut [f32], scale: f32) {
    #[cfg(target_arch = "x86_64")]
    if avx512::score(query, keys, scores, scale) {
        return;
    }
    let dim = query.len();
    let mut wide = vec![0.0; BLOCK * dim];
    for (keys, scores) in keys.chunks(BLOCK * dim).zip(scores.chunks_mut(BLOCK)) {
        let wide = &mut wide[..keys.len()];
        keys.convert_to_f32_slice(wide);
        super::score(query, wide, scores, scale);
    }
}

/// Adds values, each times its attention weight.
pub(super) fn add_values(shares: &[f32], values: &[f16], out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    if avx512::add_values(shares, values, out) {
        return;
    }
    let dim = out.len();
    let mut wide = vec![0.0; BLOCK * dim];
    for (values, shares) in values.chunks(BLOCK * dim).zip(shares.chunks(BLOCK)) {
        let wide = &mut wide[..values.len()];
        values.convert_to_f32_slice(wide);
        super::add_values(shares, wide, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widening_on_the_way_gives_the_same() {
        for dim in [64, 128, 24] {
            let number = |i: usize| (i * 37 % 101) as f32 / 50.0 - 1.0;
            let kept: Vec<f16> = (0..70 * dim).map(|i| f16::from_f32(number(i))).collect();
            let wide: Vec<f32> = kept.iter().map(|x| x.to_f32()).collect();
            let query: Vec<f32> = (0..dim).map(|i| number(i + 5)).collect();
            let (mut got, mut expected) = (vec![0.0; 70], vec![0.0; 70]);
            score(&query, &kept, &mut got, 0.3);
            super::super::score(&query, &wide, &mut expected, 0.3);
            assert_eq!(got, expected, "{dim}");
            let (mut out, mut expected_out) = (vec![0.5; dim], vec![0.5; dim]);
            add_values(&got, &kept, &mut out);
            super::super::add_values(&got, &wide, &mut expected_out);
            assert_eq!(out, expected_out, "{dim}");
        }
    }
}
