//! [`SchedulerLoop`]: which work comes next.
//!
//! Each turn is one decode step over all slots, one prompt taken into a free slot, or one encoder
//! batch. While something decodes, every other turn is a decode step: others' encoding delays a
//! running sequence, but never stops it. A prompt that is ready goes before encoding. Views are encoded
//! first come, first served: as many as there are where a slot stands empty, in full batches where all
//! are in use, and never more than the buffer has room for.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Instant,
};

use recto_schemas::FinishReason;

use super::{
    QueuedSequence,
    counters::{SchedulerCounters, add, add_time},
    writing::{RunningSequence, WaitingSequence},
};
use crate::engine::{
    EngineError,
    got::{
        guard::TokenClasses,
        model::{DecodeInput, GenerativeModel, SampledToken},
        view::InputImage,
    },
    queue::FairQueue,
};

/// The model, and all sequences that are out of the queue.
pub(super) struct SchedulerLoop<M: GenerativeModel> {
    model: M,
    marks: Arc<TokenClasses>,
    queue: Arc<FairQueue<QueuedSequence>>,
    counters: Arc<SchedulerCounters>,
    /// Being encoded or waiting for a slot, in the order in which they came.
    coming: VecDeque<WaitingSequence<M::Image>>,
    /// Views that somebody may hold for sequences to come, and what the encoder made of them.
    encoded: Vec<(Arc<InputImage>, M::Image)>,
    slots: Vec<Option<RunningSequence>>,
    /// Views, encoded or not, that may be in `coming`; one sequence with more may pass alone. As many
    /// as refill half the slots, and a batch to encode meanwhile.
    room: usize,
    batch: usize,
    /// Whether a decode step must come before other work.
    decode_owed: bool,
}

impl<M: GenerativeModel> SchedulerLoop<M> {
    pub(super) fn new(
        model: M,
        marks: TokenClasses,
        queue: Arc<FairQueue<QueuedSequence>>,
        counters: Arc<SchedulerCounters>,
    ) -> Self {
        let slots = model.slots().max(1);
        let batch = model.encode_batch().max(1);
        Self {
            model,
            marks: Arc::new(marks),
            queue,
            counters,
            coming: VecDeque::new(),
            encoded: Vec::new(),
            slots: std::iter::repeat_with(|| None).take(slots).collect(),
            room: slots / 2 + batch,
            batch,
            decode_owed: false,
        }
    }

    /// Works until the queue is closed.
    pub(super) fn run(mut self) {
        while self.admit() {
            self.drop_cancelled();
            self.turn();
        }
    }

    /// Takes sequences out of the queue while there is room; waits for one where there is nothing else
    /// to do. `false` once the queue is closed.
    fn admit(&mut self) -> bool {
        // What nobody else holds will not come again.
        self.encoded.retain(|(view, _)| Arc::strong_count(view) > 1);
        if self.coming.is_empty() && !self.decodes() {
            match self.queue.pop() {
                Some(job) => self.take_in(job),
                None => return false,
            }
        }
        while self.in_hand() < self.room {
            match self.queue.try_pop() {
                Some(job) => self.take_in(job),
                None => break,
            }
        }
        !self.queue.is_closed()
    }

    /// Views in `coming`; a sequence without any counts for one.
    fn in_hand(&self) -> usize {
        let views = |c: &WaitingSequence<M::Image>| c.pictures.len().max(1);
        self.coming.iter().map(views).sum()
    }

    fn take_in(&mut self, job: QueuedSequence) {
        let coming = WaitingSequence::new(job, &self.marks, self.model.context());
        if let Some(mut coming) = coming {
            for (view, image) in &self.encoded {
                coming.place(view, image);
            }
            self.coming.push_back(coming);
        }
    }

    /// Answers all whose flag is up, wherever they are.
    fn drop_cancelled(&mut self) {
        let cancelled = |job: &QueuedSequence| job.sequence.cancel.is_cancelled();
        for job in self.queue.remove_if(cancelled) {
            job.reply.send(Err(EngineError::Cancelled));
        }
        self.reject(&EngineError::Cancelled, |c| c.cancel.is_cancelled());
        for slot in &mut self.slots {
            if let Some(gone) = slot.take_if(|w| w.cancel.is_cancelled()) {
                gone.answer(Err(EngineError::Cancelled));
            }
        }
    }

    /// Answers all in `coming` that `unwanted` picks.
    fn reject(
        &mut self,
        error: &EngineError,
        unwanted: impl Fn(&WaitingSequence<M::Image>) -> bool,
    ) {
        for at in (0..self.coming.len()).rev() {
            if self.coming.get(at).is_some_and(&unwanted)
                && let Some(gone) = self.coming.remove(at)
            {
                gone.answer(Err(error.clone()));
            }
        }
    }

    fn turn(&mut self) {
        let must_decode = self.decode_owed && self.decodes();
        if !must_decode && (self.prefill() || self.encode()) {
            self.decode_owed = true;
        } else if self.decodes() {
            self.decode();
            self.decode_owed = false;
        }
    }

    fn decodes(&self) -> bool {
        self.slots.iter().any(Option::is_some)
    }

    /// Takes the first sequence that is ready into a free slot; `false` where there is none of either.
    fn prefill(&mut self) -> bool {
        let free = self.slots.iter().position(Option::is_none);
        let ready = self.coming.iter().position(|c| c.views().next().is_none());
        let (Some(slot), Some(at)) = (free, ready) else {
            return false;
        };
        let Some(coming) = self.coming.remove(at) else {
            return false;
        };
        let started = Instant::now();
        let first = guarded(|| {
            let parts = match &coming.part {
                None => Vec::new(),
                Some(part) => coming
                    .images()
                    .map(|image| self.model.part(image, part.clone()))
                    .collect::<Result<_, _>>()?,
            };
            let images: Vec<&M::Image> = match &coming.part {
                None => coming.images().collect(),
                Some(_) => parts.iter().collect(),
            };
            let banned = coming.banned();
            self.model.prefill(slot, &coming.prompt, &images, banned)
        });
        add_time(&self.counters.prefilling_ns, started);
        match first {
            Ok(first) => {
                add(&self.counters.prefills, 1);
                add(&self.counters.prompt_tokens, coming.prompt.len());
                self.slots[slot] = Some(coming.begin(started));
                self.accept(slot, first);
            }
            Err(error) => coming.answer(Err(error)),
        }
        true
    }

    /// Encodes a batch; `false` where it is not worth while, or there is no room for its images.
    fn encode(&mut self) -> bool {
        let urgent = self.slots.iter().any(Option::is_none);
        let views = self.encodable();
        if views.is_empty() || (views.len() < self.batch && !urgent) {
            return false;
        }
        let waits =
            |coming: &WaitingSequence<M::Image>| views.iter().any(|view| coming.waits_for(view));
        for coming in self.coming.iter_mut().filter(|coming| waits(coming)) {
            coming.begin_encoding();
        }
        let started = Instant::now();
        let images = guarded(|| {
            let views: Vec<&InputImage> = views.iter().map(AsRef::as_ref).collect();
            same_count(self.model.encode(&views)?, views.len())
        });
        add_time(&self.counters.encoding_ns, started);
        match images {
            Ok(images) => {
                add(&self.counters.encodes, 1);
                add(&self.counters.views, images.len());
                for (view, image) in views.into_iter().zip(images) {
                    for coming in &mut self.coming {
                        coming.place(&view, &image);
                    }
                    if Arc::strong_count(&view) > 1 {
                        self.encoded.push((view, image));
                    }
                }
            }
            Err(error) => self.reject(&error, waits),
        }
        true
    }

    /// Views that can be encoded now, each once. A sequence of more views than there is room for has room for all of
    /// its own.
    fn encodable(&self) -> Vec<Arc<InputImage>> {
        let mut waiting = self.coming.iter().filter(|c| c.views().next().is_some());
        let first = waiting.next().map_or(0, |first| first.pictures.len());
        let encoded: usize = self.coming.iter().map(|c| c.images().count()).sum();
        let room = self.room.max(first).saturating_sub(encoded);
        let mut views: Vec<Arc<InputImage>> = Vec::new();
        for view in self.coming.iter().flat_map(WaitingSequence::views) {
            if views.len() < room.min(self.batch) && !views.iter().any(|v| Arc::ptr_eq(v, view)) {
                views.push(Arc::clone(view));
            }
        }
        views
    }

    /// One token more for each slot in use.
    fn decode(&mut self) {
        let started = Instant::now();
        let rows: Vec<DecodeInput<'_>> = self
            .slots
            .iter()
            .enumerate()
            .filter_map(|(slot, writing)| {
                let writing = writing.as_ref()?;
                Some(DecodeInput {
                    slot,
                    token: writing.last,
                    banned: writing.banned(),
                })
            })
            .collect();
        let choices = guarded(|| same_count(self.model.step(&rows)?, rows.len()));
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

    /// Takes a slot's next token in, and frees the slot where that was the last.
    fn accept(&mut self, slot: usize, choice: SampledToken) {
        add(&self.counters.tokens, 1);
        let Some(stop) = self.slots[slot]
            .as_mut()
            .and_then(|writing| writing.accept(choice, &self.marks))
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

/// Runs the model; its panic is an error like any other.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, EngineError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => done.map_err(EngineError::Model),
        Err(_) => Err(EngineError::Model("it panicked".to_owned())),
    }
}

/// Whether the model gave one answer for each question.
fn same_count<T>(answers: Vec<T>, questions: usize) -> Result<Vec<T>, String> {
    if answers.len() == questions {
        return Ok(answers);
    }
    Err(format!("{} answers came for {questions}", answers.len()))
}
