//! Search for the documents that the inputs name, a few at a time: a listing may have millions.
//!
//! Reading folders and standard input blocks, so it has a thread of its own.

use std::{
    cell::RefCell,
    ffi::{OsStr, OsString},
    fs,
    io::{self, BufRead, Read as _},
    os::unix::ffi::OsStringExt as _,
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use tokio::{
    runtime::Handle,
    sync::mpsc::{self, Receiver, Sender},
    task::JoinHandle,
};

use crate::{
    document::{
        media_type::no_documents,
        passed_over::PassedOver,
        selection::PathSelection,
        walk::{DocumentWalk, WalkEntry, WalkError},
    },
    store::{ObjectStore as _, ObjectStores, StoreError, StoreUri},
};

/// Maximum documents that wait to be queued: enough that a listing's next part comes while they are queued.
const MAX_WAITING: usize = 256;

/// Maximum length of a list's line, in bytes: a key has at most 1024, a path 4096.
const MAX_LINE_BYTES: u64 = 16 << 10;

/// A document that is to become a job.
#[derive(Debug)]
pub(super) struct FoundDocument {
    /// Its URI.
    pub(super) location: StoreUri,
    /// Its ETag, if a listing gave it.
    pub(super) etag: Option<String>,
    /// Its file, if it is on this machine.
    pub(super) file: Option<LocalFile>,
}

/// A file of this machine.
#[derive(Debug)]
pub(super) struct LocalFile {
    pub(super) path: PathBuf,
    /// The name of its copy below the folder that it is copied to.
    pub(super) name: String,
}

/// A document, or an input that is none.
pub(super) type SearchItem = Result<FoundDocument, InputError>;

/// An input that cannot be read or listed.
#[derive(Debug)]
pub(super) struct InputError {
    pub(super) input: String,
    pub(super) reason: String,
}

/// A search for documents.
pub(super) struct DocumentSearch {
    pub(super) stores: Arc<ObjectStores>,
    /// The folder of the results, which is left out: results of an earlier run are no documents.
    pub(super) output: StoreUri,
    /// The documents of folders and prefixes that are wanted.
    pub(super) selection: PathSelection,
}

/// The receiver of documents was dropped.
struct ReceiverGone;

impl DocumentSearch {
    /// Starts to search for the documents of `inputs`, in their order; in the end it tells what it has passed over.
    pub(super) fn start(
        self,
        inputs: Vec<PathBuf>,
    ) -> (Receiver<SearchItem>, JoinHandle<PassedOver>) {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let runtime = Handle::current();
        let task = tokio::task::spawn_blocking(move || {
            let walk = InputWalk {
                search: &self,
                runtime,
                sender,
                passed_over: RefCell::default(),
            };
            // If the receiver was dropped, nothing is left to do.
            let _ = walk.inputs(inputs);
            walk.passed_over.into_inner()
        });
        (receiver, task)
    }
}

struct InputWalk<'a> {
    search: &'a DocumentSearch,
    runtime: Handle,
    sender: Sender<SearchItem>,
    passed_over: RefCell<PassedOver>,
}

impl InputWalk<'_> {
    fn inputs(&self, inputs: Vec<PathBuf>) -> Result<(), ReceiverGone> {
        for input in inputs {
            match input.as_os_str() == "-" {
                true => self.list(io::stdin().lock())?,
                false => self.input(&input)?,
            }
        }
        Ok(())
    }

    /// Searches a list with one input a line; empty lines and `#` comments are skipped.
    fn list(&self, mut list: impl BufRead) -> Result<(), ReceiverGone> {
        for number in 1.. {
            let mut line = Vec::new();
            let problem = match list
                .by_ref()
                .take(MAX_LINE_BYTES)
                .read_until(b'\n', &mut line)
            {
                Ok(0) => return Ok(()),
                Ok(bytes) if bytes as u64 == MAX_LINE_BYTES && !line.ends_with(b"\n") => {
                    "is too long to be a path; the list is not read further".to_owned()
                }
                Ok(_) => {
                    let end = line.trim_ascii_end().len();
                    line.truncate(end);
                    if end > 0 && line[0] != b'#' {
                        self.input(Path::new(&OsString::from_vec(line)))?;
                    }
                    continue;
                }
                Err(error) => format!("cannot be read: {error}"),
            };
            return self.error("-", format!("line {number} {problem}"));
        }
        Ok(())
    }

    fn input(&self, input: &Path) -> Result<(), ReceiverGone> {
        let Some(uri) = input.to_str().filter(|text| text.contains("://")) else {
            return self.path(input, input);
        };
        match uri.parse::<StoreUri>() {
            Err(error) => self.error(uri, error.to_string()),
            Ok(prefix @ StoreUri::S3 { .. }) if prefix.is_folder() => self.prefix(&prefix),
            Ok(location @ StoreUri::S3 { .. }) => self.document(location, None, None),
            // It may exist on the workers' machines only.
            Ok(StoreUri::File { path }) if !Path::new(&path).exists() => {
                self.document(StoreUri::File { path }, None, None)
            }
            Ok(StoreUri::File { path }) => self.path(input, Path::new(&path)),
        }
    }

    /// Searches a file, or a folder with the documents below it.
    fn path(&self, input: &Path, path: &Path) -> Result<(), ReceiverGone> {
        let input = input.to_string_lossy();
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(error) => return self.error(&input, error.to_string()),
        };
        let name = name(path, &real);
        if !real.is_dir() {
            return self.file(&real, &name);
        }
        let mut any = false;
        for entry in DocumentWalk::new(&real, &self.search.selection, self.output_folder()) {
            match entry {
                WalkEntry::Document(path) => {
                    any = true;
                    let below = path.strip_prefix(&real).unwrap_or(&path);
                    self.file(&path, &name.join(below))?;
                }
                WalkEntry::PassedOver(_, kind) => self.passed_over.borrow_mut().count(kind),
                WalkEntry::Unreadable(WalkError { folder, error }) => {
                    any = true;
                    self.error(&folder.to_string_lossy(), error.to_string())?;
                }
            }
        }
        match any {
            true => Ok(()),
            false => self.no_documents(&input),
        }
    }

    /// The folder of the results, if it is on this machine.
    fn output_folder(&self) -> Option<&Path> {
        match &self.search.output {
            StoreUri::File { path } => Some(Path::new(path)),
            StoreUri::S3 { .. } => None,
        }
    }

    fn file(&self, path: &Path, name: &Path) -> Result<(), ReceiverGone> {
        let given = path.to_string_lossy();
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(error) => return self.error(&given, error.to_string()),
        };
        let (Some(text), Some(name)) = (real.to_str(), name.to_str()) else {
            let reason = "the path is not UTF-8; rename it";
            return self.error(&given, reason.to_owned());
        };
        let location = StoreUri::File {
            path: text.to_owned(),
        };
        let name = name.to_owned();
        self.document(location, None, Some(LocalFile { path: real, name }))
    }

    /// Searches a prefix of an object store.
    fn prefix(&self, prefix: &StoreUri) -> Result<(), ReceiverGone> {
        let results = self.results_below(prefix);
        let prefix_text = prefix.to_string();
        let mut after = None::<String>;
        let mut any = false;
        loop {
            let listed = self.search.stores.list(prefix, after.as_deref());
            let listing = match self.runtime.block_on(listed) {
                Ok(listing) => listing,
                Err(StoreError { cause, .. }) => {
                    return self.error(&prefix.to_string(), cause.to_string());
                }
            };
            for entry in listing.entries {
                let uri = entry.location.to_string();
                let is_result = results
                    .as_ref()
                    .is_some_and(|folder| uri.starts_with(folder));
                if entry.location.is_folder() || is_result {
                    continue;
                }
                let below = Path::new(uri.strip_prefix(&prefix_text).unwrap_or(&uri));
                if let Some(kind) = self.search.selection.why_not_object(below) {
                    self.passed_over.borrow_mut().count(kind);
                } else {
                    any = true;
                    self.document(entry.location, entry.etag, None)?;
                }
            }
            after = listing.next;
            if after.is_none() {
                break;
            }
        }
        match any {
            true => Ok(()),
            false => self.no_documents(&prefix.to_string()),
        }
    }

    /// The folder of the results, if it is below `prefix`.
    fn results_below(&self, prefix: &StoreUri) -> Option<String> {
        let folder = |at: &StoreUri| format!("{}/", at.to_string().trim_end_matches('/'));
        let (results, prefix) = (folder(&self.search.output), folder(prefix));
        (results != prefix && results.starts_with(&prefix)).then_some(results)
    }

    fn no_documents(&self, input: &str) -> Result<(), ReceiverGone> {
        self.error(input, no_documents())
    }

    fn document(
        &self,
        location: StoreUri,
        etag: Option<String>,
        file: Option<LocalFile>,
    ) -> Result<(), ReceiverGone> {
        self.send(Ok(FoundDocument {
            location,
            etag,
            file,
        }))
    }

    fn error(&self, input: &str, reason: String) -> Result<(), ReceiverGone> {
        let input = input.to_owned();
        self.send(Err(InputError { input, reason }))
    }

    fn send(&self, found: SearchItem) -> Result<(), ReceiverGone> {
        self.sender.blocking_send(found).map_err(|_| ReceiverGone)
    }
}

/// The name of the copy of a file or folder: a relative path as it was given, of any other path the last part.
fn name(given: &Path, real: &Path) -> PathBuf {
    let mut name = PathBuf::new();
    for component in given.components() {
        match component {
            Component::Normal(part) => name.push(part),
            Component::CurDir => {}
            _ => return PathBuf::from(real.file_name().unwrap_or(OsStr::new(""))),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::store::config::StoreConfig;

    #[derive(Parser)]
    struct SearchCli {
        #[command(flatten)]
        store: StoreConfig,
    }

    /// The items that a search gives, as `URI NAME` or `! INPUT REASON`.
    fn found(
        output: &str,
        run: impl FnOnce(&InputWalk<'_>) -> Result<(), ReceiverGone>,
    ) -> Vec<String> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let stores = ObjectStores::new(&SearchCli::parse_from(["recto"]).store, None).unwrap();
        let search = DocumentSearch {
            stores: Arc::new(stores),
            output: output.parse().unwrap(),
            selection: PathSelection::default(),
        };
        let (sender, mut receiver) = mpsc::channel(100);
        let walk = InputWalk {
            search: &search,
            runtime: runtime.handle().clone(),
            sender,
            passed_over: RefCell::default(),
        };
        assert!(run(&walk).is_ok());
        drop(walk);
        std::iter::from_fn(|| receiver.blocking_recv())
            .map(|found| match found {
                Ok(document) => {
                    let name = document.file.map_or(String::new(), |file| file.name);
                    format!("{} {name}", document.location)
                }
                Err(error) => format!("! {} {}", error.input, error.reason),
            })
            .collect()
    }

    #[test]
    fn a_folder_gives_its_documents_in_order_but_not_the_results_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for name in ["b/2.PDF", "b/1.tif", "a b.pdf", "notes.txt", "out/c/3.jpg"] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let (uri, last) = (
            format!("file://{}", root.display()),
            root.file_name().unwrap(),
        );
        let last = last.to_string_lossy();
        let wanted = [
            format!("{uri}/a%20b.pdf {last}/a b.pdf"),
            format!("{uri}/b/1.tif {last}/b/1.tif"),
            format!("{uri}/b/2.PDF {last}/b/2.PDF"),
        ];
        assert_eq!(
            found(&format!("{uri}/out"), |walk| walk.input(&root)),
            wanted
        );
        let by_uri = found(&format!("{uri}/out"), |walk| walk.input(Path::new(&uri)));
        assert_eq!(by_uri, wanted);
    }

    #[test]
    fn a_list_has_an_input_a_line() {
        let list =
            "# letters\n\ns3://b/a b#1.pdf\r\n  \nfile:///not/here.pdf\nhttp://x/y\n/not/here.pdf";
        let seen = found("s3://b/out", |walk| walk.list(list.as_bytes()));
        assert_eq!(seen[..2], ["s3://b/a b#1.pdf ", "file:///not/here.pdf "]);
        assert!(
            seen[2].starts_with("! http://x/y not an object's URI"),
            "{seen:?}"
        );
        assert!(
            seen[3].starts_with("! /not/here.pdf No such file"),
            "{seen:?}"
        );

        let endless = [b's'; 2 * MAX_LINE_BYTES as usize];
        let seen = found("s3://b/out", |walk| walk.list(&endless[..]));
        assert!(seen[0].starts_with("! - line 1 is too long"), "{seen:?}");
        assert_eq!(seen.len(), 1);
    }

    #[test]
    fn what_holds_no_document_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let seen = found("s3://b/out", |walk| walk.input(folder.path()));
        assert!(seen[0].contains("no documents in it (pdf,"), "{seen:?}");
    }

    #[test]
    fn copies_are_called_as_the_files_were_given() {
        for (given, called) in [
            ("scans/1911/a.pdf", "scans/1911/a.pdf"),
            ("./a.pdf", "a.pdf"),
            ("/srv/scans/a.pdf", "real.pdf"),
            ("../a.pdf", "real.pdf"),
            (".", ""),
        ] {
            assert_eq!(
                name(Path::new(given), Path::new("/srv/real.pdf")),
                Path::new(called)
            );
        }
    }
}
