//! Blocks to Markdown: CommonMark with GitHub's tables.

use recto_schemas::Furniture;

use super::{
    Block, BlockKind, Table,
    escape::{Place, escape, escape_html},
};

/// The Markdown of a page's blocks.
pub(crate) fn page(blocks: &[Block], furniture: Furniture) -> String {
    let mut writer = Writer::default();
    for block in blocks {
        let dropped = matches!(
            block.kind,
            BlockKind::Header | BlockKind::Footer | BlockKind::PageNumber
        );
        if !(dropped && furniture == Furniture::Drop) {
            writer.block(block);
        }
    }
    writer.out
}

/// Writes blocks one after another, and knows the list it is in.
#[derive(Default)]
struct Writer {
    out: String,
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

impl Writer {
    fn block(&mut self, block: &Block) {
        if let BlockKind::ListItem { mark, depth } = &block.kind
            && let Some((sign, number)) = counted(mark)
        {
            self.item(sign, number, usize::from(*depth), &block.text);
            return;
        }
        self.lists.clear();
        let text = match &block.kind {
            BlockKind::Heading(level) => heading(*level, &block.text),
            BlockKind::Table(table) => table_text(table),
            BlockKind::Markup => block.text.clone(),
            BlockKind::ListItem { mark, .. } => {
                escape(&format!("{mark} {}", block.text), Place::Block)
            }
            _ => escape(&block.text, Place::Block),
        };
        self.paragraph(&text);
    }

    fn paragraph(&mut self, text: &str) {
        let text = text.trim_end();
        if text.is_empty() {
            return;
        }
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        self.out.push_str(text);
        self.out.push('\n');
    }

    /// An item of a list that Markdown numbers as the page does.
    fn item(&mut self, sign: char, number: Option<u32>, depth: usize, text: &str) {
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
        let text = escape(text, Place::Block);
        self.out
            .push_str(&format!("{}{mark} {text}\n", " ".repeat(inset)));
    }
}

/// The sign and number of a mark that Markdown knows: `-`, `3.`, `3)`.
fn counted(mark: &str) -> Option<(char, Option<u32>)> {
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

fn heading(level: u8, text: &str) -> String {
    let mut text = escape(text, Place::Heading);
    // A closing run of signs would be taken for the heading's own.
    if text.ends_with('#') {
        let at = text.trim_end_matches('#').len();
        text.insert(at, '\\');
    }
    format!("{} {text}", "#".repeat(usize::from(level.clamp(1, 6))))
}

fn table_text(table: &Table) -> String {
    let columns = table.rows.iter().map(Vec::len).max().unwrap_or(0);
    let simple = table.rows.iter().all(|row| {
        row.len() == columns && row.iter().all(|cell| cell.columns == 1 && cell.rows == 1)
    });
    if columns == 0 {
        String::new()
    } else if simple {
        pipe_table(table, columns)
    } else {
        html_table(table)
    }
}

fn pipe_table(table: &Table, columns: usize) -> String {
    let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
    let mut out = String::new();
    let mut rows = table.rows.iter();
    let cells = |row: &Vec<super::Cell>| -> Vec<String> {
        row.iter()
            .map(|cell| cell_text(&cell.text, |line| escape(line, Place::Cell)))
            .collect()
    };
    if table.head
        && let Some(head) = rows.next()
    {
        out.push_str(&line(cells(head)));
    } else {
        out.push_str(&line(vec![String::new(); columns]));
    }
    out.push_str(&line(vec!["---".to_owned(); columns]));
    rows.for_each(|row| out.push_str(&line(cells(row))));
    out
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
            let text = cell_text(&cell.text, escape_html);
            out.push_str(&format!(">{text}</{name}>"));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table>\n");
    out
}

/// A cell's lines, each escaped.
fn cell_text(text: &str, escape: impl Fn(&str) -> String) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("<br>")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Cell;

    fn block(kind: BlockKind, text: &str) -> Block {
        Block {
            kind,
            bounds: Default::default(),
            lines: Vec::new(),
            text: text.to_owned(),
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
        page(blocks, Furniture::Keep)
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
        assert_eq!(
            page(&blocks, Furniture::Drop),
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
        let headless = table(false, &[&[("1", 1), ("2", 1)]]);
        assert_eq!(written(&[headless]), "|  |  |\n| --- | --- |\n| 1 | 2 |\n");
    }

    #[test]
    fn leaves_markup_as_it_is() {
        let blocks = [block(BlockKind::Markup, "# Title *x*\n$a_b$")];
        assert_eq!(written(&blocks), "# Title *x*\n$a_b$\n");
    }
}
