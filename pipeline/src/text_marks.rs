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
        }
    }

    /// The style that a mark begins.
    pub(crate) fn of(mark: char) -> Option<Self> {
        [Self::Raised, Self::Lowered, Self::Struck]
            .into_iter()
            .find(|style| style.begin() == mark)
    }
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
