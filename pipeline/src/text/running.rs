//! Running heads, running feet and page numbers, recognised by comparing a page with its neighbours.

use recto_schemas::LineRole;

use super::{
    marks::roman,
    piece::{PlacedLine, PlacedLines},
    rows::{TextRow, rows},
};

/// The part of a page's height, at the top and at the bottom, where running heads and feet stand.
const ZONE: f32 = 0.16;
/// Most rows of a running head or foot.
const MOST_ROWS: usize = 4;
/// Least likeness, 0 to 1, of two running heads that differ by misread characters.
const LIKENESS: f32 = 0.8;

/// White space that ends a running head, in heights of its type.
const WIDE: f32 = 2.5;

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
    /// Its text, digits and case folded.
    folded: String,
    letters: usize,
    /// Distance from the page's top, as a share of its height.
    at: f32,
    /// Height of its type, as a share of the page's height.
    size: f32,
    /// The lines it is made of.
    lines: Vec<usize>,
    /// Page numbers that parts of it may be, with the parts' lines.
    numbers: Vec<(usize, u32)>,
    /// Whether it is nothing but what may be a page number.
    lone: bool,
    /// White space between it and the next row inwards, in heights of its type.
    gap: f32,
}

/// Looks at the edges of the page with that number and that height.
pub(crate) fn edges(number: u32, height: f32, pieces: &PlacedLines) -> PageEdges {
    let bounds = pieces
        .upright
        .iter()
        .map(|p| p.rect)
        .reduce(|a, b| a.union(&b));
    let Some(bounds) = bounds else {
        return PageEdges {
            number,
            ..PageEdges::default()
        };
    };
    // Without a page size, the text's own extent stands in.
    let (top, height) = if height > 0.0 && height.is_finite() {
        (0.0, height)
    } else {
        (bounds.top, bounds.height().max(1.0))
    };
    let share = |y: f32| (y - top) / height;
    let in_zone = |from: f32, to: f32| {
        let zone: Vec<PlacedLine> = pieces
            .upright
            .iter()
            .copied()
            .filter(|p| (from..to).contains(&share((p.rect.top + p.rect.bottom) / 2.0)))
            .collect();
        if zone.len() > 400 {
            Vec::new()
        } else {
            rows(zone)
        }
    };
    let upper = in_zone(f32::MIN, ZONE);
    let mut lower = in_zone(1.0 - ZONE, f32::MAX);
    lower.reverse();
    let edge = |rows: &[TextRow]| {
        (0..rows.len().min(MOST_ROWS))
            .map(|i| EdgeRow::new(&rows[i], rows.get(i + 1), share(rows[i].middle()), height))
            .collect()
    };
    PageEdges {
        number,
        top: edge(&upper),
        bottom: edge(&lower),
    }
}

impl EdgeRow {
    fn new(row: &TextRow, next: Option<&TextRow>, at: f32, height: f32) -> Self {
        let numbers: Vec<(usize, u32)> = row
            .pieces
            .iter()
            .filter_map(|piece| page_number(piece.text).map(|n| (piece.line, n)))
            .collect();
        let gap = next.map_or(f32::MAX, |next| {
            let between = (next.rect.top - row.rect.bottom).max(row.rect.top - next.rect.bottom);
            between / row.rect.height().max(1.0)
        });
        Self {
            text: row.text.chars().take(200).collect(),
            folded: fold(&row.text),
            letters: row.text.chars().filter(|c| c.is_alphabetic()).count(),
            at,
            size: row.size / height,
            lines: row.pieces.iter().map(|piece| piece.line).collect(),
            lone: row.pieces.len() == 1 && numbers.len() == 1,
            numbers,
            gap,
        }
    }

    /// Whether this and `other`, on another page, say the same at the same place.
    fn matches(&self, other: &Self) -> bool {
        let place = (self.at - other.at).abs() < 0.02;
        let size = (self.size / other.size - 1.0).abs() < 0.3;
        let same = self.text == other.text && self.text.len() >= 4 && !self.lone;
        place && size && (same || self.letters >= 3 && alike(&self.folded, &other.folded))
    }
}

/// The lines of page `this` that run through its neighbours, with their roles.
pub(crate) fn running(this: &PageEdges, neighbours: &[&PageEdges]) -> Vec<(usize, LineRole)> {
    let mut found = Vec::new();
    for (rows, role) in [
        (&this.top, LineRole::Header),
        (&this.bottom, LineRole::Footer),
    ] {
        let same = |edges: &PageEdges| match role {
            LineRole::Header => edges.top.clone(),
            _ => edges.bottom.clone(),
        };
        let others: Vec<(u32, Vec<EdgeRow>)> = neighbours
            .iter()
            .map(|edges| (edges.number, same(edges)))
            .collect();
        let last = innermost(rows, &others);
        for (i, row) in rows.iter().enumerate() {
            let runs = last.is_some_and(|last| i <= last);
            let numbers = numbers_in_sequence(row, this.number, &others);
            // A number alone at the foot is the page's, unless it stands right below a column of others.
            let foot = i == 0 && role == LineRole::Footer && row.lone && row.gap > 0.9;
            let lone = foot || i == 0 && row.lone && !numbers.is_empty();
            for &line in &row.lines {
                let number = row.numbers.iter().any(|n| n.0 == line);
                let fits = numbers.contains(&line);
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

/// The running row that lies furthest from the page's edge: what is further out runs too. White space ends a
/// running head; what repeats below it is a form that is filled in on each page.
fn innermost(rows: &[EdgeRow], others: &[(u32, Vec<EdgeRow>)]) -> Option<usize> {
    let mut last = None;
    for (i, row) in rows.iter().enumerate() {
        let found = |rows: &Vec<EdgeRow>| rows.iter().any(|other| row.matches(other));
        if others.iter().any(|(_, rows)| found(rows)) {
            last = Some(i);
            if row.gap > WIDE {
                break;
            }
        }
    }
    last
}

/// The lines of `row` that are numbers which count on from page to page.
fn numbers_in_sequence(row: &EdgeRow, page: u32, others: &[(u32, Vec<EdgeRow>)]) -> Vec<usize> {
    let counts_on = |value: u32| {
        others.iter().any(|(number, rows)| {
            rows.iter().flat_map(|row| &row.numbers).any(|(_, other)| {
                i64::from(value) - i64::from(*other) == i64::from(page) - i64::from(*number)
            })
        })
    };
    let of_row = row.numbers.iter().filter(|(_, value)| counts_on(*value));
    of_row.map(|(line, _)| *line).collect()
}

/// The number that `text` gives, if it is nothing but a page number: `3`, `- 3 -`, `iii`, `Page 3 of 10`, `3/10`.
pub(crate) fn page_number(text: &str) -> Option<u32> {
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
    if number.len() <= 4 && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
        return number.parse().ok();
    }
    roman(number)
}

/// Digits made one sign, case folded, spaces dropped: what stays the same from page to page.
fn fold(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| !c.is_whitespace()).take(200) {
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

/// Whether two folded texts are the same but for a few misread characters.
fn alike(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let longer = a.len().max(b.len());
    if a.len().min(b.len()) < 6 || a.len().abs_diff(b.len()) * 5 > longer {
        return false;
    }
    1.0 - distance(&a, &b) as f32 / longer as f32 >= LIKENESS
}

/// Edit distance (Levenshtein).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}
