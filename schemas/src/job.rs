//! `recto.job/v1`: one document to read, as it is in the queue.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::Options;

/// One document to read, and where its results go. Members that are not named here are ignored. A message has at most
/// 64 KiB, a text of it 4,096 bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// `recto.job/v1`.
    pub schema: String,
    /// Names the job: its result and its dead letter carry the same word. Unique for each submission.
    #[schemars(length(min = 1, max = 200))]
    pub id: String,
    /// The document.
    pub source: JobSource,
    /// The prefix for results, `s3://bucket/some/folder` or `file:///some/folder`.
    pub output: String,
    /// The document's options.
    #[serde(default)]
    pub options: Options,
    /// The engine that has to read it, such as `ppocr`; any engine if absent. It takes the place of `options.engine`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// The password of an encrypted document. Never stored, logged or handed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<DocumentPassword>,
    /// A word shared by jobs that belong together; results carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<String>,
    /// Words of the sender's own; results carry them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// W3C trace context, `00-…`; logs and the result carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// When the job was sent, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub submitted_at: Option<String>,
    /// The message's priority, 0 to 9; brokers that know priorities for their queue serve higher ones first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 9))]
    pub priority: Option<u8>,
    /// Read the document even if a finished result is stored, and store the new one in its place.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Some pages of the document, which workers share out among themselves. Nobody else sets it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<JobPages>,
}

/// A range of the pages of a document that several workers read. Pages are counted among those that are to be read,
/// from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobPages {
    /// The first page.
    #[schemars(range(min = 1))]
    pub first: u32,
    /// The last page.
    #[schemars(range(min = 1))]
    pub last: u32,
    /// Number of pages of the document that are to be read.
    #[schemars(range(min = 1))]
    pub total: u32,
    /// Pages in a range.
    #[schemars(range(min = 1))]
    pub size: u32,
    /// Ranges that are in the queue at the same time: after this one comes the one so many ranges further.
    #[schemars(range(min = 1))]
    pub lanes: u32,
    /// Pages that are stored together: fewer after a range of the lane was interrupted.
    #[schemars(range(min = 1))]
    pub part: u32,
}

impl JobPages {
    /// Returns true if the numbers make a range.
    pub fn is_valid(&self) -> bool {
        1 <= self.first
            && self.first <= self.last
            && self.last <= self.total
            && self.size >= 1
            && self.lanes >= 1
            && self.part >= 1
    }
}

impl Job {
    /// The value of [`Job::schema`].
    pub const SCHEMA: &'static str = "recto.job/v1";
}

/// A document in a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct JobSource {
    /// `s3://bucket/key` or `file:///path`.
    pub uri: String,
    /// This version of the object and no other; the newest if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version_id: Option<String>,
    /// The object only while it has this `ETag`; the one found if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// A password. Shown by nothing; written only if a job itself is.
#[derive(Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct DocumentPassword(String);

impl<'de> Deserialize<'de> for DocumentPassword {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The error of another type would tell the value.
        String::deserialize(deserializer)
            .map(Self)
            .map_err(|_| de::Error::custom("`password` is not a text"))
    }
}

impl DocumentPassword {
    /// A password that will not be shown.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The password itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DocumentPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
