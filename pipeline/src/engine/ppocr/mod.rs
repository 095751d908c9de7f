//! PP-OCR: a detector finds the lines of a page, a recognizer reads them one by one.
//!
//! The networks are PP-OCRv6's own ONNX files, run in this process by ONNX Runtime.

mod config;
mod tuning;
mod error;
mod runtime;
mod model_files;

// A page's way, from its detector's input to the text of its lines.
mod detector_input;
mod geometry;
mod tiles;
mod detect;
mod network_pool;
mod orientation;
mod crop;
mod ink;
mod script_prior;
mod recognize;
mod layout_model;
mod unread;
pub mod fallback;
mod worker;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use recto_schemas::{EngineName, LayoutModelInfo, Options};

pub use self::{
    config::PpOcrConfig,
    error::LoadError,
    layout_model::{LAYOUT_DESCRIPTION_FILE, LAYOUT_NETWORK_FILE},
    model_files::{DETECTOR_FILE, RECOGNIZER_FILE},
};
use self::{
    fallback::{Fallback, ScriptReader},
    layout_model::LayoutModelFiles,
    model_files::{LineRecognizer, ModelFiles},
    network_pool::NetworkPool,
    tuning::{
        page::{DPI, MAX_SIDE_PX},
        workers::{
            EXTRA_IN_FLIGHT, QUEUED_PER_WORKER, WORKERS_PER_DETECTOR, WORKERS_PER_LAYOUT_NETWORK,
        },
    },
    worker::{PendingRequest, PpOcrContext, WorkItem},
};
use super::{
    Engine, EngineError, EngineInfo, EngineRequest, EngineUsage, OptionsError, PendingResponse,
    queue::{FairQueue, PushError},
};

/// The model's name.
const MODEL: &str = "PP-OCRv6-small";

/// The scripts that the recognizer's characters are of, by their names in Unicode.
pub const SCRIPTS: &[&str] = &["Latin", "Han", "Hiragana", "Katakana"];

/// The PP-OCR engine: its threads live as long as it does.
pub struct PpOcr {
    info: EngineInfo,
    context: Arc<PpOcrContext>,
    threads: Vec<JoinHandle<()>>,
}

impl PpOcr {
    /// Loads [`DETECTOR_FILE`] and [`RECOGNIZER_FILE`] from `folder` and starts the threads.
    ///
    /// # Errors
    /// If the runtime or a file is missing, or is not what it should be.
    pub fn load(folder: &Path, config: PpOcrConfig) -> Result<Self, LoadError> {
        Self::load_with(folder, config, None)
    }

    /// The same with a second reader for lines in scripts that the recognizer does not know.
    ///
    /// # Errors
    /// See [`Self::load`].
    pub fn load_with(
        folder: &Path,
        config: PpOcrConfig,
        fallback: Option<Arc<dyn ScriptReader>>,
    ) -> Result<Self, LoadError> {
        let files = ModelFiles::read(folder, &config)?;
        let workers = config.workers.max(1);
        let recognizers: Vec<LineRecognizer> = (0..workers)
            .map(|_| files.recognizer())
            .collect::<Result<_, _>>()?;
        let detectors = (0..workers.div_ceil(WORKERS_PER_DETECTOR))
            .map(|_| files.detector())
            .collect::<Result<_, _>>()?;
        let layout = match &config.layout_model {
            Some(folder) => Some(LayoutModelFiles::read(folder, &config.pinned)?),
            None => None,
        };
        let layout_networks = layout
            .iter()
            .flat_map(|layout| {
                std::iter::repeat_n(layout, workers.div_ceil(WORKERS_PER_LAYOUT_NETWORK))
            })
            .map(|layout| layout.network(&files.runtime))
            .collect::<Result<Vec<_>, _>>()?;
        let info = EngineInfo {
            name: EngineName::Ppocr,
            model: MODEL.to_owned(),
            model_sha256: files.sha256,
            revision: None,
            scripts: SCRIPTS,
            dpi: DPI,
            max_side_px: MAX_SIDE_PX,
            reads_parts: true,
            pages_per_request: 1,
            max_in_flight: workers as u32 + EXTRA_IN_FLIGHT,
            batch: None,
            memory: None,
        };
        let characters = recognizers
            .first()
            .map_or(&[][..], |first| &first.characters);
        let fallback = fallback.map(|reader| Fallback::new(reader, characters));
        let context = Arc::new(PpOcrContext {
            config,
            fallback,
            queue: FairQueue::new(QUEUED_PER_WORKER * workers),
            detectors: NetworkPool::new(detectors),
            layout_networks: layout.as_ref().map(|_| NetworkPool::new(layout_networks)),
            layout_model: layout.map(|layout| LayoutModelInfo {
                name: layout.name,
                sha256: layout.sha256,
            }),
            busy_ns: AtomicU64::new(0),
        });
        let threads = recognizers
            .into_iter()
            .map(|recognizer| {
                let context = Arc::clone(&context);
                thread::spawn(move || worker::run(&context, recognizer))
            })
            .collect();
        Ok(Self {
            info,
            context,
            threads,
        })
    }
}

impl Engine for PpOcr {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn complete(&self, options: &mut Options) -> Result<(), OptionsError> {
        let runs = self.context.fallback.as_ref().map(Fallback::identity);
        fallback::options::complete(options, runs)?;
        complete_layout(options, self.context.layout_model.as_ref())
    }

    fn submit(&self, request: EngineRequest) -> Result<PendingResponse, EngineError> {
        if request.pages.is_empty() {
            return Err(EngineError::Model("a request without pages".to_owned()));
        }
        let (document, cancel) = (request.document, request.cancel.clone());
        let (pending, sender) = PendingResponse::new(cancel.clone());
        let item = WorkItem::Page(Arc::new(PendingRequest::new(request, sender)));
        match self.context.queue.push(document, item, &cancel) {
            Ok(()) => Ok(pending),
            Err(PushError::Closed) => Err(EngineError::Stopped),
            Err(PushError::Cancelled) => Err(EngineError::Cancelled),
        }
    }

    fn usage(&self) -> EngineUsage {
        EngineUsage {
            workers: self.threads.len() as u32,
            busy: Duration::from_nanos(self.context.busy_ns.load(Ordering::Relaxed)),
            decode: None,
            fallback: self.context.fallback.as_ref().map(Fallback::usage),
        }
    }
}

/// Makes a document's options those that are read with the layout model that `runs`: what they say of it must be so.
fn complete_layout(
    options: &mut Options,
    runs: Option<&LayoutModelInfo>,
) -> Result<(), OptionsError> {
    let spelled = |model: Option<&LayoutModelInfo>| {
        model.map_or("none".to_owned(), |model| {
            format!("{} ({})", model.name, model.sha256)
        })
    };
    if options.layout_model.is_some() && options.layout_model.as_ref() != runs {
        return Err(OptionsError::Unavailable(format!(
            "the document is to be read with the layout model {}, and {} runs here; leave `layout_model` out, or start \
             this with the other one as --layout-model",
            spelled(options.layout_model.as_ref()),
            spelled(runs),
        )));
    }
    options.layout_model = runs.cloned();
    Ok(())
}

impl Drop for PpOcr {
    fn drop(&mut self) {
        self.context.queue.close();
        if let Some(fallback) = &self.context.fallback {
            fallback.stop();
        }
        for thread in self.threads.drain(..) {
            // A worker catches its panics; there is nothing to do about another one here.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
