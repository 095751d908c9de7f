//! Sequences that have left the queue: waiting for a slot, and running in one.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use recto_schemas::FinishReason;

use super::{Completion, CompletionSender, QueuedSequence, SequenceResult};
use crate::{
    cancel::CancelToken,
    clock::AwakeInstant,
    engine::{
        EngineError,
        got::{
            input_image::InputImage,
            model::SampledToken,
            repetition::{NoRepeatNgram, RepetitionDetector, TokenClasses},
        },
    },
};

/// A sequence that is being encoded, or waits for a slot.
pub(super) struct WaitingSequence<I> {
    pub(super) prompt: Vec<u32>,
    /// Its images, in order.
    pub(super) images: Vec<ImageState<I>>,
    /// The part of each image's tokens that the prompt has; all if `None`.
    pub(super) token_range: Option<Range<usize>>,
    sampling: SamplingParams,
    submitted: Instant,
    queued: Option<Duration>,
    pub(super) cancel: CancelToken,
    sender: CompletionSender,
}

/// An input image before and after the encoder.
pub(super) enum ImageState<I> {
    Pixels(Arc<InputImage>),
    Embedded(I),
}

/// Limits and logits filters of an answer.
struct SamplingParams {
    /// Maximum tokens, at least 1.
    max_tokens: usize,
    time_limit: Duration,
    repetition: Option<RepetitionDetector>,
    no_repeat_ngram: Option<NoRepeatNgram>,
}

/// A sequence that is decoded in a slot.
pub(super) struct RunningSequence {
    sampling: SamplingParams,
    started: Instant,
    /// The end of its time, on the clock of deadlines.
    deadline: Option<AwakeInstant>,
    queued: Duration,
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
    steps: u32,
    /// The last sampled token.
    pub(super) last: u32,
    pub(super) cancel: CancelToken,
    sender: CompletionSender,
}

impl<I> WaitingSequence<I> {
    /// Accepts a sequence from the queue; answers it with an error if its prompt leaves no room for
    /// an answer in `context` positions.
    pub(super) fn new(
        queued: QueuedSequence,
        token_classes: &Arc<TokenClasses>,
        context: usize,
    ) -> Option<Self> {
        let QueuedSequence {
            sequence,
            submitted,
            sender,
        } = queued;
        let room = context.saturating_sub(sequence.prompt.len());
        if room == 0 {
            let text = format!(
                "the prompt has {} tokens, and the model holds {context} with the answer; give fewer tiles \
                 or pages at a time",
                sequence.prompt.len()
            );
            sender.send(Err(EngineError::Model(text)));
            return None;
        }
        let repetition =
            || RepetitionDetector::new(Arc::clone(token_classes), sequence.max_equal_rows);
        let no_repeat_ngram = |n| NoRepeatNgram::new(n, &sequence.prompt);
        let sampling = SamplingParams {
            max_tokens: sequence.max_new_tokens.clamp(1, room),
            time_limit: sequence.time_limit,
            repetition: sequence.loop_guard.then(repetition),
            no_repeat_ngram: sequence.no_repeat_ngram.map(no_repeat_ngram),
        };
        Some(Self {
            prompt: sequence.prompt,
            images: sequence
                .images
                .into_iter()
                .map(ImageState::Pixels)
                .collect(),
            token_range: sequence.token_range,
            sampling,
            submitted,
            queued: None,
            cancel: sequence.cancel,
            sender,
        })
    }

    /// Images that are not encoded yet, in order.
    pub(super) fn pending_images(&self) -> impl Iterator<Item = &Arc<InputImage>> {
        self.images.iter().filter_map(|image| match image {
            ImageState::Pixels(image) => Some(image),
            ImageState::Embedded(_) => None,
        })
    }

    /// Embeddings of encoded images, in order.
    pub(super) fn embeddings(&self) -> impl Iterator<Item = &I> {
        self.images.iter().filter_map(|image| match image {
            ImageState::Pixels(_) => None,
            ImageState::Embedded(embedding) => Some(embedding),
        })
    }

    /// Returns true if `image` is not encoded yet.
    pub(super) fn waits_for(&self, image: &Arc<InputImage>) -> bool {
        self.pending_images().any(|own| Arc::ptr_eq(own, image))
    }

    /// Records that its first image is about to be encoded.
    pub(super) fn begin_encoding(&mut self) {
        self.queued.get_or_insert_with(|| self.submitted.elapsed());
    }

    /// Replaces `image` by its embedding.
    pub(super) fn set_embedding(&mut self, image: &Arc<InputImage>, embedding: &I)
    where
        I: Clone,
    {
        for state in &mut self.images {
            if matches!(state, ImageState::Pixels(own) if Arc::ptr_eq(own, image)) {
                *state = ImageState::Embedded(embedding.clone());
            }
        }
    }

    /// Tokens that may not come first.
    pub(super) fn banned(&self) -> &[u32] {
        self.sampling.banned()
    }

    /// Moves the sequence into a slot; its embeddings are no longer needed.
    pub(super) fn start(self, started: Instant) -> RunningSequence {
        let queued = started.duration_since(self.submitted);
        RunningSequence {
            deadline: AwakeInstant::now().checked_add(self.sampling.time_limit),
            sampling: self.sampling,
            started,
            queued: self.queued.unwrap_or(queued),
            tokens: Vec::new(),
            logprobs: Vec::new(),
            steps: 0,
            last: 0,
            cancel: self.cancel,
            sender: self.sender,
        }
    }

    /// Answers it without running it.
    pub(super) fn answer(self, answer: SequenceResult) {
        self.sender.send(answer);
    }
}

impl SamplingParams {
    fn banned(&self) -> &[u32] {
        self.no_repeat_ngram
            .as_ref()
            .map_or(&[], NoRepeatNgram::banned)
    }
}

impl RunningSequence {
    /// Tokens that may not come next.
    pub(super) fn banned(&self) -> &[u32] {
        self.sampling.banned()
    }

    /// Appends a sampled token; returns the finish reason if the sequence ends with it.
    pub(super) fn accept(
        &mut self,
        choice: SampledToken,
        token_classes: &TokenClasses,
    ) -> Option<FinishReason> {
        self.steps = self.steps.saturating_add(1);
        if token_classes.is_stop(choice.token) {
            return Some(FinishReason::End);
        }
        self.last = choice.token;
        self.tokens.push(choice.token);
        self.logprobs.push(choice.logprob);
        if let Some(no_repeat_ngram) = &mut self.sampling.no_repeat_ngram {
            no_repeat_ngram.push(choice.token);
        }
        let repetition = self.sampling.repetition.as_mut();
        if let Some(repeated) = repetition.and_then(|repetition| repetition.push(choice.token)) {
            self.tokens.truncate(repeated.start);
            self.logprobs.truncate(repeated.start);
            return Some(FinishReason::Repetition);
        }
        if self.tokens.len() >= self.sampling.max_tokens {
            return Some(FinishReason::Length);
        }
        let is_out_of_time = self
            .deadline
            .is_some_and(|deadline| AwakeInstant::now() >= deadline);
        is_out_of_time.then_some(FinishReason::Time)
    }

    /// Answers it with the text so far.
    pub(super) fn finish(self, stop: FinishReason) {
        self.sender.send(Ok(Completion {
            tokens: self.tokens,
            logprobs: self.logprobs,
            steps: self.steps,
            stop,
            queued: self.queued,
            inference_time: self.started.elapsed(),
        }));
    }

    /// Answers it without the text.
    pub(super) fn answer(self, answer: SequenceResult) {
        self.sender.send(answer);
    }
}
