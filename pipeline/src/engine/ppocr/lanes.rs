//! The engine's threads, and the steps in which they read a page.
//!
//! A lane is a thread that runs whole networks by itself: several small jobs at a time use cores
//! better than several threads at one. A page's first step finds its lines and turns it upright; its
//! lines then go back into the queue in chunks, ahead of other pages, so that all lanes share them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use recto_schemas::EngineName;

use super::{
    config::PpOcrConfig,
    detect::detect,
    detectors::DetectorPool,
    geometry::LineBox,
    orient::{lines_run_down, probe, skew_deg, stances},
    recognise::{RecognizedText, recognise},
    weights::LineRecognizer,
};
use crate::{
    engine::{
        EngineError, EngineRequest, EngineResponse, OcrContent, OcrResult, ResponseSender,
        StopReason, queue::FairQueue,
    },
    image::PageImage,
    page::{Quad, TextLine},
};

/// Lines that go to a lane at a time.
const CHUNK: usize = 6;

/// State that all workers share.
pub(super) struct PpOcrContext {
    pub(super) config: PpOcrConfig,
    pub(super) queue: FairQueue<WorkItem>,
    /// Nanoseconds at work, all lanes together.
    pub(super) detectors: DetectorPool,
    pub(super) busy_ns: AtomicU64,
}

/// A piece of work for a lane.
pub(super) enum WorkItem {
    /// Find the lines of a request's next page.
    Page(Arc<PendingRequest>),
    /// Read lines of a page: indices into its boxes.
    Lines(Arc<PendingPage>, Vec<usize>),
}

/// A request on its way.
pub(super) struct PendingRequest {
    request: EngineRequest,
    submitted: Instant,
    state: Mutex<RequestState>,
}

struct RequestState {
    reply: Option<ResponseSender>,
    readings: Vec<OcrResult>,
    queued: Option<Duration>,
}

/// A page whose lines are being read.
pub(super) struct PendingPage {
    job: Arc<PendingRequest>,
    image: Arc<PageImage>,
    rotation: u16,
    boxes: Vec<LineBox>,
    state: Mutex<PageState>,
}

struct PageState {
    lines: Vec<Option<TextLine>>,
    /// Lines that are still to be read.
    left: usize,
    worked: Duration,
}

impl PendingRequest {
    pub(super) fn new(request: EngineRequest, reply: ResponseSender) -> Self {
        let state = RequestState {
            reply: Some(reply),
            readings: Vec::new(),
            queued: None,
        };
        Self {
            request,
            submitted: Instant::now(),
            state: Mutex::new(state),
        }
    }

    /// Answers the request, once.
    fn answer(&self, answer: EngineResponse) {
        if let Some(reply) = lock(&self.state).reply.take() {
            reply.send(answer);
        }
    }

    /// Returns true if nobody waits for the rest any more.
    fn is_over(&self) -> bool {
        if self.request.cancel.is_cancelled() {
            self.answer(Err(EngineError::Cancelled));
        }
        lock(&self.state).reply.is_none()
    }
}

/// Works until the queue is closed.
pub(super) fn run(shared: &PpOcrContext, mut lane: LineRecognizer) {
    while let Some(step) = shared.queue.pop() {
        let start = Instant::now();
        let job = Arc::clone(match &step {
            WorkItem::Page(job) => job,
            WorkItem::Lines(page, _) => &page.job,
        });
        if !job.is_over() {
            let done = catch_unwind(AssertUnwindSafe(|| match step {
                WorkItem::Page(job) => begin_page(shared, &mut lane, &job),
                WorkItem::Lines(page, lines) => read_lines(shared, &mut lane, &page, &lines),
            }));
            match done {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => job.answer(Err(EngineError::Model(reason))),
                Err(_) => job.answer(Err(EngineError::Model("it panicked".to_owned()))),
            }
        }
        let spent = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        shared.busy_ns.fetch_add(spent, Ordering::Relaxed);
    }
}

/// Finds the lines of the job's next page, turns it upright, and hands its lines out.
fn begin_page(
    shared: &PpOcrContext,
    lane: &mut LineRecognizer,
    job: &Arc<PendingRequest>,
) -> Result<(), String> {
    let start = Instant::now();
    let index = {
        let mut state = lock(&job.state);
        state.queued.get_or_insert_with(|| job.submitted.elapsed());
        state.readings.len()
    };
    let Some(image) = job.request.pages.get(index) else {
        return Err(format!("the request has no page {index}"));
    };
    image.check()?;
    let upright = stand_up(shared, lane, Arc::clone(image))?;
    let count = upright.boxes.len();
    let mut lines = vec![None; count];
    let mut left: Vec<usize> = (0..count).collect();
    for (i, text) in upright.texts {
        lines[i] = line_of(shared, text, upright.boxes[i].quad());
        left.retain(|other| *other != i);
    }
    let page = Arc::new(PendingPage {
        job: Arc::clone(job),
        image: upright.image,
        rotation: upright.rotation,
        boxes: upright.boxes,
        state: Mutex::new(PageState {
            lines,
            left: left.len(),
            worked: start.elapsed(),
        }),
    });
    if left.is_empty() {
        return finish_page(shared, &page);
    }
    for chunk in left.chunks(CHUNK) {
        shared
            .queue
            .push_next(WorkItem::Lines(Arc::clone(&page), chunk.to_vec()));
    }
    Ok(())
}

/// A page that stands upright.
struct UprightPage {
    image: Arc<PageImage>,
    rotation: u16,
    boxes: Vec<LineBox>,
    /// Lines that were read on the way, by index into the boxes.
    texts: Vec<(usize, RecognizedText)>,
}

/// Finds lines and turns the page until they stand upright.
fn stand_up(
    shared: &PpOcrContext,
    lane: &mut LineRecognizer,
    image: Arc<PageImage>,
) -> Result<UprightPage, String> {
    let pixels = shared.config.detector_pixels;
    let (original, mut image, mut rotation) = (Arc::clone(&image), image, 0u16);
    let mut boxes = detect(&mut shared.detectors.borrow(), &image, pixels)?;
    if lines_run_down(&boxes) {
        rotation = 90;
        image = Arc::new(original.rotated(rotation));
        boxes = detect(&mut shared.detectors.borrow(), &image, pixels)?;
    }
    let mut probed = probe(lane, &image, &boxes)?;
    if probed.upside_down {
        rotation += 180;
        image = Arc::new(original.rotated(rotation));
        boxes = detect(&mut shared.detectors.borrow(), &image, pixels)?;
        probed.texts.clear();
    }
    Ok(UprightPage {
        image,
        rotation,
        boxes,
        texts: probed.texts,
    })
}

/// Reads some lines of a page; whoever reads the last finishes the page.
fn read_lines(
    shared: &PpOcrContext,
    lane: &mut LineRecognizer,
    page: &Arc<PendingPage>,
    indices: &[usize],
) -> Result<(), String> {
    let start = Instant::now();
    let mut read = Vec::with_capacity(indices.len());
    for &i in indices {
        if page.job.is_over() {
            return Ok(());
        }
        let mut found: Option<(RecognizedText, Quad)> = None;
        for quad in stances(&page.boxes[i]) {
            let text = recognise(lane, &page.image, &quad)?;
            if found
                .as_ref()
                .is_none_or(|(best, _)| text.confidence > best.confidence)
            {
                found = Some((text, quad));
            }
        }
        read.push((
            i,
            found.and_then(|(text, quad)| line_of(shared, text, quad)),
        ));
    }
    let mut state = lock(&page.state);
    for (i, line) in read {
        state.lines[i] = line;
    }
    state.left -= indices.len();
    state.worked += start.elapsed();
    let last = state.left == 0;
    drop(state);
    if last {
        finish_page(shared, page)
    } else {
        Ok(())
    }
}

/// The line, if it reads surely enough and is not empty.
fn line_of(shared: &PpOcrContext, text: RecognizedText, quad: Quad) -> Option<TextLine> {
    if text.text.is_empty() || text.confidence < shared.config.text_score {
        return None;
    }
    let [a, _, _, d] = quad.0;
    Some(TextLine {
        text: text.text,
        quad,
        confidence: Some(text.confidence),
        size: (d.x - a.x).hypot(d.y - a.y),
        bold: None,
    })
}

/// Makes the page's reading; answers the request after its last page, else goes on with its next.
fn finish_page(shared: &PpOcrContext, page: &PendingPage) -> Result<(), String> {
    let (lines, worked) = {
        let mut state = lock(&page.state);
        (std::mem::take(&mut state.lines), state.worked)
    };
    let lines: Vec<TextLine> = lines.into_iter().flatten().collect();
    let job = &page.job;
    let mut state = lock(&job.state);
    let reading = OcrResult {
        first: state.readings.len(),
        count: 1,
        engine: EngineName::Ppocr,
        confidence: mean_confidence(&lines),
        content: OcrContent::Regions(lines),
        rotation: page.rotation,
        skew_deg: skew_deg(&page.boxes),
        stop: StopReason::Complete,
        decoding: None,
        raw: None,
        queued: state.queued.unwrap_or_default(),
        worked,
    };
    state.readings.push(reading);
    let complete = state.readings.len() == job.request.pages.len();
    let readings = if complete {
        std::mem::take(&mut state.readings)
    } else {
        Vec::new()
    };
    drop(state);
    if complete {
        job.answer(Ok(readings));
    } else {
        shared.queue.push_next(WorkItem::Page(Arc::clone(job)));
    }
    Ok(())
}

/// Mean over the characters of all lines.
fn mean_confidence(lines: &[TextLine]) -> Option<f32> {
    let (mut sum, mut count) = (0.0f64, 0usize);
    for line in lines {
        let characters = line.text.chars().count();
        sum += f64::from(line.confidence.unwrap_or(0.0)) * characters as f64;
        count += characters;
    }
    (count > 0).then(|| (sum / count as f64) as f32)
}

/// Locks; what is behind these locks stays sound when a holder panics, and its request is then answered.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
