//! Running lines told on one page alone, by their words and their place: of a document's only page there is no other to
//! compare with.
//!
//! A row counts only beyond the text, no larger than it, and with one more sign of a running line: a stamp of where the
//! page comes from, parts at both sides of the text with a number among them, or a place in the outer margin.

use super::{
    page_edges::{EdgeRow, NumberLine},
    tuning,
};
use crate::layout::placed_line::PlacedLine;

/// Words that publishers, libraries and browsers put at the edge of a page, in lower case.
const SOURCES: [&str; 12] = [
    "downloaded from",
    "downloaded on",
    "download date",
    "published by",
    "all rights reserved",
    "copyright",
    "©",
    "www.",
    "http://",
    "https://",
    "doi:",
    "issn",
];
/// The first words of lines that are added to a page after it was printed, in lower case.
const STAMPS: [&str; 10] = [
    "downloaded from",
    "downloaded by",
    "downloaded on",
    "downloaded at",
    "download date",
    "this content downloaded",
    "this article was downloaded",
    "authorized licensed use",
    "printed from",
    "arxiv:",
];

/// Returns true for a row that says where a page comes from, such as one with an address.
pub(super) fn names_source(text: &str) -> bool {
    let text = text.to_lowercase();
    SOURCES.iter().any(|words| text.contains(words))
}

/// Returns true for a line that was added to the page, such as `Downloaded from …`.
pub(super) fn is_stamp(text: &str) -> bool {
    let start: String = text.chars().take(tuning::STAMP_CHARACTERS).collect();
    let start = start.trim_start().to_lowercase();
    STAMPS.iter().any(|words| start.starts_with(words))
}

/// The stamps among lines that run up or down the page, by index: those beyond all text that runs across it.
pub(super) fn margin_stamps(sideways: &[PlacedLine], upright: &[PlacedLine]) -> Vec<usize> {
    let text = upright
        .iter()
        .map(|line| line.rect)
        .reduce(|a, b| a.union(&b));
    let is_beyond = |line: &&PlacedLine| {
        text.is_none_or(|text| line.rect.right <= text.left || line.rect.left >= text.right)
    };
    // Of one in several pieces it is not known which belong to it.
    let is_whole = |line: &&PlacedLine| {
        let beside = |other: &&PlacedLine| {
            other.rect.left < line.rect.right && line.rect.left < other.rect.right
        };
        sideways.iter().filter(beside).count() == 1
    };
    let stamps = sideways.iter().filter(|line| is_stamp(line.text));
    let stamps = stamps.take(tuning::MAX_ROWS);
    let whole = stamps.filter(is_beyond).filter(is_whole);
    whole.map(|line| line.index).collect()
}

impl EdgeRow {
    /// Returns true if a row of a document's only page is a running one.
    pub(super) fn shows_by_itself(&self, is_top: bool) -> bool {
        let shows = self.is_marked()
            || self.is_in_parts(is_top)
            || self.stands_outside(is_top)
            || self.is_logo()
            || self.is_number_above(is_top);
        shows && !self.is_aligned
    }

    /// The page number in the outermost corner of a document's only page, beside what else stands there.
    pub(super) fn corner_number(&self) -> Option<usize> {
        let ends = [self.lines.first(), self.lines.last()];
        let mut numbers = self.numbers.iter();
        let number =
            numbers.find(|number| number.in_corner && ends.contains(&Some(&number.line)))?;
        (self.margin < tuning::OUTER_MARGIN && !self.is_aligned).then_some(number.line)
    }

    /// Returns true if its words are those of a stamp or name a source.
    fn is_marked(&self) -> bool {
        let is_text_size = self.relative_size <= tuning::RUNNING_SIZE;
        let is_outer = self.is_apart || self.margin < tuning::OUTER_MARGIN;
        let names_source = self.names_source && self.is_apart;
        self.is_stamp && is_outer && is_text_size
            || names_source && self.relative_size < tuning::SMALL_SIZE
    }

    /// Returns true if it is set in parts with a number among them, as volume and page are.
    fn is_in_parts(&self, is_top: bool) -> bool {
        let parts = self.lines.len();
        if !(2..=tuning::MAX_PARTS).contains(&parts)
            || !self.has_number
            || self.relative_size > tuning::TITLE_SIZE
        {
            return false;
        }
        let (first, last) = (self.lines.first(), self.lines.last());
        let is_page = |number: &&NumberLine| {
            let is_end = first == Some(&number.line) || last == Some(&number.line);
            is_end && (number.styled || number.value <= tuning::MAX_LONE_PAGE)
        };
        let mut pages = self.numbers.iter().filter(is_page);
        if parts >= tuning::RUNNING_PARTS && self.is_spread {
            // Parts at the left, in the middle and at the right are no text, however close to one.
            return self.is_apart || pages.next().is_some();
        }
        let has_page = match parts {
            2 => pages.any(|number| number.at_side),
            _ => pages.next().is_some(),
        };
        let is_outer = is_top || self.margin < tuning::OUTER_MARGIN;
        let is_small = self.relative_size < tuning::SMALL_SIZE && is_outer;
        self.is_apart
            && self.relative_size <= tuning::RUNNING_SIZE
            && (has_page || self.is_spread && is_small)
    }

    /// Returns true if it is smaller than the text and stands where a text does not: above all of it, or at the very
    /// edge of the page. What is small and below a text may be a note of it.
    fn stands_outside(&self, is_top: bool) -> bool {
        let small = match self.is_ocr {
            true => tuning::SMALL_SIZE_OCR,
            false => tuning::SMALL_SIZE,
        };
        let is_far = self.gap > tuning::END_GAP && self.margin < tuning::OUTER_MARGIN;
        self.relative_size < small
            && self.rows_inwards >= tuning::MIN_NEXT_ROWS
            && (is_far || is_top && self.is_apart && self.margin < tuning::HEAD_MARGIN)
    }

    /// Returns true if it is nothing but what was read from pictures above or below the text of a page that has text of
    /// its own: a publisher's mark, not a title drawn over the width.
    fn is_logo(&self) -> bool {
        self.is_drawn
            && self.gap > tuning::END_GAP
            && self.margin < tuning::HEAD_MARGIN
            && self.rows_inwards >= tuning::MIN_LOGO_ROWS
    }

    /// Returns true for a page number alone above the text.
    fn is_number_above(&self, is_top: bool) -> bool {
        is_top
            && self.lone_number
            && self.gap > tuning::FOOT_NUMBER_GAP
            && self.margin < tuning::HEAD_MARGIN
            && self.relative_size <= tuning::RUNNING_SIZE
    }
}
