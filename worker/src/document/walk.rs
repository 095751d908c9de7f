//! Walk over the documents below a folder, in the order of their names.

use std::{
    collections::{BTreeSet, HashSet},
    ffi::OsString,
    fs::{self, File, Metadata},
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    vec,
};

use recto_pipeline::image::{DOCUMENT_HEAD_BYTES, begins_document};

use super::{
    media_type::{is_document, is_other},
    passed_over::PassedKind,
    selection::{PathSelection, starts_with_dot},
};

/// Names of a folder that are held at a time: of one with more, the next ones are looked for when these are done.
const NAMES_AT_ONCE: usize = 20_000;

/// The documents below a folder. Names that begin with a dot are passed over; links are followed, but nothing is given
/// twice: not what a link leads to if it is reached without the link. Held are some names of each folder on the way down,
/// what links have led to, and the files that have several names.
#[derive(Debug)]
pub(crate) struct DocumentWalk<'a> {
    root: PathBuf,
    /// The real paths of the root and of the folders outside that links have led to.
    real_roots: Vec<PathBuf>,
    selection: &'a PathSelection,
    /// A folder that is to be entered next.
    next: Option<PathBuf>,
    /// The rest of each folder on the way down.
    open: Vec<OpenFolder>,
    /// The real path of a folder that is not entered.
    left_out: Option<PathBuf>,
    seen: HashSet<FileIdentity>,
}

/// A file or a folder that a walk has come to.
#[derive(Debug)]
pub(crate) enum WalkEntry {
    /// A document.
    Document(PathBuf),
    /// A file or a folder that is passed over.
    PassedOver(PathBuf, PassedKind),
    /// A folder that cannot be read.
    Unreadable(WalkError),
}

/// A folder on the way down.
#[derive(Debug)]
struct OpenFolder {
    path: PathBuf,
    /// The names that come next.
    names: vec::IntoIter<OsString>,
    /// The last name that was looked for, if the folder may have more after it.
    more_after: Option<OsString>,
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
        }
    }

    /// The entry that a path is; nothing for a folder that is entered next, and for the one that is left out.
    fn look(&mut self, path: PathBuf) -> Option<WalkEntry> {
        let Ok(found) = fs::metadata(&path) else {
            return Some(WalkEntry::PassedOver(path, PassedKind::BrokenLink));
        };
        if found.is_dir() {
            if self.left_out.is_some() && fs::canonicalize(&path).ok() == self.left_out {
                return None;
            }
            let Some(kind) = self.why_not_enter(&path, &found) else {
                self.next = Some(path);
                return None;
            };
            return Some(WalkEntry::PassedOver(path, kind));
        }
        Some(match self.why_not(&path, &found) {
            None => WalkEntry::Document(path),
            Some(kind) => WalkEntry::PassedOver(path, kind),
        })
    }

    fn why_not_enter(&mut self, path: &Path, found: &Metadata) -> Option<PassedKind> {
        if path.file_name().is_some_and(starts_with_dot) {
            Some(PassedKind::DotFolder)
        } else if self.selection.shuts_out(self.below(path)) {
            Some(PassedKind::ExcludedFolder)
        } else if !self.is_first_name(path, found) {
            Some(PassedKind::ReadAlready)
        } else {
            None
        }
    }

    fn why_not(&mut self, path: &Path, found: &Metadata) -> Option<PassedKind> {
        if path.file_name().is_some_and(starts_with_dot) {
            Some(PassedKind::DotFile)
        } else if !found.is_file() {
            Some(PassedKind::Special)
        } else if !self.selection.lets_in(self.below(path)) {
            Some(PassedKind::Excluded)
        } else if !is_document(path) && (is_other(path) || !begins_like_document(path)) {
            Some(PassedKind::of_ending(path))
        } else if !self.is_first_name(path, found) {
            Some(PassedKind::ReadAlready)
        } else {
            None
        }
    }

    /// Returns true if a file or folder neither has come under another name nor will. What has one name need not be kept: a
    /// folder has, but for the links to it.
    fn is_first_name(&mut self, path: &Path, found: &Metadata) -> bool {
        let is_link = path.is_symlink();
        if is_link && fs::canonicalize(path).is_ok_and(|real| self.reaches(&real, found)) {
            return false;
        }
        match is_link || (found.is_file() && found.nlink() > 1) {
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
    type Item = WalkEntry;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(folder) = self.next.take() {
                let mut entered = OpenFolder {
                    path: folder,
                    names: Vec::new().into_iter(),
                    more_after: None,
                };
                match entered.look_for_names(NAMES_AT_ONCE) {
                    Ok(()) => self.open.push(entered),
                    Err(error) => {
                        let folder = entered.path;
                        return Some(WalkEntry::Unreadable(WalkError { folder, error }));
                    }
                }
            }
            let folder = self.open.last_mut()?;
            let Some(name) = folder.names.next() else {
                // What a folder that cannot be read any more had left is named with it.
                if folder.more_after.is_none() {
                    self.open.pop();
                } else if let Err(error) = folder.look_for_names(NAMES_AT_ONCE) {
                    let folder = folder.path.clone();
                    self.open.pop();
                    return Some(WalkEntry::Unreadable(WalkError { folder, error }));
                }
                continue;
            };
            let path = folder.path.join(name);
            if let Some(entry) = self.look(path) {
                return Some(entry);
            }
        }
    }
}

impl OpenFolder {
    /// Takes the next names in their order, at most so many: the folder is read once for each time, and never held whole.
    fn look_for_names(&mut self, at_once: usize) -> io::Result<()> {
        let after = self.more_after.take();
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let is_next = after.as_ref().is_none_or(|after| name > *after);
            let has_room = names.len() < at_once;
            if is_next && (has_room || names.last().is_some_and(|last| name < *last)) {
                names.insert(name);
                if names.len() > at_once {
                    names.pop_last();
                }
            }
        }
        if names.len() == at_once {
            self.more_after = names.last().cloned();
        }
        self.names = names.into_iter().collect::<Vec<_>>().into_iter();
        Ok(())
    }
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
    use crate::document::passed_over::PassedOver;

    fn walked(root: &Path, selection: &PathSelection) -> (Vec<String>, String) {
        let mut passed_over = PassedOver::default();
        let mut found = Vec::new();
        for entry in DocumentWalk::new(root, selection, Some(&root.join("out"))) {
            match entry {
                WalkEntry::Document(path) => {
                    found.push(path.strip_prefix(root).unwrap().display().to_string());
                }
                WalkEntry::PassedOver(_, kind) => passed_over.count(kind),
                WalkEntry::Unreadable(error) => panic!("{error:?}"),
            }
        }
        (found, passed_over.to_string())
    }

    #[test]
    fn a_folder_gives_its_names_in_order_however_few_are_held() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..10 {
            fs::write(folder.path().join(format!("{}", number * 7 % 10)), "").unwrap();
        }
        for at_once in [1, 3, 5, 10, 11] {
            let mut open = OpenFolder {
                path: folder.path().to_owned(),
                names: Vec::new().into_iter(),
                more_after: None,
            };
            let mut all = Vec::new();
            loop {
                open.look_for_names(at_once).unwrap();
                assert!(open.names.len() <= at_once);
                all.extend(open.names.by_ref());
                if open.more_after.is_none() {
                    break;
                }
            }
            let wanted: Vec<OsString> = (0..10).map(|number| format!("{number}").into()).collect();
            assert_eq!(all, wanted, "{at_once}");
        }
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
