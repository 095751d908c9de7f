//! One job: message → plan → fetch → read → store → result. Settling the message is the consumer's.
//!
//! Every step may be repeated: work is found again by its identity, files are written over, and the manifest,
//! which is stored last, says that all is there.

// Why a job has no result, and the one list of words for it.
pub(crate) mod failure;
// A message's body: into a job, and into what may be shown of it.
pub(crate) mod message;
// What a job asks for, checked against what this worker may do.
pub(crate) mod plan;
// What makes a result the result of its document and options.
mod identity;
// Where a result is kept.
pub(crate) mod place;
// Who works on it in this process.
pub(crate) mod keyed_lock;
// From the document's bytes to its files in the work folder.
mod read;
// From the work folder to the store, the manifest last.
mod keep;
// The messages a job ends with.
pub(crate) mod outcome;
// What becomes of a message.
pub(crate) mod verdict;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use recto_pipeline::{cancel::CancelToken, engine::Engine, image::rasterizer::Rasterizer};
use recto_schemas::{
    DocumentLimits, DocumentState, Job, Manifest, ResultSource, ResultState, ResultTiming,
};
use tracing::Instrument;

use crate::{
    observe::logging,
    observe::metrics::{JobStage, Metrics, TransferDirection},
    os::scratch::ScratchDir,
    store::{ObjectStore, ObjectStores, ObjectVersion},
};
use failure::{FailureStage, JobFailure};
use keyed_lock::KeyedLock;
use place::OutputPath;
use plan::ValidatedJob;

/// What jobs are done with; one for the whole process.
pub(crate) struct JobContext {
    pub(crate) stores: ObjectStores,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) rasterizer: Rasterizer,
    pub(crate) work: ScratchDir,
    pub(crate) limits: DocumentLimits,
    pub(crate) metrics: Arc<Metrics>,
    /// Held, by the result's folder, while the result is made.
    pub(crate) results_in_flight: KeyedLock,
}

/// A job with a stored result.
#[derive(Debug)]
pub(crate) struct JobOutcome {
    pub(crate) state: ResultState,
    /// As it is stored.
    pub(crate) manifest: Manifest,
    pub(crate) source: ResultSource,
    pub(crate) place: OutputPath,
    /// `queue_s` is not known here.
    pub(crate) timing: ResultTiming,
    /// Whether this call read the document.
    pub(crate) read_now: bool,
}

/// Does a job. Where its result is stored already, nothing is read.
///
/// # Errors
/// [`JobFailure`] with its stage and kind; then no manifest is stored.
pub(crate) async fn run(
    parts: &Arc<JobContext>,
    job: &Job,
    cancel: &CancelToken,
) -> Result<JobOutcome, JobFailure> {
    let (plan, source, place) = locate(parts, job).await?;
    // A job that came again while it is still at work here waits, and finds its result.
    let _turn = parts.results_in_flight.lock(&place.folder()).await;
    let stored = keep::stored(parts, &place).await?;
    let again = job.force && stored.as_ref().is_some_and(|m| !is_by(m, job));
    if let (Some(manifest), false) = (stored, again) {
        return Ok(before(job, manifest, source, place));
    }
    make(parts, job, plan, (source, place), (again, cancel)).await
}

/// The job's stored result, where there is one. Reads nothing.
///
/// # Errors
/// As [`run`].
pub(crate) async fn stored(
    parts: &JobContext,
    job: &Job,
) -> Result<Option<JobOutcome>, JobFailure> {
    let (_, source, place) = locate(parts, job).await?;
    let stored = keep::stored(parts, &place).await?;
    Ok(stored.map(|manifest| before(job, manifest, source, place)))
}

/// What the job asks for, which version of the document is meant, and where its result is kept.
async fn locate(
    parts: &JobContext,
    job: &Job,
) -> Result<(ValidatedJob, ResultSource, OutputPath), JobFailure> {
    let plan = ValidatedJob::new(job, &parts.limits, parts.engine.as_ref())?;
    let found = parts
        .stores
        .stat(&plan.source, &plan.pin)
        .await
        .map_err(|error| JobFailure::store(FailureStage::Fetch, &error))?;
    let source = ResultSource {
        uri: job.source.uri.clone(),
        version_id: found.version_id,
        etag: found.etag,
        bytes: Some(found.bytes),
    };
    let root = parts.stores.file_root().map(|root| root.to_string_lossy());
    let model = &parts.engine.info().model_sha256;
    let place = OutputPath::new(&plan, &source, model, root.as_deref())?;
    Ok((plan, source, place))
}

/// Fetches, reads and stores.
async fn make(
    parts: &Arc<JobContext>,
    job: &Job,
    plan: ValidatedJob,
    (source, place): (ResultSource, OutputPath),
    (replace, cancel): (bool, &CancelToken),
) -> Result<JobOutcome, JobFailure> {
    let limit = plan.options.limits.max_document_size.bytes();
    let bytes = source.bytes.unwrap_or(0);
    if bytes > limit {
        let message = format!("the document has {bytes} bytes and the limit is {limit}");
        return Err(JobFailure::new(
            FailureStage::Fetch,
            "document-too-large",
            message,
        ));
    }
    let cap = parts.work.limit_bytes();
    if bytes > cap {
        let message = format!(
            "the document has {bytes} bytes and the work folder {cap}; raise --scratch-size"
        );
        return Err(JobFailure::new(
            FailureStage::Fetch,
            "document-too-large",
            message,
        ));
    }
    let folder = parts
        .work
        .job_dir(bytes)
        .map_err(|error| JobFailure::work(FailureStage::Fetch, &error.into()))?;

    let (fetched, fetch_s) = timed(parts, JobStage::Fetch, async {
        let file = folder.path().join("source");
        let pin = ObjectVersion {
            version_id: source.version_id.clone(),
            etag: source.etag.clone(),
        };
        parts
            .stores
            .fetch(&plan.source, &pin, limit, &file)
            .await
            .map(|_| file)
            .map_err(|error| JobFailure::store(FailureStage::Fetch, &error))
    })
    .await;
    let file = fetched?;
    parts.metrics.bytes(TransferDirection::Fetched, bytes);

    let reading = read::ReadTask {
        file,
        folder,
        source: source.clone(),
        password: job.password.clone(),
        options: plan.options,
        identity: place.identity().as_str().to_owned(),
        job: job.id.clone(),
    };
    let (written, read_s) = timed(parts, JobStage::Read, reading.run(parts, cancel)).await;
    let written = written?;
    let skipped = written.manifest.counts.skipped;
    parts.metrics.pages_skipped(skipped);

    let (kept, store_s) = timed(
        parts,
        JobStage::Store,
        keep::keep(parts, &written, &place, replace),
    )
    .await;
    match kept? {
        keep::PublishedResult::Ours => Ok(JobOutcome {
            state: state(written.manifest.state),
            manifest: written.manifest,
            source,
            place,
            timing: ResultTiming {
                queue_s: None,
                fetch_s: Some(fetch_s),
                read_s: Some(read_s),
                store_s: Some(store_s),
            },
            read_now: true,
        }),
        // Another worker was faster; its manifest is the one that counts.
        keep::PublishedResult::Anothers(manifest) => Ok(before(job, *manifest, source, place)),
    }
}

/// The job's result was stored before.
fn before(job: &Job, manifest: Manifest, source: ResultSource, place: OutputPath) -> JobOutcome {
    JobOutcome {
        state: if is_by(&manifest, job) {
            state(manifest.state)
        } else {
            ResultState::Skipped
        },
        source,
        place,
        timing: ResultTiming {
            read_s: Some(manifest.timing.wall_s),
            ..ResultTiming::default()
        },
        manifest,
        read_now: false,
    }
}

fn is_by(manifest: &Manifest, job: &Job) -> bool {
    manifest.job.as_deref() == Some(job.id.as_str())
}

fn state(document: DocumentState) -> ResultState {
    match document {
        DocumentState::Done => ResultState::Done,
        DocumentState::Partial => ResultState::Partial,
        DocumentState::Failed => ResultState::Failed,
    }
}

/// Runs a stage in a span of its own; gives its seconds too.
async fn timed<T>(parts: &JobContext, stage: JobStage, work: impl Future<Output = T>) -> (T, f64) {
    let started = Instant::now();
    let result = work.instrument(logging::stage_span(stage)).await;
    let took: Duration = started.elapsed();
    parts.metrics.stage(stage, took);
    (result, took.as_secs_f64())
}
