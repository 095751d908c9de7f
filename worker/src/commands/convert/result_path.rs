//! Result paths: the names of a document's results below the output. They depend on nothing but the document's own path, so
//! that a run finds what an earlier one has made, whatever else is in it.

use std::{
    collections::HashMap,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use anyhow::bail;

use super::inputs;
use crate::{
    document::{
        output::MANIFEST,
        selection::PathSelection,
        walk::{DocumentWalk, WalkEntry},
    },
    store::{StoreUri, StoreUriError, safe_path},
};

/// The name that the account of a run has at the top of the output.
pub(super) const ACCOUNT: &str = "run";

/// The place of a document's results below the output.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ResultPath {
    /// The folder, with slashes; empty for the output itself.
    pub(crate) folder: String,
    /// The stem of all files' names.
    pub(crate) stem: String,
}

impl ResultPath {
    /// Results in the output itself.
    pub(crate) fn flat(stem: String) -> Self {
        Self {
            folder: String::new(),
            stem,
        }
    }

    /// Results of a document that was named itself: the file name without its ending; with it if only so it is not that of
    /// the run's account.
    pub(super) fn of_named(path: &Path) -> Self {
        if path == Path::new("-") {
            return Self::flat("stdin".to_owned());
        }
        let text = |part: Option<&std::ffi::OsStr>| {
            part.map_or_else(
                || "document".to_owned(),
                |part| part.to_string_lossy().into_owned(),
            )
        };
        match text(path.file_stem()) {
            stem if stem == ACCOUNT => Self::flat(not_account(text(path.file_name()))),
            stem => Self::flat(stem),
        }
    }

    /// Results of a document that was found below a folder: its path from there, the ending with it.
    pub(super) fn below(root: &Path, path: &Path) -> Self {
        let below = path.strip_prefix(root).unwrap_or(path);
        Self::mirrored(below.as_os_str().as_bytes())
    }

    /// Results of a document with that path below an input. Different paths never share results: see [`safe_path`].
    pub(super) fn mirrored(below: &[u8]) -> Self {
        let path = safe_path(below);
        match path.rsplit_once('/') {
            Some((folder, stem)) => Self {
                folder: folder.to_owned(),
                stem: stem.to_owned(),
            },
            None => Self::flat(not_account(path)),
        }
    }

    /// The path of the manifest below the output.
    pub(super) fn manifest(&self) -> String {
        let Self { folder, stem } = self;
        let slash = if folder.is_empty() { "" } else { "/" };
        format!("{folder}{slash}{stem}.{}", MANIFEST.0)
    }

    /// The prefix of the results below `output`.
    pub(super) fn prefix_in(&self, output: &StoreUri) -> Result<StoreUri, StoreUriError> {
        match self.folder.is_empty() {
            true => Ok(output.clone()),
            false => output.join(&self.folder),
        }
    }

    /// The folder of the results below `output`.
    pub(super) fn folder_in(&self, output: &Path) -> PathBuf {
        match self.folder.is_empty() {
            true => output.to_owned(),
            false => output.join(&self.folder),
        }
    }
}

/// A stem at the top of the output: `run.json` is the account, so the results of a file `run` are called `%72un`, which no
/// other file's are, because a `%` is always written as `%25`.
fn not_account(stem: String) -> String {
    match stem == ACCOUNT {
        true => "%72un".to_owned(),
        false => stem,
    }
}

/// Refuses inputs of which two would have the same results, before anything is read.
///
/// # Errors
/// Two inputs, or documents below two folders, would have the same results; or it would take too long to tell.
pub(super) fn refuse_shared(
    inputs: &[PathBuf],
    selection: &PathSelection,
    left_out: Option<&Path>,
) -> anyhow::Result<()> {
    let (mut folders, mut prefixes) = (Vec::new(), Vec::new());
    let mut named = HashMap::new();
    for input in inputs {
        if inputs::prefix(input).is_some() {
            prefixes.push(input);
        } else if input.is_dir() {
            folders.push(input);
        } else if let Some(other) = named.insert(ResultPath::of_named(input), input) {
            shared(other, input)?;
        }
    }
    if !prefixes.is_empty() && prefixes.len() + folders.len() > 1 {
        bail!(
            "{}: a prefix is converted in a run of its own, so that its results cannot meet those of {}",
            prefixes[0].display(),
            folders
                .first()
                .unwrap_or(&prefixes[prefixes.len() - 1])
                .display()
        );
    }
    for (result, input) in &named {
        for folder in &folders {
            let other = folder.join(&result.stem);
            if other.is_file() {
                shared(input, &other)?;
            }
        }
    }
    for (index, folder) in folders.iter().enumerate().skip(1) {
        for entry in DocumentWalk::new(folder, selection, left_out) {
            let WalkEntry::Document(path) = entry else {
                continue;
            };
            let below = path.strip_prefix(folder).unwrap_or(&path);
            for other in folders[..index].iter().map(|other| other.join(below)) {
                if other.is_file() {
                    shared(&other, &path)?;
                }
            }
        }
    }
    Ok(())
}

fn shared(one: &Path, other: &Path) -> anyhow::Result<()> {
    bail!(
        "{} and {} would have the same results; convert the folder above both, or each into a folder of its own",
        one.display(),
        other.display()
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn mirrored(below: &str) -> String {
        ResultPath::mirrored(below.as_bytes()).manifest()
    }

    #[test]
    fn results_mirror_the_tree_and_each_document_has_its_own() {
        for (below, manifest) in [
            ("1921/letters/001.pdf", "1921/letters/001.pdf.json"),
            ("1921/letters/001.tif", "1921/letters/001.tif.json"),
            ("scan", "scan.json"),
            ("50%.pdf", "50%25.pdf.json"),
            ("a\nb.pdf", "a%0Ab.pdf.json"),
            ("../../etc/x.pdf", "%2E%2E/%2E%2E/etc/x.pdf.json"),
            ("run", "%72un.json"),
            ("%72un", "%2572un.json"),
            ("run.pdf", "run.pdf.json"),
            ("a/run", "a/run.json"),
        ] {
            assert_eq!(mirrored(below), manifest);
        }
        let not_utf8 = ResultPath::mirrored(b"a\xFF.pdf").manifest();
        assert_ne!(not_utf8, ResultPath::mirrored(b"a\xFE.pdf").manifest());
        assert_ne!(not_utf8, mirrored("a%FF.pdf"));
        let long = |end: &str| mirrored(&format!("{}{end}", "x".repeat(240)));
        assert_ne!(long("1.pdf"), long("2.pdf"));
        assert!(long("1.pdf").len() < 220);
    }

    #[test]
    fn a_document_that_is_named_keeps_its_plain_name() {
        for (path, stem) in [
            ("b/scan.pdf", "scan"),
            ("-", "stdin"),
            (".hidden", ".hidden"),
            ("s3://b/in/a#1.pdf", "a#1"),
            ("run.pdf", "run.pdf"),
            ("run", "%72un"),
            ("..", "document"),
        ] {
            assert_eq!(ResultPath::of_named(Path::new(path)).stem, stem);
        }
    }

    #[test]
    fn inputs_that_would_share_results_are_refused() {
        let root = tempfile::tempdir().unwrap();
        for name in [
            "1921/001.pdf",
            "1922/001.pdf",
            "1923/002.pdf",
            "1923/a.txt",
            "1922/a.txt",
        ] {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let refused = |inputs: &[&str]| {
            let inputs: Vec<PathBuf> = inputs.iter().map(|input| root.path().join(input)).collect();
            refuse_shared(&inputs, &PathSelection::default(), None).is_err()
        };
        assert!(refused(&["1921", "1922"]));
        assert!(!refused(&["1921", "1923"]));
        assert!(
            !refused(&["1922", "1923"]),
            "what is passed over has no results"
        );
        assert!(!refused(&["."]));
        assert!(refused(&["a/scan.pdf", "b/scan.tif"]));
        assert!(!refused(&["a/scan.pdf", "b/letter.tif"]));
        assert!(refused(&["1921", "x/001.pdf.tif"]));
        let prefixes = ["s3://b/1/", "s3://b/2/"].map(PathBuf::from);
        assert!(refuse_shared(&prefixes, &PathSelection::default(), None).is_err());
        assert!(refuse_shared(&prefixes[..1], &PathSelection::default(), None).is_ok());
    }
}
