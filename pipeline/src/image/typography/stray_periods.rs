//! Stray periods: specks that a model took for full stops.

use crate::page::TextLine;

/// Removes a full stop before a line's first word, and one alone after the line's last.
pub(super) fn remove(line: &mut TextLine) {
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

    fn without(text: &str) -> String {
        let mut line = TextLine {
            text: text.to_owned(),
            quad: Default::default(),
            confidence: Some(1.0),
            size: 20.0,
            style: Default::default(),
            tag: None,
            lead: None,
            read_by: None,
            formulas: Vec::new(),
            region: None,
        };
        remove(&mut line);
        line.text
    }

    #[test]
    fn removes_stops_that_stand_alone() {
        assert_eq!(
            without(". Other accessions were:"),
            "Other accessions were:"
        );
        assert_eq!(without("that is large enough. ."), "that is large enough.");
        assert_eq!(without("one word ."), "one word");
    }

    #[test]
    fn keeps_leaders_ellipses_and_numbers() {
        for text in ["Contents . . .", "and so on...", ".5 litres", "...", "."] {
            assert_eq!(without(text), text);
        }
    }
}
