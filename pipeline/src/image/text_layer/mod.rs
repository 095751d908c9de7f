//! Lines of a page's own text, gathered from its characters.
//!
//! A document's text comes as characters with places, in the order they are drawn, which need not be the
//! order they are read in. Characters that follow one another on a baseline become a run, runs that
//! continue one another become a line, and a wide gap separates two lines, so that columns and table
//! cells stay apart. Spaces come from gaps, because many documents draw none.

mod accents;
mod placed_glyph;
mod bidi;
mod initials;
pub(crate) mod plausibility;
mod raised;
mod run_text;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use self::{
    accents::Accents,
    bidi::is_right_to_left,
    placed_glyph::{GlyphSpacing, PlacedGlyph, place},
};
use crate::{
    image::{
        formulas::{PlacedFormula, math_fonts::MathFont},
        inspection::{LineDoubt, StructureTag},
    },
    script::is_square,
};

/// A space that PDFium made up: a hint, not a character of the document.
pub(super) const HINTED_SPACE: char = '\u{200A}';

/// One character, in points of the displayed page, y down.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Glyph {
    /// Its meaning.
    pub text: char,
    /// Its origin on the baseline.
    pub origin: (f64, f64),
    /// The direction of its line; a unit vector.
    pub direction: (f64, f64),
    /// Left, top, right and bottom around it, from one character to the next and as high as its font.
    pub bounds: [f64; 4],
    /// Left, top, right and bottom of its outline.
    pub outline: [f64; 4],
    /// Size of its font.
    pub size: f64,
    /// True if its font is bold.
    pub bold: bool,
    /// True if its font is slanted.
    pub italic: bool,
    /// True if all characters of its font are of one width.
    pub fixed_pitch: bool,
    /// True if it is struck out.
    pub struck: bool,
    /// Its font: a number that tells the fonts of a page apart.
    pub font: usize,
    /// True if nothing says what it means.
    pub unmapped: bool,
    /// The font of mathematics that it is set in.
    pub math_font: Option<MathFont>,
    /// True if that font is a bold one.
    pub math_bold: bool,
    /// The formula that stands here in place of its signs.
    pub formula: Option<Arc<PlacedFormula>>,
    /// The structure element that it belongs to.
    pub tag: Option<StructureTag>,
}

impl Glyph {
    /// Returns true if its numbers are finite and on or near a page.
    pub fn is_sane(&self) -> bool {
        /// Far off any page, in points.
        const FAR: f64 = 1e7;
        let [left, top, right, bottom] = self.bounds;
        let places = [self.origin.0, self.origin.1, left, top, right, bottom];
        self.size > 0.0
            && self.size < FAR
            && places.iter().all(|place| place.abs() < FAR)
            && (self.direction.0.hypot(self.direction.1) - 1.0).abs() < 0.01
    }
}

/// One line, in points of the displayed page.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LayerLine {
    /// Its text.
    pub text: String,
    /// Its corners, clockwise from the text's top left.
    pub quad: [(f64, f64); 4],
    /// Size of most of its type.
    pub size: f64,
    /// True if most of its type is bold.
    pub bold: bool,
    /// True if most of its type is slanted.
    pub italic: bool,
    /// True if most of its type is of one width.
    pub fixed_pitch: bool,
    /// The structure element that most of it belongs to.
    pub tag: Option<StructureTag>,
    /// The bold words that it begins with, if the rest is not bold.
    pub lead: Option<LineLead>,
    /// The reason to doubt its text.
    pub doubt: Option<LineDoubt>,
    /// The formulas that are marked in its text.
    pub formulas: Vec<Arc<PlacedFormula>>,
}

/// The bold words that a line begins with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LineLead {
    /// Their length in the line's text.
    pub bytes: usize,
    /// Their right edge.
    pub end: f64,
    /// Left edge of what follows.
    pub next: f64,
}

/// A gap that separates lines, in ems: wider than spaces in justified type, as narrow as between the columns of
/// tables. Layout puts together again what is on one baseline.
const WIDE_GAP: f64 = 1.0;
/// The same for runs that were not drawn one after another: columns may be closer.
const RUN_GAP: f64 = 0.8;
/// Largest distance of a character from its neighbor's baseline at which it still continues the line, in ems:
/// indices and exponents do, the next line does not.
const BASELINE_SHIFT: f64 = 0.5;
/// The same for runs that were not drawn one after another.
const RUN_BASELINE_SHIFT: f64 = 0.35;
/// The same for small type that was drawn later into a gap of the line: word processors raise it by half an em.
const SMALL_SHIFT: f64 = 0.6;
/// Type is an index's or exponent's if it is smaller than this share of its line's.
const SMALL_TYPE: f64 = 0.85;
/// Distance that small type may reach over its neighbors in the gap that it was drawn in, in ems of the line.
const SMALL_SLACK: f64 = 0.25;
/// Largest distance that a run may reach back over the line it continues, in ems.
const OVERLAP: f64 = 0.3;
/// Two directions are one if the cosine between them is above this (about 4 degrees).
const SAME_DIRECTION: f64 = 0.9975;
/// The rest of a line that begins with bold words is not bold if one character in so many is, at most.
const MOSTLY_PLAIN: usize = 5;
/// Height of the bands in which lines to continue are looked for, in points.
const BAND: f64 = 4.0;

/// PDFium's sign for a hyphen at the end of a line.
const END_HYPHEN: char = '\u{2}';

/// Gathers `glyphs`, in the order they are drawn, into lines in the order of their first character.
pub(super) fn lines(glyphs: &[Glyph]) -> Vec<LayerLine> {
    let implausible = plausibility::implausible_fonts(glyphs);
    let mut joined = join(runs(glyphs));
    initials::set_apart(&mut joined);
    let lines = joined.into_iter().map(|mut line| {
        line.arrange();
        line.line(&implausible)
    });
    lines.flatten().collect()
}

#[derive(Clone, Debug)]
struct GlyphRun {
    first: usize,
    direction: (f64, f64),
    /// Characters one below the other, as in vertical Chinese and Japanese.
    stacked: bool,
    glyphs: Vec<PlacedGlyph>,
}

fn runs(glyphs: &[Glyph]) -> Vec<GlyphRun> {
    let mut runs: Vec<GlyphRun> = Vec::new();
    let mut space = GlyphSpacing::None;
    let accents = Accents::find(glyphs);
    for (index, glyph) in glyphs.iter().enumerate() {
        if glyph.text.is_whitespace() {
            space = space.max(match glyph.text {
                HINTED_SPACE => GlyphSpacing::Hinted,
                _ => GlyphSpacing::Drawn,
            });
            continue;
        }
        if !glyph.is_sane() || accents.is_on_letter(index) {
            continue;
        }
        let mut placed = place(glyph, space);
        accents.put_on(index, &mut placed);
        space = GlyphSpacing::None;
        if let Some(run) = runs.last_mut()
            && run.takes(&placed, glyph.direction)
        {
            run.glyphs.push(placed);
            continue;
        }
        placed.space = GlyphSpacing::None;
        runs.push(GlyphRun {
            first: index,
            direction: glyph.direction,
            stacked: false,
            glyphs: vec![placed],
        });
    }
    runs
}

fn same_direction(a: (f64, f64), b: (f64, f64)) -> bool {
    a.0 * b.0 + a.1 * b.1 > SAME_DIRECTION
}

impl GlyphRun {
    /// Returns true if `next`, drawn right after the run, continues it.
    fn takes(&mut self, next: &PlacedGlyph, direction: (f64, f64)) -> bool {
        let Some(last) = self.glyphs.last() else {
            return true;
        };
        if !same_direction(self.direction, direction)
            || last.text == END_HYPHEN
            || last.is_display()
            || next.is_display()
        {
            return false;
        }
        let em = last.size.max(next.size);
        let below = next.baseline - last.baseline;
        if is_square(last.text) && is_square(next.text) {
            let aside = (next.u.0 + next.u.1 - last.u.0 - last.u.1).abs() / 2.0;
            let follows = aside < 0.25 * em && below > 0.7 * em && below < 1.6 * em;
            if follows && (self.stacked || self.glyphs.len() == 1) {
                self.stacked = true;
                return true;
            }
        }
        if self.stacked || below.abs() > BASELINE_SHIFT * em {
            return false;
        }
        let gap = if is_right_to_left(last.text) && is_right_to_left(next.text) {
            (last.u.0 - next.u.1).max(next.u.0 - last.u.1)
        } else {
            next.u.0 - last.u.1
        };
        // An accent without a letter may be drawn over the character before it.
        let back = (last.u.1 - last.u.0) + OVERLAP * em;
        gap < WIDE_GAP * em && gap > -back
    }

    fn start(&self) -> f64 {
        self.glyphs.iter().fold(f64::MAX, |u, g| u.min(g.u.0))
    }

    fn end(&self) -> f64 {
        self.glyphs.iter().fold(f64::MIN, |u, g| u.max(g.u.1))
    }

    fn baseline(&self) -> f64 {
        middle(self.glyphs.iter().map(|g| g.baseline))
    }

    fn size(&self) -> f64 {
        middle(self.glyphs.iter().map(|g| g.size))
    }

    fn line(&self, implausible: &HashSet<usize>) -> Option<LayerLine> {
        let text = run_text::text(self);
        if text.is_empty() {
            return None;
        }
        let fold = |f: fn(f64, f64) -> f64, of: fn(&PlacedGlyph) -> f64| {
            self.glyphs.iter().map(of).reduce(f).unwrap_or_default()
        };
        let (start, end) = (self.start(), self.end());
        let top = fold(f64::min, |g| g.top);
        let bottom = fold(f64::max, |g| g.bottom);
        let (dx, dy) = self.direction;
        let corner = |u: f64, v: f64| (u * dx - v * dy, u * dy + v * dx);
        let mostly = |is_so: fn(&PlacedGlyph) -> bool| {
            self.glyphs.iter().filter(|glyph| is_so(glyph)).count() * 2 > self.glyphs.len()
        };
        Some(LayerLine {
            lead: self.lead(&text),
            text,
            quad: [
                corner(start, top),
                corner(end, top),
                corner(end, bottom),
                corner(start, bottom),
            ],
            size: self.size(),
            bold: mostly(|glyph| glyph.bold),
            italic: mostly(|glyph| glyph.italic),
            fixed_pitch: self.is_fixed_pitch(),
            tag: self.tag(),
            doubt: plausibility::doubt(&self.glyphs, implausible),
            formulas: self
                .glyphs
                .iter()
                .filter_map(|glyph| glyph.formula.clone())
                .collect(),
        })
    }

    /// The bold words at its start, if hardly anything after them is bold; of lines across the page.
    fn lead(&self, text: &str) -> Option<LineLead> {
        let bold = self.glyphs.iter().take_while(|glyph| glyph.bold).count();
        let (words, rest) = self.glyphs.split_at(bold);
        let (last, next) = (words.last()?, rest.first()?);
        let others = rest.iter().filter(|glyph| glyph.bold).count();
        if others * MOSTLY_PLAIN > rest.len() || self.direction.0 < SAME_DIRECTION {
            return None;
        }
        let words = run_text::text(&Self {
            glyphs: words.to_vec(),
            ..*self
        });
        (!words.is_empty() && text.starts_with(&words)).then_some(LineLead {
            bytes: words.len(),
            end: last.u.1,
            next: next.u.0,
        })
    }

    /// The structure element of more than half of its characters.
    fn tag(&self) -> Option<StructureTag> {
        let middle = self.glyphs.get(self.glyphs.len() / 2)?.tag?;
        let of_it = self.glyphs.iter().filter(|glyph| glyph.tag == Some(middle));
        (of_it.count() * 2 > self.glyphs.len()).then_some(middle)
    }

    /// Returns true if nearly all of its type is of one width; the number of a line of code may be set in another.
    fn is_fixed_pitch(&self) -> bool {
        let number = self
            .glyphs
            .iter()
            .take_while(|glyph| glyph.text.is_ascii_digit());
        let code = &self.glyphs[number.count()..];
        let fixed = code.iter().filter(|glyph| glyph.fixed_pitch).count();
        let of_number = self.glyphs.iter().any(|glyph| glyph.fixed_pitch);
        !code.is_empty() && fixed * 10 >= code.len() * 9 || code.is_empty() && of_number
    }

    /// Puts `glyphs` between its own by their places, which alone say then where spaces are.
    fn interleave(&mut self, glyphs: Vec<PlacedGlyph>) {
        self.glyphs.extend(glyphs);
        self.glyphs.sort_by(|a, b| a.u.0.total_cmp(&b.u.0));
        for glyph in &mut self.glyphs {
            glyph.space = GlyphSpacing::None;
        }
    }

    /// Puts the characters into the order in which they are read.
    fn arrange(&mut self) {
        bidi::order(&mut self.glyphs);
    }
}

fn gap(last: &PlacedGlyph, next: &PlacedGlyph) -> f64 {
    (next.u.0 - last.u.1).max(last.u.0 - next.u.1)
}

/// Joins runs that continue one another without having been drawn one after another.
fn join(mut runs: Vec<GlyphRun>) -> Vec<GlyphRun> {
    runs.sort_by(|a, b| a.start().total_cmp(&b.start()));
    let mut lines: Vec<GlyphRun> = Vec::new();
    let mut bands: HashMap<(i64, i64), Vec<usize>> = HashMap::new();
    for run in runs {
        let em = run.size();
        let baseline = run.baseline();
        let angle = run.direction.1.atan2(run.direction.0);
        // Nearly equal directions may round apart; such pieces stay apart.
        let turn = (angle.to_degrees()).round() as i64;
        // The line's type may be larger than the run's.
        let reach = em.min(16.0 * BAND);
        let first = ((baseline - reach) / BAND).floor() as i64;
        let last = ((baseline + reach) / BAND).floor() as i64;
        let best = (first..=last)
            .filter_map(|band| bands.get(&(turn, band)))
            .flatten()
            .filter_map(|&index| {
                let (place, gap) = continues(&lines[index], &run)?;
                Some((index, place, gap))
            })
            .min_by(|a, b| a.2.total_cmp(&b.2));
        if let Some((index, place, _)) = best {
            let line = &mut lines[index];
            line.first = line.first.min(run.first);
            match place {
                Joint::At(place) => {
                    line.glyphs.splice(place..place, run.glyphs);
                }
                Joint::Among => line.interleave(run.glyphs),
            }
        } else {
            let band = (baseline / BAND).floor() as i64;
            bands.entry((turn, band)).or_default().push(lines.len());
            lines.push(run);
        }
    }
    lines.sort_by_key(|line| line.first);
    lines
}

/// The place in a line at which a run belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Joint {
    /// Before the line's glyph of that index, or after its end.
    At(usize),
    /// Each glyph in a gap of its own: the line's letters were drawn in no order.
    Among,
}

/// The place in `line` at which the run belongs, and the gap before it: after its end; for indices and exponents that
/// were drawn later, in a gap that was left for them; or among its letters.
fn continues(line: &GlyphRun, run: &GlyphRun) -> Option<(Joint, f64)> {
    if line.stacked || run.stacked || !same_direction(line.direction, run.direction) {
        return None;
    }
    let last = line.glyphs.last()?;
    let is_display = |run: &GlyphRun| run.glyphs.iter().any(PlacedGlyph::is_display);
    if last.text == END_HYPHEN || is_display(line) || is_display(run) {
        return None;
    }
    let em = line.size().max(run.size());
    let small = run.size() < SMALL_TYPE * line.size();
    let most_shift = if small {
        SMALL_SHIFT
    } else {
        RUN_BASELINE_SHIFT
    };
    if (run.baseline() - line.baseline()).abs() > most_shift * em {
        return None;
    }
    let (start, end) = (run.start(), run.end());
    let gap = start - line.end();
    if gap < RUN_GAP * em && gap > -OVERLAP * em {
        return Some((Joint::At(line.glyphs.len()), gap));
    }
    if gap >= 0.0 {
        return None;
    }
    let slack = 0.1 * em;
    if small {
        // Fonts lie about widths: the gap may look narrower than what stands in it.
        let slack = SMALL_SLACK * em;
        let place = line
            .glyphs
            .windows(2)
            .position(|pair| pair[0].u.1 < start + slack && end < pair[1].u.0 + slack)?;
        return Some((Joint::At(place + 1), 0.0));
    }
    let apart = |a: &PlacedGlyph, b: &PlacedGlyph| a.u.1 < b.u.0 + slack || b.u.1 < a.u.0 + slack;
    let among = run
        .glyphs
        .iter()
        .all(|own| line.glyphs.iter().all(|other| apart(own, other)));
    among.then_some((Joint::Among, 0.0))
}

fn middle(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
