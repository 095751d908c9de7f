//! Texts that try to be markup, written as Markdown and read by three parsers, with and without mathematics: whatever they
//! find beside text is ours.

use pulldown_cmark::{Event, Options, Parser};

use super::{
    foreign_markup::{foreign, written},
    mathpix,
};
use crate::format_controls;
use crate::layout::block::{Block, BlockKind, Cell, SpanKind, Table, TextSpan};

/// Pieces of documents that a parser may take for something else.
const PIECES: &[&str] = &[
    "\u{1}",
    "![",
    "](",
    "](http://a.b/x.png)",
    "[a]",
    "[a][b]",
    "[a]: http://a.b",
    "[^1]",
    "[^1]: x",
    "[",
    "]",
    "(",
    ")",
    "!",
    "<",
    ">",
    "<b>",
    "</b>",
    "<!--",
    "-->",
    "<img src=x onerror=y>",
    "<http://a.b>",
    "<a@b.c>",
    "<?x",
    "<![CDATA[",
    "`",
    "``",
    "```",
    "```\n",
    "~~~",
    "~~~\n",
    "$",
    "$$",
    "$x$",
    "$$x$$",
    "\\",
    "\\\\",
    "\\(",
    "\\)",
    "\\[",
    "\\]",
    "{",
    "}",
    "{{",
    "}}",
    "{%",
    "%}",
    "{#",
    "]{.a}",
    "---",
    "+++",
    "---\n",
    "+++\n",
    "***",
    "* ",
    "- ",
    "+ ",
    "1. ",
    "# ",
    "> ",
    "|",
    "| a | b |\n",
    "|---|---|\n",
    "===",
    ":::",
    ": ",
    "% ",
    "&lt;b&gt;",
    "&#60;b&#62;",
    "&amp;lt;",
    "\u{202E}",
    "\u{2066}",
    "\u{FEFF}",
    "\u{E0041}",
    "\u{200B}",
    "\u{FFFC}",
    "\u{FDD1}",
    "\n",
    "\n\n",
    "    ",
    "\t",
    " ",
    " ",
    "a",
    "5",
    "é",
    "汉",
    "\\href{javascript:x}{y}",
    "\\url{http://a.b}",
    "\\includegraphics{x}",
    "\\class{a}{b}",
    "\\def\\x{y}",
    "\\input{x}",
    "\\text{",
    "\\frac{1}{2}",
    "\\left[",
    "\\right](",
    "\\begin{x}",
    "\\end{x}",
    "\\begin{tabular}{l}",
    "\\end{tabular}",
    "&",
    "^",
    "_",
    "*",
    "**",
    "~~",
    "\\section{",
    "\\footnote{",
    "\\item ",
    "\"x\"",
    "https://a.b/c",
    "www.a.b",
    "@a",
];

struct Random(u32);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.0 >> 12) as usize % n
    }

    fn text(&mut self) -> String {
        let count = 1 + self.below(9);
        (0..count)
            .map(|_| PIECES[self.below(PIECES.len())])
            .collect()
    }

    /// A text, with spans over some of it.
    fn spans(&mut self, text: &str, math: bool) -> Vec<TextSpan> {
        let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
        let mut spans = Vec::new();
        let mut from = 0;
        while from + 1 < places.len() && self.below(3) == 0 {
            let start = from + self.below(places.len() - from);
            let end = (start + 1 + self.below(6)).min(places.len() - 1);
            let kind = match self.below(6) {
                0 if math => SpanKind::Math,
                1 => SpanKind::Strong,
                2 => SpanKind::Emphasis,
                3 => SpanKind::Superscript,
                4 => SpanKind::Subscript,
                _ => SpanKind::Struck,
            };
            if start < end && !text[places[start]..places[end]].contains('\n') {
                let range = places[start]..places[end];
                spans.push(TextSpan { range, kind });
            }
            from = end + 1;
        }
        spans
    }

    fn block(&mut self, math: bool) -> Block {
        let mut text = self.text();
        let kind = match self.below(8) {
            0 => BlockKind::Heading(1 + self.below(6) as u8),
            1 => BlockKind::ListItem {
                mark: "-".to_owned(),
                depth: self.below(3) as u8,
            },
            2 => BlockKind::ListItem {
                mark: self.text().replace('\n', " "),
                depth: 0,
            },
            3 => BlockKind::Figure,
            4 if math => BlockKind::Formula,
            5 | 6 => {
                let wide = self.below(2) as u32;
                let cells = |it: &mut Self| {
                    let text = format_controls::without(&it.text()).into_owned();
                    Cell {
                        spans: it.spans(&text, math),
                        text,
                        columns: 1,
                        rows: 1,
                        lines: Vec::new(),
                    }
                };
                let mut rows: Vec<Vec<Cell>> = (0..3)
                    .map(|_| (0..2).map(|_| cells(self)).collect())
                    .collect();
                rows[1][0].columns += wide;
                text.clear();
                BlockKind::Table(Table {
                    rows,
                    head: self.below(2) == 0,
                })
            }
            _ => BlockKind::Paragraph,
        };
        let spans = match kind {
            BlockKind::Formula => Vec::new(),
            _ => {
                // Before spans are found, pages are without.
                format_controls::strip(&mut text);
                self.spans(&text, math)
            }
        };
        Block {
            kind,
            bounds: Default::default(),
            lines: Vec::new(),
            text,
            spans,
        }
    }
}

#[test]
fn text_of_blocks_is_never_markup() {
    let mut random = Random(17);
    for _ in 0..20_000 {
        let count = 1 + random.below(4);
        let blocks: Vec<Block> = (0..count).map(|_| random.block(true)).collect();
        let markdown = written(&blocks);
        let found = foreign(&markdown);
        assert!(found.is_empty(), "{found:?} in {markdown:?} of {blocks:?}");
    }
}

/// Without a formula in the document there is none in its Markdown.
#[test]
fn dollars_of_text_begin_no_formula() {
    let mut random = Random(5);
    for _ in 0..20_000 {
        let count = 1 + random.below(3);
        let blocks: Vec<Block> = (0..count).map(|_| random.block(false)).collect();
        let markdown = written(&blocks);
        let math = Parser::new_ext(&markdown, Options::ENABLE_MATH | Options::ENABLE_TABLES)
            .filter(|event| matches!(event, Event::InlineMath(_) | Event::DisplayMath(_)));
        assert_eq!(math.count(), 0, "{markdown:?} of {blocks:?}");
    }
}

#[test]
fn text_of_a_model_is_never_markup() {
    let mut random = Random(9);
    for _ in 0..20_000 {
        let (before, inside, after) = (random.text(), random.text(), random.text());
        let markup = match random.below(4) {
            0 => format!("{before}\\( {inside} \\){after}"),
            1 => format!("{before}\\[ {inside} \\]{after}"),
            2 => format!("{before}${inside}${after}"),
            _ => format!("{before}{inside}{after}"),
        };
        let markdown = written(&mathpix::blocks(&markup));
        let found = foreign(&markdown);
        assert!(found.is_empty(), "{found:?} in {markdown:?} of {markup:?}");
    }
}

/// The texts with which the promise was broken.
#[test]
fn known_attacks_fail() {
    for (markup, markdown) in [
        (
            "\\( ![](http://evil/x.png) \\)",
            "$! [] (http://evil/x.png)$\n",
        ),
        (
            "\\( \\href{javascript:alert(1)}{x} \\)",
            "$\\text{href}{javascript:alert(1)}{x}$\n",
        ),
        ("a $x$-like $y z$ b", "a $x$-like \\$y z\\$ b\n"),
        ("costs US$5 and US$6", "costs US\\$5 and US\\$6\n"),
        (
            "costs $5 and $6, not ($7)",
            "costs \\$5 and \\$6, not (\\$7)\n",
        ),
        ("costs $5 and $6", "costs \\$5 and \\$6\n"),
        ("+++", "\\+++\n"),
        (
            "{{ site.secret }} {% x %}",
            "\\{\\{ site.secret }} {\\% x %}\n",
        ),
        ("in\u{202E}gpj.exe", "ingpj.exe\n"),
    ] {
        assert_eq!(written(&mathpix::blocks(markup)), markdown);
    }
}
