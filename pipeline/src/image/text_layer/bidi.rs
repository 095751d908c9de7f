//! Right-to-left lines: from the places of their characters to the order in which they are read.
//!
//! A page shows what the Unicode Bidirectional Algorithm (UAX #9) made of the text; this goes the way back. In a line
//! that runs from right to left, words of other scripts and numbers run from left to right.

use super::{GlyphSpacing, PlacedGlyph};

/// The direction of a character by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    RightToLeft,
    LeftToRight,
    Number,
    Neutral,
}

/// White between two words, in ems: as in [`super::run_text`].
const SPACE_GAP: f64 = 0.15;

/// Characters that stand together when a line is turned round: a letter with the signs on it, or a run against the
/// line's direction.
struct Unit {
    glyphs: Vec<PlacedGlyph>,
    left: f64,
    right: f64,
}

impl Unit {
    fn of(clusters: Vec<Vec<PlacedGlyph>>) -> Self {
        let glyphs: Vec<PlacedGlyph> = clusters.into_iter().flatten().collect();
        Self {
            left: glyphs.iter().fold(f64::MAX, |u, g| u.min(g.u.0)),
            right: glyphs.iter().fold(f64::MIN, |u, g| u.max(g.u.1)),
            glyphs,
        }
    }
}

/// Puts the characters of a line into reading order, if any of them are of a script that runs from right to left.
pub(super) fn order(glyphs: &mut Vec<PlacedGlyph>) {
    let count = |direction| {
        let of_direction = glyphs.iter().filter(|g| direction_of(g.text) == direction);
        of_direction.count()
    };
    let right_to_left = count(Direction::RightToLeft);
    if right_to_left == 0 {
        return;
    }
    let base_is_right_to_left = right_to_left >= count(Direction::LeftToRight);
    let mut clusters = clusters(std::mem::take(glyphs));
    clusters.sort_by(|a, b| a[0].u.0.total_cmp(&b[0].u.0));
    // Hints are for the order in which the characters were drawn; the gaps say it all.
    for glyph in clusters.iter_mut().flatten() {
        glyph.space = GlyphSpacing::None;
    }
    let mut units = units(clusters, base_is_right_to_left);
    if base_is_right_to_left {
        units.reverse();
    }
    for i in 1..units.len() {
        let gap = (units[i - 1].left - units[i].right).max(units[i].left - units[i - 1].right);
        if let Some(first) = units[i].glyphs.first_mut() {
            first.space = if gap > SPACE_GAP * first.size {
                GlyphSpacing::Drawn
            } else {
                GlyphSpacing::Joined
            };
        }
    }
    *glyphs = units.into_iter().flat_map(|unit| unit.glyphs).collect();
}

/// The units of clusters from left to right.
fn units(clusters: Vec<Vec<PlacedGlyph>>, base_is_right_to_left: bool) -> Vec<Unit> {
    let directions: Vec<Direction> = clusters.iter().map(|c| direction_of(c[0].text)).collect();
    let mut clusters = clusters.into_iter();
    let mut units = Vec::new();
    let mut at = 0;
    while at < directions.len() {
        let run = counter_run(&directions, at, base_is_right_to_left);
        let end = run.unwrap_or(at + 1);
        let mut part: Vec<Vec<PlacedGlyph>> = clusters.by_ref().take(end - at).collect();
        // What is read from right to left, with its brackets turned round.
        if run.is_some() != base_is_right_to_left {
            part.reverse();
            for glyph in part.iter_mut().flatten() {
                glyph.text = mirror(glyph.text);
            }
        }
        units.push(Unit::of(part));
        at = end;
    }
    units
}

/// Returns true if the text has letters of a script that runs from right to left.
pub(super) fn is_right_to_left(c: char) -> bool {
    direction_of(c) == Direction::RightToLeft
}

/// Each letter with the signs on it.
fn clusters(glyphs: Vec<PlacedGlyph>) -> Vec<Vec<PlacedGlyph>> {
    let mut clusters: Vec<Vec<PlacedGlyph>> = Vec::new();
    for glyph in glyphs {
        match clusters.last_mut() {
            Some(cluster) if is_point(glyph.text) => cluster.push(glyph),
            _ => clusters.push(vec![glyph]),
        }
    }
    clusters
}

/// The end of a run at `start` that goes against the line's direction; `None` if none begins there. In a line from
/// right to left that is words with what is between them, and numbers with their separators; in a line from left to
/// right it is words from right to left.
fn counter_run(
    directions: &[Direction],
    start: usize,
    base_is_right_to_left: bool,
) -> Option<usize> {
    let counter = |d: Direction| match d {
        Direction::LeftToRight | Direction::Number => base_is_right_to_left,
        Direction::RightToLeft => !base_is_right_to_left,
        Direction::Neutral => false,
    };
    let first = *directions.get(start)?;
    if !counter(first) {
        return None;
    }
    let mut end = start + 1;
    let mut has_words = first != Direction::Number;
    let mut at = end;
    while let Some(&direction) = directions.get(at) {
        if counter(direction) {
            let neutrals = at - end;
            let words = has_words || direction != Direction::Number;
            // Between numbers only a separator belongs to them.
            if !words && neutrals > 1 {
                break;
            }
            has_words = words;
            end = at + 1;
        } else if direction != Direction::Neutral {
            break;
        }
        at += 1;
    }
    Some(end)
}

fn direction_of(c: char) -> Direction {
    match c {
        '\u{660}'..='\u{669}' | '\u{6F0}'..='\u{6F9}' => Direction::Number,
        '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' => {
            Direction::RightToLeft
        }
        c if c.is_numeric() => Direction::Number,
        c if c.is_alphabetic() => Direction::LeftToRight,
        _ => Direction::Neutral,
    }
}

/// Vowel points and other signs on a letter.
fn is_point(c: char) -> bool {
    matches!(c, '\u{591}'..='\u{5BD}' | '\u{5BF}' | '\u{5C1}' | '\u{5C2}' | '\u{5C4}' | '\u{5C5}' | '\u{610}'..='\u{61A}' | '\u{64B}'..='\u{65F}' | '\u{670}' | '\u{6D6}'..='\u{6DC}')
}

/// The character whose shape is that of `c` in a line from right to left (UAX #9, rule L4).
fn mirror(c: char) -> char {
    match c {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '{' => '}',
        '}' => '{',
        '<' => '>',
        '>' => '<',
        '«' => '»',
        '»' => '«',
        other => other,
    }
}
