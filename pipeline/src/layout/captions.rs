//! Captions of figures and tables, told by how they begin.

/// Words that captions begin with, before a number.
const WORDS: [&str; 12] = [
    "fig",
    "figure",
    "figures",
    "figur",
    "table",
    "tab",
    "algorithm",
    "listing",
    "scheme",
    "plate",
    "abb",
    "tabelle",
];

/// Returns true for a text that begins like `Figure 3.`, `TABLE IV` or `Fig. CA2b`.
pub(crate) fn is_caption(text: &str) -> bool {
    let first = text
        .split(|c: char| !c.is_alphabetic())
        .next()
        .unwrap_or_default();
    let after = text[first.len()..].trim_start_matches(['.', ' ', '\u{a0}']);
    let number = after
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default();
    let counts = number.chars().any(|c| c.is_ascii_digit())
        || !number.is_empty() && number.chars().all(|c| "IVXLC".contains(c))
        || number.len() == 1 && number.chars().all(|c| c.is_ascii_uppercase());
    WORDS.contains(&first.to_lowercase().as_str()) && counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captions_begin_with_a_word_and_a_number() {
        for text in [
            "Figure 3. Loss",
            "TABLE IV",
            "Fig. CA2b. | Rates",
            "Table A: Boats",
        ] {
            assert!(is_caption(text), "{text}");
        }
        for text in [
            "Figures of speech",
            "Table of contents",
            "Plates and bowls",
            "Tab key",
        ] {
            assert!(!is_caption(text), "{text}");
        }
    }
}
