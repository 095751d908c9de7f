use recto_pipeline::engine::{DecodeUsage, FallbackUsage};
use recto_schemas::{
    AttemptKind, DecodingReport, FinishReason, GotMode, PageOutcome, PageTiling, PageTiming,
    ReadAttempt, Reason, RejectionKind, ResultState, TextReason, TilingReason, UnreadSummary,
};

use super::*;

fn is_possible(disposition: JobDisposition, kind: FailureKind) -> bool {
    match disposition {
        JobDisposition::Ack => false,
        JobDisposition::DeadLetter => kind != FailureKind::Shutdown,
        JobDisposition::Retry => kind == FailureKind::Panic,
        JobDisposition::Requeue => kind == FailureKind::Shutdown,
    }
}

fn metrics() -> Metrics {
    let build = BuildInfo {
        version: "1.2.3",
        engine: "ppocr",
        model_sha256: "abc",
        sandbox: &SandboxReport::ALL_ACTIVE,
    };
    Metrics::new(&build, is_possible).unwrap()
}

/// The value of one series, as a scrape shows it.
fn value(metrics: &Metrics, series: &str) -> f64 {
    let text = metrics.encode();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '))
        .unwrap_or_else(|| panic!("no {series} in\n{text}"));
    line.parse().unwrap()
}

fn page(outcome: PageOutcome, timing: PageTiming) -> PageSummary {
    PageSummary {
        page: 1,
        outcome,
        reason: None,
        engine: None,
        dpi: None,
        width_px: None,
        height_px: None,
        rotation: 0,
        confidence: None,
        characters: 0,
        unread: None,
        lines_by_fallback: 0,
        decoding: None,
        timing,
    }
}

/// Tells every method something.
fn all_told() -> Metrics {
    let metrics = metrics();
    let took = Duration::from_millis(1500);
    for disposition in JobDisposition::ALL {
        for kind in FailureKind::ALL {
            if is_possible(*disposition, *kind) {
                metrics.job_failed(*disposition, *kind);
            }
        }
    }
    for state in ResultState::ALL {
        metrics.job_done(state, took);
    }
    for outcome in [
        PageOutcome::Ok,
        PageOutcome::Partial,
        PageOutcome::Empty,
        PageOutcome::TextLayer,
        PageOutcome::Failed,
    ] {
        metrics.page(&page(outcome, PageTiming::default()));
    }
    for share in [0.25, 0.5] {
        metrics.page(&PageSummary {
            unread: Some(UnreadSummary { share, lines: 3 }),
            ..page(PageOutcome::Partial, PageTiming::default())
        });
    }
    metrics.page(&PageSummary {
        reason: Some(Reason::new(TextReason::NoTextFound, "nothing")),
        ..page(PageOutcome::Empty, PageTiming::default())
    });
    metrics.pages_skipped(7);
    for outcome in [
        PartOutcome::Stored,
        PartOutcome::Loaded,
        PartOutcome::Duplicate,
        PartOutcome::Broken,
    ] {
        metrics.part(outcome);
    }
    for stage in [
        JobStage::Fetch,
        JobStage::Read,
        JobStage::Store,
        JobStage::Publish,
    ] {
        metrics.stage(stage, took);
    }
    for outcome in [
        ConfirmOutcome::Confirmed,
        ConfirmOutcome::Unroutable,
        ConfirmOutcome::Nacked,
        ConfirmOutcome::TimedOut,
        ConfirmOutcome::BrokerLost,
    ] {
        metrics.confirm(outcome, took);
    }
    metrics.queue_wait(took);
    metrics.bytes(TransferDirection::Fetched, 10);
    metrics.bytes(TransferDirection::Stored, 20);
    metrics.reconnected(ReconnectPeer::Broker);
    metrics.stale_settlement();
    metrics.job_purged();
    metrics.permits(4);
    metrics.ready(true);
    metrics.scratch(5, u64::MAX);
    metrics
}

/// All series of a scrape, without their values and without the process's own.
fn series(metrics: &Metrics) -> Vec<String> {
    let text = metrics.encode();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter(|line| !line.starts_with("process_"))
        .map(|line| line.rsplit_once(' ').unwrap().0.to_owned())
        .collect()
}

#[test]
fn all_series_are_there_before_anything_happened() {
    assert_eq!(series(&metrics()), series(&all_told()));
}

#[test]
fn what_callers_say_is_what_a_scrape_shows() {
    let metrics = all_told();
    for (series, expected) in [
        (
            r#"recto_jobs_total{disposition="dead-letter",kind="encrypted"}"#,
            1.0,
        ),
        (r#"recto_jobs_total{disposition="ack",kind="partial"}"#, 1.0),
        (r#"recto_dead_letters_total{kind="poison-message"}"#, 1.0),
        (r#"recto_retries_total{kind="panic"}"#, 1.0),
        (r#"recto_documents_total{state="skipped"}"#, 1.0),
        ("recto_job_duration_seconds_count", 4.0),
        ("recto_jobs_purged_total", 1.0),
        ("recto_job_duration_seconds_sum", 6.0),
        (r#"recto_pages_total{outcome="text-layer"}"#, 1.0),
        (r#"recto_pages_total{outcome="skipped"}"#, 7.0),
        (r#"recto_pages_total{outcome="partial"}"#, 3.0),
        ("recto_unread_ink_pages_total", 0.75),
        (r#"recto_parts_total{outcome="duplicate"}"#, 1.0),
        ("recto_pages_without_text_total", 1.0),
        (r#"recto_stage_seconds_count{stage="fetch"}"#, 1.0),
        (r#"recto_queue_wait_seconds_bucket{le="1"}"#, 0.0),
        (r#"recto_queue_wait_seconds_bucket{le="2.5"}"#, 1.0),
        (r#"recto_bytes_total{direction="stored"}"#, 20.0),
        (r#"recto_reconnects_total{peer="broker"}"#, 1.0),
        (
            r#"recto_publisher_confirms_total{outcome="confirm-timeout"}"#,
            1.0,
        ),
        ("recto_publisher_confirm_seconds_count", 5.0),
        ("recto_stale_settlements_total", 1.0),
        ("recto_jobs_permits", 4.0),
        ("recto_ready", 1.0),
        ("recto_scratch_bytes", 5.0),
        (
            r#"recto_build_info{engine="ppocr",model_sha256="abc",version="1.2.3"}"#,
            1.0,
        ),
    ] {
        assert_eq!(value(&metrics, series), expected, "{series}");
    }
}

#[test]
fn a_page_counts_only_the_stages_it_went_through() {
    let metrics = metrics();
    metrics.page(&page(
        PageOutcome::Empty,
        PageTiming {
            raster_s: 0.2,
            queue_s: 0.0,
            engine_s: 0.0,
        },
    ));
    assert_eq!(
        value(&metrics, r#"recto_stage_seconds_sum{stage="raster"}"#),
        0.2
    );
    assert_eq!(
        value(&metrics, r#"recto_stage_seconds_count{stage="engine"}"#),
        0.0
    );
}

/// A kind that this version does not know is counted as `other`: no message makes a series.
#[test]
fn no_kind_makes_a_series_that_was_not_there() {
    let metrics = metrics();
    let before = series(&metrics);
    metrics.job_failed(JobDisposition::DeadLetter, FailureKind::Other);
    assert_eq!(
        value(
            &metrics,
            r#"recto_jobs_total{disposition="dead-letter",kind="other"}"#
        ),
        1.0
    );
    assert_eq!(
        value(&metrics, r#"recto_dead_letters_total{kind="other"}"#),
        1.0
    );
    assert_eq!(series(&metrics), before);
}

#[test]
fn a_job_is_in_flight_until_its_guard_is_dropped() {
    let metrics = metrics();
    let first = metrics.job_in_flight();
    let second = metrics.job_in_flight();
    assert_eq!(value(&metrics, "recto_jobs_in_flight"), 2.0);
    drop((first, second));
    assert_eq!(value(&metrics, "recto_jobs_in_flight"), 0.0);
}

#[test]
fn the_engines_time_is_counted_once_however_often_it_is_told() {
    let metrics = metrics();
    let busy = |seconds| EngineUsage {
        workers: 2,
        busy: Duration::from_secs(seconds),
        decode: None,
        fallback: None,
    };
    for seconds in [3, 3, 5, 4] {
        metrics.observe_engine(busy(seconds));
    }
    assert_eq!(value(&metrics, "recto_engine_busy_seconds_total"), 5.0);
    assert_eq!(value(&metrics, "recto_engine_workers"), 2.0);
}

#[test]
fn what_the_decoder_did_is_counted_once_however_often_it_is_told() {
    let metrics = metrics();
    let usage = |steps| EngineUsage {
        decode: Some(DecodeUsage {
            steps,
            rows: 8 * steps,
            tokens: 7 * steps,
            views: 3,
            loops: 1,
            ..DecodeUsage::default()
        }),
        ..EngineUsage::default()
    };
    for steps in [10, 10, 25] {
        metrics.observe_engine(usage(steps));
    }
    for (series, expected) in [
        ("recto_decode_steps_total", 25.0),
        ("recto_decode_rows_total", 200.0),
        ("recto_decode_tokens_total", 175.0),
        ("recto_encode_views_total", 3.0),
        ("recto_decode_loops_total", 1.0),
    ] {
        assert_eq!(value(&metrics, series), expected, "{series}");
    }
}

#[test]
fn what_the_second_reader_did_is_counted_once_however_often_it_is_told() {
    let metrics = metrics();
    for lines in [10, 10, 25] {
        metrics.observe_engine(EngineUsage {
            fallback: Some(FallbackUsage {
                lines,
                failures: 1,
                busy: Duration::from_millis(100 * lines),
            }),
            ..EngineUsage::default()
        });
    }
    for (series, expected) in [
        ("recto_fallback_lines_total", 25.0),
        ("recto_fallback_failures_total", 1.0),
        ("recto_fallback_seconds_total", 2.5),
    ] {
        assert_eq!(value(&metrics, series), expected, "{series}");
    }
}

#[test]
fn every_attempt_at_a_page_is_counted_by_its_method_and_its_end() {
    let metrics = metrics();
    let before = series(&metrics);
    let attempt = |method: AttemptKind, rejected: Option<RejectionKind>| ReadAttempt {
        method,
        tokens: 5,
        stop: FinishReason::End,
        rejected,
    };
    let read = |pages_in_pass, attempts| PageSummary {
        decoding: Some(DecodingReport {
            mode: GotMode::Format,
            tiling: PageTiling {
                columns: 1,
                rows: 1,
                reason: TilingReason::Ordinary,
                limited_by_context: false,
            },
            pages_in_pass,
            prompt_tokens: 286,
            tokens: 5,
            stop: FinishReason::End,
            attempts,
            verified: None,
        }),
        ..page(PageOutcome::Ok, PageTiming::default())
    };
    metrics.page(&read(1, Vec::new()));
    metrics.page(&read(4, Vec::new()));
    let ladder = vec![
        attempt(AttemptKind::Pass, Some(RejectionKind::TooFewWords)),
        attempt(AttemptKind::Single, Some(RejectionKind::Repetition)),
        // Both were counted as `other` once.
        attempt(AttemptKind::Whole, Some(RejectionKind::Empty)),
        attempt(AttemptKind::Other, Some(RejectionKind::Other)),
        attempt(AttemptKind::Ppocr, None),
    ];
    metrics.page(&read(1, ladder));
    for (series, expected) in [
        (r#"recto_page_attempts_total{method="pass"}"#, 2.0),
        (r#"recto_page_attempts_total{method="single"}"#, 2.0),
        (r#"recto_page_attempts_total{method="ppocr"}"#, 1.0),
        (r#"recto_page_attempts_total{method="whole"}"#, 1.0),
        (r#"recto_page_attempts_total{method="other"}"#, 1.0),
        (r#"recto_page_rejections_total{reason="repetition"}"#, 1.0),
        (
            r#"recto_page_rejections_total{reason="too-few-words"}"#,
            1.0,
        ),
        (r#"recto_page_rejections_total{reason="empty"}"#, 1.0),
        (r#"recto_page_rejections_total{reason="other"}"#, 1.0),
    ] {
        assert_eq!(value(&metrics, series), expected, "{series}");
    }
    assert_eq!(series(&metrics), before);
}

#[test]
fn the_process_is_measured_too() {
    assert!(value(&metrics(), "process_resident_memory_bytes") > 0.0);
}
