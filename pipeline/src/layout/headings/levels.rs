//! Levels of a document's headings, given when all of them are known.
//!
//! Headings that look the same have one level. What the document itself says fixes levels: its tags, its bookmarks, the
//! numbers of its titles; the others follow by rank, larger type above smaller.

use super::witnesses::{HeadingWitness, WitnessSource};
use crate::layout::tuning::headings::levels as tuning;

/// The deepest level that Markdown has.
const DEEPEST: u8 = 6;

/// The facts of a heading that its level follows from.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct HeadingFacts {
    /// Size of its type over that of the running text.
    pub size: f32,
    /// True if a model read it, so that its size scatters.
    pub is_ocr: bool,
    /// True if it is below others of its size: slanted and not bold, or on the first line of a paragraph.
    pub is_minor: bool,
    /// Depth of its number, 1 for `2`, 2 for `2.1`; `None` if it has none.
    pub number_depth: Option<u8>,
    /// True if its number is a single letter, which counts below roman numbers.
    pub is_lettered: bool,
    /// True for roman numbers.
    pub is_roman: bool,
    /// True for the names of sections that have no number beside others that have, such as references.
    pub is_section_name: bool,
    /// True if it has several words, as titles of documents do.
    pub is_long: bool,
    /// True for the second part of a title.
    pub is_second_part: bool,
    /// The document's own word.
    pub witness: Option<HeadingWitness>,
}

impl HeadingFacts {
    /// A heading of which no more than its level is known.
    pub(super) fn of_level(level: u8) -> Self {
        Self {
            size: 1.0,
            witness: Some(HeadingWitness {
                source: WitnessSource::Markup,
                level,
                id: 0,
            }),
            ..Self::default()
        }
    }

    /// Its size as ranks see it.
    fn rank_size(&self) -> f32 {
        let factor = if self.is_minor {
            tuning::MINOR_SIZE
        } else {
            1.0
        };
        self.size * factor
    }
}

/// The level of each heading, 1 to 6.
pub(crate) fn levels(headings: &[HeadingFacts]) -> Vec<u8> {
    let styles = Styles::of(headings);
    let numbers = NumberLevels::of(headings, &styles);
    let shift = bookmark_shift(headings);
    let is_title = is_title_among_sections(headings);
    let own: Vec<Option<u8>> = headings
        .iter()
        .enumerate()
        .map(|(i, heading)| match heading.witness {
            _ if i == 0 && is_title => Some(1),
            Some(witness) if witness.source == WitnessSource::Bookmark => {
                Some(witness.level.saturating_add(shift))
            }
            Some(witness) if !witness.is_run_in() => Some(witness.level),
            _ => numbers.level(heading),
        })
        .collect();
    let of_styles = styles.levels(headings, &own);
    headings
        .iter()
        .enumerate()
        .map(|(i, heading)| {
            let level = match (own[i], styles.of_heading[i]) {
                (Some(level), _) => level,
                (None, Some(style)) => of_styles[style],
                // A title's second part says nothing about the other headings.
                (None, None) => 2,
            };
            debug_assert!(heading.size.is_finite());
            level.clamp(1, DEEPEST)
        })
        .collect()
}

/// Headings that look the same, from the largest to the smallest.
struct Styles {
    /// The style of each heading; `None` for second parts of titles.
    of_heading: Vec<Option<usize>>,
    /// The size of each style.
    sizes: Vec<f32>,
    /// The headings of each style.
    members: Vec<Vec<usize>>,
}

impl Styles {
    fn of(headings: &[HeadingFacts]) -> Self {
        let mut order: Vec<usize> = (0..headings.len())
            .filter(|&i| !headings[i].is_second_part)
            .collect();
        order.sort_by(|&a, &b| headings[b].rank_size().total_cmp(&headings[a].rank_size()));
        let mut styles = Self {
            of_heading: vec![None; headings.len()],
            sizes: Vec::new(),
            members: Vec::new(),
        };
        for i in order {
            let heading = &headings[i];
            let same = if heading.is_ocr {
                tuning::SAME_SIZE_OCR
            } else {
                tuning::SAME_SIZE
            };
            let size = heading.rank_size();
            match styles.sizes.last() {
                Some(&last) if size > last * (1.0 - same) => {}
                _ => {
                    styles.sizes.push(size);
                    styles.members.push(Vec::new());
                }
            }
            let style = styles.sizes.len() - 1;
            styles.members[style].push(i);
            styles.of_heading[i] = Some(style);
        }
        styles
    }

    /// The level of each style: that of most of its headings whose level is known, else by rank among the others.
    fn levels(&self, headings: &[HeadingFacts], own: &[Option<u8>]) -> Vec<u8> {
        let known: Vec<Option<u8>> = self
            .members
            .iter()
            .map(|members| usual(members.iter().filter_map(|&i| own[i])))
            .collect();
        let mut levels: Vec<u8> = Vec::with_capacity(known.len());
        for (style, level) in known.iter().enumerate() {
            let below = known[style..].iter().flatten().min().copied();
            let level = level.unwrap_or_else(|| match (levels.last(), below) {
                (None, Some(below)) => {
                    let above = below.saturating_sub(1).max(1);
                    above.min(self.first_level(headings))
                }
                (None, None) => self.first_level(headings),
                (Some(&above), Some(below)) => (above + 1).min(below.max(above)),
                (Some(&above), None) => above + 1,
            });
            levels.push(level.clamp(1, DEEPEST));
        }
        levels
    }

    /// The level of the largest headings: a title's, unless they are many and little larger than the text.
    fn first_level(&self, headings: &[HeadingFacts]) -> u8 {
        let is_title = self
            .sizes
            .first()
            .is_some_and(|&size| size >= tuning::TITLE_RATIO)
            || self.sizes.len() > 1
                && self
                    .members
                    .first()
                    .is_some_and(|members| members.len() == 1)
                && headings.len() > 2
                && self.of_heading.first() == Some(&Some(0));
        if is_title { 1 } else { 2 }
    }
}

/// The levels that numbers give.
struct NumberLevels {
    /// Levels above titles with one number; `None` if numbers only count inside of sections.
    above: Option<u8>,
    /// True if sections have roman numbers.
    has_roman: bool,
}

impl NumberLevels {
    fn of(headings: &[HeadingFacts], styles: &Styles) -> Self {
        let outermost = headings
            .iter()
            .filter_map(|heading| heading.number_depth)
            .min();
        let is_first = |heading: &&HeadingFacts| {
            heading.number_depth.is_some() && heading.number_depth == outermost
        };
        let has_roman = headings.iter().filter(is_first).any(|h| h.is_roman);
        let numbered = |i: usize| headings[i].number_depth.is_some();
        let first = (0..headings.len()).find(|&i| numbered(i));
        let largest = headings
            .iter()
            .enumerate()
            .filter(|(_, heading)| is_first(heading))
            .filter_map(|(i, _)| styles.of_heading[i])
            .min();
        let (Some(first), Some(largest)) = (first, largest) else {
            return Self {
                above: None,
                has_roman,
            };
        };
        // Larger headings that come before are the title and what stands around it; others are sections, in which the
        // numbers count.
        let larger: Vec<&Vec<usize>> = styles.members[..largest].iter().collect();
        let amid = larger
            .iter()
            .flat_map(|members| members.iter())
            .filter(|&&i| i > first && !headings[i].is_section_name)
            .count();
        let above = if amid >= tuning::MIN_SECTIONS {
            None
        } else {
            let titled = larger
                .iter()
                .flat_map(|members| members.iter())
                .any(|&i| i < first);
            Some(u8::from(titled || is_title_among_sections(headings)))
        };
        Self { above, has_roman }
    }

    fn level(&self, heading: &HeadingFacts) -> Option<u8> {
        let above = self.above?;
        if let Some(depth) = heading.number_depth {
            let below = u8::from(self.has_roman && heading.is_lettered);
            return Some(above + depth + below);
        }
        heading.is_section_name.then_some(above + 1)
    }
}

/// The levels above the outermost bookmarks: one if the document has a title before them that is none of them.
fn bookmark_shift(headings: &[HeadingFacts]) -> u8 {
    let is_marked = |heading: &HeadingFacts| {
        heading
            .witness
            .is_some_and(|witness| witness.source == WitnessSource::Bookmark)
    };
    let Some(first) = headings.iter().position(is_marked) else {
        return 0;
    };
    let size = headings[first].rank_size();
    let titled = is_title_among_sections(headings)
        || headings[..first]
            .iter()
            .any(|heading| heading.rank_size() > size * (1.0 + tuning::SAME_SIZE));
    u8::from(titled)
}

/// Returns true if the first heading is the title although its type is that of sections: what comes after it has bookmarks
/// or numbers.
fn is_title_among_sections(headings: &[HeadingFacts]) -> bool {
    let [first, sections @ ..] = headings else {
        return false;
    };
    let is_plain = |heading: &HeadingFacts| {
        heading.witness.is_none() && heading.number_depth.is_none() && !heading.is_section_name
    };
    let others = || sections.iter().filter(|heading| !heading.is_section_name);
    let told = others().filter(|heading| !is_plain(heading)).count();
    first.is_long && is_plain(first) && told >= 2 && told * 2 > others().count()
}

/// The most frequent value; the smaller of two.
fn usual(values: impl Iterator<Item = u8>) -> Option<u8> {
    let mut counts = [0_usize; 256];
    values.for_each(|value| counts[usize::from(value)] += 1);
    let most = counts.iter().max().copied().filter(|&count| count > 0)?;
    let first = counts.iter().position(|&count| count == most)?;
    u8::try_from(first).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(size: f32) -> HeadingFacts {
        HeadingFacts {
            size,
            ..HeadingFacts::default()
        }
    }

    fn numbered(size: f32, depth: u8) -> HeadingFacts {
        HeadingFacts {
            number_depth: Some(depth),
            ..plain(size)
        }
    }

    fn marked(size: f32, level: u8, source: WitnessSource) -> HeadingFacts {
        let witness = HeadingWitness {
            source,
            level,
            id: 0,
        };
        HeadingFacts {
            witness: Some(witness),
            ..plain(size)
        }
    }

    #[test]
    fn larger_type_is_above_smaller_wherever_it_comes() {
        let headings = [plain(1.2), plain(1.0), plain(2.0), plain(1.2), plain(1.0)];
        assert_eq!(levels(&headings), [2, 3, 1, 2, 3]);
    }

    #[test]
    fn headings_little_larger_than_the_text_leave_room_for_a_title() {
        assert_eq!(levels(&[plain(1.1), plain(1.1)]), [2, 2]);
    }

    #[test]
    fn numbers_count_below_the_title() {
        let sections = [numbered(1.2, 1), numbered(1.2, 2), numbered(1.0, 1)];
        assert_eq!(levels(&sections), [1, 2, 1]);
        assert_eq!(levels(&[plain(1.8), numbered(1.2, 2)]), [1, 3]);
        let paper = [plain(1.8), numbered(1.2, 1), numbered(1.1, 2), plain(1.1)];
        assert_eq!(levels(&paper), [1, 2, 3, 3]);
    }

    #[test]
    fn numbers_inside_of_sections_say_nothing() {
        let steps = [
            plain(2.0),
            plain(1.5),
            numbered(1.1, 1),
            numbered(1.1, 1),
            plain(1.5),
            numbered(1.1, 1),
            plain(1.5),
        ];
        assert_eq!(levels(&steps), [1, 2, 3, 3, 2, 3, 2]);
    }

    #[test]
    fn references_are_a_section_beside_numbered_ones() {
        let references = HeadingFacts {
            is_section_name: true,
            ..plain(1.4)
        };
        let paper = [plain(1.8), numbered(1.2, 1), numbered(1.2, 1), references];
        assert_eq!(levels(&paper), [1, 2, 2, 2]);
    }

    #[test]
    fn the_documents_own_word_counts_first() {
        let tags = [
            plain(1.8),
            marked(1.2, 1, WitnessSource::Tag),
            marked(1.1, 2, WitnessSource::Tag),
            plain(1.1),
        ];
        assert_eq!(levels(&tags), [1, 1, 2, 2]);
        let bookmarks = [
            plain(1.8),
            marked(1.2, 1, WitnessSource::Bookmark),
            marked(1.2, 2, WitnessSource::Bookmark),
        ];
        assert_eq!(levels(&bookmarks), [1, 2, 3]);
        assert_eq!(levels(&bookmarks[1..]), [1, 2]);
    }
}
