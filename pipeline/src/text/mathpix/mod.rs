//! Mathpix Markdown, as GOT writes it, to blocks: LaTeX's commands and tables become headings, paragraphs, lists,
//! tables; formulas are taken out and repaired; an unknown command stays as it is written.
//!
//! The text is a model's: commands may be cut off, doubled or unbalanced. One pass with a stack of its own, no
//! recursion; whatever is open ends with its paragraph.

mod scan;
mod names;
mod latex_repair;
mod table;
mod commands;
mod starts;

use self::table::TableBuilder;
use super::inline_text::InlineText;
use crate::{
    dehyphenate::{HyphenatedWords, join_line},
    layout::{
        block::{Block, BlockKind, SpanKind, TextSpan},
        list_markers::ListMarker,
    },
    script::is_unspaced,
};

/// Most characters of a line's first word that are looked at when it is joined to the line before; longer is no word.
const MAX_WORD_CHARACTERS: usize = 40;
/// Most bytes from two stars to the two that end their bold type; without a limit, each pair of stars would be looked for
/// through the whole page.
const MAX_BOLD_BYTES: usize = 400;

/// The blocks of a page that was read as markup.
pub(crate) fn blocks(markup: &str) -> Vec<Block> {
    let mut parser = MathpixParser::new(markup);
    parser.start_line();
    while parser.at < markup.len() {
        parser.step();
    }
    parser.end_block();
    parser.end_table();
    parser.blocks
}

/// A group that a closing brace ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BraceGroup {
    /// A brace that is text.
    Literal,
    /// Bold or italic type.
    Style(SpanKind),
    /// Bold type between two stars each side.
    Stars,
    /// An argument that is text.
    Inside,
    /// The same, in which lines may end.
    Lines,
    /// A note in brackets.
    Note,
    /// A block.
    Block,
}

/// An open list.
#[derive(Debug)]
struct ListState {
    /// The last number; `None` if its items are not counted.
    number: Option<u32>,
}

struct MathpixParser<'a> {
    src: &'a str,
    at: usize,
    blocks: Vec<Block>,
    /// The block in the making.
    kind: BlockKind,
    inline: InlineText,
    groups: Vec<BraceGroup>,
    /// True if the block ends with its line: a heading whose brace is not closed.
    one_line: bool,
    /// Groups that ended with their paragraph, whose braces are still to come.
    early_ends: usize,
    strong: usize,
    emphasis: usize,
    lists: Vec<ListState>,
    table: Option<TableBuilder>,
    /// Words hyphenated inside lines.
    hyphenated: HyphenatedWords,
    /// The markers at the start of lines, with the starts of the lines.
    markers: Vec<(usize, ListMarker)>,
}

impl<'a> MathpixParser<'a> {
    fn new(src: &'a str) -> Self {
        let mut hyphenated = HyphenatedWords::default();
        src.lines().for_each(|line| hyphenated.learn(line));
        Self {
            src,
            at: 0,
            blocks: Vec::new(),
            kind: BlockKind::Paragraph,
            inline: InlineText::default(),
            groups: Vec::new(),
            one_line: false,
            early_ends: 0,
            strong: 0,
            emphasis: 0,
            lists: Vec::new(),
            table: None,
            hyphenated,
            markers: starts::line_markers(src),
        }
    }

    fn rest(&self) -> &'a str {
        &self.src[self.at..]
    }

    fn bars(&self) -> bool {
        self.table.as_ref().is_some_and(|table| table.bars)
    }

    fn step(&mut self) {
        let rest = self.rest();
        let Some(c) = rest.chars().next() else { return };
        match c {
            '\\' => return self.command(),
            '$' => return self.dollar(),
            '*' if rest.starts_with("**") && self.star() => return,
            '<' if rest.starts_with("<br>") || rest.starts_with("<br/>") => {
                self.at += rest.find('>').unwrap_or(0) + 1;
                return self.text().push_break();
            }
            '`' if rest.starts_with("``") && !rest.starts_with("```") => {
                self.at += 2;
                return self.push('“');
            }
            '\'' if rest.starts_with("''") && !rest.starts_with("'''") => {
                self.at += 2;
                return self.push('”');
            }
            _ => self.at += c.len_utf8(),
        }
        match c {
            '\n' => self.newline(),
            '{' => {
                self.groups.push(BraceGroup::Literal);
                self.push(c);
            }
            '}' => self.close(),
            '&' if self.table.is_some() && !self.bars() => self.ampersand(),
            '|' if self.bars() => self.end_cell(),
            c => self.push(c),
        }
    }

    /// The text that is being written: the table's cell, or the block.
    fn text(&mut self) -> &mut InlineText {
        match &mut self.table {
            Some(table) => &mut table.cell,
            None => &mut self.inline,
        }
    }

    fn style(&self) -> Option<SpanKind> {
        if self.strong > 0 {
            Some(SpanKind::Strong)
        } else {
            (self.emphasis > 0).then_some(SpanKind::Emphasis)
        }
    }

    fn push(&mut self, c: char) {
        let style = self.style();
        self.text().push(c, style);
    }

    fn push_str(&mut self, words: &str) {
        let style = self.style();
        self.text().push_str(words, style);
    }

    /// The end of a line in the source: of a paragraph if the next line is blank, else a space or nothing.
    fn newline(&mut self) {
        if self.bars() {
            return self.end_bars();
        }
        let blank = scan::ends_paragraph(self.src, self.at - 1);
        let space = self.rest().len() - self.rest().trim_start().len();
        self.at += space;
        let ends = blank || self.one_line && !self.inline.is_empty();
        if ends && self.table.is_none() {
            self.end_block();
        } else {
            self.join();
        }
        self.start_line();
    }

    /// Joins the line that begins here to the text before it.
    fn join(&mut self) {
        let rest = self.rest();
        let word = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '\'' | '’');
        let length = |chars: &str| {
            chars
                .chars()
                .take(MAX_WORD_CHARACTERS)
                .take_while(word)
                .map(char::len_utf8)
                .sum()
        };
        let mut next: usize = length(rest);
        if let (0, Some(first)) = (next, rest.chars().next()) {
            next = if matches!(first, '\\' | '$' | '*') {
                0
            } else {
                first.len_utf8()
            };
        }
        let tail = self.text().tail().to_owned();
        if next == 0 || tail.is_empty() || tail.ends_with('\n') {
            let unspaced = tail.ends_with(is_unspaced) && rest.starts_with(is_unspaced);
            if !unspaced {
                self.push(' ');
            }
            return;
        }
        let mut joined = tail.clone();
        join_line(&mut joined, &rest[..next], &self.hyphenated);
        let joint = joined.len().saturating_sub(next);
        if joint < tail.len() {
            self.text().pop();
        } else {
            self.push_str(&joined[tail.len()..joint]);
        }
    }

    /// Two stars: bold type begins or ends, by the rules of Markdown.
    fn star(&mut self) -> bool {
        let rest = self.rest();
        let mut after = rest[2..].chars();
        let next = after.next();
        let before = self.src[..self.at].chars().next_back();
        let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let space = |c: Option<char>| c.is_none_or(char::is_whitespace);
        if next == Some('*') || before == Some('*') {
            return false;
        }
        if self.groups.last() == Some(&BraceGroup::Stars) {
            if space(before) || word(next) {
                return false;
            }
            self.pop_group();
        } else {
            if space(next) || word(before) || !self.stars_close(self.at + 2) {
                return false;
            }
            self.open(BraceGroup::Stars);
        }
        self.at += 2;
        true
    }

    /// Returns true if two stars come soon in the same paragraph.
    fn stars_close(&self, at: usize) -> bool {
        let near = self.src.as_bytes()[at..].windows(2).take(MAX_BOLD_BYTES);
        near.take_while(|pair| pair != b"\n\n")
            .any(|pair| pair == b"**")
    }

    fn open(&mut self, group: BraceGroup) {
        match group {
            BraceGroup::Stars | BraceGroup::Style(SpanKind::Strong) => self.strong += 1,
            BraceGroup::Style(_) => self.emphasis += 1,
            _ => {}
        }
        self.groups.push(group);
    }

    fn pop_group(&mut self) -> Option<BraceGroup> {
        let group = self.groups.pop()?;
        match group {
            BraceGroup::Stars | BraceGroup::Style(SpanKind::Strong) => self.strong -= 1,
            BraceGroup::Style(_) => self.emphasis -= 1,
            _ => {}
        }
        Some(group)
    }

    /// A closing brace.
    fn close(&mut self) {
        while self.groups.last() == Some(&BraceGroup::Stars) {
            self.pop_group();
        }
        match self.pop_group() {
            Some(BraceGroup::Literal) => self.push('}'),
            Some(BraceGroup::Note) => self.push(')'),
            Some(BraceGroup::Block) => self.end_block(),
            Some(_) => {}
            None if self.early_ends > 0 => self.early_ends -= 1,
            None => self.push('}'),
        }
    }

    /// Ends all groups before their braces.
    fn end_groups(&mut self) {
        while let Some(group) = self.pop_group() {
            if !matches!(group, BraceGroup::Literal | BraceGroup::Stars) {
                self.early_ends += 1;
            }
        }
    }

    /// Ends the block in the making.
    fn end_block(&mut self) {
        self.end_groups();
        if self.table.is_some() {
            return;
        }
        let (text, spans) = std::mem::take(&mut self.inline).finish();
        self.one_line = false;
        let kind = std::mem::replace(&mut self.kind, BlockKind::Paragraph);
        if !text.is_empty() {
            self.add(kind, text, spans);
        }
    }

    fn add(&mut self, kind: BlockKind, text: String, spans: Vec<TextSpan>) {
        self.blocks.push(Block {
            kind,
            bounds: Default::default(),
            lines: Vec::new(),
            text,
            spans,
        });
    }

    /// Starts a block of that kind; a table that is open was cut off.
    fn start_block(&mut self, kind: BlockKind) {
        self.end_table();
        self.end_block();
        self.kind = kind;
    }

    fn end_cell(&mut self) {
        self.end_groups();
        if let Some(table) = &mut self.table {
            table.end_cell();
        }
    }

    fn end_row(&mut self) {
        self.end_groups();
        if let Some(table) = &mut self.table {
            table.end_row();
        }
    }

    fn ampersand(&mut self) {
        match &mut self.table {
            Some(table) if table.nested > 0 => self.push(' '),
            _ => self.end_cell(),
        }
    }

    fn end_table(&mut self) {
        if self.table.is_some() {
            self.end_groups();
        }
        if let Some(table) = self.table.take().and_then(TableBuilder::finish) {
            self.add(BlockKind::Table(table), String::new(), Vec::new());
        }
    }
}

#[cfg(test)]
mod tests;
