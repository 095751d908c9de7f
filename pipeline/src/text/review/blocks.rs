//! The right side of a page: its text, block by block, each line of it leading to its box.

use super::{
    html::{push_plain, push_text},
    is_uncertain,
    math::RenderedFormulas,
    overlay::push_classes,
};
use crate::{
    layout::block::{Block, BlockKind, Cell, SpanKind, Table, TextSpan},
    script::is_unspaced,
    text::AssembledPage,
};

/// Writes the page's blocks. Gives the places of the level in the tags around each heading, in bytes of `html`.
pub fn push_blocks(html: &mut String, page: &AssembledPage) -> Vec<[usize; 2]> {
    let mut headings = Vec::new();
    html.push_str("<article lang=\"\">\n");
    let formulas = RenderedFormulas::of(page);
    let mut in_list = false;
    for block in &page.blocks {
        let is_item = matches!(block.kind, BlockKind::ListItem { .. });
        if is_item != in_list {
            html.push_str(if is_item { "<ul>\n" } else { "</ul>\n" });
            in_list = is_item;
        }
        let start = html.len();
        push_block(html, page, block, &formulas);
        if matches!(block.kind, BlockKind::Heading(_)) {
            headings.push([start + "<h".len(), html.len() - ">\n".len() - 1]);
        }
    }
    if in_list {
        html.push_str("</ul>\n");
    }
    html.push_str("</article>\n");
    headings
}

/// The level of the tags around a heading: a page's own is 2.
pub fn level_digit(level: u8) -> u8 {
    b'0' + (level + 2).clamp(3, 6)
}

fn push_block(html: &mut String, page: &AssembledPage, block: &Block, formulas: &RenderedFormulas) {
    let (start, end) = match &block.kind {
        BlockKind::Heading(level) => match level_digit(*level) {
            b'3' => ("<h3>", "</h3>\n"),
            b'4' => ("<h4>", "</h4>\n"),
            b'5' => ("<h5>", "</h5>\n"),
            _ => ("<h6>", "</h6>\n"),
        },
        BlockKind::Paragraph => ("<p>", "</p>\n"),
        BlockKind::ListItem { depth, .. } => (
            match depth {
                0 => "<li>",
                1 => "<li class=\"d1\">",
                2 => "<li class=\"d2\">",
                _ => "<li class=\"d3\">",
            },
            "</li>\n",
        ),
        BlockKind::Header | BlockKind::Footer | BlockKind::PageNumber => {
            ("<p class=\"side\">", "</p>\n")
        }
        BlockKind::Figure | BlockKind::Footnote { .. } => ("<p class=\"side\">", "</p>\n"),
        BlockKind::Code => ("<pre>", "</pre>\n"),
        BlockKind::Formula => {
            html.push_str("<div class=\"scroll\">");
            push_formula(html, &block.text, true, formulas);
            return html.push_str("</div>\n");
        }
        BlockKind::Table(table) => return push_table(html, page, table, formulas),
    };
    html.push_str(start);
    if let (BlockKind::ListItem { mark, .. }, []) = (&block.kind, &block.lines[..]) {
        push_text(html, if mark == "-" { "•" } else { mark });
        html.push(' ');
    }
    push_lines(html, page, &block.lines, &block.text);
    if block.lines.is_empty() {
        push_spans(html, &block.text, &block.spans, formulas);
    }
    html.push_str(end);
}

fn push_table(html: &mut String, page: &AssembledPage, table: &Table, formulas: &RenderedFormulas) {
    html.push_str("<div class=\"scroll\"><table>\n");
    for (index, row) in table.rows.iter().enumerate() {
        let name = if index == 0 && table.head { "th" } else { "td" };
        html.push_str("<tr>");
        for cell in row {
            push_cell(html, page, cell, name, formulas);
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div>\n");
}

fn push_cell(
    html: &mut String,
    page: &AssembledPage,
    cell: &Cell,
    name: &str,
    formulas: &RenderedFormulas,
) {
    push_plain(html, format_args!("<{name}"));
    for (attribute, span) in [("colspan", cell.columns), ("rowspan", cell.rows)] {
        if span > 1 {
            push_plain(html, format_args!(" {attribute}=\"{span}\""));
        }
    }
    html.push('>');
    push_lines(html, page, &cell.lines, &cell.text);
    if cell.lines.is_empty() {
        push_spans(html, &cell.text, &cell.spans, formulas);
    }
    push_plain(html, format_args!("</{name}>"));
}

/// Writes lines as they were read, with spaces between, or breaks if `text` has them.
fn push_lines(html: &mut String, page: &AssembledPage, lines: &[usize], text: &str) {
    let mut before = None;
    for &index in lines {
        let Some(line) = page.lines.get(index) else {
            continue;
        };
        if let Some(before) = before {
            let kept = text.contains('\n') && text.lines().any(|whole| whole.ends_with(before));
            html.push_str(if kept {
                "<br>"
            } else {
                joint(before, &line.text)
            });
        }
        let number = page.number;
        push_plain(
            html,
            format_args!("<a id=\"p{number}l{index}\" href=\"#p{number}b{index}\" class=\""),
        );
        push_classes(html, index, line);
        html.push('"');
        if let Some(confidence) = line.confidence.filter(|_| is_uncertain(line)) {
            let percent = confidence * 100.0;
            push_plain(html, format_args!(" title=\"{percent:.0} % sure\""));
        }
        html.push('>');
        push_text(html, &line.text);
        html.push_str("</a>");
        before = Some(line.text.as_str());
    }
}

/// Writes text that has no lines, with its formulas and its type.
fn push_spans(html: &mut String, text: &str, spans: &[TextSpan], formulas: &RenderedFormulas) {
    let mut at = 0;
    for span in spans {
        push_broken(html, &text[at..span.range.start]);
        let words = &text[span.range.clone()];
        at = span.range.end;
        let name = match span.kind {
            SpanKind::Math => {
                push_formula(html, words, false, formulas);
                continue;
            }
            SpanKind::Dollar => {
                push_text(html, words);
                continue;
            }
            SpanKind::Strong => "strong",
            SpanKind::Emphasis => "em",
            SpanKind::Superscript | SpanKind::FootnoteReference(_) => "sup",
            SpanKind::Subscript => "sub",
            SpanKind::Struck => "s",
        };
        push_plain(html, format_args!("<{name}>"));
        push_text(html, words);
        push_plain(html, format_args!("</{name}>"));
    }
    push_broken(html, &text[at..]);
}

/// Writes text whose line feeds break lines.
fn push_broken(html: &mut String, text: &str) {
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            html.push_str("<br>");
        }
        push_text(html, line);
    }
}

/// Writes a formula, or its source if it cannot be drawn.
fn push_formula(html: &mut String, latex: &str, display: bool, formulas: &RenderedFormulas) {
    if let Some(mathml) = formulas.get(latex, display) {
        html.push_str(mathml);
    } else {
        html.push_str("<code>");
        push_text(html, latex);
        html.push_str("</code>");
    }
}

/// The joint of two lines: a place to break after a hyphen, nothing between Chinese and Japanese, else a space.
fn joint(before: &str, after: &str) -> &'static str {
    let mut ending = before.chars().rev();
    match (ending.next(), ending.next(), after.chars().next()) {
        (Some('-' | '\u{AD}' | '\u{2010}'), Some(c), _) if c.is_alphabetic() => "<wbr>",
        (Some(last), _, Some(first)) if is_unspaced(last) && is_unspaced(first) => "",
        _ => "\n",
    }
}
