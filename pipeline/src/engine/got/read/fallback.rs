//! Fallback chain for a page whose text repeated itself: further attempts in a fixed order, within
//! a common budget of decode steps, and PP-OCR's lines last.
//!
//! 1. `no-repeat-ngram`: continues from the cut, with no n-gram allowed to repeat;
//! 2. `whole`: the page in one input image, if tiles were asked for;
//! 3. `plain`: plain instead of formatted text;
//! 4. `ppocr`: the lines that PP-OCR reads on the page.
//!
//! The first attempt that ends by itself with some text is kept. If none does and there is no
//! PP-OCR, the longest truncated text is kept, and its page reports `repetition`. Each row of a
//! page that is cut into rows has a chain and a budget of its own; PP-OCR reads the page for all of
//! them.

use recto_schemas::{
    AttemptKind, EngineName, FinishReason, GotMode, PageTiling, ReadAttempt, RejectionKind,
    TilePolicy, TilingReason,
};

use super::{
    AttemptLog, Candidate, InferenceUnit, RequestReader, attempt::AttemptRequest,
    candidate::cut_short, cross_check::lines, time_limit,
};
use crate::engine::{EngineError, OcrResult, got::plan::InputLayout};

/// Length of the n-grams that may not repeat, as in the authors' demo.
const NO_REPEAT_NGRAM: usize = 20;

/// A further attempt by the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FallbackStep {
    NoRepeat,
    Whole,
    Plain,
}

/// Budget of decode steps for further attempts.
///
/// All attempts at a page, including the first and a unit of several pages, have half of one
/// attempt's maximum tokens. If the first attempt wrote a long text before it repeated itself, so
/// that more than half of its tokens were kept, the others have at least an eighth.
struct RetryBudget {
    left: usize,
}

/// The best attempt at a page or at a row.
pub(super) struct BestCandidate {
    pub(super) candidate: Candidate,
    /// Log of all attempts at it.
    pub(super) log: AttemptLog,
    /// Index of the attempt in the log if its text was truncated, so that it is only kept if there
    /// is no other way.
    pub(super) truncated: Option<usize>,
}

impl BestCandidate {
    /// Keeps it although its text was truncated.
    pub(super) fn keep(&mut self) {
        if let Some(attempt) = self
            .truncated
            .and_then(|cut| self.log.attempts.get_mut(cut))
        {
            attempt.rejected = None;
        }
    }
}

impl FallbackStep {
    fn method(self) -> AttemptKind {
        match self {
            Self::NoRepeat => AttemptKind::NoRepeatNgram,
            Self::Whole => AttemptKind::Whole,
            Self::Plain => AttemptKind::Plain,
        }
    }
}

impl RetryBudget {
    /// The budget after `steps` steps in all and a first attempt that kept `kept` of its `first`
    /// tokens.
    fn new(max_new_tokens: usize, steps: u32, kept: usize, first: u32) -> Self {
        let left = (max_new_tokens / 2).saturating_sub(steps as usize);
        let least = if kept > first as usize / 2 {
            max_new_tokens / 8
        } else {
            0
        };
        Self {
            left: left.max(least),
        }
    }

    /// An equal share for each of `attempts` that are left.
    fn share(&self, attempts: usize) -> usize {
        self.left / attempts.max(1)
    }

    fn spend(&mut self, steps: u32) {
        self.left = self.left.saturating_sub(steps as usize);
    }
}

impl RequestReader<'_> {
    /// Reads a page or a row again in other ways after `first`, which repeated itself.
    pub(super) fn run_fallbacks(
        &self,
        unit: &InferenceUnit,
        first: Candidate,
        mut log: AttemptLog,
    ) -> Result<BestCandidate, EngineError> {
        let mut budget = RetryBudget::new(
            self.options.runtime.max_new_tokens.get() as usize,
            log.steps,
            first.tokens.len(),
            first.steps,
        );
        log.record(AttemptKind::Single, &first, cut_short(first.stop));
        // The longest truncated text, and the index of its attempt.
        let mut longest = (first.clone(), log.attempts.len() - 1);
        let steps = self.fallback_steps(unit);
        for (index, &step) in steps.iter().enumerate() {
            let limit = budget.share(steps.len() - index);
            // Rows run their chains one after the other.
            let parts = u32::try_from(unit.part_count()).unwrap_or(u32::MAX);
            let time_left =
                time_limit(self.request, unit.count).saturating_sub(log.inference_time) / parts;
            if limit == 0 || time_left.is_zero() {
                break;
            }
            let attempt = AttemptRequest {
                max_new_tokens: limit,
                time_limit: time_left,
                ..self.attempt_for(step, unit, &first)
            };
            let mut candidate = match self.submit(&attempt).and_then(|pending| self.wait(pending)) {
                Ok(candidate) => candidate,
                // There is a text already, even if truncated.
                Err(EngineError::Model(_)) => continue,
                Err(error) => return Err(error),
            };
            budget.spend(candidate.steps);
            log.add_cost(&candidate);
            if step == FallbackStep::NoRepeat {
                candidate = candidate.continuing(&first);
            }
            let rejected = self.rejection(&candidate);
            log.record(step.method(), &candidate, rejected);
            if rejected.is_none() {
                let truncated = None;
                return Ok(BestCandidate {
                    candidate,
                    log,
                    truncated,
                });
            }
            if candidate.stop == FinishReason::Repetition
                && candidate.tokens.len() > longest.0.tokens.len()
            {
                longest = (candidate, log.attempts.len() - 1);
            }
        }
        let (candidate, attempt) = longest;
        let truncated = Some(attempt);
        Ok(BestCandidate {
            candidate,
            log,
            truncated,
        })
    }

    /// The steps that apply to the unit, in order.
    fn fallback_steps(&self, unit: &InferenceUnit) -> Vec<FallbackStep> {
        let options = &self.options;
        let tiled =
            matches!(unit.layout, InputLayout::Tiles(..)) && options.tiles == TilePolicy::Always;
        let formatted = options.mode == GotMode::Format;
        [
            (FallbackStep::NoRepeat, true),
            (FallbackStep::Whole, tiled),
            (FallbackStep::Plain, formatted),
        ]
        .into_iter()
        .filter_map(|(step, wanted)| wanted.then_some(step))
        .collect()
    }

    fn attempt_for<'a>(
        &self,
        step: FallbackStep,
        unit: &'a InferenceUnit,
        first: &'a Candidate,
    ) -> AttemptRequest<'a> {
        let requested = AttemptRequest::requested(unit, self);
        match step {
            FallbackStep::NoRepeat => AttemptRequest {
                prefix: &first.tokens,
                no_repeat_ngram: Some(NO_REPEAT_NGRAM),
                ..requested
            },
            FallbackStep::Whole => AttemptRequest {
                layout: InputLayout::Whole(PageTiling {
                    columns: 1,
                    rows: 1,
                    reason: TilingReason::Fallback,
                    limited_by_context: false,
                }),
                ..requested
            },
            FallbackStep::Plain => AttemptRequest {
                mode: GotMode::Plain,
                ..requested
            },
        }
    }

    /// The reason to reject a further attempt, if there is one.
    fn rejection(&self, candidate: &Candidate) -> Option<RejectionKind> {
        match candidate.stop {
            FinishReason::End
                if self
                    .shared
                    .tokenizer
                    .decode(&candidate.tokens)
                    .trim()
                    .is_empty() =>
            {
                Some(RejectionKind::Empty)
            }
            stop => cut_short(stop),
        }
    }

    /// PP-OCR's result for a page in place of GOT's; `None` if it has no text, or if only a part of
    /// the page was asked for.
    pub(super) fn ppocr_result(
        &self,
        unit: &InferenceUnit,
        bests: &[BestCandidate],
        before: &AttemptLog,
    ) -> Option<OcrResult> {
        if self.is_partial() {
            return None;
        }
        let cross_check = self.cross_check.result(unit.first)?;
        if lines(cross_check).is_empty() {
            return None;
        }
        let (candidate, mut log) = self.merge(unit, bests, before);
        log.attempts.push(ReadAttempt {
            method: AttemptKind::Ppocr,
            tokens: 0,
            stop: FinishReason::End,
            rejected: None,
        });
        let mut decoding = candidate.decoding(unit, std::mem::take(&mut log.attempts));
        (decoding.tokens, decoding.prompt_tokens) = (0, 0);
        decoding.stop = FinishReason::End;
        Some(OcrResult {
            first: unit.first,
            count: 1,
            engine: EngineName::Ppocr,
            decoding: Some(decoding),
            raw: None,
            queued: log.queued,
            inference_time: log.inference_time + cross_check.inference_time,
            ..cross_check.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_share_half_of_the_tokens() {
        let mut budget = RetryBudget::new(4096, 300, 10, 300);
        assert_eq!(budget.share(2), 874);
        budget.spend(874);
        assert_eq!(budget.share(1), 874);
        budget.spend(874);
        assert_eq!(budget.share(1), 0);
    }

    #[test]
    fn only_a_long_text_before_the_loop_earns_more_than_half() {
        assert_eq!(RetryBudget::new(4096, 2500, 2300, 2500).share(1), 512);
        assert_eq!(RetryBudget::new(4096, 2500, 1250, 2500).share(1), 0);
    }
}
