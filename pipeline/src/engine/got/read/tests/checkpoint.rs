//! Configuration and tokenizer of the scripted model.

use super::*;

pub(super) fn config() -> CheckpointConfig {
    CheckpointConfig {
        layout: CheckpointLayout::Hub,
        vision: VisionConfig {
            hidden: 8,
            layers: 1,
            heads: 1,
            patch: 16,
            image: 128,
            channels_out: 8,
            mlp: 8,
            window: 2,
            global: vec![0],
            abs_pos: true,
            rel_pos: true,
            qkv_bias: true,
            eps: 1e-6,
        },
        text: TextConfig {
            vocab: 262,
            hidden: 8,
            intermediate: 8,
            layers: 1,
            heads: 1,
            kv_heads: 1,
            head_dim: 8,
            eps: 1e-6,
            rope_theta: 1e6,
            positions: CONTEXT,
            tied: true,
        },
        processor: ProcessorConfig {
            width: 16,
            height: 16,
            mean: [0.5; 3],
            std: [0.5; 3],
            rescale: 1.0 / 255.0,
            rows: None,
            min_patches: 1,
            max_patches: 12,
        },
        image_token: IMAGE,
        image_tokens: VIEW_TOKENS,
        eos: vec![256],
    }
}

/// A tokenizer whose tokens are bytes.
pub(super) fn tokenizer() -> String {
    // GPT-2's letters for bytes: printable ones stand for themselves, others follow after U+0100.
    let printable = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut others = 0x100u32..;
    let vocab: serde_json::Map<_, _> = (0..=255u8)
        .map(|byte| {
            let letter = if printable(byte) {
                char::from(byte)
            } else {
                char::from_u32(others.next().expect("endless")).expect("a letter")
            };
            (letter.to_string(), byte.into())
        })
        .collect();
    let added: Vec<_> = SPECIAL
        .iter()
        .zip(256..)
        .map(|(content, id)| {
            serde_json::json!({
                "id": id, "content": content, "special": true, "normalized": false,
                "single_word": false, "lstrip": false, "rstrip": false,
            })
        })
        .collect();
    let bytes = serde_json::json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false,
    });
    serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
        "added_tokens": added, "pre_tokenizer": bytes, "post_processor": null, "decoder": bytes,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "vocab": vocab, "merges": [],
        },
    })
    .to_string()
}
