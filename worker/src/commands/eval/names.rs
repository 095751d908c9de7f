//! Names of predictions, for documents that may come from many folders.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::commands::convert::{InputDocument, ResultPath};

/// The documents, each with results of a name of its own in one folder.
pub(super) fn documents(paths: Vec<PathBuf>) -> Vec<InputDocument> {
    let names = names(&paths.iter().map(PathBuf::as_path).collect::<Vec<_>>());
    let named = paths.into_iter().zip(names);
    named
        .map(|(path, name)| InputDocument::file(path, ResultPath::flat(name)))
        .collect()
}

/// A name for each path's results: the file name without its ending; with the ending if several share that; with a
/// number if even that is taken.
fn names(paths: &[&Path]) -> Vec<String> {
    let text = |part: Option<&OsStr>| {
        part.map_or_else(
            || "document".to_owned(),
            |part| part.to_string_lossy().into_owned(),
        )
    };
    let stems: Vec<String> = paths.iter().map(|path| text(path.file_stem())).collect();
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
        let paths = ["a.pdf", "b/scan.pdf", "b/scan.tif", "c/scan.pdf", ".hidden"].map(Path::new);
        assert_eq!(
            names(&paths),
            ["a", "scan.pdf", "scan.tif", "scan.pdf-2", ".hidden"]
        );
    }
}
