//! Search for fonts in place of those that documents do not embed.

use std::path::Path;

/// Folders within folders that are looked into.
const MAX_DEPTH: u32 = 6;

/// Returns true if there is a font below `dir`.
pub(super) fn has_fonts(dir: &Path) -> bool {
    find(dir, MAX_DEPTH)
}

fn find(dir: &Path, depth: u32) -> bool {
    let Ok(entries) = dir.read_dir() else {
        return false;
    };
    entries.flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return depth > 0 && find(&path, depth - 1);
        }
        let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
        // What PDFium's scan of font folders takes.
        ["ttf", "ttc", "otf"].iter().any(|font| ending == *font)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fonts_are_found_below_folders() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!has_fonts(dir.path()));
        assert!(!has_fonts(&dir.path().join("absent")));
        let below = dir.path().join("truetype/dejavu");
        std::fs::create_dir_all(&below).unwrap();
        std::fs::write(below.join("README"), "").unwrap();
        assert!(!has_fonts(dir.path()));
        std::fs::write(below.join("DejaVuSans.TTF"), "").unwrap();
        assert!(has_fonts(dir.path()));
    }
}
