//! How GOT reads, and what a page's reading took.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{AttemptKind, FinishReason, RejectionKind};

/// What GOT is asked for; other engines take no notice. Part of [`crate::Options`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct GotOptions {
    /// Plain text, or formatted text: headings, tables, formulas.
    pub mode: GotMode,
    /// Whether pages are cut into tiles.
    pub tiles: TilePolicy,
    /// Most tiles a page is cut into, the overview not counted.
    #[schemars(range(min = 2, max = 36))]
    pub max_tiles: u32,
    /// How many consecutive pages are read together.
    pub pages_per_pass: PagesPerPass,
    /// Reads only this rectangle: left, top, right, bottom in thousandths of the page's width and height.
    #[serde(rename = "box", skip_serializing_if = "Option::is_none")]
    pub region: Option<[u32; 4]>,
    /// Reads only what is framed in this colour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub color: Option<RegionColor>,
    /// Most tokens written for one pass.
    #[schemars(range(min = 1))]
    pub max_new_tokens: u32,
    /// Whether repetition is cut and read again another way.
    pub loop_guard: bool,
    /// Share of pages whose text is compared with PP-OCR's, 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub verify: f64,
    /// Whether `NAME.pages.jsonl` says prompt, tokens and text as the model gave them.
    pub raw: bool,
    /// Number format of the weights; absent in a job: the worker's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtype: Option<Dtype>,
    /// Where the model runs, `cpu`, `cuda` or `cuda:N`; absent in a job: the worker's.
    #[schemars(regex(pattern = r"^(cpu|cuda(:[0-9]{1,3})?)$"))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Sequences decoded at once; a worker takes its own.
    #[schemars(range(min = 1))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
}

impl Default for GotOptions {
    fn default() -> Self {
        Self {
            mode: GotMode::Format,
            tiles: TilePolicy::Auto,
            max_tiles: 12,
            pages_per_pass: PagesPerPass::Auto,
            region: None,
            color: None,
            max_new_tokens: 4096,
            loop_guard: true,
            verify: 0.0,
            raw: false,
            dtype: None,
            device: None,
            batch: None,
        }
    }
}

impl GotOptions {
    /// Whether all members are within what their schema says, and none excludes another.
    ///
    /// # Errors
    /// What is wrong, as a sentence for people.
    pub fn check(&self) -> Result<(), &'static str> {
        if let Some(region) = self.region {
            check_region(region)?;
            if self.color.is_some() {
                return Err("`box` and `color` exclude each other");
            }
        }
        if !(2..=36).contains(&self.max_tiles) {
            return Err("`max_tiles` is a number from 2 to 36");
        }
        if self.max_new_tokens == 0 {
            return Err("`max_new_tokens` is a number above 0");
        }
        if !(0.0..=1.0).contains(&self.verify) {
            return Err("`verify` is a number from 0 to 1");
        }
        if self.batch == Some(0) {
            return Err("`batch` is a number above 0");
        }
        if self
            .device
            .as_deref()
            .is_some_and(|device| !is_device(device))
        {
            return Err("`device` is `cpu`, `cuda` or `cuda:N`");
        }
        Ok(())
    }
}

/// Whether these are left, top, right and bottom of a rectangle, in thousandths of the page.
///
/// # Errors
/// What is wrong, as a sentence for people.
pub fn check_region([left, top, right, bottom]: [u32; 4]) -> Result<(), &'static str> {
    if right > 1000 || bottom > 1000 {
        return Err("the numbers of a box are thousandths of the page, 0 to 1000");
    }
    if left >= right || top >= bottom {
        return Err("a box is left,top,right,bottom, with left below right and top below bottom");
    }
    Ok(())
}

/// Whether this names a place where a model may run: `cpu`, `cuda` or `cuda:N`.
pub fn is_device(text: &str) -> bool {
    let number = |text: &str| text.len() <= 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.split_once(':') {
        Some(("cuda", device)) => !device.is_empty() && number(device),
        Some(_) => false,
        None => matches!(text, "cpu" | "cuda"),
    }
}

/// Plain or formatted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GotMode {
    /// Running text without markup.
    Plain,
    /// Headings, tables and formulas as Mathpix Markdown.
    Format,
}

/// Whether pages are cut into tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TilePolicy {
    /// Dense or huge pages are; the manifest says which and why.
    Auto,
    /// Each page is one view.
    Never,
    /// Each page is.
    Always,
}

/// How many consecutive pages are read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PagesPerPass {
    /// Short pages are, as many as the model was trained on.
    Auto,
    /// So many, 1 to 8.
    Most(u32),
}

impl PagesPerPass {
    /// Most pages that may be read together: what the model was trained on.
    pub const LIMIT: u32 = 8;
}

/// A colour that marks a region.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// What reading a page by GOT took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DecodingReport {
    /// Plain or formatted, as it was read at last.
    pub mode: GotMode,
    /// How the page was cut.
    pub tiling: PageTiling,
    /// Pages that were read together with this one, itself included; 1 for a page of its own.
    pub pages_in_pass: u32,
    /// Tokens of the prompt, images included, of the attempt that gave the text.
    pub prompt_tokens: u32,
    /// Tokens written by the attempt that gave the text.
    pub tokens: u32,
    /// Why that attempt ended.
    pub stop: FinishReason,
    /// All attempts in order, where there was more than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attempts: Vec<ReadAttempt>,
    /// How PP-OCR's reading compares, where it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<CrossCheck>,
}

/// How a page was cut into views.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PageTiling {
    /// Tiles side by side; 1 with one row: the whole page in one view.
    pub columns: u32,
    /// Tiles one above the other; with `rows`, views of the page's lines, none where it is blank.
    pub rows: u32,
    /// Why, such as `asked`, `ordinary`, `small-text`, `dense`, `huge` or `rows`.
    pub reason: String,
}

/// One attempt at a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReadAttempt {
    /// How the page was read.
    pub way: AttemptKind,
    /// Tokens written, those that were cut off included; 0 for PP-OCR.
    pub tokens: u32,
    /// Why it ended.
    pub stop: FinishReason,
    /// Why it was not kept; absent for the one that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected: Option<RejectionKind>,
}

/// How PP-OCR's reading compares.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CrossCheck {
    /// Share of PP-OCR's words that the text has too, 0 to 1.
    pub agreement: f32,
    /// Whether they disagree so much that a person should look.
    pub disagrees: bool,
}

/// What the model was given and gave, before any clean-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RawOutput {
    /// The prompt's tokens, image tokens included.
    pub prompt_ids: Vec<u32>,
    /// The tokens written, the end token not included.
    pub token_ids: Vec<u32>,
    /// Their text.
    pub text: String,
}

impl fmt::Display for PagesPerPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Most(pages) => write!(f, "{pages}"),
        }
    }
}

impl FromStr for PagesPerPass {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.trim().parse::<u32>() {
            _ if text == "auto" => Ok(Self::Auto),
            Ok(pages) if (1..=Self::LIMIT).contains(&pages) => Ok(Self::Most(pages)),
            _ => Err(format!("give `auto` or a number from 1 to {}", Self::LIMIT)),
        }
    }
}

impl Serialize for PagesPerPass {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Most(pages) => serializer.serialize_u32(*pages),
        }
    }
}

impl<'de> Deserialize<'de> for PagesPerPass {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum WordOrNumber {
            Number(u32),
            Word(String),
        }
        let text = match WordOrNumber::deserialize(deserializer)? {
            WordOrNumber::Number(pages) => pages.to_string(),
            WordOrNumber::Word(word) => word,
        };
        text.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for PagesPerPass {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PagesPerPass".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`auto`, or a number from 1 to 8.",
            "oneOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": 8}]
        })
    }
}

impl fmt::Display for GotMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Format => "format",
        })
    }
}

impl fmt::Display for RegionColor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Red => "red",
            Self::Green => "green",
            Self::Blue => "blue",
        })
    }
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

impl fmt::Display for TilePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Never => "never",
            Self::Always => "always",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;

    fn changed(change: impl FnOnce(&mut GotOptions)) -> GotOptions {
        let mut options = GotOptions::default();
        change(&mut options);
        options
    }

    #[test]
    fn the_members_stand_among_the_other_options() {
        let text = r#"{"engine": "got", "mode": "plain", "tiles": "never", "pages_per_pass": 4,
            "box": [0, 10, 500, 1000], "verify": 0.5, "dtype": "q8", "device": "cuda:1"}"#;
        let options: Options = serde_json::from_str(text).unwrap();
        let got = changed(|got| {
            got.mode = GotMode::Plain;
            got.tiles = TilePolicy::Never;
            got.pages_per_pass = PagesPerPass::Most(4);
            got.region = Some([0, 10, 500, 1000]);
            got.verify = 0.5;
            got.dtype = Some(Dtype::Q8);
            got.device = Some("cuda:1".to_owned());
        });
        assert_eq!(options.got, got);
        let again = serde_json::to_value(&options).unwrap();
        assert_eq!(again["box"], serde_json::json!([0, 10, 500, 1000]));
        assert_eq!(serde_json::from_value::<Options>(again).unwrap(), options);
    }

    #[test]
    fn options_from_before_got_still_parse() {
        let options: Options =
            serde_json::from_str(r#"{"engine": "ppocr", "html": true}"#).unwrap();
        assert_eq!(options.got, GotOptions::default());
    }

    #[test]
    fn pages_per_pass_are_a_word_or_a_number() {
        for (text, found) in [
            ("\"auto\"", Some(PagesPerPass::Auto)),
            ("1", Some(PagesPerPass::Most(1))),
            ("\"8\"", Some(PagesPerPass::Most(8))),
            ("0", None),
            ("9", None),
            ("\"many\"", None),
            ("-1", None),
        ] {
            assert_eq!(serde_json::from_str(text).ok(), found, "{text}");
        }
        for pages in [PagesPerPass::Auto, PagesPerPass::Most(3)] {
            assert_eq!(pages.to_string().parse(), Ok(pages));
        }
    }

    #[test]
    fn a_word_is_shown_as_it_is_written_in_json() {
        fn same<T: Serialize + fmt::Display>(all: &[T]) {
            for word in all {
                assert_eq!(serde_json::to_value(word).unwrap(), word.to_string());
            }
        }
        same(&[GotMode::Plain, GotMode::Format]);
        same(&[TilePolicy::Auto, TilePolicy::Never, TilePolicy::Always]);
        same(&[RegionColor::Red, RegionColor::Green, RegionColor::Blue]);
        same(&[Dtype::F32, Dtype::Bf16, Dtype::F16, Dtype::Q8, Dtype::Q4]);
    }

    #[test]
    fn numbers_out_of_range_and_what_excludes_another_are_refused() {
        assert_eq!(GotOptions::default().check(), Ok(()));
        assert_eq!(
            changed(|got| got.region = Some([0, 0, 1000, 1000])).check(),
            Ok(())
        );
        for wrong in [
            changed(|got| got.region = Some([5, 0, 5, 9])),
            changed(|got| got.region = Some([0, 9, 5, 3])),
            changed(|got| got.region = Some([0, 0, 1001, 3])),
            changed(|got| {
                got.region = Some([0, 0, 9, 9]);
                got.color = Some(RegionColor::Red);
            }),
            changed(|got| got.max_tiles = 1),
            changed(|got| got.max_new_tokens = 0),
            changed(|got| got.verify = f64::NAN),
            changed(|got| got.verify = 1.5),
            changed(|got| got.batch = Some(0)),
            changed(|got| got.device = Some("cuda:".to_owned())),
            changed(|got| got.device = Some("tpu:0".to_owned())),
        ] {
            assert!(wrong.check().is_err(), "{wrong:?}");
        }
    }
}
