//! Messages at the end of a job: its result, or its dead letter.

use recto_schemas::{DeadLetter, FailureDetail, Job, JobEvent, JobResult, JobStep, PageOutcome};
use sha2::{Digest as _, Sha256};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{JobOutcome, failure::JobFailure, shown_body};
use crate::{broker::consume::InboundMessage, document::manifest::hex, os::clock::now};

/// The result message of a job.
pub(crate) fn result(
    job: &Job,
    ended: &JobOutcome,
    attempts: u32,
    queue_s: Option<f64>,
) -> JobResult {
    let manifest = &ended.manifest;
    let mut timing = ended.timing;
    timing.queue_s = queue_s;
    JobResult {
        schema: JobResult::SCHEMA.to_owned(),
        id: job.id.clone(),
        state: ended.state,
        source: ended.source.clone(),
        outputs: ended.output_path.outputs(manifest),
        fingerprint: ended.output_path.fingerprint().as_str().to_owned(),
        engine: manifest.engine.clone(),
        model: manifest.model.clone(),
        counts: manifest.counts,
        error: manifest
            .failure
            .clone()
            .or_else(|| first_page_failure(ended)),
        batch: job.batch.clone(),
        labels: job.labels.clone(),
        traceparent: job.traceparent.clone(),
        attempts,
        finished_at: now(),
        timing,
    }
}

fn first_page_failure(ended: &JobOutcome) -> Option<FailureDetail> {
    let mut pages = ended.manifest.pages.iter();
    pages
        .find(|page| page.outcome == PageOutcome::Failed)
        .and_then(|page| page.reason.clone()?.into_failure())
}

/// The dead letter of a message; `job` is what is known of it.
pub(crate) fn dead_letter(
    message: &InboundMessage,
    job: Option<&Job>,
    failure: &JobFailure,
) -> DeadLetter {
    DeadLetter {
        schema: DeadLetter::SCHEMA.to_owned(),
        id: job.map(|job| job.id.clone()).filter(|id| !id.is_empty()),
        stage: failure.stage,
        kind: failure.kind,
        message: failure.message.clone(),
        attempts: message.attempts,
        redelivery_count: message.redelivery_count,
        batch: job.and_then(|job| job.batch.clone()),
        labels: job.map(shown_body::labels).unwrap_or_default(),
        traceparent: job.and_then(|job| job.traceparent.clone()),
        failed_at: now(),
        body: match job.filter(|job| job.pages.is_some()) {
            Some(job) => whole(job),
            None => shown_body::without_secrets(&message.body),
        },
    }
}

/// Digits of its hash that name a message without a readable `id`.
const HASH_DIGITS: usize = 16;

/// A step of a job, made now.
pub(crate) fn event(job: &Job, step: JobStep) -> JobEvent {
    JobEvent {
        schema: JobEvent::SCHEMA.to_owned(),
        id: job.id.clone(),
        batch: job.batch.clone(),
        submitted_at: job.submitted_at.clone(),
        at: now(),
        step,
    }
}

/// The step of a job that is about to be handed over.
pub(crate) fn submitted(job: &Job) -> JobEvent {
    let (shown, has_password) = without_password(job);
    let step = JobStep::Submitted {
        job: shown,
        has_password,
    };
    event(job, step)
}

/// The step of a job that a worker begins.
pub(crate) fn started(job: &Job, worker: &str) -> JobEvent {
    let (job_shown, has_password) = without_password(job);
    let step = JobStep::Started {
        worker: worker.to_owned(),
        job: job_shown,
        has_password,
    };
    event(job, step)
}

/// The step of a message that ends as a dead letter.
pub(crate) fn dead_letter_event(
    message: &InboundMessage,
    job: Option<&Job>,
    letter: DeadLetter,
) -> JobEvent {
    let named = job.filter(|job| !job.id.is_empty());
    let id = named.map_or_else(
        || {
            let hash = hex(&Sha256::digest(&message.body));
            format!("unknown-{}", &hash[..HASH_DIGITS])
        },
        |job| job.id.clone(),
    );
    JobEvent {
        schema: JobEvent::SCHEMA.to_owned(),
        id,
        batch: letter.batch.clone(),
        submitted_at: job.and_then(|job| job.submitted_at.clone()),
        at: letter.failed_at.clone(),
        step: JobStep::DeadLettered {
            letter: Box::new(letter),
        },
    }
}

/// The job as others may see it, and if it has a password.
fn without_password(job: &Job) -> (Box<Job>, bool) {
    let shown = Job {
        password: None,
        ..job.clone()
    };
    (Box::new(shown), job.password.is_some())
}

/// The job of a message for some pages of its document: the whole of it is what can be submitted again.
fn whole(job: &Job) -> String {
    let whole = Job {
        pages: None,
        ..job.clone()
    };
    let body = serde_json::to_vec(&whole).unwrap_or_default();
    shown_body::without_secrets(&body)
}

/// Seconds since the job was submitted, if the job says when.
pub(crate) fn queued_s(job: &Job) -> Option<f64> {
    let submitted = OffsetDateTime::parse(job.submitted_at.as_deref()?, &Rfc3339).ok()?;
    Some(
        (OffsetDateTime::now_utc() - submitted)
            .as_seconds_f64()
            .max(0.0),
    )
}
