//! Output path: the folder of a result in the store.

use recto_schemas::{
    DocumentPassword, FailureKind, FailureStage, Manifest, OutputUris, ResultSource,
};

use super::{failure::JobFailure, plan::ValidatedJob};
use crate::{
    document::{
        fingerprint::Fingerprint,
        output::{FORMATS, MANIFEST},
    },
    store::{StoreUri, StoreUriError, source_folder},
};

/// The name of results in their folder.
pub(crate) const NAME: &str = "document";

/// The folder of the result of a document and its options:
/// `PREFIX/<source key>/<16 digits of the fingerprint>/document.…`.
#[derive(Clone, Debug)]
pub(crate) struct OutputPath {
    folder: StoreUri,
    fingerprint: Fingerprint,
}

impl OutputPath {
    /// The folder for a job whose source's version is known.
    pub(super) fn new(
        plan: &ValidatedJob,
        source: &ResultSource,
        model_sha256: &str,
        file_root: Option<&str>,
        password: Option<&DocumentPassword>,
    ) -> Result<Self, JobFailure> {
        let fingerprint = Fingerprint::new(source, &plan.options, model_sha256, password);
        let below = format!(
            "{}/{}",
            source_folder(&plan.source, file_root),
            fingerprint.folder()
        );
        let folder = plan.output.join(&below).map_err(|error: StoreUriError| {
            JobFailure::new(
                FailureStage::Parse,
                FailureKind::BadMessage,
                format!("`output`: {error}"),
            )
        })?;
        Ok(Self {
            folder,
            fingerprint,
        })
    }

    /// The folder of the result.
    pub(super) fn folder(&self) -> &StoreUri {
        &self.folder
    }

    pub(crate) fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// URIs of what is stored for a document. One without any page has only its manifest.
    pub(crate) fn outputs(&self, manifest: &Manifest) -> OutputUris {
        let uri = |ending: &str| {
            let mut files = manifest.files.iter();
            let named = files.find(|file| is_format(&file.name, ending));
            match named {
                Some(file) => format!("{}/{}", self.folder, file.name),
                None => format!("{}/{NAME}.{ending}", self.folder),
            }
        };
        let mut uris = OutputUris {
            manifest: uri(MANIFEST.0),
            manifest_sha256: manifest.stored_sha256.clone(),
            ..OutputUris::default()
        };
        if !manifest.pages.is_empty() {
            for format in FORMATS
                .iter()
                .filter(|format| (format.is_wanted)(&manifest.options))
            {
                *(format.uri)(&mut uris) = Some(uri(format.ending));
            }
        }
        uris
    }
}

/// Returns true for `document.<digits of its hash>.<ending>`.
pub(crate) fn is_format(name: &str, ending: &str) -> bool {
    let digits = name.strip_prefix(NAME).and_then(|rest| {
        rest.strip_prefix('.')?
            .strip_suffix(ending)?
            .strip_suffix('.')
    });
    digits.is_some_and(|digits| !digits.contains(['.', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_a_result_is_known_by_its_ending() {
        assert!(is_format("document.0a1b2c3d.md", "md"));
        assert!(is_format("document.0a1b2c3d.pages.jsonl", "pages.jsonl"));
        assert!(!is_format("document.0a1b2c3d.pages.jsonl", "jsonl"));
        assert!(!is_format("document.md", "md"));
        assert!(!is_format("document.pages/0001.webp", "webp"));
    }
}
