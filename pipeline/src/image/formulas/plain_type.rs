//! Equations set in a page's ordinary fonts, as browsers and word processors set them where there is no math font.
//!
//! On a page without math fonts an equation is told by what it consists of: a relation, slanted letters one by one or
//! signs that only formulas have, scripts or operators, no word, and no line of text beside it.

use super::{
    math_fonts::MathFont,
    stretch::{SignRun, stretches},
    symbols::{self, SignKind},
    tokens::{PageType, Token, TokenKind, tokens},
};
use crate::image::text_layer::Glyph;

/// Tokens of an equation's main line.
const TOKENS: std::ops::RangeInclusive<usize> = 3..=60;
/// Most letters side by side that are a product.
const MOST_FACTORS: usize = 3;
/// Distance of baselines, in ems, by which two stretches are on one line.
const SAME_LINE: f64 = 0.6;
/// White, in ems, that parts an equation from the text of another column.
const BESIDE: f64 = 3.0;
/// Most stretches of a page that are looked at.
const MOST_STRETCHES: usize = 2_000;
/// Most equations of a page.
const MOST_EQUATIONS: usize = 200;

/// Has the signs of equations count as those of a math font, on a page that has none.
pub(super) fn mark(glyphs: &mut [Glyph]) {
    let may_have = glyphs.iter().any(|glyph| is_relation(glyph.text))
        && glyphs.iter().all(|glyph| glyph.math_font.is_none());
    if !may_have {
        return;
    }
    let page = PageType::of(glyphs);
    let all = stretches(glyphs);
    if all.len() > MOST_STRETCHES {
        return;
    }
    let lines: Vec<Line> = all
        .iter()
        .map(|stretch| Line::of(stretch, &tokens(stretch, glyphs, page), glyphs))
        .collect();
    let is_beside_words = |equation: &Line| {
        lines.iter().any(|line| {
            let (own, other) = (equation.stretch, line.stretch);
            let apart = (other.baseline - own.baseline).abs();
            let white = (other.ink[0] - own.ink[2]).max(own.ink[0] - other.ink[2]);
            line.has_words && apart < SAME_LINE * own.size && white < BESIDE * own.size
        })
    };
    let equations: Vec<usize> = (0..lines.len())
        .filter(|&index| lines[index].is_equation)
        .take(MOST_EQUATIONS)
        .filter(|&index| !is_beside_words(&lines[index]))
        .collect();
    if equations.is_empty() {
        return;
    }
    let signs = lines
        .iter()
        .filter(|line| !line.has_words)
        .flat_map(|line| {
            let of_math = |&&index: &&usize| is_math_sign(glyphs[index].text);
            line.stretch.glyphs.iter().filter(of_math)
        });
    let whole = equations
        .iter()
        .flat_map(|&index| &lines[index].stretch.glyphs);
    let marked: Vec<usize> = signs.chain(whole).copied().collect();
    for index in marked {
        glyphs[index].math_font = Some(MathFont::Unicode);
    }
}

/// A stretch and what it is.
struct Line<'s> {
    stretch: &'s SignRun,
    has_words: bool,
    is_equation: bool,
}

impl<'s> Line<'s> {
    fn of(stretch: &'s SignRun, tokens: &[Token], glyphs: &[Glyph]) -> Self {
        let signs = |token: &Token| {
            let own = &stretch.glyphs[token.from..token.to];
            own.iter().map(|&index| &glyphs[index])
        };
        let is_product = |token: &Token| {
            token.to - token.from <= MOST_FACTORS && signs(token).all(|glyph| glyph.italic)
        };
        let is_math = |token: &Token| signs(token).any(|glyph| is_math_sign(glyph.text));
        let is_word = |token: &Token| match token.kind {
            TokenKind::Word => !is_product(token),
            TokenKind::Sign(c) => {
                !"=+<>/!,.|'-".contains(c)
                    && symbols::kind(c) == SignKind::Ordinary
                    && !is_math(token)
            }
            _ => false,
        };
        let has_words = tokens.iter().any(is_word);
        let relation = tokens
            .iter()
            .position(|token| signs(token).any(|glyph| is_relation(glyph.text)));
        let is_variable =
            |token: &Token| token.kind == TokenKind::Letter && token.is_italic || is_math(token);
        let is_composed = |token: &Token| {
            let operates = |glyph: &Glyph| symbols::kind(glyph.text) == SignKind::Binary;
            token.kind == TokenKind::Script || is_math(token) || signs(token).any(operates)
        };
        Self {
            stretch,
            has_words,
            is_equation: !has_words
                && TOKENS.contains(&tokens.len())
                && relation.is_some_and(|at| at > 0)
                && tokens.iter().any(is_variable)
                && tokens.iter().any(is_composed),
        }
    }
}

fn is_relation(c: char) -> bool {
    symbols::kind(c) == SignKind::Relation && c != ':'
}

/// Returns true for signs that stand in formulas only: Unicode's mathematical operators, but for those that texts have
/// too.
fn is_math_sign(c: char) -> bool {
    matches!(c, '\u{2200}'..='\u{22FF}') && !"−∙∗∼√∕".contains(c)
}
