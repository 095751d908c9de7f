//! Text density of a page: how much text it seems to have and how small it is, without reading it.
//!
//! The page is scaled down to about 100 dpi, ink is told from its surroundings, ruled lines are
//! erased, and the rest is cut into narrow vertical strips, so that columns and skewed lines do not
//! run into each other. A run of rows with ink in a strip is a piece of a text line.

use crate::image::{PageImage, background::BackgroundGrid, binary::BinaryImage, luma::LumaPlane};

/// Resolution of the estimate in dots per inch: small type is still separate from the line above.
const DPI: f32 = 100.0;
/// Minimum longer side of the scaled page in pixels, whatever resolution the page claims, because
/// image files often have a wrong one.
const MIN_SIDE: u32 = 1_000;
/// Maximum longer side of the scaled page in pixels.
const MAX_SIDE: u32 = 5_000;
/// Side in pixels of the cells whose median luma is taken as the background.
const CELL: usize = 32;
/// Minimum contrast of ink and background in luma of 0 to 255: thin strokes fade when scaled down.
const CONTRAST: u8 = 40;
/// Maximum run of ink in pixels; longer ones are ruled lines, bars or pictures.
const LONGEST_STROKE: usize = 60;
/// Width of a strip in pixels: some letters of small type, and narrow enough that a line skewed by
/// two degrees stays in one piece.
const STRIP: usize = 64;
/// Heights of a piece of a line in pixels: from 4 points to a headline.
const HEIGHTS: std::ops::RangeInclusive<usize> = 3..=50;
/// Maximum share of ink in a piece; pictures have more.
const MAX_INK: f32 = 0.65;
/// Inked columns per character, as a share of the height of its piece (measured on 175 pages of
/// typed and scanned text).
const CHARACTER_WIDTH: f32 = 0.465;
/// Height of type from the top of its ascenders to the foot of its descenders, as a share of its
/// em.
const PIECE_OF_EM: f32 = 0.9;
/// Characters per token: English prose has 4, tables and formulas 3 or fewer.
const CHARACTERS_PER_TOKEN: f32 = 3.5;
/// Share of the text that must be as small as the type that counts as the smaller one, so that
/// footnotes alone do not.
const SMALL_SHARE: f32 = 0.3;

/// Estimated text of a page.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct DensityEstimate {
    /// Share of the page that is ink, without pictures and ruled lines, 0 to 1.
    pub(super) ink: f32,
    /// Text lines one below the other in the fullest strip.
    pub(super) lines: usize,
    /// Em of the smaller type in pixels of the page; `None` if there is no text.
    pub(super) em: Option<f32>,
    /// Estimated tokens of the text; within 40 % on most pages.
    pub(super) tokens: usize,
}

impl DensityEstimate {
    /// Estimates the text of `page`, which counts as empty if its buffer is too short.
    pub(super) fn of(page: &PageImage) -> Self {
        let Some((ink, factor)) = scaled_ink(page) else {
            return Self::default();
        };
        let (mut ink, width) = (ink.pixels, ink.width);
        erase_long_runs(&mut ink, width);
        let mut pieces = Vec::new();
        let mut lines = 0;
        for left in (0..width).step_by(STRIP) {
            let before = pieces.len();
            find_pieces(&ink, width, left, &mut pieces);
            lines = lines.max(pieces.len() - before);
        }
        let characters: f32 = pieces
            .iter()
            .map(|piece| piece.columns as f32 / (CHARACTER_WIDTH * piece.height as f32))
            .sum();
        Self {
            ink: pieces.iter().map(|piece| piece.ink).sum::<usize>() as f32 / ink.len() as f32,
            lines,
            em: small_text_height(&mut pieces).map(|height| height / PIECE_OF_EM * factor as f32),
            tokens: (characters / CHARACTERS_PER_TOKEN) as usize,
        }
    }
}

/// The ink of the page, scaled down by averaging squares of pixels, and the squares' side; `None` if
/// the page's buffer is too short.
pub(super) fn scaled_ink(page: &PageImage) -> Option<(BinaryImage, usize)> {
    let longest = page.width.max(page.height);
    let by_dpi = (page.dpi / DPI) as u32;
    let factor = by_dpi
        .min(longest / MIN_SIDE)
        .max(longest.div_ceil(MAX_SIDE))
        .min(page.width.min(page.height))
        .max(1) as usize;
    let plane = LumaPlane::reduced(page, factor)?;
    let background = BackgroundGrid::of(&plane, CELL, 1);
    Some((
        BinaryImage::differing(&plane, &background, CONTRAST),
        factor,
    ))
}

/// Erases runs of ink that are longer than any letter's, horizontally and vertically.
fn erase_long_runs(ink: &mut [u8], width: usize) {
    let tall = vertical_runs(ink, width, LONGEST_STROKE);
    erase_horizontal_runs(ink, width, LONGEST_STROKE);
    erase_vertical_runs(ink, width, &tall);
}

/// Column, first row and end of each vertical run of ink longer than `longest`.
pub(super) fn vertical_runs(
    ink: &[u8],
    width: usize,
    longest: usize,
) -> Vec<(usize, usize, usize)> {
    let mut down = vec![0usize; width];
    let mut tall = Vec::new();
    let height = ink.len() / width;
    for y in 0..=height {
        for (x, run) in down.iter_mut().enumerate() {
            if y < height && ink[y * width + x] != 0 {
                *run += 1;
            } else {
                if *run > longest {
                    tall.push((x, y - *run, y));
                }
                *run = 0;
            }
        }
    }
    tall
}

/// Erases horizontal runs of ink longer than `longest`.
pub(super) fn erase_horizontal_runs(ink: &mut [u8], width: usize, longest: usize) {
    for row in ink.chunks_exact_mut(width) {
        for run in row.split_mut(|&dark| dark == 0) {
            if run.len() > longest {
                run.fill(0);
            }
        }
    }
}

/// Erases the runs that [`vertical_runs`] found.
pub(super) fn erase_vertical_runs(ink: &mut [u8], width: usize, tall: &[(usize, usize, usize)]) {
    for &(x, top, bottom) in tall {
        (top..bottom).for_each(|y| ink[y * width + x] = 0);
    }
}

/// A piece of a text line within one strip.
struct LinePiece {
    /// Rows from its highest to its lowest ink.
    height: usize,
    /// Columns with ink.
    columns: usize,
    /// Pixels of ink.
    ink: usize,
}

/// Finds the pieces of text lines in the strip that begins at column `left`.
fn find_pieces(ink: &[u8], width: usize, left: usize, pieces: &mut Vec<LinePiece>) {
    let right = (left + STRIP).min(width);
    let mut columns = [0u8; STRIP];
    let (mut height, mut count) = (0, 0);
    let blank = vec![0; width];
    for row in ink.chunks_exact(width).chain([blank.as_slice()]) {
        let row = &row[left..right];
        let dark = row.iter().map(|&dark| usize::from(dark)).sum::<usize>();
        if dark > 1 {
            height += 1;
            count += dark;
            columns.iter_mut().zip(row).for_each(|(c, dark)| *c |= dark);
            continue;
        }
        let inked = columns.iter().map(|&dark| usize::from(dark)).sum::<usize>();
        let is_text = HEIGHTS.contains(&height)
            && 2 * inked >= height
            && (count as f32) < MAX_INK * (height * inked) as f32;
        if is_text {
            pieces.push(LinePiece {
                height,
                columns: inked,
                ink: count,
            });
        }
        (height, count) = (0, 0);
        columns.fill(0);
    }
}

/// The height that [`SMALL_SHARE`] of the text, by width, does not exceed.
fn small_text_height(pieces: &mut [LinePiece]) -> Option<f32> {
    pieces.sort_by_key(|piece| piece.height);
    let columns: usize = pieces.iter().map(|piece| piece.columns).sum();
    let wanted = columns as f32 * SMALL_SHARE;
    let mut seen = 0;
    let found = pieces.iter().find(|piece| {
        seen += piece.columns;
        seen as f32 >= wanted
    });
    found.map(|piece| piece.height as f32)
}
