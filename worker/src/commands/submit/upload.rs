//! Upload of local files to the object store, for workers that do not see the files.

use std::{
    collections::HashSet,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};

use super::search::LocalFile;
use crate::{
    document::media_type::media_type,
    store::{ObjectStore as _, ObjectStores, PutOutcome, StoreError, StoreUri, WriteCondition},
};

/// Copies local files to the object store.
pub(super) struct FileUploader {
    stores: Arc<ObjectStores>,
    to: StoreUri,
    /// Names given so far, 16 bytes each however long they are.
    taken: Mutex<HashSet<[u8; 16]>>,
}

/// A file could not be copied.
#[derive(Debug, thiserror::Error)]
pub(super) enum UploadError {
    /// Its key belongs to another file.
    #[error(
        "another input of this run is copied to {0}; submit it by itself, to another --upload-to"
    )]
    Taken(StoreUri),
    /// Its name cannot be a key.
    #[error("cannot be copied under the name {0:?}; rename it")]
    Name(String),
    /// The store failed.
    #[error("cannot be copied: {0}")]
    Store(#[from] StoreError),
}

impl FileUploader {
    pub(super) fn new(stores: Arc<ObjectStores>, to: StoreUri) -> Self {
        Self {
            stores,
            to,
            taken: Mutex::default(),
        }
    }

    /// The URI of a file's copy. No two files get the same one.
    pub(super) fn target(&self, file: &LocalFile) -> Result<StoreUri, UploadError> {
        let target = self
            .to
            .join(&file.name)
            .map_err(|_| UploadError::Name(file.name.clone()))?;
        let mut hash = [0; 16];
        hash.copy_from_slice(&Sha256::digest(&file.name)[..16]);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.insert(hash) {
            true => Ok(target),
            false => Err(UploadError::Taken(target)),
        }
    }

    /// Copies a file and gives the copy's ETag.
    pub(super) async fn copy(
        &self,
        file: &LocalFile,
        target: &StoreUri,
    ) -> Result<Option<String>, UploadError> {
        let content_type = media_type(Path::new(&file.name));
        match self
            .stores
            .put(target, &file.path, content_type, WriteCondition::Always)
            .await?
        {
            PutOutcome::Written { etag } => Ok(etag),
            PutOutcome::AlreadyExists => Ok(None),
        }
    }
}
