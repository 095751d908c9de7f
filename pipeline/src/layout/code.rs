//! Program code: rows of fixed pitch in a document of other type, kept line by line with their indentation.

use std::ops::Range;

use super::{baselines::TextRow, tuning::code as tuning};
use crate::{page::Rect, statistics::weighted_median, text_marks::plain};

/// The runs of rows of a column that are code.
pub(crate) fn code_rows(rows: &[TextRow], em: f32) -> Vec<Range<usize>> {
    let gap = |i: usize| (rows[i].rect.top - rows[i - 1].rect.bottom) / em;
    let is_code: Vec<bool> = (0..rows.len())
        .scan(None, |number, i| {
            let own = line_number(&rows[i]).map(|(number, _)| number);
            // A numbered line may be empty.
            let counts_on = own.is_some() && own == number.map(|number| number + 1);
            let is_code = rows[i].fixed_pitch || counts_on;
            *number = own.filter(|_| is_code);
            Some(is_code)
        })
        .collect();
    let mut found = Vec::new();
    let mut start = 0;
    for end in 1..=rows.len() {
        let goes_on = end < rows.len()
            && is_code[end] == is_code[start]
            && (!is_code[end] || gap(end) < tuning::MAX_BLANK_EM && !restarts(&rows[end]));
        if goes_on {
            continue;
        }
        let is_set_off = || {
            (start == 0 || gap(start) > tuning::SET_OFF_EM)
                && (end == rows.len() || gap(end) > tuning::SET_OFF_EM)
        };
        let is_run = is_code[start] && !rows[start..end].iter().all(is_address);
        if is_run && (end - start > 1 || is_set_off()) {
            found.push(start..end);
        }
        start = end;
    }
    found
}

/// Returns true for an address of mail or of the web, which papers set like code.
fn is_address(row: &TextRow) -> bool {
    row.text.contains('@') || row.text.contains("://") && !row.text.trim().contains(' ')
}

/// A stretch of a row.
struct CodePiece {
    rect: Rect,
    text: String,
}

/// The text of rows of code, line by line; `rows` must not be empty. The numbers of the lines are left out.
pub(crate) fn code_text(rows: &[TextRow]) -> String {
    let is_numbered = is_numbered(rows);
    let rows: Vec<(f32, Vec<CodePiece>)> = rows
        .iter()
        .map(|row| (row.rect.bottom, pieces(row, is_numbered)))
        .collect();
    let pieces = || rows.iter().flat_map(|(_, pieces)| pieces);
    let advance = weighted_median(
        pieces()
            .map(|piece| (piece, piece.text.chars().count()))
            .filter(|(_, characters)| *characters >= tuning::MEASURED_CHARACTERS)
            .map(|(piece, characters)| (piece.rect.width() / characters as f32, characters))
            .collect(),
    );
    let height = pieces()
        .map(|piece| piece.rect.height())
        .fold(1.0, f32::max);
    let advance = advance.unwrap_or(tuning::USUAL_ADVANCE * height).max(1.0);
    let left = pieces()
        .map(|piece| piece.rect.left)
        .fold(f32::MAX, f32::min);
    let pitch = weighted_median(
        rows.windows(2)
            .map(|pair| (pair[1].0 - pair[0].0, 1))
            .collect(),
    );
    let mut text = String::new();
    let mut last: Option<f32> = None;
    for (bottom, pieces) in &rows {
        if let Some(last) = last {
            let steps = pitch.map_or(1.0, |pitch| ((bottom - last) / pitch.max(1.0)).round());
            let breaks = if steps >= tuning::BLANK_LINE_STEPS {
                2
            } else {
                1
            };
            text.extend(std::iter::repeat_n('\n', breaks));
        }
        last = Some(*bottom);
        let mut column = 0;
        for piece in pieces {
            let wanted = ((piece.rect.left - left) / advance).round().max(0.0) as usize;
            let least = if column == 0 { 0 } else { column + 1 };
            let at = wanted.max(least).min(column + tuning::MAX_SPACES);
            text.extend(std::iter::repeat_n(' ', at - column));
            column = at + piece.text.chars().count();
            text.push_str(&piece.text);
        }
    }
    text
}

/// The pieces of a row, without the number of its line if it has one.
fn pieces(row: &TextRow, is_numbered: bool) -> Vec<CodePiece> {
    let mut pieces: Vec<CodePiece> = row
        .lines
        .iter()
        .map(|line| CodePiece {
            rect: line.rect,
            text: plain(line.text).into_owned(),
        })
        .collect();
    if let Some((_, digits)) = line_number(row).filter(|_| is_numbered)
        && let Some(first) = pieces.first_mut()
    {
        let rest = first.text[digits..].trim_start();
        let cut = first.text.len() - rest.len();
        first.rect.left += first.rect.width() * cut as f32 / first.text.len() as f32;
        first.text.drain(..cut);
        pieces.retain(|piece| !piece.text.is_empty());
    }
    pieces
}

/// The number that a row begins with, and its digits.
fn line_number(row: &TextRow) -> Option<(u32, usize)> {
    let text = row.lines.first()?.text;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let ends = text[digits..].is_empty() || text[digits..].starts_with(' ');
    let number = text[..digits].parse().ok()?;
    (ends && digits <= tuning::NUMBER_DIGITS).then_some((number, digits))
}

/// Returns true if a row begins a listing of its own.
fn restarts(row: &TextRow) -> bool {
    line_number(row).is_some_and(|(number, _)| number == 1)
}

/// Returns true if the rows begin with the numbers of their lines: each one more than the one before. Lines that were
/// too long go on without a number.
fn is_numbered(rows: &[TextRow]) -> bool {
    let numbers: Vec<u32> = rows
        .iter()
        .filter_map(|row| line_number(row).map(|(number, _)| number))
        .collect();
    let counts = numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    let starts = rows.first().is_some_and(|row| line_number(row).is_some());
    let alone = numbers.len() == 1 && rows.len() == 1 && numbers[0] == 1;
    starts && counts && (alone || numbers.len() >= tuning::MIN_NUMBERED)
}
