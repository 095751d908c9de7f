//! [`TokenClasses`]: what tokens mean to the guard, found once from their texts.

use std::collections::HashMap;

/// The class of a token: its part in the shape of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenClass {
    /// Ends a row: `\\`, or the `|` at a line's end.
    RowBreak,
    /// Rules between rows: `\hline`.
    RowRule,
    /// Stands between two cells: `&`, `|`.
    Cell,
    /// Ends a line.
    LineEnd,
    /// Dots, dashes, underscores, blanks.
    Filler,
}

/// Which tokens end a text, and which shape tables and lines.
#[derive(Clone, Debug, Default)]
pub(in crate::engine::got) struct TokenClasses {
    stop: Vec<u32>,
    marks: HashMap<u32, TokenClass>,
}

impl TokenClasses {
    /// Marks for a vocabulary of ids and the texts they stand for, blanks as blanks; `stop` are the
    /// ids that end a text.
    pub(in crate::engine::got) fn new<S: AsRef<str>>(
        stop: &[u32],
        vocabulary: impl IntoIterator<Item = (u32, S)>,
    ) -> Self {
        let marked = vocabulary
            .into_iter()
            .filter_map(|(id, text)| Some((id, mark(text.as_ref())?)));
        Self {
            stop: stop.to_vec(),
            marks: marked.collect(),
        }
    }

    /// Returns true if the token ends a text.
    pub(in crate::engine::got) fn is_stop(&self, token: u32) -> bool {
        self.stop.contains(&token)
    }
}

/// Number of tokens of each class in a unit.
pub(super) struct ClassCounts([usize; 5]);

impl ClassCounts {
    /// Counts them.
    pub(super) fn of(unit: &[u32], marks: &TokenClasses) -> Self {
        let mut counts = [0; 5];
        for mark in unit.iter().filter_map(|token| marks.marks.get(token)) {
            counts[*mark as usize] += 1;
        }
        Self(counts)
    }

    /// Tokens of one kind.
    pub(super) fn count(&self, mark: TokenClass) -> usize {
        self.0[mark as usize]
    }
}

fn mark(text: &str) -> Option<TokenClass> {
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
            assert_eq!(mark(text), expected, "{text:?}");
        }
    }

    #[test]
    fn stop_ids_are_known() {
        let marks = TokenClasses::new(&[7, 9], [(1, "a")]);
        assert!(marks.is_stop(7) && marks.is_stop(9) && !marks.is_stop(1));
    }
}
