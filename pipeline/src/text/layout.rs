//! Reading order and blocks of one page: running heads, columns, paragraphs, lists, headings, tables, feet.

use std::ops::Range;

use recto_schemas::{LineRecord, LineRole};

use crate::{
    image::rulings::PageRulings,
    page::{Rect, TextLine},
};

use super::{
    Block, BlockKind, Table,
    aligned::aligned,
    barred::take_barred,
    headings::{HeadingStyles, headings},
    join::{HyphenatedWords, join_line},
    lists::{depths, list_marks},
    margin::take_line_numbers,
    marks::ListMarkerKind,
    order::{Item, columns},
    paragraphs::{Paragraph, ends_sentence, merge_interlinear, paragraphs},
    piece::{PlacedLine, common_size},
    rows::{TextRow, rows, text_of},
    ruled::{DetectedTable, take_ruled},
};

/// Most lines of a page that are laid out with care; a page with more is read from top to bottom.
pub(crate) const MOST_PIECES: usize = 5_000;

/// A page's pieces, the running ones told apart.
#[derive(Debug, Default)]
pub(crate) struct ClassifiedLines<'a> {
    /// Running heads, from top to bottom.
    pub head: Vec<(PlacedLine<'a>, LineRole)>,
    /// What the page is about.
    pub body: Vec<PlacedLine<'a>>,
    /// Running feet, from top to bottom.
    pub foot: Vec<(PlacedLine<'a>, LineRole)>,
    /// Lines without a usable place.
    pub aside: Vec<PlacedLine<'a>>,
}

/// A page's blocks and its lines in reading order.
#[derive(Debug, Default)]
pub(crate) struct PageLayout {
    /// The blocks.
    pub blocks: Vec<Block>,
    /// The lines.
    pub lines: Vec<LineRecord>,
}

/// A part of the body, before it becomes a block.
enum BodyPart<'a> {
    Paragraph(Paragraph<'a>),
    Table(Table, Vec<PlacedLine<'a>>),
    /// The numbers of a page's lines, in its margin.
    Numbers(Vec<PlacedLine<'a>>),
}

/// Lays a page out.
pub(crate) fn lay_out(
    lines: &[TextLine],
    rulings: &PageRulings,
    sorted: ClassifiedLines,
    styles: &mut HeadingStyles,
) -> PageLayout {
    let mut seen = HyphenatedWords::default();
    lines.iter().for_each(|line| seen.learn(&line.text));
    let mut page = BlockBuilder {
        source: lines,
        out: PageLayout::default(),
    };
    page.furniture(&sorted.head, LineRole::Header);
    if sorted.body.len() > MOST_PIECES {
        page.plain(sorted.body);
    } else {
        page.body(parts(sorted.body, rulings, &seen), &seen, styles);
    }
    for piece in &sorted.aside {
        page.push(
            BlockKind::Paragraph,
            LineRole::Paragraph,
            &[*piece],
            piece.text.to_owned(),
        );
    }
    page.furniture(&sorted.foot, LineRole::Footer);
    page.out
}

/// The body's parts in reading order.
fn parts<'a>(
    mut body: Vec<PlacedLine<'a>>,
    rulings: &PageRulings,
    seen: &HyphenatedWords,
) -> Vec<BodyPart<'a>> {
    let em = common_size(body.iter()).unwrap_or(1.0).max(1.0);
    let numbers = take_line_numbers(&mut body, em);
    let mut ruled = take_ruled(&mut body, rulings, em, seen);
    ruled.extend(take_barred(&mut body, rulings, em, seen));
    let tables = ruled
        .iter()
        .enumerate()
        .map(|(i, table)| Item::Table(i, table.rect));
    let items: Vec<Item> = body.into_iter().map(Item::Text).chain(tables).collect();
    let mut ruled: Vec<Option<DetectedTable>> = ruled.into_iter().map(Some).collect();
    let mut parts = Vec::new();
    if !numbers.is_empty() {
        parts.push(BodyPart::Numbers(numbers));
    }
    for column in columns(items, em) {
        let before = parts.len();
        let mut pieces = Vec::new();
        let mut tables = Vec::new();
        for item in column {
            match item {
                Item::Text(piece) => pieces.push(piece),
                Item::Table(i, _) => tables.extend(ruled.get_mut(i).and_then(Option::take)),
            }
        }
        tables.sort_by(|a, b| a.rect.top.total_cmp(&b.rect.top));
        let mut rest = rows(pieces);
        for table in tables {
            let middle = (table.rect.top + table.rect.bottom) / 2.0;
            let below = rest.split_off(rest.partition_point(|row| row.middle() < middle));
            text_parts(std::mem::replace(&mut rest, below), em, seen, &mut parts);
            parts.push(BodyPart::Table(table.table, table.pieces));
        }
        text_parts(rest, em, seen, &mut parts);
        continue_over_break(&mut parts, before);
    }
    parts
}

/// Rows of one column to paragraphs, and to tables where they are aligned.
fn text_parts<'a>(
    rows: Vec<TextRow<'a>>,
    em: f32,
    seen: &HyphenatedWords,
    parts: &mut Vec<BodyPart<'a>>,
) {
    let tables = aligned(&rows, em, seen);
    let mut rows = rows.into_iter();
    let mut done = 0;
    for table in tables {
        push_paragraphs(
            rows.by_ref().take(table.rows.start - done).collect(),
            em,
            parts,
        );
        rows.by_ref().take(table.rows.len()).for_each(drop);
        done = table.rows.end;
        parts.push(BodyPart::Table(table.table, table.pieces));
    }
    push_paragraphs(rows.collect(), em, parts);
}

fn push_paragraphs<'a>(rows: Vec<TextRow<'a>>, em: f32, parts: &mut Vec<BodyPart<'a>>) {
    let rows = merge_interlinear(rows, em);
    let marks = list_marks(&rows, em);
    parts.extend(
        paragraphs(rows, marks, em)
            .into_iter()
            .map(BodyPart::Paragraph),
    );
}

/// Joins the first paragraph of a column to the last of the column before, where a sentence goes on.
fn continue_over_break(parts: &mut Vec<BodyPart>, at: usize) {
    let goes_on = |a: &Paragraph, b: &Paragraph| {
        let (Some(last), Some(first)) = (a.rows.last(), b.rows.first()) else {
            return false;
        };
        let starts = first.text.chars().next();
        let small = starts.is_some_and(char::is_lowercase);
        let like = (last.size / first.size - 1.0).abs() < 0.25 && last.bold == first.bold;
        let whole = last
            .widest_gap()
            .is_none_or(|gap| gap.1 - gap.0 < 2.0 * last.size);
        b.mark.is_none() && like && whole && small && a.rows.len() > 1 && !ends_sentence(&last.text)
    };
    let joins = at > 0
        && matches!((&parts[at - 1], parts.get(at)), (BodyPart::Paragraph(a), Some(BodyPart::Paragraph(b))) if goes_on(a, b));
    if joins
        && let BodyPart::Paragraph(next) = parts.remove(at)
        && let BodyPart::Paragraph(last) = &mut parts[at - 1]
    {
        last.space_below = next.space_below;
        last.rows.extend(next.rows);
    }
}

/// Writes blocks and lines in reading order.
struct BlockBuilder<'s> {
    source: &'s [TextLine],
    out: PageLayout,
}

impl BlockBuilder<'_> {
    fn body(&mut self, parts: Vec<BodyPart>, seen: &HyphenatedWords, styles: &mut HeadingStyles) {
        let texts: Vec<&Paragraph> = parts
            .iter()
            .filter_map(|part| match part {
                BodyPart::Paragraph(paragraph) => Some(paragraph),
                _ => None,
            })
            .collect();
        let mut levels = headings(&texts, styles).into_iter();
        let em = styles.body().unwrap_or(1.0);
        let kinds: Vec<Option<Option<u8>>> = parts
            .iter()
            .map(|part| matches!(part, BodyPart::Paragraph(_)).then(|| levels.next().flatten()))
            .collect();
        let lefts: Vec<Option<f32>> = parts
            .iter()
            .zip(&kinds)
            .map(|(part, kind)| item_left(part, kind))
            .collect();
        let depths = depths(&lefts, em);
        let mut stanzas = stanzas(&parts, &kinds, em).into_iter().peekable();
        let mut all = parts.into_iter().zip(kinds).zip(depths).enumerate();
        while let Some((i, ((part, kind), depth))) = all.next() {
            if let Some(stanza) = stanzas.next_if(|stanza| stanza.start == i) {
                let rest = all
                    .by_ref()
                    .take(stanza.len() - 1)
                    .map(|(_, ((part, _), _))| part);
                self.stanza(std::iter::once(part).chain(rest), seen);
                continue;
            }
            match part {
                BodyPart::Paragraph(paragraph) => {
                    self.paragraph(paragraph, kind.flatten(), depth, seen)
                }
                BodyPart::Table(table, pieces) => self.table(table, &pieces),
                BodyPart::Numbers(pieces) => {
                    let text: Vec<&str> = pieces.iter().map(|piece| piece.text).collect();
                    self.push(
                        BlockKind::Paragraph,
                        LineRole::Paragraph,
                        &pieces,
                        text.join(" "),
                    );
                }
            }
        }
    }

    fn paragraph(
        &mut self,
        mut this: Paragraph,
        level: Option<u8>,
        depth: u8,
        seen: &HyphenatedWords,
    ) {
        let pieces: Vec<PlacedLine> = this
            .rows
            .iter()
            .flat_map(|row| row.pieces.iter().copied())
            .collect();
        if let Some(level) = level {
            this.mark = None;
            let text = this.text(seen);
            self.push(BlockKind::Heading(level), LineRole::Heading, &pieces, text);
        } else if let Some(mark) = &this.mark {
            let bullet = !matches!(mark.kind, ListMarkerKind::Count { .. });
            let mark = if bullet {
                "-".to_owned()
            } else {
                mark.text.clone()
            };
            let text = this.text(seen);
            self.push(
                BlockKind::ListItem { mark, depth },
                LineRole::ListItem,
                &pieces,
                text,
            );
        } else {
            let text = this.text(seen);
            self.push(BlockKind::Paragraph, LineRole::Paragraph, &pieces, text);
        }
    }

    /// Short lines that each end on purpose, such as an address: one paragraph, its lines kept.
    fn stanza<'p>(&mut self, parts: impl Iterator<Item = BodyPart<'p>>, seen: &HyphenatedWords) {
        let mut texts: Vec<String> = Vec::new();
        let mut pieces: Vec<PlacedLine> = Vec::new();
        for part in parts {
            if let BodyPart::Paragraph(paragraph) = part {
                texts.push(paragraph.text(seen));
                pieces.extend(paragraph.rows.iter().flat_map(|row| &row.pieces));
            }
        }
        let role = LineRole::Paragraph;
        self.push(BlockKind::Paragraph, role, &pieces, texts.join("\n"));
    }

    /// A table, its cells' lines numbered as its pieces are.
    fn table(&mut self, mut table: Table, pieces: &[PlacedLine]) {
        let first = self.out.lines.len();
        for cell in table.rows.iter_mut().flatten() {
            cell.lines.iter_mut().for_each(|line| *line += first);
        }
        self.push(
            BlockKind::Table(table),
            LineRole::Table,
            pieces,
            String::new(),
        );
    }

    /// Running heads or feet: a block for each row, but page numbers apart.
    fn furniture(&mut self, pieces: &[(PlacedLine, LineRole)], role: LineRole) {
        let is_number = |piece: &PlacedLine| {
            pieces
                .iter()
                .any(|(p, role)| p.line == piece.line && *role == LineRole::PageNumber)
        };
        for row in rows(pieces.iter().map(|piece| piece.0).collect()) {
            for run in row.pieces.chunk_by(|a, b| is_number(a) == is_number(b)) {
                let (kind, role) = match (is_number(&run[0]), role) {
                    (true, _) => (BlockKind::PageNumber, LineRole::PageNumber),
                    (false, LineRole::Header) => (BlockKind::Header, role),
                    (false, _) => (BlockKind::Footer, role),
                };
                self.push(kind, role, run, text_of(run, row.size));
            }
        }
    }

    /// Rows from top to bottom, for pages with too many lines to look at closely.
    fn plain(&mut self, mut pieces: Vec<PlacedLine>) {
        pieces.sort_by(|a, b| a.rect.top.total_cmp(&b.rect.top));
        let mut text = String::new();
        for chunk in pieces.chunks(64) {
            text.clear();
            for piece in chunk {
                join_line(&mut text, piece.text, &HyphenatedWords::default());
            }
            self.push(
                BlockKind::Paragraph,
                LineRole::Paragraph,
                chunk,
                text.clone(),
            );
        }
    }

    fn push(&mut self, kind: BlockKind, role: LineRole, pieces: &[PlacedLine], text: String) {
        let block = self.out.blocks.len();
        let first = self.out.lines.len();
        let mut bounds: Option<Rect> = None;
        for piece in pieces {
            let Some(line) = self.source.get(piece.line) else {
                continue;
            };
            let rect = line.quad.bounds();
            bounds = Some(bounds.map_or(rect, |all| all.union(&rect)));
            self.out.lines.push(LineRecord {
                text: line.text.clone(),
                quad: line.quad.0.map(|p| [p.x, p.y]),
                confidence: line.confidence,
                role,
                block: block as u32,
            });
        }
        self.out.blocks.push(Block {
            kind,
            bounds: bounds.unwrap_or_default(),
            lines: (first..self.out.lines.len()).collect(),
            text,
            spans: Vec::new(),
        });
    }
}

/// The runs of two to seven single lines under one another that belong together: short, close, flush left, of one size.
fn stanzas(parts: &[BodyPart], kinds: &[Option<Option<u8>>], em: f32) -> Vec<Range<usize>> {
    const LINES: std::ops::RangeInclusive<usize> = 2..=7;
    const LONGEST: usize = 45;
    let line = |i: usize| match (&parts[i], kinds[i]) {
        (BodyPart::Paragraph(this), Some(None)) if this.mark.is_none() && this.rows.len() == 1 => {
            let row = &this.rows[0];
            let whole = row.widest_gap().is_none_or(|gap| gap.1 - gap.0 < 1.5 * em);
            (whole && row.text.chars().count() <= LONGEST).then_some(this)
        }
        _ => None,
    };
    let follows = |a: &Paragraph, b: &Paragraph| {
        let (above, below) = (&a.rows[0], &b.rows[0]);
        let size = above.size.max(below.size) / above.size.min(below.size).max(0.1);
        let space = (below.rect.top - above.rect.bottom) / em;
        (below.rect.left - above.rect.left).abs() < 0.5 * em
            && size < 1.3
            && space < 0.6
            && below.rect.top > above.rect.top
    };
    let mut found = Vec::new();
    let mut start = 0;
    for end in 1..=parts.len() {
        let goes_on = end < parts.len()
            && matches!((line(end - 1), line(end)), (Some(a), Some(b)) if follows(a, b));
        if !goes_on {
            if LINES.contains(&(end - start)) {
                found.push(start..end);
            }
            start = end;
        }
    }
    found
}

fn item_left(part: &BodyPart, kind: &Option<Option<u8>>) -> Option<f32> {
    match (part, kind) {
        (BodyPart::Paragraph(paragraph), Some(None)) if paragraph.mark.is_some() => {
            paragraph.rows.first().map(|row| row.rect.left)
        }
        _ => None,
    }
}
