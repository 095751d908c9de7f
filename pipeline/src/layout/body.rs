//! Body parts: the paragraphs and tables of a page's body in reading order, before they become blocks.

use super::{
    baselines::{TextRow, text_rows},
    block::Table,
    code::code_rows,
    contents::list_contents,
    drop_caps::join_drop_caps,
    footnotes::{Footnote, NoteSigns, take_footnotes},
    headings::BookmarkTitles,
    layout_item::LayoutItem,
    line_numbers::take_line_numbers,
    lists::column_markers,
    paragraphs::{Paragraph, merge_interlinear, paragraphs, sentence_goes_on},
    placed_line::{PlacedLine, common_size},
    reading_order::columns,
    side_by_side::row_groups,
    tables::{stream::stream_tables, take_ruled_tables},
    tuning::body as tuning,
};
use crate::{dehyphenate::HyphenatedWords, image::rulings::PageRulings, page::Rect};

/// A part of the body, before it becomes a block.
pub(crate) enum BodyPart<'a> {
    /// Rows of text.
    Paragraph(Paragraph<'a>),
    /// Rows of program code.
    Code(Vec<TextRow<'a>>),
    /// A note at the foot of a column.
    Footnote(Footnote<'a>),
    /// The lines in a picture or a drawing.
    Figure(Vec<PlacedLine<'a>>),
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
            Self::Footnote(note) => all(&mut note.paragraph.rows.iter().map(|row| row.rect)),
            Self::Code(rows) => all(&mut rows.iter().map(|row| row.rect)),
            Self::Table(_, lines) | Self::LineNumbers(lines) | Self::Figure(lines) => {
                all(&mut lines.iter().map(|line| line.rect))
            }
        }
    }
}

/// The body's parts in reading order.
///
/// Tables with ruled lines are taken out first, as the lines are surer than any white space; then the rest is cut into
/// columns, and within each column rows of fixed pitch become code if the document may have any, rows of aligned cells
/// become tables, and the others paragraphs.
pub(crate) fn body_parts<'a>(
    mut body: Vec<PlacedLine<'a>>,
    figures: Vec<Vec<PlacedLine<'a>>>,
    rulings: &PageRulings,
    context: BodyContext<'_>,
) -> Vec<BodyPart<'a>> {
    let hyphenated = context.hyphenated;
    let em = common_size(body.iter()).unwrap_or(1.0).max(1.0);
    let numbers = take_line_numbers(&mut body, em);
    let tables = take_ruled_tables(&mut body, rulings, em, hyphenated);
    join_drop_caps(&mut body, em);
    let tables = tables.into_iter().map(|table| WholePart {
        rect: table.rect,
        part: BodyPart::Table(table.table, table.lines),
    });
    let figures = figures.into_iter().filter_map(|lines| {
        let rects = lines.iter().map(|line| line.rect);
        Some(WholePart {
            rect: rects.reduce(|a, b| a.union(&b))?,
            part: BodyPart::Figure(lines),
        })
    });
    let mut whole: Vec<Option<WholePart>> = tables.chain(figures).map(Some).collect();
    let whole_items = whole
        .iter()
        .flatten()
        .enumerate()
        .map(|(i, whole)| LayoutItem::Whole(i, whole.rect));
    let items: Vec<LayoutItem> = body
        .into_iter()
        .map(LayoutItem::Text)
        .chain(whole_items)
        .collect();
    let mut parts = Vec::new();
    if !numbers.is_empty() {
        parts.push(BodyPart::LineNumbers(numbers));
    }
    for column in columns(items, em, hyphenated) {
        let before = parts.len();
        let mut lines = Vec::new();
        let mut of_column = Vec::new();
        for item in column {
            match item {
                LayoutItem::Text(line) => lines.push(line),
                LayoutItem::Whole(i, _) => {
                    of_column.extend(whole.get_mut(i).and_then(Option::take));
                }
                LayoutItem::Table(table) => of_column.push(WholePart {
                    rect: table.rect,
                    part: BodyPart::Table(table.table, table.lines),
                }),
            }
        }
        let column = ColumnContext { em, page: context };
        column.push(lines, of_column, &mut parts);
        take_footnotes(&mut parts, before, em, context.note_signs);
        join_over_break(&mut parts, before);
    }
    parts
}

/// The facts of a page that its body is cut into parts by.
#[derive(Clone, Copy)]
pub(crate) struct BodyContext<'h> {
    /// Words with a hyphen inside a line of the page.
    pub hyphenated: &'h HyphenatedWords,
    /// The signs of notes in the text of the page.
    pub note_signs: &'h NoteSigns,
    /// True if rows of fixed pitch are code.
    pub has_code: bool,
    /// The titles of bookmarks that lead to the page.
    pub bookmarks: &'h BookmarkTitles,
}

/// A part that was found before columns were, and its box.
struct WholePart<'a> {
    rect: Rect,
    part: BodyPart<'a>,
}

/// The facts that a column is cut into parts by.
#[derive(Clone, Copy)]
struct ColumnContext<'h> {
    em: f32,
    page: BodyContext<'h>,
}

impl ColumnContext<'_> {
    /// The lines, tables and figures of one column, from top to bottom.
    fn push<'a>(
        self,
        lines: Vec<PlacedLine<'a>>,
        mut whole: Vec<WholePart<'a>>,
        parts: &mut Vec<BodyPart<'a>>,
    ) {
        whole.sort_by(|a, b| a.rect.top.total_cmp(&b.rect.top));
        let mut rest = text_rows(lines);
        self.page.bookmarks.mark(&mut rest);
        for WholePart { rect, part } in whole {
            let center = (rect.top + rect.bottom) / 2.0;
            let below = rest.split_off(rest.partition_point(|row| row.center_y() < center));
            self.push_rows(std::mem::replace(&mut rest, below), parts);
            parts.push(part);
        }
        self.push_rows(rest, parts);
    }

    /// Rows of one column to code, and those between to tables and paragraphs.
    fn push_rows<'a>(self, rows: Vec<TextRow<'a>>, parts: &mut Vec<BodyPart<'a>>) {
        let code = if self.page.has_code {
            code_rows(&rows, self.em)
        } else {
            Vec::new()
        };
        let mut rows = rows.into_iter();
        let mut done = 0;
        for range in code {
            let above = rows.by_ref().take(range.start - done).collect();
            self.push_text(above, parts);
            parts.push(BodyPart::Code(rows.by_ref().take(range.len()).collect()));
            done = range.end;
        }
        self.push_text(rows.collect(), parts);
    }

    /// Rows to paragraphs, and to tables if they are aligned.
    fn push_text<'a>(self, rows: Vec<TextRow<'a>>, parts: &mut Vec<BodyPart<'a>>) {
        let mut tables = stream_tables(&rows, self.em, self.page.hyphenated);
        tables.retain(|table| {
            rows[table.rows.clone()]
                .iter()
                .all(|row| row.witness.is_none())
        });
        let mut rows = rows.into_iter();
        let mut done = 0;
        for table in tables {
            let above = rows.by_ref().take(table.rows.start - done).collect();
            self.push_blocks(above, parts);
            rows.by_ref().take(table.rows.len()).for_each(drop);
            done = table.rows.end;
            parts.push(BodyPart::Table(table.table, table.lines));
        }
        self.push_blocks(rows.collect(), parts);
    }

    /// Rows to paragraphs, blocks side by side one after the other.
    fn push_blocks<'a>(self, rows: Vec<TextRow<'a>>, parts: &mut Vec<BodyPart<'a>>) {
        for group in row_groups(rows, self.em) {
            push_paragraphs(group, self.em, parts);
        }
    }
}

fn push_paragraphs<'a>(rows: Vec<TextRow<'a>>, em: f32, parts: &mut Vec<BodyPart<'a>>) {
    let mut rows = merge_interlinear(rows, em);
    let mut markers = column_markers(&rows, em);
    list_contents(&mut rows, &mut markers);
    let found = paragraphs(rows, markers, em);
    parts.extend(found.into_iter().map(BodyPart::Paragraph));
}

/// Joins the first paragraph of a column, whose parts begin at `start`, to the last of the column before if a sentence
/// goes on. Figures and notes between them stand after it then.
fn join_over_break(parts: &mut Vec<BodyPart>, start: usize) {
    let is_figure = |part: &BodyPart| matches!(part, BodyPart::Figure(_) | BodyPart::Footnote(_));
    let last = parts[..start].iter().rposition(|part| !is_figure(part));
    let first = parts[start..].iter().position(|part| !is_figure(part));
    let (Some(last), Some(first)) = (last, first.map(|first| start + first)) else {
        return;
    };
    let joins = matches!((&parts[last], &parts[first]),
        (BodyPart::Paragraph(a), BodyPart::Paragraph(b)) if goes_on(a, b));
    if joins
        && let BodyPart::Paragraph(next) = parts.remove(first)
        && let BodyPart::Paragraph(last) = &mut parts[last]
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
    let same_type =
        (last.size / first.size - 1.0).abs() < tuning::SAME_SIZE && last.bold == first.bold;
    let whole = last
        .widest_gap()
        .is_none_or(|gap| gap.width() < tuning::MAX_GAP * last.size);
    after.marker.is_none()
        && !after.is_formula()
        && same_type
        && whole
        && before.rows.len() > 1
        && sentence_goes_on(&last.text, &first.text)
}
