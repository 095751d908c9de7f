//! KV cache and decoder attention with tensors, for devices other than the CPU.
//!
//! Keys and values are written in place, without a copy of the cache and without a transfer from
//! device to host. A decode step computes all slots, also those without a sequence, so that the
//! cache is read in place. Inputs that are the same for all layers go to the device once.

use std::ops::Range;

use candle_core::{DType, Device, Result, Tensor, bail};
use candle_nn::{ops::softmax_last_dim, rotary_emb::rope};
use recto_kernels::kv_cache::{ForwardPass, KvCacheShape, rotary};

#[cfg(feature = "flash-attn")]
use super::flash_attention;

/// Positions are attended to in multiples of this, a size that GPUs multiply fast.
const POSITION_MULTIPLE: usize = 64;

/// Keys and values of all sequences.
pub(super) struct TensorKvCache {
    shape: KvCacheShape,
    /// Keys and values of each layer: (slots, kv_heads, capacity, dim).
    layers: Vec<(Tensor, Tensor)>,
    /// Positions of a slot in `layers`: the context, rounded up to a multiple of
    /// [`POSITION_MULTIPLE`] with at least one to spare. The last one takes what a decode step
    /// writes for slots without a sequence.
    capacity: usize,
    /// Cosine and sine of the rotary embeddings: (context, dim / 2).
    cos: Tensor,
    sin: Tensor,
    /// The score of a masked key: negative infinity.
    masked_score: Tensor,
    dtype: DType,
    device: Device,
    /// Inputs that are the same for all layers of the current forward pass.
    decode: Option<DecodeState>,
    prefill: Option<PrefillState>,
}

struct DecodeState {
    /// The row that each slot computes: (slots). A slot without a sequence computes the first row,
    /// whose result is dropped.
    row_of: Tensor,
    /// The slot of each row: (rows).
    slot_of: Tensor,
    /// Rotary angles of the slots: (slots, 1, dim / 2).
    cos: Tensor,
    sin: Tensor,
    /// The position that each slot writes to, repeated for each element: (slots, kv_heads, 1, dim).
    write_at: Tensor,
    mask: CausalMask,
    #[cfg(feature = "flash-attn")]
    offsets: flash_attention::CumulativeLengths,
}

struct PrefillState {
    /// Rotary angles of the rows: (rows, dim / 2).
    cos: Tensor,
    sin: Tensor,
    mask: CausalMask,
}

/// Positions that are attended to.
struct CausalMask {
    /// The number of positions that are read, from the first on.
    count: usize,
    /// Which of these each query does not see: (slots, 1, 1, count), or (1, 1, queries, count).
    masked: Tensor,
}

impl CausalMask {
    /// A mask for queries that see positions up to `last` each; `size` is the shape of the queries.
    fn new(last: Vec<u32>, size: (usize, usize, usize, usize), device: &Device) -> Result<Self> {
        let most = last.iter().max().copied().unwrap_or(0) as usize;
        let count = (most + 1).next_multiple_of(POSITION_MULTIPLE);
        let at = Tensor::arange(0, count as u32, device)?.reshape((1, 1, 1, count))?;
        let masked = at.broadcast_gt(&Tensor::from_vec(last, size, device)?)?;
        Ok(Self { count, masked })
    }
}

impl TensorKvCache {
    /// An empty KV cache in `dtype` on `device`; `theta` is the base of the rotary embeddings.
    ///
    /// # Errors
    /// The device is out of memory.
    pub(super) fn new(
        shape: KvCacheShape,
        dtype: DType,
        device: &Device,
        theta: f64,
    ) -> Result<Self> {
        let (cos, sin) = rotary(shape.context, shape.dim, theta);
        let angles = |numbers: Vec<f32>| {
            Tensor::from_vec(numbers, (shape.context, shape.dim / 2), device)?.to_dtype(dtype)
        };
        let capacity = (shape.context + 1).next_multiple_of(POSITION_MULTIPLE);
        let size = (shape.slots, shape.kv_heads, capacity, shape.dim);
        let zeros = || Tensor::zeros(size, dtype, device);
        let layers = (0..shape.layers).map(|_| Ok((zeros()?, zeros()?)));
        Ok(Self {
            shape,
            layers: layers.collect::<Result<_>>()?,
            capacity,
            cos: angles(cos)?,
            sin: angles(sin)?,
            masked_score: Tensor::new(f32::NEG_INFINITY, device)?,
            dtype,
            device: device.clone(),
            decode: None,
            prefill: None,
        })
    }

    /// Appends rows of queries, keys and values to the KV cache and attends from each row to the
    /// keys up to its own position: (rows, heads * dim). Layers must come in order, from 0 on.
    pub(super) fn attend(
        &mut self,
        layer: usize,
        qkv: &Tensor,
        rows: ForwardPass<'_>,
    ) -> Result<Tensor> {
        match rows {
            ForwardPass::Decode(places) => self.decode(layer, qkv, places),
            ForwardPass::Prefill { slot, first } => self.prefill(layer, qkv, slot, first),
        }
    }

    fn decode(&mut self, layer: usize, qkv: &Tensor, places: &[(usize, usize)]) -> Result<Tensor> {
        if layer == 0 {
            self.decode = Some(self.decode_state(places)?);
        }
        let Some(decode) = &self.decode else {
            bail!("a step that did not begin with its first layer")
        };
        let KvCacheShape {
            heads,
            kv_heads,
            dim,
            slots,
            ..
        } = self.shape;
        let [query, key, value] = self.split_qkv(&qkv.index_select(&decode.row_of, 0)?)?;
        let query = rope(&query, &decode.cos, &decode.sin)?;
        let key = rope(&key, &decode.cos, &decode.sin)?;
        let (keys, values) = &self.layers[layer];
        keys.scatter_set(&decode.write_at, &key, 2)?;
        values.scatter_set(&decode.write_at, &value, 2)?;
        let query = query.reshape((slots, kv_heads, heads / kv_heads, dim))?;
        let out = self.decode_attention(&query, layer, decode)?;
        out.reshape((slots, heads * dim))?
            .index_select(&decode.slot_of, 0)
    }

    /// Attention of all slots' queries: (slots, kv_heads, group, dim) to the same shape.
    fn decode_attention(
        &self,
        query: &Tensor,
        layer: usize,
        decode: &DecodeState,
    ) -> Result<Tensor> {
        #[cfg(feature = "flash-attn")]
        if flash_attention::is_supported(query) {
            let (keys, values) = &self.layers[layer];
            return flash_attention::decode(query, keys, values, &decode.offsets);
        }
        self.softmax_attention(query, layer, 0..self.shape.slots, &decode.mask)
    }

    /// Inputs that are the same for all layers of a decode step over (slot, position) pairs.
    fn decode_state(&self, places: &[(usize, usize)]) -> Result<DecodeState> {
        let KvCacheShape {
            kv_heads,
            dim,
            slots,
            context,
            ..
        } = self.shape;
        let mut row_of = vec![0u32; slots];
        let mut last = vec![0u32; slots];
        let mut write_at = vec![self.capacity as u32 - 1; slots];
        for (row, (slot, position)) in places.iter().enumerate() {
            if *slot >= slots || *position >= context {
                bail!("position {position} of slot {slot} is not in the cache");
            }
            row_of[*slot] = row as u32;
            last[*slot] = *position as u32;
            write_at[*slot] = *position as u32;
        }
        let slot_of: Vec<u32> = places.iter().map(|(slot, _)| *slot as u32).collect();
        let at = Tensor::from_slice(&last, slots, &self.device)?;
        let angles = |table: &Tensor| table.index_select(&at, 0)?.unsqueeze(1);
        let write_at = Tensor::from_vec(write_at, (slots, 1, 1, 1), &self.device)?;
        Ok(DecodeState {
            row_of: Tensor::from_vec(row_of, slots, &self.device)?,
            slot_of: Tensor::from_vec(slot_of, places.len(), &self.device)?,
            cos: angles(&self.cos)?,
            sin: angles(&self.sin)?,
            write_at: write_at
                .broadcast_as((slots, kv_heads, 1, dim))?
                .contiguous()?,
            #[cfg(feature = "flash-attn")]
            offsets: flash_attention::CumulativeLengths::new(
                &last,
                kv_heads,
                self.capacity,
                &self.device,
            )?,
            mask: CausalMask::new(last, (slots, 1, 1, 1), &self.device)?,
        })
    }

    fn prefill(&mut self, layer: usize, qkv: &Tensor, slot: usize, first: usize) -> Result<Tensor> {
        let KvCacheShape {
            heads,
            kv_heads,
            dim,
            slots,
            context,
            ..
        } = self.shape;
        let rows = qkv.dim(0)?;
        if slot >= slots || first + rows > context {
            bail!("{rows} rows from position {first} on do not fit a context of {context}");
        }
        if layer == 0 {
            self.prefill = Some(self.prefill_state(first, rows)?);
        }
        let Some(prefill) = &self.prefill else {
            bail!("a run that did not begin with its first layer")
        };
        // (1, heads, rows, dim)
        let [query, key, value] = self
            .split_qkv(qkv)?
            .map(|part| part.squeeze(2)?.transpose(0, 1)?.contiguous()?.unsqueeze(0));
        let query = rope(&query?, &prefill.cos, &prefill.sin)?;
        let key = rope(&key?, &prefill.cos, &prefill.sin)?;
        let (keys, values) = &self.layers[layer];
        let (keys, values) = (keys.narrow(0, slot, 1)?, values.narrow(0, slot, 1)?);
        if first == 0 {
            // Masked positions have a weight of 0, but 0 times NaN is NaN, so stale values must go.
            values.zero_set()?;
        }
        keys.slice_set(&key, 2, first)?;
        values.slice_set(&value?, 2, first)?;
        #[cfg(feature = "flash-attn")]
        if flash_attention::is_supported(&query) {
            let out = flash_attention::prefill(&query, &keys, &values, first + rows)?;
            return out.reshape((rows, heads * dim));
        }
        let query = query.reshape((1, kv_heads, heads / kv_heads * rows, dim))?;
        let out = self.softmax_attention(&query, layer, slot..slot + 1, &prefill.mask)?;
        out.reshape((heads, rows, dim))?
            .transpose(0, 1)?
            .contiguous()?
            .reshape((rows, heads * dim))
    }

    /// Inputs that are the same for all layers of a prefill.
    fn prefill_state(&self, first: usize, rows: usize) -> Result<PrefillState> {
        let queries = self.shape.heads / self.shape.kv_heads * rows;
        let last = (0..queries).map(|query| (first + query % rows) as u32);
        Ok(PrefillState {
            cos: self.cos.narrow(0, first, rows)?,
            sin: self.sin.narrow(0, first, rows)?,
            mask: CausalMask::new(last.collect(), (1, 1, queries, 1), &self.device)?,
        })
    }

    /// Splits rows into queries, keys and values: (rows, heads, 1, dim) each.
    fn split_qkv(&self, qkv: &Tensor) -> Result<[Tensor; 3]> {
        let KvCacheShape {
            heads,
            kv_heads,
            dim,
            ..
        } = self.shape;
        let rows = qkv.dim(0)?;
        let part = |first: usize, count: usize| {
            let part = qkv.narrow(1, first * dim, count * dim)?.contiguous()?;
            part.reshape((rows, count, 1, dim))
        };
        Ok([
            part(0, heads)?,
            part(heads, kv_heads)?,
            part(heads + kv_heads, kv_heads)?,
        ])
    }

    /// Softmax of scores over the positions that some slots see, times their values: (slots,
    /// kv_heads, queries, dim).
    fn softmax_attention(
        &self,
        query: &Tensor,
        layer: usize,
        slots: Range<usize>,
        mask: &CausalMask,
    ) -> Result<Tensor> {
        let (keys, values) = &self.layers[layer];
        let capacity = |tensor: &Tensor| {
            tensor
                .narrow(0, slots.start, slots.len())?
                .narrow(2, 0, mask.count)
        };
        let scale = 1.0 / (self.shape.dim as f64).sqrt();
        let scores = (query * scale)?
            .matmul(&capacity(keys)?.transpose(2, 3)?)?
            .to_dtype(DType::F32)?;
        let masked_score = self.masked_score.broadcast_as(scores.shape())?;
        let masked = mask.masked.broadcast_as(scores.shape())?;
        let weights = softmax_last_dim(&masked.where_cond(&masked_score, &scores)?)?;
        weights.to_dtype(self.dtype)?.matmul(&capacity(values)?)
    }
}

#[cfg(test)]
mod tests {
    use recto_kernels::kv_cache::{KvCache, KvPrecision};

    use super::*;
    use crate::engine::got::tensor_slice::with_slice;

    #[test]
    fn tensors_find_what_kernels_find() {
        let shape = KvCacheShape {
            layers: 1,
            heads: 4,
            kv_heads: 2,
            dim: 8,
            slots: 3,
            context: 40,
        };
        let mut device = TensorKvCache::new(shape, DType::F32, &Device::Cpu, 1e4).unwrap();
        let mut host = KvCache::new(shape, KvPrecision::F32, 1e4);
        let mut same = |rows: usize, places: ForwardPass<'_>| {
            let qkv = Tensor::randn(0f32, 1f32, (rows, 64), &Device::Cpu).unwrap();
            let got = device
                .attend(0, &qkv, places)
                .unwrap()
                .flatten_all()
                .unwrap();
            let expected = with_slice(&qkv, |qkv| host.attend(0, qkv, places)).unwrap();
            let got = got.to_vec1::<f32>().unwrap();
            let off = got.iter().zip(&expected).map(|(a, b)| (a - b).abs());
            assert!(off.fold(0.0, f32::max) < 1e-5);
        };
        same(9, ForwardPass::Prefill { slot: 2, first: 0 });
        same(5, ForwardPass::Prefill { slot: 0, first: 0 });
        same(4, ForwardPass::Prefill { slot: 2, first: 9 });
        same(2, ForwardPass::Decode(&[(2, 13), (0, 5)]));
        same(1, ForwardPass::Decode(&[(0, 6)]));
        same(3, ForwardPass::Decode(&[(1, 0), (0, 7), (2, 14)]));
    }
}
