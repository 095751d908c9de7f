//! Media types by file name ending.

use std::path::Path;

/// Endings that make a file in a folder a document; a file named by itself may have any.
pub(crate) const ENDINGS: [&str; 7] = ["pdf", "png", "jpg", "jpeg", "tif", "tiff", "webp"];

/// Returns true if a path ends like a document.
pub(crate) fn is_document(path: &Path) -> bool {
    ending(path).is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

/// The content type of a document or a result.
pub(crate) fn content_type(path: &Path) -> &'static str {
    match ending(path).as_deref() {
        Some("pdf") => "application/pdf",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("tif" | "tiff") => "image/tiff",
        Some("webp") => "image/webp",
        Some("md") => "text/markdown; charset=utf-8",
        Some("jsonl") => "application/x-ndjson",
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

fn ending(path: &Path) -> Option<String> {
    Some(path.extension()?.to_str()?.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ending_has_a_type() {
        for ending in ENDINGS {
            for name in [
                format!("a.{ending}"),
                format!("a.{}", ending.to_uppercase()),
            ] {
                let path = Path::new(&name);
                assert!(is_document(path));
                assert_ne!(content_type(path), "application/octet-stream");
            }
        }
        assert!(!is_document(Path::new("pdf")) && !is_document(Path::new("a.pdf.txt")));
    }
}
