//! Local store: a folder of this machine as an object store, for trying Recto out and for shared disks.
//!
//! Nothing outside the folder is read or written: links are followed first, and if they lead outside, the
//! call is refused. A write goes to a temporary name, reaches the disk and then takes its own.

use std::{
    fs::{self, File, Metadata, Permissions},
    io::{self, Read},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use tempfile::NamedTempFile;

use super::{
    ErrorCause, ListPage, ListedObject, ObjectMetadata, ObjectStore, ObjectVersion, PutOutcome,
    Result, StoreError, StoreUri, WriteCondition, probe,
};

/// Prefix of temporary files' names, so that a listing can leave them out.
const TEMPORARY_PREFIX: &str = ".recto-";

/// A folder of this machine.
#[derive(Clone, Debug)]
pub(super) struct LocalStore {
    root: PathBuf,
}

impl LocalStore {
    pub(super) fn new(root: &Path) -> Result<Self> {
        let unusable = |error: io::Error| {
            let why = format!("--file-root: not a folder that can be used: {error}");
            StoreError::new(root.display(), ErrorCause::NotConfigured(why))
        };
        let real = fs::canonicalize(root).map_err(unusable)?;
        fs::read_dir(&real).map_err(unusable)?;
        Ok(Self { root: real })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The real path of something that exists.
    fn existing(&self, at: &StoreUri) -> Result<PathBuf> {
        let real = fs::canonicalize(path(at)?).map_err(StoreError::io(at))?;
        self.inside(at, real)
    }

    fn inside(&self, at: &StoreUri, real: PathBuf) -> Result<PathBuf> {
        if real.starts_with(&self.root) {
            Ok(real)
        } else {
            Err(StoreError::new(at, OUTSIDE))
        }
    }

    /// Opens the regular file, if it is still the version that `pin` names.
    fn open(&self, at: &StoreUri, pin: &ObjectVersion) -> Result<(File, ObjectMetadata)> {
        let path = self.existing(at)?;
        // Looked at before it is opened: opening a pipe waits for its writer.
        let metadata = fs::metadata(&path).map_err(StoreError::io(at))?;
        if !metadata.is_file() {
            return Err(StoreError::new(at, ErrorCause::NoSuchObject));
        }
        let file = File::open(&path).map_err(StoreError::io(at))?;
        let found = found(&file.metadata().map_err(StoreError::io(at))?);
        let is_other = pin.etag.is_some() && pin.etag != found.etag;
        if is_other || pin.version_id.is_some() {
            return Err(StoreError::new(at, ErrorCause::SourceChanged));
        }
        Ok((file, found))
    }

    fn copy(
        &self,
        at: &StoreUri,
        pin: &ObjectVersion,
        max_bytes: u64,
        to: &Path,
    ) -> Result<ObjectMetadata> {
        let too_large = || StoreError::new(at, ErrorCause::TooLarge { max_bytes });
        let (mut file, found) = self.open(at, pin)?;
        if found.bytes > max_bytes {
            return Err(too_large());
        }
        let copied = File::create(to)
            .and_then(|mut to| {
                io::copy(&mut (&mut file).take(max_bytes.saturating_add(1)), &mut to)
            })
            .map_err(StoreError::local(at))?;
        if copied > max_bytes {
            return Err(too_large());
        }
        let after = self::found(&file.metadata().map_err(StoreError::io(at))?);
        if after != found || copied != found.bytes {
            return Err(StoreError::new(at, ErrorCause::SourceChanged));
        }
        Ok(found)
    }

    fn bytes(&self, at: &StoreUri, max_bytes: u64) -> Result<Option<Vec<u8>>> {
        let (file, _) = match self.open(at, &ObjectVersion::default()) {
            Ok(opened) => opened,
            Err(error) if matches!(error.cause, ErrorCause::NoSuchObject) => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(max_bytes.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(StoreError::io(at))?;
        if bytes.len() as u64 > max_bytes {
            return Err(StoreError::new(at, ErrorCause::TooLarge { max_bytes }));
        }
        Ok(Some(bytes))
    }

    fn write(
        &self,
        at: &StoreUri,
        body: &mut dyn Read,
        condition: WriteCondition,
    ) -> Result<PutOutcome> {
        let (folder, name) = self.folder_for(at)?;
        let target = folder.join(name);
        if condition == WriteCondition::IfAbsent && target.symlink_metadata().is_ok() {
            return Ok(PutOutcome::AlreadyExists);
        }
        let temporary = write_temporary(&folder, body).map_err(StoreError::io(at))?;
        let metadata = temporary.as_file().metadata().map_err(StoreError::io(at))?;
        let persisted = match condition {
            WriteCondition::Always => temporary.persist(&target),
            WriteCondition::IfAbsent => temporary.persist_noclobber(&target),
        };
        match persisted {
            Ok(_) => {}
            Err(error)
                if condition == WriteCondition::IfAbsent
                    && error.error.kind() == io::ErrorKind::AlreadyExists =>
            {
                return Ok(PutOutcome::AlreadyExists);
            }
            Err(error) => return Err(StoreError::io(at)(error.error)),
        }
        // The new name is durable only when the folder is synced.
        File::open(&folder)
            .and_then(|folder| folder.sync_all())
            .map_err(StoreError::io(at))?;
        Ok(PutOutcome::Written {
            etag: found(&metadata).etag,
        })
    }

    /// Removes a file, or a link in its place. One that does not exist is no error.
    fn remove(&self, at: &StoreUri) -> Result<()> {
        let path = path(at)?;
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(StoreError::new(at, OUTSIDE));
        };
        let removed = match fs::canonicalize(folder) {
            Ok(real) => fs::remove_file(self.inside(at, real)?.join(name)),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io(at)(error)),
            _ => Ok(()),
        }
    }

    /// Does in the folder `at` what a job does. The probe's name is one that listings leave out.
    fn try_out(&self, at: &StoreUri) -> Result<()> {
        let object = probe::object(at, TEMPORARY_PREFIX)?;
        let tried = self.use_probe(at, &object);
        let removed = self.remove(&object).map_err(probe::during("delete of"));
        tried.and(removed)
    }

    fn use_probe(&self, at: &StoreUri, object: &StoreUri) -> Result<()> {
        let write = || self.write(object, &mut { probe::CONTENT }, WriteCondition::IfAbsent);
        write().map_err(probe::during("write if absent to"))?;
        let again = write().map_err(probe::during("second write if absent to"))?;
        let read = self.bytes(object, probe::CONTENT.len() as u64);
        let read = read.map_err(probe::during("read of"))?;
        if again != PutOutcome::AlreadyExists || read.as_deref() != Some(probe::CONTENT) {
            let error = io::Error::other("what was written is not there");
            return Err(probe::during("read of")(StoreError::io(object)(error)));
        }
        let folder = self.existing(at)?;
        let listed = fs::read_dir(folder).map_err(StoreError::io(at));
        listed.map(drop).map_err(probe::during("list of"))
    }

    /// The real folder that a file goes to, created if it does not exist, and the file's name.
    fn folder_for<'a>(&self, at: &'a StoreUri) -> Result<(PathBuf, &'a str)> {
        let path = path(at)?;
        let folder = path
            .parent()
            .filter(|_| !at.is_folder())
            .ok_or_else(|| StoreError::new(at, ErrorCause::NoSuchObject))?;
        // The part that exists is checked first: nothing is created behind a link that leads outside.
        let there = folder
            .ancestors()
            .find_map(|above| fs::canonicalize(above).ok())
            .ok_or_else(|| StoreError::new(at, OUTSIDE))?;
        self.inside(at, there)?;
        fs::create_dir_all(folder).map_err(StoreError::io(at))?;
        let real = fs::canonicalize(folder).map_err(StoreError::io(at))?;
        Ok((self.inside(at, real)?, at.name()))
    }

    fn walk(&self, prefix: &StoreUri) -> Result<ListPage> {
        let mut entries = Vec::new();
        let folder = match self.existing(prefix) {
            Err(error) if matches!(error.cause, ErrorCause::NoSuchObject) => {
                return Ok(ListPage::default());
            }
            folder => folder?,
        };
        if folder.is_dir() {
            walk(prefix, &folder, &mut entries)?;
        }
        entries.sort_by(|a, b| a.location.cmp(&b.location));
        Ok(ListPage {
            entries,
            next: None,
        })
    }
}

const OUTSIDE: ErrorCause = ErrorCause::NotAllowed("outside the folder that --file-root allows");

fn path(at: &StoreUri) -> Result<&Path> {
    match at {
        StoreUri::File { path } => Ok(Path::new(path)),
        StoreUri::S3 { .. } => Err(StoreError::new(at, OUTSIDE)),
    }
}

fn found(metadata: &Metadata) -> ObjectMetadata {
    ObjectMetadata {
        bytes: metadata.len(),
        version_id: None,
        etag: Some(file_etag(metadata)),
    }
}

/// The size of a file and the time of its last change, in nanoseconds, both in hex: its `ETag`.
pub(crate) fn file_etag(metadata: &Metadata) -> String {
    let changed_ns =
        i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    format!("{:x}-{changed_ns:x}", metadata.len())
}

fn write_temporary(folder: &Path, body: &mut dyn Read) -> io::Result<NamedTempFile> {
    // What any new file gets; the process's umask takes its share.
    let mut temporary = tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    io::copy(body, temporary.as_file_mut())?;
    temporary.as_file().sync_all()?;
    Ok(temporary)
}

/// Files below a folder. A link to a file counts as a file; links to folders are not followed.
fn walk(prefix: &StoreUri, folder: &Path, entries: &mut Vec<ListedObject>) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(StoreError::io(prefix))? {
        let entry = entry.map_err(StoreError::io(prefix))?;
        let name = entry.file_name();
        // A name that is not UTF-8 has no URI.
        let Some(name) = name
            .to_str()
            .filter(|name| !name.starts_with(TEMPORARY_PREFIX))
        else {
            continue;
        };
        let location = prefix
            .join(name)
            .map_err(|error| StoreError::new(prefix, error.into()))?;
        let kind = entry.file_type().map_err(StoreError::io(prefix))?;
        if kind.is_dir() {
            walk(&location, &entry.path(), entries)?;
        } else if let Ok(metadata) = fs::metadata(entry.path())
            && metadata.is_file()
        {
            let found = found(&metadata);
            entries.push(ListedObject {
                location,
                bytes: found.bytes,
                etag: found.etag,
            });
        }
    }
    Ok(())
}

/// Runs work that waits for the disk on a thread that may block.
async fn blocking<T: Send + 'static>(
    at: &StoreUri,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| StoreError::new(at, ErrorCause::Io(io::Error::other(error))))?
}

#[async_trait]
impl ObjectStore for LocalStore {
    async fn stat(&self, at: &StoreUri, pin: &ObjectVersion) -> Result<ObjectMetadata> {
        let (this, owned, pin) = (self.clone(), at.clone(), pin.clone());
        blocking(at, move || Ok(this.open(&owned, &pin)?.1)).await
    }

    async fn fetch(
        &self,
        at: &StoreUri,
        pin: &ObjectVersion,
        max_bytes: u64,
        to: &Path,
    ) -> Result<ObjectMetadata> {
        let (this, owned, pin, to) = (self.clone(), at.clone(), pin.clone(), to.to_owned());
        blocking(at, move || {
            let fetched = this.copy(&owned, &pin, max_bytes, &to);
            if fetched.is_err() {
                // The file may not exist; the first error is the one to report.
                let _ = fs::remove_file(&to);
            }
            fetched
        })
        .await
    }

    async fn read(&self, at: &StoreUri, max_bytes: u64) -> Result<Option<Vec<u8>>> {
        let (this, owned) = (self.clone(), at.clone());
        blocking(at, move || this.bytes(&owned, max_bytes)).await
    }

    async fn put(
        &self,
        at: &StoreUri,
        body: &Path,
        _content_type: &str,
        condition: WriteCondition,
    ) -> Result<PutOutcome> {
        let (this, owned, body) = (self.clone(), at.clone(), body.to_owned());
        blocking(at, move || {
            let mut body = File::open(body).map_err(StoreError::local(&owned))?;
            this.write(&owned, &mut body, condition)
        })
        .await
    }

    async fn delete(&self, at: &StoreUri) -> Result<()> {
        let (this, owned) = (self.clone(), at.clone());
        blocking(at, move || this.remove(&owned)).await
    }

    async fn check_usable(&self, at: &StoreUri) -> Result<()> {
        let (this, owned) = (self.clone(), at.clone());
        blocking(at, move || this.try_out(&owned)).await
    }

    async fn list(&self, prefix: &StoreUri, _after: Option<&str>) -> Result<ListPage> {
        let (this, owned) = (self.clone(), prefix.clone());
        blocking(prefix, move || this.walk(&owned)).await
    }

    async fn probe(&self, _at: Option<&StoreUri>) -> Result<()> {
        let root = self.root.clone();
        let at = StoreUri::File {
            path: root.to_string_lossy().into_owned(),
        };
        let named = at.clone();
        blocking(&at, move || {
            fs::read_dir(&root)
                .map(|_| ())
                .map_err(StoreError::io(&named))
        })
        .await
    }
}

#[cfg(test)]
mod tests;
