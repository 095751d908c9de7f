//! Vision encoder: input images to image tokens.
//!
//! SAM's ViTDet (Li et al. 2022, Kirillov et al. 2023), then two convolutions of stride 2 and a
//! projection (reference: `GotOcr2VisionEncoder`, `GotOcr2MultiModalProjector`). Channels come last
//! throughout, so that each convolution is one product.

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::ops::layer_norm;
use rayon::prelude::*;
use recto_kernels::{
    math,
    window_attention::{PlaceGrid, WindowShape},
};

use super::{
    attention::{self, RelativePositions},
    config::{CheckpointConfig, ProcessorConfig},
    error::GotError,
    input_image::InputImage,
    linear::Linear,
    tensor_slice::{change, with_slice},
    weight_loader::WeightLoader,
};

/// Epsilon of the neck's layer norms (`GotOcr2LayerNorm`), which no configuration sets.
const NECK_EPS: f32 = 1e-6;

/// Encoder and projector.
pub(super) struct VisionEncoder {
    patches: PatchExtractor,
    patch: Linear,
    /// Absolute position embedding: (side, side, hidden).
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
    attention_norm: LayerNorm,
    qkv: Linear,
    positions: Option<RelativePositions>,
    /// Side of its attention windows in patches; `None`: global attention.
    window: Option<usize>,
    heads: usize,
    attention_out: Linear,
    mlp_norm: LayerNorm,
    mlp_up: Linear,
    mlp_down: Linear,
}

struct EncoderNeck {
    reduce: Linear,
    first_norm: LayerNorm,
    conv: ConvLayer,
    second_norm: LayerNorm,
}

struct MultiModalProjector {
    downsample: [ConvLayer; 2],
    project: Linear,
}

/// A convolution of 3 by 3 places, zero-padded by one place.
struct ConvLayer {
    /// (out, 9 * in): rows, columns, channels.
    weight: Linear,
    stride: usize,
}

impl VisionEncoder {
    /// Loads encoder and projector.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub(super) fn load(
        config: &CheckpointConfig,
        loader: &WeightLoader<'_>,
    ) -> std::result::Result<Self, GotError> {
        let vision = &config.vision;
        let (hidden, side) = (vision.hidden, vision.image / vision.patch);
        let tower = loader.scoped("model.vision_tower");
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
                EncoderBlock::load(config, layer, &tower.scoped(&format!("layers.{layer}")))
            })
            .collect::<std::result::Result<_, _>>()?;
        Ok(Self {
            patches: PatchExtractor::new(&config.processor, vision.patch),
            patch: Linear::new(patch.flatten_from(1)?, Some(patch_bias), None)?,
            position: position.map(|p| p.squeeze(0)).transpose()?,
            blocks,
            neck: EncoderNeck::load(config, &tower.scoped("neck"))?,
            projector: MultiModalProjector::load(
                config,
                &loader.scoped("model.multi_modal_projector"),
            )?,
            device: loader.device().clone(),
            dtype: loader.dtype(),
        })
    }

    /// Encodes images of one size, as wide as the configuration says and no higher, up to the
    /// neck's output: (images, rows, columns, channels).
    pub(super) fn features(&self, images: &[&InputImage]) -> Result<Tensor> {
        let size = images.first().map_or(
            PlaceGrid {
                rows: 0,
                columns: 0,
            },
            |image| self.patches.size(image),
        );
        let patches = self.patches.of(images);
        let width = self.patches.width();
        let rows = patches.len() / width;
        let patches = Tensor::from_vec(patches, (rows, width), &Device::Cpu)?;
        let mut x = self
            .patch
            .forward(&patches.to_device(&self.device)?.to_dtype(self.dtype)?)?;
        if let Some(position) = &self.position {
            let near = position
                .narrow(0, 0, size.rows)?
                .narrow(1, 0, size.columns)?;
            let all = x
                .reshape((images.len(), size.rows, size.columns, ()))?
                .broadcast_add(&near)?;
            x = all.reshape((rows, ()))?;
        }
        for block in &self.blocks {
            x = block.forward(&x, images.len(), size)?;
        }
        self.neck.forward(&x, images.len(), size)
    }

    /// Projects the neck's output to image tokens: (images, tokens, decoder's hidden size).
    pub(super) fn project(&self, features: &Tensor) -> Result<Tensor> {
        self.projector.forward(features)
    }
}

impl LayerNorm {
    fn load(
        loader: &WeightLoader<'_>,
        name: &str,
        size: usize,
        eps: f32,
    ) -> std::result::Result<Self, GotError> {
        Ok(Self {
            weight: loader.get(&format!("{name}.weight"), &[size])?,
            bias: loader.get(&format!("{name}.bias"), &[size])?,
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
        loader: &WeightLoader<'_>,
    ) -> std::result::Result<Self, GotError> {
        let vision = &config.vision;
        let (hidden, mlp, side) = (vision.hidden, vision.mlp, vision.image / vision.patch);
        let window = (!vision.global.contains(&layer)).then_some(vision.window);
        let linear = |name: &str, outputs: usize, inputs: usize, bias: bool| {
            loader.linear(&[name], &[outputs], inputs, bias, None)
        };
        let norm = |name| LayerNorm::load(loader, name, hidden, vision.eps as f32);
        Ok(Self {
            attention_norm: norm("layer_norm1")?,
            qkv: linear("attn.qkv", 3 * hidden, hidden, vision.qkv_bias)?,
            positions: match vision.rel_pos {
                true => Some(RelativePositions::load(
                    loader,
                    window.unwrap_or(side),
                    hidden / vision.heads,
                )?),
                false => None,
            },
            window,
            heads: vision.heads,
            attention_out: linear("attn.proj", hidden, hidden, true)?,
            mlp_norm: norm("layer_norm2")?,
            mlp_up: linear("mlp.lin1", mlp, hidden, true)?,
            mlp_down: linear("mlp.lin2", hidden, mlp, true)?,
        })
    }

    /// (images * places, hidden) to the same shape; `size` is an image's grid of places.
    fn forward(&self, x: &Tensor, images: usize, size: PlaceGrid) -> Result<Tensor> {
        let shape = WindowShape {
            size,
            window: self.window.map_or(size, |side| PlaceGrid {
                rows: side,
                columns: side,
            }),
            heads: self.heads,
            dim: x.dim(1)? / self.heads,
        };
        let qkv = self.qkv.forward(&self.attention_norm.forward(x)?)?;
        let attended = attention::attend(
            &qkv,
            self.qkv.bias(),
            self.positions.as_ref(),
            &shape,
            images,
        )?;
        let x = (x + self.attention_out.forward(&attended)?)?;
        let wide = gelu(&self.mlp_up, &self.mlp_norm.forward(&x)?)?;
        x + self.mlp_down.forward(&wide)?
    }
}

/// `gelu(linear(x))`, the exact GELU with the error function.
fn gelu(linear: &Linear, x: &Tensor) -> Result<Tensor> {
    match linear.bias() {
        Some(bias) if x.device().is_cpu() => {
            let wide = linear.matmul(x)?;
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
        loader: &WeightLoader<'_>,
    ) -> std::result::Result<Self, GotError> {
        let (hidden, channels) = (config.vision.hidden, config.vision.channels_out);
        let reduce = loader.get("conv1.weight", &[channels, hidden, 1, 1])?;
        Ok(Self {
            reduce: Linear::new(reduce.reshape((channels, hidden))?, None, None)?,
            first_norm: LayerNorm::load(loader, "layer_norm1", channels, NECK_EPS)?,
            conv: ConvLayer::load(loader, "conv2.weight", channels, channels, 1)?,
            second_norm: LayerNorm::load(loader, "layer_norm2", channels, NECK_EPS)?,
        })
    }

    /// (images * places, hidden) to (images, rows, columns, channels).
    fn forward(&self, x: &Tensor, images: usize, size: PlaceGrid) -> Result<Tensor> {
        let x = self.first_norm.forward(&self.reduce.forward(x)?)?;
        let x = x.reshape((images, size.rows, size.columns, ()))?;
        self.second_norm.forward(&self.conv.forward(&x)?)
    }
}

impl MultiModalProjector {
    fn load(
        config: &CheckpointConfig,
        loader: &WeightLoader<'_>,
    ) -> std::result::Result<Self, GotError> {
        let (channels, hidden) = (config.vision.channels_out, config.text.hidden);
        let downsample = [
            ConvLayer::load(loader, "conv_upsampler1.weight", 2 * channels, channels, 2)?,
            ConvLayer::load(loader, "conv_upsampler2.weight", hidden, 2 * channels, 2)?,
        ];
        let project = loader.linear(&["multimodal_projector"], &[hidden], hidden, true, None)?;
        Ok(Self {
            downsample,
            project,
        })
    }

    /// (images, rows, columns, channels) to (images, rows * columns / 16, hidden).
    fn forward(&self, features: &Tensor) -> Result<Tensor> {
        let [first, second] = &self.downsample;
        let x = second.forward(&first.forward(features)?)?;
        let (images, rows, columns, hidden) = x.dims4()?;
        let x = self
            .project
            .forward(&x.reshape((images * rows * columns, hidden))?)?;
        x.reshape((images, rows * columns, hidden))
    }
}

impl ConvLayer {
    fn load(
        loader: &WeightLoader<'_>,
        name: &str,
        out: usize,
        channels: usize,
        stride: usize,
    ) -> std::result::Result<Self, GotError> {
        let weight = loader.get(name, &[out, channels, 3, 3])?;
        let weight = weight.permute((0, 2, 3, 1))?.reshape((out, 9 * channels))?;
        Ok(Self {
            weight: Linear::new(weight.contiguous()?, None, None)?,
            stride,
        })
    }

    /// (images, rows, columns, in) to (images, rows / stride, columns / stride, out).
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (images, rows, columns, channels) = x.dims4()?;
        let padded = x.pad_with_zeros(1, 1, 1)?.pad_with_zeros(2, 1, 1)?;
        let out = |side: usize| side.div_ceil(self.stride);
        let (down, across) = (out(rows), out(columns));
        let taken = |first: usize, count: usize| {
            let places = (0..count).map(|index| (first + index * self.stride) as u32);
            Tensor::from_iter(places, x.device())
        };
        let mut neighbors = Vec::with_capacity(9);
        for first in 0..3 {
            let rows = padded.index_select(&taken(first, down)?, 1)?;
            for first in 0..3 {
                neighbors.push(rows.index_select(&taken(first, across)?, 2)?);
            }
        }
        let x = Tensor::cat(&neighbors, 3)?.reshape((images * down * across, 9 * channels))?;
        self.weight.forward(&x)?.reshape((images, down, across, ()))
    }
}

/// Cuts images into normalized patches.
struct PatchExtractor {
    patch: usize,
    /// The normalized value of each byte, by channel.
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

    /// Values of a patch: channels * side * side.
    fn width(&self) -> usize {
        3 * self.patch * self.patch
    }

    /// Rows and columns of an image's patches.
    fn size(&self, image: &InputImage) -> PlaceGrid {
        PlaceGrid {
            rows: image.height as usize / self.patch,
            columns: image.width as usize / self.patch,
        }
    }

    /// Patches of all images: (images * places, channels * patch * patch).
    fn of(&self, images: &[&InputImage]) -> Vec<f32> {
        let sizes: Vec<_> = images.iter().map(|image| self.size(image)).collect();
        let area = self.patch * self.patch;
        let places: usize = sizes.iter().map(|size| size.area()).sum();
        let mut out = vec![0.0f32; places * self.width()];
        let mut rest = &mut out[..];
        for (image, size) in images.iter().zip(sizes) {
            let across = size.columns;
            let width = image.width as usize;
            let (own, later) = rest.split_at_mut(size.area() * self.width());
            rest = later;
            own.par_chunks_mut(self.width())
                .enumerate()
                .for_each(|(place, out)| {
                    let (top, left) = (place / across * self.patch, place % across * self.patch);
                    for inside in 0..area {
                        let (y, x) = (top + inside / self.patch, left + inside % self.patch);
                        let pixel = &image.rgb[(y * width + x) * 3..][..3];
                        for (channel, byte) in pixel.iter().enumerate() {
                            out[channel * area + inside] = self.table[usize::from(*byte)][channel];
                        }
                    }
                });
        }
        out
    }
}
