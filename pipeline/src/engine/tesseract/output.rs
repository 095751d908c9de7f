//! Tesseract's output: words with their confidence as a table, and text as people read it.
//!
//! Both are asked for. The table has the confidence, but takes letters and syllables of Thai and Korean for words and
//! does not say where spaces belong; the text has the spaces.

use unicode_normalization::char::is_combining_mark;

use crate::engine::ppocr::fallback::LineReading;

/// Columns of the table, of which the last is the text.
const COLUMNS: usize = 12;
/// Value of the first column, the level, in rows that are words.
const WORD_LEVEL: &str = "5";
/// Mean characters of a word below which a line was read letter by letter: one to two where Tesseract knows no words.
const LETTERS_PER_WORD: f32 = 2.0;

/// A line as it is gathered.
#[derive(Default)]
struct GatheredLine {
    /// The words of the table, one after another.
    words: Vec<String>,
    /// Confidence of each word times its characters, 0 to 100, added up.
    confidence: f32,
    /// Characters of all words, marks not counted.
    characters: usize,
    /// The text.
    text: String,
}

/// The readings of `count` lines, in order; a line of which nothing is said has an empty one.
pub(super) fn lines(said: &[u8], count: usize) -> Vec<LineReading> {
    let mut gathered: Vec<GatheredLine> = Vec::new();
    gathered.resize_with(count, GatheredLine::default);
    let mut page = 0usize;
    for row in String::from_utf8_lossy(said).split(['\n', '\u{c}']) {
        let columns: Vec<&str> = row.split('\t').collect();
        if columns.len() != COLUMNS {
            if let Some(line) = gathered.get_mut(page) {
                line.add_text(row);
            }
            continue;
        }
        // The head of the table has names in place of numbers.
        let Some(at) = columns[1]
            .parse::<usize>()
            .ok()
            .and_then(|n| n.checked_sub(1))
        else {
            continue;
        };
        page = at;
        if let Some(line) = gathered.get_mut(page)
            && columns[0] == WORD_LEVEL
        {
            line.add_word(columns[10], columns[11]);
        }
    }
    gathered.into_iter().map(GatheredLine::reading).collect()
}

impl GatheredLine {
    fn add_text(&mut self, text: &str) {
        let text = clean(text);
        if !text.is_empty() {
            if !self.text.is_empty() {
                self.text.push(' ');
            }
            self.text.push_str(&text);
        }
    }

    fn add_word(&mut self, confidence: &str, word: &str) {
        let word = clean(word);
        let characters = word.chars().filter(|c| !is_combining_mark(*c)).count();
        let confidence = confidence.parse::<f32>().ok().filter(|c| c.is_finite());
        self.confidence += confidence.unwrap_or(0.0).clamp(0.0, 100.0) * characters as f32;
        self.characters += characters;
        if !word.is_empty() {
            self.words.push(word);
        }
    }

    fn reading(self) -> LineReading {
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        let joined = self.words.concat();
        // The text counts only if it is the table's: then it says where the spaces are.
        let text = if bare(&self.text) == bare(&joined) {
            self.text
        } else {
            self.words.join(" ")
        };
        let characters = self.characters.max(1) as f32;
        LineReading {
            confidence: self.confidence / characters / 100.0,
            by_letter: characters < LETTERS_PER_WORD * self.words.len() as f32,
            text,
        }
    }
}

/// A text without control characters and marks of direction, and with single spaces.
fn clean(text: &str) -> String {
    let is_mark = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    let kept: String = text
        .chars()
        .filter(|c| !is_mark(*c) && (!c.is_control() || c.is_whitespace()))
        .collect();
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table and a text as Tesseract 5.3 writes them.
    fn said(pages: &[(&[(&str, f32)], &str)]) -> String {
        let mut said = "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n"
            .to_owned();
        for (index, (words, text)) in pages.iter().enumerate() {
            let page = index + 1;
            said += &format!("1\t{page}\t0\t0\t0\t0\t0\t0\t950\t72\t-1\t\n");
            for (word, confidence) in *words {
                said += &format!("5\t{page}\t1\t1\t1\t1\t21\t21\t57\t26\t{confidence}\t{word}\n");
            }
            said += &format!("{text}\n\u{c}");
        }
        said
    }

    #[test]
    fn a_line_has_the_spaces_of_the_text_and_the_confidence_of_the_words() {
        let said = said(&[
            (&[("모든", 90.0), ("인", 90.0), ("간", 96.0)], "모든 인간"),
            (&[], ""),
            (&[("Все", 96.0), ("люди", 95.0)], "Все люди"),
        ]);
        let lines = lines(said.as_bytes(), 4);
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["모든 인간", "", "Все люди", ""]);
        assert!((lines[0].confidence - 0.915).abs() < 1e-3);
        assert_eq!(
            lines.iter().map(|l| l.by_letter).collect::<Vec<_>>(),
            [true, false, false, false]
        );
        assert_eq!(lines[3].confidence, 0.0);
    }

    #[test]
    fn a_text_that_is_not_the_words_is_not_believed() {
        let said = said(&[(&[("Все", 96.0), ("люди", 95.0)], "something else")]);
        assert_eq!(lines(said.as_bytes(), 1)[0].text, "Все люди");
    }

    #[test]
    fn garbage_reads_as_nothing() {
        for garbage in [
            &b"\xff\xfe\x00"[..],
            b"5\t99999999999999999999\t1\t1\t1\t1\t0\t0\t0\t0\t99\tx",
            b"5\t7\t1\t1\t1\t1\t0\t0\t0\t0\tNaN\tx",
            b"5\t0\t1\t1\t1\t1\t0\t0\t0\t0\t99\tx",
            b"Segmentation fault",
        ] {
            let lines = lines(garbage, 2);
            assert!(lines.iter().all(|line| line.confidence == 0.0), "{lines:?}");
        }
    }

    #[test]
    fn marks_of_direction_and_controls_are_left_out() {
        assert_eq!(clean("\u{200f}שלום\u{202c}\u{7}  עולם "), "שלום עולם");
    }
}
