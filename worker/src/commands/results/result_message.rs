//! Messages of the results and the dead-letter queue, and the lines that are printed for them.

use recto_schemas::{
    DeadLetter, FailureDetail, FailureKind, FailureStage, Job, JobResult, ResultState,
    check_version,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::reading;
use crate::{
    broker::consume::InboundMessage,
    document::parts::DocumentProgress,
    job::{parse, shown_body},
    os::terminal::Shown,
};

/// Maximum width that URIs are aligned to, in characters.
const MAX_URI_WIDTH: usize = 60;

/// The end of a document's job, out of a message.
#[derive(Debug)]
pub(super) struct ResultMessage {
    /// The job's `id`, or a hash of the message: the same whenever the message comes again.
    pub(super) id: String,
    pub(super) batch: Option<String>,
    pub(super) outcome: MessageOutcome,
    uri: String,
    pages: String,
    seconds: String,
    /// The Markdown's URI, the failure, or both.
    details: String,
    /// The message without secrets, on one line.
    json: String,
}

/// The outcome of a document's job.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum MessageOutcome {
    Result(ResultState),
    /// A dead letter with this kind of failure.
    DeadLetter(FailureKind),
}

impl ResultMessage {
    /// Reads a result.
    ///
    /// # Errors
    /// The reason why the message is not a result.
    pub(super) fn from_result(message: &InboundMessage) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(&message.body).map_err(|e| e.to_string())?;
        let version = value
            .get("schema")
            .and_then(Value::as_str)
            .unwrap_or_default();
        check_version(version, JobResult::SCHEMA).map_err(|error| error.to_string())?;
        let result: JobResult = serde_json::from_value(value).map_err(|e| e.to_string())?;
        Ok(Self {
            pages: pages(&result),
            seconds: seconds(&result),
            details: details(&result),
            json: single_line(&message.body),
            id: result.id,
            batch: result.batch,
            outcome: MessageOutcome::Result(result.state),
            uri: result.source.uri,
        })
    }

    /// Reads a dead letter: a worker's, or a job that the broker itself moved there.
    pub(super) fn from_dead_letter(message: &InboundMessage) -> Self {
        let (letter, body) = match serde_json::from_slice::<DeadLetter>(&message.body) {
            Ok(letter) => {
                let body = letter.body.clone().into_bytes();
                (letter, body)
            }
            Err(_) => (broker_dead_letter(message), message.body.clone()),
        };
        let job = parse::parse_job(&body).ok();
        let uri = job.map_or_else(|| "(no job)".to_owned(), |job| job.source.uri);
        // The line has the URI already.
        let details = letter.message.strip_prefix(&format!("{uri}: "));
        let id = letter.id.or_else(|| message.message_id.clone());
        Self {
            id: id.unwrap_or_else(|| hash(&message.body)),
            batch: letter.batch,
            pages: String::new(),
            seconds: String::new(),
            details: details.unwrap_or(&letter.message).to_owned(),
            uri,
            json: shown_body::without_secrets(&message.body),
            outcome: MessageOutcome::DeadLetter(letter.kind),
        }
    }
}

/// The dead letter that a worker would have written.
fn broker_dead_letter(message: &InboundMessage) -> DeadLetter {
    let job = parse::parse_job(&message.body).ok();
    let job = job.or_else(|| parse::partial_job(&message.body));
    let of = |word: fn(Job) -> Option<String>| job.clone().and_then(word);
    DeadLetter {
        schema: DeadLetter::SCHEMA.to_owned(),
        id: of(|job| Some(job.id)).filter(|id| !id.is_empty()),
        stage: FailureStage::Deliver,
        kind: death_kind(message.death_reason.as_deref()),
        message: "the broker itself gave it up".to_owned(),
        attempts: message.attempts,
        redelivery_count: message.redelivery_count,
        batch: of(|job| job.batch),
        labels: job.map(|job| job.labels).unwrap_or_default(),
        traceparent: None,
        failed_at: String::new(),
        body: String::new(),
    }
}

/// The kind that a reason of RabbitMQ's `x-death` header is.
fn death_kind(reason: Option<&str>) -> FailureKind {
    match reason {
        None | Some("delivery_limit") => FailureKind::DeliveryLimit,
        Some("rejected") => FailureKind::Rejected,
        Some("expired") => FailureKind::Expired,
        Some("maxlen") => FailureKind::Maxlen,
        Some(_) => FailureKind::Other,
    }
}

fn pages(result: &JobResult) -> String {
    let counts = &result.counts;
    let read = counts.ok + counts.empty + counts.text_layer;
    match (read, counts.selected) {
        (1, 1) => "1 page".to_owned(),
        (read, selected) if read == selected => format!("{selected} pages"),
        (read, selected) => format!("{read}/{selected} pages"),
    }
}

/// The time of the work, if this job did it.
fn seconds(result: &JobResult) -> String {
    let timing = &result.timing;
    let parts = [timing.fetch_s, timing.read_s, timing.store_s];
    match parts.iter().any(Option::is_some) {
        true => format!("{:.1} s", parts.iter().flatten().sum::<f64>()),
        false => "-".to_owned(),
    }
}

fn details(result: &JobResult) -> String {
    let outputs = &result.outputs;
    let place = outputs.markdown.as_ref().unwrap_or(&outputs.manifest);
    match (&result.error, result.state) {
        (Some(FailureDetail { kind, message }), ResultState::Failed) => {
            format!("{kind}: {message}")
        }
        (Some(FailureDetail { kind, message }), _) => format!("{place} ({kind}: {message})"),
        (None, _) => place.clone(),
    }
}

/// The message on one line.
fn single_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    if !text.contains(char::is_control) {
        return text.into_owned();
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => value.to_string(),
        Err(_) => Shown(text).to_string(),
    }
}

fn hash(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Formats lines for a person or for a program.
pub(super) struct LineFormat {
    json: bool,
    uri_width: usize,
}

impl LineFormat {
    pub(super) fn new(json: bool) -> Self {
        Self { json, uri_width: 0 }
    }

    /// The line of one document. URIs are as wide as the widest so far.
    pub(super) fn line(&mut self, message: &ResultMessage) -> String {
        if self.json {
            return message.json.clone();
        }
        let figures = match &message.outcome {
            MessageOutcome::Result(_) => format!("{:>11}  {:>8}", message.pages, message.seconds),
            MessageOutcome::DeadLetter(kind) => format!("{kind:<21}"),
        };
        self.columns(
            [message.outcome.word(), &figures],
            &message.uri,
            &message.details,
        )
    }

    /// The line of a document that is being read.
    pub(super) fn progress(&mut self, progress: &DocumentProgress) -> String {
        if self.json {
            return reading::as_json(progress);
        }
        let document = &progress.document;
        let figures = format!("{:<21}", reading::pages(progress));
        let job = format!("job {}", document.job);
        self.columns(["reading", &figures], &document.uri, &job)
    }

    fn columns(&mut self, [state, figures]: [&str; 2], uri: &str, details: &str) -> String {
        let uri = Shown(uri).to_string();
        let details = Shown(details);
        self.uri_width = self.uri_width.max(uri.chars().count().min(MAX_URI_WIDTH));
        let width = self.uri_width;
        format!("{state:<11}  {figures}  {uri:<width$}  {details}")
    }
}

impl MessageOutcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Result(state) => state.as_str(),
            Self::DeadLetter(_) => "dead-letter",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(body: &Value) -> InboundMessage {
        InboundMessage {
            body: body.to_string().into_bytes(),
            ..InboundMessage::default()
        }
    }

    fn result() -> Value {
        let fixture = include_str!("../../../../tests/fixtures/schemas/result-valid-partial.json");
        serde_json::from_str(fixture).unwrap()
    }

    fn line(message: &ResultMessage) -> String {
        LineFormat::new(false).line(message)
    }

    #[test]
    fn a_result_is_shown_on_one_line() {
        let found = ResultMessage::from_result(&message(&result())).unwrap();
        let line = line(&found);
        assert!(line.starts_with("partial  "), "{line}");
        assert!(
            line.contains(" pages  ") && line.contains("document.md"),
            "{line}"
        );

        let mut evil = result();
        evil["source"]["uri"] = json!("s3://b/a\n\u{1b}[2J.pdf");
        let found = ResultMessage::from_result(&message(&evil)).unwrap();
        assert!(!self::line(&found).contains(char::is_control));
        assert!(
            !LineFormat::new(true)
                .line(&found)
                .contains(char::is_control)
        );
    }

    #[test]
    fn what_is_no_result_of_this_version_is_refused() {
        let mut newer = result();
        newer["schema"] = json!("recto.result/v2");
        for body in [newer, json!({}), json!("text")] {
            assert!(
                ResultMessage::from_result(&message(&body)).is_err(),
                "{body}"
            );
        }
    }

    #[test]
    fn a_dead_letter_tells_of_its_job() {
        let job = json!({"schema": "recto.job/v1", "id": "7", "batch": "b", "password": "hush",
            "source": {"uri": "s3://b/a.pdf"}, "output": "s3://b/out"});
        let letter = json!({"schema": "recto.dead-letter/v1", "id": "7", "stage": "read",
            "kind": "encrypted", "message": "needs a password", "attempts": 0,
            "redelivery_count": 0, "batch": "b", "failed_at": "2026-01-01T00:00:00Z",
            "body": job.to_string()});
        let found = ResultMessage::from_dead_letter(&message(&letter));
        assert_eq!(
            (found.id.as_str(), found.batch.as_deref()),
            ("7", Some("b"))
        );
        let shown = line(&found);
        assert!(shown.starts_with("dead-letter  encrypted  "), "{shown}");
        assert!(
            shown.ends_with("  s3://b/a.pdf  needs a password"),
            "{shown}"
        );

        let dropped_by_broker = InboundMessage {
            death_reason: Some("delivery_limit".to_owned()),
            ..message(&job)
        };
        let found = ResultMessage::from_dead_letter(&dropped_by_broker);
        assert_eq!(
            found.outcome,
            MessageOutcome::DeadLetter(FailureKind::DeliveryLimit)
        );
        assert_eq!(
            (found.id.as_str(), found.batch.as_deref()),
            ("7", Some("b"))
        );
        let shown = line(&found);
        assert!(shown.contains("  s3://b/a.pdf  "), "{shown}");
        assert!(!LineFormat::new(true).line(&found).contains("hush"));
    }

    #[test]
    fn a_dead_letter_without_a_job_is_told_apart_by_its_content() {
        let of = |text: &str| ResultMessage::from_dead_letter(&message(&json!(text))).id;
        assert_ne!(of("a"), of("b"));
        assert_eq!(of("a"), of("a"));
    }
}
