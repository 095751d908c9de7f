//! Classes of tokens for the repetition detector, found once from the tokens' texts.

use std::collections::HashMap;

/// The role of a token in tables and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenClass {
    /// Ends a row: `\\`, or the `|` at a line's end.
    RowBreak,
    /// A rule between rows: `\hline`.
    RowRule,
    /// Separates two cells: `&`, `|`.
    Cell,
    /// Ends a line.
    LineEnd,
    /// Dots, dashes, underscores, blanks.
    Filler,
}

/// The tokens that end an answer, and the classes of tokens that shape tables and lines.
#[derive(Clone, Debug, Default)]
pub(in crate::engine::got) struct TokenClasses {
    stop: Vec<u32>,
    classes: HashMap<u32, TokenClass>,
}

impl TokenClasses {
    /// Classifies a vocabulary of ids and their texts, with blanks as blanks; `stop` are the ids
    /// that end an answer.
    pub(in crate::engine::got) fn new<S: AsRef<str>>(
        stop: &[u32],
        vocabulary: impl IntoIterator<Item = (u32, S)>,
    ) -> Self {
        let marked = vocabulary
            .into_iter()
            .filter_map(|(id, text)| Some((id, classify(text.as_ref())?)));
        Self {
            stop: stop.to_vec(),
            classes: marked.collect(),
        }
    }

    /// Returns true if the token ends an answer.
    pub(in crate::engine::got) fn is_stop(&self, token: u32) -> bool {
        self.stop.contains(&token)
    }
}

/// The tokens of each class in a unit.
pub(super) struct ClassCounts([usize; 5]);

impl ClassCounts {
    /// Counts the classes of a unit's tokens.
    pub(super) fn of(unit: &[u32], token_classes: &TokenClasses) -> Self {
        let mut counts = [0; 5];
        for class in unit
            .iter()
            .filter_map(|token| token_classes.classes.get(token))
        {
            counts[*class as usize] += 1;
        }
        Self(counts)
    }

    /// Tokens of one class.
    pub(super) fn count(&self, class: TokenClass) -> usize {
        self.0[class as usize]
    }
}

fn classify(text: &str) -> Option<TokenClass> {
    let word = text.trim();
    let ends_line = text.contains('\n');
    if text.contains(r"\\") || (ends_line && text.contains('|')) {
        Some(TokenClass::RowBreak)
    } else if word.trim_start_matches('\\') == "hline" {
        Some(TokenClass::RowRule)
    } else if ends_line {
        Some(TokenClass::LineEnd)
    } else if !word.is_empty() && word.chars().all(|c| matches!(c, '&' | '|' | ' ')) {
        Some(TokenClass::Cell)
    } else if !text.is_empty() && text.chars().all(is_filler) {
        Some(TokenClass::Filler)
    } else {
        None
    }
}

fn is_filler(c: char) -> bool {
    c.is_whitespace() || matches!(c, '.' | '-' | '_' | '–' | '—' | '―' | '…' | '·' | '․' | '‥')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_their_marks() {
        let cases = [
            (r" \\", Some(TokenClass::RowBreak)),
            (r"\\[", Some(TokenClass::RowBreak)),
            (" |\n", Some(TokenClass::RowBreak)),
            (r"\hline", Some(TokenClass::RowRule)),
            ("hline", Some(TokenClass::RowRule)),
            (" &", Some(TokenClass::Cell)),
            ("|", Some(TokenClass::Cell)),
            ("\n\n", Some(TokenClass::LineEnd)),
            (".\n", Some(TokenClass::LineEnd)),
            (" ", Some(TokenClass::Filler)),
            ("........", Some(TokenClass::Filler)),
            (" ___", Some(TokenClass::Filler)),
            (r"\begin", None),
            ("word", None),
            ("-1", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(classify(text), expected, "{text:?}");
        }
    }

    #[test]
    fn stop_ids_are_known() {
        let token_classes = TokenClasses::new(&[7, 9], [(1, "a")]);
        assert!(token_classes.is_stop(7) && token_classes.is_stop(9) && !token_classes.is_stop(1));
    }
}
