//! Choice of the language that reads a page's lines, and of the readings that are taken for text.

use super::{LineReading, letters::KnownLetters};
use crate::engine::ppocr::{
    tuning::fallback::{
        BY_LETTER_CHOICE, BY_LETTER_LINE, CHOICE, FOREIGN_SHARE, LATIN_CONFIDENCE, LATIN_SHARE,
        LINE, LOOKALIKE_LINE,
    },
    unread::RecognizedLine,
};

/// The sureness with which a language reads lines: the scores of those that it reads surely, added up; `None` if it reads
/// none so. A line in another script than most of them pulls none down: the page's next language is for it.
pub(super) fn language_score(readings: &[LineReading], known: &KnownLetters) -> Option<f32> {
    let scores = readings.iter().filter_map(|reading| {
        let score = score(reading, known);
        let is_sure =
            score >= CHOICE && !(reading.by_letter && reading.confidence < BY_LETTER_CHOICE);
        is_sure.then_some(score)
    });
    scores.reduce(|a, b| a + b)
}

/// The confidence of a reading times the share of what only this reader can have read: in a wrong language, letters read
/// as digits and signs too. 0 for what the recognizer would have read.
pub(super) fn score(reading: &LineReading, known: &KnownLetters) -> f32 {
    let count = known.count(&reading.text);
    if is_latin_with_gaps(reading, known) {
        return reading.confidence;
    }
    let share = count.foreign as f32 / count.characters.max(1) as f32;
    reading.confidence * share
}

/// Returns true for surely read Latin letters of which the recognizer lacks many: Vietnamese.
fn is_latin_with_gaps(reading: &LineReading, known: &KnownLetters) -> bool {
    let count = known.count(&reading.text);
    count.foreign == 0
        && count.unknown > 0
        && count.unknown as f32 >= LATIN_SHARE * count.letters as f32
        && reading.confidence >= LATIN_CONFIDENCE
}

/// Returns true if a reading in the page's language is the text of a line.
pub(super) fn accepts(reading: &LineReading, line: &RecognizedLine, known: &KnownLetters) -> bool {
    if is_latin_with_gaps(reading, known) {
        return true;
    }
    let count = known.count(&reading.text);
    let least = match (reading.by_letter, line.tells_script()) {
        (true, _) => BY_LETTER_LINE,
        (false, true) => LINE,
        (false, false) => LOOKALIKE_LINE,
    };
    count.foreign > 0
        && count.foreign as f32 >= FOREIGN_SHARE * count.letters as f32
        && reading.confidence >= least
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ppocr::fallback::tests::{line, reading};

    fn known() -> KnownLetters {
        let letters: Vec<String> = ('a'..='z')
            .chain('A'..='Z')
            .chain("áíôđươ".chars())
            .map(String::from)
            .collect();
        KnownLetters::new(&letters)
    }

    fn is_sure(text: &str, confidence: f32) -> bool {
        language_score(&[reading(text, confidence)], &known()).is_some()
    }

    #[test]
    fn a_language_is_sure_of_its_own_letters_and_of_no_others() {
        assert!(is_sure("Все люди рождаются", 0.96));
        // Ukrainian, as the Russian reader sees it.
        assert!(!is_sure("незалежно в! раси", 0.7));
        // Greek, as the Thai reader sees it: digits among letters.
        assert!(!is_sure("ท์ ๕๐เบ๓บเพท์ ๕๕0ทห๓บท 46 20", 0.77));
        assert!(!is_sure("All human beings are born", 0.93));
        assert!(!is_sure("", 0.0));
    }

    #[test]
    fn a_reader_that_goes_letter_by_letter_must_be_surer() {
        let by_letter = |confidence| LineReading {
            by_letter: true,
            ..reading("มนุษย์ทั้งหลายเกิดมา", confidence)
        };
        let is_sure = |confidence| language_score(&[by_letter(confidence)], &known()).is_some();
        assert!(is_sure(0.95) && !is_sure(0.85));
    }

    #[test]
    fn one_line_read_surely_makes_a_language_and_more_make_it_likelier() {
        let lines = |count: usize| {
            let mut all = vec![reading("0 8", 0.3); 3];
            all[..count].fill(reading("Все люди", 0.95));
            language_score(&all, &known())
        };
        assert!(lines(0).is_none() && lines(1).is_some());
        assert!(lines(2) > lines(1));
    }

    #[test]
    fn vietnamese_is_told_by_the_vowels_that_the_recognizer_lacks() {
        assert!(is_sure("Tất cả mọi người sinh ra", 0.96));
        assert!(!is_sure("Tất cả mọi người sinh ra", 0.7));
        assert!(!is_sure("A word with one ọ of many others here", 0.96));
    }

    #[test]
    fn a_reading_counts_if_it_is_sure_and_in_another_script() {
        let accepts = |text: &str, confidence, share| {
            accepts(
                &reading(text, confidence),
                &line("Bce", 0.9, share),
                &known(),
            )
        };
        assert!(accepts("10 декабря 1948 г.", 0.8, 0.7));
        assert!(!accepts("10 декабря 1948 г.", 0.5, 0.7));
        assert!(!accepts("Signed: д", 0.9, 0.7));
        assert!(!accepts("1948", 0.9, 0.7));
        // A line that the recognizer has read for the most part needs more to be taken from it.
        assert!(!accepts("Все люди", 0.7, 0.05) && accepts("Все люди", 0.9, 0.05));
    }
}
