//! Tests of failures, of the scheduler's end and of shared images.

use super::*;

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
