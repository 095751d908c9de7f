//! One job: message → plan → fetch → read → store → result. Settling the message is the consumer's.
//!
//! Every step may be repeated: work is found again by its identity, files are written over, and the manifest,
//! which is stored last, says that all is there.

pub(crate) mod failure;
// A message's body: into a job, and into what may be shown of it.
pub(crate) mod parse;
// What a job asks for, checked against what this worker may do.
pub(crate) mod plan;
// What makes a result the result of its document and options.
mod identity;
// Where a result is kept.
pub(crate) mod output_path;
// Who works on it in this process.
pub(crate) mod keyed_lock;
// From the document's bytes to its files in the work folder.
mod read;
// From the work folder to the store, the manifest last.
mod keep;
// The messages a job ends with.
pub(crate) mod messages;
// What a worker does about a failure, by its kind.
pub(crate) mod policy;
// What becomes of a message.
pub(crate) mod disposition;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use recto_pipeline::{cancel::CancelToken, engine::Engine, image::rasterizer::Rasterizer};
use recto_schemas::{
    DocumentState, FailureKind, FailureStage, Job, Manifest, ResultSource, ResultState,
    ResultTiming,
};
use tracing::Instrument;

use crate::{
    observe::logging,
    observe::metrics::{JobStage, Metrics, TransferDirection},
    os::scratch::ScratchDir,
    store::{ObjectStore, ObjectStores, ObjectVersion},
};
use failure::JobFailure;
use keyed_lock::KeyedLock;
use output_path::OutputPath;
use plan::{ValidatedJob, WorkerLimits};

/// What jobs are done with; one for the whole process.
pub(crate) struct JobContext {
    pub(crate) stores: ObjectStores,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) rasterizer: Rasterizer,
    pub(crate) work: ScratchDir,
    pub(crate) bounds: WorkerLimits,
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
    pub(crate) output_path: OutputPath,
    /// `queue_s` is not known here.
    pub(crate) timing: ResultTiming,
    /// True if this call read the document.
    pub(crate) read_now: bool,
}

/// A job whose source version and output path are known.
struct LocatedJob {
    valid: ValidatedJob,
    source: ResultSource,
    output_path: OutputPath,
}

/// Does a job. If its result is stored already, nothing is read. Dropping the future cancels the reading.
///
/// # Errors
/// [`JobFailure`] with its stage and kind; then no manifest is stored.
pub(crate) async fn run(context: &Arc<JobContext>, job: &Job) -> Result<JobOutcome, JobFailure> {
    let located = locate(context, job).await?;
    // The same job may be in flight here, or another one with the same output path: this one waits, and finds its
    // result.
    let results = &context.results_in_flight;
    let _turn = results.lock(&located.output_path.folder()).await;
    let stored = keep::stored(context, &located.output_path).await?;
    let replace = job.force && stored.as_ref().is_some_and(|m| !is_by(m, job));
    if let (Some(manifest), false) = (stored, replace) {
        return Ok(stored_before(job, manifest, located));
    }
    make(context, job, located, replace).await
}

/// The job's stored result, if there is one. Reads nothing.
///
/// # Errors
/// As [`run`].
pub(crate) async fn stored(
    context: &JobContext,
    job: &Job,
) -> Result<Option<JobOutcome>, JobFailure> {
    let located = locate(context, job).await?;
    let stored = keep::stored(context, &located.output_path).await?;
    Ok(stored.map(|manifest| stored_before(job, manifest, located)))
}

/// Validates the job, and pins the version of the document that its result will be of.
async fn locate(context: &JobContext, job: &Job) -> Result<LocatedJob, JobFailure> {
    let valid = ValidatedJob::new(job, &context.bounds, context.engine.as_ref())?;
    let found = context
        .stores
        .stat(&valid.source, &valid.pin)
        .await
        .map_err(|error| JobFailure::store(FailureStage::Fetch, &error))?;
    let source = ResultSource {
        uri: job.source.uri.clone(),
        version_id: found.version_id,
        etag: found.etag,
        bytes: Some(found.bytes),
    };
    let root = context.stores.file_root();
    let root = root.map(|root| root.to_string_lossy());
    let model = &context.engine.info().model_sha256;
    let output_path = OutputPath::new(&valid, &source, model, root.as_deref())?;
    Ok(LocatedJob {
        valid,
        source,
        output_path,
    })
}

/// Fetches, reads and publishes; `replace` puts the result in the place of an earlier one.
async fn make(
    context: &Arc<JobContext>,
    job: &Job,
    located: LocatedJob,
    replace: bool,
) -> Result<JobOutcome, JobFailure> {
    check_size(context, &located)?;
    let folder = context
        .work
        .job_dir(located.source.bytes.unwrap_or(0))
        .map_err(|error| JobFailure::work(FailureStage::Fetch, &error.into()))?;
    let fetch = fetch(context, &located, folder.path().join("source"));
    let (fetched, fetch_s) = timed(context, JobStage::Fetch, fetch).await;
    let reading = read::ReadTask {
        file: fetched?,
        folder,
        source: located.source.clone(),
        password: job.password.clone(),
        options: located.valid.options.clone(),
        identity: located.output_path.identity().as_str().to_owned(),
        job: job.id.clone(),
    };
    let cancel = CancelToken::new();
    let read = reading.run(context, &cancel);
    let (written, read_s) = timed(context, JobStage::Read, read).await;
    let written = written?;
    let skipped = written.manifest.counts.skipped;
    context.metrics.pages_skipped(skipped);

    let publish = keep::keep(context, &written, &located.output_path, replace);
    let (published, store_s) = timed(context, JobStage::Store, publish).await;
    match published? {
        keep::PublishedResult::Ours => Ok(JobOutcome {
            state: state(written.manifest.state),
            manifest: written.manifest,
            source: located.source,
            output_path: located.output_path,
            timing: ResultTiming {
                queue_s: None,
                fetch_s: Some(fetch_s),
                read_s: Some(read_s),
                store_s: Some(store_s),
            },
            read_now: true,
        }),
        // Another worker was faster; its manifest is the one that counts.
        keep::PublishedResult::Anothers(manifest) => Ok(stored_before(job, *manifest, located)),
    }
}

/// Refuses a document that is larger than its limit, or than the scratch directory.
fn check_size(context: &JobContext, located: &LocatedJob) -> Result<(), JobFailure> {
    let bytes = located.source.bytes.unwrap_or(0);
    let limit = located.valid.options.limits.max_document_bytes;
    let scratch = context.work.limit_bytes();
    let message = if bytes > limit {
        format!("the document has {bytes} bytes and the limit is {limit}")
    } else if bytes > scratch {
        format!(
            "the document has {bytes} bytes and the scratch directory {scratch}; raise --work-megabytes"
        )
    } else {
        return Ok(());
    };
    Err(JobFailure::new(
        FailureStage::Fetch,
        FailureKind::DocumentTooLarge,
        message,
    ))
}

/// Fetches the pinned version of the document to `file`.
async fn fetch(
    context: &JobContext,
    located: &LocatedJob,
    file: PathBuf,
) -> Result<PathBuf, JobFailure> {
    let pin = ObjectVersion {
        version_id: located.source.version_id.clone(),
        etag: located.source.etag.clone(),
    };
    let limit = located.valid.options.limits.max_document_bytes;
    let source = &located.valid.source;
    let fetched = context.stores.fetch(source, &pin, limit, &file).await;
    fetched.map_err(|error| JobFailure::store(FailureStage::Fetch, &error))?;
    let bytes = located.source.bytes.unwrap_or(0);
    context.metrics.bytes(TransferDirection::Fetched, bytes);
    Ok(file)
}

/// The outcome of a job whose result was stored before.
fn stored_before(job: &Job, manifest: Manifest, located: LocatedJob) -> JobOutcome {
    JobOutcome {
        state: if is_by(&manifest, job) {
            state(manifest.state)
        } else {
            ResultState::Skipped
        },
        source: located.source,
        output_path: located.output_path,
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
async fn timed<T>(
    context: &JobContext,
    stage: JobStage,
    work: impl Future<Output = T>,
) -> (T, f64) {
    let started = Instant::now();
    let result = work.instrument(logging::stage_span(stage)).await;
    let took: Duration = started.elapsed();
    context.metrics.stage(stage, took);
    (result, took.as_secs_f64())
}
