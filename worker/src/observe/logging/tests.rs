use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use recto_schemas::{FailureKind, PageOutcome, PageTiming, Reason, UnreadSummary};
use serde_json::Value;
use tracing::{info, warn};

use super::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The log written while `told` runs.
fn logged(format: LogFormat, filter_text: &str, colors: bool, told: impl FnOnce()) -> String {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = subscriber(format, filter(filter_text).unwrap(), colors, move || {
        writer.clone()
    });
    tracing::subscriber::with_default(subscriber, told);
    String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn a_job() {
    let source = "https://user:secret@s3/archive/scan.pdf?X-Amz-Signature=secret";
    let job = job_span("j-1", source, Some("b-7"), 2, Some(TRACE));
    let _inside = job.enter();
    stage_span(JobStage::Fetch).in_scope(|| warn!(store.attempt = 1, "the store is slow"));
    page(&a_page(PageOutcome::Failed, None));
    info!(job.disposition = "ack", "job ended");
}

fn a_page(outcome: PageOutcome, unread: Option<UnreadSummary>) -> PageSummary {
    PageSummary {
        page: 3,
        outcome,
        reason: Some(Reason::new(FailureKind::PageTimeout, "words of a document")),
        engine: None,
        dpi: None,
        width_px: None,
        height_px: None,
        rotation: 0,
        confidence: Some(0.98765),
        characters: 12,
        unread,
        lines_by_fallback: 0,
        decoding: None,
        timing: PageTiming {
            raster_s: 20.0004,
            queue_s: 0.0,
            engine_s: 1.5,
        },
    }
}

fn json(filter: &str) -> Vec<Value> {
    let lines = logged(LogFormat::Json, filter, false, a_job);
    let lines = lines.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

#[test]
fn json_lines_say_when_what_and_in_which_job() {
    let lines = json("info");
    assert_eq!(lines.len(), 2);
    let (slow, ended) = (&lines[0], &lines[1]);
    assert_eq!(ended["level"], "INFO");
    assert_eq!(ended["message"], "job ended");
    assert_eq!(ended["job.disposition"], "ack");
    assert!(ended["target"].as_str().unwrap().starts_with("recto::"));
    let timestamp = ended["timestamp"].as_str().unwrap();
    assert!(
        timestamp.len() == 24 && timestamp.ends_with('Z'),
        "{timestamp}"
    );
    let job = &ended["spans"][0];
    assert_eq!(job["name"], "job");
    assert_eq!(job["job.id"], "j-1");
    assert_eq!(job["job.batch"], "b-7");
    assert_eq!(job["job.attempt"], 2);
    assert_eq!(
        job["job.source"],
        "https://user:***@s3/archive/scan.pdf?***"
    );
    assert_eq!(job["trace.id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(job["trace.parent_span"], "00f067aa0ba902b7");
    assert_eq!(slow["spans"][1]["stage.name"], "fetch");
}

#[test]
fn a_page_that_was_read_in_part_is_a_warning() {
    let told = || {
        page(&a_page(
            PageOutcome::Partial,
            Some(UnreadSummary {
                share: 0.95,
                lines: 4,
            }),
        ))
    };
    let line: Value = serde_json::from_str(&logged(LogFormat::Json, "info", false, told)).unwrap();
    assert_eq!(line["level"], "WARN");
    assert_eq!(
        (&line["page.number"], &line["page.unread_lines"]),
        (&3.into(), &4.into())
    );
    assert_eq!(line["page.unread_share"], 0.95);
}

#[test]
fn pages_and_their_stages_are_told_at_debug() {
    let lines = json("debug");
    let stages: Vec<_> = lines
        .iter()
        .filter(|line| line["message"] == "stage ended")
        .map(|line| {
            let spans = &line["spans"];
            assert_eq!(spans[1]["page.number"], 3);
            assert_eq!(spans[1]["page.outcome"], "failed");
            (
                spans[2]["stage.name"].as_str().unwrap(),
                line["stage.seconds"].as_f64().unwrap(),
            )
        })
        .collect();
    assert_eq!(stages, [("raster", 20.0), ("queue", 0.0), ("engine", 1.5)]);
    let page = lines
        .iter()
        .find(|line| line["message"] == "page ended")
        .unwrap();
    assert_eq!(page["page.reason"], "page-timeout");
    assert_eq!(page["page.confidence"], 0.988);
}

#[test]
fn a_job_is_named_whatever_the_filter() {
    let lines = json("warn");
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["spans"][0]["job.id"], "j-1");
}

#[test]
fn neither_secrets_nor_text_are_logged() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let lines = logged(format, "trace", false, a_job);
        assert!(
            !lines.contains("secret") && !lines.contains("words"),
            "{lines}"
        );
    }
}

#[test]
fn lines_for_people_are_one_an_event_and_colored_only_where_wanted() {
    let plain = logged(LogFormat::Text, "info", false, a_job);
    assert_eq!(plain.lines().count(), 2);
    assert!(
        plain.contains("INFO") && plain.contains("job ended"),
        "{plain}"
    );
    assert!(!plain.contains('\x1b'), "{plain}");
    assert!(logged(LogFormat::Text, "info", true, a_job).contains('\x1b'));
}

#[test]
fn a_message_cannot_forge_a_line() {
    let forged = "j\n2026-01-01T00:00:00.000Z ERROR all is lost \x1b[2J";
    let told = || {
        job_span(forged, forged, Some(forged), 1, Some(forged))
            .in_scope(|| info!(broker.said = %forged, "{forged}"));
    };
    let plain = logged(LogFormat::Text, "info", false, told);
    assert!(
        plain.lines().count() == 1 && !plain.contains('\x1b'),
        "{plain}"
    );
    assert!(!plain.contains("trace.id"), "{plain}");
}

#[test]
fn libraries_are_quiet_until_they_are_named() {
    let told = || {
        info!(target: "lapin::channel", "library");
        info!(target: "recto::job", "ours");
    };
    let quiet = logged(LogFormat::Text, "debug", false, told);
    assert!(
        quiet.contains("ours") && !quiet.contains("library"),
        "{quiet}"
    );
    assert!(logged(LogFormat::Text, "info,lapin=info", false, told).contains("library"));
}

#[test]
fn a_filter_that_is_none_is_refused() {
    assert!(filter_text("info,recto=debug").is_ok());
    let error = filter_text("recto=loud").unwrap_err();
    assert!(error.contains("recto=debug"), "{error}");
}

#[test]
fn a_process_has_one_log() {
    let arguments = LogConfig {
        log: "off".to_owned(),
        log_format: LogFormat::Text,
    };
    init(&arguments).unwrap();
    assert!(matches!(init(&arguments), Err(LogError::Started(_))));
}
