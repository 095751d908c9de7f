//! Lengths of time and sizes as a person writes them: `20s`, `384MiB`. The same text on the command line, in variables
//! and in JSON.

use std::{fmt, ops::Deref, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// About 24 days, in milliseconds: more than any wait here, and what a signed 32-bit count holds.
const LONGEST_MS: f64 = i32::MAX as f64;

/// Units of time and what they are in milliseconds; those that are written first come first.
const TIMES: [(&str, f64); 5] = [
    ("h", 3_600e3),
    ("m", 60e3),
    ("min", 60e3),
    ("s", 1e3),
    ("ms", 1.0),
];

/// Units of size and what they are in bytes, the largest first.
const SIZES: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// A length of time above zero, written `500ms`, `20s`, `15m` or `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HumanDuration(Duration);

impl HumanDuration {
    /// So many seconds.
    pub const fn seconds<const SECONDS: u64>() -> Self {
        const {
            assert!(
                SECONDS > 0 && SECONDS <= i32::MAX as u64 / 1000,
                "outside the range"
            )
        };
        Self(Duration::from_secs(SECONDS))
    }
}

impl Deref for HumanDuration {
    type Target = Duration;

    fn deref(&self) -> &Duration {
        &self.0
    }
}

impl From<HumanDuration> for Duration {
    fn from(duration: HumanDuration) -> Self {
        duration.0
    }
}

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || "give a length of time such as 500ms, 10s, 2m or 1h".to_owned();
        let (number, unit) = split(text);
        // A bare number is seconds.
        let unit = if unit.is_empty() { "s" } else { unit };
        let known = TIMES.iter().find(|(name, _)| *name == unit);
        let (_, milliseconds) = known.ok_or_else(usage)?;
        let milliseconds = number.parse::<f64>().map_err(|_| usage())? * milliseconds;
        match milliseconds.round() {
            whole if (1.0..=LONGEST_MS).contains(&whole) => {
                Ok(Self(Duration::from_millis(whole as u64)))
            }
            _ => Err("give between 1ms and 24 days".to_owned()),
        }
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spelled(self.0))
    }
}

/// Reads a length of time above zero as [`HumanDuration`] does.
///
/// # Errors
/// What to give, as a sentence for people.
pub fn duration(text: &str) -> Result<Duration, String> {
    text.parse().map(|HumanDuration(duration)| duration)
}

/// Writes a length of time as [`HumanDuration`] does.
pub fn spelled(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let (name, unit) = TIMES
        .iter()
        .map(|&(name, unit)| (name, unit as u128))
        .find(|(_, unit)| milliseconds > 0 && milliseconds.is_multiple_of(*unit))
        .unwrap_or(("ms", 1));
    format!("{}{name}", milliseconds / unit)
}

/// A size of at least `MIN` bytes, written `2GB` (1,000,000,000 bytes each) or `384MiB` (1,048,576 bytes each).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize<const MIN: u64 = 1>(u64);

impl<const MIN: u64> ByteSize<MIN> {
    /// So many bytes.
    pub const fn of<const BYTES: u64>() -> Self {
        const { assert!(BYTES >= MIN, "too small") };
        Self(BYTES)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl<const MIN: u64> FromStr for ByteSize<MIN> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || "give a size such as 500kB, 384MiB or 2GB".to_owned();
        let (number, unit) = split(text);
        let known = SIZES.iter().find(|(name, _)| *name == unit);
        let (_, factor) = known.ok_or_else(usage)?;
        let bytes = number.parse::<f64>().map_err(|_| usage())? * *factor as f64;
        match bytes.round() {
            // Every whole number up to 2^53 is one that f64 holds.
            bytes if (MIN as f64..=(1_u64 << 53) as f64).contains(&bytes) => Ok(Self(bytes as u64)),
            _ => Err(format!("give at least {}", Self(MIN))),
        }
    }
}

impl<const MIN: u64> fmt::Display for ByteSize<MIN> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, factor) = SIZES
            .into_iter()
            .find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor))
            .unwrap_or(("B", 1));
        write!(f, "{}{name}", self.0 / factor)
    }
}

/// A number and the unit after it.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    (number, unit.trim())
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for HumanDuration {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // Numbers of as many digits as the longest time leaves room for.
        let units = [("s?", 5), ("(m|min)", 3), ("h", 1)].map(|(unit, more)| {
            format!("([1-9][0-9]{{0,{more}}}(\\.[0-9]{{1,3}})?|0?\\.[0-9]{{0,2}}[1-9]){unit}")
        });
        json_schema!({
            "type": "string",
            "pattern": format!("^([1-9][0-9]{{0,8}}ms|{})$", units.join("|")),
            "examples": ["500ms", "20s", "15m", "1h"]
        })
    }
}

impl<const MIN: u64> Serialize for ByteSize<MIN> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const MIN: u64> Deserialize<'de> for ByteSize<MIN> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl<const MIN: u64> JsonSchema for ByteSize<MIN> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Size{MIN}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let units = SIZES.map(|(unit, factor)| {
            // 2^53 bytes are the most, which have sixteen digits.
            let most_digits = 16 - factor.to_string().len();
            let fraction = if factor == 1 { "" } else { "(\\.[0-9]{1,3})?" };
            format!(
                "({}){fraction}{unit}",
                at_least(MIN.div_ceil(factor), most_digits)
            )
        });
        let examples = ["500kB", "384MiB", "2GB"].into_iter();
        let examples: Vec<_> = examples
            .filter(|text| text.parse::<Self>().is_ok())
            .collect();
        json_schema!({
            "type": "string",
            "pattern": format!("^({})$", units.join("|")),
            "examples": examples
        })
    }
}

/// A regular expression for whole numbers from `least`, which is at least 1, with at most so many digits.
fn at_least(least: u64, most_digits: usize) -> String {
    let digits = least.to_string();
    let mut forms = vec![digits.clone()];
    for (place, digit) in digits
        .bytes()
        .enumerate()
        .filter(|(_, digit)| *digit < b'9')
    {
        let (before, next) = (&digits[..place], char::from(digit + 1));
        forms.push(format!(
            "{before}[{next}-9][0-9]{{{}}}",
            digits.len() - place - 1
        ));
    }
    if digits.len() < most_digits {
        forms.push(format!(
            "[1-9][0-9]{{{},{}}}",
            digits.len(),
            most_digits - 1
        ));
    }
    forms.join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duration(text: &str) -> Result<HumanDuration, String> {
        text.parse()
    }

    fn size(text: &str) -> Result<ByteSize, String> {
        text.parse()
    }

    #[test]
    fn every_spelling_of_a_duration_is_read() {
        for (text, milliseconds) in [
            ("500ms", 500),
            ("10s", 10_000),
            ("10", 10_000),
            ("0.5", 500),
            ("2m", 120_000),
            ("2min", 120_000),
            ("1.5h", 5_400_000),
            (" 3 s ", 3_000),
        ] {
            let expected = HumanDuration(Duration::from_millis(milliseconds));
            assert_eq!(duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in [
            "", "s", "10 days", "-1s", "0", "0ms", "1.2.3", "1e3", "NaN", "900h",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_is_written_one_way() {
        for (text, one) in [
            ("60s", "1m"),
            ("60", "1m"),
            ("90s", "90s"),
            ("1500ms", "1500ms"),
            ("1.5", "1500ms"),
            ("900s", "15m"),
            ("60min", "1h"),
        ] {
            assert_eq!(duration(text).unwrap().to_string(), one);
        }
    }

    #[test]
    fn every_spelling_of_a_size_is_read() {
        for (text, bytes) in [
            ("1B", 1),
            ("500kB", 500_000),
            ("384MiB", 384 << 20),
            ("2GB", 2_000_000_000),
            ("1.5 GiB", 3 << 29),
            ("0.5TB", 500_000_000_000),
        ] {
            assert_eq!(size(text).map(ByteSize::bytes), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_or_too_small_is_refused() {
        for text in [
            "",
            "2000",
            "GB",
            "-1GB",
            "0B",
            "0.1B",
            "2 gb",
            "1e3MB",
            "99999999TB",
        ] {
            assert!(size(text).is_err(), "{text}");
        }
        let error = "63MiB".parse::<ByteSize<{ 64 << 20 }>>().unwrap_err();
        assert!(error.contains("64MiB"), "{error}");
    }

    #[test]
    fn a_size_is_written_one_way() {
        for (text, one) in [
            ("2000MB", "2GB"),
            ("384MiB", "384MiB"),
            ("1024KiB", "1MiB"),
            ("1500B", "1500B"),
        ] {
            assert_eq!(size(text).unwrap().to_string(), one);
        }
    }

    fn pattern(schema: &Schema) -> regex::Regex {
        regex::Regex::new(schema.get("pattern").unwrap().as_str().unwrap()).unwrap()
    }

    #[test]
    fn the_schema_of_a_size_names_what_is_taken_and_nothing_else() {
        type Large = ByteSize<{ 64 << 20 }>;
        let pattern = pattern(&Large::json_schema(&mut SchemaGenerator::default()));
        let numbers = [
            0, 1, 9, 63, 64, 67, 68, 99, 100, 65_535, 65_536, 66_000, 70_000, 100_000,
        ];
        for number in numbers {
            for (unit, _) in SIZES {
                let text = format!("{number}{unit}");
                let is_taken = text.parse::<Large>().is_ok();
                // The schema leaves out numbers with more digits than the largest size has in that unit.
                assert!(!pattern.is_match(&text) || is_taken, "{text}");
                assert!(
                    pattern.is_match(&text) == is_taken || number > 9_999,
                    "{text}"
                );
            }
        }
        for text in ["64.5MiB", "1.5GB"] {
            assert!(pattern.is_match(text) && text.parse::<Large>().is_ok());
        }
        for text in ["", ".", "MiB", "64", "-1GB", "063MiB"] {
            assert!(!pattern.is_match(text), "{text}");
        }
    }

    #[test]
    fn the_schema_of_a_time_names_what_is_taken_and_nothing_else() {
        let pattern = pattern(&HumanDuration::json_schema(&mut SchemaGenerator::default()));
        for text in [
            "1ms", "500ms", "10s", "10", "0.5", ".5s", "2m", "2min", "1.5h", "99h",
        ] {
            assert!(pattern.is_match(text) && duration(text).is_ok(), "{text}");
        }
        for text in ["", ".", "0", "0ms", "0.0s", "s", "900h", "10 days", "1e3"] {
            assert!(!pattern.is_match(text), "{text}");
        }
    }
}
