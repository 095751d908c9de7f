//! Raised and lowered type: exponents, note signs and indices, told by size and baseline.

use super::{PlacedGlyph, SMALL_TYPE, middle};
use crate::text_marks::MarkedType;

/// Least distance of a raised character's baseline above its line's, in ems of the line.
const RAISED: f64 = 0.15;
/// The same below for a lowered one: indices of chemistry are set a tenth to a quarter lower.
const LOWERED: f64 = 0.08;

/// Most letters of an exponent, a note or an index; more are a line of small type beside a larger one.
const MOST_LETTERS: usize = 14;

/// The style of each of a line's characters; `None` for those on the line.
pub(super) fn shifts(glyphs: &[PlacedGlyph]) -> Vec<Option<MarkedType>> {
    let usual = middle(glyphs.iter().map(|glyph| glyph.size));
    // The line's own type is its largest that is more than a letter or two: with `x²³` most characters are small.
    let large = middle(
        glyphs
            .iter()
            .filter(|glyph| glyph.size * SMALL_TYPE > usual && glyph.text.is_alphanumeric())
            .map(|glyph| glyph.size),
    );
    let count = glyphs
        .iter()
        .filter(|glyph| glyph.size * SMALL_TYPE > usual)
        .count();
    let size = if large > 0.0 && (count > 2 || count * 3 >= glyphs.len()) {
        large
    } else {
        usual
    };
    let baseline = middle(
        glyphs
            .iter()
            .filter(|glyph| glyph.size > SMALL_TYPE * size)
            .map(|glyph| glyph.baseline),
    );
    let shift = |glyph: &PlacedGlyph| {
        if glyph.size > SMALL_TYPE * size || !is_shifted_sign(glyph.text) {
            return None;
        }
        let above = (baseline - glyph.baseline) / size;
        if above > RAISED {
            Some(MarkedType::Raised)
        } else if above < -LOWERED {
            Some(MarkedType::Lowered)
        } else {
            None
        }
    };
    let mut shifts: Vec<Option<MarkedType>> = glyphs.iter().map(shift).collect();
    let mut start = 0;
    while start < shifts.len() {
        let run = shifts[start..]
            .iter()
            .take_while(|shift| **shift == shifts[start])
            .count();
        let of_run = start..start + run;
        let letters = glyphs[of_run.clone()]
            .iter()
            .filter(|glyph| glyph.text.is_alphabetic());
        if letters.count() > MOST_LETTERS {
            shifts[of_run].fill(None);
        }
        start += run;
    }
    shifts
}

/// Returns true for characters that say something else when they are raised or lowered; others, such as `®`, `*` and
/// quotation marks, are drawn high by themselves.
fn is_shifted_sign(c: char) -> bool {
    c.is_alphanumeric() || "+-−–=().,/′∗±∞[]".contains(c)
}
