//! Products of few rows with a large F32 matrix ("skinny GEMM"), as decode steps make them.
//!
//! Each weight is read once for all rows. A general GEMM of one row runs on one thread and at half
//! the memory's bandwidth.

#[cfg(target_arch = "x86_64")]
mod avx512;

use rayon::prelude::*;

use super::math::dot;

/// Maximum rows; a general GEMM is faster for more.
pub const MAX_ROWS: usize = 16;

/// Outputs computed together, so that additions do not wait for one another.
const OUTPUTS: usize = 4;
/// Weights worth a task of their own.
const TASK: usize = 1 << 17;

/// `x (m, k) * weight (n, k) transposed`, (m, n).
pub fn gemm(x: &[f32], weight: &[f32], k: usize) -> Vec<f32> {
    let (m, n) = (x.len() / k, weight.len() / k);
    // Outputs first, so that each task has its own output: (n, m).
    let mut transposed = vec![0.0f32; n * m];
    let block = (TASK / k).next_multiple_of(OUTPUTS).max(OUTPUTS);
    transposed
        .par_chunks_mut(block * m)
        .zip(weight.par_chunks(block * k))
        .for_each(|(out, weight)| {
            #[cfg(target_arch = "x86_64")]
            if avx512::block_gemm(x, weight, k, m, out) {
                return;
            }
            block_gemm(x, weight, k, m, out);
        });
    if m == 1 {
        return transposed;
    }
    let mut out = vec![0.0f32; m * n];
    for (column, row) in transposed.chunks_exact(m).enumerate() {
        for (index, value) in row.iter().enumerate() {
            out[index * n + column] = *value;
        }
    }
    out
}

simd_dispatch! {
    /// Each sum has [`LANES`] partial sums in a fixed order, whatever is computed beside it.
    fn block_gemm(x: &[f32], weight: &[f32], k: usize, m: usize, out: &mut [f32]) {
        for (weight, out) in weight.chunks_exact(k).zip(out.chunks_exact_mut(m)) {
            for (x, out) in x.chunks_exact(k).zip(out) {
                *out = dot(x, weight);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(count: usize, step: usize) -> Vec<f32> {
        (0..count)
            .map(|i| (i * step % 97) as f32 / 97.0 - 0.5)
            .collect()
    }

    #[test]
    fn every_processor_gives_the_same() {
        let (k, n, m) = (1000, 9, 6);
        let (x, weight) = (numbers(m * k, 31), numbers(n * k, 53));
        let mut portable = vec![0.0; n * m];
        block_gemm(&x, &weight, k, m, &mut portable);
        assert_eq!(portable, {
            let mut transposed = vec![0.0; n * m];
            for (index, value) in gemm(&x, &weight, k).into_iter().enumerate() {
                transposed[index % n * m + index / n] = value;
            }
            transposed
        });
    }

    #[test]
    fn products_are_right_and_rows_do_not_depend_on_their_neighbors() {
        for (k, n) in [(64, 10), (37, 4), (1024, 130)] {
            let (x, weight) = (numbers(7 * k, 31), numbers(n * k, 53));
            let all = gemm(&x, &weight, k);
            for m in 0..7 {
                let row = &x[m * k..][..k];
                assert_eq!(gemm(row, &weight, k), all[m * n..][..n]);
                for output in 0..n {
                    let pairs = row.iter().zip(&weight[output * k..]);
                    let exact: f64 = pairs.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    assert!((f64::from(all[m * n + output]) - exact).abs() < 1e-4);
                }
            }
        }
    }
}
