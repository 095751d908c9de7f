//! Glyphs in the frame of their line.

use std::sync::Arc;

use super::Glyph;
use crate::image::{formulas::PlacedFormula, inspection::StructureTag};

/// A glyph in the frame of its line: `u` along the line, `v` down from one line to the next.
#[derive(Clone, Debug)]
pub(super) struct PlacedGlyph {
    pub text: char,
    /// The accent on it, a combining character.
    pub accent: Option<char>,
    pub space: GlyphSpacing,
    pub u: (f64, f64),
    pub top: f64,
    pub bottom: f64,
    pub baseline: f64,
    pub size: f64,
    pub bold: bool,
    pub italic: bool,
    pub fixed_pitch: bool,
    pub struck: bool,
    pub font: usize,
    pub unmapped: bool,
    pub tag: Option<StructureTag>,
    pub formula: Option<Arc<PlacedFormula>>,
}

impl PlacedGlyph {
    /// Returns true for a formula on a line of its own.
    pub fn is_display(&self) -> bool {
        self.formula
            .as_ref()
            .is_some_and(|formula| formula.is_display)
    }
}

/// The space before a glyph besides its gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum GlyphSpacing {
    /// It is known that there is none.
    Joined,
    None,
    Hinted,
    Drawn,
}

/// Puts a glyph into the frame of its line.
pub(super) fn place(glyph: &Glyph, space: GlyphSpacing) -> PlacedGlyph {
    let (dx, dy) = glyph.direction;
    let along = |(x, y): (f64, f64)| x * dx + y * dy;
    let down = |(x, y): (f64, f64)| y * dx - x * dy;
    let baseline = down(glyph.origin);
    let [left, top, right, bottom] = glyph.bounds;
    let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
    let upright = dx.abs().max(dy.abs()) > 0.999;
    let (u, high, low) = if upright {
        let range = |f: &dyn Fn((f64, f64)) -> f64| {
            corners
                .iter()
                .fold((f64::MAX, f64::MIN), |(low, high), &p| {
                    (low.min(f(p)), high.max(f(p)))
                })
        };
        let (high, low) = range(&down);
        (range(&along), high, low)
    } else {
        // The box around a slanted character says little about its width.
        let start = along(glyph.origin);
        (
            (start, start + 0.5 * glyph.size),
            baseline - 0.8 * glyph.size,
            baseline + 0.2 * glyph.size,
        )
    };
    let (top, bottom) = if glyph
        .formula
        .as_ref()
        .is_some_and(|formula| formula.is_display)
    {
        (high, low)
    } else {
        // Fonts lie about their height.
        (
            high.clamp(baseline - 1.1 * glyph.size, baseline - 0.5 * glyph.size),
            low.clamp(baseline, baseline + 0.35 * glyph.size),
        )
    };
    PlacedGlyph {
        text: glyph.text,
        accent: None,
        space,
        u,
        top,
        bottom,
        baseline,
        size: glyph.size,
        bold: glyph.bold,
        italic: glyph.italic,
        fixed_pitch: glyph.fixed_pitch,
        struck: glyph.struck,
        font: glyph.font,
        unmapped: glyph.unmapped,
        tag: glyph.tag,
        formula: glyph.formula.clone(),
    }
}
