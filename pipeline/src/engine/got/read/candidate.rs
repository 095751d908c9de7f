//! Candidate texts of a page, and the log of the attempts that gave them.

use std::time::Duration;

use recto_schemas::{
    AttemptKind, DecodingReport, FinishReason, GotMode, RawOutput, ReadAttempt, RejectionKind,
};

use crate::engine::got::{
    plan::{InferenceUnit, InputLayout},
    scheduler::Completion,
};

/// The result of one attempt.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) mode: GotMode,
    /// Form in which the pages were shown.
    pub(super) layout: InputLayout,
    /// The prompt without the text that the answer continues.
    pub(super) prompt: Vec<u32>,
    /// Tokens of the text, including those that the answer continues.
    pub(super) tokens: Vec<u32>,
    /// Log-probability of each token.
    pub(super) logprobs: Vec<f32>,
    /// Tokens decoded by this attempt, including those cut.
    pub(super) steps: u32,
    pub(super) stop: FinishReason,
    pub(super) queued: Duration,
    pub(super) inference_time: Duration,
}

impl Candidate {
    /// The candidate of a sequence that followed `prompt`.
    pub(super) fn new(
        mode: GotMode,
        layout: InputLayout,
        prompt: Vec<u32>,
        completion: Completion,
    ) -> Self {
        Self {
            mode,
            layout,
            prompt,
            tokens: completion.tokens,
            logprobs: completion.logprobs,
            steps: completion.steps,
            stop: completion.stop,
            queued: completion.queued,
            inference_time: completion.inference_time,
        }
    }

    /// Merges candidates of a page's parts. Without parts it is an empty text in `mode`.
    pub(super) fn merged(unit: &InferenceUnit, mode: GotMode, parts: &[Self]) -> Self {
        if let [candidate] = parts {
            return candidate.clone();
        }
        let is_plain = |part: &Self| part.mode == GotMode::Plain;
        let all_plain = !parts.is_empty() && parts.iter().all(is_plain);
        Self {
            mode: if all_plain { GotMode::Plain } else { mode },
            layout: unit.layout.clone(),
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
                .max_by_key(|stop| severity(*stop))
                .unwrap_or(FinishReason::End),
            queued: parts
                .iter()
                .map(|part| part.queued)
                .max()
                .unwrap_or_default(),
            inference_time: parts.iter().map(|part| part.inference_time).sum(),
        }
    }

    /// Prepends the text that this attempt continued.
    pub(super) fn continuing(mut self, before: &Self) -> Self {
        self.tokens = [&before.tokens[..], &self.tokens].concat();
        self.logprobs = [&before.logprobs[..], &self.logprobs].concat();
        self
    }

    /// The geometric mean of the tokens' probabilities; `None` without tokens.
    pub(super) fn confidence(&self) -> Option<f32> {
        let sum: f64 = self.logprobs.iter().map(|&log| f64::from(log)).sum();
        (!self.logprobs.is_empty()).then(|| (sum / self.logprobs.len() as f64).exp() as f32)
    }

    /// The manifest's record of the unit with this text.
    pub(super) fn decoding(
        &self,
        unit: &InferenceUnit,
        attempts: Vec<ReadAttempt>,
    ) -> DecodingReport {
        DecodingReport {
            mode: self.mode,
            tiling: self.layout.tiling().clone(),
            pages_in_pass: u32::try_from(unit.count).unwrap_or(u32::MAX),
            prompt_tokens: u32::try_from(self.prompt.len()).unwrap_or(u32::MAX),
            tokens: u32::try_from(self.tokens.len()).unwrap_or(u32::MAX),
            stop: self.stop,
            attempts,
            verified: None,
        }
    }

    /// The raw prompt and answer.
    pub(super) fn raw(&self, text: String) -> RawOutput {
        RawOutput {
            prompt_ids: self.prompt.clone(),
            token_ids: self.tokens.clone(),
            text,
        }
    }
}

/// The attempts at a page so far and what they cost.
#[derive(Clone, Debug)]
pub(super) struct AttemptLog {
    pub(super) attempts: Vec<ReadAttempt>,
    pub(super) queued: Duration,
    pub(super) inference_time: Duration,
    /// Tokens decoded.
    pub(super) steps: u32,
}

impl AttemptLog {
    /// An empty log after waiting for `queued`.
    pub(super) fn new(queued: Duration) -> Self {
        Self {
            attempts: Vec::new(),
            queued,
            inference_time: Duration::ZERO,
            steps: 0,
        }
    }

    /// A log after a unit of `pages` pages that was rejected; its time is shared among them.
    pub(super) fn after_rejected_unit(
        queued: Duration,
        candidate: &Candidate,
        pages: usize,
        reason: RejectionKind,
    ) -> Self {
        let pages = u32::try_from(pages).unwrap_or(u32::MAX).max(1);
        let mut log = Self::new(queued + candidate.queued);
        log.inference_time = candidate.inference_time / pages;
        log.steps = candidate.steps;
        log.record(AttemptKind::Pass, candidate, Some(reason));
        log
    }

    /// Merges logs of a page's parts, each of which continues `before`. Parts wait at the same
    /// time, so the longest wait counts.
    pub(super) fn merged<'a>(before: &Self, parts: impl Iterator<Item = &'a Self>) -> Self {
        let mut all = before.clone();
        for part in parts {
            all.attempts
                .extend_from_slice(&part.attempts[before.attempts.len()..]);
            all.queued = all.queued.max(part.queued);
            all.inference_time += part.inference_time - before.inference_time;
            all.steps = all.steps.saturating_add(part.steps - before.steps);
        }
        all
    }

    /// A copy with the cost of one more attempt.
    pub(super) fn with(&self, candidate: &Candidate) -> Self {
        let mut log = self.clone();
        log.add_cost(candidate);
        log
    }

    /// Adds the cost of an attempt.
    pub(super) fn add_cost(&mut self, candidate: &Candidate) {
        self.queued += candidate.queued;
        self.inference_time += candidate.inference_time;
        self.steps = self.steps.saturating_add(candidate.steps);
    }

    /// Records an attempt.
    pub(super) fn record(
        &mut self,
        method: AttemptKind,
        candidate: &Candidate,
        rejected: Option<RejectionKind>,
    ) {
        self.attempts.push(ReadAttempt {
            method,
            tokens: candidate.steps,
            stop: candidate.stop,
            rejected,
        });
    }
}

/// Orders finish reasons from the best to the worst.
fn severity(stop: FinishReason) -> u8 {
    match stop {
        FinishReason::End => 0,
        FinishReason::Length => 1,
        FinishReason::Time => 2,
        FinishReason::Repetition => 3,
    }
}

/// The reason to reject a text that ended so; none for one that came to its end.
pub(super) fn cut_short(stop: FinishReason) -> Option<RejectionKind> {
    match stop {
        FinishReason::End => None,
        FinishReason::Length => Some(RejectionKind::Length),
        FinishReason::Time => Some(RejectionKind::Time),
        FinishReason::Repetition => Some(RejectionKind::Repetition),
    }
}
