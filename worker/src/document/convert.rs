//! Conversion of one document: fetch → read → publish, the same way for every command.

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use recto_pipeline::{
    cancel::CancelToken,
    engine::Engine,
    image::rasterizer::Rasterizer,
    read::{self, PageResult, PageSink, ReadError, ReadOutcome},
};
use recto_schemas::{
    DocumentPassword, FailureDetail, FailureKind, Manifest, Options, PageOutcome, PageSummary,
    ResultTiming, SourceInfo,
};
use tokio::task::spawn_blocking;
use tracing::Instrument as _;

use super::{
    manifest,
    output::{ResultFolder, ResultName, ResultSink, StdoutWriter, write_manifest},
    publish::{Published, StoreTarget},
    source::{DocumentSource, LocalDocument},
};
use crate::{
    observe::{logging, metrics::JobStage},
    os::scratch::is_disk_full,
    store::{ErrorCause, StoreError},
};

/// The target of a document's results.
pub(crate) enum DocumentTarget {
    /// Standard output, for Markdown alone. The title is written first if several documents follow one another.
    Stdout { title: Option<String> },
    /// Files in a folder.
    Folder(ResultName),
    /// Objects in a store.
    Store(StoreTarget),
}

/// Everything that documents are converted with.
pub(crate) struct ConvertContext {
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) rasterizer: Arc<Rasterizer>,
    pub(crate) options: Options,
    pub(crate) password: Option<DocumentPassword>,
    pub(crate) requester: Requester,
    pub(crate) observer: Arc<dyn ConvertObserver>,
    pub(crate) cancel: CancelToken,
}

/// The party that asked for a document, which decides what becomes of a failure.
pub(crate) enum Requester {
    /// A person: a document that cannot be read leaves a manifest that says why.
    Person,
    /// A job: a failure leaves no result, so that another try can make one. The manifest names the job.
    Job {
        /// Its `id`.
        id: String,
        /// The fingerprint of its result.
        fingerprint: String,
        /// Returns true if a page that fails so was lost by this machine's fault, not by the document's.
        is_machine_fault: fn(FailureKind) -> bool,
    },
}

/// An observer of a conversion. Its methods are called in this order.
pub(crate) trait ConvertObserver: Send + Sync {
    /// The document was downloaded.
    fn fetched(&self) {}

    /// The document is open, and this many pages will come.
    fn opened(&self, _pages: u32) {}

    /// A page was read.
    fn page(&self, _page: &PageSummary) {}

    /// A page was written; the result has grown by this many bytes.
    ///
    /// # Errors
    /// The result may not grow further; reading stops.
    fn written(&self, _bytes: u64) -> io::Result<()> {
        Ok(())
    }

    /// The document was read.
    fn read(&self, _manifest: &Manifest) {}

    /// A file was published.
    fn stored(&self, _bytes: u64) {}

    /// A stage ended, well or not.
    fn stage(&self, _stage: JobStage, _took: Duration) {}
}

/// A document that was converted, or whose failure is in its manifest.
#[derive(Debug)]
pub(crate) struct ConvertedDocument {
    /// The manifest of the result. If another worker published its own first, that one.
    pub(crate) manifest: Manifest,
    /// True if the result is that of this conversion.
    pub(crate) is_ours: bool,
    /// Where the time went.
    pub(crate) timing: ResultTiming,
    /// True if the reader of standard output has gone.
    pub(crate) reader_left: bool,
}

/// A document has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConvertError {
    /// The source cannot be read.
    #[error("{}", unreadable(.0))]
    Unreadable(io::Error),
    /// The source does not exist.
    #[error("no such file; check the path")]
    NoSuchFile,
    /// The source is larger than its limit.
    #[error(
        "the document is larger than {} MB; raise --max-document-size", *max_bytes as f64 / 1e6
    )]
    TooLarge { max_bytes: u64 },
    /// The source cannot be downloaded.
    #[error("{}", .0.cause)]
    Fetch(#[from] StoreError),
    /// The scratch directory failed.
    #[error("cannot be read: {0}")]
    Scratch(io::Error),
    /// The document cannot be read.
    #[error("{0}")]
    Read(ReadError),
    /// A page was lost by this machine's fault.
    #[error("{}", .0.message)]
    LostPage(FailureDetail),
    /// The result cannot be written.
    #[error("the result could not be written: {error}")]
    Write {
        /// The system's reason.
        error: io::Error,
        /// The manifest that it would have had.
        manifest: Box<Manifest>,
    },
    /// The result cannot be published.
    #[error("the result could not be written: {error}")]
    Publish {
        /// The store's reason.
        error: StoreError,
        /// The manifest that it would have had.
        manifest: Box<Manifest>,
    },
    /// Reading panicked.
    #[error("reading the document panicked; this is a defect of recto, please report it")]
    Panicked,
    /// The token was cancelled.
    #[error("cancelled")]
    Cancelled,
}

fn unreadable(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

impl ConvertError {
    fn write(error: io::Error, manifest: Manifest) -> Self {
        let manifest = Box::new(manifest);
        Self::Write { error, manifest }
    }

    /// The machine-readable code.
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::Unreadable(_) | Self::NoSuchFile => FailureKind::NotReadable,
            Self::TooLarge { .. } => FailureKind::DocumentTooLarge,
            Self::Fetch(error) | Self::Publish { error, .. } => error.kind(),
            Self::Scratch(error) | Self::Write { error, .. } => match is_disk_full(error) {
                true => FailureKind::DiskFull,
                false => FailureKind::Io,
            },
            Self::Read(ReadError::Sink(error)) if is_disk_full(error) => FailureKind::DiskFull,
            Self::Read(error) => error.kind(),
            Self::LostPage(failure) => failure.kind,
            Self::Panicked => FailureKind::Panic,
            Self::Cancelled => FailureKind::Cancelled,
        }
    }
}

/// Converts a document.
///
/// # Errors
/// The document has no result. What a person asked for has a result, which says why, unless that cannot be written.
pub(crate) async fn convert(
    source: DocumentSource,
    info: SourceInfo,
    target: DocumentTarget,
    context: &Arc<ConvertContext>,
) -> Result<ConvertedDocument, ConvertError> {
    let max_bytes = context.options.limits.max_document_bytes;
    let download = source.download(max_bytes, &context.cancel);
    let (fetched, fetch_s) = stage(context, JobStage::Fetch, download).await;
    let document = match (fetched, &context.requester) {
        (Err(ConvertError::Cancelled), _) => return Err(ConvertError::Cancelled),
        (Err(error), Requester::Job { .. }) => return Err(error),
        (document, _) => document.map_err(|error| too_large(error, max_bytes)),
    };
    if document.is_ok() {
        context.observer.fetched();
    }

    let reading = Reading {
        document,
        source: info,
        target,
        context: Arc::clone(context),
        cancel: context.cancel.child(),
    };
    let (read, read_s) = stage(context, JobStage::Read, reading.run()).await;
    let ReadResult {
        mut manifest,
        reader_left,
        target,
    } = read?;
    context.observer.read(&manifest);

    let mut timing = ResultTiming {
        fetch_s: Some(fetch_s),
        read_s: Some(read_s),
        ..ResultTiming::default()
    };
    let mut is_ours = true;
    if let DocumentTarget::Store(target) = target {
        let publish = target.publish(context.observer.as_ref());
        let (published, store_s) = stage(context, JobStage::Store, publish).await;
        timing.store_s = Some(store_s);
        match published {
            Ok(Published::Ours) => {}
            Ok(Published::Anothers(stored)) => {
                is_ours = false;
                manifest = *stored;
            }
            Err(error) => {
                let manifest = Box::new(manifest);
                return Err(ConvertError::Publish { error, manifest });
            }
        }
    }
    Ok(ConvertedDocument {
        manifest,
        is_ours,
        timing,
        reader_left,
    })
}

/// A person is told of the limit by the option that raises it.
fn too_large(error: ConvertError, max_bytes: u64) -> ConvertError {
    match error {
        ConvertError::Fetch(StoreError {
            cause: ErrorCause::TooLarge { .. },
            ..
        }) => ConvertError::TooLarge { max_bytes },
        error => error,
    }
}

/// Runs a stage in a span of its own; gives its seconds too.
async fn stage<T>(
    context: &ConvertContext,
    stage: JobStage,
    work: impl Future<Output = T>,
) -> (T, f64) {
    let started = Instant::now();
    let result = work.instrument(logging::stage_span(stage)).await;
    let took = started.elapsed();
    context.observer.stage(stage, took);
    (result, took.as_secs_f64())
}

/// A document that is to be read on a thread that may block.
struct Reading {
    document: Result<LocalDocument, ConvertError>,
    source: SourceInfo,
    target: DocumentTarget,
    context: Arc<ConvertContext>,
    cancel: CancelToken,
}

/// A document that was read. Its files are in their folder, the manifest among them.
struct ReadResult {
    manifest: Manifest,
    reader_left: bool,
    target: DocumentTarget,
}

impl Reading {
    /// Reads the document. Dropping the future stops it at the next page.
    async fn run(self) -> Result<ReadResult, ConvertError> {
        let _cancel_on_drop = CancelOnDrop(self.cancel.clone());
        let span = tracing::Span::current();
        spawn_blocking(move || span.in_scope(|| self.run_blocking()))
            .await
            .unwrap_or_else(|panicked| {
                // The panic's own message could quote the document.
                tracing::error!(is_panic = panicked.is_panic(), "reading panicked");
                Err(ConvertError::Panicked)
            })
    }

    fn run_blocking(self) -> Result<ReadResult, ConvertError> {
        let (context, mut source, target) = (self.context, self.source, self.target);
        let max_bytes = context.options.limits.max_document_bytes;
        let opened = self
            .document
            .and_then(|document| document.open(max_bytes, &mut source));
        let file = match (opened, &context.requester) {
            (Ok(file), _) => file,
            (Err(error), Requester::Person) => {
                return record_failure(&error, source, target, &context);
            }
            (Err(error), Requester::Job { .. }) => return Err(error),
        };

        let started = Instant::now();
        let mut output = target
            .open(&context.options)
            .map_err(|error| context.not_written(error, source.clone()))?;
        let input = read::Input {
            file,
            password: context.password.as_ref().map(DocumentPassword::reveal),
            rasterizer: &context.rasterizer,
        };
        let mut sink = ObservedSink {
            output: output.as_mut(),
            observer: context.observer.as_ref(),
        };
        let engine = context.engine.as_ref();
        let read = read::read(input, &context.options, engine, &mut sink, &self.cancel);
        let reader_left = matches!(
            &read,
            Err(ReadError::Sink(error)) if error.kind() == io::ErrorKind::BrokenPipe
        );
        let read = context.check(read)?;
        let mut manifest = manifest::manifest(source, read, &context.options, engine);
        manifest.pages = output.take_summaries();
        manifest.timing.wall_s = started.elapsed().as_secs_f64();
        context.stamp(&mut manifest)?;
        if let Err(error) = output.finish(&manifest) {
            return Err(ConvertError::write(error, manifest));
        }
        Ok(ReadResult {
            manifest,
            reader_left,
            target,
        })
    }
}

/// Writes the manifest of a document that could not be opened. The other files of an earlier result stay.
fn record_failure(
    error: &ConvertError,
    source: SourceInfo,
    target: DocumentTarget,
    context: &ConvertContext,
) -> Result<ReadResult, ConvertError> {
    let mut manifest = context.blank_manifest(source);
    manifest.failure = Some(FailureDetail::new(error.kind(), error.to_string()));
    if let Some(name) = target.name()
        && let Err(error) = write_manifest(name, &manifest)
    {
        return Err(ConvertError::write(error, manifest));
    }
    Ok(ReadResult {
        manifest,
        reader_left: false,
        target,
    })
}

impl DocumentTarget {
    /// The name of the files, if the target has files.
    fn name(&self) -> Option<&ResultName> {
        match self {
            Self::Stdout { .. } => None,
            Self::Folder(name) | Self::Store(StoreTarget { name, .. }) => Some(name),
        }
    }

    /// Starts the outputs.
    fn open(&self, options: &Options) -> io::Result<Box<dyn ResultSink>> {
        Ok(match self {
            Self::Stdout { title } => Box::new(StdoutWriter::new(title.clone())),
            Self::Folder(name) | Self::Store(StoreTarget { name, .. }) => {
                Box::new(ResultFolder::create(name.clone(), options)?)
            }
        })
    }
}

impl ConvertContext {
    /// The error of a result that could not even be started.
    pub(crate) fn not_written(&self, error: io::Error, source: SourceInfo) -> ConvertError {
        ConvertError::write(error, self.blank_manifest(source))
    }

    /// The manifest of a document of which nothing was read.
    fn blank_manifest(&self, source: SourceInfo) -> Manifest {
        manifest::blank(source, &self.options, self.engine.as_ref())
    }

    /// The outcome that goes into the manifest. For a job that is never a failure.
    fn check(
        &self,
        read: Result<ReadOutcome, ReadError>,
    ) -> Result<Result<ReadOutcome, ReadError>, ConvertError> {
        match (read, &self.requester) {
            (Err(ReadError::Cancelled), _) => Err(ConvertError::Cancelled),
            (Err(error), Requester::Job { .. }) => Err(ConvertError::Read(error)),
            (read, _) => Ok(read),
        }
    }

    /// Puts the job into the manifest. Fails if a page was lost by this machine's fault: then the job has no result.
    fn stamp(&self, manifest: &mut Manifest) -> Result<(), ConvertError> {
        let Requester::Job {
            id,
            fingerprint,
            is_machine_fault,
        } = &self.requester
        else {
            return Ok(());
        };
        manifest.job = Some(id.clone());
        manifest.identity = Some(fingerprint.clone());
        let failed = manifest
            .pages
            .iter()
            .filter(|page| page.outcome == PageOutcome::Failed)
            .filter_map(|page| page.reason.clone()?.into_failure());
        let mut lost = failed.filter(|failure| is_machine_fault(failure.kind));
        match lost.next() {
            Some(failure) => Err(ConvertError::LostPage(failure)),
            None => Ok(()),
        }
    }
}

/// Cancels reading when nobody waits for it any more.
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A sink that shows its pages to the observer.
struct ObservedSink<'a> {
    output: &'a mut dyn ResultSink,
    observer: &'a dyn ConvertObserver,
}

impl PageSink for ObservedSink<'_> {
    fn open(&mut self, pages: u32) -> io::Result<()> {
        self.observer.opened(pages);
        self.output.open(pages)
    }

    fn page(&mut self, page: PageResult) -> io::Result<()> {
        self.observer.page(&page.summary);
        let before = self.output.written_bytes();
        self.output.page(page)?;
        let written = self.output.written_bytes().saturating_sub(before);
        self.observer.written(written)
    }
}
