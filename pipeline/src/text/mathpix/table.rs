//! Table builder: a table while it is read, with its cells, rows and spans.

use crate::{
    layout::{
        block::{Cell, Table},
        tables::has_header_row,
    },
    text::inline_text::InlineText,
};

/// Most columns or rows that a cell may span.
const MAX_SPAN: u32 = 100;
/// Most places up to which short rows are filled with empty cells.
const MAX_PLACES: usize = 10_000;

/// A table that is being read.
#[derive(Debug, Default)]
pub(super) struct TableBuilder {
    rows: Vec<Vec<Cell>>,
    row: Vec<Cell>,
    /// The text of the current cell.
    pub cell: InlineText,
    span: (u32, u32),
    /// Rows above which a line is drawn.
    ruled: Vec<usize>,
    /// Tables open inside the current cell.
    pub nested: usize,
    /// True if it is written with bars, as Markdown's are.
    pub bars: bool,
}

impl TableBuilder {
    /// A table that is written with bars.
    pub fn barred() -> Self {
        Self {
            bars: true,
            ..Self::default()
        }
    }

    /// The current cell spans so many columns.
    pub fn spans_columns(&mut self, count: u32) {
        self.span.0 = count.min(MAX_SPAN);
    }

    /// The current cell spans so many rows.
    pub fn spans_rows(&mut self, count: u32) {
        self.span.1 = count.min(MAX_SPAN);
    }

    /// A line is drawn here.
    pub fn rule(&mut self) {
        if self.ruled.last() != Some(&self.rows.len()) {
            self.ruled.push(self.rows.len());
        }
    }

    /// Returns true if a row has begun.
    pub fn in_row(&self) -> bool {
        !(self.row.is_empty() && self.cell.is_empty())
    }

    /// Ends the cell.
    pub fn end_cell(&mut self) {
        let (text, spans) = std::mem::take(&mut self.cell).finish();
        let (columns, rows) = std::mem::take(&mut self.span);
        self.row.push(Cell {
            text,
            spans,
            columns: columns.max(1),
            rows: rows.max(1),
            lines: Vec::new(),
        });
    }

    /// Ends the row.
    pub fn end_row(&mut self) {
        self.end_cell();
        self.rows.push(std::mem::take(&mut self.row));
    }

    /// Ends a row whose last cell a bar may have ended.
    pub fn end_barred_row(&mut self) {
        if !self.cell.is_empty() {
            self.end_cell();
        }
        self.rows.push(std::mem::take(&mut self.row));
    }

    /// The table, if there is anything in it.
    pub fn finish(mut self) -> Option<Table> {
        if self.in_row() {
            self.end_row();
        }
        let blank = |row: &Vec<Cell>| row.iter().all(|cell| cell.text.is_empty());
        while self.rows.last().is_some_and(blank) {
            self.rows.pop();
        }
        let mut rows = settle(self.rows);
        if rows.is_empty() {
            return None;
        }
        fill(&mut rows);
        let mut table = Table { rows, head: false };
        let inner = self
            .ruled
            .iter()
            .filter(|at| (1..table.rows.len()).contains(at));
        let (all, first) = (inner.clone().count(), inner.clone().next() == Some(&1));
        table.head = table.rows.len() > 1
            && (self.bars
                || first && all + 1 < table.rows.len()
                || (first || all == 0) && has_header_row(&table));
        Some(table)
    }
}

/// Takes away the empty cells that LaTeX wants below one that spans rows, and ends a span where there is text
/// below it.
fn settle(rows: Vec<Vec<Cell>>) -> Vec<Vec<Cell>> {
    let height = rows.len();
    let mut settled: Vec<Vec<Cell>> = Vec::with_capacity(height);
    // By column: the row at which the cell above ends, and the place of that cell.
    let mut above: Vec<(usize, usize, usize)> = Vec::new();
    for (y, row) in rows.into_iter().enumerate() {
        let mut kept: Vec<Cell> = Vec::with_capacity(row.len());
        let mut x = 0;
        for mut cell in row {
            let width = cell.columns as usize;
            if above.len() < x + width {
                above.resize(x + width, (0, 0, 0));
            }
            let covered = above[x].0 > y;
            if covered && cell.text.is_empty() && width == 1 {
                x += 1;
                continue;
            }
            let left = (height - y) as u32;
            cell.rows = cell.rows.min(left);
            for place in &mut above[x..x + width] {
                if place.0 > y {
                    let spanning = &mut settled[place.1][place.2];
                    spanning.rows = (y - place.1) as u32;
                }
                *place = (y + cell.rows as usize, y, kept.len());
            }
            kept.push(cell);
            x += width;
        }
        settled.push(kept);
    }
    settled
}

/// Fills short rows of a table without spans, so that each place has a cell.
fn fill(rows: &mut [Vec<Cell>]) {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let plain = rows
        .iter()
        .flatten()
        .all(|cell| cell.columns == 1 && cell.rows == 1);
    if plain && width.saturating_mul(rows.len()) <= MAX_PLACES {
        let empty = Cell {
            text: String::new(),
            spans: Vec::new(),
            columns: 1,
            rows: 1,
            lines: Vec::new(),
        };
        for row in rows {
            row.resize(width, empty.clone());
        }
    }
}
