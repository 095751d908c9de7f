//! Decoder sizes: the members of the reference's `Qwen2Config`.

use serde_json::{Map, Value};

use super::{TextConfig, reader::ConfigReader};
use crate::engine::got::error::GotError;

/// Maximum tokens of a vocabulary.
const MAX_VOCAB: usize = 1 << 20;
/// Maximum width of hidden states, and so on: several times the largest Qwen2's.
const MAX_HIDDEN: usize = 1 << 15;
const MAX_INTERMEDIATE: usize = 1 << 18;
const MAX_LAYERS: usize = 512;
const MAX_HEADS: usize = 512;
/// Maximum positions of a sequence.
const MAX_POSITIONS: usize = 1 << 22;
/// Maximum base of the rotary position embeddings.
const MAX_THETA: f64 = 1e12;
/// The reference's default base.
const DEFAULT_THETA: f64 = 10_000.0;

/// Sizes of GOT's decoder that the configuration may leave out: the defaults of `GotOcr2Config`.
pub(super) fn got_defaults() -> Map<String, Value> {
    let sizes = [
        ("vocab_size", 151_860),
        ("hidden_size", 1024),
        ("intermediate_size", 2816),
        ("num_hidden_layers", 24),
        ("num_attention_heads", 16),
        ("num_key_value_heads", 16),
        ("rope_theta", 1_000_000),
    ];
    let reader = sizes.map(|(name, size)| (name.to_owned(), size.into()));
    reader.into_iter().collect()
}

/// Reads the sizes. Missing members have the defaults of `Qwen2Config`.
pub(super) fn text(reader: &ConfigReader<'_>, tied: bool) -> Result<TextConfig, GotError> {
    reader.require_one_of("hidden_act", &["silu".into()])?;
    reader.require_one_of("use_sliding_window", &[false.into()])?;
    full_attention(reader)?;
    let hidden = reader.size("hidden_size", 4096, 1..=MAX_HIDDEN)?;
    let layers = reader.size("num_hidden_layers", 32, 1..=MAX_LAYERS)?;
    let (heads, kv_heads, head_dim) = heads(reader, hidden)?;
    Ok(TextConfig {
        vocab: reader.size("vocab_size", 151_936, 1..=MAX_VOCAB)?,
        hidden,
        intermediate: reader.size("intermediate_size", 22_016, 1..=MAX_INTERMEDIATE)?,
        layers,
        heads,
        kv_heads,
        head_dim,
        eps: reader.positive("rms_norm_eps", 1e-6, 1.0)?,
        rope_theta: rope_theta(reader)?,
        positions: reader.size("max_position_embeddings", 32_768, 1..=MAX_POSITIONS)?,
        tied,
    })
}

/// Refuses layers that do not attend to all tokens before them.
fn full_attention(reader: &ConfigReader<'_>) -> Result<(), GotError> {
    let full = |value: &Value| {
        let list = value.as_array();
        list.is_some_and(|list| list.iter().all(|kind| kind == "full_attention"))
    };
    match reader.get("layer_types") {
        Some(value) if !full(value) => {
            Err(reader.invalid("layer_types", "this engine can do only \"full_attention\""))
        }
        _ => Ok(()),
    }
}

/// Heads, key/value heads, and values per head.
fn heads(reader: &ConfigReader<'_>, hidden: usize) -> Result<(usize, usize, usize), GotError> {
    let heads = reader.size("num_attention_heads", 32, 1..=MAX_HEADS)?;
    let same = reader.is_null("num_key_value_heads");
    let default = if same { heads } else { 32 };
    let kv_heads = reader.size("num_key_value_heads", default, 1..=MAX_HEADS)?;
    if !heads.is_multiple_of(kv_heads) {
        let message = format!("it must divide `num_attention_heads`, {heads}");
        return Err(reader.invalid("num_key_value_heads", &message));
    }
    if reader.get("head_dim").is_none() && !hidden.is_multiple_of(heads) {
        let message = format!("it must divide `hidden_size`, {hidden}");
        return Err(reader.invalid("num_attention_heads", &message));
    }
    let head_dim = reader.size("head_dim", hidden / heads, 1..=MAX_HIDDEN)?;
    if !head_dim.is_multiple_of(2) {
        let message =
            format!("`hidden_size` and heads give heads of {head_dim}, which must be even");
        return Err(reader.invalid("head_dim", &message));
    }
    Ok((heads, kv_heads, head_dim))
}

/// The base of the rotary position embeddings: from `rope_parameters` or `rope_scaling` first, then
/// from the plain member.
fn rope_theta(reader: &ConfigReader<'_>) -> Result<f64, GotError> {
    let plain = reader.positive("rope_theta", DEFAULT_THETA, MAX_THETA)?;
    let (mut theta, nothing) = (None, Map::new());
    for name in ["rope_scaling", "rope_parameters"] {
        let rope = reader.object(name, &nothing)?;
        rope.require_one_of("rope_type", &["default".into()])?;
        rope.require_one_of("type", &["default".into()])?;
        if rope.get("rope_theta").is_some() && theta.is_none() {
            theta = Some(rope.positive("rope_theta", plain, MAX_THETA)?);
        }
    }
    Ok(theta.unwrap_or(plain))
}
