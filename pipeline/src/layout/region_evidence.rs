//! Region evidence: what a layout model's regions say of a paragraph. Its word counts where type and place leave doubt,
//! and never against clear signs.

use super::{baselines::TextRow, paragraphs::Paragraph, tuning::regions as tuning};
use crate::page::{LineRegion, RegionKind};

/// A layout model's word on whether a paragraph is a heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadingEvidence {
    /// It is.
    Heading,
    /// It is running text, which sections' numbers may speak against.
    Text,
    /// It is of a table, a figure, a caption or a running head.
    Other,
    /// The model is not sure, or none looked.
    Unknown,
}

impl HeadingEvidence {
    /// Returns true if it is a heading by the model's word.
    pub(crate) fn is_heading(self) -> bool {
        self == Self::Heading
    }

    /// Returns true if it is none by the model's word.
    pub(crate) fn speaks_against(self) -> bool {
        matches!(self, Self::Text | Self::Other)
    }
}

/// A layout model's word on whether a paragraph is a heading: all of its rows have to lie in regions of one sort.
pub(crate) fn heading_evidence(paragraph: &Paragraph) -> HeadingEvidence {
    let mut words = paragraph.rows.iter().map(row_evidence);
    let first = words.next().unwrap_or(HeadingEvidence::Unknown);
    if words.all(|word| word == first) {
        first
    } else {
        HeadingEvidence::Unknown
    }
}

fn row_evidence(row: &TextRow) -> HeadingEvidence {
    let Some(region) = row_region(row) else {
        return HeadingEvidence::Unknown;
    };
    match region.kind {
        RegionKind::Title if region.score >= tuning::TITLE => HeadingEvidence::Heading,
        // The heading above references is taken for one of them.
        RegionKind::Title | RegionKind::Reference => HeadingEvidence::Unknown,
        // The model takes titles near the page's edges for running heads, which are told by repetition elsewhere.
        RegionKind::Header | RegionKind::Footer if region.score < tuning::EDGE => {
            HeadingEvidence::Unknown
        }
        _ if region.score < tuning::OTHER => HeadingEvidence::Unknown,
        RegionKind::Text => HeadingEvidence::Text,
        _ => HeadingEvidence::Other,
    }
}

/// The region that most of a row's characters lie in.
pub(crate) fn row_region(row: &TextRow) -> Option<LineRegion> {
    let longest = row
        .lines
        .iter()
        .max_by_key(|line| line.text.chars().count())?;
    longest.region
}

/// Returns true if of two rows that follow one another one is a title, and the other is something else or another title.
pub(crate) fn parts_titles(above: &TextRow, below: &TextRow) -> bool {
    match (row_evidence(above), row_evidence(below)) {
        (HeadingEvidence::Heading, HeadingEvidence::Heading) => {
            let rect = |row: &TextRow| row_region(row).map(|region| region.rect);
            rect(above) != rect(below)
        }
        (HeadingEvidence::Heading, other) | (other, HeadingEvidence::Heading) => {
            other != HeadingEvidence::Unknown
        }
        _ => false,
    }
}

/// Returns true if nothing about the words of a paragraph that a layout model takes for a title speaks against it.
pub(crate) fn may_be_title(paragraph: &Paragraph, text: &str) -> bool {
    paragraph.marker.is_none()
        && paragraph.rows.len() <= tuning::TITLE_ROWS
        && !text.ends_with(['.', '!'])
        && !text.starts_with(char::is_lowercase)
        && !has_sentences(text)
        && !is_mostly_numbers(text)
}

/// Returns true if a sentence ends within a text: a word of small letters, its sign, and a capital after it.
fn has_sentences(text: &str) -> bool {
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let stem = word.trim_end_matches(['.', '!', '?']);
        let small = stem.chars().rev().take_while(|c| c.is_lowercase()).count();
        let ends = stem.len() < word.len() && small >= tuning::SENTENCE_WORD_LETTERS;
        let next = words.peek().and_then(|next| next.chars().next());
        if ends && next.is_some_and(char::is_uppercase) {
            return true;
        }
    }
    false
}

/// Returns true for a date and the like: fewer words with letters than without.
fn is_mostly_numbers(text: &str) -> bool {
    let lettered = text
        .split_whitespace()
        .filter(|word| word.contains(char::is_alphabetic));
    2 * lettered.count() < text.split_whitespace().count()
}
