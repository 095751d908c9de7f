//! Lines of one paragraph made one: spaces, line-end hyphens, scripts without spaces.

use std::collections::HashSet;

/// Words seen with a hyphen inside a line, by which a hyphen at a line's end is judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct HyphenatedWords(HashSet<String>);

/// Most words remembered, so that a hostile page cannot make the set grow without bound.
const MOST_WORDS: usize = 4096;

impl HyphenatedWords {
    /// Remembers the hyphenated words inside `line`.
    pub fn learn(&mut self, line: &str) {
        for word in line.split_whitespace() {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric());
            let joined = word.contains(['-', '\u{2010}', '\u{2011}']) && word.len() < 64;
            if joined && self.0.len() < MOST_WORDS {
                let plain = word.to_lowercase().replace(['\u{2010}', '\u{2011}'], "-");
                self.0.insert(plain);
            }
        }
    }

    fn knows(&self, left: &str, right: &str) -> bool {
        let word = format!("{left}-{right}").to_lowercase();
        self.0.contains(&word)
    }
}

/// Appends `next`, the line after, to `text`.
pub(crate) fn join_line(text: &mut String, next: &str, seen: &HyphenatedWords) {
    let next = next.trim();
    let (Some(last), Some(first)) = (text.chars().next_back(), next.chars().next()) else {
        text.push_str(next);
        return;
    };
    match last {
        '\u{ad}' => {
            text.pop();
        }
        '-' | '\u{2010}' | '\u{2011}' | '¬' => {
            let before = text.chars().rev().nth(1);
            if before.is_none_or(char::is_whitespace) || !first.is_alphanumeric() {
                text.push(' ');
            } else if drops_hyphen(text, next, seen) {
                text.pop();
            }
        }
        '—' if text
            .chars()
            .rev()
            .nth(1)
            .is_some_and(|c| !c.is_whitespace()) => {}
        _ if is_unspaced(last) && is_unspaced(first) => {}
        _ => text.push(' '),
    }
    text.push_str(next);
}

/// Returns true if the hyphen at the end of `text` is there only because the line ended.
fn drops_hyphen(text: &str, next: &str, seen: &HyphenatedWords) -> bool {
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
    let letters = left.chars().next_back().is_some_and(char::is_alphabetic);
    let capitals = |word: &str| word.chars().count() > 1 && word.chars().all(char::is_uppercase);
    let small =
        right.chars().next().is_some_and(char::is_lowercase) || capitals(left) && capitals(&right);
    let compound =
        left.contains(['-', '\u{2011}']) || matches!(left, "self" | "well" | "Self" | "Well");
    letters && small && !compound && !seen.knows(left, &right)
}

/// Returns true if a script of this character is written without spaces between words.
pub(crate) fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{2e80}'..='\u{303f}' | '\u{3040}'..='\u{30ff}' | '\u{3100}'..='\u{312f}'
        | '\u{31a0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ff60}'
        | '\u{20000}'..='\u{3ffff}')
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
