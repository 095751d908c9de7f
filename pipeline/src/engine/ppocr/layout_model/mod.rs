//! A layout model: a small network that sees a page as titles, text, figures, tables and so on.
//!
//! Its regions are evidence for layout beside type and place. They never add or drop text.

mod decode;
mod description;
mod page_regions;

use std::{fs, path::Path};

use sha2::{Digest, Sha256};

use self::{
    decode::{DetectedRegion, InputSize, boxes, picodet, without_doubles},
    description::{ChannelOrder, Description, OutputForm},
};
use super::{
    error::LoadError,
    model_files::hex,
    runtime::{NamedInput, OnnxNetwork, OutputTensor},
    tuning::layout_model::{MAX_INPUT_PX, MIN_INPUT_PX},
};
use crate::{
    image::{
        PageImage,
        resample::scale::{ScalePlan, triangle_taps},
    },
    page::{Rect, RegionKind},
    pinned_files::PinnedFiles,
};

pub(super) use self::page_regions::assign_regions;

/// File name of a layout model's network, in a folder of its own.
pub const LAYOUT_NETWORK_FILE: &str = "model.onnx";
/// File name of its description.
pub const LAYOUT_DESCRIPTION_FILE: &str = "layout.json";
/// The network's metadata field with the names of its classes, one a line.
const CLASSES_FIELD: &str = "character";

/// A region of a page as a layout model sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PageRegion {
    /// Its kind.
    pub(super) kind: RegionKind,
    /// The model's score, 0 to 1.
    pub(super) score: f32,
    /// Its box, in pixels of the page.
    pub(super) rect: Rect,
}

/// A layout model as it lies in its files.
pub(super) struct LayoutModelFiles {
    folder: std::path::PathBuf,
    bytes: Vec<u8>,
    description: Description,
    /// Its name.
    pub(super) name: String,
    /// SHA-256 of its network and its description, one after the other.
    pub(super) sha256: String,
}

impl LayoutModelFiles {
    /// Reads [`LAYOUT_NETWORK_FILE`] and [`LAYOUT_DESCRIPTION_FILE`] in `folder`.
    pub(super) fn read(folder: &Path, pinned: &PinnedFiles) -> Result<Self, LoadError> {
        let file = |name: &str| {
            let path = folder.join(name);
            let bytes = fs::read(&path).map_err(|reason| LoadError::ReadLayout {
                path: path.clone(),
                reason,
            })?;
            match pinned.check(&path, &bytes) {
                Ok(()) => Ok(bytes),
                Err(reason) => Err(LoadError::InvalidLayout { path, reason }),
            }
        };
        let (network, text) = (file(LAYOUT_NETWORK_FILE)?, file(LAYOUT_DESCRIPTION_FILE)?);
        let description = Description::parse(&text).map_err(|reason| LoadError::InvalidLayout {
            path: folder.join(LAYOUT_DESCRIPTION_FILE),
            reason,
        })?;
        let mut hash = Sha256::new();
        hash.update(&network);
        hash.update(&text);
        Ok(Self {
            folder: folder.to_owned(),
            bytes: network,
            name: description.name.clone(),
            description,
            sha256: hex(&hash.finalize()),
        })
    }

    /// A network of its own.
    pub(super) fn network(
        &self,
        runtime: &ort::environment::Environment,
    ) -> Result<LayoutNetwork, LoadError> {
        let load = || {
            let network = OnnxNetwork::load(runtime, &self.bytes, true)?;
            LayoutNetwork::new(network, &self.description)
        };
        load().map_err(|reason| LoadError::InvalidLayout {
            path: self.folder.join(LAYOUT_NETWORK_FILE),
            reason,
        })
    }
}

/// A layout model that runs.
pub(super) struct LayoutNetwork {
    network: OnnxNetwork,
    output: OutputForm,
    channels: ChannelOrder,
    mean: [f32; 3],
    std: [f32; 3],
    size: InputSize,
    /// The kind that each class is, by its number; `None` for one that layout has no use for.
    kinds: Vec<Option<RegionKind>>,
    /// Its inputs, by name.
    inputs: Vec<LayoutInput>,
}

/// An input of a layout model.
enum LayoutInput {
    /// The page, values of the shape (1, 3, height, width).
    Image(String),
    /// Height and width of the page that boxes are meant for, or the factors by which it was scaled: boxes then come in
    /// pixels of the network's input.
    Pair(String, [f32; 2]),
}

impl LayoutNetwork {
    fn new(network: OnnxNetwork, description: &Description) -> Result<Self, String> {
        let classes = match &description.classes {
            Some(classes) => classes.clone(),
            None => network
                .metadata(CLASSES_FIELD)
                .map(|list| list.lines().map(str::to_owned).collect())
                .ok_or("neither it nor its description names its classes")?,
        };
        let kinds: Vec<Option<RegionKind>> = classes.iter().map(|name| kind(name)).collect();
        if !kinds.contains(&Some(RegionKind::Title)) {
            return Err(format!(
                "none of its classes is one of titles: {}",
                classes.join(", ")
            ));
        }
        let shapes = network.inputs();
        let side = |axis: usize, given: Option<usize>| {
            let fixed = shapes
                .iter()
                .filter(|(_, shape)| shape.len() == 4)
                .map(|(_, shape)| shape[axis])
                .find(|side| *side > 0);
            fixed.or(given).ok_or(
                "it takes images of any size; its description has to give `width` and `height`",
            )
        };
        let size = InputSize {
            width: side(3, description.width)?,
            height: side(2, description.height)?,
        };
        let fits = |side: usize| (MIN_INPUT_PX..=MAX_INPUT_PX).contains(&side);
        if !fits(size.width) || !fits(size.height) {
            return Err(format!(
                "it takes images of {} by {} pixels, and from {MIN_INPUT_PX} to {MAX_INPUT_PX} a side will do",
                size.width, size.height
            ));
        }
        let inputs = shapes
            .into_iter()
            .map(|(name, shape)| match (shape.len(), name.as_str()) {
                (4, _) => Ok(LayoutInput::Image(name)),
                (_, "im_shape") => {
                    let sides = [size.height as f32, size.width as f32];
                    Ok(LayoutInput::Pair(name, sides))
                }
                (_, "scale_factor") => Ok(LayoutInput::Pair(name, [1.0, 1.0])),
                _ => Err(format!("it has an input `{name}`, which is not known")),
            })
            .collect::<Result<Vec<_>, String>>()?;
        Ok(Self {
            network,
            output: description.output,
            channels: description.channels,
            mean: description.mean,
            std: description.std,
            size,
            kinds,
            inputs,
        })
    }

    /// The regions that the model sees on `page`, surest first.
    pub(super) fn regions(&mut self, page: &PageImage) -> Result<Vec<PageRegion>, String> {
        let image = self.image_values(page);
        let InputSize { width, height } = self.size;
        let inputs: Vec<NamedInput> = self
            .inputs
            .iter()
            .map(|input| match input {
                LayoutInput::Image(name) => NamedInput {
                    name,
                    shape: vec![1, 3, height, width],
                    values: &image,
                },
                LayoutInput::Pair(name, pair) => NamedInput {
                    name,
                    shape: vec![1, 2],
                    values: pair,
                },
            })
            .collect();
        let (output, size, classes) = (self.output, self.size, self.kinds.len());
        let decode = |tensors: &[OutputTensor<'_>]| match output {
            OutputForm::Picodet => picodet(tensors, size, classes),
            OutputForm::Boxes => boxes(tensors),
        };
        let found = without_doubles(self.network.run_all(&inputs, decode)?);
        let across = page.width as f32 / width as f32;
        let down = page.height as f32 / height as f32;
        let of_page = |found: DetectedRegion| {
            let rect = found.rect;
            Some(PageRegion {
                kind: self.kinds.get(found.class).copied().flatten()?,
                score: found.score,
                rect: Rect {
                    left: rect.left * across,
                    top: rect.top * down,
                    right: rect.right * across,
                    bottom: rect.bottom * down,
                },
            })
        };
        Ok(found.into_iter().filter_map(of_page).collect())
    }

    /// The page scaled to the network's input without keeping its shape, one plane a channel.
    fn image_values(&self, page: &PageImage) -> Vec<f32> {
        let InputSize { width, height } = self.size;
        let mut planes = vec![0.0f32; 3 * width * height];
        let plan = ScalePlan {
            image: page,
            columns: triangle_taps(page.width, width as u32),
            rows: triangle_taps(page.height, height as u32),
            gain: 1.0 / 255.0,
            bias: 0.0,
        };
        let order = self.channels.of_rgb();
        let channels = |pixel: &[u8]| order.map(|at| f32::from(pixel[at]));
        plan.run(channels, |y, row| {
            for (channel, values) in row.chunks_exact(width).enumerate() {
                let (mean, std) = (self.mean[channel], self.std[channel]);
                let target = &mut planes[(channel * height + y) * width..][..width];
                for (target, value) in target.iter_mut().zip(values) {
                    *target = (value - mean) / std;
                }
            }
        });
        planes
    }
}

/// The kind that a class is, by its name in CDLA, PubLayNet, DocLayNet and PP-DocLayout.
fn kind(class: &str) -> Option<RegionKind> {
    let name = class.trim().to_lowercase().replace(['-', ' '], "_");
    Some(match name.as_str() {
        "title" | "doc_title" | "paragraph_title" | "section_header" => RegionKind::Title,
        "text" | "paragraph" | "list" | "list_item" | "abstract" | "content" | "footnote"
        | "aside_text" | "algorithm" | "vertical_text" => RegionKind::Text,
        "figure" | "image" | "picture" | "chart" => RegionKind::Figure,
        "figure_caption" | "figure_title" | "chart_title" | "caption" => RegionKind::FigureCaption,
        "table" => RegionKind::Table,
        "table_caption" | "table_title" => RegionKind::TableCaption,
        "header" | "page_header" => RegionKind::Header,
        "footer" | "page_footer" | "number" => RegionKind::Footer,
        "reference" | "reference_content" => RegionKind::Reference,
        "equation" | "formula" | "isolate_formula" | "display_formula" => RegionKind::Equation,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
