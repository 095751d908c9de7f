//! [`Coming`] and [`Writing`]: a sequence before it has a slot, and in one.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use recto_schemas::Stop;

use super::{Answer, Job, Reply, Written};
use crate::{
    cancel::Cancel,
    engine::{
        EngineError,
        got::{
            guard::{Guard, NgramBlock, TokenMarks},
            model::Choice,
            view::View,
        },
    },
};

/// A sequence that is being encoded, or waits for a slot.
pub(super) struct Coming<I> {
    pub(super) prompt: Vec<u32>,
    /// Its pictures, in order.
    pub(super) pictures: Vec<Picture<I>>,
    /// Which of each picture's tokens its prompt has; all where none are named.
    pub(super) part: Option<Range<usize>>,
    rules: Rules,
    submitted: Instant,
    queued: Option<Duration>,
    pub(super) cancel: Cancel,
    reply: Reply,
}

/// A view before and after the encoder.
pub(super) enum Picture<I> {
    View(Arc<View>),
    Image(I),
}

/// How an answer is written.
struct Rules {
    /// Most tokens, at least 1.
    most: usize,
    time_limit: Duration,
    guard: Option<Guard>,
    block: Option<NgramBlock>,
}

/// A sequence in a slot.
pub(super) struct Writing {
    rules: Rules,
    started: Instant,
    queued: Duration,
    tokens: Vec<u32>,
    logprobs: Vec<f32>,
    steps: u32,
    /// The token chosen last.
    pub(super) last: u32,
    pub(super) cancel: Cancel,
    reply: Reply,
}

impl<I> Coming<I> {
    /// Takes a sequence out of the queue; answers it at once where its prompt leaves no place for an
    /// answer in `context` positions.
    pub(super) fn new(job: Job, marks: &Arc<TokenMarks>, context: usize) -> Option<Self> {
        let Job {
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
        let guard = || Guard::new(Arc::clone(marks), sequence.most_equal_rows);
        let block = |n| NgramBlock::new(n, &sequence.prompt);
        let rules = Rules {
            most: sequence.max_new_tokens.clamp(1, place),
            time_limit: sequence.time_limit,
            guard: sequence.loop_guard.then(guard),
            block: sequence.no_repeat_ngram.map(block),
        };
        Some(Self {
            prompt: sequence.prompt,
            pictures: sequence.views.into_iter().map(Picture::View).collect(),
            part: sequence.part,
            rules,
            submitted,
            queued: None,
            cancel: sequence.cancel,
            reply,
        })
    }

    /// Views that are still to be encoded, in order.
    pub(super) fn views(&self) -> impl Iterator<Item = &Arc<View>> {
        self.pictures.iter().filter_map(|picture| match picture {
            Picture::View(view) => Some(view),
            Picture::Image(_) => None,
        })
    }

    /// Encoded views, in order.
    pub(super) fn images(&self) -> impl Iterator<Item = &I> {
        self.pictures.iter().filter_map(|picture| match picture {
            Picture::View(_) => None,
            Picture::Image(image) => Some(image),
        })
    }

    /// Whether `view` is one of those that are still to be encoded.
    pub(super) fn waits_for(&self, view: &Arc<View>) -> bool {
        self.views().any(|own| Arc::ptr_eq(own, view))
    }

    /// Takes note that its first view is about to be encoded.
    pub(super) fn begin_encoding(&mut self) {
        self.queued.get_or_insert_with(|| self.submitted.elapsed());
    }

    /// Puts an image wherever its view stands.
    pub(super) fn place(&mut self, view: &Arc<View>, image: &I)
    where
        I: Clone,
    {
        for picture in &mut self.pictures {
            if matches!(picture, Picture::View(own) if Arc::ptr_eq(own, view)) {
                *picture = Picture::Image(image.clone());
            }
        }
    }

    /// Tokens that may not come first.
    pub(super) fn banned(&self) -> &[u32] {
        self.rules.banned()
    }

    /// The sequence as it enters a slot; its images are no longer needed.
    pub(super) fn begin(self, started: Instant) -> Writing {
        let queued = started.duration_since(self.submitted);
        Writing {
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
    pub(super) fn answer(self, answer: Answer) {
        self.reply.send(answer);
    }
}

impl Rules {
    fn banned(&self) -> &[u32] {
        self.block.as_ref().map_or(&[], NgramBlock::banned)
    }
}

impl Writing {
    /// Tokens that may not come next.
    pub(super) fn banned(&self) -> &[u32] {
        self.rules.banned()
    }

    /// Takes the model's choice in; says why the sequence ends, where it does.
    pub(super) fn accept(&mut self, choice: Choice, marks: &TokenMarks) -> Option<Stop> {
        self.steps = self.steps.saturating_add(1);
        if marks.is_stop(choice.token) {
            return Some(Stop::End);
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
            return Some(Stop::Repetition);
        }
        if self.tokens.len() >= self.rules.most {
            return Some(Stop::Length);
        }
        (self.started.elapsed() >= self.rules.time_limit).then_some(Stop::Time)
    }

    /// Ends it with what was written.
    pub(super) fn finish(self, stop: Stop) {
        self.reply.send(Ok(Written {
            tokens: self.tokens,
            logprobs: self.logprobs,
            steps: self.steps,
            stop,
            queued: self.queued,
            worked: self.started.elapsed(),
        }));
    }

    /// Ends it without.
    pub(super) fn answer(self, answer: Answer) {
        self.reply.send(answer);
    }
}
