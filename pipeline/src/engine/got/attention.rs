//! Attention of the encoder, by kernels on the CPU and by tensors elsewhere; both give the same.

use candle_core::{DType, Result, Tensor};
use candle_nn::ops::softmax_last_dim;

#[cfg(feature = "flash-attn")]
use super::fused;
use super::{
    error::GotError,
    host::with_slice,
    kernels::window::{self, Inputs, Shape},
    source::Source,
};

/// Scores that are held at once, away from the CPU: 2 GiB in 32 bits.
const SCORES: usize = 1 << 29;

/// GPUs are fast at products whose inner size is a multiple of this.
const WIDTHS: usize = 8;

/// Relative positions of one layer: (2 * window - 1, dim) each.
pub(super) struct Positions {
    down: Tensor,
    across: Tensor,
}

impl Positions {
    /// Loads them.
    ///
    /// # Errors
    /// A tensor is missing or misshapen.
    pub(super) fn load(source: &Source<'_>, shape: &Shape) -> std::result::Result<Self, GotError> {
        let size = [2 * shape.window - 1, shape.dim];
        Ok(Self {
            down: source.get("attn.rel_pos_h", &size)?,
            across: source.get("attn.rel_pos_w", &size)?,
        })
    }
}

/// Attention of `views` views within their windows: (views * side * side, 3 * heads * dim) to
/// (views * side * side, heads * dim). `bias` is what `qkv` is where windows reach beyond the view.
pub(super) fn attend(
    qkv: &Tensor,
    bias: Option<&Tensor>,
    positions: Option<&Positions>,
    shape: &Shape,
    views: usize,
) -> Result<Tensor> {
    let width = shape.heads * shape.dim;
    let beyond = match bias {
        Some(bias) => bias.clone(),
        None => Tensor::zeros(3 * width, qkv.dtype(), qkv.device())?,
    };
    if !qkv.device().is_cpu() {
        return by_tensors(qkv, &beyond, positions, shape, views);
    }
    let run = |relative: Option<(&[f32], &[f32])>| {
        with_slice(qkv, |qkv| {
            with_slice(&beyond, |beyond| {
                window::attend(
                    &Inputs {
                        qkv,
                        beyond,
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
    Tensor::from_vec(out, (views * shape.side * shape.side, width), qkv.device())
}

/// The same with tensors alone.
fn by_tensors(
    qkv: &Tensor,
    beyond: &Tensor,
    positions: Option<&Positions>,
    shape: &Shape,
    views: usize,
) -> Result<Tensor> {
    let (side, window, heads, dim) = (shape.side, shape.window, shape.heads, shape.dim);
    let width = heads * dim;
    let across = side.div_ceil(window);
    let padded = across * window;
    let mut x = qkv.reshape((views, side, side, 3 * width))?;
    if padded > side {
        let more = padded - side;
        let below = beyond.broadcast_as((views, more, side, 3 * width))?;
        x = Tensor::cat(&[x, below.contiguous()?], 1)?;
        let right = beyond.broadcast_as((views, padded, more, 3 * width))?;
        x = Tensor::cat(&[x, right.contiguous()?], 2)?;
    }
    let places = window * window;
    let windows = views * across * across;
    // (3, windows * heads, places, dim)
    let x = x
        .reshape(&[views, across, window, across, window, 3 * width][..])?
        .permute([0, 1, 3, 2, 4, 5])?
        .reshape(&[windows, places, 3, heads, dim][..])?
        .permute([2, 0, 3, 1, 4])?
        .reshape((3, windows * heads, places, dim))?
        .contiguous()?;
    let (query, key, value) = (x.get(0)?, x.get(1)?, x.get(2)?);
    let (query, key) = match positions {
        None => (scaled(&query)?, key),
        Some(positions) => with_positions(&query, &key, positions, window)?,
    };
    let out = softened(&query, &key, &value)?;
    // (windows * heads, places, dim) to (views, side, side, width)
    out.reshape(&[views, across, across, heads, window, window, dim][..])?
        .permute([0, 1, 4, 2, 5, 3, 6].as_slice())?
        .reshape((views, padded, padded, width))?
        .narrow(1, 0, side)?
        .narrow(2, 0, side)?
        .contiguous()?
        .reshape((views * side * side, width))
}

fn scaled(query: &Tensor) -> Result<Tensor> {
    query * (1.0 / (query.dim(2)? as f64).sqrt())
}

/// Scaled queries and keys (batch, places, wide) whose products have the relative positions in them: what each
/// row and column of keys adds stands behind the query, and behind the key a 1 where its row and column are.
fn with_positions(
    query: &Tensor,
    key: &Tensor,
    positions: &Positions,
    window: usize,
) -> Result<(Tensor, Tensor)> {
    let (batch, places, dim) = query.dims3()?;
    let down = distances(query, &positions.down, window, |place| place / window)?;
    let across = distances(query, &positions.across, window, |place| place % window)?;
    let mut marks = vec![0f32; places * 2 * window];
    for (place, marks) in marks.chunks_exact_mut(2 * window).enumerate() {
        marks[place / window] = 1.0;
        marks[window + place % window] = 1.0;
    }
    let marks = Tensor::from_vec(marks, (1, places, 2 * window), key.device())?
        .to_dtype(key.dtype())?
        .broadcast_as((batch, places, 2 * window))?
        .contiguous()?;
    let width = dim + 2 * window;
    let more = width.next_multiple_of(WIDTHS) - width;
    let query = Tensor::cat(&[scaled(query)?, down, across], 2)?;
    let key = Tensor::cat(&[key, &marks], 2)?;
    Ok((
        query.pad_with_zeros(2, 0, more)?,
        key.pad_with_zeros(2, 0, more)?,
    ))
}

/// Softmax of the products of queries and keys (batch, places, wide), times values (batch, places, dim): the same
/// as the values.
fn softened(query: &Tensor, key: &Tensor, value: &Tensor) -> Result<Tensor> {
    #[cfg(feature = "flash-attn")]
    if fused::can(query) {
        return fused::all(query, key, value);
    }
    let (batch, places, _) = query.dims3()?;
    let step = (SCORES / (places * places)).clamp(1, batch);
    let mut parts = Vec::new();
    for first in (0..batch).step_by(step) {
        let part = |tensor: &Tensor| tensor.narrow(0, first, step.min(batch - first));
        let scores = part(query)?.matmul(&part(key)?.transpose(1, 2)?)?;
        let weights = softmax_last_dim(&scores.to_dtype(DType::F32)?)?.to_dtype(value.dtype())?;
        parts.push(weights.matmul(&part(value)?)?);
    }
    Tensor::cat(&parts, 0)
}

/// What each row or column of keys adds to each query's scores: (batch, places, window).
fn distances(
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
        for (side, window) in [(8, 8), (7, 3), (6, 4)] {
            let shape = Shape {
                side,
                window,
                heads: 3,
                dim: 4,
            };
            let qkv = random(&[2 * side * side, 36]);
            let bias = random(&[36]);
            let positions = Positions {
                down: random(&[2 * window - 1, 4]),
                across: random(&[2 * window - 1, 4]),
            };
            for positions in [Some(&positions), None] {
                let fast = attend(&qkv, Some(&bias), positions, &shape, 2).unwrap();
                let plain = by_tensors(&qkv, &bias, positions, &shape, 2).unwrap();
                let most = (fast - plain).unwrap().abs().unwrap().max_all().unwrap();
                assert!(most.to_scalar::<f32>().unwrap() < 1e-4, "{side} {window}");
            }
        }
    }
}
