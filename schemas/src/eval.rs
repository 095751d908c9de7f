//! `recto.eval/v1`: the evaluation of documents with known text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{FailureDetail, ModelInfo};

/// The result of an evaluation: `eval.json`, or one part of it, which holds the same for its part of the documents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvalReport {
    /// `recto.eval/v1`.
    pub schema: String,
    /// The dataset or folder, as it was named.
    pub data: String,
    /// The engine; absent if finished texts were scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The engine's model; absent if finished texts were scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelInfo>,
    /// True if texts were compared as they are, without normalizing them.
    pub as_is: bool,
    /// The part of the documents that this is; absent if it is all of them.
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
    /// Its number, from 0.
    pub index: u32,
    /// The number of parts.
    pub count: u32,
}

/// One reference and its prediction: a page, or a document if the reference does not tell its pages apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EvalCase {
    /// The document's place in the data, from 0; a document's pages share it.
    pub index: u64,
    /// The document as the data names it.
    pub name: String,
    /// One-based page, if the reference tells pages apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// The path or address of the document.
    pub path: String,
    /// Clockwise degrees by which the page was rotated to be upright: 0, 90, 180 or 270.
    #[serde(default)]
    pub rotation: u16,
    /// The reason if there is no prediction, or not all of it; a missing page counts as an empty prediction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureDetail>,
    /// The reference, as it was compared.
    pub reference: String,
    /// The prediction, as it was compared.
    pub prediction: String,
    /// Characters inserted, deleted or substituted.
    pub characters: ErrorRate,
    /// Words inserted, deleted or substituted.
    pub words: ErrorRate,
    /// The measures of GOT's evaluation; absent if reference or prediction is empty: it leaves such pages out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<GotMeasures>,
}

/// Errors and the characters or words they are a share of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorRate {
    /// Their number.
    pub errors: u64,
    /// Characters or words of the reference.
    pub of: u64,
    /// Errors over characters or words of the reference, taken as at least 1; above 1 if more was read than is there.
    pub rate: f64,
}

/// The measures of GOT-OCR 2.0's evaluation for a text, or their means. Its script judges the reference against the
/// prediction, so that `precision` and `recall` have each other's usual meaning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GotMeasures {
    /// Sequences of one to four words in common, 0 to 1.
    pub bleu: f64,
    /// Words in common and their order, 0 to 1; without synonyms.
    pub meteor: f64,
    /// F1 over the sets of words, 0 to 1.
    pub f_measure: f64,
    /// Share of the reference's different words that were read, 0 to 1.
    pub precision: f64,
    /// Share of the different words that were read which the reference has, 0 to 1.
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
    /// Texts without a prediction, or without all of it.
    pub failed: u64,
    /// All errors over all characters.
    pub characters: ErrorRate,
    /// All errors over all words.
    pub words: ErrorRate,
    /// The cases that GOT's measures are means of.
    pub got_cases: u64,
    /// The means of GOT's measures; absent if there is no case with reference and prediction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub got: Option<GotMeasures>,
}
