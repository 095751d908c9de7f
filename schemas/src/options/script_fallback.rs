//! The second reader of lines that PP-OCR did not read: whether there is one, and which.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Second readers for lines in a script that PP-OCR does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "clap", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum ScriptFallback {
    /// Such lines are left out, and their page is `partial`.
    #[default]
    None,
    /// Tesseract, in the languages whose data is installed.
    Tesseract,
}

/// A second reader as it runs in a process: what decides its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FallbackReader {
    /// Its name, `tesseract`.
    pub name: String,
    /// Its version, such as `5.3.0`.
    pub version: String,
    /// The languages that it reads, as it names them (`rus`), in alphabetical order.
    pub languages: Vec<String>,
    /// SHA-256 of their data one after another, 64 hexadecimal digits; absent if the reader does not say where that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_sha256: Option<String>,
}

impl std::fmt::Display for ScriptFallback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Tesseract => "tesseract",
        })
    }
}
