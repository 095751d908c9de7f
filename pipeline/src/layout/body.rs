//! Body parts: the paragraphs and tables of a page's body in reading order, before they become blocks.

use super::{
    baselines::{TextRow, text_rows},
    block::Table,
    drop_caps::join_drop_caps,
    layout_item::LayoutItem,
    line_numbers::take_line_numbers,
    lists::column_markers,
    paragraphs::{Paragraph, ends_sentence, merge_interlinear, paragraphs},
    placed_line::{PlacedLine, common_size},
    reading_order::columns,
    tables::{
        DetectedTable, booktabs::take_booktabs_tables, lattice::take_lattice_tables,
        stream::stream_tables,
    },
    tuning::body as tuning,
};
use crate::{dehyphenate::HyphenatedWords, image::rulings::PageRulings, page::Rect};

/// A part of the body, before it becomes a block.
pub(crate) enum BodyPart<'a> {
    /// Rows of text.
    Paragraph(Paragraph<'a>),
    /// A table; its cells' lines are indices into the lines beside it.
    Table(Table, Vec<PlacedLine<'a>>),
    /// The numbers of a page's lines, in its margin.
    LineNumbers(Vec<PlacedLine<'a>>),
}

impl BodyPart<'_> {
    /// The box around its lines.
    pub fn rect(&self) -> Option<Rect> {
        let all = |rects: &mut dyn Iterator<Item = Rect>| rects.reduce(|a, b| a.union(&b));
        match self {
            Self::Paragraph(paragraph) => all(&mut paragraph.rows.iter().map(|row| row.rect)),
            Self::Table(_, lines) | Self::LineNumbers(lines) => {
                all(&mut lines.iter().map(|line| line.rect))
            }
        }
    }
}

/// The body's parts in reading order.
///
/// Tables with ruled lines are taken out first, as the lines are surer than any white space; then the rest is cut into
/// columns, and within each column rows of aligned cells become tables and the others paragraphs.
pub(crate) fn body_parts<'a>(
    mut body: Vec<PlacedLine<'a>>,
    rulings: &PageRulings,
    hyphenated: &HyphenatedWords,
) -> Vec<BodyPart<'a>> {
    let em = common_size(body.iter()).unwrap_or(1.0).max(1.0);
    let numbers = take_line_numbers(&mut body, em);
    let mut tables = take_lattice_tables(&mut body, rulings, em, hyphenated);
    tables.extend(take_booktabs_tables(&mut body, rulings, em, hyphenated));
    join_drop_caps(&mut body, em);
    let table_items = tables
        .iter()
        .enumerate()
        .map(|(i, table)| LayoutItem::Table(i, table.rect));
    let items: Vec<LayoutItem> = body
        .into_iter()
        .map(LayoutItem::Text)
        .chain(table_items)
        .collect();
    let mut tables: Vec<Option<DetectedTable>> = tables.into_iter().map(Some).collect();
    let mut parts = Vec::new();
    if !numbers.is_empty() {
        parts.push(BodyPart::LineNumbers(numbers));
    }
    for column in columns(items, em) {
        let before = parts.len();
        let mut lines = Vec::new();
        let mut of_column = Vec::new();
        for item in column {
            match item {
                LayoutItem::Text(line) => lines.push(line),
                LayoutItem::Table(i, _) => {
                    of_column.extend(tables.get_mut(i).and_then(Option::take));
                }
            }
        }
        push_column(lines, of_column, em, hyphenated, &mut parts);
        join_over_break(&mut parts, before);
    }
    parts
}

/// The lines and tables of one column, from top to bottom.
fn push_column<'a>(
    lines: Vec<PlacedLine<'a>>,
    mut tables: Vec<DetectedTable<'a>>,
    em: f32,
    hyphenated: &HyphenatedWords,
    parts: &mut Vec<BodyPart<'a>>,
) {
    tables.sort_by(|a, b| a.rect.top.total_cmp(&b.rect.top));
    let mut rest = text_rows(lines);
    for table in tables {
        let center = (table.rect.top + table.rect.bottom) / 2.0;
        let below = rest.split_off(rest.partition_point(|row| row.center_y() < center));
        push_rows(std::mem::replace(&mut rest, below), em, hyphenated, parts);
        parts.push(BodyPart::Table(table.table, table.lines));
    }
    push_rows(rest, em, hyphenated, parts);
}

/// Rows of one column to paragraphs, and to tables if they are aligned.
fn push_rows<'a>(
    rows: Vec<TextRow<'a>>,
    em: f32,
    hyphenated: &HyphenatedWords,
    parts: &mut Vec<BodyPart<'a>>,
) {
    let tables = stream_tables(&rows, em, hyphenated);
    let mut rows = rows.into_iter();
    let mut done = 0;
    for table in tables {
        let above = rows.by_ref().take(table.rows.start - done).collect();
        push_paragraphs(above, em, parts);
        rows.by_ref().take(table.rows.len()).for_each(drop);
        done = table.rows.end;
        parts.push(BodyPart::Table(table.table, table.lines));
    }
    push_paragraphs(rows.collect(), em, parts);
}

fn push_paragraphs<'a>(rows: Vec<TextRow<'a>>, em: f32, parts: &mut Vec<BodyPart<'a>>) {
    let rows = merge_interlinear(rows, em);
    let markers = column_markers(&rows, em);
    let found = paragraphs(rows, markers, em);
    parts.extend(found.into_iter().map(BodyPart::Paragraph));
}

/// Joins the first paragraph of a column, at index `at`, to the last of the column before if a sentence goes on.
fn join_over_break(parts: &mut Vec<BodyPart>, at: usize) {
    let joins = at > 0
        && matches!((&parts[at - 1], parts.get(at)),
            (BodyPart::Paragraph(a), Some(BodyPart::Paragraph(b))) if goes_on(a, b));
    if joins
        && let BodyPart::Paragraph(next) = parts.remove(at)
        && let BodyPart::Paragraph(last) = &mut parts[at - 1]
    {
        last.space_below = next.space_below;
        last.rows.extend(next.rows);
    }
}

/// Returns true if a sentence of `before` goes on in `after`, the first paragraph of the next column. A single line
/// before the break is more often a caption or a heading than the start of a paragraph.
fn goes_on(before: &Paragraph, after: &Paragraph) -> bool {
    let (Some(last), Some(first)) = (before.rows.last(), after.rows.first()) else {
        return false;
    };
    let lowercase = first.text.chars().next().is_some_and(char::is_lowercase);
    let same_type =
        (last.size / first.size - 1.0).abs() < tuning::SAME_SIZE && last.bold == first.bold;
    let whole = last
        .widest_gap()
        .is_none_or(|gap| gap.width() < tuning::MAX_GAP * last.size);
    after.marker.is_none()
        && same_type
        && whole
        && lowercase
        && before.rows.len() > 1
        && !ends_sentence(&last.text)
}
