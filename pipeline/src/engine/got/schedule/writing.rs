//! [`WaitingSequence`] and [`RunningSequence`]: a sequence before it has a slot, and in one.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use recto_schemas::FinishReason;

use super::{Completion, CompletionSender, QueuedSequence, SequenceResult};
use crate::{
    cancel::CancelToken,
    engine::{
        EngineError,
        got::{
            guard::{NoRepeatNgram, RepetitionDetector, TokenClasses},
            model::SampledToken,
            view::InputImage,
        },
    },
};

/// A sequence that is being encoded, or waits for a slot.
pub(super) struct WaitingSequence<I> {
    pub(super) prompt: Vec<u32>,
    /// Its pictures, in order.
    pub(super) pictures: Vec<ImageState<I>>,
    /// Which of each picture's tokens its prompt has; all where none are named.
    pub(super) part: Option<Range<usize>>,
    rules: SamplingParams,
    submitted: Instant,
    queued: Option<Duration>,
    pub(super) cancel: CancelToken,
    reply: CompletionSender,
}

/// A view before and after the encoder.
pub(super) enum ImageState<I> {
    View(Arc<InputImage>),
    Image(I),
}

/// How an answer is written.
struct SamplingParams {
    /// Most tokens, at least 1.
    most: usize,
    time_limit: Duration,
    guard: Option<RepetitionDetector>,
    block: Option<NoRepeatNgram>,
}

/// A sequence in a slot.
pub(super) struct RunningSequence {
    rules: SamplingParams,
    started: Instant,
    queued: Duration,
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
    steps: u32,
    /// The token chosen last.
    pub(super) last: u32,
    pub(super) cancel: CancelToken,
    reply: CompletionSender,
}

impl<I> WaitingSequence<I> {
    /// Takes a sequence out of the queue; answers it at once where its prompt leaves no place for an
    /// answer in `context` positions.
    pub(super) fn new(
        job: QueuedSequence,
        marks: &Arc<TokenClasses>,
        context: usize,
    ) -> Option<Self> {
        let QueuedSequence {
            sequence,
            submitted,
            reply,
        } = job;
        let place = context.saturating_sub(sequence.prompt.len());
        if place == 0 {
            let text = format!(
                "the prompt has {} tokens, and the model holds {context} with the answer; give fewer tiles \
                 or pages at a time",
                sequence.prompt.len()
            );
            reply.send(Err(EngineError::Model(text)));
            return None;
        }
        let guard = || RepetitionDetector::new(Arc::clone(marks), sequence.most_equal_rows);
        let block = |n| NoRepeatNgram::new(n, &sequence.prompt);
        let rules = SamplingParams {
            most: sequence.max_new_tokens.clamp(1, place),
            time_limit: sequence.time_limit,
            guard: sequence.loop_guard.then(guard),
            block: sequence.no_repeat_ngram.map(block),
        };
        Some(Self {
            prompt: sequence.prompt,
            pictures: sequence.views.into_iter().map(ImageState::View).collect(),
            part: sequence.part,
            rules,
            submitted,
            queued: None,
            cancel: sequence.cancel,
            reply,
        })
    }

    /// Views that are still to be encoded, in order.
    pub(super) fn views(&self) -> impl Iterator<Item = &Arc<InputImage>> {
        self.pictures.iter().filter_map(|picture| match picture {
            ImageState::View(view) => Some(view),
            ImageState::Image(_) => None,
        })
    }

    /// Encoded views, in order.
    pub(super) fn images(&self) -> impl Iterator<Item = &I> {
        self.pictures.iter().filter_map(|picture| match picture {
            ImageState::View(_) => None,
            ImageState::Image(image) => Some(image),
        })
    }

    /// Whether `view` is one of those that are still to be encoded.
    pub(super) fn waits_for(&self, view: &Arc<InputImage>) -> bool {
        self.views().any(|own| Arc::ptr_eq(own, view))
    }

    /// Takes note that its first view is about to be encoded.
    pub(super) fn begin_encoding(&mut self) {
        self.queued.get_or_insert_with(|| self.submitted.elapsed());
    }

    /// Puts an image wherever its view stands.
    pub(super) fn place(&mut self, view: &Arc<InputImage>, image: &I)
    where
        I: Clone,
    {
        for picture in &mut self.pictures {
            if matches!(picture, ImageState::View(own) if Arc::ptr_eq(own, view)) {
                *picture = ImageState::Image(image.clone());
            }
        }
    }

    /// Tokens that may not come first.
    pub(super) fn banned(&self) -> &[u32] {
        self.rules.banned()
    }

    /// The sequence as it enters a slot; its images are no longer needed.
    pub(super) fn begin(self, started: Instant) -> RunningSequence {
        let queued = started.duration_since(self.submitted);
        RunningSequence {
            rules: self.rules,
            started,
            queued: self.queued.unwrap_or(queued),
            tokens: Vec::new(),
            logprobs: Vec::new(),
            steps: 0,
            last: 0,
            cancel: self.cancel,
            reply: self.reply,
        }
    }

    /// Ends it before it began.
    pub(super) fn answer(self, answer: SequenceResult) {
        self.reply.send(answer);
    }
}

impl SamplingParams {
    fn banned(&self) -> &[u32] {
        self.block.as_ref().map_or(&[], NoRepeatNgram::banned)
    }
}

impl RunningSequence {
    /// Tokens that may not come next.
    pub(super) fn banned(&self) -> &[u32] {
        self.rules.banned()
    }

    /// Takes the model's choice in; says why the sequence ends, where it does.
    pub(super) fn accept(
        &mut self,
        choice: SampledToken,
        marks: &TokenClasses,
    ) -> Option<FinishReason> {
        self.steps = self.steps.saturating_add(1);
        if marks.is_stop(choice.token) {
            return Some(FinishReason::End);
        }
        self.last = choice.token;
        self.tokens.push(choice.token);
        self.logprobs.push(choice.logprob);
        if let Some(block) = &mut self.rules.block {
            block.push(choice.token);
        }
        let guard = self.rules.guard.as_mut();
        if let Some(repeated) = guard.and_then(|guard| guard.push(choice.token)) {
            self.tokens.truncate(repeated.start);
            self.logprobs.truncate(repeated.start);
            return Some(FinishReason::Repetition);
        }
        if self.tokens.len() >= self.rules.most {
            return Some(FinishReason::Length);
        }
        (self.started.elapsed() >= self.rules.time_limit).then_some(FinishReason::Time)
    }

    /// Ends it with what was written.
    pub(super) fn finish(self, stop: FinishReason) {
        self.reply.send(Ok(Completion {
            tokens: self.tokens,
            logprobs: self.logprobs,
            steps: self.steps,
            stop,
            queued: self.queued,
            worked: self.started.elapsed(),
        }));
    }

    /// Ends it without.
    pub(super) fn answer(self, answer: SequenceResult) {
        self.reply.send(answer);
    }
}
