//! From what a person names to single documents, a few at a time: a listing may have millions.
//!
//! Looking at folders and at standard input blocks, so it has a thread of its own.

use std::{
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
        media_type::{is_document, no_documents},
        walk::{DocumentWalk, WalkError},
    },
    store::{ObjectStore as _, ObjectStores, StoreError, StoreUri},
};

/// Found documents that wait to be queued. Enough that a listing's next part comes while they go.
const MOST_WAITING: usize = 256;

/// The longest line of a list, in bytes: a key has at most 1024, a path 4096.
const LONGEST_LINE: u64 = 16 << 10;

/// A document that is to become a job.
#[derive(Debug)]
pub(super) struct FoundDocument {
    /// Where it is.
    pub(super) location: StoreUri,
    /// Its ETag, where a listing told it.
    pub(super) etag: Option<String>,
    /// What it is on this machine.
    pub(super) file: Option<LocalFile>,
}

/// A file of this machine.
#[derive(Debug)]
pub(super) struct LocalFile {
    pub(super) path: PathBuf,
    /// What it is called below where it is copied to.
    pub(super) name: String,
}

/// A document, or what a person has to know about an input that is none.
pub(super) type SearchItem = Result<FoundDocument, InputError>;

/// An input that cannot be read or listed.
#[derive(Debug)]
pub(super) struct InputError {
    pub(super) input: String,
    pub(super) reason: String,
}

/// What looks for documents.
pub(super) struct DocumentSearch {
    pub(super) stores: Arc<ObjectStores>,
    /// What is below it is left out of listings: results of an earlier run are no documents.
    pub(super) output: StoreUri,
}

/// The receiver of found documents has gone.
struct ReceiverGone;

impl DocumentSearch {
    /// Looks for the documents that `inputs` mean, in their order.
    pub(super) fn start(self, inputs: Vec<PathBuf>) -> (Receiver<SearchItem>, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        let runtime = Handle::current();
        let task = tokio::task::spawn_blocking(move || {
            let looking = InputWalk {
                search: &self,
                runtime,
                sender,
            };
            // Where nobody wants to know any more, there is nothing left to do.
            let _ = looking.at_all(inputs);
        });
        (receiver, task)
    }
}

struct InputWalk<'a> {
    search: &'a DocumentSearch,
    runtime: Handle,
    sender: Sender<SearchItem>,
}

impl InputWalk<'_> {
    fn at_all(&self, inputs: Vec<PathBuf>) -> Result<(), ReceiverGone> {
        for input in inputs {
            match input.as_os_str() == "-" {
                true => self.at_list(io::stdin().lock())?,
                false => self.at(&input)?,
            }
        }
        Ok(())
    }

    /// At a list, one input a line; empty lines and `#` comments are none.
    fn at_list(&self, mut list: impl BufRead) -> Result<(), ReceiverGone> {
        for number in 1.. {
            let mut line = Vec::new();
            let trouble = match list
                .by_ref()
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut line)
            {
                Ok(0) => return Ok(()),
                Ok(bytes) if bytes as u64 == LONGEST_LINE && !line.ends_with(b"\n") => {
                    "is too long to be a path; the list is not read further".to_owned()
                }
                Ok(_) => {
                    let end = line.trim_ascii_end().len();
                    line.truncate(end);
                    if end > 0 && line[0] != b'#' {
                        self.at(Path::new(&OsString::from_vec(line)))?;
                    }
                    continue;
                }
                Err(error) => format!("cannot be read: {error}"),
            };
            return self.trouble("-", format!("line {number} {trouble}"));
        }
        Ok(())
    }

    fn at(&self, input: &Path) -> Result<(), ReceiverGone> {
        let Some(uri) = input.to_str().filter(|text| text.contains("://")) else {
            return self.at_path(input, input);
        };
        match uri.parse::<StoreUri>() {
            Err(error) => self.trouble(uri, error.to_string()),
            Ok(prefix @ StoreUri::S3 { .. }) if prefix.is_folder() => self.below(&prefix),
            Ok(location @ StoreUri::S3 { .. }) => self.document(location, None, None),
            // It may be there for workers only.
            Ok(StoreUri::File { path }) if !Path::new(&path).exists() => {
                self.document(StoreUri::File { path }, None, None)
            }
            Ok(StoreUri::File { path }) => self.at_path(input, Path::new(&path)),
        }
    }

    /// At a file, or at a folder with the documents below it.
    fn at_path(&self, input: &Path, path: &Path) -> Result<(), ReceiverGone> {
        let input = input.to_string_lossy();
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(error) => return self.trouble(&input, error.to_string()),
        };
        let name = name(path, &real);
        if !real.is_dir() {
            return self.file(&real, &name);
        }
        let mut any = false;
        for entry in DocumentWalk::new(&real, self.output_folder()) {
            any = true;
            match entry {
                Ok(path) => {
                    let below = path.strip_prefix(&real).unwrap_or(&path);
                    self.file(&path, &name.join(below))?;
                }
                Err(WalkError { folder, error }) => {
                    self.trouble(&folder.to_string_lossy(), error.to_string())?;
                }
            }
        }
        match any {
            true => Ok(()),
            false => self.nothing(&input),
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
        let shown = path.to_string_lossy();
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            Err(error) => return self.trouble(&shown, error.to_string()),
        };
        let (Some(text), Some(name)) = (real.to_str(), name.to_str()) else {
            let reason = "the path is not UTF-8; rename it";
            return self.trouble(&shown, reason.to_owned());
        };
        let location = StoreUri::File {
            path: text.to_owned(),
        };
        let name = name.to_owned();
        self.document(location, None, Some(LocalFile { path: real, name }))
    }

    /// At an object store's prefix.
    fn below(&self, prefix: &StoreUri) -> Result<(), ReceiverGone> {
        let results = self.results_below(prefix);
        let (mut after, mut any) = (None::<String>, false);
        loop {
            let listed = self.search.stores.list(prefix, after.as_deref());
            let listing = match self.runtime.block_on(listed) {
                Ok(listing) => listing,
                Err(StoreError { cause, .. }) => {
                    return self.trouble(&prefix.to_string(), cause.to_string());
                }
            };
            for entry in listing.entries {
                let uri = entry.location.to_string();
                let is_result = results
                    .as_ref()
                    .is_some_and(|folder| uri.starts_with(folder));
                if !entry.location.is_folder() && is_document(Path::new(&uri)) && !is_result {
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
            false => self.nothing(&prefix.to_string()),
        }
    }

    /// The folder of the results, where it is one of those below `prefix`.
    fn results_below(&self, prefix: &StoreUri) -> Option<String> {
        let folder = |at: &StoreUri| format!("{}/", at.to_string().trim_end_matches('/'));
        let (results, prefix) = (folder(&self.search.output), folder(prefix));
        (results != prefix && results.starts_with(&prefix)).then_some(results)
    }

    fn nothing(&self, input: &str) -> Result<(), ReceiverGone> {
        self.trouble(input, no_documents())
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

    fn trouble(&self, input: &str, reason: String) -> Result<(), ReceiverGone> {
        let input = input.to_owned();
        self.send(Err(InputError { input, reason }))
    }

    fn send(&self, found: SearchItem) -> Result<(), ReceiverGone> {
        self.sender.blocking_send(found).map_err(|_| ReceiverGone)
    }
}

/// What a file or folder is called where it is copied to: a relative path as it was given, anything else by its
/// last part.
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

    /// What is found, as `URI NAME` or `! INPUT REASON`.
    fn found(
        output: &str,
        look: impl FnOnce(&InputWalk<'_>) -> Result<(), ReceiverGone>,
    ) -> Vec<String> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let stores = ObjectStores::new(&SearchCli::parse_from(["recto"]).store, None).unwrap();
        let search = DocumentSearch {
            stores: Arc::new(stores),
            output: output.parse().unwrap(),
        };
        let (sender, mut receiver) = mpsc::channel(100);
        let looking = InputWalk {
            search: &search,
            runtime: runtime.handle().clone(),
            sender,
        };
        assert!(look(&looking).is_ok());
        drop(looking);
        std::iter::from_fn(|| receiver.blocking_recv())
            .map(|found| match found {
                Ok(document) => {
                    let name = document.file.map_or(String::new(), |file| file.name);
                    format!("{} {name}", document.location)
                }
                Err(trouble) => format!("! {} {}", trouble.input, trouble.reason),
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
        assert_eq!(found(&format!("{uri}/out"), |look| look.at(&root)), wanted);
        let by_uri = found(&format!("{uri}/out"), |look| look.at(Path::new(&uri)));
        assert_eq!(by_uri, wanted);
    }

    #[test]
    fn a_list_has_an_input_a_line() {
        let list =
            "# letters\n\ns3://b/a b#1.pdf\r\n  \nfile:///not/here.pdf\nhttp://x/y\n/not/here.pdf";
        let seen = found("s3://b/out", |look| look.at_list(list.as_bytes()));
        assert_eq!(seen[..2], ["s3://b/a b#1.pdf ", "file:///not/here.pdf "]);
        assert!(
            seen[2].starts_with("! http://x/y not an object's URI"),
            "{seen:?}"
        );
        assert!(
            seen[3].starts_with("! /not/here.pdf No such file"),
            "{seen:?}"
        );

        let endless = [b's'; 2 * LONGEST_LINE as usize];
        let seen = found("s3://b/out", |look| look.at_list(&endless[..]));
        assert!(seen[0].starts_with("! - line 1 is too long"), "{seen:?}");
        assert_eq!(seen.len(), 1);
    }

    #[test]
    fn what_holds_no_document_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let seen = found("s3://b/out", |look| look.at(folder.path()));
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
