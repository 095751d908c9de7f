//! Selection of the documents of a folder or prefix: by patterns of their paths below it.

use std::path::Path;

use glob::{MatchOptions, Pattern};

use super::{media_type::is_document, passed_over::PassedKind};

/// A `*` stays within a folder, so that `letters/*.tif` is not `letters/drafts/1.tif`; dots are like other characters.
const MATCHING: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Patterns of paths that are read, and of those that are not.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathSelection {
    /// Patterns of which one has to match; all paths if there are none.
    pub(crate) include: Vec<Pattern>,
    /// Patterns of which none may match.
    pub(crate) exclude: Vec<Pattern>,
}

impl PathSelection {
    /// Returns true if the patterns let the file at the path `below` the folder be read. A pattern without a slash is one of
    /// names at any depth; one that matches a folder holds for all in it.
    pub(crate) fn lets_in(&self, below: &Path) -> bool {
        (self.include.is_empty() || any(&self.include, below)) && !self.shuts_out(below)
    }

    /// Returns true if a folder need not be entered.
    pub(crate) fn shuts_out(&self, below: &Path) -> bool {
        any(&self.exclude, below)
    }

    /// The reason why an object is no document by the name that it has `below` its prefix; `None` for a document.
    pub(crate) fn why_not_object(&self, below: &Path) -> Option<PassedKind> {
        if below.iter().any(starts_with_dot) {
            Some(PassedKind::DotFile)
        } else if !self.lets_in(below) {
            Some(PassedKind::Excluded)
        } else if is_document(below) {
            None
        } else {
            Some(PassedKind::of_ending(below))
        }
    }
}

/// Returns true if a name is one that tools hide.
pub(super) fn starts_with_dot(name: &std::ffi::OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn any(patterns: &[Pattern], below: &Path) -> bool {
    let folders = below
        .ancestors()
        .filter(|path| !path.as_os_str().is_empty());
    folders.into_iter().any(|path| {
        patterns.iter().any(|pattern| {
            let is_name = !pattern.as_str().contains('/');
            let path = match path.file_name() {
                Some(name) if is_name => Path::new(name),
                _ => path,
            };
            pattern.matches_path_with(path, MATCHING)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(include: &[&str], exclude: &[&str]) -> PathSelection {
        let patterns = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
        PathSelection {
            include: patterns(include),
            exclude: patterns(exclude),
        }
    }

    #[test]
    fn patterns_are_of_paths_below_the_folder_or_of_names() {
        let cases = [
            (&["*.tif"][..], &[][..], "a/b/1.tif", true),
            (&["*.tif"], &[], "a/b/1.pdf", false),
            (&["letters/*.tif"], &[], "letters/1.tif", true),
            (&["letters/*.tif"], &[], "letters/drafts/1.tif", false),
            (&["letters/**/*.tif"], &[], "letters/drafts/1.tif", true),
            (&["letters"], &[], "1921/letters/1.pdf", true),
            (&[], &["drafts"], "letters/drafts/1.tif", false),
            (&[], &["drafts/**"], "letters/drafts/1.tif", true),
            (&["*.pdf"], &["1921/*"], "1921/a.pdf", false),
            (&["*.pdf", "*.tif"], &[], "a.pdf", true),
        ];
        for (include, exclude, path, taken) in cases {
            let selection = selection(include, exclude);
            assert_eq!(
                selection.lets_in(Path::new(path)),
                taken,
                "{include:?} {exclude:?} {path}"
            );
        }
    }

    #[test]
    fn objects_are_told_by_their_names_alone() {
        let selection = selection(&[], &["old/"]);
        let why_not = ["a.pdf", "b.txt", ".trash/c.pdf", "noending"]
            .map(|key| selection.why_not_object(Path::new(key)));
        let txt = PassedKind::Ending(".txt".to_owned());
        let wanted = [
            None,
            Some(txt),
            Some(PassedKind::DotFile),
            Some(PassedKind::NoEnding),
        ];
        assert_eq!(why_not, wanted);
    }
}
