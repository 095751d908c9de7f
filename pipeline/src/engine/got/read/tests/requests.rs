//! Tests of requests side by side, of cancellation and of the engine's end.

use super::*;

#[test]
fn a_cancelled_request_frees_its_slot() {
    let bench = Bench::with(
        |asked| match asked.shades[0] {
            1 => (0..100_000).map(|n| format!("{n} ")).collect(),
            _ => all_seen(asked),
        },
        1,
        None,
    );
    let cancel = CancelToken::new();
    bench.hold(&cancel);
    let first = bench.try_submit(1, &[1], options(), &cancel).expect("open");
    bench.wait_held();
    cancel.cancel();
    assert_eq!(first.wait(PATIENCE), Err(EngineError::Cancelled));
    let readings = bench.read(&[2], options()).expect("the slot is free");
    assert_eq!(text(&readings[0]), seen(2));
}

#[test]
fn documents_read_at_once_get_what_they_get_alone() {
    let script: Script = |asked| match asked.shades[0] % 3 {
        0 if asked.format() => forever(asked),
        1 => format!("{}{}", all_seen(asked), "x".repeat(asked.shades[0].into())),
        _ => all_seen(asked),
    };
    let shades: Vec<Vec<u8>> = (0..6u8).map(|n| vec![20 + n, 30 + n, 40 + n]).collect();
    let bench = Bench::with(script, 3, ppocr());
    let timeless = |answer: EngineResponse| -> Vec<OcrResult> {
        let readings = answer.expect("read").into_iter();
        let timeless = |reading| OcrResult {
            queued: Duration::ZERO,
            inference_time: Duration::ZERO,
            ..reading
        };
        readings.map(timeless).collect()
    };
    let alone: Vec<_> = shades
        .iter()
        .map(|shades| timeless(bench.read(shades, together(2))))
        .collect();
    let at_once = Mutex::new(vec![Vec::new(); shades.len()]);
    thread::scope(|scope| {
        for (index, shades) in shades.iter().enumerate() {
            let (bench, at_once) = (&bench, &at_once);
            scope.spawn(move || {
                let ticket = bench.submit(index as u64, shades, together(2));
                let readings = timeless(ticket.wait(PATIENCE));
                at_once.lock().expect("no holder panics")[index] = readings;
            });
        }
    });
    assert_eq!(at_once.into_inner().expect("no holder panicked"), alone);
}

#[test]
fn everybody_is_answered_when_the_engine_ends() {
    let bench = Bench::with(|_| (0..100_000).map(|n| format!("{n} ")).collect(), 1, None);
    bench.hold(&bench.got.shared.reader.stop);
    let tickets: Vec<_> = (0..3)
        .map(|document| bench.submit(document, &[1, 2], options()))
        .collect();
    bench.wait_held();
    drop(bench);
    for ticket in tickets {
        assert_eq!(ticket.wait(PATIENCE), Err(EngineError::Stopped));
    }
}

#[test]
fn a_request_that_is_not_sound_is_refused() {
    let bench = Bench::new(all_seen);
    let none = bench.try_submit(1, &[], options(), &CancelToken::new());
    assert!(matches!(none, Err(EngineError::Model(_))));
    let short = PageImage {
        rgb: vec![0; 5],
        ..page(1)
    };
    let refused = bench.got.submit(EngineRequest {
        document: DocumentId(1),
        pages: vec![Arc::new(short)],
        is_whole: true,
        options: Arc::default(),
        cancel: CancelToken::new(),
    });
    assert!(matches!(refused, Err(EngineError::Model(why)) if why.contains("has 5 bytes")));
}
