//! Ink map of a page: its ink scaled down, without what is no text, such as specks, ruled lines and
//! scanner borders.
//!
//! A skewed page is straightened by shifting its columns vertically. Ink is what differs from the
//! background around it (see [`super::density`]), whatever the background's luma.

use std::ops::Range;

use super::density::{erase_horizontal_runs, erase_vertical_runs, scaled_ink, vertical_runs};
use crate::image::{
    PageImage,
    skew::{skew_offset, slope_of_ink},
};

/// Em in points of pages whose type cannot be measured.
const USUAL_POINTS: f32 = 11.0;
/// Maximum run of ink in pixels of the map (an inch and a half); longer ones are ruled lines or
/// borders.
const LONGEST_STROKE: usize = 150;
/// Dark neighbors, of eight, that a dark pixel must have more than, unless it is a speck.
const MIN_NEIGHBORS: u8 = 2;
/// Minimum ink of a run of columns or rows in square ems: a digit has twice as much, less is noise.
const NOISE: f32 = 0.08;
/// Minimum ink per column or row of a run; less is noise.
const SPARSE: f32 = 1.2;
/// Minimum height of a letter in ems.
pub(super) const THIN: f32 = 0.3;
/// Maximum width of a scanner's border at the edge of the page, in pixels of the map.
const BORDER: usize = 35;
/// Maximum distance of a border from the edge, in pixels of the map.
const EDGE: usize = 3;
/// Minimum share of the page's height that a border's ragged side covers; a column of numbers
/// covers less.
const RAGGED: f32 = 0.4;

/// A rectangle in pixels of the map.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PixelArea {
    pub(super) x: Range<usize>,
    pub(super) y: Range<usize>,
}

/// The ink of a page, scaled down and deskewed.
pub(super) struct InkMap {
    /// 1 for each pixel of ink that may be text, else 0.
    pub(super) text: Vec<u8>,
    /// The same with horizontal rulings, which separate the text above from the text below.
    pub(super) ruled: Vec<u8>,
    pub(super) width: usize,
    pub(super) height: usize,
    /// Side in page pixels of one of the map's.
    pub(super) factor: usize,
    /// Width and height of the page.
    pub(super) page: (u32, u32),
    /// Em of the page's type in pixels of the map.
    pub(super) em: f32,
    /// Skew of the page: vertical pixels for each pixel to the right. The map itself is deskewed.
    pub(super) slope: f32,
}

impl InkMap {
    /// The ink of `page`, whose type has an em of `em` pixels, if known; `None` if its buffer is
    /// too short.
    pub(super) fn of(page: &PageImage, em: Option<f32>) -> Option<Self> {
        let (ink, factor) = scaled_ink(page)?;
        let width = ink.width;
        let mut ruled = without_specks(&ink.pixels, width);
        let slope = slope_of_ink(&ruled, width);
        if slope != 0.0 {
            ruled = deskewed(&ruled, width, slope);
        }
        let tall = vertical_runs(&ruled, width, LONGEST_STROKE);
        let mut text = ruled.clone();
        erase_horizontal_runs(&mut text, width, LONGEST_STROKE);
        erase_vertical_runs(&mut text, width, &tall);
        erase_vertical_runs(&mut ruled, width, &tall);
        let usual = USUAL_POINTS / 72.0 * page.dpi.clamp(72.0, 400.0);
        let mut ink_map = Self {
            height: text.len() / width,
            text,
            ruled,
            width,
            factor,
            page: (page.width, page.height),
            em: (em.unwrap_or(usual) / factor as f32).max(2.0),
            slope,
        };
        ink_map.trim();
        Some(ink_map)
    }

    /// The whole map.
    pub(super) fn whole(&self) -> PixelArea {
        PixelArea {
            x: 0..self.width,
            y: 0..self.height,
        }
    }

    /// Erases scanner borders and noise at the edges.
    fn trim(&mut self) {
        let mut kept = self.whole();
        // Rows first, because a line along an edge joins all columns; then again, without the
        // columns that were erased.
        for _ in 0..2 {
            let rows = without_noise(&self.rows(&kept), |run, ink| {
                (run.len() as f32) < THIN * self.em || self.is_sparse(run, ink)
            });
            kept.y = kept.y.start + rows.start..kept.y.start + rows.end;
            kept.x = 0..self.width;
            kept.x = without_noise(&self.columns(&kept), |run, ink| {
                self.is_border(run, &kept.y) || self.is_sparse(run, ink)
            });
        }
        for (y, row) in self.text.chunks_exact_mut(self.width).enumerate() {
            if kept.y.contains(&y) {
                row[..kept.x.start].fill(0);
                row[kept.x.end..].fill(0);
            } else {
                row.fill(0);
            }
        }
    }

    /// Returns true if a run of rows or columns has less ink than a letter.
    pub(super) fn is_sparse(&self, run: &Range<usize>, ink: usize) -> bool {
        let ink = ink as f32;
        ink < NOISE * self.em * self.em || ink < SPARSE * run.len() as f32
    }

    /// Returns true if the columns `x` are what a scanner saw beside the page: at its very edge, or
    /// beside a bar along the edge that was erased as a ruled line and left its ragged side.
    fn is_border(&self, x: &Range<usize>, y: &Range<usize>) -> bool {
        let from_edge = (x.start).min(self.width - x.end);
        let (x, y) = (x.clone(), y.clone());
        from_edge + x.len() <= BORDER && {
            let inked = self.rows(&PixelArea { x, y: y.clone() });
            let inked = inked.iter().filter(|&&ink| ink > 0).count();
            from_edge <= EDGE || inked as f32 >= RAGGED * y.len() as f32
        }
    }

    /// Ink of each row of `area`.
    pub(super) fn rows(&self, area: &PixelArea) -> Vec<usize> {
        area.y
            .clone()
            .map(|y| ink_count(&self.text[y * self.width..][area.x.clone()]))
            .collect()
    }

    /// Ink of each column of `area`.
    pub(super) fn columns(&self, area: &PixelArea) -> Vec<usize> {
        let mut columns = vec![0; area.x.len()];
        for y in area.y.clone() {
            let row = &self.text[y * self.width..][area.x.clone()];
            for (column, &dark) in columns.iter_mut().zip(row) {
                *column += usize::from(dark);
            }
        }
        columns
    }

    /// The bounding box of the ink in `area`, if it has any.
    pub(super) fn content(&self, area: &PixelArea) -> Option<PixelArea> {
        let extent = |profile: &[usize], from: usize| {
            let first = profile.iter().position(|&ink| ink > 0)?;
            let last = profile.iter().rposition(|&ink| ink > 0)?;
            Some(from + first..from + last + 1)
        };
        Some(PixelArea {
            x: extent(&self.columns(area), area.x.start)?,
            y: extent(&self.rows(area), area.y.start)?,
        })
    }

    /// Runs of rows of `area` with ink: its lines, unless the page is skewed.
    pub(super) fn bands(&self, area: &PixelArea) -> Vec<Range<usize>> {
        let rows = self.rows(area);
        nonzero_runs(&rows)
            .map(|run| area.y.start + run.start..area.y.start + run.end)
            .collect()
    }

    /// Columns of `line` with ink, spaces between words included.
    pub(super) fn covered(&self, line: &PixelArea) -> usize {
        let columns = self.columns(line);
        let mut covered = 0;
        let mut end = None;
        for run in nonzero_runs(&columns) {
            let space = end.map_or(0, |end| run.start - end);
            covered += run.len() + if (space as f32) < self.em { space } else { 0 };
            end = Some(run.end);
        }
        covered
    }
}

/// Shifts each column of `ink` so that lines of that slope are level.
fn deskewed(ink: &[u8], width: usize, slope: f32) -> Vec<u8> {
    let mut straight = vec![0; ink.len()];
    for x in 0..width {
        let shift = skew_offset(slope, x as f32, width) * width as isize;
        for at in (x..ink.len()).step_by(width) {
            let from = at.checked_add_signed(shift);
            straight[at] = from.and_then(|from| ink.get(from)).copied().unwrap_or(0);
        }
    }
    straight
}

/// The ink with enough dark neighbors.
fn without_specks(ink: &[u8], width: usize) -> Vec<u8> {
    let height = ink.len() / width;
    let mut kept = vec![0; ink.len()];
    for y in 0..height {
        for x in (0..width).filter(|x| ink[y * width + x] != 0) {
            let across = x.saturating_sub(1)..(x + 2).min(width);
            let around = (y.saturating_sub(1)..(y + 2).min(height))
                .map(|y| ink[y * width..][across.clone()].iter().sum::<u8>())
                .sum::<u8>();
            kept[y * width + x] = u8::from(around > MIN_NEIGHBORS);
        }
    }
    kept
}

/// The range of `profile` with ink, without runs of noise at either end. `is_noise` gets a run and
/// its ink.
fn without_noise(
    profile: &[usize],
    is_noise: impl Fn(&Range<usize>, usize) -> bool,
) -> Range<usize> {
    let is_type = |run: &Range<usize>| !is_noise(run, profile[run.clone()].iter().sum());
    let inked: Vec<Range<usize>> = nonzero_runs(profile).collect();
    let first = inked.iter().position(is_type);
    let last = inked.iter().rposition(is_type);
    first
        .zip(last)
        .map_or(0..0, |(first, last)| inked[first].start..inked[last].end)
}

/// Runs of `profile` that are not zero.
pub(super) fn nonzero_runs(profile: &[usize]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    profile
        .split_inclusive(|&ink| ink == 0)
        .map(move |part| {
            let run = at..at + part.iter().filter(|&&ink| ink > 0).count();
            at += part.len();
            run
        })
        .filter(|run| !run.is_empty())
}

fn ink_count(ink: &[u8]) -> usize {
    ink.iter().map(|&dark| usize::from(dark)).sum()
}
