//! GOT-OCR 2.0: a page image in, Mathpix Markdown out.
//!
//! A SAM-style encoder turns views of pages into tokens, a Qwen2 decoder writes text after them (paper:
//! Wei et al. 2024, "General OCR Theory"; reference: `GotOcr2` of transformers). Requests are cut into
//! passes, passes become sequences, and one thread that owns the model batches the sequences of all
//! documents.

// Why a checkpoint cannot be used.
mod error;
// What the configuration files say.
mod config;
// A checkpoint's tensors, whichever layout they come in.
mod weights;
// Text to tokens and back.
mod tokens;
// What the model is asked.
mod prompt;
// A page image to views of the model's size.
mod view;
// How a page is cut into views.
mod tiles;
// Which pages share a pass, and which are cut.
mod plan;
// Weights on their way into the model.
mod source;
// Tensors of the CPU as slices.
mod host;
// What candle's own operations are too slow for, on the CPU.
mod kernels;
// A product with weights, however they are kept.
mod linear;
// Fused attention on a GPU.
#[cfg(feature = "flash-attn")]
mod fused;
// Attention of the encoder.
mod attention;
// The vision encoder.
mod vit;
// Keys and values as tensors.
mod device_cache;
// The decoder.
mod qwen2;
// Encoder and decoder as the scheduler sees them.
mod model;
// Repetition, seen while decoding.
mod guard;
// What a model takes, and what there is.
mod fit;
// Sequences of all documents through one model.
mod schedule;
// A request from its pages to its readings.
mod read;
// A GPU, made ready.
#[cfg(feature = "cuda")]
mod gpu;
mod options;
// The engine: its parts put together, its queue and its threads.
mod load;
// What the reference implementation gave.
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
use self::{model::GenerativeModel, read::ReaderContext, schedule::Scheduler};
use super::{
    DecodeUsage, Engine, EngineError, EngineInfo, EngineMemory, EngineRequest, EngineUsage,
    OptionsError, PendingResponse, ResponseSender,
    queue::{FairQueue, PushError},
};

/// The resolution at which pages are drawn. One view of a page needs some 90 dots per inch, its tiles up
/// to three times that.
const DPI: f32 = 200.0;
/// Longest side that tiles make use of: four views.
const MAX_SIDE_PX: u32 = 4096;
/// Pages of a request: as many as a pass may have.
const PAGES_PER_REQUEST: u32 = 8;
/// Sequences that a request gives on average: short pages share a pass.
const SEQUENCES_PER_REQUEST: usize = 4;
/// Most requests that are read at once. Each has a thread, which mostly waits.
const MOST_READERS: usize = 64;
/// Places in the queue: the next requests of two documents. Each holds the bitmaps of its pages.
const QUEUE: usize = 2;

/// Makes the engine whose words GOT's are compared with, and which reads what GOT cannot: PP-OCR.
pub type CrossCheckFactory = Arc<dyn Fn() -> Result<Arc<dyn Engine>, String> + Send + Sync>;

/// How a checkpoint is run.
#[derive(Clone)]
pub struct GotConfig {
    /// What the model is called; the folder's name where nothing is given.
    pub name: Option<String>,
    /// Number format of the weights; 8-bit on the CPU and bfloat16 on a GPU where none is named.
    pub dtype: Option<Dtype>,
    /// `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// Sequences decoded at once; 4 on the CPU and 16 on a GPU where it is not named.
    pub batch: Option<usize>,
    /// Most tokens one pass may write, whatever a document asks for.
    pub max_new_tokens: usize,
    /// Threads that the arithmetic on the CPU takes; one a core where it is not named.
    pub threads: Option<usize>,
    /// PP-OCR, made when it is first needed.
    pub reader: Option<CrossCheckFactory>,
}

impl Default for GotConfig {
    fn default() -> Self {
        Self {
            name: None,
            dtype: None,
            device: "cpu".to_owned(),
            batch: None,
            max_new_tokens: GotRuntime::default().max_new_tokens.get() as usize,
            threads: None,
            reader: None,
        }
    }
}

/// The number format that pays on a device, `cpu`, `cuda` or `cuda:N`, where none is named.
pub fn usual_dtype(device: &str) -> Dtype {
    match device {
        "cpu" => Dtype::Q8,
        _ => Dtype::Bf16,
    }
}

/// The GOT engine: its threads live as long as it does.
pub struct GotEngine {
    info: EngineInfo,
    /// What the model runs as; of tokens, the most that a document gets.
    runtime: GotRuntime,
    shared: Arc<EngineState>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads share.
struct EngineState {
    queue: FairQueue<QueuedRequest>,
    reader: ReaderContext,
}

/// A request on its way. Where it is dropped without an answer its ticket says that the engine stopped.
struct QueuedRequest {
    request: EngineRequest,
    reply: ResponseSender,
    submitted: Instant,
}

/// Who reads: the model's name and the hash of its files.
struct ModelIdentity {
    model: String,
    model_sha256: String,
    memory: EngineMemory,
    runtime: GotRuntime,
}

impl GotEngine {
    /// Loads the checkpoint in `folder`, whichever layout it has, and starts the threads.
    ///
    /// # Errors
    /// Where a file is missing or is not what it should be, or the model does not fit the machine.
    pub fn load(folder: &Path, config: GotConfig) -> Result<Self, GotError> {
        load::load(folder, config)
    }

    /// Puts the engine together around a model.
    fn with_model<M: GenerativeModel + Send + 'static>(
        identity: ModelIdentity,
        parts: read::GotParts,
        model: M,
    ) -> Self {
        let slots = model.slots();
        let marks = load::marks(&parts.tokens);
        let shared = Arc::new(EngineState {
            queue: FairQueue::new(QUEUE),
            reader: ReaderContext::new(parts, Scheduler::start(model, marks)),
        });
        let threads = (0..(slots + 2).min(MOST_READERS))
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
    // One request more than are read keeps the slots busy while its pages are drawn.
    let window = slots.min(MOST_READERS).div_ceil(SEQUENCES_PER_REQUEST) + 1;
    EngineInfo {
        name: EngineName::Got,
        model: identity.model,
        model_sha256: identity.model_sha256,
        batch: u32::try_from(slots).ok(),
        memory: Some(identity.memory),
        dpi: DPI,
        max_side_px: MAX_SIDE_PX,
        pages_per_request: PAGES_PER_REQUEST,
        window: u32::try_from(window).unwrap_or(u32::MAX),
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
        let work = scheduler.work();
        EngineUsage {
            lanes: 1,
            busy: scheduler.busy(),
            decode: Some(DecodeUsage {
                steps: work.steps,
                rows: work.rows,
                tokens: work.tokens,
                views: work.views,
                loops: work.loops,
                encoding: work.encoding,
                prefilling: work.prefilling,
                decoding: work.decoding,
            }),
        }
    }
}

impl Drop for GotEngine {
    fn drop(&mut self) {
        self.shared.queue.close();
        self.shared.reader.stop();
        for thread in self.threads.drain(..) {
            // A reader catches its panics; there is nothing to do about another one here.
            let _ = thread.join();
        }
    }
}
