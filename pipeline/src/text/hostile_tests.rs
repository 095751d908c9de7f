//! Texts that try to be markup, written as Markdown and read by three parsers, with and without mathematics: whatever they
//! find beside text is ours.

use comrak::{Arena, nodes::NodeValue};
use markdown::{Constructs, ParseOptions, mdast::Node};
use pulldown_cmark::{Event, Options, Parser, Tag};
use recto_schemas::Options as DocumentOptions;

use super::{latex, markdown as writer, mathpix};
use crate::format_controls;
use crate::layout::block::{Block, BlockKind, Cell, SpanKind, Table, TextSpan};

/// Pieces of documents that a parser may take for something else.
const PIECES: &[&str] = &[
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

/// The tags that are ours.
const TAGS: &[&str] = &[
    "<!-- -->",
    "<br>",
    "<sup>",
    "</sup>",
    "<sub>",
    "</sub>",
    "<strong>",
    "</strong>",
    "<em>",
    "</em>",
    "<s>",
    "</s>",
    "<table>",
    "</table>",
    "<tr>",
    "</tr>",
    "<td>",
    "</td>",
    "<th>",
    "</th>",
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

/// The reason why `html` has more than [`TAGS`].
fn foreign_html(html: &str) -> Option<String> {
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        let tag = TAGS
            .iter()
            .find(|tag| rest.starts_with(*tag))
            .map(|tag| tag.len());
        let spanned = ["<td colspan=\"", "<th colspan=\""]
            .iter()
            .any(|tag| rest.starts_with(tag));
        match tag.or_else(|| rest.find('>').filter(|_| spanned)) {
            Some(length) => rest = &rest[length..],
            None => return Some(format!("HTML {rest:?}")),
        }
    }
    None
}

fn pulldown(markdown: &str, with_math: bool) -> Vec<String> {
    let mut options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    options.set(Options::ENABLE_MATH, with_math);
    Parser::new_ext(markdown, options)
        .filter_map(|event| match event {
            Event::Start(Tag::Image { dest_url, .. }) if dest_url.is_empty() => None,
            Event::Html(html) | Event::InlineHtml(html) => foreign_html(&html),
            Event::InlineMath(math) | Event::DisplayMath(math) => {
                (!latex::knows_all(&math)).then(|| format!("command of {math:?}"))
            }
            Event::Start(
                Tag::Link { .. }
                | Tag::Image { .. }
                | Tag::CodeBlock(_)
                | Tag::FootnoteDefinition(_)
                | Tag::MetadataBlock(_),
            )
            | Event::Code(_)
            | Event::FootnoteReference(_)
            | Event::TaskListMarker(_) => Some(format!("{event:?}")),
            _ => None,
        })
        .collect()
}

fn micromark(markdown: &str) -> Vec<String> {
    let options = ParseOptions {
        constructs: Constructs {
            frontmatter: true,
            gfm_autolink_literal: false,
            ..Constructs::gfm()
        },
        ..ParseOptions::gfm()
    };
    let mut found = Vec::new();
    let mut nodes = vec![markdown::to_mdast(markdown, &options).expect("Markdown has no errors")];
    while let Some(node) = nodes.pop() {
        match &node {
            Node::Image(image) if image.url.is_empty() => {}
            Node::Html(html) => found.extend(foreign_html(&html.value)),
            Node::Link(_)
            | Node::LinkReference(_)
            | Node::Image(_)
            | Node::ImageReference(_)
            | Node::Definition(_)
            | Node::InlineCode(_)
            | Node::Code(_)
            | Node::FootnoteDefinition(_)
            | Node::FootnoteReference(_)
            | Node::Toml(_)
            | Node::Yaml(_) => found.push(format!("{node:?}")),
            _ => {}
        }
        nodes.extend(node.children().cloned().unwrap_or_default());
    }
    found
}

fn cmark_gfm(markdown: &str, with_math: bool) -> Vec<String> {
    let mut options = comrak::Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.footnotes = true;
    options.extension.math_dollars = with_math;
    options.extension.front_matter_delimiter = Some("---".to_owned());
    let arena = Arena::new();
    let root = comrak::parse_document(&arena, markdown, &options);
    root.descendants()
        .filter_map(|node| match &node.data().value {
            NodeValue::Image(image) if image.url.is_empty() => None,
            NodeValue::HtmlBlock(html) => foreign_html(&html.literal),
            NodeValue::HtmlInline(html) => foreign_html(html),
            NodeValue::Math(math) => {
                (!latex::knows_all(&math.literal)).then(|| format!("command of {:?}", math.literal))
            }
            value @ (NodeValue::Link(_)
            | NodeValue::Image(_)
            | NodeValue::Code(_)
            | NodeValue::CodeBlock(_)
            | NodeValue::FootnoteDefinition(_)
            | NodeValue::FootnoteReference(_)
            | NodeValue::TaskItem(_)
            | NodeValue::FrontMatter(_)) => Some(format!("{value:?}")),
            _ => None,
        })
        .collect()
}

/// Everything that is not ours in `markdown`, and what no template or front matter may begin with.
fn foreign(markdown: &str) -> Vec<String> {
    let mut found = pulldown(markdown, false);
    found.extend(pulldown(markdown, true));
    found.extend(micromark(markdown));
    found.extend(cmark_gfm(markdown, false));
    found.extend(cmark_gfm(markdown, true));
    for sign in ["{{", "{%", "{#"] {
        found.extend(markdown.contains(sign).then(|| sign.to_owned()));
    }
    for sign in ["---\n", "+++\n", "{", "% "] {
        found.extend(
            markdown
                .starts_with(sign)
                .then(|| format!("starts with {sign:?}")),
        );
    }
    found.extend(
        markdown
            .chars()
            .filter(|c| matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}'))
            .map(|c| format!("{c:?}")),
    );
    found
}

fn written(blocks: &[Block]) -> String {
    writer::page(blocks, &DocumentOptions::default(), false).text
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
