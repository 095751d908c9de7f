//! Escapes of characters that Markdown or HTML would take for markup.

use crate::format_controls;

/// Stands for a span while the text around it is escaped: neither a letter nor a space nor markup.
pub(crate) const STAND_IN: char = '\u{fffc}';
/// Longest name of an entity that is looked for; the longest of HTML has 31 characters.
const MAX_ENTITY_CHARACTERS: usize = 40;

/// The context of a text in the Markdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EscapeContext {
    /// At the start of a block: a paragraph, an item.
    Block,
    /// After a heading's signs.
    Heading,
    /// In a cell of a Markdown table.
    Cell,
}

/// `text` as CommonMark (and GitHub's tables and strikethrough) that reads as `text`, on one line.
pub(crate) fn escape(text: &str, context: EscapeContext) -> String {
    let text = one_line(text);
    let tildes = text.matches('~').count() > 1;
    // What Pandoc takes for attributes of a heading.
    let attributes = context == EscapeContext::Heading && text.ends_with('}');
    let chars: Vec<char> = text.chars().collect();
    let addresses = may_be_address(&chars);
    let mut out = String::with_capacity(text.len() + 8);
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| chars[i]);
        let after = chars.get(i + 1).copied();
        match c {
            '<' if addresses[i] || after.is_some_and(opens_tag) => out.push_str("&lt;"),
            '&' if is_entity(&chars[i..]) => out.push_str("&amp;"),
            _ => {
                if is_markup(c, before, after, tildes, context) || c == '{' && attributes {
                    out.push('\\');
                }
                out.push(c);
            }
        }
    }
    if context == EscapeContext::Block {
        escape_start(out)
    } else {
        out
    }
}

/// For each character, whether a mail address may end the word that goes on there: it has an `@`, or a span that is not
/// looked into.
fn may_be_address(chars: &[char]) -> Vec<bool> {
    let mut found = vec![false; chars.len()];
    let mut word = false;
    for (i, &c) in chars.iter().enumerate().rev() {
        word = !c.is_whitespace() && (word || c == '@' || c == STAND_IN);
        found[i] = word;
    }
    found
}

/// `text` as text of an HTML element.
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in one_line(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(c),
        }
    }
    out
}

/// `text` as text of an HTML element in Markdown: Pandoc reads Markdown there too.
pub(crate) fn escape_cell(text: &str) -> String {
    let dollars = pairs_dollars(text);
    let text = one_line(text);
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() + 8);
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| chars[i]);
        let after = chars.get(i + 1).copied();
        let is_markup = match c {
            '&' | '<' | '>' | '`' => true,
            '(' | '[' | ':' | '{' if before == Some(']') => true,
            '^' => before == Some('['),
            '{' | '%' | '#' => before == Some('{'),
            '$' => dollars,
            '\\' => after.is_some_and(|c| c.is_ascii_alphabetic()),
            _ => false,
        };
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c if is_markup => out.push_str(&format!("&#{};", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Returns true if a dollar sign of `text` may begin a formula and a later one end it: Pandoc, GitHub and most others
/// want no space after the first and none before the last. Lines may be joined by what is no space.
pub(crate) fn pairs_dollars(text: &str) -> bool {
    if text.trim().contains('\n') {
        return text.matches('$').count() > 1;
    }
    let is_space = |c: char| c.is_whitespace() && c != '\u{a0}' && c != '\u{3000}';
    let mut begun = false;
    let mut before = ' ';
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '$' {
            if begun && !is_space(before) {
                return true;
            }
            begun |= chars.peek().is_some_and(|c| !is_space(*c));
        }
        before = c;
    }
    false
}

/// White space made single spaces, control characters dropped.
fn one_line(text: &str) -> String {
    let text = format_controls::without(text);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() && c != '\u{a0}' && c != '\u{3000}' {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
        } else if !c.is_control() {
            out.push(c);
        }
    }
    out.truncate(out.trim_end_matches(' ').len());
    out
}

/// Returns true if `c` would act as markup between its neighbors.
fn is_markup(
    c: char,
    before: Option<char>,
    after: Option<char>,
    tildes: bool,
    context: EscapeContext,
) -> bool {
    let space = |c: Option<char>| c.is_none_or(char::is_whitespace);
    let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    match c {
        '\\' | '`' => true,
        '*' => !(space(before) && space(after)),
        '_' => !(space(before) && space(after) || word(before) && word(after)),
        '~' => tildes && !(space(before) && space(after)),
        // Only what makes a link of brackets: brackets alone stay as they are.
        '(' => before == Some(']'),
        // Attributes in Pandoc; the beginnings of templates, which site generators fill before they read Markdown.
        '{' => matches!(before, Some(']' | '{')),
        '%' | '#' => before == Some('{'),
        // A note.
        '^' => before == Some('['),
        '|' => context == EscapeContext::Cell,
        _ => false,
    }
}

fn opens_tag(after: char) -> bool {
    after.is_ascii_alphabetic() || matches!(after, '/' | '!' | '?')
}

/// Returns true if `chars`, which start with `&`, start with what may be an entity.
fn is_entity(chars: &[char]) -> bool {
    let name = chars[1..]
        .iter()
        .take(MAX_ENTITY_CHARACTERS)
        .take_while(|c| c.is_ascii_alphanumeric() || **c == '#');
    let length = name.count();
    length > 0 && chars.get(length + 1) == Some(&';')
}

/// Escapes what would begin a heading, a list, a quotation, a rule, a fence or a definition.
fn escape_start(text: String) -> String {
    let spaced = |at: usize| text[at..].chars().next().is_none_or(char::is_whitespace);
    let bytes = text.as_bytes();
    let run = |b: u8| bytes.iter().take_while(|x| **x == b).count();
    let at = match bytes.first() {
        Some(b'#') if run(b'#') <= 6 && spaced(run(b'#')) => 0,
        Some(b'>') => 0,
        Some(b'-' | b'+') if spaced(1) => 0,
        // Front matter of Hugo, which has rules of plus signs and objects of JSON; Pandoc's title, fenced divisions,
        // definitions and lines of verse.
        Some(b'+') if run(b'+') >= 3 => 0,
        Some(b'{') => 0,
        Some(b'%' | b':' | b'|' | b'~') if spaced(1) => 0,
        Some(b':') if run(b':') >= 3 => 0,
        Some(b':' | b'|') if bytes.iter().all(|b| matches!(b, b'-' | b' ' | b'|' | b':')) => 0,
        Some(b'*') if spaced(1) => 0,
        Some(b'-') if bytes.iter().all(|b| matches!(b, b'-' | b' ' | b'|' | b':')) => 0,
        Some(b'=') if bytes.iter().all(|b| matches!(b, b'=' | b' ')) => 0,
        Some(b'~') if text.starts_with("~~~") => 0,
        Some(b'_') if bytes.iter().all(|b| matches!(b, b'_' | b' ')) => 0,
        Some(b'[') if text.contains("]:") || is_task(&text) || ends_elsewhere(&text) => 0,
        Some(b'0'..=b'9') => {
            let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
            let marked = matches!(bytes.get(digits), Some(b'.' | b')'));
            if !(digits <= 9 && marked && spaced(digits + 1)) {
                return text;
            }
            digits
        }
        _ => return text,
    };
    let (head, tail) = text.split_at(at);
    format!("{head}\\{tail}")
}

/// Returns true if the first bracket of `text` may end in a span or on another line, and go on as a definition does.
fn ends_elsewhere(text: &str) -> bool {
    text.find(']')
        .is_none_or(|at| text[..at].contains(STAND_IN))
}

fn is_task(text: &str) -> bool {
    ["[ ]", "[x]", "[X]"]
        .iter()
        .any(|mark| text.starts_with(mark))
}

#[cfg(test)]
mod tests {
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;

    /// The text that a reader of the Markdown sees, or the reason why it is not one plain paragraph.
    fn read(markdown: &str) -> Result<String, String> {
        let options = Options::ENABLE_TABLES
            | Options::ENABLE_STRIKETHROUGH
            | Options::ENABLE_TASKLISTS
            | Options::ENABLE_FOOTNOTES;
        let mut text = String::new();
        for event in Parser::new_ext(markdown, options) {
            match event {
                Event::Text(part) => text.push_str(&part),
                Event::Start(Tag::Paragraph) | Event::End(_) => {}
                other => return Err(format!("{markdown:?} has {other:?}")),
            }
        }
        Ok(text)
    }

    #[test]
    fn escaped_text_reads_as_the_text() {
        let texts = [
            "# not a heading",
            "#hashtag",
            "> quoted",
            "- dash",
            "+ plus",
            "* star",
            "1986. A year",
            "3) three",
            "-",
            "---",
            "- - -",
            "***",
            "___",
            "===",
            "~~~ fence",
            "```rust",
            "a `code` b",
            "*emphasis*",
            "**strong**",
            "snake_case_name",
            "_under_",
            "__init__",
            "2 * 3 * 4",
            "5*6*7",
            "[1]",
            "[1]: http://a.b",
            "[text](url)",
            "![image](url)",
            "[^1]: note",
            "[ ] task",
            "[x] done",
            "<b>bold</b>",
            "a < b > c",
            "<!-- comment -->",
            "AT&T",
            "&amp; &copy; &#65; & more;",
            "~~gone~~ ~5 to ~6~",
            "C:\\temp\\*.txt",
            "back\\slash",
            "a | b | c",
            "| --- | --- |",
            "http://a.b/c_d_e?f=1&g=2",
            "<http://a.b>",
            "$5 and $6",
            "!bang",
            "a!",
            "#",
            "1.",
            "(a) x",
            "*a_b*c_d*",
            "***a**b*",
            "\\",
            "\\[x\\]",
            "`",
            "a\u{a0}b",
            "12345678901. x",
            "+1 555",
            "=",
            "== x",
            "北京_上海_",
            "a*b",
            "*",
            "_",
            "a __b__c",
            "--",
            "-5",
            "[a][b]",
            "[a] (b)",
            "{.class}",
            ":- |",
            "\"q\" 'r'",
            "####### seven",
        ];
        for text in texts {
            assert_eq!(
                read(&escape(text, EscapeContext::Block)).as_deref(),
                Ok(text)
            );
        }
    }

    /// All short texts over the characters that matter: in any order they read as themselves.
    #[test]
    fn any_mixture_of_signs_reads_as_itself() {
        let signs = [
            "*", "_", "`", "[", "]", "(", ")", "<", ">", "#", "-", "1.", "~", "|", "\\", "&lt;",
            "!", ":", "a", " ",
        ];
        let mut state = 1_u32;
        for _ in 0..20_000 {
            let mut text = String::new();
            for _ in 0..7 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                text.push_str(signs[(state >> 16) as usize % signs.len()]);
            }
            let text = one_line(&text);
            assert_eq!(
                read(&escape(&text, EscapeContext::Block)).as_deref(),
                Ok(text.as_str())
            );
        }
    }

    #[test]
    fn leaves_ordinary_text_as_it_is() {
        for text in [
            "Prices rose 5 % (see [3]).",
            "file_name.rs",
            "a - b",
            "No. 5",
            "2 * 3",
            "AT&T",
            "x < 5",
            "http://a.b/c_d",
        ] {
            assert_eq!(escape(text, EscapeContext::Block), text);
        }
    }

    #[test]
    fn escapes_html_and_cells() {
        assert_eq!(escape_html("a <b> & c"), "a &lt;b&gt; &amp; c");
        assert_eq!(escape("a|b", EscapeContext::Cell), "a\\|b");
    }
}
