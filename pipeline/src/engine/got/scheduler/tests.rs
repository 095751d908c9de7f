use std::{
    collections::HashSet,
    sync::{Condvar, Mutex},
};

use super::*;
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
    let deadline = Some(Instant::now() + WAIT);
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

#[test]
fn a_sequence_is_encoded_taken_in_and_written() {
    let bench = Bench::new(2, 4, free());
    let written = answer(&bench.submit(sequence(3, &[11, 12]))).expect("written");
    assert_eq!(written.tokens, expected(3, 99));
    assert_eq!(written.logprobs, [-0.5; 3]);
    assert_eq!((written.steps, written.stop), (4, FinishReason::End));
    assert_eq!(
        bench.calls(),
        [
            Call::Encode(vec![11, 12]),
            Call::Prefill(3, vec![11, 12]),
            Call::Step(vec![3]),
            Call::Step(vec![3]),
            Call::Step(vec![3]),
        ]
    );
    let work = bench.scheduler.stats();
    assert_eq!((work.encodes, work.images, work.prefills), (1, 2, 1));
    assert_eq!((work.prompt_tokens, work.steps, work.rows), (3, 3, 3));
    assert_eq!((work.tokens, work.loops), (4, 0));
    assert_eq!(
        bench.scheduler.busy(),
        work.encoding + work.prefilling + work.decoding
    );
}

#[test]
fn an_empty_answer_is_an_answer() {
    let bench = Bench::new(1, 1, free());
    let written = answer(&bench.submit(sequence(0, &[1]))).expect("written");
    assert_eq!((written.tokens.len(), written.stop), (0, FinishReason::End));
}

#[test]
fn a_batch_gives_what_each_gives_alone() {
    let (gate, hook) = gated();
    let bench = Bench::new(3, 2, hook);
    let names = [5, 40, 1, 17, 0, 30, 2, 9];
    let answers: Vec<_> = names
        .iter()
        .map(|name| bench.submit(sequence(*name, &[*name, *name])))
        .collect();
    gate.open();
    for (name, receiver) in names.iter().zip(&answers) {
        let written = answer(receiver).expect("written");
        assert_eq!(written.tokens, expected(*name, 999), "{name}");
    }
    let widths: HashSet<usize> = bench
        .calls()
        .iter()
        .filter_map(|call| match call {
            Call::Step(rows) => Some(rows.len()),
            _ => None,
        })
        .collect();
    // They joined and left while others were decoded.
    assert_eq!(widths, HashSet::from([1, 2, 3]));
    let images = bench.calls().into_iter().all(|call| match call {
        Call::Prefill(name, images) => images == [name, name],
        _ => true,
    });
    assert!(images, "each sequence has its own images");
}

#[test]
fn views_of_several_sequences_share_a_batch() {
    let (gate, hook) = gated();
    let bench = Bench::new(8, 4, hook);
    let plug = bench.submit(sequence(1, &[1]));
    gate.reached();
    let names = [2, 3, 4, 5, 6];
    let answers = names.map(|name| bench.submit(sequence(name, &[name])));
    gate.open();
    assert!(answer(&plug).is_ok() && answers.iter().all(|a| answer(a).is_ok()));
    bench.position(&Call::Encode(vec![2, 3, 4, 5]));
    bench.position(&Call::Encode(vec![6]));
}

/// The maximum embeddings held at once, by the calls.
fn most_held(calls: &[Call]) -> usize {
    let (mut held, mut most) = (0, 0);
    for call in calls {
        match call {
            Call::Encode(images) => held += images.len(),
            Call::Prefill(_, images) => held -= images.len(),
            Call::Step(_) => {}
        }
        most = most.max(held);
    }
    most
}

#[test]
fn the_encoder_runs_ahead_only_while_there_is_room() {
    let (gate, hook) = gated();
    let bench = Bench::new(4, 2, hook);
    let answers: Vec<_> = (0..12)
        .map(|i| bench.submit(sequence(60 + i, &[i])))
        .collect();
    gate.open();
    assert!(answers.iter().all(|receiver| answer(receiver).is_ok()));
    // Half the slots and a batch.
    assert_eq!(most_held(&bench.calls()), 4);
}

#[test]
fn a_sequence_of_more_views_than_there_is_room_for_goes_through() {
    let (gate, hook) = gated();
    let bench = Bench::new(2, 2, hook);
    let plugs = [50, 51].map(|name| bench.submit(sequence(name, &[name])));
    let images: Vec<u32> = (100..113).collect();
    let long = bench.submit(sequence(5, &images));
    let after = bench.submit(sequence(4, &[4]));
    gate.open();
    assert!(plugs.iter().all(|receiver| answer(receiver).is_ok()));
    assert_eq!(answer(&long).expect("written").tokens, expected(5, 99));
    assert!(answer(&after).is_ok());
    bench.position(&Call::Prefill(5, images));
    assert!(most_held(&bench.calls()) <= 13);
}

#[test]
fn decoding_goes_on_while_others_are_encoded() {
    let (gate, hook) = gated();
    let bench = Bench::new(4, 1, hook);
    let first = bench.submit(sequence(90, &[1]));
    let images: Vec<u32> = (100..113).collect();
    let second = bench.submit(sequence(5, &images));
    gate.open();
    assert!(answer(&first).is_ok() && answer(&second).is_ok());
    let calls = bench.calls();
    let between = &calls[bench.position(&Call::Prefill(90, vec![1]))..];
    let work = |call: &Call| !matches!(call, Call::Step(_));
    assert!(
        between
            .windows(2)
            .all(|pair| !(work(&pair[0]) && work(&pair[1])))
    );
    // Free slots do not wait for the first sequence to end.
    assert!(bench.position(&Call::Prefill(5, images)) < 40);
}

#[test]
fn a_long_document_does_not_starve_a_short_one() {
    let (gate, hook) = gated();
    let bench = Bench::new(1, 1, hook);
    let plug = bench.submit(sequence(2, &[99]));
    gate.reached();
    let long: Vec<_> = (0..7)
        .map(|page| bench.submit(sequence(20, &[page])))
        .collect();
    let mut short = sequence(3, &[50]);
    short.document = DocumentId(2);
    let short = bench.submit(short);
    gate.open();
    assert!(answer(&plug).is_ok() && answer(&short).is_ok());
    assert!(long.iter().all(|receiver| answer(receiver).is_ok()));
    assert!(bench.position(&Call::Encode(vec![50])) < bench.position(&Call::Encode(vec![1])));
}

#[test]
fn a_cancelled_sequence_leaves_at_the_next_step() {
    let flag = CancelToken::new();
    let (raised, mut steps) = (flag.clone(), 0);
    let bench = Bench::new(
        1,
        1,
        Box::new(move |call| {
            steps += u32::from(matches!(call, Call::Step(_)));
            if steps == 5 {
                raised.cancel();
            }
            Ok(())
        }),
    );
    let mut cancelled = sequence(200, &[1]);
    cancelled.cancel = flag;
    let cancelled = bench.submit(cancelled);
    let next = bench.submit(sequence(2, &[2]));
    assert_eq!(answer(&cancelled), Err(EngineError::Cancelled));
    assert_eq!(answer(&next).expect("written").tokens, expected(2, 9));
    let calls = bench.calls();
    let endless = calls.iter().filter(|call| **call == Call::Step(vec![200]));
    assert_eq!(endless.count(), 5);
}

#[test]
fn a_cancelled_sequence_leaves_the_queue_and_the_buffer() {
    let (gate, hook) = gated();
    let bench = Bench::new(1, 1, hook);
    let plug = bench.submit(sequence(3, &[99]));
    gate.reached();
    let flag = CancelToken::new();
    let waiting: Vec<_> = (0..5)
        .map(|view| {
            let mut waiting = sequence(200, &[view]);
            waiting.cancel = flag.child();
            bench.submit(waiting)
        })
        .collect();
    flag.cancel();
    gate.open();
    for receiver in &waiting {
        assert_eq!(answer(receiver), Err(EngineError::Cancelled));
    }
    assert!(answer(&plug).is_ok());
    assert_eq!(bench.scheduler.stats().images, 1);
}

#[test]
fn writing_ends_at_its_limits() {
    let bench = Bench::new(2, 1, free());
    let mut few = sequence(200, &[1]);
    few.max_new_tokens = 5;
    let few = answer(&bench.submit(few)).expect("written");
    assert_eq!(
        (few.stop, few.tokens),
        (FinishReason::Length, expected(200, 5))
    );

    let mut full = sequence(200, &[1]);
    full.max_new_tokens = usize::MAX;
    full.prompt.resize(CONTEXT - 10, 999);
    let full = answer(&bench.submit(full)).expect("written");
    assert_eq!((full.stop, full.tokens.len()), (FinishReason::Length, 10));

    let mut late = sequence(200, &[1]);
    late.time_limit = Duration::ZERO;
    let late = answer(&bench.submit(late)).expect("written");
    assert_eq!((late.stop, late.tokens.len()), (FinishReason::Time, 1));
}

#[test]
fn a_prompt_without_place_for_an_answer_is_refused_with_the_numbers() {
    let bench = Bench::new(1, 1, free());
    let mut long = sequence(1, &[1]);
    long.prompt.resize(CONTEXT, 999);
    let Err(EngineError::Model(text)) = answer(&bench.submit(long)) else {
        panic!("it is refused");
    };
    assert!(
        text.contains("has 600 tokens") && text.contains("holds 600"),
        "{text}"
    );
    assert!(answer(&bench.submit(sequence(1, &[1]))).is_ok());
    assert_eq!(bench.scheduler.stats().images, 1);
}

#[test]
fn a_loop_is_cut_and_counted_unless_the_guard_is_off() {
    let bench = Bench::new(1, 1, free());
    let cut = answer(&bench.submit(sequence(100, &[1]))).expect("written");
    assert_eq!((cut.stop, cut.tokens), (FinishReason::Repetition, vec![7]));
    assert_eq!((cut.logprobs.len(), cut.steps), (1, 32));
    assert_eq!(bench.scheduler.stats().loops, 1);

    let mut off = sequence(100, &[1]);
    off.loop_guard = false;
    let off = answer(&bench.submit(off)).expect("written");
    assert_eq!((off.stop, off.tokens.len()), (FinishReason::Length, 400));
}

#[test]
fn blocked_ngrams_are_not_written() {
    let bench = Bench::new(1, 1, free());
    let mut blocked = sequence(100, &[1]);
    blocked.no_repeat_ngram = Some(2);
    blocked.max_new_tokens = 50;
    let written = answer(&bench.submit(blocked)).expect("written");
    let pairs: Vec<_> = written.tokens.windows(2).collect();
    assert_eq!(pairs.iter().collect::<HashSet<_>>().len(), pairs.len());
    assert_eq!(
        (written.tokens[..4].to_vec(), written.stop),
        (vec![7, 7, 8, 7], FinishReason::Length)
    );

    // The prompt counts too: with n-grams of one token, none of its tokens comes again.
    let mut first = sequence(100, &[1]);
    first.prompt = vec![100, 7, 8];
    first.no_repeat_ngram = Some(1);
    first.max_new_tokens = 3;
    let written = answer(&bench.submit(first)).expect("written");
    assert_eq!(written.tokens, [9, 10, 11]);
}

/// A hook that acts once, at the first call that equals `wanted`.
fn once(wanted: Call, act: fn() -> Result<(), String>) -> Hook {
    let mut done = false;
    Box::new(move |call| {
        if done || *call != wanted {
            return Ok(());
        }
        done = true;
        act()
    })
}

#[test]
fn a_failing_model_fails_only_what_it_worked_on() {
    let fail: fn() -> Result<(), String> = || Err("out of memory".to_owned());
    let panic: fn() -> Result<(), String> = || panic!("on purpose");
    for (act, text) in [(fail, "out of memory"), (panic, "it panicked")] {
        for call in [
            Call::Encode(vec![9]),
            Call::Prefill(9, vec![9]),
            Call::Step(vec![9]),
        ] {
            let bench = Bench::new(2, 1, once(call.clone(), act));
            let failed = answer(&bench.submit(sequence(9, &[9])));
            assert_eq!(failed, Err(EngineError::Model(text.to_owned())), "{call:?}");
            let again = answer(&bench.submit(sequence(9, &[9]))).expect("written");
            assert_eq!(again.tokens, expected(9, 99), "after {call:?}");
        }
    }
}

#[test]
fn a_failing_step_fails_its_rows_and_no_others() {
    let gate = Gate::default();
    let (own, mut done) = (gate.clone(), false);
    let bench = Bench::new(
        2,
        1,
        Box::new(move |call| {
            own.pass();
            if matches!(call, Call::Step(rows) if rows.len() == 2) && !done {
                done = true;
                return Err("broken".to_owned());
            }
            Ok(())
        }),
    );
    let rows = [80, 81].map(|name| bench.submit(sequence(name, &[name])));
    let waiting = bench.submit(sequence(5, &[5]));
    gate.open();
    for receiver in &rows {
        assert_eq!(
            answer(receiver),
            Err(EngineError::Model("broken".to_owned()))
        );
    }
    assert_eq!(answer(&waiting).expect("written").tokens, expected(5, 99));
}

#[test]
fn dropping_the_scheduler_answers_everybody() {
    let (gate, hook) = gated();
    let bench = Bench::new(2, 2, hook);
    let first = bench.submit(sequence(200, &[0]));
    gate.reached();
    let waiting: Vec<_> = (0..8)
        .map(|view| bench.submit(sequence(200, &[view])))
        .collect();
    let Bench { scheduler, .. } = bench;
    let queue = Arc::clone(&scheduler.queue);
    let dropped = thread::spawn(move || drop(scheduler));
    while !queue.is_closed() {
        thread::yield_now();
    }
    gate.open();
    dropped.join().expect("no panic");
    for receiver in waiting.iter().chain([&first]) {
        assert_eq!(answer(receiver), Err(EngineError::Stopped));
    }
}

#[test]
fn a_submit_that_waits_for_a_place_hears_of_the_end() {
    let (gate, hook) = gated();
    let bench = Bench::new(1, 1, hook);
    let first = bench.submit(sequence(200, &[0]));
    gate.reached();
    let waiting: Vec<_> = (0..8)
        .map(|view| bench.submit(sequence(200, &[view])))
        .collect();
    // The queue is full, so only the cancellation ends this one.
    let mut ninth = sequence(2, &[1]);
    ninth.cancel.cancel();
    assert_eq!(
        bench.scheduler.submit(ninth).err(),
        Some(EngineError::Cancelled)
    );
    bench.scheduler.queue.close();
    ninth = sequence(2, &[1]);
    assert_eq!(
        bench.scheduler.submit(ninth).err(),
        Some(EngineError::Stopped)
    );
    gate.open();
    for receiver in waiting.iter().chain([&first]) {
        assert_eq!(answer(receiver), Err(EngineError::Stopped));
    }
}

#[test]
fn many_threads_get_their_own_answers() {
    let bench = Bench::new(5, 3, free());
    thread::scope(|scope| {
        for document in 0..8 {
            let bench = &bench;
            scope.spawn(move || {
                for round in 0..60 {
                    let name = (document * 7 + round * 3) % 40;
                    let images: Vec<u32> = (0..(document + round) % 7).collect();
                    let mut one = sequence(name, &images);
                    one.document = DocumentId(u64::from(document));
                    let cancelled = (document + round) % 11 == 0;
                    let flag = one.cancel.clone();
                    let receiver = bench.scheduler.submit(one).expect("it runs");
                    if cancelled {
                        flag.cancel();
                    }
                    match answer(&receiver) {
                        Ok(written) => assert_eq!(written.tokens, expected(name, 99)),
                        Err(error) => assert!(cancelled, "{error}"),
                    }
                }
            });
        }
    });
    assert!(bench.scheduler.queue.is_empty());
}

#[test]
fn a_view_that_sequences_share_is_encoded_once() {
    let bench = Bench::new(2, 1, free());
    let view = sequence(0, &[11]).images.remove(0);
    let first: Vec<_> = (0..3).map(|at| bench.submit(row(3, &view, at))).collect();
    for receiver in &first {
        assert_eq!(answer(receiver).expect("written").tokens, expected(3, 99));
    }
    // As somebody still holds it, it is there for a row that comes later.
    let last = answer(&bench.submit(row(4, &view, 7))).expect("written");
    assert_eq!(last.tokens, expected(4, 99));
    let calls = bench.calls();
    let prefills = [(3, 1100), (3, 1110), (3, 1120), (4, 1170)];
    for (name, image) in prefills {
        assert!(
            calls.contains(&Call::Prefill(name, vec![image])),
            "{calls:?}"
        );
    }
    let encodes = |call: &&Call| matches!(call, Call::Encode(_));
    assert_eq!(calls.iter().filter(encodes).count(), 1, "{calls:?}");
}

#[test]
fn a_shared_view_that_cannot_be_encoded_fails_all_that_wait_for_it_and_no_others() {
    let hook: Hook = Box::new(|call| match call {
        Call::Encode(images) if images.contains(&13) => Err("unlucky".to_owned()),
        _ => Ok(()),
    });
    let bench = Bench::new(1, 1, hook);
    let view = sequence(0, &[13]).images.remove(0);
    let shared: Vec<_> = (0..3).map(|at| bench.submit(row(3, &view, at))).collect();
    let other = bench.submit(sequence(5, &[11]));
    for receiver in &shared {
        let failed = answer(receiver);
        assert_eq!(failed, Err(EngineError::Model("unlucky".to_owned())));
    }
    assert_eq!(answer(&other).expect("written").tokens, expected(5, 99));
}
