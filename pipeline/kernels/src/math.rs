//! Exponential, GELU, SiLU and softmax as branch-free polynomials that the compiler vectorizes.

use rayon::prelude::*;

/// Elements processed together. Sums and maxima are kept in as many partial results, whatever the
/// processor, so that all processors round alike.
pub(super) const LANES: usize = 16;

/// Elements worth a task of their own.
const TASK: usize = 1 << 16;

/// `exp(x)` within 2 units in the last place for |x| < 87, saturating beyond (Cephes' polynomial).
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // 1.5 * 2^23: adding it leaves the nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    const LN2_HI: f32 = 0.693_359_4;
    const LN2_LO: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN2_LO, n.mul_add(-LN2_HI, x));
    let mut p = 1.987_569_1e-4f32;
    p = p.mul_add(r, 1.398_2e-3);
    p = p.mul_add(r, 8.333_452e-3);
    p = p.mul_add(r, 4.166_579_6e-2);
    p = p.mul_add(r, 0.166_666_66);
    p = p.mul_add(r, 0.5);
    p = p.mul_add(r * r, r) + 1.0;
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// Exact GELU with the error function (Abramowitz and Stegun 7.1.26, within 1.5e-7).
#[inline(always)]
fn gelu(x: f32) -> f32 {
    let z = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / z.mul_add(0.327_591_1, 1.0);
    let mut p = 1.061_405_4f32;
    p = p.mul_add(t, -1.453_152_1);
    p = p.mul_add(t, 1.421_413_8);
    p = p.mul_add(t, -0.284_496_72);
    p = p.mul_add(t, 0.254_829_6);
    let tail = p * t * exp(-z * z);
    // erf is odd.
    let erf = (1.0 - tail).copysign(x);
    0.5 * x * (1.0 + erf)
}

simd_dispatch! {
    fn bias_gelu_rows(rows: &mut [f32], bias: &[f32]) {
        for row in rows.chunks_exact_mut(bias.len()) {
            for (x, b) in row.iter_mut().zip(bias) {
                *x = gelu(*x + b);
            }
        }
    }
}

/// `x = gelu(x + bias)` for rows as long as `bias`.
pub fn bias_gelu(x: &mut [f32], bias: &[f32]) {
    let rows = (TASK / bias.len()).max(1);
    x.par_chunks_mut(rows * bias.len())
        .for_each(|rows| bias_gelu_rows(rows, bias));
}

simd_dispatch! {
    fn add_rows(rows: &mut [f32], bias: &[f32]) {
        for row in rows.chunks_exact_mut(bias.len()) {
            for (x, b) in row.iter_mut().zip(bias) {
                *x += b;
            }
        }
    }
}

/// `x = x + bias` for rows as long as `bias`.
pub fn add_bias(x: &mut [f32], bias: &[f32]) {
    let rows = (TASK / bias.len()).max(1);
    if x.len() <= rows * bias.len() {
        return add_rows(x, bias);
    }
    x.par_chunks_mut(rows * bias.len())
        .for_each(|rows| add_rows(rows, bias));
}

simd_dispatch! {
    fn silu_mul_rows(gate_up: &[f32], out: &mut [f32], width: usize) {
        for (pair, out) in gate_up.chunks_exact(2 * width).zip(out.chunks_exact_mut(width)) {
            let (gate, up) = pair.split_at(width);
            for ((out, g), u) in out.iter_mut().zip(gate).zip(up) {
                *out = g / (1.0 + exp(-g)) * u;
            }
        }
    }
}

/// `silu(gate) * up` for rows of `width` gates followed by `width` ups; `out` has rows of `width`.
pub fn silu_mul(gate_up: &[f32], out: &mut [f32], width: usize) {
    let rows = (TASK / width).max(1);
    if gate_up.len() <= 2 * rows * width {
        return silu_mul_rows(gate_up, out, width);
    }
    gate_up
        .par_chunks(2 * rows * width)
        .zip(out.par_chunks_mut(rows * width))
        .for_each(|(pairs, out)| silu_mul_rows(pairs, out, width));
}

/// The largest element; negative infinity if there is none.
#[inline(always)]
pub(super) fn max_of(row: &[f32]) -> f32 {
    let mut parts = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            parts[lane] = if chunk[lane] > parts[lane] {
                chunk[lane]
            } else {
                parts[lane]
            };
        }
    }
    rest.iter()
        .copied()
        .chain(parts)
        .fold(f32::NEG_INFINITY, f32::max)
}

/// The largest absolute value.
#[inline(always)]
pub(super) fn max_abs(row: &[f32]) -> f32 {
    let mut parts = [0.0f32; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            let size = chunk[lane].abs();
            parts[lane] = if size > parts[lane] {
                size
            } else {
                parts[lane]
            };
        }
    }
    rest.iter()
        .map(|x| x.abs())
        .chain(parts)
        .fold(0.0, f32::max)
}

/// `row = exp(row - max)`; returns the sum.
#[inline(always)]
pub(super) fn exp_sum(row: &mut [f32], max_of: f32) -> f32 {
    let mut parts = [0.0f32; LANES];
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            chunk[lane] = exp(chunk[lane] - max_of);
            parts[lane] += chunk[lane];
        }
    }
    for (part, x) in parts.iter_mut().zip(rest) {
        *x = exp(*x - max_of);
        *part += *x;
    }
    sum_lanes(parts)
}

simd_dispatch! {
    /// Replaces scores by the numerators of their softmax; returns the denominator.
    pub(super) fn softmax_numerators(scores: &mut [f32]) -> f32 {
        let top = max_of(scores);
        exp_sum(scores, top)
    }
}

/// The sum of all partial sums, halves onto halves, in the order in which vector instructions
/// reduce a register.
#[inline(always)]
pub(super) fn sum_lanes(parts: [f32; LANES]) -> f32 {
    let mut parts = parts;
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            parts[lane] += parts[lane + half];
        }
        half /= 2;
    }
    parts[0]
}

/// Dot product.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut parts = [0.0f32; LANES];
    let (left, left_rest) = a.as_chunks::<LANES>();
    let (right, right_rest) = b.as_chunks::<LANES>();
    for (a, b) in left.iter().zip(right) {
        for lane in 0..LANES {
            parts[lane] = a[lane].mul_add(b[lane], parts[lane]);
        }
    }
    for ((part, a), b) in parts.iter_mut().zip(left_rest).zip(right_rest) {
        *part = a.mul_add(*b, *part);
    }
    sum_lanes(parts)
}

/// The token with the highest logit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopToken {
    /// Its id.
    pub index: usize,
    /// Natural logarithm of its probability among all tokens, banned ones included.
    pub logprob: f32,
}

simd_dispatch! {
    fn log_sum_exp(scores: &[f32]) -> f32 {
        let top = max_of(scores);
        let mut parts = [0.0f32; LANES];
        let (chunks, rest) = scores.as_chunks::<LANES>();
        for chunk in chunks {
            for lane in 0..LANES {
                parts[lane] += exp(chunk[lane] - top);
            }
        }
        for (part, x) in parts.iter_mut().zip(rest) {
            *part += exp(x - top);
        }
        top + sum_lanes(parts).ln()
    }
}

/// The first token with the highest logit that is not banned; `None` if all are banned or a logit
/// is NaN.
pub fn top_token(scores: &[f32], banned: &[u32]) -> Option<TopToken> {
    let mut found: Option<(usize, f32)> = None;
    for (index, &score) in scores.iter().enumerate() {
        if found.is_none_or(|(_, best)| score > best) && !score.is_nan() {
            // The list is searched only for tokens that lead so far.
            if !banned.contains(&(index as u32)) {
                found = Some((index, score));
            }
        }
    }
    let (index, score) = found?;
    let logprob = score - log_sum_exp(scores);
    logprob.is_finite().then_some(TopToken { index, logprob })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_is_that_of_the_standard_library() {
        for step in -870..880 {
            let x = step as f32 / 10.0;
            let relative = (exp(x) / x.exp() - 1.0).abs();
            assert!(relative < 5e-7, "{x}: {relative}");
        }
        assert!(exp(-1e9) < 1e-37);
    }

    #[test]
    fn gelu_is_the_one_with_the_error_function() {
        // scipy: x * norm.cdf(x)
        let cases = [
            (-3.0, -0.004_049_694),
            (-1.0, -0.158_655_25),
            (0.0, 0.0),
            (0.5, 0.345_731_23),
            (2.0, 1.954_499_7),
        ];
        let mut x: Vec<f32> = cases.iter().map(|case| case.0).collect();
        bias_gelu(&mut x, &[0.0; 5]);
        for (got, (x, expected)) in x.iter().zip(cases) {
            assert!((got - expected).abs() < 1e-6, "{x}: {got}");
        }
    }

    #[test]
    fn silu_times_up() {
        let gate_up: Vec<f32> = (0..12).map(|i| i as f32 - 6.0).collect();
        let mut out = [0.0; 6];
        silu_mul(&gate_up, &mut out, 3);
        let expected = |g: f32, u: f32| g / (1.0 + (-g).exp()) * u;
        assert!((out[0] - expected(-6.0, -3.0)).abs() < 1e-6);
        assert!((out[5] - expected(2.0, 5.0)).abs() < 1e-5);
    }

    #[test]
    fn the_best_token_is_the_first_highest_that_is_not_banned() {
        let scores = [0.0, 2.0, 2.0, -1.0];
        let share = |x: f32| x - scores.iter().map(|s: &f32| s.exp()).sum::<f32>().ln();
        let first = top_token(&scores, &[]).unwrap();
        assert_eq!(first.index, 1);
        assert!((first.logprob - share(2.0)).abs() < 1e-6);
        assert_eq!(top_token(&scores, &[1, 2]).unwrap().index, 0);
        assert!(top_token(&scores, &[0, 1, 2, 3]).is_none());
        assert!(top_token(&[f32::NAN; 4], &[]).is_none());
    }
}
