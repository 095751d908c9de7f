//! Load time and memory of a checkpoint: it is loaded from a warm file cache, reads a page in every
//! mode, and must stay within its weights, its stated cache and a gigabyte.

use std::{fs, io, path::Path};

use recto_pipeline::engine::Engine;
use recto_schemas::{BoundedInt, GotMode, GotOptions, PagesPerPass, RegionColor, TilePolicy};
use serde_json::{Value, json};

use super::{
    CheckpointArgs,
    rig::{EngineRig, memory, page, plain},
};

/// Longest time to load, in seconds.
const MOST_LOAD_S: f64 = 10.0;
/// Most memory that reading may take beside weights and cache, in bytes.
const WORKING_BYTES: u64 = 1_000_000_000;
/// Tokens written in each mode.
const TOKENS: u32 = 16;
/// Most tiles of the page that is cut.
const TILES: u32 = 6;
/// A page of a usual shape, at 200 dots per inch.
const SIZE: (u32, u32) = (1654, 2339);

/// Checks; gives the report.
pub(super) fn run(place: &CheckpointArgs) -> Value {
    warm(&place.model);
    let most_tokens = GotOptions::default().runtime.max_new_tokens.get() as usize;
    let mut rig = EngineRig::load(place, None, None, most_tokens);
    let after_load = memory("VmHWM");
    eprintln!(
        "loaded in {:.2} s, peak {} MB",
        rig.load_s,
        after_load / 1_000_000
    );
    let modes: Vec<Value> = modes()
        .into_iter()
        .map(|(name, pages, options)| read(&mut rig, name, pages, options))
        .collect();
    let peak = memory("VmHWM");
    let stated = rig.got.info().memory.unwrap();
    let most = stated.weights_bytes + stated.cache_bytes + WORKING_BYTES;
    eprintln!(
        "peak {} MB; weights {} + cache {} + {} = {} MB",
        peak / 1_000_000,
        stated.weights_bytes / 1_000_000,
        stated.cache_bytes / 1_000_000,
        WORKING_BYTES / 1_000_000,
        most / 1_000_000
    );
    json!({
        "load_s": rig.load_s,
        "load_in_time": rig.load_s < MOST_LOAD_S,
        "peak_after_load_bytes": after_load,
        "peak_rss_bytes": peak,
        "anonymous_bytes": memory("RssAnon"),
        "weights_bytes": stated.weights_bytes,
        "cache_bytes": stated.cache_bytes,
        "most_bytes": most,
        "within_memory": peak <= most,
        "modes": modes,
    })
}

/// Reads all files once, so that they are in the system's cache.
fn warm(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            io::copy(&mut fs::File::open(path).unwrap(), &mut io::sink()).unwrap();
        }
    }
}

/// All ways of asking: name, pages read together, options.
fn modes() -> Vec<(&'static str, usize, GotOptions)> {
    let base = plain(TOKENS);
    let mut modes = Vec::new();
    for (mode, name) in [(GotMode::Plain, "plain"), (GotMode::Format, "format")] {
        let with = |change: fn(&mut GotOptions)| {
            let mut options = GotOptions {
                mode,
                ..base.clone()
            };
            change(&mut options);
            options
        };
        modes.extend([
            (name, 1, with(|_| ())),
            (
                "box",
                1,
                with(|got| got.r#box = [100, 100, 900, 500].try_into().ok()),
            ),
            ("color", 1, with(|got| got.color = Some(RegionColor::Red))),
            (
                "tiles",
                1,
                with(|got| {
                    got.tiles = TilePolicy::Always;
                    got.max_tiles = BoundedInt::clamped(TILES);
                }),
            ),
            (
                "pages",
                2,
                with(|got| got.pages_per_pass = PagesPerPass::Most(2)),
            ),
        ]);
    }
    modes
}

fn read(rig: &mut EngineRig, name: &str, pages: usize, options: GotOptions) -> Value {
    let mode = options.mode;
    let pages = (0..pages).map(|number| page(number, SIZE)).collect();
    let before = rig.usage();
    let (readings, seconds) = rig.read(vec![(pages, options)]);
    let views = rig.usage().views - before.views;
    let attempts: Vec<_> = readings.iter().map(|reading| &reading.decoding).collect();
    let peak = memory("VmHWM");
    eprintln!(
        "{name}, {mode:?}: {views} views in {seconds:.1} s, peak {} MB",
        peak / 1_000_000
    );
    json!({
        "name": name,
        "mode": mode,
        "seconds": seconds,
        "views": views,
        "decoding": attempts,
        "peak_rss_bytes": peak,
    })
}
