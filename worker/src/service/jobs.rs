//! `/v1/jobs`: jobs as the ledger knows them, and what is done about one.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::StatusCode,
};
use recto_schemas::service::{JobList, JobView};
use serde::Deserialize;

use super::{
    Shared,
    keys::{Caller, Scope},
    problem::Problem,
    results::job_of,
};
use crate::{
    job::retry::Retry,
    ledger::{database::JobFilter, record::JobState, view::job_view},
};

/// Jobs of an answer without `limit`, and the most that it may ask for.
const LIMITS: (usize, usize) = (100, 1_000);

/// The jobs that are asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobQuery {
    batch: String,
    /// States, with commas.
    state: Option<String>,
    kind: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// `GET /v1/jobs?batch=…`.
pub(super) async fn list(
    State(service): State<Shared>,
    caller: Caller,
    query: Result<Query<JobQuery>, QueryRejection>,
) -> Result<Json<JobList>, Problem> {
    caller.needs(Scope::Read)?;
    let Query(query) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    if !caller.sees(&query.batch) {
        return Err(Problem::not_found());
    }
    let limit = query.limit.unwrap_or(LIMITS.0);
    if !(1..=LIMITS.1).contains(&limit) {
        return Err(Problem::bad_request(format!(
            "`limit` is 1 to {}",
            LIMITS.1
        )));
    }
    let filter = JobFilter {
        batch: query.batch,
        states: match query.state.as_deref() {
            None | Some("") => Vec::new(),
            Some(named) => states(named.split(','))?,
        },
        kind: query.kind,
    };
    let after = query.after.unwrap_or_default();
    let found = service.ledger.jobs(&filter, &after).await?;
    let next = match found.len() >= limit {
        true => Some(found[limit - 1].id.clone()),
        false => None,
    };
    let jobs = found.iter().take(limit);
    Ok(Json(JobList {
        jobs: jobs.map(|record| job_view(record, false)).collect(),
        next,
    }))
}

/// The states of these words.
pub(super) fn states<'a>(words: impl Iterator<Item = &'a str>) -> Result<Vec<JobState>, Problem> {
    words
        .map(|word| {
            JobState::of(word).ok_or_else(|| {
                let all = JobState::ALL.map(JobState::as_str).join(", ");
                Problem::bad_request(format!("`state`: the states are {all}"))
            })
        })
        .collect()
}

/// `GET /v1/jobs/{id}`.
pub(super) async fn show(
    State(service): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<JobView>, Problem> {
    let record = job_of(&service, &caller, &id, Scope::Read).await?;
    Ok(Json(job_view(&record, true)))
}

/// `POST /v1/jobs/{id}/retry`.
pub(super) async fn retry(
    State(service): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    let record = job_of(&service, &caller, &id, Scope::Manage).await?;
    if record.state.is_open() && record.state != JobState::Lost {
        let detail = "the job has not ended; cancel it first, or wait";
        return Err(Problem::new(StatusCode::CONFLICT, detail).about(job_view(&record, false)));
    }
    // Goes on if the client breaks off: what the ledger has must get into the queue.
    let (shared, again) = (Arc::clone(&service), record.clone());
    let retried = tokio::spawn(async move {
        let retry = Retry {
            ledger: &shared.ledger,
            sink: Some(shared.sink.as_ref()),
            changes: Default::default(),
            password: None,
        };
        retry.submit(&again).await
    });
    let retried = retried
        .await
        .unwrap_or_else(|_| Err(anyhow::anyhow!("it failed; see the service's log")));
    retried.map_err(|error| {
        let detail = format!("{error:#}");
        Problem::new(StatusCode::CONFLICT, detail).about(job_view(&record, false))
    })?;
    let now = job_of(&service, &caller, &id, Scope::Manage).await?;
    Ok((StatusCode::ACCEPTED, Json(job_view(&now, false))))
}

/// `POST /v1/jobs/{id}/cancel`.
pub(super) async fn cancel(
    State(service): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    let record = job_of(&service, &caller, &id, Scope::Manage).await?;
    if record.state.is_open() {
        let cancelled = service.canceller.cancel(None, Some(record.message_id()));
        cancelled.await.map_err(|error| {
            tracing::warn!(%error, "a job could not be cancelled");
            Problem::busy("the broker does not take the order; try again later")
        })?;
    }
    Ok((StatusCode::ACCEPTED, Json(job_view(&record, false))))
}
