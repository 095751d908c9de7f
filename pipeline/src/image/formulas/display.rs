//! Formulas on lines of their own: stretches of signs without words, off the running text.

use super::{
    bands::{bands, is_bar_of},
    inline::is_operator_name,
    part::union,
    stretch::SignRun,
    structure::Bar,
    symbols::SignKind,
    tokens::{Token, TokenKind},
};
use crate::image::text_layer::Glyph;

/// Widest gap within one row, in ems; between the columns of a table there may be more.
const WIDEST_GAP: f64 = 4.5;
/// A gap that is one between columns unless a comma or a word is before it, in ems: TeX's `\quad` is 1.
const COLUMN_GAP: f64 = 1.6;
/// Share of a stretch's height by which a line of text beside it makes it a part of that line.
const BESIDE: f64 = 0.3;
/// Distance from a line of text, in ems, up to which a stretch beside it is its part.
const NEAR_TEXT: f64 = 1.6;
/// Distance by which a formula lies in from the text's left side, in ems...
const INSET: f64 = 0.9;
/// ...or by which it stands off the lines of text above and below.
const OFF_TEXT: f64 = 0.45;
/// Least width of a formula on a line of its own, in ems.
const LEAST_WIDTH: f64 = 1.5;
/// Most signs and bars of formulas drawn one after another: more are a drawing.
const MOST_BLOCK_SIGNS: usize = 10_000;
const MOST_BLOCK_BARS: usize = 500;
/// Fewest tokens of a row that ends at an operator, to go on in the next.
const LEAST_OPEN_TOKENS: usize = 7;
/// Words that stand within formulas.
const CONNECTIVES: [&str; 14] = [
    "and",
    "or",
    "if",
    "for",
    "where",
    "with",
    "otherwise",
    "when",
    "all",
    "else",
    "as",
    "in",
    "on",
    "is",
];

/// A row: one formula.
#[derive(Debug)]
pub(super) struct Row {
    /// Indices of its glyphs.
    pub glyphs: Vec<usize>,
    pub bars: Vec<Bar>,
    /// Its number, as printed without brackets.
    pub tag: Option<String>,
    /// The number's glyphs.
    pub tag_glyphs: Vec<usize>,
}

/// The kind of a stretch.
#[derive(Clone, Debug, PartialEq)]
enum RunKind {
    /// A line of text.
    Text,
    /// Signs of a formula.
    Formula { has_math: bool },
    /// A number in brackets.
    Tag(String),
}

/// A stretch with its tokens, and the kind that they make it.
pub(super) struct Read<'s> {
    pub stretch: &'s SignRun,
    pub tokens: Vec<Token>,
    kind: RunKind,
}

impl<'s> Read<'s> {
    pub fn new(stretch: &'s SignRun, tokens: Vec<Token>, glyphs: &[Glyph]) -> Self {
        let kind = kind(stretch, &tokens, glyphs);
        Self {
            stretch,
            tokens,
            kind,
        }
    }

    /// Returns true if it is a line of text.
    pub fn is_text(&self) -> bool {
        self.kind == RunKind::Text
    }

    fn ends_with_point(&self) -> bool {
        let last = self.tokens.last().map(|token| token.kind);
        matches!(
            last,
            Some(TokenKind::MathPoint | TokenKind::Sign(',' | ';' | '.' | ':'))
        )
    }

    /// Returns true if words such as `and` stand in it.
    fn is_connective(&self) -> bool {
        self.tokens
            .iter()
            .any(|token| token.kind == TokenKind::Word)
    }

    /// Returns true if it is a piece of a formula of several rows, which says nothing alone.
    pub fn is_fragment(&self) -> bool {
        let large = |token: &Token| token.kind == TokenKind::Math(SignKind::LargeOperator);
        self.kind != RunKind::Text && self.tokens.iter().any(large)
    }
}

fn kind(stretch: &SignRun, tokens: &[Token], glyphs: &[Glyph]) -> RunKind {
    let text = |from: usize, to: usize| -> String {
        stretch.glyphs[from..to]
            .iter()
            .map(|&index| glyphs[index].text)
            .collect()
    };
    let whole = text(0, stretch.glyphs.len());
    if let Some(number) = whole
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
        && is_number(number)
    {
        return RunKind::Tag(number.to_owned());
    }
    let is_word = |(at, token): &(usize, &Token)| match token.kind {
        TokenKind::Word => {
            let word = text(token.from, token.to);
            // Letters of the text's italic type side by side are a product.
            let signs = &stretch.glyphs[token.from..token.to];
            if signs.len() <= 3 && signs.iter().all(|&index| glyphs[index].italic) {
                return false;
            }
            // The name of a function has its argument beside it.
            let has_argument = is_operator_name(tokens, *at);
            !has_argument && !CONNECTIVES.contains(&word.as_str())
        }
        TokenKind::Sign(c) => !"=+<>/:!,.;%-|'".contains(c),
        _ => false,
    };
    if begins_item(tokens) {
        return RunKind::Text;
    }
    let words = tokens.iter().enumerate().filter(is_word).count();
    let is_equals = |token: &Token| {
        matches!(
            token.kind,
            TokenKind::Math(SignKind::Relation) | TokenKind::Sign('=')
        )
    };
    let is_math = |token: &Token| matches!(token.kind, TokenKind::Math(_)) || is_equals(token);
    let first_math = tokens.iter().position(is_math).unwrap_or(tokens.len());
    let is_defined = tokens.get(first_math).is_some_and(is_equals);
    // Words before a formula are a heading's or a sentence's, but for a name that stands for a number.
    if !is_defined
        && tokens[..first_math]
            .iter()
            .enumerate()
            .any(|each| is_word(&each))
    {
        return RunKind::Text;
    }
    let math = tokens
        .iter()
        .filter(|token| matches!(token.kind, TokenKind::Math(_)))
        .count();
    // A word or two within a formula are names: `f_{\mathrm{out}} = \mathrm{softmax}(x)`.
    if words > 0 && (words > 2 || math < 4 * words) {
        return RunKind::Text;
    }
    RunKind::Formula { has_math: math > 0 }
}

/// Returns true for a bullet, or a number with a point that stands apart: an item of a list, not a line of a formula.
fn begins_item(tokens: &[Token]) -> bool {
    match tokens.first().map(|token| token.kind) {
        Some(TokenKind::Sign('•' | '◦' | '▪' | '■' | '†' | '‡')) => true,
        Some(TokenKind::Number) => {
            let point = tokens.get(1).map(|token| token.kind);
            let is_apart = tokens.get(2).is_none_or(|next| next.gap > 0.5);
            matches!(point, Some(TokenKind::Sign('.' | ')'))) && is_apart
        }
        _ => false,
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let others = text.chars().filter(|c| !c.is_ascii_digit());
    (1..=5).contains(&digits)
        && text.chars().count() <= 7
        && others
            .into_iter()
            .all(|c| c.is_ascii_alphabetic() || ".-′'".contains(c))
        && text.chars().filter(|c| c.is_alphabetic()).count() <= 1
}

/// The rows of formulas that stand on lines of their own.
pub(super) fn rows(reads: &[Read<'_>], bars: &[Bar], glyphs: &[Glyph]) -> Vec<Row> {
    let free: Vec<bool> = attached(reads)
        .into_iter()
        .map(|attached| !attached)
        .collect();
    let mut rows = Vec::new();
    let mut at = 0;
    while at < reads.len() {
        let count = reads[at..]
            .iter()
            .zip(&free[at..])
            .take_while(|(_, free)| **free)
            .count();
        if count > 0 {
            rows.extend(block_rows(reads, at..at + count, bars, glyphs));
        }
        at += count.max(1);
    }
    rows
}

/// Tells which stretches are lines of text or parts of them.
fn attached(reads: &[Read<'_>]) -> Vec<bool> {
    let texts: Vec<&SignRun> = reads
        .iter()
        .filter(|read| read.kind == RunKind::Text)
        .map(|read| read.stretch)
        .collect();
    let mut by_top = texts.clone();
    by_top.sort_by(|a, b| a.baseline.total_cmp(&b.baseline));
    let beside_text = |stretch: &SignRun| {
        let [left, top, right, bottom] = stretch.ink;
        let first = by_top.partition_point(|text| text.baseline < top - 30.0);
        by_top[first..]
            .iter()
            .take_while(|text| text.baseline < bottom + 60.0)
            .any(|text| {
                let em = text.size;
                let both =
                    bottom.min(text.baseline + 0.2 * em) - top.max(text.baseline - 0.75 * em);
                let share = both / (bottom - top).min(em).max(0.1);
                let near =
                    left < text.ink[2] + NEAR_TEXT * em && text.ink[0] - NEAR_TEXT * em < right;
                share > BESIDE && near
            })
    };
    let mut line: Option<&SignRun> = None;
    let mut attached = Vec::with_capacity(reads.len());
    for read in reads {
        let is_attached = match read.kind {
            RunKind::Text => true,
            RunKind::Formula { .. } | RunKind::Tag(_) => {
                beside_text(read.stretch) || line.is_some_and(|line| goes_on(line, read.stretch))
            }
        };
        if is_attached {
            line = Some(read.stretch);
        }
        attached.push(is_attached);
    }
    attached
}

/// Returns true if a stretch is the next line of a paragraph: flush left below `line`, at its pitch.
fn goes_on(line: &SignRun, next: &SignRun) -> bool {
    let em = line.size;
    let step = next.baseline - line.baseline;
    (next.ink[0] - line.ink[0]).abs() < 0.4 * em && step > 0.0 && step < 1.6 * em
}

/// The rows of stretches that are drawn one after another without text between.
fn block_rows(
    reads: &[Read<'_>],
    range: std::ops::Range<usize>,
    bars: &[Bar],
    glyphs: &[Glyph],
) -> Vec<Row> {
    let block = &reads[range.clone()];
    let has_math = block
        .iter()
        .any(|read| read.kind == RunKind::Formula { has_math: true });
    if !has_math {
        return Vec::new();
    }
    let parts: Vec<&Read<'_>> = block
        .iter()
        .filter(|read| matches!(read.kind, RunKind::Formula { .. }))
        .collect();
    let whole = parts.iter().fold(parts[0].stretch.ink, |all, read| {
        union(all, read.stretch.ink)
    });
    let inside: Vec<Bar> = bars
        .iter()
        .copied()
        .filter(|bar| is_bar_of(bar, whole))
        .collect();
    let em = parts
        .iter()
        .fold(0.0_f64, |em, read| em.max(read.stretch.size));
    let signs: Vec<&Glyph> = parts
        .iter()
        .flat_map(|read| &read.stretch.glyphs)
        .map(|&index| &glyphs[index])
        .collect();
    if signs.len() > MOST_BLOCK_SIGNS || inside.len() > MOST_BLOCK_BARS {
        return Vec::new();
    }
    let mut rows = Vec::new();
    for (top, bottom) in bands(&signs, &inside, em) {
        let in_band = |ink: [f64; 4]| (top..=bottom).contains(&((ink[1] + ink[3]) / 2.0));
        let of_band = |read: &&&Read<'_>| in_band(read.stretch.ink);
        let mut pieces: Vec<&Read<'_>> = parts.iter().filter(of_band).copied().collect();
        pieces.sort_by(|a, b| a.stretch.ink[0].total_cmp(&b.stretch.ink[0]));
        let Some(ink) = pieces.iter().map(|read| read.stretch.ink).reduce(union) else {
            continue;
        };
        if !is_formula(&pieces, ink, em)
            || !is_off_text(reads, &range, ink, em)
            || has_text(reads, &range, ink, em)
        {
            continue;
        }
        let tag = block.iter().find_map(|read| match &read.kind {
            RunKind::Tag(number) if in_band(read.stretch.ink) && read.stretch.ink[0] > ink[2] => {
                Some((number.clone(), read.stretch.glyphs.clone()))
            }
            _ => None,
        });
        let mut own: Vec<usize> = pieces
            .iter()
            .flat_map(|read| read.stretch.glyphs.iter().copied())
            .collect();
        let tag = tag.or_else(|| pieces.last().and_then(|last| split_tag(last, glyphs)));
        let (tag, tag_glyphs) = tag.map_or((None, Vec::new()), |(number, glyphs)| {
            (Some(number), glyphs)
        });
        own.retain(|index| !tag_glyphs.contains(index));
        rows.push(Row {
            glyphs: own,
            bars: inside.iter().copied().filter(|bar| in_band(*bar)).collect(),
            tag,
            tag_glyphs,
        });
    }
    rows
}

/// The number in brackets at the end of a stretch, and its glyphs.
fn split_tag(read: &Read<'_>, glyphs: &[Glyph]) -> Option<(String, Vec<usize>)> {
    /// Least gap before it, in ems.
    const LEAST_GAP: f64 = 0.6;
    let tokens = &read.tokens;
    let open = tokens
        .iter()
        .rposition(|token| token.kind == TokenKind::Open('('))?;
    let end = tokens.last()?;
    if open == 0 || tokens[open].gap < LEAST_GAP || end.kind != TokenKind::Close(')') {
        return None;
    }
    let own: Vec<usize> = read.stretch.glyphs.get(tokens[open].from..)?.to_vec();
    let text: String = own.iter().map(|&index| glyphs[index].text).collect();
    let number = text.strip_prefix('(')?.strip_suffix(')')?;
    is_number(number).then(|| (number.to_owned(), own))
}

/// Returns true if the pieces of a row make a formula: a relation or an operator, no gap as wide as between columns.
fn is_formula(pieces: &[&Read<'_>], ink: [f64; 4], em: f64) -> bool {
    let kinds = || {
        pieces
            .iter()
            .flat_map(|read| &read.tokens)
            .map(|token| token.kind)
    };
    let operators = kinds().any(|kind| {
        kind.is_operator()
            || matches!(
                kind,
                TokenKind::Math(SignKind::LargeOperator) | TokenKind::Open(_)
            )
    });
    // Measurements in tables have signs between their numbers.
    let math = kinds()
        .filter(|kind| {
            matches!(
                kind,
                TokenKind::Math(SignKind::Ordinary | SignKind::LargeOperator) | TokenKind::Letter
            )
        })
        .count();
    let mut last: Option<(f64, &Read<'_>)> = None;
    let together = pieces.iter().all(|read| {
        let [left, _, right, _] = read.stretch.ink;
        let reached = last.map_or(left, |(reached, _)| reached);
        let gap = left - reached;
        let is_column = gap > COLUMN_GAP * em
            && last.is_some_and(|(_, last)| {
                !last.ends_with_point() && !read.is_connective() && !last.is_connective()
            });
        last = Some((right.max(reached), read));
        gap < WIDEST_GAP * em && !is_column
    });
    let count = kinds().count();
    let ends_open = pieces
        .last()
        .and_then(|read| read.tokens.last())
        .is_some_and(|token| token.kind.is_operator());
    let is_whole = count > 2 && !(ends_open && count < LEAST_OPEN_TOKENS);
    operators && math > 0 && together && is_whole && ink[2] - ink[0] > LEAST_WIDTH * em
}

/// Returns true if words stand within a row, so that what is left of it is no formula.
fn has_text(reads: &[Read<'_>], range: &std::ops::Range<usize>, ink: [f64; 4], em: f64) -> bool {
    /// Stretches looked at on either side.
    const REACH: usize = 12;
    let near = range.start.saturating_sub(REACH)..(range.end + REACH).min(reads.len());
    reads[near].iter().any(|read| {
        let [left, top, right, bottom] = read.stretch.ink;
        let both = bottom.min(ink[3]) - top.max(ink[1]);
        let beside = left < ink[2] + em && ink[0] - em < right;
        read.kind == RunKind::Text && beside && both > BESIDE * (bottom - top)
    })
}

/// Returns true if a row is set off the text before and after it.
fn is_off_text(reads: &[Read<'_>], range: &std::ops::Range<usize>, ink: [f64; 4], em: f64) -> bool {
    /// Stretches looked at for the text's left side.
    const REACH: usize = 40;
    let is_line = |read: &&Read<'_>| {
        let [left, _, right, _] = read.stretch.ink;
        read.kind == RunKind::Text && right - left > 8.0 * em && left < ink[2] && ink[0] < right
    };
    let before = reads[..range.start].iter().rev().take(REACH).find(is_line);
    let after = reads[range.end..].iter().take(REACH).find(is_line);
    let lines: Vec<&Read<'_>> = [before, after].into_iter().flatten().collect();
    let Some(left) = lines
        .iter()
        .map(|read| read.stretch.ink[0])
        .reduce(f64::min)
    else {
        return false;
    };
    let off = lines.iter().all(|read| {
        let [_, top, _, bottom] = read.stretch.ink;
        ink[1] - bottom > OFF_TEXT * em || top - ink[3] > OFF_TEXT * em
    });
    ink[0] - left > INSET * em || off
}
