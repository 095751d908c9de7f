//! Windowed attention of the encoder on the CPU (ViTDet, Li et al. 2022; reference:
//! `GotOcr2VisionAttention`).
//!
//! Attention is within windows or global, with relative positions. Scores are computed in chunks,
//! so that a thread holds at most `QUERY_CHUNK` rows of them.

use rayon::prelude::*;

use super::{
    gemm::{GemmSize, gemm, gemm_transposed},
    math::softmax_numerators,
};

/// Queries whose scores are held at once: 128 rows of 4,096 scores are 2 MiB, a core's L2 cache.
const QUERY_CHUNK: usize = 128;

/// Rows and columns of places: patches of an image or of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlaceGrid {
    /// One below the other.
    pub rows: usize,
    /// Side by side.
    pub columns: usize,
}

impl PlaceGrid {
    /// Places of the grid.
    pub fn area(self) -> usize {
        self.rows * self.columns
    }
}

/// Sizes of windowed attention.
#[derive(Clone, Copy, Debug)]
pub struct WindowShape {
    /// Places of an image.
    pub size: PlaceGrid,
    /// Places of a window. As large as `size` for global attention.
    pub window: PlaceGrid,
    /// Attention heads.
    pub heads: usize,
    /// Values per head.
    pub dim: usize,
}

/// Input values of attention.
#[derive(Clone, Copy, Debug)]
pub struct AttentionInputs<'a> {
    /// Queries, keys and values: (images, rows, columns, 3 * heads * dim).
    pub qkv: &'a [f32],
    /// Their values at places of windows beyond the image's edge: (3 * heads * dim).
    pub padding: &'a [f32],
    /// Relative position embeddings, if the model has them: vertical (2 * window rows - 1, dim) and
    /// horizontal (2 * window columns - 1, dim).
    pub relative: Option<(&'a [f32], &'a [f32])>,
}

impl WindowShape {
    /// Windows of an image, vertically and horizontally. The last ones may reach beyond its edge.
    pub fn windows(&self) -> PlaceGrid {
        PlaceGrid {
            rows: self.size.rows.div_ceil(self.window.rows),
            columns: self.size.columns.div_ceil(self.window.columns),
        }
    }

    /// Places of an image.
    pub fn image_places(&self) -> usize {
        self.size.area()
    }

    /// Places of a window.
    pub fn window_places(&self) -> usize {
        self.window.area()
    }

    fn width(&self) -> usize {
        self.heads * self.dim
    }

    /// The image's place at place `index` of the window at (`row`, `column`); `None` beyond the
    /// edge.
    fn place(&self, row: usize, column: usize, index: usize) -> Option<usize> {
        let y = row * self.window.rows + index / self.window.columns;
        let x = column * self.window.columns + index % self.window.columns;
        (y < self.size.rows && x < self.size.columns).then(|| y * self.size.columns + x)
    }
}

/// Attention of each image: (images, rows, columns, heads * dim).
pub fn attend(inputs: &AttentionInputs<'_>, shape: &WindowShape) -> Vec<f32> {
    let places = shape.image_places();
    let images = inputs.qkv.len() / (places * 3 * shape.width());
    let (windows, heads) = (shape.windows(), shape.heads);
    let task = shape.window_places() * shape.dim;
    // One task per window and head, each with its own output: (images, windows, heads, places,
    // dim).
    let mut parts = vec![0.0f32; images * windows.area() * heads * task];
    parts.par_chunks_mut(task).enumerate().for_each_init(
        || AttentionScratch::new(shape),
        |scratch, (index, part)| {
            let (window, head) = (index / heads, index % heads);
            let (image, window) = (window / windows.area(), window % windows.area());
            let qkv = &inputs.qkv[image * places * 3 * shape.width()..];
            scratch.gather(qkv, inputs.padding, shape, window, head);
            scratch.attend(inputs.relative, shape, part);
        },
    );
    to_row_order(&parts, shape, images)
}

/// (images, windows, heads, places, dim) to (images, rows, columns, heads * dim).
fn to_row_order(parts: &[f32], shape: &WindowShape, images: usize) -> Vec<f32> {
    let (dim, heads, windows) = (shape.dim, shape.heads, shape.windows());
    let (rows, high, wide) = (shape.size.rows, shape.window.rows, shape.window.columns);
    let row = shape.size.columns * shape.width();
    let mut out = vec![0.0f32; images * rows * row];
    out.par_chunks_mut(row)
        .enumerate()
        .for_each(|(index, row)| {
            let (image, y) = (index / rows, index % rows);
            for (x, place) in row.chunks_exact_mut(heads * dim).enumerate() {
                let window = (image * windows.rows + y / high) * windows.columns + x / wide;
                let inside = (y % high) * wide + x % wide;
                for (head, out) in place.chunks_exact_mut(dim).enumerate() {
                    let from = ((window * heads + head) * shape.window_places() + inside) * dim;
                    out.copy_from_slice(&parts[from..from + dim]);
                }
            }
        });
    out
}

/// One thread's buffers for a window and head.
struct AttentionScratch {
    /// (places, dim) each.
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    /// (QUERY_CHUNK, places).
    scores: Vec<f32>,
    /// (QUERY_CHUNK, 2 * window rows - 1).
    down: Vec<f32>,
    /// (QUERY_CHUNK, 2 * window columns - 1).
    across: Vec<f32>,
    /// 1 / sum of exponentials, for each row of scores.
    shares: [f32; QUERY_CHUNK],
}

impl AttentionScratch {
    fn new(shape: &WindowShape) -> Self {
        let places = shape.window_places();
        let (down, across) = relative_lens(shape);
        let room = |size: usize| vec![0.0f32; size];
        Self {
            query: room(places * shape.dim),
            key: room(places * shape.dim),
            value: room(places * shape.dim),
            scores: room(QUERY_CHUNK.min(places) * places),
            down: room(QUERY_CHUNK.min(places) * down),
            across: room(QUERY_CHUNK.min(places) * across),
            shares: [0.0; QUERY_CHUNK],
        }
    }

    fn gather(
        &mut self,
        qkv: &[f32],
        padding: &[f32],
        shape: &WindowShape,
        window: usize,
        head: usize,
    ) {
        let across = shape.windows().columns;
        let (row, column) = (window / across, window % across);
        let (dim, width) = (shape.dim, shape.width());
        let targets = [&mut self.query, &mut self.key, &mut self.value];
        for (which, target) in targets.into_iter().enumerate() {
            let offset = which * width + head * dim;
            for (index, out) in target.chunks_exact_mut(dim).enumerate() {
                let from = match shape.place(row, column, index) {
                    Some(place) => &qkv[place * 3 * width + offset..],
                    None => &padding[offset..],
                };
                out.copy_from_slice(&from[..dim]);
            }
        }
    }

    fn attend(&mut self, relative: Option<(&[f32], &[f32])>, shape: &WindowShape, out: &mut [f32]) {
        let (dim, places) = (shape.dim, shape.window_places());
        let (high, wide) = (shape.window.rows, shape.window.columns);
        let (far_down, far_across) = relative_lens(shape);
        let scale = 1.0 / (dim as f32).sqrt();
        for (chunk, out) in out.chunks_mut(QUERY_CHUNK * dim).enumerate() {
            let rows = out.len() / dim;
            let query = &self.query[chunk * QUERY_CHUNK * dim..][..rows * dim];
            let scores = &mut self.scores[..rows * places];
            let by_query = |n: usize| GemmSize { m: rows, n, k: dim };
            gemm_transposed(scores, query, &self.key, by_query(places), scale);
            if let Some((down, across)) = relative {
                let out = &mut self.down[..rows * far_down];
                gemm_transposed(out, query, down, by_query(far_down), 1.0);
                let out = &mut self.across[..rows * far_across];
                gemm_transposed(out, query, across, by_query(far_across), 1.0);
            }
            for (row, scores) in scores.chunks_exact_mut(places).enumerate() {
                let index = chunk * QUERY_CHUNK + row;
                if relative.is_some() {
                    // Key k is at distance (query - k + window - 1), so a row's nearest keys come
                    // last.
                    let (y, x) = (index / wide, index % wide);
                    let down = &self.down[row * far_down + y..][..high];
                    let across = &self.across[row * far_across + x..][..wide];
                    add_relative(scores, down, across);
                }
                self.shares[row] = 1.0 / softmax_numerators(scores);
            }
            let size = GemmSize {
                m: rows,
                n: dim,
                k: places,
            };
            gemm(out, scores, &self.value, size);
            for (out, share) in out.chunks_exact_mut(dim).zip(&self.shares) {
                out.iter_mut().for_each(|out| *out *= share);
            }
        }
    }
}

/// Relative positions within a window, vertical and horizontal.
fn relative_lens(shape: &WindowShape) -> (usize, usize) {
    (2 * shape.window.rows - 1, 2 * shape.window.columns - 1)
}

simd_dispatch! {
    /// Adds the vertical and horizontal terms of relative position to the score of the key at (y,
    /// x). Both run backwards, from the last key to the first.
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

    /// Pseudo-random numbers.
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
        let PlaceGrid { rows, columns } = shape.size;
        let (high, wide, dim) = (shape.window.rows, shape.window.columns, shape.dim);
        let width = shape.width();
        let at = |image: usize, y: usize, x: usize| {
            if y < rows && x < columns {
                &inputs.qkv[((image * rows + y) * columns + x) * 3 * width..]
            } else {
                inputs.padding
            }
        };
        let images = inputs.qkv.len() / (rows * columns * 3 * width);
        let mut out = Vec::new();
        for index in 0..images * rows * columns * shape.heads {
            let (place, head) = (index / shape.heads, index % shape.heads);
            let (image, y, x) = (
                place / columns / rows,
                place / columns % rows,
                place % columns,
            );
            let query = &at(image, y, x)[head * dim..][..dim];
            let dot = |other: &[f32]| -> f64 {
                query.iter().zip(other).map(|(a, b)| f64::from(a * b)).sum()
            };
            let (top, left) = (y / high * high, x / wide * wide);
            let mut sum = 0.0;
            let mut value = vec![0.0f64; dim];
            for key in 0..high * wide {
                let (ky, kx) = (top + key / wide, left + key % wide);
                let kv = at(image, ky, kx);
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
            let grid = |(rows, columns)| PlaceGrid { rows, columns };
            let shape = WindowShape {
                size: grid(size),
                window: grid(window),
                heads: 2,
                dim: 8,
            };
            let qkv = noise(2 * shape.image_places() * 48, 1);
            let padding = noise(48, 2);
            let (down, across) = (
                noise((2 * window.0 - 1) * 8, 3),
                noise((2 * window.1 - 1) * 8, 4),
            );
            let inputs = AttentionInputs {
                qkv: &qkv,
                padding: &padding,
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
