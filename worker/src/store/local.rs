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
    let changed_ns =
        i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    ObjectMetadata {
        bytes: metadata.len(),
        version_id: None,
        etag: Some(format!("{:x}-{changed_ns:x}", metadata.len())),
    }
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
mod tests {
    use std::{io::Write as _, os::unix::fs::symlink};

    use super::*;

    struct TestFolder {
        folder: tempfile::TempDir,
        store: LocalStore,
    }

    /// A root with `in/a.pdf`, and a secret beside the root.
    fn scene() -> TestFolder {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("in")).unwrap();
        fs::write(root.join("in/a.pdf"), "document").unwrap();
        fs::write(folder.path().join("secret"), "secret").unwrap();
        let store = LocalStore::new(&root).unwrap();
        TestFolder { folder, store }
    }

    impl TestFolder {
        fn at(&self, below: &str) -> StoreUri {
            let root = self.store.root().to_str().unwrap().to_owned();
            StoreUri::File {
                path: format!("{root}/{below}"),
            }
        }

        async fn put(
            &self,
            at: &StoreUri,
            text: &str,
            condition: WriteCondition,
        ) -> Result<PutOutcome> {
            let mut body = NamedTempFile::new().unwrap();
            body.write_all(text.as_bytes()).unwrap();
            self.store.put(at, body.path(), "", condition).await
        }

        fn outside(&self) -> PathBuf {
            self.folder.path().to_owned()
        }
    }

    fn kind<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
        result.unwrap_err().kind().as_str()
    }

    #[tokio::test]
    async fn what_is_written_is_read_again() {
        let scene = scene();
        let at = scene.at("out/deep/b.md");
        let put = scene.put(&at, "one", WriteCondition::IfAbsent).await;
        let PutOutcome::Written { etag } = put.unwrap() else {
            panic!("nothing was there")
        };
        let found = scene
            .store
            .stat(&at, &ObjectVersion::default())
            .await
            .unwrap();
        assert_eq!((found.bytes, &found.etag), (3, &etag));
        let again = scene.put(&at, "two", WriteCondition::IfAbsent).await;
        assert_eq!(again.unwrap(), PutOutcome::AlreadyExists);
        assert_eq!(scene.store.read(&at, 3).await.unwrap().unwrap(), b"one");

        let always = scene.put(&at, "three", WriteCondition::Always).await;
        assert!(matches!(always.unwrap(), PutOutcome::Written { .. }));
        assert_eq!(kind(scene.store.read(&at, 4).await), "document-too-large");
        assert_eq!(
            kind(scene.store.stat(&at, &found.pin()).await),
            "source-changed"
        );
        let nothing = scene.store.read(&scene.at("none"), 4).await.unwrap();
        assert_eq!(nothing, None);

        let listing = scene.store.list(&scene.at(""), None).await.unwrap();
        let keys: Vec<_> = listing.entries.into_iter().map(|e| e.location).collect();
        assert_eq!(keys, [scene.at("in/a.pdf"), at]);
    }

    #[tokio::test]
    async fn a_file_is_deleted_and_never_what_a_link_leads_to() {
        let scene = scene();
        let secret = scene.outside().join("secret");
        let link = scene.store.root().join("in/link.pdf");
        symlink(&secret, &link).unwrap();
        for name in ["in/a.pdf", "in/link.pdf", "in/none.pdf", "none/a.pdf"] {
            scene.store.delete(&scene.at(name)).await.unwrap();
        }
        assert_eq!(
            fs::read_dir(link.parent().unwrap()).unwrap().count(),
            0,
            "all are gone"
        );
        symlink(scene.outside(), scene.store.root().join("up")).unwrap();
        for name in ["../secret", "up/secret"] {
            let deleted = scene.store.delete(&scene.at(name)).await;
            assert_eq!(kind(deleted), "not-allowed", "{name}");
        }
        assert!(secret.exists());
    }

    #[tokio::test]
    async fn a_folder_is_tried_out_and_left_as_it_was() {
        let scene = scene();
        let at = scene.at("in");
        scene.store.check_usable(&at).await.unwrap();
        scene
            .store
            .check_usable(&scene.at("new/out/"))
            .await
            .unwrap();
        let names = |folder: &str| {
            fs::read_dir(scene.store.root().join(folder))
                .unwrap()
                .count()
        };
        assert_eq!((names("in"), names("new/out")), (1, 0));
        let file = scene.store.check_usable(&scene.at("in/a.pdf")).await;
        let error = file.unwrap_err().to_string();
        assert!(error.starts_with("write if absent to file://"), "{error}");
        let outside = scene.store.check_usable(&scene.at("..")).await;
        assert_eq!(kind(outside), "not-allowed");
    }

    #[tokio::test]
    async fn a_copy_is_capped_and_pinned() {
        let scene = scene();
        let (at, to) = (scene.at("in/a.pdf"), scene.outside().join("copy"));
        let found = scene
            .store
            .stat(&at, &ObjectVersion::default())
            .await
            .unwrap();
        scene.store.fetch(&at, &found.pin(), 8, &to).await.unwrap();
        assert_eq!(fs::read(&to).unwrap(), b"document");
        let capped = scene.store.fetch(&at, &found.pin(), 7, &to).await;
        assert_eq!(kind(capped), "document-too-large");
        assert!(!to.exists(), "no part of it stays");
        fs::write(scene.store.root().join("in/a.pdf"), "replaced").unwrap();
        let changed = scene.store.fetch(&at, &found.pin(), 8, &to).await;
        assert_eq!(kind(changed), "source-changed");
    }

    #[tokio::test]
    async fn nothing_leads_out_of_the_root() {
        let scene = scene();
        let root = scene.store.root().to_owned();
        symlink(scene.outside(), root.join("up")).unwrap();
        symlink(scene.outside().join("secret"), root.join("in/link.pdf")).unwrap();
        let outside = StoreUri::File {
            path: scene.outside().join("secret").to_str().unwrap().to_owned(),
        };
        // A path that the URI's own rules would refuse, should it come from elsewhere.
        for at in [
            scene.at("up/secret"),
            scene.at("in/link.pdf"),
            scene.at("../secret"),
            outside,
        ] {
            let pin = ObjectVersion::default();
            let to = scene.outside().join("copy");
            assert_eq!(kind(scene.store.stat(&at, &pin).await), "not-allowed");
            assert_eq!(
                kind(scene.store.fetch(&at, &pin, 9, &to).await),
                "not-allowed"
            );
            assert_eq!(kind(scene.store.read(&at, 9).await), "not-allowed");
        }
        for below in ["up/new", "up/new/deep", "../new", "in/../../new"] {
            let put = scene
                .put(&scene.at(below), "x", WriteCondition::Always)
                .await;
            assert_eq!(kind(put), "not-allowed", "{below}");
        }
        assert!(!scene.outside().join("new").exists());
        // A link in the place of a result is replaced, not followed.
        let at = scene.at("in/link.pdf");
        let put = scene.put(&at, "x", WriteCondition::Always).await;
        put.unwrap();
        assert_eq!(fs::read(scene.outside().join("secret")).unwrap(), b"secret");
        assert_eq!(
            kind(scene.store.list(&scene.at("up"), None).await),
            "not-allowed"
        );
    }

    #[tokio::test]
    async fn a_pipe_or_a_folder_is_no_object() {
        let scene = scene();
        let found = scene
            .store
            .stat(&scene.at("in"), &ObjectVersion::default())
            .await;
        assert_eq!(kind(found), "no-such-object");
        let put = scene
            .put(&scene.at("in/"), "x", WriteCondition::Always)
            .await;
        assert_eq!(kind(put), "no-such-object");
    }

    #[tokio::test]
    async fn many_writers_and_one_wins() {
        let scene = scene();
        let at = scene.at("out/manifest.json");
        let writers = (0..8).map(|number| {
            let (store, at) = (scene.store.clone(), at.clone());
            async move {
                let mut body = NamedTempFile::new().unwrap();
                body.write_all(format!("{number}").as_bytes()).unwrap();
                store
                    .put(&at, body.path(), "", WriteCondition::IfAbsent)
                    .await
                    .unwrap()
            }
        });
        let stored = futures_util::future::join_all(writers).await;
        let written = stored
            .iter()
            .filter(|s| matches!(s, PutOutcome::Written { .. }));
        assert_eq!(written.count(), 1);
    }
}
