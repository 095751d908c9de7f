//! Line numbers in a page's margin, as legal papers have them: a column of its own, read before the text.

use super::piece::{PlacedLine, median};

/// Fewest numbers that make a column of line numbers.
const FEWEST: usize = 8;

/// Takes the line numbers out of `pieces`, in order; none where there are none.
pub(crate) fn take_line_numbers<'a>(
    pieces: &mut Vec<PlacedLine<'a>>,
    em: f32,
) -> Vec<PlacedLine<'a>> {
    let digits = |piece: &PlacedLine| {
        piece.text.len() <= 3 && piece.text.bytes().all(|b| b.is_ascii_digit())
    };
    let (numbers, text): (Vec<PlacedLine>, Vec<PlacedLine>) =
        pieces.iter().partition(|piece| digits(piece));
    if numbers.len() < FEWEST || text.len() < FEWEST / 2 {
        return Vec::new();
    }
    let lines: usize = text
        .iter()
        .filter(|piece| piece.rect.width() > 8.0 * em)
        .count();
    let Some(left) = median(text.iter().map(|piece| piece.rect.left)) else {
        return Vec::new();
    };
    // Numbers that have text only to their right, under one another.
    let Some(edge) = median(
        numbers
            .iter()
            .filter(|n| n.rect.right < left)
            .map(|n| n.rect.right),
    ) else {
        return Vec::new();
    };
    let in_column = |piece: &PlacedLine| digits(piece) && (piece.rect.right - edge).abs() < em;
    let mut column: Vec<PlacedLine> = pieces
        .iter()
        .filter(|piece| in_column(piece))
        .copied()
        .collect();
    column.sort_by(|a, b| a.rect.top.total_cmp(&b.rect.top));
    let values: Vec<i32> = column
        .iter()
        .filter_map(|piece| piece.text.parse().ok())
        .collect();
    let counts = values
        .windows(2)
        .filter(|pair| pair[1] - pair[0] == 1)
        .count();
    let outside = text
        .iter()
        .filter(|piece| piece.rect.left < edge - em)
        .count();
    // A table's rows may be numbered too: there the text is short and stands in several columns.
    let running = lines * 2 > text.len() && text.len() < column.len() * 2;
    if column.len() < FEWEST
        || counts * 10 < (column.len() - 1) * 8
        || outside * 10 > text.len()
        || !running
    {
        return Vec::new();
    }
    pieces.retain(|piece| !in_column(piece));
    column
}
