//! [`join`]: what was read of a page's sections, made one text again.

use recto_schemas::Mode;

/// Joins the texts of sections in order.
///
/// Plain text goes on in the next line. Formatted text goes on in a new paragraph, unless a section ends within a
/// sentence and the next one begins in lower case: the page was cut within a paragraph there, perhaps within a word.
pub(super) fn join<'a>(mode: Mode, texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut joined = String::new();
    for text in texts {
        let text = match mode {
            Mode::Plain => text.trim_matches('\n'),
            Mode::Format => text.trim(),
        };
        if text.is_empty() {
            continue;
        }
        match mode {
            _ if joined.is_empty() => {}
            Mode::Plain => joined.push('\n'),
            Mode::Format if !text.starts_with(char::is_lowercase) => joined.push_str("\n\n"),
            Mode::Format if is_cut_word(&joined) => drop(joined.pop()),
            Mode::Format if is_cut_sentence(&joined) => joined.push(' '),
            Mode::Format => joined.push_str("\n\n"),
        }
        joined.push_str(text);
    }
    joined
}

/// Whether `text` ends with a hyphen after a letter in lower case.
fn is_cut_word(text: &str) -> bool {
    let before = text.strip_suffix('-');
    before.is_some_and(|before| before.ends_with(char::is_lowercase))
}

/// Whether `text` ends with what a sentence goes on after, and not with a heading.
fn is_cut_sentence(text: &str) -> bool {
    let line = text.lines().next_back().unwrap_or_default();
    let goes_on = |c: char| c.is_alphanumeric() || matches!(c, ',' | ';' | '(' | '–' | '—');
    text.ends_with(goes_on) && !line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formatted_text_goes_on_where_a_paragraph_was_cut() {
        let cases = [
            (["One.", "Two."], "One.\n\nTwo."),
            (["It was cut", "within it."], "It was cut within it."),
            (["First, ", " then."], "First, then."),
            (["a long para-", "graph"], "a long paragraph"),
            (["in 1914-", "until 1918"], "in 1914-\n\nuntil 1918"),
            (
                ["It was cut", "Here it begins"],
                "It was cut\n\nHere it begins",
            ),
            (["## Heading", "small start"], "## Heading\n\nsmall start"),
            (
                ["\\title{Head}", "small start"],
                "\\title{Head}\n\nsmall start",
            ),
            (
                ["A full stop.", "small start"],
                "A full stop.\n\nsmall start",
            ),
            (["", "alone"], "alone"),
            (["alone\n", " \n"], "alone"),
            (["", ""], ""),
        ];
        for (texts, expected) in cases {
            assert_eq!(join(Mode::Format, texts), expected, "{texts:?}");
        }
    }

    #[test]
    fn plain_text_goes_on_in_the_next_line() {
        let texts = ["one\ntwo-\n", "", "  three", "Four"];
        assert_eq!(join(Mode::Plain, texts), "one\ntwo-\n  three\nFour");
        assert_eq!(join(Mode::Plain, []), "");
    }
}
