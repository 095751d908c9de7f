//! Blocks: the paragraphs, headings, list items, tables and formulas that a page is made of.

use std::ops::Range;

use crate::page::Rect;

/// A part of a page that is one thing to a reader: a paragraph, a heading, a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Its kind.
    pub kind: BlockKind,
    /// Its box on the upright page image; all zero if the engine gives none.
    pub bounds: Rect,
    /// Its lines, as indices into [`AssembledPage::lines`](crate::text::AssembledPage::lines).
    pub lines: Vec<usize>,
    /// Its text with lines joined and hyphens rejoined, without Markdown; a line feed at the end of a line that
    /// ends on purpose, as in an address; empty for tables, LaTeX for formulas.
    pub text: String,
    /// The stretches of `text` that are not plain words, in order; never overlapping, never across a line feed.
    pub spans: Vec<TextSpan>,
}

/// A stretch of a text that is not plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextSpan {
    /// Its place, in bytes of the text.
    pub range: Range<usize>,
    /// Its kind.
    pub kind: SpanKind,
}

/// The kind of a stretch of text.
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
    /// Raised small type.
    Superscript,
    /// The sign of the footnote of that label.
    FootnoteReference(u32),
    /// Lowered small type.
    Subscript,
    /// Struck-out type: words that are no longer meant.
    Struck,
}

/// The kind of a block.
#[derive(Clone, Debug, PartialEq)]
pub enum BlockKind {
    /// A heading, level 1 to 6, as far as the document up to its page tells:
    /// [`PageSink::heading_levels`](crate::read::PageSink::heading_levels) gives the final one.
    Heading(u8),
    /// Running text.
    Paragraph,
    /// One item of a list; the block's text is without its marker.
    ListItem {
        /// The marker: `-` for bullets, else the number as printed, `3.` or `3)`.
        mark: String,
        /// Nesting, 0 for the outermost.
        depth: u8,
    },
    /// A picture or a drawing; the block's text is what stands in it.
    Figure,
    /// Program code; the block's text has its lines with their indentation.
    Code,
    /// A table.
    Table(Table),
    /// A note at the foot of the page.
    Footnote {
        /// Its sign, as printed, which stands raised in the text.
        mark: String,
        /// Its number in the document: as printed, unless an earlier note has that.
        label: u32,
    },
    /// A running header.
    Header,
    /// A running footer.
    Footer,
    /// The page's number.
    PageNumber,
    /// A formula on lines of its own; the block's text is its LaTeX, without delimiters.
    Formula,
}

/// A table. If no cell spans several places, Markdown can express it; else HTML does.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Rows from top to bottom, cells from left to right; a spanned place has no cell.
    pub rows: Vec<Vec<Cell>>,
    /// True if the first row is a header row.
    pub head: bool,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Its text, lines joined.
    pub text: String,
    /// The stretches of `text` that are not plain words, as in [`Block::spans`].
    pub spans: Vec<TextSpan>,
    /// Columns it spans, at least 1.
    pub columns: u32,
    /// Rows it spans, at least 1.
    pub rows: u32,
    /// Its lines, as indices into [`AssembledPage::lines`](crate::text::AssembledPage::lines).
    pub lines: Vec<usize>,
}
