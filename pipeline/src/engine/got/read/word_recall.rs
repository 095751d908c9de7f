//! Word recall: the share of one text's words that another text has too.

use std::collections::HashMap;

use crate::script::is_word;

/// Minimum letters and digits of a word; single ones are bullets and noise.
const SHORTEST: usize = 2;

/// Share of the words of `wanted` that `text` has too, each as often as it occurs there, 0 to 1; 1
/// if there are none.
///
/// Words are runs of at least two letters or digits in lower case, and single characters of scripts
/// without spaces.
pub(super) fn word_recall<'a>(wanted: impl IntoIterator<Item = &'a str>, text: &str) -> f32 {
    let mut left: HashMap<String, u32> = HashMap::new();
    let mut count = 0u32;
    for part in wanted {
        words(part, |word| {
            count += 1;
            *left.entry(word).or_default() += 1;
        });
    }
    let mut found = 0u32;
    words(text, |word| {
        if let Some(times) = left.get_mut(&word).filter(|times| **times > 0) {
            *times -= 1;
            found += 1;
        }
    });
    if count == 0 {
        1.0
    } else {
        found as f32 / count as f32
    }
}

/// Calls `take` with each word of `text`.
fn words(text: &str, mut take: impl FnMut(String)) {
    let mut word = String::new();
    let mut length = 0;
    for c in text.chars().chain([' ']) {
        if c.is_alphanumeric() && !is_word(c) {
            word.extend(c.to_lowercase());
            length += 1;
            continue;
        }
        if length >= SHORTEST {
            take(std::mem::take(&mut word));
        }
        word.clear();
        length = 0;
        if is_word(c) {
            take(c.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_as_often_as_they_stand_there() {
        assert_eq!(word_recall(["one two", "two"], "Two, ONE."), 2.0 / 3.0);
        assert_eq!(word_recall(["one two"], "one two two three"), 1.0);
    }

    #[test]
    fn markup_and_punctuation_do_not_matter() {
        let text = "\\title{\nAnnual report\n}\nprofit rose by \\(12 \\%\\)";
        assert_eq!(
            word_recall(["Annual Report", "Profit rose by 12%"], text),
            1.0
        );
    }

    #[test]
    fn single_letters_are_no_words_but_ideographs_are() {
        assert_eq!(word_recall(["a b - c"], ""), 1.0);
        assert_eq!(word_recall(["年度报告"], "年度"), 0.5);
    }

    #[test]
    fn nothing_wanted_is_all_there() {
        assert_eq!(word_recall([], "anything"), 1.0);
    }
}
