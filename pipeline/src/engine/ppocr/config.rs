//! [`PpOcrConfig`]: what a person can set about the PP-OCR engine, and the numbers that are the model's.

/// Settings of the engine. All sizes in pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct PpOcrConfig {
    /// Threads that run the networks; each runs a whole network by itself.
    pub lanes: usize,
    /// Pixels of a page as the detector sees it: larger pages are scaled down to so many.
    pub detector_pixels: u32,
    /// Lines read with less mean confidence are left out, 0 to 1.
    pub text_score: f32,
}

impl Default for PpOcrConfig {
    fn default() -> Self {
        Self {
            lanes: std::thread::available_parallelism().map_or(1, usize::from),
            detector_pixels: 1_000_000,
            text_score: 0.5,
        }
    }
}
