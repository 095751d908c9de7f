//! Unruled rows: rows of a table that have no ruled lines between them, only common baselines.
//!
//! Many tables are ruled around their head and their body alone. Lines of text that share their baselines across the
//! columns are rows then; the lines of a text that is wrapped in its cell are not.

use super::{
    is_amount,
    row_starts::{Baseline, CellLine, row_starts},
    tuning::unruled_rows as tuning,
};
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
    em: f32,
    column: impl Fn(&PlacedLine) -> Option<usize>,
) -> RowBreaks {
    let rows = text_rows(lines);
    let Some(baselines) = baselines(&rows, count, column).filter(|_| rows.len() >= 2) else {
        return RowBreaks::default();
    };
    let starts = row_starts(&baselines, em);
    let cells = texts_of_rows(&baselines, &starts);
    if !are_rows(&cells) && !are_wrapped_rows(&baselines, &starts) {
        return RowBreaks::default();
    }
    let count_of_rows = starts.iter().filter(|start| **start).count();
    // One text beside several rows is the label of them all.
    let texts = |index: usize| cells[index].iter().flatten().count();
    let is_label = |index: &usize| count_of_rows >= tuning::LABEL_ROWS && texts(*index) == 1;
    let middle = |i: usize| (rows[i - 1].rect.bottom + rows[i].rect.top) / 2.0;
    RowBreaks {
        at: (1..rows.len()).filter(|&i| starts[i]).map(middle).collect(),
        columns: (0..count).filter(|index| !is_label(index)).collect(),
    }
}

/// Rows of text in the columns of a table; `None` if a line is in none of them.
fn baselines(
    rows: &[TextRow],
    count: usize,
    column: impl Fn(&PlacedLine) -> Option<usize>,
) -> Option<Vec<Baseline>> {
    let baseline = |row: &TextRow| {
        let mut cells: Vec<Option<CellLine>> = vec![None; count];
        for line in &row.lines {
            let cell = cells.get_mut(column(line)?)?;
            match cell {
                Some(cell) => {
                    cell.text.push(' ');
                    cell.text.push_str(&plain(line.text));
                    cell.width += line.rect.width();
                }
                None => {
                    *cell = Some(CellLine {
                        text: plain(line.text).into_owned(),
                        width: line.rect.width(),
                    });
                }
            }
        }
        Some(Baseline {
            top: row.rect.top,
            bottom: row.rect.bottom,
            cells,
        })
    };
    rows.iter().map(baseline).collect()
}

/// The texts of each column, one for each row of the table.
fn texts_of_rows(baselines: &[Baseline], starts: &[bool]) -> Vec<Vec<Option<String>>> {
    let columns = baselines.first().map_or(0, |line| line.cells.len());
    let mut texts: Vec<Vec<Option<String>>> = vec![Vec::new(); columns];
    for (line, start) in baselines.iter().zip(starts) {
        for (column, cell) in texts.iter_mut().zip(&line.cells) {
            if *start {
                column.push(None);
            }
            if let (Some(cell), Some(text)) = (cell, column.last_mut()) {
                let text = text.get_or_insert_default();
                if !text.is_empty() {
                    text.push(' ');
                }
                text.push_str(&cell.text);
            }
        }
    }
    texts
}

/// Returns true if rows of wrapped text begin in several columns at once, each time.
fn are_wrapped_rows(baselines: &[Baseline], starts: &[bool]) -> bool {
    let filled = |line: &Baseline| line.cells.iter().flatten().count();
    let mut begin = baselines
        .iter()
        .zip(starts)
        .skip(1)
        .filter(|(_, start)| **start);
    starts[1..].contains(&true)
        && starts.contains(&false)
        && begin.all(|(line, _)| filled(line) >= tuning::WRAPPED_COLUMNS)
}

/// Returns true if the texts of some columns, one for each row, are entries of the rows: beside a column of figures, which
/// may have gaps, or short words that each begin as an entry does.
fn are_rows(columns: &[Vec<Option<String>>]) -> bool {
    let rows = columns.first().map_or(0, Vec::len);
    let full: Vec<Vec<&String>> = columns
        .iter()
        .filter_map(|texts| texts.iter().map(Option::as_ref).collect())
        .collect();
    let amounts = |texts: &Vec<Option<String>>| {
        let filled = texts.iter().flatten().count();
        let count = texts
            .iter()
            .flatten()
            .filter(|text| is_amount(text))
            .count();
        filled * 2 >= rows && tuning::AMOUNTS.is_reached(count, filled)
    };
    let begins_entry = |text: &&String| {
        let first = text.chars().next();
        text.chars().count() <= tuning::ENTRY_CHARACTERS
            && first.is_some_and(|c| !c.is_lowercase())
            && !text.ends_with(['-', ',', ';'])
    };
    let entries = full.iter().all(|texts| texts.iter().all(begins_entry));
    rows >= 2
        && full.len() >= 2
        && (columns.iter().any(amounts) || rows >= tuning::ENTRY_ROWS && entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A column's texts, those of rows without one empty.
    fn column(texts: &[&str]) -> Vec<Option<String>> {
        let text = |text: &&str| (!text.is_empty()).then(|| (*text).to_owned());
        texts.iter().map(text).collect()
    }

    #[test]
    fn figures_on_common_baselines_are_rows() {
        let names = column(&["soot", "graphite in air", "olivine"]);
        let sources = column(&["Mennella et al. (1998)", "Boudet (2005)", "Chihara (2001)"]);
        assert!(are_rows(&[
            names.clone(),
            column(&["12.4", "3.10", "0.55"])
        ]));
        assert!(are_rows(&[names, column(&["12.4", "", "0.55"]), sources]));
    }

    #[test]
    fn wrapped_texts_side_by_side_are_one_row() {
        let left = column(&["Flooding of the", "pump house and", "the yard"]);
        let right = column(&["Clear the culvert", "twice a year and", "after storms"]);
        assert!(!are_rows(&[left, right]));
        let label = column(&["Chlorine and", "inorganic compounds"]);
        assert!(!are_rows(&[label, column(&["10 000", ""])]));
    }
}
