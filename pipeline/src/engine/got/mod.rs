//! GOT-OCR 2.0 engine: page images in, Mathpix Markdown out.
//!
//! A SAM-style encoder turns input images into image tokens, and a Qwen2 decoder writes text after
//! them (paper: Wei et al. 2024, "General OCR Theory"; reference: `GotOcr2` of transformers). A
//! request is cut into inference units, each unit becomes one or more sequences, and one thread
//! that owns the model decodes the sequences of all documents in one batch (continuous batching, as
//! in vLLM).

mod error;
mod config;
mod weight_files;
mod weights;
mod tokenizer;
mod prompt;
mod input_image;
mod tile_grid;
mod plan;
mod weight_loader;
mod tensor_slice;
mod linear;
#[cfg(feature = "flash-attn")]
mod flash_attention;
mod attention;
mod vit;
mod kv_cache;
mod qwen2;
mod model;
mod repetition;
mod memory_budget;
mod scheduler;
mod read;
#[cfg(feature = "cuda")]
mod cuda;
mod load;
mod options;
#[cfg(test)]
mod fixtures;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Instant,
};

use recto_schemas::{BoundedInt, Dtype, EngineName, GotRuntime, Options};

pub use self::error::GotError;
use self::{model::GenerativeModel, read::ReaderContext, scheduler::Scheduler};
use super::{
    DecodeUsage, Engine, EngineError, EngineInfo, EngineMemory, EngineRequest, EngineUsage,
    OptionsError, PendingResponse, ResponseSender,
    queue::{FairQueue, PushError},
};
use crate::pinned_files::PinnedFiles;

/// Resolution at which pages are rendered, in dots per inch. One input image of a page needs some
/// 90, its tiles up to three times that.
const DPI: f32 = 200.0;
/// Longest side that tiles make use of, in pixels: four input images of 1,024.
const MAX_SIDE_PX: u32 = 4096;
/// Maximum pages of a request: as many as an inference unit may have.
const PAGES_PER_REQUEST: u32 = 8;
/// Sequences that a request gives on average: short pages share an inference unit.
const SEQUENCES_PER_REQUEST: usize = 4;
/// Maximum requests that are read at once. Each has a thread, which mostly waits.
const MAX_READERS: usize = 64;
/// Places in the queue: the next requests of two documents. Each holds the bitmaps of its pages.
const QUEUE_CAPACITY: usize = 2;

/// Makes the engine that GOT's text is checked against, and that reads pages on which GOT fails:
/// PP-OCR.
pub type CrossCheckFactory = Arc<dyn Fn() -> Result<Arc<dyn Engine>, String> + Send + Sync>;

/// Settings for loading and running a checkpoint.
#[derive(Clone)]
pub struct GotConfig {
    /// The model's name; the folder's name if none is given.
    pub name: Option<String>,
    /// The commit of the Hugging Face hub that its files are of, if they come from there.
    pub revision: Option<String>,
    /// Number format of the weights; by default 8-bit on the CPU and bfloat16 on a GPU.
    pub dtype: Option<Dtype>,
    /// `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// Sequences decoded at once (the batch size). By default 16 on a GPU; on the CPU 16 for a
    /// model of rows, whose sequences are short, and 4 for others.
    pub batch_size: Option<usize>,
    /// Maximum new tokens of one sequence, whatever a document asks for.
    pub max_new_tokens: usize,
    /// Threads for arithmetic on the CPU; by default one a core.
    pub threads: Option<usize>,
    /// Makes PP-OCR when it is first needed.
    pub cross_check: Option<CrossCheckFactory>,
    /// The files of the checkpoint of which it is known what has to be in them.
    pub pinned: PinnedFiles,
}

impl Default for GotConfig {
    fn default() -> Self {
        Self {
            name: None,
            revision: None,
            dtype: None,
            device: "cpu".to_owned(),
            batch_size: None,
            max_new_tokens: GotRuntime::default().max_new_tokens.get() as usize,
            threads: None,
            cross_check: None,
            pinned: PinnedFiles::default(),
        }
    }
}

/// The default number format on a device (`cpu`, `cuda` or `cuda:N`): the fastest that reads well.
pub fn usual_dtype(device: &str) -> Dtype {
    match device {
        "cpu" => Dtype::Q8,
        _ => Dtype::Bf16,
    }
}

/// The GOT engine. Its threads live as long as it does.
pub struct GotEngine {
    info: EngineInfo,
    /// Device, dtype and maximum new tokens that this process runs with.
    runtime: GotRuntime,
    shared: Arc<EngineState>,
    threads: Vec<JoinHandle<()>>,
}

/// State that the reader threads share.
struct EngineState {
    queue: FairQueue<QueuedRequest>,
    reader: ReaderContext,
}

/// A request in the queue. If it is dropped without an answer, its ticket reports that the engine
/// stopped.
struct QueuedRequest {
    request: EngineRequest,
    reply: ResponseSender,
    submitted: Instant,
}

/// The model's name, the hash of its files, and the memory that it takes.
struct ModelIdentity {
    model: String,
    model_sha256: String,
    revision: Option<String>,
    memory: EngineMemory,
    runtime: GotRuntime,
}

impl GotEngine {
    /// Loads the checkpoint in `folder`, in any of its layouts, and starts the threads.
    ///
    /// # Errors
    /// A file is missing or invalid, or the model does not fit into memory.
    pub fn load(folder: &Path, config: GotConfig) -> Result<Self, GotError> {
        load::load(folder, config)
    }

    /// Assembles the engine around a model.
    fn with_model<M: GenerativeModel + Send + 'static>(
        identity: ModelIdentity,
        parts: read::GotParts,
        model: M,
    ) -> Self {
        let slots = model.slots();
        let token_classes = load::token_classes(&parts.tokenizer);
        let shared = Arc::new(EngineState {
            queue: FairQueue::new(QUEUE_CAPACITY),
            reader: ReaderContext::new(parts, Scheduler::start(model, token_classes)),
        });
        let threads = (0..(slots + 2).min(MAX_READERS))
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.run())
            })
            .collect();
        Self {
            runtime: identity.runtime.clone(),
            info: info(identity, slots),
            shared,
            threads,
        }
    }
}

fn info(identity: ModelIdentity, slots: usize) -> EngineInfo {
    // One request more than are read keeps the slots busy while its pages are rendered.
    let max_in_flight = slots.min(MAX_READERS).div_ceil(SEQUENCES_PER_REQUEST) + 1;
    EngineInfo {
        name: EngineName::Got,
        model: identity.model,
        model_sha256: identity.model_sha256,
        revision: identity.revision,
        scripts: &[],
        batch: u32::try_from(slots).ok(),
        memory: Some(identity.memory),
        dpi: DPI,
        max_side_px: MAX_SIDE_PX,
        reads_parts: false,
        pages_per_request: PAGES_PER_REQUEST,
        max_in_flight: u32::try_from(max_in_flight).unwrap_or(u32::MAX),
    }
}

impl EngineState {
    /// Reads requests until the queue is closed.
    fn run(&self) {
        while let Some(job) = self.queue.pop() {
            let queued = job.submitted.elapsed();
            let answer = catch_unwind(AssertUnwindSafe(|| self.reader.read(&job.request, queued)));
            job.reply.send(answer.unwrap_or_else(|_| {
                Err(EngineError::Model(
                    "it panicked; please report this".to_owned(),
                ))
            }));
        }
    }
}

impl Engine for GotEngine {
    fn info(&self) -> &EngineInfo {
        &self.info
    }

    fn complete(&self, options: &mut Options) -> Result<(), OptionsError> {
        let got = options.got.get_or_insert_default();
        got.check()
            .map_err(|error| OptionsError::Invalid(error.to_owned()))?;
        options::check_runtime(&got.runtime, &self.runtime).map_err(OptionsError::Unavailable)?;
        got.runtime = GotRuntime {
            max_new_tokens: got.runtime.max_new_tokens.min(self.runtime.max_new_tokens),
            ..self.runtime.clone()
        };
        got.batch_size = self.info.batch.map(BoundedInt::clamped);
        Ok(())
    }

    fn submit(&self, request: EngineRequest) -> Result<PendingResponse, EngineError> {
        if request.pages.is_empty() {
            return Err(EngineError::Model("a request without pages".to_owned()));
        }
        for page in &request.pages {
            page.check().map_err(EngineError::Model)?;
        }
        let (document, cancel) = (request.document, request.cancel.clone());
        let (ticket, reply) = PendingResponse::new(cancel.clone());
        let job = QueuedRequest {
            request,
            reply,
            submitted: Instant::now(),
        };
        match self.shared.queue.push(document, job, &cancel) {
            Ok(()) => Ok(ticket),
            Err(PushError::Closed) => Err(EngineError::Stopped),
            Err(PushError::Cancelled) => Err(EngineError::Cancelled),
        }
    }

    fn usage(&self) -> EngineUsage {
        let scheduler = self.shared.reader.scheduler();
        let stats = scheduler.stats();
        EngineUsage {
            workers: 1,
            busy: scheduler.busy(),
            decode: Some(DecodeUsage {
                steps: stats.steps,
                rows: stats.rows,
                tokens: stats.tokens,
                views: stats.images,
                loops: stats.loops,
                encoding: stats.encoding,
                prefilling: stats.prefilling,
                decoding: stats.decoding,
            }),
            fallback: None,
        }
    }
}

impl Drop for GotEngine {
    fn drop(&mut self) {
        self.shared.queue.close();
        self.shared.reader.stop();
        for thread in self.threads.drain(..) {
            // A reader thread catches its panics; nothing can be done about another one here.
            let _ = thread.join();
        }
    }
}
