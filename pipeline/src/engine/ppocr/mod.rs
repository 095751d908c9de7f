//! PP-OCR: a detector finds the lines of a page, a recognizer reads them one by one.
//!
//! The networks are PP-OCRv6's own ONNX files, run in this process by ONNX Runtime.

// What can be set.
mod config;
// What runs the networks.
mod runtime;
// The model's files.
mod weights;
// A page to the detector's input.
mod detector_input;
// The rectangle of a line.
mod geometry;
// A page to its lines' boxes.
mod detect;
// The detectors that lanes share.
mod detectors;
// Which way up a page stands.
mod orient;
// A line's box to the recognizer's input.
mod crop;
// A line's picture to its text.
mod recognise;
// The threads, and the steps of a page.
mod lanes;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use recto_schemas::EngineName;

pub use self::{
    config::PpOcrConfig,
    weights::{DETECTOR_FILE, LoadError, RECOGNISER_FILE},
};
use self::{
    detectors::{DetectorPool, LANES_PER_DETECTOR},
    lanes::{PendingRequest, PpOcrContext, WorkItem},
    weights::{LineRecognizer, ModelFiles},
};
use super::{
    Engine, EngineError, EngineInfo, EngineRequest, EngineUsage, PendingResponse,
    queue::{FairQueue, PushError},
};

/// The model's name.
const MODEL: &str = "PP-OCRv6-small";
/// The resolution at which pages read best for the time they take.
const DPI: f32 = 200.0;
/// Sides beyond this are of no use at that resolution: A3.
const MAX_SIDE_PX: u32 = 3400;

/// The PP-OCR engine: its threads live as long as it does.
pub struct PpOcr {
    info: EngineInfo,
    shared: Arc<PpOcrContext>,
    threads: Vec<JoinHandle<()>>,
}

impl PpOcr {
    /// Loads [`DETECTOR_FILE`] and [`RECOGNISER_FILE`] from `folder` and starts the threads.
    ///
    /// # Errors
    /// If the runtime or a file is missing, or is not what it should be.
    pub fn load(folder: &Path, config: PpOcrConfig) -> Result<Self, LoadError> {
        let weights = ModelFiles::read(folder, &config.runtime)?;
        let lanes = config.lanes.max(1);
        let own: Vec<LineRecognizer> = (0..lanes)
            .map(|_| weights.lane())
            .collect::<Result<_, _>>()?;
        let detectors = (0..lanes.div_ceil(LANES_PER_DETECTOR))
            .map(|_| weights.detector())
            .collect::<Result<_, _>>()?;
        let info = EngineInfo {
            name: EngineName::Ppocr,
            model: MODEL.to_owned(),
            model_sha256: weights.sha256,
            dpi: DPI,
            max_side_px: MAX_SIDE_PX,
            pages_per_request: 1,
            window: lanes as u32 + 2,
            batch: None,
            memory: None,
        };
        let shared = Arc::new(PpOcrContext {
            config,
            // Enough that no lane waits for a document's next page, little enough to hold few bitmaps.
            queue: FairQueue::new(2 * lanes),
            detectors: DetectorPool::new(detectors),
            busy_ns: AtomicU64::new(0),
        });
        let threads = own
            .into_iter()
            .map(|lane| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || lanes::run(&shared, lane))
            })
            .collect();
        Ok(Self {
            info,
            shared,
            threads,
        })
    }
}

impl Engine for PpOcr {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn submit(&self, request: EngineRequest) -> Result<PendingResponse, EngineError> {
        if request.pages.is_empty() {
            return Err(EngineError::Model("a request without pages".to_owned()));
        }
        let (document, cancel) = (request.document, request.cancel.clone());
        let (ticket, reply) = PendingResponse::new(cancel.clone());
        let step = WorkItem::Page(Arc::new(PendingRequest::new(request, reply)));
        match self.shared.queue.push(document, step, &cancel) {
            Ok(()) => Ok(ticket),
            Err(PushError::Closed) => Err(EngineError::Stopped),
            Err(PushError::Cancelled) => Err(EngineError::Cancelled),
        }
    }

    fn usage(&self) -> EngineUsage {
        EngineUsage {
            lanes: self.threads.len() as u32,
            busy: Duration::from_nanos(self.shared.busy_ns.load(Ordering::Relaxed)),
            decode: None,
        }
    }
}

impl Drop for PpOcr {
    fn drop(&mut self) {
        self.shared.queue.close();
        for thread in self.threads.drain(..) {
            // A lane catches its panics; there is nothing to do about another one here.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
