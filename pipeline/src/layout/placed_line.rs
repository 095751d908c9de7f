//! Placed lines: the lines of a page that layout works on, checked, and with the page's skew taken out.

use super::tuning::placed_line as tuning;
use crate::{
    image::inspection::StructureTag,
    page::{BoldLead, LineRegion, Point, Quad, Rect, TextLine, TypeStyle},
    script::{is_square, is_unspaced},
    statistics::weighted_median,
};

/// One line of a page. Coordinates are pixels after taking the skew out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PlacedLine<'a> {
    /// Index among the page's lines.
    pub index: usize,
    /// Its text, without surrounding white space; never empty.
    pub text: &'a str,
    /// Its box.
    pub rect: Rect,
    /// Height of its type in pixels, above 0.
    pub size: f32,
    /// Its type.
    pub style: TypeStyle,
    /// The structure element that it belongs to.
    pub tag: Option<StructureTag>,
    /// The bold words that it begins with.
    pub lead: Option<BoldLead>,
    /// True if it is part of the page's line of that index.
    pub is_part: bool,
    /// True if a model read it from an image, so that its box is drawn with a margin.
    pub is_ocr: bool,
    /// True if its size is only roughly known: its type could not be measured on the image.
    pub rough_size: bool,
    /// The way it runs.
    pub direction: ReadingDirection,
    /// True if its text goes on in the next line without a space, as that of a large initial does.
    pub runs_on: bool,
    /// The region that a layout model sees it in.
    pub region: Option<LineRegion>,
}

/// The way a line runs on the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ReadingDirection {
    /// From left to right.
    #[default]
    Across,
    /// Turned to the left: from the foot to the top, lines from left to right.
    Up,
    /// Turned to the right: from the top to the foot, lines from right to left.
    Down,
    /// Upright characters one below the other, as in vertical Chinese and Japanese, lines from right to left.
    Stacked,
}

/// A page's lines, sorted by whether they can be laid out.
#[derive(Debug, Default)]
pub(crate) struct PlacedLines<'a> {
    /// Upright lines.
    pub upright: Vec<PlacedLine<'a>>,
    /// Lines that run up or down the page.
    pub sideways: Vec<PlacedLine<'a>>,
    /// Lines without a usable place, or of which it is not known how they run: read after the others.
    pub unplaced: Vec<PlacedLine<'a>>,
}

/// Places of a page's lines without their text, so that they can be kept while the page waits for those after it.
#[derive(Debug, Default)]
pub(crate) struct LinePlaces {
    upright: Vec<LinePlace>,
    sideways: Vec<LinePlace>,
    unplaced: Vec<LinePlace>,
}

#[derive(Clone, Copy, Debug)]
struct LinePlace {
    index: usize,
    rect: Rect,
    size: f32,
    style: TypeStyle,
    tag: Option<StructureTag>,
    lead: Option<BoldLead>,
    is_ocr: bool,
    rough_size: bool,
    direction: ReadingDirection,
    /// Characters of its text.
    characters: usize,
}

impl LinePlaces {
    /// The placed lines, with their text out of the `lines` that were placed.
    pub(crate) fn with_text<'a>(&self, lines: &'a [TextLine]) -> PlacedLines<'a> {
        let placed_line = |place: &LinePlace| PlacedLine {
            index: place.index,
            text: lines.get(place.index).map_or("", |line| line.text.trim()),
            rect: place.rect,
            size: place.size,
            style: place.style,
            tag: place.tag,
            lead: place.lead,
            is_part: false,
            is_ocr: place.is_ocr,
            rough_size: place.rough_size,
            direction: place.direction,
            runs_on: false,
            region: lines.get(place.index).and_then(|line| line.region),
        };
        PlacedLines {
            upright: self.upright.iter().map(placed_line).collect(),
            sideways: self.sideways.iter().map(placed_line).collect(),
            unplaced: self.unplaced.iter().map(placed_line).collect(),
        }
    }
}

/// Checks and places `lines`; empty ones are left out.
pub(crate) fn place_lines(lines: &[TextLine], center: Point, skew_deg: f32) -> LinePlaces {
    let skew = if skew_deg.is_finite() {
        skew_deg.to_radians()
    } else {
        0.0
    };
    let mut places = LinePlaces::default();
    for (index, line) in lines.iter().enumerate() {
        let text = line.text.trim();
        if text.is_empty() {
            continue;
        }
        let rect = deskewed_rect(line, center, skew);
        let known = rect.unwrap_or_default();
        let is_ocr = line.confidence.is_some();
        let upright = rect.is_some() && !is_sideways(line, text, known);
        let direction = if upright {
            ReadingDirection::Across
        } else {
            direction(line, text)
        };
        let place = LinePlace {
            index,
            rect: known,
            size: usable_size(line.size, known),
            style: line.style,
            tag: line.tag,
            lead: line.lead,
            is_ocr,
            rough_size: is_ocr && (line.style.bold.is_none() || has_few_letters(text)),
            direction,
            characters: text.chars().count(),
        };
        match direction {
            _ if upright => places.upright.push(place),
            ReadingDirection::Across => places.unplaced.push(place),
            _ if rect.is_none() => places.unplaced.push(place),
            _ => places.sideways.push(place),
        }
    }
    places.with_page_turned(center)
}

impl LinePlaces {
    /// Takes the lines of a page that could not be turned upright as they lie, if most run up or down it: if they were
    /// read after the rest, nothing would be left to read them after. Vertical writing is laid out by itself.
    fn with_page_turned(mut self, center: Point) -> Self {
        let is_stacked = |place: &LinePlace| place.direction == ReadingDirection::Stacked;
        let characters = |places: &[LinePlace], test: &dyn Fn(&LinePlace) -> bool| -> usize {
            let chosen = places.iter().filter(|place| test(place));
            chosen.map(|place| place.characters).sum()
        };
        let turned = characters(&self.sideways, &|place| !is_stacked(place))
            + characters(&self.unplaced, &|_| true);
        let upright =
            characters(&self.upright, &|_| true) + characters(&self.sideways, &is_stacked);
        if turned <= upright || !center.x.is_finite() {
            return self;
        }
        let (with_place, without): (Vec<_>, _) = std::mem::take(&mut self.unplaced)
            .into_iter()
            .partition(|place| place.rect.height() > 0.0);
        let (stacked, turned): (Vec<_>, _) = std::mem::take(&mut self.sideways)
            .into_iter()
            .partition(is_stacked);
        self.upright.extend(with_place);
        self.upright.extend(turned);
        self.upright.sort_by_key(|place| place.index);
        self.sideways = stacked;
        self.unplaced = without;
        self
    }
}

/// The way a line that does not run across the page runs: by the order of its corners, which start at its first letter.
/// [`ReadingDirection::Across`] if that is not known.
fn direction(line: &TextLine, text: &str) -> ReadingDirection {
    let [first, second, ..] = line.quad.0;
    let (dx, dy) = (second.x - first.x, second.y - first.y);
    let square = text.chars().filter(|&c| is_square(c)).count();
    if dy.abs() > dx.abs() {
        if dy < 0.0 {
            ReadingDirection::Up
        } else {
            ReadingDirection::Down
        }
    } else if tuning::STACKED_SCRIPT.is_exceeded(square, text.chars().count()) {
        ReadingDirection::Stacked
    } else {
        ReadingDirection::Across
    }
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
    let starts_at_left = (b.x - a.x).abs() >= (b.y - a.y).abs();
    let upright = starts_at_left
        && (right - left).abs() > tuning::MIN_EDGE_PX
        && (bottom - top).abs() > tuning::MIN_EDGE_PX;
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

/// Returns true if a line of several characters is much taller than wide, or taller than wide with corners that start
/// elsewhere than at its top left.
fn is_sideways(line: &TextLine, text: &str, rect: Rect) -> bool {
    let turned = matches!(
        direction(line, text),
        ReadingDirection::Up | ReadingDirection::Down
    );
    let aspect = if turned { 1.0 } else { tuning::SIDEWAYS_ASPECT };
    text.chars().count() >= tuning::SIDEWAYS_MIN_CHARACTERS && rect.height() > aspect * rect.width()
}

/// The type height that most characters have, in pixels; `None` if there are no lines.
pub(crate) fn common_size<'a>(lines: impl Iterator<Item = &'a PlacedLine<'a>>) -> Option<f32> {
    let sizes = lines.map(|line| (line.size, line.text.chars().count() as f64));
    weighted_median(sizes.collect())
}
