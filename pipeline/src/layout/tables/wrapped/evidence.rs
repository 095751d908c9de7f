//! Evidence that lines in columns are a table: what tells it from columns of text, addresses, lists and contents.

use std::collections::BTreeSet;

use super::{CellLines, TableArea};
use crate::{
    layout::{
        placed_line::PlacedLine,
        tables::{
            is_amount, is_leader, is_list_marker,
            row_starts::{is_forced_break, least_wide_white, runs_on},
            tuning::{row_starts, wrapped as tuning},
        },
    },
    statistics::median,
};

impl TableArea<'_> {
    fn first_text(&self, of_cell: &CellLines, column: usize) -> &str {
        let first = of_cell.first().and_then(|&i| self.line(i, column));
        first.map_or("", |line| line.text.as_str())
    }

    /// Returns true if rows are those of a table and not of columns of text, addresses, lists or contents.
    pub(super) fn is_certain(&self, rows: &[Vec<CellLines>]) -> bool {
        let columns = self.columns.len();
        let filled = |row: &&Vec<CellLines>| row.iter().filter(|cell| !cell.is_empty()).count();
        let full: Vec<&Vec<CellLines>> = rows.iter().filter(|row| filled(row) >= 2).collect();
        let all: usize = full.iter().map(filled).sum();
        let tallest = rows.iter().flatten().map(Vec::len).max().unwrap_or(0);
        let named = rows.first().is_some_and(|row| filled(&row) + 1 >= columns);
        full.len() >= tuning::MIN_ROWS
            && named
            && tallest <= tuning::MAX_CELL_LINES
            && tuning::FULL_ROWS.is_reached(full.len(), rows.len())
            && tuning::FILLED.is_reached(all, full.len() * columns)
            && (columns > 2 || self.has_bold_head())
            && !self.has_titles_again(rows)
            && self.has_short_column(rows)
            && self.has_uneven_rows(rows)
            && self.is_wrapped_where_full(rows)
            && !self.runs_on_over_rows(rows)
            && self.begins_level(rows)
            && !self.is_list_or_contents(rows)
    }

    /// Returns true if the first row alone is in bold type.
    fn has_bold_head(&self) -> bool {
        let head = self
            .starts
            .iter()
            .skip(1)
            .take_while(|start| !**start)
            .count()
            + 1;
        let is_bold = |line: &PlacedLine| line.style.bold == Some(true);
        let (head, body) = self.lines.split_at(head);
        head.iter().flatten().flatten().all(is_bold)
            && !body.iter().any(|line| line.iter().flatten().all(is_bold))
    }

    /// Returns true if rows of bold type alone come again among the others: they are titles of blocks side by side.
    fn has_titles_again(&self, rows: &[Vec<CellLines>]) -> bool {
        let is_title = |row: &Vec<CellLines>| {
            let mut cells = row.iter().enumerate();
            cells.all(|(column, cell)| {
                let mut lines = cell.iter().flat_map(|&i| &self.lines[i][column]);
                !cell.is_empty() && lines.all(|line| line.style.bold == Some(true))
            })
        };
        let body = rows.len().saturating_sub(1);
        rows.first().is_some_and(is_title) && rows[1..body].iter().any(is_title)
    }

    /// Returns true if the cells of one of the columns are short, by their median.
    fn has_short_column(&self, rows: &[Vec<CellLines>]) -> bool {
        let length = |column: usize, of_cell: &CellLines| {
            let lines = of_cell.iter().filter_map(|&i| self.line(i, column));
            lines.map(|line| line.text.chars().count()).sum::<usize>() as f32
        };
        (0..self.columns.len()).any(|column| {
            let cells = rows.iter().map(|row| &row[column]);
            let cells = cells.filter(|cell| !cell.is_empty());
            median(cells.map(|cell| length(column, cell)))
                .is_some_and(|length| length <= tuning::SHORT_CELL_CHARACTERS)
        })
    }

    /// Returns true if cells of some rows below the first are wrapped words, and often fewer lines than those beside them.
    fn has_uneven_rows(&self, rows: &[Vec<CellLines>]) -> bool {
        let (mut uneven, mut all) = (0, 0);
        for row in &rows[1..] {
            let is_wrapped = row.iter().enumerate().any(|(column, cell)| {
                let lines = cell.iter().filter_map(|&i| self.line(i, column));
                lines.filter(|line| has_word(&line.text)).count() > 1
            });
            if is_wrapped {
                let counts: BTreeSet<usize> = row
                    .iter()
                    .map(Vec::len)
                    .filter(|count| *count > 0)
                    .collect();
                all += 1;
                uneven += usize::from(counts.len() > 1);
            }
        }
        all > 0 && tuning::UNEVEN_ROWS.is_reached(uneven, all)
    }

    /// Returns true if the text of a column goes on over the rows, without white between: it is running text beside a
    /// table.
    fn runs_on_over_rows(&self, rows: &[Vec<CellLines>]) -> bool {
        let any = least_wide_white(&self.baselines, self.em);
        (0..self.columns.len()).any(|column| {
            let in_cells = rows.iter().flat_map(|row| row[column].windows(2));
            let in_cells = in_cells.map(|pair| self.white_between(pair[0], pair[1], column));
            let wide = in_cells.reduce(f32::min).map_or(any, |white| {
                white.max(0.0) + row_starts::WIDE_WHITE_EM * self.em
            });
            let width = self.columns[column].right - self.columns[column].left;
            let (mut on, mut all) = (0, 0);
            for pair in rows.windows(2) {
                let (Some(&last), Some(&first)) = (pair[0][column].last(), pair[1][column].first())
                else {
                    continue;
                };
                let white = self.white_between(last, first, column);
                if let (Some(above), Some(below)) =
                    (self.line(last, column), self.line(first, column))
                    && white <= wide
                {
                    all += 1;
                    on += usize::from(runs_on(above, below, width));
                }
            }
            tuning::RUNNING_ON.is_exceeded(on, all)
        })
    }

    /// The white between a column's lines on two baselines, in pixels.
    fn white_between(&self, above: usize, below: usize, column: usize) -> f32 {
        let rects = |i: usize| self.lines[i][column].iter().map(|line| line.rect);
        let bottom = rects(above)
            .map(|rect| rect.bottom)
            .fold(f32::MIN, f32::max);
        rects(below).map(|rect| rect.top).fold(f32::MAX, f32::min) - bottom
    }

    /// Returns true if most lines inside of cells break where the next word does not fit.
    fn is_wrapped_where_full(&self, rows: &[Vec<CellLines>]) -> bool {
        let (mut forced, mut all) = (0, 0);
        for row in rows {
            for (column, of_cell) in row.iter().enumerate() {
                let width = self.columns[column].right - self.columns[column].left;
                for pair in of_cell.windows(2) {
                    if let (Some(above), Some(below)) =
                        (self.line(pair[0], column), self.line(pair[1], column))
                    {
                        all += 1;
                        forced += usize::from(is_forced_break(above, below, width));
                    }
                }
            }
        }
        tuning::FORCED_BREAKS.is_reached(forced, all)
    }

    /// Returns true if the cells of most rows begin on one baseline, or have one middle.
    fn begins_level(&self, rows: &[Vec<CellLines>]) -> bool {
        let (mut level, mut all) = (0, 0);
        for row in rows {
            let ends = |cells: &mut dyn Iterator<Item = usize>| {
                cells.fold(None, |ends: Option<(usize, usize)>, i| {
                    Some(ends.map_or((i, i), |(a, b)| (a.min(i), b.max(i))))
                })
            };
            let Some((first, last)) = ends(&mut row.iter().flatten().copied()) else {
                continue;
            };
            let middle = |a: usize, b: usize| self.baselines[a].top + self.baselines[b].bottom;
            for cell in row {
                if let Some((a, b)) = ends(&mut cell.iter().copied()) {
                    all += 1;
                    let off = (middle(a, b) - middle(first, last)).abs() / 2.0;
                    level += usize::from(a == first || off < tuning::MIDDLE_EM * self.em);
                }
            }
        }
        tuning::LEVEL_CELLS.is_reached(level, all)
    }

    /// Returns true for lists side by side, contents and numbered equations.
    fn is_list_or_contents(&self, rows: &[Vec<CellLines>]) -> bool {
        let last = self.columns.len() - 1;
        let texts = |column: usize| {
            rows.iter()
                .map(move |row| self.first_text(&row[column], column))
                .filter(|text| !text.is_empty())
        };
        let share = |column: usize, test: &dyn Fn(&str) -> bool| {
            let count = texts(column).filter(|text| test(text)).count();
            tuning::MARKED_CELLS.is_exceeded(count, texts(column).count())
        };
        let begins_item = |text: &str| {
            let word = text.split_whitespace().next().unwrap_or("");
            is_list_marker(word) && !is_amount(word)
        };
        let pages: Vec<u32> = texts(last).filter_map(|text| text.parse().ok()).collect();
        let counts_on = pages.len() >= tuning::MIN_ROWS
            && pages.len() == texts(last).count()
            && pages.is_sorted();
        let leaders = |row: &Vec<CellLines>| {
            let cells = row.iter().enumerate();
            cells
                .flat_map(|(column, cell)| cell.iter().map(move |&i| (i, column)))
                .filter_map(|(i, column)| self.line(i, column))
                .any(|line| is_leader(&line.text))
        };
        counts_on
            || (0..=last).any(|column| share(column, &begins_item))
            || rows.iter().any(leaders)
            || self.columns.len() == 2 && share(0, &|text| text.ends_with(':'))
    }
}

/// Returns true for a text with letters enough for a word.
fn has_word(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphabetic()).count() >= tuning::WORD_LETTERS
}
