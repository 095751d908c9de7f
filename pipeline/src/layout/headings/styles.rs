//! Styles of a document's type: the size of its running text, how much of it is bold, and the headings so far.

use std::collections::BTreeMap;

use super::{HeadingFacts, levels::levels};
use crate::layout::{paragraphs::Paragraph, placed_line::PlacedLine, tuning::headings as tuning};

/// The type of a document, as far as its pages have been seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeadingStyles {
    /// Characters by size of type, in quarters of a pixel.
    pub(super) sizes: BTreeMap<u32, u64>,
    /// The same of text that a model read, whose pages have another resolution.
    pub(super) sizes_ocr: BTreeMap<u32, u64>,
    /// The headings so far, in the order of the document.
    pub(super) found: Vec<HeadingFacts>,
    /// True while the section that a page begins in lists other works.
    pub in_bibliography: bool,
    /// The label of the last footnote.
    pub(super) last_note: u32,
    /// True if tags say of a text that it is a heading.
    pub(super) has_tagged_headings: bool,
    /// True if a page had paragraphs of several lines.
    pub(super) has_prose: bool,
    /// Characters in bold type.
    pub(super) bold_characters: usize,
    /// Characters in slanted type.
    pub(super) italic_characters: usize,
    /// All characters.
    pub(super) characters: usize,
    /// Characters of fixed pitch on the pages whose pitch was looked at.
    pub(super) fixed_characters: usize,
    /// All characters of those pages.
    pub(super) pitch_characters: usize,
}

impl HeadingStyles {
    /// Counts the type of a page.
    pub(super) fn learn(&mut self, paragraphs: &[&Paragraph]) {
        for row in paragraphs.iter().flat_map(|paragraph| &paragraph.rows) {
            let size = row.size.clamp(tuning::MIN_SIZE_PX, tuning::MAX_SIZE_PX);
            let count = row.text.chars().count();
            let sizes = if row.is_ocr() {
                &mut self.sizes_ocr
            } else {
                &mut self.sizes
            };
            *sizes
                .entry((size * tuning::SIZE_STEPS_PER_PX) as u32)
                .or_default() += count as u64;
            self.bold_characters += if row.bold { count } else { 0 };
            self.italic_characters += if row.italic { count } else { 0 };
            self.characters += count;
        }
    }

    /// Returns true if `lines` of fixed pitch among those of a page are code: the document is not all in such type.
    pub fn has_code(&mut self, lines: &[PlacedLine]) -> bool {
        for line in lines {
            let count = line.text.chars().count();
            self.pitch_characters += count;
            if line.style.fixed_pitch == Some(true) {
                self.fixed_characters += count;
            }
        }
        !tuning::MOSTLY_FIXED.is_reached(self.fixed_characters, self.pitch_characters)
    }

    /// Size of the document's running text so far, in pixels: of what a model read, or of its own text.
    pub fn body_size(&self, is_ocr: bool) -> Option<f32> {
        let sizes = if is_ocr { &self.sizes_ocr } else { &self.sizes };
        let half = sizes.values().sum::<u64>() / 2;
        let mut passed = 0;
        sizes.iter().find_map(|(&size, &count)| {
            passed += count;
            (passed > half).then_some(size as f32 / tuning::SIZE_STEPS_PER_PX)
        })
    }

    /// The label of a footnote with that sign: its number, unless an earlier note has that or a higher one.
    pub fn label_note(&mut self, mark: &str) -> u32 {
        let number = mark.parse().unwrap_or(0);
        self.last_note = number.max(self.last_note.saturating_add(1));
        self.last_note
    }

    /// Takes a heading that a model marked as one, of that level.
    pub fn add_marked(&mut self, level: u8) {
        self.found.push(HeadingFacts::of_level(level));
    }

    /// The levels of the last so many headings, as far as those before them tell.
    pub fn latest_levels(&self, count: usize) -> Vec<u8> {
        let first = self
            .found
            .len()
            .saturating_sub(count + tuning::HEADINGS_BEFORE);
        let mut levels = levels(&self.found[first..]);
        levels.split_off(levels.len().saturating_sub(count))
    }

    /// The levels of the document's headings, in its order, 1 to 6.
    pub fn levels(&self) -> Vec<u8> {
        levels(&self.found)
    }

    /// Returns true if bold type tells headings. Some fonts call all of their type bold: then it says nothing.
    pub(super) fn bold_tells(&self) -> bool {
        !tuning::MUCH_BOLD.is_reached(self.bold_characters, self.characters)
    }

    /// Returns true if slanted type tells headings.
    pub(super) fn italic_tells(&self) -> bool {
        !tuning::MUCH_ITALIC.is_reached(self.italic_characters, self.characters)
    }
}
