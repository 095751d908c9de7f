//! Tests of the scheduler with a fake model.

mod batching;
mod failures;

use std::{
    collections::HashSet,
    sync::{Condvar, Mutex},
};

use super::*;
use crate::clock::AwakeInstant;
use crate::engine::got::model::{DecodeInput, SampledToken};

const STOP: u32 = 1000;
/// The context of the fake model.
const CONTEXT: usize = 600;
const WAIT: Duration = Duration::from_secs(30);

/// A call of the model. A sequence is known by its prompt's first token.
#[derive(Clone, Debug, PartialEq)]
enum Call {
    Encode(Vec<u32>),
    Prefill(u32, Vec<u32>),
    /// The sequences of a decode step's rows.
    Step(Vec<u32>),
}

/// A test's hook on a call before it is answered: blocks, fails or panics.
type Hook = Box<dyn FnMut(&Call) -> Result<(), String> + Send>;

/// A model whose tokens depend on the sequence's own past alone. An image's width is its name, and
/// so is its embedding.
struct Fake {
    slots: usize,
    batch: usize,
    /// The prompt's first token, and all tokens so far.
    held: Vec<Option<(u32, Vec<u32>)>>,
    calls: Arc<Mutex<Vec<Call>>>,
    hook: Hook,
}

/// The next token after `past` of sequence `name`. Names give the kind of sequence: up to 99:
/// `name` tokens, then the end; 100 to 199: the same token for ever; from 200 on: others for ever.
fn next_token(name: u32, past: &[u32]) -> u32 {
    let at = past.len() as u32;
    match name {
        0..100 if at >= name => STOP,
        100..200 => 7,
        _ => (at * at * 7 + at * name * 13 + past.last().unwrap_or(&0) * 31) % 499,
    }
}

impl Fake {
    fn record(&mut self, call: Call) -> Result<(), String> {
        self.calls.lock().expect("no panic").push(call.clone());
        (self.hook)(&call)
    }

    fn choose(&mut self, slot: usize, banned: &[u32]) -> SampledToken {
        let (name, past) = self.held[slot].as_mut().expect("a sequence is in it");
        let mut token = next_token(*name, past);
        while banned.contains(&token) {
            token += 1;
        }
        past.push(token);
        SampledToken {
            token,
            logprob: -0.5,
        }
    }
}

impl GenerativeModel for Fake {
    type Embedding = u32;

    fn slots(&self) -> usize {
        self.slots
    }

    fn context(&self) -> usize {
        CONTEXT
    }

    fn max_encode_batch(&self) -> usize {
        self.batch
    }

    fn encode(&mut self, images: &[&InputImage]) -> Result<Vec<u32>, String> {
        assert!(!images.is_empty() && images.len() <= self.batch);
        let names: Vec<u32> = images.iter().map(|view| view.width).collect();
        self.record(Call::Encode(names.clone()))?;
        Ok(names)
    }

    fn slice(&self, image: &u32, tokens: std::ops::Range<usize>) -> Result<u32, String> {
        let first = u32::try_from(tokens.start).map_err(|error| error.to_string())?;
        Ok(image * 100 + first)
    }

    fn prefill(
        &mut self,
        slot: usize,
        prompt: &[u32],
        images: &[&u32],
        banned: &[u32],
    ) -> Result<SampledToken, String> {
        let images = images.iter().map(|image| **image).collect();
        self.record(Call::Prefill(prompt[0], images))?;
        self.held[slot] = Some((prompt[0], Vec::new()));
        Ok(self.choose(slot, banned))
    }

    fn decode(&mut self, rows: &[DecodeInput<'_>]) -> Result<Vec<SampledToken>, String> {
        let slots: HashSet<usize> = rows.iter().map(|row| row.slot).collect();
        assert!(slots.len() == rows.len() && slots.iter().all(|slot| *slot < self.slots));
        for row in rows {
            let (_, past) = self.held[row.slot].as_ref().expect("a sequence is in it");
            assert_eq!(past.last(), Some(&row.token));
        }
        let held = |row: &DecodeInput<'_>| self.held[row.slot].as_ref().map_or(0, |held| held.0);
        self.record(Call::Step(rows.iter().map(held).collect()))?;
        Ok(rows
            .iter()
            .map(|row| self.choose(row.slot, row.banned))
            .collect())
    }
}

struct Bench {
    scheduler: Scheduler,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Bench {
    fn new(slots: usize, batch: usize, hook: Hook) -> Self {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let model = Fake {
            slots,
            batch,
            held: vec![None; slots],
            calls: Arc::clone(&calls),
            hook,
        };
        let marks = TokenClasses::new(&[STOP], (0..999).map(|id| (id, "x")));
        Self {
            scheduler: Scheduler::start(model, marks),
            calls,
        }
    }

    fn submit(&self, sequence: Sequence) -> OneshotReceiver<SequenceResult> {
        self.scheduler.submit(sequence).expect("it runs")
    }

    fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("no panic").clone()
    }

    fn position(&self, call: &Call) -> usize {
        let calls = self.calls();
        let found = calls.iter().position(|other| other == call);
        found.unwrap_or_else(|| panic!("{call:?} is not in {calls:?}"))
    }
}

/// A gate that stays shut until it is opened, and reports if somebody waits before it.
#[derive(Clone, Default)]
struct Gate(Arc<(Mutex<(bool, bool)>, Condvar)>);

impl Gate {
    fn pass(&self) {
        let mut state = self.0.0.lock().expect("no panic");
        state.1 = true;
        self.0.1.notify_all();
        while !state.0 {
            state = self.0.1.wait(state).expect("no panic");
        }
    }

    fn open(&self) {
        self.0.0.lock().expect("no panic").0 = true;
        self.0.1.notify_all();
    }

    /// Waits until somebody waits before it.
    fn reached(&self) {
        let mut state = self.0.0.lock().expect("no panic");
        while !state.1 {
            state = self.0.1.wait(state).expect("no panic");
        }
    }
}

fn free() -> Hook {
    Box::new(|_| Ok(()))
}

/// A hook that stops the model at the first call.
fn gated() -> (Gate, Hook) {
    let gate = Gate::default();
    let own = gate.clone();
    (
        gate,
        Box::new(move |_| {
            own.pass();
            Ok(())
        }),
    )
}

fn sequence(name: u32, images: &[u32]) -> Sequence {
    let view = |name: &u32| {
        Arc::new(InputImage {
            width: *name,
            height: 1,
            rgb: Vec::new(),
        })
    };
    Sequence {
        document: DocumentId(1),
        prompt: vec![name, 999, 999],
        images: images.iter().map(view).collect(),
        token_range: None,
        max_new_tokens: 400,
        time_limit: WAIT,
        loop_guard: true,
        max_equal_rows: 100,
        no_repeat_ngram: None,
        cancel: CancelToken::new(),
    }
}

/// A sequence of a row of an image that others share.
fn row(name: u32, view: &Arc<InputImage>, row: usize) -> Sequence {
    Sequence {
        images: vec![Arc::clone(view)],
        token_range: Some(row * 10..row * 10 + 10),
        ..sequence(name, &[])
    }
}

fn answer(receiver: &OneshotReceiver<SequenceResult>) -> SequenceResult {
    let deadline = Some(AwakeInstant::now() + WAIT);
    receiver
        .recv(&CancelToken::new(), deadline)
        .expect("an answer comes")
}

fn expected(name: u32, most: usize) -> Vec<u32> {
    let mut tokens = Vec::new();
    while tokens.len() < most {
        match next_token(name, &tokens) {
            STOP => break,
            token => tokens.push(token),
        }
    }
    tokens
}
