//! GOT model: encoder, decoder and KV cache behind the scheduler's interface.

use std::ops::Range;

use candle_core::{Device, Tensor};
use recto_kernels::kv_cache::ForwardPass;

use super::{
    DecodeInput, GenerativeModel, LoadOptions, SampledToken,
    sampling::{sample, token_ids},
};
use crate::engine::got::{
    config::CheckpointConfig,
    error::{GotError, candle_message},
    input_image::InputImage,
    qwen2::{CacheOptions, Qwen2Decoder},
    vit::VisionEncoder,
    weight_loader::WeightLoader,
    weights::CheckpointWeights,
};

/// Rows of a prompt in one forward pass (chunked prefill): enough for full speed, with little
/// memory.
const PREFILL_CHUNK: usize = 512;
/// Images that a GPU encodes together.
const GPU_ENCODE_BATCH: usize = 8;

/// GOT's weights and KV cache.
pub(in crate::engine::got) struct GotModel {
    pub(super) encoder: VisionEncoder,
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

impl GotModel {
    /// Loads the model.
    ///
    /// # Errors
    /// A tensor is missing or has another shape, or the device is out of memory.
    pub(in crate::engine::got) fn load(
        config: &CheckpointConfig,
        weights: &CheckpointWeights,
        options: &LoadOptions,
    ) -> Result<Self, GotError> {
        Self::load_with(config, weights, options, false)
    }

    /// The same; `use_tensors` keeps the KV cache in tensors and samples with tensor operations on
    /// the CPU too, as on a GPU. For tests.
    pub(super) fn load_with(
        config: &CheckpointConfig,
        weights: &CheckpointWeights,
        options: &LoadOptions,
        use_tensors: bool,
    ) -> Result<Self, GotError> {
        let quantized = options.quantization();
        if quantized.is_some() && !options.device.is_cpu() {
            let message = "weights in 8 or 4 bits are for the CPU; use bf16 or f16 on a GPU";
            return Err(GotError::Fit(message.to_owned()));
        }
        let loader = WeightLoader::new(weights, options.compute_dtype(), &options.device);
        let cache_options = CacheOptions {
            quantized,
            slots: options.slots,
            context: options.context,
            use_tensors,
        };
        Ok(Self {
            encoder: VisionEncoder::load(config, &loader)?,
            decoder: Qwen2Decoder::load(config, &loader, weights.tied(), &cache_options)?,
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
    pub(super) fn prefill_logits(
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
    pub(super) fn decode_logits(&mut self, rows: &[(usize, u32)]) -> Result<Tensor, String> {
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

    fn encode(&mut self, images: &[&InputImage]) -> Result<Vec<Tensor>, String> {
        let mut embeddings = Vec::with_capacity(images.len());
        for batch in images.chunk_by(|one, next| one.height == next.height) {
            let features = self.encoder.features(batch).map_err(message)?;
            let tokens = self.encoder.project(&features).map_err(message)?;
            for index in 0..batch.len() {
                let embedding = tokens.get(index).and_then(|rows| rows.contiguous());
                embeddings.push(embedding.map_err(message)?);
            }
        }
        Ok(embeddings)
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

fn message(error: candle_core::Error) -> String {
    candle_message(&error)
}
