//! Marked text: marks of type inside a text to spans of it.

use super::block::{SpanKind, TextSpan};
use crate::text_marks::{self, MarkedType};

/// A stretch of text of one kind; `None` for plain words.
#[derive(Debug)]
struct Piece {
    text: String,
    kind: Option<SpanKind>,
}

/// `marked` without its marks, and the spans that they stood for; formulas with the LaTeX that `latex_of` has for their
/// numbers. A style ends with its line at the latest.
pub(crate) fn spans<'l>(
    marked: &str,
    latex_of: impl Fn(u32) -> Option<&'l str>,
) -> (String, Vec<TextSpan>) {
    if !marked.contains(text_marks::is_mark) {
        return (marked.to_owned(), Vec::new());
    }
    let mut text = String::with_capacity(marked.len());
    let mut spans = Vec::new();
    let mut pieces = join_formulas(pieces(marked, latex_of));
    if pieces
        .iter()
        .any(|piece| piece.kind == Some(SpanKind::Math))
    {
        pieces = pieces.into_iter().flat_map(dollars_apart).collect();
    }
    for piece in pieces {
        let start = text.len();
        text.push_str(&piece.text);
        if let Some(kind) = piece.kind {
            let range = start..text.len();
            spans.push(TextSpan { range, kind });
        }
    }
    (text, spans)
}

fn pieces<'l>(marked: &str, latex_of: impl Fn(u32) -> Option<&'l str>) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut style: Option<MarkedType> = None;
    let mut number = None;
    let mut text = String::new();
    let mut close =
        |style: &mut Option<MarkedType>, number: &mut Option<u32>, text: &mut String| {
            let number = number.take();
            let kind = style.take().and_then(|style| match style {
                MarkedType::Raised => Some(SpanKind::Superscript),
                MarkedType::Lowered => Some(SpanKind::Subscript),
                MarkedType::Struck => Some(SpanKind::Struck),
                MarkedType::Formula | MarkedType::DisplayFormula => {
                    let latex = number.and_then(&latex_of)?;
                    latex.clone_into(text);
                    Some(SpanKind::Math)
                }
            });
            let text = std::mem::take(text);
            match pieces.last_mut() {
                _ if text.is_empty() => {}
                Some(last) if kind.is_none() && last.kind.is_none() => last.text.push_str(&text),
                _ => pieces.push(Piece { text, kind }),
            }
        };
    for c in marked.chars() {
        if let Some(next) = MarkedType::of(c) {
            close(&mut style, &mut number, &mut text);
            style = Some(next);
        } else if let Some(digit) = text_marks::digit(c) {
            number = Some(number.unwrap_or(0) << 4 | digit);
        } else if c == text_marks::END || c == '\n' {
            close(&mut style, &mut number, &mut text);
            if c == '\n' {
                text.push(c);
            }
        } else if !text_marks::is_mark(c) {
            text.push(c);
        }
    }
    close(&mut style, &mut number, &mut text);
    pieces
}

/// Joins formulas side by side, which Markdown would take for others (`$a$$b$`), and those that a line's end has cut at an
/// operator.
fn join_formulas(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for mut piece in pieces {
        let is_math = piece.kind == Some(SpanKind::Math);
        let between = joined
            .pop_if(|last| is_math && last.kind.is_none() && last.text == " ")
            .map(|last| last.text);
        match joined.last_mut() {
            Some(last) if last.kind == Some(SpanKind::Math) && is_math => {
                let goes_on = ends_open(&last.text) || starts_open(&piece.text);
                if between.is_none() || goes_on {
                    last.text.push(' ');
                    last.text.push_str(&piece.text);
                    continue;
                }
            }
            Some(last) if last.kind == Some(SpanKind::Math) && piece.kind.is_none() => {
                let number = number_at_start(&piece.text);
                if number > 0 && ends_open(&last.text) {
                    last.text.push_str(piece.text[..number].trim_start());
                    piece.text.drain(..number);
                }
            }
            _ => {}
        }
        joined.extend(between.map(|text| Piece { text, kind: None }));
        if !piece.text.is_empty() {
            joined.push(piece);
        }
    }
    joined
}

/// Plain words cut at dollar signs, which stand beside formulas here.
fn dollars_apart(piece: Piece) -> Vec<Piece> {
    if piece.kind.is_some() {
        return vec![piece];
    }
    let mut pieces = Vec::new();
    for (at, words) in piece.text.split('$').enumerate() {
        if at > 0 {
            let (text, kind) = ("$".to_owned(), Some(SpanKind::Dollar));
            pieces.push(Piece { text, kind });
        }
        if !words.is_empty() {
            let (text, kind) = (words.to_owned(), None);
            pieces.push(Piece { text, kind });
        }
    }
    pieces
}

/// Operators and relations that end no formula.
const OPEN: [&str; 20] = [
    "=",
    "+",
    "-",
    "<",
    ">",
    "\\in",
    "\\leq",
    "\\geq",
    "\\neq",
    "\\approx",
    "\\sim",
    "\\equiv",
    "\\times",
    "\\cdot",
    "\\to",
    "\\subset",
    "\\subseteq",
    "\\cup",
    "\\cap",
    "\\pm",
];

fn ends_open(latex: &str) -> bool {
    let latex = latex.trim_end();
    OPEN.iter().any(|sign| latex.ends_with(sign))
}

fn starts_open(latex: &str) -> bool {
    // A minus sign and the like may begin a formula.
    let follows = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphabetic());
    OPEN.iter()
        .filter(|sign| !["+", "-", "\\pm", "\\sim"].contains(sign))
        .any(|sign| {
            latex
                .strip_prefix(sign)
                .is_some_and(|rest| !sign.starts_with('\\') || follows(rest))
        })
}

/// Length of a number after a space at the start of a text.
fn number_at_start(text: &str) -> usize {
    let number = text.strip_prefix(' ').unwrap_or(text);
    let digits = number.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == ',');
    let length = number.len() - digits.len();
    let number = number[..length].trim_end_matches(['.', ',']);
    if number.is_empty() || digits.starts_with(char::is_alphanumeric) {
        return 0;
    }
    number.len() + usize::from(text.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(marked: &str) -> (String, Vec<(String, SpanKind)>) {
        let latex_of = |number| match number {
            300 => Some("x^{2}="),
            1 => Some("y"),
            _ => None,
        };
        let (text, spans) = spans(marked, latex_of);
        let spans = spans
            .iter()
            .map(|span| (text[span.range.clone()].to_owned(), span.kind))
            .collect();
        (text, spans)
    }

    fn formula(number: u32, plain: &str) -> String {
        let number = text_marks::formula_number(number);
        let (begin, end) = (MarkedType::Formula.begin(), text_marks::END);
        format!("{begin}{number}{plain}{end}")
    }

    #[test]
    fn marks_become_spans() {
        let (up, low) = (MarkedType::Raised.begin(), MarkedType::Lowered.begin());
        let end = text_marks::END;
        let marked = format!("10{up}8{end} m, H{low}2{end}O, a{up}b");
        let (text, spans) = found(&marked);
        assert_eq!(text, "108 m, H2O, ab");
        let expected = [
            ("8", SpanKind::Superscript),
            ("2", SpanKind::Subscript),
            ("b", SpanKind::Superscript),
        ];
        assert_eq!(spans, expected.map(|(text, kind)| (text.to_owned(), kind)));
    }

    #[test]
    fn formulas_have_their_latex() {
        let (text, spans) = found(&format!("so {} is, {}", formula(1, "Y"), formula(7, "z")));
        assert_eq!(text, "so y is, z");
        assert_eq!(spans, [("y".to_owned(), SpanKind::Math)]);
    }

    #[test]
    fn dollars_beside_formulas_are_told_apart() {
        let (text, spans) = found(&format!("$5 or {}", formula(1, "y")));
        assert_eq!(text, "$5 or y");
        let kinds: Vec<SpanKind> = spans.iter().map(|span| span.1).collect();
        assert_eq!(kinds, [SpanKind::Dollar, SpanKind::Math]);
    }

    #[test]
    fn formulas_that_a_line_cuts_are_one() {
        let cut = format!(
            "{} {} or {}",
            formula(300, "x2 ="),
            formula(1, "y"),
            formula(1, "y")
        );
        assert_eq!(found(&cut).0, "x^{2}= y or y");
        assert_eq!(found(&cut).1.len(), 2);
        let number = format!("{} 12.5. And", formula(300, "x2 ="));
        assert_eq!(
            found(&number).1,
            [("x^{2}=12.5".to_owned(), SpanKind::Math)]
        );
        let side_by_side = format!("{}{}", formula(1, "y"), formula(1, "y"));
        assert_eq!(found(&side_by_side).1, [("y y".to_owned(), SpanKind::Math)]);
        let apart = format!("{} {}", formula(1, "y"), formula(1, "y"));
        assert_eq!(found(&apart).1.len(), 2);
    }
}
