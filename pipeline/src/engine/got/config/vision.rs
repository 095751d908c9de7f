//! Encoder sizes, from `vision_config` or from the tensors' shapes.

use serde_json::Value;

use super::{VisionConfig, reader::ConfigReader};
use crate::engine::got::{error::GotError, weight_files::WeightFiles};

/// Maximum width of hidden states, and so on: several times SAM's largest encoder.
const MAX_HIDDEN: usize = 1 << 14;
const MAX_MLP: usize = 1 << 17;
const MAX_LAYERS: usize = 256;
const MAX_HEADS: usize = 256;
const MAX_CHANNELS: usize = 1 << 12;
/// Maximum side of an input image and of a patch in pixels.
const MAX_IMAGE: usize = 4096;
const MAX_PATCH: usize = 256;
/// Two convolutions of stride 2 follow the patches, so a side must be a multiple of four patches.
const MERGED: usize = 4;
/// The original's epsilon, which only its code has (`got_vision_b.py`).
const ORIGINAL_EPS: f64 = 1e-6;

/// Tensors whose shapes give the sizes of an encoder in the original layout.
const PATCHES: &str = "patch_embed.projection.weight";
const POSITIONS: &str = "pos_embed";
const RELATIVE: &str = "layers.0.attn.rel_pos_h";
const PERCEPTRON: &str = "layers.0.mlp.lin1.weight";
const NECK: &str = "neck.conv1.weight";

/// Reads the sizes in `vision_config`. Missing members have the defaults of `GotOcr2VisionConfig`.
pub(super) fn hub(reader: &ConfigReader<'_>) -> Result<VisionConfig, GotError> {
    reader.require_one_of("model_type", &["got_ocr2_vision".into(), "".into()])?;
    reader.require_one_of("hidden_act", &["gelu".into()])?;
    reader.require_one_of("num_channels", &[3.into()])?;
    let hidden = reader.size("hidden_size", 768, 1..=MAX_HIDDEN)?;
    let heads = reader.size("num_attention_heads", 12, 1..=MAX_HEADS)?;
    if !hidden.is_multiple_of(heads) {
        let message = format!("it must divide `hidden_size`, {hidden}");
        return Err(reader.invalid("num_attention_heads", &message));
    }
    let layers = reader.size("num_hidden_layers", 12, 1..=MAX_LAYERS)?;
    let patch = reader.square_side("patch_size", 16, 1..=MAX_PATCH)?;
    let image = reader.square_side("image_size", 1024, 1..=MAX_IMAGE)?;
    if !image.is_multiple_of(patch * MERGED) {
        let message = format!("it must be a multiple of {MERGED} times `patch_size`, {patch}");
        return Err(reader.invalid("image_size", &message));
    }
    Ok(VisionConfig {
        hidden,
        layers,
        heads,
        patch,
        image,
        channels_out: reader.size("output_channels", 256, 1..=MAX_CHANNELS)?,
        mlp: reader.size("mlp_dim", 3072, 1..=MAX_MLP)?,
        window: reader.size("window_size", 14, 1..=MAX_IMAGE)?,
        global: global(reader, layers)?,
        abs_pos: reader.boolean("use_abs_pos", true)?,
        rel_pos: reader.boolean("use_rel_pos", true)?,
        qkv_bias: reader.boolean("qkv_bias", true)?,
        eps: reader.positive("layer_norm_eps", 1e-6, 1.0)?,
    })
}

/// Indexes of the layers with global attention, in ascending order.
fn global(reader: &ConfigReader<'_>, layers: usize) -> Result<Vec<usize>, GotError> {
    const NAME: &str = "global_attn_indexes";
    /// The reference's default.
    const DEFAULT: [usize; 4] = [2, 5, 8, 11];
    let mut global = match reader.get(NAME) {
        None => DEFAULT
            .into_iter()
            .filter(|layer| *layer < layers)
            .collect(),
        Some(Value::Array(list)) => list
            .iter()
            .map(|layer| reader.in_range(NAME, layer, &(0..=layers - 1)))
            .collect::<Result<Vec<_>, _>>()?,
        Some(_) => return Err(reader.invalid(NAME, "a list of layers would do")),
    };
    global.sort_unstable();
    global.dedup();
    Ok(global)
}

/// Shapes of the encoder's tensors, by the last parts of their names.
struct TowerShapes<'a>(&'a WeightFiles);

impl TowerShapes<'_> {
    fn name(part: &str) -> String {
        format!("model.vision_tower.{part}")
    }

    fn has(&self, part: &str) -> bool {
        self.0.has(&Self::name(part))
    }

    fn shape<const N: usize>(&self, part: &str) -> Result<[usize; N], GotError> {
        self.0.shape(&Self::name(part))
    }

    fn invalid(&self, part: &str, message: impl Into<String>) -> GotError {
        self.0.invalid(&Self::name(part), message)
    }
}

/// The sizes of an encoder in the original layout, which only its tensors' shapes give.
pub(super) fn original(files: &WeightFiles) -> Result<VisionConfig, GotError> {
    let tower = TowerShapes(files);
    let [hidden, _, patch, across] = tower.shape(PATCHES)?;
    let [_, grid, columns, _] = tower.shape(POSITIONS)?;
    let [length, head] = tower.shape(RELATIVE)?;
    let [mlp, _] = tower.shape(PERCEPTRON)?;
    let [channels_out, _, _, _] = tower.shape(NECK)?;
    for (part, size, most) in [
        (PATCHES, hidden, MAX_HIDDEN),
        (PATCHES, patch, MAX_PATCH),
        (POSITIONS, grid, MAX_IMAGE),
        (RELATIVE, length, 2 * MAX_IMAGE),
        (RELATIVE, head, MAX_HIDDEN),
        (PERCEPTRON, mlp, MAX_MLP),
        (NECK, channels_out, MAX_CHANNELS),
    ] {
        if !(1..=most).contains(&size) {
            let message = format!("has a side of {size}; 1 to {most} would do");
            return Err(tower.invalid(part, message));
        }
    }
    if patch != across {
        return Err(tower.invalid(PATCHES, "patches must be square"));
    }
    let image = grid * patch;
    if grid != columns || !grid.is_multiple_of(MERGED) || image > MAX_IMAGE {
        let message = format!(
            "is a grid of {grid} by {columns} patches of {patch} pixels; a square one, a multiple of \
             {MERGED}, of at most {MAX_IMAGE} pixels would do"
        );
        return Err(tower.invalid(POSITIONS, message));
    }
    if !hidden.is_multiple_of(head) || hidden / head > MAX_HEADS {
        let message = format!("is for heads of {head}, which do not divide {hidden}");
        return Err(tower.invalid(RELATIVE, message));
    }
    let (layers, window, global) = windows(&tower, grid)?;
    Ok(VisionConfig {
        hidden,
        layers,
        heads: hidden / head,
        patch,
        image,
        channels_out,
        mlp,
        window,
        global,
        abs_pos: true,
        rel_pos: true,
        qkv_bias: tower.has("layers.0.attn.qkv.bias"),
        eps: ORIGINAL_EPS,
    })
}

/// The number of layers, the window side, and the layers with global attention. A layer's relative
/// positions are twice its window's side, less one.
fn windows(tower: &TowerShapes<'_>, grid: usize) -> Result<(usize, usize, Vec<usize>), GotError> {
    let (mut window, mut global) = (None, Vec::new());
    let mut layers = 0;
    loop {
        let part = format!("layers.{layers}.attn.rel_pos_h");
        if layers == MAX_LAYERS || !tower.has(&part) {
            break;
        }
        let [length, _] = tower.shape(&part)?;
        let side = length.div_ceil(2);
        if length == 2 * grid - 1 {
            global.push(layers);
        } else if length % 2 == 0 || *window.get_or_insert(side) != side {
            let message = format!("has {length} relative positions, unlike the layers before it");
            return Err(tower.invalid(&part, message));
        }
        layers += 1;
    }
    Ok((layers, window.unwrap_or(grid), global))
}
