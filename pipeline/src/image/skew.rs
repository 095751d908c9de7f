//! Skew: by how much the lines of a page fall to the right, from the boxes of lines or from the
//! page's ink.

use crate::statistics::weighted_median;

/// Width in pixels of the columns in which ink is counted.
const STRIP_PX: usize = 24;
/// The steepest slope that is looked for, in steps of [`SLOPE_STEP`]: 3.4 degrees, more than a page
/// laid on a scanner.
const STEEPEST: i32 = 60;
/// The finest step of the search, in pixels down for each pixel to the right.
const SLOPE_STEP: f32 = 0.001;
/// Steps of the first search; the second one looks between two of them.
const WIDE_STEP: i32 = 4;
/// The factor by which lines must be sharper for a page to count as skewed. By hand.
const SHARPER: f64 = 1.02f32 as f64;

/// The skew of lines in degrees, positive if they fall to the right: the median of their angles,
/// weighted by length; 0 without lines. Each line is given by its angle in degrees and its length.
pub(crate) fn skew_of_lines(lines: impl Iterator<Item = (f32, f32)>) -> f32 {
    weighted_median(lines.collect()).unwrap_or(0.0)
}

/// The slope of the lines of `ink` (1 for a pixel of ink, else 0), in pixels down for each pixel to
/// the right: the one at which rows differ most in how much ink they have (a projection profile); 0
/// if that is hardly sharper than none.
pub(crate) fn slope_of_ink(ink: &[u8], width: usize) -> f32 {
    let height = ink.len() / width;
    let strips: Vec<Vec<u32>> = (0..width)
        .step_by(STRIP_PX)
        .map(|left| {
            let columns = left..(left + STRIP_PX).min(width);
            let rows = ink.chunks_exact(width);
            rows.map(|row| {
                row[columns.clone()]
                    .iter()
                    .map(|&dark| u32::from(dark))
                    .sum()
            })
            .collect()
        })
        .collect();
    let sharpness = |step: i32| {
        let mut rows = vec![0u32; height];
        for (index, strip) in strips.iter().enumerate() {
            let x = (index * STRIP_PX + STRIP_PX / 2) as f32;
            let shift = skew_offset(step as f32 * SLOPE_STEP, x, width);
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
    if sharp > sharpness(0) * SHARPER {
        found as f32 * SLOPE_STEP
    } else {
        0.0
    }
}

/// Pixels by which a line of that slope is lower at column `x` than in the middle of a page `width`
/// pixels wide.
pub(crate) fn skew_offset(slope: f32, x: f32, width: usize) -> isize {
    (slope * (x - width as f32 / 2.0)).round() as isize
}
