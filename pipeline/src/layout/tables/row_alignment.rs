//! Row alignment: whether a row of text stands in columns with the rows next to it, so that it is a row of a table or
//! names its columns.

use super::{
    is_amount,
    row_cells::{ColumnExtent, RowCell, has_long_column, row_cells, widened},
    tuning::alignment as tuning,
};
use crate::layout::baselines::TextRow;

/// Lengths that rows are judged by, in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowReach {
    /// Height of the page's common type.
    pub em: f32,
    /// Most white between two rows of one table.
    pub space: f32,
}

/// Returns true if the cells of `row` each stand over or under one of the columns that the next rows make. `inwards` are
/// the rows next to it, nearest first.
pub(crate) fn is_aligned_row(row: &TextRow, inwards: &[TextRow], reach: RowReach) -> bool {
    let em = reach.em;
    let cells = row_cells(row, em);
    let mut last = row;
    let mut next: Vec<Vec<RowCell>> = Vec::new();
    for other in inwards.iter().take(tuning::NEXT_ROWS) {
        let space = (other.rect.top - last.rect.bottom).max(last.rect.top - other.rect.bottom);
        if space > reach.space {
            break;
        }
        next.push(row_cells(other, em));
        last = other;
    }
    if let [number] = &cells[..]
        && is_amount(&number.text)
    {
        return is_in_number_column(number, &next, em);
    }
    if repeats_itself(&cells) {
        return true;
    }
    let full: Vec<&Vec<RowCell>> = next.iter().filter(|cells| cells.len() >= 2).collect();
    let Some(columns) = table_columns(&full, em) else {
        return false;
    };
    let over = |cell: &RowCell| columns.iter().filter(|column| column.meets(cell)).count();
    cells.len() >= 2
        && cells.len() + 1 >= columns.len()
        && cells.iter().all(|cell| over(cell) <= 1)
        && cells.iter().filter(|cell| over(cell) == 1).count() >= 2
}

/// Returns true if two cells say the same: the row names the columns of tables side by side.
fn repeats_itself(cells: &[RowCell]) -> bool {
    let is_word =
        |text: &str| text.chars().filter(|c| c.is_alphabetic()).count() >= tuning::MIN_LETTERS;
    cells.iter().enumerate().any(|(i, cell)| {
        is_word(&cell.text) && cells[..i].iter().any(|other| other.text == cell.text)
    })
}

/// The columns of rows with several cells each; `None` if they are no table.
fn table_columns(full: &[&Vec<RowCell>], em: f32) -> Option<Vec<ColumnExtent>> {
    let mut columns: Vec<ColumnExtent> = full.first()?.iter().map(ColumnExtent::of).collect();
    let mut rows = 1;
    for cells in &full[1..] {
        let Some(wider) = widened(&columns, cells, em) else {
            break;
        };
        columns = wider;
        rows += 1;
    }
    let lengths = |c: &ColumnExtent| {
        let in_rows = full[..rows].iter().flat_map(|row| row.iter());
        let of_column = in_rows.filter(|cell| c.meets(cell));
        of_column.map(|cell| cell.text.chars().count()).collect()
    };
    (rows >= tuning::MIN_ROWS && !has_long_column(columns.iter().map(lengths))).then_some(columns)
}

/// Returns true if a number on a row of its own has others under or over it: a total, or one of a column of numbers.
fn is_in_number_column(number: &RowCell, next: &[Vec<RowCell>], em: f32) -> bool {
    let level = |cell: &&RowCell| {
        is_amount(&cell.text) && cell.left < number.right + em && cell.right > number.left - em
    };
    let rows = next
        .iter()
        .filter(|cells| cells.iter().any(|cell| level(&cell)));
    rows.count() >= tuning::MIN_ROWS
}
