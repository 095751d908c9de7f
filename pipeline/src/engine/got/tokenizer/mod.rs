//! Tokenizer of a checkpoint.
//!
//! The tokenizers crate reads `tokenizer.json`; the original layout's `qwen.tiktoken` is converted
//! to the same form. The engine's assumptions are checked when the file is opened, so that decoding
//! cannot fail later.

mod tiktoken;

use std::{fs, io::Read as _, path::Path};

use tokenizers::{DecoderWrapper, Tokenizer};

use super::{
    config::{CheckpointConfig, CheckpointLayout},
    error::GotError,
};

/// The file of transformers' layout, and that of the original.
const HUB_FILE: &str = "tokenizer.json";
const ORIGINAL_FILE: &str = "qwen.tiktoken";
/// Maximum size of either in bytes; the real ones have 11 and 2.6 million.
const MAX_BYTES: u64 = 128 << 20;
/// Ends a turn of the conversation, and so an answer.
pub(super) const TURN_END: &str = "<|im_end|>";
/// Begins a turn.
pub(super) const TURN_START: &str = "<|im_start|>";
/// Enclose a prompt's image tokens.
pub(super) const IMAGE_START: &str = "<img>";
pub(super) const IMAGE_END: &str = "</img>";
/// The placeholder of an image token.
pub(super) const IMAGE: &str = "<imgpad>";

/// The tokenizer of a checkpoint.
pub(super) struct GotTokenizer {
    tokenizer: Tokenizer,
    /// Tokens, special ones included; ids are below this.
    size: u32,
    /// Ids of the tokens that end an answer, in ascending order.
    pub(super) stop: Vec<u32>,
}

impl GotTokenizer {
    /// Opens the tokenizer in `folder`, whose configuration is `config`.
    ///
    /// # Errors
    /// The file is missing or damaged, or contradicts the configuration.
    pub(super) fn open(folder: &Path, config: &CheckpointConfig) -> Result<Self, GotError> {
        let name = match config.layout {
            CheckpointLayout::Original => ORIGINAL_FILE,
            CheckpointLayout::Hub => HUB_FILE,
        };
        let path = folder.join(name);
        let refuse = |message: String| GotError::Broken {
            path: path.clone(),
            message,
        };
        let content = read(&path)?;
        let tokenizer = match config.layout {
            CheckpointLayout::Original => tiktoken::tokenizer(&path, &content)?,
            CheckpointLayout::Hub => tokenizer(&content).map_err(refuse)?,
        };
        let end = checked(&tokenizer, config).map_err(refuse)?;
        let size = tokenizer.get_vocab(true).into_values().max();
        let size = size.map_or(0, |last| last.saturating_add(1));
        if size as usize > config.text.vocab {
            let vocab = config.text.vocab;
            return Err(refuse(format!(
                "has {size} tokens, but `vocab_size` in config.json is {vocab}; the files are of \
                 different checkpoints"
            )));
        }
        let mut stop = config.eos.clone();
        stop.push(end);
        stop.sort_unstable();
        stop.dedup();
        Ok(Self {
            tokenizer,
            size,
            stop,
        })
    }

    /// Encodes `text`, in which special tokens may be written out (`<|im_end|>`).
    ///
    /// # Errors
    /// The tokenizer fails.
    pub(super) fn encode(&self, text: &str) -> Result<Vec<u32>, GotError> {
        let encoding = self.tokenizer.encode_fast(text, true).map_err(|error| {
            GotError::Candle(candle_core::Error::Msg(format!("cannot tokenize: {error}")))
        })?;
        Ok(encoding.get_ids().to_vec())
    }

    /// Decodes `ids` without special tokens; bytes that are not UTF-8 become U+FFFD.
    pub(super) fn decode(&self, ids: &[u32]) -> String {
        self.token_bytes(ids, true)
    }

    /// Each token's id and text. Special tokens are written out; incomplete characters are U+FFFD.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (u32, String)> {
        (0..self.size).map(|id| (id, self.token_bytes(&[id], false)))
    }

    fn token_bytes(&self, ids: &[u32], skip_special: bool) -> String {
        let text = self.tokenizer.decode(ids, skip_special);
        text.expect("a byte-level decoder, which this was checked to be, takes any tokens")
    }
}

/// Reads `path`, unless it is larger than a tokenizer may be.
fn read(path: &Path) -> Result<Vec<u8>, GotError> {
    let failed = |error| GotError::File {
        path: path.to_owned(),
        error,
    };
    let mut content = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut content)
        .map_err(failed)?;
    if content.len() as u64 > MAX_BYTES {
        return Err(GotError::Broken {
            path: path.to_owned(),
            message: format!("has over {MAX_BYTES} bytes; take the checkpoint's own"),
        });
    }
    Ok(content)
}

/// Reads a `tokenizer.json`, without settings that would truncate or pad prompts.
fn tokenizer(content: &[u8]) -> Result<Tokenizer, String> {
    let mut tokenizer = Tokenizer::from_bytes(content)
        .map_err(|error| format!("is no tokenizer: {error}; take the checkpoint's own"))?;
    tokenizer.with_padding(None);
    tokenizer
        .with_truncation(None)
        .map_err(|error| format!("cannot be used: {error}; take the checkpoint's own"))?;
    Ok(tokenizer)
}

/// Checks the engine's assumptions and returns the id of the token that ends a turn.
fn checked(tokenizer: &Tokenizer, config: &CheckpointConfig) -> Result<u32, String> {
    if !matches!(tokenizer.get_decoder(), Some(DecoderWrapper::ByteLevel(_))) {
        return Err("its `decoder` is not `ByteLevel`; take the checkpoint's own".to_owned());
    }
    for text in [TURN_START, TURN_END, IMAGE_START, IMAGE_END, IMAGE] {
        let encoding = tokenizer.encode_fast(text, false);
        let one = encoding.is_ok_and(|encoding| {
            encoding.len() == 1
                && tokenizer.token_to_id(text) == encoding.get_ids().first().copied()
        });
        if !one {
            return Err(format!(
                "`{text}` is no token of its own; take the checkpoint's own"
            ));
        }
    }
    let image = tokenizer.token_to_id(IMAGE);
    if image != Some(config.image_token) {
        return Err(format!(
            "`{IMAGE}` has the id {}, but config.json says {}; the files are of different checkpoints",
            image.unwrap_or_default(),
            config.image_token
        ));
    }
    Ok(tokenizer.token_to_id(TURN_END).unwrap_or_default())
}

#[cfg(test)]
mod tests;
