//! Running headers, running footers and page numbers, recognized by comparing a page with its neighbors.

use recto_schemas::LineRole;

use super::{
    baselines::{TextRow, text_rows},
    list_markers::roman_number,
    placed_line::{PlacedLine, PlacedLines},
    tuning::headers_footers as tuning,
};
use crate::edit_distance::edit_distance;

/// The rows at a page's upper and lower edge, from the edge inwards.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageEdges {
    number: u32,
    top: Vec<EdgeRow>,
    bottom: Vec<EdgeRow>,
}

#[derive(Clone, Debug)]
struct EdgeRow {
    text: String,
    /// Its text, digits and case made alike.
    pattern: String,
    letters: usize,
    /// Distance from the page's top, as a share of its height.
    position: f32,
    /// Height of its type, as a share of the page's height.
    size: f32,
    /// Indices of the lines it is made of.
    lines: Vec<usize>,
    /// Lines that may be page numbers.
    numbers: Vec<NumberLine>,
    /// True if it is nothing but a possible page number.
    lone_number: bool,
    /// White space between it and the next row inwards, in heights of its type.
    gap: f32,
}

/// A line that may be a page number.
#[derive(Clone, Copy, Debug)]
struct NumberLine {
    /// Index of the line.
    line: usize,
    /// The number.
    value: u32,
}

/// The edge rows of another page, at the same edge.
struct NeighborEdge<'e> {
    page: u32,
    rows: &'e [EdgeRow],
}

/// Looks at the edges of the page with that number and that height in pixels.
pub(crate) fn page_edges(number: u32, height: f32, lines: &PlacedLines) -> PageEdges {
    let bounds = lines
        .upright
        .iter()
        .map(|line| line.rect)
        .reduce(|a, b| a.union(&b));
    let Some(bounds) = bounds else {
        return PageEdges {
            number,
            ..PageEdges::default()
        };
    };
    // Without a page size, the text's own extent is taken.
    let (top, height) = if height > 0.0 && height.is_finite() {
        (0.0, height)
    } else {
        (bounds.top, bounds.height().max(1.0))
    };
    let share = |y: f32| (y - top) / height;
    let rows_between = |from: f32, to: f32| {
        let zone: Vec<PlacedLine> = lines
            .upright
            .iter()
            .copied()
            .filter(|line| (from..to).contains(&share((line.rect.top + line.rect.bottom) / 2.0)))
            .collect();
        if zone.len() > tuning::MAX_ZONE_LINES {
            Vec::new()
        } else {
            text_rows(zone)
        }
    };
    let upper = rows_between(f32::MIN, tuning::ZONE);
    let mut lower = rows_between(1.0 - tuning::ZONE, f32::MAX);
    lower.reverse();
    let edge = |rows: &[TextRow]| {
        (0..rows.len().min(tuning::MAX_ROWS))
            .map(|i| {
                let position = share(rows[i].center_y());
                EdgeRow::new(&rows[i], rows.get(i + 1), position, height)
            })
            .collect()
    };
    PageEdges {
        number,
        top: edge(&upper),
        bottom: edge(&lower),
    }
}

impl EdgeRow {
    fn new(row: &TextRow, next: Option<&TextRow>, position: f32, page_height: f32) -> Self {
        let numbers: Vec<NumberLine> = row
            .lines
            .iter()
            .filter_map(|line| {
                let value = page_number(line.text)?;
                let line = line.index;
                Some(NumberLine { line, value })
            })
            .collect();
        let gap = next.map_or(f32::MAX, |next| {
            let between = (next.rect.top - row.rect.bottom).max(row.rect.top - next.rect.bottom);
            between / row.rect.height().max(1.0)
        });
        Self {
            text: row.text.chars().take(tuning::MAX_CHARACTERS).collect(),
            pattern: page_pattern(&row.text),
            letters: row.text.chars().filter(|c| c.is_alphabetic()).count(),
            position,
            size: row.size / page_height,
            lines: row.lines.iter().map(|line| line.index).collect(),
            lone_number: row.lines.len() == 1 && numbers.len() == 1,
            numbers,
            gap,
        }
    }

    /// Returns true if this and `other`, on another page, say the same at the same place.
    fn matches(&self, other: &Self) -> bool {
        let place = (self.position - other.position).abs() < tuning::SAME_POSITION;
        let size = (self.size / other.size - 1.0).abs() < tuning::SAME_SIZE;
        let same = self.text == other.text
            && self.text.len() >= tuning::MIN_SAME_BYTES
            && !self.lone_number;
        place
            && size
            && (same || self.letters >= tuning::MIN_LETTERS && alike(&self.pattern, &other.pattern))
    }
}

/// The lines of page `this` that run through its neighbors, by index, with their roles.
pub(crate) fn running_lines(this: &PageEdges, neighbors: &[&PageEdges]) -> Vec<(usize, LineRole)> {
    let edge = |page: &'_ PageEdges, rows| NeighborEdge {
        page: page.number,
        rows,
    };
    let above: Vec<NeighborEdge> = neighbors.iter().map(|page| edge(page, &page.top)).collect();
    let below: Vec<NeighborEdge> = neighbors
        .iter()
        .map(|page| edge(page, &page.bottom))
        .collect();
    let mut found = Vec::new();
    for (rows, others, role) in [
        (&this.top, &above, LineRole::Header),
        (&this.bottom, &below, LineRole::Footer),
    ] {
        let last = innermost_running(rows, others);
        for (i, row) in rows.iter().enumerate() {
            let runs = last.is_some_and(|last| i <= last);
            let counting = numbers_in_sequence(row, this.number, others);
            // A number alone at the foot is the page's, unless it is right below a column of others.
            let foot = i == 0
                && role == LineRole::Footer
                && row.lone_number
                && row.gap > tuning::FOOT_NUMBER_GAP;
            let lone = foot || i == 0 && row.lone_number && !counting.is_empty();
            for &line in &row.lines {
                let number = row.numbers.iter().any(|number| number.line == line);
                let fits = counting.contains(&line);
                if number && (lone || fits && (runs || i == 0 || last == Some(i - 1))) {
                    found.push((line, LineRole::PageNumber));
                } else if runs {
                    found.push((line, role));
                }
            }
        }
    }
    found
}

/// The running row that lies furthest from the page's edge: the rows further out run too. White space ends a running
/// header; rows that repeat below it are a form that is filled in on each page.
fn innermost_running(rows: &[EdgeRow], others: &[NeighborEdge]) -> Option<usize> {
    let mut last = None;
    for (i, row) in rows.iter().enumerate() {
        let repeats = |other: &NeighborEdge| other.rows.iter().any(|other| row.matches(other));
        if others.iter().any(repeats) {
            last = Some(i);
            if row.gap > tuning::END_GAP {
                break;
            }
        }
    }
    last
}

/// The lines of `row` that are numbers which count on from page to page.
fn numbers_in_sequence(row: &EdgeRow, page: u32, others: &[NeighborEdge]) -> Vec<usize> {
    let counts_on = |value: u32| {
        others.iter().any(|other| {
            let mut numbers = other.rows.iter().flat_map(|row| &row.numbers);
            numbers.any(|number| {
                i64::from(value) - i64::from(number.value)
                    == i64::from(page) - i64::from(other.page)
            })
        })
    };
    let of_row = row.numbers.iter().filter(|number| counts_on(number.value));
    of_row.map(|number| number.line).collect()
}

/// The number that `text` gives, if it is nothing but a page number: `3`, `- 3 -`, `iii`, `Page 3 of 10`, `3/10`.
fn page_number(text: &str) -> Option<u32> {
    let text = text.trim().to_lowercase();
    let bare = text.trim_matches(|c: char| {
        c.is_whitespace() || matches!(c, '-' | '–' | '—' | '[' | ']' | '(' | ')' | '|' | '.' | '·')
    });
    let worded = ["page", "pg.", "pg", "p.", "seite", "página", "第"]
        .iter()
        .find_map(|word| bare.strip_prefix(word))
        .unwrap_or(bare);
    let worded = worded.trim_end_matches('页').trim();
    let number = worded
        .split_once(" of ")
        .or_else(|| worded.split_once('/'))
        .filter(|(_, all)| all.trim().parse::<u32>().is_ok())
        .map_or(worded, |(number, _)| number.trim());
    if number.len() <= tuning::MAX_DIGITS
        && !number.is_empty()
        && number.bytes().all(|b| b.is_ascii_digit())
    {
        return number.parse().ok();
    }
    roman_number(number)
}

/// The part of a row's text that stays the same from page to page: numbers made one sign, letters lower case, spaces
/// dropped.
fn page_pattern(text: &str) -> String {
    let mut out = String::new();
    for c in text
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(tuning::MAX_CHARACTERS)
    {
        if c.is_numeric() {
            if !out.ends_with('0') {
                out.push('0');
            }
        } else {
            out.extend(c.to_lowercase());
        }
    }
    out
}

/// Returns true if two patterns are the same but for a few misread characters.
fn alike(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let longer = a.len().max(b.len());
    // In short texts a few letters are what tells them apart.
    if a.len().min(b.len()) < tuning::MIN_MISREAD_CHARACTERS
        || tuning::LENGTH_DIFFERENCE.is_exceeded(a.len().abs_diff(b.len()), longer)
    {
        return false;
    }
    1.0 - edit_distance(&a, &b) as f32 / longer as f32 >= tuning::LIKENESS
}
