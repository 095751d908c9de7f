//! Products of matrices on one thread, for tasks that already share the cores.

use gemm::Parallelism;

/// `out (m, n) = scale * a (m, k) * b (n, k) transposed`.
pub(super) fn product_transposed(
    out: &mut [f32],
    a: &[f32],
    b: &[f32],
    sizes: (usize, usize, usize),
    scale: f32,
) {
    multiply(out, a, b, sizes, (1, sizes.2), scale);
}

/// `out (m, n) = a (m, k) * b (k, n)`.
pub(super) fn product(out: &mut [f32], a: &[f32], b: &[f32], sizes: (usize, usize, usize)) {
    multiply(out, a, b, sizes, (sizes.1, 1), 1.0);
}

/// `out (m, n) = scale * a (m, k) * b`, `b` with strides from row to row and from column to column.
#[expect(unsafe_code, reason = "gemm takes pointers")]
fn multiply(
    out: &mut [f32],
    a: &[f32],
    b: &[f32],
    (m, n, k): (usize, usize, usize),
    (b_row, b_column): (usize, usize),
    scale: f32,
) {
    assert!(out.len() >= m * n && a.len() >= m * k && b.len() >= n * k);
    // SAFETY: the slices hold all that these sizes and strides reach, checked above.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.as_ptr(),
            1,
            k as isize,
            b.as_ptr(),
            b_column as isize,
            b_row as isize,
            0.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
