//! Marked text: marks of type inside a text to spans of it.

use super::block::{SpanKind, TextSpan};
use crate::text_marks::{self, MarkedType};

/// `marked` without its marks, and the spans that they stood for. A style ends with its line at the latest.
pub(crate) fn spans(marked: &str) -> (String, Vec<TextSpan>) {
    if !marked.contains(text_marks::is_mark) {
        return (marked.to_owned(), Vec::new());
    }
    let mut text = String::with_capacity(marked.len());
    let mut spans = Vec::new();
    let mut open: Option<(usize, MarkedType)> = None;
    let mut close = |open: &mut Option<(usize, MarkedType)>, end: usize| {
        if let Some((start, style)) = open.take()
            && start < end
        {
            let kind = match style {
                MarkedType::Raised => SpanKind::Superscript,
                MarkedType::Lowered => SpanKind::Subscript,
                MarkedType::Struck => SpanKind::Struck,
            };
            spans.push(TextSpan {
                range: start..end,
                kind,
            });
        }
    };
    for c in marked.chars() {
        if let Some(style) = MarkedType::of(c) {
            close(&mut open, text.len());
            open = Some((text.len(), style));
        } else if c == text_marks::END || c == '\n' {
            close(&mut open, text.len());
            if c == '\n' {
                text.push(c);
            }
        } else if !text_marks::is_mark(c) {
            text.push(c);
        }
    }
    close(&mut open, text.len());
    (text, spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_spans() {
        let (up, low) = (MarkedType::Raised.begin(), MarkedType::Lowered.begin());
        let end = text_marks::END;
        let marked = format!("10{up}8{end} m, H{low}2{end}O, a{up}b");
        let (text, spans) = spans(&marked);
        assert_eq!(text, "108 m, H2O, ab");
        let found: Vec<(&str, SpanKind)> = spans
            .iter()
            .map(|span| (&text[span.range.clone()], span.kind))
            .collect();
        assert_eq!(
            found,
            [
                ("8", SpanKind::Superscript),
                ("2", SpanKind::Subscript),
                ("b", SpanKind::Superscript)
            ]
        );
    }
}
