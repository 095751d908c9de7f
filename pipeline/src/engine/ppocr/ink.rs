//! Ink of a line, step by step, and how much of it the characters that were read stand for.
//!
//! The recognizer writes nothing where it knows no character: a line in a script that it was not
//! trained on reads as a few look-alikes with gaps, or as nothing at all, and these it may be sure
//! of. The ink in the gaps, and the doubt about the rest, are what tells such a line from one that
//! was read.

use super::{
    crop::LineInput,
    tuning::unread::{
        CELL_PX, LETTER_STEPS, MARGIN_CELLS, MIN_CONTRAST, MIN_SPAN_CELLS, SPECK_SHARE,
        SQUARE_STEPS,
    },
};
use crate::image::histogram::LumaHistogram;

/// The ink of a line, measured along it in line heights.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct LineInk {
    /// Length of what has ink.
    pub(super) length: f32,
    /// The part of it that no character stands for, each character counted as far as it is sure.
    pub(super) unread: f32,
}

impl LineInk {
    /// Adds ink of `length`, of which `unread` was not read.
    pub(super) fn add(&mut self, length: f32, unread: f32) {
        self.length += length;
        self.unread += unread;
    }

    /// The share of the ink that was not read, 0 to 1.
    pub(super) fn unread_share(&self) -> f32 {
        if self.length > 0.0 {
            self.unread / self.length
        } else {
            0.0
        }
    }
}

/// A character as it was read at a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct StepReading {
    /// Its probability, 0 to 1.
    pub(super) probability: f32,
    /// True if it is set in a square of one em.
    pub(super) is_square: bool,
}

/// The ink at one step, or at several in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct InkStep {
    /// Columns of cells with ink.
    columns: usize,
    /// Rows of cells that it spans: the first, and one after the last.
    rows: Option<(usize, usize)>,
}

/// The ink at each of the recognizer's steps.
pub(super) struct StepInk(Vec<InkStep>);

impl StepInk {
    /// The ink of `input`, at `steps` steps of equal width.
    pub(super) fn of(input: &LineInput, steps: usize) -> Self {
        let cells = Cells::of(input);
        let mut all = vec![InkStep::default(); steps];
        let Some(is_ink) = cells.ink_test() else {
            return Self(all);
        };
        let last_row = cells.rows.saturating_sub(MARGIN_CELLS);
        for column in 0..cells.columns {
            let at = column * CELL_PX * steps / input.tensor.width.max(1);
            let Some(step) = all.get_mut(at) else {
                break;
            };
            let inked = |row: &usize| is_ink(cells.luma[row * cells.columns + column]);
            let first = (MARGIN_CELLS..last_row).find(inked);
            let last = (MARGIN_CELLS..last_row).rev().find(inked);
            if let (Some(first), Some(last)) = (first, last) {
                step.columns += 1;
                step.rows = union(step.rows, Some((first, last + 1)));
            }
        }
        Self(all)
    }

    /// The line's ink, and how much of it these readings stand for, one for each step.
    pub(super) fn read_by(&self, readings: &[Option<StepReading>]) -> LineInk {
        let sure = sureness(readings);
        let mut columns = LineColumns::default();
        let mut gap: Option<InkStep> = None;
        for (step, &sure) in self.0.iter().zip(&sure) {
            if sure > 0.0 {
                columns.end_gap(gap.take());
                columns.all += step.columns as f32;
                columns.unread += step.columns as f32 * (1.0 - sure);
            } else {
                let open = gap.get_or_insert_default();
                open.columns += step.columns;
                open.rows = union(open.rows, step.rows);
            }
        }
        columns.end_gap(gap);
        let height = super::tuning::recognizer::LINE_HEIGHT_PX / CELL_PX;
        LineInk {
            length: columns.all / height as f32,
            unread: columns.unread / height as f32,
        }
    }
}

/// Columns of ink of a line.
#[derive(Default)]
struct LineColumns {
    all: f32,
    unread: f32,
}

impl LineColumns {
    /// Adds the steps in a row at which nothing was read, unless their ink is too low for letters.
    fn end_gap(&mut self, gap: Option<InkStep>) {
        let Some(InkStep {
            columns,
            rows: Some((first, end)),
        }) = gap
        else {
            return;
        };
        if end - first >= MIN_SPAN_CELLS {
            self.all += columns as f32;
            self.unread += columns as f32;
        }
    }
}

/// The sureness with which each step's ink was read: the best of the readings that stand for it.
fn sureness(readings: &[Option<StepReading>]) -> Vec<f32> {
    let mut sure = vec![0.0f32; readings.len()];
    for (at, reading) in readings.iter().enumerate() {
        let Some(reading) = reading else {
            continue;
        };
        let reach = if reading.is_square {
            SQUARE_STEPS
        } else {
            LETTER_STEPS
        };
        let end = (at + reach + 1).min(sure.len());
        for step in &mut sure[at.saturating_sub(reach)..end] {
            *step = step.max(reading.probability);
        }
    }
    sure
}

fn union(a: Option<(usize, usize)>, b: Option<(usize, usize)>) -> Option<(usize, usize)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, None) | (None, one) => one,
    }
}

/// A line's picture in cells of [`CELL_PX`] pixels a side.
struct Cells {
    columns: usize,
    rows: usize,
    /// Their mean luma, row by row.
    luma: Vec<u8>,
}

impl Cells {
    fn of(input: &LineInput) -> Self {
        let tensor = &input.tensor;
        let (columns, rows) = (input.content_px / CELL_PX, tensor.height / CELL_PX);
        let plane = tensor.width * tensor.height;
        let mut luma = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            for column in 0..columns {
                let mut sum = 0.0;
                for y in row * CELL_PX..(row + 1) * CELL_PX {
                    let start = y * tensor.width + column * CELL_PX;
                    for at in start..start + CELL_PX {
                        let channel = |n: usize| tensor.values[n * plane + at];
                        // The weights of Rec. 601.
                        sum += 0.299 * channel(0) + 0.587 * channel(1) + 0.114 * channel(2);
                    }
                }
                let mean = sum / (CELL_PX * CELL_PX) as f32;
                luma.push(((mean + 1.0) * 127.5) as u8);
            }
        }
        Self {
            columns,
            rows,
            luma,
        }
    }

    /// Tells ink from paper by luma: ink is nearer to the strongest ink than to the paper, which
    /// most of a line is. `None` if there is no ink.
    fn ink_test(&self) -> Option<impl Fn(u8) -> bool + use<>> {
        let paper = LumaHistogram::<256>::of(self.luma.iter().copied()).median()?;
        let contrasts = LumaHistogram::<256>::of(self.luma.iter().map(|l| l.abs_diff(paper)));
        let strongest = (self.luma.len() as f32 * (1.0 - SPECK_SHARE)) as u32;
        let contrast = contrasts.rank(strongest)?;
        (contrast >= MIN_CONTRAST).then_some(move |luma: u8| luma.abs_diff(paper) > contrast / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ppocr::runtime::InputTensor;

    /// A line of black bars of 6 pixels on white, 4 pixels apart, `height` pixels high.
    fn bars(height: usize) -> LineInput {
        let (width, rows) = (160, 48);
        let is_bar =
            |x: usize, y: usize| x % 10 < 6 && (24 - height / 2..24 + height / 2).contains(&y);
        let plane: Vec<f32> = (0..rows * width)
            .map(|at| {
                if is_bar(at % width, at / width) {
                    -1.0
                } else {
                    1.0
                }
            })
            .collect();
        LineInput {
            tensor: InputTensor {
                channels: 3,
                height: rows,
                width,
                values: plane.repeat(3),
            },
            content_px: width,
        }
    }

    fn unread_share(input: &LineInput, readings: &[Option<StepReading>]) -> f32 {
        StepInk::of(input, readings.len())
            .read_by(readings)
            .unread_share()
    }

    fn letter(probability: f32) -> Option<StepReading> {
        Some(StepReading {
            probability,
            is_square: false,
        })
    }

    #[test]
    fn ink_under_sure_characters_is_read_and_ink_between_is_not() {
        let all = [letter(1.0), None, None, letter(1.0), None].repeat(4);
        assert!(unread_share(&bars(30), &all) < 0.05);
        assert_eq!(unread_share(&bars(30), &[None; 20]), 1.0);
        let half: Vec<_> = (0..20).map(|at| letter(1.0).filter(|_| at < 10)).collect();
        let share = unread_share(&bars(30), &half);
        assert!((0.4..0.5).contains(&share), "{share}");
    }

    #[test]
    fn a_doubtful_character_reads_its_ink_in_part() {
        let share = unread_share(&bars(30), &[letter(0.6); 20]);
        assert!((share - 0.4).abs() < 0.01, "{share}");
    }

    #[test]
    fn a_rule_and_empty_paper_are_no_unread_text() {
        assert_eq!(unread_share(&bars(4), &[None; 20]), 0.0);
        assert_eq!(unread_share(&bars(0), &[None; 20]), 0.0);
    }

    #[test]
    fn white_on_black_is_ink_too() {
        let mut input = bars(30);
        input.tensor.values.iter_mut().for_each(|v| *v = -*v);
        assert_eq!(unread_share(&input, &[None; 20]), 1.0);
    }
}
