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
mod parts;
mod selection;

use std::{
    borrow::Cow,
    fs::File,
    io,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use recto_schemas::{
    DocumentState, FailureDetail, FailureKind, Options, PageCounts, PageRecord, PageSummary,
    RawOutput, ReadWarning, UnreadLineRecord,
};

pub use self::parts::{PagePositions, PartCover, PartStore, ReadPage, decode_pages, encode_pages};
use self::{
    assembly::PageAssembly,
    parts::{NoParts, PartCollector, StoredPages},
    selection::PageSelection,
    stages::PageProcessor,
    window::{InOrderWindow, Taken},
};
use crate::{
    cancel::CancelToken,
    clock::AwakeInstant,
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
    /// True if it was read before, and comes from a part.
    pub is_stored: bool,
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
    /// A part could not be kept, or not be had.
    #[error("parts of the document could not be stored or read: {0}")]
    Parts(#[source] io::Error),
    /// Reading was stopped before the last page was begun; the pages that were read are kept.
    #[error("stopped")]
    Stopped,
    /// The token was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// The error of a sink that comes to more bytes than one document may: `limits.max_output_size`, or the scratch directory.
#[derive(Debug, thiserror::Error)]
#[error("it comes to more than {limit_bytes} bytes; raise {raise}")]
pub struct OutputTooLarge {
    /// The limit.
    pub limit_bytes: u64,
    /// The option to raise.
    pub raise: &'static str,
}

fn is_too_large(error: &io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_some_and(|error| error.is::<OutputTooLarge>())
}

impl ReadError {
    /// The machine-readable code.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Document(error) => error.kind(),
            Self::NoSuchPage { .. } => FailureKind::NoSuchPage,
            Self::Sink(error) if is_too_large(error) => FailureKind::OutputTooLarge,
            Self::Sink(_) | Self::Parts(_) => FailureKind::ResultNotWritten,
            Self::Stopped | Self::Cancelled => FailureKind::Cancelled,
        }
    }
}

/// Stops reading.
#[derive(Clone, Copy, Debug)]
pub struct ReadSignals<'a> {
    /// Gives everything up at once.
    pub cancel: &'a CancelToken,
    /// Begins no further page; pages in hand are ended, and kept as parts.
    pub stop: &'a CancelToken,
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
    let stop = &CancelToken::new();
    let signals = ReadSignals { cancel, stop };
    Reading::open(input, options, engine, signals)?.whole(sink, &mut NoParts)
}

/// The same, without reading the pages that `parts` has; those that are read now are kept there, a part at a time.
/// The last part is not kept: the result follows.
///
/// # Errors
/// As [`read`], and [`ReadError::Stopped`] if `signals.stop` was cancelled before the last page was begun.
pub fn read_with_parts(
    input: DocumentInput<'_>,
    options: &Options,
    engine: &dyn Engine,
    sink: &mut dyn PageSink,
    parts: &mut dyn PartStore,
    signals: ReadSignals<'_>,
) -> Result<ReadOutcome, ReadError> {
    Reading::open(input, options, engine, signals)?.whole(sink, parts)
}

/// Reads those pages at `positions` that `parts` does not have, and keeps them there. Assembles nothing.
///
/// # Errors
/// As [`read_with_parts`].
pub fn read_positions(
    input: DocumentInput<'_>,
    options: &Options,
    engine: &dyn Engine,
    positions: &PagePositions,
    parts: &mut dyn PartStore,
    signals: ReadSignals<'_>,
) -> Result<(), ReadError> {
    Reading::open(input, options, engine, signals)?.positions(positions, parts)
}

/// A document that is open, and what is to be done with it.
struct Reading<'a> {
    document: OpenDocument<'a>,
    selection: PageSelection,
    options: &'a Options,
    engine: &'a dyn Engine,
    deadline: AwakeInstant,
    signals: ReadSignals<'a>,
}

impl<'a> Reading<'a> {
    fn open(
        input: DocumentInput<'a>,
        options: &'a Options,
        engine: &'a dyn Engine,
        signals: ReadSignals<'a>,
    ) -> Result<Self, ReadError> {
        let deadline = AwakeInstant::now() + *options.limits.document_timeout;
        let cancel = signals.cancel;
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
        Ok(Self {
            document,
            selection,
            options,
            engine,
            deadline,
            signals,
        })
    }

    /// Reads what is not stored, and assembles all of it.
    fn whole(
        self,
        sink: &mut dyn PageSink,
        parts: &mut dyn PartStore,
    ) -> Result<ReadOutcome, ReadError> {
        let count = self.selection.count();
        sink.open(count).map_err(ReadError::Sink)?;
        let mut assembly = PageAssembly::new(self.options, sink);
        let mut stored = StoredPages::new(parts.stored(count).map_err(ReadError::Parts)?);
        let requests = self.requests(&(1..=count), &stored.cover);
        let mut collector = PartCollector::new(parts.pages_per_part());
        let mut next = 1;
        let all_read = self.process(&requests, &mut |position, pages| {
            push_stored(&mut stored, next..position, parts, &mut assembly)?;
            for (position, page) in (position..).zip(pages) {
                parts.page_read(&page);
                collector
                    .push(position, &page, parts)
                    .map_err(ReadError::Parts)?;
                assembly.push(page).map_err(ReadError::Sink)?;
                next = position + 1;
            }
            match collector.is_full() && next <= count {
                true => collector.flush(parts).map_err(ReadError::Parts),
                false => Ok(()),
            }
        })?;
        if !all_read {
            collector.flush(parts).map_err(ReadError::Parts)?;
            return Err(ReadError::Stopped);
        }
        push_stored(&mut stored, next..count + 1, parts, &mut assembly)?;
        let (counts, warnings) = assembly.finish().map_err(ReadError::Sink)?;
        Ok(self.outcome(counts, warnings))
    }

    /// Reads what is not stored of some pages.
    fn positions(
        self,
        positions: &PagePositions,
        parts: &mut dyn PartStore,
    ) -> Result<(), ReadError> {
        let count = self.selection.count();
        let positions = (*positions.start()).max(1)..=(*positions.end()).min(count);
        let stored = PartCover::new(parts.stored(count).map_err(ReadError::Parts)?);
        let requests = self.requests(&positions, &stored);
        let mut collector = PartCollector::new(parts.pages_per_part());
        let all_read = self.process(&requests, &mut |position, pages| {
            for (position, page) in (position..).zip(pages) {
                parts.page_read(&page);
                collector
                    .push(position, &page, parts)
                    .map_err(ReadError::Parts)?;
            }
            match collector.is_full() {
                true => collector.flush(parts).map_err(ReadError::Parts),
                false => Ok(()),
            }
        })?;
        collector.flush(parts).map_err(ReadError::Parts)?;
        match all_read {
            true => Ok(()),
            false => Err(ReadError::Stopped),
        }
    }

    /// The requests for pages that are not stored. The pages of one are the same whatever is stored, so that an engine
    /// that reads several together writes the same.
    fn requests(&self, positions: &PagePositions, stored: &PartCover) -> Vec<PageRequest<'_>> {
        let pages_per_request = usize::try_from(self.engine.info().pages_per_request).unwrap_or(1);
        let mut first = 1;
        let mut requests = Vec::new();
        for numbers in self.selection.pages.chunks(pages_per_request.max(1)) {
            let count = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
            let last = first + count - 1;
            if first <= *positions.end()
                && last >= *positions.start()
                && !stored.covers(&(first..=last))
            {
                requests.push(PageRequest { first, numbers });
            }
            first = last + 1;
        }
        requests
    }

    /// Processes requests on threads of their own and gives their pages to `take` in order. Returns when all threads
    /// have ended, with false if reading was stopped before the last request was begun.
    fn process(
        &self,
        requests: &[PageRequest<'_>],
        take: &mut TakePages<'_>,
    ) -> Result<bool, ReadError> {
        let processor = PageProcessor {
            document: &self.document,
            options: Arc::new(self.options.clone()),
            engine: self.engine,
            id: next_id(),
            deadline: self.deadline,
            cancel: self.signals.cancel.child(),
        };
        let threads = usize::try_from(self.engine.info().max_in_flight)
            .unwrap_or(1)
            .clamp(1, requests.len().max(1));
        let window = InOrderWindow::new(requests.len(), threads * LOOKAHEAD);
        thread::scope(|scope| {
            for _ in 0..threads {
                let (worker, processor) = (window.worker(), &processor);
                scope.spawn(move || {
                    while let Some(index) = worker.start() {
                        worker.finish(index, processor.process(requests[index].numbers));
                    }
                });
            }
            let _stops = window.close_on(self.signals.stop);
            let taken = take_all(&window, &processor, requests, take, self.signals.cancel);
            // After an error nobody wants the pages that are left.
            processor.cancel.cancel();
            window.close();
            taken
        })
    }

    fn outcome(&self, mut counts: PageCounts, warnings: Vec<ReadWarning>) -> ReadOutcome {
        counts.document = self.document.info().pages;
        counts.skipped = self.selection.skipped;
        counts.selected += self.selection.skipped;
        ReadOutcome {
            state: state_of(&counts),
            failure: self.selection.failure(&self.document, self.options),
            format: self.document.info().format.to_owned(),
            counts,
            warnings,
        }
    }
}

/// Takes the pages of a request, the first of which is at that position.
type TakePages<'t> = dyn FnMut(u32, Vec<ReadPage>) -> Result<(), ReadError> + 't;

/// The pages of one request to the engine.
struct PageRequest<'a> {
    /// Position of the first one.
    first: u32,
    /// Their one-based numbers in the document.
    numbers: &'a [u32],
}

fn push_stored(
    stored: &mut StoredPages,
    positions: Range<u32>,
    parts: &mut dyn PartStore,
    assembly: &mut PageAssembly<'_>,
) -> Result<(), ReadError> {
    for position in positions {
        let page = stored.page(position, parts).map_err(ReadError::Parts)?;
        assembly.push(page).map_err(ReadError::Sink)?;
    }
    Ok(())
}

fn take_all(
    window: &InOrderWindow<Vec<ReadPage>>,
    processor: &PageProcessor<'_>,
    requests: &[PageRequest<'_>],
    take: &mut TakePages<'_>,
    cancel: &CancelToken,
) -> Result<bool, ReadError> {
    let mut next = requests.iter();
    loop {
        let is_late = AwakeInstant::now() >= processor.deadline;
        if is_late {
            // The pages that are left fail at once, each with its reason.
            processor.cancel.cancel();
        }
        match window.take(cancel, (!is_late).then_some(processor.deadline)) {
            Taken::Next(pages) => {
                let position = next.next().map_or(0, |request| request.first);
                take(position, pages)?;
            }
            Taken::Timeout => {}
            Taken::Cancelled => return Err(ReadError::Cancelled),
            Taken::End => return Ok(next.next().is_none()),
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
