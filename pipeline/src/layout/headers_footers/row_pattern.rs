//! Row patterns: what a row of a running header says, its numbers told apart, so that rows of two pages can be compared.

use super::tuning;
use crate::{edit_distance::edit_distance, layout::list_markers::roman_number};

/// The words and numbers of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RowPattern {
    /// Its text in lower case without spaces, each number made one sign.
    words: Vec<char>,
    /// Its numbers, from left to right.
    numbers: Vec<RowNumber>,
    /// Letters in it.
    letters: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct RowNumber {
    digits: String,
    /// `None` if it is too long to be one that counts.
    value: Option<i64>,
}

/// Numbers with no more than a sign between them, such as the parts of a date.
#[derive(Default)]
struct JoinedNumbers {
    numbers: usize,
    /// True if a sign between them is one of amounts and times.
    is_amount: bool,
}

impl JoinedNumbers {
    /// Returns true if what stands after a number may join it to the next.
    fn goes_on(&mut self, between: &str) -> bool {
        self.is_amount |= matches!(between, "." | "," | ":" | "'");
        matches!(between, "." | "," | ":" | "'" | "/" | "-" | "–")
    }
}

/// The sign that stands for a number.
const NUMBER: char = '0';

impl RowPattern {
    /// The pattern of a row's pieces from left to right.
    pub fn of<'t>(pieces: impl Iterator<Item = &'t str>) -> Self {
        let mut pattern = Self::default();
        for piece in pieces {
            match page_number(piece) {
                // Numbers in Roman digits, and the dashes around a number, count as the number alone.
                Some(number) => pattern.push_number(number.value.to_string()),
                None => pattern.push_text(piece),
            }
        }
        pattern.words.truncate(tuning::MAX_CHARACTERS);
        pattern
    }

    fn push_text(&mut self, text: &str) {
        let is_digit = |c: char| c.is_ascii_digit();
        let mut joined = JoinedNumbers::default();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let end = rest.find(|c| is_digit(c) != rest.starts_with(is_digit));
            let (run, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after;
            if is_digit(c) {
                joined.numbers += 1;
                self.push_number(run.to_owned());
                continue;
            }
            let glyphs = run.chars().filter(|c| !c.is_whitespace());
            self.letters += glyphs.clone().filter(|c| c.is_alphabetic()).count();
            self.words.extend(glyphs.flat_map(char::to_lowercase));
            if !joined.goes_on(run) || rest.is_empty() {
                self.end_joined(std::mem::take(&mut joined));
            }
        }
        self.end_joined(joined);
    }

    fn push_number(&mut self, digits: String) {
        self.words.push(NUMBER);
        let counts = digits.len() <= tuning::MAX_COUNTING_DIGITS;
        self.numbers.push(RowNumber {
            value: digits.parse().ok().filter(|_| counts),
            digits,
        });
    }

    /// Amounts, times and dates do not count with the pages, even if a part of one is larger by one.
    fn end_joined(&mut self, joined: JoinedNumbers) {
        if joined.is_amount || joined.numbers >= tuning::MIN_DATE_PARTS {
            let first = self.numbers.len() - joined.numbers;
            self.numbers[first..]
                .iter_mut()
                .for_each(|number| number.value = None);
        }
    }

    /// Compares it with that of a row `pages` pages before it: the same words, and numbers that are equal or count with
    /// the pages. Any two rows of a table may be alike in their words, but not in their numbers.
    pub fn repeats(&self, other: &Self, pages: i64) -> Option<Repeat> {
        if self.words != other.words {
            return None;
        }
        self.numbers_repeat(other, pages)
    }

    /// The same for rows that a model read, which may differ by a few misread letters.
    pub fn nearly_repeats(&self, other: &Self, pages: i64) -> Option<Repeat> {
        let (a, b) = (&self.words, &other.words);
        let longer = a.len().max(b.len());
        // In short texts a few letters are what tells them apart.
        if a.len().min(b.len()) < tuning::MIN_MISREAD_CHARACTERS
            || tuning::LENGTH_DIFFERENCE.is_exceeded(a.len().abs_diff(b.len()), longer)
            || (1.0 - edit_distance(a, b) as f32 / longer as f32) < tuning::LIKENESS
        {
            return None;
        }
        self.numbers_repeat(other, pages)
    }

    fn numbers_repeat(&self, other: &Self, pages: i64) -> Option<Repeat> {
        if self.numbers.len() != other.numbers.len() {
            return None;
        }
        let (mut repeat, mut same_digits) = (Repeat::Same, 0);
        for (a, b) in self.numbers.iter().zip(&other.numbers) {
            if a.digits == b.digits {
                same_digits += a.digits.len();
                continue;
            }
            let counts = a.value.zip(b.value).is_some_and(|(a, b)| a - b == pages);
            if !counts {
                return None;
            }
            repeat = Repeat::Counting;
        }
        match repeat {
            _ if self.letters >= tuning::MIN_LETTERS => Some(repeat),
            Repeat::Counting if same_digits >= tuning::MIN_SAME_CHARACTERS => Some(repeat),
            Repeat::Counting => self.has_long_number().then_some(repeat),
            _ if self.words.len() >= tuning::MIN_SAME_CHARACTERS => Some(repeat),
            _ => Some(Repeat::SameFew),
        }
    }

    /// Returns true if it is little but a number that is too long for a page's, such as those stamped on the papers of a
    /// court case.
    fn has_long_number(&self) -> bool {
        let long = |number: &RowNumber| number.digits.len() > tuning::MAX_DIGITS;
        self.numbers.iter().any(long)
    }
}

/// The way a row comes again on another page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Repeat {
    /// It says the same, in very few characters.
    SameFew,
    /// It says the same.
    Same,
    /// It says the same, and a number in it counts with the pages.
    Counting,
}

/// A text that is nothing but a page's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageNumber {
    /// The number.
    pub value: u32,
    /// True if its style alone shows that it is a page's, as of `- 3 -` and `Page 3 of 10`.
    pub styled: bool,
}

/// The number that `text` gives, if it is nothing but a page number: `3`, `- 3 -`, `iii`, `Page 3 of 10`, `3/10`.
pub(super) fn page_number(text: &str) -> Option<PageNumber> {
    let text = text.trim().to_lowercase();
    let bare = text.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '-' | '–' | '—' | '[' | ']' | '(' | ')' | '|' | '.' | '·')
    });
    let worded = ["page", "pg.", "pg", "p.", "seite", "página", "第"]
        .iter()
        .find_map(|word| bare.strip_prefix(word))
        .unwrap_or(bare);
    let worded = worded.trim_end_matches('页').trim();
    let number = worded
        .split_once(" of ")
        .or_else(|| worded.split_once('/'))
        .filter(|(_, all)| all.trim().parse::<u32>().is_ok() || roman_number(all.trim()).is_some())
        .map_or(worded, |(number, _)| number.trim());
    let is_digits = number.len() <= tuning::MAX_DIGITS
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit());
    let value = if is_digits {
        number.parse().ok()?
    } else {
        roman_number(number)?
    };
    let dashed = |c: char| matches!(c, '-' | '–' | '—');
    let between_dashes = text.starts_with(dashed) && text.ends_with(dashed);
    Some(PageNumber {
        value,
        styled: between_dashes || worded.len() < bare.len() || number.len() < worded.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repeat(a: &[&str], b: &[&str]) -> Option<Repeat> {
        let pattern = |pieces: &[&str]| RowPattern::of(pieces.iter().copied());
        pattern(b).repeats(&pattern(a), 1)
    }

    #[test]
    fn numbers_are_equal_or_count_with_the_page() {
        let same = Some(Repeat::Same);
        let counting = Some(Repeat::Counting);
        for (a, b, want) in [
            (
                &["Annual Report 2021"][..],
                &["Annual Report 2021"][..],
                same,
            ),
            (&["Annual Report", "9"], &["Annual Report", "10"], counting),
            (&["Page 3 of 10: fees"], &["Page 4 of 10: fees"], counting),
            (&["Preface", "iii"], &["Preface", "iv"], counting),
            (&["000123"], &["000124"], counting),
            (&["Card payment 12.50"], &["Card payment 13.70"], None),
            (&["Card payment 12.50"], &["Card payment 13.50"], None),
            (&["Closed", "07.03.2021"], &["Closed", "08.03.2021"], None),
            (&["Manual", "3-9"], &["Manual", "3-10"], counting),
            (&["Chapter One"], &["Chapter Two"], None),
            (&["7"], &["8"], None),
            (&["1 of 6", "9/22/06"], &["2 of 6", "9/22/06"], counting),
            (&["EN"], &["EN"], Some(Repeat::SameFew)),
        ] {
            assert_eq!(repeat(a, b), want, "{a:?} {b:?}");
        }
    }

    #[test]
    fn tells_page_numbers_by_their_style() {
        for (text, value, styled) in [
            ("3", 3, false),
            ("- 3 -", 3, true),
            ("Page 3 of 10", 3, true),
            ("3/10", 3, true),
            ("iii", 3, false),
            ("Page ii of iii", 2, true),
            ("第 3 页", 3, true),
            ("(3)", 3, false),
        ] {
            assert_eq!(
                page_number(text),
                Some(PageNumber { value, styled }),
                "{text}"
            );
        }
        for text in ["3.5", "12,000", "12345", "Page", "-", "A3"] {
            assert_eq!(page_number(text), None, "{text}");
        }
    }
}
