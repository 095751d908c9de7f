//! Settings of the PP-OCR engine.

use std::path::PathBuf;

use super::tuning::page::{DETECTOR_PIXELS, TEXT_SCORE};
use crate::pinned_files::PinnedFiles;

/// Settings of the engine. All sizes in pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct PpOcrConfig {
    /// ONNX Runtime's shared library; one for the whole process.
    pub runtime: PathBuf,
    /// Workers: threads that run the networks, each a whole network by itself.
    pub workers: usize,
    /// Pixels of a page as the detector sees it: larger pages are scaled down to so many.
    pub detector_pixels: u32,
    /// Mean confidence, 0 to 1, below which a line is left out.
    pub text_score: f32,
    /// Folder of a layout model, whose regions tell what lines are; none if layout goes by their type and place alone.
    pub layout_model: Option<PathBuf>,
    /// The model files of which it is known what has to be in them.
    pub pinned: PinnedFiles,
}

impl PpOcrConfig {
    /// The usual settings, with ONNX Runtime's library at `runtime`.
    pub fn new(runtime: PathBuf) -> Self {
        Self {
            runtime,
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            detector_pixels: DETECTOR_PIXELS,
            text_score: TEXT_SCORE,
            layout_model: None,
            pinned: PinnedFiles::default(),
        }
    }
}
