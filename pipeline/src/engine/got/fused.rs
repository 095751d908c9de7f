//! Fused attention on a GPU (FlashAttention 2, Dao 2023), where it was built in: scores are never written down.
//!
//! So far this has been type-checked, but not run: see README.md, "On a GPU".

use candle_core::{DType, Device, Result, Tensor};
use candle_flash_attn::{flash_attn, flash_attn_varlen};

/// Widest heads that are given to it. The kernels are for multiples of 8.
const WIDEST: usize = 256;

/// Whether it computes attention for queries (.., dim) like these.
pub(super) fn can(query: &Tensor) -> bool {
    let dim = query.dims().last().copied().unwrap_or(0);
    let is_half = matches!(query.dtype(), DType::BF16 | DType::F16);
    query.device().is_cuda() && is_half && dim.is_multiple_of(8) && dim <= WIDEST
}

/// The encoder's: queries, already scaled, and keys (batch, places, wide), values (batch, places, dim) to
/// (batch, places, dim). Values are widened, since the kernels know one width alone.
pub(super) fn all(query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Tensor> {
    let (wide, dim) = (query.dim(2)?, value.dim(2)?);
    let value = value.pad_with_zeros(2, 0, wide - dim)?;
    let one_head = |tensor: &Tensor| tensor.unsqueeze(2);
    let out = flash_attn(
        &one_head(query)?,
        &one_head(key)?,
        &one_head(&value)?,
        1.0,
        false,
    )?;
    out.squeeze(2)?.narrow(2, 0, dim)?.contiguous()
}

/// A run's: queries (1, heads, rows, dim), of which the last sees the first `seen` positions of a slot's keys and
/// values (1, kv_heads, kept, dim), to (1, rows, heads, dim).
pub(super) fn run(query: &Tensor, keys: &Tensor, values: &Tensor, seen: usize) -> Result<Tensor> {
    let kept = |tensor: &Tensor| tensor.narrow(2, 0, seen)?.transpose(1, 2);
    flash_attn(
        &query.transpose(1, 2)?,
        &kept(keys)?,
        &kept(values)?,
        scale(query)?,
        true,
    )
}

/// A step's: queries (slots, kv_heads, group, dim) over keys and values (slots, kv_heads, kept, dim), the same as
/// the queries. Each head of each slot is a sequence of its own, so that the cache is read where it stands.
pub(super) fn step(
    query: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    lengths: &CumulativeLengths,
) -> Result<Tensor> {
    let (slots, kv_heads, group, dim) = query.dims4()?;
    let flat = |tensor: &Tensor| tensor.reshape(((), 1, dim));
    flash_attn_varlen(
        &query.reshape((slots * kv_heads, group, dim))?,
        &flat(keys)?,
        &flat(values)?,
        &lengths.queries,
        &lengths.keys,
        1,
        lengths.most,
        scale(query)?,
        false,
    )?
    .reshape((slots, kv_heads, group, dim))
}

fn scale(query: &Tensor) -> Result<f32> {
    Ok(1.0 / (query.dim(3)? as f32).sqrt())
}

/// Where the sequences of a step begin and end, each followed by one without queries: the positions of the cache
/// that it does not use yet.
pub(super) struct CumulativeLengths {
    queries: Tensor,
    keys: Tensor,
    most: usize,
}

impl CumulativeLengths {
    /// `last` is the last position that each slot sees, `kept` how many positions a slot has in the cache.
    ///
    /// # Errors
    /// The device has no room.
    pub(super) fn new(last: &[u32], kv_heads: usize, kept: usize, device: &Device) -> Result<Self> {
        let (mut queries, mut keys) = (vec![0u32], vec![0u32]);
        let heads = last
            .iter()
            .flat_map(|last| (0..kv_heads).map(move |_| last));
        for (index, last) in (0u32..).zip(heads) {
            let begin = index * kept as u32;
            queries.extend([index + 1, index + 1]);
            keys.extend([begin + last + 1, begin + kept as u32]);
        }
        let most = last.iter().max().map_or(0, |last| *last as usize + 1);
        let ends = queries.len();
        Ok(Self {
            queries: Tensor::from_vec(queries, ends, device)?,
            keys: Tensor::from_vec(keys, ends, device)?,
            most,
        })
    }
}
