//! The right side of a page: its text, block by block, each line of it leading to its box.

use super::{
    html::{push_plain, push_text},
    is_uncertain,
    overlay::push_classes,
};
use crate::text::{AssembledPage, Block, BlockKind, Cell, Table};

/// Writes the page's blocks.
pub fn push_blocks(html: &mut String, page: &AssembledPage) {
    html.push_str("<article lang=\"\">\n");
    let mut in_list = false;
    for block in &page.blocks {
        let is_item = matches!(block.kind, BlockKind::ListItem { .. });
        if is_item != in_list {
            html.push_str(if is_item { "<ul>\n" } else { "</ul>\n" });
            in_list = is_item;
        }
        push_block(html, page, block);
    }
    if in_list {
        html.push_str("</ul>\n");
    }
    html.push_str("</article>\n");
}

fn push_block(html: &mut String, page: &AssembledPage, block: &Block) {
    let (start, end) = match &block.kind {
        BlockKind::Heading(1) => ("<h3>", "</h3>\n"),
        BlockKind::Heading(2) => ("<h4>", "</h4>\n"),
        BlockKind::Heading(3) => ("<h5>", "</h5>\n"),
        BlockKind::Heading(_) => ("<h6>", "</h6>\n"),
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
        BlockKind::Markup => ("<pre>", "</pre>\n"),
        BlockKind::Table(table) => return push_table(html, page, table),
    };
    html.push_str(start);
    push_lines(html, page, &block.lines, &block.text);
    html.push_str(end);
}

fn push_table(html: &mut String, page: &AssembledPage, table: &Table) {
    html.push_str("<div class=\"scroll\"><table>\n");
    for (index, row) in table.rows.iter().enumerate() {
        let name = if index == 0 && table.head { "th" } else { "td" };
        html.push_str("<tr>");
        for cell in row {
            push_cell(html, page, cell, name);
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div>\n");
}

fn push_cell(html: &mut String, page: &AssembledPage, cell: &Cell, name: &str) {
    push_plain(html, format_args!("<{name}"));
    for (attribute, span) in [("colspan", cell.columns), ("rowspan", cell.rows)] {
        if span > 1 {
            push_plain(html, format_args!(" {attribute}=\"{span}\""));
        }
    }
    html.push('>');
    push_lines(html, page, &cell.lines, &cell.text);
    push_plain(html, format_args!("</{name}>"));
}

/// Writes lines as they were read, with spaces between, or breaks where `text` has them; `text` where there are no
/// lines.
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
    if before.is_none() {
        push_text(html, text);
    }
}

/// What stands between two lines: a place to break after a hyphen, nothing between Chinese and
/// Japanese, else a space.
fn joint(before: &str, after: &str) -> &'static str {
    let mut ending = before.chars().rev();
    match (ending.next(), ending.next(), after.chars().next()) {
        (Some('-' | '\u{AD}' | '\u{2010}'), Some(c), _) if c.is_alphabetic() => "<wbr>",
        (Some(last), _, Some(first)) if is_spaceless(last) && is_spaceless(first) => "",
        _ => "\n",
    }
}

/// Whether `c` is of a script that puts no spaces between words.
fn is_spaceless(c: char) -> bool {
    matches!(c,
        '\u{2E80}'..='\u{9FFF}' // radicals, kana, Han
        | '\u{F900}'..='\u{FAFF}' // Han, compatibility
        | '\u{FE30}'..='\u{FE4F}' // vertical punctuation
        | '\u{FF00}'..='\u{FFEF}' // full width
        | '\u{20000}'..='\u{3FFFF}') // Han, rare
}
