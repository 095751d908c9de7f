//! Tests of the tokenizer in both layouts.

use std::path::PathBuf;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tempfile::TempDir;

use super::*;

/// The small checkpoints that the reference wrote.
const REFERENCE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../tests/reference/checkpoints"
);
/// Tokens of the small list below; special ones follow.
const LIST: u32 = 256 + 5;

fn reference(name: &str) -> (PathBuf, CheckpointConfig) {
    let folder = PathBuf::from(REFERENCE).join(name);
    let config = CheckpointConfig::read(&folder).unwrap();
    (folder, config)
}

/// Every byte, then merges of them.
fn ranks() -> String {
    let bytes = (0..=255).map(|byte| vec![byte]);
    let merged = ["OC", "OCR", " a", "é", " aé"].map(|text| text.as_bytes().to_vec());
    let lines = bytes.chain(merged).zip(0..);
    lines
        .map(|(token, rank): (Vec<u8>, u32)| format!("{} {rank}\n", STANDARD.encode(token)))
        .collect()
}

fn original(list: &str) -> Result<GotTokenizer, String> {
    let (_, mut config) = reference("hub-new");
    config.layout = CheckpointLayout::Original;
    config.image_token = LIST + 216;
    config.eos = vec![LIST];
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(ORIGINAL_FILE), list).unwrap();
    GotTokenizer::open(folder.path(), &config).map_err(|error| error.to_string())
}

#[test]
fn a_list_of_ranks_merges_as_its_ranks_say() {
    let tokens = original(&ranks()).unwrap();
    // "é" is two bytes in UTF-8; the decomposed form is composed first.
    assert_eq!(tokens.encode("OCR aé").unwrap(), [257, 260]);
    assert_eq!(tokens.encode("OCR ae\u{301}").unwrap(), [257, 260]);
    assert_eq!(tokens.encode("OCO").unwrap(), [256, u32::from(b'O')]);
    assert_eq!(
        tokens.encode("12\n").unwrap(),
        [b'1', b'2', b'\n'].map(u32::from)
    );
    assert_eq!(tokens.encode("").unwrap(), [0_u32; 0]);
}

#[test]
fn special_tokens_follow_the_list() {
    let tokens = original(&ranks()).unwrap();
    let text = "<|endoftext|><|im_start|><|im_end|><|extra_0|><|extra_204|><ref><imgpad>";
    let ids = [0, 1, 2, 3, 207, 208, 216].map(|after| LIST + after);
    assert_eq!(tokens.encode(text).unwrap(), ids);
    assert_eq!(
        tokens.encode("<img></img>").unwrap(),
        [LIST + 214, LIST + 215]
    );
    assert_eq!(tokens.stop, [LIST, LIST + 2]);
    assert_eq!(tokens.decode(&ids), "");
}

#[test]
fn text_comes_back_and_parts_of_characters_are_marked() {
    let all = [
        original(&ranks()).unwrap(),
        GotTokenizer::open(&reference("hub-new").0, &reference("hub-new").1).unwrap(),
        GotTokenizer::open(&reference("original").0, &reference("original").1).unwrap(),
    ];
    let text =
        "\\begin{tabular}{|l|}\n\\hline 12 & 0,5 \\\\ é 字 \u{1F600}\t  <b> \r\n\\end{tabular}";
    for tokens in &all {
        let ids = tokens.encode(text).unwrap();
        assert_eq!(tokens.decode(&ids), text);
        let mut cut = tokens.encode("a字").unwrap();
        cut.pop();
        assert_eq!(tokens.decode(&cut), "a\u{FFFD}");
        cut.push(u32::MAX);
        assert_eq!(tokens.decode(&cut), "a\u{FFFD}");
        let mut ended = tokens.encode("end<|im_end|>").unwrap();
        assert_eq!(tokens.decode(&ended), "end");
        assert!(tokens.stop.contains(&ended.pop().unwrap()));
    }
}

#[test]
fn pieces_are_all_tokens_with_their_text() {
    let tokens = original(&ranks()).unwrap();
    let pieces: Vec<_> = tokens.pieces().collect();
    assert_eq!(pieces.len(), LIST as usize + 217);
    assert_eq!(pieces[usize::from(b'&')], (u32::from(b'&'), "&".to_owned()));
    assert_eq!(pieces[10].1, "\n");
    assert_eq!(pieces[0xc3].1, "\u{FFFD}");
    assert_eq!(pieces[257].1, "OCR");
    assert_eq!(pieces[LIST as usize + 2].1, "<|im_end|>");
}

/// The reference wrote one vocabulary in both layouts.
#[test]
fn both_forms_of_one_vocabulary_give_the_same_tokens() {
    let open = |name| {
        let (folder, config) = reference(name);
        GotTokenizer::open(&folder, &config).unwrap()
    };
    let (new, old, original) = (open("hub-new"), open("hub-old"), open("original"));
    let texts = [
        "<|im_start|>system\nYou should follow the instructions carefully.<|im_end|>",
        "<img><imgpad><imgpad></img>\n OCR with format upon the patch reference: ",
        "[red]  OCR: [12, 345, 1000, 0] It's  we'LL\r\n\r\n  x \n",
        "the information of the patch reference, international format ",
    ];
    for text in texts {
        let ids = original.encode(text).unwrap();
        assert_eq!(new.encode(text).unwrap(), ids, "{text}");
        assert_eq!(old.encode(text).unwrap(), ids, "{text}");
        assert!(ids.len() < text.len(), "nothing was merged: {text}");
    }
    assert_eq!(new.stop, original.stop);
    assert!(new.pieces().eq(original.pieces()));
}

#[test]
fn a_damaged_list_is_refused_with_what_is_wrong() {
    let list = ranks();
    for (damaged, reason) in [
        (String::new(), "the byte 0"),
        (list.replacen("AA== 0\n", "", 1), "rank 0 is missing"),
        (list.replacen("AA== 0", "AA==", 1), "line 1 "),
        (list.replacen("AA== 0", "A! 0", 1), "line 1 "),
        (list.replacen("AA== 0", "AA== -1", 1), "line 1 "),
        (
            list.replacen("AA== 0", "AA== 1", 1),
            "rank 1 is there twice",
        ),
        (list.replacen("AA== 0", "AAA= 0", 1), "the byte 0"),
        (
            list.replacen("AA== 0", "AQ== 0", 1),
            "a token is there twice",
        ),
        (list.replacen("AA==", &"AAAA".repeat(200), 1), "line 1 "),
    ] {
        let error = original(&damaged).err().unwrap();
        assert!(
            error.contains("qwen.tiktoken") && error.contains(reason),
            "{error}"
        );
    }
    let twice = format!("{list}T0NS {LIST}\n");
    let error = original(&twice).err().unwrap();
    assert!(error.contains("twice"), "{error}");
}

/// The reference's `tokenizer.json`, edited by `change`, beside its configuration.
fn hub(
    change: impl FnOnce(&mut serde_json::Value, &mut CheckpointConfig),
) -> Result<GotTokenizer, String> {
    let (folder, mut config) = reference("hub-new");
    let content = fs::read(folder.join(HUB_FILE)).unwrap();
    let mut tokenizer = serde_json::from_slice(&content).unwrap();
    change(&mut tokenizer, &mut config);
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join(HUB_FILE), tokenizer.to_string()).unwrap();
    GotTokenizer::open(folder.path(), &config).map_err(|error| error.to_string())
}

#[test]
fn a_tokenizer_that_does_not_fit_is_refused_with_what_is_wrong() {
    let error = hub(|tokenizer, _| *tokenizer = serde_json::json!({"version": "1.0"}));
    let error = error.err().unwrap();
    assert!(error.contains("tokenizer.json: is no tokenizer"), "{error}");
    let error = hub(|tokenizer, _| tokenizer["decoder"] = serde_json::Value::Null);
    assert!(error.err().unwrap().contains("`decoder`"));
    let error = hub(|_, config| config.image_token -= 1).err().unwrap();
    assert!(
        error.contains("`<imgpad>` has the id 578, but config.json says 577"),
        "{error}"
    );
    let error = hub(|_, config| config.text.vocab = 500).err().unwrap();
    assert!(
        error.contains("579 tokens") && error.contains("`vocab_size`"),
        "{error}"
    );
    let error = hub(|tokenizer, _| {
        let added = tokenizer["added_tokens"].as_array_mut().unwrap();
        added.retain(|token| token["content"] != TURN_END);
    });
    assert!(
        error
            .err()
            .unwrap()
            .contains("`<|im_end|>` is no token of its own")
    );
    let folder = TempDir::new().unwrap();
    let error = GotTokenizer::open(folder.path(), &reference("hub-new").1)
        .err()
        .unwrap();
    assert!(error.to_string().contains("tokenizer.json"), "{error}");
}

#[test]
fn a_tokenizer_that_would_cut_prompts_does_not() {
    let tokens = hub(|tokenizer, _| {
        tokenizer["truncation"] = serde_json::json!({
            "direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0
        });
    });
    assert!(tokens.unwrap().encode("one two three four").unwrap().len() > 2);
}
