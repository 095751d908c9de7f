//! Keys and values as tensors, for devices other than the CPU: written in place, no copy of what is kept, no
//! word from the device to the host.
//!
//! A step computes all slots, those without a row too, so that the cache is read where it stands. What is the
//! same for all layers goes to the device once.

use candle_core::{DType, Device, Result, Tensor, bail};
use candle_nn::{ops::softmax_last_dim, rotary_emb::rope};

#[cfg(feature = "flash-attn")]
use super::fused;
use super::kernels::cache::{ForwardPass, KvCacheShape, rotary};

/// Positions are looked at in multiples of this, so that products are of sizes that GPUs are fast at.
const POSITIONS: usize = 64;

/// Keys and values of all sequences.
pub(super) struct TensorKvCache {
    shape: KvCacheShape,
    /// Of each layer: (slots, kv_heads, kept, dim).
    layers: Vec<(Tensor, Tensor)>,
    /// Positions of a slot in `layers`: those of the context, what is missing to a multiple of [`POSITIONS`], and
    /// at least one more. The last takes what a step computes for slots without a row.
    kept: usize,
    /// Cosine and sine: (context, dim / 2).
    cos: Tensor,
    sin: Tensor,
    /// The score of what is not seen.
    never: Tensor,
    dtype: DType,
    device: Device,
    /// What is the same for all layers of the step or run under way.
    step: Option<DecodeState>,
    run: Option<PrefillState>,
}

struct DecodeState {
    /// The row that each slot computes: (slots). A slot without one computes the first, for nobody.
    row_of: Tensor,
    /// The slot of each row: (rows).
    slot_of: Tensor,
    /// Angles of the slots: (slots, 1, dim / 2).
    cos: Tensor,
    sin: Tensor,
    /// The position that each slot writes to, once for each number: (slots, kv_heads, 1, dim).
    to: Tensor,
    seen: CausalMask,
    #[cfg(feature = "flash-attn")]
    lengths: fused::CumulativeLengths,
}

struct PrefillState {
    /// Angles of the rows: (rows, dim / 2).
    cos: Tensor,
    sin: Tensor,
    seen: CausalMask,
}

/// Which positions are looked at.
struct CausalMask {
    /// The first of them, so many.
    count: usize,
    /// Which of these a query does not see: (slots, 1, 1, count), or (1, 1, queries, count).
    hidden: Tensor,
}

impl CausalMask {
    /// `last` is the last position that each query sees, in the shape of the queries.
    fn new(last: Vec<u32>, size: (usize, usize, usize, usize), device: &Device) -> Result<Self> {
        let most = last.iter().max().copied().unwrap_or(0) as usize;
        let count = (most + 1).next_multiple_of(POSITIONS);
        let at = Tensor::arange(0, count as u32, device)?.reshape((1, 1, 1, count))?;
        let hidden = at.broadcast_gt(&Tensor::from_vec(last, size, device)?)?;
        Ok(Self { count, hidden })
    }
}

impl TensorKvCache {
    /// An empty cache in `dtype` on a device; `theta` is the base of the rotary angles.
    ///
    /// # Errors
    /// The device has no room.
    pub(super) fn new(
        shape: KvCacheShape,
        (dtype, device): (DType, &Device),
        theta: f64,
    ) -> Result<Self> {
        let (cos, sin) = rotary(shape.context, shape.dim, theta);
        let angles = |numbers: Vec<f32>| {
            Tensor::from_vec(numbers, (shape.context, shape.dim / 2), device)?.to_dtype(dtype)
        };
        let kept = (shape.context + 1).next_multiple_of(POSITIONS);
        let size = (shape.slots, shape.kv_heads, kept, shape.dim);
        let zeros = || Tensor::zeros(size, dtype, device);
        let layers = (0..shape.layers).map(|_| Ok((zeros()?, zeros()?)));
        Ok(Self {
            shape,
            layers: layers.collect::<Result<_>>()?,
            kept,
            cos: angles(cos)?,
            sin: angles(sin)?,
            never: Tensor::new(f32::NEG_INFINITY, device)?,
            dtype,
            device: device.clone(),
            step: None,
            run: None,
        })
    }

    /// Takes in rows (queries, keys, values) and gives what each row's queries find among the keys up to its own:
    /// (rows, heads * dim). Layers come in their order, from 0 on.
    pub(super) fn attend(
        &mut self,
        layer: usize,
        qkv: &Tensor,
        rows: ForwardPass<'_>,
    ) -> Result<Tensor> {
        match rows {
            ForwardPass::Step(places) => self.step(layer, qkv, places),
            ForwardPass::Run { slot, first } => self.run(layer, qkv, slot, first),
        }
    }

    fn step(&mut self, layer: usize, qkv: &Tensor, places: &[(usize, usize)]) -> Result<Tensor> {
        if layer == 0 {
            self.step = Some(self.planned(places)?);
        }
        let Some(step) = &self.step else {
            bail!("a step that did not begin with its first layer")
        };
        let KvCacheShape {
            heads,
            kv_heads,
            dim,
            slots,
            ..
        } = self.shape;
        let [query, key, value] = self.parts(&qkv.index_select(&step.row_of, 0)?)?;
        let query = rope(&query, &step.cos, &step.sin)?;
        let key = rope(&key, &step.cos, &step.sin)?;
        let (keys, values) = &self.layers[layer];
        keys.scatter_set(&step.to, &key, 2)?;
        values.scatter_set(&step.to, &value, 2)?;
        let query = query.reshape((slots, kv_heads, heads / kv_heads, dim))?;
        let out = self.found(&query, layer, step)?;
        out.reshape((slots, heads * dim))?
            .index_select(&step.slot_of, 0)
    }

    /// Attention of all slots' queries (slots, kv_heads, group, dim), the same again.
    fn found(&self, query: &Tensor, layer: usize, step: &DecodeState) -> Result<Tensor> {
        #[cfg(feature = "flash-attn")]
        if fused::can(query) {
            let (keys, values) = &self.layers[layer];
            return fused::step(query, keys, values, &step.lengths);
        }
        self.soften(query, layer, (0, self.shape.slots), &step.seen)
    }

    /// What is the same for all layers of a step.
    fn planned(&self, places: &[(usize, usize)]) -> Result<DecodeState> {
        let KvCacheShape {
            kv_heads,
            dim,
            slots,
            context,
            ..
        } = self.shape;
        let mut row_of = vec![0u32; slots];
        let mut last = vec![0u32; slots];
        let mut to = vec![self.kept as u32 - 1; slots];
        for (row, (slot, position)) in places.iter().enumerate() {
            if *slot >= slots || *position >= context {
                bail!("position {position} of slot {slot} is not in the cache");
            }
            row_of[*slot] = row as u32;
            last[*slot] = *position as u32;
            to[*slot] = *position as u32;
        }
        let slot_of: Vec<u32> = places.iter().map(|(slot, _)| *slot as u32).collect();
        let at = Tensor::from_slice(&last, slots, &self.device)?;
        let angles = |table: &Tensor| table.index_select(&at, 0)?.unsqueeze(1);
        let to = Tensor::from_vec(to, (slots, 1, 1, 1), &self.device)?;
        Ok(DecodeState {
            row_of: Tensor::from_vec(row_of, slots, &self.device)?,
            slot_of: Tensor::from_vec(slot_of, places.len(), &self.device)?,
            cos: angles(&self.cos)?,
            sin: angles(&self.sin)?,
            to: to.broadcast_as((slots, kv_heads, 1, dim))?.contiguous()?,
            #[cfg(feature = "flash-attn")]
            lengths: fused::CumulativeLengths::new(&last, kv_heads, self.kept, &self.device)?,
            seen: CausalMask::new(last, (slots, 1, 1, 1), &self.device)?,
        })
    }

    fn run(&mut self, layer: usize, qkv: &Tensor, slot: usize, first: usize) -> Result<Tensor> {
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
            self.run = Some(self.planned_run(first, rows)?);
        }
        let Some(run) = &self.run else {
            bail!("a run that did not begin with its first layer")
        };
        // (1, heads, rows, dim)
        let [query, key, value] = self
            .parts(qkv)?
            .map(|part| part.squeeze(2)?.transpose(0, 1)?.contiguous()?.unsqueeze(0));
        let query = rope(&query?, &run.cos, &run.sin)?;
        let key = rope(&key?, &run.cos, &run.sin)?;
        let (keys, values) = &self.layers[layer];
        let (keys, values) = (keys.narrow(0, slot, 1)?, values.narrow(0, slot, 1)?);
        if first == 0 {
            // Positions that are not seen count with a weight of 0, but 0 times what is no number is none either.
            values.zero_set()?;
        }
        keys.slice_set(&key, 2, first)?;
        values.slice_set(&value?, 2, first)?;
        #[cfg(feature = "flash-attn")]
        if fused::can(&query) {
            let out = fused::run(&query, &keys, &values, first + rows)?;
            return out.reshape((rows, heads * dim));
        }
        let query = query.reshape((1, kv_heads, heads / kv_heads * rows, dim))?;
        let out = self.soften(&query, layer, (slot, 1), &run.seen)?;
        out.reshape((heads, rows, dim))?
            .transpose(0, 1)?
            .contiguous()?
            .reshape((rows, heads * dim))
    }

    /// What is the same for all layers of a run.
    fn planned_run(&self, first: usize, rows: usize) -> Result<PrefillState> {
        let queries = self.shape.heads / self.shape.kv_heads * rows;
        let last = (0..queries).map(|query| (first + query % rows) as u32);
        Ok(PrefillState {
            cos: self.cos.narrow(0, first, rows)?,
            sin: self.sin.narrow(0, first, rows)?,
            seen: CausalMask::new(last.collect(), (1, 1, queries, 1), &self.device)?,
        })
    }

    /// Queries, keys and values of rows: (rows, heads, 1, dim) each.
    fn parts(&self, qkv: &Tensor) -> Result<[Tensor; 3]> {
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

    /// Softmax of scores over what some slots see, times their values: (slots, kv_heads, queries, dim).
    fn soften(
        &self,
        query: &Tensor,
        layer: usize,
        (slot, count): (usize, usize),
        seen: &CausalMask,
    ) -> Result<Tensor> {
        let (keys, values) = &self.layers[layer];
        let kept = |tensor: &Tensor| tensor.narrow(0, slot, count)?.narrow(2, 0, seen.count);
        let scale = 1.0 / (self.shape.dim as f64).sqrt();
        let scores = (query * scale)?
            .matmul(&kept(keys)?.transpose(2, 3)?)?
            .to_dtype(DType::F32)?;
        let never = self.never.broadcast_as(scores.shape())?;
        let hidden = seen.hidden.broadcast_as(scores.shape())?;
        let weights = softmax_last_dim(&hidden.where_cond(&never, &scores)?)?;
        weights.to_dtype(self.dtype)?.matmul(&kept(values)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::got::{
        host::with_slice,
        kernels::cache::{KvCache, KvPrecision},
    };

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
        let mut device = TensorKvCache::new(shape, (DType::F32, &Device::Cpu), 1e4).unwrap();
        let mut host = KvCache::new(shape, KvPrecision::Single, 1e4);
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
        same(9, ForwardPass::Run { slot: 2, first: 0 });
        same(5, ForwardPass::Run { slot: 0, first: 0 });
        same(4, ForwardPass::Run { slot: 2, first: 9 });
        same(2, ForwardPass::Step(&[(2, 13), (0, 5)]));
        same(1, ForwardPass::Step(&[(0, 6)]));
        same(3, ForwardPass::Step(&[(1, 0), (0, 7), (2, 14)]));
    }
}
