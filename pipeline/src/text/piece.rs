//! A line on its way through layout: checked, and with the page's skew taken out.

use crate::page::{Point, Rect, TextLine};
pub(crate) use crate::statistics::{median, weighted_median};

use super::join::is_unspaced;

/// Coordinates beyond this many pixels are not believed; no page image is as large.
const FARTHEST_PX: f32 = 1.0e6;

/// One line of a page, placed. Coordinates are pixels after taking the skew out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlacedLine<'a> {
    /// Index of its line among the page's lines.
    pub line: usize,
    /// Its text, without surrounding white space; never empty.
    pub text: &'a str,
    /// Its box.
    pub rect: Rect,
    /// Height of its type in pixels, above 0.
    pub size: f32,
    /// Whether its type is bold, where that is known.
    pub bold: Option<bool>,
    /// Whether a model read it from an image, so that its box is drawn with a margin.
    pub read: bool,
    /// Whether its size is only roughly known: its type could not be measured on the image.
    pub rough: bool,
}

/// A page's lines, sorted by whether they can be laid out.
#[derive(Debug, Default)]
pub(crate) struct PlacedLines<'a> {
    /// Upright lines.
    pub upright: Vec<PlacedLine<'a>>,
    /// Lines that run up or down the page, or have no usable place: read after the others.
    pub aside: Vec<PlacedLine<'a>>,
}

/// Checks and places `lines`; empty ones are left out.
pub(crate) fn place<'a>(lines: &'a [TextLine], centre: Point, skew_deg: f32) -> PlacedLines<'a> {
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
        let rect = level(line, centre, skew);
        let known = rect.unwrap_or_default();
        let piece = PlacedLine {
            line: index,
            text,
            rect: known,
            size: usable_size(line.size, known),
            bold: line.bold,
            read: line.confidence.is_some(),
            rough: line.confidence.is_some() && (line.bold.is_none() || is_short(text)),
        };
        if rect.is_some() && !runs_sideways(&piece) {
            placed.upright.push(piece);
        } else {
            placed.aside.push(piece);
        }
    }
    if placed.aside.len() > placed.upright.len() && centre.x.is_finite() {
        // A page of upright columns, or one that could not be turned: nothing is aside of anything.
        let (mut with_place, without) = placed
            .aside
            .into_iter()
            .partition(|piece| piece.rect.height() > 0.0);
        placed.upright.append(&mut with_place);
        placed.upright.sort_by_key(|piece| piece.line);
        placed.aside = without;
    }
    placed
}

/// The box of a line turned back by `skew` radians about `centre`; `None` where its corners are no numbers.
fn level(line: &TextLine, centre: Point, skew: f32) -> Option<Rect> {
    let (sin, cos) = skew.sin_cos();
    let usable = |v: f32| v.is_finite() && v.abs() <= FARTHEST_PX;
    let turn = |p: Point| {
        let (dx, dy) = (p.x - centre.x, p.y - centre.y);
        Point {
            x: centre.x + dx * cos + dy * sin,
            y: centre.y - dx * sin + dy * cos,
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
    let (left, right) = ((a.x + d.x) / 2.0, (b.x + c.x) / 2.0);
    let (top, bottom) = ((a.y + b.y) / 2.0, (c.y + d.y) / 2.0);
    let upright = (right - left).abs() > 0.5 && (bottom - top).abs() > 0.5;
    if upright {
        Some(Rect {
            left: left.min(right),
            top: top.min(bottom),
            right: left.max(right),
            bottom: top.max(bottom),
        })
    } else {
        // Corners that start elsewhere: turned text, whose mean edges fall together.
        let bounds = crate::page::Quad([a, b, c, d]).bounds();
        (bounds.height() > 0.0 || bounds.width() > 0.0).then_some(bounds)
    }
}

/// Whether a text has too few letters to measure their size: small ones, or such as have no capitals.
fn is_short(text: &str) -> bool {
    let letters = |c: &char| c.is_lowercase() || is_unspaced(*c);
    let wide = text.chars().filter(|&c| is_unspaced(c)).count();
    wide < 2 && text.chars().filter(letters).count() < 10
}

fn usable_size(size: f32, rect: Rect) -> f32 {
    let fallback = rect.height().min(rect.width()).max(1.0);
    if size.is_finite() && (0.5..FARTHEST_PX).contains(&size) {
        size
    } else {
        fallback
    }
}

/// Whether a piece is much taller than wide although it has several characters.
fn runs_sideways(piece: &PlacedLine) -> bool {
    piece.text.chars().nth(2).is_some() && piece.rect.height() > 2.0 * piece.rect.width()
}

/// The type height that most characters have, in pixels; `None` where there are no pieces.
pub(crate) fn common_size<'a>(pieces: impl Iterator<Item = &'a PlacedLine<'a>>) -> Option<f32> {
    let sizes = pieces.map(|piece| (piece.size, piece.text.chars().count() as f64));
    weighted_median(sizes.collect())
}
