//! [`sections`]: a page's lines, each on a row of a view of its own, at the size of type that the model was trained on.
//!
//! The page is straightened. Columns of its ink, as [`InkMap`] has it, are split where a white gutter goes down between
//! prose on both sides; blocks above and below stay apart. Lines that are longer than a row are cut between words.

use std::ops::Range;

use super::{
    lines::{InkLine, InkSpan},
    sheet::{InkMap, PixelArea, THIN},
};
use crate::image::PageImage;

/// White at a row's ends, in pixels of the view.
const MARGIN: f32 = 8.0;
/// White that is cut out with ink, in ems.
const AROUND: f32 = 0.1;
/// Most that is scaled up; more shows nothing new.
const MOST_SCALE: f32 = 6.0;
/// Height of the ink of a row at most, as a share of the row.
const MOST_HEIGHT: f32 = 0.72;
/// Least width of a gutter in ems.
const GUTTER: f32 = 0.9;
/// Least width of a column in ems: cells of tables are narrower.
const COLUMN: f32 = 9.0;
/// A gutter's ems times its lines, below which it is a river: spaces of typed text that lie one under the other.
const RIVER: f32 = 8.0;
/// Fewest lines of a column.
const COLUMN_LINES: usize = 5;
/// Share of a column's width that ink covers in a full line.
const FULL_LINE: f32 = 0.6;
/// Least share of full lines beside a gutter, and what both sides must have together.
const LEAST_PROSE: f32 = 0.3;
const PROSE: f32 = 1.0;
/// Share of full lines below which lines that are level with those beyond the gutter are rows of a table.
const SURE_PROSE: f32 = 0.65;
/// Share of lines that are level in a table, and by how many ems they may be off.
const LEVEL: (f32, f32) = (0.7, 0.25);
/// Pitch of lines that cannot be told apart, in ems.
const PITCH: f32 = 1.25;
/// Gutters of the same lines that are looked at, the widest first.
const MOST_GUTTERS: usize = 3;
/// Columns inside columns.
const MOST_DEPTH: usize = 6;
/// Most rows of a page; one that needs more is read in another form.
const MOST_ROWS: usize = 1024;

/// The rows of views, in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::engine::got) struct RowSize {
    /// Size of the type.
    pub(in crate::engine::got) em: f32,
    /// From one row to the next: the side of what an image token stands for.
    pub(in crate::engine::got) pitch: u32,
    /// Rows of a view.
    pub(in crate::engine::got) per_view: u32,
}

/// The part of a page that one view shows: rows one under the other, each on a row of image tokens.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::engine::got) struct StackedRows {
    /// Slope of the page's lines, in pixels down for each to the right; they turn about its middle column.
    pub(in crate::engine::got) slope: f32,
    /// Height of the view in pixels, whether or not rows fill it.
    pub(in crate::engine::got) height: u32,
    /// From the first row of the view on.
    pub(in crate::engine::got) rows: Vec<TextRow>,
}

/// A line or a piece of one.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::engine::got) struct TextRow {
    /// The unit that it begins.
    pub(in crate::engine::got) start: RowStart,
    /// The patches that it shows, from left to right.
    pub(in crate::engine::got) patches: Vec<RowPatch>,
}

/// The unit that a row begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::got) enum RowStart {
    /// Nothing: it goes on with the line of the row before it.
    Piece,
    /// A line of a paragraph.
    Line,
    /// A paragraph.
    Paragraph,
}

/// A part of the straightened page and its place in the view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::engine::got) struct RowPatch {
    /// Left edge in pixels of the page.
    pub(in crate::engine::got) left: u32,
    /// Top edge.
    pub(in crate::engine::got) top: u32,
    /// Width in pixels of the page, at least 1.
    pub(in crate::engine::got) width: u32,
    /// Height in pixels of the page, at least 1.
    pub(in crate::engine::got) height: u32,
    /// Pixels of the view for one of the page.
    pub(in crate::engine::got) scale: f32,
    /// Left edge in pixels of the view.
    pub(in crate::engine::got) x: u32,
    /// Top edge in pixels of the view.
    pub(in crate::engine::got) y: u32,
}

/// The lines of `page` in reading order, in rows of `size` in views that are `width` pixels wide; `em` is that of the
/// page's type in pixels, if it has any.
///
/// A page without ink has none. `None` if there would be too many.
pub(super) fn sections(
    page: &PageImage,
    em: Option<f32>,
    size: RowSize,
    width: u32,
) -> Option<Vec<StackedRows>> {
    let Some(sheet) = InkMap::of(page, em) else {
        return Some(Vec::new());
    };
    let mut blocks = Vec::new();
    sheet.blocks(sheet.whole(), 0, &mut blocks);
    let lines = blocks.iter().flat_map(|block| sheet.lines(block));
    let rows: Vec<TextRow> = lines
        .flat_map(|line| sheet.rows_of(&line, size, width))
        .collect();
    let section = |rows: &[TextRow]| StackedRows {
        slope: sheet.slope,
        height: size.pitch * size.per_view,
        rows: rows.to_vec(),
    };
    let mut sections: Vec<StackedRows> = rows
        .chunks(size.per_view.max(1) as usize)
        .map(section)
        .collect();
    for section in &mut sections {
        for (index, row) in section.rows.iter_mut().enumerate() {
            let top = index as u32 * size.pitch;
            row.patches.iter_mut().for_each(|patch| patch.y += top);
        }
    }
    (rows.len() <= MOST_ROWS).then_some(sections)
}

/// The lines beside a gutter.
struct GutterSide {
    lines: usize,
    /// The middle of each run of rows with ink.
    middles: Vec<usize>,
    /// Share of the lines that go across most of it, as those of a column do and cells of a table do not.
    full: f32,
}

impl InkMap {
    /// Splits `frame` into blocks of one column, in reading order.
    fn blocks(&self, frame: PixelArea, depth: usize, blocks: &mut Vec<PixelArea>) {
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
        while at < bands.len() && depth < MOST_DEPTH {
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
            self.blocks(left, depth + 1, blocks);
            self.blocks(right, depth + 1, blocks);
            at += count;
            first = at;
        }
        if first < bands.len() {
            blocks.push(within(between(first)..frame.y.end));
        }
    }

    /// Number of `bands`, from the first on, that a gutter inside `content` goes down through, and its middle; none
    /// where it has no prose on both sides.
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
            let found = self.white(&inked);
            if found.is_empty() {
                break;
            }
            (gutters, count, y.end) = (found, count + 1, band.end);
        }
        gutters.sort_by_key(|gutter| std::cmp::Reverse(gutter.len()));
        let gutter = gutters.iter().take(MOST_GUTTERS).find(|gutter| {
            let (left, right) = (content.x.start, content.x.end);
            let side = |x: Range<usize>| self.prose(&PixelArea { x, y: y.clone() });
            let sides = side(left..left + gutter.start).zip(side(left + gutter.end..right));
            sides.is_some_and(|(a, b)| self.are_columns(&a, gutter.len(), &b))
        })?;
        let middle = usize::midpoint(gutter.start, gutter.end);
        Some((count, content.x.start + middle))
    }

    /// Returns true if what is on both sides of `white` pixels is columns of text.
    fn are_columns(&self, left: &GutterSide, white: usize, right: &GutterSide) -> bool {
        let ems = white as f32 / self.em;
        let is_river = ems * (left.lines.min(right.lines) as f32) < RIVER;
        let least = left.full.min(right.full);
        let is_text = least >= LEAST_PROSE && left.full + right.full >= PROSE;
        let is_table = least < SURE_PROSE && self.are_level(left, right);
        is_text && !is_river && !is_table
    }

    /// Returns true if most lines on the side that has fewer have one beside them on the other side.
    fn are_level(&self, a: &GutterSide, b: &GutterSide) -> bool {
        let (few, many) = if a.middles.len() < b.middles.len() {
            (a, b)
        } else {
            (b, a)
        };
        let is_level = |y: &&usize| {
            let off = many.middles.iter().map(|other| other.abs_diff(**y)).min();
            off.is_some_and(|off| off as f32 <= LEVEL.1 * self.em)
        };
        let level = few.middles.iter().filter(is_level).count();
        level as f32 >= LEVEL.0 * few.middles.len() as f32
    }

    /// Stretches without ink that are wide enough for a gutter, if there is room for a column on either side.
    fn white(&self, inked: &[u8]) -> Vec<Range<usize>> {
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

    /// The lines of `area`; none if it is too small for a column.
    fn prose(&self, area: &PixelArea) -> Option<GutterSide> {
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

    /// The rows that show `line`, each at the view's top.
    fn rows_of(&self, line: &InkLine, size: RowSize, view: u32) -> Vec<TextRow> {
        let factor = self.factor as f32;
        let pitch = size.pitch.max(1);
        let high = MOST_HEIGHT * pitch as f32 / line.area.y.len() as f32;
        // Pixels of the view for one of the sheet.
        let scale = (size.em / line.em).min(high).min(MOST_SCALE * factor);
        let room = (view as f32 - 2.0 * MARGIN).max(1.0);
        let mut rows = Vec::new();
        for (index, piece) in self.pieces(line, room / scale).iter().enumerate() {
            let width = piece
                .last()
                .map_or(0.0, |last| last.at + last.x.len() as f32);
            let scale = scale.min(room / width.max(1.0));
            let x = piece.first().map_or(0, |first| first.x.start)
                ..piece.last().map_or(0, |last| last.x.end);
            let y = line.area.y.clone();
            let Some(ink) = self.content(&PixelArea { x, y }) else {
                continue;
            };
            let patch = |stretch: &InkSpan| {
                let x = stretch.x.clone();
                let at = (MARGIN + stretch.at * scale, pitch as f32 / 2.0);
                self.patch(
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
                0 if line.begins => RowStart::Paragraph,
                0 => RowStart::Line,
                _ => RowStart::Piece,
            };
            let patches = piece.iter().map(patch).collect();
            rows.push(TextRow { start, patches });
        }
        rows
    }

    /// The patch that is cut out for `ink` and `around` pixels of the map on all sides, so that at `scale` the left edge of the
    /// ink and its middle are at `at` in the view.
    fn patch(&self, ink: &PixelArea, scale: f32, at: (f32, f32), around: f32) -> RowPatch {
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
