//! Options of GOT, and their traces in prompt, pages and manifest.

use std::fs;

use recto_schemas::{
    BoundedInt, DeviceName, Dtype, EngineName, FinishReason, GotMode, PageBox, PagesPerPass,
    RegionColor, RejectionKind, TilePolicy, TilingReason,
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use crate::support::{
    got::{GotRun, checkpoint},
    pdf, repository, sample,
};

/// Tokens of a view in the checkpoints `looping` and `table`.
const IMAGE_TOKENS: usize = 4;

/// The reference processor's output for a case in `tests/reference/expected/expected.json`.
fn reference(case: &str, member: &str) -> Vec<u32> {
    let path = repository().join("tests/reference/expected/expected.json");
    let expected: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    let cases = expected["cases"].as_array().unwrap();
    let case = cases.iter().find(|found| found["name"] == case).unwrap();
    serde_json::from_value(case[member].clone()).unwrap()
}

/// SHA-256 of a checkpoint's files one after another, weights first.
fn sha256(name: &str, files: &[&str]) -> String {
    let folder = checkpoint(name);
    let mut hash = Sha256::new();
    for file in files {
        hash.update(fs::read(folder.join(file)).unwrap());
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn page(words: &str) -> String {
    pdf::text(&[words])
}

/// A page in landscape that a 3x2 grid fits.
fn landscape() -> Vec<u8> {
    let entries = "/MediaBox [0 0 600 400] /Resources << /Font << /F1 3 0 R >> >>";
    let content = "BT /F1 12 Tf 72 300 Td (A wide page.) Tj ET";
    pdf::with_page_entries(&[(entries, content)])
}

#[test]
fn every_layout_reads_scans_and_says_what_read_them_and_how() {
    let hub = ["config.json", "generation_config.json"];
    let layouts: [(&str, &str, &[&str]); 3] = [
        (
            "hub-new",
            "hub-format",
            &[
                "model.safetensors",
                hub[0],
                hub[1],
                "processor_config.json",
                "tokenizer.json",
            ],
        ),
        (
            "hub-old",
            "hub-format",
            &[
                "model-00001-of-00002.safetensors",
                "model-00002-of-00002.safetensors",
                hub[0],
                hub[1],
                "preprocessor_config.json",
                "processor_config.json",
                "tokenizer.json",
            ],
        ),
        (
            "original",
            "original-format",
            &["model.safetensors", hub[0], hub[1], "qwen.tiktoken"],
        ),
    ];
    for (name, case, files) in layouts {
        let line = "--got-raw --pages 1-2 --got-tiles never --got-pages-per-pass 1 --got-max-new-tokens 24 --got-batch-size 2";
        let options: Vec<&str> = line.split(' ').collect();
        let run = GotRun::of(name, &sample("report.pdf"), &options);

        let manifest = &run.manifest;
        assert_eq!(manifest.engine, "got");
        assert_eq!(manifest.model.name, name);
        assert_eq!(manifest.model.sha256, sha256(name, files), "{name}");
        let resolved = &manifest.options;
        assert_eq!(resolved.engine, EngineName::Got);
        let got = resolved.got.as_ref().unwrap();
        let runtime = &got.runtime;
        assert_eq!(
            (
                runtime.dtype,
                runtime.device.as_ref().map(DeviceName::as_str)
            ),
            (Some(Dtype::Q8), Some("cpu"))
        );
        assert_eq!(
            (got.batch_size, runtime.max_new_tokens.get()),
            (Some(BoundedInt::of::<2>()), 24)
        );
        assert_eq!(manifest.counts.ok + manifest.counts.empty, 2, "{name}");
        for (index, page) in manifest.pages.iter().enumerate() {
            let decoding = page.decoding.as_ref().unwrap();
            let tiling = &decoding.tiling;
            assert_eq!((tiling.columns, tiling.rows), (1, 1));
            assert_eq!(tiling.reason, TilingReason::Asked);
            assert_eq!(decoding.pages_in_pass, 1);
            let raw = run.raw(index);
            assert_eq!(raw.prompt_ids, reference(case, "prompt_ids"), "{name}");
            assert_eq!(decoding.prompt_tokens as usize, raw.prompt_ids.len());
            assert_eq!(decoding.tokens as usize, raw.token_ids.len());
            match decoding.stop {
                FinishReason::Length => assert_eq!(decoding.tokens, 24),
                _ => assert!(decoding.tokens < 24, "{name}: {decoding:?}"),
            }
        }
    }
}

#[test]
fn raw_tokens_are_those_of_the_text() {
    let options = ["--got-raw", "--pages", "1", "--got-max-new-tokens", "40"];
    let run = GotRun::of("hub-new", &sample("report.pdf"), &options);
    let raw = run.raw(0);
    let tokenizer = Tokenizer::from_file(checkpoint("hub-new").join("tokenizer.json")).unwrap();
    assert_eq!(tokenizer.decode(&raw.token_ids, true).unwrap(), raw.text);
    let prompt = tokenizer.decode(&raw.prompt_ids, false).unwrap();
    assert!(
        prompt.starts_with("<|im_start|>system\nYou should follow"),
        "{prompt}"
    );
    assert!(prompt.ends_with("<|im_start|>assistant\n"), "{prompt}");
    assert!(!raw.token_ids.is_empty());

    let without = GotRun::of("hub-new", &sample("report.pdf"), &options[1..]);
    assert!(
        without.records[0].raw.is_none(),
        "`raw` only if it is asked for"
    );
}

/// Picture, preprocessing, prompt, encoder and decoder together.
#[test]
fn pictures_give_the_tokens_of_the_reference() {
    let picture = |name: &str| repository().join("tests/reference/expected").join(name);
    let cases: [(&str, &str, &[&str]); 5] = [
        (
            "page-0.png",
            "plain",
            &["--got-mode", "plain", "--got-tiles", "never"],
        ),
        ("page-0.png", "format", &["--got-tiles", "never"]),
        (
            "page-0.png",
            "box-plain",
            &["--got-mode", "plain", "--got-box", "100,200,700,750"],
        ),
        ("page-0.png", "red-format", &["--got-color", "red"]),
        ("tiles-0.png", "tiles-format", &["--got-tiles", "always"]),
    ];
    for (layout, name) in [
        ("hub", "hub-new"),
        ("hub", "hub-old"),
        ("original", "original"),
    ] {
        for (file, case, options) in cases {
            let line = "--got-raw --got-dtype f32 --got-max-new-tokens 64 --got-loop-guard=off";
            let all: Vec<&str> = line.split(' ').chain(options.iter().copied()).collect();
            let run = GotRun::of(name, &picture(file), &all);
            let case = format!("{layout}-{case}");
            let raw = run.raw(0);
            assert_eq!(
                raw.prompt_ids,
                reference(&case, "prompt_ids"),
                "{name} {case}"
            );
            // The reference went on although an end token was the best.
            let tokens = reference(&case, "tokens");
            let (until, rest) = tokens.split_at(raw.token_ids.len());
            assert_eq!(raw.token_ids, until, "{name} {case}");
            let stop = run.page(0).decoding.as_ref().unwrap().stop;
            let wanted = if rest.is_empty() {
                FinishReason::Length
            } else {
                FinishReason::End
            };
            assert_eq!(stop, wanted, "{name} {case}");
            assert!(
                raw.token_ids.len() > 4,
                "{name} {case}: {}",
                raw.token_ids.len()
            );
        }
    }
}

#[test]
fn what_is_asked_for_is_in_the_prompt_and_in_the_manifest() {
    let ask = |document: &[u8], options: &[&str]| {
        let all = [
            &[
                "--got-raw",
                "--text-layer",
                "never",
                "--got-max-new-tokens",
                "8",
            ],
            options,
        ]
        .concat();
        GotRun::of_bytes("hub-new", document, &all)
    };
    let one = pdf::with_pages(&[&page("A page.")]);
    let tiling = |run: &GotRun| {
        let tiling = run.page(0).decoding.as_ref().unwrap().tiling.clone();
        (tiling.columns, tiling.rows, tiling.reason)
    };

    let plain = ask(&one, &["--got-mode", "plain", "--got-tiles", "never"]);
    assert_eq!(
        plain.raw(0).prompt_ids,
        reference("hub-plain", "prompt_ids")
    );
    assert_eq!(plain.got().mode, GotMode::Plain);
    assert_eq!(
        plain.page(0).decoding.as_ref().unwrap().mode,
        GotMode::Plain
    );

    let boxed = ask(&one, &["--got-box", "100,200,700,750"]);
    assert_eq!(
        boxed.raw(0).prompt_ids,
        reference("hub-box-format", "prompt_ids")
    );
    assert_eq!(
        boxed.got().r#box.map(PageBox::edges),
        Some([100, 200, 700, 750])
    );
    assert_eq!(tiling(&boxed), (1, 1, TilingReason::Box));

    let red = ask(&one, &["--got-color", "red"]);
    assert_eq!(
        red.raw(0).prompt_ids,
        reference("hub-red-format", "prompt_ids")
    );
    assert_eq!(red.got().color, Some(RegionColor::Red));
    assert_eq!(tiling(&red), (1, 1, TilingReason::Color));

    let six = ask(
        &landscape(),
        &["--got-tiles", "always", "--got-max-tiles", "6"],
    );
    assert_eq!(
        six.raw(0).prompt_ids,
        reference("hub-tiles-format", "prompt_ids")
    );
    assert_eq!(six.got().tiles, TilePolicy::Always);
    assert_eq!(tiling(&six), (3, 2, TilingReason::Asked));

    let four = ask(&one, &["--got-tiles", "always", "--got-max-tiles", "4"]);
    let (columns, rows, reason) = tiling(&four);
    assert!((2..=4).contains(&(columns * rows)), "{columns}x{rows}");
    assert_eq!(reason, TilingReason::Asked);
    assert_eq!(four.got().max_tiles.get(), 4);
    let image_tokens = |ids: &[u32]| {
        ids.iter()
            .filter(|id| Some(*id) == ids.iter().max())
            .count()
    };
    let views = columns as usize * rows as usize + 1;
    assert_eq!(
        image_tokens(&four.raw(0).prompt_ids),
        views * image_tokens(&reference("hub-format", "prompt_ids"))
    );
}

#[test]
fn weights_in_every_format_read() {
    let one = pdf::with_pages(&[&page("A page.")]);
    for (name, dtype) in [
        ("f32", Dtype::F32),
        ("bf16", Dtype::Bf16),
        ("f16", Dtype::F16),
        ("q8", Dtype::Q8),
        ("q4", Dtype::Q4),
    ] {
        let options = [
            "--text-layer",
            "never",
            "--got-max-new-tokens",
            "8",
            "--got-dtype",
            name,
        ];
        let run = GotRun::of_bytes("hub-new", &one, &options);
        assert_eq!(run.got().runtime.dtype, Some(dtype));
        assert_eq!(run.manifest.counts.failed, 0);
        assert!(run.page(0).decoding.is_some(), "{name}");
    }
}

/// Pages with ink but without words, so that PP-OCR has nothing to hold against the pass.
#[test]
fn pages_of_a_pass_that_holds_up_share_their_text() {
    let rule = "200 600 200 2 re f";
    let document = pdf::with_pages(&[rule; 3]);
    let line = "--got-raw --got-pages-per-pass 3 --got-max-new-tokens 512 --got-dtype f32";
    let options: Vec<&str> = line.split(' ').collect();
    let run = GotRun::of_bytes("table", &document, &options);
    assert_eq!(run.got().pages_per_pass, PagesPerPass::Most(3));
    assert_eq!(run.manifest.pages.len(), 3);
    let decoding = run.page(0).decoding.as_ref().unwrap();
    assert_eq!(
        (decoding.pages_in_pass, decoding.stop),
        (3, FinishReason::End)
    );
    assert_eq!(decoding.tiling.reason, TilingReason::Asked);
    assert!(decoding.attempts.is_empty(), "{decoding:?}");
    for index in [1, 2] {
        let page = run.page(index);
        let reason = page.reason.as_ref().map(|reason| reason.kind.as_str());
        assert_eq!(reason, Some("read-with-previous"), "page {}", page.page);
        assert!(page.decoding.is_none() && run.records[index].raw.is_none());
    }
    let alone = GotRun::of_bytes("table", &pdf::with_pages(&[rule]), &options);
    let more = run.raw(0).prompt_ids.len() - alone.raw(0).prompt_ids.len();
    assert!(
        more >= 2 * IMAGE_TOKENS,
        "{more} more tokens for two more views"
    );
    assert_eq!(
        run.markdown.matches("| a | b |").count(),
        40,
        "{}",
        run.markdown
    );
}

#[test]
fn pages_of_a_pass_that_misses_words_are_read_singly_and_the_manifest_says_so() {
    let words = ["first", "second", "third"]
        .map(|word| page(&format!("This is the {word} page of the book.")));
    let document = pdf::with_pages(&words.each_ref().map(String::as_str));
    let line = "--got-raw --text-layer never --got-pages-per-pass 3 --got-max-new-tokens 512 --got-tiles never --got-dtype f32";
    let options: Vec<&str> = line.split(' ').collect();
    let run = GotRun::of_bytes("table", &document, &options);
    for (index, page) in run.manifest.pages.iter().enumerate() {
        let decoding = page.decoding.as_ref().unwrap();
        assert_eq!(decoding.pages_in_pass, 1);
        let ways: Vec<_> = decoding
            .attempts
            .iter()
            .map(|tried| {
                (
                    tried.method.as_str(),
                    tried.rejected.map(RejectionKind::as_str),
                )
            })
            .collect();
        assert_eq!(ways, [("pass", Some("too-few-words")), ("single", None)]);
        assert_eq!(run.raw(index).token_ids.len(), decoding.tokens as usize);
    }
}
