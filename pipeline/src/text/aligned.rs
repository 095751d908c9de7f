//! Tables without lines: rows of short cells under one another, white space between the columns from
//! top to bottom. What is doubtful stays text.

use std::ops::Range;

use super::{
    Cell, Table,
    join::{HyphenatedWords, join_line},
    marks::mark,
    piece::PlacedLine,
    rows::{TextRow, text_of},
    tables::{has_head, is_amount},
};

/// Most columns of a table.
const MOST_COLUMNS: usize = 24;
/// Longest usual text of a cell, in characters: longer is running text.
pub(crate) const LONGEST_CELL: usize = 40;

/// A table in a column's rows.
#[derive(Debug)]
pub(crate) struct StreamTable<'a> {
    /// Its rows among the column's.
    pub rows: Range<usize>,
    /// The table; its cells' lines are indices into `pieces`.
    pub table: Table,
    /// Its pieces.
    pub pieces: Vec<PlacedLine<'a>>,
}

/// The tables among the rows of one column, from top to bottom.
pub(crate) fn aligned<'a>(
    rows: &[TextRow<'a>],
    em: f32,
    seen: &HyphenatedWords,
) -> Vec<StreamTable<'a>> {
    let cells: Vec<Vec<RowCell<'a>>> = rows.iter().map(|row| spans(row, em)).collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < rows.len() {
        if cells[at].len() < 2 {
            at += 1;
            continue;
        }
        let (end, columns) = extent(rows, &cells, at, em);
        let done = found.last().map_or(0, |table: &StreamTable| table.rows.end);
        let start = with_head(rows, &cells, done..at, &columns, em);
        match table(&cells[start..end], &columns, em, seen) {
            Some((table, pieces)) => {
                found.push(StreamTable {
                    rows: start..end,
                    table,
                    pieces,
                });
                at = end;
            }
            // A long stretch that is no table is not tried again from each of its rows.
            None => at += ((end - at) / 8).max(1),
        }
    }
    found
}

/// Pieces that stand close together: a cell's part of a row.
#[derive(Clone, Debug)]
pub(crate) struct RowCell<'a> {
    /// Left edge.
    pub left: f32,
    /// Right edge.
    pub right: f32,
    /// Its text.
    pub text: String,
    /// Its pieces.
    pub pieces: Vec<PlacedLine<'a>>,
}

impl<'a> RowCell<'a> {
    /// Takes in a span further right in the same column.
    fn extend(&mut self, other: &Self) {
        self.right = other.right;
        self.text.push(' ');
        self.text.push_str(&other.text);
        self.pieces.extend(&other.pieces);
    }
}

/// The cells of a row.
pub(crate) fn spans<'a>(row: &TextRow<'a>, em: f32) -> Vec<RowCell<'a>> {
    let together = |a: &PlacedLine, b: &PlacedLine| {
        let gap = b.rect.left - a.rect.right;
        let sign = a.text.chars().all(|c| matches!(c, '$' | '€' | '£' | '¥'));
        gap < if a.read && b.read { 0.5 } else { 0.9 } * em || sign && gap < 5.0 * em
    };
    row.pieces
        .chunk_by(together)
        .map(|group| RowCell {
            left: group[0].rect.left,
            right: group
                .iter()
                .map(|piece| piece.rect.right)
                .fold(f32::MIN, f32::max),
            text: text_of(group, row.size),
            pieces: group.to_vec(),
        })
        .collect()
}

/// How far a table that begins at row `start` may reach, and where its columns lie.
fn extent(
    rows: &[TextRow],
    cells: &[Vec<RowCell>],
    start: usize,
    em: f32,
) -> (usize, Vec<(f32, f32)>) {
    let mut columns: Vec<(f32, f32)> = cells[start]
        .iter()
        .map(|cell| (cell.left, cell.right))
        .collect();
    let mut end = start + 1;
    let mut best = columns.clone();
    for i in start + 1..rows.len() {
        let step = rows[i].rect.top - rows[i - 1].rect.bottom;
        if step > 2.2 * em || columns.len() > MOST_COLUMNS {
            break;
        }
        let Some(next) = widened(&columns, &cells[i], em) else {
            break;
        };
        columns = next;
        if cells[i].len() >= 2 {
            end = i + 1;
            best.clone_from(&columns);
        }
    }
    (end, best)
}

/// Where the table begins with the row above it, if that names the columns: its cells each stand over one.
fn with_head(
    rows: &[TextRow],
    cells: &[Vec<RowCell>],
    above: Range<usize>,
    columns: &[(f32, f32)],
    em: f32,
) -> usize {
    let at = above.end;
    let Some(head) = above.last() else {
        return at;
    };
    let near = rows[at].rect.top - rows[head].rect.bottom < 1.5 * em;
    let over = |cell: &RowCell| {
        columns
            .iter()
            .filter(|c| cell.left < c.1 && c.0 < cell.right)
            .count()
    };
    let named = cells[head]
        .iter()
        .all(|cell| over(cell) == 1 && !is_amount(&cell.text));
    if near && named && cells[head].len() >= columns.len().max(2) {
        head
    } else {
        at
    }
}

/// The columns with a further row's cells; `None` where a cell reaches over two of them.
pub(crate) fn widened(columns: &[(f32, f32)], row: &[RowCell], em: f32) -> Option<Vec<(f32, f32)>> {
    let mut columns = columns.to_vec();
    for cell in row {
        let touches = |c: &(f32, f32)| cell.left < c.1 + 0.4 * em && c.0 - 0.4 * em < cell.right;
        let mut hit = (0..columns.len()).filter(|&i| touches(&columns[i]));
        match (hit.next(), hit.next()) {
            (Some(i), None) => {
                columns[i] = (columns[i].0.min(cell.left), columns[i].1.max(cell.right));
            }
            (None, _) => {
                let at = columns.partition_point(|c| c.0 < cell.left);
                columns.insert(at, (cell.left, cell.right));
            }
            _ => return None,
        }
    }
    // A column that grew into its neighbour.
    let apart = columns
        .windows(2)
        .all(|pair| pair[1].0 - pair[0].1 > 0.5 * em);
    apart.then_some(columns)
}

fn table<'a>(
    rows: &[Vec<RowCell<'a>>],
    columns: &[(f32, f32)],
    em: f32,
    seen: &HyphenatedWords,
) -> Option<(Table, Vec<PlacedLine<'a>>)> {
    if columns.len() < 2 {
        return None;
    }
    let home = |cell: &RowCell| {
        let middle = (cell.left + cell.right) / 2.0;
        columns
            .iter()
            .position(|c| (c.0 - 0.1..=c.1 + 0.1).contains(&middle))
    };
    let mut grid: Vec<Vec<Option<RowCell>>> = Vec::new();
    let mut crowded = 0;
    for row in rows {
        let mut line: Vec<Option<RowCell>> = vec![None; columns.len()];
        for cell in row {
            let slot = &mut line[home(cell)?];
            match slot {
                Some(first) => first.extend(cell),
                None => *slot = Some(cell.clone()),
            }
        }
        crowded += usize::from(line.iter().flatten().count() < row.len());
        grid.push(line);
    }
    // Two cells in one place now and then are one cell with a gap; more often the columns are wrong.
    if crowded * 6 > grid.len() || !is_certain(&grid, columns, em) {
        return None;
    }
    let mut pieces = Vec::new();
    let mut table = Table {
        rows: Vec::new(),
        head: false,
    };
    for line in grid {
        let first_filled = line[0].is_some();
        let filled = line.iter().flatten().count();
        // A line of its own under a cell goes on in that cell.
        if filled == 1
            && !first_filled
            && let Some(above) = table.rows.last_mut()
        {
            for (cell, more) in above.iter_mut().zip(&line) {
                if let Some(span) = more {
                    join_line(&mut cell.text, &span.text, seen);
                    cell.lines
                        .extend(pieces.len()..pieces.len() + span.pieces.len());
                    pieces.extend(&span.pieces);
                }
            }
            continue;
        }
        let cells = line.iter().map(|span| {
            let first = pieces.len();
            pieces.extend(span.iter().flat_map(|span| &span.pieces));
            let span = span.as_ref();
            Cell {
                text: span.map_or(String::new(), |span| span.text.clone()),
                spans: Vec::new(),
                columns: 1,
                rows: 1,
                lines: (first..pieces.len()).collect(),
            }
        });
        table.rows.push(cells.collect());
    }
    table.head = has_head(&table);
    Some((table, pieces))
}

/// Whether cells under one another are a table and not something that only looks like one.
fn is_certain(grid: &[Vec<Option<RowCell>>], columns: &[(f32, f32)], em: f32) -> bool {
    let full: Vec<&Vec<Option<RowCell>>> = grid
        .iter()
        .filter(|row| row.iter().flatten().count() >= 2)
        .collect();
    let filled: usize = full.iter().map(|row| row.iter().flatten().count()).sum();
    let share = filled as f32 / (full.len() * columns.len()).max(1) as f32;
    let of_column = |c: usize| full.iter().filter_map(move |row| row[c].as_ref());
    let amounts = |c: usize| {
        let (all, amounts) = of_column(c).fold((0, 0), |n, cell| {
            (n.0 + 1, n.1 + usize::from(is_amount(&cell.text)))
        });
        amounts as f32 / all.max(1) as f32
    };
    let long = (0..columns.len()).any(|c| {
        let mut lengths: Vec<usize> = of_column(c).map(|cell| cell.text.chars().count()).collect();
        lengths.sort_unstable();
        lengths
            .get(lengths.len() / 2)
            .is_some_and(|&n| n > LONGEST_CELL)
    });
    let leaders = full
        .iter()
        .filter(|row| row.iter().flatten().any(|cell| is_leader(&cell.text)))
        .count();
    let marked = of_column(0).filter(|cell| is_mark(&cell.text)).count() * 2 > full.len();
    let equations = of_column(columns.len() - 1)
        .filter(|cell| is_equation_number(&cell.text))
        .count()
        * 2
        > full.len();
    let white = columns
        .windows(2)
        .map(|pair| pair[1].0 - pair[0].1)
        .fold(f32::MAX, f32::min);
    if long || leaders * 3 > full.len() || marked || equations || full.len() * 10 < grid.len() * 7 {
        return false;
    }
    match columns.len() {
        2 => full.len() >= 4 && share > 0.9 && white > 1.5 * em && amounts(1) > 0.75,
        _ => full.len() >= 3 && share > if full.len() < 5 { 0.75 } else { 0.6 },
    }
}

/// Whether a cell has the dots that lead to a page number or an amount.
fn is_leader(text: &str) -> bool {
    text.contains("...") || text.contains(". . .") || text == "."
}

/// Whether a cell is only a list's mark.
fn is_mark(text: &str) -> bool {
    mark(&format!("{text} x")).is_some()
}

fn is_equation_number(text: &str) -> bool {
    let inner = text
        .trim()
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    inner.is_some_and(|n| {
        (1..=6).contains(&n.len()) && n.chars().next().is_some_and(|c| c.is_ascii_digit())
    })
}
