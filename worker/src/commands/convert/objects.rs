//! Documents from an object store and results into one, for a run that is synchronous otherwise.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use recto_pipeline::cancel::CancelToken;
use tokio::{runtime::Handle, sync::oneshot};

use crate::{
    document::media_type::media_type,
    document::output,
    store::{
        ErrorCause, ObjectStore as _, ObjectStores, ObjectVersion, StoreError, StoreUri,
        WriteCondition, config::StoreConfig,
    },
};

/// Files of one result on their way at once: a review page has many small images.
const FILES_AT_ONCE: usize = 4;

/// The stores, and the threads that wait for them.
pub(crate) struct BlockingStore {
    runtime: Handle,
    stores: ObjectStores,
}

impl BlockingStore {
    /// Nothing is asked yet.
    pub(super) fn new(arguments: &StoreConfig) -> anyhow::Result<Self> {
        let stores = ObjectStores::new(arguments, None)?;
        Ok(Self {
            runtime: Handle::current(),
            stores,
        })
    }

    /// Whether results can go to `prefix`, as far as a look shows it: better known before hours of work.
    pub(super) fn check(&self, prefix: &StoreUri) -> Result<(), StoreError> {
        match self.runtime.block_on(self.stores.probe(Some(prefix))) {
            // Who may not look may still write.
            Err(error) if matches!(error.cause, ErrorCause::Denied { .. }) => Ok(()),
            checked => checked,
        }
    }

    /// What is below `prefix`, in the order of the keys.
    pub(super) fn list(&self, prefix: &StoreUri) -> Result<Vec<StoreUri>, StoreError> {
        self.runtime.block_on(async {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let listing = self.stores.list(prefix, after.as_deref()).await?;
                found.extend(listing.entries.into_iter().map(|entry| entry.location));
                after = listing.next;
                if after.is_none() {
                    return Ok(found);
                }
            }
        })
    }

    /// A passing copy of an object. `None` where the run was stopped.
    pub(super) fn fetch(
        &self,
        at: &StoreUri,
        most_bytes: u64,
        cancel: &CancelToken,
    ) -> Option<Result<File, StoreError>> {
        let local = |error: io::Error| StoreError::new(at, error.into());
        let fetched = async {
            let copy = tempfile::NamedTempFile::new().map_err(local)?;
            let pin = ObjectVersion::default();
            self.stores.fetch(at, &pin, most_bytes, copy.path()).await?;
            copy.reopen().map_err(local)
        };
        let (sender, stopped) = oneshot::channel();
        let _wakes = cancel.on_cancel(move || {
            // Nobody waits any more if the download is done.
            let _ = sender.send(());
        });
        self.runtime.block_on(async {
            tokio::select! {
                fetched = fetched => Some(fetched),
                Ok(()) = stopped => None,
            }
        })
    }

    /// Writes the files of a result below `prefix`, its manifest `NAME.json` after all others. What a
    /// former run left there and this one does not have stays.
    pub(super) fn deliver(
        &self,
        folder: &Path,
        name: &str,
        prefix: &StoreUri,
    ) -> Result<(), StoreError> {
        let manifest = format!("{name}.json");
        let files = output::result_files(folder, &manifest)
            .map_err(|error| StoreError::new(prefix, error.into()))?;
        self.runtime.block_on(async {
            stream::iter(files)
                .map(|(file, path)| self.put(prefix, file, path))
                .buffer_unordered(FILES_AT_ONCE)
                .try_collect::<()>()
                .await?;
            let path = folder.join(&manifest);
            self.put(prefix, manifest, path).await
        })
    }

    async fn put(&self, prefix: &StoreUri, file: String, path: PathBuf) -> Result<(), StoreError> {
        let at = prefix
            .join(&file)
            .map_err(|error| StoreError::new(prefix, error.into()))?;
        self.stores
            .put(
                &at,
                &path,
                media_type(Path::new(&file)),
                WriteCondition::Always,
            )
            .await
            .map(drop)
    }
}
