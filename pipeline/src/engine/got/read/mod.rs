//! A request from its pages to its readings.
//!
//! The planner cuts a request into passes; all of them go to the scheduler at once, so that they are
//! decoded together with those of other requests. What comes back is judged: a pass of several pages that
//! does not hold up is read again page by page, a page or row whose text repeated itself goes through the
//! [`ladder`]. One thread reads one request; nothing here runs the model.

// What a page's attempts took, and which of them gave its text.
mod draft;
// From one attempt to a sequence and back.
mod attempt;
// Other ways of reading a page whose text repeated itself.
mod ladder;
// The texts of rows made one.
mod join;
// PP-OCR beside GOT.
mod second;
// Which pages are compared with PP-OCR's reading.
mod sample;
// How much of one reader's words another one has.
mod words;

use std::{cell::RefCell, sync::Arc, time::Duration};

use recto_schemas::{BoundedInt, CrossCheck, EngineName, FinishReason, GotOptions};

use self::{
    attempt::AttemptRequest,
    draft::{AttemptLog, Candidate},
    join::join,
    ladder::BestCandidate,
    second::{CrossCheckEngine, CrossCheckResults},
};
use super::{
    CrossCheckFactory,
    config::CheckpointConfig,
    plan::{InferenceUnit, InputLayout, PlanLimits, RowSize, RowStart, StackedRows, plan},
    schedule::Scheduler,
    tokens::GotTokenizer,
    view::InputImage,
};
use crate::{
    cancel::CancelToken,
    engine::{EngineError, EngineRequest, EngineResponse, OcrContent, OcrResult, StopReason},
};

/// Share of PP-OCR's words that a pass of several pages must have; below it, pages were probably skipped.
const ENOUGH_WORDS: f32 = 0.9;
/// Share of PP-OCR's words below which two readings of a page disagree.
const AGREEING_WORDS: f32 = 0.5;

/// Tokens of a prompt beside those of its images, generously: a conversation's frame and the question.
pub(super) const QUESTION_TOKENS: usize = 300;

/// What every request is read with.
pub(super) struct ReaderContext {
    config: CheckpointConfig,
    tokens: GotTokenizer,
    scheduler: Scheduler,
    second: CrossCheckEngine,
    /// Most tokens one pass writes, whatever a document asks for.
    max_new_tokens: u32,
    /// Positions of a slot.
    context: usize,
    /// Raised when the engine ends.
    stop: CancelToken,
}

/// What a [`ReaderContext`] is made of beside the model.
pub(super) struct GotParts {
    pub(super) config: CheckpointConfig,
    pub(super) tokens: GotTokenizer,
    pub(super) second: Option<CrossCheckFactory>,
    pub(super) max_new_tokens: u32,
    pub(super) context: usize,
}

impl ReaderContext {
    pub(super) fn new(parts: GotParts, scheduler: Scheduler) -> Self {
        Self {
            config: parts.config,
            tokens: parts.tokens,
            scheduler,
            second: CrossCheckEngine::new(parts.second),
            max_new_tokens: parts.max_new_tokens,
            context: parts.context,
            stop: CancelToken::new(),
        }
    }

    /// The thread that owns the model, as seen from here.
    pub(super) fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// Ends all waiting: requests under way are answered with [`EngineError::Stopped`].
    pub(super) fn stop(&self) {
        self.stop.cancel();
    }

    /// What the planner has to keep to.
    fn limits(&self, options: &GotOptions) -> PlanLimits {
        let pixels = &self.config.pixels;
        let usual = GotOptions::default().max_tiles.get();
        PlanLimits {
            view: (pixels.width, pixels.height),
            min_tiles: pixels.min_patches,
            // The checkpoint's own figure is a default, which a document may raise.
            max_tiles: if options.max_tiles.get() > usual {
                options.max_tiles.get()
            } else {
                pixels.max_patches
            },
            rows: pixels.rows.map(|rows| RowSize {
                em: rows.em,
                per_view: rows.per_view,
                pitch: pixels.height / self.config.tokens_across().max(1) as u32,
            }),
            context: self.context,
            tokens_per_view: self.config.image_tokens,
            prompt_tokens: QUESTION_TOKENS,
        }
    }

    /// Reads a request that has waited for `queued` so far.
    ///
    /// A page on which the model failed has no reading; the others are not lost with it.
    ///
    /// # Errors
    /// Where the request was cancelled, the engine stops, or no page could be read.
    pub(super) fn read(&self, request: &EngineRequest, queued: Duration) -> EngineResponse {
        let cancel = request.cancel.child_with(&self.stop);
        let mut options = request.options.got.clone().unwrap_or_default();
        let tokens = &mut options.runtime.max_new_tokens;
        *tokens = BoundedInt::clamped(tokens.get().min(self.max_new_tokens));
        let visit = RequestReader {
            reader: self,
            request,
            options,
            seen: CrossCheckResults::new(&self.second, request, &cancel, time_limit(request, 1)),
            cancel: &cancel,
            queued,
            sheet: RefCell::default(),
        };
        match visit.read() {
            Err(EngineError::Cancelled) if self.stop.is_cancelled() => Err(EngineError::Stopped),
            answer => answer,
        }
    }
}

/// A request while it is read.
struct RequestReader<'a> {
    reader: &'a ReaderContext,
    request: &'a EngineRequest,
    /// What the document asks for, within what the engine gives.
    options: GotOptions,
    seen: CrossCheckResults<'a>,
    /// Up when nobody waits for the answer any more, or the engine ends.
    cancel: &'a CancelToken,
    /// How long it waited before anything was done.
    queued: Duration,
    /// The view of rows that was made last, which serves all of them.
    sheet: RefCell<Option<(Arc<StackedRows>, Arc<InputImage>)>>,
}

impl RequestReader<'_> {
    fn read(&self) -> EngineResponse {
        let limits = self.reader.limits(&self.options);
        let passes = plan(&self.request.pages, &self.options, &limits);
        self.gather(&passes, |pass, drafts| self.judge(pass, drafts))
    }

    /// Hands passes to the scheduler, all at once, and makes readings of what the parts of each give.
    fn gather(
        &self,
        passes: &[InferenceUnit],
        read: impl Fn(&InferenceUnit, Vec<Candidate>) -> EngineResponse,
    ) -> EngineResponse {
        let submit = |part: &InferenceUnit| self.submit(&AttemptRequest::asked(part, self));
        let asked: Vec<Vec<_>> = passes
            .iter()
            .map(|pass| pass.parts().iter().map(submit).collect())
            .collect();
        let mut readings = Vec::new();
        let mut failure = None;
        for (pass, parts) in passes.iter().zip(asked) {
            let drafts: Result<Vec<_>, _> = parts
                .into_iter()
                .map(|under_way| self.wait(under_way?))
                .collect();
            match drafts.and_then(|drafts| read(pass, drafts)) {
                Ok(read) => readings.extend(read),
                Err(EngineError::Model(reason)) => {
                    failure.get_or_insert(EngineError::Model(reason));
                }
                Err(error) => return Err(error),
            }
        }
        match failure {
            Some(error) if readings.is_empty() => Err(error),
            _ => Ok(readings),
        }
    }

    /// Makes readings of what the parts of a pass gave.
    fn judge(&self, pass: &InferenceUnit, drafts: Vec<Candidate>) -> EngineResponse {
        let trail = AttemptLog::new(self.queued);
        if pass.count == 1 {
            return Ok(vec![self.single(pass, drafts, &trail)?]);
        }
        let draft = Candidate::joined(pass, self.options.mode, &drafts);
        let text = self.reader.tokens.decode(&draft.tokens);
        let share = match draft.stop {
            FinishReason::End => self.share(pass, &text),
            _ => None,
        };
        match rejected(&draft, &text, share) {
            None => {
                let trail = trail.after(&draft);
                Ok(vec![self.settle(pass, &draft, text, trail)])
            }
            Some(reason) => self.singly(pass, &draft, reason),
        }
    }

    /// Reads the pages of a pass again, each by itself.
    fn singly(&self, pass: &InferenceUnit, draft: &Candidate, reason: &str) -> EngineResponse {
        let InputLayout::Pages(tiling) = &pass.shape else {
            return Err(EngineError::Model(
                "only pages can be read singly".to_owned(),
            ));
        };
        let singles: Vec<InferenceUnit> = (pass.first..pass.first + pass.count)
            .map(|first| InferenceUnit {
                first,
                count: 1,
                shape: InputLayout::Whole(tiling.clone()),
                lines: pass.lines,
            })
            .collect();
        let trail = AttemptLog::after_pass(self.queued, draft, pass.count, reason);
        self.gather(&singles, |single, drafts| {
            Ok(vec![self.single(single, drafts, &trail)?])
        })
    }

    /// Makes a reading of the first attempts at one page's parts, or of others where one repeated itself.
    fn single(
        &self,
        pass: &InferenceUnit,
        drafts: Vec<Candidate>,
        before: &AttemptLog,
    ) -> Result<OcrResult, EngineError> {
        let parts = pass.parts();
        let mut bests = Vec::new();
        for (part, draft) in parts.iter().zip(drafts) {
            bests.push(self.best(part, draft, before)?);
        }
        if bests.iter().any(|best| best.cut.is_some())
            && let Some(reading) = self.by_ppocr(pass, &bests, before)
        {
            return Ok(reading);
        }
        bests.iter_mut().for_each(BestCandidate::keep);
        let texts: Vec<(RowStart, String)> = bests
            .iter()
            .zip(&parts)
            .map(|(best, part)| self.text(best, part))
            .collect();
        let (draft, trail) = self.joined(pass, &bests, before);
        let text = match &texts[..] {
            [(_, text)] => text.clone(),
            _ => join(
                draft.mode,
                texts.iter().map(|(start, text)| (*start, text.as_str())),
            ),
        };
        Ok(self.settle(pass, &draft, text, trail))
    }

    /// The text of an attempt at a part of a page, and what it begins.
    fn text(&self, best: &BestCandidate, part: &InferenceUnit) -> (RowStart, String) {
        let text = self.reader.tokens.decode(&best.draft.tokens);
        let start = match &part.shape {
            InputLayout::Row { section, row, .. } => section.rows[*row].start,
            _ => RowStart::Paragraph,
        };
        (start, text)
    }

    /// The best attempt at a part of a page, of which `draft` is the first.
    fn best(
        &self,
        part: &InferenceUnit,
        draft: Candidate,
        before: &AttemptLog,
    ) -> Result<BestCandidate, EngineError> {
        let mut trail = before.after(&draft);
        if draft.stop == FinishReason::Repetition {
            return self.climb(part, draft, trail);
        }
        if !trail.attempts.is_empty() {
            trail.tried("single", &draft, None);
        }
        let cut = None;
        Ok(BestCandidate { draft, trail, cut })
    }

    /// What the attempts at a page's parts gave and took together.
    fn joined(
        &self,
        pass: &InferenceUnit,
        bests: &[BestCandidate],
        before: &AttemptLog,
    ) -> (Candidate, AttemptLog) {
        let drafts: Vec<Candidate> = bests.iter().map(|best| best.draft.clone()).collect();
        let trails = bests.iter().map(|best| &best.trail);
        let draft = Candidate::joined(pass, self.options.mode, &drafts);
        (draft, AttemptLog::joined(before, trails))
    }

    /// The reading that attempts gave whose text is `text`.
    fn settle(
        &self,
        pass: &InferenceUnit,
        draft: &Candidate,
        text: String,
        trail: AttemptLog,
    ) -> OcrResult {
        let confidence = draft.confidence();
        let stop = match draft.stop {
            FinishReason::End => StopReason::Complete,
            FinishReason::Length | FinishReason::Time => StopReason::Length,
            FinishReason::Repetition => StopReason::Repetition,
        };
        let mut decoding = draft.decoding(pass, trail.attempts);
        decoding.verified = self.verified(pass, &text);
        OcrResult {
            first: pass.first,
            count: pass.count,
            engine: EngineName::Got,
            confidence,
            rotation: 0,
            skew_deg: 0.0,
            stop,
            decoding: Some(decoding),
            raw: self.options.raw.then(|| draft.raw(text.clone())),
            content: OcrContent::Markup(text),
            queued: trail.queued,
            worked: trail.worked,
        }
    }

    /// Longest time in which the model may write the text of `pass`. The rows of a page share its time, as far as they
    /// cannot all be written at once.
    fn time_limit(&self, pass: &InferenceUnit) -> Duration {
        let slots = self.reader.scheduler.slots().max(1);
        let turns = pass.part_count().div_ceil(slots).max(1);
        time_limit(self.request, pass.count) / u32::try_from(turns).unwrap_or(u32::MAX)
    }

    /// How PP-OCR's reading of the pages compares, where the document asks for that.
    fn verified(&self, pass: &InferenceUnit, text: &str) -> Option<CrossCheck> {
        let pages = &self.request.pages[pass.first..pass.first + pass.count];
        if !pages
            .iter()
            .any(|page| sample::chosen(page, self.options.verify.get()))
        {
            return None;
        }
        let agreement = self.share(pass, text)?;
        Some(CrossCheck {
            agreement,
            disagrees: agreement < AGREEING_WORDS,
        })
    }

    /// Share of the words PP-OCR sees on the pages that `text` has; none where it was not asked or could
    /// not be, or where GOT was asked for a part of the page only.
    fn share(&self, pass: &InferenceUnit, text: &str) -> Option<f32> {
        if self.is_partial() {
            return None;
        }
        let seen = self.seen.texts(pass.first..pass.first + pass.count)?;
        Some(words::share(seen, text))
    }

    /// Whether only a part of each page is asked for, which PP-OCR knows nothing of.
    fn is_partial(&self) -> bool {
        self.options.r#box.is_some() || self.options.color.is_some()
    }
}

/// Why a pass of several pages does not hold up.
fn rejected(draft: &Candidate, text: &str, share: Option<f32>) -> Option<&'static str> {
    match draft.stop {
        FinishReason::End if text.trim().is_empty() => Some("empty"),
        FinishReason::End if share.is_some_and(|share| share < ENOUGH_WORDS) => {
            Some("too-few-words")
        }
        FinishReason::End => None,
        stop => Some(draft::word(stop)),
    }
}

/// Longest time in which the model may write the text of `pages` pages.
fn time_limit(request: &EngineRequest, pages: usize) -> Duration {
    // Long enough for any page, short enough to add to any instant.
    const LONGEST: Duration = Duration::from_secs(86_400);
    let pages = u32::try_from(pages).unwrap_or(u32::MAX);
    request
        .options
        .limits
        .read_timeout
        .saturating_mul(pages)
        .min(LONGEST)
}

#[cfg(test)]
mod tests;
