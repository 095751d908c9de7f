//! Sources of documents: a file, standard input, or an object of a store.

use std::{
    fs::File,
    io::{self, Read, Seek},
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    sync::Arc,
};

use recto_pipeline::cancel::CancelToken;
use recto_schemas::SourceInfo;
use tempfile::NamedTempFile;
use tokio::sync::oneshot;

use super::{error::ConvertError, manifest};
use crate::store::{
    ObjectMetadata, ObjectStore as _, ObjectStores, ObjectVersion, StoreError, StoreUri, file_etag,
};

/// The source of a document.
pub(crate) struct DocumentSource {
    /// Its entry in the manifest; size and hash are added when it is read.
    pub(crate) info: SourceInfo,
    /// Its place.
    pub(crate) place: SourcePlace,
}

/// The place of a document.
pub(crate) enum SourcePlace {
    /// A file, or a pipe.
    Path(PathBuf),
    /// Standard input.
    Stdin,
    /// An object of a store.
    Object(ObjectSource),
    /// An object that was downloaded before. Its owner removes the copy.
    Downloaded(PathBuf),
}

/// An object that is to be read.
pub(crate) struct ObjectSource {
    /// Its store.
    pub(crate) stores: Arc<ObjectStores>,
    /// Its URI.
    pub(crate) uri: StoreUri,
    /// The version that it must have.
    pub(crate) version: ObjectVersion,
    /// The path of the copy that is read. Without one it is a temporary file.
    pub(crate) copy: Option<PathBuf>,
}

/// A document on this machine.
pub(super) enum LocalDocument {
    Path(PathBuf),
    Stdin,
    /// The copy of an object, and what the store said of it if it was downloaded now.
    Copy(ObjectCopy, Option<ObjectMetadata>),
}

/// The copy of an object.
pub(super) enum ObjectCopy {
    /// Removed when dropped.
    Temporary(NamedTempFile),
    /// Its owner removes it.
    Kept(PathBuf),
}

impl SourcePlace {
    /// Returns true if it is downloaded to be read.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// Downloads the document if it is an object. Nothing else is touched yet.
    pub(super) async fn download(
        self,
        max_bytes: u64,
        cancel: &CancelToken,
    ) -> Result<LocalDocument, ConvertError> {
        let object = match self {
            Self::Path(path) => return Ok(LocalDocument::Path(path)),
            Self::Stdin => return Ok(LocalDocument::Stdin),
            Self::Downloaded(path) => {
                return Ok(LocalDocument::Copy(ObjectCopy::Kept(path), None));
            }
            Self::Object(object) => object,
        };
        let (sender, cancelled) = oneshot::channel();
        let _registration = cancel.on_cancel(move || {
            // Nobody waits any more if the download is done.
            let _ = sender.send(());
        });
        tokio::select! {
            downloaded = object.download(max_bytes) => {
                let (copy, found) = downloaded?;
                Ok(LocalDocument::Copy(copy, Some(found)))
            }
            Ok(()) = cancelled => Err(ConvertError::Cancelled),
        }
    }
}

impl ObjectSource {
    async fn download(self, max_bytes: u64) -> Result<(ObjectCopy, ObjectMetadata), ConvertError> {
        let copy = match self.copy {
            Some(path) => ObjectCopy::Kept(path),
            None => ObjectCopy::Temporary(
                NamedTempFile::new().map_err(|error| StoreError::new(&self.uri, error.into()))?,
            ),
        };
        let fetched = self
            .stores
            .fetch(&self.uri, &self.version, max_bytes, copy.path());
        let found = fetched.await?;
        Ok((copy, found))
    }
}

impl ObjectCopy {
    fn path(&self) -> &std::path::Path {
        match self {
            Self::Temporary(file) => file.path(),
            Self::Kept(path) => path,
        }
    }
}

impl LocalDocument {
    /// Opens the document as a file that can be read by position, and completes `source`.
    pub(super) fn open(
        self,
        max_bytes: u64,
        source: &mut SourceInfo,
    ) -> Result<File, ConvertError> {
        match self {
            Self::Path(path) => {
                let file = regular_file(path, max_bytes).map_err(|error| match error.kind() {
                    io::ErrorKind::NotFound => ConvertError::NoSuchFile,
                    _ => ConvertError::Unreadable(error),
                })?;
                let found = file.metadata().map_err(ConvertError::Unreadable)?;
                // The copy of a pipe has nothing to be told again by.
                source.etag = (found.nlink() > 0).then(|| file_etag(&found));
                identify(file, max_bytes, source, ConvertError::Unreadable)
            }
            Self::Stdin => {
                let file = copy_of(&mut io::stdin().lock(), max_bytes)
                    .map_err(ConvertError::Unreadable)?;
                identify(file, max_bytes, source, ConvertError::Unreadable)
            }
            Self::Copy(copy, found) => {
                if let (Some(found), None, None) = (found, &source.etag, &source.version_id) {
                    (source.etag, source.version_id) = (found.etag, found.version_id);
                }
                let file = File::open(copy.path()).map_err(ConvertError::Scratch)?;
                identify(file, max_bytes, source, ConvertError::Scratch)
            }
        }
    }
}

/// The file, if it is a regular one, else a copy of what comes out of the pipe.
fn regular_file(path: PathBuf, max_bytes: u64) -> io::Result<File> {
    let mut file = File::open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => copy_of(&mut file, max_bytes),
    }
}

/// A temporary file with the bytes of a stream, up to one more than the limit: so its size shows that it is too large.
fn copy_of(stream: &mut dyn Read, max_bytes: u64) -> io::Result<File> {
    let mut copy = tempfile::tempfile()?;
    io::copy(&mut stream.take(max_bytes.saturating_add(1)), &mut copy)?;
    copy.rewind()?;
    Ok(copy)
}

/// Puts size and hash of the document into `source`.
fn identify(
    mut file: File,
    max_bytes: u64,
    source: &mut SourceInfo,
    failed: impl Fn(io::Error) -> ConvertError,
) -> Result<File, ConvertError> {
    let bytes = file.metadata().map_err(&failed)?.len();
    source.bytes = Some(bytes);
    if bytes > max_bytes {
        return Err(ConvertError::TooLarge { max_bytes });
    }
    source.sha256 = Some(manifest::sha256(&mut file).map_err(&failed)?);
    Ok(file)
}
