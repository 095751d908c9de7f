//! Text lines of a block of ink, and their segments, each short enough for a row of an input image.

use std::ops::Range;

use super::ink_map::{InkMap, PixelArea, THIN, nonzero_runs};

/// Height of a line with ascenders and descenders, as a share of its em.
const HEIGHT_OF_EM: f32 = 0.93;
/// Height of a line that may lack one of them, as a share of its em.
const MIN_OF_EM: f32 = 0.8;
/// Length in ems from which a line is taken to have both.
const LONG: f32 = 10.0;
/// Height in ems above which a line is several that touch, or a picture.
const TALL: f32 = 1.55;
/// Factor of the usual em up to which a short line's height counts as usual.
const USUAL_HEIGHT: f32 = 1.1;
/// Expected place of the foot of one of several touching lines, in ems from its top.
const FOOT: f32 = 1.2;
/// Range in which it is searched, in ems from its top: from the first to before the last.
const FIRST_FOOT: f32 = 0.7;
const LAST_FOOT: f32 = 1.9;
/// Maximum ink of the row at which touching lines are split, as a share of the mean row.
const TOUCHING: f32 = 0.45;
/// Maximum white between parts of a letter, in ems.
const WITHIN: f32 = 0.25;
/// Minimum height of a picture in ems.
const PICTURE_HEIGHT: f32 = 2.5;
/// Minimum share of a picture's area that is ink.
const PICTURE_INK: f32 = 0.45;
/// Maximum white within a line that is kept, in ems.
const MAX_WHITE: f32 = 1.5;
/// White that replaces more than [`MAX_WHITE`], in ems.
const CUT_WHITE: f32 = 1.0;
/// Minimum white between words, in ems.
const SPACE: f32 = 0.12;
/// White between words in ems above which all gaps are equally good to cut at.
const BEST_SPACE: f32 = 0.6;
/// Share of a row that segments should fill, so that there is a choice of gaps.
const FILL: f32 = 0.92;
/// Maximum distance of a cut from its ideal position, as a share of a segment.
const REACH: f32 = 0.25;
/// Indent of a paragraph's first line, in ems.
const INDENT: Range<f32> = 0.7..4.5;
/// Extra white above a paragraph, in ems, beyond the usual line gap.
const ABOVE: f32 = 0.4;

/// A text line of a block.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InkLine {
    /// The area of its ink.
    pub(super) area: PixelArea,
    /// Em of its type in pixels of the ink map.
    pub(super) em: f32,
    /// True if it begins a paragraph.
    pub(super) starts_paragraph: bool,
}

/// Adjacent ink of a line and its position in a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct InkSpan {
    /// Columns of the ink map.
    pub(super) x: Range<usize>,
    /// Offset from the row's start in pixels of the ink map.
    pub(super) at: f32,
}

impl InkMap {
    /// The text lines of `block`, which is a single column, from top to bottom, without pictures.
    pub(super) fn lines(&self, block: &PixelArea) -> Vec<InkLine> {
        let Some(content) = self.content(block) else {
            return Vec::new();
        };
        let rows = self.rows(&content);
        let bands: Vec<Range<usize>> = nonzero_runs(&rows)
            .flat_map(|band| self.split(&rows, band))
            .collect();
        let mut areas = Vec::new();
        for band in self.merge_diacritics(&bands) {
            let y = content.y.start + band.start..content.y.start + band.end;
            let x = content.x.clone();
            areas.extend(
                self.content(&PixelArea { x, y })
                    .filter(|area| self.is_text(area)),
            );
        }
        let mut heights: Vec<f32> = areas
            .iter()
            .filter(|area| area.x.len() as f32 >= LONG * self.em)
            .map(|area| area.y.len() as f32 / HEIGHT_OF_EM)
            .collect();
        heights.sort_by(f32::total_cmp);
        let usual = heights.get(heights.len() / 2).copied().unwrap_or(self.em);
        let starts_paragraph = paragraph_starts(&areas, usual);
        let line = |(area, starts_paragraph): (PixelArea, bool)| {
            let height = area.y.len() as f32;
            let is_long = area.x.len() as f32 >= LONG * usual;
            let em = match is_long {
                true => (height / HEIGHT_OF_EM).max(MIN_OF_EM * usual),
                false => (height / MIN_OF_EM).max(usual),
            };
            // A short line has the usual em, unless it is too high for that.
            let is_usual = !is_long && height <= USUAL_HEIGHT * usual;
            let em = if is_usual { usual } else { em };
            InkLine {
                area,
                em,
                starts_paragraph,
            }
        };
        areas.into_iter().zip(starts_paragraph).map(line).collect()
    }

    /// Splits a band of `rows` with ink into lines, which may touch.
    fn split(&self, rows: &[usize], band: Range<usize>) -> Vec<Range<usize>> {
        let ink = &rows[band.clone()];
        let usual = ink.iter().sum::<usize>() as f32 / ink.len().max(1) as f32;
        let pixels = |ems: f32| (ems * self.em).round() as usize;
        let mut lines = Vec::new();
        let mut start = band.start;
        while (band.end - start) as f32 > TALL * self.em {
            let first = start + pixels(FIRST_FOOT);
            let end = (start + pixels(LAST_FOOT)).min(band.end.saturating_sub(pixels(FIRST_FOOT)));
            let expected = start + pixels(FOOT);
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

    /// Joins bands with the dots, accents and underlines that belong to them.
    fn merge_diacritics(&self, bands: &[Range<usize>]) -> Vec<Range<usize>> {
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

    /// Returns true if the ink is neither noise nor a picture.
    fn is_text(&self, area: &PixelArea) -> bool {
        let ink: usize = self.rows(area).iter().sum();
        let is_picture = area.y.len() as f32 > PICTURE_HEIGHT * self.em
            && ink as f32 > PICTURE_INK * (area.x.len() * area.y.len()) as f32;
        !is_picture && !self.is_sparse(&area.y, ink)
    }

    /// Cuts `line` into segments of at most `room` pixels of the ink map, as far as it has gaps to
    /// cut at; wide gaps are narrowed.
    pub(super) fn segments(&self, line: &InkLine, room: f32) -> Vec<Vec<InkSpan>> {
        let columns = self.columns(&line.area);
        let ink: Vec<Range<usize>> = nonzero_runs(&columns).collect();
        let (most, left) = (MAX_WHITE * line.em, CUT_WHITE * line.em);
        // Positions of the runs if the line were one row.
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
        let mut segments = Vec::new();
        let mut first = 0;
        for end in cut_positions(&ink, &at, x, room, line.em) {
            segments.push(self.spans(line, &ink[first..end], &at[first..end], most));
            first = end;
        }
        segments
    }

    /// Joins runs of ink that are separated by white that is kept.
    fn spans(&self, line: &InkLine, ink: &[Range<usize>], at: &[f32], most: f32) -> Vec<InkSpan> {
        let mut spans: Vec<InkSpan> = Vec::new();
        for (run, x) in ink.iter().zip(at) {
            let x_of = line.area.x.start + run.start..line.area.x.start + run.end;
            match spans.last_mut() {
                Some(last) if (x_of.start - last.x.end) as f32 <= most => last.x.end = x_of.end,
                _ => spans.push(InkSpan {
                    x: x_of,
                    at: x - at[0],
                }),
            }
        }
        spans
    }
}

/// Indexes of the runs of ink before which segments end, for a line of `width` with run n at
/// `at[n]`.
fn cut_positions(ink: &[Range<usize>], at: &[f32], width: f32, room: f32, em: f32) -> Vec<usize> {
    let segments = if width <= room {
        1
    } else {
        (width / (FILL * room)).ceil() as usize
    };
    let share = width / segments as f32;
    let white = |n: usize| at[n] - at[n - 1] - ink[n - 1].len() as f32;
    let mut ends = Vec::new();
    for segment in 1..segments {
        let wanted = share * segment as f32;
        let from = ends.last().map_or(1, |end| end + 1);
        let off = |n: usize| (at[n] - white(n) / 2.0 - wanted).abs() / share;
        let worth = |n: &usize| (white(*n) / em).min(BEST_SPACE) - off(*n);
        let spaces = (from..ink.len()).filter(|&n| white(n) >= SPACE * em && off(n) <= REACH);
        ends.extend(spaces.max_by(|a, b| worth(a).total_cmp(&worth(b))));
    }
    ends.push(ink.len());
    ends
}

/// True for each line that begins a paragraph, by the white above it or by its indent.
fn paragraph_starts(lines: &[PixelArea], em: f32) -> Vec<bool> {
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
