//! Tokenizer of the original layout: `qwen.tiktoken`, a list of byte strings and their ranks.
//!
//! Its authors read it with tiktoken; here it becomes the same byte-level BPE in the tokenizers
//! crate. Special tokens follow the ranks in the order of GOT's `tokenization_qwen.py`.

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokenizers::{
    AddedToken, Tokenizer,
    models::bpe::{BPE, Vocab},
    normalizers::unicode::NFC,
    pre_tokenizers::{
        byte_level::ByteLevel,
        sequence::Sequence,
        split::{Split, SplitPattern},
    },
    tokenizer::SplitDelimiterBehavior,
};

use crate::engine::got::error::GotError;

/// The pre-tokenization pattern (`tokenization_qwen.py`).
const PATTERN: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
/// Spare special tokens between the two groups of named ones.
const EXTRAS: usize = 205;
/// Maximum tokens, and maximum bytes of one; the real list has 151,643, none over 128 bytes.
const MAX_TOKENS: usize = 1 << 20;
const MAX_TOKEN_BYTES: usize = 512;

/// Byte strings by rank.
type BpeRanks = Vec<Vec<u8>>;

/// Converts the list `text` of the file `path`.
pub(super) fn tokenizer(path: &Path, text: &[u8]) -> Result<Tokenizer, GotError> {
    let refuse = |message: String| GotError::Broken {
        path: path.to_owned(),
        message: format!("{message}; fetch the file again"),
    };
    let ranks = ranks(text).map_err(refuse)?;
    build(&ranks).map_err(|error| refuse(format!("makes no tokenizer: {error}")))
}

/// Reads lines of `BASE64 RANK`. Ranks must be 0, 1, 2 … in any order, and every byte a token.
fn ranks(text: &[u8]) -> Result<BpeRanks, String> {
    let mut ranks = HashMap::new();
    for (line, content) in text.split(|byte| *byte == b'\n').enumerate() {
        let content = content.trim_ascii();
        if content.is_empty() {
            continue;
        }
        let (token, rank) =
            entry(content).ok_or_else(|| format!("line {} is no token with its rank", line + 1))?;
        if ranks.insert(rank, token).is_some() {
            return Err(format!("rank {rank} is there twice"));
        }
        if ranks.len() > MAX_TOKENS {
            return Err(format!("it has over {MAX_TOKENS} tokens"));
        }
    }
    let count = ranks.len();
    let ranks: BpeRanks = (0..count)
        .map(|rank| {
            ranks
                .remove(&rank)
                .ok_or_else(|| format!("rank {rank} is missing"))
        })
        .collect::<Result<_, _>>()?;
    let different: HashSet<_> = ranks.iter().collect();
    if different.len() < count {
        return Err("a token is there twice".to_owned());
    }
    let mut bytes = [false; 256];
    for token in ranks.iter().filter(|token| token.len() == 1) {
        bytes[usize::from(token[0])] = true;
    }
    match bytes.iter().position(|there| !there) {
        Some(byte) => Err(format!("it has no token for the byte {byte}")),
        None => Ok(ranks),
    }
}

/// The token and the rank of a line.
fn entry(line: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (token, rank) = std::str::from_utf8(line).ok()?.split_once(' ')?;
    let token = STANDARD.decode(token).ok()?;
    let fits = (1..=MAX_TOKEN_BYTES).contains(&token.len());
    fits.then_some((token, rank.trim().parse().ok()?))
}

fn build(ranks: &BpeRanks) -> tokenizers::Result<Tokenizer> {
    let alphabet = alphabet();
    let written = |token: &[u8]| -> String {
        token
            .iter()
            .map(|byte| alphabet[usize::from(*byte)])
            .collect()
    };
    let vocab: Vocab = (0..)
        .zip(ranks)
        .map(|(rank, token)| (written(token), rank))
        .collect();
    let merges = merges(ranks)
        .into_iter()
        .map(|(left, right)| (written(left), written(right)))
        .collect();
    let model = BPE::builder()
        .vocab_and_merges(vocab, merges)
        .ignore_merges(true)
        .build()?;
    let mut tokenizer = Tokenizer::new(model);
    let pattern = SplitPattern::Regex(PATTERN.to_owned());
    let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false)?;
    let bytes = ByteLevel::new(false, false, false);
    tokenizer
        .with_normalizer(Some(NFC))?
        .with_pre_tokenizer(Some(Sequence::new(vec![split.into(), bytes.into()])))
        .with_decoder(Some(bytes));
    let specials: Vec<_> = specials()
        .map(|text| AddedToken::from(text, true))
        .collect();
    tokenizer.add_special_tokens(specials)?;
    Ok(tokenizer)
}

/// The pairs that may be merged, in the order of the merged tokens: every way to split a token into
/// two others. tiktoken merges the pair of the lowest rank first, so this order gives the same
/// tokens.
fn merges(ranks: &BpeRanks) -> Vec<(&[u8], &[u8])> {
    let rank_of: HashMap<&[u8], usize> = ranks.iter().map(Vec::as_slice).zip(0..).collect();
    let mut merges = Vec::new();
    for token in ranks {
        let mut cuts: Vec<_> = (1..token.len())
            .map(|at| token.split_at(at))
            .filter_map(|(left, right)| {
                Some((rank_of.get(left)?, rank_of.get(right)?, left, right))
            })
            .collect();
        cuts.sort_unstable();
        merges.extend(cuts.into_iter().map(|(_, _, left, right)| (left, right)));
    }
    merges
}

/// The special tokens in the order of their ids.
fn specials() -> impl Iterator<Item = String> {
    let first = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
    let last = [
        "<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>",
    ];
    let extras = (0..EXTRAS).map(|number| format!("<|extra_{number}|>"));
    let named = |list: &[&str]| {
        list.iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    named(&first).into_iter().chain(extras).chain(named(&last))
}

/// The character of each byte in byte-level BPE: itself if it is printable in Latin-1, else one
/// from 256 up.
fn alphabet() -> [char; 256] {
    let mut next = 256;
    std::array::from_fn(|byte| {
        let seen = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let code = if seen {
            byte as u32
        } else {
            next += 1;
            next - 1
        };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}
