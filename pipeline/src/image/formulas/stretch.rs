//! Stretches: signs drawn one after another along one line, with their scripts.

use super::{
    math_fonts::MathFont,
    symbols::{self, SignKind},
};
use crate::image::text_layer::Glyph;

/// Type of scripts is smaller than this share of their line's.
const SMALL: f64 = 0.85;
/// Least distance of a script's baseline from the line's, in ems.
const SHIFT: f64 = 0.07;
/// A gap that ends a stretch, in ems.
const WIDE_GAP: f64 = 1.0;
/// Largest distance of a sign's baseline from its line's, in ems: scripts, and numerators in a line of text.
const MOST_SHIFT: f64 = 0.8;
/// Largest step back to a sign beside or over the one before, in ems.
const BACK: f64 = 1.0;
/// The same where the baseline changes: from a numerator's end to the denominator's start.
const BACK_TO_LEVEL: f64 = 6.0;

/// Signs along one line.
#[derive(Clone, Debug)]
pub(super) struct SignRun {
    /// Indices of its glyphs, in the order they are drawn, without white space.
    pub glyphs: Vec<usize>,
    /// Left, top, right and bottom of its ink.
    pub ink: [f64; 4],
    pub baseline: f64,
    pub size: f64,
}

impl SignRun {
    /// Returns true if a glyph is raised or lowered small type on it.
    pub fn is_script(&self, glyph: &Glyph) -> bool {
        glyph.size < SMALL * self.size && (glyph.origin.1 - self.baseline).abs() > SHIFT * self.size
    }
}

/// The stretches of a page, in the order they are drawn.
pub(super) fn stretches(glyphs: &[Glyph]) -> Vec<SignRun> {
    let mut all: Vec<SignRun> = Vec::new();
    let mut open: Option<SignRun> = None;
    for (index, glyph) in glyphs.iter().enumerate() {
        if glyph.text.is_whitespace() {
            continue;
        }
        if !is_upright(glyph) {
            all.extend(open.take());
            continue;
        }
        match &mut open {
            Some(stretch) if continues(stretch, glyphs, glyph) => {
                stretch.glyphs.push(index);
                stretch.ink = super::part::union(stretch.ink, glyph.outline);
                if glyph.size * SMALL > stretch.size && !hangs(glyph) {
                    stretch.size = glyph.size;
                    stretch.baseline = glyph.origin.1;
                }
            }
            _ => {
                all.extend(open.take());
                open = Some(SignRun {
                    glyphs: vec![index],
                    ink: glyph.outline,
                    baseline: glyph.origin.1,
                    size: glyph.size,
                });
            }
        }
    }
    all.extend(open);
    for stretch in &mut all {
        settle(stretch, glyphs);
    }
    all
}

/// Returns true for signs that hang from their baseline or are larger than their line's type: delimiters, sums, roots.
pub(super) fn hangs(glyph: &Glyph) -> bool {
    glyph.math_font == Some(MathFont::Extension)
        || glyph.text == '√'
        || glyph.math_font.is_some() && symbols::kind(glyph.text) == SignKind::LargeOperator
}

fn is_upright(glyph: &Glyph) -> bool {
    glyph.direction.0 > 0.9997 && glyph.is_sane() && !glyph.struck
}

fn continues(stretch: &SignRun, glyphs: &[Glyph], next: &Glyph) -> bool {
    let Some(last) = stretch.glyphs.last().map(|&index| &glyphs[index]) else {
        return false;
    };
    let em = stretch.size.max(next.size);
    // These hang from their baseline.
    let is_large = hangs(next);
    let (top, bottom) = (next.outline[1], next.outline[3]);
    let on_line = if is_large {
        top < stretch.baseline && bottom > stretch.baseline - 0.7 * em
    } else {
        (next.origin.1 - stretch.baseline).abs() < MOST_SHIFT * em
    };
    if !on_line {
        return false;
    }
    let start = next.bounds[0];
    let reached = stretch.ink[2].max(last.bounds[2]);
    let same_level = (next.origin.1 - last.origin.1).abs() < 0.15 * em && !is_large;
    let back = if same_level { BACK } else { BACK_TO_LEVEL };
    start - reached < WIDE_GAP * em
        && reached - start < back * em
        && start > stretch.ink[0] - BACK * em
}

/// Sets a stretch's size and baseline to those of most of its full type.
fn settle(stretch: &mut SignRun, glyphs: &[Glyph]) {
    let of_text = || {
        stretch
            .glyphs
            .iter()
            .map(|&index| &glyphs[index])
            .filter(|glyph| !hangs(glyph))
    };
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    };
    // Scripts may be more than what they stand on.
    let Some(usual) = median(of_text().map(|glyph| glyph.size).collect()) else {
        return;
    };
    let larger: Vec<f64> = of_text()
        .map(|glyph| glyph.size)
        .filter(|size| size * SMALL > usual)
        .collect();
    let size = if larger.len() * 5 >= stretch.glyphs.len() || larger.len() > 2 {
        median(larger).unwrap_or(usual)
    } else {
        usual
    };
    let full = of_text()
        .filter(|glyph| glyph.size > SMALL * size)
        .map(|glyph| glyph.origin.1);
    if let Some(baseline) = median(full.collect()) {
        stretch.size = size;
        stretch.baseline = baseline;
    }
}
