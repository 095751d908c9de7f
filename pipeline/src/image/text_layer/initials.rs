//! Large initials that stand on the baseline of their second or a later row: lines of their own, so that layout can put
//! them before the first one.

use super::{GlyphRun, PlacedGlyph, same_direction};

/// Most characters of an initial: a letter, and a quotation mark before it.
const MOST_CHARACTERS: usize = 2;
/// Least size of an initial, over that of the row it stands on.
const MIN_SIZE: f64 = 1.8;
/// Height of a capital letter, over the size of its type.
const CAPITAL_HEIGHT: f64 = 0.7;
/// Distance of the rows beside an initial from its right edge, in their ems.
const BEFORE: f64 = 0.5;
const BEHIND: f64 = 1.2;
/// Least distance of two rows, in ems.
const ROW_STEP: f64 = 0.5;
/// Most initials of a page.
const MOST_INITIALS: usize = 50;

/// Takes each large initial with a row above that it stands on, and beside it, out of its line.
pub(super) fn set_apart(lines: &mut Vec<GlyphRun>) {
    let found: Vec<usize> = (0..lines.len())
        .filter(|&index| initial(&lines[index]).is_some())
        .take(MOST_INITIALS)
        .collect();
    // From the last one on, as each adds a line.
    for index in found.into_iter().rev() {
        let Some(characters) = initial(&lines[index]) else {
            continue;
        };
        if !lines
            .iter()
            .any(|row| begins_above(row, &lines[index], characters))
        {
            continue;
        }
        let rest = lines[index].glyphs.split_off(characters);
        let mut row = lines[index].clone();
        row.glyphs = rest;
        lines.insert(index + 1, row);
    }
}

/// The characters of the large initial that a line begins with.
fn initial(line: &GlyphRun) -> Option<usize> {
    let size = line.glyphs.first()?.size;
    let same = |glyph: &&PlacedGlyph| glyph.size > size / MIN_SIZE;
    let large: Vec<&PlacedGlyph> = line.glyphs.iter().take_while(same).collect();
    let letter = large.last()?.text;
    let is_initial = large.len() <= MOST_CHARACTERS
        && large.len() < line.glyphs.len()
        && letter.is_uppercase()
        && !line.stacked;
    is_initial.then_some(large.len())
}

/// Returns true if `row` begins right of the initial of `line`, above the row that it stands on.
fn begins_above(row: &GlyphRun, line: &GlyphRun, characters: usize) -> bool {
    let (Some(letter), Some(next)) = (
        line.glyphs[..characters].last(),
        line.glyphs.get(characters),
    ) else {
        return false;
    };
    let em = next.size;
    let above = letter.baseline - row.baseline();
    let space = row.start() - letter.u.1;
    same_direction(row.direction, line.direction)
        && (ROW_STEP * em..CAPITAL_HEIGHT * letter.size).contains(&above)
        && (-BEFORE * em..BEHIND * em).contains(&space)
}
