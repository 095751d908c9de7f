//! The machine's limits: how fast it can multiply matrices and read memory, on all cores or on the device.

use std::{hint::black_box, num::NonZero, thread, time::Instant};

use candle_core::{DType, Device, Tensor};
use recto_schemas::Dtype;
use serde_json::{Value, json};

/// Rows, inner size and columns of the product: the encoder's largest.
const CPU_PRODUCT: (usize, usize, usize) = (4096, 768, 3072);
/// A GPU needs more to be full.
const GPU_PRODUCT: (usize, usize, usize) = (8192, 8192, 8192);
/// Tries, of which the best counts.
const TRIES: usize = 5;

/// The machine's limits.
pub(super) struct MachineLimits {
    /// Floating-point operations a second, in the type that the encoder computes in.
    pub(super) matrix: f64,
    /// Bytes a second.
    pub(super) memory: f64,
}

impl MachineLimits {
    /// Measures them; the CPU reads `read_gb` gigabytes.
    pub(super) fn measure(device: &Device, dtype: Dtype, read_gb: usize) -> Self {
        let computed = match dtype {
            Dtype::Bf16 if !device.is_cpu() => DType::BF16,
            Dtype::F16 if !device.is_cpu() => DType::F16,
            _ => DType::F32,
        };
        let memory = match device.is_cpu() {
            true => read(read_gb << 30),
            false => copy(device, 4 << 30),
        };
        Self {
            matrix: multiply(device, computed),
            memory,
        }
    }

    pub(super) fn report(&self) -> Value {
        json!({"matrix_gflops": self.matrix / 1e9, "memory_gb_s": self.memory / 1e9})
    }
}

/// The device of that name.
pub(super) fn device(name: &str) -> Device {
    match name.strip_prefix("cuda") {
        None => Device::Cpu,
        Some(number) => {
            let number = number
                .strip_prefix(':')
                .map_or(0, |number| number.parse().unwrap());
            Device::new_cuda(number).unwrap()
        }
    }
}

fn multiply(device: &Device, dtype: DType) -> f64 {
    let (m, k, n) = if device.is_cpu() {
        CPU_PRODUCT
    } else {
        GPU_PRODUCT
    };
    let random = |rows, columns| {
        let made = Tensor::randn(0f32, 1.0, (rows, columns), device);
        made.unwrap().to_dtype(dtype).unwrap()
    };
    // Weights lie with their inputs side by side.
    let (x, weight) = (random(m, k), random(n, k));
    let seconds = best(device, || {
        black_box(x.matmul(&weight.t().unwrap()).unwrap());
    });
    2.0 * (m * k * n) as f64 / seconds
}

/// A GPU's memory copied within itself: read and written.
fn copy(device: &Device, bytes: usize) -> f64 {
    let data = Tensor::zeros(bytes, DType::U8, device).unwrap();
    let seconds = best(device, || {
        black_box(data.copy().unwrap());
    });
    2.0 * bytes as f64 / seconds
}

/// Main memory, each core a stretch of its own.
fn read(bytes: usize) -> f64 {
    // Written once, or all pages were the same zeros.
    let data: Vec<u64> = (0..bytes as u64 / 8).collect();
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let seconds = best(&Device::Cpu, || {
        thread::scope(|scope| {
            for part in data.chunks(data.len().div_ceil(cores)) {
                scope.spawn(move || {
                    black_box(
                        part.iter()
                            .fold(0u64, |sum, value| sum.wrapping_add(*value)),
                    );
                });
            }
        });
    });
    (data.len() * 8) as f64 / seconds
}

/// Seconds of the best try.
fn best(device: &Device, work: impl Fn()) -> f64 {
    let once = |_| {
        device.synchronize().unwrap();
        let started = Instant::now();
        work();
        device.synchronize().unwrap();
        started.elapsed().as_secs_f64()
    };
    (0..=TRIES).map(once).fold(f64::INFINITY, f64::min)
}
