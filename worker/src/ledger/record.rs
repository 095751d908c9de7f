//! [`JobRecord`]: what the ledger knows of a job, and how an event changes it.
//!
//! Events come at least once and in any order. An event belongs to a try of its job, which the number of the retry and
//! the job's `submitted_at` name; what is later wins over what is earlier, within a try what is further.

use recto_schemas::{DeadLetter, FailureKind, Job, JobEvent, JobResult, JobStep, ResultState};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::os::clock;

/// The state of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum JobState {
    /// It waits in a queue, as far as is known.
    #[default]
    Waiting,
    /// A worker has begun it.
    Reading,
    /// No queue holds it and no worker has it: somebody emptied a queue, or `recto submit` ended before it was sent.
    Lost,
    /// Every page has a result.
    Done,
    /// Some pages have a result.
    Partial,
    /// The document was opened, and no page has a result.
    Failed,
    /// A result was stored before, by another job.
    Skipped,
    /// It ended as a dead letter.
    Dead,
    /// It was cancelled, or dropped by an order to purge.
    Cancelled,
}

impl JobState {
    /// Every state, open ones first.
    pub(crate) const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Reading,
        Self::Lost,
        Self::Done,
        Self::Partial,
        Self::Failed,
        Self::Skipped,
        Self::Dead,
        Self::Cancelled,
    ];

    /// The word for it, on the command line and in the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Lost => "lost",
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of this word.
    pub(crate) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Returns true if the job has not ended.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Waiting | Self::Reading | Self::Lost)
    }

    /// The higher one wins within a try: a stored result is worth more than a dead letter.
    fn rank(self) -> u8 {
        match self {
            Self::Waiting | Self::Lost => 0,
            Self::Reading => 1,
            Self::Dead | Self::Cancelled => 2,
            Self::Done | Self::Partial | Self::Failed | Self::Skipped => 3,
        }
    }
}

/// A job in the ledger. Times are milliseconds since 1970, 0 where not known; texts are empty where not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct JobRecord {
    /// The job's first `id`; a retry's is this one with `~2`, `~3` …
    pub(crate) id: String,
    pub(crate) batch: String,
    pub(crate) state: JobState,
    /// The failure kind, or `purged`.
    pub(crate) kind: String,
    /// The reason, for people.
    pub(crate) message: String,
    pub(crate) source: String,
    pub(crate) output: String,
    /// The job as JSON, without its password.
    pub(crate) body: String,
    pub(crate) has_password: bool,
    /// The number of the try, from 1.
    pub(crate) attempt: i64,
    /// The worker that had it last.
    pub(crate) worker: String,
    pub(crate) submitted: i64,
    pub(crate) started: i64,
    pub(crate) ended: i64,
    /// The last event of this try.
    pub(crate) seen: i64,
    pub(crate) pages: i64,
    pub(crate) pages_failed: i64,
    /// The size of the document.
    pub(crate) bytes: i64,
    pub(crate) manifest: String,
    pub(crate) manifest_sha256: String,
}

impl JobRecord {
    /// A job of which nothing is known.
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            ..Self::default()
        }
    }

    /// The `id` of the message of the last try.
    pub(crate) fn message_id(&self) -> String {
        try_id(&self.id, self.attempt)
    }

    /// Takes what the event says. The same events in any order, once or more, give the same record.
    pub(crate) fn apply(&mut self, event: &JobEvent) {
        let (_, attempt) = split_id(&event.id);
        let submitted = event.submitted_at.as_deref().map_or(0, milliseconds);
        if let Some(batch) = event.batch.as_deref().filter(|_| self.batch.is_empty()) {
            batch.clone_into(&mut self.batch);
        }
        let is_stale = (attempt, submitted) < (self.attempt, self.submitted);
        if !is_stale || self.body.is_empty() {
            self.describe(&event.step);
        }
        if is_stale {
            return;
        }
        if (attempt, submitted) > (self.attempt, self.submitted) {
            self.begin_try(attempt, submitted);
        }
        let at = milliseconds(&event.at);
        self.seen = self.seen.max(at);
        match &event.step {
            JobStep::Submitted { .. } => {}
            JobStep::Started { worker, .. } => self.start(worker, at),
            JobStep::Ended { result } => self.end(result, at),
            JobStep::DeadLettered { letter } => self.dead_letter(letter, at),
            JobStep::Purged => {
                if self.closes(JobState::Cancelled, at) {
                    "purged".clone_into(&mut self.kind);
                    "dropped by an order to purge its batch".clone_into(&mut self.message);
                }
            }
        }
    }

    /// Begins another try: the outcome of the one before does not count any more.
    pub(crate) fn begin_try(&mut self, attempt: i64, submitted: i64) {
        *self = Self {
            id: std::mem::take(&mut self.id),
            batch: std::mem::take(&mut self.batch),
            source: std::mem::take(&mut self.source),
            output: std::mem::take(&mut self.output),
            body: std::mem::take(&mut self.body),
            has_password: self.has_password,
            attempt,
            submitted,
            ..Self::default()
        };
    }

    /// Ends a job that nobody has begun.
    pub(crate) fn cancel(&mut self) {
        if self.closes(JobState::Cancelled, milliseconds(&clock::now())) {
            FailureKind::JobCancelled
                .as_str()
                .clone_into(&mut self.kind);
            "cancelled by an order".clone_into(&mut self.message);
        }
    }

    /// Takes what the step says of the job itself.
    fn describe(&mut self, step: &JobStep) {
        let (job, has_password) = match step {
            JobStep::Submitted { job, has_password } => (Job::clone(job), *has_password),
            JobStep::Started {
                job, has_password, ..
            } => (Job::clone(job), *has_password),
            JobStep::DeadLettered { letter } => match serde_json::from_str::<Job>(&letter.body) {
                Ok(job) => (job.clone(), job.password.is_some()),
                Err(_) => return,
            },
            JobStep::Ended { result } => {
                if self.source.is_empty() {
                    self.source.clone_from(&result.source.uri);
                }
                return;
            }
            JobStep::Purged => return,
        };
        self.source.clone_from(&job.source.uri);
        self.output.clone_from(&job.output);
        // A message for some pages is about the whole document here.
        let whole = Job {
            pages: None,
            password: None,
            ..job
        };
        self.body = serde_json::to_string(&whole).unwrap_or_default();
        self.has_password = has_password;
    }

    fn start(&mut self, worker: &str, at: i64) {
        if at >= self.started {
            self.started = at;
            worker.clone_into(&mut self.worker);
        }
        if self.state.rank() <= JobState::Reading.rank() {
            self.state = JobState::Reading;
            self.kind.clear();
            self.message.clear();
        }
    }

    fn end(&mut self, result: &JobResult, at: i64) {
        let state = match result.state {
            ResultState::Done => JobState::Done,
            ResultState::Partial => JobState::Partial,
            ResultState::Failed => JobState::Failed,
            ResultState::Skipped => JobState::Skipped,
        };
        if !self.closes(state, at) {
            return;
        }
        let error = result.error.as_ref();
        self.kind = error.map_or_else(String::new, |error| error.kind.as_str().to_owned());
        self.message = error.map_or_else(String::new, |error| error.message.clone());
        self.pages = i64::from(result.counts.selected);
        self.pages_failed = i64::from(result.counts.failed);
        self.bytes = result
            .source
            .bytes
            .and_then(|bytes| i64::try_from(bytes).ok())
            .unwrap_or(0);
        self.manifest.clone_from(&result.outputs.manifest);
        self.manifest_sha256 = result.outputs.manifest_sha256.clone().unwrap_or_default();
    }

    fn dead_letter(&mut self, letter: &DeadLetter, at: i64) {
        let state = match letter.kind {
            FailureKind::JobCancelled => JobState::Cancelled,
            _ => JobState::Dead,
        };
        if self.closes(state, at) {
            letter.kind.as_str().clone_into(&mut self.kind);
            self.message.clone_from(&letter.message);
        }
    }

    /// Ends the try in a state, unless it has ended in a way that counts more, or earlier in the same way.
    fn closes(&mut self, state: JobState, at: i64) -> bool {
        let ended_before = match state.rank().cmp(&self.state.rank()) {
            std::cmp::Ordering::Less => true,
            std::cmp::Ordering::Equal => self.ended <= at,
            std::cmp::Ordering::Greater => false,
        };
        if ended_before {
            return false;
        }
        self.state = state;
        self.ended = at;
        true
    }
}

/// The `id` of a try's message.
pub(crate) fn try_id(id: &str, attempt: i64) -> String {
    match attempt {
        ..=1 => id.to_owned(),
        number => format!("{id}~{number}"),
    }
}

/// The job and the number of the try that a message's `id` names.
pub(crate) fn split_id(id: &str) -> (&str, i64) {
    let retried = id.rsplit_once('~').and_then(|(id, number)| {
        let number: u32 = number.parse().ok()?;
        (number >= 2 && !id.is_empty()).then_some((id, i64::from(number)))
    });
    retried.unwrap_or((id, 1))
}

/// Milliseconds since 1970 of an RFC 3339 instant; 0 for what is none.
pub(crate) fn milliseconds(text: &str) -> i64 {
    OffsetDateTime::parse(text, &Rfc3339).map_or(0, |at| {
        i64::try_from(at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(id: &str, second: u32, submitted: u32, step: serde_json::Value) -> JobEvent {
        let mut event = json!({
            "schema": "recto.event/v1", "id": id, "batch": "b",
            "at": format!("2026-01-01T00:00:{second:02}Z"),
            "submitted_at": format!("2026-01-01T00:00:{submitted:02}Z"),
        });
        let members = event.as_object_mut().unwrap();
        members.extend(step.as_object().unwrap().clone());
        serde_json::from_value(event).unwrap()
    }

    fn job(id: &str) -> serde_json::Value {
        json!({"schema": "recto.job/v1", "id": id, "source": {"uri": "s3://a/b.pdf"}, "output": "s3://a/out"})
    }

    fn submitted(id: &str, at: u32) -> JobEvent {
        event(id, at, at, json!({"event": "submitted", "job": job(id)}))
    }

    fn started(id: &str, at: u32, of: u32) -> JobEvent {
        event(
            id,
            at,
            of,
            json!({"event": "started", "worker": "w", "job": job(id)}),
        )
    }

    fn ended(id: &str, at: u32, of: u32, state: &str) -> JobEvent {
        let result = json!({
            "schema": "recto.result/v1", "id": id, "state": state,
            "source": {"uri": "s3://a/b.pdf", "bytes": 7}, "outputs": {"manifest": "s3://a/out/m.json"},
            "fingerprint": "f", "engine": "ppocr", "model": {"name": "m", "sha256": "s"},
            "counts": {"document": 3, "selected": 3, "ok": 3, "empty": 0, "text_layer": 0, "failed": 0, "skipped": 0},
            "attempts": 0, "finished_at": "2026-01-01T00:00:00Z", "timing": {},
        });
        event(id, at, of, json!({"event": "ended", "result": result}))
    }

    fn dead(id: &str, at: u32, of: u32, kind: &str) -> JobEvent {
        let letter = json!({
            "schema": "recto.dead-letter/v1", "id": id, "stage": "read", "kind": kind, "message": "why",
            "attempts": 1, "redelivery_count": 0, "failed_at": "2026-01-01T00:00:00Z", "body": job(id).to_string(),
        });
        event(
            id,
            at,
            of,
            json!({"event": "dead-lettered", "letter": letter}),
        )
    }

    /// The record after the events, which must be the same in every order and with each event twice.
    fn after(events: &[JobEvent]) -> JobRecord {
        let apply = |events: &mut dyn Iterator<Item = &JobEvent>| {
            let mut record = JobRecord::new(split_id(&events.next().unwrap().id).0);
            for event in events {
                record.apply(event);
            }
            record
        };
        let first = &events[0];
        let expected = apply(&mut std::iter::once(first).chain(events));
        for order in permutations(events.len()) {
            let ordered = order.iter().chain(&order).map(|at| &events[*at]);
            let found = apply(&mut std::iter::once(first).chain(ordered));
            assert_eq!(found, expected, "in the order {order:?}");
        }
        expected
    }

    fn permutations(count: usize) -> Vec<Vec<usize>> {
        if count == 0 {
            return vec![Vec::new()];
        }
        let mut all = Vec::new();
        for shorter in permutations(count - 1) {
            for at in 0..count {
                let mut longer = shorter.clone();
                longer.insert(at, count - 1);
                all.push(longer);
            }
        }
        all
    }

    #[test]
    fn a_job_goes_from_the_queue_to_its_result_in_whatever_order_its_events_come() {
        let open = after(&[submitted("j", 1), started("j", 2, 1)]);
        assert_eq!((open.state, open.worker.as_str()), (JobState::Reading, "w"));
        let done = after(&[
            submitted("j", 1),
            started("j", 2, 1),
            ended("j", 9, 1, "done"),
        ]);
        assert_eq!((done.state, done.pages, done.bytes), (JobState::Done, 3, 7));
        assert_eq!(
            (done.batch.as_str(), done.source.as_str()),
            ("b", "s3://a/b.pdf")
        );
    }

    #[test]
    fn a_stored_result_is_worth_more_than_a_dead_letter_and_the_first_result_more_than_the_next() {
        let both = after(&[
            dead("j", 3, 1, "timeout"),
            ended("j", 5, 1, "partial"),
            submitted("j", 1),
        ]);
        assert_eq!(both.state, JobState::Partial);
        let twice = after(&[
            ended("j", 5, 1, "done"),
            ended("j", 7, 1, "skipped"),
            submitted("j", 1),
        ]);
        assert_eq!((twice.state, twice.ended % 60_000), (JobState::Done, 5_000));
        let cancelled = after(&[submitted("j", 1), dead("j", 3, 1, "job-cancelled")]);
        assert_eq!(cancelled.state, JobState::Cancelled);
    }

    #[test]
    fn a_retry_leaves_the_outcome_before_it_behind() {
        let open = after(&[
            submitted("j", 1),
            dead("j", 3, 1, "timeout"),
            submitted("j~2", 5),
        ]);
        assert_eq!((open.state, open.attempt), (JobState::Waiting, 2));
        assert_eq!(open.message_id(), "j~2");
        let late = after(&[
            submitted("j~2", 5),
            ended("j~2", 8, 5, "done"),
            dead("j", 9, 1, "timeout"),
        ]);
        assert_eq!((late.state, late.attempt), (JobState::Done, 2));
    }

    #[test]
    fn the_same_id_submitted_again_is_another_try() {
        let again = after(&[
            submitted("j", 1),
            dead("j", 3, 1, "timeout"),
            submitted("j", 5),
        ]);
        assert_eq!(again.state, JobState::Waiting);
        let done = after(&[dead("j", 9, 1, "timeout"), ended("j", 7, 5, "done")]);
        assert_eq!(done.state, JobState::Done);
    }

    #[test]
    fn no_password_comes_into_the_ledger() {
        let mut with_password = job("j");
        with_password["password"] = "hush".into();
        for step in [
            json!({"event": "submitted", "job": with_password}),
            json!({"event": "started", "worker": "w", "job": with_password, "has_password": true}),
        ] {
            let record = after(&[event("j", 2, 1, step)]);
            assert!(
                !record.body.contains("hush") && !record.body.contains("password"),
                "{}",
                record.body
            );
        }
        let mut letter = dead("j", 3, 1, "encrypted");
        if let JobStep::DeadLettered { letter } = &mut letter.step {
            letter.body = with_password.to_string();
        }
        let record = after(&[letter]);
        assert!(
            record.has_password && !record.body.contains("hush"),
            "{}",
            record.body
        );
    }

    #[test]
    fn ids_of_retries_are_told_from_others() {
        for (id, wanted) in [
            ("j", ("j", 1)),
            ("j~2", ("j", 2)),
            ("j~1", ("j~1", 1)),
            ("~7", ("~7", 1)),
            ("a~b", ("a~b", 1)),
        ] {
            assert_eq!(split_id(id), wanted);
        }
        assert_eq!(try_id("j", 3), "j~3");
    }
}
