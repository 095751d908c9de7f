//! Scheduler loop: chooses the model's next work.
//!
//! Each iteration is one decode step over all slots, one prefill into a free slot, or one encoder
//! batch. While sequences are decoded, every other iteration is a decode step, so that prefill and
//! encoding delay a running sequence but never stall it. A prompt that is ready for prefill goes
//! before encoding. Images are encoded first come, first served: as many as there are if a slot is
//! free, in full batches if all are in use, and never more than the buffer has room for.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use recto_schemas::FinishReason;

use super::{
    QueuedSequence,
    sequences::{RunningSequence, WaitingSequence},
    stats::{SchedulerCounters, add, add_time},
};
use crate::engine::{
    EngineError,
    got::{
        input_image::InputImage,
        model::{DecodeInput, GenerativeModel, SampledToken},
        repetition::TokenClasses,
    },
    queue::FairQueue,
};

/// The model, and all sequences that have left the queue.
pub(super) struct SchedulerLoop<M: GenerativeModel> {
    model: M,
    token_classes: Arc<TokenClasses>,
    queue: Arc<FairQueue<QueuedSequence>>,
    counters: Arc<SchedulerCounters>,
    /// Sequences that are being encoded or wait for a slot, in order of arrival.
    waiting: VecDeque<WaitingSequence<M::Embedding>>,
    /// Images that later sequences may share, and their embeddings.
    encoded: Vec<(Arc<InputImage>, M::Embedding)>,
    slots: Vec<Option<RunningSequence>>,
    /// Maximum images, encoded or not, of waiting sequences; a single sequence with more is let
    /// through. Enough to refill half of the slots, and one encoder batch.
    image_capacity: usize,
    batch: usize,
    /// True if a decode step must come before other work.
    decode_due: bool,
}

impl<M: GenerativeModel> SchedulerLoop<M> {
    pub(super) fn new(
        model: M,
        token_classes: TokenClasses,
        queue: Arc<FairQueue<QueuedSequence>>,
        counters: Arc<SchedulerCounters>,
    ) -> Self {
        let slots = model.slots().max(1);
        let batch = model.max_encode_batch().max(1);
        Self {
            model,
            token_classes: Arc::new(token_classes),
            queue,
            counters,
            waiting: VecDeque::new(),
            encoded: Vec::new(),
            slots: std::iter::repeat_with(|| None).take(slots).collect(),
            image_capacity: slots / 2 + batch,
            batch,
            decode_due: false,
        }
    }

    /// Runs until the queue is closed.
    pub(super) fn run(mut self) {
        while self.admit() {
            self.drop_cancelled();
            self.step();
        }
    }

    /// Takes sequences from the queue while there is room; blocks if there is no other work.
    /// Returns false once the queue is closed.
    fn admit(&mut self) -> bool {
        // An image that nobody else holds will not be submitted again.
        self.encoded
            .retain(|(image, _)| Arc::strong_count(image) > 1);
        if self.waiting.is_empty() && !self.is_decoding() {
            match self.queue.pop() {
                Some(queued) => self.enqueue(queued),
                None => return false,
            }
        }
        while self.waiting_images() < self.image_capacity {
            match self.queue.try_pop() {
                Some(queued) => self.enqueue(queued),
                None => break,
            }
        }
        !self.queue.is_closed()
    }

    /// Images of waiting sequences; a sequence without images counts as one.
    fn waiting_images(&self) -> usize {
        let images = |waiting: &WaitingSequence<M::Embedding>| waiting.images.len().max(1);
        self.waiting.iter().map(images).sum()
    }

    fn enqueue(&mut self, queued: QueuedSequence) {
        let waiting = WaitingSequence::new(queued, &self.token_classes, self.model.context());
        if let Some(mut waiting) = waiting {
            for (image, embedding) in &self.encoded {
                waiting.set_embedding(image, embedding);
            }
            self.waiting.push_back(waiting);
        }
    }

    /// Answers all cancelled sequences, queued, waiting or running.
    fn drop_cancelled(&mut self) {
        let cancelled = |queued: &QueuedSequence| queued.sequence.cancel.is_cancelled();
        for queued in self.queue.remove_if(cancelled) {
            queued.sender.send(Err(EngineError::Cancelled));
        }
        self.reject(&EngineError::Cancelled, |c| c.cancel.is_cancelled());
        for slot in &mut self.slots {
            if let Some(gone) = slot.take_if(|w| w.cancel.is_cancelled()) {
                gone.answer(Err(EngineError::Cancelled));
            }
        }
    }

    /// Answers all waiting sequences that `unwanted` selects.
    fn reject(
        &mut self,
        error: &EngineError,
        unwanted: impl Fn(&WaitingSequence<M::Embedding>) -> bool,
    ) {
        for at in (0..self.waiting.len()).rev() {
            if self.waiting.get(at).is_some_and(&unwanted)
                && let Some(gone) = self.waiting.remove(at)
            {
                gone.answer(Err(error.clone()));
            }
        }
    }

    fn step(&mut self) {
        let must_decode = self.decode_due && self.is_decoding();
        if !must_decode && (self.prefill() || self.encode()) {
            self.decode_due = true;
        } else if self.is_decoding() {
            self.decode();
            self.decode_due = false;
        }
    }

    fn is_decoding(&self) -> bool {
        self.slots.iter().any(Option::is_some)
    }

    /// Prefills the first sequence that is ready into a free slot; returns false if there is
    /// neither.
    fn prefill(&mut self) -> bool {
        let free = self.slots.iter().position(Option::is_none);
        let ready = self
            .waiting
            .iter()
            .position(|c| c.pending_images().next().is_none());
        let (Some(slot), Some(at)) = (free, ready) else {
            return false;
        };
        let Some(waiting) = self.waiting.remove(at) else {
            return false;
        };
        let started = Instant::now();
        let first = catch_panic(|| {
            let parts = match &waiting.token_range {
                None => Vec::new(),
                Some(part) => waiting
                    .embeddings()
                    .map(|embedding| self.model.slice(embedding, part.clone()))
                    .collect::<Result<_, _>>()?,
            };
            let embeddings: Vec<&M::Embedding> = match &waiting.token_range {
                None => waiting.embeddings().collect(),
                Some(_) => parts.iter().collect(),
            };
            let banned = waiting.banned();
            self.model
                .prefill(slot, &waiting.prompt, &embeddings, banned)
        });
        add_time(&self.counters.prefilling_ns, started);
        match first {
            Ok(first) => {
                add(&self.counters.prefills, 1);
                add(&self.counters.prompt_tokens, waiting.prompt.len());
                self.slots[slot] = Some(waiting.start(started));
                self.accept(slot, first);
            }
            Err(error) => waiting.answer(Err(error)),
        }
        true
    }

    /// Encodes a batch; returns false if it would not be full without need, or there is no room for
    /// its embeddings.
    fn encode(&mut self) -> bool {
        let urgent = self.slots.iter().any(Option::is_none);
        let images = self.next_encode_batch();
        if images.is_empty() || (images.len() < self.batch && !urgent) {
            return false;
        }
        let waits = |waiting: &WaitingSequence<M::Embedding>| {
            images.iter().any(|image| waiting.waits_for(image))
        };
        for waiting in self.waiting.iter_mut().filter(|waiting| waits(waiting)) {
            waiting.begin_encoding();
        }
        let started = Instant::now();
        let embeddings = catch_panic(|| {
            let images: Vec<&InputImage> = images.iter().map(AsRef::as_ref).collect();
            check_count(self.model.encode(&images)?, images.len())
        });
        add_time(&self.counters.encoding_ns, started);
        match embeddings {
            Ok(embeddings) => {
                add(&self.counters.encodes, 1);
                add(&self.counters.images, embeddings.len());
                for (image, embedding) in images.into_iter().zip(embeddings) {
                    for waiting in &mut self.waiting {
                        waiting.set_embedding(&image, &embedding);
                    }
                    if Arc::strong_count(&image) > 1 {
                        self.encoded.push((image, embedding));
                    }
                }
            }
            Err(error) => self.reject(&error, waits),
        }
        true
    }

    /// The images to encode next, each once. A sequence with more images than there is room for may
    /// still encode all of its own.
    fn next_encode_batch(&self) -> Vec<Arc<InputImage>> {
        let mut waiting = self
            .waiting
            .iter()
            .filter(|c| c.pending_images().next().is_some());
        let first = waiting.next().map_or(0, |first| first.images.len());
        let encoded: usize = self.waiting.iter().map(|c| c.embeddings().count()).sum();
        let capacity = self.image_capacity.max(first).saturating_sub(encoded);
        let mut images: Vec<Arc<InputImage>> = Vec::new();
        for image in self
            .waiting
            .iter()
            .flat_map(WaitingSequence::pending_images)
        {
            if images.len() < capacity.min(self.batch)
                && !images.iter().any(|v| Arc::ptr_eq(v, image))
            {
                images.push(Arc::clone(image));
            }
        }
        images
    }

    /// Decodes one token for each running sequence.
    fn decode(&mut self) {
        let started = Instant::now();
        let rows: Vec<DecodeInput<'_>> = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(slot, running)| {
                let running = running.as_ref()?;
                Some(DecodeInput {
                    slot,
                    token: running.last,
                    banned: running.banned(),
                })
            })
            .collect();
        let choices = catch_panic(|| check_count(self.model.decode(&rows)?, rows.len()));
        add_time(&self.counters.decoding_ns, started);
        let used: Vec<usize> = rows.iter().map(|row| row.slot).collect();
        match choices {
            Ok(choices) => {
                add(&self.counters.steps, 1);
                add(&self.counters.rows, used.len());
                for (slot, choice) in used.into_iter().zip(choices) {
                    self.accept(slot, choice);
                }
            }
            Err(error) => {
                for gone in self.slots.iter_mut().filter_map(Option::take) {
                    gone.answer(Err(error.clone()));
                }
            }
        }
    }

    /// Appends a token to a running sequence, and frees the slot if it was the last.
    fn accept(&mut self, slot: usize, choice: SampledToken) {
        add(&self.counters.tokens, 1);
        let Some(stop) = self.slots[slot]
            .as_mut()
            .and_then(|running| running.accept(choice, &self.token_classes))
        else {
            return;
        };
        if stop == FinishReason::Repetition {
            add(&self.counters.loops, 1);
        }
        if let Some(done) = self.slots[slot].take() {
            done.finish(stop);
        }
    }
}

impl<M: GenerativeModel> Drop for SchedulerLoop<M> {
    /// However the thread ends, nobody may wait for a place in a queue that nobody serves.
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// Calls the model and turns a panic into an error.
fn catch_panic<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, EngineError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(EngineError::Model),
        Err(_) => Err(EngineError::Model("it panicked".to_owned())),
    }
}

/// Returns an error unless the model gave one answer per question.
fn check_count<T>(answers: Vec<T>, questions: usize) -> Result<Vec<T>, String> {
    if answers.len() == questions {
        return Ok(answers);
    }
    Err(format!("{} answers came for {questions}", answers.len()))
}
