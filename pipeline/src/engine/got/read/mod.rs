//! Reading of a request, from its pages to its results.
//!
//! The planner cuts a request into inference units. All are submitted to the scheduler at once, so
//! that they are decoded in a batch with those of other requests. Then each result is judged: a
//! unit of several pages that is rejected is read again page by page, and a page or row whose text
//! repeated itself goes through the fallback chain ([`fallback`]). One thread reads one request and
//! mostly waits; the model runs on the scheduler's thread.

mod candidate;
mod attempt;
mod fallback;
mod join;
mod cross_check;
mod acceptance;
mod page_sample;
mod word_recall;

use std::{cell::RefCell, sync::Arc, time::Duration};

use recto_schemas::{AttemptKind, BoundedInt, EngineName, FinishReason, GotOptions, RejectionKind};

use self::{
    acceptance::rejection,
    attempt::AttemptRequest,
    candidate::{AttemptLog, Candidate},
    cross_check::{CrossCheckEngine, CrossCheckResults},
    fallback::BestCandidate,
    join::join,
};
use super::{
    CrossCheckFactory,
    config::CheckpointConfig,
    input_image::InputImage,
    plan::{InferenceUnit, InputLayout, PlanLimits, RowSize, RowStart, StackedRows, plan},
    scheduler::Scheduler,
    tokenizer::GotTokenizer,
};
use crate::{
    cancel::CancelToken,
    engine::{EngineError, EngineRequest, EngineResponse, OcrContent, OcrResult},
};

/// Tokens of a prompt beside its image tokens: the conversation's frame and the question, with room
/// to spare.
pub(super) const QUESTION_TOKENS: usize = 300;

/// Shared context of all requests.
pub(super) struct ReaderContext {
    config: CheckpointConfig,
    tokenizer: GotTokenizer,
    scheduler: Scheduler,
    cross_check: CrossCheckEngine,
    /// Maximum new tokens of one sequence, whatever a document asks for.
    max_new_tokens: u32,
    /// Positions of a slot.
    context: usize,
    /// Cancelled when the engine stops.
    stop: CancelToken,
}

/// Parts of a [`ReaderContext`] beside the model.
pub(super) struct GotParts {
    pub(super) config: CheckpointConfig,
    pub(super) tokenizer: GotTokenizer,
    pub(super) cross_check: Option<CrossCheckFactory>,
    pub(super) max_new_tokens: u32,
    pub(super) context: usize,
}

impl ReaderContext {
    pub(super) fn new(parts: GotParts, scheduler: Scheduler) -> Self {
        Self {
            config: parts.config,
            tokenizer: parts.tokenizer,
            scheduler,
            cross_check: CrossCheckEngine::new(parts.cross_check),
            max_new_tokens: parts.max_new_tokens,
            context: parts.context,
            stop: CancelToken::new(),
        }
    }

    /// The scheduler of the thread that owns the model.
    pub(super) fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// Ends all waiting: requests in progress are answered with [`EngineError::Stopped`].
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// Limits for the planner.
    fn limits(&self, options: &GotOptions) -> PlanLimits {
        let processor = &self.config.processor;
        let default_max = GotOptions::default().max_tiles.get();
        PlanLimits {
            image_size: (processor.width, processor.height),
            min_tiles: processor.min_patches,
            // The checkpoint's own value is a default, which a document may raise.
            max_tiles: if options.max_tiles.get() > default_max {
                options.max_tiles.get()
            } else {
                processor.max_patches
            },
            rows: processor.rows.map(|rows| RowSize {
                em: rows.em,
                rows_per_image: rows.rows_per_image,
                pitch: processor.height / self.config.tokens_per_row().max(1) as u32,
            }),
            context: self.context,
            tokens_per_image: self.config.image_tokens,
            prompt_tokens: QUESTION_TOKENS,
        }
    }

    /// Reads a request that has waited for `queued` so far.
    ///
    /// A page on which the model failed has no result; the others are not lost with it.
    ///
    /// # Errors
    /// The request was cancelled, the engine stops, or no page could be read.
    pub(super) fn read(&self, request: &EngineRequest, queued: Duration) -> EngineResponse {
        let cancel = request.cancel.child_with(&self.stop);
        let mut options = request.options.got.clone().unwrap_or_default();
        let tokens = &mut options.runtime.max_new_tokens;
        *tokens = BoundedInt::clamped(tokens.get().min(self.max_new_tokens));
        let reader = RequestReader {
            shared: self,
            request,
            options,
            cross_check: CrossCheckResults::new(
                &self.cross_check,
                request,
                &cancel,
                time_limit(request, 1),
            ),
            cancel: &cancel,
            queued,
            last_stack: RefCell::default(),
        };
        match reader.read() {
            Err(EngineError::Cancelled) if self.stop.is_cancelled() => Err(EngineError::Stopped),
            answer => answer,
        }
    }
}

/// A request while it is read.
struct RequestReader<'a> {
    shared: &'a ReaderContext,
    request: &'a EngineRequest,
    /// The document's options, within the engine's limits.
    options: GotOptions,
    cross_check: CrossCheckResults<'a>,
    /// Cancelled when nobody waits for the answer any more, or the engine stops.
    cancel: &'a CancelToken,
    /// Time that the request waited in the queue.
    queued: Duration,
    /// The input image of the last stack of rows, which all its rows share.
    last_stack: RefCell<Option<(Arc<StackedRows>, Arc<InputImage>)>>,
}

impl RequestReader<'_> {
    fn read(&self) -> EngineResponse {
        let limits = self.shared.limits(&self.options);
        let units = plan(&self.request.pages, &self.options, &limits);
        self.read_units(&units, |unit, candidates| {
            self.accept_or_split(unit, candidates)
        })
    }

    /// Submits all units at once, then turns the candidates of each unit's parts into results.
    fn read_units(
        &self,
        units: &[InferenceUnit],
        read: impl Fn(&InferenceUnit, Vec<Candidate>) -> EngineResponse,
    ) -> EngineResponse {
        let submit = |part: &InferenceUnit| self.submit(&AttemptRequest::requested(part, self));
        let submitted: Vec<Vec<_>> = units
            .iter()
            .map(|unit| unit.parts().iter().map(submit).collect())
            .collect();
        let mut results = Vec::new();
        let mut failure = None;
        for (unit, parts) in units.iter().zip(submitted) {
            let candidates: Result<Vec<_>, _> = parts
                .into_iter()
                .map(|pending| self.wait(pending?))
                .collect();
            match candidates.and_then(|candidates| read(unit, candidates)) {
                Ok(read) => results.extend(read),
                Err(EngineError::Model(reason)) => {
                    failure.get_or_insert(EngineError::Model(reason));
                }
                Err(error) => return Err(error),
            }
        }
        match failure {
            Some(error) if results.is_empty() => Err(error),
            _ => Ok(results),
        }
    }

    /// Accepts the candidates of a unit's parts, or reads its pages again if they are rejected.
    fn accept_or_split(&self, unit: &InferenceUnit, candidates: Vec<Candidate>) -> EngineResponse {
        let log = AttemptLog::new(self.queued);
        if unit.count == 1 {
            return Ok(vec![self.read_page(unit, candidates, &log)?]);
        }
        let candidate = Candidate::merged(unit, self.options.mode, &candidates);
        let text = self.shared.tokenizer.decode(&candidate.tokens);
        let share = match candidate.stop {
            FinishReason::End => self.word_share(unit, &text),
            _ => None,
        };
        match rejection(&candidate, &text, share) {
            None => {
                let log = log.with(&candidate);
                Ok(vec![self.to_result(unit, &candidate, text, log)])
            }
            Some(reason) => self.read_pages_singly(unit, &candidate, reason),
        }
    }

    /// Reads the pages of a unit again, one by one.
    fn read_pages_singly(
        &self,
        unit: &InferenceUnit,
        candidate: &Candidate,
        reason: RejectionKind,
    ) -> EngineResponse {
        let InputLayout::Pages(tiling) = &unit.layout else {
            return Err(EngineError::Model(
                "only pages can be read singly".to_owned(),
            ));
        };
        let singles: Vec<InferenceUnit> = (unit.first..unit.first + unit.count)
            .map(|first| InferenceUnit {
                first,
                count: 1,
                layout: InputLayout::Whole(tiling.clone()),
                lines: unit.lines,
            })
            .collect();
        let log = AttemptLog::after_rejected_unit(self.queued, candidate, unit.count, reason);
        self.read_units(&singles, |single, candidates| {
            Ok(vec![self.read_page(single, candidates, &log)?])
        })
    }

    /// Makes a page's result from the first attempts at its parts, or from fallbacks if one
    /// repeated itself.
    fn read_page(
        &self,
        unit: &InferenceUnit,
        candidates: Vec<Candidate>,
        before: &AttemptLog,
    ) -> Result<OcrResult, EngineError> {
        let parts = unit.parts();
        let mut bests = Vec::new();
        for (part, candidate) in parts.iter().zip(candidates) {
            bests.push(self.best_candidate(part, candidate, before)?);
        }
        if bests.iter().any(|best| best.truncated.is_some())
            && let Some(result) = self.ppocr_result(unit, &bests, before)
        {
            return Ok(result);
        }
        bests.iter_mut().for_each(BestCandidate::keep);
        let texts: Vec<(RowStart, String)> = bests
            .iter()
            .zip(&parts)
            .map(|(best, part)| self.part_text(best, part))
            .collect();
        let (candidate, log) = self.merge(unit, &bests, before);
        let text = match &texts[..] {
            [(_, text)] => text.clone(),
            _ => join(
                candidate.mode,
                texts.iter().map(|(start, text)| (*start, text.as_str())),
            ),
        };
        Ok(self.to_result(unit, &candidate, text, log))
    }

    /// The text of the best attempt at a part of a page, and what its row begins.
    fn part_text(&self, best: &BestCandidate, part: &InferenceUnit) -> (RowStart, String) {
        let text = self.shared.tokenizer.decode(&best.candidate.tokens);
        let start = match &part.layout {
            InputLayout::Row { stack, row, .. } => stack.rows[*row].start,
            _ => RowStart::Paragraph,
        };
        (start, text)
    }

    /// The best attempt at a part of a page; `candidate` is the first.
    fn best_candidate(
        &self,
        part: &InferenceUnit,
        candidate: Candidate,
        before: &AttemptLog,
    ) -> Result<BestCandidate, EngineError> {
        let mut log = before.with(&candidate);
        if candidate.stop == FinishReason::Repetition {
            return self.run_fallbacks(part, candidate, log);
        }
        if !log.attempts.is_empty() {
            log.record(AttemptKind::Single, &candidate, None);
        }
        let truncated = None;
        Ok(BestCandidate {
            candidate,
            log,
            truncated,
        })
    }

    /// Merges the candidates and the logs of a page's parts.
    fn merge(
        &self,
        unit: &InferenceUnit,
        bests: &[BestCandidate],
        before: &AttemptLog,
    ) -> (Candidate, AttemptLog) {
        let candidates: Vec<Candidate> = bests.iter().map(|best| best.candidate.clone()).collect();
        let logs = bests.iter().map(|best| &best.log);
        let candidate = Candidate::merged(unit, self.options.mode, &candidates);
        (candidate, AttemptLog::merged(before, logs))
    }

    /// The result for a unit whose text is `text`.
    fn to_result(
        &self,
        unit: &InferenceUnit,
        candidate: &Candidate,
        text: String,
        log: AttemptLog,
    ) -> OcrResult {
        let confidence = candidate.confidence();
        let stop = candidate.stop;
        let mut decoding = candidate.decoding(unit, log.attempts);
        decoding.verified = self.verified(unit, &text);
        OcrResult {
            first: unit.first,
            count: unit.count,
            engine: EngineName::Got,
            confidence,
            rotation: 0,
            skew_deg: 0.0,
            stop,
            decoding: Some(decoding),
            raw: self.options.raw.then(|| candidate.raw(text.clone())),
            content: OcrContent::Markup(text),
            unread: None,
            queued: log.queued,
            inference_time: log.inference_time,
        }
    }

    /// Maximum time in which the model may write the text of `unit`. The rows of a page share its
    /// time, as far as they cannot all be decoded at once.
    fn time_limit(&self, unit: &InferenceUnit) -> Duration {
        let slots = self.shared.scheduler.slots().max(1);
        let turns = unit.part_count().div_ceil(slots).max(1);
        time_limit(self.request, unit.count) / u32::try_from(turns).unwrap_or(u32::MAX)
    }
}

/// Maximum time in which the model may write the text of `pages` pages.
fn time_limit(request: &EngineRequest, pages: usize) -> Duration {
    // A day: long enough for any page, short enough to add to any instant.
    const LONGEST: Duration = Duration::from_secs(86_400);
    let pages = u32::try_from(pages).unwrap_or(u32::MAX);
    let limit = request.options.limits.read_timeout;
    limit.saturating_mul(pages).min(LONGEST)
}

#[cfg(test)]
mod tests;
