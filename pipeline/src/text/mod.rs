//! Lines to reading order, to blocks, to Markdown, the same way for lines that a model read and lines
//! of a document's own text.

mod piece;
mod running;
mod gutters;
mod order;
mod rows;
mod marks;
mod lists;
mod join;
mod margin;
mod tables;
mod ruled;
mod aligned;
mod barred;
mod paragraphs;
mod headings;
// Reading order and blocks of one page.
mod layout;
// Text with its math and emphasis, and how Markdown and HTML say it.
mod rich;
// An engine's own markup to blocks.
mod mathpix;
// Pages in order: running heads across pages, then Markdown.
pub mod assemble;
mod escape;
// Blocks to Markdown.
mod markdown;
// The review page: each page's image beside its text.
pub mod review;

use std::ops::Range;

use recto_schemas::{FailureKind, LineRecord};

use crate::{engine::OcrContent, image::rulings::PageRulings, page::Rect};

/// One page as it comes to assembly.
#[derive(Clone, Debug)]
pub struct PageContent {
    /// One-based number in the document.
    pub number: u32,
    /// Width of the upright page image in pixels; 0 where there is none.
    pub width: f32,
    /// Height of the upright page image in pixels; 0 where there is none.
    pub height: f32,
    /// Skew of the lines in degrees, positive where they fall to the right.
    pub skew_deg: f32,
    /// What stands on the page; no lines for empty and failed pages.
    pub content: OcrContent,
    /// Its ruled lines, in the same coordinates as the lines, after taking the skew out.
    pub rulings: PageRulings,
    /// Why the page failed; the Markdown says so at its place.
    pub failure: Option<FailureKind>,
}

/// One page, assembled.
#[derive(Clone, Debug, PartialEq)]
pub struct AssembledPage {
    /// One-based number in the document.
    pub number: u32,
    /// Its Markdown: page marker where wanted, then blocks, each ended by a line feed, blank lines
    /// between, but not between the items of a list. Pages' Markdown is written one after another with a
    /// blank line between.
    pub markdown: String,
    /// Its lines in reading order; `block` is an index into `blocks`.
    pub lines: Vec<LineRecord>,
    /// Its blocks in reading order.
    pub blocks: Vec<Block>,
}

/// A piece of a page that is one thing to a reader.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Its box on the upright page image; all zero where an engine gives none.
    pub bounds: Rect,
    /// Its lines, as indices into [`AssembledPage::lines`].
    pub lines: Vec<usize>,
    /// Its text with lines joined and hyphens rejoined, without Markdown; a line feed where a line ends on
    /// purpose, as in an address; empty for tables, LaTeX for formulas.
    pub text: String,
    /// What in `text` is not plain words, in order; never overlapping, never across a line feed.
    pub spans: Vec<TextSpan>,
}

/// A stretch of a text that is not plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextSpan {
    /// Where it stands, in bytes of the text.
    pub range: Range<usize>,
    /// What it is.
    pub kind: SpanKind,
}

/// What a stretch of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// A formula: LaTeX, without its delimiters.
    Math,
    /// A dollar sign, which must not be taken for the start of a formula.
    Dollar,
    /// Bold type.
    Strong,
    /// Italic type.
    Emphasis,
}

/// What a block is.
#[derive(Clone, Debug, PartialEq)]
pub enum BlockKind {
    /// A heading, level 1 to 6.
    Heading(u8),
    /// Running text.
    Paragraph,
    /// One item of a list; the block's text is without its mark.
    ListItem {
        /// The mark: `-` for bullets, else the number as printed, `3.` or `3)`.
        mark: String,
        /// Nesting, 0 for the outermost.
        depth: u8,
    },
    /// A table.
    Table(Table),
    /// A running head.
    Header,
    /// A running foot.
    Footer,
    /// The page's number.
    PageNumber,
    /// A formula on lines of its own; the block's text is its LaTeX, without delimiters.
    Formula,
}

/// A table. Simple where no cell spans: then Markdown can say it, else HTML does.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Rows from top to bottom, cells from left to right; a spanned place has no cell.
    pub rows: Vec<Vec<Cell>>,
    /// Whether the first row is the table's head.
    pub head: bool,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Its text, lines joined.
    pub text: String,
    /// What in `text` is not plain words, as in [`Block::spans`].
    pub spans: Vec<TextSpan>,
    /// Columns it spans, at least 1.
    pub columns: u32,
    /// Rows it spans, at least 1.
    pub rows: u32,
    /// Its lines, as indices into [`AssembledPage::lines`].
    pub lines: Vec<usize>,
}
