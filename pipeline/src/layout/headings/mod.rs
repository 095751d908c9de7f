//! Headings: paragraphs in larger type, bold type, with numbered titles or in centered capitals, or such as the document
//! itself names. A doubtful one stays text. Their levels follow when all of the document is read.

mod bylines;
mod levels;
mod numbers;
mod styles;
mod witnesses;

use self::{
    bylines::{is_byline, take_back_banners},
    numbers::{is_lettered, is_roman, numbered_title},
    witnesses::is_tagged_text,
};
use super::{
    baselines::TextRow,
    captions::is_caption,
    paragraphs::Paragraph,
    region_evidence::{HeadingEvidence, heading_evidence, may_be_title},
    tuning::headings as tuning,
};
use crate::{image::inspection::StructureTag, script::is_unspaced};

pub(crate) use self::{
    levels::HeadingFacts,
    numbers::{is_bibliography, is_section_name},
    styles::HeadingStyles,
    witnesses::{BookmarkTitles, HeadingWitness, tagged_heading},
};

/// The facts of each of a page's paragraphs that is a heading, in reading order.
pub(crate) fn headings(
    paragraphs: &[&Paragraph],
    styles: &mut HeadingStyles,
) -> Vec<Option<HeadingFacts>> {
    styles.learn(paragraphs);
    let is_tagged = |row: &TextRow| row.witness.is_some_and(|witness| witness.is_tag());
    styles.has_tagged_headings |= paragraphs.iter().any(|p| p.rows.iter().any(is_tagged));
    let prose = paragraphs
        .iter()
        .filter(|p| p.rows.len() >= tuning::PROSE_MIN_ROWS && p.marker.is_none());
    let page = HeadingPage {
        paragraphs,
        styles,
        body_size: [false, true].map(|is_ocr| styles.body_size(is_ocr).unwrap_or(1.0).max(1.0)),
        prose: prose.count(),
    };
    let mut found: Vec<Option<HeadingFacts>> = Vec::with_capacity(paragraphs.len());
    let mut is_below_title = false;
    for (i, paragraph) in paragraphs.iter().enumerate() {
        let under_title = found.last().copied().flatten();
        let under_title = under_title.filter(|above| page.is_title(above, found.len()));
        is_below_title |= under_title.is_some();
        is_below_title &= paragraph.rows.len() < tuning::PROSE_MIN_ROWS;
        let heading = page.heading(i, under_title.is_some());
        found.push(heading.filter(|_| !(is_below_title && page.is_byline(i))));
    }
    page.demote_crowds(&mut found);
    if styles.found.is_empty() {
        take_back_banners(paragraphs, &mut found);
    }
    let prose = page.prose > 0;
    styles.has_prose |= prose;
    styles.found.extend(found.iter().flatten());
    found
}

/// A page on which headings are looked for.
struct HeadingPage<'p, 'a> {
    paragraphs: &'p [&'p Paragraph<'a>],
    /// The type of the document up to this page.
    styles: &'p HeadingStyles,
    /// Size of the running text, in pixels: of the document's own, and of what a model read.
    body_size: [f32; 2],
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
    /// True if it is slanted, and the running text is not.
    italic: bool,
    capitals: bool,
    /// True if all characters are of one width, as in program code.
    is_code: bool,
    /// True if there is white above or below.
    set_off: bool,
}

impl HeadingPage<'_, '_> {
    /// Returns true if a heading is the title of the document, or looks like one.
    fn is_title(&self, heading: &HeadingFacts, before: usize) -> bool {
        let is_first = self.styles.found.is_empty() && before == 1;
        heading.size >= tuning::TITLE_RATIO || is_first && heading.size >= tuning::SECTION_RATIO
    }

    /// Returns true if a paragraph below the title names its authors.
    fn is_byline(&self, i: usize) -> bool {
        let this = self.paragraphs[i];
        let heads_prose = self
            .paragraphs
            .get(i + 1)
            .is_some_and(|next| next.rows.len() >= tuning::PROSE_MIN_ROWS);
        // Names in columns stand above their addresses.
        let has_address = self.paragraphs[i..]
            .iter()
            .take(tuning::bylines::ADDRESS_PARAGRAPHS)
            .any(|next| next.rows.iter().any(|row| row.text.contains('@')));
        let stands_alone = !heads_prose && (this.centered || has_address);
        row_witness(this).is_none() && is_byline(this, stands_alone)
    }

    fn heading(&self, i: usize, under_title: bool) -> Option<HeadingFacts> {
        let this = self.paragraphs[i];
        if this.is_formula() {
            return None;
        }
        let styles = self.styles;
        let witness = row_witness(this);
        if let Some(witness) = witness {
            return is_plausible(this).then(|| HeadingFacts {
                is_minor: witness.is_run_in(),
                witness: Some(witness),
                ..self.facts(this)
            });
        }
        let signs = self.signs(this)?;
        if styles.has_tagged_headings && is_tagged_text(first_tag(this)) && !signs.larger {
            return None;
        }
        // A layout model's word counts where the paragraph's own signs leave doubt.
        let evidence = heading_evidence(this);
        let is_clear = signs.ratio >= tuning::TITLE_RATIO
            || evidence == HeadingEvidence::Text
                && (signs.capitals && this.centered || numbered_title(&signs.text).is_some());
        if evidence.speaks_against() && !is_clear {
            return None;
        }
        let is_named = signs.ratio > tuning::REGION_RATIO
            && evidence.is_heading()
            && may_be_title(this, &signs.text);
        self.heading_by_signs(i, &signs, under_title)
            .or_else(|| is_named.then(|| self.facts(this)))
    }

    fn heading_by_signs(
        &self,
        i: usize,
        signs: &HeadingSigns,
        under_title: bool,
    ) -> Option<HeadingFacts> {
        let (this, styles) = (self.paragraphs[i], self.styles);
        if self.is_numbered_title(i, signs) {
            return Some(self.facts(this));
        }
        if this.marker.is_some() || !signs.set_off {
            return None;
        }
        // Large writing that nothing follows is a signature or a stamp.
        let heads_nothing = signs.is_ocr && i > 0 && i + 1 == self.paragraphs.len();
        if signs.larger && !heads_nothing {
            return Some(HeadingFacts {
                number_depth: None,
                is_second_part: under_title && signs.ratio < tuning::TITLE_RATIO,
                ..self.facts(this)
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
        let prose = self.prose > 0 || styles.has_prose && !signs.is_ocr;
        let words = signs.text.split_whitespace().count();
        let is_label = signs.text.ends_with(':') && words <= tuning::LABEL_WORDS || signs.is_code;
        let bold = signs.bold && short && !is_label && (prose || signs.ratio > bold_ratio);
        let capitals = signs.capitals
            && this.centered
            && self.prose > 0
            && signs.ratio > tuning::CAPITALS_RATIO;
        let italic = signs.italic
            && !is_label
            && this.rows.len() == 1
            && self.prose > 0
            && is_plain_title(&signs.text)
            && self.heads_prose(i);
        // Small capitals are set in the size of small letters.
        let small_capitals = signs.capitals
            && this.centered
            && !signs.is_ocr
            && signs.ratio > tuning::SMALL_CAPITALS_RATIO
            && (self.heads_prose(i) || self.heads_items(i));
        let capitals = capitals || small_capitals;
        if !(bold || capitals || italic) {
            return None;
        }
        Some(HeadingFacts {
            is_minor: !(bold || capitals),
            number_depth: None,
            ..self.facts(this)
        })
    }

    /// The facts that follow from a paragraph's type and words alone.
    fn facts(&self, this: &Paragraph) -> HeadingFacts {
        let is_ocr = this.rows.iter().any(TextRow::is_ocr);
        let text = &this.rows[0].text;
        let number = text.split('.').next().unwrap_or_default();
        HeadingFacts {
            size: smallest_size(this) / self.body_size[usize::from(is_ocr)],
            is_ocr,
            number_depth: numbered_title(text),
            is_lettered: is_lettered(text),
            is_roman: is_roman(number),
            is_section_name: is_section_name(text),
            is_long: text.split_whitespace().count() >= tuning::bylines::TITLE_WORDS,
            ..HeadingFacts::default()
        }
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
    fn signs(&self, this: &Paragraph) -> Option<HeadingSigns> {
        let styles = self.styles;
        let text: Vec<&str> = this.rows.iter().map(|row| row.text.as_str()).collect();
        let text = text.join(" ");
        let is_ocr = this.rows.iter().any(TextRow::is_ocr);
        let ratio = smallest_size(this) / self.body_size[usize::from(is_ocr)];
        // The titles of articles are long.
        let is_title = ratio >= tuning::SECTION_RATIO && !is_ocr && self.styles.found.is_empty();
        if !could_be_heading(this, &text, is_title) {
            return None;
        }
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
            is_code: this.rows.iter().all(|row| row.fixed_pitch),
            set_off: this.space_above > tuning::SET_OFF_EM || this.space_below > tuning::SET_OFF_EM,
            text,
        })
    }

    /// Returns true for a title with a number before it, such as `2.1 Results`.
    fn is_numbered_title(&self, i: usize, signs: &HeadingSigns) -> bool {
        let this = self.paragraphs[i];
        if numbered_title(&signs.text).is_none() {
            return false;
        }
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
        signs.ratio > least && alone && (signs.larger || signs.bold || signs.italic || looks)
    }

    /// Takes back headings if there are too many: a page of large type and few words, such as a poster or a receipt, is
    /// not made of headings, and neither is a run of paragraphs in one size.
    fn demote_crowds(&self, found: &mut [Option<HeadingFacts>]) {
        let page = self.paragraphs;
        let count = found.iter().flatten().count();
        let most = if self.prose == 0 {
            tuning::MAX_HEADINGS_WITHOUT_PROSE.part_of(page.len())
        } else {
            tuning::MAX_HEADINGS.part_of(page.len())
        };
        if count > most.max(tuning::MIN_CROWD) {
            for heading in found.iter_mut() {
                let is_doubtful = |facts: &mut HeadingFacts| {
                    facts.witness.is_none() && facts.size < tuning::TITLE_RATIO
                };
                heading.take_if(is_doubtful);
            }
        }
        let is_plain = |i: usize| {
            let row = &page[i].rows[0];
            found[i].is_some_and(|facts| facts.witness.is_none())
                && !row.bold
                && numbered_title(&row.text).is_none()
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
        for (heading, crowded) in found.iter_mut().zip(crowded) {
            if crowded {
                *heading = None;
            }
        }
    }
}

/// The document's own word on all rows of a paragraph.
fn row_witness(paragraph: &Paragraph) -> Option<HeadingWitness> {
    let first = paragraph.rows[0].witness;
    let same = paragraph.rows.iter().all(|row| row.witness == first);
    first.filter(|_| same)
}

fn first_tag(paragraph: &Paragraph) -> Option<StructureTag> {
    paragraph.rows[0].lines.first()?.tag
}

/// Returns true if what the document calls a heading can be one: authors tag whole paragraphs as such.
fn is_plausible(paragraph: &Paragraph) -> bool {
    let signs: usize = paragraph
        .rows
        .iter()
        .map(|row| row.text.chars().count())
        .sum();
    let last = paragraph.rows.last().map_or("", |row| row.text.as_str());
    let is_sentence =
        last.ends_with(['.', ';', ',', ':']) && signs > tuning::witnesses::MAX_SENTENCE;
    signs <= tuning::witnesses::MAX_CHARACTERS && !is_sentence
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
fn could_be_heading(paragraph: &Paragraph, text: &str, is_title: bool) -> bool {
    let (max_rows, max_characters) = if is_title {
        (tuning::TITLE_ROWS, tuning::TITLE_CHARACTERS)
    } else {
        (tuning::MAX_ROWS, tuning::MAX_CHARACTERS)
    };
    let counted = text
        .split_once(':')
        .is_some_and(|(count, _)| !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit()));
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
    paragraph.rows.len() <= max_rows
        // A line of an algorithm.
        && !counted
        && !is_caption(text)
        && has_word
        && !paragraph.rows.iter().any(has_gap)
        && signs <= max_characters
        && letters >= tuning::MIN_LETTERS
        && tuning::MOSTLY_LETTERS.is_exceeded(letters, signs)
        && !ends_open
        && !text.contains("....")
        && !text.contains(['@', '\\'])
        && !text.contains("://")
}

fn is_capitals(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    letters >= tuning::CAPITALS_MIN_LETTERS && !text.chars().any(char::is_lowercase)
}
