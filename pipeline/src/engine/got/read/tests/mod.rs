//! Tests of requests through the whole engine, with a scripted model.

mod checkpoint;
mod pages;
mod requests;
mod rows;

use std::{
    collections::VecDeque,
    fs,
    ops::Range,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use recto_schemas::{
    EngineName, FinishReason, GotMode, GotOptions, GotRuntime, Options, PagesPerPass,
    RejectionKind, Share, TilePolicy,
};

use self::checkpoint::{config, tokenizer};
use super::GotParts;
use crate::{
    cancel::CancelToken,
    engine::{
        DocumentId, Engine, EngineError, EngineRequest, EngineResponse, OcrContent, OcrResult,
        PendingResponse,
        fake::FakeEngine,
        got::{
            CrossCheckFactory, GotEngine, ModelIdentity,
            config::{
                CheckpointConfig, CheckpointLayout, ProcessorConfig, RowConfig, TextConfig,
                VisionConfig,
            },
            input_image::InputImage,
            model::{DecodeInput, GenerativeModel, SampledToken},
            tokenizer::GotTokenizer,
        },
    },
    image::PageImage,
};

/// Timeout for an answer: far more than any takes.
const PATIENCE: Duration = Duration::from_secs(120);
/// Positions of a slot.
const CONTEXT: usize = 4096;
/// Maximum new tokens of a sequence.
const MOST: u32 = 2048;
/// Tokens of an input image, and of a row if the model was trained on rows.
const VIEW_TOKENS: usize = 4;
/// Pixels of a row.
const PITCH: u32 = 128;
/// Special tokens, after the 256 bytes.
const SPECIAL: [&str; 6] = [
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<img>",
    "</img>",
    "<imgpad>",
];
const END: u32 = 258;
const IMAGE: u32 = 261;
/// Tokens after which a held model stops.
const HELD_AT: usize = 10;
/// Log-probability of each token.
const LOGPROB: f32 = -0.25;

/// The prompt as a script sees it.
struct Asked {
    /// One shade an input image; pages of tests have one shade each.
    shades: Vec<u8>,
    prompt: String,
    /// The text that the answer continues, if it does.
    before: String,
}

impl Asked {
    fn format(&self) -> bool {
        self.prompt.contains("OCR with format")
    }
}

type Script = fn(&Asked) -> String;

/// A model that writes a script's text, a byte a token.
struct Writer {
    script: Script,
    slots: Vec<VecDeque<u32>>,
    /// Input images encoded so far.
    encoded: Arc<AtomicUsize>,
    /// Tokens sampled so far.
    steps: Arc<AtomicUsize>,
    /// If set, the model stops after some tokens until this is cancelled.
    hold: Arc<OnceLock<CancelToken>>,
}

impl Writer {
    fn next(&mut self, slot: usize, banned: &[u32]) -> SampledToken {
        let steps = self.steps.fetch_add(1, Ordering::SeqCst);
        while steps >= HELD_AT && self.hold.get().is_some_and(|flag| !flag.is_cancelled()) {
            thread::yield_now();
        }
        let wanted = self.slots[slot].pop_front().unwrap_or(END);
        let token = if banned.contains(&wanted) {
            u32::from(b'#')
        } else {
            wanted
        };
        SampledToken {
            token,
            logprob: LOGPROB,
        }
    }
}

impl GenerativeModel for Writer {
    /// The shade of each row.
    type Embedding = Vec<u8>;

    fn slots(&self) -> usize {
        self.slots.len()
    }

    fn context(&self) -> usize {
        CONTEXT
    }

    fn max_encode_batch(&self) -> usize {
        4
    }

    fn encode(&mut self, views: &[&InputImage]) -> Result<Vec<Vec<u8>>, String> {
        // A page of one shade has that one, a row has the shade of its type, whose edges have
        // others.
        let shade = |row: &[u8]| {
            let mut counts = [0usize; 256];
            row.iter().for_each(|&tone| counts[usize::from(tone)] += 1);
            let most = |tones: Range<usize>| tones.max_by_key(|&tone| counts[tone]);
            let paper = most(0..256)?;
            u8::try_from(if paper == 255 { most(0..128)? } else { paper }).ok()
        };
        let image = |view: &&InputImage| {
            let rows = view.rgb.chunks((view.width * PITCH * 3) as usize);
            rows.filter_map(shade).collect()
        };
        self.encoded.fetch_add(views.len(), Ordering::SeqCst);
        Ok(views.iter().map(image).collect())
    }

    fn slice(&self, image: &Vec<u8>, tokens: Range<usize>) -> Result<Vec<u8>, String> {
        assert_eq!((tokens.start % VIEW_TOKENS, tokens.len()), (0, VIEW_TOKENS));
        Ok(vec![image[tokens.start / VIEW_TOKENS]])
    }

    fn prefill(
        &mut self,
        slot: usize,
        prompt: &[u32],
        images: &[&Vec<u8>],
        banned: &[u32],
    ) -> Result<SampledToken, String> {
        let shades: Vec<u8> = images.iter().map(|image| image[0]).collect();
        if shades.contains(&13) {
            return Err("unlucky".to_owned());
        }
        let marks = prompt.iter().filter(|&&token| token == IMAGE).count();
        let rows: usize = images.iter().map(|image| image.len()).sum();
        assert_eq!(marks, rows * VIEW_TOKENS);
        let bytes = prompt.iter().filter_map(|&token| u8::try_from(token).ok());
        let text = String::from_utf8(bytes.collect()).expect("prompts are text");
        let (prompt, before) = text.rsplit_once("assistant\n").expect("a conversation");
        let asked = Asked {
            shades,
            prompt: prompt.to_owned(),
            before: before.to_owned(),
        };
        self.slots[slot] = (self.script)(&asked).bytes().map(u32::from).collect();
        Ok(self.next(slot, banned))
    }

    fn decode(&mut self, rows: &[DecodeInput<'_>]) -> Result<Vec<SampledToken>, String> {
        Ok(rows
            .iter()
            .map(|row| self.next(row.slot, row.banned))
            .collect())
    }
}

/// An engine around a [`Writer`].
struct Bench {
    got: GotEngine,
    encoded: Arc<AtomicUsize>,
    steps: Arc<AtomicUsize>,
    hold: Arc<OnceLock<CancelToken>>,
}

impl Bench {
    fn new(script: Script) -> Self {
        Self::with(script, 4, None)
    }

    fn with(script: Script, slots: usize, second: Option<CrossCheckFactory>) -> Self {
        Self::with_config(config(), script, slots, second)
    }

    /// An engine whose model was trained on rows, four to an input image.
    fn of_rows(script: Script, second: Option<CrossCheckFactory>) -> Self {
        let mut config = config();
        let pixels = &mut config.processor;
        (pixels.width, pixels.height) = (4 * PITCH, 4 * PITCH);
        pixels.rows = Some(RowConfig {
            em: 36.0,
            rows_per_image: 4,
        });
        config.image_tokens = 4 * VIEW_TOKENS;
        Self::with_config(config, script, 2, second)
    }

    fn with_config(
        config: CheckpointConfig,
        script: Script,
        slots: usize,
        second: Option<CrossCheckFactory>,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("tokenizer.json"), tokenizer()).expect("writable");
        let parts = GotParts {
            tokenizer: GotTokenizer::open(folder.path(), &config).expect("a sound tokenizer"),
            config,
            cross_check: second,
            max_new_tokens: MOST,
            context: CONTEXT,
        };
        let encoded = Arc::new(AtomicUsize::new(0));
        let steps = Arc::new(AtomicUsize::new(0));
        let hold = Arc::new(OnceLock::new());
        let model = Writer {
            script,
            slots: vec![VecDeque::new(); slots],
            encoded: Arc::clone(&encoded),
            steps: Arc::clone(&steps),
            hold: Arc::clone(&hold),
        };
        let identity = ModelIdentity {
            revision: None,
            model: "writer".to_owned(),
            model_sha256: "0".repeat(64),
            memory: crate::engine::EngineMemory {
                weights_bytes: 0,
                cache_bytes: 0,
            },
            runtime: GotRuntime::limited_to(MOST),
        };
        Self {
            got: GotEngine::with_model(identity, parts, model),
            encoded,
            steps,
            hold,
        }
    }

    /// Holds the model after some tokens until `flag` is cancelled.
    fn hold(&self, flag: &CancelToken) {
        self.hold.set(flag.clone()).expect("held once");
    }

    /// Waits until the model is held.
    fn wait_held(&self) {
        while self.steps.load(Ordering::SeqCst) <= HELD_AT {
            thread::yield_now();
        }
    }

    fn submit(&self, document: u64, shades: &[u8], options: GotOptions) -> PendingResponse {
        self.try_submit(document, shades, options, &CancelToken::new())
            .expect("the engine takes requests")
    }

    fn try_submit(
        &self,
        document: u64,
        shades: &[u8],
        got: GotOptions,
        cancel: &CancelToken,
    ) -> Result<PendingResponse, EngineError> {
        let pages = shades.iter().map(|&shade| page(shade));
        self.submit_pages(document, pages, got, cancel)
    }

    fn submit_pages(
        &self,
        document: u64,
        pages: impl IntoIterator<Item = PageImage>,
        got: GotOptions,
        cancel: &CancelToken,
    ) -> Result<PendingResponse, EngineError> {
        self.got.submit(EngineRequest {
            document: DocumentId(document),
            pages: pages.into_iter().map(Arc::new).collect(),
            is_whole: true,
            options: Arc::new(Options {
                engine: EngineName::Got,
                got: Some(got),
                ..Options::default()
            }),
            cancel: cancel.clone(),
        })
    }

    fn read(&self, shades: &[u8], options: GotOptions) -> EngineResponse {
        self.submit(1, shades, options).wait(PATIENCE)
    }
}

/// A page of one shade, with sides that tell it apart.
fn page(shade: u8) -> PageImage {
    let (width, height) = (40, 40 + u32::from(shade));
    PageImage {
        width,
        height,
        dpi: 72.0,
        rgb: vec![shade; (width * height * 3) as usize],
    }
}

/// A page with a line in each of these shades.
fn sheet(shades: &[u8]) -> PageImage {
    let height = 40 + 90 * shades.len() as u32;
    let mut rgb = vec![250; (200 * height * 3) as usize];
    for (line, &shade) in shades.iter().enumerate() {
        for y in 40 + line * 90..60 + line * 90 {
            for x in (40..160).filter(|x| x % 40 < 14) {
                rgb[(y * 200 + x) * 3..][..3].fill(shade);
            }
        }
    }
    PageImage {
        width: 200,
        height,
        dpi: 160.0,
        rgb,
    }
}

/// Reads pages with lines of these shades with a model that was trained on rows.
fn read_sheets(bench: &Bench, sheets: &[&[u8]], got: GotOptions) -> EngineResponse {
    let pages = sheets.iter().map(|shades| sheet(shades));
    let ticket = bench.submit_pages(1, pages, got, &CancelToken::new());
    ticket.expect("the engine takes requests").wait(PATIENCE)
}

/// The options of a document that asks for nothing.
fn usual() -> GotOptions {
    GotOptions {
        runtime: GotRuntime::limited_to(MOST),
        ..GotOptions::default()
    }
}

/// The text that the fake PP-OCR reads on a page.
fn seen(shade: u8) -> String {
    format!("page of 40 by {}", 40 + u32::from(shade))
}

/// A fake PP-OCR that reads how large a page is.
fn ppocr() -> Option<CrossCheckFactory> {
    Some(Arc::new(|| {
        Ok(Arc::new(FakeEngine::new(1, 4, &|_| {
            (Duration::ZERO, Ok(()))
        })))
    }))
}

fn options() -> GotOptions {
    GotOptions {
        tiles: TilePolicy::Never,
        pages_per_pass: PagesPerPass::Most(1),
        runtime: GotRuntime::limited_to(MOST),
        ..GotOptions::default()
    }
}

fn together(pages: u32) -> GotOptions {
    GotOptions {
        pages_per_pass: PagesPerPass::Most(pages),
        ..options()
    }
}

fn text(reading: &OcrResult) -> String {
    match &reading.content {
        OcrContent::Markup(text) => text.clone(),
        OcrContent::Regions(lines) => lines.iter().map(|line| line.text.as_str()).collect(),
    }
}

/// Way, finish reason and rejection of each attempt at a page.
fn attempts(reading: &OcrResult) -> Vec<(&str, FinishReason, Option<&str>)> {
    let decoding = reading.decoding.as_ref().expect("a decoder wrote it");
    let attempts = decoding.attempts.iter();
    attempts
        .map(|a| {
            (
                a.method.as_str(),
                a.stop,
                a.rejected.map(RejectionKind::as_str),
            )
        })
        .collect()
}

/// The text that PP-OCR reads on all pages shown.
fn all_seen(asked: &Asked) -> String {
    let texts: Vec<_> = asked.shades.iter().map(|&shade| seen(shade)).collect();
    texts.join("\n")
}

fn forever(_: &Asked) -> String {
    "again and ".repeat(2000)
}
