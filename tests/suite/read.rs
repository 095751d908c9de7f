//! The pipeline around an engine: order, windows, fairness, cancelling, deadlines. The engine is a fake
//! one, everything else is real.

mod parts;

use std::{
    fs::File,
    io::{self, Seek, Write},
    path::Path,
    time::{Duration, Instant},
};

use recto_pipeline::{
    cancel::CancelToken,
    engine::{
        EngineError,
        fake::{FakeEngine, FakeScript},
    },
    image::rasterizer::{Rasterizer, RasterizerConfig},
    read::{DocumentInput, PageResult, PageSink, ReadError, ReadOutcome, read},
    sandbox::SandboxConfig,
};
use recto_schemas::{DocumentState, Options, PageOutcome, TextLayer};

use crate::support::{pdf, pdfium, recto_path};

#[derive(Default)]
struct PageCollector {
    pages: Vec<PageResult>,
    cancel_after: Option<(usize, CancelToken)>,
    fail_after: Option<usize>,
}

impl PageSink for PageCollector {
    fn open(&mut self, _: u32) -> io::Result<()> {
        Ok(())
    }

    fn page(&mut self, page: PageResult) -> io::Result<()> {
        self.pages.push(page);
        if let Some((after, cancel)) = &self.cancel_after
            && self.pages.len() == *after
        {
            cancel.cancel();
        }
        match self.fail_after {
            Some(after) if self.pages.len() == after => Err(io::Error::other("disk full")),
            _ => Ok(()),
        }
    }

    fn heading_levels(&mut self, _levels: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

impl PageCollector {
    fn numbers(&self) -> Vec<u32> {
        self.pages.iter().map(|page| page.summary.page).collect()
    }

    fn outcomes(&self) -> Vec<PageOutcome> {
        self.pages.iter().map(|page| page.summary.outcome).collect()
    }
}

fn rasterizer() -> Rasterizer {
    rasterizer_with(Path::new(&recto_path()))
}

fn rasterizer_with(program: &Path) -> Rasterizer {
    Rasterizer::new(RasterizerConfig {
        program: program.to_owned(),
        pdfium: pdfium(),
        children: 2,
        pages_per_child: 100,
        font_dirs: Vec::new(),
        sandbox: SandboxConfig::REQUIRED,
    })
    .unwrap()
}

/// A document whose pages differ in width: page n is 100 + n points wide, with one black square.
fn document(pages: u32) -> File {
    let entries: Vec<String> = (1..=pages)
        .map(|page| format!("/MediaBox [0 0 {} 100]", 100 + page))
        .collect();
    let pages: Vec<(&str, &str)> = entries
        .iter()
        .map(|entries| (entries.as_str(), "20 20 40 40 re f"))
        .collect();
    file(&pdf::with_page_entries(&pages))
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn options() -> Options {
    Options {
        dpi: Some(72.try_into().unwrap()),
        text_layer: TextLayer::Never,
        ..Options::default()
    }
}

fn run(
    file: File,
    options: &Options,
    engine: &'static FakeEngine,
    sink: &mut PageCollector,
    cancel: &CancelToken,
) -> Result<ReadOutcome, ReadError> {
    let rasterizer = rasterizer();
    let input = DocumentInput {
        file,
        password: None,
        rasterizer: &rasterizer,
    };
    read(input, options, &engine, sink, cancel)
}

const AT_ONCE: &FakeScript = &|_| (Duration::ZERO, Ok(()));

#[test]
fn pages_reach_the_sink_in_order_though_the_engine_finishes_them_in_any() {
    let uneven: &FakeScript = &|serial| (Duration::from_millis((serial * 37) % 90), Ok(()));
    let engine = FakeEngine::new(1, 6, uneven);
    let mut sink = PageCollector::default();
    let outcome = run(
        document(40),
        &options(),
        engine,
        &mut sink,
        &CancelToken::new(),
    )
    .unwrap();
    assert_eq!(sink.numbers(), (1..=40).collect::<Vec<_>>());
    for page in &sink.pages {
        let width = 100 + page.summary.page;
        assert_eq!(
            page.assembled.lines[0].text,
            format!("page of {width} by 100")
        );
    }
    assert_eq!(outcome.state, DocumentState::Done);
    assert_eq!(
        (
            outcome.counts.document,
            outcome.counts.selected,
            outcome.counts.ok
        ),
        (40, 40, 40)
    );
}

#[test]
fn no_more_requests_are_under_way_than_the_engine_wants() {
    let slow: &FakeScript = &|_| (Duration::from_millis(20), Ok(()));
    let engine = FakeEngine::new(1, 3, slow);
    run(
        document(30),
        &options(),
        engine,
        &mut PageCollector::default(),
        &CancelToken::new(),
    )
    .unwrap();
    assert_eq!(engine.in_flight().most, 3);
}

#[test]
fn an_engine_that_wants_several_pages_gets_them_together() {
    let engine = FakeEngine::new(4, 2, AT_ONCE);
    let mut sink = PageCollector::default();
    let outcome = run(
        document(10),
        &options(),
        engine,
        &mut sink,
        &CancelToken::new(),
    )
    .unwrap();
    assert_eq!(sink.numbers(), (1..=10).collect::<Vec<_>>());
    assert_eq!(outcome.counts.ok, 10);
    assert_eq!(sink.pages[9].assembled.lines[0].text, "page of 110 by 100");
}

#[test]
fn a_page_on_which_the_engine_fails_has_a_reason_and_the_others_go_on() {
    let third_fails: &FakeScript = &|serial| match serial {
        2 => (
            Duration::ZERO,
            Err(EngineError::Model("out of luck".to_owned())),
        ),
        _ => (Duration::ZERO, Ok(())),
    };
    // One request at a time, so that the third request is the third page.
    let engine = FakeEngine::new(1, 1, third_fails);
    let mut sink = PageCollector::default();
    let outcome = run(
        document(4),
        &options(),
        engine,
        &mut sink,
        &CancelToken::new(),
    )
    .unwrap();
    assert_eq!(outcome.state, DocumentState::Partial);
    assert_eq!((outcome.counts.ok, outcome.counts.failed), (3, 1));
    let reason = sink.pages[2].summary.reason.as_ref().unwrap();
    assert_eq!(
        (reason.kind.as_str(), reason.message.as_str()),
        ("engine-failed", "the model failed: out of luck")
    );
    assert!(
        sink.pages[2]
            .assembled
            .markdown
            .contains("page 3: failed (engine-failed)")
    );
}

#[test]
fn cancelling_stops_at_the_next_page() {
    let slow: &FakeScript = &|_| (Duration::from_millis(30), Ok(()));
    let engine = FakeEngine::new(1, 2, slow);
    let cancel = CancelToken::new();
    let mut sink = PageCollector {
        cancel_after: Some((3, cancel.clone())),
        ..PageCollector::default()
    };
    let started = Instant::now();
    let error = run(document(200), &options(), engine, &mut sink, &cancel).unwrap_err();
    assert!(matches!(error, ReadError::Cancelled), "{error}");
    assert_eq!(sink.numbers(), [1, 2, 3]);
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "200 pages take longer than that"
    );
}

#[test]
fn a_sink_that_fails_stops_the_reading() {
    let engine = FakeEngine::new(1, 2, AT_ONCE);
    let mut sink = PageCollector {
        fail_after: Some(2),
        ..PageCollector::default()
    };
    let error = run(
        document(50),
        &options(),
        engine,
        &mut sink,
        &CancelToken::new(),
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the result could not be written: disk full"
    );
    assert_eq!(sink.numbers(), [1, 2]);
}

#[test]
fn after_the_documents_deadline_the_pages_that_are_left_fail_and_say_so() {
    let hangs_on_third: &FakeScript = &|serial| match serial {
        2 => (Duration::from_secs(3_600), Ok(())),
        _ => (Duration::ZERO, Ok(())),
    };
    let engine = FakeEngine::new(1, 1, hangs_on_third);
    let mut options = options();
    options.limits.document_timeout = "1500ms".parse().unwrap();
    let mut sink = PageCollector::default();
    let outcome = run(
        document(5),
        &options,
        engine,
        &mut sink,
        &CancelToken::new(),
    )
    .unwrap();
    assert_eq!(outcome.state, DocumentState::Partial);
    assert_eq!(sink.numbers(), [1, 2, 3, 4, 5]);
    assert_eq!(
        sink.outcomes(),
        [
            PageOutcome::Ok,
            PageOutcome::Ok,
            PageOutcome::Failed,
            PageOutcome::Failed,
            PageOutcome::Failed
        ]
    );
    for page in &sink.pages[2..] {
        assert_eq!(
            page.summary.reason.as_ref().unwrap().kind.as_str(),
            "document-timeout"
        );
    }
}

#[test]
fn pages_past_the_limit_are_counted_and_named() {
    let engine = FakeEngine::new(1, 2, AT_ONCE);
    let mut options = options();
    options.limits.max_pages = 3.try_into().unwrap();
    let mut sink = PageCollector::default();
    let outcome = run(
        document(7),
        &options,
        engine,
        &mut sink,
        &CancelToken::new(),
    )
    .unwrap();
    assert_eq!(outcome.state, DocumentState::Partial);
    let counts = outcome.counts;
    assert_eq!(
        (counts.document, counts.selected, counts.ok, counts.skipped),
        (7, 7, 3, 4)
    );
    assert_eq!(outcome.failure.unwrap().kind.as_str(), "page-limit");
}

#[test]
fn only_pages_that_were_asked_for_are_read() {
    let engine = FakeEngine::new(1, 2, AT_ONCE);
    let options = Options {
        pages: Some("2,4-".parse().unwrap()),
        ..options()
    };
    let mut sink = PageCollector::default();
    let outcome = run(
        document(5),
        &options,
        engine,
        &mut sink,
        &CancelToken::new(),
    )
    .unwrap();
    assert_eq!(sink.numbers(), [2, 4, 5]);
    assert_eq!((outcome.counts.document, outcome.counts.selected), (5, 3));

    let none = Options {
        pages: Some("9".parse().unwrap()),
        ..options
    };
    let error = run(
        document(5),
        &none,
        engine,
        &mut PageCollector::default(),
        &CancelToken::new(),
    )
    .unwrap_err();
    assert_eq!(error.kind().as_str(), "no-such-page");
}

#[test]
fn no_model_runs_on_a_page_without_ink() {
    let fails: &FakeScript = &|_| (Duration::ZERO, Err(EngineError::Model("ran".to_owned())));
    let engine = FakeEngine::new(1, 2, fails);
    let mut sink = PageCollector::default();
    let blank = file(&pdf::with_pages(&[""]));
    let outcome = run(blank, &options(), engine, &mut sink, &CancelToken::new()).unwrap();
    assert_eq!(sink.outcomes(), [PageOutcome::Empty]);
    assert_eq!(outcome.state, DocumentState::Done);
}

#[test]
fn a_sound_text_layer_is_taken_and_no_model_runs() {
    let fails: &FakeScript = &|_| (Duration::ZERO, Err(EngineError::Model("ran".to_owned())));
    let engine = FakeEngine::new(1, 2, fails);
    let words = [
        "The records office keeps the registers of the parish,",
        "and opens them on Mondays.",
    ];
    let options = Options {
        text_layer: TextLayer::Auto,
        ..options()
    };
    let mut sink = PageCollector::default();
    let outcome = run(
        file(&pdf::with_pages(&[&pdf::text(&words)])),
        &options,
        engine,
        &mut sink,
        &CancelToken::new(),
    )
    .unwrap();
    assert_eq!(sink.outcomes(), [PageOutcome::TextLayer]);
    assert!(sink.pages[0].assembled.markdown.contains(&words.join(" ")));
    assert_eq!(outcome.counts.text_layer, 1);
}
