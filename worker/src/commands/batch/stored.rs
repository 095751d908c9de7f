//! Stored results: their files against the hashes that ledger and manifest have of them.

use std::path::{Path, PathBuf};

use futures_util::{StreamExt as _, stream};
use recto_schemas::{Manifest, check_version};
use sha2::{Digest as _, Sha256};

use crate::{
    document::{
        MAX_MANIFEST_BYTES,
        manifest::{hex, sha256},
    },
    ledger::record::JobRecord,
    store::{ObjectStore as _, ObjectStores, ObjectVersion, StoreError, StoreUri},
};

/// Files that are fetched at once.
const FILES_AT_ONCE: usize = 8;

/// The store of results, and a folder for what is fetched from it.
pub(super) struct StoredResults {
    pub(super) stores: ObjectStores,
    pub(super) folder: tempfile::TempDir,
}

/// A file of a result, fetched and compared.
pub(super) struct StoredFile {
    pub(super) uri: StoreUri,
    /// Its path on this machine; only if it is as it was stored.
    pub(super) checked: Result<CheckedFile, FileFault>,
}

/// A file that is as it was stored.
pub(super) struct CheckedFile {
    pub(super) path: PathBuf,
    pub(super) sha256: String,
    pub(super) bytes: u64,
}

/// A file that is not as it was stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileFault {
    /// It is not there.
    #[error("is gone")]
    Gone,
    /// It has other bytes.
    #[error("differs: its SHA-256 is {found}, that of what was stored {stored}")]
    Differs { found: String, stored: String },
    /// It is a manifest and cannot be read as one, or its files cannot be named.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// The store or this machine failed.
    #[error("cannot be compared: {0}")]
    Failed(String),
}

impl StoredResults {
    /// The files of a job's result, its manifest first.
    pub(super) async fn check(&self, job: &JobRecord) -> Vec<StoredFile> {
        let (uri, manifest) = match self.manifest(job).await {
            Ok(found) => found,
            Err(file) => return vec![*file],
        };
        let folder = uri.folder();
        let bytes = manifest.0;
        let mut files = vec![self.kept_manifest(uri, &bytes)];
        let wanted = manifest.1.files.into_iter().enumerate();
        let folder = &folder;
        let rest = stream::iter(wanted).map(async |(number, file)| {
            let uri = match folder.join(&file.name) {
                Ok(uri) => uri,
                Err(error) => {
                    let fault =
                        FileFault::Damaged(format!("its manifest names {:?}: {error}", file.name));
                    return StoredFile {
                        uri: folder.clone(),
                        checked: Err(fault),
                    };
                }
            };
            let path = self.folder.path().join(format!("{number}"));
            let checked = self.fetched(&uri, &path, file.bytes, &file.sha256).await;
            StoredFile { uri, checked }
        });
        files.extend(rest.buffered(FILES_AT_ONCE).collect::<Vec<_>>().await);
        files
    }

    async fn manifest(
        &self,
        job: &JobRecord,
    ) -> Result<(StoreUri, (Vec<u8>, Manifest)), Box<StoredFile>> {
        let uri: StoreUri = job.manifest.parse().map_err(|error| {
            let fault = FileFault::Damaged(format!(
                "the ledger names its manifest {:?}: {error}",
                job.manifest
            ));
            Box::new(StoredFile {
                uri: StoreUri::File {
                    path: String::new(),
                },
                checked: Err(fault),
            })
        })?;
        let fault = |fault| {
            Box::new(StoredFile {
                uri: uri.clone(),
                checked: Err(fault),
            })
        };
        let read = self.stores.read(&uri, MAX_MANIFEST_BYTES).await;
        let bytes = read
            .map_err(|error| fault(failed(&error)))?
            .ok_or_else(|| fault(FileFault::Gone))?;
        let found = hex(&Sha256::digest(&bytes));
        if !job.manifest_sha256.is_empty() && found != job.manifest_sha256 {
            let stored = job.manifest_sha256.clone();
            return Err(fault(FileFault::Differs { found, stored }));
        }
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|error| fault(FileFault::Damaged(error.to_string())))?;
        check_version(&manifest.schema, Manifest::SCHEMA)
            .map_err(|error| fault(FileFault::Damaged(error.to_string())))?;
        Ok((uri.clone(), (bytes, manifest)))
    }

    fn kept_manifest(&self, uri: StoreUri, bytes: &[u8]) -> StoredFile {
        let path = self.folder.path().join("manifest");
        let checked = match std::fs::write(&path, bytes) {
            Ok(()) => Ok(CheckedFile {
                path,
                sha256: hex(&Sha256::digest(bytes)),
                bytes: bytes.len() as u64,
            }),
            Err(error) => Err(FileFault::Failed(error.to_string())),
        };
        StoredFile { uri, checked }
    }

    async fn fetched(
        &self,
        uri: &StoreUri,
        path: &Path,
        bytes: u64,
        stored: &str,
    ) -> Result<CheckedFile, FileFault> {
        let pin = ObjectVersion::default();
        // One that has grown is not fetched beyond that.
        let limit = bytes.saturating_add(1);
        match self.stores.fetch(uri, &pin, limit, path).await {
            Ok(_) => {}
            Err(error) if error.kind().as_str() == "no-such-object" => return Err(FileFault::Gone),
            Err(error) if error.kind().as_str() == "too-large" => {
                let found = "that of a longer file".to_owned();
                return Err(FileFault::Differs {
                    found,
                    stored: stored.to_owned(),
                });
            }
            Err(error) => return Err(failed(&error)),
        }
        let path = path.to_owned();
        let stored = stored.to_owned();
        let hashed = tokio::task::spawn_blocking(move || {
            let mut file = std::fs::File::open(&path)?;
            Ok::<_, std::io::Error>((sha256(&mut file)?, file.metadata()?.len(), path))
        });
        match hashed.await.map_err(std::io::Error::other).flatten() {
            Ok((found, bytes, path)) if found == stored => Ok(CheckedFile {
                path,
                sha256: found,
                bytes,
            }),
            Ok((found, ..)) => Err(FileFault::Differs { found, stored }),
            Err(error) => Err(FileFault::Failed(error.to_string())),
        }
    }
}

fn failed(error: &StoreError) -> FileFault {
    FileFault::Failed(error.to_string())
}
