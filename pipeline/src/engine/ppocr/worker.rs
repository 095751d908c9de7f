//! The engine's workers, and the steps in which they read a page.
//!
//! A worker is a thread that runs whole networks by itself: several small items at a time use cores
//! better than several threads at one. A page's first step finds its lines and rotates it upright;
//! its lines then go back into the queue in chunks, ahead of other pages, so that all workers share
//! them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use recto_schemas::{EngineName, FinishReason, LayoutModelInfo, ScriptFallback};

use super::{
    config::PpOcrConfig,
    detect::detect,
    fallback::Fallback,
    geometry::LineBox,
    layout_model::{LayoutNetwork, PageRegion, assign_regions},
    model_files::LineRecognizer,
    network_pool::NetworkPool,
    orientation::{lines_run_down, orientation_candidates, probe, skew_deg},
    recognize::{RecognizedText, recognize},
    runtime::OnnxNetwork,
    tuning::workers::LINES_PER_ITEM,
    unread::{PageLines, RecognizedLine, is_unread_in_part, page_lines},
};
use crate::{
    engine::{
        EngineError, EngineRequest, EngineResponse, OcrContent, OcrResult, ResponseSender,
        queue::FairQueue,
    },
    image::{PageImage, residual_ink, typography},
    page::{Quad, TextLine},
};

/// State that all workers share.
pub(super) struct PpOcrContext {
    pub(super) config: PpOcrConfig,
    pub(super) queue: FairQueue<WorkItem>,
    pub(super) detectors: NetworkPool<OnnxNetwork>,
    /// The layout model's networks, if there is one.
    pub(super) layout_networks: Option<NetworkPool<LayoutNetwork>>,
    /// The layout model.
    pub(super) layout_model: Option<LayoutModelInfo>,
    /// The second reader, if there is one.
    pub(super) fallback: Option<Fallback>,
    /// Nanoseconds at work, all workers together.
    pub(super) busy_ns: AtomicU64,
}

/// A piece of work for a worker.
pub(super) enum WorkItem {
    /// Find the lines of a request's next page.
    Page(Arc<PendingRequest>),
    /// Read lines of a page: indices into its boxes.
    Lines(Arc<PendingPage>, Vec<usize>),
    /// Find the regions of a page.
    Regions(Arc<PendingPage>),
}

/// A request of which not all pages are read.
pub(super) struct PendingRequest {
    engine_request: EngineRequest,
    submitted: Instant,
    state: Mutex<RequestState>,
}

struct RequestState {
    sender: Option<ResponseSender>,
    results: Vec<OcrResult>,
    queued: Option<Duration>,
}

/// A page whose lines are being read.
pub(super) struct PendingPage {
    request: Arc<PendingRequest>,
    image: Arc<PageImage>,
    rotation: u16,
    boxes: Vec<LineBox>,
    state: Mutex<PageState>,
}

struct PageState {
    lines: Vec<Option<RecognizedLine>>,
    /// The regions that a layout model sees.
    regions: Vec<PageRegion>,
    /// Lines that are still to be read, and one more if regions are still to be found.
    remaining: usize,
    inference_time: Duration,
}

impl PendingPage {
    /// Takes the results of so many pieces of the page's work, which took that long. Returns true after the last.
    fn done(&self, pieces: usize, took: Duration, take: impl FnOnce(&mut PageState)) -> bool {
        let mut state = lock(&self.state);
        take(&mut state);
        state.remaining -= pieces;
        state.inference_time += took;
        state.remaining == 0
    }
}

impl PendingRequest {
    pub(super) fn new(request: EngineRequest, sender: ResponseSender) -> Self {
        let state = RequestState {
            sender: Some(sender),
            results: Vec::new(),
            queued: None,
        };
        Self {
            engine_request: request,
            submitted: Instant::now(),
            state: Mutex::new(state),
        }
    }

    /// Answers the request, once.
    fn answer(&self, response: EngineResponse) {
        if let Some(sender) = lock(&self.state).sender.take() {
            sender.send(response);
        }
    }

    /// Returns true if nobody waits for the rest any more.
    fn is_over(&self) -> bool {
        if self.engine_request.cancel.is_cancelled() {
            self.answer(Err(EngineError::Cancelled));
        }
        lock(&self.state).sender.is_none()
    }
}

/// Works until the queue is closed.
pub(super) fn run(context: &PpOcrContext, mut recognizer: LineRecognizer) {
    while let Some(item) = context.queue.pop() {
        let start = Instant::now();
        let request = Arc::clone(match &item {
            WorkItem::Page(request) => request,
            WorkItem::Lines(page, _) | WorkItem::Regions(page) => &page.request,
        });
        if !request.is_over() {
            let done = catch_unwind(AssertUnwindSafe(|| match item {
                WorkItem::Page(request) => begin_page(context, &mut recognizer, &request),
                WorkItem::Lines(page, lines) => read_lines(context, &mut recognizer, &page, &lines),
                WorkItem::Regions(page) => find_regions(context, &mut recognizer, &page),
            }));
            match done {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => request.answer(Err(EngineError::Model(reason))),
                Err(_) => request.answer(Err(EngineError::Model("it panicked".to_owned()))),
            }
        }
        let spent = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        context.busy_ns.fetch_add(spent, Ordering::Relaxed);
    }
}

/// Finds the lines of a request's next page, rotates it upright, and hands its lines out.
fn begin_page(
    context: &PpOcrContext,
    recognizer: &mut LineRecognizer,
    request: &Arc<PendingRequest>,
) -> Result<(), String> {
    let start = Instant::now();
    let index = {
        let mut state = lock(&request.state);
        state
            .queued
            .get_or_insert_with(|| request.submitted.elapsed());
        state.results.len()
    };
    let Some(image) = request.engine_request.pages.get(index) else {
        return Err(format!("the request has no page {index}"));
    };
    image.check()?;
    let upright = correct_orientation(context, recognizer, Arc::clone(image))?;
    let count = upright.boxes.len();
    let mut lines = vec![None; count];
    let mut unread: Vec<usize> = (0..count).collect();
    for (i, text) in upright.texts {
        let quad = upright.boxes[i].quad();
        lines[i] = Some(recognized(text, quad));
        unread.retain(|other| *other != i);
    }
    let has_regions =
        count > 0 && context.layout_networks.is_some() && request.engine_request.is_whole;
    let remaining = unread.len() + usize::from(has_regions);
    let page = Arc::new(PendingPage {
        request: Arc::clone(request),
        image: upright.image,
        rotation: upright.rotation,
        boxes: upright.boxes,
        state: Mutex::new(PageState {
            lines,
            regions: Vec::new(),
            remaining,
            inference_time: start.elapsed(),
        }),
    });
    if remaining == 0 {
        return finish_page(context, recognizer, &page);
    }
    if has_regions {
        let regions = WorkItem::Regions(Arc::clone(&page));
        context.queue.push_next(regions);
    }
    for chunk in unread.chunks(LINES_PER_ITEM) {
        context
            .queue
            .push_next(WorkItem::Lines(Arc::clone(&page), chunk.to_vec()));
    }
    Ok(())
}

/// A page that is upright.
struct UprightPage {
    image: Arc<PageImage>,
    rotation: u16,
    boxes: Vec<LineBox>,
    /// Lines that were read on the way, by index into the boxes.
    texts: Vec<(usize, RecognizedText)>,
}

/// Finds lines and rotates the page until they are upright.
fn correct_orientation(
    context: &PpOcrContext,
    recognizer: &mut LineRecognizer,
    image: Arc<PageImage>,
) -> Result<UprightPage, String> {
    let pixels = context.config.detector_pixels;
    let (original, mut image, mut rotation) = (Arc::clone(&image), image, 0u16);
    let mut boxes = detect(&mut context.detectors.take(), &image, pixels)?;
    if lines_run_down(&boxes) {
        rotation = 90;
        image = Arc::new(original.rotated(rotation));
        boxes = detect(&mut context.detectors.take(), &image, pixels)?;
    }
    let mut probed = probe(recognizer, &image, &boxes)?;
    if probed.upside_down {
        rotation += 180;
        image = Arc::new(original.rotated(rotation));
        boxes = detect(&mut context.detectors.take(), &image, pixels)?;
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
    context: &PpOcrContext,
    recognizer: &mut LineRecognizer,
    page: &Arc<PendingPage>,
    indices: &[usize],
) -> Result<(), String> {
    let start = Instant::now();
    let mut read = Vec::with_capacity(indices.len());
    for &i in indices {
        if page.request.is_over() {
            return Ok(());
        }
        let mut found: Option<RecognizedLine> = None;
        for quad in orientation_candidates(&page.boxes[i]) {
            let text = recognize(recognizer, &page.image, &quad)?;
            if found
                .as_ref()
                .is_none_or(|best| text.confidence > best.text.confidence)
            {
                found = Some(recognized(text, quad));
            }
        }
        read.push((i, found));
    }
    let is_last = page.done(indices.len(), start.elapsed(), |state| {
        for (i, line) in read {
            state.lines[i] = line;
        }
    });
    if is_last {
        return finish_page(context, recognizer, page);
    }
    Ok(())
}

/// Finds the regions of a page; whoever does the last of its work finishes the page.
fn find_regions(
    context: &PpOcrContext,
    recognizer: &mut LineRecognizer,
    page: &Arc<PendingPage>,
) -> Result<(), String> {
    let start = Instant::now();
    let regions = match &context.layout_networks {
        Some(networks) => networks
            .take()
            .regions(&page.image)
            .map_err(|reason| format!("its layout model: {reason}"))?,
        None => Vec::new(),
    };
    if page.done(1, start.elapsed(), |state| state.regions = regions) {
        return finish_page(context, recognizer, page);
    }
    Ok(())
}

/// Reads lines that boxes to tick stand in once more without them: their ink is no writing.
fn read_without_boxes(
    recognizer: &mut LineRecognizer,
    image: &PageImage,
    lines: &mut [RecognizedLine],
) -> Result<(), String> {
    let boxes = typography::tick_boxes(image);
    if boxes.is_empty() {
        return Ok(());
    }
    let mut without = image.clone();
    residual_ink::erase(&mut without, &boxes);
    let holds_box = |line: &RecognizedLine| {
        let bounds = line.quad.bounds();
        boxes.iter().any(|place| bounds.holds_middle_of(place))
    };
    for line in lines.iter_mut().filter(|line| holds_box(line)) {
        let text = recognize(recognizer, &without, &line.quad)?;
        if text.ink.unread_share() < line.text.ink.unread_share() {
            line.text = text;
        }
    }
    Ok(())
}

fn recognized(text: RecognizedText, quad: Quad) -> RecognizedLine {
    RecognizedLine {
        text,
        quad,
        read_by: None,
    }
}

/// Makes the page's result; answers the request after its last page, else goes on with its next.
fn finish_page(
    context: &PpOcrContext,
    recognizer: &mut LineRecognizer,
    page: &PendingPage,
) -> Result<(), String> {
    let (lines, regions, mut inference_time) = {
        let mut state = lock(&page.state);
        let lines = std::mem::take(&mut state.lines);
        (
            lines,
            std::mem::take(&mut state.regions),
            state.inference_time,
        )
    };
    let mut all: Vec<RecognizedLine> = lines.into_iter().flatten().collect();
    if is_unread_in_part(&all) {
        read_without_boxes(recognizer, &page.image, &mut all)?;
    }
    let request = &page.request;
    let asked = &request.engine_request;
    if let Some(fallback) = &context.fallback
        && asked.options.script_fallback == Some(ScriptFallback::Tesseract)
    {
        let start = Instant::now();
        let timeout = asked.options.limits.read_timeout.into();
        fallback.complete(&page.image, &mut all, timeout, &asked.cancel);
        inference_time += start.elapsed();
    }
    let PageLines { mut lines, unread } = page_lines(all, context.config.text_score);
    assign_regions(&mut lines, &regions);
    let mut state = lock(&request.state);
    let result = OcrResult {
        first: state.results.len(),
        count: 1,
        engine: EngineName::Ppocr,
        confidence: mean_confidence(&lines),
        content: OcrContent::Regions(lines),
        unread,
        rotation: page.rotation,
        skew_deg: skew_deg(&page.boxes),
        stop: FinishReason::End,
        decoding: None,
        raw: None,
        queued: state.queued.unwrap_or_default(),
        inference_time,
    };
    state.results.push(result);
    let complete = state.results.len() == request.engine_request.pages.len();
    let results = if complete {
        std::mem::take(&mut state.results)
    } else {
        Vec::new()
    };
    drop(state);
    if complete {
        request.answer(Ok(results));
    } else {
        context.queue.push_next(WorkItem::Page(Arc::clone(request)));
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

/// Locks; what is behind these locks stays sound when a holder panics, and its request is then
/// answered.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
