//! Matrix products on one thread, for tasks that already share the cores.

use ::gemm::Parallelism;

/// Sizes of a product: an output of `m` rows and `n` columns, each a sum over `k`.
#[derive(Clone, Copy, Debug)]
pub(super) struct GemmSize {
    pub(super) m: usize,
    pub(super) n: usize,
    pub(super) k: usize,
}

/// Elements from one row, and from one column, to the next.
#[derive(Clone, Copy, Debug)]
struct MatrixStrides {
    row: usize,
    column: usize,
}

/// `out (m, n) = scale * a (m, k) * b (n, k) transposed`.
pub(super) fn gemm_transposed(out: &mut [f32], a: &[f32], b: &[f32], size: GemmSize, scale: f32) {
    let strides = MatrixStrides {
        row: 1,
        column: size.k,
    };
    gemm_strided(out, a, b, size, strides, scale);
}

/// `out (m, n) = a (m, k) * b (k, n)`.
pub(super) fn gemm(out: &mut [f32], a: &[f32], b: &[f32], size: GemmSize) {
    let strides = MatrixStrides {
        row: size.n,
        column: 1,
    };
    gemm_strided(out, a, b, size, strides, 1.0);
}

/// `out (m, n) = scale * a (m, k) * b`, `b` with strides from row to row and from column to column.
#[expect(unsafe_code, reason = "gemm takes pointers")]
fn gemm_strided(
    out: &mut [f32],
    a: &[f32],
    b: &[f32],
    size: GemmSize,
    b_strides: MatrixStrides,
    scale: f32,
) {
    let GemmSize { m, n, k } = size;
    assert!(out.len() >= m * n && a.len() >= m * k && b.len() >= n * k);
    // SAFETY: the slices hold all that the sizes and strides reach, as checked above.
    unsafe {
        ::gemm::gemm(
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
            b_strides.column as isize,
            b_strides.row as isize,
            0.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
