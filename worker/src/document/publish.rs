//! Publishing of a result to a store: its files, then the manifest, whose presence says that all of them are there.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use recto_schemas::{Manifest, ResultFile, check_version};
use sha2::{Digest as _, Sha256};

use super::{
    manifest::{hex, sha256},
    media_type::media_type,
    observer::ConvertObserver,
    output::{MANIFEST, result_files, write_manifest},
    target::StoreTarget,
};
use crate::store::{
    ErrorCause, ObjectStore as _, ObjectStores, PutOutcome, StoreError, StoreUri, WriteCondition,
};

/// Maximum bytes of a manifest that is read: some 300 for each of a great many pages.
pub(crate) const MAX_MANIFEST_BYTES: u64 = 64 << 20;
/// Digits of a file's hash that its name has: enough for the few results that a document and its options ever have.
const NAME_DIGITS: usize = 8;

/// The result that is in the store.
pub(super) enum PublishedResult {
    /// This one.
    Ours,
    /// That of another worker, which was faster.
    Anothers(Box<Manifest>),
}

impl StoreTarget {
    /// Writes the files and then the manifest, which names them with their hashes. The files of the result that it
    /// takes the place of are removed afterwards, and so are these if another worker's manifest was there first.
    pub(super) async fn publish(
        &self,
        manifest: &mut Manifest,
        observer: &dyn ConvertObserver,
    ) -> Result<PublishedResult, StoreError> {
        let before = match self.hashed_names || self.condition == WriteCondition::IfAbsent {
            true => self.stored().await?,
            false => None,
        };
        // While this worker was reading another one may have finished.
        if self.condition == WriteCondition::IfAbsent
            && let Some(manifest) = before
        {
            return Ok(PublishedResult::Anothers(Box::new(manifest)));
        }
        let local = |error| StoreError::local(&self.folder)(error);
        let manifest_name = format!("{}.{}", self.name.stem, MANIFEST.0);
        let files = result_files(&self.name.folder, &manifest_name).map_err(local)?;
        let files = hashed(files, self.hashed_names).await.map_err(local)?;
        manifest.files = files.iter().map(|(file, _)| file.clone()).collect();
        write_manifest(&self.name, manifest).map_err(local)?;
        let path = self.name.folder.join(&manifest_name);
        let mut written = File::open(&path).map_err(local)?;
        manifest.stored_sha256 = Some(sha256(&mut written).map_err(local)?);
        stream::iter(files)
            .map(|(file, path)| self.put(file.name, path, WriteCondition::Always, observer))
            .buffer_unordered(self.files_at_once)
            .try_for_each(|_| async { Ok(()) })
            .await?;
        match self
            .put(manifest_name, path, self.condition, observer)
            .await?
        {
            PutOutcome::Written { .. } => {
                if let Some(before) = before {
                    self.remove_files(&before.files, &manifest.files).await;
                }
                Ok(PublishedResult::Ours)
            }
            // The other worker's state is the job's outcome, so its manifest is read.
            PutOutcome::AlreadyExists => match self.stored().await? {
                Some(winner) => {
                    self.remove_files(&manifest.files, &winner.files).await;
                    Ok(PublishedResult::Anothers(Box::new(winner)))
                }
                None => {
                    let why = "it says that the manifest exists and does not give it".to_owned();
                    let cause = ErrorCause::Unavailable(why);
                    Err(StoreError::new(&self.folder, cause))
                }
            },
        }
    }

    /// Removes files that no manifest names any more.
    async fn remove_files(&self, files: &[ResultFile], kept: &[ResultFile]) {
        let unused = files
            .iter()
            .filter(|file| kept.iter().all(|other| other.name != file.name));
        for file in unused {
            let removed = match uri_of(&self.folder, &file.name) {
                Ok(at) => self.stores.delete(&at).await,
                Err(error) => Err(error),
            };
            if let Err(error) = removed {
                tracing::warn!(%error, "a file of a result that was replaced stays");
            }
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

/// The files with their hashes. With `hashed_names` the names have the hash in them, but for files in folders, which the
/// other files link to.
async fn hashed(
    files: Vec<(String, PathBuf)>,
    hashed_names: bool,
) -> std::io::Result<Vec<(ResultFile, PathBuf)>> {
    let hash = move |(name, path): (String, PathBuf)| {
        let mut file = File::open(&path)?;
        let (bytes, sha256) = (file.metadata()?.len(), sha256(&mut file)?);
        let name = match name.split_once('.') {
            Some((stem, ending)) if hashed_names && !name.contains('/') => {
                format!("{stem}.{}.{ending}", &sha256[..NAME_DIGITS])
            }
            _ => name,
        };
        Ok((
            ResultFile {
                name,
                bytes,
                sha256,
            },
            path,
        ))
    };
    tokio::task::spawn_blocking(move || files.into_iter().map(hash).collect())
        .await
        .map_err(std::io::Error::other)?
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
    match parse_manifest(&bytes) {
        Some(found) => Ok(Some(Manifest {
            stored_sha256: Some(hex(&Sha256::digest(&bytes))),
            ..found
        })),
        None => {
            let why = format!(
                "this is no {}; another version of recto may have stored it: use that one, or remove the object",
                Manifest::SCHEMA
            );
            let cause = ErrorCause::Io(std::io::Error::other(why));
            Err(StoreError::new(uri, cause))
        }
    }
}

/// The manifest of the result in a folder of this machine, if there is one that this version reads.
pub(crate) fn manifest_in(folder: &Path, stem: &str) -> Option<Manifest> {
    let file = File::open(folder.join(format!("{stem}.{}", MANIFEST.0))).ok()?;
    let mut bytes = Vec::new();
    file.take(MAX_MANIFEST_BYTES).read_to_end(&mut bytes).ok()?;
    parse_manifest(&bytes)
}

fn parse_manifest(bytes: &[u8]) -> Option<Manifest> {
    let found: Manifest = serde_json::from_slice(bytes).ok()?;
    check_version(&found.schema, Manifest::SCHEMA).ok()?;
    Some(found)
}

fn uri_of(folder: &StoreUri, file: &str) -> Result<StoreUri, StoreError> {
    folder
        .join(file)
        .map_err(|error| StoreError::new(folder, error.into()))
}
