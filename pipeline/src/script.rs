//! Scripts: the ranges of characters of Chinese, Japanese and Korean writing, one table for the whole pipeline.
//!
//! Two things hang on it. Chinese and Japanese are written without spaces between words, so that no space belongs
//! between two lines that are joined; Korean has spaces. And all three are set in squares of one em, whose ink may be
//! far apart inside a word, and may run down the page.

use std::ops::RangeInclusive;

/// A script, or a group of signs that are set with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    /// Ideographs and their radicals.
    Han,
    /// Hiragana and katakana, half-width katakana too.
    Kana,
    /// The letters in which Chinese sounds are written.
    Bopomofo,
    /// Punctuation, enclosed and squared characters, full-width forms.
    CjkSymbols,
    /// Korean letters and syllables.
    Hangul,
}

/// The scripts by Unicode block, in order.
const TABLE: [(RangeInclusive<char>, Script); 27] = [
    ('\u{1100}'..='\u{11ff}', Script::Hangul), // Hangul Jamo
    ('\u{2e80}'..='\u{2fdf}', Script::Han),    // radicals
    ('\u{2ff0}'..='\u{3004}', Script::CjkSymbols), // description characters, punctuation
    ('\u{3005}'..='\u{3007}', Script::Han),    // iteration mark, closing mark, zero
    ('\u{3008}'..='\u{303f}', Script::CjkSymbols), // punctuation
    ('\u{3040}'..='\u{30ff}', Script::Kana),   // Hiragana, Katakana
    ('\u{3100}'..='\u{312f}', Script::Bopomofo), // Bopomofo
    ('\u{3130}'..='\u{318f}', Script::Hangul), // Hangul Compatibility Jamo
    ('\u{3190}'..='\u{319f}', Script::CjkSymbols), // Kanbun
    ('\u{31a0}'..='\u{31bf}', Script::Bopomofo), // Bopomofo Extended
    ('\u{31c0}'..='\u{31ef}', Script::Han),    // CJK Strokes
    ('\u{31f0}'..='\u{31ff}', Script::Kana),   // Katakana Phonetic Extensions
    ('\u{3200}'..='\u{33ff}', Script::CjkSymbols), // enclosed characters, squared words
    ('\u{3400}'..='\u{4dbf}', Script::Han),    // Extension A
    ('\u{4e00}'..='\u{9fff}', Script::Han),    // Unified Ideographs
    ('\u{a960}'..='\u{a97f}', Script::Hangul), // Hangul Jamo Extended-A
    ('\u{ac00}'..='\u{d7ff}', Script::Hangul), // Hangul Syllables, Jamo Extended-B
    ('\u{f900}'..='\u{faff}', Script::Han),    // Compatibility Ideographs
    ('\u{fe10}'..='\u{fe1f}', Script::CjkSymbols), // Vertical Forms
    ('\u{fe30}'..='\u{fe4f}', Script::CjkSymbols), // Compatibility Forms
    ('\u{ff00}'..='\u{ff64}', Script::CjkSymbols), // full-width forms, half-width punctuation
    ('\u{ff65}'..='\u{ff9f}', Script::Kana),   // half-width katakana
    ('\u{ffa0}'..='\u{ffdf}', Script::Hangul), // half-width Hangul
    ('\u{ffe0}'..='\u{ffef}', Script::CjkSymbols), // full-width signs
    ('\u{1aff0}'..='\u{1b16f}', Script::Kana), // Kana Extended, Kana Supplement
    ('\u{1f200}'..='\u{1f2ff}', Script::CjkSymbols), // Enclosed Ideographic Supplement
    ('\u{20000}'..='\u{3ffff}', Script::Han),  // Extensions B and further
];

/// The ideographs that the script of GOT's evaluation looks for: those of Unicode 1.1. Its figures can be laid beside
/// ours only if the same pages are cut into words as Chinese.
const GOT_EVALUATION_HAN: RangeInclusive<char> = '\u{4e00}'..='\u{9fa5}';

/// The script of a character; `None` for all others than those of the table.
fn script(c: char) -> Option<Script> {
    let at = TABLE.partition_point(|(range, _)| *range.end() < c);
    let (range, script) = TABLE.get(at)?;
    range.contains(&c).then_some(*script)
}

/// Returns true if the character's script is written without spaces between words.
pub(crate) fn is_unspaced(c: char) -> bool {
    script(c).is_some_and(|script| script != Script::Hangul)
}

/// Returns true if the character is set in a square of one em.
pub(crate) fn is_square(c: char) -> bool {
    script(c).is_some()
}

/// Returns true if the character counts as a word of its own: a letter of a script without spaces.
pub(crate) fn is_word(c: char) -> bool {
    matches!(
        script(c),
        Some(Script::Han | Script::Kana | Script::Bopomofo)
    ) && c.is_alphanumeric()
}

/// Returns true if the script of GOT's evaluation takes the character for Chinese.
pub(crate) fn is_got_evaluation_han(c: char) -> bool {
    GOT_EVALUATION_HAN.contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(
            TABLE
                .windows(2)
                .all(|pair| pair[0].0.end() < pair[1].0.start())
        );
        assert!(TABLE.iter().all(|(range, _)| !range.is_empty()));
    }

    #[test]
    fn chinese_and_japanese_have_no_spaces_and_korean_has() {
        for c in "北々〇。、（Ａｶ｡㈱㎏ㄅのカー𠮷".chars() {
            assert!(is_unspaced(c) && is_square(c), "{c}");
        }
        for c in "한ㄱﾡ".chars() {
            assert!(!is_unspaced(c) && is_square(c), "{c}");
        }
        for c in "aé1.—–“…🙂".chars() {
            assert!(!is_square(c), "{c}");
        }
    }

    #[test]
    fn letters_are_words_and_signs_are_not() {
        assert!("北のカｶㄅ々".chars().all(is_word));
        assert!(!"。・（Ａ한a".chars().any(is_word));
    }
}
