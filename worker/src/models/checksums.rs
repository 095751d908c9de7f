//! Checksums of what `make setup` puts into the cache folder: models and libraries that are loaded from there must be those.
//! Others, which options name, may be any; the log says what they are.

use std::{
    collections::HashSet,
    env::consts::ARCH,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use recto_pipeline::pinned_files::{PinnedFiles, sha256};

use super::{config::MachineConfig, loader::cache};

/// One line a file: its SHA-256, its path in the cache folder, and the machine that it is for, if it is for one.
const CHECKSUMS: &str = include_str!("../../../deploy/checksums.txt");

/// The files that belong into the cache folder. Without such a folder there are none.
pub(super) fn pinned(machine: &MachineConfig) -> PinnedFiles {
    let Ok(cache) = cache(machine) else {
        return PinnedFiles::default();
    };
    entries()
        .map(|(sum, file)| (cache.join(file), sum.to_owned()))
        .collect()
}

fn entries() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = CHECKSUMS.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let (sum, file) = (words.next()?, words.next()?);
        words
            .next()
            .is_none_or(|machine| machine == ARCH)
            .then_some((sum, file))
    })
}

/// Checks a library before it is loaded, once in the life of the process. A file that is not there is left to who loads it.
///
/// # Errors
/// It is in the cache folder and not the one that belongs there.
pub(super) fn check_library(
    machine: &MachineConfig,
    library: &Path,
    option: &str,
) -> anyhow::Result<()> {
    static CHECKED: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
    let mut checked = CHECKED.lock().unwrap_or_else(PoisonError::into_inner);
    let checked = checked.get_or_insert_default();
    if checked.contains(library) {
        return Ok(());
    }
    let Ok(bytes) = fs::read(library) else {
        return Ok(());
    };
    let pinned = pinned(machine);
    if let Err(reason) = pinned.check(library, &bytes) {
        anyhow::bail!(
            "the library {} is not loaded: {reason}; delete it and run `make setup`, or name another one with {option}",
            library.display()
        );
    }
    if !pinned.has(library) {
        let sum = sha256(&bytes);
        tracing::info!(library = %library.display(), sha256 = sum, "a library of your own is loaded");
    }
    checked.insert(library.to_owned());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_of_what_comes_with_the_source_are_its() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../pipeline");
        let mut found = 0;
        for (sum, file) in entries() {
            // What is fetched is checked by `make setup`.
            let Ok(bytes) = fs::read(source.join(file)) else {
                continue;
            };
            assert_eq!(sha256(&bytes), sum, "{file} in deploy/checksums.txt");
            found += 1;
        }
        assert_eq!(found, 7);
    }

    #[test]
    fn each_machine_has_its_libraries() {
        for file in ["pdfium/libpdfium.so", "onnxruntime/libonnxruntime.so"] {
            assert_eq!(entries().filter(|(_, entry)| *entry == file).count(), 1);
        }
        assert!(entries().all(|(sum, _)| sum.len() == 64));
    }
}
