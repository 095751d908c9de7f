//! Qwen2 decoder (reference: `Qwen2ForCausalLM` of transformers), for prefill and decode.

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::ops::rms_norm;
use recto_kernels::{
    kv_cache::{ForwardPass, KvCache, KvCacheShape, KvPrecision},
    math,
    quantized::WeightBits,
};

use super::{
    config::CheckpointConfig, error::GotError, kv_cache::TensorKvCache, linear::Linear,
    tensor_slice::with_slice, weight_loader::WeightLoader,
};

/// Decoder layers, output head, and the KV cache of all slots.
pub(super) struct Qwen2Decoder {
    /// (vocabulary, hidden), in the dtype that it is kept in.
    embedding: Tensor,
    layers: Vec<DecoderLayer>,
    norm: RmsNorm,
    head: Linear,
    kv: KvBackend,
    dtype: DType,
}

struct RmsNorm {
    weight: Tensor,
    eps: f32,
}

struct DecoderLayer {
    attention_norm: RmsNorm,
    qkv: Linear,
    out: Linear,
    mlp_norm: RmsNorm,
    gate_up: Linear,
    down: Linear,
    intermediate: usize,
}

/// The KV cache and the code that attends over it.
enum KvBackend {
    /// CPU kernels.
    Kernels(KvCache),
    /// Tensor operations, for GPUs.
    Tensors(TensorKvCache),
}

/// Bit widths of the decoder's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QuantConfig {
    /// Gate and up projections: nearly half of the layers' weights, whose rounding errors matter
    /// least.
    pub(super) gate_up: WeightBits,
    /// Attention and down projections, which write to the residual stream, and the output head.
    pub(super) other: WeightBits,
}

/// Options of the decoder's weights and its KV cache.
pub(super) struct CacheOptions {
    /// Quantization of the weights, on the CPU.
    pub(super) quantized: Option<QuantConfig>,
    /// Sequences that the KV cache holds.
    pub(super) slots: usize,
    /// Positions of each sequence.
    pub(super) context: usize,
    /// Use tensor operations on the CPU too, as on a GPU. For tests.
    pub(super) use_tensors: bool,
}

/// Sizes of the decoder's attention.
pub(super) fn kv_cache_shape(
    config: &CheckpointConfig,
    slots: usize,
    context: usize,
) -> KvCacheShape {
    let text = &config.text;
    KvCacheShape {
        layers: text.layers,
        heads: text.heads,
        kv_heads: text.kv_heads,
        dim: text.head_dim,
        slots,
        context,
    }
}

impl Qwen2Decoder {
    /// Loads the decoder.
    ///
    /// # Errors
    /// A tensor is missing or has another shape.
    pub(super) fn load(
        config: &CheckpointConfig,
        loader: &WeightLoader<'_>,
        tied: bool,
        options: &CacheOptions,
    ) -> std::result::Result<Self, GotError> {
        let text = &config.text;
        let model = loader.scoped("model.language_model");
        let embedding = model.get("embed_tokens.weight", &[text.vocab, text.hidden])?;
        let head_bits = options.quantized.map(|quantized| quantized.other);
        let head = match tied {
            true => Linear::new(embedding.clone(), None, head_bits)?,
            false => loader.linear(&["lm_head"], &[text.vocab], text.hidden, false, head_bits)?,
        };
        // Single rows are looked up, so 16 bits cost no accuracy that matters if the head has its
        // own copy.
        let embedding = match options.quantized {
            Some(_) => embedding.to_dtype(DType::BF16)?,
            None => embedding,
        };
        let layers = (0..text.layers)
            .map(|layer| {
                DecoderLayer::load(config, &model.scoped(&format!("layers.{layer}")), options)
            })
            .collect::<std::result::Result<_, _>>()?;
        let shape = kv_cache_shape(config, options.slots, options.context);
        let kv = if loader.device().is_cpu() && !options.use_tensors {
            let kv_precision = kv_precision(options.quantized.is_some());
            KvBackend::Kernels(KvCache::new(shape, kv_precision, text.rope_theta))
        } else {
            KvBackend::Tensors(TensorKvCache::new(
                shape,
                loader.dtype(),
                loader.device(),
                text.rope_theta,
            )?)
        };
        Ok(Self {
            embedding,
            layers,
            norm: RmsNorm::load(&model, "norm.weight", config)?,
            head,
            kv,
            dtype: loader.dtype(),
        })
    }

    /// Embeddings of tokens: (tokens, hidden).
    pub(super) fn embed(&self, tokens: &[u32], device: &Device) -> Result<Tensor> {
        let tokens = Tensor::from_slice(tokens, tokens.len(), device)?;
        self.embedding
            .index_select(&tokens, 0)?
            .to_dtype(self.dtype)
    }

    /// Runs hidden states (rows, hidden) through all layers and appends their keys and values to
    /// the KV cache.
    pub(super) fn forward(&mut self, x: Tensor, rows: ForwardPass<'_>) -> Result<Tensor> {
        let mut x = x;
        for (index, layer) in self.layers.iter().enumerate() {
            let qkv = layer.qkv.forward(&layer.attention_norm.forward(&x)?)?;
            let attended = match &mut self.kv {
                KvBackend::Kernels(cache) => {
                    let out = with_slice(&qkv, |qkv| cache.attend(index, qkv, rows))?;
                    Tensor::from_vec(out, (x.dim(0)?, ()), x.device())?
                }
                KvBackend::Tensors(cache) => cache.attend(index, &qkv, rows)?,
            };
            x = (x + layer.out.forward(&attended)?)?;
            x = (&x + layer.mlp(&layer.mlp_norm.forward(&x)?)?)?;
        }
        Ok(x)
    }

    /// Logits after hidden states: (rows, vocabulary).
    pub(super) fn logits(&self, x: &Tensor) -> Result<Tensor> {
        self.head.forward(&self.norm.forward(x)?)
    }
}

/// Number format of the KV cache on the CPU.
pub(super) fn kv_precision(quantized: bool) -> KvPrecision {
    match quantized {
        true => KvPrecision::F16,
        false => KvPrecision::F32,
    }
}

impl RmsNorm {
    fn load(
        loader: &WeightLoader<'_>,
        name: &str,
        config: &CheckpointConfig,
    ) -> std::result::Result<Self, GotError> {
        let weight = loader.get(name, &[config.text.hidden])?;
        Ok(Self {
            weight,
            eps: config.text.eps as f32,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        rms_norm(x, &self.weight, self.eps)
    }
}

impl DecoderLayer {
    fn load(
        config: &CheckpointConfig,
        loader: &WeightLoader<'_>,
        options: &CacheOptions,
    ) -> std::result::Result<Self, GotError> {
        let text = &config.text;
        let (hidden, wide) = (text.hidden, text.intermediate);
        let (q, kv) = (text.heads * text.head_dim, text.kv_heads * text.head_dim);
        let bits = options.quantized.map(|quantized| quantized.other);
        let gate_up_bits = options.quantized.map(|quantized| quantized.gate_up);
        let qkv = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];
        let gate_up = ["mlp.gate_proj", "mlp.up_proj"];
        Ok(Self {
            attention_norm: RmsNorm::load(loader, "input_layernorm.weight", config)?,
            qkv: loader.linear(&qkv, &[q, kv, kv], hidden, true, bits)?,
            out: loader.linear(&["self_attn.o_proj"], &[hidden], q, false, bits)?,
            mlp_norm: RmsNorm::load(loader, "post_attention_layernorm.weight", config)?,
            gate_up: loader.linear(&gate_up, &[wide, wide], hidden, false, gate_up_bits)?,
            down: loader.linear(&["mlp.down_proj"], &[hidden], wide, false, bits)?,
            intermediate: wide,
        })
    }

    fn mlp(&self, x: &Tensor) -> Result<Tensor> {
        let both = self.gate_up.forward(x)?;
        let (rows, wide) = (x.dim(0)?, self.intermediate);
        let inner = if x.device().is_cpu() {
            let mut out = vec![0.0; rows * wide];
            with_slice(&both, |both| math::silu_mul(both, &mut out, wide))?;
            Tensor::from_vec(out, (rows, wide), x.device())?
        } else {
            let gate = both.narrow(D::Minus1, 0, wide)?.contiguous()?.silu()?;
            (gate * both.narrow(D::Minus1, wide, wide)?)?
        };
        self.down.forward(&inner)
    }
}
