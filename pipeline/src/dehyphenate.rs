//! Dehyphenation: lines of one paragraph joined, with spaces between words, without the hyphens that only a line's end
//! has put there, and without spaces in scripts that have none.

use std::{collections::HashSet, sync::LazyLock};

use regex::Regex;

use crate::script::is_unspaced;

/// Most words remembered, so that a hostile page cannot make the set grow without bound.
const MAX_WORDS: usize = 4096;
/// Longest word remembered, in bytes.
const MAX_WORD_BYTES: usize = 64;

/// Words seen with a hyphen inside a line, by which a hyphen at a line's end is judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct HyphenatedWords(HashSet<String>);

impl HyphenatedWords {
    /// Remembers the hyphenated words inside `line`.
    pub fn learn(&mut self, line: &str) {
        for word in line.split_whitespace() {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric());
            let hyphenated =
                word.contains(['-', '\u{2010}', '\u{2011}']) && word.len() < MAX_WORD_BYTES;
            if hyphenated && self.0.len() < MAX_WORDS {
                let plain = word.to_lowercase().replace(['\u{2010}', '\u{2011}'], "-");
                self.0.insert(plain);
            }
        }
    }

    fn contains(&self, left: &str, right: &str) -> bool {
        let word = format!("{left}-{right}").to_lowercase();
        self.0.contains(&word)
    }
}

/// Appends `next`, the line after, to `text`.
pub(crate) fn join_line(text: &mut String, next: &str, hyphenated: &HyphenatedWords) {
    let next = next.trim();
    let (Some(last), Some(first)) = (text.chars().next_back(), next.chars().next()) else {
        text.push_str(next);
        return;
    };
    let before = text.chars().rev().nth(1);
    match last {
        // A soft hyphen is only ever there because the line ended.
        '\u{ad}' => {
            text.pop();
        }
        '-' | '\u{2010}' | '\u{2011}' | '¬' => {
            if before.is_none_or(char::is_whitespace) || !first.is_alphanumeric() {
                text.push(' ');
            } else if is_line_end_hyphen(text, next, hyphenated) {
                text.pop();
            }
        }
        '—' if before.is_some_and(|c| !c.is_whitespace()) => {}
        _ if is_unspaced(last) && is_unspaced(first) => {}
        _ => text.push(' '),
    }
    text.push_str(next);
}

/// Returns true if the hyphen at the end of `text` is there only because the line ended.
///
/// It stays if the word goes on with a capital or a digit (Anglo-Saxon, 1990-1995), if it has another hyphen
/// (state-of-the-art), if its first part is a word of compounds (twenty-three), or if it is written with that hyphen inside a line of the page.
fn is_line_end_hyphen(text: &str, next: &str, hyphenated: &HyphenatedWords) -> bool {
    let stem = &text[..text.len() - text.chars().next_back().map_or(0, char::len_utf8)];
    let left = stem
        .rsplit(|c: char| c.is_whitespace())
        .next()
        .unwrap_or("")
        .trim_start_matches(|c: char| !c.is_alphanumeric());
    let right: String = next
        .chars()
        .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '\'' | '’'))
        .collect();
    let ends_in_letter = left.chars().next_back().is_some_and(char::is_alphabetic);
    let capitals = |word: &str| word.chars().count() > 1 && word.chars().all(char::is_uppercase);
    let goes_on =
        right.chars().next().is_some_and(char::is_lowercase) || capitals(left) && capitals(&right);
    let compound = left.contains(['-', '\u{2011}'])
        || is_first_of_compound(&left.to_lowercase(), &right)
        || is_rest_of_compound(&right);
    ends_in_letter && goes_on && !compound && !hyphenated.contains(left, &right)
}

/// Returns true for words that take a hyphen and are no syllables of others: `self-`, `twenty-`.
fn is_first_of_compound(left: &str, right: &str) -> bool {
    const WORDS: [&str; 4] = ["self", "well", "half", "all"];
    const TENS: [&str; 8] = [
        "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
    ];
    const UNITS: [&str; 18] = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "first", "second",
        "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
    ];
    WORDS.contains(&left) || TENS.contains(&left) && UNITS.contains(&right)
}

/// Returns true for the rest of words such as `state-of-the-art` and `end-to-end`.
fn is_rest_of_compound(right: &str) -> bool {
    const WORDS: [&str; 10] = [
        "of", "to", "in", "on", "by", "and", "the", "at", "up", "for",
    ];
    let first = right.split_once('-').map(|(first, _)| first);
    first.is_some_and(|first| WORDS.contains(&first))
}

/// Returns true if a word is cut by the end of the line `text`, whether or not its hyphen belongs to it: then no
/// paragraph ends there.
pub(crate) fn continues_word(text: &str, next: &str) -> bool {
    let mut last = text.chars().rev();
    let cut = matches!(last.next(), Some('-' | '\u{ad}' | '\u{2010}' | '\u{2011}'));
    let before = last.next();
    let lowercase = next.chars().next().is_some_and(char::is_lowercase);
    let capitals =
        before.is_some_and(char::is_uppercase) && next.chars().take(2).all(char::is_uppercase);
    cut && before.is_some_and(char::is_alphabetic) && (lowercase || capitals)
}

/// Returns true if the last word of `text` is cut by a hyphen that is there only because the line ended, as far as the
/// two lines tell.
pub(crate) fn is_cut_word(text: &str, next: &str) -> bool {
    text.ends_with('-') && is_line_end_hyphen(text, next, &HyphenatedWords::default())
}

/// The text without line-end hyphens before a lower-case letter.
///
/// Only for scoring: the rule is that of the corpus's scoring script and knows no words, so that both sides of a comparison
/// lose the same hyphens and figures can be laid beside the script's.
pub(crate) fn rejoin_for_scoring(text: &str) -> String {
    static HYPHEN: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"-[ \t]*\n\s*").expect("the pattern is valid"));
    let mut joined = String::with_capacity(text.len());
    let mut taken = 0;
    for found in HYPHEN.find_iter(text) {
        let before = text[..found.start()].chars().next_back();
        let after = text[found.end()..].chars().next();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_')
            && after.is_some_and(|c| c.is_ascii_lowercase())
        {
            joined.push_str(&text[taken..found.start()]);
            taken = found.end();
        }
    }
    joined.push_str(&text[taken..]);
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(lines: &[&str]) -> String {
        let mut seen = HyphenatedWords::default();
        lines.iter().for_each(|line| seen.learn(line));
        let mut text = String::new();
        lines
            .iter()
            .for_each(|line| join_line(&mut text, line, &seen));
        text
    }

    #[test]
    fn rejoins_a_word_broken_at_the_line_end() {
        assert_eq!(joined(&["the infor-", "mation is"]), "the information is");
        assert_eq!(joined(&["the infor\u{ad}", "mation"]), "the information");
        assert_eq!(joined(&["A NEW SO-", "LUTION"]), "A NEW SOLUTION");
    }

    #[test]
    fn keeps_a_hyphen_that_belongs_to_the_word() {
        assert_eq!(joined(&["Anglo-", "Saxon"]), "Anglo-Saxon");
        assert_eq!(joined(&["1990-", "1995"]), "1990-1995");
        assert_eq!(joined(&["COVID-19-", "related"]), "COVID-19-related");
        assert_eq!(joined(&["state-of-", "the-art"]), "state-of-the-art");
        assert_eq!(joined(&["state-", "of-the-art"]), "state-of-the-art");
        assert_eq!(
            joined(&["a long-term plan, a long-", "term view"]),
            "a long-term plan, a long-term view"
        );
    }

    #[test]
    fn leaves_dashes_alone() {
        assert_eq!(joined(&["one –", "two"]), "one – two");
        assert_eq!(joined(&["one -", "two"]), "one - two");
        assert_eq!(joined(&["one—", "two"]), "one—two");
    }

    #[test]
    fn joins_chinese_without_a_space() {
        assert_eq!(joined(&["北京是中国", "的首都。"]), "北京是中国的首都。");
        assert_eq!(joined(&["使用 Rust", "编写"]), "使用 Rust 编写");
    }
}
