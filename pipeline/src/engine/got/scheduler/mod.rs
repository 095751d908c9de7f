//! Scheduler that decodes the sequences of all documents in one batch (continuous batching, as in
//! vLLM).
//!
//! One thread owns the model. Sequences wait in a queue that serves documents in turn, are encoded
//! ahead of the decoder, join the running batch when a slot is free, and leave it at any decode
//! step ([`scheduler_loop`] has the order). Each submitted sequence is answered exactly once,
//! whatever happens.

mod scheduler_loop;
mod sequences;
mod stats;

use std::{
    ops::Range,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use recto_schemas::FinishReason;

use scheduler_loop::SchedulerLoop;
use stats::SchedulerCounters;
pub(super) use stats::SchedulerStats;

use super::{input_image::InputImage, model::GenerativeModel, repetition::TokenClasses};
use crate::{
    cancel::{
        CancelToken,
        oneshot::{self, OneshotReceiver, OneshotSender},
    },
    engine::{
        DocumentId, EngineError,
        queue::{FairQueue, PushError},
    },
};

/// Minimum places in the queue: enough to fill an encoder batch. Each sequence holds its input
/// images, about 3 MB apiece.
const MIN_QUEUE: usize = 8;

/// A prompt, and the limits of its answer.
#[derive(Debug)]
pub(super) struct Sequence {
    /// The sequence's document; documents are served in turn.
    pub(super) document: DocumentId,
    /// The prompt's tokens, image tokens included.
    pub(super) prompt: Vec<u32>,
    /// The input images that the image tokens stand for, in order. An image that several sequences
    /// share is encoded once, as long as somebody holds it for the next sequence.
    pub(super) images: Vec<Arc<InputImage>>,
    /// The part of each image's tokens that the prompt has; all if `None`.
    pub(super) token_range: Option<Range<usize>>,
    /// Maximum tokens of the answer; the model's context may hold fewer.
    pub(super) max_new_tokens: usize,
    /// Maximum time for the answer, from the start of prefill.
    pub(super) time_limit: Duration,
    /// True if repetition ends the sequence.
    pub(super) loop_guard: bool,
    /// Equal rows that a table may have without counting as repetition.
    pub(super) max_equal_rows: usize,
    /// Length of the n-grams that may not repeat, including those of the prompt.
    pub(super) no_repeat_ngram: Option<usize>,
    /// Cancelled when nobody waits for the answer any more.
    pub(super) cancel: CancelToken,
}

/// The answer to a sequence.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Completion {
    /// The answer's tokens without the end token. If `stop` is [`FinishReason::Repetition`], only
    /// the first copy of what repeats.
    pub(super) tokens: Vec<u32>,
    /// Natural logarithm of each token's probability.
    pub(super) logprobs: Vec<f32>,
    /// Tokens decoded, including the end token and tokens that were cut.
    pub(super) steps: u32,
    /// Reason that the sequence ended.
    pub(super) stop: FinishReason,
    /// Time from submission until its first image was encoded, or until prefill if it has no image.
    pub(super) queued: Duration,
    /// Wall-clock time from prefill to the end; the batch was shared with others.
    pub(super) inference_time: Duration,
}

/// The result of a sequence.
pub(super) type SequenceResult = Result<Completion, EngineError>;

/// Handle of the thread that owns the model. Dropping it stops the thread; unfinished sequences are
/// answered with [`EngineError::Stopped`].
#[derive(Debug)]
pub(super) struct Scheduler {
    queue: Arc<FairQueue<QueuedSequence>>,
    counters: Arc<SchedulerCounters>,
    slots: usize,
    thread: Option<JoinHandle<()>>,
}

impl Scheduler {
    /// Starts the model's thread.
    pub(super) fn start<M: GenerativeModel + Send + 'static>(
        model: M,
        token_classes: TokenClasses,
    ) -> Self {
        let slots = model.slots().max(1);
        let queue = Arc::new(FairQueue::new(slots.max(MIN_QUEUE)));
        let counters = Arc::new(SchedulerCounters::default());
        let scheduler_loop = SchedulerLoop::new(
            model,
            token_classes,
            Arc::clone(&queue),
            Arc::clone(&counters),
        );
        Self {
            queue,
            counters,
            slots,
            thread: Some(thread::spawn(move || scheduler_loop.run())),
        }
    }

    /// Submits a sequence; blocks while the queue is full. The answer comes exactly once.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`] if the sequence was cancelled while it waited for a place,
    /// [`EngineError::Stopped`] if the thread has ended.
    pub(super) fn submit(
        &self,
        sequence: Sequence,
    ) -> Result<OneshotReceiver<SequenceResult>, EngineError> {
        let (sender, answer) = oneshot::channel();
        let (document, cancel) = (sequence.document, sequence.cancel.clone());
        let queued = QueuedSequence {
            sequence,
            submitted: Instant::now(),
            sender: CompletionSender(Some(sender)),
        };
        match self.queue.push(document, queued, &cancel) {
            Ok(()) => Ok(answer),
            Err(PushError::Cancelled) => Err(EngineError::Cancelled),
            Err(PushError::Closed) => Err(EngineError::Stopped),
        }
    }

    /// Sequences that are decoded at once (the batch size).
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// Time that the model has spent computing.
    pub(super) fn busy(&self) -> Duration {
        let stats = self.stats();
        stats.encoding + stats.prefilling + stats.decoding
    }

    /// Statistics since the start.
    pub(super) fn stats(&self) -> SchedulerStats {
        self.counters.read()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take() {
            // The thread's panic was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// A sequence in the queue.
#[derive(Debug)]
struct QueuedSequence {
    sequence: Sequence,
    submitted: Instant,
    sender: CompletionSender,
}

/// Sender of a sequence's result, which sends [`EngineError::Stopped`] if it is dropped.
#[derive(Debug)]
struct CompletionSender(Option<OneshotSender<SequenceResult>>);

impl CompletionSender {
    fn send(mut self, answer: SequenceResult) {
        self.answer(answer);
    }

    fn answer(&mut self, answer: SequenceResult) {
        if let Some(sender) = self.0.take() {
            sender.send(answer);
        }
    }
}

impl Drop for CompletionSender {
    fn drop(&mut self) {
        self.answer(Err(EngineError::Stopped));
    }
}

#[cfg(test)]
mod tests;
