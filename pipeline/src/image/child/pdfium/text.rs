//! A page's text, character by character.

#![expect(unsafe_code, reason = "PDFium is a C library")]

use std::ffi::{c_int, c_void};

use super::{PageObject, PdfiumLibrary};
use crate::image::child::geometry::Affine;

/// A page's text.
pub(in crate::image::child) struct TextPage<'p> {
    pub(super) lib: PdfiumLibrary,
    pub(super) handle: *mut c_void,
    pub(super) _page: std::marker::PhantomData<&'p ()>,
}

impl TextPage<'_> {
    /// Number of characters, generated ones too.
    pub fn count(&self) -> u32 {
        // SAFETY: the text is loaded.
        let count = unsafe { self.lib.0.FPDFText_CountChars(self.handle.cast()) };
        u32::try_from(count).unwrap_or(0)
    }

    /// The character's UTF-16 unit or code point; 0 if it has none.
    pub fn unicode(&self, index: u32) -> u32 {
        // SAFETY: the text is loaded; an index out of range gives 0.
        unsafe {
            self.lib
                .0
                .FPDFText_GetUnicode(self.handle.cast(), at(index))
        }
    }

    /// Returns true if PDFium made the character up, such as a space between words that are apart.
    pub fn is_generated(&self, index: u32) -> bool {
        // SAFETY: the text is loaded; an index out of range gives -1.
        unsafe {
            self.lib
                .0
                .FPDFText_IsGenerated(self.handle.cast(), at(index))
                == 1
        }
    }

    /// Returns true if it is a hyphen at the end of a line.
    pub fn is_hyphen(&self, index: u32) -> bool {
        // SAFETY: as above.
        unsafe { self.lib.0.FPDFText_IsHyphen(self.handle.cast(), at(index)) == 1 }
    }

    /// Returns true if its mapping to Unicode is known to be wrong.
    pub fn has_map_error(&self, index: u32) -> bool {
        // SAFETY: as above.
        unsafe {
            self.lib
                .0
                .FPDFText_HasUnicodeMapError(self.handle.cast(), at(index))
                == 1
        }
    }

    /// The font's size before its matrix.
    pub fn font_size(&self, index: u32) -> f64 {
        // SAFETY: the text is loaded; an index out of range gives 0.
        unsafe {
            self.lib
                .0
                .FPDFText_GetFontSize(self.handle.cast(), at(index))
        }
    }

    /// The matrix from text to page.
    pub fn matrix(&self, index: u32) -> Option<Affine> {
        let mut matrix = [0.0_f32; 6];
        // SAFETY: the text is loaded; `FS_MATRIX` is six floats.
        let done = unsafe {
            self.lib
                .0
                .FPDFText_GetMatrix(self.handle.cast(), at(index), matrix.as_mut_ptr().cast())
        };
        (done != 0).then(|| Affine::from(matrix))
    }

    /// Its origin on the baseline, in the page's coordinates.
    pub fn origin(&self, index: u32) -> Option<(f64, f64)> {
        let (mut x, mut y) = (0.0, 0.0);
        // SAFETY: the text is loaded and the results have places.
        let done = unsafe {
            self.lib
                .0
                .FPDFText_GetCharOrigin(self.handle.cast(), at(index), &raw mut x, &raw mut y)
        };
        (done != 0).then_some((x, y))
    }

    /// Left, top, right and bottom of the box from one character to the next, as high as the font.
    pub fn loose_box(&self, index: u32) -> Option<[f64; 4]> {
        let mut rect = [0.0_f32; 4];
        // SAFETY: the text is loaded; `FS_RECTF` is left, top, right and bottom as floats.
        let done = unsafe {
            self.lib.0.FPDFText_GetLooseCharBox(
                self.handle.cast(),
                at(index),
                rect.as_mut_ptr().cast(),
            )
        };
        (done != 0).then(|| rect.map(f64::from))
    }

    /// Left, top, right and bottom of its outline, in the page's coordinates.
    pub fn outline_box(&self, index: u32) -> Option<[f64; 4]> {
        let (mut left, mut right, mut bottom, mut top) = (0.0, 0.0, 0.0, 0.0);
        // SAFETY: the text is loaded and the results have places.
        let done = unsafe {
            self.lib.0.FPDFText_GetCharBox(
                self.handle.cast(),
                at(index),
                &raw mut left,
                &raw mut right,
                &raw mut bottom,
                &raw mut top,
            )
        };
        (done != 0).then_some([left, top, right, bottom])
    }

    /// The text object that it is part of.
    pub fn object(&self, index: u32) -> Option<PageObject<'_>> {
        // SAFETY: the text is loaded; made-up characters give null.
        let handle: *mut c_void = unsafe {
            self.lib
                .0
                .FPDFText_GetTextObject(self.handle.cast(), at(index))
        }
        .cast();
        PageObject::new(self.lib, handle)
    }
}

impl Drop for TextPage<'_> {
    fn drop(&mut self) {
        // SAFETY: the text is loaded, and closed once.
        unsafe { self.lib.0.FPDFText_ClosePage(self.handle.cast()) }
    }
}

/// An index as PDFium takes it; one too large is out of range there too.
fn at(index: u32) -> c_int {
    c_int::try_from(index).unwrap_or(c_int::MAX)
}
