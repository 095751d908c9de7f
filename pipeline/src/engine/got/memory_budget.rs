//! Memory budget of a model: its weights, its KV cache and what the machine has free.
//!
//! A batch that does not fit is refused when the engine starts, instead of being killed for memory
//! hours later.

use std::fs;

use candle_core::Device;
use recto_kernels::quantized::WeightBits;

use super::{
    config::CheckpointConfig,
    error::GotError,
    model::LoadOptions,
    qwen2::{kv_cache_shape, kv_precision},
};
use crate::engine::EngineMemory;

/// Bytes that inference takes beside weights and KV cache: input images, patches, hidden states of
/// a long prompt. Estimated generously.
const WORKING_BYTES: u64 = 1 << 30;

/// Memory that a model loaded with these options takes, its KV cache full.
pub(super) fn memory_use(config: &CheckpointConfig, options: &LoadOptions) -> EngineMemory {
    EngineMemory {
        weights_bytes: weights_bytes(config, options),
        cache_bytes: cache_bytes(config, options, options.slots),
    }
}

fn cache_bytes(config: &CheckpointConfig, options: &LoadOptions, slots: usize) -> u64 {
    let shape = kv_cache_shape(config, slots, options.context);
    match options.device.is_cpu() {
        true => shape.bytes(kv_precision(options.quantization().is_some())),
        false => shape.element_count() * options.compute_dtype().size_in_bytes() as u64,
    }
}

/// Parameters of a checkpoint by part. Biases and norms, less than a hundredth, are left out.
struct ParameterCounts {
    /// Encoder and projector.
    encoder: u64,
    /// Gate and up projections of the decoder's MLPs.
    gate_up: u64,
    /// All other matrices of the decoder's layers.
    other: u64,
    /// Embedding, or output head.
    vocabulary: u64,
}

fn parameter_counts(config: &CheckpointConfig) -> ParameterCounts {
    let (vision, text) = (&config.vision, &config.text);
    let side = vision.image / vision.patch;
    let block = 4 * vision.hidden * vision.hidden + 2 * vision.hidden * vision.mlp;
    let ends =
        vision.hidden * (3 * vision.patch * vision.patch + side * side + vision.channels_out);
    let channels = vision.channels_out;
    let convolutions = 9 * channels * (3 * channels + 2 * text.hidden) + text.hidden * text.hidden;
    let (q, kv) = (text.heads * text.head_dim, text.kv_heads * text.head_dim);
    let (gate_up, other) = (2 * text.intermediate, 2 * q + 2 * kv + text.intermediate);
    ParameterCounts {
        encoder: (vision.layers * block + ends + convolutions) as u64,
        gate_up: (text.layers * text.hidden * gate_up) as u64,
        other: (text.layers * text.hidden * other) as u64,
        vocabulary: (text.vocab * text.hidden) as u64,
    }
}

fn weights_bytes(config: &CheckpointConfig, options: &LoadOptions) -> u64 {
    let ParameterCounts {
        encoder,
        gate_up,
        other,
        vocabulary,
    } = parameter_counts(config);
    let size = options.compute_dtype().size_in_bytes() as u64;
    // In 8 and 4 bits, a group of 32 weights shares a scale of 2 bytes.
    let quantized_bytes = |bits: WeightBits, numbers: u64| match bits {
        WeightBits::Eight => numbers * 34 / 32,
        WeightBits::Four => numbers * 18 / 32,
    };
    let decoder = match options.quantization() {
        None if config.text.tied => size * (gate_up + other + vocabulary),
        None => size * (gate_up + other + 2 * vocabulary),
        // The embedding stays in 16 bits, the head is quantized.
        Some(bits) => {
            quantized_bytes(bits.gate_up, gate_up)
                + quantized_bytes(bits.other, other + vocabulary)
                + 2 * vocabulary
        }
    };
    size * encoder + decoder
}

/// The options with as many slots as fit. If their number is `is_explicit`, it is not lowered.
///
/// # Errors
/// The options do not fit; the message says what would.
pub(super) fn fit_to_device(
    config: &CheckpointConfig,
    options: LoadOptions,
    is_explicit: bool,
) -> Result<LoadOptions, GotError> {
    let Some(free) = free_memory(&options.device) else {
        return Ok(options);
    };
    fit_to(free, config, options, is_explicit)
}

fn fit_to(
    free: u64,
    config: &CheckpointConfig,
    options: LoadOptions,
    is_explicit: bool,
) -> Result<LoadOptions, GotError> {
    let slot = cache_bytes(config, &options, 1).max(1);
    let weights = weights_bytes(config, &options);
    let for_cache = free.saturating_sub(weights + WORKING_BYTES);
    let fits = usize::try_from(for_cache / slot).unwrap_or(usize::MAX);
    if options.slots <= fits {
        return Ok(options);
    }
    if fits > 0 && !is_explicit {
        return Ok(LoadOptions {
            slots: fits,
            ..options
        });
    }
    let gb = |bytes: u64| format!("{:.1} GB", bytes as f64 / 1e9);
    let (batch, tokens) = (options.slots, options.context);
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

/// Free memory of a device in bytes; `None` if it cannot be determined.
fn free_memory(device: &Device) -> Option<u64> {
    if device.is_cpu() {
        let limit = cgroup_free();
        return available_memory()
            .map(|free| limit.map_or(free, |limit| free.min(limit)))
            .or(limit);
    }
    #[cfg(feature = "cuda")]
    if let Ok((free, _)) = candle_core::cuda_backend::cudarc::driver::result::mem_get_info() {
        return Some(free as u64);
    }
    None
}

/// Memory in bytes that the system can give without swapping.
fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// Memory in bytes that is left within the container's limit (cgroup v2).
fn cgroup_free() -> Option<u64> {
    let number = |name: &str| -> Option<u64> {
        let text = fs::read_to_string(format!("/sys/fs/cgroup/{name}")).ok()?;
        text.trim().parse().ok()
    };
    // The file says `max` if there is no limit, which is no number.
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

#[cfg(test)]
mod tests {
    use recto_schemas::Dtype;

    use super::*;
    use crate::engine::got::fixtures::checkpoint;

    fn options(slots: usize, dtype: Dtype) -> LoadOptions {
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
        // 2 layers, keys and values, 2 heads of 16 numbers of 4 bytes, 1,000 positions.
        let slot = 2 * 2 * 2 * 16 * 4 * 1000;
        let memory = memory_use(&config, &options(3, Dtype::F32));
        assert_eq!(memory.cache_bytes, 3 * slot);
        let free = WORKING_BYTES + memory.weights_bytes + 5 * slot + 1;
        let fit =
            |slots, is_explicit| fit_to(free, &config, options(slots, Dtype::F32), is_explicit);
        assert_eq!(fit(5, true).unwrap().slots, 5);
        let refused = fit(6, true).unwrap_err().to_string();
        assert!(
            refused.contains("--got-batch-size 6 does not fit"),
            "{refused}"
        );
        assert!(refused.contains("--got-batch-size 5 fits"), "{refused}");
        assert_eq!(fit(6, false).unwrap().slots, 5);
        let refused = fit_to(1 << 20, &config, options(4, Dtype::F32), false).unwrap_err();
        assert!(refused.to_string().contains("not even one"), "{refused}");
    }

    #[test]
    fn fewer_bits_take_less() {
        let config = config();
        let weights = |dtype| memory_use(&config, &options(1, dtype)).weights_bytes;
        assert!(weights(Dtype::Q4) < weights(Dtype::Q8));
        assert!(weights(Dtype::Q8) < weights(Dtype::F32));
        assert_eq!(weights(Dtype::Bf16), weights(Dtype::F32));
    }
}
