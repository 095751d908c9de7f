//! Struck-out characters: those that a line is drawn through, or an annotation marks as struck out.

use crate::image::text_layer::Glyph;

/// Distance of the line above the baseline, in ems: between the feet and the tops of small letters.
const ABOVE_BASELINE: std::ops::Range<f64> = 0.14..0.44;
/// Thickest line, in ems: thicker ones are bars that hide what is under them.
const THICKEST: f64 = 0.14;
/// Distance by which the line may reach beyond the words, in ems; rulings and the grids of charts go on.
const BEYOND: f64 = 0.7;
/// Fewest letters and digits: a line through one is a sign of its own.
const MIN_LETTERS: usize = 2;
/// Largest type, in points: how far from a line its baseline is looked for.
const LARGEST_PT: f64 = 100.0;

/// Left, top, right and bottom, in points of the displayed page.
type Bounds = [f64; 4];

/// Marks those of `glyphs` that one of the thin `bars` strikes out, or that lie in an annotation that does.
pub(super) fn mark<'g>(
    glyphs: impl Iterator<Item = &'g mut Glyph>,
    bars: &[Bounds],
    annotations: &[Bounds],
) {
    if bars.is_empty() && annotations.is_empty() {
        return;
    }
    let is_upright = |glyph: &&mut Glyph| glyph.direction.0 > 0.99 && !glyph.text.is_whitespace();
    let mut glyphs: Vec<&mut Glyph> = glyphs.filter(is_upright).collect();
    glyphs.sort_by(|a, b| a.origin.1.total_cmp(&b.origin.1));
    for bar in bars {
        let middle = (bar[1] + bar[3]) / 2.0;
        let first = glyphs.partition_point(|glyph| glyph.origin.1 < middle);
        let last = glyphs.partition_point(|glyph| glyph.origin.1 < middle + LARGEST_PT / 2.0);
        strike(&mut glyphs[first..last], bar);
    }
    for area in annotations {
        for glyph in &mut glyphs {
            let [left, top, right, bottom] = glyph.bounds;
            let (x, y) = ((left + right) / 2.0, (top + bottom) / 2.0);
            let is_inside = (area[0]..=area[2]).contains(&x) && (area[1]..=area[3]).contains(&y);
            glyph.struck |= is_inside;
        }
    }
}

/// Marks the glyphs that a bar goes through, if it ends with them.
fn strike(glyphs: &mut [&mut Glyph], bar: &Bounds) {
    let goes_through = |glyph: &Glyph| {
        let above = (glyph.origin.1 - (bar[1] + bar[3]) / 2.0) / glyph.size;
        let x = (glyph.outline[0] + glyph.outline[2]) / 2.0;
        ABOVE_BASELINE.contains(&above)
            && bar[3] - bar[1] <= THICKEST * glyph.size
            && (bar[0]..=bar[2]).contains(&x)
    };
    let (mut left, mut right, mut em, mut letters) = (f64::MAX, f64::MIN, 0.0_f64, 0);
    for glyph in glyphs.iter().filter(|glyph| goes_through(glyph)) {
        left = left.min(glyph.outline[0]);
        right = right.max(glyph.outline[2]);
        em = em.max(glyph.size);
        letters += usize::from(glyph.text.is_alphanumeric());
    }
    let ends_with_them = left - bar[0] <= BEYOND * em && bar[2] - right <= BEYOND * em;
    if letters >= MIN_LETTERS && ends_with_them {
        for glyph in glyphs.iter_mut().filter(|glyph| goes_through(glyph)) {
            glyph.struck = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `900 euro`, 10 points high, on a baseline at 100 points.
    fn words() -> Vec<Glyph> {
        let glyph = |(i, text): (usize, char)| {
            let left = 50.0 + 6.0 * i as f64;
            Glyph {
                text,
                origin: (left, 100.0),
                direction: (1.0, 0.0),
                bounds: [left, 91.0, left + 6.0, 102.0],
                outline: [left, 93.0, left + 5.5, 100.0],
                size: 10.0,
                ..Glyph::default()
            }
        };
        "900 euro".chars().enumerate().map(glyph).collect()
    }

    fn struck(bars: &[Bounds], annotations: &[Bounds]) -> String {
        let mut glyphs = words();
        mark(glyphs.iter_mut(), bars, annotations);
        glyphs
            .iter()
            .filter(|glyph| glyph.struck)
            .map(|glyph| glyph.text)
            .collect()
    }

    #[test]
    fn a_line_through_words_strikes_them_out() {
        assert_eq!(struck(&[[50.0, 96.8, 98.0, 97.4]], &[]), "900euro");
        assert_eq!(struck(&[[50.0, 96.8, 68.0, 97.4]], &[]), "900");
    }

    #[test]
    fn underlines_rulings_and_bars_do_not() {
        assert_eq!(struck(&[[50.0, 101.0, 98.0, 101.5]], &[]), "");
        assert_eq!(struck(&[[10.0, 96.8, 400.0, 97.4]], &[]), "");
        assert_eq!(struck(&[[50.0, 93.0, 98.0, 101.0]], &[]), "");
    }

    #[test]
    fn an_annotation_strikes_out_what_is_in_it() {
        assert_eq!(struck(&[], &[[73.0, 90.0, 99.0, 103.0]]), "euro");
    }
}
