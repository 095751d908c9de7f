//! Rulings beside text: dark runs that are a line's letters are no rulings, and a line of text that a ruling parts is
//! the text of two cells.

use super::tuning::ruled_text as tuning;
use crate::{
    image::rulings::{PageRulings, RulingLine},
    layout::placed_line::PlacedLine,
    page::Rect,
    text_marks::{self, is_mark},
};

/// The rulings of a page without those across that are letters: on coarse images, rows of small type are dark enough to
/// look like some.
pub(super) fn without_letters(rulings: &PageRulings, lines: &[PlacedLine]) -> PageRulings {
    let in_text = |ruling: &RulingLine| {
        let length: f32 = lines
            .iter()
            .filter(|line| {
                let edge = tuning::EDGE * line.rect.height();
                (line.rect.top + edge..line.rect.bottom - edge).contains(&ruling.at)
            })
            .map(|line| {
                (line.rect.right.min(ruling.end) - line.rect.left.max(ruling.start)).max(0.0)
            })
            .sum();
        length >= tuning::LETTERS * (ruling.end - ruling.start)
    };
    PageRulings {
        horizontal: rulings
            .horizontal
            .iter()
            .filter(|ruling| !in_text(ruling))
            .copied()
            .collect(),
        vertical: rulings.vertical.clone(),
    }
}

/// The `lines`, those that rulings down the page run through parted at the spaces there: narrow columns are no further
/// apart than words.
pub(super) fn part_at_rulings<'a>(
    lines: &[PlacedLine<'a>],
    down: &[RulingLine],
) -> Vec<PlacedLine<'a>> {
    let mut parted = Vec::with_capacity(lines.len());
    for line in lines {
        let mut xs: Vec<f32> = down
            .iter()
            .filter(|ruling| runs_through(ruling, &line.rect))
            .map(|ruling| ruling.at)
            .collect();
        xs.sort_by(f32::total_cmp);
        let mut rest = *line;
        for x in xs {
            if let Some((left, right)) = parts(&rest, x) {
                parted.push(left);
                rest = right;
            }
        }
        parted.push(rest);
    }
    parted
}

fn runs_through(ruling: &RulingLine, rect: &Rect) -> bool {
    let center = (rect.top + rect.bottom) / 2.0;
    (ruling.start..ruling.end).contains(&center) && (rect.left..rect.right).contains(&ruling.at)
}

/// The parts of a line left and right of `x`, if there is a space between words there.
fn parts<'a>(line: &PlacedLine<'a>, x: f32) -> Option<(PlacedLine<'a>, PlacedLine<'a>)> {
    let all: f32 = line.text.chars().map(relative_width).sum();
    let letter = line.rect.width() / all.max(1.0);
    let mut at = line.rect.left;
    let mut in_mark = false;
    // The middles of the spaces, by the usual widths of the letters before them.
    let mut spaces: Vec<(usize, f32)> = Vec::new();
    for (index, c) in line.text.char_indices() {
        let width = letter * relative_width(c);
        if is_mark(c) {
            in_mark = c != text_marks::END;
        } else if c == ' ' && !in_mark {
            spaces.push((index, at + width / 2.0));
        }
        at += width;
    }
    let off = |space: &(usize, f32)| (space.1 - x).abs();
    let (index, middle) = spaces
        .into_iter()
        .min_by(|a, b| off(a).total_cmp(&off(b)))?;
    if (middle - x).abs() > tuning::PARTED_SPACE * letter {
        return None;
    }
    let part = |text: &'a str, left: f32, right: f32| PlacedLine {
        text: text.trim(),
        rect: Rect {
            left,
            right,
            ..line.rect
        },
        is_part: true,
        lead: None,
        ..*line
    };
    let left = part(&line.text[..index], line.rect.left, x);
    let right = part(&line.text[index..], x, line.rect.right);
    (!left.text.is_empty() && !right.text.is_empty()).then_some((left, right))
}

/// The usual width of a character, in widths of a small letter.
fn relative_width(c: char) -> f32 {
    match c {
        _ if is_mark(c) => 0.0,
        'm' | 'w' | '@' | '%' => tuning::BROAD,
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | ' ' => tuning::NARROW,
        _ if c.is_uppercase() => tuning::BROAD,
        _ if c.is_ascii_punctuation() => tuning::NARROW,
        _ => 1.0,
    }
}
