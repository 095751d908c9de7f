//! Line numbers in a page's margin, as legal papers have them: a column of its own, read before the text.

use super::{placed_line::PlacedLine, tuning::line_numbers as tuning};
use crate::statistics::median;

/// Takes the line numbers out of `lines`, in order; none if the page has none.
pub(crate) fn take_line_numbers<'a>(
    lines: &mut Vec<PlacedLine<'a>>,
    em: f32,
) -> Vec<PlacedLine<'a>> {
    let is_number = |line: &PlacedLine| {
        line.text.len() <= tuning::MAX_DIGITS && line.text.bytes().all(|b| b.is_ascii_digit())
    };
    let (numbers, text): (Vec<PlacedLine>, Vec<PlacedLine>) =
        lines.iter().partition(|line| is_number(line));
    if numbers.len() < tuning::MIN_NUMBERS || text.len() < tuning::MIN_TEXT_LINES {
        return Vec::new();
    }
    let Some(edge) = numbers_edge(&numbers, &text) else {
        return Vec::new();
    };
    let in_column = |line: &PlacedLine| is_number(line) && (line.rect.right - edge).abs() < em;
    let mut column: Vec<PlacedLine> = lines
        .iter()
        .filter(|line| in_column(line))
        .copied()
        .collect();
    column.sort_by(|a, b| a.rect.top.total_cmp(&b.rect.top));
    if column.len() < tuning::MIN_NUMBERS
        || !counts_on(&column)
        || !is_running_text(&text, &column, edge, em)
    {
        return Vec::new();
    }
    lines.retain(|line| !in_column(line));
    column
}

/// The right edge of the numbers that have text only to their right.
fn numbers_edge(numbers: &[PlacedLine], text: &[PlacedLine]) -> Option<f32> {
    let left = median(text.iter().map(|line| line.rect.left))?;
    let beside = numbers.iter().filter(|number| number.rect.right < left);
    median(beside.map(|number| number.rect.right))
}

/// Returns true if the numbers count on from line to line; a few may be misread or missing.
fn counts_on(column: &[PlacedLine]) -> bool {
    let values: Vec<i32> = column
        .iter()
        .filter_map(|number| number.text.parse().ok())
        .collect();
    let steps = values.windows(2).filter(|pair| pair[1] - pair[0] == 1);
    tuning::COUNTING_ON.is_reached(steps.count(), column.len() - 1)
}

/// Returns true if what is beside the numbers is running text. A table's rows may be numbered too: there the text is
/// short and set in several columns.
fn is_running_text(text: &[PlacedLine], column: &[PlacedLine], edge: f32, em: f32) -> bool {
    let long = text
        .iter()
        .filter(|line| line.rect.width() > tuning::LONG_LINE_EM * em)
        .count();
    let outside = text.iter().filter(|line| line.rect.left < edge - em);
    tuning::LONG_LINES.is_exceeded(long, text.len())
        && text.len() < column.len() * tuning::MAX_LINES_PER_NUMBER
        && !tuning::LEFT_OF_NUMBERS.is_exceeded(outside.count(), text.len())
}
