//! CPU kernels on plain slices, where candle's own operations are too slow or take too much memory:
//! attention that never stores a whole score matrix, products with few rows, products with
//! quantized weights, fused element-wise operations. Shapes are parameters, and wrong ones panic.
//!
//! Each row's result is the same however many rows are computed with it, because the order of
//! additions does not depend on the batch size. A sequence's text therefore does not depend on its
//! neighbors in the batch.

#[macro_use]
mod simd_dispatch;
pub mod math;
mod gemm;
pub mod window_attention;
pub mod skinny_gemm;
pub mod quantized;
pub mod kv_cache;
