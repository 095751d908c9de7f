//! Inline text: words with math and emphasis, built piece by piece, and written as Markdown and as HTML.

use std::ops::Range;

use super::{
    escape::{EscapeContext, STAND_IN, escape, escape_cell, escape_html, pairs_dollars},
    latex,
};
use crate::{
    format_controls::is_format_control,
    layout::block::{SpanKind, TextSpan},
};

/// Bytes at the end of a text that tell how the next line is joined: the longest word fits in.
const TAIL_BYTES: usize = 80;

/// A text in the making.
#[derive(Debug, Default)]
pub(crate) struct InlineText {
    text: String,
    spans: Vec<TextSpan>,
}

impl InlineText {
    /// Returns true if there is nothing.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The plain words at the end, at most some [`TAIL_BYTES`] of them.
    pub fn tail(&self) -> &str {
        let math = self.spans.last().filter(|span| span.kind == SpanKind::Math);
        let from = math.map_or(0, |span| span.range.end);
        let near = self.text.len().saturating_sub(TAIL_BYTES).max(from);
        let at = (near..=self.text.len()).find(|&at| self.text.is_char_boundary(at));
        &self.text[at.unwrap_or(from)..]
    }

    /// Appends a character; white space becomes one space. Controls and stand-ins for objects are left out.
    pub fn push(&mut self, c: char, style: Option<SpanKind>) {
        if c.is_whitespace() && c != '\u{a0}' && c != '\u{3000}' {
            if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
                self.append(" ", style);
            }
        } else if c == '$' {
            let start = self.text.len();
            self.text.push(c);
            self.push_span(start, SpanKind::Dollar);
        } else if !c.is_control() && c != STAND_IN {
            self.append(c.encode_utf8(&mut [0; 4]), style);
        }
    }

    /// Appends words.
    pub fn push_str(&mut self, words: &str, style: Option<SpanKind>) {
        words.chars().for_each(|c| self.push(c, style));
    }

    /// Appends a formula.
    pub fn push_math(&mut self, latex: &str) {
        if !latex.is_empty() {
            let start = self.text.len();
            self.text.push_str(latex);
            self.push_span(start, SpanKind::Math);
        }
    }

    /// Ends the line on purpose.
    pub fn push_break(&mut self) {
        self.trim();
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Takes the last character away.
    pub fn pop(&mut self) {
        self.text.pop();
        self.trim_spans();
    }

    /// The text and its spans, without white space around.
    pub fn finish(mut self) -> (String, Vec<TextSpan>) {
        self.trim();
        self.text.truncate(self.text.trim_end().len());
        self.trim_spans();
        (self.text, self.spans)
    }

    fn append(&mut self, piece: &str, style: Option<SpanKind>) {
        let start = self.text.len();
        self.text.push_str(piece);
        let Some(style) = style else { return };
        match self.spans.last_mut() {
            Some(last) if last.kind == style && last.range.end == start => {
                last.range.end = self.text.len();
            }
            _ if piece == " " => {}
            _ => self.push_span(start, style),
        }
    }

    fn push_span(&mut self, start: usize, kind: SpanKind) {
        let range = start..self.text.len();
        self.spans.push(TextSpan { range, kind });
    }

    fn trim(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        self.trim_spans();
    }

    /// Ends the spans at the end of the text.
    fn trim_spans(&mut self) {
        let end = self.text.len();
        while let Some(last) = self.spans.last_mut() {
            last.range.end = last.range.end.min(end);
            if last.range.start < last.range.end {
                break;
            }
            self.spans.pop();
        }
    }
}

/// The lines of `text` in Markdown, as it is escaped in `context`.
pub(crate) fn markdown(text: &str, spans: &[TextSpan], context: EscapeContext) -> Vec<String> {
    let inner = if context == EscapeContext::Block {
        EscapeContext::Heading
    } else {
        context
    };
    let may_be_math = spans.iter().any(|span| span.kind == SpanKind::Math)
        || spans.len() > 1 && spans.iter().any(|span| span.kind == SpanKind::Dollar)
        || pairs_dollars(text);
    let escape = |words: &str, context| {
        let words = escape(words, context);
        if may_be_math {
            words.replace('$', "\\$")
        } else {
            words
        }
    };
    let written = |span: &TextSpan, before, after| {
        let words = &text[span.range.clone()];
        match span.kind {
            SpanKind::Math => in_dollars(&in_context(words, context)),
            SpanKind::Dollar if may_be_math => "\\$".to_owned(),
            SpanKind::Dollar => "$".to_owned(),
            SpanKind::Superscript => format!("<sup>{}</sup>", escape(words, inner)),
            SpanKind::Subscript => format!("<sub>{}</sub>", escape(words, inner)),
            SpanKind::FootnoteReference(label) => format!("[^{label}]"),
            kind => styled(kind, words, before, after, |words| escape(words, inner)),
        }
    };
    rendered_lines(text, spans, written, |line| escape(line, context))
}

/// The lines of `text` in HTML, math between dollar signs.
pub(crate) fn html(text: &str, spans: &[TextSpan]) -> Vec<String> {
    let written = |span: &TextSpan, _: Option<char>, _: Option<char>| {
        let source = &text[span.range.clone()];
        let words = escape_cell(source);
        match span.kind {
            SpanKind::Math => in_dollars(&escape_html(&latex::sound(source))),
            SpanKind::Dollar if spans.len() > 1 => "&#36;".to_owned(),
            SpanKind::Dollar => words,
            SpanKind::Strong => format!("<strong>{words}</strong>"),
            SpanKind::Emphasis => format!("<em>{words}</em>"),
            SpanKind::Superscript => format!("<sup>{words}</sup>"),
            SpanKind::Subscript => format!("<sub>{words}</sub>"),
            // No Markdown is read inside of tables in HTML.
            SpanKind::FootnoteReference(_) => format!("<sup>{words}</sup>"),
            SpanKind::Struck => format!("<s>{words}</s>"),
        }
    };
    rendered_lines(text, spans, written, escape_cell)
}

/// A formula on lines of its own. A sign that would begin a list, a heading or the like at the start of a
/// line is put behind the dollar signs.
pub(crate) fn formula(latex: &str) -> String {
    let latex = in_context(latex, EscapeContext::Block);
    if latex.is_empty() {
        return latex;
    }
    let acts = |c: char| !(c.is_alphabetic() || matches!(c, '\\' | '(' | '{' | '|'));
    // A row of bars and dashes would make a table of it.
    let is_rule = latex.chars().all(|c| "|-: ".contains(c));
    if latex.starts_with(acts) || is_rule {
        format!("$$ {latex} $$")
    } else {
        format!("$$\n{latex}\n$$")
    }
}

/// A formula in a line of text; nothing for none, which would begin a formula on lines of its own.
fn in_dollars(latex: &str) -> String {
    if latex.is_empty() {
        String::new()
    } else {
        format!("${latex}$")
    }
}

/// Returns true if there is something in a span. One without would leave the start of its line to the text after it.
fn shows(text: &str, span: &TextSpan) -> bool {
    let words = &text[span.range.clone()];
    let is_hidden = |c: char| c.is_whitespace() || c.is_control() || is_format_control(c);
    match span.kind {
        SpanKind::Math => !latex::sound(words).is_empty(),
        _ => !words.chars().all(is_hidden),
    }
}

/// The lines of `text`, its spans written by `written`, which is given the characters around, and the rest by `escape`.
fn rendered_lines(
    text: &str,
    spans: &[TextSpan],
    written: impl Fn(&TextSpan, Option<char>, Option<char>) -> String,
    escape: impl Fn(&str) -> String,
) -> Vec<String> {
    let spans: Vec<&TextSpan> = spans.iter().filter(|span| shows(text, span)).collect();
    if spans.is_empty() {
        return text.lines().map(escape).collect();
    }
    let own = |part: Range<usize>| text[part].chars().filter(|c| *c != STAND_IN);
    let mut plain = String::with_capacity(text.len());
    let mut at = 0;
    for span in &spans {
        plain.extend(own(at..span.range.start));
        plain.push(STAND_IN);
        at = span.range.end;
    }
    plain.extend(own(at..text.len()));
    let mut written = spans.iter().map(|span| {
        let before = text[..span.range.start].chars().next_back();
        let after = text[span.range.end..].chars().next();
        written(span, before, after)
    });
    let fill = |line: &str| {
        let mut out = String::new();
        for (i, part) in escape(line).split(STAND_IN).enumerate() {
            if i > 0 {
                out.push_str(&written.next().unwrap_or_default());
            }
            out.push_str(part);
        }
        out
    };
    plain.lines().map(fill).collect()
}

/// Words in bold, italic or struck-out type: with stars or tildes if Markdown takes them for that whatever its
/// version, else in HTML.
fn styled(
    kind: SpanKind,
    words: &str,
    before: Option<char>,
    after: Option<char>,
    escape: impl Fn(&str) -> String,
) -> String {
    let sure = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || ".,;:()".contains(c));
    let (signs, name) = match kind {
        SpanKind::Strong => ("**", "strong"),
        SpanKind::Struck => ("~~", "s"),
        _ => ("*", "em"),
    };
    let bare = words.trim_end();
    let (text, space) = (escape(bare), &words[bare.len()..]);
    if text.is_empty() {
        // Signs without words between them would be a rule or a fence.
        return space.to_owned();
    }
    let after = space.chars().next().or(after);
    if sure(before) && sure(after) {
        format!("{signs}{text}{signs}{space}")
    } else {
        format!("<{name}>{text}</{name}>{space}")
    }
}

/// A formula so that Markdown ends it nowhere: no bar in a cell, nothing like markup.
fn in_context(latex: &str, context: EscapeContext) -> String {
    let latex = latex::sound(latex);
    if context != EscapeContext::Cell {
        return latex;
    }
    let mut out = String::with_capacity(latex.len());
    let mut chars = latex.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek() == Some(&'|') => {
                chars.next();
                out.push_str("\\Vert ");
            }
            '\\' => {
                out.push(c);
                out.extend(chars.next());
            }
            '|' => out.push_str("\\vert "),
            _ => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(pieces: &[(&str, Option<SpanKind>)]) -> (String, Vec<TextSpan>) {
        let mut inline = InlineText::default();
        for (words, kind) in pieces {
            match kind {
                Some(SpanKind::Math) => inline.push_math(words),
                kind => inline.push_str(words, *kind),
            }
        }
        inline.finish()
    }

    fn written(pieces: &[(&str, Option<SpanKind>)]) -> String {
        let (text, spans) = made(pieces);
        markdown(&text, &spans, EscapeContext::Block).join("\n")
    }

    #[test]
    fn what_is_around_a_span_is_escaped_and_the_span_is_not() {
        let (math, strong) = (Some(SpanKind::Math), Some(SpanKind::Strong));
        assert_eq!(
            written(&[("# of ", None), ("a_b*c*", math)]),
            "\\# of $a_b*c*$"
        );
        assert_eq!(
            written(&[("*a* ", None), ("b * c", strong)]),
            "\\*a\\* **b * c**"
        );
        assert_eq!(
            written(&[("un", None), ("do", strong), ("ne", None)]),
            "un<strong>do</strong>ne"
        );
        assert_eq!(
            written(&[("a", math), ("*", None), ("b", math), ("*", None)]),
            "$a$\\*$b$\\*"
        );
    }

    #[test]
    fn dollars_are_escaped_where_they_might_be_math() {
        assert_eq!(written(&[("only $5", None)]), "only $5");
        assert_eq!(written(&[("$5-$6", None)]), "\\$5-\\$6");
    }

    #[test]
    fn a_formula_in_a_cell_has_no_bars() {
        let (text, spans) = made(&[("\\|x\\| < |y|", Some(SpanKind::Math))]);
        assert_eq!(
            markdown(&text, &spans, EscapeContext::Cell),
            ["$\\Vert x\\Vert  < \\vert y\\vert$"]
        );
        assert_eq!(html(&text, &spans), ["$\\|x\\| &lt; |y|$"]);
    }

    #[test]
    fn spaces_and_breaks_do_not_pile_up() {
        let mut inline = InlineText::default();
        inline.push_str("  a  b ", Some(SpanKind::Emphasis));
        inline.push_break();
        inline.push_str(" c-", None);
        inline.pop();
        let (text, spans) = inline.finish();
        assert_eq!(text, "a b\nc");
        assert_eq!(
            spans,
            [TextSpan {
                range: 0..3,
                kind: SpanKind::Emphasis
            }]
        );
    }
}
