//! Model interface of the scheduler, and its implementation with GOT's encoder and decoder.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use recto_schemas::Dtype;

use super::{
    config::CheckpointConfig,
    error::{GotError, candle_message},
    input_image::InputImage,
    kernels::{kv_cache::ForwardPass, math, quantized::WeightBits},
    qwen2::{CacheOptions, QuantConfig, Qwen2Decoder},
    tensor_slice::with_slice,
    vit::VisionEncoder,
    weight_loader::WeightLoader,
    weights::CheckpointWeights,
};

/// Rows of a prompt in one forward pass (chunked prefill): enough for full speed, with little
/// memory.
const PREFILL_CHUNK: usize = 512;
/// Images that a GPU encodes together.
const GPU_ENCODE_BATCH: usize = 8;

/// A model with slots for several sequences, owned by one thread.
pub trait GenerativeModel {
    /// Embedding of an input image after encoder and projector, one row per image token. Clones
    /// share it.
    type Embedding: Clone + Send + 'static;

    /// Number of slots, which are numbered from 0.
    fn slots(&self) -> usize;

    /// Positions of a slot, for prompt and answer together.
    fn context(&self) -> usize;

    /// Maximum images that it pays to encode together.
    fn max_encode_batch(&self) -> usize;

    /// Encodes images, at most [`GenerativeModel::max_encode_batch`]; returns one embedding each,
    /// in order.
    ///
    /// # Errors
    /// The message says what failed.
    fn encode(&mut self, views: &[&InputImage]) -> Result<Vec<Self::Embedding>, String>;

    /// The embedding of a range of an image's tokens.
    ///
    /// # Errors
    /// The image has fewer tokens.
    fn slice(
        &self,
        image: &Self::Embedding,
        tokens: Range<usize>,
    ) -> Result<Self::Embedding, String>;

    /// Starts a sequence in `slot`, which is emptied: runs the prompt through the decoder and
    /// samples the first token. Each embedding replaces the next run of image tokens in the prompt.
    ///
    /// # Errors
    /// The message says what failed; the slot is free again.
    fn prefill(
        &mut self,
        slot: usize,
        prompt: &[u32],
        images: &[&Self::Embedding],
        banned: &[u32],
    ) -> Result<SampledToken, String>;

    /// Decodes one token for each row; rows are of different slots.
    ///
    /// # Errors
    /// The message says what failed.
    fn decode(&mut self, rows: &[DecodeInput<'_>]) -> Result<Vec<SampledToken>, String>;
}

/// One sequence's row in a decode step.
#[derive(Clone, Copy, Debug)]
pub struct DecodeInput<'a> {
    /// The sequence's slot.
    pub slot: usize,
    /// Its last sampled token, the input of this step.
    pub token: u32,
    /// Tokens that may not be sampled.
    pub banned: &'a [u32],
}

/// The token with the highest logit (greedy sampling).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampledToken {
    /// Its id.
    pub token: u32,
    /// Natural logarithm of its probability among all tokens, banned ones included.
    pub logprob: f32,
}

/// Options of loading a model.
#[derive(Clone, Debug)]
pub(super) struct LoadOptions {
    /// Number format of the weights. `Bf16` and `F16` become `F32` on the CPU; `Q8` and `Q4` are
    /// for the CPU.
    pub(super) dtype: Dtype,
    /// Device that it runs on.
    pub(super) device: Device,
    /// Number of slots (the batch size).
    pub(super) slots: usize,
    /// Positions of a slot.
    pub(super) context: usize,
}

/// GOT's weights and KV cache.
pub(super) struct GotModel {
    encoder: VisionEncoder,
    decoder: Qwen2Decoder,
    device: Device,
    image_token: u32,
    /// All token ids, if sampling is done on a device: (1, vocabulary).
    ids: Option<Tensor>,
    slots: usize,
    context: usize,
    /// Positions in use, by slot.
    lengths: Vec<usize>,
}

impl LoadOptions {
    /// The dtype of activations.
    pub(super) fn compute_dtype(&self) -> DType {
        match (self.device.is_cpu(), self.dtype) {
            (false, Dtype::Bf16) => DType::BF16,
            (false, Dtype::F16) => DType::F16,
            _ => DType::F32,
        }
    }

    /// Quantization of the decoder, if the dtype asks for it.
    pub(super) fn quantized(&self) -> Option<QuantConfig> {
        match self.dtype {
            Dtype::Q8 => Some(QuantConfig {
                wide: WeightBits::Eight,
                other: WeightBits::Eight,
            }),
            Dtype::Q4 => Some(QuantConfig {
                wide: WeightBits::Four,
                other: WeightBits::Eight,
            }),
            Dtype::F32 | Dtype::Bf16 | Dtype::F16 => None,
        }
    }
}

impl GotModel {
    /// Loads the model.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub(super) fn load(
        config: &CheckpointConfig,
        weights: &CheckpointWeights,
        options: &LoadOptions,
    ) -> Result<Self, GotError> {
        Self::load_with(config, weights, options, false)
    }

    /// The same; `use_tensors` keeps the KV cache in tensors and samples with tensor operations on
    /// the CPU too, as on a GPU. For tests.
    fn load_with(
        config: &CheckpointConfig,
        weights: &CheckpointWeights,
        options: &LoadOptions,
        use_tensors: bool,
    ) -> Result<Self, GotError> {
        let quantized = options.quantized();
        if quantized.is_some() && !options.device.is_cpu() {
            let message = "weights in 8 or 4 bits are for the CPU; use bf16 or f16 on a GPU";
            return Err(GotError::Fit(message.to_owned()));
        }
        let source = WeightLoader::new(weights, options.compute_dtype(), &options.device);
        let kept = CacheOptions {
            quantized,
            slots: options.slots,
            context: options.context,
            use_tensors,
        };
        Ok(Self {
            encoder: VisionEncoder::load(config, &source)?,
            decoder: Qwen2Decoder::load(config, &source, weights.tied(), &kept)?,
            device: options.device.clone(),
            image_token: config.image_token,
            ids: match options.device.is_cpu() && !use_tensors {
                true => None,
                false => Some(token_ids(config.text.vocab, &options.device)?),
            },
            slots: options.slots,
            context: options.context,
            lengths: vec![0; options.slots],
        })
    }

    /// Prefills a prompt into `slot`; returns the logits after its last token: (1, vocabulary).
    fn prefill_logits(
        &mut self,
        slot: usize,
        prompt: &[u32],
        images: &[&Tensor],
    ) -> Result<Tensor, String> {
        if slot >= self.slots || prompt.is_empty() || prompt.len() > self.context {
            let (tokens, context) = (prompt.len(), self.context);
            return Err(format!(
                "a prompt of {tokens} tokens for a context of {context}"
            ));
        }
        self.lengths[slot] = 0;
        let rows = self.prompt_embeddings(prompt, images)?;
        let mut last = None;
        for first in (0..prompt.len()).step_by(PREFILL_CHUNK) {
            let count = PREFILL_CHUNK.min(prompt.len() - first);
            let rows = rows
                .narrow(0, first, count)
                .and_then(|rows| rows.contiguous());
            let run = ForwardPass::Prefill { slot, first };
            let out = rows
                .and_then(|rows| self.decoder.forward(rows, run))
                .map_err(message)?;
            last = Some(
                out.narrow(0, count - 1, 1)
                    .and_then(|row| row.contiguous())
                    .map_err(message)?,
            );
        }
        self.lengths[slot] = prompt.len();
        let last = last.ok_or("a prompt without tokens")?;
        self.decoder.logits(&last).map_err(message)
    }

    /// Embeddings of a prompt, in which each run of image tokens is replaced by an image's:
    /// (tokens, hidden).
    fn prompt_embeddings(&self, prompt: &[u32], images: &[&Tensor]) -> Result<Tensor, String> {
        let mut parts = Vec::new();
        let (mut at, mut images) = (0, images.iter());
        while at < prompt.len() {
            let is_image = |token: &u32| *token == self.image_token;
            let rest = &prompt[at..];
            if is_image(&rest[0]) {
                let image = images.next().ok_or("more image tokens than images")?;
                let tokens = image.dim(0).map_err(message)?;
                if rest.len() < tokens || !rest[..tokens].iter().all(is_image) {
                    return Err(format!("an image has {tokens} tokens, its place fewer"));
                }
                parts.push((*image).clone());
                at += tokens;
            } else {
                let count = rest.iter().position(is_image).unwrap_or(rest.len());
                parts.push(
                    self.decoder
                        .embed(&rest[..count], &self.device)
                        .map_err(message)?,
                );
                at += count;
            }
        }
        if images.next().is_some() {
            return Err("more images than image tokens".to_owned());
        }
        Tensor::cat(&parts, 0).map_err(message)
    }

    /// Decodes one token for rows of (slot, token); returns the logits: (rows, vocabulary).
    fn decode_logits(&mut self, rows: &[(usize, u32)]) -> Result<Tensor, String> {
        let places: Vec<(usize, usize)> = rows
            .iter()
            .map(|(slot, _)| {
                (
                    *slot,
                    self.lengths.get(*slot).copied().unwrap_or(usize::MAX),
                )
            })
            .collect();
        if places.iter().any(|(_, position)| *position >= self.context) {
            return Err("a sequence outgrew its context".to_owned());
        }
        let tokens: Vec<u32> = rows.iter().map(|(_, token)| *token).collect();
        let rows = self.decoder.embed(&tokens, &self.device);
        let out = rows.and_then(|rows| self.decoder.forward(rows, ForwardPass::Decode(&places)));
        for (slot, _) in places {
            self.lengths[slot] += 1;
        }
        out.and_then(|out| self.decoder.logits(&out))
            .map_err(message)
    }
}

impl GenerativeModel for GotModel {
    type Embedding = Tensor;

    fn slots(&self) -> usize {
        self.slots
    }

    fn context(&self) -> usize {
        self.context
    }

    fn max_encode_batch(&self) -> usize {
        if self.device.is_cpu() {
            1
        } else {
            GPU_ENCODE_BATCH
        }
    }

    fn encode(&mut self, views: &[&InputImage]) -> Result<Vec<Tensor>, String> {
        let mut images = Vec::with_capacity(views.len());
        for views in views.chunk_by(|one, next| one.height == next.height) {
            let features = self.encoder.features(views).map_err(message)?;
            let tokens = self.encoder.project(&features).map_err(message)?;
            for view in 0..views.len() {
                let image = tokens.get(view).and_then(|image| image.contiguous());
                images.push(image.map_err(message)?);
            }
        }
        Ok(images)
    }

    fn slice(&self, image: &Tensor, tokens: Range<usize>) -> Result<Tensor, String> {
        image.narrow(0, tokens.start, tokens.len()).map_err(message)
    }

    fn prefill(
        &mut self,
        slot: usize,
        prompt: &[u32],
        images: &[&Tensor],
        banned: &[u32],
    ) -> Result<SampledToken, String> {
        let logits = self.prefill_logits(slot, prompt, images)?;
        let choices = sample(&logits, &[banned], self.ids.as_ref())?;
        choices
            .first()
            .copied()
            .ok_or_else(|| "no token was chosen".to_owned())
    }

    fn decode(&mut self, rows: &[DecodeInput<'_>]) -> Result<Vec<SampledToken>, String> {
        let tokens: Vec<(usize, u32)> = rows.iter().map(|row| (row.slot, row.token)).collect();
        let banned: Vec<&[u32]> = rows.iter().map(|row| row.banned).collect();
        let logits = self.decode_logits(&tokens)?;
        sample(&logits, &banned, self.ids.as_ref())
    }
}

/// Samples the best token of each row of logits (rows, vocabulary). `ids` are all token ids if the
/// logits are not on the CPU: (1, vocabulary), as floats, which hold them exactly.
fn sample(
    logits: &Tensor,
    banned: &[&[u32]],
    ids: Option<&Tensor>,
) -> Result<Vec<SampledToken>, String> {
    const NO_NUMBERS: &str = "the model gave no numbers; its weights may be damaged, or need a wider format (--got-dtype)";
    let Some(ids) = ids else {
        let (_, vocabulary) = logits.dims2().map_err(message)?;
        let best = with_slice(logits, |logits| {
            let rows = logits.par_chunks(vocabulary).zip(banned.par_iter());
            rows.map(|(logits, banned)| math::top_token(logits, banned))
                .collect::<Option<Vec<_>>>()
        });
        let best = best.map_err(message)?.ok_or(NO_NUMBERS)?;
        let choice = |best: &math::TopToken| SampledToken {
            token: best.index as u32,
            logprob: best.logprob,
        };
        return Ok(best.iter().map(choice).collect());
    };
    let choices = sample_on_device(logits, banned, ids).map_err(message)?;
    match choices.iter().all(|choice| choice.logprob.is_finite()) {
        true => Ok(choices),
        false => Err(NO_NUMBERS.to_owned()),
    }
}

/// The same on the device, so that only tokens and log-probabilities are copied back. Of equal
/// logits the first wins.
fn sample_on_device(
    logits: &Tensor,
    banned: &[&[u32]],
    ids: &Tensor,
) -> candle_core::Result<Vec<SampledToken>> {
    let logits = logits.to_dtype(DType::F32)?;
    let top = logits.max_keepdim(1)?;
    let sum = logits.broadcast_sub(&top)?.exp()?.sum_keepdim(1)?;
    let allowed = mask_banned(&logits, banned)?;
    let is_best = allowed.broadcast_eq(&allowed.max_keepdim(1)?)?;
    let last = ids.narrow(1, ids.dim(1)? - 1, 1)?;
    let token = is_best
        .where_cond(
            &ids.broadcast_as(logits.shape())?,
            &last.broadcast_as(logits.shape())?,
        )?
        .min_keepdim(1)?;
    let score = logits.gather(&token.to_dtype(DType::U32)?, 1)?;
    let logprob = ((score - top)? - sum.log()?)?;
    let choices = Tensor::cat(&[token, logprob], 1)?.to_vec2::<f32>()?;
    let choice = |row: &Vec<f32>| SampledToken {
        token: row[0] as u32,
        logprob: row[1],
    };
    Ok(choices.iter().map(choice).collect())
}

/// Logits with those of banned tokens at negative infinity.
fn mask_banned(logits: &Tensor, banned: &[&[u32]]) -> candle_core::Result<Tensor> {
    if banned.iter().all(|banned| banned.is_empty()) {
        return Ok(logits.clone());
    }
    let (_, vocabulary) = logits.dims2()?;
    let allowed = logits.copy()?;
    for (row, banned) in banned.iter().enumerate() {
        let known = |token: &&u32| (**token as usize) < vocabulary;
        let banned: Vec<u32> = banned.iter().filter(known).copied().collect();
        let count = banned.len();
        if count > 0 {
            let banned = Tensor::from_vec(banned, (1, count), logits.device())?;
            let never = Tensor::full(f32::NEG_INFINITY, (1, count), logits.device())?;
            allowed.narrow(0, row, 1)?.scatter_set(&banned, &never, 1)?;
        }
    }
    Ok(allowed)
}

/// All token ids: (1, vocabulary).
fn token_ids(vocabulary: usize, device: &Device) -> candle_core::Result<Tensor> {
    Tensor::arange(0f32, vocabulary as f32, device)?.unsqueeze(0)
}

fn message(error: candle_core::Error) -> String {
    candle_message(&error)
}

#[cfg(test)]
mod tests;
