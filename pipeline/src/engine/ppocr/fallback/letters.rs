//! Letters that the recognizer knows, and those that only a second reader can have read.

use std::collections::HashSet;

use unicode_normalization::char::is_combining_mark;

use crate::script::{is_square, is_unspaced};

/// The letters that the recognizer knows.
pub(super) struct KnownLetters(HashSet<char>);

/// The letters of a text, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LetterCount {
    /// All characters but spaces.
    pub(super) characters: usize,
    /// Letters and the marks on them.
    pub(super) letters: usize,
    /// Those of them that are of a script which the recognizer does not know.
    pub(super) foreign: usize,
    /// Those of them that the recognizer does not know, of whatever script.
    pub(super) unknown: usize,
}

impl KnownLetters {
    /// The letters among the recognizer's characters.
    pub(super) fn new(characters: &[String]) -> Self {
        let letters = characters.iter().flat_map(|text| text.chars());
        Self(letters.filter(|c| is_letter(*c)).collect())
    }

    pub(super) fn count(&self, text: &str) -> LetterCount {
        let mut count = LetterCount::default();
        for c in text.chars().filter(|c| !c.is_whitespace()) {
            count.characters += 1;
            if is_letter(c) {
                count.letters += 1;
                count.foreign += usize::from(is_foreign(c));
                count.unknown += usize::from(is_foreign(c) || !self.0.contains(&c));
            }
        }
        count
    }
}

fn is_letter(c: char) -> bool {
    c.is_alphabetic() || is_combining_mark(c)
}

/// Returns true if a letter is of a script that the recognizer does not read as text: it knows single Greek letters, as
/// they stand in formulas, and no Greek.
fn is_foreign(c: char) -> bool {
    let is_latin = matches!(c, 'a'..='z' | 'A'..='Z' | '\u{aa}' | '\u{ba}' | '\u{c0}'..='\u{24f}' | '\u{250}'..='\u{36f}'
        | '\u{1d00}'..='\u{1dbf}' | '\u{1e00}'..='\u{1eff}' | '\u{2100}'..='\u{218f}' | '\u{2c60}'..='\u{2c7f}'
        | '\u{a720}'..='\u{a7ff}' | '\u{ab30}'..='\u{ab6f}' | '\u{fb00}'..='\u{fb06}');
    let is_chinese_or_japanese = is_unspaced(c) && is_square(c);
    !is_latin && !is_chinese_or_japanese
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_other_scripts_are_foreign_and_lacking_ones_unknown() {
        let known = KnownLetters::new(&["a", "é", "α", "木", "1"].map(str::to_owned));
        let count = |text| {
            let LetterCount {
                characters,
                letters,
                foreign,
                unknown,
            } = known.count(text);
            (characters, letters, foreign, unknown)
        };
        assert_eq!(count("a é 1948."), (7, 2, 0, 0));
        assert_eq!(count("αλφα"), (4, 4, 4, 4));
        assert_eq!(count("Все 木"), (4, 4, 3, 3));
        assert_eq!(count("aế"), (2, 2, 0, 1));
        // A mark on a letter is one of its script's; digits are nobody's.
        assert_eq!(count("ที่ ๑"), (4, 3, 3, 3));
        assert_eq!(count("한국"), (2, 2, 2, 2));
    }
}
