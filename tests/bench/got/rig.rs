//! The engine, loaded and given pages.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use recto_pipeline::{
    cancel::CancelToken,
    engine::{
        DecodeUsage, DocumentId, Engine, EngineRequest, OcrResult,
        got::{GotConfig, GotEngine},
    },
    image::PageImage,
};
use recto_schemas::{
    Dtype, GotMode, GotOptions, GotRuntime, HumanDuration, Options, PagesPerPass, TilePolicy,
};

use super::CheckpointArgs;

/// Longest wait for a page.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A loaded engine.
pub(super) struct EngineRig {
    pub(super) got: GotEngine,
    /// Seconds that loading took.
    pub(super) load_s: f64,
    documents: u64,
}

impl EngineRig {
    /// Loads a checkpoint; `batch` and `dtype` are the engine's own if not given.
    pub(super) fn load(
        place: &CheckpointArgs,
        dtype: Option<Dtype>,
        batch: Option<usize>,
        max_new_tokens: usize,
    ) -> Self {
        let config = GotConfig {
            dtype,
            device: place.device.clone(),
            batch_size: batch,
            max_new_tokens,
            ..GotConfig::default()
        };
        let started = Instant::now();
        let got = GotEngine::load(&place.model, config);
        let got = got.unwrap_or_else(|error| panic!("{}: {error}", place.model.display()));
        Self {
            got,
            load_s: started.elapsed().as_secs_f64(),
            documents: 0,
        }
    }

    /// Reads requests of a document each, all handed over at once; gives the readings and the seconds.
    pub(super) fn read(
        &mut self,
        requests: Vec<(Vec<Arc<PageImage>>, GotOptions)>,
    ) -> (Vec<OcrResult>, f64) {
        let started = Instant::now();
        let tickets: Vec<_> = requests
            .into_iter()
            .map(|(pages, got)| {
                self.documents += 1;
                let ticket = self.got.submit(EngineRequest {
                    document: DocumentId(self.documents),
                    pages,
                    is_whole: true,
                    options: Arc::new(patient(got)),
                    cancel: CancelToken::new(),
                });
                ticket.unwrap()
            })
            .collect();
        let readings = tickets
            .into_iter()
            .flat_map(|ticket| ticket.wait(PATIENCE).unwrap())
            .collect();
        (readings, started.elapsed().as_secs_f64())
    }

    /// The decoder's usage.
    pub(super) fn usage(&self) -> DecodeUsage {
        self.got.usage().decode.unwrap()
    }
}

/// One view a page, plain text, all tokens.
pub(super) fn plain(tokens: u32) -> GotOptions {
    GotOptions {
        mode: GotMode::Plain,
        tiles: TilePolicy::Never,
        pages_per_pass: PagesPerPass::Most(1),
        loop_guard: false,
        runtime: GotRuntime::limited_to(tokens),
        ..GotOptions::default()
    }
}

fn patient(got: GotOptions) -> Options {
    let mut options = Options {
        got: Some(got),
        ..Options::default()
    };
    options.limits.read_timeout = HumanDuration::seconds::<{ PATIENCE.as_secs() }>();
    options
}

/// A made-up page: lines of dark marks on paper, others for each `number`.
pub(super) fn page(number: usize, (width, height): (u32, u32)) -> Arc<PageImage> {
    const LINE: u32 = 22;
    const MARK: u32 = 6;
    let mut rgb = vec![250u8; width as usize * height as usize * 3];
    let margin = width / 12;
    for y in (margin..height - margin).filter(|y| y % LINE < 12) {
        for x in margin..width - margin {
            let mark =
                ((u64::from(y / LINE) << 32) | u64::from(x / MARK)) + ((number as u64) << 20);
            // Every fourth or so is left out, so that there are words.
            if mark.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 62 != 0 && (x + y) % 3 != 0 {
                let at = (y as usize * width as usize + x as usize) * 3;
                rgb[at..at + 3].fill(30);
            }
        }
    }
    Arc::new(PageImage {
        width,
        height,
        dpi: 90.0,
        rgb,
    })
}

/// A figure of this process's memory, in bytes: `VmHWM` is the highest so far, `RssAnon` what it has now but files.
pub(super) fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.and_then(|line| line.trim_start_matches(':').split_whitespace().next());
    kib.unwrap().parse::<u64>().unwrap() * 1024
}
