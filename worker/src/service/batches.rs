//! `/v1/batches`: how batches stand, and what is done about one.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use recto_schemas::service::{BatchList, BatchView, RetryRequest, RetryView};

use super::{
    Service, Shared,
    jobs::states,
    keys::{Caller, Scope},
    problem::Problem,
    submission::object,
};
use crate::{
    job::retry::{self, Retry},
    ledger::{
        database::JobFilter,
        record::JobState,
        view::{batch_view, batch_views},
    },
};

/// Jobs that a request submits again at most.
const MAX_RETRIES: u64 = 1_000;
/// Reasons of refusals that an answer names.
const MAX_REASONS: usize = 20;

/// `GET /v1/batches`.
pub(super) async fn list(
    State(service): State<Shared>,
    caller: Caller,
) -> Result<Json<BatchList>, Problem> {
    caller.needs(Scope::Read)?;
    let mut batches = batch_views(&service.ledger.sums(None).await?);
    batches.retain(|batch| caller.sees(&batch.batch));
    Ok(Json(BatchList { batches }))
}

/// `GET /v1/batches/{batch}`.
pub(super) async fn show(
    State(service): State<Shared>,
    caller: Caller,
    Path(batch): Path<String>,
) -> Result<Json<BatchView>, Problem> {
    Ok(Json(
        batch_of(&service, &caller, &batch, Scope::Read).await?,
    ))
}

/// The batch of this name, if the caller may see it.
pub(super) async fn batch_of(
    service: &Service,
    caller: &Caller,
    batch: &str,
    scope: Scope,
) -> Result<BatchView, Problem> {
    caller.needs(scope)?;
    let sums = match caller.sees(batch) {
        true => service.ledger.sums(Some(batch)).await?,
        false => Vec::new(),
    };
    match sums.is_empty() {
        true => Err(Problem::not_found()),
        false => Ok(batch_view(batch, sums.iter())),
    }
}

/// `POST /v1/batches/{batch}/retry`: a thousand jobs a request at most.
pub(super) async fn retry(
    State(service): State<Shared>,
    caller: Caller,
    Path(batch): Path<String>,
    body: Bytes,
) -> Result<(StatusCode, Json<RetryView>), Problem> {
    batch_of(&service, &caller, &batch, Scope::Manage).await?;
    let request: RetryRequest = match body.is_empty() {
        true => RetryRequest::default(),
        false => object(&body)?,
    };
    let view = retry_batch(&service, batch, &request).await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// Submits jobs of a batch again. Goes on if the client breaks off: what the ledger has must get into the queue.
pub(super) async fn retry_batch(
    service: &Shared,
    batch: String,
    request: &RetryRequest,
) -> Result<RetryView, Problem> {
    let named = states(request.state.iter().map(String::as_str))?;
    if named
        .iter()
        .any(|state| state.is_open() && *state != JobState::Lost)
    {
        let detail =
            "`state`: jobs that have not ended cannot be retried; cancel them first, or wait";
        return Err(Problem::bad_request(detail));
    }
    let filter = JobFilter {
        batch,
        states: retry::states(&named, request.kind.as_deref()),
        kind: request.kind.clone(),
    };
    let shared = Arc::clone(service);
    let retried = tokio::spawn(async move { retry_jobs(&shared, &filter).await });
    retried
        .await
        .map_err(|_| Problem::busy("the request failed; see the service's log, and ask again"))?
}

/// Submits up to [`MAX_RETRIES`] jobs again, in the order of their ids.
async fn retry_jobs(service: &Service, filter: &JobFilter) -> Result<RetryView, Problem> {
    let retry = Retry {
        ledger: &service.ledger,
        sink: Some(service.sink.as_ref()),
        changes: Default::default(),
        password: None,
    };
    let (mut view, mut after) = (RetryView::default(), String::new());
    loop {
        let page = service.ledger.jobs(filter, &after).await?;
        for record in &page {
            if view.queued >= MAX_RETRIES {
                view.has_more = true;
                return Ok(view);
            }
            match retry.submit(record).await {
                Ok(_) => view.queued += 1,
                Err(error) => {
                    view.refused += 1;
                    if view.reasons.len() < MAX_REASONS {
                        view.reasons.push(format!("{}: {error:#}", record.source));
                    }
                }
            }
        }
        match page.last() {
            Some(last) => after.clone_from(&last.id),
            None => return Ok(view),
        }
    }
}

/// `POST /v1/batches/{batch}/cancel`.
pub(super) async fn cancel(
    State(service): State<Shared>,
    caller: Caller,
    Path(batch): Path<String>,
) -> Result<(StatusCode, Json<BatchView>), Problem> {
    let view = batch_of(&service, &caller, &batch, Scope::Manage).await?;
    let cancelled = service.canceller.cancel(Some(batch), None);
    cancelled.await.map_err(|error| {
        tracing::warn!(%error, "a batch could not be cancelled");
        Problem::busy("the broker does not take the order; try again later")
    })?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}
