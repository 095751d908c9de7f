//! Page ranges as people type them: `1-3,7,10-`.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A set of one-based pages, written `1-3,7,10-`. Never empty; kept sorted and merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRanges(Vec<(u32, Option<u32>)>);

/// The error of a text that is no page range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParsePageRangesError {
    part: String,
    why: &'static str,
}

impl PageRanges {
    /// Returns true if the one-based `page` is in the set.
    pub fn contains(&self, page: u32) -> bool {
        self.0
            .iter()
            .any(|&(first, last)| page >= first && last.is_none_or(|last| page <= last))
    }

    /// Number of ranges, at least 1.
    pub fn ranges(&self) -> usize {
        self.0.len()
    }

    /// The pages of a document of `count` pages that are in the set, in order.
    pub fn select(&self, count: u32) -> impl Iterator<Item = u32> + '_ {
        (1..=count).filter(|&page| self.contains(page))
    }
}

impl FromStr for PageRanges {
    type Err = ParsePageRangesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut ranges = text
            .split(',')
            .map(parse_part)
            .collect::<Result<Vec<_>, _>>()?;
        ranges.sort_by_key(|range| range.0);
        let mut merged: Vec<(u32, Option<u32>)> = Vec::new();
        for range in ranges {
            match merged.last_mut() {
                Some((_, None)) => break,
                Some((_, Some(end))) if range.0 <= end.saturating_add(1) => match range.1 {
                    Some(last) => *end = last.max(*end),
                    None => merged.last_mut().expect("just matched").1 = None,
                },
                _ => merged.push(range),
            }
        }
        Ok(Self(merged))
    }
}

fn parse_part(part: &str) -> Result<(u32, Option<u32>), ParsePageRangesError> {
    let part = part.trim();
    let wrong = |why| ParsePageRangesError {
        part: part.to_owned(),
        why,
    };
    let number = |digits: &str| match digits.trim().parse::<u32>() {
        Ok(0) => Err(wrong("pages are counted from 1")),
        Ok(page) => Ok(page),
        Err(_) => Err(wrong("write pages like 1-3,7,10-")),
    };
    match part.split_once('-') {
        None => number(part).map(|page| (page, Some(page))),
        Some((first, "")) => Ok((number(first)?, None)),
        Some(("", last)) => Ok((1, Some(number(last)?))),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err(wrong("the range ends before it starts"));
            }
            Ok((first, Some(last)))
        }
    }
}

impl fmt::Display for PageRanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, &(first, last)) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match last {
                None => write!(f, "{first}-")?,
                Some(last) if last == first => write!(f, "{first}")?,
                Some(last) => write!(f, "{first}-{last}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for ParsePageRangesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.part, self.why)
    }
}

impl std::error::Error for ParsePageRangesError {}

impl Serialize for PageRanges {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PageRanges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl JsonSchema for PageRanges {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PageRanges".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "One-based pages, `1-3,7,10-`.",
            "pattern": r"^([1-9][0-9]{0,8}(-([1-9][0-9]{0,8})?)?|-[1-9][0-9]{0,8})( *, *([1-9][0-9]{0,8}(-([1-9][0-9]{0,8})?)?|-[1-9][0-9]{0,8}))*$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_select_the_pages_a_person_means() {
        let cases: [(&str, &[u32], &str); 6] = [
            ("1-3,7,10-", &[1, 2, 3, 7, 10, 11, 12], "1-3,7,10-"),
            ("2", &[2], "2"),
            ("-2", &[1, 2], "1-2"),
            ("5-6,1-4", &[1, 2, 3, 4, 5, 6], "1-6"),
            (" 3 , 3-4 ", &[3, 4], "3-4"),
            ("11-,12", &[11, 12], "11-"),
        ];
        for (text, pages, shown) in cases {
            let ranges: PageRanges = text.parse().unwrap();
            assert_eq!(ranges.select(12).collect::<Vec<_>>(), pages, "{text}");
            assert_eq!(ranges.to_string(), shown, "{text}");
        }
    }

    #[test]
    fn wrong_ranges_say_what_is_wrong() {
        let cases = [
            ("0", "`0`: pages are counted from 1"),
            ("4-2", "`4-2`: the range ends before it starts"),
            ("1,,2", "``: write pages like 1-3,7,10-"),
            ("a-b", "`a-b`: write pages like 1-3,7,10-"),
            ("-", "`-`: write pages like 1-3,7,10-"),
        ];
        for (text, message) in cases {
            assert_eq!(text.parse::<PageRanges>().unwrap_err().to_string(), message);
        }
    }
}
