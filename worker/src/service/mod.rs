//! The HTTP service of `recto serve`: documents in, Markdown out, and the ledger to look at.
//!
//! Every request is answered from the ledger and the store; what a process keeps in memory is lost without harm. Several
//! may run at once on one broker, store and PostgreSQL ledger.

pub(crate) mod config;
pub(crate) mod keys;
pub(crate) mod server;
pub(crate) mod local;
pub(crate) mod webhooks;
mod access;
mod problem;
mod upload;
mod submission;
mod documents;
mod jobs;
mod batches;
mod events;
mod results;
mod openapi;
mod page;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::StatusCode,
    middleware,
    routing::{get, post},
};
use recto_schemas::DocumentLimits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::{
    commands::job_queue::JobSink,
    events::intake::EventIntake,
    job::bounds::JobBounds,
    ledger::Ledger,
    observe::metrics::service::ServiceMetrics,
    os::scratch::ScratchDir,
    store::{ObjectStores, StoreUri},
};
use keys::ApiKeys;
use problem::Problem;

/// Documents that are taken at once, and files that are sent at once: each takes its size of the disk.
const TRANSFERS_AT_ONCE: usize = 64;
/// Maximum size of a request's body that is no document, in bytes.
const MAX_BODY_BYTES: usize = 1 << 20;

/// Everything that requests are answered with.
pub(crate) struct Service {
    pub(crate) ledger: Ledger,
    pub(crate) stores: Arc<ObjectStores>,
    /// Takes the jobs.
    pub(crate) sink: Arc<dyn JobSink>,
    /// Takes orders to cancel.
    pub(crate) canceller: Arc<dyn JobCanceller>,
    pub(crate) keys: ApiKeys,
    /// Names of the webhooks.
    pub(crate) webhooks: Vec<String>,
    /// Takes events of stores.
    pub(crate) events: Arc<EventIntake>,
    /// Prefix that uploaded documents are stored below.
    pub(crate) uploads: Option<StoreUri>,
    /// Prefix of results.
    pub(crate) output: Option<StoreUri>,
    /// Prefixes of documents that a request may name by their URI.
    pub(crate) bounds: JobBounds,
    pub(crate) limits: DocumentLimits,
    /// Directory for documents on their way.
    pub(crate) scratch: ScratchDir,
    /// Room for documents that are sent.
    pub(crate) slots: TransferSlots,
    /// Room for files of results.
    pub(crate) downloads: TransferSlots,
    /// Names, besides addresses and names of one part, by which the service may be asked; in lower case.
    pub(crate) hosts: Vec<String>,
    pub(crate) metrics: ServiceMetrics,
    /// Set when the service shuts down: nobody waits for a result any longer.
    pub(crate) stop: CancellationToken,
}

/// Room for transfers.
#[derive(Debug)]
pub(crate) struct TransferSlots(Arc<Semaphore>);

impl Default for TransferSlots {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TRANSFERS_AT_ONCE)))
    }
}

impl TransferSlots {
    /// Room for one.
    ///
    /// # Errors
    /// There is none now.
    fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.0)
            .try_acquire_owned()
            .map_err(|_| Problem::busy("too many transfers at once; try again later"))
    }
}

/// Ends jobs that have not ended.
#[async_trait::async_trait]
pub(crate) trait JobCanceller: Send + Sync {
    /// Has the job, or all jobs of a batch that are submitted by now, cancelled.
    async fn cancel(&self, batch: Option<String>, job: Option<String>) -> anyhow::Result<()>;
}

/// The state of every handler.
type Shared = Arc<Service>;

/// The routes of the service.
fn router(service: Shared) -> Router {
    let documents = post(documents::submit).layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/v1/documents", documents)
        .route("/v1/jobs", get(jobs::list))
        .route("/v1/jobs/{id}", get(jobs::show))
        .route("/v1/jobs/{id}/retry", post(jobs::retry))
        .route("/v1/jobs/{id}/cancel", post(jobs::cancel))
        .route("/v1/jobs/{id}/result", get(results::result))
        .route("/v1/jobs/{id}/files", get(results::files))
        .route("/v1/jobs/{id}/files/{*name}", get(results::file))
        .route("/v1/batches", get(batches::list))
        .route("/v1/batches/{batch}", get(batches::show))
        .route("/v1/batches/{batch}/retry", post(batches::retry))
        .route("/v1/batches/{batch}/cancel", post(batches::cancel))
        .route("/v1/events", post(events::take))
        .route("/v1/webhooks", get(webhooks::list))
        .route("/v1/openapi.json", get(openapi::answer))
        .route("/metrics", get(server::metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(server::ready))
        .merge(page::routes())
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this path takes other methods",
            )
        })
        .fallback(async || Problem::not_found())
        .layer(middleware::from_fn_with_state(
            Arc::clone(&service),
            access::guard,
        ))
        .with_state(service)
}
