//! Headings: paragraphs in larger type, bold type, with numbered titles or in centered capitals, and their levels. A
//! doubtful one stays text.

use std::collections::BTreeMap;

use super::{
    baselines::TextRow,
    list_markers::roman_number,
    paragraphs::Paragraph,
    placed_line::PlacedLine,
    region_evidence::{HeadingEvidence, heading_evidence, may_be_title},
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
    /// True if a page had paragraphs of several lines.
    has_prose: bool,
    /// True if sections are numbered with roman numbers.
    has_roman: bool,
    /// Characters in bold type.
    bold_characters: usize,
    /// Characters in slanted type.
    italic_characters: usize,
    /// All characters.
    characters: usize,
    /// Characters of fixed pitch on the pages whose pitch was looked at.
    fixed_characters: usize,
    /// All characters of those pages.
    pitch_characters: usize,
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

    /// Returns true if slanted type tells headings.
    fn italic_tells(&self) -> bool {
        !tuning::MUCH_ITALIC.is_reached(self.italic_characters, self.characters)
    }

    /// The level of headings of this size in a document's own text: one below that of the next larger ones that came
    /// before, the same for sizes that look the same.
    fn ranked_level(&mut self, size: f32, body_size: f32) -> u8 {
        let is_larger = |known: f32| known > size * (1.0 + tuning::SAME_SIZE);
        let level = self.known_level(size).unwrap_or_else(|| {
            let above = self
                .levels
                .iter()
                .filter(|(known, _)| is_larger(*known))
                .map(|(_, level)| *level)
                .max();
            let below = self.levels.iter().map(|(_, level)| *level).min();
            match (above, below) {
                (Some(above), _) => (above + 1).min(6),
                (None, Some(below)) => below.saturating_sub(1).max(1),
                // The first large line of a document is its title.
                (None, None) if size >= tuning::SECTION_RATIO * body_size => 1,
                (None, None) => 2,
            }
        });
        self.learn_level(size, level);
        level
    }

    fn known_level(&self, size: f32) -> Option<u8> {
        let same = |known: f32| (known / size - 1.0).abs() < tuning::SAME_SIZE;
        let known = self.levels.iter().find(|(known, _)| same(*known));
        known.map(|(_, level)| *level)
    }

    /// Remembers the level of headings of this size, unless it is known.
    fn learn_level(&mut self, size: f32, level: u8) {
        if self.levels.len() < tuning::MAX_STYLES && self.known_level(size).is_none() {
            self.levels.push((size, level));
        }
    }

    /// The level of headings of this size that a model read; the same for sizes that look the same.
    fn level(&mut self, size: f32, body_size: f32) -> u8 {
        if let Some(level) = self.known_level(size) {
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
        self.learn_level(size, level);
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
        has_prose: styles.has_prose,
    };
    styles.has_prose |= page.prose > 0;
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
    /// True if a page before has such paragraphs.
    has_prose: bool,
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
    /// True if it is slanted, and the running text is not.
    italic: bool,
    capitals: bool,
    /// True if there is white above or below.
    set_off: bool,
}

impl HeadingPage<'_, '_> {
    /// The level by the paragraph's own signs, and where those leave doubt by a layout model's word.
    fn level(&self, i: usize, under_title: bool, styles: &mut HeadingStyles) -> Option<u8> {
        let this = self.paragraphs[i];
        let signs = self.signs(this, styles)?;
        let evidence = heading_evidence(this);
        let is_clear = signs.ratio >= tuning::TITLE_RATIO
            || evidence == HeadingEvidence::Text
                && (signs.capitals && this.centered || numbered_title(&signs.text).is_some());
        if evidence.speaks_against() && !is_clear {
            return None;
        }
        let level = self.level_by_signs(i, &signs, under_title, styles);
        let is_large = signs.ratio > tuning::REGION_RATIO;
        if level.is_none() && is_large && evidence.is_heading() && may_be_title(this, &signs.text) {
            return Some(styles.level(smallest_size(this), self.body_size));
        }
        level
    }

    fn level_by_signs(
        &self,
        i: usize,
        signs: &HeadingSigns,
        under_title: bool,
        styles: &mut HeadingStyles,
    ) -> Option<u8> {
        let this = self.paragraphs[i];
        if let Some(level) = self.numbered_level(i, signs, styles) {
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
            return Some(match smallest_size(this) {
                _ if second_part => 2,
                size if signs.is_ocr => styles.level(size, self.body_size),
                size => styles.ranked_level(size, self.body_size),
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
        let prose = self.prose > 0 || self.has_prose && !signs.is_ocr;
        let bold = signs.bold && short && (prose || signs.ratio > bold_ratio);
        let capitals = signs.capitals
            && this.centered
            && self.prose > 0
            && signs.ratio > tuning::CAPITALS_RATIO;
        let italic = signs.italic
            && this.rows.len() == 1
            && self.prose > 0
            && is_plain_title(&signs.text)
            && self.heads_prose(i);
        // Small capitals are set in the size of small letters.
        let small_capitals = signs.capitals
            && this.centered
            && !signs.is_ocr
            && signs.ratio > tuning::SMALL_CAPITALS_RATIO
            && !signs.text.starts_with("TABLE")
            && (self.heads_prose(i) || self.heads_items(i));
        let capitals = capitals || small_capitals;
        if !(bold || capitals || italic) {
            return None;
        }
        if signs.is_ocr {
            return Some(styles.least());
        }
        // Slanted headings are below bold ones.
        let weight = if bold || capitals {
            1.0
        } else {
            tuning::ITALIC_SIZE
        };
        Some(styles.ranked_level(weight * smallest_size(this), self.body_size))
    }

    /// Returns true if items of a list come below a paragraph, such as its references.
    fn heads_items(&self, i: usize) -> bool {
        let next = self.paragraphs.get(i + 1);
        next.is_some_and(|next| next.marker.is_some() || next.rows[0].text.starts_with("[1]"))
    }

    /// Returns true if running text comes below a paragraph.
    fn heads_prose(&self, i: usize) -> bool {
        let is_prose = |next: &&&Paragraph| {
            let first = next.rows.first().and_then(|row| row.text.chars().next());
            next.marker.is_none() && next.rows.len() > 1 && first.is_some_and(char::is_uppercase)
        };
        self.paragraphs.get(i + 1).as_ref().is_some_and(is_prose)
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
            italic: styles.italic_tells() && this.rows.iter().all(|row| row.italic),
            capitals: is_capitals(&text),
            set_off: this.space_above > tuning::SET_OFF_EM || this.space_below > tuning::SET_OFF_EM,
            text,
        })
    }

    /// The level of a title with a number before it, such as `2.1 Results`.
    fn numbered_level(
        &self,
        i: usize,
        signs: &HeadingSigns,
        styles: &mut HeadingStyles,
    ) -> Option<u8> {
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
        let is_title =
            signs.ratio > least && alone && (signs.larger || signs.bold || signs.italic || looks);
        if !is_title {
            return None;
        }
        let number = signs.text.split('.').next().unwrap_or_default();
        styles.has_roman |= is_roman(number);
        // Letters count subsections below roman numbers, else appendices.
        let below = u8::from(styles.has_roman && is_lettered(&signs.text));
        let level = (depth + below + 1).min(6);
        if !signs.is_ocr {
            styles.learn_level(smallest_size(self.paragraphs[i]), level);
        }
        Some(level)
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

/// Returns true for a few words, the first with a capital, without figures and signs.
fn is_plain_title(text: &str) -> bool {
    let is_word = |c: char| c.is_alphabetic() || c.is_whitespace() || "-’':&".contains(c);
    text.chars().count() <= tuning::ITALIC_MAX_CHARACTERS
        && text.chars().next().is_some_and(char::is_uppercase)
        && text.chars().all(is_word)
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

/// The depth of a numbered section title: 1 for `2 Method`, `II. Method` and `B. Proofs`, 2 for `2.1 Results`.
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
    (upper && dotted && (is_roman(number) || number.len() == 1)).then_some(1)
}

/// Returns true for `IV`, but not for single letters that are more often an `A`, `B`, `C` of subsections.
fn is_roman(number: &str) -> bool {
    (number.len() > 1 || matches!(number, "I" | "V" | "X")) && roman_number(number).is_some()
}

/// Returns true for a title such as `B. Data acquisition`.
fn is_lettered(title: &str) -> bool {
    let number = title.split_once(". ").map_or("", |(number, _)| number);
    number.len() == 1 && number.bytes().all(|b| b.is_ascii_uppercase()) && !is_roman(number)
}

fn is_capitals(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    letters >= tuning::CAPITALS_MIN_LETTERS && !text.chars().any(char::is_lowercase)
}
