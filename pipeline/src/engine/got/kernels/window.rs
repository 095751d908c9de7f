//! Attention of the encoder (ViTDet, Li et al. 2022; reference: `GotOcr2VisionAttention`): within windows
//! or over the whole view, with positions relative to the query, added tile by tile, so that never
//! more than [`CHUNK`] rows of scores exist a thread.

use rayon::prelude::*;

use super::{
    math::exponentials,
    product::{product, product_transposed},
};

/// Queries whose scores are held at once: 128 rows of 4,096 scores are 2 MiB, a core's cache.
const CHUNK: usize = 128;

/// A view's places and heads.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Shape {
    /// Rows and columns of places.
    pub(in super::super) side: usize,
    /// Side of a window, at most `side`; `side` itself: one window over all.
    pub(in super::super) window: usize,
    /// Heads.
    pub(in super::super) heads: usize,
    /// Numbers a head.
    pub(in super::super) dim: usize,
}

/// What attention is computed from.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Inputs<'a> {
    /// Queries, keys and values: (views, side, side, 3 * heads * dim).
    pub(in super::super) qkv: &'a [f32],
    /// What they are at places that windows have beyond the view: 3 * heads * dim.
    pub(in super::super) beyond: &'a [f32],
    /// Relative positions down and across, (2 * window - 1, dim) each, where the model has them.
    pub(in super::super) relative: Option<(&'a [f32], &'a [f32])>,
}

impl Shape {
    /// Windows side by side, the last one perhaps reaching beyond the view.
    fn windows(&self) -> usize {
        self.side.div_ceil(self.window)
    }

    /// Places of a window.
    fn places(&self) -> usize {
        self.window * self.window
    }

    fn width(&self) -> usize {
        self.heads * self.dim
    }

    /// Place in the view of place `index` of the window at (`row`, `column`); none beyond the view.
    fn place(&self, row: usize, column: usize, index: usize) -> Option<usize> {
        let y = row * self.window + index / self.window;
        let x = column * self.window + index % self.window;
        (y < self.side && x < self.side).then(|| y * self.side + x)
    }
}

/// Attention of each view; gives (views, side, side, heads * dim).
pub(in super::super) fn attend(inputs: &Inputs<'_>, shape: &Shape) -> Vec<f32> {
    let places = shape.side * shape.side;
    let views = inputs.qkv.len() / (places * 3 * shape.width());
    let (across, heads) = (shape.windows(), shape.heads);
    let task = shape.places() * shape.dim;
    // One task a window and head, each with a stretch of its own: (views, windows, heads, places, dim).
    let mut parts = vec![0.0f32; views * across * across * heads * task];
    parts.par_chunks_mut(task).enumerate().for_each_init(
        || Scratch::new(shape),
        |scratch, (index, part)| {
            let (window, head) = (index / heads, index % heads);
            let (view, window) = (window / (across * across), window % (across * across));
            let at = (window / across, window % across);
            let qkv = &inputs.qkv[view * places * 3 * shape.width()..];
            scratch.gather(qkv, inputs.beyond, shape, at, head);
            scratch.attend(inputs.relative, shape, part);
        },
    );
    in_place(&parts, shape, views)
}

/// (views, windows, heads, places, dim) to (views, side, side, heads * dim).
fn in_place(parts: &[f32], shape: &Shape, views: usize) -> Vec<f32> {
    let (side, dim, heads, across) = (shape.side, shape.dim, shape.heads, shape.windows());
    let row = side * shape.width();
    let mut out = vec![0.0f32; views * side * row];
    out.par_chunks_mut(row)
        .enumerate()
        .for_each(|(index, row)| {
            let (view, y) = (index / side, index % side);
            for (x, place) in row.chunks_exact_mut(heads * dim).enumerate() {
                let window = (view * across + y / shape.window) * across + x / shape.window;
                let inside = (y % shape.window) * shape.window + x % shape.window;
                for (head, out) in place.chunks_exact_mut(dim).enumerate() {
                    let from = ((window * heads + head) * shape.places() + inside) * dim;
                    out.copy_from_slice(&parts[from..from + dim]);
                }
            }
        });
    out
}

/// One thread's room for a window and head.
struct Scratch {
    /// (places, dim) each.
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    /// (CHUNK, places).
    scores: Vec<f32>,
    /// (CHUNK, 2 * window - 1) each.
    down: Vec<f32>,
    across: Vec<f32>,
    /// One a row: what the sum of its exponentials divides by.
    shares: [f32; CHUNK],
}

impl Scratch {
    fn new(shape: &Shape) -> Self {
        let (places, distances) = (shape.places(), 2 * shape.window - 1);
        let room = |size: usize| vec![0.0f32; size];
        Self {
            query: room(places * shape.dim),
            key: room(places * shape.dim),
            value: room(places * shape.dim),
            scores: room(CHUNK.min(places) * places),
            down: room(CHUNK.min(places) * distances),
            across: room(CHUNK.min(places) * distances),
            shares: [0.0; CHUNK],
        }
    }

    fn gather(
        &mut self,
        qkv: &[f32],
        beyond: &[f32],
        shape: &Shape,
        (row, column): (usize, usize),
        head: usize,
    ) {
        let (dim, width) = (shape.dim, shape.width());
        let targets = [&mut self.query, &mut self.key, &mut self.value];
        for (which, target) in targets.into_iter().enumerate() {
            let offset = which * width + head * dim;
            for (index, out) in target.chunks_exact_mut(dim).enumerate() {
                let from = match shape.place(row, column, index) {
                    Some(place) => &qkv[place * 3 * width + offset..],
                    None => &beyond[offset..],
                };
                out.copy_from_slice(&from[..dim]);
            }
        }
    }

    fn attend(&mut self, relative: Option<(&[f32], &[f32])>, shape: &Shape, out: &mut [f32]) {
        let (dim, places, window) = (shape.dim, shape.places(), shape.window);
        let distances = 2 * window - 1;
        let scale = 1.0 / (dim as f32).sqrt();
        for (chunk, out) in out.chunks_mut(CHUNK * dim).enumerate() {
            let rows = out.len() / dim;
            let query = &self.query[chunk * CHUNK * dim..][..rows * dim];
            let scores = &mut self.scores[..rows * places];
            product_transposed(scores, query, &self.key, (rows, places, dim), scale);
            if let Some((down, across)) = relative {
                let sizes = (rows, distances, dim);
                product_transposed(&mut self.down[..rows * distances], query, down, sizes, 1.0);
                product_transposed(
                    &mut self.across[..rows * distances],
                    query,
                    across,
                    sizes,
                    1.0,
                );
            }
            for (row, scores) in scores.chunks_exact_mut(places).enumerate() {
                let index = chunk * CHUNK + row;
                if relative.is_some() {
                    // Key k is at distance (query - k + window - 1): the nearest window of a reversed row.
                    let (y, x) = (index / window, index % window);
                    let down = &self.down[row * distances + y..][..window];
                    let across = &self.across[row * distances + x..][..window];
                    add_relative(scores, down, across);
                }
                self.shares[row] = 1.0 / exponentials(scores);
            }
            product(out, scores, &self.value, (rows, dim, places));
            for (out, share) in out.chunks_exact_mut(dim).zip(&self.shares) {
                out.iter_mut().for_each(|out| *out *= share);
            }
        }
    }
}

fastest! {
    /// Adds to the score of the key at (y, x) what its distances bring; both run from far to near to far
    /// backwards.
    fn add_relative(scores: &mut [f32], down: &[f32], across: &[f32]) {
        for (row, d) in scores.chunks_exact_mut(across.len()).zip(down.iter().rev()) {
            for (score, a) in row.iter_mut().zip(across.iter().rev()) {
                *score += d + a;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random.
    fn noise(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        (0..count)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    /// The definition, one number after another, in 64 bits.
    fn defined(inputs: &Inputs<'_>, shape: &Shape) -> Vec<f32> {
        let (side, window, dim) = (shape.side, shape.window, shape.dim);
        let width = shape.width();
        let at = |view: usize, y: usize, x: usize| {
            if y < side && x < side {
                &inputs.qkv[((view * side + y) * side + x) * 3 * width..]
            } else {
                inputs.beyond
            }
        };
        let views = inputs.qkv.len() / (side * side * 3 * width);
        let mut out = Vec::new();
        for index in 0..views * side * side * shape.heads {
            let (place, head) = (index / shape.heads, index % shape.heads);
            let (view, y, x) = (place / side / side, place / side % side, place % side);
            let query = &at(view, y, x)[head * dim..][..dim];
            let dot = |other: &[f32]| -> f64 {
                query.iter().zip(other).map(|(a, b)| f64::from(a * b)).sum()
            };
            let (top, left) = (y / window * window, x / window * window);
            let mut sum = 0.0;
            let mut value = vec![0.0f64; dim];
            for key in 0..window * window {
                let (ky, kx) = (top + key / window, left + key % window);
                let kv = at(view, ky, kx);
                let mut score = dot(&kv[width + head * dim..]) / (dim as f64).sqrt();
                if let Some((down, across)) = inputs.relative {
                    score += dot(&down[(y + window - 1 - ky) * dim..]);
                    score += dot(&across[(x + window - 1 - kx) * dim..]);
                }
                sum += score.exp();
                for (value, v) in value.iter_mut().zip(&kv[2 * width + head * dim..]) {
                    *value += score.exp() * f64::from(*v);
                }
            }
            out.extend(value.iter().map(|v| (v / sum) as f32));
        }
        out
    }

    #[test]
    fn attention_is_as_defined_in_windows_beyond_the_edge_and_over_all() {
        for (side, window, relative) in [(7, 3, true), (6, 3, true), (13, 13, true), (5, 4, false)]
        {
            let shape = Shape {
                side,
                window,
                heads: 2,
                dim: 8,
            };
            let qkv = noise(2 * side * side * 48, 1);
            let beyond = noise(48, 2);
            let (down, across) = (
                noise((2 * window - 1) * 8, 3),
                noise((2 * window - 1) * 8, 4),
            );
            let inputs = Inputs {
                qkv: &qkv,
                beyond: &beyond,
                relative: relative.then_some((&down[..], &across[..])),
            };
            let (got, expected) = (attend(&inputs, &shape), defined(&inputs, &shape));
            assert_eq!(got.len(), expected.len());
            let most = got.iter().zip(&expected).map(|(a, b)| (a - b).abs());
            let most = most.fold(0.0, f32::max);
            assert!(most < 1e-5, "{side} {window}: {most}");
        }
    }
}
