//! Bookmarks of a document: its outline, as its author wrote it.

#![expect(unsafe_code, reason = "PDFium is a C library")]

use std::{collections::HashSet, ffi::c_void, ptr};

use super::{PdfFile, utf16_text};
use crate::image::protocol::{MAX_BOOKMARKS, WireBookmark};

/// Depth to which bookmarks below bookmarks are looked at.
const MAX_DEPTH: u8 = 16;
/// Longest title that is taken, in bytes of UTF-16.
const MAX_TITLE_BYTES: usize = 1_024;
/// Bookmarks times pages up to which each one's page is looked up: PDFium may go through all pages for one.
const MAX_LOOKUPS: usize = 2_000_000;

impl PdfFile {
    /// Its bookmarks in the order of its outline, those below one after it.
    pub fn bookmarks(&self) -> Vec<WireBookmark> {
        let lib = self.lib.0;
        let mut found = Vec::new();
        let mut handles = Vec::new();
        // An outline may be circular.
        let mut seen = HashSet::new();
        // SAFETY: the document is open, and its bookmarks are while it is; null asks for the first one of all.
        let first_below = |parent: *mut c_void| -> *mut c_void {
            unsafe { lib.FPDFBookmark_GetFirstChild(self.handle.cast(), parent.cast()) }.cast()
        };
        let mut open = vec![first_below(ptr::null_mut())];
        while let Some(last) = open.last_mut() {
            let bookmark = *last;
            if bookmark.is_null() || found.len() >= MAX_BOOKMARKS || !seen.insert(bookmark.addr()) {
                open.pop();
                continue;
            }
            // SAFETY: as above.
            *last = unsafe { lib.FPDFBookmark_GetNextSibling(self.handle.cast(), bookmark.cast()) }
                .cast();
            let depth = u8::try_from(open.len()).unwrap_or(u8::MAX);
            let title = utf16_text(MAX_TITLE_BYTES, |buffer, length| {
                // SAFETY: as above; the buffer's length is told.
                unsafe { lib.FPDFBookmark_GetTitle(bookmark.cast(), buffer, length) }
            });
            found.push(WireBookmark {
                depth,
                title,
                page: None,
            });
            handles.push(bookmark);
            if depth < MAX_DEPTH {
                open.push(first_below(bookmark));
            }
        }
        if found.len().saturating_mul(self.pages() as usize) <= MAX_LOOKUPS {
            for (bookmark, handle) in found.iter_mut().zip(handles) {
                bookmark.page = self.page_of(handle);
            }
        }
        found
    }

    /// The one-based page that a bookmark leads to.
    fn page_of(&self, bookmark: *mut c_void) -> Option<u32> {
        let (lib, document) = (self.lib.0, self.handle);
        // SAFETY: the document is open, and the bookmark is one of its own; null actions and destinations are errors.
        let index = unsafe {
            let mut destination = lib.FPDFBookmark_GetDest(document.cast(), bookmark.cast());
            if destination.is_null() {
                let action = lib.FPDFBookmark_GetAction(bookmark.cast());
                destination = lib.FPDFAction_GetDest(document.cast(), action);
            }
            lib.FPDFDest_GetDestPageIndex(document.cast(), destination)
        };
        u32::try_from(index).ok()?.checked_add(1)
    }
}
