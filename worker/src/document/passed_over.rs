//! Passed over: files below a folder or prefix that were not taken for documents, counted by kind, so that none is left out
//! in silence.

use std::{collections::BTreeMap, fmt, path::Path};

use serde::Serialize;

/// Kinds that are named; the rest is one number.
const NAMED_KINDS: usize = 12;
/// The longest ending that is taken for one: what comes after the last dot of a title is longer.
const LONGEST_ENDING: usize = 8;

/// The reason why a file or a folder was passed over.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", into = "String")]
pub(crate) enum PassedKind {
    /// Its ending, with the dot, is none of a document's, nor are its first bytes.
    Ending(String),
    /// It has no ending, and its first bytes are none of a document's.
    NoEnding,
    /// Its name begins with a dot.
    DotFile,
    /// A folder whose name begins with a dot; what is in it is not counted.
    DotFolder,
    /// `--include` or `--exclude` leaves it out.
    Excluded,
    /// A folder that `--exclude` leaves out.
    ExcludedFolder,
    /// Another name or a link of what has been read already.
    ReadAlready,
    /// A link to nothing.
    BrokenLink,
    /// A socket, a pipe or a device.
    Special,
}

impl PassedKind {
    /// The kind of a file that is no document.
    pub(crate) fn of_ending(path: &Path) -> Self {
        let ending = path.extension().and_then(|ending| ending.to_str());
        match ending.map(str::to_ascii_lowercase) {
            Some(ending)
                if ending.len() <= LONGEST_ENDING
                    && ending.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
            {
                Self::Ending(format!(".{ending}"))
            }
            _ => Self::NoEnding,
        }
    }

    /// So many of this kind, for people.
    fn counted(&self, count: u64) -> String {
        let (one, many) = match self {
            Self::Ending(ending) => return format!("{count} {ending}"),
            Self::NoEnding => return format!("{count} without an ending"),
            Self::DotFile => ("file beginning with a dot", "files beginning with a dot"),
            Self::DotFolder => (
                "folder beginning with a dot",
                "folders beginning with a dot",
            ),
            Self::Excluded => ("left out by a pattern", "left out by a pattern"),
            Self::ExcludedFolder => (
                "folder left out by a pattern",
                "folders left out by a pattern",
            ),
            Self::ReadAlready => (
                "other name of what is read already",
                "other names of what is read already",
            ),
            Self::BrokenLink => ("link to nothing", "links to nothing"),
            Self::Special => ("special file", "special files"),
        };
        format!("{count} {}", if count == 1 { one } else { many })
    }
}

impl From<PassedKind> for String {
    fn from(kind: PassedKind) -> Self {
        match kind {
            PassedKind::Ending(ending) => return ending,
            PassedKind::NoEnding => "no-ending",
            PassedKind::DotFile => "dot-file",
            PassedKind::DotFolder => "dot-folder",
            PassedKind::Excluded => "excluded",
            PassedKind::ExcludedFolder => "excluded-folder",
            PassedKind::ReadAlready => "read-already",
            PassedKind::BrokenLink => "broken-link",
            PassedKind::Special => "special",
        }
        .to_owned()
    }
}

/// Numbers of files that were passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct PassedOver {
    kinds: BTreeMap<PassedKind, u64>,
}

impl PassedOver {
    /// Counts one more.
    pub(crate) fn count(&mut self, kind: PassedKind) {
        *self.kinds.entry(kind).or_default() += 1;
    }

    /// The numbers by the words of their kinds.
    pub(crate) fn by_kind(&self) -> BTreeMap<String, u64> {
        let kinds = self.kinds.iter();
        kinds
            .map(|(kind, count)| (kind.clone().into(), *count))
            .collect()
    }

    /// The number of all.
    pub(crate) fn total(&self) -> u64 {
        self.kinds.values().sum()
    }

    /// Returns true if nothing was passed over.
    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }
}

/// `12 files passed over: 8 .docx, 3 .txt, 1 folder beginning with a dot`.
impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kinds: Vec<_> = self.kinds.iter().collect();
        // The order of equals stays that of the kinds.
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let all = self.total();
        let rest: u64 = kinds
            .iter()
            .skip(NAMED_KINDS)
            .map(|(_, count)| **count)
            .sum();
        let mut named: Vec<String> = kinds
            .iter()
            .take(NAMED_KINDS)
            .map(|(kind, count)| kind.counted(**count))
            .collect();
        if rest > 0 {
            named.push(format!("{rest} of other kinds"));
        }
        let files = if all == 1 { "file" } else { "files" };
        write!(f, "{all} {files} passed over: {}", named.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_kinds_are_named_first() {
        let mut passed_over = PassedOver::default();
        for name in ["a.txt", "b.DOCX", "c.docx", "Minutes v. of the board"] {
            passed_over.count(PassedKind::of_ending(Path::new(name)));
        }
        passed_over.count(PassedKind::DotFolder);
        assert_eq!(
            passed_over.to_string(),
            "5 files passed over: 2 .docx, 1 .txt, 1 without an ending, 1 folder beginning with a dot"
        );
        assert_eq!(
            serde_json::to_value(&passed_over).unwrap(),
            serde_json::json!({".docx": 2, ".txt": 1, "no-ending": 1, "dot-folder": 1})
        );
    }
}
