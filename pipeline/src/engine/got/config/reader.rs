//! Reader of a JSON configuration that checks each member as it is taken.
//!
//! Defaults are those of the reference's configuration classes. Unsupported values are refused with
//! the member's name and what would be accepted, and no number is taken without an upper bound.

use std::{fs, io::Read as _, ops::RangeInclusive, path::Path};

use serde_json::{Map, Value};

use super::super::error::GotError;

/// Maximum size of a configuration file in bytes; real ones have a few thousand.
const MAX_BYTES: u64 = 4 << 20;

/// A JSON object of a configuration file.
pub(super) struct ConfigReader<'a> {
    path: &'a Path,
    /// Path of the object within the file, with a full stop at its end; empty for the outermost
    /// object.
    at: String,
    map: &'a Map<String, Value>,
}

/// Reads the JSON object in the file `path`; `None` if there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Map<String, Value>>, GotError> {
    let failed = |error| GotError::File {
        path: path.to_owned(),
        error,
    };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut text = Vec::new();
    file.take(MAX_BYTES + 1)
        .read_to_end(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > MAX_BYTES {
        let message = format!("has over {MAX_BYTES} bytes; a configuration has a few thousand");
        return Err(config_error(path, message));
    }
    match serde_json::from_slice(&text) {
        Ok(Value::Object(map)) => Ok(Some(map)),
        Ok(_) => Err(config_error(
            path,
            "is no JSON object; take the checkpoint's own",
        )),
        Err(error) => {
            let message = format!("is no JSON: {error}; take the checkpoint's own");
            Err(config_error(path, message))
        }
    }
}

/// An error about the configuration file `path`.
pub(super) fn config_error(path: &Path, message: impl Into<String>) -> GotError {
    GotError::Config {
        path: path.to_owned(),
        message: message.into(),
    }
}

impl<'a> ConfigReader<'a> {
    /// The outermost object of the file `path`.
    pub(super) fn new(path: &'a Path, map: &'a Map<String, Value>) -> Self {
        let at = String::new();
        Self { path, at, map }
    }

    /// The member, unless it is missing or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    /// Returns true if the member exists and is null.
    pub(super) fn is_null(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(Value::is_null)
    }

    /// An error that names a member, its value, and what would be accepted.
    pub(super) fn invalid(&self, name: &str, would_do: &str) -> GotError {
        let found = self.map.get(name).map_or_else(
            || "is missing".to_owned(),
            |value| {
                let mut text = value.to_string();
                if text.len() > 80 {
                    text = text.chars().take(77).chain("...".chars()).collect();
                }
                format!("is {text}")
            },
        );
        let at = &self.at;
        config_error(self.path, format!("`{at}{name}` {found}; {would_do}"))
    }

    /// An object inside this one; `default` if it is missing or null.
    pub(super) fn object(
        &self,
        name: &str,
        default: &'a Map<String, Value>,
    ) -> Result<Self, GotError> {
        let map = match self.get(name) {
            None => default,
            Some(Value::Object(map)) => map,
            Some(_) => return Err(self.invalid(name, "it must be an object")),
        };
        Ok(Self {
            path: self.path,
            at: format!("{}{name}.", self.at),
            map,
        })
    }

    /// An integer in `range`.
    pub(super) fn size(
        &self,
        name: &str,
        default: usize,
        range: RangeInclusive<usize>,
    ) -> Result<usize, GotError> {
        match self.get(name) {
            None => Ok(default),
            Some(value) => self.in_range(name, value, &range),
        }
    }

    /// An integer in `range`, or a pair (height and width) of equal ones.
    pub(super) fn square_side(
        &self,
        name: &str,
        default: usize,
        range: RangeInclusive<usize>,
    ) -> Result<usize, GotError> {
        match self.get(name) {
            Some(Value::Array(pair)) => match pair.as_slice() {
                [height, width] if height == width => self.in_range(name, height, &range),
                _ => Err(self.invalid(name, "height and width must be equal")),
            },
            _ => self.size(name, default, range),
        }
    }

    /// The `value` of member `name` as an integer in `range`.
    pub(super) fn in_range(
        &self,
        name: &str,
        value: &Value,
        range: &RangeInclusive<usize>,
    ) -> Result<usize, GotError> {
        let number = value.as_u64().and_then(|number| number.try_into().ok());
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let (least, most) = (range.start(), range.end());
                self.invalid(
                    name,
                    &format!("a whole number from {least} to {most} would do"),
                )
            })
    }

    /// A finite number above 0 and at most `most`.
    pub(super) fn positive(&self, name: &str, default: f64, most: f64) -> Result<f64, GotError> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        let number = value
            .as_f64()
            .filter(|number| *number > 0.0 && *number <= most);
        number.ok_or_else(|| {
            self.invalid(
                name,
                &format!("a number above 0 and at most {most} would do"),
            )
        })
    }

    /// A boolean.
    pub(super) fn boolean(&self, name: &str, default: bool) -> Result<bool, GotError> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(self.invalid(name, "true or false would do")),
        }
    }

    /// Refuses the member unless it is missing, null, or one of `fitting`.
    pub(super) fn require_one_of(&self, name: &str, fitting: &[Value]) -> Result<(), GotError> {
        match self.get(name) {
            Some(value) if !fitting.contains(value) => {
                let list: Vec<_> = fitting.iter().map(Value::to_string).collect();
                let list = list.join(" or ");
                Err(self.invalid(name, &format!("this engine can do only {list}")))
            }
            _ => Ok(()),
        }
    }

    /// Token ids below `vocab`, from one number or a list; `None` if the member is missing.
    pub(super) fn token_ids(&self, name: &str, vocab: usize) -> Result<Option<Vec<u32>>, GotError> {
        let id = |value| -> Result<u32, GotError> {
            let id = self.in_range(name, value, &(0..=vocab.saturating_sub(1)))?;
            u32::try_from(id).map_err(|_| self.invalid(name, "a smaller number would do"))
        };
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(list)) => list.iter().map(id).collect::<Result<_, _>>().map(Some),
            Some(value) => Ok(Some(vec![id(value)?])),
        }
    }
}
