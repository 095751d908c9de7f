//! The decoder (Qwen2; reference: `Qwen2ForCausalLM` of transformers), a step or a run of rows at a time.

use candle_core::{D, DType, Device, Result, Tensor};
use candle_nn::ops::rms_norm;

use super::{
    config::CheckpointConfig,
    device_cache::TensorKvCache,
    error::GotError,
    host::with_slice,
    kernels::{
        cache::{ForwardPass, KvCache, KvCacheShape, KvPrecision},
        math,
        quantised::WeightBits,
    },
    linear::Linear,
    source::WeightLoader,
};

/// Decoder, head and the keys and values of all slots.
pub(super) struct Qwen2Decoder {
    /// (vocabulary, hidden), in the type it is stored in.
    embedding: Tensor,
    layers: Vec<DecoderLayer>,
    norm: RmsNorm,
    head: Linear,
    keys: KvBackend,
    dtype: DType,
}

struct RmsNorm {
    weight: Tensor,
    eps: f32,
}

struct DecoderLayer {
    before_attention: RmsNorm,
    qkv: Linear,
    out: Linear,
    before_mlp: RmsNorm,
    gate_up: Linear,
    down: Linear,
    intermediate: usize,
}

/// Where keys and values are, and who computes attention over them.
enum KvBackend {
    /// On the CPU, by kernels.
    Host(KvCache),
    /// By tensors.
    Device(TensorKvCache),
}

/// Fewer bits for the decoder's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QuantConfig {
    /// For gates and ups, near half of the layers' weights, whose errors hurt least.
    pub(super) wide: WeightBits,
    /// For attention, for what goes back into the stream of all layers, and for the head.
    pub(super) other: WeightBits,
}

/// How the decoder is kept.
pub(super) struct CacheOptions {
    /// Fewer bits, on the CPU.
    pub(super) quantised: Option<QuantConfig>,
    /// Sequences.
    pub(super) slots: usize,
    /// Positions of each.
    pub(super) context: usize,
    /// Keys and values by tensors even on the CPU, as a GPU keeps them.
    pub(super) by_tensors: bool,
}

/// Sizes of its attention.
pub(super) fn shape(config: &CheckpointConfig, slots: usize, context: usize) -> KvCacheShape {
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
    /// Loads it. `embedding_dtype` is what the embedding stays in.
    ///
    /// # Errors
    /// A tensor is missing or misshapen.
    pub(super) fn load(
        config: &CheckpointConfig,
        source: &WeightLoader<'_>,
        tied: bool,
        kept: &CacheOptions,
    ) -> std::result::Result<Self, GotError> {
        let text = &config.text;
        let model = source.below("model.language_model");
        let embedding = model.get("embed_tokens.weight", &[text.vocab, text.hidden])?;
        let head_bits = kept.quantised.map(|quantised| quantised.other);
        let head = match tied {
            true => Linear::new(embedding.clone(), None, head_bits)?,
            false => source.linear(&["lm_head"], &[text.vocab], text.hidden, false, head_bits)?,
        };
        // Rows are looked up one by one: 16 bits are enough where the head has its own copy.
        let embedding = match kept.quantised {
            Some(_) => embedding.to_dtype(DType::BF16)?,
            None => embedding,
        };
        let layers = (0..text.layers)
            .map(|layer| DecoderLayer::load(config, &model.below(&format!("layers.{layer}")), kept))
            .collect::<std::result::Result<_, _>>()?;
        let shape = shape(config, kept.slots, kept.context);
        let keys = if source.device().is_cpu() && !kept.by_tensors {
            let precision = precision(kept.quantised.is_some());
            KvBackend::Host(KvCache::new(shape, precision, text.rope_theta))
        } else {
            let place = (source.dtype(), source.device());
            KvBackend::Device(TensorKvCache::new(shape, place, text.rope_theta)?)
        };
        Ok(Self {
            embedding,
            layers,
            norm: RmsNorm::load(&model, "norm.weight", config)?,
            head,
            keys,
            dtype: source.dtype(),
        })
    }

    /// Tokens to rows: (tokens, hidden).
    pub(super) fn embed(&self, tokens: &[u32], device: &Device) -> Result<Tensor> {
        let tokens = Tensor::from_slice(tokens, tokens.len(), device)?;
        self.embedding
            .index_select(&tokens, 0)?
            .to_dtype(self.dtype)
    }

    /// Rows (rows, hidden) through all layers, keys and values kept.
    pub(super) fn forward(&mut self, x: Tensor, rows: ForwardPass<'_>) -> Result<Tensor> {
        let mut x = x;
        for (index, layer) in self.layers.iter().enumerate() {
            let qkv = layer.qkv.forward(&layer.before_attention.forward(&x)?)?;
            let attended = match &mut self.keys {
                KvBackend::Host(cache) => {
                    let out = with_slice(&qkv, |qkv| cache.attend(index, qkv, rows))?;
                    Tensor::from_vec(out, (x.dim(0)?, ()), x.device())?
                }
                KvBackend::Device(cache) => cache.attend(index, &qkv, rows)?,
            };
            x = (x + layer.out.forward(&attended)?)?;
            x = (&x + layer.mlp(&layer.before_mlp.forward(&x)?)?)?;
        }
        Ok(x)
    }

    /// Scores of all tokens after rows: (rows, vocabulary).
    pub(super) fn scores(&self, x: &Tensor) -> Result<Tensor> {
        self.head.forward(&self.norm.forward(x)?)
    }
}

/// How the CPU keeps keys and values.
pub(super) fn precision(quantised: bool) -> KvPrecision {
    match quantised {
        true => KvPrecision::Half,
        false => KvPrecision::Single,
    }
}

impl RmsNorm {
    fn load(
        source: &WeightLoader<'_>,
        name: &str,
        config: &CheckpointConfig,
    ) -> std::result::Result<Self, GotError> {
        let weight = source.get(name, &[config.text.hidden])?;
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
        source: &WeightLoader<'_>,
        kept: &CacheOptions,
    ) -> std::result::Result<Self, GotError> {
        let text = &config.text;
        let (hidden, wide) = (text.hidden, text.intermediate);
        let (q, kv) = (text.heads * text.head_dim, text.kv_heads * text.head_dim);
        let bits = kept.quantised.map(|quantised| quantised.other);
        let wide_bits = kept.quantised.map(|quantised| quantised.wide);
        let qkv = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];
        let gate_up = ["mlp.gate_proj", "mlp.up_proj"];
        Ok(Self {
            before_attention: RmsNorm::load(source, "input_layernorm.weight", config)?,
            qkv: source.linear(&qkv, &[q, kv, kv], hidden, true, bits)?,
            out: source.linear(&["self_attn.o_proj"], &[hidden], q, false, bits)?,
            before_mlp: RmsNorm::load(source, "post_attention_layernorm.weight", config)?,
            gate_up: source.linear(&gate_up, &[wide, wide], hidden, false, wide_bits)?,
            down: source.linear(&["mlp.down_proj"], &[hidden], wide, false, bits)?,
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
