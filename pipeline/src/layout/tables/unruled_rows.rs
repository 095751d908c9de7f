//! Unruled rows: rows of a table that have no ruled lines between them, only common baselines.
//!
//! Many tables are ruled around their head and their body alone. Lines of text that share their baselines across the
//! columns are rows then; the lines of a text that is wrapped in its cell are not.

use super::{is_amount, tuning::unruled_rows as tuning};
use crate::{
    layout::{
        baselines::{TextRow, text_rows},
        placed_line::PlacedLine,
    },
    text_marks::plain,
};

/// A place between two rows, and the columns that it goes through.
pub(super) struct RowBreak {
    /// Its y, in pixels.
    pub at: f32,
    /// Which of the columns are cut.
    pub columns: Vec<bool>,
}

/// The places between the rows that `lines` of one ruled row stand in; none if it is one row. `column` gives the index
/// of the column that a line is in, of `count`.
pub(super) fn row_breaks(
    lines: Vec<PlacedLine>,
    count: usize,
    column: impl Fn(&PlacedLine) -> Option<usize>,
) -> Vec<RowBreak> {
    let rows = text_rows(lines);
    if rows.len() < 2 {
        return Vec::new();
    }
    let mut cells: Vec<Vec<String>> = vec![Vec::new(); count];
    for row in &rows {
        let mut of_row: Vec<Option<String>> = vec![None; count];
        for line in &row.lines {
            let Some(index) = column(line).filter(|index| *index < count) else {
                return Vec::new();
            };
            let text = of_row[index].get_or_insert_default();
            text.push_str(&plain(line.text));
        }
        for (cell, text) in cells.iter_mut().zip(of_row) {
            cell.extend(text);
        }
    }
    if !are_rows(&cells, rows.len()) {
        return Vec::new();
    }
    // The label of several rows stands alone in its column, half-way down.
    let is_label = |index: usize| rows.len() >= tuning::LABEL_ROWS && cells[index].len() == 1;
    let columns: Vec<bool> = (0..count).map(|index| !is_label(index)).collect();
    let middle = |pair: &[TextRow]| (pair[0].rect.bottom + pair[1].rect.top) / 2.0;
    rows.windows(2)
        .map(|pair| RowBreak {
            at: middle(pair),
            columns: columns.clone(),
        })
        .collect()
}

/// Returns true if the texts of some columns are entries of as many rows: beside a column of figures, which may have
/// gaps, or short words that each begin as an entry does.
fn are_rows(cells: &[Vec<String>], rows: usize) -> bool {
    let full: Vec<&Vec<String>> = cells.iter().filter(|texts| texts.len() == rows).collect();
    let amounts = |texts: &Vec<String>| {
        let count = texts.iter().filter(|text| is_amount(text)).count();
        texts.len() * 2 >= rows && tuning::AMOUNTS.is_reached(count, texts.len())
    };
    let begins_entry = |text: &String| {
        let first = text.chars().next();
        text.chars().count() <= tuning::ENTRY_CHARACTERS
            && first.is_some_and(|c| !c.is_lowercase())
            && !text.ends_with(['-', ',', ';'])
    };
    let entries = full.iter().all(|texts| texts.iter().all(begins_entry));
    full.len() >= 2 && (cells.iter().any(amounts) || rows >= tuning::ENTRY_ROWS && entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn figures_on_common_baselines_are_rows() {
        let names = column(&["soot", "graphite in air", "olivine"]);
        let sources = column(&["Mennella et al. (1998)", "Boudet (2005)", "Chihara (2001)"]);
        assert!(are_rows(
            &[names.clone(), column(&["12.4", "3.10", "0.55"])],
            3
        ));
        assert!(are_rows(&[names, column(&["12.4", "0.55"]), sources], 3));
    }

    #[test]
    fn wrapped_texts_side_by_side_are_one_row() {
        let left = column(&["Flooding of the", "pump house and", "the yard"]);
        let right = column(&["Clear the culvert", "twice a year and", "after storms"]);
        assert!(!are_rows(&[left, right], 3));
        let label = column(&["Chlorine and", "inorganic compounds"]);
        assert!(!are_rows(&[label, column(&["10 000"])], 2));
    }
}
