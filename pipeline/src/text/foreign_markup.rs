//! Finds in Markdown what is not ours, with three parsers, with and without mathematics, for tests and fuzzing.

use comrak::{Arena, nodes::NodeValue};
use markdown::{Constructs, ParseOptions, mdast::Node};
use pulldown_cmark::{Event, Options, Parser, Tag};
use recto_schemas::Options as DocumentOptions;

use super::{latex, markdown as writer, mathpix};
use crate::layout::block::Block;

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

/// The Markdown of a model's markup, and what is not ours in it.
pub(crate) fn of_mathpix(markup: &str) -> (String, Vec<String>) {
    let markdown = written(&mathpix::blocks(markup));
    let found = foreign(&markdown);
    (markdown, found)
}

/// The Markdown of `blocks`.
pub(super) fn written(blocks: &[Block]) -> String {
    writer::page(blocks, &DocumentOptions::default(), false).text
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
        match tag.or_else(|| spanning_cell(rest)) {
            Some(length) => rest = &rest[length..],
            None => return Some(format!("HTML {rest:?}")),
        }
    }
    None
}

/// Bytes of the tag of a cell that spans columns or rows.
fn spanning_cell(html: &str) -> Option<usize> {
    let mut rest = html
        .strip_prefix("<td")
        .or_else(|| html.strip_prefix("<th"))?;
    loop {
        let span = ["colspan", "rowspan"].iter().find_map(|name| {
            rest.strip_prefix(' ')?
                .strip_prefix(name)?
                .strip_prefix("=\"")
        });
        let Some(number) = span else {
            return Some(html.len() - rest.strip_prefix('>')?.len());
        };
        rest = number
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .strip_prefix('"')?;
    }
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
pub(super) fn foreign(markdown: &str) -> Vec<String> {
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
