//! Region evidence: what a layout model's regions say of a paragraph. Its word counts where type and place leave doubt,
//! and never against clear signs.

use super::{baselines::TextRow, paragraphs::Paragraph, tuning::regions as tuning};
use crate::page::{LineRegion, RegionKind};

/// A layout model's word on whether a paragraph is a heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeadingEvidence {
    /// It is.
    Heading,
    /// It is something else.
    Other,
    /// The model is not sure, or none looked.
    Unknown,
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
    match row_region(row) {
        Some(region) if region.kind == RegionKind::Title && region.score >= tuning::TITLE => {
            HeadingEvidence::Heading
        }
        Some(region) if region.kind != RegionKind::Title && region.score >= tuning::OTHER => {
            HeadingEvidence::Other
        }
        _ => HeadingEvidence::Unknown,
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

/// Returns true if of two rows that follow one another one is a title, and the other is something else.
pub(crate) fn parts_titles(above: &TextRow, below: &TextRow) -> bool {
    let pair = (row_evidence(above), row_evidence(below));
    matches!(
        pair,
        (HeadingEvidence::Heading, HeadingEvidence::Other)
            | (HeadingEvidence::Other, HeadingEvidence::Heading)
    )
}
