//! Structure tags of a page: the element of a tagged PDF that each of its marked contents belongs to (ISO 32000-1, 14.7
//! and 14.8).

#![expect(unsafe_code, reason = "PDFium is a C library")]

use std::{
    collections::HashMap,
    ffi::{c_int, c_void},
};

use super::{PdfPage, PdfiumLibrary, utf16_text};
use crate::image::inspection::{StructureTag, TagRole};

/// Elements looked at on a page: one with more is not tagged for readers.
const MAX_ELEMENTS: u32 = 50_000;
/// Depth to which elements within elements are looked at.
const MAX_DEPTH: u32 = 64;
/// Longest name of a type that is taken, in bytes of UTF-16.
const MAX_TYPE_BYTES: usize = 64;

impl PdfPage<'_> {
    /// The tags of the page's marked contents, by their ids; empty for a page that is not tagged.
    pub fn structure(&self) -> HashMap<i32, StructureTag> {
        let lib = self.document.lib;
        // SAFETY: the page is loaded; the tree is closed before the page is.
        let tree: *mut c_void =
            unsafe { lib.0.FPDF_StructTree_GetForPage(self.handle.cast()) }.cast();
        let mut walk = StructureWalk {
            lib,
            elements: 0,
            tags: HashMap::new(),
        };
        if tree.is_null() {
            return walk.tags;
        }
        // SAFETY: the tree is open while it is walked, and closed once.
        unsafe {
            for index in 0..lib.0.FPDF_StructTree_CountChildren(tree.cast()).max(0) {
                let child = lib.0.FPDF_StructTree_GetChildAtIndex(tree.cast(), index);
                walk.visit(child.cast(), None, 0, 0);
            }
            lib.0.FPDF_StructTree_Close(tree.cast());
        }
        walk.tags
    }
}

struct StructureWalk {
    lib: PdfiumLibrary,
    elements: u32,
    tags: HashMap<i32, StructureTag>,
}

impl StructureWalk {
    /// Looks at an element and those in it; `around` is the tag of what it is in, `sections` counts the sections.
    ///
    /// # Safety
    /// `element` is null or of a tree that is open.
    unsafe fn visit(
        &mut self,
        element: *mut c_void,
        around: Option<StructureTag>,
        sections: u8,
        depth: u32,
    ) {
        if element.is_null() || depth > MAX_DEPTH || self.elements >= MAX_ELEMENTS {
            return;
        }
        self.elements += 1;
        let lib = self.lib.0;
        // SAFETY: the element's tree is open; the buffer's length is told.
        let name = utf16_text(MAX_TYPE_BYTES, |buffer, length| unsafe {
            lib.FPDF_StructElement_GetType(element.cast(), buffer, length)
        });
        let sections = sections.saturating_add(u8::from(matches!(&*name, "Sect" | "Part" | "Art")));
        let role = role(&name, sections);
        let tag = match (around, role) {
            // What is inside a heading is the heading.
            (Some(around), _) if matches!(around.role, TagRole::Heading(_)) => Some(around),
            (_, Some(role)) => Some(StructureTag {
                role,
                element: self.elements,
            }),
            (around, None) => around,
        };
        // SAFETY: the element's tree is open, and so are its children.
        unsafe {
            let count: c_int = lib.FPDF_StructElement_CountChildren(element.cast());
            for index in 0..count.max(0) {
                let child = lib.FPDF_StructElement_GetChildAtIndex(element.cast(), index);
                if !child.is_null() {
                    self.visit(child.cast(), tag, sections, depth + 1);
                    continue;
                }
                let content = lib.FPDF_StructElement_GetChildMarkedContentID(element.cast(), index);
                if let (0.., Some(tag)) = (content, tag) {
                    self.tags.insert(content, tag);
                }
            }
        }
    }
}

/// The role of an element of a standard type (ISO 32000-1, 14.8.4); `None` for one that only groups others.
fn role(name: &str, sections: u8) -> Option<TagRole> {
    Some(match name {
        // A title of PDF 2.0.
        "Title" => TagRole::Heading(1),
        "H" => TagRole::Heading(sections.clamp(1, 6)),
        "P" | "L" | "LI" | "Lbl" | "LBody" | "Table" | "TD" | "TH" | "Caption" | "Note"
        | "Figure" | "Formula" | "Code" | "TOC" | "TOCI" | "BibEntry" | "Quote" | "BlockQuote"
        | "Form" | "FENote" => TagRole::Text,
        _ => {
            let level = name.strip_prefix('H')?.parse::<u8>().ok()?;
            TagRole::Heading(level.clamp(1, 6))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_have_the_level_of_their_type_or_of_their_sections() {
        for (name, sections, expected) in [
            ("H1", 0, Some(TagRole::Heading(1))),
            ("H9", 0, Some(TagRole::Heading(6))),
            ("H", 3, Some(TagRole::Heading(3))),
            ("H", 0, Some(TagRole::Heading(1))),
            ("P", 1, Some(TagRole::Text)),
            ("Hello", 1, None),
            ("Sect", 1, None),
            ("Span", 1, None),
        ] {
            assert_eq!(role(name, sections), expected, "{name}");
        }
    }
}
