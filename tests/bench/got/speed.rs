//! Pages through the engine, by number format and batch.

use recto_pipeline::engine::{DecodeUsage, Engine};
use recto_schemas::Dtype;
use serde_json::{Value, json};

use super::{
    SpeedArgs,
    limits::{MachineLimits, device},
    rig::{EngineRig, memory, page, plain},
    sizes::ModelSizes,
};

/// Sides of a page: one view, nothing to scale.
const SIDE: u32 = 1024;
/// Tokens of the page that is read first and not counted.
const WARM_UP: u32 = 4;

/// A run's settings.
struct SpeedRun<'a> {
    arguments: &'a SpeedArgs,
    dtype: Dtype,
    batch: usize,
    limits: &'a MachineLimits,
    sizes: &'a ModelSizes,
}

/// Measures all; gives the report.
pub(super) fn run(arguments: &SpeedArgs) -> Value {
    let device = device(&arguments.place.device);
    let sizes = ModelSizes::read(&arguments.place.model);
    let mut runs = Vec::new();
    let mut limits_by_dtype = serde_json::Map::new();
    for &dtype in &arguments.dtype {
        let limits = MachineLimits::measure(&device, dtype, arguments.read_gb);
        eprintln!(
            "limits: {:.0} GFLOP/s, {:.1} GB/s",
            limits.matrix / 1e9,
            limits.memory / 1e9
        );
        limits_by_dtype.insert(dtype.to_string(), limits.report());
        for &batch in &arguments.batch {
            let run = SpeedRun {
                arguments,
                dtype,
                batch,
                limits: &limits,
                sizes: &sizes,
            };
            runs.push(run.measure());
        }
    }
    json!({
        "device": arguments.place.device,
        "tokens": arguments.tokens,
        "view_tflop": sizes.view_flop / 1e12,
        "limits": limits_by_dtype,
        "runs": runs,
        "peak_rss_bytes": memory("VmHWM"),
    })
}

impl SpeedRun<'_> {
    fn measure(&self) -> Value {
        let tokens = self.arguments.tokens;
        let pages = self.arguments.pages.unwrap_or(self.batch);
        let place = &self.arguments.place;
        let mut rig = EngineRig::load(place, Some(self.dtype), Some(self.batch), tokens as usize);
        rig.read(vec![(vec![page(0, (SIDE, SIDE))], plain(WARM_UP))]);
        let before = rig.usage();
        let requests = (0..pages)
            .map(|number| (vec![page(number, (SIDE, SIDE))], plain(tokens)))
            .collect();
        let (readings, wall_s) = rig.read(requests);
        let done = since(&before, &rig.usage());
        let prompt = readings[0]
            .decoding
            .as_ref()
            .map_or(0, |decoding| decoding.prompt_tokens);
        self.report(&rig, &done, pages, wall_s, prompt)
    }

    fn report(
        &self,
        rig: &EngineRig,
        done: &DecodeUsage,
        pages: usize,
        wall_s: f64,
        prompt: u32,
    ) -> Value {
        let tokens = self.arguments.tokens;
        let wanted = pages as u64 * u64::from(tokens);
        if done.tokens != wanted {
            eprintln!(
                "warning: {} tokens of {wanted}: the model ended pages early",
                done.tokens
            );
        }
        let view_s = done.encoding.as_secs_f64() / done.views as f64;
        let step_s = done.decoding.as_secs_f64() / done.steps as f64;
        let rows = done.rows as f64 / done.steps as f64;
        let positions = f64::from(prompt) + f64::from(tokens) / 2.0;
        let on_cpu = self.arguments.place.device == "cpu";
        let step_bytes = self.sizes.step_bytes(self.dtype, on_cpu, rows, positions);
        eprintln!(
            "{} batch {}: {pages} pages in {wall_s:.1} s, view {view_s:.2} s, prompt {:.2} s, {:.1} tokens/s, step {:.1} ms of {rows:.2}",
            self.dtype,
            self.batch,
            done.prefilling.as_secs_f64() / pages as f64,
            rows / step_s,
            step_s * 1e3,
        );
        json!({
            "dtype": self.dtype,
            "batch": self.batch,
            "pages": pages,
            "load_s": rig.load_s,
            "view_s": view_s,
            "view_share_of_matrix_rate": self.sizes.view_flop / view_s / self.limits.matrix,
            "prompt_tokens": prompt,
            "prefill_s": done.prefilling.as_secs_f64() / pages as f64,
            "tokens_s": rows / step_s,
            "step_ms": step_s * 1e3,
            "rows": rows,
            "step_bytes": step_bytes,
            "step_share_of_memory": step_bytes / step_s / self.limits.memory,
            "all_tokens_written": done.tokens == wanted,
            "wall_s": wall_s,
            "pages_s": pages as f64 / wall_s,
            "model": rig.got.info().model,
        })
    }
}

/// The engine's work between two looks.
fn since(before: &DecodeUsage, now: &DecodeUsage) -> DecodeUsage {
    DecodeUsage {
        steps: now.steps - before.steps,
        rows: now.rows - before.rows,
        tokens: now.tokens - before.tokens,
        views: now.views - before.views,
        loops: now.loops - before.loops,
        encoding: now.encoding - before.encoding,
        prefilling: now.prefilling - before.prefilling,
        decoding: now.decoding - before.decoding,
    }
}
