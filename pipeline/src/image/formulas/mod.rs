//! Formulas of a page's own text, written as LaTeX by rules.
//!
//! A document says which font each sign is set in and where it stands; fonts of mathematics and places are enough to
//! tell formulas from words and to write most of them. What does not fit the rules stays text.

pub(super) mod math_fonts;
mod bands;
mod display;
mod inline;
mod part;
mod plain_type;
mod row;
mod stacks;
mod stretch;
mod structure;
mod symbols;
mod tokens;

use std::sync::Arc;

use self::{
    display::Read,
    part::Part,
    stretch::SignRun,
    structure::Bar,
    tokens::{PageType, Token, TokenKind},
};
use super::text_layer::Glyph;

/// Most signs of one formula: the longest of papers have some 300.
const MOST_SIGNS: usize = 800;
/// Most formulas of a page.
const MOST_FORMULAS: usize = 2_000;
/// Most glyphs and stretches of a page: those with more are drawn from letters.
const MOST_GLYPHS: usize = 100_000;
const MOST_STRETCHES: usize = 5_000;

/// A formula among a page's glyphs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Formula {
    /// Indices of its glyphs, those of its number too.
    pub glyphs: Vec<usize>,
    /// Its LaTeX, without delimiters.
    pub latex: String,
    /// Its signs in the order they are drawn.
    pub plain: String,
    /// True if it stands on a line of its own.
    pub is_display: bool,
    /// Left, top, right and bottom of its ink and boxes.
    pub bounds: [f64; 4],
    pub baseline: f64,
    pub size: f64,
}

/// A formula in the place of its signs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PlacedFormula {
    /// Its number on the page.
    pub number: u32,
    /// Its LaTeX, without delimiters.
    pub latex: String,
    /// Its signs in the order they are drawn.
    pub plain: String,
    /// True if it stands on a line of its own.
    pub is_display: bool,
}

/// A page's glyphs with each formula as one glyph in the place of its signs.
pub(super) fn put_in_place(mut glyphs: Vec<Glyph>, bars: &[Bar]) -> Vec<Glyph> {
    // Browsers draw these between the parts of a formula.
    glyphs.retain(|glyph| glyph.text != '\u{200B}');
    plain_type::mark(&mut glyphs);
    let formulas = find(&glyphs, bars);
    if formulas.is_empty() {
        return glyphs;
    }
    let mut placed: Vec<Option<Glyph>> = vec![None; glyphs.len()];
    let mut dropped = vec![false; glyphs.len()];
    for (number, formula) in formulas.into_iter().enumerate() {
        let (Some(&first), Some(&last)) =
            (formula.glyphs.iter().min(), formula.glyphs.iter().max())
        else {
            continue;
        };
        for &index in &formula.glyphs {
            dropped[index] = true;
        }
        for index in first..last {
            // Spaces between its signs say nothing.
            dropped[index] |= glyphs[index].text.is_whitespace();
        }
        placed[first] = Some(formula_glyph(&glyphs[first], number, formula));
    }
    let all = glyphs.into_iter().zip(placed).zip(dropped);
    all.filter_map(|((glyph, placed), dropped)| if dropped { placed } else { Some(glyph) })
        .collect()
}

/// The glyph that stands for a formula.
fn formula_glyph(first: &Glyph, number: usize, formula: Formula) -> Glyph {
    Glyph {
        text: char::REPLACEMENT_CHARACTER,
        origin: (formula.bounds[0], formula.baseline),
        direction: first.direction,
        bounds: formula.bounds,
        outline: formula.bounds,
        size: formula.size,
        font: usize::MAX,
        bold: first.bold,
        tag: first.tag,
        formula: Some(Arc::new(PlacedFormula {
            number: u32::try_from(number).unwrap_or(u32::MAX),
            latex: formula.latex,
            plain: formula.plain,
            is_display: formula.is_display,
        })),
        ..Glyph::default()
    }
}

/// The formulas of a page with these `glyphs`, in the order they are drawn, and thin `bars`.
pub(super) fn find(glyphs: &[Glyph], bars: &[Bar]) -> Vec<Formula> {
    let has_math = glyphs.iter().any(|glyph| glyph.math_font.is_some());
    if !has_math || glyphs.len() > MOST_GLYPHS {
        return Vec::new();
    }
    let page = PageType::of(glyphs);
    let stretches = stretch::stretches(glyphs);
    if stretches.len() > MOST_STRETCHES {
        return Vec::new();
    }
    let reads: Vec<Read<'_>> = stretches
        .iter()
        .map(|stretch| Read::new(stretch, tokens::tokens(stretch, glyphs, page), glyphs))
        .collect();
    let mut formulas = Vec::new();
    let mut taken = vec![false; glyphs.len()];
    for row in display::rows(&reads, bars, glyphs) {
        for &index in row.glyphs.iter().chain(&row.tag_glyphs) {
            taken[index] = true;
        }
        formulas.extend(display_formula(glyphs, row));
    }
    for read in &reads {
        if read.is_fragment() || read.stretch.glyphs.iter().any(|&index| taken[index]) {
            continue;
        }
        let is_ten = |token: &Token| page.is_roman && is_ten(read.stretch, token, glyphs);
        for range in inline::formulas(&read.tokens, is_ten) {
            if formulas.len() >= MOST_FORMULAS {
                return formulas;
            }
            formulas.extend(inline_formula(glyphs, bars, read, range));
        }
    }
    formulas
}

/// Returns true for the number 10, whose raised number is an exponent.
fn is_ten(stretch: &SignRun, token: &Token, glyphs: &[Glyph]) -> bool {
    let digits = stretch.glyphs[token.from..token.to]
        .iter()
        .map(|&index| glyphs[index].text);
    digits.eq("10".chars())
}

fn display_formula(glyphs: &[Glyph], row: display::Row) -> Option<Formula> {
    let mut latex = latex(glyphs, &row.glyphs, &row.bars)?;
    let mut all = row.glyphs;
    if let Some(tag) = row.tag {
        latex += &format!("\\tag{{{tag}}}");
        all.extend(row.tag_glyphs);
    }
    formula(glyphs, all, latex, true)
}

fn inline_formula(
    glyphs: &[Glyph],
    bars: &[Bar],
    read: &Read<'_>,
    mut range: std::ops::Range<usize>,
) -> Option<Formula> {
    let stretch = read.stretch;
    let first = &glyphs[*stretch.glyphs.get(read.tokens.get(range.start)?.from)?];
    if stretch.is_script(first) {
        // A script needs what it stands on; on a word it is a note's sign.
        let before = range.start.checked_sub(1)?;
        let is_tight = read.tokens[range.start].gap < 0.2;
        if read.tokens[before].kind != TokenKind::Number || !is_tight {
            return None;
        }
        range.start = before;
    }
    let from = read.tokens.get(range.start)?.from;
    let to = read.tokens.get(range.end.checked_sub(1)?)?.to;
    let own: Vec<usize> = stretch.glyphs.get(from..to)?.to_vec();
    if says_nothing(&own, glyphs, read.is_text()) {
        return None;
    }
    let ink = own
        .iter()
        .map(|&index| glyphs[index].outline)
        .reduce(part::union)?;
    let em = stretch.size;
    let near = |bar: &&Bar| {
        let middle = (bar[1] + bar[3]) / 2.0;
        let across = ink[0] - 0.2 * em < bar[0] && bar[2] < ink[2] + 0.2 * em;
        across && ink[1] - 0.3 * em < middle && middle < ink[3]
    };
    let own_bars: Vec<Bar> = bars.iter().filter(near).copied().collect();
    let latex = latex(glyphs, &own, &own_bars)?;
    formula(glyphs, own, latex, false)
}

/// Returns true for what reads the same as text: a lone operator or box, a measurement with its error or with a unit, a
/// number that is not in a line of text.
fn says_nothing(own: &[usize], glyphs: &[Glyph], in_text: bool) -> bool {
    let signs = || own.iter().map(|&index| glyphs[index].text);
    let is_number = |c: char| c.is_ascii_digit() || ".,+-−%".contains(c);
    let is_lone = own.len() == 1 && signs().all(|c| "|∗{}[]()/.,+=−-⊞⊠⊡⊟".contains(c));
    let has_error =
        own.len() > 1 && signs().any(|c| c == '±') && signs().all(|c| c == '±' || is_number(c));
    let unit: String = signs().skip_while(|c| is_number(*c)).collect();
    let is_unit = [
        "µm", "μm", "µs", "μs", "µg", "μg", "µl", "μl", "µL", "μL", "µM", "μM", "µA", "μA", "µV",
        "μV", "µW", "μW",
    ]
    .contains(&unit.as_str());
    let is_label = !in_text && signs().all(is_number);
    is_lone || has_error || is_unit || is_label
}

fn latex(glyphs: &[Glyph], own: &[usize], bars: &[Bar]) -> Option<String> {
    if own.len() > MOST_SIGNS || bars.len() > MOST_SIGNS {
        return None;
    }
    let parts: Option<Vec<Part>> = own.iter().map(|&index| Part::of(&glyphs[index])).collect();
    structure::latex(parts?, bars, 0)
}

fn formula(glyphs: &[Glyph], own: Vec<usize>, latex: String, is_display: bool) -> Option<Formula> {
    let signs = || own.iter().filter_map(|&index| glyphs.get(index));
    let bounds = signs()
        .map(|glyph| {
            part::union(
                glyph.outline,
                [
                    glyph.bounds[0],
                    glyph.outline[1],
                    glyph.bounds[2],
                    glyph.outline[3],
                ],
            )
        })
        .reduce(part::union)?;
    let size = signs()
        .filter(|glyph| !stretch::hangs(glyph))
        .fold(0.0_f64, |size, glyph| size.max(glyph.size));
    let on_line = signs().find(|glyph| !stretch::hangs(glyph) && glyph.size > 0.9 * size)?;
    Some(Formula {
        plain: plain(signs()),
        latex,
        is_display,
        bounds,
        baseline: on_line.origin.1,
        size,
        glyphs: own,
    })
}

/// The signs as text, with spaces where gaps are wide.
fn plain<'g>(signs: impl Iterator<Item = &'g Glyph>) -> String {
    let mut text = String::new();
    let mut reached = f64::MAX;
    for glyph in signs {
        if glyph.bounds[0] - reached > 0.2 * glyph.size && !text.is_empty() {
            text.push(' ');
        }
        if !glyph.text.is_control() {
            text.push(glyph.text);
        }
        reached = glyph.bounds[2];
    }
    text
}

#[cfg(test)]
mod tests;
