//! What is done about a page whose text repeated itself: further attempts in a fixed order, all of them
//! together within a bound of decode steps, and PP-OCR's lines at last.
//!
//! 1. `no-repeat-ngram`: goes on from where the text was cut, no run of tokens allowed to come again;
//! 2. `whole`: the page in one view, where tiles were asked for;
//! 3. `plain`: plain text in place of formatted text;
//! 4. `ppocr`: the lines that PP-OCR sees on the page.
//!
//! The first attempt that ends by itself with some text is kept. Where none does and there is no PP-OCR,
//! the longest text that was cut is, and its page says `repetition`. Each row of a page that is cut into
//! some climbs by itself, with a bound of its own; PP-OCR reads the page for all of them.

use recto_schemas::{EngineName, FinishReason, GotMode, PageTiling, ReadAttempt, TilePolicy};

use super::{
    AttemptLog, Candidate, InferenceUnit, RequestReader, attempt::AttemptRequest, draft::word,
    second::lines, time_limit,
};
use crate::engine::{EngineError, OcrResult, got::plan::InputLayout};

/// Length of the runs of tokens that may not come again: what the original demo sets.
const NO_REPEAT_NGRAM: usize = 20;

/// A further attempt by the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FallbackStep {
    NoRepeat,
    Whole,
    Plain,
}

/// Decode steps that are left for further attempts.
///
/// All attempts at a page, the first and a pass of several pages included, have half of the most tokens
/// of one attempt. Only where the first attempt wrote a long text before it repeated itself, that is where
/// more than half of its tokens were kept, is there an eighth at least for the others.
struct RetryBudget {
    left: usize,
}

/// The best attempt at a page or a row of one.
pub(super) struct BestCandidate {
    pub(super) draft: Candidate,
    /// What all attempts at it took.
    pub(super) trail: AttemptLog,
    /// Which attempt it is where its text was cut, and so not kept if there is another way.
    pub(super) cut: Option<usize>,
}

impl BestCandidate {
    /// Keeps it though its text was cut.
    pub(super) fn keep(&mut self) {
        if let Some(attempt) = self.cut.and_then(|cut| self.trail.attempts.get_mut(cut)) {
            attempt.rejected = None;
        }
    }
}

impl FallbackStep {
    fn way(self) -> &'static str {
        match self {
            Self::NoRepeat => "no-repeat-ngram",
            Self::Whole => "whole",
            Self::Plain => "plain",
        }
    }
}

impl RetryBudget {
    /// What is left after `steps` in all and a first attempt of which `kept` of `first` were kept.
    fn new(most: usize, steps: u32, (kept, first): (usize, u32)) -> Self {
        let left = (most / 2).saturating_sub(steps as usize);
        let least = if kept > first as usize / 2 {
            most / 8
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
    /// Reads a page, or a row of one, in other ways after `first`, which repeated itself.
    pub(super) fn climb(
        &self,
        pass: &InferenceUnit,
        first: Candidate,
        mut trail: AttemptLog,
    ) -> Result<BestCandidate, EngineError> {
        let kept = (first.tokens.len(), first.steps);
        let mut budget = RetryBudget::new(
            self.options.runtime.max_new_tokens.get() as usize,
            trail.steps,
            kept,
        );
        trail.tried("single", &first, Some(word(first.stop)));
        // The longest text that was cut, and the attempt it is of.
        let mut longest = (first.clone(), trail.attempts.len() - 1);
        let rungs = self.rungs(pass);
        for (index, &rung) in rungs.iter().enumerate() {
            let limit = budget.share(rungs.len() - index);
            // Rows climb one after the other.
            let parts = u32::try_from(pass.part_count()).unwrap_or(u32::MAX);
            let time_left =
                time_limit(self.request, pass.count).saturating_sub(trail.worked) / parts;
            if limit == 0 || time_left.is_zero() {
                break;
            }
            let attempt = AttemptRequest {
                max_new_tokens: limit,
                time_limit: time_left,
                ..self.attempting(rung, pass, &first)
            };
            let mut draft = match self.submit(&attempt).and_then(|way| self.wait(way)) {
                Ok(draft) => draft,
                // There is a text already, if a cut one.
                Err(EngineError::Model(_)) => continue,
                Err(error) => return Err(error),
            };
            budget.spend(draft.steps);
            trail.took(&draft);
            if rung == FallbackStep::NoRepeat {
                draft = draft.after(&first);
            }
            let rejected = self.not_kept(&draft);
            trail.tried(rung.way(), &draft, rejected);
            if rejected.is_none() {
                let cut = None;
                return Ok(BestCandidate { draft, trail, cut });
            }
            if draft.stop == FinishReason::Repetition && draft.tokens.len() > longest.0.tokens.len()
            {
                longest = (draft, trail.attempts.len() - 1);
            }
        }
        let (draft, attempt) = longest;
        let cut = Some(attempt);
        Ok(BestCandidate { draft, trail, cut })
    }

    /// The attempts that make sense, in order.
    fn rungs(&self, pass: &InferenceUnit) -> Vec<FallbackStep> {
        let options = &self.options;
        let tiled =
            matches!(pass.shape, InputLayout::Tiles(..)) && options.tiles == TilePolicy::Always;
        let formatted = options.mode == GotMode::Format;
        [
            (FallbackStep::NoRepeat, true),
            (FallbackStep::Whole, tiled),
            (FallbackStep::Plain, formatted),
        ]
        .into_iter()
        .filter_map(|(rung, wanted)| wanted.then_some(rung))
        .collect()
    }

    fn attempting<'a>(
        &self,
        rung: FallbackStep,
        pass: &'a InferenceUnit,
        first: &'a Candidate,
    ) -> AttemptRequest<'a> {
        let asked = AttemptRequest::asked(pass, self);
        match rung {
            FallbackStep::NoRepeat => AttemptRequest {
                before: &first.tokens,
                no_repeat_ngram: Some(NO_REPEAT_NGRAM),
                ..asked
            },
            FallbackStep::Whole => AttemptRequest {
                shape: InputLayout::Whole(PageTiling {
                    columns: 1,
                    rows: 1,
                    reason: word(first.stop).to_owned(),
                }),
                ..asked
            },
            FallbackStep::Plain => AttemptRequest {
                mode: GotMode::Plain,
                ..asked
            },
        }
    }

    /// Why a further attempt is not kept.
    fn not_kept(&self, draft: &Candidate) -> Option<&'static str> {
        match draft.stop {
            FinishReason::End if self.reader.tokens.decode(&draft.tokens).trim().is_empty() => {
                Some("empty")
            }
            FinishReason::End => None,
            stop => Some(word(stop)),
        }
    }

    /// PP-OCR's reading of a page in place of GOT's; none where it has none, or where only a part of the
    /// page was asked for.
    pub(super) fn by_ppocr(
        &self,
        pass: &InferenceUnit,
        bests: &[BestCandidate],
        before: &AttemptLog,
    ) -> Option<OcrResult> {
        if self.is_partial() {
            return None;
        }
        let seen = self.seen.reading(pass.first)?;
        if lines(seen).is_empty() {
            return None;
        }
        let (draft, mut trail) = self.joined(pass, bests, before);
        trail.attempts.push(ReadAttempt {
            way: "ppocr".to_owned(),
            tokens: 0,
            stop: FinishReason::End,
            rejected: None,
        });
        let mut decoding = draft.decoding(pass, std::mem::take(&mut trail.attempts));
        (decoding.tokens, decoding.prompt_tokens) = (0, 0);
        decoding.stop = FinishReason::End;
        Some(OcrResult {
            first: pass.first,
            count: 1,
            engine: EngineName::Ppocr,
            decoding: Some(decoding),
            raw: None,
            queued: trail.queued,
            worked: trail.worked + seen.worked,
            ..seen.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_share_half_of_the_tokens() {
        let mut budget = RetryBudget::new(4096, 300, (10, 300));
        assert_eq!(budget.share(2), 874);
        budget.spend(874);
        assert_eq!(budget.share(1), 874);
        budget.spend(874);
        assert_eq!(budget.share(1), 0);
    }

    #[test]
    fn only_a_long_text_before_the_loop_earns_more_than_half() {
        assert_eq!(RetryBudget::new(4096, 2500, (2300, 2500)).share(1), 512);
        assert_eq!(RetryBudget::new(4096, 2500, (1250, 2500)).share(1), 0);
    }
}
