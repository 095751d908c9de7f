//! Wrapped tables: columns of cells with several lines, parted by white space alone. They are looked for before the page
//! is cut into columns, as white between their columns is as tall as between columns of text.
//!
//! Columns of text are told from them by three signs: a table's rows begin in all of its columns at once, again and
//! again; lines of a cell break only where the next word does not fit, which those of addresses and lists do not; and
//! its cells are short.

mod evidence;

use std::{collections::BTreeSet, ops::Range};

use super::{
    DetectedTable, cell_text, empty_cell, has_header_row,
    row_cells::{ColumnExtent, RowCell, row_cells, widened},
    row_starts::{Baseline, CellLine, row_starts as find_row_starts},
    tuning::{row_starts, wrapped as tuning},
};
use crate::{
    dehyphenate::HyphenatedWords,
    layout::{
        baselines::{TextRow, text_rows},
        block::{Cell, Table},
        layout_item::LayoutItem,
        placed_line::PlacedLine,
    },
    page::Rect,
    text_marks::plain,
};

/// Takes the tables with wrapped cells out of `items`.
pub(crate) fn take_wrapped_tables<'a>(
    items: &mut Vec<LayoutItem<'a>>,
    em: f32,
    hyphenated: &HyphenatedWords,
) -> Vec<DetectedTable<'a>> {
    let lines = items
        .iter()
        .filter_map(|item| item.line().copied())
        .collect();
    let walls = items.iter().filter(|item| item.line().is_none());
    let walls: Vec<Rect> = walls.map(LayoutItem::rect).collect();
    let rows = text_rows(lines);
    let cells: Vec<Vec<RowCell<'a>>> = rows.iter().map(|row| row_cells(row, em)).collect();
    let page = CellRows {
        rows: &rows,
        cells: &cells,
        walls: &walls,
        em,
    };
    let mut found: Vec<FoundTable> = Vec::new();
    let mut at = 0;
    while at < rows.len() {
        if cells[at].len() < 2 {
            at += 1;
            continue;
        }
        let (end, columns) = page.extent(at);
        let done = found.last().map_or(0, |table| table.rows.end);
        let (start, columns) = page.with_lines_above(done..at, columns);
        let area = TableArea::new(&rows[start..end], &cells[start..end], columns, em);
        match area.and_then(|area| area.table(hyphenated)) {
            Some(table) => {
                found.push(FoundTable {
                    rows: start..end,
                    table,
                });
                at = end;
            }
            // As in stream tables: not again from each row of a long stretch.
            None => at += ((end - at) / tuning::RETRY_ONE_IN).max(1),
        }
    }
    let place = |line: &PlacedLine| (line.index, line.rect.left.to_bits());
    let taken: BTreeSet<(usize, u32)> = found
        .iter()
        .flat_map(|found| &found.table.lines)
        .map(place)
        .collect();
    items.retain(|item| item.line().is_none_or(|line| !taken.contains(&place(line))));
    found.into_iter().map(|found| found.table).collect()
}

/// A table in the rows of a part of a page.
struct FoundTable<'a> {
    rows: Range<usize>,
    table: DetectedTable<'a>,
}

/// The rows of a part of a page as cells.
struct CellRows<'r, 'a> {
    rows: &'r [TextRow<'a>],
    cells: &'r [Vec<RowCell<'a>>],
    /// Tables and figures beside the rows, which no table reaches over.
    walls: &'r [Rect],
    em: f32,
}

impl CellRows<'_, '_> {
    /// The end of the table that may begin at row `start`, and its columns.
    fn extent(&self, start: usize) -> (usize, Vec<ColumnExtent>) {
        let mut columns: Vec<ColumnExtent> =
            self.cells[start].iter().map(ColumnExtent::of).collect();
        let (mut end, mut best) = (start + 1, columns.clone());
        let mut bottom = self.rows[start].rect.bottom;
        for i in start + 1..self.rows.len() {
            let rect = self.rows[i].rect;
            let white = rect.top - bottom;
            let area = Rect {
                top: bottom,
                ..self.rows[start].rect.union(&rect)
            };
            if white > tuning::MAX_SPACE_EM * self.em
                || columns.len() > tuning::MAX_COLUMNS
                || self.walls.iter().any(|wall| meets(wall, &area))
            {
                break;
            }
            let Some(next) = self.with_row(start, i, &columns) else {
                break;
            };
            columns = next;
            bottom = bottom.max(rect.bottom);
            let goes_on = i == end && white < tuning::LINE_SPACE_EM * self.em;
            if self.cells[i].len() >= 2 || goes_on {
                end = i + 1;
                best.clone_from(&columns);
            }
        }
        (end, best)
    }

    /// The first row of the table below the rows `above`, and its columns: names of columns are wrapped too, and their
    /// first lines may stand alone.
    fn with_lines_above(
        &self,
        above: Range<usize>,
        mut columns: Vec<ColumnExtent>,
    ) -> (usize, Vec<ColumnExtent>) {
        let mut start = above.end;
        for i in above.rev() {
            let white = self.rows[start].rect.top - self.rows[i].rect.bottom;
            let [cell] = &self.cells[i][..] else { break };
            let in_first = columns.first().is_none_or(|first| first.meets(cell));
            let is_beside = white < -row_starts::BESIDE_EM * self.em;
            let Some(wider) = widened(&columns, &self.cells[i], self.em) else {
                break;
            };
            if wider.len() > columns.len()
                || white > tuning::HEAD_SPACE_EM * self.em
                || in_first && !is_beside
            {
                break;
            }
            columns = wider;
            start = i;
        }
        (start, columns)
    }

    /// The columns with row `i`. A cell over two of them joins them if no two rows so far have a cell in each: the gap
    /// between was a wide space in a justified line.
    fn with_row(
        &self,
        start: usize,
        i: usize,
        columns: &[ColumnExtent],
    ) -> Option<Vec<ColumnExtent>> {
        let row = &self.cells[i];
        if let Some(wider) = widened(columns, row, self.em) {
            return Some(wider);
        }
        let mut joined: Vec<ColumnExtent> = Vec::with_capacity(columns.len());
        for column in columns {
            let spans = |last: &ColumnExtent| {
                row.iter()
                    .any(|cell| last.meets(cell) && column.meets(cell))
                    && column.left - last.right < tuning::JUSTIFIED_SPACE_EM * self.em
            };
            match joined.last_mut().filter(|last| spans(last)) {
                Some(last) => {
                    let both = |cells: &&Vec<RowCell>| {
                        let first = cells.iter().position(|cell| last.meets(cell));
                        let second = cells.iter().rposition(|cell| column.meets(cell));
                        first.is_some() && second.is_some() && first != second
                    };
                    if self.cells[start.max(i.saturating_sub(tuning::STUDIED_ROWS))..i]
                        .iter()
                        .filter(both)
                        .count()
                        >= tuning::PARTED_ROWS
                    {
                        return None;
                    }
                    last.right = column.right;
                }
                None => joined.push(*column),
            }
        }
        (joined.len() < columns.len())
            .then(|| widened(&joined, row, self.em))
            .flatten()
    }
}

fn meets(a: &Rect, b: &Rect) -> bool {
    a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
}

/// Lines in columns that may be a table.
struct TableArea<'a> {
    columns: Vec<ColumnExtent>,
    baselines: Vec<Baseline>,
    /// The lines of each column on each of the baselines.
    lines: Vec<Vec<Vec<PlacedLine<'a>>>>,
    /// True for the baselines at which a row begins.
    starts: Vec<bool>,
    em: f32,
}

/// The lines of one cell, as indices of baselines.
type CellLines = Vec<usize>;

impl<'a> TableArea<'a> {
    fn new(
        rows: &[TextRow<'a>],
        cells: &[Vec<RowCell<'a>>],
        columns: Vec<ColumnExtent>,
        em: f32,
    ) -> Option<Self> {
        let is_read = |row: &TextRow| row.is_ocr() || row.witness.is_some();
        if columns.len() < 2 || rows.len() <= tuning::MIN_ROWS || rows.iter().any(is_read) {
            return None;
        }
        let mut crowded = 0;
        let mut lines = Vec::with_capacity(rows.len());
        let mut baselines = Vec::with_capacity(rows.len());
        for (row, cells) in rows.iter().zip(cells) {
            let mut in_columns: Vec<Vec<PlacedLine>> = vec![Vec::new(); columns.len()];
            for cell in cells {
                let column = columns.iter().position(|column| column.meets(cell))?;
                in_columns[column].extend(&cell.lines);
            }
            let filled = in_columns.iter().filter(|lines| !lines.is_empty()).count();
            crowded += usize::from(filled < cells.len());
            let cell = |lines: &Vec<PlacedLine>| {
                let (first, last) = (lines.first()?, lines.last()?);
                let texts: Vec<_> = lines.iter().map(|line| plain(line.text)).collect();
                Some(CellLine {
                    text: texts.join(" "),
                    width: last.rect.right - first.rect.left,
                })
            };
            baselines.push(Baseline {
                top: row.rect.top,
                bottom: row.rect.bottom,
                cells: in_columns.iter().map(cell).collect(),
            });
            lines.push(in_columns);
        }
        // Wide spaces of justified lines come now and then; more often the columns are wrong.
        if tuning::CROWDED_ROWS.is_exceeded(crowded, rows.len()) {
            return None;
        }
        let starts = find_row_starts(&baselines, em);
        Some(Self {
            columns,
            baselines,
            lines,
            starts,
            em,
        })
    }

    /// The table, if it is certain to be one.
    fn table(&self, hyphenated: &HyphenatedWords) -> Option<DetectedTable<'a>> {
        let rows = self.rows();
        if !self.is_certain(&rows) {
            return None;
        }
        let mut lines: Vec<PlacedLine> = Vec::new();
        let mut cell = |column: usize, of_cell: &CellLines| {
            let extent = self.columns[column];
            let first = lines.len();
            let text = of_cell.iter().flat_map(|&i| &self.lines[i][column]);
            let rows = text_rows(text.copied().collect());
            lines.extend(rows.iter().flat_map(|row| &row.lines));
            Cell {
                text: cell_text(&rows, extent.right - extent.left, self.em, hyphenated),
                lines: (first..lines.len()).collect(),
                ..empty_cell()
            }
        };
        let row = |cells: &Vec<CellLines>| {
            let cells = cells.iter().enumerate();
            cells
                .map(|(column, of_cell)| cell(column, of_cell))
                .collect()
        };
        let mut table = Table {
            rows: rows.iter().map(row).collect(),
            head: false,
        };
        table.head = has_header_row(&table);
        let rect = lines
            .iter()
            .map(|line| line.rect)
            .reduce(|a, b| a.union(&b))?;
        Some(DetectedTable { table, rect, lines })
    }

    /// The cells of each row.
    fn rows(&self) -> Vec<Vec<CellLines>> {
        let mut rows: Vec<Vec<CellLines>> = Vec::new();
        for (i, line) in self.baselines.iter().enumerate() {
            if self.starts[i] || rows.is_empty() {
                rows.push(vec![Vec::new(); self.columns.len()]);
            }
            let cells = rows.iter_mut().last().into_iter().flatten();
            for (of_cell, cell) in cells.zip(&line.cells) {
                if cell.is_some() {
                    of_cell.push(i);
                }
            }
        }
        rows
    }

    fn line(&self, i: usize, column: usize) -> Option<&CellLine> {
        self.baselines[i].cells[column].as_ref()
    }
}
