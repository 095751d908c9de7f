//! Configuration of a checkpoint, read from its files. Every size comes from them, none is built
//! in.
//!
//! Two layouts are read: that of transformers (`model_type` `got_ocr2`, with `text_config` and
//! `vision_config`), and the authors' own (`GOT`), a flat file whose encoder is known by its
//! tensors' shapes alone.

mod reader;
mod text;
mod vision;
mod processor;

use std::path::Path;

use serde_json::{Map, Value};

use self::reader::ConfigReader;
use super::{error::GotError, weight_files::WeightFiles};

/// The file that names a folder's model.
pub(super) const FILE: &str = "config.json";
/// Generation settings, which not every folder has.
const GENERATION_FILE: &str = "generation_config.json";
/// Default id of the image token, the same in both published checkpoints.
const IMAGE_TOKEN: usize = 151_859;

/// The configuration of a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CheckpointConfig {
    /// Layout of the checkpoint's files.
    pub(super) layout: CheckpointLayout,
    /// Sizes of the encoder.
    pub(super) vision: VisionConfig,
    /// Sizes of the decoder.
    pub(super) text: TextConfig,
    /// Preprocessing of input images.
    pub(super) processor: ProcessorConfig,
    /// Id of the placeholder token that image embeddings replace.
    pub(super) image_token: u32,
    /// Image tokens of one input image.
    pub(super) image_tokens: usize,
    /// Ids of the tokens that end an answer, beside `<|im_end|>`; all are below the vocabulary's
    /// size.
    pub(super) eos: Vec<u32>,
}

/// Layouts of a checkpoint's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CheckpointLayout {
    /// `got_ocr2`, as transformers saves it.
    Hub,
    /// `GOT`, as its authors published it.
    Original,
}

/// Sizes of the encoder.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct VisionConfig {
    /// Width of the hidden states.
    pub(super) hidden: usize,
    /// Transformer layers.
    pub(super) layers: usize,
    /// Attention heads of a layer; they divide `hidden`.
    pub(super) heads: usize,
    /// Side of a patch in pixels.
    pub(super) patch: usize,
    /// Side of an input image in pixels, a multiple of four patches.
    pub(super) image: usize,
    /// Output channels of the neck.
    pub(super) channels_out: usize,
    /// Width of the MLPs' inner layer.
    pub(super) mlp: usize,
    /// Side of an attention window in patches.
    pub(super) window: usize,
    /// Indexes of the layers with global attention, in ascending order.
    pub(super) global: Vec<usize>,
    /// True if the patch embedding has absolute positions.
    pub(super) abs_pos: bool,
    /// True if attention has relative positions.
    pub(super) rel_pos: bool,
    /// True if the query, key and value projections have a bias.
    pub(super) qkv_bias: bool,
    /// Epsilon of the layer norms.
    pub(super) eps: f64,
}

/// Sizes of the decoder.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TextConfig {
    /// Tokens of the vocabulary.
    pub(super) vocab: usize,
    /// Width of the hidden states.
    pub(super) hidden: usize,
    /// Width of the MLPs' inner layer.
    pub(super) intermediate: usize,
    /// Transformer layers.
    pub(super) layers: usize,
    /// Attention heads of a layer.
    pub(super) heads: usize,
    /// Key/value heads of a layer; they divide `heads`.
    pub(super) kv_heads: usize,
    /// Values per head, an even number.
    pub(super) head_dim: usize,
    /// Epsilon of the RMS norms.
    pub(super) eps: f64,
    /// Base of the rotary position embeddings.
    pub(super) rope_theta: f64,
    /// Maximum positions of a sequence.
    pub(super) positions: usize,
    /// True if the configuration ties the output head to the embedding. `CheckpointWeights::tied`
    /// tells what the files hold.
    pub(super) tied: bool,
}

/// Rows of text that a model was trained on instead of whole pages, each on a row of image tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RowConfig {
    /// Em of the text in pixels of the input image.
    pub(super) em: f32,
    /// Rows that one input image holds; no more than it has rows of image tokens.
    pub(super) rows_per_image: u32,
}

/// Preprocessing of an input image.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ProcessorConfig {
    /// Width of an input image in pixels.
    pub(super) width: u32,
    /// Height of an input image in pixels.
    pub(super) height: u32,
    /// Subtracted from each rescaled channel.
    pub(super) mean: [f32; 3],
    /// Divides each channel after that.
    pub(super) std: [f32; 3],
    /// Factor for values of 0 to 255, applied first.
    pub(super) rescale: f32,
    /// The rows of text that the model was trained on, if it was not trained on whole pages.
    pub(super) rows: Option<RowConfig>,
    /// Minimum tiles of a page that is cut.
    pub(super) min_patches: u32,
    /// Maximum tiles of a page that is cut.
    pub(super) max_patches: u32,
}

impl CheckpointConfig {
    /// Reads the configuration in `folder`.
    ///
    /// # Errors
    /// A file is missing, or asks for something that this engine does not support; the message
    /// names the member.
    pub(super) fn read(folder: &Path) -> Result<Self, GotError> {
        let path = folder.join(FILE);
        let Some(map) = reader::read(&path)? else {
            let error = std::io::ErrorKind::NotFound.into();
            return Err(GotError::File { path, error });
        };
        let file = ConfigReader::new(&path, &map);
        if file.get("quantization_config").is_some() {
            let message = "take the checkpoint with float32, float16 or bfloat16 weights";
            return Err(file.invalid("quantization_config", message));
        }
        match file.get("model_type").and_then(Value::as_str) {
            Some("got_ocr2") => hub(folder, &file),
            Some("GOT") => original(folder, &file),
            _ => Err(file.invalid("model_type", "`got_ocr2` or `GOT` would do")),
        }
    }

    /// Image tokens of a row of an input image, which has as many rows.
    pub(super) fn tokens_per_row(&self) -> usize {
        self.image_tokens.isqrt()
    }
}

fn hub(folder: &Path, file: &ConfigReader<'_>) -> Result<CheckpointConfig, GotError> {
    let (got, nothing) = (text::got_defaults(), Map::new());
    let text_reader = file.object("text_config", &got)?;
    let vision_reader = file.object("vision_config", &nothing)?;
    text_reader.require_one_of("model_type", &["qwen2".into()])?;
    // Like the reference, which reads the outer member alone.
    let tied = file.boolean("tie_word_embeddings", true)?;
    let text = text::text(&text_reader, tied)?;
    let vision = vision::hub(&vision_reader)?;
    let name = if file.get("image_token_id").is_some() {
        "image_token_id"
    } else {
        "image_token_index"
    };
    let eos = match file.token_ids("eos_token_id", text.vocab)? {
        Some(ids) => Some(ids),
        None => text_reader.token_ids("eos_token_id", text.vocab)?,
    };
    Ok(CheckpointConfig {
        layout: CheckpointLayout::Hub,
        image_token: image_token(file, name, text.vocab)?,
        image_tokens: image_tokens(&vision),
        eos: eos_tokens(folder, eos, text.vocab)?,
        processor: processor::hub(folder, &vision)?,
        vision,
        text,
    })
}

fn original(folder: &Path, file: &ConfigReader<'_>) -> Result<CheckpointConfig, GotError> {
    let text = text::text(file, file.boolean("tie_word_embeddings", false)?)?;
    let vision = vision::original(&WeightFiles::open(folder)?)?;
    let image_tokens = image_tokens(&vision);
    if file.size("image_token_len", image_tokens, 1..=1 << 20)? != image_tokens {
        let message = format!("the encoder's tensors make {image_tokens} of a view");
        return Err(file.invalid("image_token_len", &message));
    }
    Ok(CheckpointConfig {
        layout: CheckpointLayout::Original,
        image_token: image_token(file, "im_patch_token", text.vocab)?,
        image_tokens,
        eos: eos_tokens(
            folder,
            file.token_ids("eos_token_id", text.vocab)?,
            text.vocab,
        )?,
        processor: processor::original(vision.image),
        vision,
        text,
    })
}

/// Image tokens of an input image: two convolutions of stride 2 follow the patches.
fn image_tokens(vision: &VisionConfig) -> usize {
    (vision.image / vision.patch / 4).pow(2)
}

fn image_token(file: &ConfigReader<'_>, name: &str, vocab: usize) -> Result<u32, GotError> {
    let id = file.size(name, IMAGE_TOKEN, 0..=vocab - 1)?;
    let fits = u32::try_from(id).ok().filter(|_| id < vocab);
    fits.ok_or_else(|| {
        file.invalid(
            name,
            &format!("an id below `vocab_size`, {vocab}, would do"),
        )
    })
}

/// The ids that end an answer: those of `generation_config.json` if it has any, else `eos`.
fn eos_tokens(folder: &Path, eos: Option<Vec<u32>>, vocab: usize) -> Result<Vec<u32>, GotError> {
    let path = folder.join(GENERATION_FILE);
    let stated = match reader::read(&path)? {
        Some(map) => ConfigReader::new(&path, &map).token_ids("eos_token_id", vocab)?,
        None => None,
    };
    Ok(stated.or(eos).unwrap_or_default())
}

#[cfg(test)]
mod tests;
