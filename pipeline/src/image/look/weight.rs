//! Weight and size of a line's type, beside that of most of the page.
//!
//! The mean width of strokes is their area over half of their outline. The height of type is that of small letters,
//! seen as rows with much ink: boxes around lines are drawn too roughly to tell a heading from text.

use crate::{image::text_layer::is_wide_script, page::TextLine};

use super::strip::LineStrip;

/// Strokes this many times as wide as the page's are bold...
const BOLD: f32 = 1.35;
/// ...where they are as much wider than the type is larger.
const BOLD_FOR_SIZE: f32 = 1.15;
/// Type that differs by less than this share is of one size: a pixel more or less.
const SAME_SIZE: f32 = 0.13;
/// Height of small letters over that of capitals, about the same in most type.
const SMALL_TO_CAPITALS: f32 = 0.71;
/// Fewest lines that say what is usual on a page.
const FEWEST_LINES: usize = 5;
/// Fewest letters that show how heavy a line's type is.
const FEWEST_LETTERS: usize = 3;
/// Fewest letters that show how large it is.
const FEWEST_FOR_SIZE: usize = 10;
/// Small letters among letters and digits, in tenths, where they show the height of the type.
const MOSTLY_SMALL: usize = 7;

/// Which letters make up a line; only like is compared with like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LetterClass {
    /// Of scripts with small letters.
    Small,
    /// Chinese and the like: as high as wide.
    Wide,
}

/// Measures of one line, in pixels.
#[derive(Clone, Copy, Debug)]
struct TypeMeasure {
    letters: LetterClass,
    stroke: f32,
    height: f32,
    /// True if there are letters enough for the height to be believed.
    sized: bool,
    characters: f64,
}

/// Sets the weight and the size of `lines` if their ink shows them.
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
        if of_kind.len() >= FEWEST_LINES {
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
        if (0.66..1.5).contains(&(measured / line.size.max(1.0))) {
            line.bold = Some(wider > BOLD && wider / larger > BOLD_FOR_SIZE);
            line.size = if measure.sized { measured } else { line.size };
        }
    }
}

impl TypeMeasure {
    fn of(text: &str, strip: &LineStrip) -> Option<Self> {
        let count = |test: fn(char) -> bool| text.chars().filter(|&c| test(c)).count();
        let (wide, small) = (count(is_wide_script), count(char::is_lowercase));
        let (capitals, all) = (count(char::is_uppercase), count(char::is_alphanumeric));
        let (letters, scale) = if wide >= 2 && wide * 2 > all {
            (LetterClass::Wide, 1.0)
        } else if small >= FEWEST_LETTERS && small * 10 >= all * MOSTLY_SMALL {
            (LetterClass::Small, 1.0)
        } else if small == 0 && capitals >= FEWEST_LETTERS && capitals * 10 >= all * MOSTLY_SMALL {
            (LetterClass::Small, SMALL_TO_CAPITALS)
        } else {
            return None;
        };
        Some(Self {
            letters,
            stroke: stroke(strip)?,
            height: scale * body(strip, letters)?,
            sized: wide >= 2 || small >= FEWEST_FOR_SIZE,
            characters: text.chars().count() as f64,
        })
    }
}

/// The mean width of strokes, in pixels: for long strokes, twice their area over their outline, which pixels make
/// longer by 4 to pi.
pub(super) fn stroke(strip: &LineStrip) -> Option<f32> {
    let changes =
        |pairs: &mut dyn Iterator<Item = (&bool, &bool)>| pairs.filter(|(a, b)| a != b).count();
    let area = strip.ink.iter().filter(|&&ink| ink).count();
    let across: usize = strip
        .rows()
        .map(|row| changes(&mut row.iter().zip(&row[1..])))
        .sum();
    let down = changes(&mut strip.ink.iter().zip(strip.ink.get(strip.width..)?));
    let outline = (across + down) as f32 * std::f32::consts::FRAC_PI_4;
    (area > 0 && outline > 0.0).then(|| 2.0 * area as f32 / outline)
}

/// The height of letters, in pixels: of small ones, rows with more than half as much ink as the fullest sixth of the
/// rows; of wide ones, which have strokes at any height, all rows but those with next to none.
fn body(strip: &LineStrip, letters: LetterClass) -> Option<f32> {
    let counts: Vec<usize> = strip
        .rows()
        .map(|row| row.iter().filter(|&&ink| ink).count())
        .collect();
    let mut sorted = counts.clone();
    sorted.sort_unstable();
    let full = *sorted.get(sorted.len().checked_sub((sorted.len() / 6).max(1))?)?;
    let share = match letters {
        LetterClass::Small => 2,
        LetterClass::Wide => 8,
    };
    let rows = counts.iter().filter(|&&count| count * share > full).count();
    (rows >= 4).then_some(rows as f32)
}

/// The value with half of the weight on either side.
fn weighted_median(mut values: Vec<(f32, f64)>) -> Option<f32> {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|v| v.1).sum::<f64>() / 2.0;
    let mut passed = 0.0;
    values.into_iter().find_map(|(value, weight)| {
        passed += weight;
        (passed >= half).then_some(value)
    })
}
