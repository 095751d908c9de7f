//! Options of the engine `got`: `options.got` in JSON, `--got-…` on the command line, `RECTO_GOT_…` in variables.

mod values;

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::values::{DeviceName, PageBox, PagesPerPass};

#[cfg(feature = "clap")]
use super::switch;
use super::{BoundedInt, Share};

/// The options that GOT is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[cfg_attr(feature = "clap", command(next_help_heading = "GOT"))]
#[serde(default)]
pub struct GotOptions {
    /// Plain text, or text with headings, tables and formulas.
    #[cfg_attr(
        feature = "clap",
        arg(
            long = "got-mode",
            value_name = "MODE",
            value_enum,
            env = "RECTO_GOT_MODE",
            default_value_t
        )
    )]
    pub mode: GotMode,
    /// When pages are cut into tiles that are read together.
    #[cfg_attr(
        feature = "clap",
        arg(
            long = "got-tiles",
            value_name = "WHEN",
            value_enum,
            env = "RECTO_GOT_TILES",
            default_value_t
        )
    )]
    pub tiles: TilePolicy,
    /// Maximum number of tiles a page is cut into, 2 to 36, the overview not counted.
    #[cfg_attr(
        feature = "clap",
        arg(long = "got-max-tiles", value_name = "N", env = "RECTO_GOT_MAX_TILES", default_value_t = DEFAULT_MAX_TILES)
    )]
    pub max_tiles: BoundedInt<2, 36>,
    /// Short consecutive pages that are read together: `auto`, or a maximum of 1 to 8.
    #[cfg_attr(
        feature = "clap",
        arg(
            long = "got-pages-per-pass",
            value_name = "N",
            env = "RECTO_GOT_PAGES_PER_PASS",
            default_value_t
        )
    )]
    pub pages_per_pass: PagesPerPass,
    /// Read only a rectangle, such as `0,0,1000,500`: left, top, right and bottom in thousandths of the page's width and
    /// height.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "clap",
        arg(long = "got-box", value_name = "X1,Y1,X2,Y2", env = "RECTO_GOT_BOX")
    )]
    pub r#box: Option<PageBox>,
    /// Read only what is framed in this color.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "clap",
        arg(
            long = "got-color",
            value_name = "COLOR",
            value_enum,
            env = "RECTO_GOT_COLOR",
            conflicts_with = "box"
        )
    )]
    pub color: Option<RegionColor>,
    /// Cut repetition where it begins, and read the page again another way.
    #[cfg_attr(
        feature = "clap",
        arg(
            long = "got-loop-guard",
            value_name = "on|off",
            env = "RECTO_GOT_LOOP_GUARD",
            value_parser = switch,
            action = clap::ArgAction::Set,
            num_args = 0..=1,
            require_equals = true,
            default_value = "on",
            default_missing_value = "on"
        )
    )]
    pub loop_guard: bool,
    /// Pages whose text is compared with PP-OCR's: a share from 0 to 1, on the command line also `off` or `all`.
    #[cfg_attr(
        feature = "clap",
        arg(long = "got-verify", value_name = "SHARE", env = "RECTO_GOT_VERIFY", default_value_t = Share::NONE)
    )]
    pub verify: Share,
    /// Also write the prompt, the tokens and the text as the model gave them into NAME.pages.jsonl.
    #[cfg_attr(
        feature = "clap",
        arg(
            long = "got-raw",
            value_name = "on|off",
            env = "RECTO_GOT_RAW",
            value_parser = switch,
            action = clap::ArgAction::Set,
            num_args = 0..=1,
            require_equals = true,
            default_value = "off",
            default_missing_value = "on"
        )
    )]
    pub raw: bool,
    /// Device, number format and sizes that the model runs with.
    #[serde(flatten)]
    #[cfg_attr(feature = "clap", command(flatten))]
    pub runtime: GotRuntime,
    /// Sequences decoded at once; of a job, the worker's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "clap", arg(skip))]
    pub batch_size: Option<BoundedInt<1>>,
}

const DEFAULT_MAX_TILES: BoundedInt<2, 36> = BoundedInt::of::<12>();

impl Default for GotOptions {
    fn default() -> Self {
        Self {
            mode: GotMode::default(),
            tiles: TilePolicy::default(),
            max_tiles: DEFAULT_MAX_TILES,
            pages_per_pass: PagesPerPass::default(),
            r#box: None,
            color: None,
            loop_guard: true,
            verify: Share::NONE,
            raw: false,
            runtime: GotRuntime::default(),
            batch_size: None,
        }
    }
}

impl GotOptions {
    /// Checks that no option excludes another.
    ///
    /// # Errors
    /// What is wrong, as a sentence for people.
    pub fn check(&self) -> Result<(), &'static str> {
        match (self.r#box, self.color) {
            (Some(_), Some(_)) => Err("`box` and `color` exclude each other"),
            _ => Ok(()),
        }
    }

    /// The options that decide the text, each of the others at its default.
    pub(super) fn deciding(&self) -> Self {
        Self {
            runtime: GotRuntime {
                device: None,
                ..self.runtime.clone()
            },
            batch_size: None,
            ..self.clone()
        }
    }
}

/// Device, number format and sizes that the model runs with: a worker has its own, a job may ask for others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
#[cfg_attr(feature = "clap", command(next_help_heading = "GOT"))]
#[serde(default)]
pub struct GotRuntime {
    /// Device the model runs on, such as `cpu`: `cpu`, `cuda` or `cuda:N` [default: cpu; of a job: the worker's].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "clap",
        arg(long = "got-device", value_name = "DEVICE", env = "RECTO_GOT_DEVICE")
    )]
    pub device: Option<DeviceName>,
    /// Number format of the weights; on the CPU, bf16 and f16 are converted to float32 at load
    /// [default: q8 on the CPU, bf16 on a GPU; of a job: the worker's].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "clap",
        arg(
            long = "got-dtype",
            value_name = "FORMAT",
            value_enum,
            env = "RECTO_GOT_DTYPE"
        )
    )]
    pub dtype: Option<Dtype>,
    /// Maximum number of tokens written for one pass; a job gets no more than its worker's.
    #[cfg_attr(
        feature = "clap",
        arg(
            long = "got-max-new-tokens",
            value_name = "N",
            env = "RECTO_GOT_MAX_NEW_TOKENS",
            default_value_t = DEFAULT_MAX_NEW_TOKENS
        )
    )]
    pub max_new_tokens: BoundedInt<1, 1_000_000>,
}

const DEFAULT_MAX_NEW_TOKENS: BoundedInt<1, 1_000_000> = BoundedInt::of::<4096>();

impl Default for GotRuntime {
    fn default() -> Self {
        Self {
            device: None,
            dtype: None,
            max_new_tokens: DEFAULT_MAX_NEW_TOKENS,
        }
    }
}

impl GotRuntime {
    /// The defaults, with another maximum of tokens.
    pub fn limited_to(tokens: u32) -> Self {
        Self {
            max_new_tokens: BoundedInt::clamped(tokens),
            ..Self::default()
        }
    }
}

/// Plain or formatted text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum GotMode {
    /// Running text without markup.
    Plain,
    /// Headings, tables and formulas as Mathpix Markdown.
    #[default]
    Format,
}

/// When pages are cut into tiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum TilePolicy {
    /// If they are dense or huge; the manifest says which and why.
    #[default]
    Auto,
    /// Never: each page is one view.
    Never,
    /// Always.
    Always,
}

/// A color that marks a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum RegionColor {
    /// Red.
    Red,
    /// Green.
    Green,
    /// Blue.
    Blue,
}

/// Number format of a model's weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Dtype {
    /// 32-bit floating point.
    F32,
    /// bfloat16.
    Bf16,
    /// 16-bit floating point.
    F16,
    /// 8-bit decoder weights in blocks with a scale; the encoder in 32-bit floating point.
    Q8,
    /// 4-bit gates and ups in the decoder, 8-bit weights in the rest of it; the encoder in 32-bit floating point.
    Q4,
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::Q8 => "q8",
            Self::Q4 => "q4",
        })
    }
}

#[cfg(test)]
mod tests;
