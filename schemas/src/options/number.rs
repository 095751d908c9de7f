//! Numbers with a range: no value outside it can be made, read or written.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A whole number from `MIN` to `MAX`.
///
/// The range is part of the type, so the command line, JSON and the published schema all hold to the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BoundedInt<const MIN: u32, const MAX: u32 = { u32::MAX }>(u32);

impl<const MIN: u32, const MAX: u32> BoundedInt<MIN, MAX> {
    /// A number that is known when the program is built.
    pub const fn of<const VALUE: u32>() -> Self {
        const { assert!(VALUE >= MIN && VALUE <= MAX, "outside the range") };
        Self(VALUE)
    }

    /// The number itself.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number, or the end of the range that is nearest to it.
    pub fn clamped(value: u32) -> Self {
        Self(value.clamp(MIN, MAX))
    }
}

impl<const MIN: u32, const MAX: u32> TryFrom<u32> for BoundedInt<MIN, MAX> {
    type Error = String;

    fn try_from(value: u32) -> Result<Self, String> {
        if (MIN..=MAX).contains(&value) {
            Ok(Self(value))
        } else {
            Err(Self::usage())
        }
    }
}

impl<const MIN: u32, const MAX: u32> BoundedInt<MIN, MAX> {
    fn usage() -> String {
        match MAX {
            u32::MAX => format!("give a whole number from {MIN}"),
            _ => format!("give a whole number from {MIN} to {MAX}"),
        }
    }
}

impl<const MIN: u32, const MAX: u32> FromStr for BoundedInt<MIN, MAX> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim()
            .parse::<u32>()
            .map_err(|_| Self::usage())
            .and_then(Self::try_from)
    }
}

impl<const MIN: u32, const MAX: u32> fmt::Display for BoundedInt<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MIN: u32, const MAX: u32> Serialize for BoundedInt<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for BoundedInt<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer)?
            .try_into()
            .map_err(de::Error::custom)
    }
}

impl<const MIN: u32, const MAX: u32> JsonSchema for BoundedInt<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("BoundedInt{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        match MAX {
            u32::MAX => json_schema!({"type": "integer", "minimum": MIN}),
            _ => json_schema!({"type": "integer", "minimum": MIN, "maximum": MAX}),
        }
    }
}

/// A share of a whole, 0 to 1: `off` and `all` on the command line are its ends.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Share(f64);

impl Share {
    /// Nothing of it.
    pub const NONE: Self = Self(0.0);

    /// All of it.
    pub const ALL: Self = Self(1.0);

    /// The share as a number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err("give `off`, `all` or a share from 0 to 1".to_owned())
        }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "off" => Ok(Self(0.0)),
            "all" => Ok(Self(1.0)),
            number => number.parse().unwrap_or(f64::NAN).try_into(),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0.0 => f.write_str("off"),
            1.0 => f.write_str("all"),
            share => share.fmt(f),
        }
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer)?
            .try_into()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for Share {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "minimum": 0, "maximum": 1})
    }
}

/// Millions of pixels, above 0.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Megapixels(f64);

impl Megapixels {
    /// So many whole millions.
    pub const fn of<const MILLIONS: u32>() -> Self {
        const { assert!(MILLIONS > 0, "above 0") };
        Self(MILLIONS as f64)
    }

    /// The number of pixels.
    pub fn pixels(self) -> u64 {
        (self.0 * 1e6).round() as u64
    }

    /// The lower of two.
    #[must_use]
    pub fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }
}

impl TryFrom<f64> for Megapixels {
    type Error = String;

    fn try_from(value: f64) -> Result<Self, String> {
        if value.is_finite() && value > 0.0 {
            Ok(Self(value))
        } else {
            Err("give a number above 0".to_owned())
        }
    }
}

impl FromStr for Megapixels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.trim().parse().unwrap_or(f64::NAN).try_into()
    }
}

impl fmt::Display for Megapixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Megapixels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for Megapixels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        f64::deserialize(deserializer)?
            .try_into()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for Megapixels {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Megapixels".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "number", "exclusiveMinimum": 0})
    }
}
