//! [`Place`]: where a result is kept; [`UnderWay`]: who works on it in this process.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use recto_schemas::{Outputs, ResultSource};
use tokio::sync::OwnedMutexGuard;

use super::{
    failure::{Failure, Stage},
    identity::Identity,
    plan::Plan,
};
use crate::store::{Location, LocationError, source_folder};

/// What results are called in their folder.
pub(super) const NAME: &str = "document";

/// Where the result of a document and its options is kept:
/// `PREFIX/<source key>/<16 digits of the identity>/document.…`.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    folder: Location,
    identity: Identity,
}

impl Place {
    /// The place of what `plan` asks for, once the source's version is known.
    pub(super) fn new(
        plan: &Plan,
        source: &ResultSource,
        model_sha256: &str,
        file_root: Option<&str>,
    ) -> Result<Self, Failure> {
        let identity = Identity::new(source, &plan.options, model_sha256);
        let below = format!(
            "{}/{}",
            source_folder(&plan.source, file_root),
            identity.folder()
        );
        let folder = plan.output.join(&below).map_err(|error: LocationError| {
            Failure::new(Stage::Parse, "bad-message", format!("`output`: {error}"))
        })?;
        Ok(Self { folder, identity })
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// `document.ENDING` in the folder, or a file below `document.images`.
    pub(super) fn file(&self, below: &str) -> Result<Location, LocationError> {
        self.folder.join(below)
    }

    /// URIs of what is stored for a document that has pages or not, with a review page or not.
    pub(crate) fn outputs(&self, any_page: bool, html: bool) -> Outputs {
        let uri = |ending: &str| format!("{}/{NAME}.{ending}", self.folder);
        Outputs {
            manifest: uri("json"),
            markdown: any_page.then(|| uri("md")),
            pages: any_page.then(|| uri("pages.jsonl")),
            html: (any_page && html).then(|| uri("html")),
        }
    }
}

/// Results that are being made in this process: each by one job at a time.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl UnderWay {
    /// Waits until no other job makes the result of this place.
    pub(super) async fn enter(&self, place: &Place) -> OwnedMutexGuard<()> {
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
