//! Walk over the documents below a folder, in the order of their names.

use std::{
    collections::HashSet,
    fs::{self, DirEntry, File, Metadata},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    vec,
};

use recto_pipeline::image::{DOCUMENT_HEAD_BYTES, begins_document};

use super::{
    media_type::{is_document, is_other},
    passed_over::{PassedKind, PassedOver},
    selection::{PathSelection, starts_with_dot},
};

/// The documents below a folder. Names that begin with a dot are passed over; links are followed, but nothing is given
/// twice: not what a link leads to if it is reached without the link. Held are the names of the folders on the way down,
/// the folders seen, and the files that have several names.
#[derive(Debug)]
pub(crate) struct DocumentWalk<'a> {
    root: PathBuf,
    /// The real paths of the root and of the folders outside that links have led to.
    real_roots: Vec<PathBuf>,
    selection: &'a PathSelection,
    /// A folder that is to be entered next.
    next: Option<PathBuf>,
    /// The rest of each folder on the way down.
    open: Vec<vec::IntoIter<DirEntry>>,
    /// The real path of a folder that is not entered.
    left_out: Option<PathBuf>,
    seen: HashSet<FileIdentity>,
    passed_over: PassedOver,
}

/// The device and inode of a file or folder: they are one however many names it has.
type FileIdentity = (u64, u64);

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
    pub(crate) fn new(
        folder: &Path,
        selection: &'a PathSelection,
        left_out: Option<&Path>,
    ) -> Self {
        let seen = fs::metadata(folder).map(|root| identity(&root));
        Self {
            root: folder.to_owned(),
            real_roots: fs::canonicalize(folder).into_iter().collect(),
            selection,
            next: Some(folder.to_owned()),
            open: Vec::new(),
            left_out: left_out.and_then(|path| fs::canonicalize(path).ok()),
            seen: seen.into_iter().collect(),
            passed_over: PassedOver::default(),
        }
    }

    /// The files passed over so far.
    pub(crate) fn passed_over(&self) -> &PassedOver {
        &self.passed_over
    }

    /// The document that an entry is, or nothing: a folder is entered next, the rest is counted.
    fn look(&mut self, entry: &DirEntry) -> Option<PathBuf> {
        let path = entry.path();
        let Ok(found) = fs::metadata(&path) else {
            self.passed_over.count(PassedKind::BrokenLink);
            return None;
        };
        if found.is_dir() {
            self.look_at_folder(path, entry, &found);
            return None;
        }
        match self.why_not(&path, entry, &found) {
            None => Some(path),
            Some(kind) => {
                self.passed_over.count(kind);
                None
            }
        }
    }

    fn look_at_folder(&mut self, path: PathBuf, entry: &DirEntry, found: &Metadata) {
        if self.left_out.is_some() && fs::canonicalize(&path).ok() == self.left_out {
            return;
        }
        let kind = if starts_with_dot(&entry.file_name()) {
            PassedKind::DotFolder
        } else if self.selection.shuts_out(self.below(&path)) {
            PassedKind::ExcludedFolder
        } else if !self.is_first_name(&path, entry, found) {
            PassedKind::ReadAlready
        } else {
            self.next = Some(path);
            return;
        };
        self.passed_over.count(kind);
    }

    fn why_not(&mut self, path: &Path, entry: &DirEntry, found: &Metadata) -> Option<PassedKind> {
        if starts_with_dot(&entry.file_name()) {
            Some(PassedKind::DotFile)
        } else if !found.is_file() {
            Some(PassedKind::Special)
        } else if !self.selection.lets_in(self.below(path)) {
            Some(PassedKind::Excluded)
        } else if !is_document(path) && (is_other(path) || !begins_like_document(path)) {
            Some(PassedKind::of_ending(path))
        } else if !self.is_first_name(path, entry, found) {
            Some(PassedKind::ReadAlready)
        } else {
            None
        }
    }

    /// Returns true if a file or folder neither has come under another name nor will. A file with one name need not be kept.
    fn is_first_name(&mut self, path: &Path, entry: &DirEntry, found: &Metadata) -> bool {
        let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
        if is_link && fs::canonicalize(path).is_ok_and(|real| self.reaches(&real, found)) {
            return false;
        }
        match is_link || found.is_dir() || found.nlink() > 1 {
            true => self.seen.insert(identity(found)),
            false => !self.seen.contains(&identity(found)),
        }
    }

    /// Returns true if the walk comes to a real path without a link, or the path leads up to where it began. A folder that
    /// it does not come to is one of the walk's roots from now on.
    fn reaches(&mut self, real: &Path, found: &Metadata) -> bool {
        let left_out = self.left_out.as_deref();
        let is_reached = self.real_roots.iter().any(|root| {
            root.starts_with(real)
                || left_out.is_some_and(|left_out| real.starts_with(left_out))
                || real.strip_prefix(root).is_ok_and(|below| {
                    !below.iter().any(starts_with_dot)
                        && (found.is_dir() || self.selection.lets_in(below))
                        && !self.selection.shuts_out(below)
                })
        });
        if !is_reached && found.is_dir() {
            self.real_roots.push(real.to_owned());
        }
        is_reached
    }

    fn below<'p>(&self, path: &'p Path) -> &'p Path {
        path.strip_prefix(&self.root).unwrap_or(path)
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
            if let Some(path) = self.look(&entry) {
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

fn identity(found: &Metadata) -> FileIdentity {
    (found.dev(), found.ino())
}

/// Returns true if a file begins like a document, or cannot be opened: then reading it says why.
fn begins_like_document(path: &Path) -> bool {
    let Ok(file) = File::open(path) else {
        return true;
    };
    let mut head = Vec::new();
    let read = file.take(DOCUMENT_HEAD_BYTES as u64).read_to_end(&mut head);
    read.is_err() || begins_document(&head)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn walked(root: &Path, selection: &PathSelection) -> (Vec<String>, String) {
        let mut walk = DocumentWalk::new(root, selection, Some(&root.join("out")));
        let found = walk.by_ref().map(|path| {
            let path = path.expect("a folder that can be read");
            path.strip_prefix(root).unwrap().display().to_string()
        });
        let found = found.collect();
        (found, walk.passed_over().to_string())
    }

    fn write(root: &Path, files: &[(&str, &str)]) {
        for (name, text) in files {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
    }

    #[test]
    fn what_is_passed_over_is_counted_by_kind() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(
            root,
            &[
                ("a.pdf", ""),
                ("b.docx", "PK"),
                ("c.txt", "about %PDF files"),
                ("noending", "%PDF-1.4"),
                ("photo.jfif", "\u{0}"),
                (".hidden.pdf", ""),
                (".snapshot/a.pdf", ""),
                ("out/a.jpg", ""),
            ],
        );
        fs::write(root.join("photo.jfif"), b"\xFF\xD8\xFF\xE0").unwrap();
        symlink("nowhere", root.join("gone.pdf")).unwrap();
        let (found, passed_over) = walked(root, &PathSelection::default());
        assert_eq!(found, ["a.pdf", "noending", "photo.jfif"]);
        assert_eq!(
            passed_over,
            "5 files passed over: 1 .docx, 1 .txt, 1 file beginning with a dot, \
             1 folder beginning with a dot, 1 link to nothing"
        );
    }

    #[test]
    fn links_are_followed_and_nothing_is_read_twice() {
        let folder = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, &[("b/1.pdf", ""), ("b/2.pdf", "")]);
        write(elsewhere.path(), &[("3.pdf", "")]);
        symlink("b/1.pdf", root.join("a.pdf")).unwrap();
        fs::hard_link(root.join("b/2.pdf"), root.join("c.pdf")).unwrap();
        symlink("..", root.join("b/up")).unwrap();
        symlink(elsewhere.path(), root.join("linked")).unwrap();
        let (found, passed_over) = walked(root, &PathSelection::default());
        assert_eq!(found, ["b/1.pdf", "b/2.pdf", "linked/3.pdf"]);
        assert_eq!(
            passed_over,
            "3 files passed over: 3 other names of what is read already"
        );
    }

    /// As in git-annex, whose files are links into a hidden folder.
    #[test]
    fn a_link_to_what_is_passed_over_is_read() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[(".annex/1", "%PDF-1.7")]);
        symlink(".annex/1", folder.path().join("a.pdf")).unwrap();
        symlink(".annex/1", folder.path().join("b.pdf")).unwrap();
        let (found, passed_over) = walked(folder.path(), &PathSelection::default());
        assert_eq!(found, ["a.pdf"]);
        assert_eq!(
            passed_over,
            "2 files passed over: 1 folder beginning with a dot, 1 other name of what is read already"
        );
    }

    #[test]
    fn patterns_leave_files_and_folders_out() {
        let folder = tempfile::tempdir().unwrap();
        write(
            folder.path(),
            &[
                ("a.pdf", ""),
                ("b/1.tif", ""),
                ("b/2.pdf", ""),
                ("c/3.tif", ""),
            ],
        );
        let selection = PathSelection {
            include: vec!["*.tif".parse().unwrap()],
            exclude: vec!["c".parse().unwrap()],
        };
        let (found, passed_over) = walked(folder.path(), &selection);
        assert_eq!(found, ["b/1.tif"]);
        assert_eq!(
            passed_over,
            "3 files passed over: 2 left out by a pattern, 1 folder left out by a pattern"
        );
    }
}
