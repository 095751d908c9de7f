//! [`read`]: a document in, pages to a sink in order as they finish.
//!
//! `window` threads each carry pages from the rasterizer to the engine's answer; a turnstile keeps them
//! within a few pages of the last one that was given to the sink, so that memory does not grow with
//! the page count however long one page takes. The calling thread puts pages in order, assembles
//! them and feeds the sink.

// Who may work on which page.
mod turnstile;
// One page from the rasterizer to the engine's answer.
mod carry;
// Pages in order to assembly and to the sink.
mod deliver;

use std::{
    fs::File,
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use recto_schemas::{
    DocumentState, Options, PageCounts, PageRecord, PageSummary, ReadWarning, Reason,
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
use carry::{PageProcessor, ProcessedPage};
use deliver::ReorderBuffer;
use turnstile::InOrderWindow;

/// How many times the engine's window pages may be finished before the one that the sink waits for.
const LEAD: usize = 3;

/// A document to read.
#[derive(Debug)]
pub struct Input<'a> {
    /// The file; read by position, never by name.
    pub file: File,
    /// Its password, where it needs one.
    pub password: Option<&'a str>,
    /// Who rasterizes it.
    pub rasterizer: &'a Rasterizer,
}

/// Where pages go. Called in order, from the thread that called [`read`].
pub trait PageSink {
    /// The document is open and has so many pages to give.
    ///
    /// # Errors
    /// Whatever keeps pages from being taken; reading stops.
    fn open(&mut self, pages: u32) -> io::Result<()>;

    /// Takes the next page.
    ///
    /// # Errors
    /// Whatever keeps the page from being taken; reading stops.
    fn page(&mut self, page: PageResult) -> io::Result<()>;
}

/// One finished page.
#[derive(Clone, Debug)]
pub struct PageResult {
    /// For the manifest.
    pub summary: PageSummary,
    /// For `pages.jsonl`.
    pub record: PageRecord,
    /// Its blocks and Markdown.
    pub assembled: AssembledPage,
    /// Its picture, where a review page is wanted and there is one.
    pub preview: Option<PagePreview>,
}

/// What became of a document that could be opened.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadOutcome {
    /// How it ended.
    pub state: DocumentState,
    /// Why it was cut short, where it was.
    pub failure: Option<Reason>,
    /// Its format, such as `pdf`.
    pub format: String,
    /// Pages by outcome.
    pub counts: PageCounts,
    /// What a person should know.
    pub warnings: Vec<ReadWarning>,
}

/// Why a document has no [`ReadOutcome`].
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It could not be opened.
    #[error(transparent)]
    Document(#[from] RasterError),
    /// It has none of the pages that were asked for.
    #[error("the document has no page in `{asked}`; it has pages 1 to {count}")]
    NoSuchPage {
        /// How many it has.
        count: u32,
        /// What was asked for.
        asked: String,
    },
    /// The sink took no more pages.
    #[error("the result could not be written: {0}")]
    Sink(#[source] io::Error),
    /// The flag went up.
    #[error("cancelled")]
    Cancelled,
}

impl ReadError {
    /// A word for programs, from a closed set.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Document(error) => error.kind(),
            Self::NoSuchPage { .. } => "no-such-page",
            Self::Sink(_) => "result-not-written",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Reads a document: its pages reach `sink` in order, as they finish.
///
/// A page that fails is a page with a reason; the others go on. After `options.limits.document_timeout`
/// the pages that are left fail with `document-timeout`.
///
/// # Errors
/// [`ReadError`] where the document cannot be opened, the sink fails or `cancel` goes up.
pub fn read(
    input: Input<'_>,
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
    let chosen = PageSelection::new(options, document.info().pages)?;
    sink.open(u32::try_from(chosen.pages.len()).unwrap_or(u32::MAX))
        .map_err(ReadError::Sink)?;

    let mut delivery = ReorderBuffer::new(options, sink);
    carry_all(
        &document,
        options,
        engine,
        &chosen.pages,
        (deadline, cancel),
        &mut delivery,
    )?;
    let (mut counts, warnings) = delivery.finish()?;
    counts.document = document.info().pages;
    counts.skipped = chosen.skipped;
    counts.selected += chosen.skipped;
    let failure = chosen.failure(&document, options);
    Ok(ReadOutcome {
        state: state_of(&counts),
        failure,
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

    fn failure(&self, document: &OpenDocument<'_>, options: &Options) -> Option<Reason> {
        (self.skipped > 0).then(|| Reason {
            kind: "page-limit".to_owned(),
            message: format!(
                "the document has {} pages, {} after the first {} were not read; raise --max-pages",
                document.info().pages,
                self.skipped,
                options.limits.max_pages
            ),
        })
    }
}

/// Carries every page and delivers it. Returns when all threads have ended.
fn carry_all(
    document: &OpenDocument<'_>,
    options: &Options,
    engine: &dyn Engine,
    pages: &[u32],
    (deadline, cancel): (Instant, &CancelToken),
    delivery: &mut ReorderBuffer<'_>,
) -> Result<(), ReadError> {
    let per_request = usize::try_from(engine.info().pages_per_request)
        .unwrap_or(1)
        .max(1);
    let requests: Vec<&[u32]> = pages.chunks(per_request).collect();
    let window = usize::try_from(engine.info().window)
        .unwrap_or(1)
        .clamp(1, requests.len().max(1));
    let turnstile = InOrderWindow::new(requests.len(), window * LEAD);
    // Raised at the document's deadline and when the sink fails, apart from the caller's flag.
    let stop = cancel.child();
    let shared = Arc::new(options.clone());
    let carrier = PageProcessor {
        document,
        options: &shared,
        engine,
        id: next_id(),
        deadline,
        stop: stop.clone(),
    };
    thread::scope(|scope| {
        // Every thread hands over one request's pages at a time.
        let (sender, finished) = mpsc::sync_channel::<(usize, Vec<ProcessedPage>)>(window);
        for _ in 0..window {
            let (sender, turnstile, requests, carrier) =
                (sender.clone(), &turnstile, &requests, &carrier);
            scope.spawn(move || {
                while let Some(index) = turnstile.next() {
                    let carried = carrier.carry(requests[index]);
                    if sender.send((index, carried)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let result = deliver_all(&finished, &turnstile, delivery, (deadline, &stop, cancel));
        stop.cancel();
        turnstile.close();
        result
    })
}

fn deliver_all(
    finished: &mpsc::Receiver<(usize, Vec<ProcessedPage>)>,
    turnstile: &InOrderWindow,
    delivery: &mut ReorderBuffer<'_>,
    (deadline, stop, cancel): (Instant, &CancelToken, &CancelToken),
) -> Result<(), ReadError> {
    loop {
        if cancel.is_cancelled() {
            return Err(ReadError::Cancelled);
        }
        if Instant::now() >= deadline {
            stop.cancel();
        }
        match finished.recv_timeout(Duration::from_millis(50)) {
            Ok((index, pages)) => {
                let released = delivery.take(index, pages).map_err(ReadError::Sink)?;
                turnstile.release(released);
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) if cancel.is_cancelled() => {
                return Err(ReadError::Cancelled);
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

fn state_of(counts: &PageCounts) -> DocumentState {
    if counts.ok + counts.empty + counts.text_layer == 0 {
        DocumentState::Failed
    } else if counts.failed + counts.skipped > 0 {
        DocumentState::Partial
    } else {
        DocumentState::Done
    }
}

fn next_id() -> DocumentId {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    DocumentId(NEXT.fetch_add(1, Ordering::Relaxed))
}
