//! The encoder's sizes: from `vision_config`, or from the tensors' shapes.

use serde_json::Value;

use super::{VisionConfig, members::ConfigReader};
use crate::engine::got::{error::GotError, weights::WeightFiles};

/// Most values of a hidden state, and so on: several times SAM's largest encoder.
const MOST_HIDDEN: usize = 1 << 14;
const MOST_MLP: usize = 1 << 17;
const MOST_LAYERS: usize = 256;
const MOST_HEADS: usize = 256;
const MOST_CHANNELS: usize = 1 << 12;
/// Largest side of a view and of a patch in pixels.
const MOST_IMAGE: usize = 4096;
const MOST_PATCH: usize = 256;
/// Two convolutions of stride two follow the patches, so a side must be a multiple of four patches.
const MERGED: usize = 4;
/// The original's epsilon, written in its code only (`got_vision_b.py`).
const ORIGINAL_EPS: f64 = 1e-6;

/// The tensors whose shapes say an original encoder's sizes.
const PATCHES: &str = "patch_embed.projection.weight";
const POSITIONS: &str = "pos_embed";
const RELATIVE: &str = "layers.0.attn.rel_pos_h";
const PERCEPTRON: &str = "layers.0.mlp.lin1.weight";
const NECK: &str = "neck.conv1.weight";

/// The sizes in `vision_config`; what is missing is as `GotOcr2VisionConfig` defaults it.
pub(super) fn hub(members: &ConfigReader<'_>) -> Result<VisionConfig, GotError> {
    members.only("model_type", &["got_ocr2_vision".into(), "".into()])?;
    members.only("hidden_act", &["gelu".into()])?;
    members.only("num_channels", &[3.into()])?;
    let hidden = members.size("hidden_size", 768, 1..=MOST_HIDDEN)?;
    let heads = members.size("num_attention_heads", 12, 1..=MOST_HEADS)?;
    if !hidden.is_multiple_of(heads) {
        let message = format!("it must divide `hidden_size`, {hidden}");
        return Err(members.refuse("num_attention_heads", &message));
    }
    let layers = members.size("num_hidden_layers", 12, 1..=MOST_LAYERS)?;
    let patch = members.side("patch_size", 16, 1..=MOST_PATCH)?;
    let image = members.side("image_size", 1024, 1..=MOST_IMAGE)?;
    if !image.is_multiple_of(patch * MERGED) {
        let message = format!("it must be a multiple of {MERGED} times `patch_size`, {patch}");
        return Err(members.refuse("image_size", &message));
    }
    Ok(VisionConfig {
        hidden,
        layers,
        heads,
        patch,
        image,
        channels_out: members.size("output_channels", 256, 1..=MOST_CHANNELS)?,
        mlp: members.size("mlp_dim", 3072, 1..=MOST_MLP)?,
        window: members.size("window_size", 14, 1..=MOST_IMAGE)?,
        global: global(members, layers)?,
        abs_pos: members.flag("use_abs_pos", true)?,
        rel_pos: members.flag("use_rel_pos", true)?,
        qkv_bias: members.flag("qkv_bias", true)?,
        eps: members.positive("layer_norm_eps", 1e-6, 1.0)?,
    })
}

/// The layers that look at the whole view, in rising order.
fn global(members: &ConfigReader<'_>, layers: usize) -> Result<Vec<usize>, GotError> {
    const NAME: &str = "global_attn_indexes";
    /// The reference's default.
    const DEFAULT: [usize; 4] = [2, 5, 8, 11];
    let mut global = match members.get(NAME) {
        None => DEFAULT
            .into_iter()
            .filter(|layer| *layer < layers)
            .collect(),
        Some(Value::Array(list)) => list
            .iter()
            .map(|layer| members.in_range(NAME, layer, &(0..=layers - 1)))
            .collect::<Result<Vec<_>, _>>()?,
        Some(_) => return Err(members.refuse(NAME, "a list of layers would do")),
    };
    global.sort_unstable();
    global.dedup();
    Ok(global)
}

/// The encoder's tensors by the last parts of their names.
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

    fn refuse(&self, part: &str, message: impl Into<String>) -> GotError {
        self.0.refuse(&Self::name(part), message)
    }
}

/// The sizes of an encoder in the original layout, whose files say them by the tensors' shapes only.
pub(super) fn original(files: &WeightFiles) -> Result<VisionConfig, GotError> {
    let tower = TowerShapes(files);
    let [hidden, _, patch, across] = tower.shape(PATCHES)?;
    let [_, grid, columns, _] = tower.shape(POSITIONS)?;
    let [length, head] = tower.shape(RELATIVE)?;
    let [mlp, _] = tower.shape(PERCEPTRON)?;
    let [channels_out, _, _, _] = tower.shape(NECK)?;
    for (part, size, most) in [
        (PATCHES, hidden, MOST_HIDDEN),
        (PATCHES, patch, MOST_PATCH),
        (POSITIONS, grid, MOST_IMAGE),
        (RELATIVE, length, 2 * MOST_IMAGE),
        (RELATIVE, head, MOST_HIDDEN),
        (PERCEPTRON, mlp, MOST_MLP),
        (NECK, channels_out, MOST_CHANNELS),
    ] {
        if !(1..=most).contains(&size) {
            let message = format!("has a side of {size}; 1 to {most} would do");
            return Err(tower.refuse(part, message));
        }
    }
    if patch != across {
        return Err(tower.refuse(PATCHES, "patches must be square"));
    }
    let image = grid * patch;
    if grid != columns || !grid.is_multiple_of(MERGED) || image > MOST_IMAGE {
        let message = format!(
            "is a grid of {grid} by {columns} patches of {patch} pixels; a square one, a multiple of \
             {MERGED}, of at most {MOST_IMAGE} pixels would do"
        );
        return Err(tower.refuse(POSITIONS, message));
    }
    if !hidden.is_multiple_of(head) || hidden / head > MOST_HEADS {
        let message = format!("is for heads of {head}, which do not divide {hidden}");
        return Err(tower.refuse(RELATIVE, message));
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

/// How many layers there are, the window, and the layers without one: a layer's relative positions
/// are twice its window's side, less one.
fn windows(tower: &TowerShapes<'_>, grid: usize) -> Result<(usize, usize, Vec<usize>), GotError> {
    let (mut window, mut global) = (None, Vec::new());
    let mut layers = 0;
    loop {
        let part = format!("layers.{layers}.attn.rel_pos_h");
        if layers == MOST_LAYERS || !tower.has(&part) {
            break;
        }
        let [length, _] = tower.shape(&part)?;
        let side = length.div_ceil(2);
        if length == 2 * grid - 1 {
            global.push(layers);
        } else if length % 2 == 0 || *window.get_or_insert(side) != side {
            let message = format!("has {length} relative positions, unlike the layers before it");
            return Err(tower.refuse(&part, message));
        }
        layers += 1;
    }
    Ok((layers, window.unwrap_or(grid), global))
}
