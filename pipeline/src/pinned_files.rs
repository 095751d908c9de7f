//! Pinned files: those of which it is known what has to be in them, checked on the bytes that are loaded.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// The SHA-256, in 64 hexadecimal digits, that the file at a path must have to be loaded. Files at other paths may be any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PinnedFiles(BTreeMap<PathBuf, String>);

impl PinnedFiles {
    /// Returns true if something is known of the file at `path`.
    pub fn has(&self, path: &Path) -> bool {
        self.0.contains_key(path)
    }

    /// Checks what was read from `path`.
    ///
    /// # Errors
    /// Says that it is not what is pinned.
    pub fn check(&self, path: &Path, bytes: &[u8]) -> Result<(), String> {
        let Some(pinned) = self.0.get(path) else {
            return Ok(());
        };
        let found = sha256(bytes);
        match found == *pinned {
            true => Ok(()),
            false => Err(format!(
                "it is not the file that belongs there: its SHA-256 is {found}, not {pinned}"
            )),
        }
    }
}

impl FromIterator<(PathBuf, String)> for PinnedFiles {
    fn from_iter<I: IntoIterator<Item = (PathBuf, String)>>(files: I) -> Self {
        Self(files.into_iter().collect())
    }
}

/// SHA-256 of `bytes`, 64 hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_pinned_path_is_held_to_its_sum() {
        // Of the empty text (FIPS 180-4).
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let files = PinnedFiles::from_iter([(PathBuf::from("/m/a"), empty.to_owned())]);
        assert_eq!(files.check(Path::new("/m/a"), b""), Ok(()));
        assert_eq!(files.check(Path::new("/m/b"), b"x"), Ok(()));
        let error = files.check(Path::new("/m/a"), b"x").unwrap_err();
        assert!(error.contains(empty), "{error}");
    }
}
