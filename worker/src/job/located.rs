//! [`LocatedJob`]: a job whose document was found, and the places of its result.

use std::sync::Arc;

use recto_pipeline::cancel::CancelToken;
use recto_schemas::{
    FailureKind, FailureStage, Job, Manifest, ResultSource, ResultState, ResultTiming, SourceInfo,
};
use tokio::runtime::Handle;

use super::{
    JobContext, JobDelivery, JobOutcome,
    failure::JobFailure,
    is_by,
    kept_documents::DocumentCopy,
    observer::JobObserver,
    output_path::{NAME, OutputPath},
    plan::ValidatedJob,
    policy::{PageFault, policy},
};
use crate::{
    document::{
        ConvertContext, DocumentSource, DocumentTarget, ObjectSource, PartsPlace, Requester,
        SourcePlace, StoreTarget,
        output::ResultName,
        parts::{JobParts, ObjectParts, PAGES_PER_PART, PartDocument, PartsRecord},
        stored_manifest,
    },
    os::scratch::JobDir,
    store::{ObjectStore as _, ObjectVersion, WriteCondition},
};

/// A job whose document was found.
pub(super) struct LocatedJob {
    pub(super) valid: ValidatedJob,
    /// The version of the document that is meant.
    pub(super) source: ResultSource,
    /// The place of its result.
    pub(super) output_path: OutputPath,
    /// The parts of the document, as far as it was read for this job.
    pub(super) parts: Arc<JobParts>,
}

pub(super) async fn locate(context: &JobContext, job: &Job) -> Result<LocatedJob, JobFailure> {
    let valid = ValidatedJob::of(context, job)?;
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
    LocatedJob::new(context, job, valid, source)
}

/// A job whose message says which version of its document is meant. Nothing is asked of the store.
pub(super) fn pinned(context: &JobContext, job: &Job) -> Result<LocatedJob, JobFailure> {
    let valid = ValidatedJob::of(context, job)?;
    let source = ResultSource {
        uri: job.source.uri.clone(),
        version_id: job.source.version_id.clone(),
        etag: job.source.etag.clone(),
        bytes: None,
    };
    LocatedJob::new(context, job, valid, source)
}

impl LocatedJob {
    pub(super) fn new(
        context: &JobContext,
        job: &Job,
        valid: ValidatedJob,
        source: ResultSource,
    ) -> Result<Self, JobFailure> {
        let model = &context.engine.info().model_sha256;
        let root = context.file_root();
        let password = job.password.as_ref();
        let output_path = OutputPath::new(&valid, &source, model, root.as_deref(), password)?;
        let parts = JobParts::new(
            &context.stores,
            output_path.folder(),
            &job.id,
            &context.worker,
            context.work.path().to_owned(),
        )
        .map_err(|error| JobFailure::store(FailureStage::Store, &error))?;
        Ok(Self {
            parts: Arc::new(parts),
            output_path,
            valid,
            source,
        })
    }

    pub(super) async fn stored_manifest(
        &self,
        context: &JobContext,
    ) -> Result<Option<Manifest>, JobFailure> {
        stored_manifest(&context.stores, self.output_path.folder(), NAME)
            .await
            .map_err(|error| JobFailure::store(FailureStage::Store, &error))
    }

    /// The outcome of a job whose result was stored before.
    pub(super) fn stored_before(self, job: &Job, manifest: Manifest) -> JobOutcome {
        JobOutcome {
            state: match is_by(&manifest, job) {
                true => manifest.state.into(),
                false => ResultState::Skipped,
            },
            source: self.source,
            output_path: self.output_path,
            timing: ResultTiming {
                read_s: Some(manifest.timing.wall_s),
                ..ResultTiming::default()
            },
            manifest,
            read_now: false,
            parts: self.parts,
        }
    }

    /// The context in which the document is read.
    pub(super) fn convert_context(
        &self,
        context: &JobContext,
        job: &Job,
        dir: JobDir,
        delivery: &JobDelivery,
    ) -> ConvertContext {
        let progress = Arc::clone(&delivery.progress);
        ConvertContext {
            engine: Arc::clone(&context.engine),
            rasterizer: Arc::clone(&context.rasterizer),
            options: self.valid.options.clone(),
            password: job.password.clone(),
            requester: Requester::Job {
                id: job.id.clone(),
                fingerprint: self.output_path.fingerprint().as_str().to_owned(),
                is_machine_fault,
            },
            // Dropping the job's future cancels the reading.
            cancel: CancelToken::new(),
            stop: progress.stop.clone(),
            observer: Arc::new(JobObserver::new(
                &context.metrics,
                dir,
                self.source.bytes,
                progress,
            )),
            parts: Some(PartsPlace::Objects(
                self.object_parts(context, job, delivery),
            )),
        }
    }

    pub(super) fn object_parts(
        &self,
        context: &JobContext,
        job: &Job,
        delivery: &JobDelivery,
    ) -> ObjectParts {
        ObjectParts {
            parts: Arc::clone(&self.parts),
            runtime: Handle::current(),
            pages_per_part: pages_per_part(delivery.crashes),
            is_resumed: delivery.is_resumed,
            is_machine_fault,
            metrics: Arc::clone(&context.metrics),
            document: PartDocument {
                job: job.id.clone(),
                batch: job.batch.clone(),
                uri: job.source.uri.clone(),
                pages: 0,
            },
            record: PartsRecord::default(),
        }
    }

    /// A directory for the document and its result, with bytes for the document.
    fn scratch_dir(&self, context: &JobContext) -> Result<JobDir, JobFailure> {
        let too_large = |message| {
            let kind = FailureKind::DocumentTooLarge;
            Err(JobFailure::new(FailureStage::Fetch, kind, message))
        };
        let bytes = self.source.bytes.unwrap_or(0);
        let max_bytes = self.valid.options.limits.max_document_size.bytes();
        if bytes > max_bytes {
            return too_large(format!(
                "the document has {bytes} bytes and the limit is {max_bytes}"
            ));
        }
        let scratch_bytes = context.work.limit_bytes();
        if bytes > scratch_bytes {
            return too_large(format!(
                "the document has {bytes} bytes and the scratch directory {scratch_bytes}; raise --scratch-size"
            ));
        }
        let made = match context.work.job_dir(bytes) {
            // Documents that are only kept give way.
            Err(_) if context.kept_documents.clear() => context.work.job_dir(bytes),
            made => made,
        };
        made.map_err(|error| JobFailure::work(FailureStage::Fetch, &error.into()))
    }

    /// The document with its directory: the one that is kept, or one that will be downloaded into a new directory.
    pub(super) fn document(
        &self,
        context: &JobContext,
    ) -> Result<(DocumentSource, DocumentCopy), JobFailure> {
        if let Some(copy) = context.kept_documents.take(&self.source) {
            tracing::debug!("the document was downloaded for other pages of it");
            return Ok((self.source_at(SourcePlace::Downloaded(copy.path())), copy));
        }
        let copy = DocumentCopy {
            source: self.source.clone(),
            dir: self.scratch_dir(context)?,
        };
        let place = SourcePlace::Object(ObjectSource {
            stores: Arc::clone(&context.stores),
            uri: self.valid.source.clone(),
            version: ObjectVersion {
                version_id: self.source.version_id.clone(),
                etag: self.source.etag.clone(),
                bytes: self.source.bytes,
            },
            copy: Some(copy.path()),
        });
        Ok((self.source_at(place), copy))
    }

    fn source_at(&self, place: SourcePlace) -> DocumentSource {
        let source = self.source.clone();
        DocumentSource {
            place,
            info: SourceInfo {
                uri: source.uri,
                version_id: source.version_id,
                etag: source.etag,
                bytes: source.bytes,
                sha256: None,
            },
        }
    }

    /// The output path, with the folder in `dir` that the result is made in.
    pub(super) fn target(
        &self,
        context: &JobContext,
        dir: &JobDir,
        replace: bool,
    ) -> DocumentTarget {
        let title = self.source.uri.rsplit('/').next().unwrap_or(NAME);
        DocumentTarget::Store(StoreTarget {
            stores: Arc::clone(&context.stores),
            folder: self.output_path.folder().clone(),
            name: ResultName {
                folder: dir.path().join("results"),
                stem: NAME.to_owned(),
                title: title.to_owned(),
            },
            condition: match replace {
                true => WriteCondition::Always,
                false => WriteCondition::IfAbsent,
            },
            hashed_names: true,
            // Other jobs write at the same time.
            files_at_once: 1,
        })
    }
}

/// Returns true if a page that fails so was lost by this machine's fault, not by the document's.
fn is_machine_fault(kind: FailureKind) -> bool {
    policy(kind).page_fault == PageFault::Machine
}

/// Pages of a part. After crashes parts are smaller, so that more of the pages are kept that were read before the next
/// one, down to the very page that ends its worker.
fn pages_per_part(crashes: u32) -> u32 {
    match crashes {
        0 => PAGES_PER_PART,
        1 => PAGES_PER_PART / 4,
        _ => 1,
    }
}
