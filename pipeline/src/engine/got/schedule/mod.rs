//! [`Scheduler`]: sequences of all documents through one model.
//!
//! One thread owns the model. Sequences stand in a queue that serves documents in turn, are encoded
//! ahead of the decoder, join the running batch when a slot comes free, and leave it at any step
//! ([`turns`] says in which order). Whoever submitted a sequence is answered in every case.

// The loop: which work comes next.
mod turns;
// A sequence in a slot, and why it ends.
mod writing;
// What was done, for metrics.
mod counters;

use std::{
    ops::Range,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use recto_schemas::FinishReason;

use counters::SchedulerCounters;
pub(super) use counters::SchedulerStats;
use turns::SchedulerLoop;

use super::{guard::TokenClasses, model::GenerativeModel, view::InputImage};
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

/// Sequences that wait in the queue, at least: enough to fill an encoder batch from. Each holds its
/// views, about 3 MB apiece.
const LEAST_QUEUE: usize = 8;

/// A prompt, and how its answer is to be written.
#[derive(Debug)]
pub(super) struct Sequence {
    /// The document it is of; documents are served in turn.
    pub(super) document: DocumentId,
    /// Its tokens, image tokens included.
    pub(super) prompt: Vec<u32>,
    /// The pictures that the image tokens stand for, in order. One that several sequences share is encoded once, as
    /// long as somebody holds it for the next.
    pub(super) views: Vec<Arc<InputImage>>,
    /// Which of each view's image tokens the prompt has; all where none are named.
    pub(super) part: Option<Range<usize>>,
    /// Most tokens to write; the model's context may hold fewer.
    pub(super) max_new_tokens: usize,
    /// Most time to write them in, from when its prompt is taken in.
    pub(super) time_limit: Duration,
    /// Whether repetition is cut.
    pub(super) loop_guard: bool,
    /// Equal rows that a table of it may have.
    pub(super) most_equal_rows: usize,
    /// No run of so many tokens may come twice, the prompt counted.
    pub(super) no_repeat_ngram: Option<usize>,
    /// Cancelled when nobody waits for the answer any more.
    pub(super) cancel: CancelToken,
}

/// What the model wrote.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Completion {
    /// The tokens, without the end token; only the first copy of what repeats where `stop` is
    /// [`FinishReason::Repetition`].
    pub(super) tokens: Vec<u32>,
    /// The natural logarithm of each one's probability.
    pub(super) logprobs: Vec<f32>,
    /// Tokens decoded: the end token and what was cut are counted.
    pub(super) steps: u32,
    /// Why it ended.
    pub(super) stop: FinishReason,
    /// From when it was submitted until its first view was encoded, or its prompt taken in where it
    /// has none.
    pub(super) queued: Duration,
    /// From when its prompt was taken in to its end, by the clock: the slot was shared with others.
    pub(super) worked: Duration,
}

/// The answer to a sequence.
pub(super) type SequenceResult = Result<Completion, EngineError>;

/// The thread that owns the model. Dropping it stops the thread; what is unfinished is answered with
/// [`EngineError::Stopped`].
#[derive(Debug)]
pub(super) struct Scheduler {
    queue: Arc<FairQueue<QueuedSequence>>,
    counters: Arc<SchedulerCounters>,
    slots: usize,
    thread: Option<JoinHandle<()>>,
}

impl Scheduler {
    /// Starts a thread for the model.
    pub(super) fn start<M: GenerativeModel + Send + 'static>(
        model: M,
        marks: TokenClasses,
    ) -> Self {
        let slots = model.slots().max(1);
        let queue = Arc::new(FairQueue::new(slots.max(LEAST_QUEUE)));
        let counters = Arc::new(SchedulerCounters::default());
        let turns = SchedulerLoop::new(model, marks, Arc::clone(&queue), Arc::clone(&counters));
        Self {
            queue,
            counters,
            slots,
            thread: Some(thread::spawn(move || turns.run())),
        }
    }

    /// Hands a sequence over; waits while the queue is full. The answer comes exactly once.
    ///
    /// # Errors
    /// [`EngineError::Cancelled`] if it was cancelled while it waited for a place,
    /// [`EngineError::Stopped`] where the thread has ended.
    pub(super) fn submit(
        &self,
        sequence: Sequence,
    ) -> Result<OneshotReceiver<SequenceResult>, EngineError> {
        let (sender, answer) = oneshot::channel();
        let (document, cancel) = (sequence.document, sequence.cancel.clone());
        let job = QueuedSequence {
            sequence,
            submitted: Instant::now(),
            reply: CompletionSender(Some(sender)),
        };
        match self.queue.push(document, job, &cancel) {
            Ok(()) => Ok(answer),
            Err(PushError::Cancelled) => Err(EngineError::Cancelled),
            Err(PushError::Closed) => Err(EngineError::Stopped),
        }
    }

    /// How many sequences are written at once.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// Time at which the model was at work.
    pub(super) fn busy(&self) -> Duration {
        let work = self.work();
        work.encoding + work.prefilling + work.decoding
    }

    /// What was done since the start.
    pub(super) fn work(&self) -> SchedulerStats {
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
    reply: CompletionSender,
}

/// Answers whoever waits for a sequence: with [`EngineError::Stopped`] where it is dropped.
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
