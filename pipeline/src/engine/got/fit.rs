//! What a model and its cache take, and what there is: a batch that does not fit is refused when the engine
//! starts, not by the system in the middle of a night.

use std::fs;

use candle_core::Device;

use super::{
    config::CheckpointConfig,
    error::GotError,
    kernels::quantised::WeightBits,
    model::LoadOptions,
    qwen2::{precision, shape},
};
use crate::engine::EngineMemory;

/// What reading itself takes beside weights and cache: views, patches, rows of a long prompt.
const WORKING_BYTES: u64 = 1 << 30;

/// What a model loaded so takes, its cache full.
pub(super) fn memory(config: &CheckpointConfig, wish: &LoadOptions) -> EngineMemory {
    EngineMemory {
        weights_bytes: weights_bytes(config, wish),
        cache_bytes: cache_bytes(config, wish, wish.slots),
    }
}

fn cache_bytes(config: &CheckpointConfig, wish: &LoadOptions, slots: usize) -> u64 {
    let shape = shape(config, slots, wish.context);
    match wish.device.is_cpu() {
        true => shape.bytes(precision(wish.quantised().is_some())),
        false => shape.numbers() * wish.computed().size_in_bytes() as u64,
    }
}

/// How many numbers a checkpoint's parts have; what else there is, biases and normalisations, is less than a
/// hundredth.
struct ParameterCounts {
    /// Encoder and projector.
    encoder: u64,
    /// The decoder's gates and ups.
    wide: u64,
    /// Its other products.
    other: u64,
    /// Embedding, or head.
    vocabulary: u64,
}

fn numbers(config: &CheckpointConfig) -> ParameterCounts {
    let (vision, text) = (&config.vision, &config.text);
    let side = vision.image / vision.patch;
    let block = 4 * vision.hidden * vision.hidden + 2 * vision.hidden * vision.mlp;
    let ends =
        vision.hidden * (3 * vision.patch * vision.patch + side * side + vision.channels_out);
    let channels = vision.channels_out;
    let convolutions = 9 * channels * (3 * channels + 2 * text.hidden) + text.hidden * text.hidden;
    let (q, kv) = (text.heads * text.head_dim, text.kv_heads * text.head_dim);
    let (wide, other) = (2 * text.intermediate, 2 * q + 2 * kv + text.intermediate);
    ParameterCounts {
        encoder: (vision.layers * block + ends + convolutions) as u64,
        wide: (text.layers * text.hidden * wide) as u64,
        other: (text.layers * text.hidden * other) as u64,
        vocabulary: (text.vocab * text.hidden) as u64,
    }
}

fn weights_bytes(config: &CheckpointConfig, wish: &LoadOptions) -> u64 {
    let ParameterCounts {
        encoder,
        wide,
        other,
        vocabulary,
    } = numbers(config);
    let size = wish.computed().size_in_bytes() as u64;
    // A group of 32 has a scale of 2 bytes.
    let kept = |bits: WeightBits, numbers: u64| match bits {
        WeightBits::Eight => numbers * 34 / 32,
        WeightBits::Four => numbers * 18 / 32,
    };
    let decoder = match wish.quantised() {
        None if config.text.tied => size * (wide + other + vocabulary),
        None => size * (wide + other + 2 * vocabulary),
        // The embedding stays in 16 bits, the head has fewer.
        Some(bits) => kept(bits.wide, wide) + kept(bits.other, other + vocabulary) + 2 * vocabulary,
    };
    size * encoder + decoder
}

/// The wish with as many slots as fit, where their number was not `asked` for.
///
/// # Errors
/// What was asked for does not fit; says what would.
pub(super) fn fitted(
    config: &CheckpointConfig,
    wish: LoadOptions,
    asked: bool,
) -> Result<LoadOptions, GotError> {
    let Some(free) = free(&wish.device) else {
        return Ok(wish);
    };
    fitted_in(free, config, wish, asked)
}

fn fitted_in(
    free: u64,
    config: &CheckpointConfig,
    wish: LoadOptions,
    asked: bool,
) -> Result<LoadOptions, GotError> {
    let slot = cache_bytes(config, &wish, 1).max(1);
    let weights = weights_bytes(config, &wish);
    let room = free.saturating_sub(weights + WORKING_BYTES);
    let fits = usize::try_from(room / slot).unwrap_or(usize::MAX);
    if wish.slots <= fits {
        return Ok(wish);
    }
    if fits > 0 && !asked {
        return Ok(LoadOptions {
            slots: fits,
            ..wish
        });
    }
    let gb = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    let (batch, tokens) = (wish.slots, wish.context);
    let would = match fits {
        0 => "not even one sequence fits; lower --got-max-new-tokens, or take --got-dtype q4 on the CPU"
            .to_owned(),
        fits => format!("--got-batch-size {fits} fits, or lower --got-max-new-tokens"),
    };
    Err(GotError::Fit(format!(
        "--got-batch-size {batch} does not fit: {batch} sequences of {tokens} tokens take {}, weights {}, work {}, and {} are free; {would}",
        gb(slot.saturating_mul(batch as u64)),
        gb(weights),
        gb(WORKING_BYTES),
        gb(free),
    )))
}

/// Free memory of a device in bytes; `None` where it cannot be known.
fn free(device: &Device) -> Option<u64> {
    if device.is_cpu() {
        let limit = cgroup_free();
        return available()
            .map(|free| limit.map_or(free, |limit| free.min(limit)))
            .or(limit);
    }
    #[cfg(feature = "cuda")]
    if let Ok((free, _)) = candle_core::cuda_backend::cudarc::driver::result::mem_get_info() {
        return Some(free as u64);
    }
    None
}

/// What the system can give without swapping.
fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// What a container's limit leaves.
fn cgroup_free() -> Option<u64> {
    let number = |name: &str| -> Option<u64> {
        let text = fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?;
        text.trim().parse().ok()
    };
    // `max` where there is no limit.
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

#[cfg(test)]
mod tests {
    use recto_schemas::Dtype;

    use super::*;
    use crate::engine::got::fixtures::checkpoint;

    fn wish(slots: usize, dtype: Dtype) -> LoadOptions {
        LoadOptions {
            dtype,
            device: Device::Cpu,
            slots,
            context: 1000,
        }
    }

    fn config() -> CheckpointConfig {
        CheckpointConfig::read(&checkpoint("hub-new")).unwrap()
    }

    #[test]
    fn what_was_asked_for_and_does_not_fit_is_refused_with_what_would() {
        let config = config();
        // 2 layers, keys and values, 2 heads of 16 numbers in 32 bits.
        let slot = 2 * 2 * 2 * 16 * 4 * 1000;
        let memory = memory(&config, &wish(3, Dtype::F32));
        assert_eq!(memory.cache_bytes, 3 * slot);
        let free = WORKING_BYTES + memory.weights_bytes + 5 * slot + 1;
        let fit = |slots, asked| fitted_in(free, &config, wish(slots, Dtype::F32), asked);
        assert_eq!(fit(5, true).unwrap().slots, 5);
        let refused = fit(6, true).unwrap_err().to_string();
        assert!(
            refused.contains("--got-batch-size 6 does not fit"),
            "{refused}"
        );
        assert!(refused.contains("--got-batch-size 5 fits"), "{refused}");
        assert_eq!(fit(6, false).unwrap().slots, 5);
        let refused = fitted_in(1 << 20, &config, wish(4, Dtype::F32), false).unwrap_err();
        assert!(refused.to_string().contains("not even one"), "{refused}");
    }

    #[test]
    fn fewer_bits_take_less() {
        let config = config();
        let weights = |dtype| memory(&config, &wish(1, dtype)).weights_bytes;
        assert!(weights(Dtype::Q4) < weights(Dtype::Q8));
        assert!(weights(Dtype::Q8) < weights(Dtype::F32));
        assert_eq!(weights(Dtype::Bf16), weights(Dtype::F32));
    }
}
