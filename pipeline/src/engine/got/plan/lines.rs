//! [`InkLine`]: what is on one line of a block, and its pieces, each short enough for a row of a view.

use std::ops::Range;

use super::sheet::{InkMap, PixelArea, THIN, runs};

/// Height from the highest to the lowest ink of a line that has both, as a share of its em.
const HEIGHT_OF_EM: f32 = 0.93;
/// The same of a line that may have only one of them.
const LEAST_OF_EM: f32 = 0.8;
/// Ems from which on a line is long enough to have both.
const LONG: f32 = 10.0;
/// Ems above which a line is several that touch, or a picture.
const TALL: f32 = 1.55;
/// Range in which the foot of a line among several that touch is looked for, in ems from its top, and its expected place.
const FOOT: (f32, f32, f32) = (0.7, 1.2, 1.9);
/// Ink where lines touch, as a share of what they have on the average.
const TOUCHING: f32 = 0.45;
/// Ems of white that part of a letter may have to the rest.
const WITHIN: f32 = 0.25;
/// Ems above which ink that covers so much of its place is a picture.
const PICTURE: (f32, f32) = (2.5, 0.45);
/// Ems between words that are kept, and what is left of more.
const WIDE: (f32, f32) = (1.5, 1.0);
/// Ems of white between words, at least.
const SPACE: f32 = 0.12;
/// Ems of white between words above which one is as good as any.
const BEST_SPACE: f32 = 0.6;
/// Share of a row that pieces are to fill, so that there is a choice of spaces.
const FILL: f32 = 0.92;
/// Largest distance from its place at which a line may be cut, as a share of a piece.
const REACH: f32 = 0.25;
/// Ems by which a paragraph's first line begins further in.
const INDENT: Range<f32> = 0.7..4.5;
/// Ems of white above a paragraph beyond what is usual above a line.
const ABOVE: f32 = 0.4;

/// A line of a block.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InkLine {
    /// The area of its ink.
    pub(super) area: PixelArea,
    /// Size of its type, in pixels of the sheet.
    pub(super) em: f32,
    /// True if a paragraph begins with it.
    pub(super) begins: bool,
}

/// Ink of a line that stands together, and where it goes in a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InkSpan {
    /// Columns of the sheet.
    pub(super) x: Range<usize>,
    /// Pixels of the sheet from the row's start.
    pub(super) at: f32,
}

impl InkMap {
    /// The lines of `block`, which has one column, from top to bottom; pictures are none.
    pub(super) fn lines(&self, block: &PixelArea) -> Vec<InkLine> {
        let Some(content) = self.content(block) else {
            return Vec::new();
        };
        let rows = self.rows(&content);
        let bands: Vec<Range<usize>> = runs(&rows)
            .flat_map(|band| self.split(&rows, band))
            .collect();
        let mut areas = Vec::new();
        for band in self.whole_letters(&bands) {
            let y = content.y.start + band.start..content.y.start + band.end;
            let x = content.x.clone();
            areas.extend(
                self.content(&PixelArea { x, y })
                    .filter(|area| self.is_type(area)),
            );
        }
        let mut heights: Vec<f32> = areas
            .iter()
            .filter(|area| area.x.len() as f32 >= LONG * self.em)
            .map(|area| area.y.len() as f32 / HEIGHT_OF_EM)
            .collect();
        heights.sort_by(f32::total_cmp);
        let usual = heights.get(heights.len() / 2).copied().unwrap_or(self.em);
        let begins = paragraphs(&areas, usual);
        let line = |(area, begins): (PixelArea, bool)| {
            let height = area.y.len() as f32;
            let is_long = area.x.len() as f32 >= LONG * usual;
            let em = match is_long {
                true => (height / HEIGHT_OF_EM).max(LEAST_OF_EM * usual),
                false => (height / LEAST_OF_EM).max(usual),
            };
            // A short line is of the usual size, unless it is too high for that.
            let is_usual = !is_long && height <= 1.1 * usual;
            let em = if is_usual { usual } else { em };
            InkLine { area, em, begins }
        };
        areas.into_iter().zip(begins).map(line).collect()
    }

    /// Lines in a run of `rows` with ink, which may touch.
    fn split(&self, rows: &[usize], band: Range<usize>) -> Vec<Range<usize>> {
        let ink = &rows[band.clone()];
        let usual = ink.iter().sum::<usize>() as f32 / ink.len().max(1) as f32;
        let pixels = |ems: f32| (ems * self.em).round() as usize;
        let mut lines = Vec::new();
        let mut start = band.start;
        while (band.end - start) as f32 > TALL * self.em {
            let first = start + pixels(FOOT.0);
            let end = (start + pixels(FOOT.2)).min(band.end.saturating_sub(pixels(FOOT.0)));
            let expected = start + pixels(FOOT.1);
            let foot = (first..end).min_by_key(|&y| (rows[y], y.abs_diff(expected)));
            let Some(foot) = foot.filter(|&y| rows[y] as f32 <= TOUCHING * usual) else {
                break;
            };
            lines.push(start..foot);
            start = foot;
        }
        lines.push(start..band.end);
        lines
    }

    /// Bands with the dots, accents and rules that belong to them.
    fn whole_letters(&self, bands: &[Range<usize>]) -> Vec<Range<usize>> {
        let is_thin = |band: &Range<usize>| (band.len() as f32) < THIN * self.em;
        let mut whole: Vec<Range<usize>> = Vec::new();
        for band in bands {
            if let Some(last) = whole.last_mut()
                && (is_thin(last) || is_thin(band))
                && ((band.start - last.end) as f32) < WITHIN * self.em
                && ((band.end - last.start) as f32) < TALL * self.em
            {
                last.end = band.end;
                continue;
            }
            whole.push(band.clone());
        }
        whole
    }

    /// Returns true if ink is neither dirt nor a picture.
    fn is_type(&self, area: &PixelArea) -> bool {
        let ink: usize = self.rows(area).iter().sum();
        let (high, dense) = PICTURE;
        let is_picture = area.y.len() as f32 > high * self.em
            && ink as f32 > dense * (area.x.len() * area.y.len()) as f32;
        !is_picture && !self.is_sparse(&area.y, ink)
    }

    /// `line` in as many pieces as it takes for each to be at most `room` pixels of the sheet wide, as far as there
    /// are spaces; wide gaps are made narrow.
    pub(super) fn pieces(&self, line: &InkLine, room: f32) -> Vec<Vec<InkSpan>> {
        let columns = self.columns(&line.area);
        let ink: Vec<Range<usize>> = runs(&columns).collect();
        let (most, left) = (WIDE.0 * line.em, WIDE.1 * line.em);
        // Where each run goes if the line were one row.
        let mut at = Vec::new();
        let mut x = 0.0;
        for (index, run) in ink.iter().enumerate() {
            let white = match index {
                0 => 0.0,
                _ => (run.start - ink[index - 1].end) as f32,
            };
            x += if white > most { left } else { white };
            at.push(x);
            x += run.len() as f32;
        }
        let mut pieces = Vec::new();
        let mut first = 0;
        for end in cuts(&ink, &at, x, room, line.em) {
            pieces.push(self.stretches(line, &ink[first..end], &at[first..end], most));
            first = end;
        }
        pieces
    }

    /// Runs of ink with what white is kept between them.
    fn stretches(
        &self,
        line: &InkLine,
        ink: &[Range<usize>],
        at: &[f32],
        most: f32,
    ) -> Vec<InkSpan> {
        let mut stretches: Vec<InkSpan> = Vec::new();
        for (run, x) in ink.iter().zip(at) {
            let x_of = line.area.x.start + run.start..line.area.x.start + run.end;
            match stretches.last_mut() {
                Some(last) if (x_of.start - last.x.end) as f32 <= most => last.x.end = x_of.end,
                _ => stretches.push(InkSpan {
                    x: x_of,
                    at: x - at[0],
                }),
            }
        }
        stretches
    }
}

/// Numbers of runs of ink before which the pieces end, for a line of `width` with run n at `at[n]`.
fn cuts(ink: &[Range<usize>], at: &[f32], width: f32, room: f32, em: f32) -> Vec<usize> {
    let pieces = if width <= room {
        1
    } else {
        (width / (FILL * room)).ceil() as usize
    };
    let share = width / pieces as f32;
    let white = |n: usize| at[n] - at[n - 1] - ink[n - 1].len() as f32;
    let mut ends = Vec::new();
    for piece in 1..pieces {
        let wanted = share * piece as f32;
        let from = ends.last().map_or(1, |end| end + 1);
        let off = |n: usize| (at[n] - white(n) / 2.0 - wanted).abs() / share;
        let worth = |n: &usize| (white(*n) / em).min(BEST_SPACE) - off(*n);
        let spaces = (from..ink.len()).filter(|&n| white(n) >= SPACE * em && off(n) <= REACH);
        ends.extend(spaces.max_by(|a, b| worth(a).total_cmp(&worth(b))));
    }
    ends.push(ink.len());
    ends
}

/// Which lines a paragraph begins with, by the white above or at their start.
fn paragraphs(lines: &[PixelArea], em: f32) -> Vec<bool> {
    let left = lines.iter().map(|line| line.x.start).min().unwrap_or(0);
    let above = |n: usize| lines[n].y.start.saturating_sub(lines[n - 1].y.end);
    let mut gaps: Vec<usize> = (1..lines.len()).map(above).collect();
    gaps.sort_unstable();
    let usual = gaps.get(gaps.len() / 2).copied().unwrap_or(0) as f32;
    let indent = |n: usize| (lines[n].x.start - left) as f32 / em;
    let is_flush = |n: usize| n >= lines.len() || indent(n) < INDENT.start;
    (0..lines.len())
        .map(|n| {
            n == 0
                || above(n) as f32 > usual + ABOVE * em
                || (INDENT.contains(&indent(n)) && is_flush(n - 1) && is_flush(n + 1))
        })
        .collect()
}
