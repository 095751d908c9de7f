//! Sideways blocks: lines that run up or down the page, or are stacked as in vertical Chinese and Japanese, taken
//! together, turned into a frame of their own and laid out there as a small page.

use std::cmp::Ordering;

use super::{
    baselines::text_rows,
    body::BodyPart,
    placed_line::{PlacedLine, ReadingDirection},
    tuning::sideways as tuning,
};
use crate::{
    image::rulings::{PageRulings, RulingLine},
    page::Rect,
    script::is_square,
    statistics::weighted_median,
};

/// Lines of one direction beside one another.
#[derive(Debug)]
pub(crate) struct SidewaysBlock<'a> {
    /// Its box on the page.
    pub rect: Rect,
    /// Its lines, as they lie once it is turned.
    pub lines: Vec<PlacedLine<'a>>,
    /// The ruled lines in it, likewise.
    pub rulings: PageRulings,
}

/// The lines of a page that do not run across it.
#[derive(Debug, Default)]
pub(crate) struct SidewaysText<'a> {
    /// Those in several rows: they are laid out where they stand.
    pub blocks: Vec<SidewaysBlock<'a>>,
    /// Single rows, such as a stamp in the margin: they are no part of the text.
    pub rows: Vec<Vec<PlacedLine<'a>>>,
}

/// Groups the lines of a page that do not run across it. Short lines of `body` among them are taken along: one or two
/// characters do not show which way they are turned.
pub(crate) fn sideways_text<'a>(
    lines: Vec<PlacedLine<'a>>,
    body: &mut Vec<PlacedLine<'a>>,
    rulings: &PageRulings,
) -> SidewaysText<'a> {
    let mut text = SidewaysText::default();
    for direction in [
        ReadingDirection::Up,
        ReadingDirection::Down,
        ReadingDirection::Stacked,
    ] {
        let of_direction = lines.iter().filter(|line| line.direction == direction);
        let (lines, body_lines) = (of_direction.copied().collect::<Vec<_>>(), body.len());
        let em = common_breadth(&lines);
        // A page of vertical writing is one block: what stands in it is for its layout to say.
        let is_page = direction == ReadingDirection::Stacked && lines.len() > body_lines;
        let groups = if is_page {
            vec![lines]
        } else {
            grouped(lines, direction, em)
        };
        for mut group in groups {
            take_short_lines(&mut group, body, direction, em);
            let frame = TurnedFrame::of(&group, direction);
            let turned: Vec<PlacedLine> = group.iter().map(|line| frame.line(line)).collect();
            if text_rows(turned.clone()).len() < tuning::MIN_ROWS {
                text.rows.push(turned);
                continue;
            }
            text.blocks.push(SidewaysBlock {
                rect: frame.rect,
                lines: turned,
                rulings: frame.rulings(rulings, tuning::RULING_REACH_EM * em),
            });
        }
    }
    text
}

/// The breadth that most lines have, in pixels, at least 1: the measured size of type is smaller than its box, and by how
/// much differs from engine to engine.
fn common_breadth(lines: &[PlacedLine]) -> f32 {
    let breadths = lines.iter().map(|line| (line.rect.width(), 1.0_f64));
    weighted_median(breadths.collect()).unwrap_or(1.0).max(1.0)
}

/// Lines near one another: along the lines cells of a table may be further apart than rows are across them.
fn grouped<'a>(
    lines: Vec<PlacedLine<'a>>,
    direction: ReadingDirection,
    em: f32,
) -> Vec<Vec<PlacedLine<'a>>> {
    let along = match direction {
        ReadingDirection::Stacked => tuning::STACKED_REACH_EM * em,
        _ => tuning::REACH_ALONG_EM * em,
    };
    let across = tuning::REACH_ACROSS_EM * em;
    let near = |a: &Rect, b: &Rect| {
        a.left - across < b.right
            && b.left - across < a.right
            && a.top - along < b.bottom
            && b.top - along < a.bottom
    };
    if lines.len() > tuning::MAX_GROUPED_LINES {
        return vec![lines];
    }
    let mut rest = lines;
    let mut groups = Vec::new();
    while let Some(first) = (!rest.is_empty()).then(|| rest.remove(0)) {
        let mut group = vec![first];
        let mut at = 0;
        while at < group.len() {
            let rect = group[at].rect;
            let (more, others) = rest.into_iter().partition(|line| near(&rect, &line.rect));
            rest = others;
            group.extend::<Vec<PlacedLine>>(more);
            at += 1;
        }
        groups.push(group);
    }
    groups
}

/// Moves the lines of one or two characters that lie in a group from the body to it.
fn take_short_lines<'a>(
    group: &mut Vec<PlacedLine<'a>>,
    body: &mut Vec<PlacedLine<'a>>,
    direction: ReadingDirection,
    em: f32,
) {
    let Some(area) = bounds(group) else {
        return;
    };
    let is_stacked = direction == ReadingDirection::Stacked;
    // The last column of a vertical text may be as short, and lies outside of the others.
    let reach = if is_stacked {
        tuning::SHORT_COLUMN_REACH_EM * em
    } else {
        0.0
    };
    let belongs = |line: &PlacedLine| {
        let (x, y) = (
            (line.rect.left + line.rect.right) / 2.0,
            (line.rect.top + line.rect.bottom) / 2.0,
        );
        line.text.chars().count() <= tuning::MAX_SHORT_CHARACTERS
            && (area.left - reach..area.right + reach).contains(&x)
            && (area.top..area.bottom).contains(&y)
            && (!is_stacked || line.text.chars().any(is_square))
    };
    let (short, others) = std::mem::take(body).into_iter().partition(belongs);
    *body = others;
    group.extend::<Vec<PlacedLine>>(short);
}

fn bounds(lines: &[PlacedLine]) -> Option<Rect> {
    let rects = lines.iter().map(|line| line.rect);
    rects.reduce(|a, b| a.union(&b))
}

/// The frame in which the lines of a block run from left to right.
#[derive(Debug)]
struct TurnedFrame {
    /// The block's box on the page.
    rect: Rect,
    is_up: bool,
}

impl TurnedFrame {
    fn of(lines: &[PlacedLine], direction: ReadingDirection) -> Self {
        Self {
            rect: bounds(lines).unwrap_or_default(),
            is_up: direction == ReadingDirection::Up,
        }
    }

    /// The x in this frame of a y on the page.
    fn x(&self, page_y: f32) -> f32 {
        if self.is_up {
            self.rect.bottom - page_y
        } else {
            page_y - self.rect.top
        }
    }

    /// The y in this frame of an x on the page.
    fn y(&self, page_x: f32) -> f32 {
        if self.is_up {
            page_x - self.rect.left
        } else {
            self.rect.right - page_x
        }
    }

    fn line<'a>(&self, line: &PlacedLine<'a>) -> PlacedLine<'a> {
        let [left, right] = sorted(self.x(line.rect.top), self.x(line.rect.bottom));
        let [top, bottom] = sorted(self.y(line.rect.left), self.y(line.rect.right));
        PlacedLine {
            rect: Rect {
                left,
                top,
                right,
                bottom,
            },
            ..*line
        }
    }

    /// The ruled lines within `reach` pixels of the block.
    fn rulings(&self, rulings: &PageRulings, reach: f32) -> PageRulings {
        let page = self.rect;
        let inside = |line: &&RulingLine, at: [f32; 2], along: [f32; 2]| {
            line.at > at[0] - reach
                && line.at < at[1] + reach
                && line.end > along[0] - reach
                && line.start < along[1] + reach
        };
        let (xs, ys) = ([page.left, page.right], [page.top, page.bottom]);
        let turned = |at: f32, [start, end]: [f32; 2]| RulingLine { at, start, end };
        let down = rulings.vertical.iter().filter(|line| inside(line, xs, ys));
        let across = rulings
            .horizontal
            .iter()
            .filter(|line| inside(line, ys, xs));
        let mut found = PageRulings {
            horizontal: down
                .map(|l| turned(self.y(l.at), sorted(self.x(l.start), self.x(l.end))))
                .collect(),
            vertical: across
                .map(|l| turned(self.x(l.at), sorted(self.y(l.start), self.y(l.end))))
                .collect(),
        };
        for lines in [&mut found.horizontal, &mut found.vertical] {
            lines.sort_by(|a, b| a.at.total_cmp(&b.at));
        }
        found
    }
}

fn sorted(a: f32, b: f32) -> [f32; 2] {
    [a.min(b), a.max(b)]
}

/// Puts what became of each block after the part of the page's body that it stands beside or below.
pub(crate) fn insert_blocks<'a>(
    parts: Vec<BodyPart<'a>>,
    blocks: Vec<(Rect, Vec<BodyPart<'a>>)>,
) -> Vec<BodyPart<'a>> {
    let places: Vec<Option<Rect>> = parts.iter().map(BodyPart::rect).collect();
    let mut blocks: Vec<(usize, Rect, Vec<BodyPart>)> = blocks
        .into_iter()
        .map(|(rect, inner)| (place_of(&rect, &places), rect, inner))
        .collect();
    blocks.sort_by(|a, b| {
        (a.0, a.1.top)
            .partial_cmp(&(b.0, b.1.top))
            .unwrap_or(Ordering::Equal)
    });
    let mut blocks = blocks.into_iter().peekable();
    let mut out = Vec::new();
    for (i, part) in parts.into_iter().enumerate() {
        while let Some((.., inner)) = blocks.next_if(|block| block.0 <= i) {
            out.extend(inner);
        }
        out.push(part);
    }
    out.extend(blocks.flat_map(|(.., inner)| inner));
    out
}

/// The number of parts that come before a block: up to the last one that begins above its middle, of those over or
/// under it if there are any.
fn place_of(block: &Rect, places: &[Option<Rect>]) -> usize {
    let middle = (block.top + block.bottom) / 2.0;
    let last = |is_beside: &dyn Fn(&Rect) -> bool| {
        places
            .iter()
            .rposition(|place| place.is_some_and(|rect| rect.top < middle && is_beside(&rect)))
    };
    last(&|rect| rect.left < block.right && rect.right > block.left)
        .or_else(|| last(&|rect| rect.bottom > block.top))
        .or_else(|| last(&|_| true))
        .map_or(0, |i| i + 1)
}
