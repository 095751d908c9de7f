//! Plausibility of a page's own text: a document may lie about what its glyphs mean.
//!
//! A font whose mapping to Unicode is wrong gives text that is none in any language. Pairs of letters show it: those of
//! nine European languages are far from chance, and a mapping that exchanges letters leaves pairs as good as random.
//! What is doubted here is not thrown away: its lines are compared with what the reader sees.

use std::collections::{HashMap, HashSet};

use super::{Glyph, PlacedGlyph};
use crate::{image::inspection::LineDoubt, script::is_unspaced};

/// Least mean of [`PAIRS`] over the pairs of letters of a text, in bits. Of texts of three words or more in the nine
/// languages 1 in 1,000 is below 1.35; of the same with letters exchanged 1 in 100 is above 1.16.
const MIN_MEAN_BITS: f64 = 1.2;
/// Fewest pairs of letters that say something.
const MIN_PAIRS: u32 = 10;
/// Share of punctuation among a font's characters from which it is no text, and the different signs that it takes for
/// that: leaders and rules are of one.
const MAX_PUNCTUATION: f64 = 0.4;
const MIN_SIGNS: usize = 4;
/// Fewest characters of a font that are judged by their punctuation.
const MIN_CHARACTERS: u32 = 10;

/// The likelihood of each pair of letters over chance, in bits: `j` for 0, one letter up for each bit. The most
/// over nine languages (English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Swedish), counted in
/// 20,000 words each of Debian's word lists, accents taken off; a row for the first letter, a column for the second.
const PAIRS: [&[u8; 26]; 26] = [
    b"mlmnhklknlkmnnkkionmmmkhjk", // a
    b"llgfmgigkggkfhkebkjijfgalh", // b
    b"ndlflcdnmjkjffmdhkikkefhkm", // c
    b"mhhjngihmhijhjmiekkhkiifjk", // d
    b"lklmmjlkmllmmoklionmkkkjjm", // e
    b"kgdilkhgkggjfglfbjikjggahh", // f
    b"mhfinfkjlghkgjlgbkkjkggahf", // g
    b"lhefmghfkhhkjklfckkljfjaig", // h
    b"mjmloklgilkllnmjjlnmjkjhdm", // i
    b"lfjiligeibjgijjgafigjheaah", // j
    b"mhhflgghlhjkgkmgckjlkiicig", // k
    b"mjikmhikmjimjjlifhklkighkh", // l
    b"lkhimhhhmghilinkchkilgfflf", // m
    b"njlnmjmkohkihlmihimnjjiglk", // n
    b"jkklljkikikllnlkinnkmknhil", // o
    b"lgggljgjlggkfhmkaljjjgfaif", // p
    b"caaaaaaadaacaaaaaacalbaaaa", // q
    b"nkjlnjkjnhkjkmmjhlmlljidkm", // r
    b"mjminjjlmimkkjllhinnkjiajl", // s
    b"miihnhilmkijhjmhblmlkiialk", // t
    b"kkkjlkjjlljkkmijgllkjijifi", // u
    b"mgchmggflegieikeaijhhibafa", // v
    b"nfigleeimcihfjkgahkgjeeamg", // w
    b"icgbhdbfiadfcdghcbghfgcifc", // x
    b"ikliihifhjjjljhjailjhfkfck", // y
    b"mijjmfifkhjijklieihileialk", // z
];

/// Counts of a text.
#[derive(Clone, Debug, Default)]
pub(crate) struct LetterPairs {
    bits: i64,
    pairs: u32,
    last: Option<usize>,
}

impl LetterPairs {
    /// Takes the next character.
    fn push(&mut self, c: char) {
        let letter = u8::try_from(c.to_ascii_lowercase())
            .ok()
            .filter(u8::is_ascii_lowercase)
            .map(|c| usize::from(c - b'a'));
        if let (Some(first), Some(second)) = (self.last, letter) {
            self.bits += i64::from(PAIRS[first][second]) - i64::from(b'j');
            self.pairs += 1;
        }
        self.last = letter;
    }

    fn is_no_language(&self) -> bool {
        self.pairs >= MIN_PAIRS && (self.bits as f64) < MIN_MEAN_BITS * f64::from(self.pairs)
    }

    /// Returns true if `text` has enough letters, and they follow one another as in a language.
    pub(crate) fn is_language(text: &str) -> bool {
        let mut pairs = Self::default();
        text.chars().for_each(|c| pairs.push(c));
        pairs.pairs > 0 && pairs.bits as f64 >= MIN_MEAN_BITS * f64::from(pairs.pairs)
    }
}

#[derive(Default)]
struct FontText {
    pairs: LetterPairs,
    characters: u32,
    punctuation: u32,
    signs: HashSet<char>,
}

/// The fonts of a page whose text is no text in any language.
pub(super) fn implausible_fonts(glyphs: &[Glyph]) -> HashSet<usize> {
    let mut fonts: HashMap<usize, FontText> = HashMap::new();
    let mut last = ' ';
    for glyph in glyphs {
        // Rows of dots and dashes are drawn, not written.
        let is_drawn = glyph.text == last && glyph.text.is_ascii_punctuation();
        if is_drawn {
            continue;
        }
        if !glyph.text.is_whitespace() {
            last = glyph.text;
        }
        let font = fonts.entry(glyph.font).or_default();
        font.pairs.push(glyph.text);
        if !glyph.text.is_whitespace() {
            font.characters += 1;
        }
        if glyph.text.is_ascii_punctuation() {
            font.punctuation += 1;
            font.signs.insert(glyph.text);
        }
    }
    let implausible = |font: &FontText| {
        let signs = font.signs.len() >= MIN_SIGNS
            && font.characters >= MIN_CHARACTERS
            && f64::from(font.punctuation) > MAX_PUNCTUATION * f64::from(font.characters);
        signs || font.pairs.is_no_language()
    };
    fonts
        .into_iter()
        .filter(|(_, font)| implausible(font))
        .map(|(font, _)| font)
        .collect()
}

/// The reason to doubt a line.
pub(super) fn doubt(glyphs: &[PlacedGlyph], implausible: &HashSet<usize>) -> Option<LineDoubt> {
    let is_lost = |index: usize| {
        let glyph = &glyphs[index];
        let neighbor =
            |other: Option<&PlacedGlyph>| other.is_some_and(|other| is_latin(other.text));
        let touches =
            |a: &PlacedGlyph, b: &PlacedGlyph| super::gap(a, b) < WORD_GAP * a.size.max(b.size);
        let is_foreign =
            |glyph: &PlacedGlyph| is_unspaced(glyph.text) && glyph.text.is_alphabetic();
        // Several letters in a row may be lost.
        let mut first = index;
        while first > 0 && is_foreign(&glyphs[first]) && touches(&glyphs[first - 1], &glyphs[first])
        {
            first -= 1;
        }
        let mut last = index;
        while last + 1 < glyphs.len()
            && is_foreign(&glyphs[last])
            && touches(&glyphs[last], &glyphs[last + 1])
        {
            last += 1;
        }
        if is_foreign(glyph) {
            return neighbor(glyphs.get(first)) && neighbor(glyphs.get(last));
        }
        let before = index.checked_sub(1).and_then(|i| glyphs.get(i));
        let before = before.filter(|before| touches(before, glyph));
        let after = glyphs.get(index + 1).filter(|after| touches(glyph, after));
        glyph.unmapped && (neighbor(before) || neighbor(after))
    };
    if (0..glyphs.len()).any(is_lost) {
        return Some(LineDoubt::LostLetter);
    }
    let doubted = glyphs
        .iter()
        .filter(|glyph| implausible.contains(&glyph.font))
        .count();
    (doubted * 2 > glyphs.len()).then_some(LineDoubt::Implausible)
}

/// White between two characters of one word, in ems, at most.
const WORD_GAP: f64 = 0.12;

fn is_latin(c: char) -> bool {
    c.is_alphabetic() && c < '\u{250}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_dots_and_dashes_make_no_font_implausible() {
        let contents = "1.2 Introduction (new), by A. B. ............................. 8 ----- . . . . . . . . . . ";
        let glyphs: Vec<Glyph> = contents
            .repeat(20)
            .chars()
            .map(|text| Glyph {
                text,
                ..Glyph::default()
            })
            .collect();
        assert!(implausible_fonts(&glyphs).is_empty());
        let code = "7(!4 )3 4(% 0520/3%; &'$#".repeat(40);
        let glyphs: Vec<Glyph> = code
            .chars()
            .map(|text| Glyph {
                text,
                ..Glyph::default()
            })
            .collect();
        assert_eq!(implausible_fonts(&glyphs), HashSet::from([0]));
    }

    #[test]
    fn languages_are_told_from_exchanged_letters() {
        let texts = [
            "The harbour commission met on Tuesday to review the contract",
            "Die Kommission hat am Dienstag den Vertrag geprueft",
            "La commission s'est reunie mardi pour examiner le contrat",
            "Komisja portowa zebrala sie we wtorek",
        ];
        for text in texts {
            assert!(LetterPairs::is_language(text), "{text}");
            for shift in 1..26 {
                let exchanged: String = text
                    .chars()
                    .map(|c| match c {
                        'a'..='z' => char::from((c as u8 - b'a' + shift) % 26 + b'a'),
                        other => other,
                    })
                    .collect();
                assert!(!LetterPairs::is_language(&exchanged), "{exchanged}");
            }
        }
    }
}
