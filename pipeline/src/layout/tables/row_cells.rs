//! Row cells: the parts of a row of text with wide white between them, and the columns of such cells.

use super::tuning::cells as tuning;
use crate::layout::{
    baselines::{TextRow, row_text},
    placed_line::PlacedLine,
};

/// Lines close together: a cell's part of a row.
#[derive(Clone, Debug)]
pub(super) struct RowCell<'a> {
    /// Left edge, in pixels.
    pub left: f32,
    /// Right edge.
    pub right: f32,
    /// Its text.
    pub text: String,
    /// Its lines.
    pub lines: Vec<PlacedLine<'a>>,
}

impl RowCell<'_> {
    /// The x of its center.
    pub fn center_x(&self) -> f32 {
        (self.left + self.right) / 2.0
    }

    /// Takes in a cell further right in the same column.
    pub fn extend(&mut self, other: &Self) {
        self.right = other.right;
        self.text.push(' ');
        self.text.push_str(&other.text);
        self.lines.extend(&other.lines);
    }
}

/// The edges of a column, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ColumnExtent {
    /// Left edge.
    pub left: f32,
    /// Right edge.
    pub right: f32,
}

impl ColumnExtent {
    /// That of a column with this cell alone.
    pub fn of(cell: &RowCell) -> Self {
        Self {
            left: cell.left,
            right: cell.right,
        }
    }

    /// Returns true if the cell is over or under it, if only in part.
    pub fn meets(&self, cell: &RowCell) -> bool {
        cell.left < self.right && self.left < cell.right
    }
}

/// The cells of a row.
pub(super) fn row_cells<'a>(row: &TextRow<'a>, em: f32) -> Vec<RowCell<'a>> {
    let together = |a: &PlacedLine, b: &PlacedLine| {
        let gap = b.rect.left - a.rect.right;
        // A currency sign belongs to its amount, however far to the left it is set.
        let sign = a.text.chars().all(|c| matches!(c, '$' | '€' | '£' | '¥'));
        let least = if a.is_ocr && b.is_ocr {
            tuning::CELL_GAP_OCR_EM
        } else {
            tuning::CELL_GAP_EM
        };
        gap < least * em || sign && gap < tuning::CURRENCY_GAP_EM * em
    };
    row.lines
        .chunk_by(together)
        .map(|group| RowCell {
            left: group[0].rect.left,
            right: group
                .iter()
                .map(|line| line.rect.right)
                .fold(f32::MIN, f32::max),
            text: row_text(group, row.size),
            lines: group.to_vec(),
        })
        .collect()
}

/// The columns with a further row's cells; `None` if a cell reaches over two of them.
pub(super) fn widened(
    columns: &[ColumnExtent],
    row: &[RowCell],
    em: f32,
) -> Option<Vec<ColumnExtent>> {
    let slack = tuning::COLUMN_SLACK_EM * em;
    let mut columns = columns.to_vec();
    for cell in row {
        let touches = |c: &ColumnExtent| cell.left < c.right + slack && c.left - slack < cell.right;
        let mut hit = (0..columns.len()).filter(|&i| touches(&columns[i]));
        match (hit.next(), hit.next()) {
            (Some(i), None) => {
                columns[i] = ColumnExtent {
                    left: columns[i].left.min(cell.left),
                    right: columns[i].right.max(cell.right),
                };
            }
            (None, _) => {
                let at = columns.partition_point(|c| c.left < cell.left);
                columns.insert(at, ColumnExtent::of(cell));
            }
            _ => return None,
        }
    }
    // A column that grew into its neighbor.
    let apart = columns
        .windows(2)
        .all(|pair| pair[1].left - pair[0].right > tuning::COLUMN_APART_EM * em);
    apart.then_some(columns)
}

/// Returns true if the cells of one of the columns are as long as running text, by their median.
pub(super) fn has_long_column(lengths_by_column: impl Iterator<Item = Vec<usize>>) -> bool {
    lengths_by_column.into_iter().any(|mut lengths| {
        lengths.sort_unstable();
        lengths
            .get(lengths.len() / 2)
            .is_some_and(|&n| n > tuning::MAX_CELL_CHARACTERS)
    })
}
