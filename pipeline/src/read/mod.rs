//! Reading of a document: its pages to a sink in order, as they finish.
//!
//! Several threads, as many as keep the engine busy, take pages through the stages of `stages`. A window over the
//! pages keeps them within a few of the last one that was given to the sink, so that memory does not grow with the
//! page count however long one page takes. The calling thread takes the pages in order, assembles them and feeds
//! the sink.

mod window;
mod stages;
mod page;
mod residual;
mod drawn_regions;
mod picture_lines;
mod assembly;

use std::{
    borrow::Cow,
    fs::File,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use recto_schemas::{
    DocumentState, FailureDetail, FailureKind, Options, PageCounts, PageRecord, PageSummary,
    RawOutput, ReadWarning, UnreadLineRecord,
};

use self::{
    assembly::PageAssembly,
    page::PageState,
    stages::PageProcessor,
    window::{InOrderWindow, Taken},
};
use crate::{
    cancel::CancelToken,
    engine::{DocumentId, Engine},
    image::{
        preview::PagePreview,
        rasterizer::{OpenDocument, RasterError, Rasterizer},
    },
    text::AssembledPage,
};

/// Requests that may be finished before the one that the sink waits for, in multiples of the engine's window.
const LOOKAHEAD: usize = 3;

/// A document to read.
#[derive(Debug)]
pub struct DocumentInput<'a> {
    /// The file; read by position, never by name.
    pub file: File,
    /// Its password, if it needs one.
    pub password: Option<&'a str>,
    /// The rasterizer for it.
    pub rasterizer: &'a Rasterizer,
}

/// A receiver of pages. Called in order, on the thread that called [`read`].
pub trait PageSink {
    /// The document is open, and this many pages will come.
    ///
    /// # Errors
    /// The reason for which no page can be taken; reading stops.
    fn open(&mut self, pages: u32) -> io::Result<()>;

    /// Takes the next page.
    ///
    /// # Errors
    /// The reason for which the page cannot be taken; reading stops.
    fn page(&mut self, page: PageResult) -> io::Result<()>;

    /// Takes the levels of the document's headings after its last page: one for each heading block of all pages, in
    /// order, 1 to 6. Only when all headings are known is it known how deep each is; see
    /// [`AssembledPage::heading_signs`].
    ///
    /// # Errors
    /// The reason for which the headings cannot be changed.
    fn heading_levels(&mut self, levels: &[u8]) -> io::Result<()>;
}

/// One finished page.
#[derive(Clone, Debug)]
pub struct PageResult {
    /// Its entry in the manifest.
    pub summary: PageSummary,
    /// Its lines, blocks and Markdown.
    pub assembled: AssembledPage,
    /// Its lines of which most was not read.
    pub unread: Vec<UnreadLineRecord>,
    /// The model's input and output, if the options ask for them.
    pub raw: Option<RawOutput>,
    /// A small image of it, if the options ask for a review page and the page has a bitmap.
    pub preview: Option<PagePreview>,
}

impl PageResult {
    /// Its line of `pages.jsonl`.
    pub fn record(&self) -> PageRecord<'_> {
        PageRecord {
            schema: PageRecord::SCHEMA.to_owned(),
            page: self.summary.page,
            outcome: self.summary.outcome,
            width_px: self.summary.width_px.unwrap_or(0),
            height_px: self.summary.height_px.unwrap_or(0),
            lines: Cow::Borrowed(&self.assembled.lines),
            unread: Cow::Borrowed(&self.unread),
            raw: self.raw.as_ref().map(Cow::Borrowed),
        }
    }
}

/// The outcome of a document that could be opened.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadOutcome {
    /// Its final state.
    pub state: DocumentState,
    /// The reason for which it was cut short, if it was.
    pub failure: Option<FailureDetail>,
    /// Its format, such as `pdf`.
    pub format: String,
    /// Pages by outcome.
    pub counts: PageCounts,
    /// Warnings for whoever uses the result.
    pub warnings: Vec<ReadWarning>,
}

/// The reason for which a document has no [`ReadOutcome`].
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It could not be opened.
    #[error(transparent)]
    Document(#[from] RasterError),
    /// It has none of the pages that were asked for.
    #[error("the document has no page in `{asked}`; it has pages 1 to {count}")]
    NoSuchPage {
        /// Number of pages it has.
        count: u32,
        /// The pages that were asked for.
        asked: String,
    },
    /// The sink took no more pages.
    #[error("the result could not be written: {0}")]
    Sink(#[source] io::Error),
    /// The token was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl ReadError {
    /// The machine-readable code.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Document(error) => error.kind(),
            Self::NoSuchPage { .. } => FailureKind::NoSuchPage,
            Self::Sink(_) => FailureKind::ResultNotWritten,
            Self::Cancelled => FailureKind::Cancelled,
        }
    }
}

/// Reads a document: its pages reach `sink` in order, as they finish.
///
/// A page that fails is a page with a reason; the others go on. After `options.limits.document_timeout`
/// the pages that are left fail with `document-timeout`.
///
/// # Errors
/// [`ReadError`] if the document cannot be opened, the sink fails or `cancel` is cancelled.
pub fn read(
    input: DocumentInput<'_>,
    options: &Options,
    engine: &dyn Engine,
    sink: &mut dyn PageSink,
    cancel: &CancelToken,
) -> Result<ReadOutcome, ReadError> {
    let deadline = Instant::now() + *options.limits.document_timeout;
    let document = input
        .rasterizer
        .open(input.file, input.password, &options.limits, cancel)
        .map_err(|error| {
            if cancel.is_cancelled() {
                ReadError::Cancelled
            } else {
                error.into()
            }
        })?;
    let selection = PageSelection::new(options, document.info().pages)?;
    sink.open(u32::try_from(selection.pages.len()).unwrap_or(u32::MAX))
        .map_err(ReadError::Sink)?;

    let mut assembly = PageAssembly::new(options, sink);
    let processor = PageProcessor {
        document: &document,
        options: Arc::new(options.clone()),
        engine,
        id: next_id(),
        deadline,
        cancel: cancel.child(),
    };
    process_all(&processor, &selection.pages, &mut assembly, cancel)?;
    let (mut counts, warnings) = assembly.finish().map_err(ReadError::Sink)?;
    counts.document = document.info().pages;
    counts.skipped = selection.skipped;
    counts.selected += selection.skipped;
    Ok(ReadOutcome {
        state: state_of(&counts),
        failure: selection.failure(&document, options),
        format: document.info().format.to_owned(),
        counts,
        warnings,
    })
}

/// The pages of a document that are read.
struct PageSelection {
    pages: Vec<u32>,
    skipped: u32,
}

impl PageSelection {
    fn new(options: &Options, count: u32) -> Result<Self, ReadError> {
        let most = usize::try_from(options.limits.max_pages.get()).unwrap_or(usize::MAX);
        let mut pages: Vec<u32> = match &options.pages {
            Some(ranges) => ranges.select(count).collect(),
            None => (1..=count).collect(),
        };
        if let (true, Some(ranges)) = (pages.is_empty(), &options.pages) {
            return Err(ReadError::NoSuchPage {
                count,
                asked: ranges.to_string(),
            });
        }
        let skipped = pages.len().saturating_sub(most);
        pages.truncate(most);
        Ok(Self {
            pages,
            skipped: u32::try_from(skipped).unwrap_or(u32::MAX),
        })
    }

    fn failure(&self, document: &OpenDocument<'_>, options: &Options) -> Option<FailureDetail> {
        (self.skipped > 0).then(|| FailureDetail {
            kind: FailureKind::PageLimit,
            message: format!(
                "the document has {} pages, {} after the first {} were not read; raise --max-pages",
                document.info().pages,
                self.skipped,
                options.limits.max_pages
            ),
        })
    }
}

/// Processes all pages on threads of their own and assembles them on this one. Returns when all threads have ended.
fn process_all(
    processor: &PageProcessor<'_>,
    pages: &[u32],
    assembly: &mut PageAssembly<'_>,
    cancel: &CancelToken,
) -> Result<(), ReadError> {
    let engine = processor.engine.info();
    let pages_per_request = usize::try_from(engine.pages_per_request).unwrap_or(1);
    let requests: Vec<&[u32]> = pages.chunks(pages_per_request.max(1)).collect();
    let threads = usize::try_from(engine.max_in_flight)
        .unwrap_or(1)
        .clamp(1, requests.len().max(1));
    let window = InOrderWindow::new(requests.len(), threads * LOOKAHEAD);
    thread::scope(|scope| {
        for _ in 0..threads {
            let (worker, requests) = (window.worker(), &requests);
            scope.spawn(move || {
                while let Some(index) = worker.start() {
                    worker.finish(index, processor.process(requests[index]));
                }
            });
        }
        let result = assemble_all(&window, processor, assembly, cancel);
        // After an error nobody wants the pages that are left.
        processor.cancel.cancel();
        window.close();
        result
    })
}

fn assemble_all(
    window: &InOrderWindow<Vec<PageState>>,
    processor: &PageProcessor<'_>,
    assembly: &mut PageAssembly<'_>,
    cancel: &CancelToken,
) -> Result<(), ReadError> {
    loop {
        let is_late = Instant::now() >= processor.deadline;
        if is_late {
            // The pages that are left fail at once, each with its reason.
            processor.cancel.cancel();
        }
        match window.take(cancel, (!is_late).then_some(processor.deadline)) {
            Taken::Next(pages) => {
                for page in pages {
                    assembly.push(page).map_err(ReadError::Sink)?;
                }
            }
            Taken::Timeout => {}
            Taken::Cancelled => return Err(ReadError::Cancelled),
            Taken::End => return Ok(()),
        }
    }
}

fn state_of(counts: &PageCounts) -> DocumentState {
    if counts.ok + counts.empty + counts.text_layer == 0 {
        DocumentState::Failed
    } else if counts.failed + counts.skipped + counts.partial > 0 {
        DocumentState::Partial
    } else {
        DocumentState::Done
    }
}

fn next_id() -> DocumentId {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    DocumentId(NEXT.fetch_add(1, Ordering::Relaxed))
}
