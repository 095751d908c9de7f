//! AVX-512 version of attention over 16-bit keys and values, with the same order of additions.

#![expect(unsafe_code, reason = "intrinsics over pointers into checked slices")]

use std::arch::x86_64::{
    __m512, _mm256_loadu_si256, _mm512_cvtph_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_storeu_ps,
};

use half::f16;

use super::super::super::math::{LANES, sum_lanes};

/// Keys scored together, so that additions do not wait for one another.
const TOGETHER: usize = 4;

/// See [`super::score`]; returns false if the processor or the head dimension does not fit.
pub(super) fn score(query: &[f32], keys: &[f16], scores: &mut [f32], scale: f32) -> bool {
    let dim = query.len();
    if !is_x86_feature_detected!("avx512f") || !dim.is_multiple_of(LANES) {
        return false;
    }
    assert!(keys.len() >= scores.len() * dim);
    // SAFETY: the processor has AVX-512, and there is a key for each score.
    unsafe { score_all(query, keys, scores, scale) };
    true
}

/// # Safety
/// `keys` holds a key for each score.
#[target_feature(enable = "avx512f")]
unsafe fn score_all(query: &[f32], keys: &[f16], scores: &mut [f32], scale: f32) {
    let dim = query.len();
    let (groups, rest) = scores.as_chunks_mut::<TOGETHER>();
    let done = groups.len() * TOGETHER;
    for (group, scores) in groups.iter_mut().enumerate() {
        // SAFETY: the caller's guarantee.
        let sums = unsafe { sums_of::<TOGETHER>(query, &keys[group * TOGETHER * dim..]) };
        for (score, sum) in scores.iter_mut().zip(sums) {
            *score = added_up(sum) * scale;
        }
    }
    for (index, score) in rest.iter_mut().enumerate() {
        // SAFETY: the caller's guarantee.
        let [sum] = unsafe { sums_of::<1>(query, &keys[(done + index) * dim..]) };
        *score = added_up(sum) * scale;
    }
}

/// Products of the query with `N` keys, as sixteen partial sums each.
///
/// # Safety
/// `keys` holds `N` keys; their length is a multiple of sixteen.
#[target_feature(enable = "avx512f")]
unsafe fn sums_of<const N: usize>(query: &[f32], keys: &[f16]) -> [__m512; N] {
    let dim = query.len();
    let mut sums = [_mm512_setzero_ps(); N];
    for at in (0..dim).step_by(LANES) {
        // SAFETY: sixteen numbers before the end of the query.
        let query = unsafe { _mm512_loadu_ps(query.as_ptr().add(at)) };
        for (key, sum) in sums.iter_mut().enumerate() {
            // SAFETY: sixteen numbers before the end of a key.
            let key = unsafe { widened(keys.as_ptr().add(key * dim + at)) };
            *sum = _mm512_fmadd_ps(query, key, *sum);
        }
    }
    sums
}

/// See [`super::add_values`]; returns false if the processor or the head dimension does not fit.
pub(super) fn add_values(shares: &[f32], values: &[f16], out: &mut [f32]) -> bool {
    if !is_x86_feature_detected!("avx512f") || !out.len().is_multiple_of(LANES) {
        return false;
    }
    assert!(values.len() >= shares.len() * out.len());
    // SAFETY: the processor has AVX-512, and there is a value for each weight.
    unsafe {
        match out.len() / LANES {
            4 => add_all::<4>(shares, values, out),
            _ => {
                let dim = out.len();
                for (index, out) in out.chunks_exact_mut(LANES).enumerate() {
                    add_part::<1>(shares, values, index * LANES, dim, out);
                }
            }
        }
    }
    true
}

/// # Safety
/// `values` holds `N` times sixteen numbers for each weight, `out` once as many.
#[target_feature(enable = "avx512f")]
unsafe fn add_all<const N: usize>(shares: &[f32], values: &[f16], out: &mut [f32]) {
    // SAFETY: the caller's guarantee.
    unsafe { add_part::<N>(shares, values, 0, out.len(), out) };
}

/// `N` times sixteen numbers of the output, from `at` on; `stride` is from value to value.
///
/// # Safety
/// `values` holds a value for each weight, `out` holds `N` times sixteen numbers.
#[target_feature(enable = "avx512f")]
unsafe fn add_part<const N: usize>(
    shares: &[f32],
    values: &[f16],
    at: usize,
    stride: usize,
    out: &mut [f32],
) {
    let mut sums = [_mm512_setzero_ps(); N];
    for (part, sum) in sums.iter_mut().enumerate() {
        // SAFETY: `N` times sixteen numbers.
        *sum = unsafe { _mm512_loadu_ps(out.as_ptr().add(part * LANES)) };
    }
    for (index, share) in shares.iter().enumerate() {
        let share = _mm512_set1_ps(*share);
        for (part, sum) in sums.iter_mut().enumerate() {
            // SAFETY: a value for each weight.
            let value = unsafe { widened(values.as_ptr().add(index * stride + at + part * LANES)) };
            *sum = _mm512_fmadd_ps(share, value, *sum);
        }
    }
    for (part, sum) in sums.into_iter().enumerate() {
        // SAFETY: `N` times sixteen numbers.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr().add(part * LANES), sum) };
    }
}

/// Sixteen numbers widened to 32 bits.
///
/// # Safety
/// `numbers` points to sixteen numbers.
#[target_feature(enable = "avx512f")]
unsafe fn widened(numbers: *const f16) -> __m512 {
    // SAFETY: the caller's guarantee; the load needs no alignment.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(numbers.cast()) })
}

#[target_feature(enable = "avx512f")]
fn added_up(sum: __m512) -> f32 {
    let mut lanes = [0.0f32; LANES];
    // SAFETY: sixteen numbers.
    unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), sum) };
    sum_lanes(lanes)
}
