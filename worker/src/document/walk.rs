//! Walk over the documents below a folder, in the order of their names.

use std::{
    fs::{self, DirEntry},
    io,
    path::{Path, PathBuf},
    vec,
};

use super::media_type::is_document;

/// The documents below a folder. The names of the folders on the way down are held, nothing else.
#[derive(Debug)]
pub(crate) struct DocumentWalk<'a> {
    /// A folder that is to be entered next.
    next: Option<PathBuf>,
    /// The rest of each folder on the way down.
    open: Vec<vec::IntoIter<DirEntry>>,
    /// A folder that is not entered.
    left_out: Option<&'a Path>,
}

/// A folder that cannot be read.
#[derive(Debug)]
pub(crate) struct WalkError {
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The system's reason.
    pub(crate) error: io::Error,
}

impl<'a> DocumentWalk<'a> {
    /// Starts at `folder`; what is below `left_out` is not looked at.
    pub(crate) fn new(folder: &Path, left_out: Option<&'a Path>) -> Self {
        Self {
            next: Some(folder.to_owned()),
            open: Vec::new(),
            left_out,
        }
    }
}

impl Iterator for DocumentWalk<'_> {
    type Item = Result<PathBuf, WalkError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(folder) = self.next.take() {
                match entries(&folder) {
                    Ok(entries) => self.open.push(entries.into_iter()),
                    Err(error) => return Some(Err(WalkError { folder, error })),
                }
            }
            let Some(entry) = self.open.last_mut()?.next() else {
                self.open.pop();
                continue;
            };
            let path = entry.path();
            // A link to a folder could lead back up; one to a file is a file.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                self.next = Some(path).filter(|path| self.left_out != Some(path));
            } else if path.is_file() && is_document(&path) {
                return Some(Ok(path));
            }
        }
    }
}

fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(DirEntry::file_name);
    Ok(entries)
}
