//! Tests of prompts against the reference's tokens.

use std::path::PathBuf;

use serde_json::Value;

use super::*;

/// The reference's checkpoints, and prompts with their tokens.
const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/reference");

const BOX: [u32; 4] = [12, 345, 678, 1000];

fn config(name: &str) -> CheckpointConfig {
    CheckpointConfig::read(&PathBuf::from(REFERENCE).join("checkpoints").join(name)).unwrap()
}

fn prompt(mode: GotMode, images: PromptImages) -> OcrPrompt {
    OcrPrompt {
        mode,
        region: None,
        color: None,
        images,
        image_tokens: 16,
    }
}

/// Prompts with the text in transformers' layout and in the original.
fn table() -> Vec<(OcrPrompt, &'static str, &'static str)> {
    use GotMode::{Format, Plain};
    let with = |mode, color, region| OcrPrompt {
        region,
        color,
        ..prompt(mode, PromptImages::Page)
    };
    vec![
        (prompt(Plain, PromptImages::Page), " OCR: ", "OCR: "),
        (
            prompt(Format, PromptImages::Page),
            " OCR with format: ",
            "OCR with format: ",
        ),
        (
            with(Plain, None, Some(BOX)),
            "[12, 345, 678, 1000] OCR: ",
            "[12, 345, 678, 1000] OCR: ",
        ),
        (
            with(Format, None, Some(BOX)),
            "[12, 345, 678, 1000] OCR with format: ",
            "[12, 345, 678, 1000] OCR with format: ",
        ),
        (
            with(Plain, Some(RegionColor::Red), None),
            "[red]  OCR: ",
            "[red] OCR: ",
        ),
        (
            with(Plain, Some(RegionColor::Green), None),
            "[green]  OCR: ",
            "[green] OCR: ",
        ),
        (
            with(Format, Some(RegionColor::Blue), None),
            "[blue]  OCR with format: ",
            "[blue] OCR with format: ",
        ),
        (
            with(Plain, Some(RegionColor::Red), Some(BOX)),
            "[red] [12, 345, 678, 1000] OCR: ",
            "[red] OCR: ",
        ),
        (
            prompt(Plain, PromptImages::Tiles),
            " OCR upon the patch reference: ",
            "OCR upon the patch reference: ",
        ),
        (
            prompt(Format, PromptImages::Tiles),
            " OCR with format upon the patch reference: ",
            "OCR with format upon the patch reference: ",
        ),
        (
            prompt(Plain, PromptImages::Pages(1)),
            " OCR across multi pages: ",
            "OCR across multi pages: ",
        ),
        (
            prompt(Format, PromptImages::Pages(1)),
            " OCR with format across multi pages: ",
            "OCR with format across multi pages: ",
        ),
    ]
}

#[test]
fn the_words_are_those_the_model_was_trained_with() {
    let (hub, original) = (config("hub-new"), config("original"));
    let before = format!(
        "<|im_start|>system\nYou should follow the instructions carefully and explain your answers \
         in detail.<|im_end|><|im_start|>user\n<img>{}</img>\n",
        "<imgpad>".repeat(16)
    );
    let after = "<|im_end|><|im_start|>assistant\n";
    for (prompt, in_hub, in_original) in table() {
        assert_eq!(prompt.render(&hub), format!("{before}{in_hub}{after}"));
        assert_eq!(
            prompt.render(&original),
            format!("{before}{in_original}{after}")
        );
    }
}

#[test]
fn every_image_token_has_its_place() {
    for name in ["hub-new", "original"] {
        let config = config(name);
        let folder = PathBuf::from(REFERENCE).join("checkpoints").join(name);
        let tokens = GotTokenizer::open(&folder, &config).unwrap();
        for views in [1, 3, 13] {
            let prompt = OcrPrompt {
                image_tokens: views * config.image_tokens,
                ..prompt(GotMode::Format, PromptImages::Tiles)
            };
            let ids = prompt.token_ids(&tokens, &config).unwrap();
            let places = ids.iter().filter(|id| **id == config.image_token);
            assert_eq!(places.count(), views * 16);
        }
    }
}

#[test]
fn the_tokens_are_the_references() {
    let path = PathBuf::from(REFERENCE).join("expected/expected.json");
    let expected: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = expected["cases"].as_array().unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        let member = |name: &str| case[name].clone();
        let name = if case["layout"] == "original" {
            "original"
        } else {
            "hub-new"
        };
        let config = config(name);
        let views = &expected["sets"][case["set"].as_str().unwrap()]["views"];
        let views: usize = serde_json::from_value(views.clone()).unwrap();
        let prompt = OcrPrompt {
            mode: serde_json::from_value(member("mode")).unwrap(),
            region: serde_json::from_value(member("region")).unwrap(),
            color: serde_json::from_value(member("color")).unwrap(),
            images: match case["set"].as_str().unwrap() {
                "tiles" => PromptImages::Tiles,
                "pages" => PromptImages::Pages(views),
                _ => PromptImages::Page,
            },
            image_tokens: views * config.image_tokens,
        };
        let folder = PathBuf::from(REFERENCE).join("checkpoints").join(name);
        let tokens = GotTokenizer::open(&folder, &config).unwrap();
        assert_eq!(
            prompt.render(&config),
            case["prompt"].as_str().unwrap(),
            "{}",
            case["name"]
        );
        let ids: Vec<u32> = serde_json::from_value(member("prompt_ids")).unwrap();
        assert_eq!(
            prompt.token_ids(&tokens, &config).unwrap(),
            ids,
            "{}",
            case["name"]
        );
        let written: Vec<u32> = serde_json::from_value(member("tokens")).unwrap();
        assert_eq!(
            tokens.decode(&written),
            case["text"].as_str().unwrap(),
            "{}",
            case["name"]
        );
    }
}
