//! Test fixtures: checkpoints and expected tensors of the reference implementation in
//! `tests/reference`.

use std::{collections::HashMap, fs, path::PathBuf, sync::Arc};

use candle_core::{Device, Tensor};
use serde::Deserialize;

use super::input_image::InputImage;

/// The prompt and the answer in one mode.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ReferenceCase {
    pub(super) name: String,
    /// The prompt's layout: `hub` or `original`.
    pub(super) layout: String,
    pub(super) set: String,
    pub(super) no_repeat_ngram_size: Option<usize>,
    pub(super) prompt_ids: Vec<u32>,
    pub(super) tokens: Vec<u32>,
    pub(super) logprobs: Vec<f32>,
}

#[derive(Debug, Deserialize)]
struct ImageSet {
    pictures: Vec<String>,
    pixels: String,
    views: usize,
}

#[derive(Debug, Deserialize)]
struct ExpectedValues {
    logit_steps: Vec<usize>,
    sets: HashMap<String, ImageSet>,
    cases: Vec<ReferenceCase>,
}

/// All expected values.
pub(super) struct ReferenceData {
    expected: ExpectedValues,
    tensors: HashMap<String, Tensor>,
}

/// The folder of a checkpoint.
pub(super) fn checkpoint(name: &str) -> PathBuf {
    folder().join("checkpoints").join(name)
}

/// The folder of all fixtures.
pub(super) fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/reference"))
}

impl ReferenceData {
    pub(super) fn read() -> Self {
        let folder = folder().join("expected");
        let text = fs::read_to_string(folder.join("expected.json")).unwrap();
        let tensors = folder.join("expected.safetensors");
        Self {
            expected: serde_json::from_str(&text).unwrap(),
            tensors: candle_core::safetensors::load(tensors, &Device::Cpu).unwrap(),
        }
    }

    /// The cases with prompts of that layout.
    pub(super) fn cases(&self, layout: &str) -> Vec<&ReferenceCase> {
        self.expected
            .cases
            .iter()
            .filter(|case| case.layout == layout)
            .collect()
    }

    pub(super) fn case(&self, name: &str) -> &ReferenceCase {
        self.expected
            .cases
            .iter()
            .find(|case| case.name == name)
            .unwrap()
    }

    /// A tensor, such as `page.encoder` or `hub-plain.logits`.
    pub(super) fn tensor(&self, name: &str) -> &Tensor {
        &self.tensors[name]
    }

    /// The decode steps whose logits are stored.
    pub(super) fn logit_steps(&self) -> &[usize] {
        &self.expected.logit_steps
    }

    pub(super) fn sets(&self) -> impl Iterator<Item = &str> {
        self.expected.sets.keys().map(String::as_str)
    }

    /// The page images of a set.
    pub(super) fn pictures(&self, set: &str) -> Vec<crate::image::PageImage> {
        let names = &self.expected.sets[set].pictures;
        let read = |name: &String| {
            let picture = image::open(folder().join("expected").join(name))
                .unwrap()
                .into_rgb8();
            crate::image::PageImage {
                width: picture.width(),
                height: picture.height(),
                dpi: 100.0,
                rgb: picture.into_raw(),
            }
        };
        names.iter().map(read).collect()
    }

    /// The input images of a set, as the reference resized them.
    pub(super) fn views(&self, set: &str) -> Vec<Arc<InputImage>> {
        let set = &self.expected.sets[set];
        let all = image::open(folder().join("expected").join(&set.pixels))
            .unwrap()
            .into_rgb8();
        let (width, height) = (all.width(), all.height() / set.views as u32);
        let bytes = (width * height * 3) as usize;
        let views = all.as_raw().chunks_exact(bytes);
        views
            .map(|rgb| {
                Arc::new(InputImage {
                    width,
                    height,
                    rgb: rgb.to_vec(),
                })
            })
            .collect()
    }
}
