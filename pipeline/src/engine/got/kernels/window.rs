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
pub(in super::super) struct WindowShape {
    /// Rows and columns of places.
    pub(in super::super) size: (usize, usize),
    /// Those of a window; all of them: one window over all.
    pub(in super::super) window: (usize, usize),
    /// Heads.
    pub(in super::super) heads: usize,
    /// Numbers a head.
    pub(in super::super) dim: usize,
}

/// Inputs of attention.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct AttentionInputs<'a> {
    /// Queries, keys and values: (views, rows, columns, 3 * heads * dim).
    pub(in super::super) qkv: &'a [f32],
    /// Their values at places that windows have beyond the view: 3 * heads * dim.
    pub(in super::super) beyond: &'a [f32],
    /// Relative positions down, (2 * a window's rows - 1, dim), and across, the same of columns, if the model has
    /// them.
    pub(in super::super) relative: Option<(&'a [f32], &'a [f32])>,
}

impl WindowShape {
    /// Windows one below the other and side by side, the last ones perhaps reaching beyond the view.
    pub(in super::super) fn windows(&self) -> (usize, usize) {
        let (rows, columns) = self.size;
        (
            rows.div_ceil(self.window.0),
            columns.div_ceil(self.window.1),
        )
    }

    /// Places of a view.
    pub(in super::super) fn view(&self) -> usize {
        self.size.0 * self.size.1
    }

    /// Places of a window.
    pub(in super::super) fn places(&self) -> usize {
        self.window.0 * self.window.1
    }

    fn width(&self) -> usize {
        self.heads * self.dim
    }

    /// Place in the view of place `index` of the window at (`row`, `column`); none beyond the view.
    fn place(&self, row: usize, column: usize, index: usize) -> Option<usize> {
        let y = row * self.window.0 + index / self.window.1;
        let x = column * self.window.1 + index % self.window.1;
        (y < self.size.0 && x < self.size.1).then(|| y * self.size.1 + x)
    }
}

/// Attention of each view; gives (views, rows, columns, heads * dim).
pub(in super::super) fn attend(inputs: &AttentionInputs<'_>, shape: &WindowShape) -> Vec<f32> {
    let places = shape.view();
    let views = inputs.qkv.len() / (places * 3 * shape.width());
    let ((down, across), heads) = (shape.windows(), shape.heads);
    let task = shape.places() * shape.dim;
    // One task a window and head, each with a stretch of its own: (views, windows, heads, places, dim).
    let mut parts = vec![0.0f32; views * down * across * heads * task];
    parts.par_chunks_mut(task).enumerate().for_each_init(
        || AttentionScratch::new(shape),
        |scratch, (index, part)| {
            let (window, head) = (index / heads, index % heads);
            let (view, window) = (window / (down * across), window % (down * across));
            let at = (window / across, window % across);
            let qkv = &inputs.qkv[view * places * 3 * shape.width()..];
            scratch.gather(qkv, inputs.beyond, shape, at, head);
            scratch.attend(inputs.relative, shape, part);
        },
    );
    in_place(&parts, shape, views)
}

/// (views, windows, heads, places, dim) to (views, rows, columns, heads * dim).
fn in_place(parts: &[f32], shape: &WindowShape, views: usize) -> Vec<f32> {
    let (dim, heads, (down, across)) = (shape.dim, shape.heads, shape.windows());
    let ((rows, columns), (high, wide)) = (shape.size, shape.window);
    let row = columns * shape.width();
    let mut out = vec![0.0f32; views * rows * row];
    out.par_chunks_mut(row)
        .enumerate()
        .for_each(|(index, row)| {
            let (view, y) = (index / rows, index % rows);
            for (x, place) in row.chunks_exact_mut(heads * dim).enumerate() {
                let window = (view * down + y / high) * across + x / wide;
                let inside = (y % high) * wide + x % wide;
                for (head, out) in place.chunks_exact_mut(dim).enumerate() {
                    let from = ((window * heads + head) * shape.places() + inside) * dim;
                    out.copy_from_slice(&parts[from..from + dim]);
                }
            }
        });
    out
}

/// One thread's room for a window and head.
struct AttentionScratch {
    /// (places, dim) each.
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    /// (CHUNK, places).
    scores: Vec<f32>,
    /// (CHUNK, 2 * a window's rows - 1).
    down: Vec<f32>,
    /// (CHUNK, 2 * a window's columns - 1).
    across: Vec<f32>,
    /// One a row: what the sum of its exponentials divides by.
    shares: [f32; CHUNK],
}

impl AttentionScratch {
    fn new(shape: &WindowShape) -> Self {
        let places = shape.places();
        let (down, across) = distances(shape);
        let room = |size: usize| vec![0.0f32; size];
        Self {
            query: room(places * shape.dim),
            key: room(places * shape.dim),
            value: room(places * shape.dim),
            scores: room(CHUNK.min(places) * places),
            down: room(CHUNK.min(places) * down),
            across: room(CHUNK.min(places) * across),
            shares: [0.0; CHUNK],
        }
    }

    fn gather(
        &mut self,
        qkv: &[f32],
        beyond: &[f32],
        shape: &WindowShape,
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

    fn attend(&mut self, relative: Option<(&[f32], &[f32])>, shape: &WindowShape, out: &mut [f32]) {
        let (dim, places, (high, wide)) = (shape.dim, shape.places(), shape.window);
        let (far_down, far_across) = distances(shape);
        let scale = 1.0 / (dim as f32).sqrt();
        for (chunk, out) in out.chunks_mut(CHUNK * dim).enumerate() {
            let rows = out.len() / dim;
            let query = &self.query[chunk * CHUNK * dim..][..rows * dim];
            let scores = &mut self.scores[..rows * places];
            product_transposed(scores, query, &self.key, (rows, places, dim), scale);
            if let Some((down, across)) = relative {
                let (out, sizes) = (&mut self.down[..rows * far_down], (rows, far_down, dim));
                product_transposed(out, query, down, sizes, 1.0);
                let (out, sizes) = (
                    &mut self.across[..rows * far_across],
                    (rows, far_across, dim),
                );
                product_transposed(out, query, across, sizes, 1.0);
            }
            for (row, scores) in scores.chunks_exact_mut(places).enumerate() {
                let index = chunk * CHUNK + row;
                if relative.is_some() {
                    // Key k is at distance (query - k + window - 1): the nearest window of a reversed row.
                    let (y, x) = (index / wide, index % wide);
                    let down = &self.down[row * far_down + y..][..high];
                    let across = &self.across[row * far_across + x..][..wide];
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

/// Distances between places of a window, down and across.
fn distances(shape: &WindowShape) -> (usize, usize) {
    (2 * shape.window.0 - 1, 2 * shape.window.1 - 1)
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
    fn defined(inputs: &AttentionInputs<'_>, shape: &WindowShape) -> Vec<f32> {
        let ((rows, columns), (high, wide), dim) = (shape.size, shape.window, shape.dim);
        let width = shape.width();
        let at = |view: usize, y: usize, x: usize| {
            if y < rows && x < columns {
                &inputs.qkv[((view * rows + y) * columns + x) * 3 * width..]
            } else {
                inputs.beyond
            }
        };
        let views = inputs.qkv.len() / (rows * columns * 3 * width);
        let mut out = Vec::new();
        for index in 0..views * rows * columns * shape.heads {
            let (place, head) = (index / shape.heads, index % shape.heads);
            let (view, y, x) = (
                place / columns / rows,
                place / columns % rows,
                place % columns,
            );
            let query = &at(view, y, x)[head * dim..][..dim];
            let dot = |other: &[f32]| -> f64 {
                query.iter().zip(other).map(|(a, b)| f64::from(a * b)).sum()
            };
            let (top, left) = (y / high * high, x / wide * wide);
            let mut sum = 0.0;
            let mut value = vec![0.0f64; dim];
            for key in 0..high * wide {
                let (ky, kx) = (top + key / wide, left + key % wide);
                let kv = at(view, ky, kx);
                let mut score = dot(&kv[width + head * dim..]) / (dim as f64).sqrt();
                if let Some((down, across)) = inputs.relative {
                    score += dot(&down[(y + high - 1 - ky) * dim..]);
                    score += dot(&across[(x + wide - 1 - kx) * dim..]);
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
        let cases = [
            ((7, 7), (3, 3), true),
            ((6, 6), (3, 3), true),
            ((13, 13), (13, 13), true),
            ((5, 5), (4, 4), false),
            ((4, 9), (3, 3), true),
            ((2, 7), (4, 4), true),
            ((3, 11), (3, 11), true),
        ];
        for (size, window, relative) in cases {
            let shape = WindowShape {
                size,
                window,
                heads: 2,
                dim: 8,
            };
            let qkv = noise(2 * shape.view() * 48, 1);
            let beyond = noise(48, 2);
            let (down, across) = (
                noise((2 * window.0 - 1) * 8, 3),
                noise((2 * window.1 - 1) * 8, 4),
            );
            let inputs = AttentionInputs {
                qkv: &qkv,
                beyond: &beyond,
                relative: relative.then_some((&down[..], &across[..])),
            };
            let (got, expected) = (attend(&inputs, &shape), defined(&inputs, &shape));
            assert_eq!(got.len(), expected.len());
            let most = got.iter().zip(&expected).map(|(a, b)| (a - b).abs());
            let most = most.fold(0.0, f32::max);
            assert!(most < 1e-5, "{size:?} {window:?}: {most}");
        }
    }
}
