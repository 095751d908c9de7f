//! Numbers of titles: `2.1 Results`, `II. Method`, `Chapter 3`.

use crate::layout::{list_markers::roman_number, tuning::headings as tuning};

/// Names of sections that papers and reports leave without a number beside numbered ones.
const SECTION_NAMES: [&str; 14] = [
    "abstract",
    "acknowledgement",
    "acknowledgements",
    "acknowledgment",
    "acknowledgments",
    "appendix",
    "bibliography",
    "contents",
    "references",
    "literature cited",
    "literatur",
    "literaturverzeichnis",
    "références",
    "bibliographie",
];

/// Returns true for a section that has no number beside others that have.
pub(crate) fn is_section_name(title: &str) -> bool {
    let title = title.trim().trim_end_matches([':', '.']).to_lowercase();
    SECTION_NAMES.contains(&title.as_str())
}

/// Names of sections that list other works.
const BIBLIOGRAPHY_NAMES: [&str; 9] = [
    "references",
    "bibliography",
    "literature cited",
    "works cited",
    "literatur",
    "literaturverzeichnis",
    "références",
    "bibliographie",
    "bibliografía",
];

/// Returns true for the title of a section that lists other works, with or without a number.
pub(crate) fn is_bibliography(title: &str) -> bool {
    let words = title.trim_start_matches(|c: char| !c.is_alphabetic());
    let words = words.trim().trim_end_matches([':', '.']).to_lowercase();
    BIBLIOGRAPHY_NAMES.contains(&words.as_str())
}

/// The depth of a numbered section title: 1 for `2 Method`, `II. Method` and `B. Proofs`, 2 for `2.1 Results`.
pub(super) fn numbered_title(text: &str) -> Option<u8> {
    let (number, title) = text.split_once(char::is_whitespace)?;
    let title = title.trim_start();
    let words = title.split_whitespace().count();
    let starts = title.chars().next().is_some_and(char::is_uppercase);
    let code = title.contains(['=', '{', '}', ';', '<', '>', '|', '\\', '_', '$']);
    if !starts
        || code
        || words > tuning::NUMBERED_MAX_WORDS
        || title.ends_with(['.', ',', ';', ':'])
    {
        return None;
    }
    if matches!(
        number,
        "Chapter" | "CHAPTER" | "Part" | "PART" | "Appendix" | "APPENDIX"
    ) {
        let count = title.split(|c: char| !c.is_alphanumeric()).next()?;
        let counts = count.bytes().all(|b| b.is_ascii_digit())
            || count.len() == 1
            || roman_number(count).is_some();
        return counts.then_some(1);
    }
    let dotted = number.ends_with('.');
    let number = number.trim_end_matches('.');
    let parts: Vec<&str> = number.split('.').collect();
    let counts = |part: &&str| {
        (1..=tuning::NUMBERED_MAX_DIGITS).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_digit())
    };
    let lettered =
        parts.len() > 1 && parts[0].len() == 1 && parts[0].bytes().all(|b| b.is_ascii_uppercase());
    let first = parts.first().is_some_and(counts) || lettered;
    if first && parts.iter().skip(1).all(counts) && parts.len() <= tuning::NUMBERED_MAX_PARTS {
        return Some(parts.len() as u8);
    }
    let upper = number.bytes().all(|b| b.is_ascii_uppercase());
    (upper && dotted && (is_roman(number) || number.len() == 1)).then_some(1)
}

/// Returns true for `IV`, but not for single letters that are more often an `A`, `B`, `C` of subsections.
pub(super) fn is_roman(number: &str) -> bool {
    (number.len() > 1 || matches!(number, "I" | "V" | "X")) && roman_number(number).is_some()
}

/// Returns true for a title such as `B. Data acquisition`.
pub(super) fn is_lettered(title: &str) -> bool {
    let number = title.split_once(". ").map_or("", |(number, _)| number);
    number.len() == 1 && number.bytes().all(|b| b.is_ascii_uppercase()) && !is_roman(number)
}
