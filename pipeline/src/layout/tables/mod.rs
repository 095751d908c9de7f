//! Tables: with a grid of ruled lines (lattice), with horizontal rules alone (booktabs), with white space alone and
//! cells of one line (stream) or several (wrapped). All share the text of a cell and the test for a header row.

pub(crate) mod tuning;
mod row_cells;
pub(crate) mod row_alignment;
mod row_starts;
mod ruled_text;
mod lattice;
mod unruled_rows;
mod booktabs;
pub(crate) mod stream;
pub(crate) mod wrapped;

use std::collections::BTreeSet;

use self::{
    booktabs::take_booktabs_tables, lattice::take_lattice_tables, ruled_text::without_letters,
    tuning::cells,
};
use super::{
    baselines::TextRow,
    block::{Cell, Table},
    list_markers::list_marker,
    placed_line::PlacedLine,
};
use crate::{
    dehyphenate::{HyphenatedWords, join_line},
    image::rulings::PageRulings,
    page::Rect,
};

/// A table, its place, and the lines of text in it.
#[derive(Clone, Debug)]
pub(crate) struct DetectedTable<'a> {
    /// The table; its cells' lines are indices into `lines`.
    pub table: Table,
    /// Its box.
    pub rect: Rect,
    /// Its lines.
    pub lines: Vec<PlacedLine<'a>>,
}

/// Indices of the `lines` that lie in tables with ruled lines.
pub(crate) fn lines_in_ruled_tables(
    lines: &[PlacedLine],
    rulings: &PageRulings,
    em: f32,
) -> BTreeSet<usize> {
    if rulings.horizontal.len() < 2 {
        return BTreeSet::new();
    }
    let hyphenated = HyphenatedWords::default();
    let mut rest = lines.to_vec();
    let tables = take_ruled_tables(&mut rest, rulings, em, &hyphenated);
    let inside = tables.iter().flat_map(|table| &table.lines);
    inside.map(|line| line.index).collect()
}

/// Takes the tables with ruled lines out of `lines`.
pub(crate) fn take_ruled_tables<'a>(
    lines: &mut Vec<PlacedLine<'a>>,
    rulings: &PageRulings,
    em: f32,
    hyphenated: &HyphenatedWords,
) -> Vec<DetectedTable<'a>> {
    let rulings = without_letters(rulings, lines);
    let mut tables = take_lattice_tables(lines, &rulings, em, hyphenated);
    tables.extend(take_booktabs_tables(lines, &rulings, em, hyphenated));
    tables
}

/// An empty cell.
fn empty_cell() -> Cell {
    Cell {
        text: String::new(),
        spans: Vec::new(),
        columns: 1,
        rows: 1,
        lines: Vec::new(),
    }
}

/// The text of a cell that is `width` pixels wide: its rows joined if they run on, on lines of their own if they end on
/// purpose: there the next row's first word would still have fitted.
fn cell_text(rows: &[TextRow], width: f32, em: f32, hyphenated: &HyphenatedWords) -> String {
    let mut text = String::new();
    let mut line = String::new();
    for (i, row) in rows.iter().enumerate() {
        if let Some(before) = i.checked_sub(1).map(|i| &rows[i]) {
            let word = row
                .text
                .split_whitespace()
                .next()
                .unwrap_or("")
                .chars()
                .count() as f32;
            let room = width - before.rect.width() - em;
            let lowercase = row.text.chars().next().is_some_and(char::is_lowercase);
            if !lowercase && room > word * row.char_width() + em {
                text.push_str(&line);
                text.push('\n');
                line.clear();
            }
        }
        join_line(&mut line, &row.text, hyphenated);
    }
    text.push_str(&line);
    text
}

/// Returns true if the first row names the columns: words over columns of numbers.
pub(crate) fn has_header_row(table: &Table) -> bool {
    let Some((first, rest)) = table.rows.split_first() else {
        return false;
    };
    let is_number = |cell: &&Cell| is_amount(&cell.text) && !is_date(&cell.text);
    // "Q1 2021" and "PC >0.99" are names.
    let is_name = |cell: &&Cell| cell.text.starts_with(char::is_alphabetic);
    let figures = first.iter().filter(is_number).filter(|cell| !is_name(cell));
    let numbers = |row: &Vec<Cell>| row.iter().filter(is_number).count();
    let filled = |row: &Vec<Cell>| row.iter().filter(|cell| !cell.text.is_empty()).count();
    let below: usize = rest.iter().map(numbers).sum();
    let all: usize = rest.iter().map(filled).sum();
    // The cell over the rows' own names is often empty.
    let named = filled(first) + 1 >= first.len() && filled(first) > 0;
    let short = first
        .iter()
        .all(|cell| cell.text.chars().count() <= cells::HEADER_MAX_CHARACTERS);
    named
        && short
        && figures.count() == 0
        && (cells::NUMBERS_UNDER_HEADER.is_reached(below, all) || filled(first) == first.len())
}

/// Returns true if a cell is a year or a date, as columns are named by: `1998`, `12/18A`, `FY2015`.
fn is_date(text: &str) -> bool {
    let text = text.trim();
    let year = |part: &str| {
        let digits: String = part.chars().filter(char::is_ascii_digit).collect();
        digits.len() == 4 && (digits.starts_with("19") || digits.starts_with("20"))
    };
    !text.contains([',', '%', '$']) && (year(text) || text.split('/').count() > 1)
}

/// Returns true if a cell is a number, an amount or a sign for none.
pub(crate) fn is_amount(text: &str) -> bool {
    let text = text.trim();
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    digits > 0 && digits > letters || matches!(text, "-" | "–" | "—" | "n/a" | "N/A" | "*")
}

/// Returns true if a cell has the dots that lead to a page number or an amount.
fn is_leader(text: &str) -> bool {
    text.contains("...") || text.contains(". . .") || text == "."
}

/// Returns true if a cell is only a list's marker.
fn is_list_marker(text: &str) -> bool {
    list_marker(&format!("{text} x")).is_some()
}
