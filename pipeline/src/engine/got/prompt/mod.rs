//! What the model is asked, byte for byte as it was trained.
//!
//! The hub's form is that of transformers' `GotOcr2Processor`, which puts a space before `OCR`
//! whatever comes before it; the original form that of GOT's own demo (`run_ocr_2.0.py`,
//! `run_ocr_2.0_crop.py`, template `mpt`).

use recto_schemas::{GotMode, RegionColor};

use super::{
    config::{CheckpointConfig, CheckpointLayout},
    error::GotError,
    tokens::{GotTokenizer, IMAGE, IMAGE_END, IMAGE_START, TURN_END, TURN_START},
};

/// What stands before every question.
const SYSTEM: &str =
    "system\nYou should follow the instructions carefully and explain your answers in detail.";

/// What the views of a question are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PromptImages {
    /// One page.
    Page,
    /// Tiles of one page.
    Tiles,
    /// So many pages, a view each.
    Pages(usize),
}

/// A question about views.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OcrPrompt {
    /// Plain or formatted text.
    pub(super) mode: GotMode,
    /// Left, top, right, bottom of what to read, in thousandths; not for several pages.
    pub(super) region: Option<[u32; 4]>,
    /// The colour of the frame around what to read.
    pub(super) color: Option<RegionColor>,
    /// What the views are.
    pub(super) ask: PromptImages,
    /// How many image tokens of theirs it has.
    pub(super) image_tokens: usize,
}

impl OcrPrompt {
    /// The question's tokens.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub(super) fn ids(
        &self,
        tokens: &GotTokenizer,
        config: &CheckpointConfig,
    ) -> Result<Vec<u32>, GotError> {
        tokens.encode(&self.text(config))
    }

    /// The question as it is tokenized.
    fn text(&self, config: &CheckpointConfig) -> String {
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

    /// Colour, then region, then always a space, so that a colour alone is followed by two.
    fn hub(&self) -> String {
        let color = self.color.map(|color| format!("[{}] ", name(color)));
        let region = self
            .region
            .filter(|_| !matches!(self.ask, PromptImages::Pages(_)));
        let region = region.map(|region| format!("{region:?}"));
        let (color, region) = (color.unwrap_or_default(), region.unwrap_or_default());
        format!("{color}{region} {}", self.task())
    }

    /// A colour takes a region's place.
    fn original(&self) -> String {
        match (self.color, self.region) {
            (Some(color), _) => format!("[{}] {}", name(color), self.task()),
            (None, Some(region)) => format!("{region:?} {}", self.task()),
            (None, None) => self.task(),
        }
    }

    fn task(&self) -> String {
        let format = match self.mode {
            GotMode::Plain => "",
            GotMode::Format => " with format",
        };
        let views = match self.ask {
            PromptImages::Page => "",
            PromptImages::Tiles => " upon the patch reference",
            PromptImages::Pages(_) => " across multi pages",
        };
        format!("OCR{format}{views}: ")
    }
}

fn name(color: RegionColor) -> &'static str {
    match color {
        RegionColor::Red => "red",
        RegionColor::Green => "green",
        RegionColor::Blue => "blue",
    }
}

#[cfg(test)]
mod tests;
