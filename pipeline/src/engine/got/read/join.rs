//! Joining of the texts of a page's rows.

use recto_schemas::GotMode;

use crate::{dehyphenate::is_cut_word, engine::got::plan::RowStart};

/// Begin of a heading in GOT's markup.
const HEADING_START: &str = "\\section*{";
/// End of a heading in GOT's markup.
const HEADING_END: char = '}';

/// Joins texts in order; each comes with what its row begins.
///
/// Plain text keeps the page's lines. Formatted text has an empty line before a paragraph and
/// around a heading, and words hyphenated at a line's end are joined.
pub(super) fn join<'a>(
    mode: GotMode,
    texts: impl IntoIterator<Item = (RowStart, &'a str)>,
) -> String {
    let mut joined = String::new();
    let mut was_heading = false;
    for (start, text) in texts {
        let text = match mode {
            GotMode::Plain => text.trim_matches('\n'),
            GotMode::Format => text.trim(),
        };
        if text.is_empty() {
            continue;
        }
        let inside = text.strip_prefix(HEADING_START);
        match (mode, start) {
            _ if joined.is_empty() => {}
            (GotMode::Format, RowStart::Continuation) if was_heading && inside.is_some() => {
                joined.truncate(joined.trim_end_matches(HEADING_END).len());
                joined.push(' ');
                joined.push_str(inside.unwrap_or_default());
                continue;
            }
            (_, RowStart::Continuation) => joined.push(' '),
            (GotMode::Plain, _) => joined.push('\n'),
            (GotMode::Format, RowStart::Paragraph) => joined.push_str("\n\n"),
            (GotMode::Format, RowStart::Line) if was_heading || inside.is_some() => {
                joined.push_str("\n\n")
            }
            (GotMode::Format, RowStart::Line) if is_cut_word(&joined, text) => drop(joined.pop()),
            (GotMode::Format, RowStart::Line) => joined.push('\n'),
        }
        was_heading = inside.is_some();
        joined.push_str(text);
    }
    joined
}

#[cfg(test)]
mod tests {
    use RowStart::{Continuation, Line, Paragraph};

    use super::*;

    #[test]
    fn formatted_text_goes_on_as_the_page_does() {
        let cases: &[(&[(RowStart, &str)], &str)] = &[
            (&[(Paragraph, "One."), (Paragraph, "Two.")], "One.\n\nTwo."),
            (&[(Line, "One."), (Line, "Two.")], "One.\nTwo."),
            (
                &[(Line, "It was cut "), (Continuation, " here")],
                "It was cut here",
            ),
            (&[(Line, "a para-"), (Line, "graph")], "a paragraph"),
            (
                &[(Line, "a para-"), (Paragraph, "graph")],
                "a para-\n\ngraph",
            ),
            (
                &[(Line, "in 1914-"), (Line, "until 1918")],
                "in 1914-\nuntil 1918",
            ),
            (
                &[(Line, "the Anglo-"), (Line, "Saxons")],
                "the Anglo-\nSaxons",
            ),
            (
                &[(Line, "One."), (Line, "\\section*{Two}"), (Line, "Three.")],
                "One.\n\n\\section*{Two}\n\nThree.",
            ),
            (
                &[
                    (Line, "\\section*{A long}"),
                    (Continuation, "\\section*{heading}"),
                ],
                "\\section*{A long heading}",
            ),
            (&[(Line, ""), (Line, "alone")], "alone"),
            (&[(Line, "alone\n"), (Line, " \n")], "alone"),
            (&[], ""),
        ];
        for (texts, expected) in cases {
            assert_eq!(
                join(GotMode::Format, texts.iter().copied()),
                *expected,
                "{texts:?}"
            );
        }
    }

    #[test]
    fn plain_text_has_the_pages_lines() {
        let texts = [
            (Paragraph, "one\ntwo-\n"),
            (Line, ""),
            (Paragraph, "  three"),
            (Continuation, "and"),
            (Line, "Four"),
        ];
        assert_eq!(join(GotMode::Plain, texts), "one\ntwo-\n  three and\nFour");
        assert_eq!(join(GotMode::Plain, []), "");
    }
}
