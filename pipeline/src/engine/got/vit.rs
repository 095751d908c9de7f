//! The vision encoder: views to image tokens (SAM's ViTDet, Li et al. 2022, Kirillov et al. 2023; then two
//! convolutions of stride 2 and a projection; reference: `GotOcr2VisionEncoder`,
//! `GotOcr2MultiModalProjector`).
//!
//! Channels come last throughout, so that each convolution is one product.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::ops::layer_norm;
use rayon::prelude::*;

use super::{
    attention::{self, RelativePositions},
    config::{CheckpointConfig, ProcessorConfig},
    error::GotError,
    host::{change, with_slice},
    kernels::{math, window::WindowShape},
    linear::Linear,
    source::WeightLoader,
    view::InputImage,
};

/// The neck's normalisation (`GotOcr2LayerNorm`), which no configuration sets.
const NECK_EPS: f32 = 1e-6;

/// Encoder and projector.
pub(super) struct VisionEncoder {
    patches: PatchExtractor,
    patch: Linear,
    /// (side, side, hidden).
    position: Option<Tensor>,
    blocks: Vec<EncoderBlock>,
    neck: EncoderNeck,
    projector: MultiModalProjector,
    device: Device,
    dtype: DType,
}

struct LayerNorm {
    weight: Tensor,
    bias: Tensor,
    eps: f32,
}

struct EncoderBlock {
    before_attention: LayerNorm,
    qkv: Linear,
    positions: Option<RelativePositions>,
    /// Side of its windows; none: one window over all.
    window: Option<usize>,
    heads: usize,
    out: Linear,
    before_mlp: LayerNorm,
    widen: Linear,
    narrow: Linear,
}

struct EncoderNeck {
    reduce: Linear,
    first: LayerNorm,
    smooth: ConvLayer,
    second: LayerNorm,
}

struct MultiModalProjector {
    halve: [ConvLayer; 2],
    project: Linear,
}

/// A convolution of 3 by 3 places, with one place of zeros around.
struct ConvLayer {
    /// (out, 9 * in): rows, columns, channels.
    weight: Linear,
    stride: usize,
}

impl VisionEncoder {
    /// Loads it.
    ///
    /// # Errors
    /// A tensor is missing or misshapen.
    pub(super) fn load(
        config: &CheckpointConfig,
        source: &WeightLoader<'_>,
    ) -> std::result::Result<Self, GotError> {
        let vision = &config.vision;
        let (hidden, side) = (vision.hidden, vision.image / vision.patch);
        let tower = source.below("model.vision_tower");
        let patch = tower.get(
            "patch_embed.projection.weight",
            &[hidden, 3, vision.patch, vision.patch],
        )?;
        let patch_bias = tower.get("patch_embed.projection.bias", &[hidden])?;
        let position = match vision.abs_pos {
            true => Some(tower.get("pos_embed", &[1, side, side, hidden])?),
            false => None,
        };
        let blocks = (0..vision.layers)
            .map(|layer| {
                EncoderBlock::load(config, layer, &tower.below(&format!("layers.{layer}")))
            })
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self {
            patches: PatchExtractor::new(&config.pixels, vision.patch),
            patch: Linear::new(patch.flatten_from(1)?, Some(patch_bias), None)?,
            position: position.map(|p| p.squeeze(0)).transpose()?,
            blocks,
            neck: EncoderNeck::load(config, &tower.below("neck"))?,
            projector: MultiModalProjector::load(
                config,
                &source.below("model.multi_modal_projector"),
            )?,
            device: source.device().clone(),
            dtype: source.dtype(),
        })
    }

    /// Views of one size, as wide as the configuration says and no higher, to what the neck gives: (views, rows,
    /// columns, channels).
    pub(super) fn features(&self, views: &[&InputImage]) -> Result<Tensor> {
        let size = views.first().map_or((0, 0), |view| self.patches.size(view));
        let patches = self.patches.of(views);
        let width = self.patches.width();
        let rows = patches.len() / width;
        let patches = Tensor::from_vec(patches, (rows, width), &Device::Cpu)?;
        let mut x = self
            .patch
            .forward(&patches.to_device(&self.device)?.to_dtype(self.dtype)?)?;
        if let Some(position) = &self.position {
            let near = position.narrow(0, 0, size.0)?.narrow(1, 0, size.1)?;
            let all = x
                .reshape((views.len(), size.0, size.1, ()))?
                .broadcast_add(&near)?;
            x = all.reshape((rows, ()))?;
        }
        for block in &self.blocks {
            x = block.forward(&x, views.len(), size)?;
        }
        self.neck.forward(&x, views.len(), size)
    }

    /// What the neck gives to image tokens: (views, tokens, the decoder's hidden size).
    pub(super) fn project(&self, features: &Tensor) -> Result<Tensor> {
        self.projector.forward(features)
    }
}

impl LayerNorm {
    fn load(
        source: &WeightLoader<'_>,
        name: &str,
        size: usize,
        eps: f32,
    ) -> std::result::Result<Self, GotError> {
        Ok(Self {
            weight: source.get(&format!("{name}.weight"), &[size])?,
            bias: source.get(&format!("{name}.bias"), &[size])?,
            eps,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        layer_norm(x, &self.weight, &self.bias, self.eps)
    }
}

impl EncoderBlock {
    fn load(
        config: &CheckpointConfig,
        layer: usize,
        source: &WeightLoader<'_>,
    ) -> std::result::Result<Self, GotError> {
        let vision = &config.vision;
        let (hidden, mlp, side) = (vision.hidden, vision.mlp, vision.image / vision.patch);
        let window = (!vision.global.contains(&layer)).then_some(vision.window);
        let linear = |name: &str, outputs: usize, inputs: usize, bias: bool| {
            source.linear(&[name], &[outputs], inputs, bias, None)
        };
        let norm = |name| LayerNorm::load(source, name, hidden, vision.eps as f32);
        Ok(Self {
            before_attention: norm("layer_norm1")?,
            qkv: linear("attn.qkv", 3 * hidden, hidden, vision.qkv_bias)?,
            positions: match vision.rel_pos {
                true => Some(RelativePositions::load(
                    source,
                    window.unwrap_or(side),
                    hidden / vision.heads,
                )?),
                false => None,
            },
            window,
            heads: vision.heads,
            out: linear("attn.proj", hidden, hidden, true)?,
            before_mlp: norm("layer_norm2")?,
            widen: linear("mlp.lin1", mlp, hidden, true)?,
            narrow: linear("mlp.lin2", hidden, mlp, true)?,
        })
    }

    /// (views * places, hidden), the same again; `size` is rows and columns of places.
    fn forward(&self, x: &Tensor, views: usize, size: (usize, usize)) -> Result<Tensor> {
        let shape = WindowShape {
            size,
            window: self.window.map_or(size, |side| (side, side)),
            heads: self.heads,
            dim: x.dim(1)? / self.heads,
        };
        let qkv = self.qkv.forward(&self.before_attention.forward(x)?)?;
        let attended = attention::attend(
            &qkv,
            self.qkv.bias(),
            self.positions.as_ref(),
            &shape,
            views,
        )?;
        let x = (x + self.out.forward(&attended)?)?;
        let wide = gelu(&self.widen, &self.before_mlp.forward(&x)?)?;
        x + self.narrow.forward(&wide)?
    }
}

/// `gelu(linear(x))`, the kind with the error function.
fn gelu(linear: &Linear, x: &Tensor) -> Result<Tensor> {
    match linear.bias() {
        Some(bias) if x.device().is_cpu() => {
            let wide = linear.product(x)?;
            with_slice(bias, |bias| {
                change(&wide, |wide| math::bias_gelu(wide, bias))
            })??;
            Ok(wide)
        }
        _ => linear.forward(x)?.gelu_erf(),
    }
}

impl EncoderNeck {
    fn load(
        config: &CheckpointConfig,
        source: &WeightLoader<'_>,
    ) -> std::result::Result<Self, GotError> {
        let (hidden, channels) = (config.vision.hidden, config.vision.channels_out);
        let reduce = source.get("conv1.weight", &[channels, hidden, 1, 1])?;
        Ok(Self {
            reduce: Linear::new(reduce.reshape((channels, hidden))?, None, None)?,
            first: LayerNorm::load(source, "layer_norm1", channels, NECK_EPS)?,
            smooth: ConvLayer::load(source, "conv2.weight", (channels, channels), 1)?,
            second: LayerNorm::load(source, "layer_norm2", channels, NECK_EPS)?,
        })
    }

    /// (views * places, hidden) to (views, rows, columns, channels).
    fn forward(&self, x: &Tensor, views: usize, (rows, columns): (usize, usize)) -> Result<Tensor> {
        let x = self.first.forward(&self.reduce.forward(x)?)?;
        let x = x.reshape((views, rows, columns, ()))?;
        self.second.forward(&self.smooth.forward(&x)?)
    }
}

impl MultiModalProjector {
    fn load(
        config: &CheckpointConfig,
        source: &WeightLoader<'_>,
    ) -> std::result::Result<Self, GotError> {
        let (channels, hidden) = (config.vision.channels_out, config.text.hidden);
        let halve = [
            ConvLayer::load(
                source,
                "conv_upsampler1.weight",
                (2 * channels, channels),
                2,
            )?,
            ConvLayer::load(source, "conv_upsampler2.weight", (hidden, 2 * channels), 2)?,
        ];
        let project = source.linear(&["multimodal_projector"], &[hidden], hidden, true, None)?;
        Ok(Self { halve, project })
    }

    /// (views, rows, columns, channels) to (views, rows * columns / 16, hidden).
    fn forward(&self, features: &Tensor) -> Result<Tensor> {
        let [first, second] = &self.halve;
        let x = second.forward(&first.forward(features)?)?;
        let (views, rows, columns, hidden) = x.dims4()?;
        let x = self
            .project
            .forward(&x.reshape((views * rows * columns, hidden))?)?;
        x.reshape((views, rows * columns, hidden))
    }
}

impl ConvLayer {
    fn load(
        source: &WeightLoader<'_>,
        name: &str,
        (out, channels): (usize, usize),
        stride: usize,
    ) -> std::result::Result<Self, GotError> {
        let weight = source.get(name, &[out, channels, 3, 3])?;
        let weight = weight.permute((0, 2, 3, 1))?.reshape((out, 9 * channels))?;
        Ok(Self {
            weight: Linear::new(weight.contiguous()?, None, None)?,
            stride,
        })
    }

    /// (views, rows, columns, in) to (views, rows / stride, columns / stride, out).
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (views, rows, columns, channels) = x.dims4()?;
        let padded = x.pad_with_zeros(1, 1, 1)?.pad_with_zeros(2, 1, 1)?;
        let out = |side: usize| side.div_ceil(self.stride);
        let (down, across) = (out(rows), out(columns));
        let taken = |first: usize, count: usize| {
            let places = (0..count).map(|index| (first + index * self.stride) as u32);
            Tensor::from_iter(places, x.device())
        };
        let mut neighbours = Vec::with_capacity(9);
        for first in 0..3 {
            let rows = padded.index_select(&taken(first, down)?, 1)?;
            for first in 0..3 {
                neighbours.push(rows.index_select(&taken(first, across)?, 2)?);
            }
        }
        let x = Tensor::cat(&neighbours, 3)?.reshape((views * down * across, 9 * channels))?;
        self.weight.forward(&x)?.reshape((views, down, across, ()))
    }
}

/// Views to normalised patches.
struct PatchExtractor {
    patch: usize,
    /// What each byte becomes, by channel.
    table: Vec<[f32; 3]>,
}

impl PatchExtractor {
    fn new(pixels: &ProcessorConfig, patch: usize) -> Self {
        let normal = |byte: usize, channel: usize| {
            (byte as f32 * pixels.rescale - pixels.mean[channel]) / pixels.std[channel]
        };
        let table = (0..256).map(|byte| [0, 1, 2].map(|channel| normal(byte, channel)));
        Self {
            patch,
            table: table.collect(),
        }
    }

    /// Numbers of a patch.
    fn width(&self) -> usize {
        3 * self.patch * self.patch
    }

    /// Rows and columns of a view's patches.
    fn size(&self, view: &InputImage) -> (usize, usize) {
        let (width, height) = (view.width as usize, view.height as usize);
        (height / self.patch, width / self.patch)
    }

    /// (views * places, channels * patch * patch).
    fn of(&self, views: &[&InputImage]) -> Vec<f32> {
        let sizes: Vec<_> = views.iter().map(|view| self.size(view)).collect();
        let area = self.patch * self.patch;
        let places: usize = sizes.iter().map(|(down, across)| down * across).sum();
        let mut out = vec![0.0f32; places * self.width()];
        let mut rest = &mut out[..];
        for (view, (down, across)) in views.iter().zip(sizes) {
            let width = view.width as usize;
            let (own, later) = rest.split_at_mut(down * across * self.width());
            rest = later;
            own.par_chunks_mut(self.width())
                .enumerate()
                .for_each(|(place, out)| {
                    let (top, left) = (place / across * self.patch, place % across * self.patch);
                    for inside in 0..area {
                        let (y, x) = (top + inside / self.patch, left + inside % self.patch);
                        let pixel = &view.rgb[(y * width + x) * 3..][..3];
                        for (channel, byte) in pixel.iter().enumerate() {
                            out[channel * area + inside] = self.table[usize::from(*byte)][channel];
                        }
                    }
                });
        }
        out
    }
}
