//! [`OutputPath`]: the place of a result in the store.

use recto_schemas::{Manifest, OutputUris, ResultSource};

use super::{
    failure::{FailureStage, JobFailure},
    identity::Fingerprint,
    plan::ValidatedJob,
};
use crate::{
    document::output::{FORMATS, MANIFEST},
    store::{StoreUri, StoreUriError, source_folder},
};

/// What results are called in their folder.
pub(super) const NAME: &str = "document";

/// Where the result of a document and its options is kept:
/// `PREFIX/<source key>/<16 digits of the identity>/document.…`.
#[derive(Clone, Debug)]
pub(crate) struct OutputPath {
    folder: StoreUri,
    identity: Fingerprint,
}

impl OutputPath {
    /// The place of what `plan` asks for, once the source's version is known.
    pub(super) fn new(
        plan: &ValidatedJob,
        source: &ResultSource,
        model_sha256: &str,
        file_root: Option<&str>,
    ) -> Result<Self, JobFailure> {
        let identity = Fingerprint::new(source, &plan.options, model_sha256);
        let below = format!(
            "{}/{}",
            source_folder(&plan.source, file_root),
            identity.folder()
        );
        let folder = plan.output.join(&below).map_err(|error: StoreUriError| {
            JobFailure::new(
                FailureStage::Parse,
                "bad-message",
                format!("`output`: {error}"),
            )
        })?;
        Ok(Self { folder, identity })
    }

    /// The folder's URI: what else is kept there is another result of the same document and options.
    pub(super) fn folder(&self) -> String {
        self.folder.to_string()
    }

    pub(crate) fn identity(&self) -> &Fingerprint {
        &self.identity
    }

    /// `document.ENDING` in the folder, or a file below `document.images`.
    pub(super) fn file(&self, below: &str) -> Result<StoreUri, StoreUriError> {
        self.folder.join(below)
    }

    /// URIs of what is stored for a document. One without any page has only its manifest.
    pub(crate) fn outputs(&self, manifest: &Manifest) -> OutputUris {
        let uri = |ending: &str| format!("{}/{NAME}.{ending}", self.folder);
        let mut uris = OutputUris {
            manifest: uri(MANIFEST.0),
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
