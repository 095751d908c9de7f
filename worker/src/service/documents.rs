//! `POST /v1/documents`: a document, by its bytes or its URI, becomes a job, and the answer is its result if that is there
//! in time.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Json, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use recto_schemas::{DocumentPassword, Job, JobSource, Options, service::JobView};
use tokio::time::{Instant, sleep};

use super::{
    Shared,
    keys::{Caller, Scope},
    problem::Problem,
    results::{self, Form},
    submission::{Submission, SubmittedSource, by_form, submission},
};
use crate::{
    job::{identity::id_of, parse, retry},
    ledger::{
        record::{JobRecord, JobState, milliseconds},
        view::job_view,
    },
    observe::logging::TraceParent,
    os::clock,
};

/// Largest document whose result is waited for without being asked to, in bytes.
const SMALL_BYTES: u64 = 4_000_000;
/// The time that a small document's result is waited for.
const SMALL_WAIT: Duration = Duration::from_secs(20);
/// The longest time that `Prefer: wait` has an answer wait.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Waits between two looks at the ledger: the first one, and the longest.
const LOOKS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));
/// Seconds after which a client should look at a job that has not ended.
const LOOK_AGAIN_S: u64 = 2;
/// Age of a job that waits after which a repeated request sends it again.
const RESEND_AFTER: Duration = Duration::from_secs(60);
/// Longest password, in characters: PDF's have 127 bytes at most.
const MAX_PASSWORD_CHARS: usize = 200;
/// Longest `Idempotency-Key`, in bytes.
const MAX_IDEMPOTENCY_KEY: usize = 200;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Answers `POST /v1/documents`.
pub(super) async fn submit(
    State(service): State<Shared>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    caller.needs(Scope::Submit)?;
    let headers = request.headers().clone();
    let form = Form::of(&headers)?;
    let slot = service.slots.take()?;
    let submission = submission(&service, &caller, request).await?;
    let wait = wait(&headers, &submission);
    let job = job(&service, &caller, submission, &headers, form).await?;
    let record = begin(&service, job).await?;
    // What follows holds nothing but the connection.
    drop(slot);
    let record = ended(&service, record, wait).await?;
    answer(&service, &record, form).await
}

/// Takes the form of the service's page; nobody waits for the result.
pub(super) async fn submit_form(
    service: &Shared,
    caller: &Caller,
    request: Request,
) -> Result<JobRecord, Problem> {
    caller.needs(Scope::Submit)?;
    let headers = request.headers().clone();
    let slot = service.slots.take()?;
    let submission = by_form(service, caller, request).await?;
    let job = job(service, caller, submission, &headers, Form::Html).await?;
    let record = begin(service, job).await;
    drop(slot);
    record
}

/// The time that the result is waited for (RFC 7240: `Prefer: wait=10`, `Prefer: respond-async`).
fn wait(headers: &HeaderMap, submission: &Submission) -> Duration {
    let preferences = headers.get_all(PREFER).iter();
    let preferences = preferences
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split([',', ';']))
        .map(str::trim);
    for preference in preferences {
        if preference.eq_ignore_ascii_case("respond-async") {
            return Duration::ZERO;
        }
        if let Some((name, seconds)) = preference.split_once('=')
            && name.trim().eq_ignore_ascii_case("wait")
            && let Ok(seconds) = seconds.trim().parse()
        {
            return Duration::from_secs(seconds).min(MAX_WAIT);
        }
    }
    match &submission.source {
        SubmittedSource::Upload(upload) if upload.bytes > SMALL_BYTES => Duration::ZERO,
        _ => SMALL_WAIT,
    }
}

/// The job of a submission, its document in the store.
async fn job(
    service: &Shared,
    caller: &Caller,
    submission: Submission,
    headers: &HeaderMap,
    form: Form,
) -> Result<Job, Problem> {
    let batch = submission
        .batch
        .unwrap_or_else(|| caller.own_batch().to_owned());
    let is_too_long = |password: &String| password.chars().count() > MAX_PASSWORD_CHARS;
    if submission.password.as_ref().is_some_and(is_too_long) {
        let detail = format!("`password` has more than {MAX_PASSWORD_CHARS} characters");
        return Err(Problem::bad_request(detail));
    }
    if batch.is_empty() {
        return Err(Problem::bad_request(
            "`batch` is empty; name one, or leave it out",
        ));
    }
    if !caller.sees(&batch) {
        let detail =
            "`batch`: this key may not submit to it; leave it out, or name one of the key's own";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let Some(output) = &service.output else {
        let detail = "this service submits no documents: it was started without --output";
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, detail));
    };
    let id = id(caller, headers)?;
    let source = match submission.source {
        SubmittedSource::Upload(upload) => upload.store(service).await?,
        SubmittedSource::Uri(uri) => JobSource {
            uri: uri.to_string(),
            ..JobSource::default()
        },
    };
    let mut options = submission.options.unwrap_or_else(|| Options {
        html: true,
        ..Options::default()
    });
    options.html |= form == Form::Html;
    let trace = headers
        .get("traceparent")
        .and_then(|value| value.to_str().ok());
    Ok(Job {
        schema: Job::SCHEMA.to_owned(),
        id,
        source,
        output: output.to_string(),
        options,
        engine: None,
        password: submission.password.map(DocumentPassword::new),
        batch: Some(batch),
        labels: Default::default(),
        traceparent: trace
            .filter(|text| TraceParent::parse(text).is_some())
            .map(str::to_owned),
        submitted_at: Some(clock::now()),
        priority: None,
        force: false,
        pages: None,
    })
}

/// The id of a job: with an `Idempotency-Key`, the same for each request of the same caller with that key.
fn id(caller: &Caller, headers: &HeaderMap) -> Result<String, Problem> {
    let Some(key) = headers.get(IDEMPOTENCY_KEY) else {
        return Ok(uuid::Uuid::now_v7().to_string());
    };
    let is_ascii = key
        .as_bytes()
        .iter()
        .all(|byte| (b' '..=b'~').contains(byte));
    if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY || !is_ascii {
        return Err(Problem::bad_request(format!(
            "`Idempotency-Key` has 1 to {MAX_IDEMPOTENCY_KEY} characters of ASCII"
        )));
    }
    let identity = [caller.name().as_bytes(), &[0], key.as_bytes()].concat();
    Ok(id_of(&identity).to_string())
}

/// Hands the job over, unless a request with the same `Idempotency-Key` has. Goes on if the client breaks off: what the
/// ledger has must get into the queue.
async fn begin(service: &Shared, job: Job) -> Result<JobRecord, Problem> {
    let body = serde_json::to_vec(&job).expect("a job is JSON");
    parse::parse_job(&body).map_err(|failure| Problem::bad_request(failure.to_string()))?;
    let service = Arc::clone(service);
    let handed_over = tokio::spawn(async move { hand_over(&service, job).await });
    handed_over.await.map_err(|_| {
        Problem::busy("the request failed; see the service's log, and send it again")
    })?
}

async fn hand_over(service: &Shared, job: Job) -> Result<JobRecord, Problem> {
    let id = job.id.clone();
    let job = match service.ledger.claim(&job).await? {
        None => job,
        Some(known) if !is_same(&known, &job) => {
            let detail = "`Idempotency-Key`: another request was sent with it; use a new one for each document";
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
        Some(known) if known.state == JobState::Lost => {
            match retry::lost_again(&service.ledger, &job, &known).await? {
                Some(job) => job,
                None => return find(service, &id).await,
            }
        }
        // Whoever sent it may have ended before it was in the queue. Sent twice, it is done once.
        Some(known) if known.state == JobState::Waiting && is_old(&known) => Job {
            id: known.message_id(),
            submitted_at: clock::from_milliseconds(known.submitted),
            ..job
        },
        Some(known) => return Ok(known),
    };
    if let Err(error) = service.sink.send(&job).await {
        tracing::warn!(%error, job = job.id, "a job could not be handed over");
        // A repetition of the request sends it again.
        let lost = |record: &mut JobRecord| {
            let is_waiting = record.state == JobState::Waiting;
            if is_waiting {
                record.state = JobState::Lost;
            }
            is_waiting
        };
        service
            .ledger
            .change(std::slice::from_ref(&id), lost)
            .await?;
        return Err(Problem::busy(
            "the queue does not take the job; try again later",
        ));
    }
    find(service, &id).await
}

fn is_old(known: &JobRecord) -> bool {
    let age = milliseconds(&clock::now()) - known.submitted;
    u128::try_from(age).is_ok_and(|age| age > RESEND_AFTER.as_millis())
}

fn is_same(known: &JobRecord, job: &Job) -> bool {
    serde_json::from_str::<Job>(&known.body).is_ok_and(|known| {
        (&known.source, &known.output, &known.options, &known.batch)
            == (&job.source, &job.output, &job.options, &job.batch)
    })
}

async fn find(service: &Shared, id: &str) -> Result<JobRecord, Problem> {
    service.ledger.job(id).await?.ok_or_else(Problem::not_found)
}

/// The job once it has ended, or as it is when the time is over.
async fn ended(service: &Shared, record: JobRecord, wait: Duration) -> Result<JobRecord, Problem> {
    let deadline = Instant::now() + wait;
    let (mut pause, longest) = LOOKS;
    let mut record = record;
    while record.state.is_open() && Instant::now() + pause < deadline {
        tokio::select! {
            () = service.stop.cancelled() => break,
            () = sleep(pause) => {}
        }
        pause = (pause * 2).min(longest);
        record = find(service, &record.id).await?;
    }
    Ok(record)
}

/// The result, or where it will be.
async fn answer(service: &Shared, record: &JobRecord, form: Form) -> Result<Response, Problem> {
    let place = format!("/v1/jobs/{}", record.id);
    if record.state.is_open() {
        let mut answer = (StatusCode::ACCEPTED, Json(job_view(record, false))).into_response();
        let headers = answer.headers_mut();
        headers.insert(header::RETRY_AFTER, LOOK_AGAIN_S.into());
        if let Ok(place) = HeaderValue::from_str(&place) {
            headers.insert(header::LOCATION, place);
        }
        return Ok(answer);
    }
    results::answer(service, record, form).await
}

/// The answer about a job without a result.
pub(super) fn without_result(record: &JobRecord) -> Problem {
    let view: JobView = job_view(record, false);
    let detail = match record.state {
        JobState::Cancelled => "the job was cancelled",
        _ if record.state.is_open() => "the job has not ended; look again later",
        _ if record.message.is_empty() => "no page of the document could be read",
        _ => &record.message,
    };
    Problem::new(StatusCode::CONFLICT, detail).about(view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_says_how_long_it_waits() {
        let submission = Submission {
            source: SubmittedSource::Uri("s3://a/b.pdf".parse().unwrap()),
            batch: None,
            options: None,
            password: None,
        };
        for (prefer, seconds) in [
            ("wait=7", 7),
            ("respond-async", 0),
            ("wait=100000", 60),
            ("return=minimal, wait = 3", 3),
            ("wait=soon", 20),
        ] {
            let headers = HeaderMap::from_iter([(PREFER, prefer.parse().unwrap())]);
            assert_eq!(wait(&headers, &submission).as_secs(), seconds, "{prefer}");
        }
    }
}
