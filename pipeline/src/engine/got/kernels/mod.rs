//! Arithmetic on plain slices for the CPU, where candle's own operations are too slow or hold too much:
//! attention that never keeps a whole score matrix, products with few rows, products with quantised
//! weights, fused element-wise steps. No tensors here: shapes are parameters, and wrong ones panic.
//!
//! Each result is the same however many rows are computed with it: the order of additions does not depend on
//! the batch.

// One function compiled for several instruction sets.
#[macro_use]
mod fastest;
// Exponential, GELU, SiLU, softmax.
pub(super) mod math;
// Products of matrices on one thread.
mod product;
// Attention of the encoder: windows, and positions relative to the query.
pub(super) mod window;
// Products of few rows with weights in 32 bits.
pub(super) mod skinny;
// Products with weights in 8 or 4 bits.
pub(super) mod quantised;
// Keys and values of all sequences, and the decoder's attention over them.
pub(super) mod cache;
