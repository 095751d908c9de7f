//! Detector of repetition while decoding.
//!
//! A small model that loses its place writes the same text for ever. After each token the detector
//! compares the end of the text with itself: for each period it knows for how long the text has
//! equalled itself that far back. How many copies make a loop depends on the period and on the
//! repeated unit: leader dots, blank lines of a form and equal rows of a table are no loops.

mod token_classes;
mod no_repeat_ngram;

use std::sync::Arc;

pub(super) use no_repeat_ngram::NoRepeatNgram;
pub(super) use token_classes::TokenClasses;
use token_classes::{ClassCounts, TokenClass};

/// Longest unit that is detected, in tokens: a long paragraph.
const MAX_PERIOD: usize = 700;

/// Threshold of a loop whose unit has at most `max_period` tokens.
struct LoopThreshold {
    max_period: usize,
    /// Minimum copies of the unit, the first included.
    min_copies: usize,
    /// Minimum tokens of all copies.
    min_tokens: usize,
}

/// Thresholds of a loop, from short to long periods. Short units repeat in real text (digits, truth
/// tables); long ones hardly do, and cost more to wait for.
const LOOP_THRESHOLDS: [LoopThreshold; 5] = [
    LoopThreshold {
        max_period: 1,
        min_copies: 32,
        min_tokens: 32,
    },
    LoopThreshold {
        max_period: 8,
        min_copies: 8,
        min_tokens: 48,
    },
    LoopThreshold {
        max_period: 64,
        min_copies: 5,
        min_tokens: 96,
    },
    LoopThreshold {
        max_period: 256,
        min_copies: 4,
        min_tokens: 0,
    },
    LoopThreshold {
        max_period: MAX_PERIOD,
        min_copies: 3,
        min_tokens: 0,
    },
];

/// Equal rows that any table may have, whatever the page's size.
const MIN_EQUAL_ROWS: usize = 100;

/// Equal cells that a row may have.
const MAX_EQUAL_CELLS: usize = 64;

/// Equal short lines that a page may have: lists of `N/A`, blank lines to sign on.
const MAX_EQUAL_LINES: usize = 32;

/// Maximum tokens of a short line, its end included.
const SHORT_LINE: usize = 16;

/// Consecutive tokens of dots, dashes, underscores and blanks that a text may have: leaders of a
/// table of contents, rules.
const MAX_FILLER: usize = 160;

/// A loop at the end of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DetectedLoop {
    /// Index of the first token that repeats the one a period before it. The text is cut here, so
    /// that the first copy of the unit stays.
    pub(super) start: usize,
}

/// Watches one sequence. A token costs [`MAX_PERIOD`] comparisons, about a microsecond.
#[derive(Debug)]
pub(super) struct RepetitionDetector {
    token_classes: Arc<TokenClasses>,
    max_equal_rows: usize,
    /// [`MAX_PERIOD`] values that equal no token, then all tokens so far.
    history: Vec<u32>,
    /// Tokens for which the text has equalled itself a period back, the longest period first.
    runs: Vec<u32>,
    /// The run that makes a loop of an ordinary unit, in the same order.
    min_runs: Vec<u32>,
}

impl RepetitionDetector {
    /// A detector for a sequence whose table may have `max_equal_rows` equal rows, or
    /// [`MIN_EQUAL_ROWS`] if that is more.
    pub(super) fn new(token_classes: Arc<TokenClasses>, max_equal_rows: usize) -> Self {
        let min_runs = (1..=MAX_PERIOD).rev().map(min_run);
        Self {
            token_classes,
            max_equal_rows: max_equal_rows.max(MIN_EQUAL_ROWS),
            history: vec![u32::MAX; MAX_PERIOD],
            runs: vec![0; MAX_PERIOD],
            min_runs: min_runs.collect(),
        }
    }

    /// Appends a token; returns the loop that it completes, if it does.
    pub(super) fn push(&mut self, token: u32) -> Option<DetectedLoop> {
        let tail = &self.history[self.history.len() - MAX_PERIOD..];
        let mut suspect = false;
        for ((run, min_run), before) in self.runs.iter_mut().zip(&self.min_runs).zip(tail) {
            *run = if *before == token { *run + 1 } else { 0 };
            suspect |= *run >= *min_run;
        }
        self.history.push(token);
        suspect.then(|| self.detect()).flatten()
    }

    /// The shortest unit that repeats more often than its kind may.
    fn detect(&self) -> Option<DetectedLoop> {
        // The longest run found acceptable: a period that covers no more of the text is only a
        // multiple of one that was judged.
        let mut honest = 0;
        for period in 1..=MAX_PERIOD {
            let at = MAX_PERIOD - period;
            let run = self.runs[at] as usize;
            if self.runs[at] < self.min_runs[at] || run + period <= honest {
                continue;
            }
            let unit = &self.history[self.history.len() - period..];
            if (run + period) / period > self.max_copies(unit) {
                let tokens = self.history.len() - MAX_PERIOD;
                return Some(DetectedLoop {
                    start: tokens - run,
                });
            }
            honest = run + period;
        }
        None
    }

    /// Copies of this unit, including the first, that are acceptable; 0 if it is an ordinary unit.
    fn max_copies(&self, unit: &[u32]) -> usize {
        let share = ClassCounts::of(unit, &self.token_classes);
        let rows = match share.count(TokenClass::RowBreak) {
            0 if share.count(TokenClass::Cell) > 0 => share.count(TokenClass::LineEnd),
            0 => share.count(TokenClass::RowRule),
            breaks => breaks,
        };
        let (cells, lines) = (
            share.count(TokenClass::Cell),
            share.count(TokenClass::LineEnd),
        );
        if rows > 0 {
            self.max_equal_rows.div_ceil(rows)
        } else if cells > 0 {
            MAX_EQUAL_CELLS.div_ceil(cells)
        } else if lines > 0 && unit.len() <= lines * SHORT_LINE {
            MAX_EQUAL_LINES.div_ceil(lines)
        } else if share.count(TokenClass::Filler) == unit.len() {
            MAX_FILLER / unit.len()
        } else {
            0
        }
    }
}

/// The run, in tokens beyond the first copy, that makes a loop of an ordinary unit.
fn min_run(period: usize) -> u32 {
    let threshold = LOOP_THRESHOLDS
        .iter()
        .find(|threshold| period <= threshold.max_period);
    let copies = threshold.map_or(usize::MAX, |threshold| {
        threshold
            .min_copies
            .max(threshold.min_tokens.div_ceil(period))
    });
    u32::try_from((copies - 1).saturating_mul(period)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
