//! One job: message → validate → fetch → read → store → result. Settling the message is the consumer's.
//!
//! Every step may be repeated: a result is found again by its fingerprint, files are written over, and the manifest,
//! which is stored last, says that all of them are there.

pub(crate) mod parse;
mod message_limits;
pub(crate) mod identity;
pub(crate) mod shown_body;
pub(crate) mod bounds;
pub(crate) mod plan;
mod located;
pub(crate) mod kept_documents;
pub(crate) mod page_ranges;
pub(crate) mod progress;
pub(crate) mod shared;
pub(crate) mod output_path;
pub(crate) mod keyed_lock;
mod observer;
pub(crate) mod messages;
pub(crate) mod failure;
pub(crate) mod policy;
pub(crate) mod disposition;
pub(crate) mod evidence;
pub(crate) mod retry;
#[cfg(any(test, fuzzing))]
pub mod checks;

use std::sync::Arc;

use recto_pipeline::{engine::Engine, image::rasterizer::Rasterizer};
use recto_schemas::{
    DocumentLimits, FailureStage, Job, Manifest, ResultSource, ResultState, ResultTiming,
};

use crate::{
    document::{self, ConvertError, output::MANIFEST, parts::JobParts, stored_manifest},
    observe::metrics::Metrics,
    os::scratch::ScratchDir,
    store::{ListedObject, ObjectStore as _, ObjectStores, source_folder},
};
use bounds::JobBounds;
use evidence::{JobPlaces, KnownGood};
use failure::JobFailure;
use kept_documents::KeptDocuments;
use keyed_lock::KeyedLock;
use located::{LocatedJob, locate};
use output_path::{NAME, OutputPath};
use plan::ValidatedJob;
use policy::may_pass;
use progress::JobProgress;

/// Everything that jobs are done with; one for the whole process.
pub(crate) struct JobContext {
    pub(crate) stores: Arc<ObjectStores>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) rasterizer: Arc<Rasterizer>,
    pub(crate) work: ScratchDir,
    pub(crate) limits: DocumentLimits,
    /// The places that jobs may name.
    pub(crate) bounds: JobBounds,
    pub(crate) metrics: Arc<Metrics>,
    /// Held, by the result's folder, while the result is made.
    pub(crate) results_in_flight: KeyedLock,
    /// Shared documents that were downloaded, for the next range of their pages.
    pub(crate) kept_documents: Arc<KeptDocuments>,
    /// The places that this worker has read from and written to.
    pub(crate) known_good: KnownGood,
    /// This worker's name.
    pub(crate) worker: String,
}

/// A delivery of a job, and what is known from earlier ones.
#[derive(Debug)]
pub(crate) struct JobDelivery {
    /// True if an earlier delivery may have stored pages.
    pub(crate) is_resumed: bool,
    /// Number of processes that ended with the job in hand, without having stored a page since.
    pub(crate) crashes: u32,
    pub(crate) progress: Arc<JobProgress>,
}

/// The way in which a delivery of a job ended.
#[derive(Debug)]
pub(crate) enum JobEnd {
    /// The result is stored.
    Result(Box<JobOutcome>),
    /// Reading was stopped. The pages that were read are kept, and another delivery reads the others.
    Stopped,
    /// The job goes on without this message, as these ones.
    Continued(Vec<Job>),
}

/// A job with a stored result.
#[derive(Debug)]
pub(crate) struct JobOutcome {
    pub(crate) state: ResultState,
    /// The manifest in the store.
    pub(crate) manifest: Manifest,
    pub(crate) source: ResultSource,
    pub(crate) output_path: OutputPath,
    /// The time that each stage took; `queue_s` is not known here.
    pub(crate) timing: ResultTiming,
    /// True if this call read the document.
    pub(crate) read_now: bool,
    /// The parts of the document, which are not needed any more once the result's message is sent.
    pub(crate) parts: Arc<JobParts>,
}

/// Does a job, or the part of it that a message for some of its pages is about. If its result is stored already, nothing
/// is read. Dropping the future cancels the reading.
///
/// # Errors
/// [`JobFailure`] with its stage and kind; then no manifest is stored.
pub(crate) async fn run(
    context: &JobContext,
    job: &Job,
    delivery: &JobDelivery,
) -> Result<JobEnd, JobFailure> {
    let located = locate(context, job).await?;
    if delivery.is_resumed || job.pages.is_some() {
        located.parts.mark_used();
    }
    let folder = located.output_path.folder().to_string();
    // A job for a result that is being made here waits, and finds it.
    let _lock = context.results_in_flight.lock(&folder).await;
    if let Some(range) = &job.pages {
        return shared::read_range(context, job, range, located, delivery).await;
    }
    whole(context, job, located, delivery).await
}

/// Does a job as a whole, unless its result is stored already.
async fn whole(
    context: &JobContext,
    job: &Job,
    located: LocatedJob,
    delivery: &JobDelivery,
) -> Result<JobEnd, JobFailure> {
    let stored = located.stored_manifest(context).await?;
    // The job itself, delivered again, has its result, whatever that is.
    let of_another = stored.as_ref().filter(|manifest| !is_by(manifest, job));
    let replace = of_another.is_some_and(|manifest| job.force || is_unfinished(manifest));
    match stored {
        Some(manifest) if !replace => Ok(JobEnd::Result(Box::new(
            located.stored_before(job, manifest),
        ))),
        _ => make(context, job, located, replace, delivery).await,
    }
}

/// The places in the store that the job needs; none if it makes no sense.
pub(crate) fn places(job: &Job) -> Option<JobPlaces> {
    Some(JobPlaces {
        source: job.source.uri.parse().ok()?,
        output: job.output.parse().ok()?,
    })
}

/// The job's stored result, found by a listing of its document's results: the document itself may be gone by now,
/// since who has the result may remove it before the message about it was sent. Reads no document.
///
/// # Errors
/// As [`run`].
pub(crate) async fn stored(
    context: &JobContext,
    job: &Job,
) -> Result<Option<JobOutcome>, JobFailure> {
    let valid = ValidatedJob::of(context, job)?;
    let failed = |error| JobFailure::store(FailureStage::Store, &error);
    let root = context.file_root();
    let folder = source_folder(&valid.source, root.as_deref());
    let Ok(results) = valid.output.join(&folder) else {
        return Ok(None);
    };
    let results = results.as_folder();
    let mut after = None;
    loop {
        let listed = context.stores.list(&results, after.as_deref()).await;
        let page = listed.map_err(failed)?;
        for object in &page.entries {
            if let Some(located) = located_by_manifest(context, job, &valid, object).await? {
                return Ok(Some(located));
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(None),
        }
    }
}

/// The outcome that a listed object is the manifest of, if it is this job's.
async fn located_by_manifest(
    context: &JobContext,
    job: &Job,
    valid: &ValidatedJob,
    object: &ListedObject,
) -> Result<Option<JobOutcome>, JobFailure> {
    let Some(folder) = object.location.parent_of(&format!("{NAME}.{}", MANIFEST.0)) else {
        return Ok(None);
    };
    let found = stored_manifest(&context.stores, &folder, NAME).await;
    let found = found.map_err(|error| JobFailure::store(FailureStage::Store, &error))?;
    let Some(manifest) = found.filter(|manifest| is_by(manifest, job)) else {
        return Ok(None);
    };
    let source = ResultSource {
        uri: job.source.uri.clone(),
        version_id: manifest.source.version_id.clone(),
        etag: manifest.source.etag.clone(),
        bytes: manifest.source.bytes,
    };
    let located = LocatedJob::new(context, job, valid.clone(), source)?;
    // Another folder: the job came again with other options.
    if *located.output_path.folder() != folder {
        return Ok(None);
    }
    Ok(Some(located.stored_before(job, manifest)))
}

impl JobContext {
    /// The folder for `file:` URIs, as text.
    fn file_root(&self) -> Option<String> {
        let root = self.stores.file_root();
        root.map(|root| root.to_string_lossy().into_owned())
    }
}

/// Fetches, reads and stores.
async fn make(
    context: &JobContext,
    job: &Job,
    located: LocatedJob,
    replace: bool,
    delivery: &JobDelivery,
) -> Result<JobEnd, JobFailure> {
    let (document, copy) = located.document(context)?;
    let dir = copy.dir;
    let target = located.target(context, &dir, replace);
    let convert_context = Arc::new(located.convert_context(context, job, dir, delivery));
    let converted = match document::convert(document, target, &convert_context).await {
        Err(ConvertError::Stopped) => {
            // Another worker may have ended the job that this one's message was taken from.
            let stored = located.stored_manifest(context).await?;
            return Ok(match stored.filter(|manifest| is_by(manifest, job)) {
                Some(manifest) => JobEnd::Result(Box::new(located.stored_before(job, manifest))),
                None => JobEnd::Stopped,
            });
        }
        converted => converted.map_err(|error| JobFailure::convert(&error)),
    };
    if !matches!(&converted, Err(failure) if failure.stage == FailureStage::Fetch) {
        context.known_good.read_from(&located.valid.source);
    }
    let converted = converted?;
    context.known_good.wrote_to(&located.valid.output);
    let outcome = match converted.is_ours {
        true => JobOutcome {
            state: converted.manifest.state.into(),
            manifest: converted.manifest,
            source: located.source,
            output_path: located.output_path,
            timing: converted.timing,
            read_now: true,
            parts: located.parts,
        },
        // Another worker was faster; its manifest is the one that counts.
        false => located.stored_before(job, converted.manifest),
    };
    Ok(JobEnd::Result(Box::new(outcome)))
}

/// Returns true if pages were lost for reasons that may have passed.
pub(crate) fn is_unfinished(manifest: &Manifest) -> bool {
    let mut reasons = manifest
        .pages
        .iter()
        .filter_map(|page| page.reason.as_ref());
    reasons.any(|reason| reason.kind.failure().is_some_and(may_pass))
}

fn is_by(manifest: &Manifest, job: &Job) -> bool {
    manifest.job.as_deref() == Some(job.id.as_str())
}
