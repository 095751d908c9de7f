//! Media types by the ending of a file's name: documents that are read, and what is written for them.

use std::path::Path;

use super::output::{FORMATS, MANIFEST};

/// Endings that make a file in a folder a document, with their media types. A file named by itself may have any ending.
const DOCUMENTS: [(&str, &str); 13] = [
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("webp", "image/webp"),
    ("jp2", "image/jp2"),
    ("j2k", "image/j2c"),
    ("jpf", "image/jpx"),
    ("jpx", "image/jpx"),
    ("bmp", "image/bmp"),
    ("gif", "image/gif"),
];

/// Endings of files that begin like documents but are none: what cameras write is a TIFF with a preview.
const OTHERS: [&str; 9] = [
    "cr2", "nef", "arw", "dng", "orf", "rw2", "pef", "srw", "nrw",
];

/// Returns true if a path ends like a document.
pub(crate) fn is_document(path: &Path) -> bool {
    let ending = ending(path);
    DOCUMENTS
        .iter()
        .any(|(known, _)| ending.as_deref() == Some(known))
}

/// Returns true if a path ends like something else, whatever its first bytes are.
pub(super) fn is_other(path: &Path) -> bool {
    ending(path).is_some_and(|ending| OTHERS.contains(&ending.as_str()))
}

/// The reason why a folder or a prefix is an input without documents.
pub(crate) fn no_documents() -> String {
    let endings = DOCUMENTS.map(|(ending, _)| ending);
    format!("no documents in it ({})", endings.join(", "))
}

/// The media type of a document or of a result.
pub(crate) fn media_type(path: &Path) -> &'static str {
    let ending = ending(path).unwrap_or_default();
    let outputs = FORMATS
        .iter()
        .copied()
        .map(|format| (format.ending, format.media_type));
    DOCUMENTS
        .into_iter()
        .chain(outputs)
        .chain([MANIFEST])
        .find(|(known, _)| known.rsplit('.').next() == Some(&ending))
        .map_or("application/octet-stream", |(_, media_type)| media_type)
}

fn ending(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_a_type() {
        for (ending, expected) in DOCUMENTS {
            for name in [
                format!("a.{ending}"),
                format!("a.{}", ending.to_uppercase()),
            ] {
                let path = Path::new(&name);
                assert!(is_document(path));
                assert_eq!(media_type(path), expected);
            }
        }
        assert!(!is_document(Path::new("pdf")) && !is_document(Path::new("a.pdf.txt")));
    }

    #[test]
    fn results_have_the_types_of_their_outputs() {
        for (name, expected) in [
            ("a.md", "text/markdown; charset=utf-8"),
            ("a.pages.jsonl", "application/x-ndjson"),
            ("a.html", "text/html; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.images/0001.jpg", "image/jpeg"),
            ("a", "application/octet-stream"),
        ] {
            assert_eq!(media_type(Path::new(name)), expected, "{name}");
        }
    }
}
