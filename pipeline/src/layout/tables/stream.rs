//! Stream tables: rows of short cells under one another without ruled lines, white space between the columns from top
//! to bottom. A doubtful one stays text.

use std::ops::Range;

use super::tuning::stream as tuning;
use super::{
    empty_cell, has_header_row, is_amount, is_leader, is_list_marker,
    row_cells::{ColumnExtent, RowCell, has_long_column, row_cells, widened},
};
use crate::{
    dehyphenate::{HyphenatedWords, join_line},
    layout::{
        baselines::TextRow,
        block::{Cell, Table},
        placed_line::PlacedLine,
    },
};

/// A table in a column's rows.
#[derive(Debug)]
pub(crate) struct StreamTable<'a> {
    /// Its rows among the column's.
    pub rows: Range<usize>,
    /// The table; its cells' lines are indices into `lines`.
    pub table: Table,
    /// Its lines.
    pub lines: Vec<PlacedLine<'a>>,
}

/// The rows of a text column as cells.
#[derive(Clone, Copy)]
struct CellRows<'r, 'a> {
    rows: &'r [TextRow<'a>],
    cells: &'r [Vec<RowCell<'a>>],
    em: f32,
}

/// Cells in the columns of a table, row by row.
type CellGrid<'a> = Vec<Vec<Option<RowCell<'a>>>>;

/// The tables among the rows of one column, from top to bottom.
pub(crate) fn stream_tables<'a>(
    rows: &[TextRow<'a>],
    em: f32,
    hyphenated: &HyphenatedWords,
) -> Vec<StreamTable<'a>> {
    let cells: Vec<Vec<RowCell<'a>>> = rows.iter().map(|row| row_cells(row, em)).collect();
    let cell_rows = CellRows {
        rows,
        cells: &cells,
        em,
    };
    let mut found: Vec<StreamTable> = Vec::new();
    let mut at = 0;
    while at < rows.len() {
        if cells[at].len() < 2 {
            at += 1;
            continue;
        }
        let (end, columns) = cell_rows.extent(at);
        let done = found.last().map_or(0, |table| table.rows.end);
        let start = cell_rows.with_header(done..at, &columns);
        match table(&cells[start..end], &columns, em, hyphenated) {
            Some((table, lines)) => {
                found.push(StreamTable {
                    rows: start..end,
                    table,
                    lines,
                });
                at = end;
            }
            // A long stretch that is no table is not tried again from each of its rows: that would take time with the
            // square of its length.
            None => at += ((end - at) / tuning::RETRY_ONE_IN).max(1),
        }
    }
    found
}

impl CellRows<'_, '_> {
    /// The end of the table that may begin at row `start`, and the extents of its columns.
    fn extent(&self, start: usize) -> (usize, Vec<ColumnExtent>) {
        let mut columns: Vec<ColumnExtent> =
            self.cells[start].iter().map(ColumnExtent::of).collect();
        let mut end = start + 1;
        let mut best = columns.clone();
        for i in start + 1..self.rows.len() {
            let step = self.rows[i].rect.top - self.rows[i - 1].rect.bottom;
            if step > tuning::MAX_SPACE_EM * self.em || columns.len() > tuning::MAX_COLUMNS {
                break;
            }
            let Some(next) = widened(&columns, &self.cells[i], self.em) else {
                break;
            };
            columns = next;
            if self.cells[i].len() >= 2 {
                end = i + 1;
                best.clone_from(&columns);
            }
        }
        (end, best)
    }

    /// The first row of the table below the rows `above`: the last of them if it names the columns, that is, if each of
    /// its cells is over one of them.
    fn with_header(&self, above: Range<usize>, columns: &[ColumnExtent]) -> usize {
        let at = above.end;
        let Some(header) = above.last() else {
            return at;
        };
        let space = self.rows[at].rect.top - self.rows[header].rect.bottom;
        let near = space < tuning::HEADER_SPACE_EM * self.em;
        let over = |cell: &RowCell| columns.iter().filter(|c| c.meets(cell)).count();
        let named = self.cells[header]
            .iter()
            .all(|cell| over(cell) == 1 && !is_amount(&cell.text));
        if near && named && self.cells[header].len() >= columns.len().max(2) {
            header
        } else {
            at
        }
    }
}

/// The table of these rows with its lines, if it is one.
fn table<'a>(
    rows: &[Vec<RowCell<'a>>],
    columns: &[ColumnExtent],
    em: f32,
    hyphenated: &HyphenatedWords,
) -> Option<(Table, Vec<PlacedLine<'a>>)> {
    if columns.len() < 2 {
        return None;
    }
    let grid = cell_grid(rows, columns)?;
    if !is_certain(&grid, columns, em) {
        return None;
    }
    let mut lines = Vec::new();
    let mut table = Table {
        rows: Vec::new(),
        head: false,
    };
    for row in grid {
        let first_filled = row[0].is_some();
        let filled = row.iter().flatten().count();
        // A line of its own under a cell goes on in that cell.
        if filled == 1
            && !first_filled
            && let Some(above) = table.rows.last_mut()
        {
            continue_cells(above, &row, &mut lines, hyphenated);
            continue;
        }
        let cells = row.into_iter().map(|cell| {
            let Some(cell) = cell else {
                return empty_cell();
            };
            let first = lines.len();
            lines.extend(&cell.lines);
            Cell {
                text: cell.text,
                lines: (first..lines.len()).collect(),
                ..empty_cell()
            }
        });
        table.rows.push(cells.collect());
    }
    table.head = has_header_row(&table);
    Some((table, lines))
}

/// The rows' cells in their columns; `None` if one lies in none, or several often lie in one.
fn cell_grid<'a>(rows: &[Vec<RowCell<'a>>], columns: &[ColumnExtent]) -> Option<CellGrid<'a>> {
    let home = |cell: &RowCell| {
        columns.iter().position(|c| {
            (c.left - tuning::EDGE_SLACK_PX..=c.right + tuning::EDGE_SLACK_PX)
                .contains(&cell.center_x())
        })
    };
    let mut grid: CellGrid = Vec::new();
    let mut crowded = 0;
    for row in rows {
        let mut in_columns: Vec<Option<RowCell>> = vec![None; columns.len()];
        for cell in row {
            let slot = &mut in_columns[home(cell)?];
            match slot {
                Some(first) => first.extend(cell),
                None => *slot = Some(cell.clone()),
            }
        }
        crowded += usize::from(in_columns.iter().flatten().count() < row.len());
        grid.push(in_columns);
    }
    // Two cells in one place now and then are one cell with a gap; more often the columns are wrong.
    (!tuning::CROWDED_ROWS.is_exceeded(crowded, grid.len())).then_some(grid)
}

/// Joins the cells of a row to those above them.
fn continue_cells<'a>(
    above: &mut [Cell],
    row: &[Option<RowCell<'a>>],
    lines: &mut Vec<PlacedLine<'a>>,
    hyphenated: &HyphenatedWords,
) {
    for (cell, more) in above.iter_mut().zip(row) {
        if let Some(more) = more {
            join_line(&mut cell.text, &more.text, hyphenated);
            cell.lines
                .extend(lines.len()..lines.len() + more.lines.len());
            lines.extend(&more.lines);
        }
    }
}

/// Returns true if cells under one another are a table and not something that only looks like one: a table of contents,
/// a list, numbered equations, two columns of text.
fn is_certain(grid: &CellGrid, columns: &[ColumnExtent], em: f32) -> bool {
    let full: Vec<&Vec<Option<RowCell>>> = grid
        .iter()
        .filter(|row| row.iter().flatten().count() >= 2)
        .collect();
    let filled: usize = full.iter().map(|row| row.iter().flatten().count()).sum();
    let share = filled as f32 / (full.len() * columns.len()).max(1) as f32;
    let of_column = |c: usize| full.iter().filter_map(move |row| row[c].as_ref());
    let count =
        |c: usize, test: fn(&str) -> bool| of_column(c).filter(|cell| test(&cell.text)).count();
    let long = has_long_column(
        (0..columns.len()).map(|c| of_column(c).map(|cell| cell.text.chars().count()).collect()),
    );
    let leaders = full
        .iter()
        .filter(|row| row.iter().flatten().any(|cell| is_leader(&cell.text)))
        .count();
    let last = columns.len() - 1;
    if long
        || tuning::LEADERS.is_exceeded(leaders, full.len())
        || tuning::LIST_MARKERS.is_exceeded(count(0, is_list_marker), full.len())
        || tuning::EQUATION_NUMBERS.is_exceeded(count(last, is_equation_number), full.len())
        || !tuning::FULL_ROWS.is_reached(full.len(), grid.len())
    {
        return false;
    }
    match columns.len() {
        // Two columns are a table only if the second is amounts: else they are labels, or columns of text.
        2 => {
            let white = columns
                .windows(2)
                .map(|pair| pair[1].left - pair[0].right)
                .fold(f32::MAX, f32::min);
            let amounts = count(1, is_amount) as f32 / of_column(1).count().max(1) as f32;
            full.len() >= tuning::MIN_ROWS_TWO_COLUMNS
                && share > tuning::FILLED_TWO_COLUMNS
                && white > tuning::WHITE_TWO_COLUMNS_EM * em
                && amounts > tuning::AMOUNTS_TWO_COLUMNS
        }
        _ => {
            let least = if full.len() < tuning::FEW_ROWS {
                tuning::FILLED_FEW_ROWS
            } else {
                tuning::FILLED
            };
            full.len() >= tuning::MIN_ROWS && share > least
        }
    }
}

fn is_equation_number(text: &str) -> bool {
    let inner = text
        .trim()
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    inner.is_some_and(|n| {
        (1..=tuning::EQUATION_NUMBER_BYTES).contains(&n.len())
            && n.chars().next().is_some_and(|c| c.is_ascii_digit())
    })
}
