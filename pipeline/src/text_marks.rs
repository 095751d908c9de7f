//! Marks of type inside a text: where raised, lowered or struck-out type begins and ends.
//!
//! A line's text goes through many hands before it is written: lines are joined, hyphens dropped, lists told apart.
//! The marks go with it as noncharacters, which Unicode keeps for such use inside a process and which no document can
//! bring in (`text_layer` drops them). The blocks that come out have [spans](crate::layout::block::TextSpan) instead.

use std::borrow::Cow;

/// A style of type that is marked in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MarkedType {
    /// Raised and small: exponents, note signs.
    Raised,
    /// Lowered and small: indices.
    Lowered,
    /// Struck out.
    Struck,
    /// A formula in a line of text. The mark is followed by the [number](formula_number) of its LaTeX.
    Formula,
    /// A formula on a line of its own, the same way.
    DisplayFormula,
}

/// Ends the style that was begun last.
pub(crate) const END: char = '\u{FDD0}';

impl MarkedType {
    /// The mark at its beginning.
    pub(crate) fn begin(self) -> char {
        match self {
            Self::Raised => '\u{FDD1}',
            Self::Lowered => '\u{FDD2}',
            Self::Struck => '\u{FDD3}',
            Self::Formula => '\u{FDD4}',
            Self::DisplayFormula => '\u{FDD5}',
        }
    }

    /// The style that a mark begins.
    pub(crate) fn of(mark: char) -> Option<Self> {
        [
            Self::Raised,
            Self::Lowered,
            Self::Struck,
            Self::Formula,
            Self::DisplayFormula,
        ]
        .into_iter()
        .find(|style| style.begin() == mark)
    }
}

/// The first of the sixteen marks that digits are written with.
const FIRST_DIGIT: u32 = 0xFDE0;

/// The number of a page's formula in marks. Its text is what is printed, sign by sign, so that words and lines stay what
/// they are; its LaTeX is [beside it](crate::page::LineFormula).
pub(crate) fn formula_number(number: u32) -> String {
    let digits = (0..8).rev().map(|place| number >> (4 * place) & 0xF);
    let digits = digits.skip_while(|digit| *digit == 0);
    let marks: String = digits
        .filter_map(|digit| char::from_u32(FIRST_DIGIT + digit))
        .collect();
    if marks.is_empty() {
        char::from_u32(FIRST_DIGIT).into_iter().collect()
    } else {
        marks
    }
}

/// The value of a digit of a formula's number.
pub(crate) fn digit(mark: char) -> Option<u32> {
    u32::from(mark)
        .checked_sub(FIRST_DIGIT)
        .filter(|digit| *digit < 16)
}

/// Returns true if `text` begins with a formula on a line of its own.
pub(crate) fn is_display_formula(text: &str) -> bool {
    text.starts_with(MarkedType::DisplayFormula.begin())
}

/// `text` without the marks at its start.
pub(crate) fn after_marks(text: &str) -> &str {
    text.trim_start_matches(is_mark)
}

/// Returns true for the noncharacters that are kept for marks.
pub(crate) fn is_mark(c: char) -> bool {
    ('\u{FDD0}'..='\u{FDEF}').contains(&c)
}

/// `text` without its marks.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains(is_mark) {
        Cow::Owned(text.chars().filter(|c| !is_mark(*c)).collect())
    } else {
        Cow::Borrowed(text)
    }
}
