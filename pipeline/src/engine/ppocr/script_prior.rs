//! Look-alikes from Chinese and Japanese in Latin text, and what stands there instead.
//!
//! The recognizer knows 16,000 ideographs and two hundred Latin letters and signs, and sees one line
//! without its page. A dash of a formula or of code then reads as 一, an asterisk as 米, a comma as
//! its full-width form. On a page of Latin text a single such character is a mistake; several in a
//! row that are read surely are a name.

use super::tuning::script_prior::{
    LEAST_LATIN, MOST_SQUARE, NAME_CHARACTERS, SURE_CHARACTER, SURE_NAME,
};
use crate::script::{is_square, is_word};

/// A character as it was read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct ReadCharacter<'a> {
    /// Its text.
    pub(super) text: &'a str,
    /// Its probability, 0 to 1.
    pub(super) probability: f32,
    /// For a character set in a square, the best at its place of those that are not.
    pub(super) latin: Option<LatinReading<'a>>,
}

/// The best reading of a place among the characters that are not set in a square.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LatinReading<'a> {
    /// Its text.
    pub(super) text: &'a str,
    /// Its probability, 0 to 1.
    pub(super) probability: f32,
}

impl ReadCharacter<'_> {
    /// Returns true if it is set in a square of one em.
    fn is_square(&self) -> bool {
        self.text.chars().any(is_square)
    }

    /// Returns true if it is an ideograph or kana.
    fn is_word(&self) -> bool {
        self.text.chars().any(is_word)
    }
}

/// The line's text if it is on a page of Latin text; `None` if it is no other then.
pub(super) fn latin_text(characters: &[ReadCharacter<'_>]) -> Option<String> {
    let mut text = String::new();
    for run in characters.chunk_by(|a, b| a.is_square() == b.is_square()) {
        let is_kept = is_name(run);
        for character in run {
            match latin(character).filter(|_| !is_kept) {
                Some(latin) => text.push_str(&latin),
                None => text.push_str(character.text),
            }
        }
    }
    let read = characters.iter().map(|character| character.text);
    let text = text.trim().to_owned();
    (text != read.collect::<String>().trim()).then_some(text)
}

/// Returns true for several ideographs or kana in a row that were read surely and are no row of
/// signs (`====`).
fn is_name(run: &[ReadCharacter<'_>]) -> bool {
    if run
        .iter()
        .all(|character| character.text.chars().all(is_sign))
    {
        return false;
    }
    let words: Vec<f32> = run
        .iter()
        .filter(|character| character.is_word())
        .map(|character| character.probability)
        .collect();
    words.len() >= NAME_CHARACTERS && words.iter().sum::<f32>() >= SURE_NAME * words.len() as f32
}

/// The text in place of a character set in a square; `None` if that is the character itself.
fn latin(character: &ReadCharacter<'_>) -> Option<String> {
    if !character.is_square() {
        return None;
    }
    let mut characters = character.text.chars();
    if let (Some(c), None) = (characters.next(), characters.next())
        && let Some(sign) = look_alike(c)
    {
        return Some(sign.to_string());
    }
    if character.is_word() && character.probability >= SURE_CHARACTER {
        return None;
    }
    character
        .latin
        .filter(|latin| latin.probability >= LEAST_LATIN)
        .map(|latin| latin.text.to_owned())
}

/// The sign that a character is taken for, by shape alone.
fn look_alike(c: char) -> Option<char> {
    // Full-width forms of ASCII stand in its order.
    if let '\u{ff01}'..='\u{ff5e}' = c {
        return char::from_u32(u32::from(c) - 0xfee0);
    }
    Some(match c {
        '一' | 'ー' | '㇐' => '-',
        '十' => '+',
        '二' | 'ニ' | '゠' => '=',
        '米' => '*',
        '丨' | '｜' => '|',
        '口' => '□',
        '。' => '.',
        '、' => ',',
        '「' | '【' => '[',
        '」' | '】' => ']',
        '《' => '«',
        '》' => '»',
        '〈' => '<',
        '〉' => '>',
        '〜' => '~',
        '\u{3000}' => ' ',
        _ => return None,
    })
}

/// Returns true if a character has the shape of a sign.
fn is_sign(c: char) -> bool {
    look_alike(c).is_some()
}

/// Returns true if a page with these texts is one of Latin text.
pub(super) fn is_latin<'a>(texts: impl Iterator<Item = &'a str>) -> bool {
    let (mut latin, mut square) = (0usize, 0usize);
    for c in texts.flat_map(str::chars) {
        if is_word(c) && !is_sign(c) {
            square += 1;
        } else if c.is_ascii_alphanumeric() {
            latin += 1;
        }
    }
    latin > 0 && square as f32 <= MOST_SQUARE * (latin + square) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, probability: f32) -> Vec<ReadCharacter<'_>> {
        text.char_indices()
            .map(|(at, c)| ReadCharacter {
                text: &text[at..at + c.len_utf8()],
                probability,
                latin: is_square(c).then_some(LatinReading {
                    text: "?",
                    probability: 0.05,
                }),
            })
            .collect()
    }

    #[test]
    fn signs_of_formulas_and_code_are_no_ideographs() {
        for (read, meant) in [
            ("x = a 十 b 一 c", "x = a + b - c"),
            ("let n 二 5 米 m；", "let n = 5 * m;"),
            ("f（x，y）：", "f(x,y):"),
            ("ニニニ二", "===="),
            ("口 yes 口 no", "□ yes □ no"),
            ("end of it。", "end of it."),
        ] {
            assert_eq!(latin_text(&line(read, 0.99)).as_deref(), Some(meant));
        }
    }

    #[test]
    fn a_name_that_is_read_surely_stays() {
        assert_eq!(latin_text(&line("by 魯迅 (1921)", 0.97)), None);
        assert_eq!(latin_text(&line("the sign 木 means tree", 0.99)), None);
    }

    #[test]
    fn doubtful_ideographs_are_what_the_model_takes_for_second() {
        let text = latin_text(&line("plot 果", 0.6));
        assert_eq!(text.as_deref(), Some("plot ?"));
        let text = latin_text(&line("上はなた", 0.3));
        assert_eq!(text.as_deref(), Some("????"));
    }

    #[test]
    fn a_line_without_any_is_as_it_was_read() {
        assert_eq!(latin_text(&line(" plain text ", 0.9)), None);
    }

    #[test]
    fn a_page_is_latin_by_a_margin() {
        assert!(is_latin(["The report of the year", "a 十 b"].into_iter()));
        assert!(is_latin(["a 一 b", "ニニニニニニ", "x 十 y"].into_iter()));
        assert!(!is_latin(
            ["合同第3条规定，乙方应于", "ISO 9001"].into_iter()
        ));
        assert!(!is_latin(["", "— …"].into_iter()));
    }
}
