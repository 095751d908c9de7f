//! Reading of a local document into the files of its result, on a thread that may block.

use std::{
    io,
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::Instant,
};

use recto_pipeline::{
    cancel::CancelToken,
    read::{self, OutputTooLarge, PageResult, PageSink, ReadError, ReadOutcome, ReadSignals},
};
use recto_schemas::{
    DocumentPassword, FailureDetail, Manifest, ModelInfo, Options, PageOutcome, SourceInfo,
};
use tokio::task::spawn_blocking;

use super::{
    context::{ConvertContext, PartsPlace, Requester},
    error::ConvertError,
    fingerprint::Fingerprint,
    manifest,
    observer::ConvertObserver,
    output::{ResultFolder, ResultName, ResultSink, StdoutWriter, write_manifest},
    parts::{DocumentParts, FolderParts, ObservedParts},
    source::LocalDocument,
    target::{DocumentTarget, StoreTarget},
};

/// A document that is to be read on a thread that may block.
pub(super) struct ReadTask {
    pub(super) document: Result<LocalDocument, ConvertError>,
    pub(super) source: SourceInfo,
    pub(super) target: DocumentTarget,
    pub(super) context: Arc<ConvertContext>,
}

/// A document that was read. Its files are in their folder, the manifest among them.
pub(super) struct ReadResult {
    pub(super) manifest: Manifest,
    /// True if the reader of standard output has gone.
    pub(super) reader_left: bool,
    pub(super) target: DocumentTarget,
}

impl ReadTask {
    /// Reads the document. Dropping the future stops it at the next page.
    pub(super) async fn run(self) -> Result<ReadResult, ConvertError> {
        let cancel = self.context.cancel.child();
        let _cancel_on_drop = CancelOnDrop(cancel.clone());
        let span = tracing::Span::current();
        spawn_blocking(move || span.in_scope(|| self.run_blocking(&cancel)))
            .await
            .unwrap_or_else(|panicked| Err(ConvertError::panicked(&panicked)))
    }

    fn run_blocking(self, cancel: &CancelToken) -> Result<ReadResult, ConvertError> {
        let (context, mut source, target) = (self.context, self.source, self.target);
        let max_bytes = context.options.limits.max_document_size.bytes();
        let opened = self
            .document
            .and_then(|document| document.open(max_bytes, &mut source));
        let file = match opened {
            Ok(file) => file,
            Err(error) => return without_pages(error, source, target, &context),
        };

        let started = Instant::now();
        let mut parts = context
            .open_parts(&target, &source)
            .map_err(|error| context.not_written(error, source.clone()))?;
        let mut output = target
            .open(&context.options)
            .map_err(|error| context.not_written(error, source.clone()))?;
        let input = read::DocumentInput {
            file,
            password: context.password.as_ref().map(DocumentPassword::reveal),
            rasterizer: &context.rasterizer,
        };
        let mut sink = ObservedSink {
            output: output.as_mut(),
            observer: context.observer.as_ref(),
            max_bytes: context.options.limits.max_output_size.bytes(),
            // Parts say so sooner.
            shows_pages: parts.is_none(),
        };
        let engine = context.engine.as_ref();
        let options = &context.options;
        let read = unless_panicked(|| match &mut parts {
            Some(parts) => {
                let stop = &context.stop;
                let signals = ReadSignals { cancel, stop };
                let mut parts = ObservedParts {
                    parts: parts.as_mut(),
                    observer: context.observer.as_ref(),
                };
                read::read_with_parts(input, options, engine, &mut sink, &mut parts, signals)
            }
            // Nothing is kept, so pages in hand need not be ended.
            None => {
                let cancel = cancel.child_with(&context.stop);
                read::read(input, options, engine, &mut sink, &cancel)
            }
        });
        let read = match read {
            Ok(read) => read,
            Err(error) => return without_pages(error, source, target, &context),
        };
        let reader_left = matches!(
            &read,
            Err(ReadError::Sink(error)) if error.kind() == io::ErrorKind::BrokenPipe
        );
        let read = context.check(read, &source)?;
        let mut manifest = manifest::manifest(source, read, &context.options, engine);
        manifest.pages = output.take_summaries();
        manifest.timing.wall_s = started.elapsed().as_secs_f64();
        if let Some(parts) = &parts {
            manifest.timing.parts = parts.reports();
            manifest.timing.pages_reread = parts.pages_reread();
        }
        context.stamp(&mut manifest)?;
        if let Err(error) = output.finish(&manifest) {
            return Err(ConvertError::write(error, manifest));
        }
        if let Some(Err(error)) = parts.as_mut().map(|parts| parts.finished()) {
            tracing::warn!(%error, "parts that were kept of the document stay");
        }
        Ok(ReadResult {
            manifest,
            reader_left,
            target,
        })
    }
}

/// Does `work`; a panic in it is an error of that document.
fn unless_panicked<T>(work: impl FnOnce() -> T) -> Result<T, ConvertError> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| ConvertError::Panicked)
}

/// The end of a document that could not be opened or read. A person gets a manifest that says so, and the other files of an
/// earlier result stay; a job fails.
fn without_pages(
    error: ConvertError,
    source: SourceInfo,
    target: DocumentTarget,
    context: &ConvertContext,
) -> Result<ReadResult, ConvertError> {
    if matches!(context.requester, Requester::Job { .. }) {
        return Err(error);
    }
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
            Self::Stdout { title } => Box::new(StdoutWriter::new(title.clone())?),
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

    /// The place of pages that were read.
    fn open_parts(
        &self,
        target: &DocumentTarget,
        source: &SourceInfo,
    ) -> io::Result<Option<Box<dyn DocumentParts>>> {
        Ok(match (&self.parts, target) {
            (Some(PartsPlace::Objects(parts)), _) => Some(Box::new(parts.clone())),
            (Some(PartsPlace::Folder), DocumentTarget::Folder(name)) => {
                let blank = self.blank_manifest(source.clone());
                Some(Box::new(FolderParts::open(name, &blank)?))
            }
            (Some(PartsPlace::Folder) | None, _) => None,
        })
    }

    /// The model that documents are read with.
    pub(crate) fn model(&self) -> ModelInfo {
        manifest::model(&self.options, self.engine.as_ref())
    }

    /// The fingerprint of a person's document.
    pub(super) fn fingerprint(&self, source: &SourceInfo) -> Option<Fingerprint> {
        let model = &self.engine.info().model_sha256;
        Fingerprint::of_document(source, &self.options, model, self.password.as_ref())
    }

    /// The manifest of a document of which nothing was read.
    fn blank_manifest(&self, source: SourceInfo) -> Manifest {
        manifest::blank(source, &self.options, self.engine.as_ref())
    }

    /// The outcome that goes into the manifest. For a job that is never a failure.
    fn check(
        &self,
        read: Result<ReadOutcome, ReadError>,
        source: &SourceInfo,
    ) -> Result<Result<ReadOutcome, ReadError>, ConvertError> {
        match (read, &self.requester) {
            (Err(ReadError::Cancelled), _) => Err(ConvertError::Cancelled),
            (Err(ReadError::Stopped), _) => Err(ConvertError::Stopped),
            (Err(ReadError::Parts(error)), _) => Err(ConvertError::of_parts(error, |error| {
                self.not_written(error, source.clone())
            })),
            (Err(error), Requester::Job { .. }) => Err(ConvertError::Read(error)),
            (read, _) => Ok(read),
        }
    }

    /// Puts fingerprint and job into the manifest. Fails if a page was lost by this machine's fault: then the job has no result.
    fn stamp(&self, manifest: &mut Manifest) -> Result<(), ConvertError> {
        let Requester::Job {
            id,
            fingerprint,
            is_machine_fault,
        } = &self.requester
        else {
            let fingerprint = self.fingerprint(&manifest.source);
            manifest.fingerprint = fingerprint.map(|fingerprint| fingerprint.as_str().to_owned());
            return Ok(());
        };
        manifest.job = Some(id.clone());
        manifest.fingerprint = Some(fingerprint.clone());
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
pub(super) struct CancelOnDrop(pub(super) CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A sink that shows its pages to the observer.
struct ObservedSink<'a> {
    output: &'a mut dyn ResultSink,
    observer: &'a dyn ConvertObserver,
    /// Maximum number of bytes that the output may come to.
    max_bytes: u64,
    shows_pages: bool,
}

impl PageSink for ObservedSink<'_> {
    fn open(&mut self, pages: u32) -> io::Result<()> {
        self.observer.opened(pages);
        self.output.open(pages)
    }

    fn page(&mut self, page: PageResult) -> io::Result<()> {
        if page.is_stored {
            self.observer.page_resumed();
        } else if self.shows_pages {
            self.observer.page(&page.summary);
        }
        let before = self.output.written_bytes();
        self.output.page(page)?;
        let bytes = self.output.written_bytes();
        if bytes > self.max_bytes {
            return Err(io::Error::other(OutputTooLarge {
                limit_bytes: self.max_bytes,
                raise: "--max-output-size",
            }));
        }
        self.observer.written(bytes.saturating_sub(before))
    }

    fn heading_levels(&mut self, levels: &[u8]) -> io::Result<()> {
        self.output.heading_levels(levels)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use recto_schemas::FailureKind;

    use super::*;

    #[test]
    fn a_panic_in_a_thread_of_a_document_is_its_own() {
        let ended = unless_panicked(|| {
            thread::scope(|scope| {
                scope.spawn(|| panic!("of one document"));
            });
        });
        assert_eq!(ended.unwrap_err().kind(), FailureKind::Panic);
        assert_eq!(unless_panicked(|| 5).unwrap(), 5);
    }
}
