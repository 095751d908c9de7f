//! Which documents are meant, and what their results are called.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
};

/// Endings that make a file in a directory a document; a file named by itself may have any.
const ENDINGS: [&str; 7] = ["pdf", "png", "jpg", "jpeg", "tif", "tiff", "webp"];

/// One document to convert.
#[derive(Debug)]
pub(super) struct Input {
    /// Its file, `-` for standard input.
    pub(super) path: PathBuf,
    /// What its results are called.
    pub(super) name: String,
    /// Why it cannot be read, where that is known already.
    pub(super) error: Option<io::Error>,
}

impl Input {
    /// The path as the person gave it.
    pub(super) fn uri(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// Whether it is standard input.
    pub(super) fn is_stdin(&self) -> bool {
        self.path == Path::new("-")
    }
}

/// The documents that `paths` mean: files as they are, directories with the documents below them in the
/// order of their names. What cannot be looked at is an input with an error, not left out.
pub(super) fn expand(paths: &[PathBuf]) -> Vec<Input> {
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = found.len();
            walk(path, &mut found);
            if found.len() == before {
                let why = format!("no documents in it ({})", ENDINGS.join(", "));
                found.push((
                    path.clone(),
                    Some(io::Error::new(io::ErrorKind::NotFound, why)),
                ));
            }
        } else {
            found.push((path.clone(), None));
        }
    }
    let names = names(
        &found
            .iter()
            .map(|(path, _)| path.as_path())
            .collect::<Vec<_>>(),
    );
    found
        .into_iter()
        .zip(names)
        .map(|((path, error), name)| Input { path, name, error })
        .collect()
}

fn walk(folder: &Path, found: &mut Vec<(PathBuf, Option<io::Error>)>) {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return found.push((folder.to_owned(), Some(error))),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link to a directory could lead back up; one to a file is a file.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            walk(&path, found);
        } else if path.is_file() && is_document(&path) {
            found.push((path, None));
        }
    }
}

fn is_document(path: &Path) -> bool {
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| {
            ENDINGS
                .iter()
                .any(|known| ending.eq_ignore_ascii_case(known))
        })
}

/// A name for each path's results: the file name without its ending; with it where several share that;
/// with a number where even that is taken.
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
    use super::*;

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
        let inputs = expand(&[folder.path().to_owned(), PathBuf::from("missing.bin")]);
        let shown: Vec<String> = inputs.iter().map(|input| input.name.clone()).collect();
        assert_eq!(shown, ["a", "x", "c", "missing"]);
    }

    #[test]
    fn a_directory_without_documents_is_an_input_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        let inputs = expand(&[folder.path().to_owned()]);
        assert!(
            inputs[0]
                .error
                .as_ref()
                .unwrap()
                .to_string()
                .starts_with("no documents in it")
        );
    }
}
