//! Block builder: writes a page's blocks and its lines in reading order.

use std::{collections::HashMap, ops::Range};

use recto_schemas::{LineRecord, LineRole};

use super::{
    baselines::{TextRow, row_text, text_rows},
    block::{Block, BlockKind, SpanKind, Table, TextSpan},
    body::BodyPart,
    captions::is_caption,
    code::code_text,
    footnotes::{Footnote, without_sign},
    headings::{HeadingFacts, HeadingStyles, headings, is_bibliography},
    line_blocks::line_blocks,
    list_markers::ListMarkerKind,
    lists::item_depths,
    marked_text::spans,
    paragraphs::Paragraph,
    placed_line::PlacedLine,
    tuning::page as tuning,
};
use crate::{
    dehyphenate::{HyphenatedWords, join_line},
    page::{Quad, Rect, TextLine},
    text_marks::plain,
};

/// A page's blocks and its lines in reading order.
#[derive(Debug, Default)]
pub(crate) struct PageLayout {
    /// The blocks.
    pub blocks: Vec<Block>,
    /// The lines.
    pub lines: Vec<LineRecord>,
    /// The blocks of the page's body; the others are running headers and footers, and what stands in the margin.
    pub body: Range<usize>,
}

/// A page's blocks in the making.
pub(crate) struct BlockBuilder<'s> {
    /// The page's lines as they were read.
    source: &'s [TextLine],
    /// Words with a hyphen inside a line of the page.
    hyphenated: &'s HyphenatedWords,
    /// LaTeX of the page's formulas, by number.
    latex: HashMap<u32, &'s str>,
    out: PageLayout,
}

impl<'s> BlockBuilder<'s> {
    /// A builder without blocks.
    pub fn new(source: &'s [TextLine], hyphenated: &'s HyphenatedWords) -> Self {
        Self {
            source,
            hyphenated,
            latex: source
                .iter()
                .flat_map(|line| &line.formulas)
                .map(|formula| (formula.number, formula.latex.as_str()))
                .collect(),
            out: PageLayout::default(),
        }
    }

    /// The blocks and lines.
    pub fn finish(mut self) -> PageLayout {
        self.link_footnotes();
        self.out
    }

    /// Writes the body: headings, list items, line blocks, paragraphs and tables.
    pub fn push_body(&mut self, parts: Vec<BodyPart>, styles: &mut HeadingStyles) {
        self.out.body.start = self.out.blocks.len();
        let headings = heading_facts(&parts, styles);
        let count = headings.iter().flatten().count();
        let mut levels = styles.latest_levels(count).into_iter();
        let is_ocr = self.source.iter().any(|line| line.confidence.is_some());
        let em = styles.body_size(is_ocr).unwrap_or(1.0);
        let is_formula = |part: &BodyPart| matches!(part, BodyPart::Paragraph(paragraph) if paragraph.is_formula());
        let is_text: Vec<bool> = parts
            .iter()
            .zip(&headings)
            .map(|(part, heading)| heading.is_none() && !is_formula(part))
            .collect();
        let lefts: Vec<Option<f32>> = parts
            .iter()
            .zip(&headings)
            .map(|(part, heading)| item_left(part, heading.is_some()))
            .collect();
        let depths = item_depths(&lefts, em);
        let mut line_blocks = line_blocks(&parts, &is_text, em).into_iter().peekable();
        let mut all = parts.into_iter().zip(headings).zip(depths).enumerate();
        while let Some((i, ((part, heading), depth))) = all.next() {
            if let Some(block) = line_blocks.next_if(|block| block.start == i) {
                let rest = all
                    .by_ref()
                    .take(block.len() - 1)
                    .map(|(_, ((part, _), _))| part);
                self.push_line_block(std::iter::once(part).chain(rest));
                continue;
            }
            match part {
                BodyPart::Paragraph(paragraph) => {
                    let level = heading.and_then(|_| levels.next());
                    self.push_paragraph(paragraph, level, depth, styles);
                }
                BodyPart::Figure(lines) => self.push_figure(lines),
                BodyPart::Footnote(note) => {
                    self.push_footnote(&note, styles.label_note(&note.mark))
                }
                BodyPart::Code(rows) => {
                    let lines = lines_of(&rows);
                    self.push(BlockKind::Code, LineRole::Code, &lines, code_text(&rows));
                }
                BodyPart::Table(table, lines) => self.push_table(table, &lines),
                BodyPart::LineNumbers(lines) => {
                    let text: Vec<&str> = lines.iter().map(|line| line.text).collect();
                    self.push_text(&lines, text.join(" "));
                }
            }
        }
        self.out.body.end = self.out.blocks.len();
    }

    fn push_paragraph(
        &mut self,
        mut paragraph: Paragraph,
        level: Option<u8>,
        depth: u8,
        styles: &mut HeadingStyles,
    ) {
        let lines = lines_of(&paragraph.rows);
        if let Some(level) = level {
            // A heading's number is part of it.
            paragraph.marker = None;
            let text = paragraph.text(self.hyphenated);
            styles.in_bibliography = is_bibliography(&plain(&text));
            self.push(BlockKind::Heading(level), LineRole::Heading, &lines, text);
            return;
        }
        let text = paragraph.text(self.hyphenated);
        if paragraph.is_formula() && lines.iter().all(|line| self.has_latex(line)) {
            self.push(BlockKind::Formula, LineRole::Formula, &lines, text);
            return;
        }
        let Some(marker) = paragraph.marker else {
            if styles.in_bibliography && is_work(&text) {
                let mark = "-".to_owned();
                let item = BlockKind::ListItem { mark, depth: 0 };
                self.push(item, LineRole::ListItem, &lines, text);
                return;
            }
            self.push_text(&lines, text);
            return;
        };
        let mark = match marker.kind {
            ListMarkerKind::Count { frame, .. } if frame.1 != ']' => marker.text,
            // The number of a bibliography's entry is what it is cited by: it stays in its text.
            _ => "-".to_owned(),
        };
        let item = BlockKind::ListItem { mark, depth };
        self.push(item, LineRole::ListItem, &lines, text);
    }

    /// Returns true if the formulas of a line are known.
    fn has_latex(&self, line: &PlacedLine) -> bool {
        self.source
            .get(line.index)
            .is_some_and(|line| !line.formulas.is_empty())
    }

    /// Writes short lines that each end on purpose as one paragraph, its lines kept.
    fn push_line_block<'p>(&mut self, parts: impl Iterator<Item = BodyPart<'p>>) {
        let mut texts: Vec<String> = Vec::new();
        let mut lines: Vec<PlacedLine> = Vec::new();
        for part in parts {
            if let BodyPart::Paragraph(paragraph) = part {
                texts.push(paragraph.text(self.hyphenated));
                lines.extend(paragraph.rows.iter().flat_map(|row| &row.lines));
            }
        }
        self.push_text(&lines, texts.join("\n"));
    }

    /// Writes a table, its cells' lines numbered among those of the page.
    fn push_table(&mut self, mut table: Table, lines: &[PlacedLine]) {
        let first = self.out.lines.len();
        for cell in table.rows.iter_mut().flatten() {
            cell.lines.iter_mut().for_each(|line| *line += first);
            (cell.text, cell.spans) = spans(&cell.text, |number| self.latex.get(&number).copied());
        }
        self.push(
            BlockKind::Table(table),
            LineRole::Table,
            lines,
            String::new(),
        );
    }

    /// Writes a footnote.
    fn push_footnote(&mut self, note: &Footnote, label: u32) {
        let text = note.paragraph.text(self.hyphenated);
        let kind = BlockKind::Footnote {
            mark: note.mark.clone(),
            label,
        };
        let lines = lines_of(&note.paragraph.rows);
        let text = without_sign(&text).to_owned();
        self.push(kind, LineRole::Footnote, &lines, text);
    }

    /// Makes references of the signs of the page's footnotes.
    fn link_footnotes(&mut self) {
        let notes: Vec<(String, u32)> = self
            .out
            .blocks
            .iter()
            .filter_map(|block| match &block.kind {
                BlockKind::Footnote { mark, label } => Some((mark.clone(), *label)),
                _ => None,
            })
            .collect();
        if notes.is_empty() {
            return;
        }
        for block in &mut self.out.blocks {
            let link = |text: &str, spans: &mut [TextSpan]| {
                for span in spans {
                    let sign = text[span.range.clone()].trim();
                    let note = notes.iter().find(|(mark, _)| mark == sign);
                    if let (SpanKind::Superscript, Some((_, label))) = (span.kind, note) {
                        span.kind = SpanKind::FootnoteReference(*label);
                    }
                }
            };
            link(&block.text, &mut block.spans);
            if let BlockKind::Table(table) = &mut block.kind {
                for cell in table.rows.iter_mut().flatten() {
                    link(&cell.text, &mut cell.spans);
                }
            }
        }
    }

    /// Writes what stands in a figure, row by row.
    fn push_figure(&mut self, lines: Vec<PlacedLine>) {
        let rows = text_rows(lines);
        let text: Vec<&str> = rows.iter().map(|row| row.text.as_str()).collect();
        self.push(
            BlockKind::Figure,
            LineRole::Figure,
            &lines_of(&rows),
            text.join("\n"),
        );
    }

    /// Writes running headers or footers: a block for each row, but page numbers apart.
    pub fn push_headers_footers(&mut self, lines: &[(PlacedLine, LineRole)], role: LineRole) {
        let is_number = |line: &PlacedLine| {
            lines
                .iter()
                .any(|(other, role)| other.index == line.index && *role == LineRole::PageNumber)
        };
        for row in text_rows(lines.iter().map(|line| line.0).collect()) {
            for run in row.lines.chunk_by(|a, b| is_number(a) == is_number(b)) {
                let (kind, role) = match (is_number(&run[0]), role) {
                    (true, _) => (BlockKind::PageNumber, LineRole::PageNumber),
                    (false, LineRole::Header) => (BlockKind::Header, role),
                    (false, _) => (BlockKind::Footer, role),
                };
                self.push(kind, role, run, row_text(run, row.size));
            }
        }
    }

    /// Writes lines from top to bottom, for pages with too many lines to look at closely.
    pub fn push_unstudied(&mut self, mut lines: Vec<PlacedLine>) {
        lines.sort_by(|a, b| a.rect.top.total_cmp(&b.rect.top));
        for chunk in lines.chunks(tuning::UNSTUDIED_BLOCK_LINES) {
            let mut text = String::new();
            for line in chunk {
                join_line(&mut text, line.text, &HyphenatedWords::default());
            }
            self.push_text(chunk, text);
        }
    }

    /// Writes a line without a usable place as a paragraph.
    pub fn push_unplaced(&mut self, line: &PlacedLine) {
        self.push_text(&[*line], line.text.to_owned());
    }

    /// Writes the lines of one row in the margin as a paragraph.
    pub fn push_margin_row(&mut self, lines: &[PlacedLine]) {
        for row in text_rows(lines.to_vec()) {
            self.push_text(&row.lines, row.text);
        }
    }

    fn push_text(&mut self, lines: &[PlacedLine], text: String) {
        self.push(BlockKind::Paragraph, LineRole::Paragraph, lines, text);
    }

    fn push(&mut self, kind: BlockKind, role: LineRole, lines: &[PlacedLine], text: String) {
        let block = self.out.blocks.len();
        let first = self.out.lines.len();
        let mut bounds: Option<Rect> = None;
        for placed in lines {
            let Some(line) = self.source.get(placed.index) else {
                continue;
            };
            let (quad, text) = if placed.is_part {
                (Quad::from(placed.rect), placed.text)
            } else {
                (line.quad, line.text.as_str())
            };
            let rect = quad.bounds();
            bounds = Some(bounds.map_or(rect, |all| all.union(&rect)));
            self.out.lines.push(LineRecord {
                text: plain(text).into_owned(),
                quad: quad.0.map(|p| [p.x, p.y]),
                confidence: line.confidence,
                role,
                block: block as u32,
                reader: line.read_by.as_ref().map(|by| by.name.clone()),
                language: line.read_by.as_ref().map(|by| by.language.clone()),
            });
        }
        let (text, spans) = spans(&text, |number| self.latex.get(&number).copied());
        let (text, spans) = if kind == BlockKind::Formula {
            (text, Vec::new())
        } else {
            (text, spans)
        };
        self.out.blocks.push(Block {
            kind,
            bounds: bounds.unwrap_or_default(),
            lines: (first..self.out.lines.len()).collect(),
            text,
            spans,
        });
    }
}

/// Returns true for a paragraph below `References` that is one of them: no caption, and no crumb.
fn is_work(text: &str) -> bool {
    text.chars().count() >= tuning::WORK_CHARACTERS && !is_caption(text)
}

/// The lines of rows, in order.
fn lines_of<'a>(rows: &[TextRow<'a>]) -> Vec<PlacedLine<'a>> {
    rows.iter()
        .flat_map(|row| row.lines.iter().copied())
        .collect()
}

/// The facts of each part that is a heading.
fn heading_facts(parts: &[BodyPart], styles: &mut HeadingStyles) -> Vec<Option<HeadingFacts>> {
    let paragraphs: Vec<&Paragraph> = parts
        .iter()
        .filter_map(|part| match part {
            BodyPart::Paragraph(paragraph) => Some(paragraph),
            _ => None,
        })
        .collect();
    let mut headings = headings(&paragraphs, styles).into_iter();
    let facts_of = |part: &BodyPart| match part {
        BodyPart::Paragraph(_) => headings.next().flatten(),
        _ => None,
    };
    parts.iter().map(facts_of).collect()
}

/// The left edge of a list item; `None` for all other parts.
fn item_left(part: &BodyPart, is_heading: bool) -> Option<f32> {
    match part {
        BodyPart::Paragraph(paragraph) if !is_heading && paragraph.marker.is_some() => {
            paragraph.rows.first().map(|row| row.rect.left)
        }
        _ => None,
    }
}
