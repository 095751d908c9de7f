//! Rows of a page's text lines, stacked in input images at the type size that the model was trained
//! on.
//!
//! The page is deskewed. Columns of its [`InkMap`] are split where a white gutter has prose on both
//! sides; blocks above and below stay separate. Lines longer than a row are cut between words.

use std::ops::Range;

use super::{
    ink_lines::{InkLine, InkSpan},
    ink_map::{InkMap, PixelArea, THIN},
};
use crate::image::PageImage;

/// White at a row's ends, in pixels of the input image.
const MARGIN: f32 = 8.0;
/// White around the ink of a patch, in ems.
const AROUND: f32 = 0.1;
/// Maximum scale-up; more would show nothing new.
const MAX_SCALE: f32 = 6.0;
/// Maximum height of a row's ink, as a share of the row.
const MAX_HEIGHT: f32 = 0.72;
/// Minimum width of a gutter in ems.
const GUTTER: f32 = 0.9;
/// Minimum width of a column in ems; cells of tables are narrower.
const COLUMN: f32 = 9.0;
/// Minimum width of a gutter in ems times its lines; less is a river, that is spaces of typed text
/// one below the other.
const RIVER: f32 = 8.0;
/// Minimum lines of a column.
const COLUMN_LINES: usize = 5;
/// Minimum share of a column's width that ink covers in a full line.
const FULL_LINE: f32 = 0.6;
/// Minimum share of full lines on one side of a gutter, and of both sides added up.
const MIN_PROSE: f32 = 0.3;
const PROSE: f32 = 1.0;
/// Share of full lines below which lines that are level with those beyond the gutter are rows of a
/// table.
const SURE_PROSE: f32 = 0.65;
/// Minimum share of the lines beside a gutter that are level with one beyond it in a table.
const LEVEL_LINES: f32 = 0.7;
/// Maximum offset of level lines in ems.
const LEVEL_OFFSET: f32 = 0.25;
/// Assumed line pitch in ems of lines that cannot be separated.
const PITCH: f32 = 1.25;
/// Maximum gutters of the same lines that are examined, the widest first.
const MAX_GUTTERS: usize = 3;
/// Maximum nesting of columns.
const MAX_DEPTH: usize = 6;
/// Maximum rows of a page; a page that needs more is read in another form.
const MAX_ROWS: usize = 1024;

/// Size of rows in pixels of the input image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::engine::got) struct RowSize {
    /// Em of the type.
    pub(in crate::engine::got) em: f32,
    /// From one row to the next: the side of an image token's area.
    pub(in crate::engine::got) pitch: u32,
    /// Rows of an input image.
    pub(in crate::engine::got) rows_per_image: u32,
}

/// Rows of a page that share an input image, each on a row of image tokens.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::engine::got) struct StackedRows {
    /// Skew of the page: vertical pixels for each pixel to the right, about its middle column.
    pub(in crate::engine::got) slope: f32,
    /// Height of the input image in pixels, also if rows do not fill it.
    pub(in crate::engine::got) height: u32,
    /// From the image's first row on.
    pub(in crate::engine::got) rows: Vec<LineRow>,
}

/// A text line or a segment of one.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::engine::got) struct LineRow {
    /// Position in the line and the paragraph.
    pub(in crate::engine::got) start: RowStart,
    /// Patches of the page, from left to right.
    pub(in crate::engine::got) patches: Vec<RowPatch>,
}

/// The unit that a row begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::got) enum RowStart {
    /// Nothing: it continues the line of the row before it.
    Continuation,
    /// A line within a paragraph.
    Line,
    /// A paragraph.
    Paragraph,
}

/// A patch of the deskewed page and its place in the input image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::engine::got) struct RowPatch {
    /// Left edge in pixels of the page.
    pub(in crate::engine::got) left: u32,
    /// Top edge in pixels of the page.
    pub(in crate::engine::got) top: u32,
    /// Width in pixels of the page, at least 1.
    pub(in crate::engine::got) width: u32,
    /// Height in pixels of the page, at least 1.
    pub(in crate::engine::got) height: u32,
    /// Pixels of the input image per pixel of the page.
    pub(in crate::engine::got) scale: f32,
    /// Left edge in pixels of the input image.
    pub(in crate::engine::got) x: u32,
    /// Top edge in pixels of the input image.
    pub(in crate::engine::got) y: u32,
}

/// Stacks the text lines of `page` in reading order as rows of `size` in input images of `width`
/// pixels; `em` is that of the page's type in pixels, if it has any.
///
/// Empty for a page without ink. `None` if there would be too many rows.
pub(super) fn stack_rows(
    page: &PageImage,
    em: Option<f32>,
    size: RowSize,
    width: u32,
) -> Option<Vec<StackedRows>> {
    let Some(ink_map) = InkMap::of(page, em) else {
        return Some(Vec::new());
    };
    let mut blocks = Vec::new();
    ink_map.split_columns(ink_map.whole(), 0, &mut blocks);
    let lines = blocks.iter().flat_map(|block| ink_map.lines(block));
    let rows: Vec<LineRow> = lines
        .flat_map(|line| ink_map.rows_of_line(&line, size, width))
        .collect();
    let stack = |rows: &[LineRow]| StackedRows {
        slope: ink_map.slope,
        height: size.pitch * size.rows_per_image,
        rows: rows.to_vec(),
    };
    let mut sections: Vec<StackedRows> = rows
        .chunks(size.rows_per_image.max(1) as usize)
        .map(stack)
        .collect();
    for stack in &mut sections {
        for (index, row) in stack.rows.iter_mut().enumerate() {
            let top = index as u32 * size.pitch;
            row.patches.iter_mut().for_each(|patch| patch.y += top);
        }
    }
    (rows.len() <= MAX_ROWS).then_some(sections)
}

/// The text on one side of a gutter.
struct GutterSide {
    lines: usize,
    /// The middle of each line.
    middles: Vec<usize>,
    /// Share of lines that cover most of the width, as those of a column do and cells of a table do
    /// not.
    full: f32,
}

impl InkMap {
    /// Splits `frame` into blocks of a single column, in reading order.
    fn split_columns(&self, frame: PixelArea, depth: usize, blocks: &mut Vec<PixelArea>) {
        let Some(content) = self.content(&frame) else {
            return;
        };
        let bands = self.bands(&frame);
        let within = |y: Range<usize>| PixelArea {
            x: frame.x.clone(),
            y,
        };
        // Half of the white between a band and the one before it.
        let between = |at: usize| match at {
            0 => frame.y.start,
            at if at == bands.len() => frame.y.end,
            at => usize::midpoint(bands[at - 1].end, bands[at].start),
        };
        let (mut first, mut at) = (0, 0);
        while at < bands.len() && depth < MAX_DEPTH {
            let Some((count, gutter)) = self.gutter(&content, &bands[at..]) else {
                at += 1;
                continue;
            };
            if first < at {
                blocks.push(within(between(first)..between(at)));
            }
            let mut left = within(between(at)..between(at + count));
            let mut right = left.clone();
            left.x.end = gutter;
            right.x.start = gutter;
            self.split_columns(left, depth + 1, blocks);
            self.split_columns(right, depth + 1, blocks);
            at += count;
            first = at;
        }
        if first < bands.len() {
            blocks.push(within(between(first)..frame.y.end));
        }
    }

    /// The number of `bands`, from the first on, that a gutter inside `content` passes through, and
    /// its middle; `None` if there is no prose on both sides.
    fn gutter(&self, content: &PixelArea, bands: &[Range<usize>]) -> Option<(usize, usize)> {
        let mut inked = vec![0u8; content.x.len()];
        let mut gutters = Vec::new();
        let mut count = 0;
        let mut y = bands.first()?.start..bands.first()?.start;
        for band in bands {
            for y in y.end..band.end {
                let row = &self.ruled[y * self.width..][content.x.clone()];
                inked.iter_mut().zip(row).for_each(|(c, dark)| *c |= dark);
            }
            let found = self.gutters(&inked);
            if found.is_empty() {
                break;
            }
            (gutters, count, y.end) = (found, count + 1, band.end);
        }
        gutters.sort_by_key(|gutter| std::cmp::Reverse(gutter.len()));
        let gutter = gutters.iter().take(MAX_GUTTERS).find(|gutter| {
            let (left, right) = (content.x.start, content.x.end);
            let side = |x: Range<usize>| self.gutter_side(&PixelArea { x, y: y.clone() });
            let sides = side(left..left + gutter.start).zip(side(left + gutter.end..right));
            sides.is_some_and(|(a, b)| self.are_columns(&a, gutter.len(), &b))
        })?;
        let middle = usize::midpoint(gutter.start, gutter.end);
        Some((count, content.x.start + middle))
    }

    /// Returns true if both sides of a gutter of `white` pixels are columns of text.
    fn are_columns(&self, left: &GutterSide, white: usize, right: &GutterSide) -> bool {
        let ems = white as f32 / self.em;
        let is_river = ems * (left.lines.min(right.lines) as f32) < RIVER;
        let least = left.full.min(right.full);
        let is_text = least >= MIN_PROSE && left.full + right.full >= PROSE;
        let is_table = least < SURE_PROSE && self.are_level(left, right);
        is_text && !is_river && !is_table
    }

    /// Returns true if most lines of the side with fewer lines are level with one of the other
    /// side.
    fn are_level(&self, a: &GutterSide, b: &GutterSide) -> bool {
        let (few, many) = if a.middles.len() < b.middles.len() {
            (a, b)
        } else {
            (b, a)
        };
        let is_level = |y: &&usize| {
            let off = many.middles.iter().map(|other| other.abs_diff(**y)).min();
            off.is_some_and(|off| off as f32 <= LEVEL_OFFSET * self.em)
        };
        let level = few.middles.iter().filter(is_level).count();
        level as f32 >= LEVEL_LINES * few.middles.len() as f32
    }

    /// White columns wide enough for a gutter, with room for a column on either side.
    fn gutters(&self, inked: &[u8]) -> Vec<Range<usize>> {
        let column = (COLUMN * self.em) as usize;
        let room = column..inked.len().saturating_sub(column).max(column);
        let mut white = Vec::new();
        let mut end = 0;
        let inked = inked.iter().enumerate().filter(|(_, dark)| **dark != 0);
        for x in inked.map(|(x, _)| x).chain([room.end]) {
            let gutter = end.max(room.start)..x.min(room.end);
            if gutter.len() as f32 >= GUTTER * self.em {
                white.push(gutter);
            }
            end = x + 1;
        }
        white
    }

    /// The text of `area`; `None` if it is too small for a column.
    fn gutter_side(&self, area: &PixelArea) -> Option<GutterSide> {
        if (area.y.len() as f32) < self.em * COLUMN_LINES as f32 {
            return None;
        }
        let content = self.content(area)?;
        let width = content.x.len() as f32;
        let (mut lines, mut full) = (0, 0);
        let mut middles = Vec::new();
        for y in self.bands(&content) {
            let ems = y.len() as f32 / self.em;
            if ems < THIN {
                continue;
            }
            middles.push(usize::midpoint(y.start, y.end));
            let count = ((ems / PITCH).round() as usize).max(1);
            let x = content.x.clone();
            let is_full = self.covered(&PixelArea { x, y }) as f32 >= FULL_LINE * width;
            lines += count;
            full += if is_full { count } else { 0 };
        }
        let is_column = width >= COLUMN * self.em && lines >= COLUMN_LINES;
        is_column.then(|| GutterSide {
            lines,
            middles,
            full: full as f32 / lines as f32,
        })
    }

    /// The rows that show `line`, each at the input image's top.
    fn rows_of_line(&self, line: &InkLine, size: RowSize, view: u32) -> Vec<LineRow> {
        let factor = self.factor as f32;
        let pitch = size.pitch.max(1);
        let high = MAX_HEIGHT * pitch as f32 / line.area.y.len() as f32;
        // Pixels of the input image per pixel of the ink map.
        let scale = (size.em / line.em).min(high).min(MAX_SCALE * factor);
        let room = (view as f32 - 2.0 * MARGIN).max(1.0);
        let mut rows = Vec::new();
        for (index, segment) in self.segments(line, room / scale).iter().enumerate() {
            let width = segment
                .last()
                .map_or(0.0, |last| last.at + last.x.len() as f32);
            let scale = scale.min(room / width.max(1.0));
            let x = segment.first().map_or(0, |first| first.x.start)
                ..segment.last().map_or(0, |last| last.x.end);
            let y = line.area.y.clone();
            let Some(ink) = self.content(&PixelArea { x, y }) else {
                continue;
            };
            let patch = |span: &InkSpan| {
                let x = span.x.clone();
                let at = (MARGIN + span.at * scale, pitch as f32 / 2.0);
                self.row_patch(
                    &PixelArea {
                        x,
                        y: ink.y.clone(),
                    },
                    scale / factor,
                    at,
                    AROUND * line.em,
                )
            };
            let start = match index {
                0 if line.starts_paragraph => RowStart::Paragraph,
                0 => RowStart::Line,
                _ => RowStart::Continuation,
            };
            let patches = segment.iter().map(patch).collect();
            rows.push(LineRow { start, patches });
        }
        rows
    }

    /// The patch around `ink`, with `around` pixels of the ink map on all sides, scaled by `scale`
    /// so that the ink's left edge and its middle are at `at` in the input image.
    fn row_patch(&self, ink: &PixelArea, scale: f32, at: (f32, f32), around: f32) -> RowPatch {
        let factor = self.factor as f32;
        let side = |ink: &Range<usize>, page: u32| {
            let start = ((ink.start as f32 - around) * factor).max(0.0) as u32;
            let end = (((ink.end as f32 + around) * factor) as u32).min(page);
            (start, end.saturating_sub(start).max(1))
        };
        let (left, width) = side(&ink.x, self.page.0);
        let (top, height) = side(&ink.y, self.page.1);
        let middle = (ink.y.start + ink.y.end) as f32 / 2.0 * factor;
        let place = |at: f32, from: f32| (at - from * scale).round().max(0.0) as u32;
        RowPatch {
            left,
            top,
            width,
            height,
            scale,
            x: place(at.0, ink.x.start as f32 * factor - left as f32),
            y: place(at.1, middle - top as f32),
        }
    }
}

#[cfg(test)]
mod tests;
