//! Encoder attention: kernels on the CPU, tensor operations elsewhere, with equal results.

use candle_core::{DType, Result, Tensor};
use candle_nn::ops::softmax_last_dim;
use recto_kernels::window_attention::{self, AttentionInputs, PlaceGrid, WindowShape};

#[cfg(feature = "flash-attn")]
use super::flash_attention;
use super::{error::GotError, tensor_slice::with_slice, weight_loader::WeightLoader};

/// Maximum scores held at once away from the CPU: 2 GiB in F32.
const MAX_SCORES: usize = 1 << 29;

/// Inner sizes of products are padded to a multiple of this, which GPUs multiply fast.
const GEMM_MULTIPLE: usize = 8;

/// Relative position embeddings of one layer, (2 * window side - 1, dim) each, from the farthest
/// key before to the farthest key behind.
pub(super) struct RelativePositions {
    down: Tensor,
    across: Tensor,
}

impl RelativePositions {
    /// Loads them.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub(super) fn load(
        loader: &WeightLoader<'_>,
        window: usize,
        dim: usize,
    ) -> std::result::Result<Self, GotError> {
        let size = [2 * window - 1, dim];
        Ok(Self {
            down: loader.get("attn.rel_pos_h", &size)?,
            across: loader.get("attn.rel_pos_w", &size)?,
        })
    }

    /// The embeddings for a smaller window, vertical and horizontal.
    fn within(&self, window: PlaceGrid) -> Result<Self> {
        let middle = |all: &Tensor, window: usize| {
            let (far, near) = (all.dim(0)?, 2 * window - 1);
            all.narrow(0, (far - near) / 2, near)
        };
        Ok(Self {
            down: middle(&self.down, window.rows)?,
            across: middle(&self.across, window.columns)?,
        })
    }
}

/// Attention of `images` input images within their windows: (images * rows * columns, 3 * heads *
/// dim) to (images * rows * columns, heads * dim). `bias` is the value of `qkv` if windows reach
/// beyond the image.
pub(super) fn attend(
    qkv: &Tensor,
    bias: Option<&Tensor>,
    positions: Option<&RelativePositions>,
    shape: &WindowShape,
    images: usize,
) -> Result<Tensor> {
    let width = shape.heads * shape.dim;
    let near = positions.map(|all| all.within(shape.window)).transpose()?;
    let positions = near.as_ref();
    let padding = match bias {
        Some(bias) => bias.clone(),
        None => Tensor::zeros(3 * width, qkv.dtype(), qkv.device())?,
    };
    if !qkv.device().is_cpu() {
        return attend_with_tensors(qkv, &padding, positions, shape, images);
    }
    let run = |relative: Option<(&[f32], &[f32])>| {
        with_slice(qkv, |qkv| {
            with_slice(&padding, |padding| {
                window_attention::attend(
                    &AttentionInputs {
                        qkv,
                        padding,
                        relative,
                    },
                    shape,
                )
            })
        })?
    };
    let out = match positions {
        None => run(None)?,
        Some(positions) => with_slice(&positions.down, |down| {
            with_slice(&positions.across, |across| run(Some((down, across))))
        })???,
    };
    Tensor::from_vec(out, (images * shape.image_places(), width), qkv.device())
}

/// The same with tensor operations alone.
fn attend_with_tensors(
    qkv: &Tensor,
    padding: &Tensor,
    positions: Option<&RelativePositions>,
    shape: &WindowShape,
    images: usize,
) -> Result<Tensor> {
    let PlaceGrid { rows, columns } = shape.size;
    let (high, wide) = (shape.window.rows, shape.window.columns);
    let (down, across) = (shape.windows().rows, shape.windows().columns);
    let (heads, dim) = (shape.heads, shape.dim);
    let width = heads * dim;
    let mut x = qkv.reshape((images, rows, columns, 3 * width))?;
    if down * high > rows {
        let below = padding.broadcast_as((images, down * high - rows, columns, 3 * width))?;
        x = Tensor::cat(&[x, below.contiguous()?], 1)?;
    }
    if across * wide > columns {
        let more = across * wide - columns;
        let right = padding.broadcast_as((images, down * high, more, 3 * width))?;
        x = Tensor::cat(&[x, right.contiguous()?], 2)?;
    }
    let places = shape.window_places();
    let windows = images * down * across;
    // (3, windows * heads, places, dim)
    let x = x
        .reshape(&[images, down, high, across, wide, 3 * width][..])?
        .permute([0, 1, 3, 2, 4, 5])?
        .reshape(&[windows, places, 3, heads, dim][..])?
        .permute([2, 0, 3, 1, 4])?
        .reshape((3, windows * heads, places, dim))?
        .contiguous()?;
    let (query, key, value) = (x.get(0)?, x.get(1)?, x.get(2)?);
    let (query, key) = match positions {
        None => (scaled(&query)?, key),
        Some(positions) => append_relative_positions(&query, &key, positions, shape.window)?,
    };
    let out = softmax_attention(&query, &key, &value)?;
    // (windows * heads, places, dim) to (images, rows, columns, width)
    out.reshape(&[images, down, across, heads, high, wide, dim][..])?
        .permute([0, 1, 4, 2, 5, 3, 6].as_slice())?
        .reshape((images, down * high, across * wide, width))?
        .narrow(1, 0, rows)?
        .narrow(2, 0, columns)?
        .contiguous()?
        .reshape((images * shape.image_places(), width))
}

fn scaled(query: &Tensor) -> Result<Tensor> {
    query * (1.0 / (query.dim(2)? as f64).sqrt())
}

/// Scaled queries and keys (batch, places, wide) whose products include the relative positions: the
/// query is extended by what each row and column of keys adds to its score, the key by a 1 at its
/// own row and column.
fn append_relative_positions(
    query: &Tensor,
    key: &Tensor,
    positions: &RelativePositions,
    window: PlaceGrid,
) -> Result<(Tensor, Tensor)> {
    let (high, wide) = (window.rows, window.columns);
    let (batch, places, dim) = query.dims3()?;
    let down = relative_scores(query, &positions.down, high, |place| place / wide)?;
    let across = relative_scores(query, &positions.across, wide, |place| place % wide)?;
    let mut marks = vec![0f32; places * (high + wide)];
    for (place, marks) in marks.chunks_exact_mut(high + wide).enumerate() {
        marks[place / wide] = 1.0;
        marks[high + place % wide] = 1.0;
    }
    let marks = Tensor::from_vec(marks, (1, places, high + wide), key.device())?
        .to_dtype(key.dtype())?
        .broadcast_as((batch, places, high + wide))?
        .contiguous()?;
    let width = dim + high + wide;
    let more = width.next_multiple_of(GEMM_MULTIPLE) - width;
    let query = Tensor::cat(&[scaled(query)?, down, across], 2)?;
    let key = Tensor::cat(&[key, &marks], 2)?;
    Ok((
        query.pad_with_zeros(2, 0, more)?,
        key.pad_with_zeros(2, 0, more)?,
    ))
}

/// Softmax of queries times keys (batch, places, wide), times values (batch, places, dim): (batch,
/// places, dim).
fn softmax_attention(query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Tensor> {
    #[cfg(feature = "flash-attn")]
    if flash_attention::is_supported(query) {
        return flash_attention::encoder(query, key, value);
    }
    let (batch, places, _) = query.dims3()?;
    let step = (MAX_SCORES / (places * places)).clamp(1, batch);
    let mut parts = Vec::new();
    for first in (0..batch).step_by(step) {
        let part = |tensor: &Tensor| tensor.narrow(0, first, step.min(batch - first));
        let scores = part(query)?.matmul(&part(key)?.transpose(1, 2)?)?;
        let weights = softmax_last_dim(&scores.to_dtype(DType::F32)?)?.to_dtype(value.dtype())?;
        parts.push(weights.matmul(&part(value)?)?);
    }
    Tensor::cat(&parts, 0)
}

/// Addition of each of a window's `window` rows or columns of keys to each query's scores: (batch,
/// places, window).
fn relative_scores(
    query: &Tensor,
    relative: &Tensor,
    window: usize,
    at: impl Fn(usize) -> usize,
) -> Result<Tensor> {
    let (batch, places, dim) = query.dims3()?;
    let all = query
        .reshape((batch * places, dim))?
        .matmul(&relative.t()?)?;
    let all = all.reshape((batch, places, 2 * window - 1))?;
    let index =
        (0..places * window).map(|index| (at(index / window) + window - 1 - index % window) as u32);
    let index = Tensor::from_iter(index, query.device())?.reshape((1, places, window))?;
    all.gather(
        &index.broadcast_as((batch, places, window))?.contiguous()?,
        2,
    )
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn kernels_and_tensors_give_the_same() {
        let random = |shape: &[usize]| Tensor::randn(0f32, 1f32, shape, &Device::Cpu).unwrap();
        let cases = [
            ((8, 8), (8, 8)),
            ((7, 7), (3, 3)),
            ((6, 6), (4, 4)),
            ((3, 8), (3, 8)),
            ((5, 8), (4, 4)),
        ];
        for (size, window) in cases {
            let grid = |(rows, columns)| PlaceGrid { rows, columns };
            let shape = WindowShape {
                size: grid(size),
                window: grid(window),
                heads: 3,
                dim: 4,
            };
            let qkv = random(&[2 * shape.image_places(), 36]);
            let bias = random(&[36]);
            // Of a larger window than the images' in some cases.
            let positions = RelativePositions {
                down: random(&[15, 4]),
                across: random(&[15, 4]),
            };
            for positions in [Some(&positions), None] {
                let fast = attend(&qkv, Some(&bias), positions, &shape, 2).unwrap();
                let near = positions.map(|all| all.within(shape.window).unwrap());
                let plain = attend_with_tensors(&qkv, &bias, near.as_ref(), &shape, 2).unwrap();
                let most = (fast - plain).unwrap().abs().unwrap().max_all().unwrap();
                assert!(
                    most.to_scalar::<f32>().unwrap() < 1e-4,
                    "{size:?} {window:?}"
                );
            }
        }
    }
}
