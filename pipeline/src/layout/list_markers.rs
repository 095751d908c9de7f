//! List markers: bullets at the start of a line, and numbers and letters with a full stop or a bracket.

use super::tuning::list_markers as tuning;

/// A list marker, as printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListMarker {
    /// As printed, such as `•`, `3.` or `(a)`.
    pub text: String,
    /// Start of the text after it, in bytes.
    pub rest: usize,
    /// Its kind.
    pub kind: ListMarkerKind,
}

/// The kind of a marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListMarkerKind {
    /// A sign that is used for nothing else.
    Bullet,
    /// A sign that is also a dash, a star or a letter.
    Dash,
    /// A number or letter, the signs around it, and each of the counts it may be.
    Count {
        /// `(` or `[` before, and `)`, `]` or `.` after.
        frame: (bool, char),
        /// The counts: `i` is the ninth letter and the first Roman number.
        values: Vec<(NumeralStyle, u32)>,
    },
}

/// A way of writing a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumeralStyle {
    /// Arabic digits: `3`.
    Decimal,
    /// A letter, if it is a capital: `c`, `C`.
    Letter(bool),
    /// A Roman number, if it is in capitals: `iii`, `III`.
    Roman(bool),
}

impl ListMarker {
    /// Returns true if `next` may be the marker after this one, or the one before it.
    pub fn is_next_to(&self, next: &Self) -> bool {
        let (
            ListMarkerKind::Count { frame, values },
            ListMarkerKind::Count {
                frame: other_frame,
                values: other,
            },
        ) = (&self.kind, &next.kind)
        else {
            return false;
        };
        frame == other_frame
            && values
                .iter()
                .any(|(kind, n)| other.iter().any(|(k, m)| k == kind && n.abs_diff(*m) == 1))
    }
}

/// The marker at the start of `text`, if there is one with something after it.
pub(crate) fn list_marker(text: &str) -> Option<ListMarker> {
    let first = text.chars().next()?;
    let after = first.len_utf8();
    let spaced = text[after..].starts_with(char::is_whitespace);
    let kind = match first {
        '•' | '◦' | '▪' | '▫' | '■' | '□' | '●' | '○' | '‣' | '⁃' | '∙' | '➢' | '➤' | '✓' | '✔'
        | '\u{f0b7}' | '\u{f0a7}' => ListMarkerKind::Bullet,
        '-' | '‐' | '‑' | '−' | '–' | '—' | '*' | 'o' | '·' | '+' if spaced => {
            ListMarkerKind::Dash
        }
        _ => return count_marker(text),
    };
    let rest = text.len() - text[after..].trim_start().len();
    (rest < text.len()).then(|| ListMarker {
        text: first.to_string(),
        rest,
        kind,
    })
}

fn count_marker(text: &str) -> Option<ListMarker> {
    if text.starts_with('[') {
        return citation_marker(text);
    }
    let open = text.starts_with('(');
    let inner = &text[usize::from(open)..];
    let end = inner.find(|c: char| !c.is_ascii_alphanumeric())?;
    let (number, tail) = inner.split_at(end);
    let close = tail
        .chars()
        .next()
        .filter(|c| *c == ')' || *c == '.' && !open)?;
    let after = &tail[1..];
    if !after.starts_with(char::is_whitespace) {
        return None;
    }
    let values = possible_counts(number);
    let rest = text.len() - after.trim_start().len();
    (!values.is_empty() && rest < text.len()).then(|| ListMarker {
        text: text[..text.len() - after.len()].to_owned(),
        rest,
        kind: ListMarkerKind::Count {
            frame: (open, close),
            values,
        },
    })
}

/// The marker of an entry of a bibliography, `[12]`, which is part of its text.
fn citation_marker(text: &str) -> Option<ListMarker> {
    let (number, after) = text.strip_prefix('[')?.split_once(']')?;
    let is_number = number.bytes().all(|b| b.is_ascii_digit());
    let values = possible_counts(number);
    let is_entry = is_number && !values.is_empty() && after.starts_with(char::is_whitespace);
    is_entry.then(|| ListMarker {
        text: format!("[{number}]"),
        rest: 0,
        kind: ListMarkerKind::Count {
            frame: (true, ']'),
            values,
        },
    })
}

/// The counts that a number or letter may be.
fn possible_counts(number: &str) -> Vec<(NumeralStyle, u32)> {
    let mut values = Vec::new();
    if number.bytes().all(|b| b.is_ascii_digit())
        && (1..=tuning::MAX_DIGITS).contains(&number.len())
    {
        values.extend(number.parse().ok().map(|n| (NumeralStyle::Decimal, n)));
        return values;
    }
    let upper = number.bytes().all(|b| b.is_ascii_uppercase());
    if !upper && !number.bytes().all(|b| b.is_ascii_lowercase()) {
        return values;
    }
    if let [letter] = number.as_bytes() {
        let n = u32::from(letter.to_ascii_lowercase() - b'a') + 1;
        values.push((NumeralStyle::Letter(upper), n));
    }
    if let Some(n) = roman_number(number) {
        values.push((NumeralStyle::Roman(upper), n));
    }
    values
}

/// The value of a Roman number below 400, all in one case. Lists and front matter do not count further, and more letters
/// would make words such as "mix" numbers.
pub(crate) fn roman_number(number: &str) -> Option<u32> {
    let mut total = 0;
    let mut rest = number.to_ascii_lowercase();
    if rest.is_empty() || rest.len() > tuning::MAX_ROMAN_LETTERS {
        return None;
    }
    let parts = [
        ("c", 100),
        ("xc", 90),
        ("l", 50),
        ("xl", 40),
        ("x", 10),
        ("ix", 9),
        ("v", 5),
        ("iv", 4),
        ("i", 1),
    ];
    for (sign, value) in parts {
        let most = if matches!(sign, "c" | "x" | "i") {
            3
        } else {
            1
        };
        for _ in 0..most {
            if let Some(tail) = rest.strip_prefix(sign) {
                rest = tail.to_owned();
                total += value;
            }
        }
    }
    rest.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_markers_from_text() {
        for text in [
            "• one", "- one", "o one", "3. one", "(a) one", "iv) one", "12) one", "•one",
        ] {
            assert!(list_marker(text).is_some(), "{text}");
        }
        for text in [
            "-5 degrees",
            "one. two",
            "1986. A year",
            "e.g. this",
            "3.5 liters",
            "of it",
            "(see) it",
            "•",
            "1.",
        ] {
            assert_eq!(list_marker(text), None, "{text}");
        }
    }

    #[test]
    fn a_letter_may_be_a_roman_number() {
        let marker = |text| list_marker(text).unwrap();
        assert!(marker("(h) x").is_next_to(&marker("(i) x")));
        assert!(marker("(i) x").is_next_to(&marker("(ii) x")));
        assert!(!marker("(i) x").is_next_to(&marker("i. x")));
        assert!(!marker("(a) x").is_next_to(&marker("(c) x")));
    }

    #[test]
    fn reads_roman_numbers() {
        assert_eq!(roman_number("xiv"), Some(14));
        assert_eq!(roman_number("XLIX"), Some(49));
        assert_eq!(roman_number("iiii"), None);
        assert_eq!(roman_number("mix"), None);
    }
}
