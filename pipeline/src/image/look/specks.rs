//! Specks that a model took for full stops.

use crate::page::TextLine;

/// Takes out a full stop before a line's first word, and one that is alone after the line's last.
pub(super) fn drop_stops(line: &mut TextLine) {
    if let Some(rest) = line.text.strip_prefix(". ")
        && rest.chars().next().is_some_and(char::is_alphanumeric)
    {
        line.text = rest.to_owned();
    }
    let text = &line.text;
    let after_word = |rest: &str| !rest.ends_with([' ', '.']);
    let alone = text.strip_suffix(" .").is_some_and(after_word);
    let doubled = text.ends_with(". .") && !text.ends_with(". . .");
    if alone || doubled {
        line.text.truncate(line.text.len() - 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dropped(text: &str) -> String {
        let mut line = TextLine {
            text: text.to_owned(),
            quad: Default::default(),
            confidence: Some(1.0),
            size: 20.0,
            bold: None,
        };
        drop_stops(&mut line);
        line.text
    }

    #[test]
    fn drops_stops_that_stand_alone() {
        assert_eq!(
            dropped(". Other accessions were:"),
            "Other accessions were:"
        );
        assert_eq!(dropped("that is large enough. ."), "that is large enough.");
        assert_eq!(dropped("one word ."), "one word");
    }

    #[test]
    fn keeps_leaders_ellipses_and_numbers() {
        for text in ["Contents . . .", "and so on...", ".5 litres", "...", "."] {
            assert_eq!(dropped(text), text);
        }
    }
}
