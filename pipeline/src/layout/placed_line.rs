//! Placed lines: the lines of a page that layout works on, checked, and with the page's skew taken out.

use super::tuning::placed_line as tuning;
use crate::{
    page::{Point, Quad, Rect, TextLine},
    script::is_unspaced,
    statistics::weighted_median,
};

/// One line of a page. Coordinates are pixels after taking the skew out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacedLine<'a> {
    /// Index among the page's lines.
    pub index: usize,
    /// Its text, without surrounding white space; never empty.
    pub text: &'a str,
    /// Its box.
    pub rect: Rect,
    /// Height of its type in pixels, above 0.
    pub size: f32,
    /// True if its type is bold; `None` if that is not known.
    pub bold: Option<bool>,
    /// True if a model read it from an image, so that its box is drawn with a margin.
    pub is_ocr: bool,
    /// True if its size is only roughly known: its type could not be measured on the image.
    pub rough_size: bool,
}

/// A page's lines, sorted by whether they can be laid out.
#[derive(Debug, Default)]
pub(crate) struct PlacedLines<'a> {
    /// Upright lines.
    pub upright: Vec<PlacedLine<'a>>,
    /// Lines that run up or down the page, or have no usable place: read after the others.
    pub unplaced: Vec<PlacedLine<'a>>,
}

impl PlacedLines<'_> {
    /// The places without texts, which can be kept beside the lines they are of.
    pub fn without_text(self) -> PlacedLines<'static> {
        self.map_text(|_| "")
    }

    /// The places with the texts of `lines`, which they must be of.
    pub fn with_text(self, lines: &[TextLine]) -> PlacedLines<'_> {
        self.map_text(|index| lines.get(index).map_or("", |line| line.text.trim()))
    }

    fn map_text<'t>(self, text: impl Fn(usize) -> &'t str) -> PlacedLines<'t> {
        let with = |lines: Vec<PlacedLine>| -> Vec<PlacedLine<'t>> {
            let with_text = |line: PlacedLine| PlacedLine {
                index: line.index,
                text: text(line.index),
                rect: line.rect,
                size: line.size,
                bold: line.bold,
                is_ocr: line.is_ocr,
                rough_size: line.rough_size,
            };
            lines.into_iter().map(with_text).collect()
        };
        PlacedLines {
            upright: with(self.upright),
            unplaced: with(self.unplaced),
        }
    }
}

/// Checks and places `lines`; empty ones are left out.
pub(crate) fn place_lines(lines: &[TextLine], center: Point, skew_deg: f32) -> PlacedLines<'_> {
    let skew = if skew_deg.is_finite() {
        skew_deg.to_radians()
    } else {
        0.0
    };
    let mut placed = PlacedLines::default();
    for (index, line) in lines.iter().enumerate() {
        let text = line.text.trim();
        if text.is_empty() {
            continue;
        }
        let rect = deskewed_rect(line, center, skew);
        let known = rect.unwrap_or_default();
        let is_ocr = line.confidence.is_some();
        let placed_line = PlacedLine {
            index,
            text,
            rect: known,
            size: usable_size(line.size, known),
            bold: line.bold,
            is_ocr,
            rough_size: is_ocr && (line.bold.is_none() || has_few_letters(text)),
        };
        if rect.is_some() && !is_sideways(&placed_line) {
            placed.upright.push(placed_line);
        } else {
            placed.unplaced.push(placed_line);
        }
    }
    if placed.unplaced.len() > placed.upright.len() && center.x.is_finite() {
        // A page of vertical writing, or one that could not be turned upright: if most of it were read after the
        // rest, nothing would be left to read it after.
        let (mut with_place, without) = placed
            .unplaced
            .into_iter()
            .partition(|line| line.rect.height() > 0.0);
        placed.upright.append(&mut with_place);
        placed.upright.sort_by_key(|line| line.index);
        placed.unplaced = without;
    }
    placed
}

/// The box of a line turned back by `skew` radians about `center`; `None` if its corners are not finite numbers.
fn deskewed_rect(line: &TextLine, center: Point, skew: f32) -> Option<Rect> {
    let (sin, cos) = skew.sin_cos();
    let usable = |v: f32| v.is_finite() && v.abs() <= tuning::MAX_COORDINATE_PX;
    let turn = |p: Point| {
        let (dx, dy) = (p.x - center.x, p.y - center.y);
        Point {
            x: center.x + dx * cos + dy * sin,
            y: center.y - dx * sin + dy * cos,
        }
    };
    if !line.quad.0.iter().all(|p| usable(p.x) && usable(p.y)) {
        return None;
    }
    let [a, b, c, d] = line.quad.0.map(turn);
    if ![a, b, c, d]
        .iter()
        .all(|p| p.x.is_finite() && p.y.is_finite())
    {
        return None;
    }
    // Mean edges: a line that is a little more or less skewed than the page does not grow taller by it.
    let (left, right) = ((a.x + d.x) / 2.0, (b.x + c.x) / 2.0);
    let (top, bottom) = ((a.y + b.y) / 2.0, (c.y + d.y) / 2.0);
    let upright =
        (right - left).abs() > tuning::MIN_EDGE_PX && (bottom - top).abs() > tuning::MIN_EDGE_PX;
    if upright {
        Some(Rect {
            left: left.min(right),
            top: top.min(bottom),
            right: left.max(right),
            bottom: top.max(bottom),
        })
    } else {
        // Corners that start elsewhere: rotated text, whose mean edges fall together.
        let bounds = Quad([a, b, c, d]).bounds();
        (bounds.height() > 0.0 || bounds.width() > 0.0).then_some(bounds)
    }
}

/// Returns true if a text has too few letters to measure their size: small ones, or such as have no capitals.
fn has_few_letters(text: &str) -> bool {
    let letters = |c: &char| c.is_lowercase() || is_unspaced(*c);
    let unspaced = text.chars().filter(|&c| is_unspaced(c)).count();
    unspaced < tuning::MIN_MEASURED_IDEOGRAPHS
        && text.chars().filter(letters).count() < tuning::MIN_MEASURED_LETTERS
}

/// The size a line states, or one taken from its box if it states none that can be.
fn usable_size(size: f32, rect: Rect) -> f32 {
    let fallback = rect.height().min(rect.width()).max(1.0);
    if size.is_finite() && (tuning::MIN_TYPE_PX..tuning::MAX_COORDINATE_PX).contains(&size) {
        size
    } else {
        fallback
    }
}

/// Returns true if a line is much taller than wide although it has several characters.
fn is_sideways(line: &PlacedLine) -> bool {
    line.text.chars().count() >= tuning::SIDEWAYS_MIN_CHARACTERS
        && line.rect.height() > tuning::SIDEWAYS_ASPECT * line.rect.width()
}

/// The type height that most characters have, in pixels; `None` if there are no lines.
pub(crate) fn common_size<'a>(lines: impl Iterator<Item = &'a PlacedLine<'a>>) -> Option<f32> {
    let sizes = lines.map(|line| (line.size, line.text.chars().count() as f64));
    weighted_median(sizes.collect())
}
