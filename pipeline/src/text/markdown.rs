//! Markdown writer: blocks to CommonMark with GitHub's tables.

use std::ops::Range;

use recto_schemas::{HeadersFooters, Options};

use super::{
    escape::{EscapeContext, escape},
    inline_text,
};
use crate::{
    format_controls::is_format_control,
    layout::{
        block::{Block, BlockKind, Cell, SpanKind, Table},
        tables::is_amount,
    },
};

/// The Markdown of a page.
#[derive(Debug, Default)]
pub(crate) struct PageMarkdown {
    /// The Markdown.
    pub text: String,
    /// The places of the number signs of headings, in bytes.
    pub heading_signs: Vec<Range<usize>>,
}

/// The Markdown of a page's blocks.
///
/// With `continues`, the first block goes on the last paragraph of the page before, and begins without markup.
pub(crate) fn page(blocks: &[Block], options: &Options, continues: bool) -> PageMarkdown {
    let mut writer = MarkdownWriter::default();
    for (index, block) in blocks.iter().enumerate() {
        if continues && index == 0 {
            let text = lines(block, EscapeContext::Heading).join(" ");
            writer.paragraph(&text);
            continue;
        }
        let dropped = matches!(
            block.kind,
            BlockKind::Header | BlockKind::Footer | BlockKind::PageNumber
        );
        if !(dropped && options.headers_footers == HeadersFooters::Drop) {
            writer.block(block);
        }
    }
    PageMarkdown {
        text: writer.out,
        heading_signs: writer.heading_signs,
    }
}

/// Writes blocks one after another, and knows the list it is in.
#[derive(Default)]
struct MarkdownWriter {
    out: String,
    heading_signs: Vec<Range<usize>>,
    /// The open lists from the outermost: what the next item's number must be, and how far its text lies in.
    lists: Vec<OpenList>,
}

struct OpenList {
    /// The sign of a bullet, or what follows the number.
    sign: char,
    /// The last number; `None` for bullets.
    number: Option<u32>,
    /// Columns by which the item's text lies in.
    inset: usize,
}

impl MarkdownWriter {
    fn block(&mut self, block: &Block) {
        if let BlockKind::ListItem { mark, depth } = &block.kind
            && let Some((sign, number)) = parse_marker(mark)
        {
            self.item(sign, number, usize::from(*depth), block);
            return;
        }
        self.lists.clear();
        let text = match &block.kind {
            BlockKind::Heading(level) => heading(*level, block),
            BlockKind::Table(table) => table_text(table),
            BlockKind::Footnote { label, .. } => {
                let text = lines(block, EscapeContext::Heading).join(" ");
                format!("[^{label}]: {}", note_text(text))
            }
            BlockKind::Formula => inline_text::formula(&block.text),
            BlockKind::Code => code(&block.text),
            BlockKind::Figure => figure(block),
            BlockKind::ListItem { mark, .. } => {
                let mark = escape(mark, EscapeContext::Block).replace('$', "\\$");
                if mark.is_empty() {
                    lines(block, EscapeContext::Block).join(" ")
                } else {
                    format!("{mark} {}", lines(block, EscapeContext::Heading).join(" "))
                }
            }
            // Two spaces keep a line's end.
            _ => lines(block, EscapeContext::Block).join("  \n"),
        };
        let start = self.paragraph(&text);
        if let BlockKind::Heading(level) = block.kind {
            let count = usize::from(level.clamp(1, 6)).min(self.out.len() - start);
            self.heading_signs.push(start..start + count);
        }
    }

    /// Writes a paragraph, and gives the place at which it starts.
    fn paragraph(&mut self, text: &str) -> usize {
        let text = text.trim_end();
        if text.is_empty() {
            return self.out.len();
        }
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let start = self.out.len();
        self.out.push_str(text);
        self.out.push('\n');
        start
    }

    /// An item of a list that Markdown numbers as the page does.
    fn item(&mut self, sign: char, number: Option<u32>, depth: usize, block: &Block) {
        let continues = !self.lists.is_empty();
        let depth = depth.min(self.lists.len());
        self.lists.truncate(depth + 1);
        let follows = self
            .lists
            .get(depth)
            .map(|list| list.sign == sign && list.number.map(|n| n + 1) == number);
        let inset: usize = self.lists[..depth].iter().map(|list| list.inset).sum();
        if !continues {
            if !self.out.is_empty() {
                self.out.push('\n');
            }
        } else if follows == Some(false) {
            // Another list: without this, Markdown would count on.
            let pad = " ".repeat(inset);
            self.out.push_str(&format!("\n{pad}<!-- -->\n\n"));
        }
        let mark = number.map_or(sign.to_string(), |n| format!("{n}{sign}"));
        self.lists.truncate(depth);
        self.lists.push(OpenList {
            sign,
            number,
            inset: mark.len() + 1,
        });
        let text = lines(block, EscapeContext::Block).join(" ");
        self.out
            .push_str(&format!("{}{mark} {text}\n", " ".repeat(inset)));
    }
}

/// The lines of a block's text that have something on them: between others, empty ones would be indentation.
fn lines(block: &Block, context: EscapeContext) -> Vec<String> {
    let mut lines = inline_text::markdown(&block.text, &block.spans, context);
    lines.retain(|line| !line.trim().is_empty());
    lines
}

/// The sign and number of a mark that Markdown knows: `-`, `3.`, `3)`.
fn parse_marker(mark: &str) -> Option<(char, Option<u32>)> {
    if mark == "-" {
        return Some(('-', None));
    }
    let sign = mark
        .chars()
        .next_back()
        .filter(|c| matches!(c, '.' | ')'))?;
    let digits = &mark[..mark.len() - 1];
    let number = digits
        .parse()
        .ok()
        .filter(|n: &u32| n.to_string() == digits)?;
    Some((sign, Some(number)))
}

/// A figure: an image whose alternative text is what stands in it.
fn figure(block: &Block) -> String {
    let words = lines(block, EscapeContext::Heading).join("; ");
    // Tools that look for the end of an image's text take the first bracket.
    let words = words.replace("\\[", "&#91;").replace("\\]", "&#93;");
    // A note's sign, at which the image would become a link.
    let note = if words.starts_with('^') { "\\" } else { "" };
    // With formulas read or not, other brackets count.
    let has_math = block.spans.iter().any(|span| span.kind == SpanKind::Math);
    if !has_math && pairs_brackets(&words) {
        format!("![{note}{words}]()")
    } else {
        let words = words.replace('[', "&#91;").replace(']', "&#93;");
        format!("![{note}{words}]()")
    }
}

/// Returns true if each bracket has its other one.
fn pairs_brackets(text: &str) -> bool {
    let mut open = 0_usize;
    text.chars().all(|c| match c {
        '[' => {
            open += 1;
            true
        }
        ']' if open == 0 => false,
        ']' => {
            open -= 1;
            true
        }
        _ => true,
    }) && open == 0
}

/// The text of a footnote. A single word, or one and a title, would be where a link leads for readers without footnotes.
fn note_text(text: String) -> String {
    let rest = text.split_once(' ').map_or("", |(_, rest)| rest.trim());
    let is_title = |open, close| rest.starts_with(open) && rest.ends_with(close);
    if rest.is_empty() || is_title('"', '"') || is_title('\'', '\'') || is_title('(', ')') {
        format!("{text} <!-- -->")
    } else {
        text
    }
}

/// Code between fences, which are longer than any row of their signs in it.
fn code(text: &str) -> String {
    let text: String = text
        .chars()
        .filter(|c| matches!(c, '\n' | '\t') || !(c.is_control() || is_format_control(*c)))
        .collect();
    let longest = text
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}\n{text}\n{fence}")
}

fn heading(level: u8, block: &Block) -> String {
    let mut text = lines(block, EscapeContext::Heading).join(" ");
    // A closing run of signs would be taken for the heading's own.
    if text.ends_with('#') {
        let at = text.trim_end_matches('#').len();
        text.insert(at, '\\');
    }
    format!("{} {text}", "#".repeat(usize::from(level.clamp(1, 6))))
}

fn table_text(table: &Table) -> String {
    match grid(table) {
        Some(grid) if !grid.is_empty() => pipe_table(table.head, &grid),
        Some(_) => String::new(),
        None => html_table(table),
    }
}

/// Most places of a table that is looked at as a grid. One with more, which only broken text has, is written as
/// HTML, cell by cell: its longest row times its rows would grow without bound.
const MAX_PLACES: usize = 20_000;

/// The cells of a table that Markdown can say, row by row: each place has a cell, and only empty ones span.
fn grid(table: &Table) -> Option<Vec<Vec<&Cell>>> {
    let width = |row: &Vec<Cell>| row.iter().map(|cell| cell.columns as usize).sum();
    let columns: usize = table.rows.iter().map(width).max().unwrap_or(0);
    if columns.saturating_mul(table.rows.len()) > MAX_PLACES {
        return None;
    }
    let mut grid: Vec<Vec<Option<&Cell>>> = vec![vec![None; columns]; table.rows.len()];
    for (y, row) in table.rows.iter().enumerate() {
        for cell in row {
            let x = grid[y].iter().position(Option::is_none)?;
            if !cell.text.is_empty() && (cell.columns, cell.rows) != (1, 1) {
                return None;
            }
            for line in grid.iter_mut().skip(y).take(cell.rows as usize) {
                for place in line.iter_mut().skip(x).take(cell.columns as usize) {
                    *place = Some(cell);
                }
            }
        }
    }
    if columns == 0 {
        return Some(Vec::new());
    }
    grid.into_iter()
        .map(|row| row.into_iter().collect())
        .collect()
}

fn pipe_table(head: bool, grid: &[Vec<&Cell>]) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let text = |cell: &&Cell| {
        inline_text::markdown(&cell.text, &cell.spans, EscapeContext::Cell).join("<br>")
    };
    let cells = |row: &Vec<&Cell>| line(row.iter().map(text).collect());
    let (named, rows) = grid.split_at(usize::from(head));
    let columns = grid.first().map_or(0, Vec::len);
    let rule = |column| {
        if is_numeric(rows, column) {
            "---:"
        } else {
            "---"
        }
    };
    let mut out = match named.first() {
        Some(names) => cells(names),
        None => line(vec![String::new(); columns]),
    };
    out.push_str(&line((0..columns).map(|c| rule(c).to_owned()).collect()));
    rows.iter().for_each(|row| out.push_str(&cells(row)));
    out
}

/// Returns true if more than half of a column's cells are numbers, so that they are aligned right.
fn is_numeric(rows: &[Vec<&Cell>], column: usize) -> bool {
    let filled = || {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.text.as_str())
            .filter(|text| !text.is_empty())
    };
    let amounts = filled().filter(|text| is_amount(text)).count();
    amounts >= 2 && amounts * 2 > filled().count()
}

fn html_table(table: &Table) -> String {
    let mut out = String::from("<table>\n");
    for (i, row) in table.rows.iter().enumerate() {
        let name = if table.head && i == 0 { "th" } else { "td" };
        out.push_str("<tr>");
        for cell in row {
            out.push_str(&format!("<{name}"));
            if cell.columns > 1 {
                out.push_str(&format!(" colspan=\"{}\"", cell.columns));
            }
            if cell.rows > 1 {
                out.push_str(&format!(" rowspan=\"{}\"", cell.rows));
            }
            let text = inline_text::html(&cell.text, &cell.spans).join("<br>");
            out.push_str(&format!(">{text}</{name}>"));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(kind: BlockKind, text: &str) -> Block {
        Block {
            kind,
            bounds: Default::default(),
            lines: Vec::new(),
            text: text.to_owned(),
            spans: Vec::new(),
        }
    }

    fn item(mark: &str, depth: u8, text: &str) -> Block {
        block(
            BlockKind::ListItem {
                mark: mark.to_owned(),
                depth,
            },
            text,
        )
    }

    fn cell(text: &str, columns: u32) -> Cell {
        Cell {
            text: text.to_owned(),
            spans: Vec::new(),
            columns,
            rows: 1,
            lines: Vec::new(),
        }
    }

    fn table(head: bool, rows: &[&[(&str, u32)]]) -> Block {
        let cells = |row: &&[(&str, u32)]| row.iter().map(|(text, n)| cell(text, *n)).collect();
        block(
            BlockKind::Table(Table {
                rows: rows.iter().map(cells).collect(),
                head,
            }),
            "",
        )
    }

    fn written(blocks: &[Block]) -> String {
        page(blocks, &Options::default(), false).text
    }

    #[test]
    fn writes_blocks_with_blank_lines_between() {
        let blocks = [
            block(BlockKind::Header, "Annual report"),
            block(BlockKind::Heading(2), "Costs #"),
            block(BlockKind::Paragraph, "1986. was a good year"),
            block(BlockKind::PageNumber, "3"),
        ];
        assert_eq!(
            written(&blocks),
            "Annual report\n\n## Costs \\#\n\n1986\\. was a good year\n\n3\n"
        );
        let dropped = Options {
            headers_footers: HeadersFooters::Drop,
            ..Options::default()
        };
        assert_eq!(
            page(&blocks, &dropped, false).text,
            "## Costs \\#\n\n1986\\. was a good year\n"
        );
    }

    #[test]
    fn nests_lists_and_keeps_numbers() {
        let blocks = [
            item("1.", 0, "one"),
            item("-", 1, "below"),
            item("2.", 0, "two"),
            item("5.", 0, "five"),
            block(BlockKind::Paragraph, "text"),
            item("6.", 0, "six"),
            item("(a)", 0, "letters"),
        ];
        let expected = "\
1. one
   - below
2. two

<!-- -->

5. five

text

6. six

(a) letters
";
        assert_eq!(written(&blocks), expected);
    }

    #[test]
    fn writes_tables_as_markdown_or_html() {
        let simple = table(
            true,
            &[&[("Item", 1), ("a|b", 1)], &[("x", 1), ("1\n2", 1)]],
        );
        assert_eq!(
            written(&[simple]),
            "| Item | a\\|b |\n| --- | --- |\n| x | 1<br>2 |\n"
        );
        let spans = table(false, &[&[("<Both>", 2)], &[("x", 1), ("y & z", 1)]]);
        assert_eq!(
            written(&[spans]),
            "<table>\n<tr><td colspan=\"2\">&lt;Both&gt;</td></tr>\n<tr><td>x</td><td>y &amp; z</td></tr>\n</table>\n"
        );
        let spanned = table(
            true,
            &[
                &[("Item", 1), ("Price", 1), ("Total", 1)],
                &[("x", 1), ("4", 1), ("40.00", 1)],
                &[("", 2), ("1,160", 1)],
            ],
        );
        assert_eq!(
            written(&[spanned]),
            "| Item | Price | Total |\n| --- | --- | ---: |\n| x | 4 | 40.00 |\n|  |  | 1,160 |\n"
        );
        let headless = table(false, &[&[("1", 1), ("2", 1)]]);
        assert_eq!(written(&[headless]), "|  |  |\n| --- | --- |\n| 1 | 2 |\n");
    }

    #[test]
    fn formulas_stand_on_lines_of_their_own() {
        let blocks = [
            block(BlockKind::Formula, "a_b"),
            block(BlockKind::Formula, "-a"),
        ];
        assert_eq!(written(&blocks), "$$\na_b\n$$\n\n$$ -a $$\n");
    }

    #[test]
    fn a_table_that_would_be_vast_is_written_cell_by_cell() {
        let mut rows: Vec<&[(&str, u32)]> = vec![&[("a", 1)]; 30_000];
        let long = vec![("b", 1); 30_000];
        rows.push(&long);
        assert!(written(&[table(false, &rows)]).starts_with("<table>"));
    }
}
