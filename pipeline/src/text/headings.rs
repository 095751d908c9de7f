//! Which paragraphs are headings, and of what level: larger type, bold type, numbered titles, capitals in
//! the middle of the column. What is doubtful stays text.

use std::collections::BTreeMap;

use super::{join::is_unspaced, marks::roman, paragraphs::Paragraph, rows::TextRow};

/// Longest heading, in characters.
const LONGEST: usize = 160;

/// What the pages so far say about a document's type.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeadingStyles {
    /// Characters by size of type, in quarters of a pixel.
    sizes: BTreeMap<u32, u64>,
    /// Sizes that headings had, with their levels.
    levels: Vec<(f32, u8)>,
    /// Level of headings that stand out by little: as large as the text, or nearly.
    least: Option<u8>,
    /// Characters in bold type, and all.
    bold: (u64, u64),
}

impl HeadingStyles {
    /// Counts the type of a page.
    pub fn learn(&mut self, paragraphs: &[&Paragraph]) {
        for row in paragraphs.iter().flat_map(|paragraph| &paragraph.rows) {
            let size = (row.size.clamp(0.5, 4000.0) * 4.0) as u32;
            let count = row.text.chars().count() as u64;
            *self.sizes.entry(size).or_default() += count;
            self.bold.0 += if row.bold { count } else { 0 };
            self.bold.1 += count;
        }
    }

    /// Size of the document's running text so far, in pixels.
    pub fn body(&self) -> Option<f32> {
        let half = self.sizes.values().sum::<u64>() / 2;
        let mut passed = 0;
        self.sizes.iter().find_map(|(&size, &count)| {
            passed += count;
            (passed > half).then_some(size as f32 / 4.0)
        })
    }

    /// Whether bold type stands out: where most of the text is said to be bold, it says nothing.
    fn bold_tells(&self) -> bool {
        self.bold.0 * 5 < self.bold.1 * 2
    }

    /// The level of headings of this size; the same for sizes that look the same.
    fn level(&mut self, size: f32, body: f32) -> u8 {
        let known = self
            .levels
            .iter()
            .find(|(s, _)| (s / size - 1.0).abs() < 0.04);
        if let Some(&(_, level)) = known {
            return level;
        }
        let level = match size / body {
            // The first large line of a document is its title.
            r if r >= 1.6 || self.levels.is_empty() && r >= 1.25 => 1,
            r if r >= 1.25 => 2,
            _ => self.least(),
        };
        if self.levels.len() < 32 {
            self.levels.push((size, level));
        }
        level
    }

    /// The level of headings that stand out by little: under the title, where there are none between.
    fn least(&mut self) -> u8 {
        let has = |level| self.levels.iter().any(|(_, known)| *known == level);
        *self
            .least
            .get_or_insert(if has(1) && !has(2) { 2 } else { 3 })
    }
}

/// The heading level of each of a page's paragraphs, in reading order; `None` for what is no heading.
pub(crate) fn headings(page: &[&Paragraph], styles: &mut HeadingStyles) -> Vec<Option<u8>> {
    styles.learn(page);
    let body = styles.body().unwrap_or(1.0).max(1.0);
    let prose = page
        .iter()
        .filter(|p| p.rows.len() >= 3 && p.mark.is_none())
        .count();
    let mut found: Vec<Option<u8>> = Vec::with_capacity(page.len());
    for i in 0..page.len() {
        let under_title = found.last() == Some(&Some(1));
        found.push(level(page, i, (body, prose), under_title, styles));
    }
    demote_crowds(&mut found, page, body, prose);
    found
}

/// Takes back headings where there are too many: a page of large type and few words, such as a poster or a
/// receipt, is not made of headings, and neither is a run of paragraphs in one size.
fn demote_crowds(found: &mut [Option<u8>], page: &[&Paragraph], body: f32, prose: usize) {
    let count = found.iter().flatten().count();
    let most = if prose == 0 {
        page.len() * 2 / 5
    } else {
        page.len() * 3 / 5
    };
    if count > most.max(3) {
        for (level, paragraph) in found.iter_mut().zip(page) {
            if level.is_some() && size(paragraph) < 1.6 * body {
                *level = None;
            }
        }
    }
    let plain = |i: usize| {
        let row = &page[i].rows[0];
        found[i].is_some() && !row.bold && numbered_title(&row.text).is_none()
    };
    let like = |i: usize, j: usize| (size(page[i]) / size(page[j]) - 1.0).abs() < 0.04;
    let mut crowded = vec![false; page.len()];
    for i in 2..page.len() {
        if (i - 2..=i).all(plain) && like(i, i - 1) && like(i, i - 2) {
            crowded[i - 2..=i].fill(true);
        }
    }
    for (level, crowded) in found.iter_mut().zip(crowded) {
        if crowded {
            *level = None;
        }
    }
}

fn level(
    page: &[&Paragraph],
    i: usize,
    (body, prose): (f32, usize),
    under_title: bool,
    styles: &mut HeadingStyles,
) -> Option<u8> {
    let this = page[i];
    let text: Vec<&str> = this.rows.iter().map(|row| row.text.as_str()).collect();
    let text = text.join(" ");
    if !could_be(this, &text) {
        return None;
    }
    let ratio = size(this) / body;
    let read = this.rows.iter().any(|row| row.read());
    let rough = this.rows.iter().any(TextRow::rough);
    let larger = ratio
        > match read {
            true if rough || prose == 0 => 1.4,
            true => 1.2,
            false => 1.13,
        };
    let bold = styles.bold_tells() && this.rows.iter().all(|row| row.bold) && ratio > 0.95;
    let capitals = is_capitals(&text);
    let set_off = this.space_above > 0.25 || this.space_below > 0.25;
    if let Some(depth) = numbered_title(&text) {
        let next = page.get(i + 1);
        let small = |next: &Paragraph| {
            let first = next.rows.first().and_then(|row| row.text.chars().next());
            first.is_some_and(char::is_lowercase)
        };
        let heads_text = next.is_some_and(|next| next.mark.is_none() && !small(next));
        let alone = this.mark.is_none() || heads_text && set_off;
        // In a document's own text, type says what a title is; on a scan, white space must do.
        let looks = if read {
            heads_text && set_off && prose > 0
        } else {
            capitals && heads_text
        };
        // Small capitals are as low as that.
        let least = if capitals && this.centred { 0.7 } else { 0.85 };
        if ratio > least && alone && (larger || bold || looks) {
            return Some((depth + 1).min(6));
        }
    }
    if this.mark.is_some() || !set_off {
        return None;
    }
    // Large writing that nothing follows is a signature or a stamp.
    let heads_nothing = read && i > 0 && i + 1 == page.len();
    if larger && !heads_nothing {
        // A title's second part says nothing about the headings to come.
        let second = under_title && ratio < 1.6;
        return Some(if second {
            2
        } else {
            styles.level(size(this), body)
        });
    }
    let short = !read || this.rows.len() <= 2 && text.chars().count() <= 80 && !text.ends_with('!');
    let bold = bold && short && (prose > 0 || ratio > if read { 1.2 } else { 1.04 });
    (bold || capitals && this.centred && prose > 0 && ratio > 0.85).then(|| styles.least())
}

fn size(paragraph: &Paragraph) -> f32 {
    let sizes = paragraph.rows.iter().map(|row| row.size);
    sizes.fold(f32::MAX, f32::min)
}

/// Whether words like these may be a heading at all.
fn could_be(paragraph: &Paragraph, text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let signs = text.chars().filter(|c| !c.is_whitespace()).count();
    let ends_open = text.ends_with([',', ';', '-'])
        || text.ends_with('.') && !text.ends_with("..") && letters > 20;
    let em = size(paragraph);
    let gap = |row: &TextRow| row.widest_gap().is_some_and(|gap| gap.1 - gap.0 > 2.5 * em);
    let words = text
        .split(|c: char| !c.is_alphabetic())
        .any(|word| word.chars().nth(2).is_some() || word.chars().any(is_unspaced));
    paragraph.rows.len() <= 3
        && words
        && !paragraph.rows.iter().any(gap)
        && signs <= LONGEST
        && letters >= 2
        && letters * 2 > signs
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
    if !starts || code || words > 12 || title.ends_with(['.', ',', ';', ':']) {
        return None;
    }
    if matches!(
        number,
        "Chapter" | "CHAPTER" | "Part" | "PART" | "Appendix" | "APPENDIX"
    ) {
        let count = title.split(|c: char| !c.is_alphanumeric()).next()?;
        let counts =
            count.bytes().all(|b| b.is_ascii_digit()) || count.len() == 1 || roman(count).is_some();
        return counts.then_some(1);
    }
    let dotted = number.ends_with('.');
    let number = number.trim_end_matches('.');
    let parts: Vec<&str> = number.split('.').collect();
    let counts =
        |part: &&str| (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let lettered =
        parts.len() > 1 && parts[0].len() == 1 && parts[0].bytes().all(|b| b.is_ascii_uppercase());
    let first = parts.first().is_some_and(counts) || lettered;
    if first && parts.iter().skip(1).all(counts) && parts.len() <= 5 {
        return Some(parts.len() as u8);
    }
    let upper = number.bytes().all(|b| b.is_ascii_uppercase());
    (upper && dotted && roman(number).is_some()).then_some(1)
}

fn is_capitals(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    letters >= 4 && !text.chars().any(char::is_lowercase)
}
