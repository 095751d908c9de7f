//! [`sections`]: a page cut into pieces that one view holds at the size of type its model was trained on.
//!
//! Columns of the page's ink, as [`Sheet`] has it, are split where a white gutter goes down between prose on both
//! sides; blocks above and below stay apart; what is taller than the view is cut where the most white is. Nothing
//! is turned: a skewed page has no gutters and few white rows, and is cut where the least ink is.

use std::ops::Range;

use super::sheet::{Area, Sheet, THIN};
use crate::image::PageImage;

/// White around a section's ink, in pixels of the view.
const MARGIN: f32 = 12.0;
/// The size that type is brought to where the resolution does not, in points.
const USUAL: f32 = 10.8;
/// Sizes that are left as the resolution gives them, in points: 8 to 14, and what measuring them is off by.
const USUAL_SIZES: std::ops::RangeInclusive<f32> = 8.1..=14.4;
const POINTS_PER_INCH: f32 = 72.0;
/// How far the type may take the scale from what the resolution gives.
const OFF_SCALE: (f32, f32) = (0.6, 1.6);
/// Resolutions that are believed, in dots per inch.
const SOUND_DPI: std::ops::RangeInclusive<f32> = 20.0..=2_400.0;
/// Most that is scaled up; more shows nothing new.
const MOST_SCALE: f32 = 4.0;
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
/// Most sections of a page; one that needs more is read in another form.
const MOST_SECTIONS: usize = 64;
/// Share of the view's height that a cut aims below, so that there is a choice of white rows.
const FILL: f32 = 0.92;
/// How far from the place that is aimed at a cut may lie, as a share of the view's height.
const REACH: f32 = 0.25;
/// Ems of white that make up for a cut that lies a view's height off its place.
const OFF_PLACE: f32 = 3.0;
/// Ems of white above which a gap is as good as any.
const WIDE_GAP: f32 = 2.0;

/// A piece of a page and the scale at which one view shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::engine::got) struct Section {
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
}

/// Cuts `page` into sections in reading order, each of which fits a view of `view` pixels with its type as large
/// as at `dpi` dots per inch; `em` is that of the page's type in pixels, where it has any.
///
/// A page without ink has none. `None` where there would be too many.
pub(super) fn sections(
    page: &PageImage,
    em: Option<f32>,
    dpi: f32,
    view: (u32, u32),
) -> Option<Vec<Section>> {
    let mut sections = Vec::new();
    let Some(sheet) = Sheet::of(page, em) else {
        return Some(sections);
    };
    let mut blocks = Vec::new();
    sheet.blocks(sheet.whole(), 0, &mut blocks);
    let scale = scale(page.dpi, em, dpi);
    for frame in blocks {
        sheet.cut(&frame, scale, view, &mut sections);
    }
    (sections.len() <= MOST_SECTIONS).then_some(sections)
}

/// Pixels of the view for one of the page.
fn scale(page_dpi: f32, em: Option<f32>, dpi: f32) -> f32 {
    let by_dpi = match SOUND_DPI.contains(&page_dpi) {
        true => dpi / page_dpi,
        false => 1.0,
    };
    let point = dpi / POINTS_PER_INCH;
    let by_type = em
        .filter(|em| !USUAL_SIZES.contains(&(em * by_dpi / point)))
        .map(|em| (USUAL * point / em).clamp(OFF_SCALE.0 * by_dpi, OFF_SCALE.1 * by_dpi));
    by_type.unwrap_or(by_dpi).min(MOST_SCALE)
}

/// What stands beside a gutter.
struct Prose {
    lines: usize,
    /// The middle of each run of rows with ink.
    middles: Vec<usize>,
    /// Share of the lines that go across most of it, as those of a column do and cells of a table do not.
    full: f32,
}

impl Sheet {
    /// Splits `frame` into blocks of one column, in reading order.
    fn blocks(&self, frame: Area, depth: usize, blocks: &mut Vec<Area>) {
        let Some(content) = self.content(&frame) else {
            return;
        };
        let bands = self.bands(&frame);
        let within = |y: Range<usize>| Area {
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

    /// How many of `bands`, from the first on, a gutter inside `content` goes down through, and its middle; none
    /// where it has no prose on both sides.
    fn gutter(&self, content: &Area, bands: &[Range<usize>]) -> Option<(usize, usize)> {
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
            let side = |x: Range<usize>| self.prose(&Area { x, y: y.clone() });
            let sides = side(left..left + gutter.start).zip(side(left + gutter.end..right));
            sides.is_some_and(|(a, b)| self.are_columns(&a, gutter.len(), &b))
        })?;
        let middle = usize::midpoint(gutter.start, gutter.end);
        Some((count, content.x.start + middle))
    }

    /// Whether what stands on both sides of `white` pixels is columns of text.
    fn are_columns(&self, left: &Prose, white: usize, right: &Prose) -> bool {
        let ems = white as f32 / self.em;
        let is_river = ems * (left.lines.min(right.lines) as f32) < RIVER;
        let least = left.full.min(right.full);
        let is_text = least >= LEAST_PROSE && left.full + right.full >= PROSE;
        let is_table = least < SURE_PROSE && self.are_level(left, right);
        is_text && !is_river && !is_table
    }

    /// Whether most lines on the side that has fewer have one beside them on the other side.
    fn are_level(&self, a: &Prose, b: &Prose) -> bool {
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

    /// Stretches without ink that are wide enough for a gutter, where there is room for a column on either side.
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

    /// The lines of `area`; none where it is too small for a column.
    fn prose(&self, area: &Area) -> Option<Prose> {
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
            let is_full = self.covered(&Area { x, y }) as f32 >= FULL_LINE * width;
            lines += count;
            full += if is_full { count } else { 0 };
        }
        let is_column = width >= COLUMN * self.em && lines >= COLUMN_LINES;
        is_column.then(|| Prose {
            lines,
            middles,
            full: full as f32 / lines as f32,
        })
    }

    /// Cuts a block into sections that a view holds.
    fn cut(&self, frame: &Area, scale: f32, view: (u32, u32), sections: &mut Vec<Section>) {
        let Some(content) = self.content(frame) else {
            return;
        };
        let fitting = self.fitting(&content, scale, (view.0, u32::MAX));
        let limit = (room(view.1) / fitting / self.factor as f32) as usize;
        let mut piece = frame.clone();
        for cut in self.cuts(&self.rows(&content), limit.max(1)) {
            piece.y.end = content.y.start + cut;
            self.push(&piece, scale, view, sections);
            piece.y = piece.y.end..frame.y.end;
        }
        self.push(&piece, scale, view, sections);
    }

    /// The most of `scale` at which `content` and its margins fit `view`.
    fn fitting(&self, content: &Area, scale: f32, view: (u32, u32)) -> f32 {
        let pixels = |side: &Range<usize>| (side.len() * self.factor) as f32;
        let across = room(view.0) / pixels(&content.x);
        scale.min(across).min(room(view.1) / pixels(&content.y))
    }

    /// Rows before which a block is cut, whose `rows` have so much ink each, so that no piece has more than
    /// `limit`.
    fn cuts(&self, rows: &[usize], limit: usize) -> Vec<usize> {
        let mut cuts = Vec::new();
        let mut from = 0;
        while rows.len() - from > limit {
            let left = rows.len() - from;
            let pieces = (left as f32 / (FILL * limit as f32)).ceil();
            let wanted = from + (left as f32 / pieces) as usize;
            let reach = ((REACH * limit as f32) as usize).max(1);
            let window = wanted.saturating_sub(reach).max(from + 1)
                ..(wanted + reach).min(from + limit).max(from + 2);
            from = self.cut_in(rows, window, wanted, limit);
            cuts.push(from);
        }
        cuts
    }

    /// The best row of `window` to cut before: the middle of much white near `wanted`, else where the least ink is.
    fn cut_in(&self, rows: &[usize], window: Range<usize>, wanted: usize, limit: usize) -> usize {
        let gaps = rows[window.clone()]
            .split_inclusive(|&ink| ink > 0)
            .scan(window.start, |start, part| {
                let white = part.iter().filter(|&&ink| ink == 0).count();
                let gap = *start..*start + white;
                *start += part.len();
                Some(gap)
            })
            .filter(|gap| !gap.is_empty());
        let worth = |gap: &Range<usize>| {
            let off = usize::midpoint(gap.start, gap.end).abs_diff(wanted) as f32;
            (gap.len() as f32 / self.em).min(WIDE_GAP) - OFF_PLACE * off / limit as f32
        };
        let best = gaps.max_by(|a, b| worth(a).total_cmp(&worth(b)));
        match best {
            Some(gap) => usize::midpoint(gap.start, gap.end).max(window.start),
            None => window
                .min_by_key(|&y| (rows[y], y.abs_diff(wanted)))
                .unwrap_or(wanted),
        }
    }

    /// Adds what `piece` holds, with a margin of what is its own.
    fn push(&self, piece: &Area, scale: f32, view: (u32, u32), sections: &mut Vec<Section>) {
        let Some(content) = self.content(piece) else {
            return;
        };
        let scale = self.fitting(&content, scale, view);
        let margin = (MARGIN / scale) as u32;
        let side = |ink: &Range<usize>, room: &Range<usize>, size: usize, page: u32| {
            let pixel = |at: usize| match at >= size {
                true => page,
                false => (at * self.factor) as u32,
            };
            let start = pixel(ink.start).saturating_sub(margin);
            let end = pixel(ink.end).saturating_add(margin);
            let start = start.max(pixel(room.start));
            (start, end.min(pixel(room.end)) - start)
        };
        let (left, width) = side(&content.x, &piece.x, self.width, self.page.0);
        let (top, height) = side(&content.y, &piece.y, self.height, self.page.1);
        sections.push(Section {
            left,
            top,
            width,
            height,
            scale,
        });
    }
}

/// What margins leave of a view's side.
fn room(side: u32) -> f32 {
    (side as f32 - 2.0 * MARGIN).max(1.0)
}

#[cfg(test)]
mod tests;
