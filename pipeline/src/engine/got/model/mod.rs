//! [`GenerativeModel`]: encoder and decoder as the scheduler sees them, a batch of slots; and [`GotModel`], the one that
//! computes.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use recto_schemas::Dtype;

use super::{
    config::CheckpointConfig,
    error::{GotError, words},
    host::with_slice,
    kernels::{cache::ForwardPass, math, quantised::WeightBits},
    qwen2::{CacheOptions, QuantConfig, Qwen2Decoder},
    source::WeightLoader,
    view::InputImage,
    vit::VisionEncoder,
    weights::CheckpointWeights,
};

/// Rows of a prompt that go through the decoder together: enough for full speed, little to hold.
const PROMPT_ROWS: usize = 512;
/// Views that a GPU encodes together.
const DEVICE_VIEWS: usize = 8;

/// A model with places for several sequences. One thread owns it.
pub trait GenerativeModel {
    /// A view after the encoder and the projector: its image tokens. Copies share them.
    type Image: Clone + Send + 'static;

    /// Sequences it can hold at once; slots are numbered from 0.
    fn slots(&self) -> usize;

    /// Positions a slot has, prompt and answer together.
    fn context(&self) -> usize;

    /// Most views that are encoded together with gain.
    fn encode_batch(&self) -> usize;

    /// Encodes views, at most [`GenerativeModel::encode_batch`]; one image each, in order.
    ///
    /// # Errors
    /// What failed, in words.
    fn encode(&mut self, views: &[&InputImage]) -> Result<Vec<Self::Image>, String>;

    /// Some of an image's tokens.
    ///
    /// # Errors
    /// It has fewer; says so in words.
    fn part(&self, image: &Self::Image, tokens: Range<usize>) -> Result<Self::Image, String>;

    /// Starts a sequence in `slot`, whatever was in it before: takes the prompt in and gives the first token.
    /// Each image stands for the next run of image tokens in the prompt.
    ///
    /// # Errors
    /// What failed, in words; the slot is free again.
    fn prefill(
        &mut self,
        slot: usize,
        prompt: &[u32],
        images: &[&Self::Image],
        banned: &[u32],
    ) -> Result<SampledToken, String>;

    /// One token more for each row; rows name different slots.
    ///
    /// # Errors
    /// What failed, in words.
    fn step(&mut self, rows: &[DecodeInput<'_>]) -> Result<Vec<SampledToken>, String>;
}

/// One sequence's part of a step.
#[derive(Clone, Copy, Debug)]
pub struct DecodeInput<'a> {
    /// Where the sequence is.
    pub slot: usize,
    /// The token chosen last, which this step takes in.
    pub token: u32,
    /// Tokens that may not be chosen.
    pub banned: &'a [u32],
}

/// The token with the highest score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampledToken {
    /// Its id.
    pub token: u32,
    /// Natural logarithm of its probability among all tokens, before any was banned.
    pub logprob: f32,
}

/// How a model is loaded.
#[derive(Clone, Debug)]
pub(super) struct LoadOptions {
    /// Number format of the weights; `Bf16` and `F16` become `F32` on the CPU, `Q8` and `Q4` are for the CPU.
    pub(super) dtype: Dtype,
    /// Where it runs.
    pub(super) device: Device,
    /// Sequences at once.
    pub(super) slots: usize,
    /// Positions of each.
    pub(super) context: usize,
}

/// GOT with its weights and cache.
pub(super) struct GotModel {
    encoder: VisionEncoder,
    decoder: Qwen2Decoder,
    device: Device,
    image_token: u32,
    /// All tokens' ids, where the choice is made on a device: (1, vocabulary).
    ids: Option<Tensor>,
    slots: usize,
    context: usize,
    /// Positions taken in, by slot.
    lengths: Vec<usize>,
}

impl LoadOptions {
    /// What is computed in.
    pub(super) fn computed(&self) -> DType {
        match (self.device.is_cpu(), self.dtype) {
            (false, Dtype::Bf16) => DType::BF16,
            (false, Dtype::F16) => DType::F16,
            _ => DType::F32,
        }
    }

    /// Fewer bits for the decoder.
    pub(super) fn quantised(&self) -> Option<QuantConfig> {
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
    /// Loads it.
    ///
    /// # Errors
    /// A tensor is missing or misshapen, or the device has no room.
    pub(super) fn load(
        config: &CheckpointConfig,
        weights: &CheckpointWeights,
        wish: &LoadOptions,
    ) -> Result<Self, GotError> {
        Self::load_with(config, weights, wish, false)
    }

    /// The same; `by_tensors` keeps keys and values, and chooses tokens, as on a GPU, on the CPU too.
    fn load_with(
        config: &CheckpointConfig,
        weights: &CheckpointWeights,
        wish: &LoadOptions,
        by_tensors: bool,
    ) -> Result<Self, GotError> {
        let quantised = wish.quantised();
        if quantised.is_some() && !wish.device.is_cpu() {
            let message = "weights in 8 or 4 bits are for the CPU; use bf16 or f16 on a GPU";
            return Err(GotError::Fit(message.to_owned()));
        }
        let source = WeightLoader::new(weights, wish.computed(), &wish.device);
        let kept = CacheOptions {
            quantised,
            slots: wish.slots,
            context: wish.context,
            by_tensors,
        };
        Ok(Self {
            encoder: VisionEncoder::load(config, &source)?,
            decoder: Qwen2Decoder::load(config, &source, weights.tied(), &kept)?,
            device: wish.device.clone(),
            image_token: config.image_token,
            ids: match wish.device.is_cpu() && !by_tensors {
                true => None,
                false => Some(ids(config.text.vocab, &wish.device)?),
            },
            slots: wish.slots,
            context: wish.context,
            lengths: vec![0; wish.slots],
        })
    }

    /// Takes a prompt into `slot`; gives the scores after its last token: (1, vocabulary).
    fn take_in(
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
        let rows = self.rows(prompt, images)?;
        let mut last = None;
        for first in (0..prompt.len()).step_by(PROMPT_ROWS) {
            let count = PROMPT_ROWS.min(prompt.len() - first);
            let rows = rows
                .narrow(0, first, count)
                .and_then(|rows| rows.contiguous());
            let run = ForwardPass::Run { slot, first };
            let out = rows
                .and_then(|rows| self.decoder.forward(rows, run))
                .map_err(text)?;
            last = Some(
                out.narrow(0, count - 1, 1)
                    .and_then(|row| row.contiguous())
                    .map_err(text)?,
            );
        }
        self.lengths[slot] = prompt.len();
        let last = last.ok_or("a prompt without tokens")?;
        self.decoder.scores(&last).map_err(text)
    }

    /// A prompt's rows, each run of image tokens replaced by an image: (tokens, hidden).
    fn rows(&self, prompt: &[u32], images: &[&Tensor]) -> Result<Tensor, String> {
        let mut parts = Vec::new();
        let (mut at, mut images) = (0, images.iter());
        while at < prompt.len() {
            let is_image = |token: &u32| *token == self.image_token;
            let rest = &prompt[at..];
            if is_image(&rest[0]) {
                let image = images.next().ok_or("more image tokens than images")?;
                let tokens = image.dim(0).map_err(text)?;
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
                        .map_err(text)?,
                );
                at += count;
            }
        }
        if images.next().is_some() {
            return Err("more images than image tokens".to_owned());
        }
        Tensor::cat(&parts, 0).map_err(text)
    }

    /// One token more for rows of slot and token; gives the scores: (rows, vocabulary).
    fn advance(&mut self, rows: &[(usize, u32)]) -> Result<Tensor, String> {
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
        let out = rows.and_then(|rows| self.decoder.forward(rows, ForwardPass::Step(&places)));
        for (slot, _) in places {
            self.lengths[slot] += 1;
        }
        out.and_then(|out| self.decoder.scores(&out)).map_err(text)
    }
}

impl GenerativeModel for GotModel {
    type Image = Tensor;

    fn slots(&self) -> usize {
        self.slots
    }

    fn context(&self) -> usize {
        self.context
    }

    fn encode_batch(&self) -> usize {
        if self.device.is_cpu() {
            1
        } else {
            DEVICE_VIEWS
        }
    }

    fn encode(&mut self, views: &[&InputImage]) -> Result<Vec<Tensor>, String> {
        let mut images = Vec::with_capacity(views.len());
        for views in views.chunk_by(|one, next| one.height == next.height) {
            let features = self.encoder.features(views).map_err(text)?;
            let tokens = self.encoder.project(&features).map_err(text)?;
            for view in 0..views.len() {
                let image = tokens.get(view).and_then(|image| image.contiguous());
                images.push(image.map_err(text)?);
            }
        }
        Ok(images)
    }

    fn part(&self, image: &Tensor, tokens: Range<usize>) -> Result<Tensor, String> {
        image.narrow(0, tokens.start, tokens.len()).map_err(text)
    }

    fn prefill(
        &mut self,
        slot: usize,
        prompt: &[u32],
        images: &[&Tensor],
        banned: &[u32],
    ) -> Result<SampledToken, String> {
        let scores = self.take_in(slot, prompt, images)?;
        let choices = choose(&scores, &[banned], self.ids.as_ref())?;
        choices
            .first()
            .copied()
            .ok_or_else(|| "no token was chosen".to_owned())
    }

    fn step(&mut self, rows: &[DecodeInput<'_>]) -> Result<Vec<SampledToken>, String> {
        let tokens: Vec<(usize, u32)> = rows.iter().map(|row| (row.slot, row.token)).collect();
        let banned: Vec<&[u32]> = rows.iter().map(|row| row.banned).collect();
        let scores = self.advance(&tokens)?;
        choose(&scores, &banned, self.ids.as_ref())
    }
}

/// The best token of each row of scores (rows, vocabulary). `ids` are all tokens' ids where the scores are not on
/// the CPU: (1, vocabulary), as floats, which hold them exactly.
fn choose(
    scores: &Tensor,
    banned: &[&[u32]],
    ids: Option<&Tensor>,
) -> Result<Vec<SampledToken>, String> {
    const NO_NUMBERS: &str = "the model gave no numbers; its weights may be damaged, or need a wider format (--got-dtype)";
    let Some(ids) = ids else {
        let (_, vocabulary) = scores.dims2().map_err(text)?;
        let best = with_slice(scores, |scores| {
            let rows = scores.par_chunks(vocabulary).zip(banned.par_iter());
            rows.map(|(scores, banned)| math::best(scores, banned))
                .collect::<Option<Vec<_>>>()
        });
        let best = best.map_err(text)?.ok_or(NO_NUMBERS)?;
        let choice = |best: &math::TopToken| SampledToken {
            token: best.index as u32,
            logprob: best.logprob,
        };
        return Ok(best.iter().map(choice).collect());
    };
    let choices = choose_there(scores, banned, ids).map_err(text)?;
    match choices.iter().all(|choice| choice.logprob.is_finite()) {
        true => Ok(choices),
        false => Err(NO_NUMBERS.to_owned()),
    }
}

/// The same on the device: only tokens and their log-probabilities come back. Of equal scores the first counts.
fn choose_there(
    scores: &Tensor,
    banned: &[&[u32]],
    ids: &Tensor,
) -> candle_core::Result<Vec<SampledToken>> {
    let scores = scores.to_dtype(DType::F32)?;
    let top = scores.max_keepdim(1)?;
    let sum = scores.broadcast_sub(&top)?.exp()?.sum_keepdim(1)?;
    let allowed = allowed(&scores, banned)?;
    let is_best = allowed.broadcast_eq(&allowed.max_keepdim(1)?)?;
    let last = ids.narrow(1, ids.dim(1)? - 1, 1)?;
    let token = is_best
        .where_cond(
            &ids.broadcast_as(scores.shape())?,
            &last.broadcast_as(scores.shape())?,
        )?
        .min_keepdim(1)?;
    let score = scores.gather(&token.to_dtype(DType::U32)?, 1)?;
    let logprob = ((score - top)? - sum.log()?)?;
    let choices = Tensor::cat(&[token, logprob], 1)?.to_vec2::<f32>()?;
    let choice = |row: &Vec<f32>| SampledToken {
        token: row[0] as u32,
        logprob: row[1],
    };
    Ok(choices.iter().map(choice).collect())
}

/// Scores without those of banned tokens.
fn allowed(scores: &Tensor, banned: &[&[u32]]) -> candle_core::Result<Tensor> {
    if banned.iter().all(|banned| banned.is_empty()) {
        return Ok(scores.clone());
    }
    let (_, vocabulary) = scores.dims2()?;
    let allowed = scores.copy()?;
    for (row, banned) in banned.iter().enumerate() {
        let known = |token: &&u32| (**token as usize) < vocabulary;
        let banned: Vec<u32> = banned.iter().filter(known).copied().collect();
        let count = banned.len();
        if count > 0 {
            let banned = Tensor::from_vec(banned, (1, count), scores.device())?;
            let never = Tensor::full(f32::NEG_INFINITY, (1, count), scores.device())?;
            allowed.narrow(0, row, 1)?.scatter_set(&banned, &never, 1)?;
        }
    }
    Ok(allowed)
}

/// All tokens' ids: (1, vocabulary).
fn ids(vocabulary: usize, device: &Device) -> candle_core::Result<Tensor> {
    Tensor::arange(0f32, vocabulary as f32, device)?.unsqueeze(0)
}

fn text(error: candle_core::Error) -> String {
    words(&error)
}

#[cfg(test)]
mod tests;
