//! Text that repeats itself is cut, labeled and recovered from; a table of equal rows is none.

use recto_schemas::{EngineName, FinishReason, RejectionKind};

use crate::support::{got::GotRun, pdf};

const LINES: &[&str] = &[
    "Dear Mrs. Aldous,",
    "the registers have come back from the binder",
    "in good order.",
];

/// Most tokens of an attempt.
const MOST: u32 = 1024;

fn letter() -> Vec<u8> {
    pdf::with_pages(&[&pdf::text(LINES)])
}

fn options<'a>(dtype: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let usual = "--text-layer never --got-tiles never --got-max-new-tokens 1024 --got-dtype";
    usual
        .split(' ')
        .chain([dtype])
        .chain(more.iter().copied())
        .collect()
}

#[test]
fn a_checkpoint_that_repeats_for_ever_gives_way_to_ppocr_within_half_of_the_tokens() {
    for dtype in ["f32", "q8"] {
        let run = GotRun::of_bytes("looping", &letter(), &options(dtype, &[]));
        let page = run.page(0);
        assert_eq!(page.engine.as_deref(), Some("ppocr"));
        for line in LINES {
            assert!(
                run.markdown.contains(line.trim_end_matches('.')),
                "{}",
                run.markdown
            );
        }
        let attempts = &page.decoding.as_ref().unwrap().attempts;
        assert_eq!(attempts[0].stop, FinishReason::Repetition, "{attempts:?}");
        assert_eq!(attempts[0].rejected, Some(RejectionKind::Repetition));
        let last = attempts.last().unwrap();
        assert_eq!((last.method.as_str(), last.rejected), ("ppocr", None));
        let tokens: u32 = attempts.iter().map(|attempt| attempt.tokens).sum();
        assert!(tokens > 0 && tokens <= MOST / 2, "{attempts:?}");
    }
}

#[test]
fn without_the_guard_a_loop_runs_to_the_most_tokens() {
    let run = GotRun::of_bytes(
        "looping",
        &letter(),
        &options("f32", &["--got-loop-guard=off"]),
    );
    let page = run.page(0);
    assert_eq!(page.engine.as_deref(), Some("got"));
    let decoding = page.decoding.as_ref().unwrap();
    assert_eq!(
        (decoding.stop, decoding.tokens),
        (FinishReason::Length, MOST)
    );
    assert!(decoding.attempts.is_empty());
    assert!(!run.got().loop_guard);
    assert_eq!(run.manifest.options.engine, EngineName::Got);
    assert!(
        run.markdown
            .contains("and so it goes on, and so it goes on,")
    );
}

#[test]
fn a_table_of_forty_equal_rows_is_not_cut() {
    let run = GotRun::of_bytes("table", &letter(), &options("f32", &[]));
    let decoding = run.page(0).decoding.as_ref().unwrap();
    assert_eq!(decoding.stop, FinishReason::End);
    assert!(decoding.attempts.is_empty(), "{decoding:?}");
    let rows = run.markdown.lines().filter(|line| *line == "| a | b |");
    assert_eq!(rows.count(), 40, "{}", run.markdown);
}
