//! The decoder's sizes: what the reference's `Qwen2Config` holds.

use serde_json::{Map, Value};

use super::{TextConfig, members::ConfigReader};
use crate::engine::got::error::GotError;

/// Most tokens in a vocabulary.
const MOST_VOCAB: usize = 1 << 20;
/// Most values of a hidden state, and most layers and heads: several times the largest Qwen2's.
const MOST_HIDDEN: usize = 1 << 15;
const MOST_INTERMEDIATE: usize = 1 << 18;
const MOST_LAYERS: usize = 512;
const MOST_HEADS: usize = 512;
/// Most positions.
const MOST_POSITIONS: usize = 1 << 22;
/// Largest base of the rotary positions.
const MOST_THETA: f64 = 1e12;
/// The reference's base where no file says one.
const DEFAULT_THETA: f64 = 10_000.0;

/// What GOT's decoder is where the configuration says nothing of it: defaults of `GotOcr2Config`.
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
    let members = sizes.map(|(name, size)| (name.to_owned(), size.into()));
    members.into_iter().collect()
}

/// The sizes in `members`; what is missing is as `Qwen2Config` defaults it.
pub(super) fn text(members: &ConfigReader<'_>, tied: bool) -> Result<TextConfig, GotError> {
    members.only("hidden_act", &["silu".into()])?;
    members.only("use_sliding_window", &[false.into()])?;
    full_attention(members)?;
    let hidden = members.size("hidden_size", 4096, 1..=MOST_HIDDEN)?;
    let layers = members.size("num_hidden_layers", 32, 1..=MOST_LAYERS)?;
    let (heads, kv_heads, head_dim) = heads(members, hidden)?;
    Ok(TextConfig {
        vocab: members.size("vocab_size", 151_936, 1..=MOST_VOCAB)?,
        hidden,
        intermediate: members.size("intermediate_size", 22_016, 1..=MOST_INTERMEDIATE)?,
        layers,
        heads,
        kv_heads,
        head_dim,
        eps: members.positive("rms_norm_eps", 1e-6, 1.0)?,
        rope_theta: rope_theta(members)?,
        positions: members.size("max_position_embeddings", 32_768, 1..=MOST_POSITIONS)?,
        tied,
    })
}

/// Refuses layers that do not look at all tokens before them.
fn full_attention(members: &ConfigReader<'_>) -> Result<(), GotError> {
    let full = |value: &Value| {
        let list = value.as_array();
        list.is_some_and(|list| list.iter().all(|kind| kind == "full_attention"))
    };
    match members.get("layer_types") {
        Some(value) if !full(value) => {
            Err(members.refuse("layer_types", "this engine can do only \"full_attention\""))
        }
        _ => Ok(()),
    }
}

/// Heads, key/value heads, and values of a head.
fn heads(members: &ConfigReader<'_>, hidden: usize) -> Result<(usize, usize, usize), GotError> {
    let heads = members.size("num_attention_heads", 32, 1..=MOST_HEADS)?;
    let same = members.is_null("num_key_value_heads");
    let default = if same { heads } else { 32 };
    let kv_heads = members.size("num_key_value_heads", default, 1..=MOST_HEADS)?;
    if !heads.is_multiple_of(kv_heads) {
        let message = format!("it must divide `num_attention_heads`, {heads}");
        return Err(members.refuse("num_key_value_heads", &message));
    }
    if members.get("head_dim").is_none() && !hidden.is_multiple_of(heads) {
        let message = format!("it must divide `hidden_size`, {hidden}");
        return Err(members.refuse("num_attention_heads", &message));
    }
    let head_dim = members.size("head_dim", hidden / heads, 1..=MOST_HIDDEN)?;
    if !head_dim.is_multiple_of(2) {
        let message =
            format!("`hidden_size` and heads give heads of {head_dim}, which must be even");
        return Err(members.refuse("head_dim", &message));
    }
    Ok((heads, kv_heads, head_dim))
}

/// The base of the rotary positions: `rope_parameters` or `rope_scaling` first, then the plain member.
fn rope_theta(members: &ConfigReader<'_>) -> Result<f64, GotError> {
    let plain = members.positive("rope_theta", DEFAULT_THETA, MOST_THETA)?;
    let (mut theta, nothing) = (None, Map::new());
    for name in ["rope_scaling", "rope_parameters"] {
        let rope = members.object(name, &nothing)?;
        rope.only("rope_type", &["default".into()])?;
        rope.only("type", &["default".into()])?;
        if rope.get("rope_theta").is_some() && theta.is_none() {
            theta = Some(rope.positive("rope_theta", plain, MOST_THETA)?);
        }
    }
    Ok(theta.unwrap_or(plain))
}
