//! [`Candidate`]: what an attempt gave. [`AttemptLog`]: what a page's attempts took so far.

use std::time::Duration;

use recto_schemas::{
    AttemptKind, DecodingReport, FinishReason, GotMode, RawOutput, ReadAttempt, RejectionKind,
};

use crate::engine::got::{
    plan::{InferenceUnit, InputLayout},
    schedule::Completion,
};

/// What one attempt gave.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) mode: GotMode,
    /// How the pages were shown.
    pub(super) shape: InputLayout,
    /// The prompt, without text that an attempt went on from.
    pub(super) prompt: Vec<u32>,
    /// The text's tokens, those that an attempt went on from included.
    pub(super) tokens: Vec<u32>,
    /// One logarithm of a probability for each token.
    pub(super) logprobs: Vec<f32>,
    /// Tokens decoded by this attempt, cut ones included.
    pub(super) steps: u32,
    pub(super) stop: FinishReason,
    pub(super) queued: Duration,
    pub(super) worked: Duration,
}

impl Candidate {
    /// What a sequence gave that followed `prompt`.
    pub(super) fn new(
        mode: GotMode,
        shape: InputLayout,
        prompt: Vec<u32>,
        written: Completion,
    ) -> Self {
        Self {
            mode,
            shape,
            prompt,
            tokens: written.tokens,
            logprobs: written.logprobs,
            steps: written.steps,
            stop: written.stop,
            queued: written.queued,
            worked: written.worked,
        }
    }

    /// What attempts at the parts of a page gave together; where there are none, an empty text in `mode`.
    pub(super) fn joined(pass: &InferenceUnit, mode: GotMode, parts: &[Self]) -> Self {
        if let [draft] = parts {
            return draft.clone();
        }
        let is_plain = |part: &Self| part.mode == GotMode::Plain;
        let all_plain = !parts.is_empty() && parts.iter().all(is_plain);
        Self {
            mode: if all_plain { GotMode::Plain } else { mode },
            shape: pass.shape.clone(),
            prompt: parts.iter().flat_map(|part| part.prompt.clone()).collect(),
            tokens: parts.iter().flat_map(|part| part.tokens.clone()).collect(),
            logprobs: parts
                .iter()
                .flat_map(|part| part.logprobs.clone())
                .collect(),
            steps: parts.iter().map(|part| part.steps).sum(),
            stop: parts
                .iter()
                .map(|part| part.stop)
                .max_by_key(|stop| badness(*stop))
                .unwrap_or(FinishReason::End),
            queued: parts
                .iter()
                .map(|part| part.queued)
                .max()
                .unwrap_or_default(),
            worked: parts.iter().map(|part| part.worked).sum(),
        }
    }

    /// This attempt's text after the text of the one that it went on from.
    pub(super) fn after(mut self, before: &Self) -> Self {
        self.tokens = [&before.tokens[..], &self.tokens].concat();
        self.logprobs = [&before.logprobs[..], &self.logprobs].concat();
        self
    }

    /// The tokens' geometric mean probability; none where there are none.
    pub(super) fn confidence(&self) -> Option<f32> {
        let sum: f64 = self.logprobs.iter().map(|&log| f64::from(log)).sum();
        (!self.logprobs.is_empty()).then(|| (sum / self.logprobs.len() as f64).exp() as f32)
    }

    /// The manifest's account of the pass whose text this is.
    pub(super) fn decoding(
        &self,
        pass: &InferenceUnit,
        attempts: Vec<ReadAttempt>,
    ) -> DecodingReport {
        DecodingReport {
            mode: self.mode,
            tiling: self.shape.tiling().clone(),
            pages_in_pass: u32::try_from(pass.count).unwrap_or(u32::MAX),
            prompt_tokens: u32::try_from(self.prompt.len()).unwrap_or(u32::MAX),
            tokens: u32::try_from(self.tokens.len()).unwrap_or(u32::MAX),
            stop: self.stop,
            attempts,
            verified: None,
        }
    }

    /// What the model was given and gave.
    pub(super) fn raw(&self, text: String) -> RawOutput {
        RawOutput {
            prompt_ids: self.prompt.clone(),
            token_ids: self.tokens.clone(),
            text,
        }
    }
}

/// What a page's attempts took so far.
#[derive(Clone, Debug)]
pub(super) struct AttemptLog {
    pub(super) attempts: Vec<ReadAttempt>,
    pub(super) queued: Duration,
    pub(super) worked: Duration,
    /// Tokens decoded.
    pub(super) steps: u32,
}

impl AttemptLog {
    /// Nothing but the waiting.
    pub(super) fn new(queued: Duration) -> Self {
        Self {
            attempts: Vec::new(),
            queued,
            worked: Duration::ZERO,
            steps: 0,
        }
    }

    /// After a pass of `pages` pages that did not hold up; its time is shared among them.
    pub(super) fn after_pass(
        queued: Duration,
        draft: &Candidate,
        pages: usize,
        reason: RejectionKind,
    ) -> Self {
        let pages = u32::try_from(pages).unwrap_or(u32::MAX).max(1);
        let mut trail = Self::new(queued + draft.queued);
        trail.worked = draft.worked / pages;
        trail.steps = draft.steps;
        trail.tried(AttemptKind::Pass, draft, Some(reason));
        trail
    }

    /// What the attempts at the parts of a page took together, each of which is told after what was `before`. Parts
    /// wait at the same time.
    pub(super) fn joined<'a>(before: &Self, parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut all = before.clone();
        for part in parts {
            all.attempts
                .extend_from_slice(&part.attempts[before.attempts.len()..]);
            all.queued = all.queued.max(part.queued);
            all.worked += part.worked - before.worked;
            all.steps = all.steps.saturating_add(part.steps - before.steps);
        }
        all
    }

    /// This and what an attempt took.
    pub(super) fn after(&self, draft: &Candidate) -> Self {
        let mut trail = self.clone();
        trail.took(draft);
        trail
    }

    /// Counts what an attempt took.
    pub(super) fn took(&mut self, draft: &Candidate) {
        self.queued += draft.queued;
        self.worked += draft.worked;
        self.steps = self.steps.saturating_add(draft.steps);
    }

    /// Writes an attempt down.
    pub(super) fn tried(
        &mut self,
        way: AttemptKind,
        draft: &Candidate,
        rejected: Option<RejectionKind>,
    ) {
        self.attempts.push(ReadAttempt {
            way,
            tokens: draft.steps,
            stop: draft.stop,
            rejected,
        });
    }
}

/// Orders ends from the best to the worst.
fn badness(stop: FinishReason) -> u8 {
    match stop {
        FinishReason::End => 0,
        FinishReason::Length => 1,
        FinishReason::Time => 2,
        FinishReason::Repetition => 3,
    }
}

/// Why a text that ended so is not kept; none for one that came to its end.
pub(super) fn cut_short(stop: FinishReason) -> Option<RejectionKind> {
    match stop {
        FinishReason::End => None,
        FinishReason::Length => Some(RejectionKind::Length),
        FinishReason::Time => Some(RejectionKind::Time),
        FinishReason::Repetition => Some(RejectionKind::Repetition),
    }
}
