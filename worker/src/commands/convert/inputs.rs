//! Inputs: the documents that the command line names, found while the first ones are read, and the names of their results.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use recto_schemas::SourceInfo;
use tokio::{
    runtime::Handle,
    sync::mpsc::{self, Receiver, Sender},
};

use super::{ProgressDisplay, result_path::ResultPath};
use crate::{
    document::{
        DocumentSource, ObjectSource, SourcePlace,
        media_type::no_documents,
        output::ResultName,
        passed_over::PassedKind,
        selection::PathSelection,
        walk::{DocumentWalk, WalkEntry, WalkError},
    },
    store::{
        ListedObject, ObjectStore as _, ObjectStores, ObjectVersion, StoreError, StoreUri,
        StoreUriError,
    },
};

/// Most files that are found ahead of the one that is read: of fewer, the bar knows the number from the start.
const MAX_AHEAD: usize = 4096;

/// One document to convert.
#[derive(Clone, Debug)]
pub(crate) struct InputDocument {
    /// Its file, `-` for standard input, or its URI.
    pub(crate) path: PathBuf,
    /// Its place, if it is in an object store.
    object: Option<InputObject>,
    /// The name of its results.
    pub(crate) result: ResultPath,
}

/// A document in an object store.
#[derive(Clone, Debug)]
struct InputObject {
    uri: StoreUri,
    /// Its ETag, if a listing gave it.
    etag: Option<String>,
}

/// A file that was found.
#[derive(Debug)]
pub(crate) enum FoundInput {
    /// A document.
    Document(InputDocument),
    /// A file or a folder that is no document, or is not to be read.
    PassedOver {
        /// Its path or URI.
        path: PathBuf,
        /// The reason.
        kind: PassedKind,
    },
    /// An input that holds no documents, or a folder that cannot be read.
    Unreadable {
        /// Its path or URI.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

impl InputDocument {
    /// A file of this machine, or standard input.
    pub(crate) fn file(path: PathBuf, result: ResultPath) -> Self {
        Self {
            path,
            object: None,
            result,
        }
    }

    fn object(listed: ListedObject, result: ResultPath) -> Self {
        Self {
            path: PathBuf::from(listed.location.to_string()),
            object: Some(InputObject {
                uri: listed.location,
                etag: listed.etag,
            }),
            result,
        }
    }

    /// An input that is no folder: the path of a file, or the URI of an object.
    ///
    /// # Errors
    /// It is like a URI, but none.
    fn named(path: &Path) -> Result<Self, StoreUriError> {
        let object = uri(path).map(str::parse).transpose()?;
        Ok(Self {
            path: path.to_owned(),
            object: object.map(|uri| InputObject { uri, etag: None }),
            result: ResultPath::of_named(path),
        })
    }

    /// The path as the person gave it.
    pub(crate) fn uri(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// The name of its results in a folder.
    pub(super) fn result_in(&self, folder: PathBuf) -> ResultName {
        let title = self.path.file_name();
        ResultName {
            folder,
            stem: self.result.stem.clone(),
            title: title.map_or_else(|| self.uri(), |title| title.to_string_lossy().into_owned()),
        }
    }

    /// Its source; without stores everything is a file of this machine.
    pub(super) fn source(&self, stores: Option<&Arc<ObjectStores>>) -> DocumentSource {
        DocumentSource {
            info: SourceInfo {
                uri: self.uri(),
                ..SourceInfo::default()
            },
            place: self.place(stores),
        }
    }

    fn place(&self, stores: Option<&Arc<ObjectStores>>) -> SourcePlace {
        match (&self.object, stores) {
            (Some(object), Some(stores)) => SourcePlace::Object(ObjectSource {
                stores: Arc::clone(stores),
                uri: object.uri.clone(),
                version: ObjectVersion {
                    etag: object.etag.clone(),
                    ..ObjectVersion::default()
                },
                copy: None,
            }),
            _ if self.path == Path::new("-") => SourcePlace::Stdin,
            _ => SourcePlace::Path(self.path.clone()),
        }
    }
}

/// The path as the URI of an object, if it is one.
pub(crate) fn uri(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| text.starts_with("s3://"))
}

/// The prefix that an input is, if it is one.
pub(super) fn prefix(path: &Path) -> Option<StoreUri> {
    uri(path)?.parse().ok().filter(StoreUri::is_folder)
}

/// A search for the documents that a command line names.
pub(crate) struct InputSearch {
    /// The documents of folders and prefixes that are wanted.
    pub(crate) selection: PathSelection,
    /// The folder of the results, which is not searched: the images of a review page are no documents.
    pub(crate) left_out: Option<PathBuf>,
    /// The prefix of the results, which is not searched either.
    pub(crate) prefix_left_out: Option<StoreUri>,
    /// The stores of objects.
    pub(crate) stores: Arc<ObjectStores>,
    /// Told of each document, and when there are no more.
    pub(crate) progress: Arc<ProgressDisplay>,
}

/// The receiver of what was found is gone: nobody wants more.
struct ReceiverGone;

impl InputSearch {
    /// Begins to search `inputs`: files and objects as they are, folders and prefixes with the files below them in the order
    /// of their names. Nothing that was found is left out, and a few thousand files are found ahead at most.
    pub(crate) fn start(self, inputs: Vec<PathBuf>) -> Receiver<FoundInput> {
        let (found, receiver) = mpsc::channel(MAX_AHEAD);
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || {
            let walk = InputWalk {
                search: &self,
                runtime,
                found,
            };
            // Nobody is left to be told that the receiver is gone.
            let _ = inputs.iter().try_for_each(|input| walk.input(input));
            self.progress.all_found();
        });
        receiver
    }
}

struct InputWalk<'a> {
    search: &'a InputSearch,
    runtime: Handle,
    found: Sender<FoundInput>,
}

impl InputWalk<'_> {
    fn input(&self, path: &Path) -> Result<(), ReceiverGone> {
        if let Some(prefix) = prefix(path) {
            return self.prefix(path, &prefix);
        }
        if path.is_dir() {
            return self.folder(path);
        }
        match InputDocument::named(path) {
            Ok(document) => self.send(FoundInput::Document(document)),
            Err(error) => self.unreadable(path, io::Error::other(error)),
        }
    }

    fn folder(&self, root: &Path) -> Result<(), ReceiverGone> {
        let search = self.search;
        let mut any = false;
        for entry in DocumentWalk::new(root, &search.selection, search.left_out.as_deref()) {
            any |= !matches!(entry, WalkEntry::PassedOver(..));
            self.send(match entry {
                WalkEntry::Document(path) => {
                    let result = ResultPath::below(root, &path);
                    FoundInput::Document(InputDocument::file(path, result))
                }
                WalkEntry::PassedOver(path, kind) => FoundInput::PassedOver { path, kind },
                WalkEntry::Unreadable(WalkError { folder, error }) => FoundInput::Unreadable {
                    path: folder,
                    error,
                },
            })?;
        }
        self.unless_any(any, root)
    }

    fn prefix(&self, path: &Path, prefix: &StoreUri) -> Result<(), ReceiverGone> {
        let root = prefix.to_string();
        let left_out = self.search.prefix_left_out.as_ref();
        let left_out = left_out
            .map(|prefix| format!("{}/", prefix.to_string().trim_end_matches('/')))
            .filter(|prefix| *prefix != root);
        let (mut any, mut after) = (false, None);
        loop {
            let listed = self.search.stores.list(prefix, after.as_deref());
            let page = match self.runtime.block_on(listed) {
                Ok(page) => page,
                Err(StoreError { cause, .. }) => {
                    return self.unreadable(path, io::Error::other(cause));
                }
            };
            for object in page.entries {
                let uri = object.location.to_string();
                let is_result = left_out
                    .as_ref()
                    .is_some_and(|prefix| uri.starts_with(prefix));
                if object.location.is_folder() || is_result {
                    continue;
                }
                let below = uri.strip_prefix(&root).unwrap_or(&uri);
                self.send(
                    match self.search.selection.why_not_object(Path::new(below)) {
                        Some(kind) => FoundInput::PassedOver {
                            path: PathBuf::from(&uri),
                            kind,
                        },
                        None => {
                            any = true;
                            let result = ResultPath::mirrored(below.as_bytes());
                            FoundInput::Document(InputDocument::object(object, result))
                        }
                    },
                )?;
            }
            after = page.next;
            if after.is_none() {
                return self.unless_any(any, path);
            }
        }
    }

    fn unless_any(&self, any: bool, input: &Path) -> Result<(), ReceiverGone> {
        match any {
            true => Ok(()),
            false => {
                let error = io::Error::new(io::ErrorKind::NotFound, no_documents());
                self.unreadable(input, error)
            }
        }
    }

    fn unreadable(&self, path: &Path, error: io::Error) -> Result<(), ReceiverGone> {
        let path = path.to_owned();
        self.send(FoundInput::Unreadable { path, error })
    }

    fn send(&self, found: FoundInput) -> Result<(), ReceiverGone> {
        if !matches!(found, FoundInput::PassedOver { .. }) {
            self.search.progress.found();
        }
        self.found.blocking_send(found).map_err(|_| ReceiverGone)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::store::local_stores;

    /// The names of the results, `- NAME` for what is passed over, `! REASON` for what cannot be read.
    fn found(root: &Path, inputs: Vec<PathBuf>) -> Vec<String> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _entered = runtime.enter();
        let search = InputSearch {
            selection: PathSelection::default(),
            left_out: None,
            prefix_left_out: None,
            stores: Arc::new(local_stores(root)),
            progress: Arc::new(ProgressDisplay::start(true)),
        };
        let mut receiver = search.start(inputs);
        std::iter::from_fn(|| receiver.blocking_recv())
            .map(|found| match found {
                FoundInput::Document(document) => document.result.manifest(),
                FoundInput::PassedOver { path, kind } => {
                    let kind: String = kind.into();
                    format!("- {} {kind}", path.file_name().unwrap().display())
                }
                FoundInput::Unreadable { error, .. } => format!("! {error}"),
            })
            .collect()
    }

    #[test]
    fn a_folder_gives_all_its_files_in_order_and_mirrors_its_tree() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        for name in ["c.PDF", "a.tiff", "notes.txt", "b/x.webp", "b/x.pdf"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let inputs = vec![folder.path().to_owned(), PathBuf::from("missing.bin")];
        assert_eq!(
            found(folder.path(), inputs),
            [
                "a.tiff.json",
                "b/x.pdf.json",
                "b/x.webp.json",
                "c.PDF.json",
                "- notes.txt .txt",
                "missing.json"
            ]
        );
    }

    #[test]
    fn an_input_that_holds_no_documents_is_said() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), "").unwrap();
        let inputs = vec![folder.path().to_owned(), PathBuf::from("s3://b:1/x")];
        let found = found(folder.path(), inputs);
        assert_eq!(found[0], "- a.txt .txt");
        assert!(found[1].starts_with("! no documents in it"), "{found:?}");
        assert!(found[2].starts_with("! not a bucket's name"), "{found:?}");
    }
}
