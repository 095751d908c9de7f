//! Tables of contents: rows of a title, a row of dots and a page number, written as list items without the dots.

use super::{
    baselines::TextRow,
    list_markers::{ListMarker, ListMarkerKind, roman_number},
    tuning::contents as tuning,
};

/// Takes the dots out of the rows of a table of contents, and makes each an item of a list.
pub(crate) fn list_contents(rows: &mut [TextRow], markers: &mut [Option<ListMarker>]) {
    let mut entries: Vec<Option<String>> = rows.iter().map(|row| entry(&row.text)).collect();
    let count = entries.iter().flatten().count();
    if count < tuning::MIN_ENTRIES {
        return;
    }
    // Chapters often have no dots.
    for index in (0..rows.len()).chain((0..rows.len()).rev()) {
        let near = index.saturating_sub(1)..rows.len().min(index + 2);
        let is_among = entries[near].iter().any(Option::is_some);
        if entries[index].is_none() && is_among && ends_in_page(&rows[index].text) {
            entries[index] = Some(rows[index].text.clone());
        }
    }
    for ((row, marker), entry) in rows.iter_mut().zip(markers).zip(entries) {
        if let Some(entry) = entry {
            row.text = entry;
            *marker = Some(ListMarker {
                text: "-".to_owned(),
                kind: ListMarkerKind::Bullet,
                rest: 0,
            });
        }
    }
}

/// Returns true for a few words and the number of a page.
fn ends_in_page(text: &str) -> bool {
    let Some((title, page)) = text.trim_end().rsplit_once(' ') else {
        return false;
    };
    title.chars().count() <= tuning::TITLE_CHARACTERS
        && title
            .chars()
            .next()
            .is_some_and(|c| c.is_uppercase() || c.is_numeric())
        && is_page(page)
}

/// Returns true for the number of a page.
fn is_page(text: &str) -> bool {
    let is_number = text.len() <= tuning::PAGE_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
    !text.is_empty() && (is_number || roman_number(text).is_some())
}

/// A row of a table of contents without its dots; `None` for other rows.
fn entry(text: &str) -> Option<String> {
    let text = text.trim_end();
    let (_, page) = text.rsplit_once([' ', '.', '…'])?;
    let before = &text[..text.len() - page.len()];
    let title = before.trim_end_matches(|c: char| c.is_whitespace() || ".…·‥_".contains(c));
    let dots: usize = before[title.len()..]
        .chars()
        .map(|c| match c {
            '…' => 3,
            '‥' => 2,
            c if c.is_whitespace() => 0,
            _ => 1,
        })
        .sum();
    let has_title = title.chars().any(char::is_alphanumeric);
    (is_page(page) && has_title && dots >= tuning::MIN_DOTS).then(|| format!("{title} {page}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_dots_lead_to_page_numbers() {
        let entry = |text| entry(text).unwrap_or_default();
        assert_eq!(
            entry("2.1 Survey of the basin . . . . . . . 6"),
            "2.1 Survey of the basin 6"
        );
        assert_eq!(entry("Index ............ xiv"), "Index xiv");
        assert_eq!(entry("Preface………vii"), "Preface vii");
    }

    #[test]
    fn chapters_without_dots_end_in_their_page() {
        assert!(ends_in_page("2 Installing and Using CFITSIO 3"));
        assert!(!ends_in_page("that was the end of 1986"));
        assert!(!ends_in_page("Introduction"));
    }

    #[test]
    fn sentences_and_sums_are_no_entries() {
        for text in [
            "He paused ... 5",
            "See the report of 1986.",
            "Total 48.00",
            ". . . . . 7",
            "and so on ....",
        ] {
            assert_eq!(entry(text), None, "{text}");
        }
    }
}
