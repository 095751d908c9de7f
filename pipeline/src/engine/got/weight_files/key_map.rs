//! Tensor names in each layout of a checkpoint.
//!
//! The engine knows tensors by the names that transformers 5 has in memory, which some of its
//! versions also write. The other maps follow its renaming of what 4.49 had in memory, which most
//! versions write to this day, and its `convert_got_ocr2_weights_to_hf.py`.

/// A naming scheme of a checkpoint's tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine::got) enum KeyMap {
    /// Names in memory of transformers 5.
    New,
    /// Names in memory of transformers 4.49, which 5.23 still writes.
    Old,
    /// Names of the authors' checkpoint.
    Original,
}

/// Prefixes of the network's parts.
const TOWER: &str = "model.vision_tower.";
const PROJECTOR: &str = "model.multi_modal_projector.";
const DECODER: &str = "model.language_model.";
/// The output head.
pub(in crate::engine::got) const HEAD: &str = "lm_head.weight";
/// The embedding.
pub(in crate::engine::got) const EMBEDDING: &str = "model.language_model.embed_tokens.weight";
/// A tensor of every checkpoint, by which the naming scheme is recognized.
pub(in crate::engine::got) const FIRST: &str = "model.vision_tower.patch_embed.projection.weight";

impl KeyMap {
    /// All naming schemes.
    pub(in crate::engine::got) const ALL: [Self; 3] = [Self::New, Self::Old, Self::Original];

    /// The name in the file of tensor `name`.
    pub(in crate::engine::got) fn stored(self, name: &str) -> String {
        match self {
            Self::New => name.to_owned(),
            Self::Old => old(name),
            Self::Original => original(name),
        }
    }
}

fn old(name: &str) -> String {
    if let Some(rest) = name.strip_prefix(DECODER) {
        format!("language_model.model.{rest}")
    } else if name == HEAD {
        format!("language_model.{name}")
    } else {
        name.strip_prefix("model.").unwrap_or(name).to_owned()
    }
}

fn original(name: &str) -> String {
    const HIGH: &str = "model.vision_tower_high.";
    if let Some(rest) = name.strip_prefix(DECODER) {
        format!("model.{rest}")
    } else if let Some(rest) = name.strip_prefix(TOWER) {
        format!("{HIGH}{}", tower(rest))
    } else if let Some(rest) = name.strip_prefix(PROJECTOR) {
        for (inside, stored) in [
            ("conv_upsampler1.", format!("{HIGH}net_2.")),
            ("conv_upsampler2.", format!("{HIGH}net_3.")),
            (
                "multimodal_projector.",
                "model.mm_projector_vary.".to_owned(),
            ),
        ] {
            if let Some(last) = rest.strip_prefix(inside) {
                return stored + last;
            }
        }
        name.to_owned()
    } else {
        name.to_owned()
    }
}

/// The encoder's tensors are named as in SAM's own code.
fn tower(rest: &str) -> String {
    if let Some(layer) = rest.strip_prefix("layers.") {
        return format!("blocks.{}", layer.replace("layer_norm", "norm"));
    }
    for (inside, stored) in [
        ("patch_embed.projection.", "patch_embed.proj."),
        ("neck.conv1.", "neck.0."),
        ("neck.layer_norm1.", "neck.1."),
        ("neck.conv2.", "neck.2."),
        ("neck.layer_norm2.", "neck.3."),
    ] {
        if let Some(last) = rest.strip_prefix(inside) {
            return format!("{stored}{last}");
        }
    }
    rest.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_naming_has_its_own_names() {
        // Engine (and transformers 5), transformers 4.49, original.
        let table = [
            (
                "model.vision_tower.pos_embed",
                "vision_tower.pos_embed",
                "model.vision_tower_high.pos_embed",
            ),
            (
                "model.vision_tower.patch_embed.projection.bias",
                "vision_tower.patch_embed.projection.bias",
                "model.vision_tower_high.patch_embed.proj.bias",
            ),
            (
                "model.vision_tower.layers.11.layer_norm2.weight",
                "vision_tower.layers.11.layer_norm2.weight",
                "model.vision_tower_high.blocks.11.norm2.weight",
            ),
            (
                "model.vision_tower.layers.0.attn.rel_pos_w",
                "vision_tower.layers.0.attn.rel_pos_w",
                "model.vision_tower_high.blocks.0.attn.rel_pos_w",
            ),
            (
                "model.vision_tower.layers.0.mlp.lin2.bias",
                "vision_tower.layers.0.mlp.lin2.bias",
                "model.vision_tower_high.blocks.0.mlp.lin2.bias",
            ),
            (
                "model.vision_tower.neck.conv1.weight",
                "vision_tower.neck.conv1.weight",
                "model.vision_tower_high.neck.0.weight",
            ),
            (
                "model.vision_tower.neck.layer_norm1.bias",
                "vision_tower.neck.layer_norm1.bias",
                "model.vision_tower_high.neck.1.bias",
            ),
            (
                "model.vision_tower.neck.conv2.weight",
                "vision_tower.neck.conv2.weight",
                "model.vision_tower_high.neck.2.weight",
            ),
            (
                "model.vision_tower.neck.layer_norm2.weight",
                "vision_tower.neck.layer_norm2.weight",
                "model.vision_tower_high.neck.3.weight",
            ),
            (
                "model.multi_modal_projector.conv_upsampler1.weight",
                "multi_modal_projector.conv_upsampler1.weight",
                "model.vision_tower_high.net_2.weight",
            ),
            (
                "model.multi_modal_projector.conv_upsampler2.weight",
                "multi_modal_projector.conv_upsampler2.weight",
                "model.vision_tower_high.net_3.weight",
            ),
            (
                "model.multi_modal_projector.multimodal_projector.bias",
                "multi_modal_projector.multimodal_projector.bias",
                "model.mm_projector_vary.bias",
            ),
            (
                EMBEDDING,
                "language_model.model.embed_tokens.weight",
                "model.embed_tokens.weight",
            ),
            (
                "model.language_model.layers.3.self_attn.q_proj.bias",
                "language_model.model.layers.3.self_attn.q_proj.bias",
                "model.layers.3.self_attn.q_proj.bias",
            ),
            (
                "model.language_model.norm.weight",
                "language_model.model.norm.weight",
                "model.norm.weight",
            ),
            (HEAD, "language_model.lm_head.weight", "lm_head.weight"),
        ];
        for (inside, old, original) in table {
            assert_eq!(KeyMap::New.stored(inside), inside);
            assert_eq!(KeyMap::Old.stored(inside), old);
            assert_eq!(KeyMap::Original.stored(inside), original);
        }
    }
}
