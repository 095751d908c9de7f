//! [`Identity`]: what makes a result the result of its document and options.
//!
//! Two jobs with the same identity have the same Markdown, so the second one needs no reading.

use recto_schemas::{Options, PIPELINE_REVISION, ResultSource};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::document::hex;

/// SHA-256 of what decides a result, 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity(String);

impl Identity {
    /// The identity of reading `source` with `options` by an engine whose model has that SHA-256.
    ///
    /// The version decides where there is one, else the `ETag`. Of the limits, only those that change what
    /// is read count; those on time and memory decide no more than whether reading fails.
    pub(crate) fn new(source: &ResultSource, options: &Options, model_sha256: &str) -> Self {
        let version = match (&source.version_id, &source.etag) {
            (Some(version), _) => json!({ "version_id": version }),
            (None, etag) => json!({ "etag": etag }),
        };
        let mut wanted = json!(options);
        if let Some(limits) = wanted.get_mut("limits").and_then(Value::as_object_mut) {
            limits.retain(|name, _| matches!(name.as_str(), "max_pages" | "max_page_pixels"));
        }
        // `Value` keeps the members of objects in the order of their names, so this text is canonical.
        let text = json!({
            "uri": source.uri,
            "version": version,
            "engine": options.engine,
            "model_sha256": model_sha256,
            "options": wanted,
            "pipeline_revision": PIPELINE_REVISION,
        })
        .to_string();
        Self(hex(&Sha256::digest(text.as_bytes())))
    }

    /// All 64 digits.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder of the result: the first 16 digits.
    pub(crate) fn folder(&self) -> &str {
        &self.0[..16]
    }
}

#[cfg(test)]
mod tests {
    use recto_schemas::Limits;

    use super::*;

    fn source(etag: &str) -> ResultSource {
        ResultSource {
            uri: "s3://archive/a.pdf".to_owned(),
            etag: Some(etag.to_owned()),
            ..ResultSource::default()
        }
    }

    #[test]
    fn what_changes_the_markdown_changes_the_identity_and_nothing_else_does() {
        let options = Options::default();
        let base = Identity::new(&source("1"), &options, "m");
        let with = |options: Options| Identity::new(&source("1"), &options, "m");
        let limited = |limits: Limits| {
            with(Options {
                limits,
                ..Options::default()
            })
        };

        assert_ne!(base, Identity::new(&source("2"), &options, "m"));
        assert_ne!(base, Identity::new(&source("1"), &options, "other"));
        let no_markers = Options {
            page_markers: false,
            ..Options::default()
        };
        assert_ne!(base, with(no_markers));
        let few_pages = Limits {
            max_pages: 3,
            ..Limits::default()
        };
        assert_ne!(base, limited(few_pages));

        let patient = Limits {
            page_timeout_s: 99.0,
            document_timeout_s: 99.0,
            max_raster_mib: 99,
            max_document_bytes: 99,
            ..Limits::default()
        };
        assert_eq!(base, limited(patient));
    }

    #[test]
    fn a_version_counts_more_than_an_etag() {
        let versioned = |etag: &str| ResultSource {
            version_id: Some("v7".to_owned()),
            ..source(etag)
        };
        let of = |source: &ResultSource| Identity::new(source, &Options::default(), "m");
        assert_eq!(of(&versioned("1")), of(&versioned("2")));
        assert_ne!(of(&versioned("1")), of(&source("1")));
    }
}
