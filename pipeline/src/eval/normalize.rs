//! Text normalization before reference and prediction are compared: the way a text is set goes, the words stay.
//!
//! In this order: Markdown's marks go, if the text has them (comments, HTML tags, entities, rules under table heads,
//! signs of headings, lists and quotations, bars of tables, bold, backslashes); characters that stand for "cannot be
//! said" go, if the reference has such; typographic quotes, dashes, ligatures and no-break spaces become plain ones;
//! words that were hyphenated at a line's end are rejoined; white space becomes single spaces.

use std::sync::LazyLock;

use recto_schemas::Options;
use regex::{Captures, Regex};

use crate::{
    dehyphenate::rejoin_for_scoring,
    engine::OcrContent,
    image::rulings::PageRulings,
    text::{PageContent, assemble::DocumentAssembler},
};

/// The meaning of a text's marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkupSyntax {
    /// Nothing: each is a character of the text.
    Plain,
    /// Markdown.
    Markdown,
    /// Mathpix Markdown, as GOT writes it: read as GOT's output is, so that both sides say a heading, a
    /// table or a formula the same way.
    Mathpix,
}

/// The text as it is compared; characters of `ignored` are left out.
pub fn normalize(text: &str, marks: MarkupSyntax, ignored: &str) -> String {
    let text = match marks {
        MarkupSyntax::Plain => text.to_owned(),
        MarkupSyntax::Markdown => without_marks(text),
        MarkupSyntax::Mathpix => without_marks(&markdown_of(text)),
    };
    let mut plain = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !ignored.contains(*c)) {
        match c {
            '\u{2018}' | '\u{2019}' => plain.push('\''),
            '\u{201c}' | '\u{201d}' => plain.push('"'),
            '\u{2013}' | '\u{2014}' | '\u{2212}' => plain.push('-'),
            '\u{a0}' => plain.push(' '),
            '\u{fb01}' => plain.push_str("fi"),
            '\u{fb02}' => plain.push_str("fl"),
            c => plain.push(c),
        }
    }
    let joined = rejoin_for_scoring(&plain);
    let words: Vec<&str> = joined.split_whitespace().collect();
    words.join(" ")
}

/// The Markdown that assembly makes of a page that was read as Mathpix Markdown.
fn markdown_of(mathpix: &str) -> String {
    let mut assembler = DocumentAssembler::new(&Options {
        page_markers: false,
        ..Options::default()
    });
    let mut pages = assembler.push(PageContent {
        number: 1,
        width: 0.0,
        height: 0.0,
        skew_deg: 0.0,
        content: OcrContent::Markup(mathpix.to_owned()),
        rulings: PageRulings::default(),
        asides: Vec::new(),
        pictures: Vec::new(),
        bookmarks: Vec::new(),
        is_partial: false,
        failure: None,
    });
    pages.extend(assembler.finish().0);
    pages.into_iter().map(|page| page.markdown).collect()
}

/// Markdown as its reader sees it, near enough to compare texts.
fn without_marks(text: &str) -> String {
    /// Patterns that are taken out, and the text in their place.
    static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (r"(?s)<!--.*?-->", " "),
            (r"<(?:br|/tr|/p|/td|/th|/li|/h\d)\b[^>]*>", " "),
            (r"</?[a-zA-Z][^>]*>", ""),
        ]
        .map(|(pattern, replacement)| compiled(pattern, replacement))
        .into()
    });
    static AFTER_ENTITIES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (r"(?m)^\s*\|?[\s:|-]*-{3,}[\s:|-]*\|?\s*$", " "),
            (r"(?m)^\s{0,3}(?:#{1,6}|[-*+]|>)\s+", ""),
            (r"\\?\|", " "),
            (r"\*\*|__", ""),
            (r"\\([\\`*_{}\[\]()#+.!<>|~$-])", "$1"),
        ]
        .map(|(pattern, replacement)| compiled(pattern, replacement))
        .into()
    });
    let mut text = text.to_owned();
    for (found, instead) in RULES.iter() {
        text = found.replace_all(&text, *instead).into_owned();
    }
    text = without_entities(&text);
    for (found, instead) in AFTER_ENTITIES.iter() {
        text = found.replace_all(&text, *instead).into_owned();
    }
    text
}

fn compiled(pattern: &str, replacement: &'static str) -> (Regex, &'static str) {
    let pattern = Regex::new(pattern).expect("the pattern is valid");
    (pattern, replacement)
}

/// The entities that Recto and common tools write, as the characters they stand for.
fn without_entities(text: &str) -> String {
    static ENTITY: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("&(?:#([0-9]{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-z]{2,4}));").expect("it is right")
    });
    let meant = |found: &Captures<'_>| {
        let number = |group, radix| {
            let digits = found.get(group)?;
            char::from_u32(u32::from_str_radix(digits.as_str(), radix).ok()?)
        };
        let named = || match found.get(3)?.as_str() {
            "amp" => Some('&'),
            "lt" => Some('<'),
            "gt" => Some('>'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            "nbsp" => Some('\u{a0}'),
            _ => None,
        };
        let letter = number(1, 10).or_else(|| number(2, 16)).or_else(named);
        letter.map_or_else(|| found[0].to_owned(), String::from)
    };
    ENTITY.replace_all(text, meant).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_what_it_says() {
        let markdown = "<!-- page 1 -->\n\n# Annual *Report*\n\n- **first** item\n- second\\_one\n\n\
             | Item | Price |\n| --- | ---: |\n| Ink \\| pens | 4 |\n\n<table><tr><td>a</td><td>b&amp;c</td></tr></table>\n";
        assert_eq!(
            normalize(markdown, MarkupSyntax::Markdown, ""),
            "Annual *Report* first item second_one Item Price Ink pens 4 a b&c"
        );
    }

    #[test]
    fn what_got_is_trained_on_is_read_as_what_got_writes() {
        let mathpix = "\\section*{Results}\n\n\\begin{tabular}{|l|l|}\n\\hline Item & Price \\\\\n\\hline Ink & 4 \\\\\n\\hline\n\\end{tabular}";
        assert_eq!(
            normalize(mathpix, MarkupSyntax::Mathpix, ""),
            "Results Item Price Ink 4"
        );
    }

    #[test]
    fn plain_text_keeps_its_signs() {
        assert_eq!(
            normalize("# 3 | **4** &amp; <b>", MarkupSyntax::Plain, ""),
            "# 3 | **4** &amp; <b>"
        );
    }

    #[test]
    fn how_a_text_is_set_does_not_count() {
        let set = "\u{201c}It\u{2019}s a calcula-\n  tion\u{201d}\u{a0}\u{2014} of\tO-\nXFORD\u{2026} ~ \u{fb01}n";
        assert_eq!(
            normalize(set, MarkupSyntax::Plain, "~"),
            "\"It's a calculation\" - of O- XFORD\u{2026} fin"
        );
        assert_eq!(normalize("a ~ b", MarkupSyntax::Plain, ""), "a ~ b");
    }
}
