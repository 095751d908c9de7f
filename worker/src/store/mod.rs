//! Object stores, which documents are fetched from and results are written to: S3, or a folder of this machine.
//!
//! [`ObjectStores`] sends each call to the store that its URI names. Both stores promise the same:
//!
//! - A read can be pinned to the version or ETag seen before; if that is gone, it says so.
//! - A write is whole or does not happen. [`WriteCondition::IfAbsent`] lets one writer win.
//! - Only small objects are held whole in memory, and every wait has a timeout.
//!
//! If an S3-compatible store has no conditional writes, Recto looks before it writes, which leaves a moment in which two
//! writers both write: the last one wins. See [`s3`].

pub(crate) mod config;
mod uri;
mod error;
mod probe;
mod local;
mod s3;

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use tokio::sync::OnceCell;

pub(crate) use error::{ErrorCause, StoreError};
pub(crate) use uri::{StoreUri, StoreUriError, percent_decoded, safe_path, source_folder};

use config::StoreConfig;
use local::LocalStore;
pub(crate) use local::file_etag;
use s3::S3Store;
pub(crate) use s3::sdk_config;

type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The version that an object must still have. If empty, the current one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ObjectVersion {
    /// The version, if the bucket keeps versions.
    pub(crate) version_id: Option<String>,
    /// The ETag, as the store gives it, with its quotes.
    pub(crate) etag: Option<String>,
    /// The size that was announced for it: a copy of another size is not whole.
    pub(crate) bytes: Option<u64>,
}

/// Size and version of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ObjectMetadata {
    /// Its size.
    pub(crate) bytes: u64,
    /// Its version, if the bucket keeps versions.
    pub(crate) version_id: Option<String>,
    /// Its ETag. For a local file its size and time of change (nanoseconds), in hex, `size-time`.
    pub(crate) etag: Option<String>,
}

impl ObjectMetadata {
    /// Pins later calls to this version.
    pub(crate) fn pin(&self) -> ObjectVersion {
        ObjectVersion {
            version_id: self.version_id.clone(),
            etag: self.etag.clone(),
            bytes: Some(self.bytes),
        }
    }
}

/// The condition of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteCondition {
    /// An object that exists is replaced.
    Always,
    /// An object that exists stays.
    IfAbsent,
}

/// The outcome of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PutOutcome {
    /// The object was written.
    Written {
        /// Its ETag.
        etag: Option<String>,
    },
    /// An object existed and stays: another writer's, or this one's if the answer to an earlier attempt was lost.
    AlreadyExists,
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListedObject {
    /// Its URI.
    pub(crate) location: StoreUri,
    /// Its size.
    pub(crate) bytes: u64,
    /// Its ETag.
    pub(crate) etag: Option<String>,
}

/// A part of a listing, in the order of the keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListPage {
    /// At most a thousand from S3; all of a local folder.
    pub(crate) entries: Vec<ListedObject>,
    /// The token for the next part; `None` at the end.
    pub(crate) next: Option<String>,
}

/// A store of objects.
#[async_trait]
pub(crate) trait ObjectStore: Send + Sync {
    /// Size and version of an object.
    async fn stat(&self, at: &StoreUri, pin: &ObjectVersion) -> Result<ObjectMetadata>;

    /// Copies an object to the file `to`, which is created or replaced, and removed again on an error. No
    /// more than `max_bytes` are taken, whatever size the store announces.
    async fn fetch(
        &self,
        at: &StoreUri,
        pin: &ObjectVersion,
        max_bytes: u64,
        to: &Path,
    ) -> Result<ObjectMetadata>;

    /// A small object whole; `None` if it does not exist.
    async fn read(&self, at: &StoreUri, max_bytes: u64) -> Result<Option<Vec<u8>>>;

    /// Writes an object from the file `body`, whole or not at all. Nobody changes the file meanwhile.
    async fn put(
        &self,
        at: &StoreUri,
        body: &Path,
        content_type: &str,
        condition: WriteCondition,
    ) -> Result<PutOutcome>;

    /// Deletes an object. One that does not exist is no error.
    async fn delete(&self, at: &StoreUri) -> Result<()>;

    /// Deletes objects that are all in one bucket or folder, with as few requests as the store takes. One that does not
    /// exist is no error. After an error some may be deleted.
    async fn delete_all(&self, objects: &[StoreUri]) -> Result<()> {
        for at in objects {
            self.delete(at).await?;
        }
        Ok(())
    }

    /// The objects whose URIs begin with `prefix`, from the token `after` of an earlier call on. A local prefix is a folder.
    async fn list(&self, prefix: &StoreUri, after: Option<&str>) -> Result<ListPage>;

    /// Does below the prefix `at` what a job does, with a small object of a name of its own: writes it if absent, twice, looks at
    /// it, reads it, lists it and deletes it. The error names the step that failed.
    ///
    /// A store that does not know conditional writes, or does not allow lists or deletes, is usable all the same.
    async fn check_usable(&self, at: &StoreUri) -> Result<()>;

    /// Checks that the store answers and takes the credentials, by a look below `at` if one is given.
    async fn probe(&self, at: Option<&StoreUri>) -> Result<()>;
}

/// The stores of this process, by scheme.
pub(crate) struct ObjectStores {
    arguments: StoreConfig,
    /// Connected when first used: finding region and credentials can take seconds.
    s3: OnceCell<S3Store>,
    local: Option<LocalStore>,
}

impl ObjectStores {
    /// No store is asked yet. Without `file_root`, `file:` URIs are refused.
    ///
    /// # Errors
    /// `file_root` is not a folder.
    pub(crate) fn new(arguments: &StoreConfig, file_root: Option<&Path>) -> Result<Self> {
        Ok(Self {
            arguments: arguments.clone(),
            s3: OnceCell::new(),
            local: file_root.map(LocalStore::new).transpose()?,
        })
    }

    /// The real path of the folder for `file:` URIs.
    pub(crate) fn file_root(&self) -> Option<&Path> {
        self.local.as_ref().map(LocalStore::root)
    }

    async fn s3(&self) -> Result<&S3Store> {
        self.s3
            .get_or_try_init(|| S3Store::connect(&self.arguments))
            .await
    }

    async fn of(&self, at: &StoreUri) -> Result<&dyn ObjectStore> {
        match (at, &self.local) {
            (StoreUri::S3 { .. }, _) => Ok(self.s3().await?),
            (StoreUri::File { .. }, Some(local)) => Ok(local),
            (StoreUri::File { .. }, None) => Err(StoreError::new(
                at,
                ErrorCause::NotAllowed(
                    "files of this machine are refused; set --file-root to allow",
                ),
            )),
        }
    }
}

#[async_trait]
impl ObjectStore for ObjectStores {
    async fn stat(&self, at: &StoreUri, pin: &ObjectVersion) -> Result<ObjectMetadata> {
        self.of(at).await?.stat(at, pin).await
    }

    async fn fetch(
        &self,
        at: &StoreUri,
        pin: &ObjectVersion,
        max_bytes: u64,
        to: &Path,
    ) -> Result<ObjectMetadata> {
        self.of(at).await?.fetch(at, pin, max_bytes, to).await
    }

    async fn read(&self, at: &StoreUri, max_bytes: u64) -> Result<Option<Vec<u8>>> {
        self.of(at).await?.read(at, max_bytes).await
    }

    async fn put(
        &self,
        at: &StoreUri,
        body: &Path,
        content_type: &str,
        condition: WriteCondition,
    ) -> Result<PutOutcome> {
        let store = self.of(at).await?;
        store.put(at, body, content_type, condition).await
    }

    async fn delete(&self, at: &StoreUri) -> Result<()> {
        self.of(at).await?.delete(at).await
    }

    async fn delete_all(&self, objects: &[StoreUri]) -> Result<()> {
        match objects.first() {
            Some(at) => self.of(at).await?.delete_all(objects).await,
            None => Ok(()),
        }
    }

    async fn check_usable(&self, at: &StoreUri) -> Result<()> {
        self.of(at).await?.check_usable(at).await
    }

    async fn list(&self, prefix: &StoreUri, after: Option<&str>) -> Result<ListPage> {
        self.of(prefix).await?.list(prefix, after).await
    }

    /// Without a URI, checks the local folder if there is one, and S3 unless there is a local folder and nothing has asked
    /// for S3 so far.
    async fn probe(&self, at: Option<&StoreUri>) -> Result<()> {
        if let Some(at) = at {
            return self.of(at).await?.probe(Some(at)).await;
        }
        if let Some(local) = &self.local {
            local.probe(None).await?;
        }
        let s3_is_used = self.arguments.s3_endpoint.is_some() || self.s3.initialized();
        if self.local.is_none() || s3_is_used {
            self.s3().await?.probe(None).await?;
        }
        Ok(())
    }
}

/// A random wait before repetition `number`, from 1: up to a second, then twice that, and never above 20 s.
fn backoff(number: u32) -> Duration {
    let most_ms = 1000 * (1 << number.clamp(1, 6)) / 2;
    Duration::from_millis(rand::random_range(most_ms / 10..=most_ms.min(20_000)))
}

/// The store of a folder of this machine, for tests.
#[cfg(test)]
pub(crate) fn local_stores(root: &Path) -> ObjectStores {
    tests::stores(Some(root)).expect("the root is a folder")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct StoreCli {
        #[command(flatten)]
        store: StoreConfig,
    }

    pub(super) fn stores(file_root: Option<&Path>) -> Result<ObjectStores> {
        let mut arguments = StoreCli::parse_from(["recto"]).store;
        arguments.s3_endpoint = None;
        ObjectStores::new(&arguments, file_root)
    }

    #[tokio::test]
    async fn files_are_refused_unless_a_root_allows_them() {
        let folder = tempfile::tempdir().unwrap();
        let at: StoreUri = format!("file://{}/a", folder.path().display())
            .parse()
            .unwrap();
        std::fs::write(folder.path().join("a"), "text").unwrap();
        let refused = stores(None).unwrap().read(&at, 9).await.unwrap_err();
        assert_eq!(refused.kind().as_str(), "not-allowed");
        assert!(refused.to_string().contains("--file-root"), "{refused}");

        let stores = stores(Some(folder.path())).unwrap();
        assert_eq!(stores.read(&at, 9).await.unwrap().unwrap(), b"text");
        assert!(stores.probe(None).await.is_ok(), "S3 is not asked for");
        let root = stores.file_root().and_then(Path::to_str);
        assert_eq!(source_folder(&at, root), "a");
    }

    #[test]
    fn a_root_that_is_no_folder_is_said() {
        let error = stores(Some(Path::new("/dev/null"))).map(drop).unwrap_err();
        assert_eq!(error.kind().as_str(), "not-configured");
    }

    #[test]
    fn waits_grow_and_end() {
        for number in 1..40 {
            assert!(backoff(number) <= Duration::from_secs(20));
        }
        assert!(backoff(6) > backoff(1));
    }
}
