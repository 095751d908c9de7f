//! Witnesses of headings beside their type: the structure tags of a tagged PDF, and the bookmarks of a document.

use crate::{
    image::{
        inspection::{StructureTag, TagRole},
        rasterizer::Bookmark,
    },
    layout::{baselines::TextRow, placed_line::PlacedLine, tuning::headings::witnesses as tuning},
};

/// The document's own word that rows are a heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadingWitness {
    /// The part of the document that says so.
    pub source: WitnessSource,
    /// The level that it says, 1 for the outermost.
    pub level: u8,
    /// Tells the headings of a page apart.
    pub id: u32,
}

/// The part of a document that names its headings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WitnessSource {
    /// The tags of its structure.
    Tag,
    /// Its bookmarks.
    Bookmark,
    /// The markup that a model wrote.
    Markup,
    /// The words at the start of a paragraph, which have no level of their own.
    RunIn,
}

impl HeadingWitness {
    /// The type of a run-in heading.
    pub fn run_in() -> Self {
        Self {
            source: WitnessSource::RunIn,
            level: 1,
            id: 0,
        }
    }

    /// Returns true for a run-in heading, of which nothing else is known.
    pub fn is_run_in(self) -> bool {
        self.source == WitnessSource::RunIn
    }

    /// Returns true if the document's tags say so.
    pub fn is_tag(self) -> bool {
        self.source == WitnessSource::Tag
    }
}

/// The tags' word on a row: its lines all belong to one heading.
pub(crate) fn tagged_heading(lines: &[PlacedLine]) -> Option<HeadingWitness> {
    let tag = lines.first()?.tag?;
    let TagRole::Heading(level) = tag.role else {
        return None;
    };
    let same = lines.iter().all(|line| line.tag == Some(tag));
    same.then_some(HeadingWitness {
        source: WitnessSource::Tag,
        level,
        id: tag.element,
    })
}

/// Returns true if a tag says that a text is no heading.
pub(crate) fn is_tagged_text(tag: Option<StructureTag>) -> bool {
    tag.is_some_and(|tag| tag.role == TagRole::Text)
}

/// The titles of bookmarks that lead to a page.
#[derive(Clone, Debug, Default)]
pub(crate) struct BookmarkTitles(Vec<BookmarkTitle>);

#[derive(Clone, Debug)]
struct BookmarkTitle {
    depth: u8,
    key: TitleKey,
}

impl BookmarkTitles {
    /// The titles of a page's bookmarks.
    pub(crate) fn new(bookmarks: &[Bookmark]) -> Self {
        let titles = bookmarks.iter().map(|bookmark| BookmarkTitle {
            depth: bookmark.depth,
            key: TitleKey::of(&bookmark.title),
        });
        Self(
            titles
                .filter(|title| title.key.letters() >= tuning::MIN_LETTERS)
                .collect(),
        )
    }

    /// The word of a bookmark on a title.
    pub(crate) fn witness(&self, title: &str) -> Option<HeadingWitness> {
        let key = TitleKey::of(title);
        let same = |title: &BookmarkTitle| title.key.is_same(&key);
        let index = self.0.iter().position(same)?;
        Some(self.witness_of(index))
    }

    fn witness_of(&self, index: usize) -> HeadingWitness {
        HeadingWitness {
            source: WitnessSource::Bookmark,
            level: self.0[index].depth,
            id: u32::try_from(index).unwrap_or(u32::MAX),
        }
    }

    /// Marks the rows of one column that are such a title.
    pub(crate) fn mark(&self, rows: &mut [TextRow]) {
        if self.0.is_empty() {
            return;
        }
        let runs: Vec<Vec<TitleKey>> = (0..rows.len())
            .map(|first| TitleKey::of_runs(&rows[first..]))
            .collect();
        for (index, title) in self.0.iter().enumerate() {
            let mut first = 0;
            while first < rows.len() {
                let Some(count) = title.key.rows_at(&runs[first]) else {
                    first += 1;
                    continue;
                };
                for row in &mut rows[first..first + count] {
                    row.witness.get_or_insert(self.witness_of(index));
                }
                first += count;
            }
        }
    }
}

/// The letters and figures of a title, and where they go on after its number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TitleKey {
    signs: String,
    after_number: usize,
}

impl TitleKey {
    fn of(title: &str) -> Self {
        let signs = signs(title);
        let number = leading_number(title);
        Self {
            after_number: self::signs(&title[..number]).len(),
            signs,
        }
    }

    fn letters(&self) -> usize {
        self.signs.chars().filter(|c| c.is_alphabetic()).count()
    }

    fn words(&self) -> &str {
        &self.signs[self.after_number..]
    }

    fn is_same(&self, found: &Self) -> bool {
        let both_numbered = self.after_number > 0 && found.after_number > 0;
        found.signs == self.signs
            || found.words() == self.signs
            || found.signs == self.words()
            || both_numbered && found.words() == self.words()
    }

    /// The keys of one, two and more rows from the first on, as many as a title may have.
    fn of_runs(rows: &[TextRow]) -> Vec<Self> {
        let mut text = String::new();
        let rows = rows.iter().take(tuning::MAX_ROWS);
        rows.map(|row| {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(&row.text);
            Self::of(&text)
        })
        .collect()
    }

    /// The number of rows that are this title, of which `runs` has the keys; with or without its number, which a document
    /// may make up on either side.
    fn rows_at(&self, runs: &[Self]) -> Option<usize> {
        let most = self.signs.len() + tuning::MAX_NUMBER_BYTES;
        let end = runs
            .iter()
            .position(|found| self.is_same(found) || found.signs.len() > most)?;
        self.is_same(&runs[end]).then_some(end + 1)
    }
}

/// The letters and figures of a text, small.
fn signs(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The length of the number at the start of a title, such as `2.1` and `IV.`, in bytes; 0 if it has none.
fn leading_number(title: &str) -> usize {
    let Some((number, _)) = title.split_once(char::is_whitespace) else {
        return 0;
    };
    let is_number = number.chars().any(|c| c.is_ascii_digit())
        && number
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || ".()-".contains(c))
        || (number.ends_with(['.', ')']) || number.contains('-'))
            && number.len() <= tuning::MAX_NUMBER_BYTES
            && number
                .chars()
                .all(|c| c.is_ascii_uppercase() || ".()-".contains(c));
    if is_number { number.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_signs_do_not_tell_titles_apart() {
        let same = |title: &str, text: &str| {
            let row = TextRow {
                text: text.to_owned(),
                ..TextRow::default()
            };
            TitleKey::of(title)
                .rows_at(&TitleKey::of_runs(&[row]))
                .is_some()
        };
        assert!(same("Introduction", "1 Introduction"));
        assert!(same("2.1. Study area", "Study area"));
        assert!(same("IV. RESULTS", "IV. Results"));
        assert!(same("Authors' contributions", "Authors’ contributions"));
        assert!(same("II-A Sensors", "A. Sensors"));
        assert!(!same("Results", "Results were found"));
        assert!(!same("3", "4"));
    }

    #[test]
    fn a_title_may_have_several_rows() {
        let row = |text: &str| TextRow {
            text: text.to_owned(),
            ..TextRow::default()
        };
        let rows = [row("2. A long title of"), row("two rows"), row("Text.")];
        let key = TitleKey::of("A long title of two rows");
        assert_eq!(key.rows_at(&TitleKey::of_runs(&rows)), Some(2));
    }
}
