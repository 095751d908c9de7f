//! Start-up of the engine from a checkpoint's folder.

use std::{path::Path, thread};

use candle_core::Device;
use recto_schemas::{BoundedInt, GotOptions, GotRuntime};

use super::{
    GotConfig, GotEngine, GotError, ModelIdentity,
    config::CheckpointConfig,
    error::candle_message,
    memory_budget::{fit_to_device, memory_use},
    model::{GotModel, LoadOptions},
    read::{GotParts, QUESTION_TOKENS},
    repetition::TokenClasses,
    tokenizer::GotTokenizer,
    usual_dtype,
    weights::CheckpointWeights,
};

/// Default batch size on the CPU: more sequences at once gain little there.
const BATCH_CPU: usize = 4;
/// Default batch size on the CPU for models of rows, whose sequences are short and whose models are
/// small.
const BATCH_ROWS: usize = 16;
const BATCH_GPU: usize = 16;

/// Loads the checkpoint in `folder` and starts the engine.
pub(super) fn load(folder: &Path, config: GotConfig) -> Result<GotEngine, GotError> {
    let checkpoint = CheckpointConfig::read(folder)?;
    let tokenizer = GotTokenizer::open(folder, &checkpoint)?;
    let weights = CheckpointWeights::open(folder, &checkpoint)?;
    weights.check(&config.pinned)?;
    if let Some(threads) = config.threads {
        // The pool is global and can be set once per process; a later engine shares it.
        let _ = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global();
    }
    let options = fit_to_device(
        &checkpoint,
        load_options(&checkpoint, &config)?,
        config.batch_size.is_some(),
    )?;
    // Hashing reads all files again, which takes seconds, so it runs beside loading.
    let (model, model_sha256) = thread::scope(|scope| {
        let hash = scope.spawn(|| weights.sha256());
        let model = GotModel::load(&checkpoint, &weights, &options);
        (model, hash.join())
    });
    let identity = ModelIdentity {
        model: config.name.unwrap_or_else(|| folder_name(folder)),
        model_sha256: model_sha256
            .map_err(|_| GotError::Fit("hashing the weights failed".to_owned()))?,
        revision: config.revision,
        memory: memory_use(&checkpoint, &options),
        runtime: GotRuntime {
            device: config.device.parse().ok(),
            dtype: Some(options.dtype),
            max_new_tokens: BoundedInt::clamped(
                u32::try_from(config.max_new_tokens).unwrap_or(u32::MAX),
            ),
        },
    };
    let model = model?;
    let parts = GotParts {
        config: checkpoint,
        tokenizer,
        cross_check: config.cross_check,
        max_new_tokens: u32::try_from(config.max_new_tokens)
            .unwrap_or(u32::MAX)
            .max(1),
        context: options.context,
    };
    Ok(GotEngine::with_model(identity, parts, model))
}

/// The options that the model is loaded with.
fn load_options(
    checkpoint: &CheckpointConfig,
    config: &GotConfig,
) -> Result<LoadOptions, GotError> {
    let device = parse_device(&config.device)?;
    let batch = match (device.is_cpu(), checkpoint.processor.rows) {
        (true, None) => BATCH_CPU,
        (true, Some(_)) => BATCH_ROWS,
        (false, _) => BATCH_GPU,
    };
    Ok(LoadOptions {
        dtype: config.dtype.unwrap_or(usual_dtype(&config.device)),
        device,
        slots: config.batch_size.unwrap_or(batch).max(1),
        context: context_length(checkpoint, config.max_new_tokens),
    })
}

/// Positions that a slot needs: the image tokens of a page with the default maximum of tiles, the
/// prompt, and the longest answer. A page with more tiles has less room for its answer.
fn context_length(checkpoint: &CheckpointConfig, max_new_tokens: usize) -> usize {
    let images = GotOptions::default().max_tiles.get() as usize + 1;
    images
        .saturating_mul(checkpoint.image_tokens)
        .saturating_add(QUESTION_TOKENS)
        .saturating_add(max_new_tokens)
        .min(checkpoint.text.positions)
}

/// Parses a device name: `cpu`, `cuda` or `cuda:N`.
fn parse_device(name: &str) -> Result<Device, GotError> {
    let number = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => Some(0),
        _ => name.strip_prefix("cuda:").and_then(|n| n.parse().ok()),
    };
    let Some(number) = number else {
        return Err(GotError::Fit(format!(
            "`{name}` is no device; give `cpu`, `cuda` or `cuda:N`"
        )));
    };
    open_gpu(number).map_err(|error| {
        let why = candle_message(&error);
        GotError::Fit(format!("device `{name}` cannot be used: {why}"))
    })
}

#[cfg(feature = "cuda")]
fn open_gpu(number: usize) -> candle_core::Result<Device> {
    super::cuda::open(number)
}

#[cfg(not(feature = "cuda"))]
fn open_gpu(_: usize) -> candle_core::Result<Device> {
    candle_core::bail!(
        "this program was built without CUDA; build it with `--features cuda`, or take `cpu`"
    )
}

/// The folder's name, which serves as the model's name.
fn folder_name(folder: &Path) -> String {
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    folder.file_name().map_or_else(
        || "GOT".to_owned(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// Classes of the tokens that the scheduler must know.
pub(super) fn token_classes(tokenizer: &GotTokenizer) -> TokenClasses {
    TokenClasses::new(&tokenizer.stop, tokenizer.pieces())
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Arc, time::Duration};

    use recto_schemas::{Dtype, EngineName, FinishReason, TilingReason};

    use super::*;
    use crate::{
        cancel::CancelToken,
        engine::{DocumentId, Engine, EngineRequest, OcrResult, fake::FakeEngine},
        image::PageImage,
    };

    fn page() -> PageImage {
        PageImage {
            width: 64,
            height: 64,
            dpi: 72.0,
            rgb: vec![200; 64 * 64 * 3],
        }
    }

    #[test]
    fn devices_are_named() {
        assert!(parse_device("cpu").expect("always there").is_cpu());
        for wrong in ["gpu", "cuda:", "cuda:x", "CUDA", ""] {
            let error = parse_device(wrong).expect_err("no device").to_string();
            assert!(error.contains("give `cpu`, `cuda` or `cuda:N`"), "{error}");
        }
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_gpu_needs_a_program_built_for_it() {
        let error = parse_device("cuda:1")
            .expect_err("built without")
            .to_string();
        assert!(error.contains("built without CUDA"), "{error}");
    }

    /// Reads a small gray page with a reference checkpoint and a fake PP-OCR beside it.
    fn read_with(checkpoint: &str, max_new_tokens: u32) -> OcrResult {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/checkpoints");
        let config = GotConfig {
            dtype: Some(Dtype::F32),
            max_new_tokens: max_new_tokens as usize,
            cross_check: Some(Arc::new(|| {
                Ok(Arc::new(FakeEngine::new(1, 1, &|_| {
                    (Duration::ZERO, Ok(()))
                })))
            })),
            ..GotConfig::default()
        };
        let got = load(&folder.join(checkpoint), config).expect("a sound checkpoint");
        read_by(&got)
    }

    /// Reads a small gray page.
    fn read_by(got: &GotEngine) -> OcrResult {
        read_page(got, page())
    }

    fn read_page(got: &GotEngine, page: PageImage) -> OcrResult {
        let ticket = got.submit(EngineRequest {
            document: DocumentId(1),
            pages: vec![Arc::new(page)],
            is_whole: true,
            options: Arc::default(),
            cancel: CancelToken::new(),
        });
        let readings = ticket.expect("open").wait(Duration::from_secs(60));
        readings.expect("read").remove(0)
    }

    #[test]
    fn a_checkpoint_that_asks_for_rows_reads_them() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = folder.join("../tests/reference/checkpoints/hub-new");
        let copy = tempfile::tempdir().expect("a folder");
        for entry in fs::read_dir(folder).expect("the reference is there") {
            let path = entry.expect("readable").path();
            let name = path.file_name().expect("a file");
            fs::copy(&path, copy.path().join(name)).expect("writable");
        }
        let asking = copy.path().join("preprocessor_config.json");
        fs::write(asking, r#"{"rows": {"em": 18}}"#).expect("writable");
        let config = GotConfig {
            dtype: Some(Dtype::F32),
            max_new_tokens: 8,
            ..GotConfig::default()
        };
        let got = load(copy.path(), config).expect("a sound checkpoint");
        let mut page = PageImage {
            width: 100,
            height: 400,
            dpi: 160.0,
            rgb: vec![255; 100 * 400 * 3],
        };
        for top in (20..380).step_by(30) {
            for y in top..top + 10 {
                page.rgb[(y * 100 + 10) * 3..][..80 * 3].fill(30);
            }
        }
        let reading = read_page(&got, page);
        let decoding = reading.decoding.expect("a decoder wrote it");
        assert_eq!(decoding.tiling.reason, TilingReason::Rows);
        // 12 lines, and input images of four rows.
        assert_eq!(decoding.tiling.rows, 3, "{decoding:?}");
        let images = got.usage().decode.expect("it decodes").views;
        assert_eq!(images, u64::from(decoding.tiling.rows));
        assert!((12..=8 * 12).contains(&decoding.tokens), "{decoding:?}");
    }

    #[test]
    fn a_checkpoint_that_repeats_for_ever_is_cut_and_recovered_from() {
        let most = 1024;
        let reading = read_with("looping", most);
        let decoding = reading.decoding.expect("attempts were made");
        assert_eq!(decoding.attempts[0].stop, FinishReason::Repetition);
        assert_eq!(reading.engine, EngineName::Ppocr);
        let steps: u32 = decoding.attempts.iter().map(|a| a.tokens).sum();
        assert!(steps <= most / 2, "{:?}", decoding.attempts);
    }

    #[test]
    fn a_long_table_of_equal_rows_is_not_cut() {
        let reading = read_with("table", 2048);
        let decoding = reading.decoding.expect("a decoder wrote it");
        assert_eq!(decoding.stop, FinishReason::End, "{decoding:?}");
        assert!(decoding.attempts.is_empty());
    }

    #[test]
    fn every_layout_is_loaded_and_reads() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/checkpoints");
        let mut layouts = 0;
        for entry in fs::read_dir(folder).expect("the reference is there") {
            let config = GotConfig {
                dtype: Some(Dtype::F32),
                max_new_tokens: 8,
                ..GotConfig::default()
            };
            let path = entry.expect("readable").path();
            let got = load(&path, config).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let decoding = read_by(&got).decoding.expect("a decoder wrote it");
            assert!(decoding.tokens <= 8, "{decoding:?}");
            assert!(got.usage().decode.expect("it decodes").views > 0);
            layouts += 1;
        }
        assert!(layouts >= 3, "{layouts}");
    }
}
