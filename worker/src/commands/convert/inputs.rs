//! Inputs: the documents that the command line names, and the names of their results.

use std::{
    collections::{HashMap, HashSet},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use recto_schemas::SourceInfo;

use crate::{
    document::{
        DocumentSource, ObjectSource, SourcePlace,
        media_type::no_documents,
        output::ResultName,
        passed_over::PassedOver,
        selection::PathSelection,
        walk::{DocumentWalk, WalkError},
    },
    store::{ObjectStores, ObjectVersion, StoreError, StoreUri},
};

/// One document to convert.
#[derive(Debug)]
pub(crate) struct InputDocument {
    /// Its file, `-` for standard input, or its URI.
    pub(crate) path: PathBuf,
    /// Its URI, if it is in an object store.
    pub(crate) object: Option<StoreUri>,
    /// The name of its results.
    pub(crate) name: String,
    /// The reason why it cannot be read, if that is known already.
    pub(crate) error: Option<io::Error>,
}

impl InputDocument {
    /// The path as the person gave it.
    pub(crate) fn uri(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// The name of its results in a folder.
    pub(crate) fn result_in(&self, folder: &Path) -> ResultName {
        let title = self.path.file_name();
        ResultName {
            folder: folder.to_owned(),
            stem: self.name.clone(),
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
        if let Some(error) = &self.error {
            // Errors of the system cannot be cloned.
            return SourcePlace::Unreadable(io::Error::new(error.kind(), error.to_string()));
        }
        match (&self.object, stores) {
            (Some(uri), Some(stores)) => SourcePlace::Object(ObjectSource {
                stores: Arc::clone(stores),
                uri: uri.clone(),
                version: ObjectVersion::default(),
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

/// A search for the documents that a command line names.
pub(crate) struct InputSearch<'a> {
    /// The documents of folders and prefixes that are wanted.
    pub(crate) selection: &'a PathSelection,
    /// The folder of the results, which is not searched: the images of a review page are no documents.
    pub(crate) left_out: Option<&'a Path>,
    /// Lists the objects below a prefix.
    pub(crate) list: &'a ListObjects<'a>,
}

/// The documents that a command line names.
#[derive(Debug)]
pub(crate) struct FoundInputs {
    pub(crate) documents: Vec<InputDocument>,
    /// The files below folders and prefixes that are no documents.
    pub(crate) passed_over: PassedOver,
}

type FoundPath = (PathBuf, Option<io::Error>);

impl InputSearch<'_> {
    /// The documents of `paths`: files and objects as they are, folders and prefixes with the documents below them in the
    /// order of their names. A folder that cannot be read is an input with an error, not left out.
    pub(crate) fn run(&self, paths: &[PathBuf]) -> FoundInputs {
        let mut found = Vec::new();
        let mut passed_over = PassedOver::default();
        for path in paths {
            let before = found.len();
            let is_folder = if let Some(uri) = uri(path) {
                self.below(uri, &mut found, &mut passed_over)
            } else if path.is_dir() {
                let mut below = DocumentWalk::new(path, self.selection, self.left_out);
                found.extend(below.by_ref().map(|entry| match entry {
                    Ok(path) => (path, None),
                    Err(WalkError { folder, error }) => (folder, Some(error)),
                }));
                passed_over.add(below.passed_over());
                true
            } else {
                found.push((path.clone(), None));
                false
            };
            if is_folder && found.len() == before {
                let error = io::Error::new(io::ErrorKind::NotFound, no_documents());
                found.push((path.clone(), Some(error)));
            }
        }
        FoundInputs {
            documents: named(found),
            passed_over,
        }
    }

    /// Adds the object of `uri`, or the documents below it if it is a prefix; returns true for a prefix.
    fn below(&self, uri: &str, found: &mut Vec<FoundPath>, passed_over: &mut PassedOver) -> bool {
        let prefix: StoreUri = match uri.parse() {
            Ok(location) => location,
            Err(error) => {
                found.push((PathBuf::from(uri), Some(io::Error::other(error))));
                return false;
            }
        };
        if !prefix.is_folder() {
            found.push((PathBuf::from(uri), None));
            return false;
        }
        let prefix_text = prefix.to_string();
        match (self.list)(&prefix) {
            Ok(objects) => {
                let uris = objects.iter().filter(|object| !object.is_folder());
                found.extend(uris.map(ToString::to_string).filter_map(|uri| {
                    let below = uri.strip_prefix(&prefix_text).unwrap_or(&uri);
                    let taken = self.selection.takes_object(Path::new(below), passed_over);
                    taken.then(|| (PathBuf::from(uri), None))
                }));
            }
            Err(error) => found.push((PathBuf::from(uri), Some(io::Error::other(error.cause)))),
        }
        true
    }
}

/// One input for each path, even for a folder.
#[cfg(feature = "eval")]
pub(crate) fn files(paths: Vec<PathBuf>) -> Vec<InputDocument> {
    named(paths.into_iter().map(|path| (path, None)).collect())
}

/// Gives the inputs different names.
fn named(found: Vec<FoundPath>) -> Vec<InputDocument> {
    let names = names(
        &found
            .iter()
            .map(|(path, _)| path.as_path())
            .collect::<Vec<_>>(),
    );
    found
        .into_iter()
        .zip(names)
        .map(|((path, error), name)| InputDocument {
            object: uri(&path)
                .filter(|_| error.is_none())
                .and_then(|uri| uri.parse().ok()),
            path,
            name,
            error,
        })
        .collect()
}

/// Lists the objects below a prefix.
pub(crate) type ListObjects<'a> = dyn Fn(&StoreUri) -> Result<Vec<StoreUri>, StoreError> + 'a;

/// A name for each path's results: the file name without its ending; with the ending if several share that; with a
/// number if even that is taken.
fn names(paths: &[&Path]) -> Vec<String> {
    let text = |part: Option<&std::ffi::OsStr>| {
        part.map_or_else(
            || "document".to_owned(),
            |part| part.to_string_lossy().into_owned(),
        )
    };
    let stems: Vec<String> = paths
        .iter()
        .map(|path| {
            if *path == Path::new("-") {
                "stdin".to_owned()
            } else {
                text(path.file_stem())
            }
        })
        .collect();
    let mut shared: HashMap<&str, usize> = HashMap::new();
    for stem in &stems {
        *shared.entry(stem).or_default() += 1;
    }
    let mut taken: HashSet<String> = stems
        .iter()
        .filter(|stem| shared[stem.as_str()] == 1)
        .cloned()
        .collect();
    let mut result = Vec::with_capacity(paths.len());
    for (path, stem) in paths.iter().zip(&stems) {
        if shared[stem.as_str()] == 1 {
            result.push(stem.clone());
            continue;
        }
        let full = text(path.file_name());
        let numbered = (2..).map(|number| format!("{full}-{number}"));
        let free = std::iter::once(full.clone())
            .chain(numbered)
            .find(|name| !taken.contains(name));
        let free = free.expect("there is always a higher number");
        taken.insert(free.clone());
        result.push(free);
    }
    result
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn expand(paths: &[PathBuf], list: &ListObjects<'_>) -> Vec<InputDocument> {
        let search = InputSearch {
            selection: &PathSelection::default(),
            left_out: None,
            list,
        };
        search.run(paths).documents
    }

    #[test]
    fn results_that_would_share_a_name_are_told_apart() {
        let paths = [
            "a.pdf",
            "b/scan.pdf",
            "b/scan.tif",
            "c/scan.pdf",
            "-",
            ".hidden",
        ]
        .map(Path::new);
        assert_eq!(
            names(&paths),
            [
                "a",
                "scan.pdf",
                "scan.tif",
                "scan.pdf-2",
                "stdin",
                ".hidden"
            ]
        );
    }

    #[test]
    fn a_directory_gives_its_documents_in_order_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        for name in ["c.PDF", "a.tiff", "notes.txt", "b/x.webp"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let inputs = expand(
            &[folder.path().to_owned(), PathBuf::from("missing.bin")],
            &|_| Ok(Vec::new()),
        );
        let shown: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
        assert_eq!(shown, ["a", "x", "c", "missing"]);
    }

    #[test]
    fn a_directory_without_documents_is_an_input_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        let inputs = expand(&[folder.path().to_owned()], &|_| Ok(Vec::new()));
        assert!(
            inputs[0]
                .error
                .as_ref()
                .unwrap()
                .to_string()
                .starts_with("no documents in it")
        );
    }

    #[test]
    fn a_prefix_gives_its_documents_and_an_object_itself() {
        let paths = ["s3://b/in/", "s3://b/letter", "s3://b:1/x"].map(PathBuf::from);
        let inputs = expand(&paths, &|prefix| {
            assert_eq!(prefix.to_string(), "s3://b/in/");
            let keys = [
                "in/",
                "in/a#1.pdf",
                "in/b/",
                "in/b/c.TIF",
                "in/d.txt",
                "in/e.pdf/",
            ];
            let at = |key| format!("s3://b/{key}").parse().unwrap();
            Ok(keys.map(at).into())
        });
        let uris: Vec<String> = inputs.iter().map(InputDocument::uri).collect();
        assert_eq!(
            uris,
            [
                "s3://b/in/a#1.pdf",
                "s3://b/in/b/c.TIF",
                "s3://b/letter",
                "s3://b:1/x"
            ]
        );
        assert_eq!(inputs[0].name, "a#1");
        assert!(
            inputs[..3]
                .iter()
                .all(|i| i.object.is_some() && i.error.is_none())
        );
        assert!(inputs[3].error.is_some());
    }
}
