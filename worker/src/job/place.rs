//! [`OutputPath`]: where a result is kept; [`KeyedLock`]: who works on it in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use recto_schemas::{FailureKind, FailureStage, OutputUris, ResultSource};
use tokio::sync::OwnedMutexGuard;

use super::{failure::JobFailure, identity::Fingerprint, plan::ValidatedJob};
use crate::store::{StoreUri, StoreUriError, source_folder};

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
                FailureKind::BadMessage,
                format!("`output`: {error}"),
            )
        })?;
        Ok(Self { folder, identity })
    }

    pub(crate) fn identity(&self) -> &Fingerprint {
        &self.identity
    }

    /// `document.ENDING` in the folder, or a file below `document.images`.
    pub(super) fn file(&self, below: &str) -> Result<StoreUri, StoreUriError> {
        self.folder.join(below)
    }

    /// URIs of what is stored for a document that has pages or not, with a review page or not.
    pub(crate) fn outputs(&self, any_page: bool, html: bool) -> OutputUris {
        let uri = |ending: &str| format!("{}/{NAME}.{ending}", self.folder);
        OutputUris {
            manifest: uri("json"),
            markdown: any_page.then(|| uri("md")),
            pages: any_page.then(|| uri("pages.jsonl")),
            html: (any_page && html).then(|| uri("html")),
        }
    }
}

/// Results that are being made in this process: each by one job at a time.
#[derive(Debug, Default)]
pub(crate) struct KeyedLock(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl KeyedLock {
    /// Waits until no other job makes the result of this place.
    pub(super) async fn enter(&self, place: &OutputPath) -> OwnedMutexGuard<()> {
        let lock = {
            let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            map.retain(|_, lock| lock.strong_count() > 0);
            let known = map.get(&place.folder.to_string()).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::new(tokio::sync::Mutex::new(()));
                map.insert(place.folder.to_string(), Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }
}
