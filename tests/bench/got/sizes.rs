//! Sizes of a checkpoint: how much a view computes and how much a decode step reads.

use std::{fs, path::Path};

use recto_schemas::Dtype;
use serde_json::Value;

/// From `config.json` as the hub writes it; what it leaves out is GOT's own.
pub(super) struct ModelSizes {
    /// Additions and multiplications of the encoder for one view: products, attention and convolutions.
    pub(super) view_flop: f64,
    /// Weights of the decoder's layers that a step reads.
    layer_weights: f64,
    /// Those of them that are gates and ups.
    wide_weights: f64,
    /// Weights of the head.
    head_weights: f64,
    /// Keys and values of one position, in numbers.
    position_numbers: f64,
}

impl ModelSizes {
    pub(super) fn read(folder: &Path) -> Self {
        let text = fs::read_to_string(folder.join("config.json")).unwrap();
        let config: Value = serde_json::from_str(&text).unwrap();
        let number =
            |part: &str, name: &str, usual: f64| config[part][name].as_f64().unwrap_or(usual);
        let vision = |name: &str, usual: f64| number("vision_config", name, usual);
        let text = |name: &str, usual: f64| number("text_config", name, usual);
        let (hidden, layers) = (text("hidden_size", 1024.0), text("num_hidden_layers", 24.0));
        let heads = text("num_attention_heads", 16.0);
        let kv = hidden * text("num_key_value_heads", heads) / heads;
        let layer = hidden * (2.0 * hidden + 2.0 * kv + 3.0 * text("intermediate_size", 2816.0));
        let globals = config["vision_config"]["global_attn_indexes"]
            .as_array()
            .map_or(4, Vec::len);
        Self {
            view_flop: view_flop(&vision, globals as f64, hidden),
            layer_weights: layers * layer,
            wide_weights: layers * hidden * 2.0 * text("intermediate_size", 2816.0),
            head_weights: hidden * text("vocab_size", 151_860.0),
            position_numbers: layers * 2.0 * kv,
        }
    }

    /// Bytes that a decode step reads: all weights once, and the keys and values of `rows` sequences with
    /// `positions` each.
    pub(super) fn step_bytes(&self, dtype: Dtype, on_cpu: bool, rows: f64, positions: f64) -> f64 {
        // 8 and 4 bits have a scale of 16 bits for 32 weights; only gates and ups are ever in 4 bits.
        let (wide, other, kept) = match dtype {
            Dtype::Q8 => (1.0625, 1.0625, 2.0),
            Dtype::Q4 => (0.5625, 1.0625, 2.0),
            Dtype::Bf16 | Dtype::F16 if !on_cpu => (2.0, 2.0, 2.0),
            Dtype::F32 | Dtype::Bf16 | Dtype::F16 => (4.0, 4.0, 4.0),
        };
        self.wide_weights * wide
            + (self.layer_weights - self.wide_weights + self.head_weights) * other
            + self.position_numbers * kept * rows * positions
    }
}

/// The encoder's arithmetic. Windows are counted without the padding at the edges.
fn view_flop(vision: &impl Fn(&str, f64) -> f64, globals: f64, decoder_hidden: f64) -> f64 {
    let (hidden, layers) = (
        vision("hidden_size", 768.0),
        vision("num_hidden_layers", 12.0),
    );
    let (patch, out) = (vision("patch_size", 16.0), vision("output_channels", 256.0));
    let tokens = (vision("image_size", 1024.0) / patch).powi(2);
    let window = vision("window_size", 14.0).powi(2);
    let linear =
        layers * 2.0 * tokens * (4.0 * hidden * hidden + 2.0 * hidden * vision("mlp_dim", 3072.0));
    let attention =
        4.0 * hidden * tokens * (globals * tokens + (layers - globals) * window.min(tokens));
    // Patches, the neck's two, and two that halve the sides: a quarter of the places each, twice the channels.
    let convolutions = 2.0 * tokens * hidden * 3.0 * patch * patch
        + 2.0 * tokens * (hidden * out + 9.0 * out * out)
        + 2.0 * tokens / 4.0 * 9.0 * out * 2.0 * out
        + 2.0 * tokens / 16.0 * (9.0 * 2.0 * out * 4.0 * out + decoder_hidden * decoder_hidden);
    linear + attention + convolutions
}
