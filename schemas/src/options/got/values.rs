//! Values of GOT's options that have a form of their own: a rectangle, a device, a number of pages.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Number of consecutive pages that are read together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PagesPerPass {
    /// Short pages are, as many as the model was trained on.
    #[default]
    Auto,
    /// At most this many, 1 to 8.
    Most(u32),
}

impl PagesPerPass {
    /// Maximum number of pages that may be read together: what the model was trained on.
    pub const LIMIT: u32 = 8;
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
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PagesPerPass".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "oneOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": Self::LIMIT}]
        })
    }
}

/// A rectangle of a page: left, top, right and bottom in thousandths of its width and height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageBox([u32; 4]);

impl PageBox {
    /// Left, top, right and bottom.
    pub fn edges(self) -> [u32; 4] {
        self.0
    }
}

impl TryFrom<[u32; 4]> for PageBox {
    type Error = &'static str;

    fn try_from(edges: [u32; 4]) -> Result<Self, Self::Error> {
        let [left, top, right, bottom] = edges;
        if right > 1000 || bottom > 1000 {
            return Err("the numbers of a box are thousandths of the page, 0 to 1000");
        }
        if left >= right || top >= bottom {
            return Err(
                "a box is left,top,right,bottom, with left below right and top below bottom",
            );
        }
        Ok(Self(edges))
    }
}

impl FromStr for PageBox {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u32>, _> =
            text.split(',').map(|part| part.trim().parse()).collect();
        let edges: Option<[u32; 4]> = numbers.ok().and_then(|numbers| numbers.try_into().ok());
        let edges = edges.ok_or("give four whole numbers, such as 0,0,1000,500")?;
        Ok(edges.try_into()?)
    }
}

impl Serialize for PageBox {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PageBox {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <[u32; 4]>::deserialize(deserializer)?
            .try_into()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for PageBox {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PageBox".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "items": {"type": "integer", "minimum": 0, "maximum": 1000},
            "minItems": 4,
            "maxItems": 4
        })
    }
}

/// A device that a model may run on: `cpu`, `cuda` or `cuda:N`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct DeviceName(String);

impl DeviceName {
    /// The name as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if both are the same device; `cuda` is the first GPU.
    pub fn is_same(&self, other: &Self) -> bool {
        let numbered = |name: &Self| match name.as_str() {
            "cuda" => "cuda:0".to_owned(),
            other => other.to_owned(),
        };
        numbered(self) == numbered(other)
    }
}

impl Default for DeviceName {
    fn default() -> Self {
        Self("cpu".to_owned())
    }
}

impl FromStr for DeviceName {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_number = |text: &str| {
            (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let is_device = match text.split_once(':') {
            Some((device, number)) => device == "cuda" && is_number(number),
            None => matches!(text, "cpu" | "cuda"),
        };
        match is_device {
            true => Ok(Self(text.to_owned())),
            false => Err("give `cpu`, `cuda`, or `cuda:N` for GPU number N"),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for DeviceName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for DeviceName {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "DeviceName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": r"^(cpu|cuda(:[0-9]{1,3})?)$"})
    }
}
