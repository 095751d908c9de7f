//! Prompts, byte for byte as the model was trained on them.
//!
//! transformers' layout follows its `GotOcr2Processor`, which always puts a space before `OCR`; the
//! original layout follows GOT's own demo (`run_ocr_2.0.py`, `run_ocr_2.0_crop.py`, template
//! `mpt`).

use recto_schemas::{GotMode, RegionColor};

use super::{
    config::{CheckpointConfig, CheckpointLayout},
    error::GotError,
    tokenizer::{GotTokenizer, IMAGE, IMAGE_END, IMAGE_START, TURN_END, TURN_START},
};

/// The system turn, which begins every prompt.
const SYSTEM: &str =
    "system\nYou should follow the instructions carefully and explain your answers in detail.";

/// The page or pages that a prompt's images show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PromptImages {
    /// One page in one image.
    Page,
    /// Tiles of one page.
    Tiles,
    /// Several pages in one image each; their number.
    Pages(usize),
}

/// A prompt that asks for the text of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OcrPrompt {
    /// Plain or formatted text.
    pub(super) mode: GotMode,
    /// Left, top, right and bottom of the region to read, in thousandths of the page; not for
    /// several pages.
    pub(super) region: Option<[u32; 4]>,
    /// Color of the frame around the region to read.
    pub(super) color: Option<RegionColor>,
    /// The page or pages that the images show.
    pub(super) images: PromptImages,
    /// Image tokens of all images.
    pub(super) image_tokens: usize,
}

impl OcrPrompt {
    /// The prompt's tokens.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub(super) fn token_ids(
        &self,
        tokens: &GotTokenizer,
        config: &CheckpointConfig,
    ) -> Result<Vec<u32>, GotError> {
        tokens.encode(&self.render(config))
    }

    /// The prompt's text.
    fn render(&self, config: &CheckpointConfig) -> String {
        let images = IMAGE.repeat(self.image_tokens);
        let query = match config.layout {
            CheckpointLayout::Hub => self.hub(),
            CheckpointLayout::Original => self.original(),
        };
        format!(
            "{TURN_START}{SYSTEM}{TURN_END}{TURN_START}user\n{IMAGE_START}{images}{IMAGE_END}\n\
             {query}{TURN_END}{TURN_START}assistant\n"
        )
    }

    /// Color, then region, then always a space, so that two spaces follow a color alone.
    fn hub(&self) -> String {
        let color = self.color.map(|color| format!("[{}] ", color_name(color)));
        let region = self
            .region
            .filter(|_| !matches!(self.images, PromptImages::Pages(_)));
        let region = region.map(|region| format!("{region:?}"));
        let (color, region) = (color.unwrap_or_default(), region.unwrap_or_default());
        format!("{color}{region} {}", self.task())
    }

    /// A color replaces a region.
    fn original(&self) -> String {
        match (self.color, self.region) {
            (Some(color), _) => format!("[{}] {}", color_name(color), self.task()),
            (None, Some(region)) => format!("{region:?} {}", self.task()),
            (None, None) => self.task(),
        }
    }

    fn task(&self) -> String {
        let format = match self.mode {
            GotMode::Plain => "",
            GotMode::Format => " with format",
        };
        let kind = match self.images {
            PromptImages::Page => "",
            PromptImages::Tiles => " upon the patch reference",
            PromptImages::Pages(_) => " across multi pages",
        };
        format!("OCR{format}{kind}: ")
    }
}

fn color_name(color: RegionColor) -> &'static str {
    match color {
        RegionColor::Red => "red",
        RegionColor::Green => "green",
        RegionColor::Blue => "blue",
    }
}

#[cfg(test)]
mod tests;
