//! Bylines and banners: the authors below a title, and what a journal sets above it, which are no headings.

use super::{HeadingFacts, numbers::numbered_title};
use crate::layout::{paragraphs::Paragraph, tuning::headings::bylines as tuning};

/// Returns true if a paragraph below a title names its authors: several names, or one if it `stands_alone`.
pub(super) fn is_byline(paragraph: &Paragraph, stands_alone: bool) -> bool {
    let text: Vec<&str> = paragraph.rows.iter().map(|row| row.text.as_str()).collect();
    let text = text.join(" ");
    let names: Vec<&str> = text
        .split([',', ';', '&', '·', '•'])
        .flat_map(|part| part.split(" and "))
        .map(|name| name.trim_matches(|c: char| !c.is_alphabetic() && c != '.'))
        .filter(|name| !name.is_empty())
        .collect();
    let is_single = |name: &&str| !name.contains(' ') && name.starts_with(char::is_uppercase);
    let are_names = !names.is_empty()
        && names
            .iter()
            .all(|name| is_name(name) || names.len() > 1 && is_single(name));
    are_names && (names.len() > 1 || stands_alone)
}

/// Returns true for two to four words with capitals, some of which may be initials or such as `de` and `van`.
fn is_name(name: &str) -> bool {
    let words: Vec<&str> = name.split_whitespace().collect();
    let is_capital = |word: &&&str| word.chars().next().is_some_and(char::is_uppercase);
    let is_particle = |word: &&str| word.chars().count() <= tuning::PARTICLE_LETTERS;
    let capitals = words.iter().filter(is_capital).count();
    tuning::NAME_WORDS.contains(&words.len())
        && capitals >= 2
        && words
            .iter()
            .all(|word| is_capital(&word) || is_particle(word))
}

/// Takes back the headings above the title of a document's first page: a journal's name, the kind of an article. The
/// title is the largest heading of several words, the only one of its size, with nothing but headings and short lines
/// before it.
pub(super) fn take_back_banners(paragraphs: &[&Paragraph], found: &mut [Option<HeadingFacts>]) {
    let words = |i: usize| -> usize {
        let rows = &paragraphs[i].rows;
        rows.iter()
            .map(|row| row.text.split_whitespace().count())
            .sum()
    };
    let title = (0..found.len())
        .filter(|&i| words(i) >= tuning::TITLE_WORDS)
        .filter_map(|i| Some((i, found[i]?.size)))
        .reduce(|a, b| if b.1 > a.1 { b } else { a });
    let Some((title, size)) = title else { return };
    let is_alone = found[title + 1..]
        .iter()
        .flatten()
        .all(|other| other.size < size / tuning::CLEARLY_LARGER);
    let is_first = paragraphs[..title]
        .iter()
        .all(|p| p.rows.len() <= tuning::BANNER_ROWS);
    if !(is_alone && is_first) {
        return;
    }
    for (heading, paragraph) in found[..title].iter_mut().zip(paragraphs) {
        heading.take_if(|heading| {
            let text = &paragraph.rows[0].text;
            heading.witness.is_none()
                && heading.size <= size * tuning::BANNER_RATIO
                && numbered_title(text).is_none()
                && !text.chars().any(|c| c.is_ascii_digit())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_words_with_capitals() {
        for name in ["Jonghyun Lee", "A. B. van der Berg", "Thomas B. Schön"] {
            assert!(is_name(name), "{name}");
        }
        for title in [
            "Introduction",
            "Study area",
            "Results and discussion of trials",
        ] {
            assert!(!is_name(title), "{title}");
        }
    }
}
