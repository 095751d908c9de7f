//! Parts of a formula while its structure is found: signs at first, then fractions, roots and words made of them.

use super::{
    math_fonts::MathFont,
    symbols::{self, SignKind},
};
use crate::image::text_layer::Glyph;

/// Height of a sign, in ems, from which it is a large delimiter or operator that stands beside several rows.
const TALL: f64 = 1.15;

/// A sign or something built of signs. Coordinates are points of the displayed page, y down.
#[derive(Clone, Debug, Default)]
pub(super) struct Part {
    /// Left, top, right and bottom of its ink.
    pub ink: [f64; 4],
    /// Its place along the line: where its box begins, which ink may overhang.
    pub x: f64,
    /// The place at which the next sign's box begins.
    pub end: f64,
    pub baseline: f64,
    pub size: f64,
    /// LaTeX of it.
    pub latex: String,
    pub kind: SignKind,
    /// The sign; `None` for what is built.
    pub sign: Option<char>,
    pub font: Option<MathFont>,
    pub bold: bool,
    /// True if its font is slanted.
    pub italic: bool,
    /// True if its place is told by its ink alone: large signs hang from their baseline, fractions have none.
    pub is_tall: bool,
}

impl Part {
    /// The sign that a glyph is; `None` if formulas do not have it.
    pub fn of(glyph: &Glyph) -> Option<Self> {
        let font = glyph.math_font;
        let pieces = is_piece(glyph.text);
        let special = pieces || glyph.text == NEGATION || symbols::accent(glyph.text).is_some();
        let latex = match symbols::latex(glyph.text, font, glyph.math_bold) {
            Some(latex) => latex,
            None if special => String::new(),
            None if glyph.text.is_alphabetic() => glyph.text.to_string(),
            None => return None,
        };
        let kind = symbols::kind(glyph.text);
        let height = glyph.outline[3] - glyph.outline[1];
        let is_large = font == Some(MathFont::Extension)
            || matches!(kind, SignKind::LargeOperator)
            || height > TALL * glyph.size && !glyph.text.is_alphanumeric();
        Some(Self {
            ink: glyph.outline,
            x: glyph.bounds[0].min(glyph.origin.0),
            end: glyph.bounds[2],
            baseline: glyph.origin.1,
            size: glyph.size,
            latex,
            kind,
            sign: Some(glyph.text),
            font,
            bold: glyph.math_bold,
            italic: glyph.italic,
            is_tall: is_large,
        })
    }

    /// Something built of `parts` that has no baseline.
    pub fn built(latex: String, ink: [f64; 4], size: f64) -> Self {
        Self {
            ink,
            x: ink[0],
            end: ink[2],
            baseline: (ink[1] + ink[3]) / 2.0 + AXIS * size,
            size,
            latex,
            is_tall: true,
            ..Self::default()
        }
    }

    pub fn center(&self) -> (f64, f64) {
        let [left, top, right, bottom] = self.ink;
        ((left + right) / 2.0, (top + bottom) / 2.0)
    }

    pub fn height(&self) -> f64 {
        self.ink[3] - self.ink[1]
    }

    /// Returns true for an upright letter, which words are made of.
    pub fn is_upright_letter(&self) -> bool {
        self.sign.is_some_and(char::is_alphabetic)
            && !self.italic
            && matches!(self.font, None | Some(MathFont::Roman))
    }
}

/// Height of a formula's axis, on which fractions lie, over its baseline, in ems.
pub(super) const AXIS: f64 = 0.25;

/// The stroke through a relation that negates it.
pub(super) const NEGATION: char = '\u{338}';

/// The box around boxes.
pub(super) fn around<'p>(parts: impl IntoIterator<Item = &'p Part>) -> [f64; 4] {
    parts
        .into_iter()
        .fold([f64::MAX, f64::MAX, f64::MIN, f64::MIN], |all, part| {
            union(all, part.ink)
        })
}

/// The box around both.
pub(super) fn union(a: [f64; 4], b: [f64; 4]) -> [f64; 4] {
    [
        a[0].min(b[0]),
        a[1].min(b[1]),
        a[2].max(b[2]),
        a[3].max(b[3]),
    ]
}

/// The largest type among `parts`; 0 if there is none.
pub(super) fn largest(parts: &[Part]) -> f64 {
    let is_plain = |part: &&Part| {
        part.font != Some(MathFont::Extension) && part.kind != SignKind::LargeOperator
    };
    let signs = parts.iter().filter(is_plain);
    let largest = signs.fold(0.0_f64, |size, part| size.max(part.size));
    if largest > 0.0 {
        return largest;
    }
    parts.iter().fold(0.0_f64, |size, part| size.max(part.size))
}

/// Returns true for the pieces that tall delimiters are made of.
pub(super) fn is_piece(c: char) -> bool {
    ('⎛'..='⎭').contains(&c) || c == '⏐'
}

/// Puts the pieces of tall delimiters together.
pub(super) fn join_pieces(parts: Vec<Part>) -> Vec<Part> {
    let (pieces, mut rest): (Vec<Part>, Vec<Part>) = parts
        .into_iter()
        .partition(|part| part.sign.is_some_and(is_piece) || is_extending_bar(part));
    let mut joined: Vec<Part> = Vec::new();
    for piece in pieces {
        let near = |other: &&mut Part| {
            let reach = 0.25 * piece.size;
            let aside = (other.center().0 - piece.center().0).abs() < 2.0 * reach;
            aside && other.ink[1] < piece.ink[3] + reach && piece.ink[1] < other.ink[3] + reach
        };
        let sign = piece.sign.and_then(delimiter);
        match joined.iter_mut().find(near) {
            Some(other) => {
                other.ink = union(other.ink, piece.ink);
                if other.sign.is_none() || sign.is_some_and(|sign| "{}".contains(sign)) {
                    other.sign = sign.or(other.sign);
                }
            }
            None if is_extending_bar(&piece) => joined.push(piece),
            None => joined.push(Part { sign, ..piece }),
        }
    }
    for mut part in joined {
        let sign = part.sign.unwrap_or('|');
        part.latex = symbols::latex(sign, None, false).unwrap_or_default();
        part.kind = symbols::kind(sign);
        part.sign = Some(sign);
        part.is_tall = true;
        rest.push(part);
    }
    rest
}

/// Returns true for bars that are drawn one below the other to make a tall one.
fn is_extending_bar(part: &Part) -> bool {
    part.font == Some(MathFont::Extension) && matches!(part.sign, Some('|' | '‖'))
}

/// The delimiter that a piece is of; `None` for those that are of several.
fn delimiter(piece: char) -> Option<char> {
    Some(match piece {
        '⎛' | '⎜' | '⎝' => '(',
        '⎞' | '⎟' | '⎠' => ')',
        '⎡' | '⎢' | '⎣' => '[',
        '⎤' | '⎥' | '⎦' => ']',
        '⎧' | '⎨' | '⎩' => '{',
        '⎫' | '⎬' | '⎭' => '}',
        _ => return None,
    })
}
