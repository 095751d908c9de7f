//! Tests of batching, cancellation and the limits of sequences.

use super::*;

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
