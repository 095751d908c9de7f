//! [`PpOcrConfig`]: what a person can set about the PP-OCR engine, and the numbers that are the model's.

use std::path::PathBuf;

/// Settings of the engine. All sizes in pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct PpOcrConfig {
    /// ONNX Runtime's shared library; one for the whole process.
    pub runtime: PathBuf,
    /// Threads that run the networks; each runs a whole network by itself.
    pub lanes: usize,
    /// Pixels of a page as the detector sees it: larger pages are scaled down to so many.
    pub detector_pixels: u32,
    /// Lines read with less mean confidence are left out, 0 to 1.
    pub text_score: f32,
}

impl PpOcrConfig {
    /// The usual settings, with ONNX Runtime's library at `runtime`.
    pub fn new(runtime: PathBuf) -> Self {
        Self {
            runtime,
            lanes: std::thread::available_parallelism().map_or(1, usize::from),
            detector_pixels: 1_000_000,
            text_score: 0.5,
        }
    }
}
