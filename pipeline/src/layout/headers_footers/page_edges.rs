//! Page edges: the rows at a page's upper and lower edge, and what of them can be judged on the page alone.

use std::collections::BTreeSet;

use super::{
    row_pattern::{RowPattern, page_number},
    single_page::{is_stamp, margin_stamps, names_source},
    tuning,
};
use crate::{
    image::rulings::PageRulings,
    layout::{
        baselines::{TextRow, text_rows},
        placed_line::{PlacedLine, PlacedLines, common_size},
        tables::{
            lines_in_ruled_tables,
            row_alignment::{RowReach, is_aligned_row},
        },
        tuning::page::MAX_STUDIED_LINES,
    },
    page::Rect,
    statistics::weighted_quantile,
};

/// Number and size of a page.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageFrame {
    /// One-based number in the document.
    pub number: u32,
    /// Width in pixels; 0 if it is not known.
    pub width: f32,
    /// Height in pixels; 0 if it is not known.
    pub height: f32,
}

/// The rows at a page's upper and lower edge, from the edge inwards.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageEdges {
    pub(super) number: u32,
    pub(super) top: Vec<EdgeRow>,
    pub(super) bottom: Vec<EdgeRow>,
    /// Stamps that run up or down the page beside its text, by index.
    pub(super) stamps: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct EdgeRow {
    pub pattern: RowPattern,
    /// The same with its lines from right to left, as on a facing page.
    pub mirrored: RowPattern,
    pub is_ocr: bool,
    /// Distance from the page's top, as a share of its height.
    pub position: f32,
    /// Height of its type, as a share of the page's height.
    pub size: f32,
    /// Height of its type over that of most of the page.
    pub relative_size: f32,
    /// Indices of the lines it is made of.
    pub lines: Vec<usize>,
    /// Lines that may be page numbers.
    pub numbers: Vec<NumberLine>,
    /// True if it was added to the page to say where it comes from, such as `Downloaded from …`.
    pub is_stamp: bool,
    /// True if it names a publisher, a library or an address.
    pub names_source: bool,
    /// True if there is a number in it.
    pub has_number: bool,
    /// True if it begins at the left edge of the text next to it and ends at its right edge, with white between.
    pub is_spread: bool,
    /// True if it was read from narrow pictures, on a page that has text of its own.
    pub is_drawn: bool,
    /// White space between it and the page's edge, as a share of the page's height.
    pub margin: f32,
    /// Rows further inwards.
    pub rows_inwards: usize,
    /// True if it is nothing but a possible page number.
    pub lone_number: bool,
    /// True if a line of it lies in a table with ruled lines.
    pub is_ruled: bool,
    /// True if its cells stand over or under those of the rows next to it.
    pub is_aligned: bool,
    /// True if there is more white between it and the next row inwards than between the rows of a text.
    pub is_apart: bool,
    /// White space between it and the next row inwards, in heights of its type.
    pub gap: f32,
}

/// A line that may be a page number.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberLine {
    /// Index of the line.
    pub line: usize,
    /// The number.
    pub value: u32,
    /// True if its style alone shows that it is a page's.
    pub styled: bool,
    /// Its left and right edge, as shares of the page's width.
    pub left: f32,
    pub right: f32,
    /// True if it stands at the left or right edge of the text next to it.
    pub at_side: bool,
    /// True if it stands beyond all other text at the left or right.
    pub in_corner: bool,
}

impl PageEdges {
    /// Returns true if the page has no rows at its edges.
    pub(super) fn is_empty(&self) -> bool {
        self.top.is_empty() && self.bottom.is_empty()
    }
}

/// The measures that a page's rows are judged by.
struct EdgeScale<'p> {
    /// The page's place, or that of its text if its size is not known.
    left: f32,
    top: f32,
    width: f32,
    height: f32,
    /// Height of the page's common type, in pixels.
    em: f32,
    /// Usual white between two rows, in pixels.
    usual_gap: f32,
    /// True if most of its text was not read from an image.
    has_text: bool,
    /// Lines in tables with ruled lines.
    ruled: &'p BTreeSet<usize>,
}

/// Looks at the edges of a page.
pub(crate) fn page_edges(
    frame: PageFrame,
    lines: &PlacedLines,
    rulings: &PageRulings,
) -> PageEdges {
    let mut edges = PageEdges {
        number: frame.number,
        ..PageEdges::default()
    };
    if lines.upright.len() > MAX_STUDIED_LINES {
        return edges;
    }
    let em = common_size(lines.upright.iter()).unwrap_or(1.0).max(1.0);
    let ruled = lines_in_ruled_tables(&lines.upright, rulings, em);
    let mut rows = text_rows(lines.upright.clone());
    let Some(scale) = EdgeScale::of(frame, &rows, em, &ruled) else {
        return edges;
    };
    edges.top = scale.edge_rows(&rows, |y| y < tuning::ZONE);
    rows.reverse();
    edges.bottom = scale.edge_rows(&rows, |y| y >= 1.0 - tuning::ZONE);
    if edges.bottom.is_empty() {
        edges.bottom.extend(scale.number_below(&rows));
    }
    edges.stamps = margin_stamps(&lines.sideways, &lines.upright);
    edges
}

impl<'p> EdgeScale<'p> {
    /// `None` if there are no rows.
    fn of(frame: PageFrame, rows: &[TextRow], em: f32, ruled: &'p BTreeSet<usize>) -> Option<Self> {
        let text = rows.iter().map(|row| row.rect).reduce(|a, b| a.union(&b))?;
        // Without a page size, the text's own extent is taken.
        let extent = |side: f32, start: f32, length: f32| {
            if side > 0.0 && side.is_finite() {
                (0.0, side)
            } else {
                (start, length.max(1.0))
            }
        };
        let lines = || rows.iter().flat_map(|row| &row.lines);
        let characters = |is_ocr| {
            let those = lines().filter(|line| line.is_ocr == is_ocr);
            those.map(|line| line.text.chars().count()).sum()
        };
        let (left, width) = extent(frame.width, text.left, text.width());
        let (top, height) = extent(frame.height, text.top, text.height());
        Some(Self {
            left,
            top,
            width,
            height,
            em,
            usual_gap: line_gap(rows),
            has_text: !tuning::DRAWN_SHARE.is_exceeded(characters(true), characters(false)),
            ruled,
        })
    }

    /// The outermost of the `rows`, which come from the edge inwards, as far as they lie in the zone.
    fn edge_rows(&self, rows: &[TextRow], in_zone: impl Fn(f32) -> bool) -> Vec<EdgeRow> {
        (0..rows.len().min(tuning::MAX_ROWS))
            .take_while(|&i| in_zone((rows[i].center_y() - self.top) / self.height))
            .map(|i| self.edge_row(&rows[i], &rows[i + 1..]))
            .collect()
    }

    /// The page number that ends the text of a page that is not filled, as those printed by a browser are: apart from
    /// the text and below its middle. The `rows` come from the bottom.
    fn number_below(&self, rows: &[TextRow]) -> Option<EdgeRow> {
        let (last, inwards) = rows.split_first()?;
        let row = self.edge_row(last, inwards);
        let text = text_beside(inwards)?;
        let off_center = (last.rect.left + last.rect.right - text.left - text.right) / 2.0;
        let is_number = row.lone_number && !row.is_aligned && row.gap > tuning::END_GAP;
        (is_number && off_center.abs() < tuning::AT_SIDE * self.width).then_some(row)
    }

    /// Usual white between the rows next to an edge, in pixels: tables, notes and text are set differently.
    fn gap_next_to(&self, inwards: &[TextRow]) -> f32 {
        let next = &inwards[..inwards.len().min(tuning::NEXT_ROWS)];
        if next.len() < tuning::MIN_NEXT_ROWS {
            return self.usual_gap;
        }
        line_gap(next)
    }

    fn edge_row(&self, row: &TextRow, inwards: &[TextRow]) -> EdgeRow {
        let text = text_beside(inwards);
        let near = |a: f32, b: f32| (a - b).abs() < tuning::AT_SIDE * self.width;
        let is_left = |line: &PlacedLine| text.is_some_and(|text| near(line.rect.left, text.left));
        let is_right =
            |line: &PlacedLine| text.is_some_and(|text| near(line.rect.right, text.right));
        let numbers: Vec<NumberLine> = row
            .lines
            .iter()
            .filter_map(|line| {
                let number = page_number(line.text)?;
                Some(NumberLine {
                    line: line.index,
                    value: number.value,
                    styled: number.styled,
                    left: (line.rect.left - self.left) / self.width,
                    right: (line.rect.right - self.left) / self.width,
                    at_side: is_left(line) || is_right(line),
                    in_corner: text.is_some_and(|text| {
                        line.rect.left >= text.right || line.rect.right <= text.left
                    }),
                })
            })
            .collect();
        let gap_px = inwards.first().map_or(f32::MAX, |next| row_gap(row, next));
        let gap = gap_px / row.rect.height().max(1.0);
        let usual = self.gap_next_to(inwards);
        let least = (tuning::APART_FACTOR * usual).max(usual + tuning::APART_EM * self.em);
        let reach = (tuning::ALIGNED_SPACE_EM * self.em).max(tuning::APART_FACTOR * usual);
        EdgeRow {
            pattern: RowPattern::of(row.lines.iter().map(|line| line.text)),
            mirrored: RowPattern::of(row.lines.iter().rev().map(|line| line.text)),
            is_ocr: row.is_ocr(),
            position: (row.center_y() - self.top) / self.height,
            size: row.size / self.height,
            relative_size: row.size / self.em,
            lines: row.lines.iter().map(|line| line.index).collect(),
            is_stamp: is_stamp(&row.text),
            names_source: names_source(&row.text),
            has_number: row.text.contains(|c: char| c.is_ascii_digit()),
            is_spread: row.lines.len() > 1
                && row.lines.first().is_some_and(is_left)
                && row.lines.last().is_some_and(is_right),
            is_drawn: self.has_text
                && row.lines.iter().all(|line| line.is_ocr)
                && row.lines.iter().map(|line| line.rect.width()).sum::<f32>()
                    < tuning::LOGO_WIDTH * self.width,
            margin: (row.rect.top - self.top).min(self.top + self.height - row.rect.bottom)
                / self.height,
            rows_inwards: inwards.len(),
            lone_number: row.lines.len() == 1 && numbers.len() == 1,
            numbers,
            is_ruled: row
                .lines
                .iter()
                .any(|line| self.ruled.contains(&line.index)),
            is_aligned: is_aligned_row(
                row,
                inwards,
                RowReach {
                    em: self.em,
                    space: reach,
                },
            ),
            is_apart: gap_px > least || gap > tuning::END_GAP,
            gap,
        }
    }
}

/// The extent of the rows next to an edge, which come from there inwards.
fn text_beside(inwards: &[TextRow]) -> Option<Rect> {
    let next = inwards.iter().take(tuning::NEXT_ROWS).map(|row| row.rect);
    next.reduce(|a, b| a.union(&b))
}

/// White between rows as most lines of a paragraph have it, in pixels; 0 if there are none.
fn line_gap(rows: &[TextRow]) -> f32 {
    let gaps = rows
        .windows(2)
        .map(|pair| (row_gap(&pair[0], &pair[1]), 1.0_f64));
    weighted_quantile(gaps.collect(), tuning::LINE_GAP_QUANTILE)
        .unwrap_or(0.0)
        .max(0.0)
}

/// White between two rows, one above the other in either order, in pixels.
fn row_gap(a: &TextRow, b: &TextRow) -> f32 {
    (b.rect.top - a.rect.bottom).max(a.rect.top - b.rect.bottom)
}
