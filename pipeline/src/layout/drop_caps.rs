//! Drop caps: the large initial of a chapter or an article, put before the first of the rows beside it.

use std::collections::HashSet;

use super::{placed_line::PlacedLine, tuning::drop_caps as tuning};
use crate::page::Rect;

/// Moves each large initial among `lines` to the row that it begins, and the rows beside it out to its left edge, so
/// that they are set like the rest of the paragraph.
pub(crate) fn join_drop_caps(lines: &mut [PlacedLine], em: f32) {
    let caps: Vec<usize> = (0..lines.len())
        .filter(|&i| is_initial(&lines[i], em))
        .collect();
    for cap in caps {
        let rows = rows_beside(lines, cap, em);
        let Some(&first) = rows.first() else {
            continue;
        };
        if !tuning::ROWS.contains(&rows.len()) {
            continue;
        }
        let Some(joins) = join(lines, cap, first) else {
            continue;
        };
        let Rect { left, .. } = lines[cap].rect;
        let row = lines[first];
        // The gap of a space, which is none if the two are one word.
        let right = (row.rect.left - tuning::SPACE * row.size).max(left + 1.0);
        lines[cap] = PlacedLine {
            rect: Rect {
                left,
                right,
                ..row.rect
            },
            size: row.size,
            style: row.style,
            rough_size: row.rough_size,
            runs_on: joins == Join::Word,
            ..lines[cap]
        };
        for &beside in &rows[1..] {
            lines[beside].rect.left = left;
        }
    }
}

/// The way an initial goes on in the first row beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Join {
    /// It is a part of the row's first word.
    Word,
    /// It is a word of its own.
    Space,
}

/// Returns true if a line is a capital letter, with or without a quotation mark, much higher than the text.
fn is_initial(line: &PlacedLine, em: f32) -> bool {
    let chars = line.text.chars().count();
    let letters = line
        .text
        .trim_start_matches(['"', '“', '„', '«', '‘', '\'']);
    (1..=tuning::MAX_CHARACTERS).contains(&chars)
        && letters.chars().next().is_some_and(char::is_uppercase)
        && letters.chars().all(char::is_alphabetic)
        && line.rect.height() >= tuning::MIN_HEIGHT_EM * em
        && line.size >= tuning::MIN_HEIGHT_EM * em
}

/// The lines that begin right of an initial within its height, from top to bottom.
fn rows_beside(lines: &[PlacedLine], cap: usize, em: f32) -> Vec<usize> {
    let area = lines[cap].rect;
    let beside = |line: &PlacedLine| {
        let center = (line.rect.top + line.rect.bottom) / 2.0;
        let space = line.rect.left - area.right;
        (area.top - tuning::ABOVE_EM * em..area.bottom).contains(&center)
            && (-tuning::OVERLAP_EM * em..tuning::MAX_SPACE_EM * em).contains(&space)
            && line.rect.width() > tuning::MIN_ROW_WIDTH_EM * em
    };
    let mut rows: Vec<usize> = (0..lines.len())
        .filter(|&i| i != cap && beside(&lines[i]))
        .collect();
    rows.sort_by(|&a, &b| lines[a].rect.top.total_cmp(&lines[b].rect.top));
    rows
}

/// The way the initial at `cap` and the row at `first` go together; `None` if the row begins a sentence of its own.
fn join(lines: &[PlacedLine], cap: usize, first: usize) -> Option<Join> {
    let rest = lines[first].text;
    let fragment: String = rest.chars().take_while(|c| c.is_alphabetic()).collect();
    let follows = rest.chars().next()?;
    let is_capitals = fragment.chars().count() > 1 && fragment.chars().all(char::is_uppercase);
    if follows.is_whitespace() || matches!(follows, '\'' | '’') {
        return Some(Join::Word);
    }
    if !follows.is_lowercase() && !is_capitals {
        return None;
    }
    // `A` is a word, and so is what follows it, if it is one elsewhere on the page.
    let words: HashSet<&str> = lines
        .iter()
        .enumerate()
        .filter(|(i, _)| *i != first)
        .flat_map(|(_, line)| line.text.split(|c: char| !c.is_alphabetic()))
        .collect();
    let alone = matches!(lines[cap].text, "A" | "I" | "O" | "Y" | "E" | "À" | "Ô");
    let stands_apart = alone && words.contains(fragment.to_lowercase().as_str());
    Some(if stands_apart {
        Join::Space
    } else {
        Join::Word
    })
}
