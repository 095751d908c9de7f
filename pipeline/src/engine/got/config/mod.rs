//! What a checkpoint's configuration files say: every size comes from them, none is built in.
//!
//! Two forms are read: the hub's (`model_type` `got_ocr2`, with `text_config` and `vision_config`),
//! and the original one (`GOT`), flat, whose encoder is told by its tensors' shapes alone.

// Typed access to a JSON object.
mod members;
// The decoder.
mod text;
// The encoder.
mod vision;
// From pixels to a view.
mod pixels;

use std::path::Path;

use serde_json::{Map, Value};

use self::members::ConfigReader;
use super::{error::GotError, weights::WeightFiles};

/// The file that says which model a folder holds.
pub(super) const FILE: &str = "config.json";
/// Decoding's own settings, where the folder has them.
const GENERATION_FILE: &str = "generation_config.json";
/// The image token's id in both published forms.
const IMAGE_TOKEN: usize = 151_859;

/// A checkpoint's configuration.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CheckpointConfig {
    /// Which form it has.
    pub(super) layout: CheckpointLayout,
    /// The encoder.
    pub(super) vision: VisionConfig,
    /// The decoder.
    pub(super) text: TextConfig,
    /// How views are made.
    pub(super) pixels: ProcessorConfig,
    /// The token whose places the views' features take.
    pub(super) image_token: u32,
    /// How many such places a view has.
    pub(super) image_tokens: usize,
    /// Tokens that end an answer, `<|im_end|>` apart; below the vocabulary's size.
    pub(super) eos: Vec<u32>,
}

/// The forms a checkpoint comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CheckpointLayout {
    /// `got_ocr2`, as transformers saves it.
    Hub,
    /// `GOT`, as its authors published it.
    Original,
}

/// The encoder's sizes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct VisionConfig {
    /// Values of a patch.
    pub(super) hidden: usize,
    /// Layers.
    pub(super) layers: usize,
    /// Attention heads of a layer; they divide `hidden`.
    pub(super) heads: usize,
    /// Side of a patch in pixels.
    pub(super) patch: usize,
    /// Side of a view in pixels, a multiple of four patches.
    pub(super) image: usize,
    /// Channels after the neck.
    pub(super) channels_out: usize,
    /// Values inside a layer's perceptron.
    pub(super) mlp: usize,
    /// Side of a window in patches.
    pub(super) window: usize,
    /// The layers without windows, in rising order.
    pub(super) global: Vec<usize>,
    /// Whether patches have absolute positions.
    pub(super) abs_pos: bool,
    /// Whether attention has relative positions.
    pub(super) rel_pos: bool,
    /// Whether queries, keys and values have a bias.
    pub(super) qkv_bias: bool,
    /// Epsilon of the layer norms.
    pub(super) eps: f64,
}

/// The decoder's sizes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TextConfig {
    /// Tokens.
    pub(super) vocab: usize,
    /// Values of a token.
    pub(super) hidden: usize,
    /// Values inside a layer's perceptron.
    pub(super) intermediate: usize,
    /// Layers.
    pub(super) layers: usize,
    /// Attention heads of a layer.
    pub(super) heads: usize,
    /// Key/value heads of a layer; they divide `heads`.
    pub(super) kv_heads: usize,
    /// Values of a head, an even number.
    pub(super) head_dim: usize,
    /// Epsilon of the norms.
    pub(super) eps: f64,
    /// Base of the rotary positions.
    pub(super) rope_theta: f64,
    /// Most tokens of a sequence.
    pub(super) positions: usize,
    /// Whether the configuration says that the head is the embedding; `CheckpointWeights::tied` knows what
    /// the files hold.
    pub(super) tied: bool,
}

/// Rows that a model was trained on in place of whole pages, each on a row of image tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RowConfig {
    /// Size of the type in pixels of the view.
    pub(super) em: f32,
    /// Rows that the encoder sees together; no more than a view has rows of image tokens.
    pub(super) per_view: u32,
}

/// How a view is made of pixels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ProcessorConfig {
    /// Width of a view in pixels.
    pub(super) width: u32,
    /// Height of a view in pixels.
    pub(super) height: u32,
    /// What is taken from a rescaled channel.
    pub(super) mean: [f32; 3],
    /// What it is then divided by.
    pub(super) std: [f32; 3],
    /// What a value of 0 to 255 is multiplied by first.
    pub(super) rescale: f32,
    /// The rows that the model was trained on in place of whole pages.
    pub(super) rows: Option<RowConfig>,
    /// Least tiles of a page that is cut.
    pub(super) min_patches: u32,
    /// Most tiles of a page that is cut.
    pub(super) max_patches: u32,
}

impl CheckpointConfig {
    /// Reads the configuration in `folder`.
    ///
    /// # Errors
    /// A file is missing, or says what this engine cannot do; the text names the member.
    pub(super) fn read(folder: &Path) -> Result<Self, GotError> {
        let path = folder.join(FILE);
        let Some(map) = members::read(&path)? else {
            let error = std::io::ErrorKind::NotFound.into();
            return Err(GotError::File { path, error });
        };
        let file = ConfigReader::new(&path, &map);
        if file.get("quantization_config").is_some() {
            let message = "take the checkpoint with float32, float16 or bfloat16 weights";
            return Err(file.refuse("quantization_config", message));
        }
        match file.get("model_type").and_then(Value::as_str) {
            Some("got_ocr2") => hub(folder, &file),
            Some("GOT") => original(folder, &file),
            _ => Err(file.refuse("model_type", "`got_ocr2` or `GOT` would do")),
        }
    }

    /// Image tokens that stand side by side in a view, and rows of them.
    pub(super) fn tokens_across(&self) -> usize {
        self.image_tokens.isqrt()
    }
}

fn hub(folder: &Path, file: &ConfigReader<'_>) -> Result<CheckpointConfig, GotError> {
    let (got, nothing) = (text::got_defaults(), Map::new());
    let text_members = file.object("text_config", &got)?;
    let vision_members = file.object("vision_config", &nothing)?;
    text_members.only("model_type", &["qwen2".into()])?;
    // The reference looks at the outer member alone.
    let tied = file.flag("tie_word_embeddings", true)?;
    let text = text::text(&text_members, tied)?;
    let vision = vision::hub(&vision_members)?;
    let name = if file.get("image_token_id").is_some() {
        "image_token_id"
    } else {
        "image_token_index"
    };
    let eos = match file.ids("eos_token_id", text.vocab)? {
        Some(ids) => Some(ids),
        None => text_members.ids("eos_token_id", text.vocab)?,
    };
    Ok(CheckpointConfig {
        layout: CheckpointLayout::Hub,
        image_token: image_token(file, name, text.vocab)?,
        image_tokens: image_tokens(&vision),
        eos: ends(folder, eos, text.vocab)?,
        pixels: pixels::hub(folder, &vision)?,
        vision,
        text,
    })
}

fn original(folder: &Path, file: &ConfigReader<'_>) -> Result<CheckpointConfig, GotError> {
    let text = text::text(file, file.flag("tie_word_embeddings", false)?)?;
    let vision = vision::original(&WeightFiles::open(folder)?)?;
    let image_tokens = image_tokens(&vision);
    if file.size("image_token_len", image_tokens, 1..=1 << 20)? != image_tokens {
        let message = format!("the encoder's tensors make {image_tokens} of a view");
        return Err(file.refuse("image_token_len", &message));
    }
    Ok(CheckpointConfig {
        layout: CheckpointLayout::Original,
        image_token: image_token(file, "im_patch_token", text.vocab)?,
        image_tokens,
        eos: ends(folder, file.ids("eos_token_id", text.vocab)?, text.vocab)?,
        pixels: pixels::original(vision.image),
        vision,
        text,
    })
}

/// Tokens of a view: two convolutions of stride two follow the patches.
fn image_tokens(vision: &VisionConfig) -> usize {
    (vision.image / vision.patch / 4).pow(2)
}

fn image_token(file: &ConfigReader<'_>, name: &str, vocab: usize) -> Result<u32, GotError> {
    let id = file.size(name, IMAGE_TOKEN, 0..=vocab - 1)?;
    let fits = u32::try_from(id).ok().filter(|_| id < vocab);
    fits.ok_or_else(|| {
        file.refuse(
            name,
            &format!("an id below `vocab_size`, {vocab}, would do"),
        )
    })
}

/// The ids that end an answer: those of `generation_config.json` where it has some, else `eos`.
fn ends(folder: &Path, eos: Option<Vec<u32>>, vocab: usize) -> Result<Vec<u32>, GotError> {
    let path = folder.join(GENERATION_FILE);
    let stated = match members::read(&path)? {
        Some(map) => ConfigReader::new(&path, &map).ids("eos_token_id", vocab)?,
        None => None,
    };
    Ok(stated.or(eos).unwrap_or_default())
}

#[cfg(test)]
mod tests;
