//! Publishing of a result to a store: its files, then the manifest, whose presence says that all of them are there.

use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use recto_schemas::{Manifest, check_version};

use super::{
    media_type::media_type,
    observer::ConvertObserver,
    output::{MANIFEST, result_files},
    target::StoreTarget,
};
use crate::store::{
    ErrorCause, ObjectStore as _, ObjectStores, PutOutcome, StoreError, StoreUri, WriteCondition,
};

/// Maximum bytes of a manifest that is read: some 300 for each of a great many pages.
const MAX_MANIFEST_BYTES: u64 = 64 << 20;

/// The result that is in the store.
pub(super) enum PublishedResult {
    /// This one.
    Ours,
    /// That of another worker, which was faster.
    Anothers(Box<Manifest>),
}

impl StoreTarget {
    /// Writes the files and then the manifest. Files of an earlier result that this one does not have stay.
    pub(super) async fn publish(
        &self,
        observer: &dyn ConvertObserver,
    ) -> Result<PublishedResult, StoreError> {
        // While this worker was reading another one may have finished: its files must not be overwritten, since they
        // belong to its manifest. The condition below comes too late for that, after the files.
        if self.condition == WriteCondition::IfAbsent
            && let Some(manifest) = self.stored().await?
        {
            return Ok(PublishedResult::Anothers(Box::new(manifest)));
        }
        let manifest = format!("{}.{}", self.name.stem, MANIFEST.0);
        let files =
            result_files(&self.name.folder, &manifest).map_err(StoreError::local(&self.folder))?;
        stream::iter(files)
            .map(|(file, path)| self.put(file, path, WriteCondition::Always, observer))
            .buffer_unordered(self.files_at_once)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        let path = self.name.folder.join(&manifest);
        match self.put(manifest, path, self.condition, observer).await? {
            PutOutcome::Written { .. } => Ok(PublishedResult::Ours),
            // The other worker's state is the job's outcome, so its manifest is read.
            PutOutcome::AlreadyExists => match self.stored().await? {
                Some(manifest) => Ok(PublishedResult::Anothers(Box::new(manifest))),
                None => {
                    let why = "it says that the manifest exists and does not give it".to_owned();
                    let cause = ErrorCause::Unavailable(why);
                    Err(StoreError::new(&self.folder, cause))
                }
            },
        }
    }

    async fn put(
        &self,
        file: String,
        path: PathBuf,
        condition: WriteCondition,
        observer: &dyn ConvertObserver,
    ) -> Result<PutOutcome, StoreError> {
        let to = uri_of(&self.folder, &file)?;
        let bytes = path.metadata().map_or(0, |metadata| metadata.len());
        let content_type = media_type(Path::new(&file));
        let outcome = self.stores.put(&to, &path, content_type, condition).await?;
        if matches!(outcome, PutOutcome::Written { .. }) {
            observer.stored(bytes);
        }
        Ok(outcome)
    }

    async fn stored(&self) -> Result<Option<Manifest>, StoreError> {
        stored_manifest(&self.stores, &self.folder, &self.name.stem).await
    }
}

/// The manifest of the result in a folder of a store, if there is one.
///
/// # Errors
/// The store failed, or the object is not a manifest that this version reads.
pub(crate) async fn stored_manifest(
    stores: &ObjectStores,
    folder: &StoreUri,
    stem: &str,
) -> Result<Option<Manifest>, StoreError> {
    let uri = uri_of(folder, &format!("{stem}.{}", MANIFEST.0))?;
    let Some(bytes) = stores.read(&uri, MAX_MANIFEST_BYTES).await? else {
        return Ok(None);
    };
    match serde_json::from_slice::<Manifest>(&bytes) {
        Ok(found) if check_version(&found.schema, Manifest::SCHEMA).is_ok() => Ok(Some(found)),
        _ => {
            let why = format!(
                "this is no {}; another version of recto may have stored it: use that one, or remove the object",
                Manifest::SCHEMA
            );
            let cause = ErrorCause::Io(std::io::Error::other(why));
            Err(StoreError::new(uri, cause))
        }
    }
}

fn uri_of(folder: &StoreUri, file: &str) -> Result<StoreUri, StoreError> {
    folder
        .join(file)
        .map_err(|error| StoreError::new(folder, error.into()))
}
