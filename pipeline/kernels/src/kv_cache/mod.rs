//! KV cache and decoder attention on the CPU (reference: `Qwen2Attention`).
//!
//! Keys and values of all sequences are in one allocation per layer. Each sequence has a slot of
//! fixed size; the system provides the memory when positions are first written.

mod half;

use ::half::{f16, slice::HalfFloatSliceExt, vec::HalfBitsVecExt};
use rayon::prelude::*;

use super::{
    gemm::{GemmSize, gemm, gemm_transposed},
    math::{LANES, dot, exp_sum, max_of, softmax_numerators},
};

/// Queries of a prompt whose scores are held at once.
const QUERY_CHUNK: usize = 64;

/// Sizes of the decoder's attention and of its KV cache.
#[derive(Clone, Copy, Debug)]
pub struct KvCacheShape {
    /// Decoder layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads; each serves `heads / kv_heads` query heads.
    pub kv_heads: usize,
    /// Values per head.
    pub dim: usize,
    /// Sequences that the cache holds.
    pub slots: usize,
    /// Positions of a sequence.
    pub context: usize,
}

/// Number format of cached keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KvPrecision {
    /// 32-bit floats.
    F32,
    /// 16-bit floats.
    F16,
}

/// Sequences and positions of a forward pass's rows.
#[derive(Clone, Copy, Debug)]
pub enum ForwardPass<'a> {
    /// One row per sequence: (slot, position).
    Decode(&'a [(usize, usize)]),
    /// Consecutive rows of one sequence's prompt.
    Prefill {
        /// The sequence's slot.
        slot: usize,
        /// Position of the first row.
        first: usize,
    },
}

/// The keys and values of all sequences.
pub struct KvCache {
    shape: KvCacheShape,
    /// One entry per layer.
    layers: Vec<LayerKv>,
    /// Cosine and sine of the rotary embeddings: (context, dim / 2).
    cos: Vec<f32>,
    sin: Vec<f32>,
}

/// One layer's keys and values: (slots, kv_heads, context, dim) each.
struct LayerKv {
    keys: KvBuffer,
    values: KvBuffer,
}

enum KvBuffer {
    F32(Vec<f32>),
    F16(Vec<f16>),
}

impl KvCacheShape {
    /// Elements of a layer's keys, and of its values.
    fn layer_len(&self) -> usize {
        let sequence = self.kv_heads * self.context * self.dim;
        self.slots.saturating_mul(sequence)
    }

    /// Bytes of the whole cache.
    pub fn bytes(&self, precision: KvPrecision) -> u64 {
        let size = match precision {
            KvPrecision::F32 => 4,
            KvPrecision::F16 => 2,
        };
        self.element_count() * size
    }

    /// Elements of the whole cache.
    pub fn element_count(&self) -> u64 {
        2 * self.layers as u64 * self.layer_len() as u64
    }

    /// Width of a row of queries, keys and values.
    fn qkv_width(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.dim
    }

    /// Index at which a slot's head begins.
    fn head_offset(&self, slot: usize, head: usize) -> usize {
        (slot * self.kv_heads + head) * self.context * self.dim
    }
}

impl KvCache {
    /// An empty cache; `theta` is the base of the rotary embeddings (Su et al. 2021).
    pub fn new(shape: KvCacheShape, precision: KvPrecision, theta: f64) -> Self {
        let (cos, sin) = rotary(shape.context, shape.dim, theta);
        let buffer = || match precision {
            KvPrecision::F32 => KvBuffer::F32(vec![0.0; shape.layer_len()]),
            // Zeroed memory that the system maps on first use.
            KvPrecision::F16 => KvBuffer::F16(vec![0u16; shape.layer_len()].reinterpret_into()),
        };
        let layers = (0..shape.layers).map(|_| LayerKv {
            keys: buffer(),
            values: buffer(),
        });
        Self {
            shape,
            layers: layers.collect(),
            cos,
            sin,
        }
    }

    /// Appends rows of queries, keys and values (rows, (heads + 2 * kv_heads) * dim) to the cache
    /// and attends from each row to the keys up to its own position: (rows, heads * dim).
    pub fn attend(&mut self, layer: usize, qkv: &[f32], pass: ForwardPass<'_>) -> Vec<f32> {
        let queries = self.append(layer, qkv, pass);
        let kv = &self.layers[layer];
        match pass {
            ForwardPass::Decode(places) => decode(&self.shape, kv, &queries, places),
            ForwardPass::Prefill { slot, first } => prefill(&self.shape, kv, &queries, slot, first),
        }
    }

    /// Applies rotary embeddings, appends keys and values, and returns the queries.
    fn append(&mut self, layer: usize, qkv: &[f32], pass: ForwardPass<'_>) -> Vec<f32> {
        let shape = self.shape;
        let (dim, half) = (shape.dim, shape.dim / 2);
        let LayerKv { keys, values } = &mut self.layers[layer];
        let mut queries = vec![0.0; qkv.len() / shape.qkv_width() * shape.heads * dim];
        let mut rotated = vec![0.0; dim];
        let out = queries.chunks_exact_mut(shape.heads * dim);
        for (index, (row, out)) in qkv.chunks_exact(shape.qkv_width()).zip(out).enumerate() {
            let (slot, position) = match pass {
                ForwardPass::Decode(places) => places[index],
                ForwardPass::Prefill { slot, first } => (slot, first + index),
            };
            assert!(
                slot < shape.slots && position < shape.context,
                "a place in the cache"
            );
            let angles = position * half..(position + 1) * half;
            let (cos, sin) = (&self.cos[angles.clone()], &self.sin[angles]);
            let (query, kv) = row.split_at(shape.heads * dim);
            for (head, out) in query.chunks_exact(dim).zip(out.chunks_exact_mut(dim)) {
                rotate(head, cos, sin, out);
            }
            let (key, value) = kv.split_at(shape.kv_heads * dim);
            let pairs = key.chunks_exact(dim).zip(value.chunks_exact(dim));
            for (head, (key, value)) in pairs.enumerate() {
                let at = shape.head_offset(slot, head) + position * dim;
                rotate(key, cos, sin, &mut rotated);
                keys.write(at, &rotated);
                values.write(at, value);
            }
        }
        queries
    }
}

impl KvBuffer {
    fn write(&mut self, at: usize, numbers: &[f32]) {
        match self {
            Self::F32(kept) => kept[at..at + numbers.len()].copy_from_slice(numbers),
            Self::F16(kept) => kept[at..at + numbers.len()].convert_from_f32_slice(numbers),
        }
    }

    /// Scores of a query with the keys in `at..at + count`.
    fn score(&self, at: usize, count: usize, query: &[f32], scores: &mut [f32]) {
        let scale = 1.0 / (query.len() as f32).sqrt();
        match self {
            Self::F32(kept) => score(query, &kept[at..at + count], scores, scale),
            Self::F16(kept) => half::score(query, &kept[at..at + count], scores, scale),
        }
    }

    /// Adds the values in `at..at + count`, each times its attention weight.
    fn add(&self, at: usize, count: usize, shares: &[f32], out: &mut [f32]) {
        match self {
            Self::F32(kept) => add_values(shares, &kept[at..at + count], out),
            Self::F16(kept) => half::add_values(shares, &kept[at..at + count], out),
        }
    }

    /// The elements in `at..at + count` in 32 bits; `buffer` serves if they must be converted.
    fn read<'a>(&'a self, at: usize, count: usize, buffer: &'a mut [f32]) -> &'a [f32] {
        match self {
            Self::F32(kept) => &kept[at..at + count],
            Self::F16(kept) => {
                kept[at..at + count].convert_to_f32_slice(&mut buffer[..count]);
                &buffer[..count]
            }
        }
    }
}

/// Cosine and sine of `position / theta^(2i / dim)`: (positions, dim / 2) each.
pub fn rotary(positions: usize, dim: usize, theta: f64) -> (Vec<f32>, Vec<f32>) {
    let half = dim / 2;
    let angles = (0..positions * half).map(|index| {
        // In 32 bits, as the reference computes it.
        let power = (2 * (index % half)) as f32 / dim as f32;
        let frequency = 1.0 / (theta as f32).powf(power);
        (index / half) as f32 * frequency
    });
    angles.map(|angle| (angle.cos(), angle.sin())).unzip()
}

/// Rotates the pairs (i, i + dim / 2) by their angles.
fn rotate(head: &[f32], cos: &[f32], sin: &[f32], out: &mut [f32]) {
    let (first, second) = head.split_at(cos.len());
    let (out_first, out_second) = out.split_at_mut(cos.len());
    for index in 0..cos.len() {
        let (a, b, c, s) = (first[index], second[index], cos[index], sin[index]);
        out_first[index] = a * c - b * s;
        out_second[index] = b * c + a * s;
    }
}

/// Attention of a decode step, one row per sequence: (sequences, heads * dim).
fn decode(
    shape: &KvCacheShape,
    kv: &LayerKv,
    queries: &[f32],
    places: &[(usize, usize)],
) -> Vec<f32> {
    let (dim, group) = (shape.dim, shape.heads / shape.kv_heads);
    let mut out = vec![0.0; queries.len()];
    out.par_chunks_mut(group * dim)
        .zip(queries.par_chunks(group * dim))
        .enumerate()
        .for_each_init(Vec::new, |scores, (task, (out, queries))| {
            let (slot, position) = places[task / shape.kv_heads];
            let start = shape.head_offset(slot, task % shape.kv_heads);
            let kept = (position + 1) * dim;
            for (query, out) in queries.chunks_exact(dim).zip(out.chunks_exact_mut(dim)) {
                scores.resize(position + 1, 0.0);
                kv.keys.score(start, kept, query, scores);
                softmax(scores);
                kv.values.add(start, kept, scores, out);
            }
        });
    out
}

simd_dispatch! {
    fn score(query: &[f32], keys: &[f32], scores: &mut [f32], scale: f32) {
        for (key, score) in keys.chunks_exact(query.len()).zip(scores) {
            *score = dot(query, key) * scale;
        }
    }
}

simd_dispatch! {
    fn softmax(scores: &mut [f32]) {
        let top = max_of(scores);
        let share = 1.0 / exp_sum(scores, top);
        for score in scores {
            *score *= share;
        }
    }
}

simd_dispatch! {
    fn add_values(scores: &[f32], values: &[f32], out: &mut [f32]) {
        // One vector of the output at a time, so that it stays in registers over all positions.
        let dim = out.len();
        let (parts, rest) = out.as_chunks_mut::<LANES>();
        for (index, part) in parts.iter_mut().enumerate() {
            let mut sum = *part;
            for (score, value) in scores.iter().zip(values.chunks_exact(dim)) {
                let (value, _) = value[index * LANES..].as_chunks::<LANES>();
                for lane in 0..LANES {
                    sum[lane] = score.mul_add(value[0][lane], sum[lane]);
                }
            }
            *part = sum;
        }
        let from = dim - rest.len();
        for (score, value) in scores.iter().zip(values.chunks_exact(dim)) {
            for (out, v) in rest.iter_mut().zip(&value[from..]) {
                *out = score.mul_add(*v, *out);
            }
        }
    }
}

/// Attention of consecutive rows of one sequence, from position `first` on: (rows, heads * dim).
fn prefill(
    shape: &KvCacheShape,
    kv: &LayerKv,
    queries: &[f32],
    slot: usize,
    first: usize,
) -> Vec<f32> {
    let (dim, heads) = (shape.dim, shape.heads);
    let rows = queries.len() / (heads * dim);
    let scale = 1.0 / (dim as f32).sqrt();
    // A head's rows are adjacent: (heads, rows, dim).
    let mut by_head = vec![0.0; queries.len()];
    by_head
        .par_chunks_mut(rows * dim)
        .enumerate()
        .for_each(|(head, out)| {
            let start = shape.head_offset(slot, head * shape.kv_heads / heads);
            let kept = (first + rows) * dim;
            let (mut key_buffer, mut value_buffer) = (vec![0.0; kept], vec![0.0; kept]);
            let keys = kv.keys.read(start, kept, &mut key_buffer);
            let values = kv.values.read(start, kept, &mut value_buffer);
            let (mut query, mut scores) = (vec![0.0; QUERY_CHUNK * dim], Vec::new());
            for (chunk, out) in out.chunks_mut(QUERY_CHUNK * dim).enumerate() {
                let count = out.len() / dim;
                for (row, query) in query[..count * dim].chunks_exact_mut(dim).enumerate() {
                    let from = ((chunk * QUERY_CHUNK + row) * heads + head) * dim;
                    query.copy_from_slice(&queries[from..from + dim]);
                }
                let seen = first + chunk * QUERY_CHUNK + count;
                scores.resize(count * seen, 0.0);
                let size = GemmSize {
                    m: count,
                    n: seen,
                    k: dim,
                };
                gemm_transposed(&mut scores, &query, keys, size, scale);
                for (row, scores) in scores.chunks_exact_mut(seen).enumerate() {
                    let (past, future) = scores.split_at_mut(seen - count + row + 1);
                    let share = 1.0 / softmax_numerators(past);
                    past.iter_mut().for_each(|score| *score *= share);
                    future.fill(0.0);
                }
                let size = GemmSize {
                    m: count,
                    n: dim,
                    k: seen,
                };
                gemm(out, &scores, values, size);
            }
        });
    let mut out = vec![0.0; queries.len()];
    for (index, out) in out.chunks_exact_mut(dim).enumerate() {
        let from = (index % heads * rows + index / heads) * dim;
        out.copy_from_slice(&by_head[from..from + dim]);
    }
    out
}

#[cfg(test)]
mod tests;
