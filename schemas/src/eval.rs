//! `recto.eval/v1`: how well documents with known text were read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FailureDetail, ModelInfo};

/// What an evaluation came to: `eval.json`, or one part of it, which holds the same for its part of the documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvalReport {
    /// `recto.eval/v1`.
    pub schema: String,
    /// The dataset or folder, as it was named.
    pub data: String,
    /// What read it; absent where finished texts were scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The engine's model; absent where finished texts were scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelInfo>,
    /// Whether texts were compared as they stand, without folding.
    pub as_is: bool,
    /// Which part of the documents this is; absent where it is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk: Option<EvalChunk>,
    /// All cases together.
    pub total: EvalTotal,
    /// One entry for each text that was compared, in the order of the data.
    pub cases: Vec<EvalCase>,
}

impl EvalReport {
    /// The value of [`EvalReport::schema`].
    pub const SCHEMA: &'static str = "recto.eval/v1";
}

/// A part of an evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EvalChunk {
    /// Which, from 0.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

/// One truth and its reading: a page, or a document where the truth does not tell its pages apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvalCase {
    /// The document's place in the data, from 0; a document's pages share it.
    pub index: u64,
    /// The document as the data names it.
    pub name: String,
    /// One-based page, where the truth tells pages apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Where the document was found.
    pub path: String,
    /// Clockwise degrees by which the page was turned to stand upright: 0, 90, 180 or 270.
    #[serde(default)]
    pub rotation: u16,
    /// Why there is no reading, or not all of it; what is missing counts as read as nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureDetail>,
    /// The truth, as it was compared.
    pub truth: String,
    /// The reading, as it was compared.
    pub reading: String,
    /// Characters put in, left out or changed.
    pub characters: ErrorRate,
    /// Words put in, left out or changed.
    pub words: ErrorRate,
    /// The measures of GOT's evaluation; absent where truth or reading is empty: it leaves such pages out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<GotMeasures>,
}

/// Errors, and what they are a share of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorRate {
    /// How many.
    pub errors: u64,
    /// How many characters or words the truth has.
    pub of: u64,
    /// Errors over what the truth has, at least 1; above 1 where more was read than is there.
    pub rate: f64,
}

/// What GOT-OCR 2.0's evaluation computes for a text, or the means of it. By its script the truth is judged against the
/// reading, so that `precision` and `recall` have each other's usual meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GotMeasures {
    /// Sequences of one to four words in common, 0 to 1.
    pub bleu: f64,
    /// Words in common and their order, 0 to 1; without synonyms.
    pub meteor: f64,
    /// F1 over the sets of words, 0 to 1.
    pub f_measure: f64,
    /// Share of the truth's different words that were read, 0 to 1.
    pub precision: f64,
    /// Share of the different words that were read which the truth has, 0 to 1.
    pub recall: f64,
    /// Edit distance over the length of the longer text in characters, 0 to 1.
    pub edit_dist: f64,
}

/// All cases together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvalTotal {
    /// Documents.
    pub documents: u64,
    /// Texts that were compared.
    pub cases: u64,
    /// Texts without a reading, or without all of it.
    pub failed: u64,
    /// All errors over all characters.
    pub characters: ErrorRate,
    /// All errors over all words.
    pub words: ErrorRate,
    /// How many cases GOT's measures are means of.
    pub got_cases: u64,
    /// The means of GOT's measures; absent where there is no case with truth and reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<GotMeasures>,
}
