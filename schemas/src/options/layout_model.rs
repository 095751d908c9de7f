//! The layout model beside PP-OCR: what a process runs.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A layout model as it runs in a process: what tells titles, figures and tables on pages that PP-OCR reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LayoutModelInfo {
    /// Its name, such as `PicoDet-LCNet-CDLA`.
    pub name: String,
    /// SHA-256 of its network and its description one after the other, 64 hexadecimal digits.
    pub sha256: String,
}
