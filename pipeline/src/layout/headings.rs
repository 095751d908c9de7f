//! Headings: paragraphs in larger type, bold type, with numbered titles or in centered capitals, and their levels. A
//! doubtful one stays text.

use std::collections::BTreeMap;

use super::{
    baselines::TextRow, list_markers::roman_number, paragraphs::Paragraph,
    tuning::headings as tuning,
};
use crate::script::is_unspaced;

/// The type of a document, as far as its pages have been seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeadingStyles {
    /// Characters by size of type, in quarters of a pixel.
    sizes: BTreeMap<u32, u64>,
    /// Sizes that headings had, with their levels.
    levels: Vec<(f32, u8)>,
    /// Level of headings that differ little from the text: as large as the text, or nearly.
    least: Option<u8>,
    /// Characters in bold type.
    bold_characters: usize,
    /// All characters.
    characters: usize,
}

impl HeadingStyles {
    /// Counts the type of a page.
    fn learn(&mut self, paragraphs: &[&Paragraph]) {
        for row in paragraphs.iter().flat_map(|paragraph| &paragraph.rows) {
            let size = row.size.clamp(tuning::MIN_SIZE_PX, tuning::MAX_SIZE_PX);
            let count = row.text.chars().count();
            *self
                .sizes
                .entry((size * tuning::SIZE_STEPS_PER_PX) as u32)
                .or_default() += count as u64;
            self.bold_characters += if row.bold { count } else { 0 };
            self.characters += count;
        }
    }

    /// Size of the document's running text so far, in pixels.
    pub fn body_size(&self) -> Option<f32> {
        let half = self.sizes.values().sum::<u64>() / 2;
        let mut passed = 0;
        self.sizes.iter().find_map(|(&size, &count)| {
            passed += count;
            (passed > half).then_some(size as f32 / tuning::SIZE_STEPS_PER_PX)
        })
    }

    /// Returns true if bold type tells headings. Some fonts call all of their type bold: then it says nothing.
    fn bold_tells(&self) -> bool {
        !tuning::MUCH_BOLD.is_reached(self.bold_characters, self.characters)
    }

    /// The level of headings of this size; the same for sizes that look the same.
    fn level(&mut self, size: f32, body_size: f32) -> u8 {
        let known = self
            .levels
            .iter()
            .find(|(known, _)| (known / size - 1.0).abs() < tuning::SAME_SIZE);
        if let Some(&(_, level)) = known {
            return level;
        }
        let level = match size / body_size {
            // The first large line of a document is its title.
            r if r >= tuning::TITLE_RATIO
                || self.levels.is_empty() && r >= tuning::SECTION_RATIO =>
            {
                1
            }
            r if r >= tuning::SECTION_RATIO => 2,
            _ => self.least(),
        };
        if self.levels.len() < tuning::MAX_STYLES {
            self.levels.push((size, level));
        }
        level
    }

    /// The level of headings that differ little from the text: right under the title, or below sections if there are any.
    fn least(&mut self) -> u8 {
        let has = |level| self.levels.iter().any(|(_, known)| *known == level);
        *self
            .least
            .get_or_insert(if has(1) && !has(2) { 2 } else { 3 })
    }
}

/// The heading level of each of a page's paragraphs, in reading order; `None` for one that is no heading.
pub(crate) fn headings(paragraphs: &[&Paragraph], styles: &mut HeadingStyles) -> Vec<Option<u8>> {
    styles.learn(paragraphs);
    let prose = paragraphs
        .iter()
        .filter(|p| p.rows.len() >= tuning::PROSE_MIN_ROWS && p.marker.is_none());
    let page = HeadingPage {
        paragraphs,
        body_size: styles.body_size().unwrap_or(1.0).max(1.0),
        prose: prose.count(),
    };
    let mut found: Vec<Option<u8>> = Vec::with_capacity(paragraphs.len());
    for i in 0..paragraphs.len() {
        let under_title = found.last() == Some(&Some(1));
        found.push(page.level(i, under_title, styles));
    }
    page.demote_crowds(&mut found);
    found
}

/// A page on which headings are looked for.
struct HeadingPage<'p, 'a> {
    paragraphs: &'p [&'p Paragraph<'a>],
    /// Size of the running text, in pixels.
    body_size: f32,
    /// Paragraphs of several lines.
    prose: usize,
}

/// The signs that a paragraph may be a heading.
struct HeadingSigns {
    text: String,
    /// Its size over that of the running text.
    ratio: f32,
    /// True if a model read it.
    is_ocr: bool,
    /// True if it is clearly larger than the running text.
    larger: bool,
    bold: bool,
    capitals: bool,
    /// True if there is white above or below.
    set_off: bool,
}

impl HeadingPage<'_, '_> {
    fn level(&self, i: usize, under_title: bool, styles: &mut HeadingStyles) -> Option<u8> {
        let this = self.paragraphs[i];
        let signs = self.signs(this, styles)?;
        if let Some(level) = self.numbered_level(i, &signs) {
            return Some(level);
        }
        if this.marker.is_some() || !signs.set_off {
            return None;
        }
        // Large writing that nothing follows is a signature or a stamp.
        let heads_nothing = signs.is_ocr && i > 0 && i + 1 == self.paragraphs.len();
        if signs.larger && !heads_nothing {
            // A title's second part says nothing about the headings to come.
            let second_part = under_title && signs.ratio < tuning::TITLE_RATIO;
            return Some(if second_part {
                2
            } else {
                styles.level(smallest_size(this), self.body_size)
            });
        }
        // On a scan, a bold line may be an address, a stamp or a cry, so that it must be short.
        let short = !signs.is_ocr
            || this.rows.len() <= tuning::BOLD_MAX_ROWS
                && signs.text.chars().count() <= tuning::BOLD_MAX_CHARACTERS
                && !signs.text.ends_with('!');
        let bold_ratio = if signs.is_ocr {
            tuning::BOLD_RATIO_OCR
        } else {
            tuning::BOLD_RATIO
        };
        let bold = signs.bold && short && (self.prose > 0 || signs.ratio > bold_ratio);
        let capitals = signs.capitals
            && this.centered
            && self.prose > 0
            && signs.ratio > tuning::CAPITALS_RATIO;
        (bold || capitals).then(|| styles.least())
    }

    /// `None` if the paragraph's words cannot be a heading.
    fn signs(&self, this: &Paragraph, styles: &HeadingStyles) -> Option<HeadingSigns> {
        let text: Vec<&str> = this.rows.iter().map(|row| row.text.as_str()).collect();
        let text = text.join(" ");
        if !could_be_heading(this, &text) {
            return None;
        }
        let ratio = smallest_size(this) / self.body_size;
        let is_ocr = this.rows.iter().any(TextRow::is_ocr);
        let rough = this.rows.iter().any(TextRow::has_rough_size);
        let larger_ratio = match is_ocr {
            true if rough || self.prose == 0 => tuning::LARGER_ROUGH,
            true => tuning::LARGER_OCR,
            false => tuning::LARGER,
        };
        Some(HeadingSigns {
            ratio,
            is_ocr,
            larger: ratio > larger_ratio,
            bold: styles.bold_tells()
                && this.rows.iter().all(|row| row.bold)
                && ratio > tuning::BOLD_MIN_RATIO,
            capitals: is_capitals(&text),
            set_off: this.space_above > tuning::SET_OFF_EM || this.space_below > tuning::SET_OFF_EM,
            text,
        })
    }

    /// The level of a title with a number before it, such as `2.1 Results`.
    fn numbered_level(&self, i: usize, signs: &HeadingSigns) -> Option<u8> {
        let this = self.paragraphs[i];
        let depth = numbered_title(&signs.text)?;
        let starts_lowercase = |next: &Paragraph| {
            let first = next.rows.first().and_then(|row| row.text.chars().next());
            first.is_some_and(char::is_lowercase)
        };
        let next = self.paragraphs.get(i + 1);
        let heads_text = next.is_some_and(|next| next.marker.is_none() && !starts_lowercase(next));
        // A number with neighbors is an item of a list, unless text comes below it.
        let alone = this.marker.is_none() || heads_text && signs.set_off;
        // In a document's own text, type says if it is a title; on a scan, white space must do.
        let looks = if signs.is_ocr {
            heads_text && signs.set_off && self.prose > 0
        } else {
            signs.capitals && heads_text
        };
        let least = if signs.capitals && this.centered {
            tuning::NUMBERED_RATIO_CAPITALS
        } else {
            tuning::NUMBERED_RATIO
        };
        (signs.ratio > least && alone && (signs.larger || signs.bold || looks))
            .then(|| (depth + 1).min(6))
    }

    /// Takes back headings if there are too many: a page of large type and few words, such as a poster or a receipt, is
    /// not made of headings, and neither is a run of paragraphs in one size.
    fn demote_crowds(&self, found: &mut [Option<u8>]) {
        let page = self.paragraphs;
        let count = found.iter().flatten().count();
        let most = if self.prose == 0 {
            tuning::MAX_HEADINGS_WITHOUT_PROSE.part_of(page.len())
        } else {
            tuning::MAX_HEADINGS.part_of(page.len())
        };
        if count > most.max(tuning::MIN_CROWD) {
            for (level, paragraph) in found.iter_mut().zip(page) {
                if level.is_some()
                    && smallest_size(paragraph) < tuning::TITLE_RATIO * self.body_size
                {
                    *level = None;
                }
            }
        }
        let is_plain = |i: usize| {
            let row = &page[i].rows[0];
            found[i].is_some() && !row.bold && numbered_title(&row.text).is_none()
        };
        let same_size = |i: usize, j: usize| {
            (smallest_size(page[i]) / smallest_size(page[j]) - 1.0).abs() < tuning::SAME_SIZE
        };
        let mut crowded = vec![false; page.len()];
        for i in 2..page.len() {
            if (i - 2..=i).all(is_plain) && same_size(i, i - 1) && same_size(i, i - 2) {
                crowded[i - 2..=i].fill(true);
            }
        }
        for (level, crowded) in found.iter_mut().zip(crowded) {
            if crowded {
                *level = None;
            }
        }
    }
}

/// The size of its smallest row: a heading is large from end to end.
fn smallest_size(paragraph: &Paragraph) -> f32 {
    let sizes = paragraph.rows.iter().map(|row| row.size);
    sizes.fold(f32::MAX, f32::min)
}

/// Returns true if words like these may be a heading at all.
fn could_be_heading(paragraph: &Paragraph, text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let signs = text.chars().filter(|c| !c.is_whitespace()).count();
    let ends_open = text.ends_with([',', ';', '-'])
        || text.ends_with('.') && !text.ends_with("..") && letters > tuning::SENTENCE_LETTERS;
    let em = smallest_size(paragraph);
    let has_gap = |row: &TextRow| {
        row.widest_gap()
            .is_some_and(|gap| gap.width() > tuning::MAX_GAP_EM * em)
    };
    let has_word = text
        .split(|c: char| !c.is_alphabetic())
        .any(|word| word.chars().nth(2).is_some() || word.chars().any(is_unspaced));
    paragraph.rows.len() <= tuning::MAX_ROWS
        && has_word
        && !paragraph.rows.iter().any(has_gap)
        && signs <= tuning::MAX_CHARACTERS
        && letters >= tuning::MIN_LETTERS
        && tuning::MOSTLY_LETTERS.is_exceeded(letters, signs)
        && !ends_open
        && !text.contains("....")
        && !text.contains(['@', '\\'])
        && !text.contains("://")
}

/// The depth of a numbered section title: 1 for `2 Method` and `II. Method`, 2 for `2.1 Results`.
fn numbered_title(text: &str) -> Option<u8> {
    let (number, title) = text.split_once(char::is_whitespace)?;
    let title = title.trim_start();
    let words = title.split_whitespace().count();
    let starts = title.chars().next().is_some_and(char::is_uppercase);
    let code = title.contains(['=', '{', '}', ';', '<', '>', '|', '\\', '_', '$']);
    if !starts
        || code
        || words > tuning::NUMBERED_MAX_WORDS
        || title.ends_with(['.', ',', ';', ':'])
    {
        return None;
    }
    if matches!(
        number,
        "Chapter" | "CHAPTER" | "Part" | "PART" | "Appendix" | "APPENDIX"
    ) {
        let count = title.split(|c: char| !c.is_alphanumeric()).next()?;
        let counts = count.bytes().all(|b| b.is_ascii_digit())
            || count.len() == 1
            || roman_number(count).is_some();
        return counts.then_some(1);
    }
    let dotted = number.ends_with('.');
    let number = number.trim_end_matches('.');
    let parts: Vec<&str> = number.split('.').collect();
    let counts = |part: &&str| {
        (1..=tuning::NUMBERED_MAX_DIGITS).contains(&part.len())
            && part.bytes().all(|b| b.is_ascii_digit())
    };
    let lettered =
        parts.len() > 1 && parts[0].len() == 1 && parts[0].bytes().all(|b| b.is_ascii_uppercase());
    let first = parts.first().is_some_and(counts) || lettered;
    if first && parts.iter().skip(1).all(counts) && parts.len() <= tuning::NUMBERED_MAX_PARTS {
        return Some(parts.len() as u8);
    }
    let upper = number.bytes().all(|b| b.is_ascii_uppercase());
    (upper && dotted && roman_number(number).is_some()).then_some(1)
}

fn is_capitals(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    letters >= tuning::CAPITALS_MIN_LETTERS && !text.chars().any(char::is_lowercase)
}
