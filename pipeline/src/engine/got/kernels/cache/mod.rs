//! Keys and values of all sequences in one allocation a layer, and the decoder's attention over them
//! (reference: `Qwen2Attention`). Each sequence has a slot of fixed size; memory is taken by the system as
//! positions are first written.

// The same over numbers of 16 bits.
mod half;

use ::half::{f16, slice::HalfFloatSliceExt, vec::HalfBitsVecExt};
use rayon::prelude::*;

use super::{
    math::{LANES, dot, exp_sum, exponentials, largest},
    product::{product, product_transposed},
};

/// Queries of a prompt whose scores are held at once.
const QUERIES: usize = 64;

/// Sizes of the decoder's attention.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct KvCacheShape {
    /// Layers.
    pub(in super::super) layers: usize,
    /// Query heads.
    pub(in super::super) heads: usize,
    /// Key and value heads; each serves `heads / kv_heads` query heads.
    pub(in super::super) kv_heads: usize,
    /// Numbers a head.
    pub(in super::super) dim: usize,
    /// Sequences.
    pub(in super::super) slots: usize,
    /// Positions of a sequence.
    pub(in super::super) context: usize,
}

/// How keys and values are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum KvPrecision {
    /// In 32 bits.
    Single,
    /// In 16 bits.
    Half,
}

/// Where rows belong.
#[derive(Clone, Copy, Debug)]
pub(in super::super) enum ForwardPass<'a> {
    /// One row a sequence: slot and position.
    Step(&'a [(usize, usize)]),
    /// Rows one after another of one sequence.
    Run {
        /// Its slot.
        slot: usize,
        /// Position of the first row.
        first: usize,
    },
}

/// Keys and values of all sequences.
pub(in super::super) struct KvCache {
    shape: KvCacheShape,
    /// Keys and values of each layer: (slots, kv_heads, context, dim).
    layers: Vec<(KvBuffer, KvBuffer)>,
    /// Cosine and sine of each position's angles: (context, dim / 2).
    cos: Vec<f32>,
    sin: Vec<f32>,
}

enum KvBuffer {
    Single(Vec<f32>),
    Half(Vec<f16>),
}

impl KvCacheShape {
    /// Numbers a layer keeps, keys and values each.
    fn kept(&self) -> usize {
        let sequence = self.kv_heads * self.context * self.dim;
        self.slots.saturating_mul(sequence)
    }

    /// Bytes of a whole cache.
    pub(in super::super) fn bytes(&self, precision: KvPrecision) -> u64 {
        let size = match precision {
            KvPrecision::Single => 4,
            KvPrecision::Half => 2,
        };
        self.numbers() * size
    }

    /// Numbers of a whole cache.
    pub(in super::super) fn numbers(&self) -> u64 {
        2 * self.layers as u64 * self.kept() as u64
    }

    /// Width of a row of queries, keys and values.
    fn row(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.dim
    }

    /// Where a slot's head starts.
    fn start(&self, slot: usize, head: usize) -> usize {
        (slot * self.kv_heads + head) * self.context * self.dim
    }
}

impl KvCache {
    /// An empty cache; `theta` is the base of the rotary angles (Su et al. 2021).
    pub(in super::super) fn new(shape: KvCacheShape, precision: KvPrecision, theta: f64) -> Self {
        let (cos, sin) = rotary(shape.context, shape.dim, theta);
        let store = || match precision {
            KvPrecision::Single => KvBuffer::Single(vec![0.0; shape.kept()]),
            // Zeros that the system gives without writing them.
            KvPrecision::Half => KvBuffer::Half(vec![0u16; shape.kept()].reinterpret_into()),
        };
        let layers = (0..shape.layers).map(|_| (store(), store())).collect();
        Self {
            shape,
            layers,
            cos,
            sin,
        }
    }

    /// Takes in rows (queries, keys, values) and gives what each row's queries find among the keys up to its own:
    /// (rows, heads * dim).
    pub(in super::super) fn attend(
        &mut self,
        layer: usize,
        qkv: &[f32],
        rows: ForwardPass<'_>,
    ) -> Vec<f32> {
        let queries = self.append(layer, qkv, rows);
        let (keys, values) = &self.layers[layer];
        match rows {
            ForwardPass::Step(places) => step(&self.shape, (keys, values), &queries, places),
            ForwardPass::Run { slot, first } => {
                run(&self.shape, (keys, values), &queries, (slot, first))
            }
        }
    }

    /// Turns queries and keys by their positions and keeps keys and values; gives the queries.
    fn append(&mut self, layer: usize, qkv: &[f32], rows: ForwardPass<'_>) -> Vec<f32> {
        let shape = self.shape;
        let (dim, half) = (shape.dim, shape.dim / 2);
        let (keys, values) = &mut self.layers[layer];
        let mut queries = vec![0.0; qkv.len() / shape.row() * shape.heads * dim];
        let mut turned = vec![0.0; dim];
        let out = queries.chunks_exact_mut(shape.heads * dim);
        for (index, (row, out)) in qkv.chunks_exact(shape.row()).zip(out).enumerate() {
            let (slot, position) = match rows {
                ForwardPass::Step(places) => places[index],
                ForwardPass::Run { slot, first } => (slot, first + index),
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
                let at = shape.start(slot, head) + position * dim;
                rotate(key, cos, sin, &mut turned);
                keys.write(at, &turned);
                values.write(at, value);
            }
        }
        queries
    }
}

impl KvBuffer {
    fn write(&mut self, at: usize, numbers: &[f32]) {
        match self {
            Self::Single(kept) => kept[at..at + numbers.len()].copy_from_slice(numbers),
            Self::Half(kept) => kept[at..at + numbers.len()].convert_from_f32_slice(numbers),
        }
    }

    /// Scores of the keys from `at` on.
    fn score(&self, at: usize, count: usize, query: &[f32], scores: &mut [f32]) {
        let scale = 1.0 / (query.len() as f32).sqrt();
        match self {
            Self::Single(kept) => score(query, &kept[at..at + count], scores, scale),
            Self::Half(kept) => half::score(query, &kept[at..at + count], scores, scale),
        }
    }

    /// Adds the values from `at` on, each times its share.
    fn add(&self, at: usize, count: usize, shares: &[f32], out: &mut [f32]) {
        match self {
            Self::Single(kept) => add_values(shares, &kept[at..at + count], out),
            Self::Half(kept) => half::add_values(shares, &kept[at..at + count], out),
        }
    }

    /// The numbers from `at` on, converted into `room` where they are not kept as they are read.
    fn read<'a>(&'a self, at: usize, count: usize, room: &'a mut [f32]) -> &'a [f32] {
        match self {
            Self::Single(kept) => &kept[at..at + count],
            Self::Half(kept) => {
                kept[at..at + count].convert_to_f32_slice(&mut room[..count]);
                &room[..count]
            }
        }
    }
}

/// Cosine and sine of `position / theta^(2i / dim)`: (positions, dim / 2) each.
pub(in super::super) fn rotary(positions: usize, dim: usize, theta: f64) -> (Vec<f32>, Vec<f32>) {
    let half = dim / 2;
    let angles = (0..positions * half).map(|index| {
        // In 32 bits, as the reference computes them.
        let power = (2 * (index % half)) as f32 / dim as f32;
        let frequency = 1.0 / (theta as f32).powf(power);
        (index / half) as f32 * frequency
    });
    angles.map(|angle| (angle.cos(), angle.sin())).unzip()
}

/// Turns the pairs (i, i + dim / 2).
fn rotate(head: &[f32], cos: &[f32], sin: &[f32], out: &mut [f32]) {
    let (first, second) = head.split_at(cos.len());
    let (out_first, out_second) = out.split_at_mut(cos.len());
    for index in 0..cos.len() {
        let (a, b, c, s) = (first[index], second[index], cos[index], sin[index]);
        out_first[index] = a * c - b * s;
        out_second[index] = b * c + a * s;
    }
}

/// One row a sequence.
fn step(
    shape: &KvCacheShape,
    (keys, values): (&KvBuffer, &KvBuffer),
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
            let start = shape.start(slot, task % shape.kv_heads);
            let kept = (position + 1) * dim;
            for (query, out) in queries.chunks_exact(dim).zip(out.chunks_exact_mut(dim)) {
                scores.resize(position + 1, 0.0);
                keys.score(start, kept, query, scores);
                softmax(scores);
                values.add(start, kept, scores, out);
            }
        });
    out
}

fastest! {
    fn score(query: &[f32], keys: &[f32], scores: &mut [f32], scale: f32) {
        for (key, score) in keys.chunks_exact(query.len()).zip(scores) {
            *score = dot(query, key) * scale;
        }
    }
}

fastest! {
    fn softmax(scores: &mut [f32]) {
        let top = largest(scores);
        let share = 1.0 / exp_sum(scores, top);
        for score in scores {
            *score *= share;
        }
    }
}

fastest! {
    fn add_values(scores: &[f32], values: &[f32], out: &mut [f32]) {
        // A part of the answer at a time, so that it stays in registers over all positions.
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

/// Rows one after another of one sequence, from position `first` on.
fn run(
    shape: &KvCacheShape,
    (keys, values): (&KvBuffer, &KvBuffer),
    queries: &[f32],
    (slot, first): (usize, usize),
) -> Vec<f32> {
    let (dim, heads) = (shape.dim, shape.heads);
    let rows = queries.len() / (heads * dim);
    let scale = 1.0 / (dim as f32).sqrt();
    // A head's rows stand together: (heads, rows, dim).
    let mut turned = vec![0.0; queries.len()];
    turned
        .par_chunks_mut(rows * dim)
        .enumerate()
        .for_each(|(head, out)| {
            let start = shape.start(slot, head * shape.kv_heads / heads);
            let kept = (first + rows) * dim;
            let (mut key_room, mut value_room) = (vec![0.0; kept], vec![0.0; kept]);
            let keys = keys.read(start, kept, &mut key_room);
            let values = values.read(start, kept, &mut value_room);
            let (mut query, mut scores) = (vec![0.0; QUERIES * dim], Vec::new());
            for (chunk, out) in out.chunks_mut(QUERIES * dim).enumerate() {
                let count = out.len() / dim;
                for (row, query) in query[..count * dim].chunks_exact_mut(dim).enumerate() {
                    let from = ((chunk * QUERIES + row) * heads + head) * dim;
                    query.copy_from_slice(&queries[from..from + dim]);
                }
                let seen = first + chunk * QUERIES + count;
                scores.resize(count * seen, 0.0);
                product_transposed(&mut scores, &query, keys, (count, seen, dim), scale);
                for (row, scores) in scores.chunks_exact_mut(seen).enumerate() {
                    let (past, future) = scores.split_at_mut(seen - count + row + 1);
                    let share = 1.0 / exponentials(past);
                    past.iter_mut().for_each(|score| *score *= share);
                    future.fill(0.0);
                }
                product(out, &scores, values, (count, dim, seen));
            }
        });
    let mut out = vec![0.0; queries.len()];
    for (index, out) in out.chunks_exact_mut(dim).enumerate() {
        let from = (index % heads * rows + index / heads) * dim;
        out.copy_from_slice(&turned[from..from + dim]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: KvCacheShape = KvCacheShape {
        layers: 1,
        heads: 4,
        kv_heads: 2,
        dim: 8,
        slots: 3,
        context: 200,
    };

    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count)
            .map(|i| ((i + 7 * seed) * 37 % 101) as f32 / 50.0 - 1.0)
            .collect()
    }

    fn close(a: &[f32], b: &[f32], bound: f32) {
        assert_eq!(a.len(), b.len());
        let most = a
            .iter()
            .zip(b)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(most < bound, "{most}");
    }

    #[test]
    fn a_run_is_the_same_as_step_after_step() {
        let rows = 150;
        let qkv = numbers(rows * SHAPE.row(), 1);
        let mut whole = KvCache::new(SHAPE, KvPrecision::Single, 1e4);
        // In two runs, as long prompts come.
        let (one, two) = qkv.split_at(70 * SHAPE.row());
        let mut expected = whole.attend(0, one, ForwardPass::Run { slot: 1, first: 0 });
        expected.extend(whole.attend(0, two, ForwardPass::Run { slot: 1, first: 70 }));
        let mut single = KvCache::new(SHAPE, KvPrecision::Single, 1e4);
        let steps = qkv.chunks_exact(SHAPE.row()).enumerate();
        let steps: Vec<f32> = steps
            .flat_map(|(position, row)| single.attend(0, row, ForwardPass::Step(&[(2, position)])))
            .collect();
        close(&steps, &expected, 1e-5);
        let mut half = KvCache::new(SHAPE, KvPrecision::Half, 1e4);
        close(
            &half.attend(0, &qkv, ForwardPass::Run { slot: 0, first: 0 }),
            &expected,
            2e-2,
        );
    }

    #[test]
    fn sequences_do_not_see_one_another() {
        let row = numbers(SHAPE.row(), 3);
        let other = numbers(SHAPE.row(), 4);
        let mut alone = KvCache::new(SHAPE, KvPrecision::Half, 1e4);
        let mut mixed = KvCache::new(SHAPE, KvPrecision::Half, 1e4);
        for position in 0..40 {
            let expected = alone.attend(0, &row, ForwardPass::Step(&[(0, position)]));
            let both = [&other[..], &row[..]].concat();
            let got = mixed.attend(
                0,
                &both,
                ForwardPass::Step(&[(2, position + 5), (1, position)]),
            );
            assert_eq!(got[SHAPE.heads * SHAPE.dim..], expected);
        }
    }

    #[test]
    fn attention_is_as_defined() {
        let mut cache = KvCache::new(SHAPE, KvPrecision::Single, 1e4);
        let rows = 5;
        let qkv = numbers(rows * SHAPE.row(), 9);
        let got = cache.attend(0, &qkv, ForwardPass::Run { slot: 0, first: 0 });
        let turn = |vector: &[f32], position: usize| -> Vec<f64> {
            let half = SHAPE.dim / 2;
            let at = |i: usize| f64::from(vector[i]);
            (0..SHAPE.dim)
                .map(|i| {
                    let angle = position as f64 / 1e4f64.powf((i % half) as f64 / half as f64);
                    let other = if i < half {
                        -at(i + half)
                    } else {
                        at(i - half)
                    };
                    at(i) * angle.cos() + other * angle.sin()
                })
                .collect()
        };
        let (heads, kv_heads, dim) = (SHAPE.heads, SHAPE.kv_heads, SHAPE.dim);
        for row in 0..rows {
            for head in 0..heads {
                let query = turn(&qkv[row * SHAPE.row() + head * dim..][..dim], row);
                let kv = head * kv_heads / heads;
                let (mut sum, mut value) = (0.0, vec![0.0; dim]);
                for past in 0..=row {
                    let from = &qkv[past * SHAPE.row() + heads * dim..];
                    let key = turn(&from[kv * dim..][..dim], past);
                    let score: f64 = query.iter().zip(&key).map(|(a, b)| a * b).sum();
                    let weight = (score / (dim as f64).sqrt()).exp();
                    sum += weight;
                    for (value, v) in value.iter_mut().zip(&from[(kv_heads + kv) * dim..]) {
                        *value += weight * f64::from(*v);
                    }
                }
                let expected: Vec<f32> = value.iter().map(|v| (v / sum) as f32).collect();
                close(&got[(row * heads + head) * dim..][..dim], &expected, 1e-5);
            }
        }
    }
}
