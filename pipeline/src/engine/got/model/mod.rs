//! Model interface of the scheduler.

mod got_model;
mod sampling;

use std::ops::Range;

use candle_core::{DType, Device};
use recto_kernels::quantized::WeightBits;
use recto_schemas::Dtype;

pub(super) use self::got_model::GotModel;
use super::{input_image::InputImage, qwen2::QuantConfig};

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
    fn encode(&mut self, images: &[&InputImage]) -> Result<Vec<Self::Embedding>, String>;

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
    pub(super) fn quantization(&self) -> Option<QuantConfig> {
        match self.dtype {
            Dtype::Q8 => Some(QuantConfig {
                gate_up: WeightBits::Eight,
                other: WeightBits::Eight,
            }),
            Dtype::Q4 => Some(QuantConfig {
                gate_up: WeightBits::Four,
                other: WeightBits::Eight,
            }),
            Dtype::F32 | Dtype::Bf16 | Dtype::F16 => None,
        }
    }
}

#[cfg(test)]
mod tests;
