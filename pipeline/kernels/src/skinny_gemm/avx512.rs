//! AVX-512 version of the skinny product: four outputs of up to four rows at a time, one register
//! each.

#![expect(unsafe_code, reason = "intrinsics over pointers into checked slices")]

use std::arch::x86_64::{
    __m512, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_maskz_loadu_ps, _mm512_setzero_ps,
    _mm512_storeu_ps,
};

use super::{
    super::math::{LANES, sum_lanes},
    OUTPUTS,
};

/// Rows computed together.
const ROWS: usize = 4;

/// `x (m, k) * weight (n, k) transposed` to `out` (n, m); returns false if the processor has no
/// AVX-512.
pub(super) fn block_gemm(x: &[f32], weight: &[f32], k: usize, m: usize, out: &mut [f32]) -> bool {
    if !is_x86_feature_detected!("avx512f") {
        return false;
    }
    let n = weight.len() / k;
    assert!(x.len() >= m * k && out.len() >= n * m);
    for output in (0..n).step_by(OUTPUTS) {
        for row in (0..m).step_by(ROWS) {
            let (x, weight) = (&x[row * k..], &weight[output * k..]);
            let out = &mut out[output * m + row..];
            // SAFETY: the processor has AVX-512, and from these indexes on the slices hold as many
            // rows and outputs as the const parameters say.
            unsafe {
                match ((n - output).min(OUTPUTS), (m - row).min(ROWS)) {
                    (4, 1) => tile::<4, 1>(x, weight, k, m, out),
                    (4, 2) => tile::<4, 2>(x, weight, k, m, out),
                    (4, 3) => tile::<4, 3>(x, weight, k, m, out),
                    (4, _) => tile::<4, 4>(x, weight, k, m, out),
                    (outputs, rows) => {
                        for output in 0..outputs {
                            for row in 0..rows {
                                let out = &mut out[output * m + row..];
                                tile::<1, 1>(&x[row * k..], &weight[output * k..], k, m, out);
                            }
                        }
                    }
                }
            }
        }
    }
    true
}

/// `N` outputs of `M` rows; `stride` from output to output.
///
/// # Safety
/// `x` holds `M` rows and `weight` `N` outputs of `k` numbers.
#[target_feature(enable = "avx512f")]
unsafe fn tile<const N: usize, const M: usize>(
    x: &[f32],
    weight: &[f32],
    k: usize,
    stride: usize,
    out: &mut [f32],
) {
    let mut sums: [[__m512; M]; N] = [[_mm512_setzero_ps(); M]; N];
    let whole = k / LANES * LANES;
    for at in (0..whole).step_by(LANES) {
        // SAFETY: sixteen numbers before the end of each row.
        let x = |m: usize| unsafe { _mm512_loadu_ps(x.as_ptr().add(m * k + at)) };
        for (n, sums) in sums.iter_mut().enumerate() {
            // SAFETY: as above.
            let weight = unsafe { _mm512_loadu_ps(weight.as_ptr().add(n * k + at)) };
            for (m, sum) in sums.iter_mut().enumerate() {
                *sum = _mm512_fmadd_ps(x(m), weight, *sum);
            }
        }
    }
    if whole < k {
        let mask = (1u16 << (k - whole)) - 1;
        for (n, sums) in sums.iter_mut().enumerate() {
            for (m, sum) in sums.iter_mut().enumerate() {
                // SAFETY: the mask excludes what is beyond the row.
                let (x, weight) = unsafe {
                    (
                        _mm512_maskz_loadu_ps(mask, x.as_ptr().add(m * k + whole)),
                        _mm512_maskz_loadu_ps(mask, weight.as_ptr().add(n * k + whole)),
                    )
                };
                *sum = _mm512_fmadd_ps(x, weight, *sum);
            }
        }
    }
    for (n, sums) in sums.into_iter().enumerate() {
        for (m, sum) in sums.into_iter().enumerate() {
            let mut lanes = [0.0f32; LANES];
            // SAFETY: sixteen numbers.
            unsafe { _mm512_storeu_ps(lanes.as_mut_ptr(), sum) };
            out[n * stride + m] = sum_lanes(lanes);
        }
    }
}
