//! Tokens of a stretch: what of it can be part of a formula, and what is words.

use super::{
    math_fonts::MathFont,
    stretch::SignRun,
    symbols::{self, SignKind},
};
use crate::image::text_layer::Glyph;

/// A gap between letters that ends a word, in ems.
const WORD_GAP: f64 = 0.13;

/// Glyphs of a stretch that are one thing in a formula, or a word.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub kind: TokenKind,
    /// Its place among the stretch's glyphs.
    pub from: usize,
    pub to: usize,
    /// The gap before it, in ems.
    pub gap: f64,
    /// True if it begins in slanted type, which may be that of formulas too.
    pub is_italic: bool,
    /// True if it begins in type that the page has in formulas only.
    pub is_foreign: bool,
}

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Set in a font of formulas.
    Math(SignKind),
    /// A comma or full stop set in one.
    MathPoint,
    /// A number in the text's type.
    Number,
    /// A sign of the text's type that formulas have too.
    Sign(char),
    Open(char),
    Close(char),
    /// The name of a function.
    Name,
    /// A single upright or bold letter.
    Letter,
    /// Small raised or lowered text type.
    Script,
    /// Anything else.
    Word,
}

impl TokenKind {
    /// Returns true for what may stand on either side of an operator.
    pub fn is_operand(self) -> bool {
        matches!(
            self,
            Self::Math(_) | Self::Number | Self::Open(_) | Self::Name | Self::Letter | Self::Script
        )
    }

    /// Returns true for operators and relations: what stands beside them belongs to the formula.
    pub fn is_operator(self) -> bool {
        match self {
            Self::Math(kind) => matches!(kind, SignKind::Binary | SignKind::Relation),
            Self::Sign(c) => "=+<>/:".contains(c),
            _ => false,
        }
    }
}

/// A page's own type: whether its text is set in the fonts that TeX's formulas share with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageType {
    pub is_roman: bool,
}

impl PageType {
    /// Returns true for type that the page has in formulas only.
    fn is_foreign(self, glyph: &Glyph) -> bool {
        !self.is_roman && glyph.math_font == Some(MathFont::Roman)
    }

    /// Share of Computer Modern among letters from which it is the page's text.
    const ROMAN_SHARE: f64 = 0.2;

    pub fn of(glyphs: &[Glyph]) -> Self {
        let letters = || {
            glyphs.iter().filter(|glyph| {
                glyph.text.is_alphabetic() && !glyph.math_font.is_some_and(MathFont::is_only_math)
            })
        };
        let roman = letters()
            .filter(|glyph| glyph.math_font == Some(MathFont::Roman))
            .count();
        Self {
            is_roman: roman as f64 > Self::ROMAN_SHARE * letters().count() as f64,
        }
    }
}

/// The tokens of a stretch.
pub(super) fn tokens(stretch: &SignRun, glyphs: &[Glyph], page: PageType) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut last: Option<&Glyph> = None;
    let mut reached = f64::MIN;
    for (at, glyph) in stretch
        .glyphs
        .iter()
        .map(|&index| &glyphs[index])
        .enumerate()
    {
        let next = stretch.glyphs.get(at + 1).map(|&index| &glyphs[index]);
        let kind = if is_math_accent(glyph, next) {
            TokenKind::Math(SignKind::Ordinary)
        } else {
            kind(stretch, glyph, page)
        };
        let gap = (glyph.bounds[0] - reached) / stretch.size;
        let joins = last.is_some_and(|last| {
            let same_line = (last.origin.1 - glyph.origin.1).abs() < 0.05 * glyph.size;
            same_line
                && gap < WORD_GAP
                && (glyph.bounds[0] - last.bounds[2]) / stretch.size < WORD_GAP
        });
        last = Some(glyph);
        reached = reached.max(glyph.bounds[2]);
        match tokens.last_mut() {
            Some(token) if joins && joined(token.kind, kind, glyph).is_some() => {
                token.kind = joined(token.kind, kind, glyph).unwrap_or(token.kind);
                token.to = at + 1;
            }
            _ => tokens.push(Token {
                kind,
                from: at,
                to: at + 1,
                gap,
                is_italic: glyph.italic,
                is_foreign: page.is_foreign(glyph),
            }),
        }
    }
    name(&mut tokens, stretch, glyphs, page);
    tokens
}

fn kind(stretch: &SignRun, glyph: &Glyph, page: PageType) -> TokenKind {
    let c = glyph.text;
    let foreign_roman = page.is_foreign(glyph);
    if is_math(glyph) || foreign_roman && !c.is_alphabetic() && (c != ',' && c != '.') {
        return match c {
            ',' | '.' | ';' => TokenKind::MathPoint,
            '0'..='9' if !foreign_roman => TokenKind::Number,
            '(' | '[' if foreign_roman => TokenKind::Open(c),
            ')' | ']' if foreign_roman => TokenKind::Close(c),
            '{' | '⟨' | '⌊' | '⌈' => TokenKind::Open(c),
            '}' | '⟩' | '⌋' | '⌉' => TokenKind::Close(c),
            '(' | '[' => TokenKind::Open(c),
            ')' | ']' => TokenKind::Close(c),
            _ => TokenKind::Math(symbols::kind(c)),
        };
    }
    if stretch.is_script(glyph) {
        return TokenKind::Script;
    }
    match c {
        '0'..='9' => TokenKind::Number,
        '(' | '[' | '{' => TokenKind::Open(c),
        ')' | ']' | '}' => TokenKind::Close(c),
        'Γ'..='Ω' | '\u{2126}' | '\u{2206}' if glyph.math_font == Some(MathFont::Roman) => {
            TokenKind::Math(SignKind::Ordinary)
        }
        _ if c.is_alphabetic() => TokenKind::Letter,
        _ => TokenKind::Sign(c),
    }
}

/// Returns true for signs that stand in formulas only.
fn is_math(glyph: &Glyph) -> bool {
    let Some(font) = glyph.math_font.filter(|font| font.is_only_math()) else {
        return false;
    };
    match font {
        // Bullets, note marks, ends of proofs and the like are set in these fonts too.
        MathFont::Symbols => !"•†‡§¶◦∗◯♣♢♡♠\\".contains(glyph.text) || is_degree(glyph),
        MathFont::AmsA => !"□■★✓◊▸▾◂▴".contains(glyph.text),
        MathFont::Unicode => !glyph.text.is_whitespace(),
        _ => true,
    }
}

/// Returns true for an accent of the text's type that is drawn over a sign of a formula.
fn is_math_accent(glyph: &Glyph, next: Option<&Glyph>) -> bool {
    let over = |next: &Glyph| {
        let both = glyph.outline[2].min(next.outline[2]) - glyph.outline[0].max(next.outline[0]);
        both > 0.0 && is_math(next)
    };
    symbols::accent(glyph.text).is_some() && next.is_some_and(over)
}

fn is_degree(glyph: &Glyph) -> bool {
    matches!(glyph.text, '◦' | '∘' | '∗')
}

/// The kind of a token with a further glyph at its end; `None` if that begins another token.
fn joined(token: TokenKind, glyph: TokenKind, sign: &Glyph) -> Option<TokenKind> {
    use TokenKind::{Letter, Number, Script, Sign, Word};
    match (token, glyph) {
        (Number, Number) => Some(Number),
        // Points within numbers; one at the end is taken off again.
        (Number, Sign('.' | ',')) => Some(Number),
        (Script, Script) => Some(Script),
        (Letter | Word, Letter) => Some(Word),
        (Word, Number) | (Letter, Number) if sign.math_font.is_none() => Some(Word),
        (Word | Letter, Sign('-' | '’' | '\'')) => Some(Word),
        (Number, Letter) if sign.math_font.is_none() => Some(Word),
        _ => None,
    }
}

/// Tells names of functions among the words, and takes points off the ends of numbers.
fn name(tokens: &mut Vec<Token>, stretch: &SignRun, glyphs: &[Glyph], page: PageType) {
    let mut named = Vec::with_capacity(tokens.len());
    for mut token in tokens.drain(..) {
        let text = |token: &Token| -> String {
            stretch.glyphs[token.from..token.to]
                .iter()
                .map(|&index| glyphs[index].text)
                .collect()
        };
        match token.kind {
            TokenKind::Word if symbols::is_name(&text(&token)) => token.kind = TokenKind::Name,
            // A product of two variables, where the text's italic type is that of formulas.
            TokenKind::Word
                if token.to - token.from == 2
                    && stretch.glyphs[token.from..token.to]
                        .iter()
                        .all(|&index| glyphs[index].italic) =>
            {
                token.kind = TokenKind::Letter;
            }
            TokenKind::Letter if page.is_foreign(&glyphs[stretch.glyphs[token.from]]) => {
                token.kind = TokenKind::Math(SignKind::Ordinary);
            }
            TokenKind::Number => {
                let word = text(&token);
                let points = word.chars().rev().take_while(|c| !c.is_ascii_digit());
                let points: Vec<char> = points.collect();
                token.to -= points.len();
                let first = token.to;
                named.push(token.clone());
                for (at, point) in (first..).zip(points.into_iter().rev()) {
                    named.push(Token {
                        kind: TokenKind::Sign(point),
                        from: at,
                        to: at + 1,
                        gap: 0.0,
                        is_italic: token.is_italic,
                        is_foreign: token.is_foreign,
                    });
                }
                continue;
            }
            _ => {}
        }
        named.push(token);
    }
    *tokens = named;
}
