//! Record of a page's reading by GOT, and of the model's own output.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{AttemptKind, FinishReason, GotMode, RejectionKind, TilingReason};

/// The record of reading a page with GOT.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecodingReport {
    /// Plain or formatted, as it was read at last.
    pub mode: GotMode,
    /// The page's tiling.
    pub tiling: PageTiling,
    /// Pages that were read together with this one, itself included; 1 for a page of its own.
    pub pages_in_pass: u32,
    /// Tokens of the prompt, images included, of the attempt that gave the text.
    pub prompt_tokens: u32,
    /// Tokens written by the attempt that gave the text.
    pub tokens: u32,
    /// The reason why that attempt ended.
    pub stop: FinishReason,
    /// All attempts in order, if there was more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<ReadAttempt>,
    /// The comparison with PP-OCR's reading, if it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<CrossCheck>,
}

/// The views that a page was cut into, and the reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PageTiling {
    /// Tiles side by side; 1 with one row: the whole page in one view.
    pub columns: u32,
    /// Tiles one above the other; with `rows`, views of the page's lines, none if it is blank.
    pub rows: u32,
    /// The reason.
    pub reason: TilingReason,
    /// True if there are fewer tiles than that reason asks for, because more would not fit the model's context.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limited_by_context: bool,
}

/// One attempt at a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadAttempt {
    /// The method by which the page was read.
    pub method: AttemptKind,
    /// Tokens written, those that were cut off included; 0 for PP-OCR.
    pub tokens: u32,
    /// The reason why it ended.
    pub stop: FinishReason,
    /// The reason why it was not kept; absent for the one that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<RejectionKind>,
}

/// The comparison with PP-OCR's reading.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CrossCheck {
    /// Share of PP-OCR's words that the text has too, 0 to 1.
    pub agreement: f32,
    /// True if they disagree so much that a person should look.
    pub disagrees: bool,
}

/// The model's input and output, before any clean-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RawOutput {
    /// The prompt's tokens, image tokens included.
    pub prompt_ids: Vec<u32>,
    /// The tokens written, the end token not included.
    pub token_ids: Vec<u32>,
    /// Their text.
    pub text: String,
}
