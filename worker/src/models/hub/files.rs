//! Which files a checkpoint has: those that are needed, and those that are taken where they are there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Read as _,
    path::Path,
};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::is_word;

/// The network's configuration; every checkpoint has it.
pub(super) const CONFIG: &str = "config.json";

/// Taken where they are there; they are small.
const SMALL: [&str; 6] = [
    CONFIG,
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "qwen.tiktoken",
];

/// One of them is needed.
const TOKENIZERS: [&str; 2] = ["tokenizer.json", "qwen.tiktoken"];

/// The weights in one file.
const WEIGHTS: &str = "model.safetensors";

/// Which file has which tensor, if the weights are in several.
const INDEX: &str = "model.safetensors.index.json";

/// All of it, in words.
pub(super) const WANTED: &str = "config.json, tokenizer.json (or qwen.tiktoken), model.safetensors (or \
    model.safetensors.index.json and the files it names) and, where there are such, generation_config.json, \
    preprocessor_config.json and processor_config.json";

/// An index of a thousand tensors has some 100 kB.
const LARGEST_INDEX_BYTES: u64 = 16 << 20;

/// Files that hold weights; the largest model has a few.
const MOST_SHARDS: usize = 1000;

/// Returns true if all files that a checkpoint needs are in the folder.
pub(super) fn complete(folder: &Path) -> bool {
    let there = |name: &str| folder.join(name).is_file();
    let weights = || {
        there(WEIGHTS)
            || shards(&folder.join(INDEX)).is_ok_and(|files| files.iter().all(|file| there(file)))
    };
    there(CONFIG) && TOKENIZERS.into_iter().any(there) && weights()
}

/// Of the files that a model has, those that come first.
///
/// # Errors
/// A file that is needed is not among them.
pub(super) fn small(model: &BTreeSet<String>) -> anyhow::Result<Vec<&'static str>> {
    let has = |name: &str| model.contains(name);
    ensure!(has(CONFIG), "the model has no {CONFIG}");
    ensure!(
        TOKENIZERS.into_iter().any(has),
        "the model has neither {} nor {}",
        TOKENIZERS[0],
        TOKENIZERS[1]
    );
    ensure!(
        has(WEIGHTS) || has(INDEX),
        "the model has no {WEIGHTS}; weights in other formats are not read"
    );
    let index = (!has(WEIGHTS)).then_some(INDEX);
    Ok(SMALL
        .into_iter()
        .filter(|name| has(name))
        .chain(index)
        .collect())
}

/// The files that hold the weights, once the small ones are in the folder.
///
/// # Errors
/// The index cannot be understood.
pub(super) fn weights(model: &BTreeSet<String>, folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    if model.contains(WEIGHTS) {
        return Ok([WEIGHTS.to_owned()].into());
    }
    shards(&folder.join(INDEX))
}

/// The files that an index names.
fn shards(index: &Path) -> anyhow::Result<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct ShardIndex {
        weight_map: BTreeMap<String, String>,
    }
    let mut text = String::new();
    let file = File::open(index).with_context(|| format!("cannot read {INDEX}"))?;
    file.take(LARGEST_INDEX_BYTES)
        .read_to_string(&mut text)
        .with_context(|| format!("cannot read {INDEX}"))?;
    let index: ShardIndex =
        serde_json::from_str(&text).with_context(|| format!("{INDEX} is wrong"))?;
    let files: BTreeSet<String> = index.weight_map.into_values().collect();
    let usable = (1..=MOST_SHARDS).contains(&files.len()) && files.iter().all(|file| is_word(file));
    ensure!(
        usable,
        "{INDEX} names no files, too many, or one outside the model"
    );
    Ok(files)
}
