//! Tests of configurations in both layouts.

use std::{fs, path::PathBuf};

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::engine::got::weights::tests::{Written, store};

/// The small checkpoints that the reference wrote.
const REFERENCE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/reference/checkpoints"
);

/// A folder with a configuration in the newer layout of transformers, edited by `change`.
fn folder(change: impl FnOnce(&mut Value, &mut Value)) -> TempDir {
    let mut config = json!({
        "model_type": "got_ocr2", "image_token_index": 578, "tie_word_embeddings": true,
        "transformers_version": "5.23.0", "dtype": "bfloat16",
        "text_config": {
            "model_type": "qwen2", "vocab_size": 579, "hidden_size": 64, "intermediate_size": 128,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
            "eos_token_id": 362, "rope_parameters": {"rope_theta": 1e6, "rope_type": "default"},
            "attention_dropout": 0.5, "initializer_range": 0.02, "layer_types": ["full_attention"],
        },
        "vision_config": {
            "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "mlp_dim": 128,
            "patch_size": 8, "image_size": 128, "window_size": 5, "global_attn_indexes": [1],
            "output_channels": 16, "model_type": "got_ocr2_vision",
        },
    });
    let mut processor = json!({
        "processor_class": "GotOcr2Processor",
        "image_processor": {"size": {"height": 128, "width": 128}, "resample": 3, "do_resize": true},
    });
    change(&mut config, &mut processor);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    fs::write(
        folder.path().join("processor_config.json"),
        processor.to_string(),
    )
    .unwrap();
    folder
}

fn read(change: impl FnOnce(&mut Value, &mut Value)) -> Result<CheckpointConfig, String> {
    CheckpointConfig::read(folder(change).path()).map_err(|error| error.to_string())
}

#[test]
fn sizes_come_from_the_files() {
    let config = read(|_, _| {}).unwrap();
    assert_eq!(config.layout, CheckpointLayout::Hub);
    assert_eq!(config.image_tokens, 16);
    assert_eq!((config.image_token, config.eos), (578, vec![362]));
    let text = config.text;
    assert_eq!((text.heads, text.kv_heads, text.head_dim), (4, 2, 16));
    assert_eq!((text.vocab, text.positions), (579, 32_768));
    assert!(text.tied && (text.rope_theta - 1e6).abs() < 1e-6);
    let vision = config.vision;
    assert_eq!((vision.image, vision.patch, vision.window), (128, 8, 5));
    assert_eq!(vision.global, [1]);
    assert!(vision.abs_pos && vision.rel_pos && vision.qkv_bias);
    assert_eq!(
        (config.processor.width, config.processor.height),
        (128, 128)
    );
    assert_eq!(
        (config.processor.min_patches, config.processor.max_patches),
        (1, 12)
    );
}

/// An empty `got_ocr2` configuration is the published model, 580 million parameters.
#[test]
fn what_is_not_said_is_as_the_reference_defaults_it() {
    let config = read(|config, processor| {
        *config = json!({"model_type": "got_ocr2"});
        processor["image_processor"]["size"] = json!({"height": 1024, "width": 1024});
    })
    .unwrap();
    assert_eq!((config.text.vocab, config.text.hidden), (151_860, 1024));
    assert_eq!((config.text.layers, config.text.head_dim), (24, 64));
    assert!((config.text.rope_theta - 1e6).abs() < 1e-6);
    assert_eq!((config.vision.layers, config.vision.window), (12, 14));
    assert_eq!(config.vision.global, [2, 5, 8, 11]);
    assert_eq!((config.image_token, config.image_tokens), (151_859, 256));
    assert!((config.processor.rescale - 1.0 / 255.0).abs() < 1e-9);
    assert!((config.processor.mean[2] - 0.408_210_73).abs() < 1e-9);
    // If there is a `text_config`, it is a `Qwen2Config` with that class's defaults.
    let config = read(|config, _| {
        let text = config["text_config"].as_object_mut().unwrap();
        text.remove("rope_parameters");
        text.insert("num_key_value_heads".to_owned(), Value::Null);
    })
    .unwrap();
    assert!((config.text.rope_theta - 10_000.0).abs() < 1e-9);
    assert_eq!(config.text.kv_heads, 4);
}

#[test]
fn both_generations_of_the_hub_say_the_same() {
    let new = read(|_, _| {}).unwrap();
    let folder = folder(|config, processor| {
        let text = config["text_config"].as_object_mut().unwrap();
        text.remove("rope_parameters");
        text.insert("rope_theta".to_owned(), json!(1e6));
        text.insert("rope_scaling".to_owned(), Value::Null);
        config["vision_config"]["model_type"] = json!("");
        config["vision_config"]["image_size"] = json!([128, 128]);
        config["image_token_id"] = json!(578);
        config.as_object_mut().unwrap().remove("image_token_index");
        *processor = json!({"processor_class": "GotOcr2Processor"});
    });
    let preprocessor = json!({"size": {"height": 128, "width": 128}, "do_convert_rgb": true});
    let path = folder.path().join("preprocessor_config.json");
    fs::write(path, preprocessor.to_string()).unwrap();
    assert_eq!(CheckpointConfig::read(folder.path()).unwrap(), new);
}

#[test]
fn rows_are_asked_for_by_either_file_of_the_processor() {
    let rows = |value: Value| {
        let config = read(|_, processor| set(processor, "image_processor.rows", value));
        config.unwrap().processor.rows
    };
    let some = |em, rows_per_image| Some(RowConfig { em, rows_per_image });
    assert_eq!(rows(Value::Null), None);
    assert_eq!(rows(json!({})), some(36.0, 4));
    assert_eq!(rows(json!({"em": 30, "per_view": 2})), some(30.0, 2));
    let folder = folder(|_, _| {});
    let path = folder.path().join("preprocessor_config.json");
    fs::write(&path, r#"{"rows": {"em": 20.5}}"#).unwrap();
    let config = CheckpointConfig::read(folder.path()).unwrap();
    assert_eq!(config.processor.rows, some(20.5, 4));
}

#[test]
fn the_ends_of_an_answer_are_the_generation_files_first() {
    let folder = folder(|_, _| {});
    let path = folder.path().join("generation_config.json");
    fs::write(&path, r#"{"max_new_tokens": 2048}"#).unwrap();
    assert_eq!(CheckpointConfig::read(folder.path()).unwrap().eos, [362]);
    fs::write(&path, r#"{"eos_token_id": [362, 364]}"#).unwrap();
    assert_eq!(
        CheckpointConfig::read(folder.path()).unwrap().eos,
        [362, 364]
    );
    fs::write(&path, r#"{"eos_token_id": 579}"#).unwrap();
    let error = CheckpointConfig::read(folder.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("generation_config.json") && error.contains("`eos_token_id` is 579"));
}

/// The member, its value, and the expected error message beside the member's name.
#[test]
fn what_cannot_be_done_is_refused_by_name() {
    let table = [
        ("model_type", json!("llava"), "`got_ocr2` or `GOT`"),
        ("model_type", Value::Null, "`got_ocr2` or `GOT`"),
        ("quantization_config", json!({"bits": 4}), "bfloat16"),
        ("tie_word_embeddings", json!("yes"), "true or false"),
        ("image_token_index", json!(579), "from 0 to 578"),
        ("image_token_index", json!(-1), "from 0 to 578"),
        ("text_config", json!([]), "an object"),
        ("text_config.model_type", json!("llama"), "\"qwen2\""),
        ("text_config.hidden_act", json!("gelu"), "\"silu\""),
        ("text_config.use_sliding_window", json!(true), "only false"),
        (
            "text_config.layer_types",
            json!(["sliding_attention"]),
            "\"full_attention\"",
        ),
        ("text_config.vocab_size", json!(-5), "whole number"),
        ("text_config.vocab_size", json!(1e30), "whole number"),
        ("text_config.hidden_size", json!(0), "from 1"),
        ("text_config.hidden_size", json!(64.5), "whole number"),
        (
            "text_config.intermediate_size",
            json!(9_999_999),
            "to 262144",
        ),
        (
            "text_config.num_hidden_layers",
            json!("many"),
            "from 1 to 512",
        ),
        ("text_config.num_attention_heads", json!(6), "`hidden_size`"),
        (
            "text_config.num_key_value_heads",
            json!(3),
            "divide `num_attention_heads`",
        ),
        ("text_config.head_dim", json!(15), "even"),
        ("text_config.rms_norm_eps", json!(0), "above 0"),
        ("text_config.max_position_embeddings", json!(0), "from 1"),
        ("text_config.rope_theta", json!(-1.0), "above 0"),
        (
            "text_config.rope_parameters.rope_type",
            json!("yarn"),
            "\"default\"",
        ),
        (
            "text_config.rope_parameters.rope_theta",
            json!("big"),
            "above 0",
        ),
        ("text_config.eos_token_id", json!(579), "to 578"),
        (
            "vision_config.model_type",
            json!("sam"),
            "\"got_ocr2_vision\"",
        ),
        ("vision_config.hidden_act", json!("gelu_new"), "\"gelu\""),
        ("vision_config.num_channels", json!(1), "only 3"),
        (
            "vision_config.num_attention_heads",
            json!(5),
            "`hidden_size`",
        ),
        ("vision_config.patch_size", json!([8, 16]), "equal"),
        (
            "vision_config.image_size",
            json!(120),
            "multiple of 4 times `patch_size`",
        ),
        ("vision_config.image_size", json!(1 << 20), "to 4096"),
        ("vision_config.window_size", json!(0), "from 1"),
        ("vision_config.global_attn_indexes", json!([3]), "to 2"),
        ("vision_config.global_attn_indexes", json!(1), "a list"),
        ("vision_config.use_rel_pos", json!(1), "true or false"),
        ("vision_config.layer_norm_eps", json!(-1e-6), "above 0"),
    ];
    for (member, value, reason) in table {
        let error = read(|config, _| set(config, member, value.clone())).unwrap_err();
        assert!(error.contains("config.json"), "{error}");
        assert!(error.contains(&format!("`{member}`")), "{member}: {error}");
        assert!(error.contains(reason), "{member} {value}: {error}");
    }
}

#[test]
fn a_processor_that_would_need_other_pixels_is_refused_by_name() {
    let table = [
        (
            "size",
            json!({"height": 256, "width": 128}),
            "vision_config.image_size",
        ),
        ("size", Value::Null, "vision_config.image_size"),
        ("resample", json!(2), "only 3"),
        ("do_resize", json!(false), "only true"),
        ("do_rescale", json!(false), "only true"),
        ("do_normalize", json!(false), "only true"),
        ("do_pad", json!(true), "only false"),
        ("image_mean", json!([0.5, 0.5]), "three numbers"),
        ("image_mean", json!([0.5, 0.5, 1e9]), "three numbers"),
        ("image_std", json!([0.5, 0.5, 0.0]), "above 0"),
        ("rescale_factor", json!(0), "above 0"),
        ("max_patches", json!(1000), "to 64"),
        ("rows", json!(36), "an object"),
        ("rows.em", json!(0), "above 0"),
        ("rows.em", json!("36"), "above 0"),
        ("rows.em", json!(1e4), "at most 512"),
        ("rows.per_view", json!(5), "to 4"),
        ("min_patches", json!(13), "`max_patches`"),
    ];
    for (member, value, reason) in table {
        let error = read(|_, processor| {
            set(
                processor,
                &format!("image_processor.{member}"),
                value.clone(),
            );
        })
        .unwrap_err();
        assert!(error.contains("processor_config.json"), "{error}");
        assert!(
            error.contains(&format!("`image_processor.{member}")),
            "{member}: {error}"
        );
        assert!(error.contains(reason), "{member} {value}: {error}");
    }
}

fn set(config: &mut Value, member: &str, value: Value) {
    let place = member
        .split('.')
        .fold(config, |place, name| &mut place[name]);
    *place = value;
}

#[test]
fn missing_and_damaged_files_are_named() {
    let folder = TempDir::new().unwrap();
    let error = CheckpointConfig::read(folder.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("cannot read") && error.contains("config.json"),
        "{error}"
    );
    for text in ["", "[1]", "{\"a\": "] {
        fs::write(folder.path().join("config.json"), text).unwrap();
        let error = CheckpointConfig::read(folder.path())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("config.json") && error.contains("JSON"),
            "{error}"
        );
    }
    let folder = self::folder(|_, processor| *processor = json!({}));
    let error = CheckpointConfig::read(folder.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("preprocessor_config.json"), "{error}");
    let long = " ".repeat(5 << 20);
    fs::write(folder.path().join("config.json"), long).unwrap();
    let error = CheckpointConfig::read(folder.path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("bytes"), "{error}");
}

/// The tensors of an original checkpoint whose shapes give the encoder's sizes.
fn original() -> Vec<Written> {
    let mut tensors = vec![
        Written::zeros("patch_embed.proj.weight", &[32, 3, 8, 8]),
        Written::zeros("pos_embed", &[1, 16, 16, 32]),
        Written::zeros("blocks.0.mlp.lin1.weight", &[128, 32]),
        Written::zeros("blocks.0.attn.qkv.bias", &[96]),
        Written::zeros("neck.0.weight", &[16, 32, 1, 1]),
    ];
    for (layer, length) in [(0, 9), (1, 31), (2, 9)] {
        let name = format!("blocks.{layer}.attn.rel_pos_h");
        tensors.push(Written::zeros(&name, &[length, 16]));
    }
    for tensor in &mut tensors {
        tensor.name.insert_str(0, "model.vision_tower_high.");
    }
    tensors
}

fn read_original(
    tensors: &[Written],
    change: impl FnOnce(&mut Value),
) -> Result<CheckpointConfig, String> {
    let mut config = json!({
        "model_type": "GOT", "vocab_size": 579, "hidden_size": 64, "intermediate_size": 128,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "im_patch_token": 578, "image_token_len": 16, "rope_theta": 1e6, "eos_token_id": 362,
        "vision_tower": "openai/clip-vit-large-patch14", "tie_word_embeddings": true,
    });
    change(&mut config);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    store(&folder.path().join("model.safetensors"), tensors);
    CheckpointConfig::read(folder.path()).map_err(|error| error.to_string())
}

#[test]
fn an_original_checkpoint_says_the_encoders_sizes_by_its_tensors() {
    let config = read_original(&original(), |_| {}).unwrap();
    let hub = read(|_, _| {}).unwrap();
    assert_eq!(config.layout, CheckpointLayout::Original);
    assert_eq!((&config.vision, &config.text), (&hub.vision, &hub.text));
    assert_eq!((config.image_token, config.image_tokens), (578, 16));
    assert_eq!(config.processor.mean, hub.processor.mean);
    assert_eq!(
        (config.processor.width, config.processor.max_patches),
        (128, 6)
    );
}

#[test]
fn contradictions_in_an_original_checkpoint_are_refused_by_name() {
    let error = read_original(&original(), |config| config["image_token_len"] = json!(256));
    let error = error.unwrap_err();
    assert!(
        error.contains("`image_token_len` is 256") && error.contains("16"),
        "{error}"
    );
    let error = read_original(&original(), |config| config["im_patch_token"] = json!(579));
    assert!(error.unwrap_err().contains("`im_patch_token` is 579"));
    let high = "model.vision_tower_high.";
    for (part, shape) in [
        ("pos_embed", &[1_usize, 16, 8, 32] as &[usize]),
        ("pos_embed", &[1, 15, 15, 32]),
        ("pos_embed", &[16, 16, 32]),
        ("patch_embed.proj.weight", &[32, 3, 8, 4]),
        ("blocks.0.attn.rel_pos_h", &[9, 12]),
        ("blocks.0.attn.rel_pos_h", &[9, 0]),
        ("blocks.2.attn.rel_pos_h", &[11, 16]),
    ] {
        let mut tensors = original();
        let name = format!("{high}{part}");
        tensors.retain(|tensor| tensor.name != name);
        tensors.push(Written::zeros(&name, shape));
        let error = read_original(&tensors, |_| {}).unwrap_err();
        assert!(error.contains(&name), "{shape:?}: {error}");
    }
    let mut tensors = original();
    tensors.retain(|tensor| !tensor.name.ends_with("neck.0.weight"));
    let error = read_original(&tensors, |_| {}).unwrap_err();
    assert!(
        error.contains("model.vision_tower_high.neck.0.weight`: is missing"),
        "{error}"
    );
}

#[test]
fn the_references_three_checkpoints_have_the_same_sizes() {
    let read = |name| CheckpointConfig::read(&PathBuf::from(REFERENCE).join(name)).unwrap();
    let (new, old, original) = (read("hub-new"), read("hub-old"), read("original"));
    assert_eq!(new, old);
    assert_eq!((&new.text, &new.vision), (&original.text, &original.vision));
    assert_eq!(original.layout, CheckpointLayout::Original);
    assert_eq!(new.eos, original.eos);
}
