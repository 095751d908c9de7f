//! [`RepetitionDetector`]: repetition, seen while decoding.
//!
//! A small model that loses its place writes the same thing for ever. The guard looks at the end of
//! what was written after each token: for each period it knows for how long the text has equalled
//! itself that far back. How many copies make a loop depends on the period and on what the unit is
//! made of: leader dots, blank lines of a form and equal rows of a table are no loops.

// What tokens mean to the guard.
mod marks;
// No n-gram twice, for another try after a loop.
mod ngram;

use std::sync::Arc;

pub(super) use marks::TokenClasses;
use marks::{ClassCounts, TokenClass};
pub(super) use ngram::NoRepeatNgram;

/// The longest unit that is looked for, in tokens: a long paragraph.
const LONGEST_PERIOD: usize = 700;

/// For periods up to the first number: the copies that make a loop, and the tokens that they must
/// take together. Short units repeat in honest text (digits, truth tables), long ones hardly do, and
/// cost more to wait for.
const NEEDED: [(usize, usize, usize); 5] = [
    (1, 32, 32),
    (8, 8, 48),
    (64, 5, 96),
    (256, 4, 0),
    (LONGEST_PERIOD, 3, 0),
];

/// Equal rows that any table may have, whatever the page's size.
const LEAST_EQUAL_ROWS: usize = 100;

/// Equal cells that a row may have.
const MOST_EQUAL_CELLS: usize = 64;

/// Equal short lines: lists of `N/A`, blank lines to sign on.
const MOST_EQUAL_LINES: usize = 32;

/// A short line, in tokens with its end.
const SHORT_LINE: usize = 16;

/// Tokens of dots, dashes, underscores and blanks that may follow one another: leaders in a table of
/// contents, rules.
const MOST_FILLER: usize = 160;

/// A loop at the end of what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DetectedLoop {
    /// Where to cut, as an index into the tokens: the first token that repeats what stands a period
    /// before it. The first copy of the unit stays, all others go.
    pub(super) start: usize,
}

/// Watches one sequence. A token costs [`LONGEST_PERIOD`] comparisons, about a microsecond.
#[derive(Debug)]
pub(super) struct RepetitionDetector {
    marks: Arc<TokenClasses>,
    most_equal_rows: usize,
    /// [`LONGEST_PERIOD`] places that equal no token, then all tokens so far.
    history: Vec<u32>,
    /// The longest period first: for how many tokens the text has equalled itself a period back.
    runs: Vec<u32>,
    /// In the same order: the run that makes a loop of an ordinary unit.
    needed: Vec<u32>,
}

impl RepetitionDetector {
    /// A guard for a sequence that may hold a table of `most_equal_rows` equal rows, or of
    /// [`LEAST_EQUAL_ROWS`].
    pub(super) fn new(marks: Arc<TokenClasses>, most_equal_rows: usize) -> Self {
        let needed = (1..=LONGEST_PERIOD).rev().map(needed_run);
        Self {
            marks,
            most_equal_rows: most_equal_rows.max(LEAST_EQUAL_ROWS),
            history: vec![u32::MAX; LONGEST_PERIOD],
            runs: vec![0; LONGEST_PERIOD],
            needed: needed.collect(),
        }
    }

    /// Takes the next token in; says where the loop begins that it completes.
    pub(super) fn push(&mut self, token: u32) -> Option<DetectedLoop> {
        let tail = &self.history[self.history.len() - LONGEST_PERIOD..];
        let mut suspect = false;
        for ((run, needed), before) in self.runs.iter_mut().zip(&self.needed).zip(tail) {
            *run = if *before == token { *run + 1 } else { 0 };
            suspect |= *run >= *needed;
        }
        self.history.push(token);
        suspect.then(|| self.judge()).flatten()
    }

    /// The shortest unit that repeats more often than its kind may.
    fn judge(&self) -> Option<DetectedLoop> {
        // The longest stretch that was found honest: a period that covers no more of the text is only
        // a multiple of one that was judged.
        let mut honest = 0;
        for period in 1..=LONGEST_PERIOD {
            let at = LONGEST_PERIOD - period;
            let run = self.runs[at] as usize;
            if self.runs[at] < self.needed[at] || run + period <= honest {
                continue;
            }
            let unit = &self.history[self.history.len() - period..];
            if (run + period) / period > self.allowed_copies(unit) {
                let tokens = self.history.len() - LONGEST_PERIOD;
                return Some(DetectedLoop {
                    start: tokens - run,
                });
            }
            honest = run + period;
        }
        None
    }

    /// Copies of this unit, the first included, that are no loop; 0 where it is an ordinary one.
    fn allowed_copies(&self, unit: &[u32]) -> usize {
        let share = ClassCounts::of(unit, &self.marks);
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
            self.most_equal_rows.div_ceil(rows)
        } else if cells > 0 {
            MOST_EQUAL_CELLS.div_ceil(cells)
        } else if lines > 0 && unit.len() <= lines * SHORT_LINE {
            MOST_EQUAL_LINES.div_ceil(lines)
        } else if share.count(TokenClass::Filler) == unit.len() {
            MOST_FILLER / unit.len()
        } else {
            0
        }
    }
}

/// The run, in tokens beyond the first copy, that makes a loop of an ordinary unit.
fn needed_run(period: usize) -> u32 {
    let needed = NEEDED.iter().find(|(longest, ..)| period <= *longest);
    let copies = needed.map_or(usize::MAX, |(_, copies, tokens)| {
        (*copies).max(tokens.div_ceil(period))
    });
    u32::try_from((copies - 1).saturating_mul(period)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
