//! Fused attention on a GPU (FlashAttention 2, Dao 2023), which never stores the scores.

use candle_core::{DType, Device, Result, Tensor};
use candle_flash_attn::{flash_attn, flash_attn_varlen};

/// Largest head dimension of the kernels, which are compiled for multiples of 8.
const MAX_HEAD_DIM: usize = 256;

/// Returns true if the kernels support queries (.., dim) of this dtype, device and head dimension.
pub(super) fn is_supported(query: &Tensor) -> bool {
    let dim = query.dims().last().copied().unwrap_or(0);
    let is_half = matches!(query.dtype(), DType::BF16 | DType::F16);
    query.device().is_cuda() && is_half && dim.is_multiple_of(8) && dim <= MAX_HEAD_DIM
}

/// Attention of the encoder: scaled queries and keys (batch, places, wide), values (batch, places,
/// dim) to (batch, places, dim). Values are padded, because the kernels take one head dimension for
/// all.
pub(super) fn encoder(query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Tensor> {
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

/// Attention of a prefill: queries (1, heads, rows, dim), the last of which sees the first
/// `visible` positions of a slot's keys and values (1, kv_heads, capacity, dim), to (1, rows,
/// heads, dim).
pub(super) fn prefill(
    query: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    visible: usize,
) -> Result<Tensor> {
    let capacity = |tensor: &Tensor| tensor.narrow(2, 0, visible)?.transpose(1, 2);
    flash_attn(
        &query.transpose(1, 2)?,
        &capacity(keys)?,
        &capacity(values)?,
        scale(query)?,
        true,
    )
}

/// Attention of a decode step: queries (slots, kv_heads, group, dim) over keys and values (slots,
/// kv_heads, capacity, dim), to the shape of the queries. Each head of each slot is a sequence of
/// its own, so that the KV cache is read in place.
pub(super) fn decode(
    query: &Tensor,
    keys: &Tensor,
    values: &Tensor,
    offsets: &CumulativeLengths,
) -> Result<Tensor> {
    let (slots, kv_heads, group, dim) = query.dims4()?;
    let flat = |tensor: &Tensor| tensor.reshape(((), 1, dim));
    flash_attn_varlen(
        &query.reshape((slots * kv_heads, group, dim))?,
        &flat(keys)?,
        &flat(values)?,
        &offsets.queries,
        &offsets.keys,
        1,
        offsets.most,
        scale(query)?,
        false,
    )?
    .reshape((slots, kv_heads, group, dim))
}

fn scale(query: &Tensor) -> Result<f32> {
    Ok(1.0 / (query.dim(3)? as f32).sqrt())
}

/// Cumulative sequence lengths of a decode step (`cu_seqlens` of FlashAttention). Each sequence is
/// followed by one without queries, which covers the unused positions of the KV cache.
pub(super) struct CumulativeLengths {
    queries: Tensor,
    keys: Tensor,
    most: usize,
}

impl CumulativeLengths {
    /// Offsets for slots that see positions up to `last` each, in a KV cache of `capacity`
    /// positions a slot.
    ///
    /// # Errors
    /// The device is out of memory.
    pub(super) fn new(
        last: &[u32],
        kv_heads: usize,
        capacity: usize,
        device: &Device,
    ) -> Result<Self> {
        let (mut queries, mut keys) = (vec![0u32], vec![0u32]);
        let heads = last
            .iter()
            .flat_map(|last| (0..kv_heads).map(move |_| last));
        for (index, last) in (0u32..).zip(heads) {
            let begin = index * capacity as u32;
            queries.extend([index + 1, index + 1]);
            keys.extend([begin + last + 1, begin + capacity as u32]);
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
