//! Checkpoint whose weights are spread as transformers initializes Qwen2: normal, with a deviation
//! of 0.02 at a width of 1,024, wider by the root of what is missing at smaller ones; norms at 1,
//! biases at 0.

use std::{collections::HashMap, fs, path::Path};

use candle_core::{Device, Tensor};
use serde_json::json;

const HIDDEN: usize = 256;
const WIDE: usize = 704;
const LAYERS: usize = 4;
const VOCABULARY: usize = 300;
const VISION: usize = 32;

/// Normally distributed numbers from a fixed seed.
struct Normal(u64);

impl Normal {
    fn next(&mut self) -> f32 {
        // Twelve uniform numbers add up to a deviation of 1.
        let mut uniform = || {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 40) as f32 / (1 << 24) as f32 - 0.5
        };
        (0..12).map(|_| uniform()).sum()
    }

    fn tensor(&mut self, shape: &[usize], deviation: f32) -> Tensor {
        let numbers: Vec<f32> = (0..shape.iter().product())
            .map(|_| self.next() * deviation)
            .collect();
        Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
    }
}

/// Writes the checkpoint to a folder.
pub(super) fn write(folder: &Path) {
    let config = json!({
        "model_type": "got_ocr2",
        "image_token_index": 299,
        "tie_word_embeddings": true,
        "vision_config": {
            "model_type": "got_ocr2_vision", "hidden_size": VISION, "output_channels": 16, "num_hidden_layers": 1,
            "num_attention_heads": 2, "image_size": 64, "patch_size": 16, "mlp_dim": 64, "window_size": 2,
            "global_attn_indexes": [0], "use_rel_pos": true, "use_abs_pos": true
        },
        "text_config": {
            "model_type": "qwen2", "vocab_size": VOCABULARY, "hidden_size": HIDDEN, "intermediate_size": WIDE,
            "num_hidden_layers": LAYERS, "num_attention_heads": 4, "num_key_value_heads": 4,
            "rope_theta": 1_000_000.0, "tie_word_embeddings": true
        }
    });
    let pixels = json!({
        "size": {"height": 64, "width": 64},
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711]
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    fs::write(folder.join("preprocessor_config.json"), pixels.to_string()).unwrap();
    let mut tensors = encoder();
    tensors.extend(decoder());
    candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
}

fn decoder() -> HashMap<String, Tensor> {
    let mut normal = Normal(7);
    let deviation = 0.02 * (1024.0 / HIDDEN as f32).sqrt();
    let (ones, zeros) = (
        |size: usize| Tensor::ones(size, candle_core::DType::F32, &Device::Cpu).unwrap(),
        |size: usize| Tensor::zeros(size, candle_core::DType::F32, &Device::Cpu).unwrap(),
    );
    let mut tensors = HashMap::new();
    let base = "model.language_model.";
    tensors.insert(
        format!("{base}embed_tokens.weight"),
        normal.tensor(&[VOCABULARY, HIDDEN], deviation),
    );
    tensors.insert(format!("{base}norm.weight"), ones(HIDDEN));
    for layer in 0..LAYERS {
        let layer = format!("{base}layers.{layer}.");
        for (name, outputs, inputs) in [
            ("self_attn.q_proj", HIDDEN, HIDDEN),
            ("self_attn.k_proj", HIDDEN, HIDDEN),
            ("self_attn.v_proj", HIDDEN, HIDDEN),
            ("self_attn.o_proj", HIDDEN, HIDDEN),
            ("mlp.gate_proj", WIDE, HIDDEN),
            ("mlp.up_proj", WIDE, HIDDEN),
            ("mlp.down_proj", HIDDEN, WIDE),
        ] {
            tensors.insert(
                format!("{layer}{name}.weight"),
                normal.tensor(&[outputs, inputs], deviation),
            );
            tensors.insert(format!("{layer}{name}.bias"), zeros(outputs));
        }
        tensors.insert(format!("{layer}input_layernorm.weight"), ones(HIDDEN));
        tensors.insert(
            format!("{layer}post_attention_layernorm.weight"),
            ones(HIDDEN),
        );
    }
    tensors
}

fn encoder() -> HashMap<String, Tensor> {
    let mut normal = Normal(8);
    let tower = "model.vision_tower.";
    let block = format!("{tower}layers.0.");
    let projector = "model.multi_modal_projector.";
    let shapes: Vec<(String, Vec<usize>)> = vec![
        (
            format!("{tower}patch_embed.projection.weight"),
            vec![VISION, 3, 16, 16],
        ),
        (format!("{tower}patch_embed.projection.bias"), vec![VISION]),
        (format!("{tower}pos_embed"), vec![1, 4, 4, VISION]),
        (format!("{block}layer_norm1.weight"), vec![VISION]),
        (format!("{block}layer_norm1.bias"), vec![VISION]),
        (format!("{block}layer_norm2.weight"), vec![VISION]),
        (format!("{block}layer_norm2.bias"), vec![VISION]),
        (format!("{block}attn.qkv.weight"), vec![3 * VISION, VISION]),
        (format!("{block}attn.qkv.bias"), vec![3 * VISION]),
        (format!("{block}attn.proj.weight"), vec![VISION, VISION]),
        (format!("{block}attn.proj.bias"), vec![VISION]),
        (format!("{block}attn.rel_pos_h"), vec![7, 16]),
        (format!("{block}attn.rel_pos_w"), vec![7, 16]),
        (format!("{block}mlp.lin1.weight"), vec![64, VISION]),
        (format!("{block}mlp.lin1.bias"), vec![64]),
        (format!("{block}mlp.lin2.weight"), vec![VISION, 64]),
        (format!("{block}mlp.lin2.bias"), vec![VISION]),
        (format!("{tower}neck.conv1.weight"), vec![16, VISION, 1, 1]),
        (format!("{tower}neck.layer_norm1.weight"), vec![16]),
        (format!("{tower}neck.layer_norm1.bias"), vec![16]),
        (format!("{tower}neck.conv2.weight"), vec![16, 16, 3, 3]),
        (format!("{tower}neck.layer_norm2.weight"), vec![16]),
        (format!("{tower}neck.layer_norm2.bias"), vec![16]),
        (
            format!("{projector}conv_upsampler1.weight"),
            vec![32, 16, 3, 3],
        ),
        (
            format!("{projector}conv_upsampler2.weight"),
            vec![HIDDEN, 32, 3, 3],
        ),
        (
            format!("{projector}multimodal_projector.weight"),
            vec![HIDDEN, HIDDEN],
        ),
        (
            format!("{projector}multimodal_projector.bias"),
            vec![HIDDEN],
        ),
    ];
    shapes
        .into_iter()
        .map(|(name, shape)| (name, normal.tensor(&shape, 0.1)))
        .collect()
}
