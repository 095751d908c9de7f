//! `recto.page/v1`: what is on one page, line by line, in reading order.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{PageOutcome, RawOutput};

/// One page of `NAME.pages.jsonl`. It borrows what is written, and owns what was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PageRecord<'a> {
    /// `recto.page/v1`.
    pub schema: String,
    /// One-based number in the document.
    pub page: u32,
    /// The page's outcome.
    pub outcome: PageOutcome,
    /// Size of the upright page image that boxes refer to, in pixels; 0 if there was none.
    pub width_px: u32,
    /// Size of the upright page image that boxes refer to, in pixels; 0 if there was none.
    pub height_px: u32,
    /// The page's lines in reading order.
    pub lines: Cow<'a, [LineRecord]>,
    /// The lines of which most was not read, in no order; only on a page that is `partial`.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    pub unread: Cow<'a, [UnreadLineRecord]>,
    /// The model's input and output, if the options ask for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Cow<'a, RawOutput>>,
}

impl PageRecord<'_> {
    /// The value of [`PageRecord::schema`].
    pub const SCHEMA: &'static str = "recto.page/v1";
}

/// One line of text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LineRecord {
    /// The text as read, without Markdown.
    pub text: String,
    /// Corners, clockwise from the text's top left, in pixels of the upright page image.
    pub quad: [[f32; 2]; 4],
    /// Confidence 0 to 1; absent for a document's own text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// The line's role on the page.
    pub role: LineRole,
    /// Index of the block on the page that the line is part of.
    pub block: u32,
    /// The second reader that read the line, `tesseract`; absent if the page's engine did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reader: Option<String>,
    /// The language that it read the line in, as it names it (`rus`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// A line of which most was not read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UnreadLineRecord {
    /// The text that was read of it, mostly look-alikes in another script; often empty.
    pub text: String,
    /// Corners, clockwise from the text's top left, in pixels of the upright page image.
    pub quad: [[f32; 2]; 4],
    /// Share of its ink that was not read, 0 to 1.
    pub share: f32,
}

/// The role of a line on its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LineRole {
    /// A heading.
    Heading,
    /// Running text.
    Paragraph,
    /// An item of a list.
    ListItem,
    /// Program code.
    Code,
    /// A formula on a line of its own.
    Formula,
    /// A label or other text in a picture or a drawing.
    Figure,
    /// A table.
    Table,
    /// A note at the foot of the page.
    Footnote,
    /// A running head.
    Header,
    /// A running foot.
    Footer,
    /// The page's number.
    PageNumber,
}
