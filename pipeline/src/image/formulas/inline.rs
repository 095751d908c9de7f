//! Formulas in lines of text: the tokens of a stretch that belong to one.
//!
//! A formula grows from a sign of a math font to what belongs with it: numbers and names beside operators, brackets
//! that are its own, scripts. Gaps tell the rest: between the letters of a formula there is at most a thin space (a
//! sixth of an em), between words a third of one.

use super::{
    symbols::SignKind,
    tokens::{Token, TokenKind},
};

/// Largest gap between two signs of a formula, in ems: a thin space.
const TIGHT: f64 = 0.24;
/// The same beside an operator or relation: TeX's is 0.28, which justified lines stretch.
const BESIDE_OPERATOR: f64 = 0.75;
/// The same after a comma.
const AFTER_POINT: f64 = 0.4;
/// A gap by which a colon is a relation, in ems.
const COLON_GAP: f64 = 0.15;

/// Tokens looked at for the bracket that answers one.
const REACH: usize = 60;
/// Most tokens of a formula in a line.
const MOST_TOKENS: usize = 400;

/// Ranges of tokens that are formulas, in order.
pub(super) fn formulas(
    tokens: &[Token],
    is_power_of_ten: impl Fn(&Token) -> bool,
) -> Vec<std::ops::Range<usize>> {
    let seeds = seeds(tokens, is_power_of_ten);
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !seeds[at] {
            at += 1;
            continue;
        }
        let least = found.last().map_or(0, |range| range.end);
        let range = trimmed(tokens, grow(tokens, at, least));
        at = range.end.max(at + 1);
        if !range.is_empty() && is_worth(tokens, &range) {
            found.push(range);
        }
    }
    found
}

/// Tells which tokens begin a formula.
fn seeds(tokens: &[Token], is_power_of_ten: impl Fn(&Token) -> bool) -> Vec<bool> {
    let is_seed = |(at, token): (usize, &Token)| match token.kind {
        TokenKind::Math(_) => true,
        TokenKind::Open(c) | TokenKind::Close(c) if !"()[]{}".contains(c) => true,
        // The letter of a function, before a bracket in a font that the page's text is not set in.
        TokenKind::Letter => {
            let opens = |next: &Token| {
                next.is_foreign && matches!(next.kind, TokenKind::Open(_)) && next.gap < 0.1
            };
            token.is_italic && tokens.get(at + 1).is_some_and(opens)
        }
        TokenKind::Number => {
            let raised = tokens
                .get(at + 1)
                .is_some_and(|next| next.kind == TokenKind::Script && next.gap < TIGHT);
            raised && is_power_of_ten(token)
        }
        _ => false,
    };
    tokens.iter().enumerate().map(is_seed).collect()
}

/// The range around the token `at`, not before `least`, that belongs to its formula.
fn grow(tokens: &[Token], at: usize, least: usize) -> std::ops::Range<usize> {
    let mut range = at..at + 1;
    loop {
        let before = range.clone();
        while let Some(end) = right(tokens, &range) {
            range.end = end;
        }
        while let Some(start) = left(tokens, &range, least) {
            range.start = start;
        }
        if let Some(wrapped) = wrap(tokens, &range, least) {
            range = wrapped;
        }
        if range == before || range.len() > MOST_TOKENS {
            return range;
        }
    }
}

/// The end of the range with what follows it.
fn right(tokens: &[Token], range: &std::ops::Range<usize>) -> Option<usize> {
    let next = tokens
        .get(range.end)
        .filter(|_| range.len() <= MOST_TOKENS)?;
    let last = &tokens[range.end - 1];
    let most = most_gap(last.kind, next.kind);
    if next.gap > most {
        return None;
    }
    let after = tokens.get(range.end + 1);
    let goes_on =
        |most: f64| after.is_some_and(|after| after.gap < most && after.kind.is_operand());
    let end = range.end + 1;
    match next.kind {
        TokenKind::Math(_) | TokenKind::Script => Some(end),
        TokenKind::Number => Some(end),
        TokenKind::MathPoint => goes_on(AFTER_POINT).then_some(end),
        TokenKind::Name => goes_on(BESIDE_OPERATOR).then_some(end),
        TokenKind::Letter => {
            let begins_name = next.is_italic && is_operator_name(tokens, range.end);
            (last.kind.is_operator() || next.gap < 0.1 || begins_name).then_some(end)
        }
        TokenKind::Sign('=' | '+' | '<' | '>') => goes_on(BESIDE_OPERATOR).then_some(end),
        TokenKind::Sign('/') => (next.gap < 0.1 && goes_on(0.1)).then_some(end),
        TokenKind::Sign(':') => (next.gap > COLON_GAP && goes_on(BESIDE_OPERATOR)).then_some(end),
        TokenKind::Sign('!') => (next.gap < 0.1).then_some(end),
        TokenKind::Sign('%') => (last.kind == TokenKind::Number && next.gap < 0.1).then_some(end),
        TokenKind::Open(_) => closing(tokens, range.end).map(|close| close + 1),
        TokenKind::Close(c) => (open_in(tokens, range) == Some(partner(c))).then_some(end),
        TokenKind::Sign(_) | TokenKind::Word => None,
    }
}

/// The start of the range with what is before it.
fn left(tokens: &[Token], range: &std::ops::Range<usize>, least: usize) -> Option<usize> {
    let at = range.start.checked_sub(1).filter(|at| *at >= least)?;
    let (before, first) = (&tokens[at], &tokens[range.start]);
    if first.gap > most_gap(before.kind, first.kind) {
        return None;
    }
    let begins = |most: f64| {
        let operand = at
            .checked_sub(1)
            .filter(|at| *at >= least)
            .map(|at| tokens[at].kind);
        tokens[at].gap < most
            && operand.is_some_and(|kind| kind.is_operand() || matches!(kind, TokenKind::Close(_)))
    };
    match before.kind {
        TokenKind::Math(_) | TokenKind::Number | TokenKind::Name => Some(at),
        TokenKind::Script => begins(TIGHT).then_some(at),
        TokenKind::MathPoint => begins(TIGHT).then_some(at),
        TokenKind::Letter => (first.kind.is_operator() || first.gap < 0.1).then_some(at),
        TokenKind::Sign('=' | '+' | '<' | '>') => {
            Some(at).filter(|_| begins(BESIDE_OPERATOR) || before.kind == TokenKind::Sign('+'))
        }
        TokenKind::Sign('/') => (first.gap < 0.1 && begins(0.1)).then_some(at),
        TokenKind::Close(_) => opening(tokens, at, least),
        _ => None,
    }
}

/// The largest gap over which two tokens are of one formula.
fn most_gap(a: TokenKind, b: TokenKind) -> f64 {
    if a.is_operator() || b.is_operator() {
        BESIDE_OPERATOR
    } else if matches!(
        a,
        TokenKind::MathPoint | TokenKind::Name | TokenKind::Math(SignKind::LargeOperator)
    ) || b == TokenKind::Name
    {
        AFTER_POINT
    } else {
        TIGHT
    }
}

/// The range with the brackets around it, if they are the formula's and not the text's.
fn wrap(
    tokens: &[Token],
    range: &std::ops::Range<usize>,
    least: usize,
) -> Option<std::ops::Range<usize>> {
    let open = range.start.checked_sub(1).filter(|at| *at >= least)?;
    let (TokenKind::Open(sign), TokenKind::Close(answer)) =
        (tokens[open].kind, tokens.get(range.end)?.kind)
    else {
        return None;
    };
    if partner(answer) != sign && !(sign == '[' || sign == '(') {
        return None;
    }
    let wrapped = open..range.end + 1;
    let is_function = open
        .checked_sub(1)
        .filter(|at| *at >= least)
        .is_some_and(|at| {
            let kind = tokens[at].kind;
            let holds = matches!(
                kind,
                TokenKind::Math(_) | TokenKind::Number | TokenKind::Name | TokenKind::Close(_)
            );
            tokens[open].gap < TIGHT && holds
                || kind.is_operator() && tokens[open].gap < BESIDE_OPERATOR
        });
    let is_list = tokens[range.clone()]
        .iter()
        .any(|token| token.kind == TokenKind::MathPoint);
    let goes_on = right(tokens, &wrapped).is_some();
    (is_function || is_list || goes_on || !"()".contains(sign)).then_some(wrapped)
}

/// The bracket that answers the one at `open`, if all between can be a formula's.
fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open).take(REACH) {
        match token.kind {
            TokenKind::Open(_) => depth += 1,
            TokenKind::Close(_) => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            TokenKind::Word if !is_operator_name(tokens, at) => return None,
            _ if token.gap > BESIDE_OPERATOR => return None,
            _ => {}
        }
    }
    None
}

/// Returns true for a word with an index or an argument, such as `Ann` in `Ann_R(x)`.
pub(super) fn is_operator_name(tokens: &[Token], at: usize) -> bool {
    tokens.get(at + 1).is_some_and(|next| {
        next.gap < 0.1 && matches!(next.kind, TokenKind::Script | TokenKind::Open(_))
    })
}

/// The bracket that the one at `close` answers.
fn opening(tokens: &[Token], close: usize, least: usize) -> Option<usize> {
    let mut depth = 0;
    for at in (least..=close).rev().take(REACH) {
        match tokens[at].kind {
            TokenKind::Close(_) => depth += 1,
            TokenKind::Open(_) => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            TokenKind::Word => return None,
            _ if tokens[at].gap > BESIDE_OPERATOR => return None,
            _ => {}
        }
    }
    None
}

/// The last bracket of the range that is not answered in it.
fn open_in(tokens: &[Token], range: &std::ops::Range<usize>) -> Option<char> {
    let mut open = Vec::new();
    for token in &tokens[range.clone()] {
        match token.kind {
            TokenKind::Open(c) => open.push(c),
            TokenKind::Close(_) => {
                open.pop();
            }
            _ => {}
        }
    }
    open.last().copied()
}

fn partner(c: char) -> char {
    match c {
        ')' => '(',
        ']' => '[',
        '}' => '{',
        '⟩' => '⟨',
        '⌋' => '⌊',
        '⌉' => '⌈',
        other => other,
    }
}

/// The range without scripts of a word before it, and without brackets at its ends that nothing in it answers.
fn trimmed(tokens: &[Token], mut range: std::ops::Range<usize>) -> std::ops::Range<usize> {
    while range.start < range.end && tokens[range.start].kind == TokenKind::Script {
        range.start += 1;
    }
    loop {
        let mut depth = 0_i32;
        let mut lowest = 0;
        for token in &tokens[range.clone()] {
            match token.kind {
                TokenKind::Open(_) => depth += 1,
                TokenKind::Close(_) => depth -= 1,
                _ => {}
            }
            lowest = lowest.min(depth);
        }
        let last = range.end.wrapping_sub(1);
        if range.is_empty() {
            return range;
        }
        if lowest < 0 && matches!(tokens[last].kind, TokenKind::Close(_)) {
            range.end -= 1;
        } else if depth > 0 && matches!(tokens[range.start].kind, TokenKind::Open(_)) {
            range.start += 1;
        } else if depth > 0 && matches!(tokens[last].kind, TokenKind::Open(_)) {
            range.end -= 1;
        } else {
            return range;
        }
    }
}

/// Returns true if a range says something as a formula: more than a bracket or a bar.
fn is_worth(tokens: &[Token], range: &std::ops::Range<usize>) -> bool {
    tokens[range.clone()].iter().any(|token| match token.kind {
        TokenKind::Math(_) | TokenKind::Number => true,
        _ => range.len() > 2,
    })
}
