//! [`InkMap`]: a page's ink, scaled down, without what is no type: specks, ruled lines, scanners' borders.
//!
//! A skewed page is straightened by moving its columns up and down. What is ink is said by [`super::look`]: what differs from the paper around it, whatever the paper's tone.

use std::ops::Range;

use super::look::{GrayPage, erase_across, erase_tall, tall_runs};
use crate::image::PageImage;

/// Em of pages that show no type, in points.
const USUAL_POINTS: f32 = 11.0;
/// Runs of ink longer than this, in pixels of the sheet (an inch and a half), are ruled lines or borders.
const LONGEST_STROKE: usize = 150;
/// Neighbors, of eight, without which a dark pixel is a speck.
const NEIGHBOURS: u8 = 2;
/// Ink of a run of columns or rows below which it is dirt, in square ems: a digit has twice as much.
const DIRT: f32 = 0.08;
/// Ink in each column or row of a run below which it is dirt.
const SPARSE: f32 = 1.2;
/// Ems that no letter is lower than.
pub(super) const THIN: f32 = 0.3;
/// Columns of ink at the very edge of the page that are no wider, in pixels of the sheet, are a scanner's border.
const BORDER: usize = 35;
/// Largest distance from that edge at which they begin.
const EDGE: usize = 3;
/// Share of the page's height that a border's ragged side goes down, and a column of numbers does not.
const RAGGED: f32 = 0.4;

/// Width in pixels of the columns in which ink is counted to find how lines slope.
const STRIP: usize = 24;
/// Steepest slope that is looked for, 3.4 degrees, and steps of the search: first wide, then narrow.
const STEEPEST: i32 = 60;
const SLOPE: f32 = 0.001;
const WIDE_STEP: i32 = 4;
/// Factor by which lines must be sharper for a page to count as skewed.
const SHARPER: f32 = 1.02;

/// A part of the sheet, in its pixels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PixelArea {
    pub(super) x: Range<usize>,
    pub(super) y: Range<usize>,
}

/// A page's ink, scaled down.
pub(super) struct InkMap {
    /// 1 for each pixel of ink that may be type, else 0.
    pub(super) text: Vec<u8>,
    /// The same with ruled lines across, which keep what is above them from what is below.
    pub(super) ruled: Vec<u8>,
    pub(super) width: usize,
    pub(super) height: usize,
    /// The page's pixels along a side of one of these.
    pub(super) factor: usize,
    /// The page's width and height.
    pub(super) page: (u32, u32),
    /// Em of the page's type, in pixels of the sheet.
    pub(super) em: f32,
    /// Slope of the page's lines, in pixels down for each to the right; the map's are straight.
    pub(super) slope: f32,
}

impl InkMap {
    /// The ink of `page`, whose type has an em of `em` pixels if it has any; none if it has fewer pixels than
    /// its size says.
    pub(super) fn of(page: &PageImage, em: Option<f32>) -> Option<Self> {
        let (grey, factor) = GrayPage::of(page)?;
        let width = grey.width;
        let mut ruled = without_specks(&grey.ink(), width);
        let slope = slope(&ruled, width);
        if slope != 0.0 {
            ruled = straightened(&ruled, width, slope);
        }
        let tall = tall_runs(&ruled, width, LONGEST_STROKE);
        let mut text = ruled.clone();
        erase_across(&mut text, width, LONGEST_STROKE);
        erase_tall(&mut text, width, &tall);
        erase_tall(&mut ruled, width, &tall);
        let usual = USUAL_POINTS / 72.0 * page.dpi.clamp(72.0, 400.0);
        let mut sheet = Self {
            height: text.len() / width,
            text,
            ruled,
            width,
            factor,
            page: (page.width, page.height),
            em: (em.unwrap_or(usual) / factor as f32).max(2.0),
            slope,
        };
        sheet.trim();
        Some(sheet)
    }

    /// All of it.
    pub(super) fn whole(&self) -> PixelArea {
        PixelArea {
            x: 0..self.width,
            y: 0..self.height,
        }
    }

    /// Takes out scanner borders and dirt at the edges.
    fn trim(&mut self) {
        let mut kept = self.whole();
        // Rows first, as a line along an edge joins all columns, and again without what lies beside the columns.
        for _ in 0..2 {
            let rows = without_dirt(&self.rows(&kept), |run, ink| {
                (run.len() as f32) < THIN * self.em || self.is_sparse(run, ink)
            });
            kept.y = kept.y.start + rows.start..kept.y.start + rows.end;
            kept.x = 0..self.width;
            kept.x = without_dirt(&self.columns(&kept), |run, ink| {
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
        ink < DIRT * self.em * self.em || ink < SPARSE * run.len() as f32
    }

    /// Returns true if the columns `x` are what a scanner saw beside the page: at its very edge, or beside a bar along the
    /// edge that was taken out as a ruled line, which leaves its ragged side.
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
            .map(|y| sum(&self.text[y * self.width..][area.x.clone()]))
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

    /// The part of `area` that has ink.
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

    /// Rows of `area` that have ink, in runs with white between them: lines, if the page is not skewed.
    pub(super) fn bands(&self, area: &PixelArea) -> Vec<Range<usize>> {
        let rows = self.rows(area);
        runs(&rows)
            .map(|run| area.y.start + run.start..area.y.start + run.end)
            .collect()
    }

    /// Columns of `line` that ink covers, spaces between words included.
    pub(super) fn covered(&self, line: &PixelArea) -> usize {
        let columns = self.columns(line);
        let mut covered = 0;
        let mut end = None;
        for run in runs(&columns) {
            let space = end.map_or(0, |end| run.start - end);
            covered += run.len() + if (space as f32) < self.em { space } else { 0 };
            end = Some(run.end);
        }
        covered
    }
}

/// The slope of the lines of `ink`, at which rows differ most in the amount of ink; 0 if that is no
/// sharper than as it is.
fn slope(ink: &[u8], width: usize) -> f32 {
    let height = ink.len() / width;
    let strips: Vec<Vec<u32>> = (0..width)
        .step_by(STRIP)
        .map(|left| {
            let x = left..(left + STRIP).min(width);
            let rows = ink.chunks_exact(width);
            rows.map(|row| sum(&row[x.clone()]) as u32).collect()
        })
        .collect();
    let sharpness = |step: i32| {
        let mut rows = vec![0u32; height];
        for (index, strip) in strips.iter().enumerate() {
            let x = (index * STRIP + STRIP / 2) as f32;
            let shift = down(step as f32 * SLOPE, x, width);
            let (to, from) = ((-shift).max(0) as usize, shift.max(0) as usize);
            let rows = rows.iter_mut().skip(to);
            rows.zip(strip.iter().skip(from))
                .for_each(|(row, ink)| *row += ink);
        }
        rows.iter().map(|&ink| f64::from(ink).powi(2)).sum::<f64>()
    };
    let best = |steps: &mut dyn Iterator<Item = i32>| {
        let with = steps.map(|step| (step, sharpness(step)));
        with.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0))
    };
    let (near, _) = best(&mut (-STEEPEST..=STEEPEST).step_by(WIDE_STEP as usize));
    let (found, sharp) = best(&mut (near - WIDE_STEP + 1..near + WIDE_STEP));
    match sharp > sharpness(0) * f64::from(SHARPER) {
        true => found as f32 * SLOPE,
        false => 0.0,
    }
}

/// Pixels by which a line of that slope is lower at column `x` than in the middle.
pub(in crate::engine::got) fn down(slope: f32, x: f32, width: usize) -> isize {
    (slope * (x - width as f32 / 2.0)).round() as isize
}

/// `ink` with each column moved so that lines of that slope are straight.
fn straightened(ink: &[u8], width: usize, slope: f32) -> Vec<u8> {
    let mut straight = vec![0; ink.len()];
    for x in 0..width {
        let shift = down(slope, x as f32, width) * width as isize;
        for at in (x..ink.len()).step_by(width) {
            let from = at.checked_add_signed(shift);
            straight[at] = from.and_then(|from| ink.get(from)).copied().unwrap_or(0);
        }
    }
    straight
}

/// The ink that has enough neighbors.
fn without_specks(ink: &[u8], width: usize) -> Vec<u8> {
    let height = ink.len() / width;
    let mut kept = vec![0; ink.len()];
    for y in 0..height {
        for x in (0..width).filter(|x| ink[y * width + x] != 0) {
            let across = x.saturating_sub(1)..(x + 2).min(width);
            let around = (y.saturating_sub(1)..(y + 2).min(height))
                .map(|y| ink[y * width..][across.clone()].iter().sum::<u8>())
                .sum::<u8>();
            kept[y * width + x] = u8::from(around > NEIGHBOURS);
        }
    }
    kept
}

/// The range in which `profile` has ink, without runs at either end that are noise, given their place and their ink.
fn without_dirt(profile: &[usize], is_dirt: impl Fn(&Range<usize>, usize) -> bool) -> Range<usize> {
    let is_type = |run: &Range<usize>| !is_dirt(run, profile[run.clone()].iter().sum());
    let inked: Vec<Range<usize>> = runs(profile).collect();
    let first = inked.iter().position(is_type);
    let last = inked.iter().rposition(is_type);
    first
        .zip(last)
        .map_or(0..0, |(first, last)| inked[first].start..inked[last].end)
}

/// Runs of `profile` that are not nought.
pub(super) fn runs(profile: &[usize]) -> impl Iterator<Item = Range<usize>> {
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

fn sum(ink: &[u8]) -> usize {
    ink.iter().map(|&dark| usize::from(dark)).sum()
}
