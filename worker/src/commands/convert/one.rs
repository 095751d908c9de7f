//! One document, from its bytes to its manifest.

use std::{
    error::Error,
    fs::File,
    io::{self, Read, Seek},
    path::Path,
    time::Instant,
};

use recto_pipeline::{
    cancel::CancelToken,
    engine::Engine,
    image::rasterizer::Rasterizer,
    read::{self, PageResult, PageSink, ReadError, ReadOutcome},
};
use recto_schemas::{DocumentState, Manifest, Options, PageSummary, Reason, SourceInfo};

use super::{inputs::Input, objects::BlockingStore, progress::ProgressDisplay};
use crate::{
    document::manifest,
    document::output::{self, ResultFolder, StdoutWriter},
    store::{ErrorCause, StoreUri},
};

/// The parts that every document of a run is read with.
pub(crate) struct Context<'a> {
    pub(crate) options: &'a Options,
    pub(crate) password: Option<&'a str>,
    pub(crate) engine: &'a dyn Engine,
    pub(crate) rasterizer: &'a Rasterizer,
    /// The store from which documents are fetched; a run over local files has no need of one.
    pub(crate) objects: Option<&'a BlockingStore>,
    pub(crate) destination: DocumentTarget<'a>,
    /// True if the run has more than one document.
    pub(crate) several: bool,
}

/// The target of results.
#[derive(Clone, Copy)]
pub(crate) enum DocumentTarget<'a> {
    /// To standard output, Markdown alone.
    Stdout,
    /// To a folder.
    Folder(&'a Path),
    /// Below a prefix of an object store.
    Prefix(&'a StoreUri, &'a BlockingStore),
}

/// The outcome of a document.
#[derive(Debug)]
pub(crate) struct DocumentOutcome {
    pub(crate) uri: String,
    pub(crate) state: DocumentState,
    /// The reason why it failed or was cut short.
    pub(crate) failure: Option<Reason>,
    /// Pages with a result.
    pub(crate) pages: u32,
    /// Pages that failed, and why the first of them did.
    pub(crate) failed: (u32, Option<Reason>),
    pub(crate) seconds: f64,
    /// True if the reader of standard output went away.
    pub(crate) reader_left: bool,
}

impl DocumentOutcome {
    /// The error of the result, in one line; nothing if all is well.
    pub(crate) fn trouble(&self) -> Option<String> {
        let (failed, first) = &self.failed;
        let pages = first.as_ref().map(|first| {
            let pages = if *failed == 1 {
                "1 page".to_owned()
            } else {
                format!("{failed} pages")
            };
            format!("{pages} failed: {}", first.message)
        });
        let whole = self.failure.as_ref().map(|failure| failure.message.clone());
        match (self.state, whole.or(pages)) {
            (DocumentState::Done, _) => None,
            (_, why) => Some(format!(
                "{}: {}",
                self.uri,
                why.unwrap_or_else(|| "failed".to_owned())
            )),
        }
    }
}

/// Converts one document. `None` if it was stopped: then nothing of it is left.
pub(crate) fn convert(
    input: &Input,
    context: &Context<'_>,
    progress: &ProgressDisplay,
    cancel: &CancelToken,
) -> Option<DocumentOutcome> {
    let started = Instant::now();
    let mut source = SourceInfo {
        uri: input.uri(),
        ..SourceInfo::default()
    };
    let opened = open(input, context, &mut source, cancel)?;
    let uri = source.uri.clone();
    let run = (progress, cancel);
    let mut ended = match (opened, context.destination) {
        (opened, DocumentTarget::Prefix(prefix, objects)) => {
            to_prefix((input, source, opened), (prefix, objects), context, run)?
        }
        (opened, DocumentTarget::Folder(folder)) => {
            to_folder((input, source, opened), folder, context, run)?
        }
        (Ok(file), DocumentTarget::Stdout) => to_stdout((source, file), context, run)?,
        (Err(failure), DocumentTarget::Stdout) => failed(source, failure, context, None),
    };
    ended.uri = uri;
    ended.seconds = started.elapsed().as_secs_f64();
    Some(ended)
}

/// Opens the document, as a file that can be read by position, and says in `source` what it is. `None`
/// where the run was stopped.
fn open(
    input: &Input,
    context: &Context<'_>,
    source: &mut SourceInfo,
    cancel: &CancelToken,
) -> Option<Result<File, Reason>> {
    let most_bytes = context.options.limits.max_document_size.bytes();
    let (Some(at), Some(objects)) = (&input.object, context.objects) else {
        return Some(open_file(input, most_bytes, source));
    };
    let fetched = objects.fetch(at, most_bytes, cancel)?;
    Some(match fetched {
        Ok(file) => identify(file, most_bytes, source),
        Err(error) if matches!(error.cause, ErrorCause::TooLarge { .. }) => {
            Err(too_large(most_bytes))
        }
        Err(error) => Err(Reason {
            kind: error.kind().to_owned(),
            message: error.cause.to_string(),
        }),
    })
}

fn open_file(input: &Input, most_bytes: u64, source: &mut SourceInfo) -> Result<File, Reason> {
    if let Some(error) = &input.error {
        return Err(unreadable(error));
    }
    let missing = |error: &io::Error| match error.kind() {
        io::ErrorKind::NotFound => Reason {
            message: "no such file; check the path".to_owned(),
            ..unreadable(error)
        },
        _ => unreadable(error),
    };
    let file = regular(input, most_bytes).map_err(|error| missing(&error))?;
    identify(file, most_bytes, source)
}

/// Says in `source` what the document is.
fn identify(mut file: File, most_bytes: u64, source: &mut SourceInfo) -> Result<File, Reason> {
    let bytes = file.metadata().map_err(|error| unreadable(&error))?.len();
    source.bytes = Some(bytes);
    if bytes > most_bytes {
        return Err(too_large(most_bytes));
    }
    source.sha256 = Some(manifest::sha256(&mut file).map_err(|error| unreadable(&error))?);
    Ok(file)
}

fn unreadable(error: &io::Error) -> Reason {
    Reason {
        kind: "not-readable".to_owned(),
        message: match error.kind() {
            io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
            _ => format!("cannot be read: {error}"),
        },
    }
}

fn too_large(most_bytes: u64) -> Reason {
    Reason {
        kind: "document-too-large".to_owned(),
        message: format!(
            "the document is larger than {} MB; raise --max-document-size",
            most_bytes as f64 / 1e6
        ),
    }
}

/// The input as a regular file: standard input and pipes are first copied to a passing one, as far as
/// one byte past the limit.
fn regular(input: &Input, most_bytes: u64) -> io::Result<File> {
    let mut piped: Box<dyn Read> = if input.is_stdin() {
        Box::new(io::stdin().lock())
    } else {
        let file = File::open(&input.path)?;
        if file.metadata()?.is_file() {
            return Ok(file);
        }
        Box::new(file)
    };
    let mut copy = tempfile::tempfile()?;
    io::copy(
        &mut piped.by_ref().take(most_bytes.saturating_add(1)),
        &mut copy,
    )?;
    copy.rewind()?;
    Ok(copy)
}

/// To a temporary folder first, and from there below the prefix.
fn to_prefix(
    (input, source, opened): (&Input, SourceInfo, Result<File, Reason>),
    (prefix, objects): (&StoreUri, &BlockingStore),
    context: &Context<'_>,
    run: (&ProgressDisplay, &CancelToken),
) -> Option<DocumentOutcome> {
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => return Some(failed(source, not_written(&error), context, None)),
    };
    let mut ended = to_folder((input, source, opened), folder.path(), context, run)?;
    let delivered = objects.deliver(folder.path(), &input.name, prefix);
    if let Err(error) = delivered {
        ended.state = DocumentState::Failed;
        ended.failure = Some(not_written(&error));
    }
    Some(ended)
}

fn to_folder(
    (input, source, opened): (&Input, SourceInfo, Result<File, Reason>),
    folder: &Path,
    context: &Context<'_>,
    (progress, cancel): (&ProgressDisplay, &CancelToken),
) -> Option<DocumentOutcome> {
    let file = match opened {
        Ok(file) => file,
        Err(failure) => return Some(failed(source, failure, context, Some((folder, input)))),
    };
    let started = Instant::now();
    let mut output = match ResultFolder::create(input.result_in(folder), context.options) {
        Ok(output) => output,
        Err(error) => return Some(failed(source, not_written(&error), context, None)),
    };
    let result = read(file, context, &mut output, (progress, cancel));
    if matches!(result, Err(ReadError::Cancelled)) {
        return None;
    }
    let mut manifest = manifest::manifest(source, result, context.options, context.engine);
    manifest.pages = std::mem::take(&mut output.summaries);
    manifest.timing.wall_s = started.elapsed().as_secs_f64();
    let mut ended = summary(&manifest);
    if let Err(error) = output.finish(&manifest) {
        ended.state = DocumentState::Failed;
        ended.failure = Some(not_written(&error));
    }
    Some(ended)
}

fn to_stdout(
    (source, file): (SourceInfo, File),
    context: &Context<'_>,
    (progress, cancel): (&ProgressDisplay, &CancelToken),
) -> Option<DocumentOutcome> {
    let title = context.several.then(|| source.uri.clone());
    let mut output = StdoutWriter::new(title.filter(|_| context.options.page_markers));
    let result = read(file, context, &mut output, (progress, cancel));
    let reader_left = match &result {
        Err(ReadError::Cancelled) => return None,
        Err(ReadError::Sink(error)) => error.kind() == io::ErrorKind::BrokenPipe,
        _ => false,
    };
    if reader_left {
        cancel.cancel();
    }
    let mut manifest = manifest::manifest(source, result, context.options, context.engine);
    manifest.pages = output.summaries;
    Some(DocumentOutcome {
        reader_left,
        ..summary(&manifest)
    })
}

fn read(
    file: File,
    context: &Context<'_>,
    sink: &mut dyn PageSink,
    (progress, cancel): (&ProgressDisplay, &CancelToken),
) -> Result<ReadOutcome, ReadError> {
    let mut watched = ProgressSink { sink, progress };
    let input = read::DocumentInput {
        file,
        password: context.password,
        rasterizer: context.rasterizer,
    };
    read::read(input, context.options, context.engine, &mut watched, cancel)
}

/// A document that could not even be opened; its manifest says why.
fn failed(
    source: SourceInfo,
    failure: Reason,
    context: &Context<'_>,
    output: Option<(&Path, &Input)>,
) -> DocumentOutcome {
    let mut manifest = manifest::blank(source, context.options, context.engine);
    manifest.failure = Some(failure);
    let mut ended = summary(&manifest);
    if let Some((folder, input)) = output
        && let Err(error) = output::write_manifest(&input.result_in(folder), &manifest)
    {
        ended.failure = Some(not_written(&error));
    }
    ended
}

fn summary(manifest: &Manifest) -> DocumentOutcome {
    let first = |page: &&PageSummary| page.outcome == recto_schemas::PageOutcome::Failed;
    let counts = manifest.counts;
    DocumentOutcome {
        uri: manifest.source.uri.clone(),
        state: manifest.state,
        failure: manifest.failure.clone(),
        pages: counts.ok + counts.empty + counts.text_layer,
        failed: (
            counts.failed,
            manifest
                .pages
                .iter()
                .find(first)
                .and_then(|p| p.reason.clone()),
        ),
        seconds: 0.0,
        reader_left: false,
    }
}

fn not_written(error: &dyn Error) -> Reason {
    Reason {
        kind: "result-not-written".to_owned(),
        message: format!("the result could not be written: {error}"),
    }
}

/// A sink that shows what passes.
struct ProgressSink<'a> {
    sink: &'a mut dyn PageSink,
    progress: &'a ProgressDisplay,
}

impl PageSink for ProgressSink<'_> {
    fn open(&mut self, pages: u32) -> io::Result<()> {
        self.progress.opened(pages);
        self.sink.open(pages)
    }

    fn page(&mut self, page: PageResult) -> io::Result<()> {
        self.sink.page(page)?;
        self.progress.page();
        Ok(())
    }
}
