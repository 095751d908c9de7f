//! Weight and size of a line's type, beside those of most of the page.
//!
//! The mean width of strokes is their area over half of their outline. The height of type is that
//! of small letters, seen as rows with much ink: boxes around lines are drawn too roughly to tell a
//! heading from text.

use super::strip::LineStrip;
use crate::{
    image::tuning::typography::{
        BELIEVED_SIZES, BOLD, BOLD_FOR_SIZE, FULLEST_PART, MIN_BODY_ROWS, MIN_LETTERS,
        MIN_LETTERS_FOR_SIZE, MIN_LINES, MOSTLY_SMALL_TENTHS, SAME_SIZE, SMALL_BODY_PART,
        SMALL_TO_CAPITALS, WIDE_BODY_PART,
    },
    page::TextLine,
    script::is_square,
    statistics::weighted_median,
};

/// The kind of letters that make up a line; only like is compared with like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LetterClass {
    /// Of scripts with small letters.
    Small,
    /// Chinese and the like: as high as wide.
    Wide,
}

/// The measures of one line's type, in pixels.
#[derive(Clone, Copy, Debug)]
struct TypeMeasure {
    letters: LetterClass,
    stroke: f32,
    height: f32,
    /// True if there are letters enough for the height to be believed.
    sized: bool,
    characters: f64,
}

/// Sets the weight and the size of those `lines` whose ink shows them.
pub(super) fn measure(lines: &mut [TextLine], strips: &[Option<LineStrip>]) {
    let measures: Vec<Option<TypeMeasure>> = lines
        .iter()
        .zip(strips)
        .map(|(line, strip)| TypeMeasure::of(&line.text, strip.as_ref()?))
        .collect();
    for kind in [LetterClass::Small, LetterClass::Wide] {
        let of_kind: Vec<(usize, TypeMeasure)> = measures
            .iter()
            .enumerate()
            .filter_map(|(i, measure)| Some((i, (*measure)?)))
            .filter(|(_, measure)| measure.letters == kind)
            .collect();
        if of_kind.len() >= MIN_LINES {
            set(lines, &of_kind);
        }
    }
}

fn set(lines: &mut [TextLine], measures: &[(usize, TypeMeasure)]) {
    let usual = |of: &dyn Fn(&(usize, TypeMeasure)) -> f32| {
        weighted_median(measures.iter().map(|m| (of(m), m.1.characters)).collect())
    };
    let (Some(stroke), Some(height), Some(size)) = (
        usual(&|m| m.1.stroke),
        usual(&|m| m.1.height),
        usual(&|m| lines[m.0].size),
    ) else {
        return;
    };
    for (i, measure) in measures {
        let line = &mut lines[*i];
        let (wider, larger) = (measure.stroke / stroke, measure.height / height);
        let measured = match larger {
            l if (l - 1.0).abs() < SAME_SIZE => size,
            l => size * l,
        };
        // Ink that is not the line's misleads; its box is not that far off.
        if BELIEVED_SIZES.contains(&(measured / line.size.max(1.0))) {
            line.style.bold = Some(wider > BOLD && wider / larger > BOLD_FOR_SIZE);
            line.size = if measure.sized { measured } else { line.size };
        }
    }
}

impl TypeMeasure {
    fn of(text: &str, strip: &LineStrip) -> Option<Self> {
        let count = |test: fn(char) -> bool| text.chars().filter(|&c| test(c)).count();
        let (wide, small) = (count(is_square), count(char::is_lowercase));
        let (capitals, all) = (count(char::is_uppercase), count(char::is_alphanumeric));
        let (letters, scale) = if wide >= 2 && wide * 2 > all {
            (LetterClass::Wide, 1.0)
        } else if small >= MIN_LETTERS && small * 10 >= all * MOSTLY_SMALL_TENTHS {
            (LetterClass::Small, 1.0)
        } else if small == 0
            && capitals >= MIN_LETTERS
            && capitals * 10 >= all * MOSTLY_SMALL_TENTHS
        {
            (LetterClass::Small, SMALL_TO_CAPITALS)
        } else {
            return None;
        };
        Some(Self {
            letters,
            stroke: stroke(strip)?,
            height: scale * body(strip, letters)?,
            sized: wide >= 2 || small >= MIN_LETTERS_FOR_SIZE,
            characters: text.chars().count() as f64,
        })
    }
}

/// The mean width of strokes, in pixels: for long strokes, twice their area over their outline,
/// which pixels make longer by 4 to pi.
pub(super) fn stroke(strip: &LineStrip) -> Option<f32> {
    let (ink, width) = (&strip.ink.pixels, strip.ink.width);
    let changes =
        |pairs: &mut dyn Iterator<Item = (&u8, &u8)>| pairs.filter(|(a, b)| a != b).count();
    let area = ink.iter().filter(|&&ink| ink != 0).count();
    let rows = strip.ink.rows();
    let across: usize = rows
        .map(|row| changes(&mut row.iter().zip(&row[1..])))
        .sum();
    let down = changes(&mut ink.iter().zip(ink.get(width..)?));
    let outline = (across + down) as f32 * std::f32::consts::FRAC_PI_4;
    (area > 0 && outline > 0.0).then(|| 2.0 * area as f32 / outline)
}

/// The height of letters, in pixels: of small ones, rows with more than half as much ink as the
/// fullest sixth of the rows; of wide ones, which have strokes at any height, all rows but those
/// with next to none.
fn body(strip: &LineStrip, letters: LetterClass) -> Option<f32> {
    let rows = strip.ink.rows();
    let counts: Vec<usize> = rows
        .map(|row| row.iter().filter(|&&ink| ink != 0).count())
        .collect();
    let mut sorted = counts.clone();
    sorted.sort_unstable();
    let full = *sorted.get(
        sorted
            .len()
            .checked_sub((sorted.len() / FULLEST_PART).max(1))?,
    )?;
    let share = match letters {
        LetterClass::Small => SMALL_BODY_PART,
        LetterClass::Wide => WIDE_BODY_PART,
    };
    let rows = counts.iter().filter(|&&count| count * share > full).count();
    (rows >= MIN_BODY_ROWS).then_some(rows as f32)
}
