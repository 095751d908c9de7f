//! Tests of requests through the whole engine, with a scripted model.

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
            tokens: GotTokenizer::open(folder.path(), &config).expect("a sound tokenizer"),
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

fn config() -> CheckpointConfig {
    CheckpointConfig {
        layout: CheckpointLayout::Hub,
        vision: VisionConfig {
            hidden: 8,
            layers: 1,
            heads: 1,
            patch: 16,
            image: 128,
            channels_out: 8,
            mlp: 8,
            window: 2,
            global: vec![0],
            abs_pos: true,
            rel_pos: true,
            qkv_bias: true,
            eps: 1e-6,
        },
        text: TextConfig {
            vocab: 262,
            hidden: 8,
            intermediate: 8,
            layers: 1,
            heads: 1,
            kv_heads: 1,
            head_dim: 8,
            eps: 1e-6,
            rope_theta: 1e6,
            positions: CONTEXT,
            tied: true,
        },
        processor: ProcessorConfig {
            width: 16,
            height: 16,
            mean: [0.5; 3],
            std: [0.5; 3],
            rescale: 1.0 / 255.0,
            rows: None,
            min_patches: 1,
            max_patches: 12,
        },
        image_token: IMAGE,
        image_tokens: VIEW_TOKENS,
        eos: vec![256],
    }
}

/// A tokenizer whose tokens are bytes.
fn tokenizer() -> String {
    // GPT-2's letters for bytes: printable ones stand for themselves, others follow after U+0100.
    let printable = |byte: u8| matches!(byte, 33..=126 | 161..=172 | 174..=255);
    let mut others = 0x100u32..;
    let vocab: serde_json::Map<_, _> = (0..=255u8)
        .map(|byte| {
            let letter = if printable(byte) {
                char::from(byte)
            } else {
                char::from_u32(others.next().expect("endless")).expect("a letter")
            };
            (letter.to_string(), byte.into())
        })
        .collect();
    let added: Vec<_> = SPECIAL
        .iter()
        .zip(256..)
        .map(|(content, id)| {
            serde_json::json!({
                "id": id, "content": content, "special": true, "normalized": false,
                "single_word": false, "lstrip": false, "rstrip": false,
            })
        })
        .collect();
    let bytes = serde_json::json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false,
    });
    serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
        "added_tokens": added, "pre_tokenizer": bytes, "post_processor": null, "decoder": bytes,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "vocab": vocab, "merges": [],
        },
    })
    .to_string()
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
                a.way.as_str(),
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

#[test]
fn a_page_is_read_with_its_confidence_and_account() {
    let bench = Bench::new(all_seen);
    let readings = bench.read(&[7], options()).expect("read");
    let [reading] = &readings[..] else {
        panic!("one page, not {readings:?}");
    };
    assert_eq!(text(reading), seen(7));
    assert_eq!((reading.first, reading.count), (0, 1));
    assert_eq!(reading.engine, EngineName::Got);
    assert_eq!(reading.stop, FinishReason::End);
    let confidence = reading.confidence.expect("text was written");
    assert!((confidence - LOGPROB.exp()).abs() < 1e-5, "{confidence}");
    let decoding = reading.decoding.as_ref().expect("a decoder wrote it");
    assert_eq!(decoding.stop, FinishReason::End);
    assert_eq!(decoding.tokens as usize, seen(7).len());
    assert_eq!(decoding.pages_in_pass, 1);
    assert!(decoding.attempts.is_empty() && decoding.verified.is_none());
    assert!(reading.raw.is_none());
}

#[test]
fn raw_has_prompt_tokens_and_text() {
    let bench = Bench::new(|_| "ab".to_owned());
    let raw = GotOptions {
        raw: true,
        ..options()
    };
    let readings = bench.read(&[7], raw).expect("read");
    let raw = readings[0].raw.as_ref().expect("asked for");
    let images = raw.prompt_ids.iter().filter(|&&id| id == IMAGE).count();
    assert_eq!(images, VIEW_TOKENS);
    assert_eq!(raw.token_ids, [97, 98]);
    assert_eq!(raw.text, "ab");
}

#[test]
fn pages_share_a_pass_where_it_holds_up() {
    let bench = Bench::with(all_seen, 4, ppocr());
    let readings = bench.read(&[1, 2, 3], together(2)).expect("read");
    let ranges: Vec<_> = readings.iter().map(|r| (r.first, r.count)).collect();
    assert_eq!(ranges, [(0, 2), (2, 1)]);
    assert_eq!(text(&readings[0]), format!("{}\n{}", seen(1), seen(2)));
    let decoding = readings[0].decoding.as_ref().expect("a decoder wrote it");
    assert_eq!(decoding.pages_in_pass, 2);
    assert!(decoding.attempts.is_empty());
}

#[test]
fn pages_of_a_pass_with_too_few_words_are_read_singly() {
    let bench = Bench::with(|asked| seen(asked.shades[0]), 4, ppocr());
    let readings = bench.read(&[1, 2], together(2)).expect("read");
    assert_eq!(readings.len(), 2);
    for (index, reading) in readings.iter().enumerate() {
        assert_eq!((reading.first, reading.count), (index, 1));
        assert_eq!(text(reading), seen(index as u8 + 1));
        let tried = [
            ("pass", FinishReason::End, Some("too-few-words")),
            ("single", FinishReason::End, None),
        ];
        assert_eq!(attempts(reading), tried);
    }
}

#[test]
fn pages_of_a_pass_that_repeats_itself_are_read_singly() {
    let bench = Bench::new(|asked| match &asked.shades[..] {
        [shade] => seen(*shade),
        _ => forever(asked),
    });
    let readings = bench.read(&[1, 2], together(2)).expect("read");
    assert_eq!(readings.len(), 2);
    let tried = [
        ("pass", FinishReason::Repetition, Some("repetition")),
        ("single", FinishReason::End, None),
    ];
    assert_eq!(attempts(&readings[1]), tried);
    assert_eq!(text(&readings[1]), seen(2));
}

#[test]
fn pages_of_an_empty_pass_are_read_singly_without_a_second_reader() {
    let bench = Bench::new(|asked| match &asked.shades[..] {
        [shade] => seen(*shade),
        _ => String::new(),
    });
    let readings = bench.read(&[1, 2], together(2)).expect("read");
    assert_eq!(
        attempts(&readings[0])[0],
        ("pass", FinishReason::End, Some("empty"))
    );
    assert_eq!(text(&readings[0]), seen(1));
}

#[test]
fn a_second_reader_that_cannot_be_made_leaves_passes_unchecked() {
    let none: CrossCheckFactory = Arc::new(|| Err("no such file".to_owned()));
    let bench = Bench::with(|asked| seen(asked.shades[0]), 4, Some(none));
    let verified = GotOptions {
        verify: Share::ALL,
        ..together(2)
    };
    let readings = bench.read(&[1, 2], verified).expect("read");
    assert_eq!(readings.len(), 1);
    assert_eq!(
        readings[0].decoding.as_ref().expect("written").verified,
        None
    );
}

#[test]
fn a_loop_is_cut_and_goes_on_with_no_run_coming_again() {
    let bench = Bench::new(|asked| {
        if asked.before.is_empty() {
            format!("A long first line. {}", "again and ".repeat(2000))
        } else {
            " The end.".to_owned()
        }
    });
    let readings = bench.read(&[1], options()).expect("read");
    let tried = [
        ("single", FinishReason::Repetition, Some("repetition")),
        ("no-repeat-ngram", FinishReason::End, None),
    ];
    assert_eq!(attempts(&readings[0]), tried);
    let text = text(&readings[0]);
    assert!(text.starts_with("A long first line."), "{text}");
    assert!(text.ends_with(" The end."), "{text}");
    assert!(text.len() < 100, "{text}");
    assert_eq!(readings[0].stop, FinishReason::End);
}

#[test]
fn plain_text_is_tried_where_formatted_text_repeats_itself() {
    let bench = Bench::new(|asked| {
        if asked.format() {
            forever(asked)
        } else {
            all_seen(asked)
        }
    });
    let readings = bench.read(&[1], options()).expect("read");
    let ways: Vec<_> = attempts(&readings[0]).iter().map(|a| a.0).collect();
    assert_eq!(ways, ["single", "no-repeat-ngram", "plain"]);
    assert_eq!(text(&readings[0]), seen(1));
    let decoding = readings[0].decoding.as_ref().expect("a decoder wrote it");
    assert_eq!(decoding.mode, GotMode::Plain);
    assert_eq!(decoding.stop, FinishReason::End);
}

#[test]
fn a_tiled_page_is_tried_whole() {
    let bench = Bench::new(|asked| match asked.shades.len() {
        1 => all_seen(asked),
        _ => forever(asked),
    });
    let tiled = GotOptions {
        tiles: TilePolicy::Always,
        mode: GotMode::Plain,
        ..options()
    };
    let readings = bench.read(&[100], tiled).expect("read");
    let ways: Vec<_> = attempts(&readings[0]).iter().map(|a| a.0).collect();
    assert_eq!(ways, ["single", "no-repeat-ngram", "whole"]);
    let tiling = &readings[0].decoding.as_ref().expect("written").tiling;
    assert_eq!((tiling.columns, tiling.rows), (1, 1));
}

#[test]
fn a_model_that_repeats_for_ever_gives_way_to_ppocr_within_half_of_the_tokens() {
    let bench = Bench::with(forever, 4, ppocr());
    let readings = bench.read(&[1], options()).expect("read");
    let reading = &readings[0];
    assert_eq!(reading.engine, EngineName::Ppocr);
    assert_eq!(text(reading), seen(1));
    assert!(matches!(reading.content, OcrContent::Regions(_)));
    assert_eq!(
        attempts(reading).last(),
        Some(&("ppocr", FinishReason::End, None))
    );
    let decoding = reading.decoding.as_ref().expect("attempts were made");
    let counted: u32 = decoding.attempts.iter().map(|a| a.tokens).sum();
    assert!(counted > 0 && counted <= MOST / 2, "{counted}");
    assert!(bench.steps.load(Ordering::SeqCst) <= MOST as usize / 2);
}

#[test]
fn without_ppocr_the_longest_text_that_was_cut_is_kept() {
    let bench = Bench::new(|asked| {
        let start = if asked.format() {
            ""
        } else {
            "Something else first. "
        };
        format!("{start}{}", forever(asked))
    });
    let readings = bench.read(&[1], options()).expect("read");
    let reading = &readings[0];
    assert_eq!(reading.engine, EngineName::Got);
    assert_eq!(reading.stop, FinishReason::Repetition);
    assert!(text(reading).starts_with("Something"), "{}", text(reading));
    let kept = attempts(reading).into_iter().filter(|a| a.2.is_none());
    assert_eq!(
        kept.collect::<Vec<_>>(),
        [("plain", FinishReason::Repetition, None)]
    );
}

#[test]
fn a_part_of_a_page_is_never_read_by_ppocr() {
    let bench = Bench::with(forever, 4, ppocr());
    let part = GotOptions {
        r#box: [0, 0, 500, 500].try_into().ok(),
        verify: Share::ALL,
        ..options()
    };
    let readings = bench.read(&[1], part).expect("read");
    assert_eq!(readings[0].engine, EngineName::Got);
    assert_eq!(
        readings[0].decoding.as_ref().expect("written").verified,
        None
    );
}

#[test]
fn without_the_guard_a_loop_runs_to_the_most_tokens() {
    let bench = Bench::with(forever, 4, ppocr());
    let unguarded = GotOptions {
        loop_guard: false,
        runtime: GotRuntime::limited_to(200),
        ..options()
    };
    let readings = bench.read(&[1], unguarded).expect("read");
    assert_eq!(readings[0].stop, FinishReason::Length);
    let decoding = readings[0].decoding.as_ref().expect("written");
    assert_eq!(
        (decoding.stop, decoding.tokens),
        (FinishReason::Length, 200)
    );
    assert!(decoding.attempts.is_empty());
}

#[test]
fn a_document_cannot_ask_for_more_tokens_than_the_engine_gives() {
    let bench = Bench::new(forever);
    let greedy = GotOptions {
        loop_guard: false,
        runtime: GotRuntime::limited_to(MOST * 2),
        ..options()
    };
    let readings = bench.read(&[1], greedy).expect("read");
    assert_eq!(readings[0].decoding.as_ref().expect("written").tokens, MOST);
}

#[test]
fn readings_are_compared_with_ppocr_where_asked() {
    let bench = Bench::with(
        |asked| match asked.shades[0] {
            1 => all_seen(asked),
            _ => "nothing of the kind".to_owned(),
        },
        4,
        ppocr(),
    );
    let verified = GotOptions {
        verify: Share::ALL,
        ..options()
    };
    let readings = bench.read(&[1, 2], verified).expect("read");
    let verdicts: Vec<_> = readings
        .iter()
        .map(|r| {
            r.decoding
                .as_ref()
                .expect("written")
                .verified
                .expect("asked")
        })
        .map(|v| (v.agreement, v.disagrees))
        .collect();
    assert_eq!(verdicts[0], (1.0, false));
    assert!(verdicts[1].1 && verdicts[1].0 < 0.5, "{verdicts:?}");
}

#[test]
fn an_empty_answer_has_no_confidence() {
    let bench = Bench::new(|_| String::new());
    let readings = bench.read(&[1], options()).expect("read");
    assert_eq!(readings[0].content, OcrContent::Markup(String::new()));
    assert_eq!(readings[0].confidence, None);
    assert_eq!(readings[0].stop, FinishReason::End);
}

#[test]
fn a_page_on_which_the_model_fails_does_not_take_others_with_it() {
    let bench = Bench::with(all_seen, 1, None);
    let readings = bench.read(&[1, 13, 2], options()).expect("two can be read");
    let firsts: Vec<_> = readings.iter().map(|r| r.first).collect();
    assert_eq!(firsts, [0, 2]);
    let error = bench.read(&[13], options()).expect_err("nothing to give");
    assert!(
        matches!(&error, EngineError::Model(why) if why.contains("unlucky")),
        "{error}"
    );
}

/// The sentence that each stack of a page goes on with.
fn sentence(asked: &Asked) -> String {
    match asked.shades[..] {
        [10] => "It is cut in the mid-".to_owned(),
        [20] => "dle of a word and".to_owned(),
        [30] => "of a sentence.".to_owned(),
        [40] => "Then comes another.".to_owned(),
        _ => format!("views of {:?}", asked.shades),
    }
}

#[test]
fn rows_are_read_each_by_itself_and_joined() {
    let bench = Bench::of_rows(sentence, None);
    let raw = GotOptions {
        raw: true,
        ..usual()
    };
    let sheets: &[&[u8]] = &[&[10, 20, 30, 40, 30], &[40, 30]];
    let readings = read_sheets(&bench, sheets, raw.clone()).expect("read");
    let joined = "It is cut in the middle of a word and\nof a sentence.\nThen comes another.\nof a sentence.";
    assert_eq!(readings.len(), 2);
    assert_eq!(text(&readings[0]), joined);
    assert_eq!(text(&readings[1]), "Then comes another.\nof a sentence.");
    let reading = &readings[0];
    assert_eq!(reading.stop, FinishReason::End);
    let confidence = reading.confidence.expect("text was written");
    assert!((confidence - LOGPROB.exp()).abs() < 1e-5, "{confidence}");
    let decoding = reading.decoding.as_ref().expect("a decoder wrote it");
    let tiling = &decoding.tiling;
    assert_eq!(
        (tiling.columns, tiling.rows, tiling.reason.as_str()),
        (1, 2, "rows")
    );
    // Four rows to an input image, each encoded once.
    assert_eq!(bench.encoded.load(Ordering::SeqCst), 3);
    assert_eq!(
        (decoding.pages_in_pass, decoding.stop),
        (1, FinishReason::End)
    );
    assert!(decoding.attempts.is_empty());
    // One hyphen was removed, and three line feeds were inserted.
    assert_eq!(decoding.tokens as usize, joined.len() + 1 - 3);
    let given = reading.raw.as_ref().expect("asked for");
    let images = given.prompt_ids.iter().filter(|&&id| id == IMAGE).count();
    assert_eq!(images, 5 * VIEW_TOKENS);
    assert_eq!(given.prompt_ids.len() as u32, decoding.prompt_tokens);
    let plain = GotOptions {
        mode: GotMode::Plain,
        ..raw
    };
    let readings = read_sheets(&bench, &[&[30, 40]], plain).expect("read");
    assert_eq!(text(&readings[0]), "of a sentence.\nThen comes another.");
}

#[test]
fn only_the_row_that_repeats_itself_is_read_otherwise() {
    let bench = Bench::of_rows(
        |asked| match asked.shades[..] {
            [20] if asked.format() => forever(asked),
            _ => sentence(asked),
        },
        ppocr(),
    );
    let readings = read_sheets(&bench, &[&[30, 20, 40]], usual()).expect("read");
    let reading = &readings[0];
    assert_eq!(
        text(reading),
        "of a sentence.\ndle of a word and\nThen comes another."
    );
    assert_eq!(reading.engine, EngineName::Got);
    assert_eq!(reading.stop, FinishReason::End);
    let attempts = attempts(reading);
    let ways: Vec<_> = attempts.iter().map(|a| (a.0, a.2.is_none())).collect();
    let tried = [
        ("single", false),
        ("no-repeat-ngram", false),
        ("plain", true),
    ];
    assert_eq!(ways, tried);
    let decoding = reading.decoding.as_ref().expect("a decoder wrote it");
    assert_eq!((decoding.mode, decoding.tiling.rows), (GotMode::Format, 1));
}

#[test]
fn a_row_that_repeats_itself_for_ever_gives_the_page_to_ppocr() {
    let script: Script = |asked| match asked.shades[..] {
        [20] => forever(asked),
        _ => sentence(asked),
    };
    let bench = Bench::of_rows(script, ppocr());
    let readings = read_sheets(&bench, &[&[30, 20, 40], &[40, 30]], usual()).expect("read");
    assert_eq!(readings[0].engine, EngineName::Ppocr);
    assert_eq!(text(&readings[0]), "page of 200 by 310");
    assert_eq!(
        attempts(&readings[0]).last(),
        Some(&("ppocr", FinishReason::End, None))
    );
    assert_eq!(readings[1].engine, EngineName::Got);
    let bench = Bench::of_rows(script, None);
    let readings = read_sheets(&bench, &[&[30, 20, 40]], usual()).expect("read");
    let text = text(&readings[0]);
    assert!(text.starts_with("of a sentence."), "{text}");
    assert!(
        text.contains("again") && text.ends_with("Then comes another."),
        "{text}"
    );
    assert_eq!(readings[0].stop, FinishReason::Repetition);
    let kept = attempts(&readings[0]).into_iter().filter(|a| a.2.is_none());
    assert_eq!(kept.count(), 1);
}

#[test]
fn a_page_of_rows_fails_whole_and_alone() {
    let bench = Bench::of_rows(sentence, None);
    let readings = read_sheets(&bench, &[&[30, 13], &[40, 30]], usual()).expect("one can be read");
    let firsts: Vec<_> = readings.iter().map(|r| r.first).collect();
    assert_eq!(firsts, [1]);
}

#[test]
fn a_page_without_rows_is_an_empty_text() {
    let bench = Bench::of_rows(sentence, ppocr());
    let readings = read_sheets(&bench, &[&[], &[40]], usual()).expect("read");
    assert_eq!(readings[0].content, OcrContent::Markup(String::new()));
    assert_eq!(readings[0].stop, FinishReason::End);
    assert_eq!(readings[0].confidence, None);
    let decoding = readings[0].decoding.as_ref().expect("told all the same");
    assert_eq!((decoding.tokens, decoding.tiling.rows), (0, 0));
    assert_eq!(text(&readings[1]), "Then comes another.");
}

#[test]
fn a_model_of_rows_is_given_whole_pages_where_asked() {
    let bench = Bench::of_rows(sentence, None);
    let readings = read_sheets(&bench, &[&[40, 30]], options()).expect("read");
    let decoding = readings[0].decoding.as_ref().expect("a decoder wrote it");
    assert_eq!(decoding.tiling.reason, "asked");
    assert!(
        text(&readings[0]).starts_with("views of"),
        "{:?}",
        readings[0]
    );
}

#[test]
fn a_cancelled_request_frees_its_slot() {
    let bench = Bench::with(
        |asked| match asked.shades[0] {
            1 => (0..100_000).map(|n| format!("{n} ")).collect(),
            _ => all_seen(asked),
        },
        1,
        None,
    );
    let cancel = CancelToken::new();
    bench.hold(&cancel);
    let first = bench.try_submit(1, &[1], options(), &cancel).expect("open");
    bench.wait_held();
    cancel.cancel();
    assert_eq!(first.wait(PATIENCE), Err(EngineError::Cancelled));
    let readings = bench.read(&[2], options()).expect("the slot is free");
    assert_eq!(text(&readings[0]), seen(2));
}

#[test]
fn documents_read_at_once_get_what_they_get_alone() {
    let script: Script = |asked| match asked.shades[0] % 3 {
        0 if asked.format() => forever(asked),
        1 => format!("{}{}", all_seen(asked), "x".repeat(asked.shades[0].into())),
        _ => all_seen(asked),
    };
    let shades: Vec<Vec<u8>> = (0..6u8).map(|n| vec![20 + n, 30 + n, 40 + n]).collect();
    let bench = Bench::with(script, 3, ppocr());
    let timeless = |answer: EngineResponse| -> Vec<OcrResult> {
        let readings = answer.expect("read").into_iter();
        let timeless = |reading| OcrResult {
            queued: Duration::ZERO,
            inference_time: Duration::ZERO,
            ..reading
        };
        readings.map(timeless).collect()
    };
    let alone: Vec<_> = shades
        .iter()
        .map(|shades| timeless(bench.read(shades, together(2))))
        .collect();
    let at_once = Mutex::new(vec![Vec::new(); shades.len()]);
    thread::scope(|scope| {
        for (index, shades) in shades.iter().enumerate() {
            let (bench, at_once) = (&bench, &at_once);
            scope.spawn(move || {
                let ticket = bench.submit(index as u64, shades, together(2));
                let readings = timeless(ticket.wait(PATIENCE));
                at_once.lock().expect("no holder panics")[index] = readings;
            });
        }
    });
    assert_eq!(at_once.into_inner().expect("no holder panicked"), alone);
}

#[test]
fn everybody_is_answered_when_the_engine_ends() {
    let bench = Bench::with(|_| (0..100_000).map(|n| format!("{n} ")).collect(), 1, None);
    bench.hold(&bench.got.shared.reader.stop);
    let tickets: Vec<_> = (0..3)
        .map(|document| bench.submit(document, &[1, 2], options()))
        .collect();
    bench.wait_held();
    drop(bench);
    for ticket in tickets {
        assert_eq!(ticket.wait(PATIENCE), Err(EngineError::Stopped));
    }
}

#[test]
fn a_request_that_is_not_sound_is_refused() {
    let bench = Bench::new(all_seen);
    let none = bench.try_submit(1, &[], options(), &CancelToken::new());
    assert!(matches!(none, Err(EngineError::Model(_))));
    let short = PageImage {
        rgb: vec![0; 5],
        ..page(1)
    };
    let refused = bench.got.submit(EngineRequest {
        document: DocumentId(1),
        pages: vec![Arc::new(short)],
        options: Arc::default(),
        cancel: CancelToken::new(),
    });
    assert!(matches!(refused, Err(EngineError::Model(why)) if why.contains("has 5 bytes")));
}
