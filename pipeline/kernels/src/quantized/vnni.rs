//! AVX-512 VNNI version of the quantized product, with the same order of additions.

#![expect(unsafe_code, reason = "intrinsics over pointers into checked slices")]

use std::arch::x86_64::{
    __m512, __m512i, _mm256_loadu_si256, _mm512_and_si512, _mm512_cvtepi32_ps, _mm512_cvtph_ps,
    _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_si512, _mm512_mul_ps, _mm512_set1_epi8,
    _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps, _mm512_srli_epi16, _mm512_storeu_ps,
};

use super::{ActivationRows, GROUP, PANEL, QUAD, ROWS, WeightBits, WeightPanel};

/// Fills `out` (rows, PANEL), at most [`ROWS`] rows; returns false if the processor has no VNNI.
pub(super) fn block(panel: &WeightPanel<'_>, x: &ActivationRows<'_>, out: &mut [f32]) -> bool {
    let able = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni");
    if !able {
        return false;
    }
    let (rows, groups) = (out.len() / PANEL, panel.scales.len() / PANEL);
    assert!(rows <= ROWS && x.values.len() >= rows * groups * GROUP);
    assert!(x.scales.len() >= rows * groups && x.sums.len() >= rows * groups);
    assert!(panel.weights.len() == groups * panel.bits.group_bytes());
    // SAFETY: the processor has the instructions, and the slices' lengths were just checked.
    unsafe {
        match (panel.bits, rows) {
            (WeightBits::Eight, 1) => rows_of::<1, false>(panel, x, out),
            (WeightBits::Eight, 2) => rows_of::<2, false>(panel, x, out),
            (WeightBits::Eight, 3) => rows_of::<3, false>(panel, x, out),
            (WeightBits::Eight, 4) => rows_of::<4, false>(panel, x, out),
            (WeightBits::Eight, 5) => rows_of::<5, false>(panel, x, out),
            (WeightBits::Eight, 6) => rows_of::<6, false>(panel, x, out),
            (WeightBits::Eight, 7) => rows_of::<7, false>(panel, x, out),
            (WeightBits::Eight, _) => rows_of::<8, false>(panel, x, out),
            (WeightBits::Four, 1) => rows_of::<1, true>(panel, x, out),
            (WeightBits::Four, 2) => rows_of::<2, true>(panel, x, out),
            (WeightBits::Four, 3) => rows_of::<3, true>(panel, x, out),
            (WeightBits::Four, 4) => rows_of::<4, true>(panel, x, out),
            (WeightBits::Four, 5) => rows_of::<5, true>(panel, x, out),
            (WeightBits::Four, 6) => rows_of::<6, true>(panel, x, out),
            (WeightBits::Four, 7) => rows_of::<7, true>(panel, x, out),
            (WeightBits::Four, _) => rows_of::<8, true>(panel, x, out),
        }
    }
    true
}

/// `M` rows times one panel, of `FOUR` or eight bits.
///
/// # Safety
/// The slices hold `M` rows and a whole panel.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn rows_of<const M: usize, const FOUR: bool>(
    panel: &WeightPanel<'_>,
    x: &ActivationRows<'_>,
    out: &mut [f32],
) {
    let groups = panel.scales.len() / PANEL;
    let bytes = panel.bits.group_bytes();
    let offset = panel.bits.offset();
    let mut sums: [__m512; M] = [_mm512_setzero_ps(); M];
    for group in 0..groups {
        let mut integers: [__m512i; M] = [_mm512_set1_epi32(0); M];
        for (row, integers) in integers.iter_mut().enumerate() {
            // SAFETY: `M` rows of sums.
            let sum = unsafe { *x.sums.get_unchecked(row * groups + group) };
            *integers = _mm512_set1_epi32(-offset * sum);
        }
        // SAFETY: inside the panel's weights.
        let weights = unsafe { panel.weights.as_ptr().add(group * bytes) };
        for quad in 0..GROUP / QUAD {
            // SAFETY: inside the group's weights.
            let weights = unsafe { load::<FOUR>(weights, quad) };
            for (row, integers) in integers.iter_mut().enumerate() {
                let at = (row * groups + group) * GROUP + quad * QUAD;
                // SAFETY: four values of a row; the read needs no alignment.
                let four = unsafe { x.values.as_ptr().add(at).cast::<i32>().read_unaligned() };
                *integers = _mm512_dpbusd_epi32(*integers, weights, _mm512_set1_epi32(four));
            }
        }
        // SAFETY: sixteen scales of a group.
        let scales = unsafe {
            let halves = panel.scales.as_ptr().add(group * PANEL);
            _mm512_cvtph_ps(_mm256_loadu_si256(halves.cast()))
        };
        for (row, (sum, integers)) in sums.iter_mut().zip(integers).enumerate() {
            // SAFETY: `M` rows of scales.
            let scale = unsafe { *x.scales.get_unchecked(row * groups + group) };
            let scales = _mm512_mul_ps(scales, _mm512_set1_ps(scale));
            *sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(integers), scales, *sum);
        }
    }
    for (out, sum) in out.chunks_exact_mut(PANEL).zip(sums) {
        // SAFETY: sixteen numbers.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), sum) };
    }
}

/// Four inputs of sixteen outputs.
///
/// # Safety
/// `weights` points to a whole group.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn load<const FOUR: bool>(weights: *const u8, quad: usize) -> __m512i {
    let step = PANEL * QUAD;
    if !FOUR {
        // SAFETY: inside the group.
        return unsafe { _mm512_loadu_si512(weights.add(quad * step).cast()) };
    }
    // SAFETY: inside the group.
    let both = unsafe { _mm512_loadu_si512(weights.add(quad / 2 * step).cast()) };
    let low = _mm512_set1_epi8(0x0f);
    if quad.is_multiple_of(2) {
        _mm512_and_si512(both, low)
    } else {
        _mm512_and_si512(_mm512_srli_epi16::<4>(both), low)
    }
}
