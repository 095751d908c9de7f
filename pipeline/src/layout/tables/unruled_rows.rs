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

/// The places between the rows of one ruled row, and the columns that they go through.
#[derive(Default)]
pub(super) struct RowBreaks {
    /// The y of each, in pixels.
    pub at: Vec<f32>,
    /// The columns that are cut, as indices.
    pub columns: Vec<usize>,
}

/// The places between the rows that `lines` of one ruled row stand in; none if it is one row. `column` gives the index
/// of the column that a line is in, of `count`.
pub(super) fn row_breaks(
    lines: Vec<PlacedLine>,
    count: usize,
    column: impl Fn(&PlacedLine) -> Option<usize>,
) -> RowBreaks {
    let rows = text_rows(lines);
    if rows.len() < 2 {
        return RowBreaks::default();
    }
    let mut cells: Vec<Vec<String>> = vec![Vec::new(); count];
    for row in &rows {
        let mut of_row: Vec<Option<String>> = vec![None; count];
        for line in &row.lines {
            let Some(index) = column(line).filter(|index| *index < count) else {
                return RowBreaks::default();
            };
            let text = of_row[index].get_or_insert_default();
            text.push_str(&plain(line.text));
        }
        for (cell, text) in cells.iter_mut().zip(of_row) {
            cell.extend(text);
        }
    }
    if !are_rows(&cells, rows.len()) {
        return RowBreaks::default();
    }
    // One text beside several rows is the label of them all.
    let is_label = |index: &usize| rows.len() >= tuning::LABEL_ROWS && cells[*index].len() == 1;
    let middle = |pair: &[TextRow]| (pair[0].rect.bottom + pair[1].rect.top) / 2.0;
    RowBreaks {
        at: rows.windows(2).map(middle).collect(),
        columns: (0..count).filter(|index| !is_label(index)).collect(),
    }
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
