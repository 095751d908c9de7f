//! Objects of a page.

#![expect(unsafe_code, reason = "PDFium is a C library")]

use std::{
    ffi::{c_ulong, c_void},
    ptr,
};

use super::PdfiumLibrary;
use crate::image::child::geometry::Affine;

/// One object on a page; valid while the page is.
#[derive(Clone, Copy)]
pub(in crate::image::child) struct PageObject<'p> {
    lib: PdfiumLibrary,
    handle: *mut c_void,
    _page: std::marker::PhantomData<&'p ()>,
}

/// A font, as its document describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::image::child) struct FontFacts {
    /// Its base name.
    pub name: String,
    /// True if the document brings it.
    pub embedded: bool,
    /// True if it calls itself one of fixed pitch.
    pub fixed_pitch: bool,
    /// True if it calls itself slanted.
    pub italic: bool,
}

/// The kind of a page object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::image::child) enum ObjectKind {
    Text,
    Path,
    Image,
    Form,
    Other,
}

impl<'p> PageObject<'p> {
    pub(super) fn new(lib: PdfiumLibrary, handle: *mut c_void) -> Option<Self> {
        (!handle.is_null()).then_some(Self {
            lib,
            handle,
            _page: std::marker::PhantomData,
        })
    }

    /// Tells objects of one page apart.
    pub fn id(&self) -> usize {
        self.handle.addr()
    }

    /// Its kind.
    pub fn kind(&self) -> ObjectKind {
        // SAFETY: the page is loaded.
        match unsafe { self.lib.0.FPDFPageObj_GetType(self.handle.cast()) } {
            1 => ObjectKind::Text,
            2 => ObjectKind::Path,
            3 => ObjectKind::Image,
            5 => ObjectKind::Form,
            _ => ObjectKind::Other,
        }
    }

    /// From its own space to what it is on: for images from the unit square, for forms from their content.
    pub fn matrix(&self) -> Option<Affine> {
        let mut matrix = [0.0_f32; 6];
        // SAFETY: the page is loaded; `FS_MATRIX` is six floats.
        let done = unsafe {
            self.lib
                .0
                .FPDFPageObj_GetMatrix(self.handle.cast(), matrix.as_mut_ptr().cast())
        };
        (done != 0).then(|| Affine::from(matrix))
    }

    /// The objects that a form draws, in order.
    pub fn children(&self) -> impl Iterator<Item = PageObject<'p>> {
        let (lib, handle) = (self.lib, self.handle);
        // SAFETY: the page is loaded; gives -1 for other objects.
        let count = unsafe { lib.0.FPDFFormObj_CountObjects(handle.cast()) };
        (0..c_ulong::try_from(count).unwrap_or(0)).filter_map(move |index| {
            // SAFETY: the page is loaded; an index out of range gives null.
            let child: *mut c_void =
                unsafe { lib.0.FPDFFormObj_GetObject(handle.cast(), index) }.cast();
            PageObject::new(lib, child)
        })
    }

    /// Left, bottom, right and top of a path that is filled and hides what is under it, in the space that it is in.
    pub fn opaque_fill(&self) -> Option<[f64; 4]> {
        let (mut fill, mut stroke) = (0, 0);
        // SAFETY: the page is loaded and the results have places; other objects give false.
        let opaque = unsafe {
            let lib = self.lib.0;
            lib.FPDFPath_GetDrawMode(self.handle.cast(), &raw mut fill, &raw mut stroke) != 0
                && fill != 0
                && lib.FPDFPageObj_HasTransparency(self.handle.cast()) == 0
        };
        opaque.then(|| self.bounds()).flatten()
    }

    /// An image's size in pixels.
    pub fn image_size(&self) -> Option<(u32, u32)> {
        let (mut width, mut height) = (0, 0);
        // SAFETY: the page is loaded and the results have places; other objects give false.
        let done = unsafe {
            self.lib.0.FPDFImageObj_GetImagePixelSize(
                self.handle.cast(),
                &raw mut width,
                &raw mut height,
            )
        };
        (done != 0).then_some((width, height))
    }

    /// Returns true if an image is a JPEG and stored as nothing else.
    pub fn is_plain_jpeg(&self) -> bool {
        const FILTER: &[u8] = b"DCTDecode\0";
        let mut name = [0_u8; FILTER.len()];
        // SAFETY: the page is loaded; other objects give none; the buffer's length is told, and a longer name is not written.
        unsafe {
            if self
                .lib
                .0
                .FPDFImageObj_GetImageFilterCount(self.handle.cast())
                != 1
            {
                return false;
            }
            let length = name.len() as c_ulong;
            self.lib.0.FPDFImageObj_GetImageFilter(
                self.handle.cast(),
                0,
                name.as_mut_ptr().cast(),
                length,
            );
        }
        name == FILTER
    }

    /// The bytes of an image as stored; none if it has none, or more than there is memory for.
    pub fn raw_image_data(&self) -> Vec<u8> {
        let read = |buffer: *mut c_void, length: c_ulong| {
            // SAFETY: the page is loaded; other objects give none; a buffer has the length that is told, null has none.
            unsafe {
                self.lib
                    .0
                    .FPDFImageObj_GetImageDataRaw(self.handle.cast(), buffer.cast(), length)
            }
        };
        let length = read(ptr::null_mut(), 0);
        let mut data = Vec::new();
        let bytes = usize::try_from(length).unwrap_or(0);
        if data.try_reserve_exact(bytes).is_ok() {
            data.resize(bytes, 0);
            read(data.as_mut_ptr().cast(), length);
        }
        data
    }

    /// The id of the marked content that it belongs to, which a tagged PDF's structure refers to.
    pub fn marked_content(&self) -> Option<i32> {
        // SAFETY: the page is loaded; gives -1 for objects without one.
        let id = unsafe {
            self.lib
                .0
                .FPDFPageObj_GetMarkedContentID(self.handle.cast())
        };
        (id >= 0).then_some(id)
    }

    /// A text's render mode, 0 to 7 (ISO 32000-1, table 106).
    pub fn render_mode(&self) -> i32 {
        // SAFETY: the page is loaded; other objects give -1.
        unsafe { self.lib.0.FPDFTextObj_GetTextRenderMode(self.handle.cast()) }
    }

    /// Red, green, blue and opacity of its fill; `None` if that is a pattern.
    pub fn fill_color(&self) -> Option<[u8; 4]> {
        let (mut r, mut g, mut b, mut a) = (0, 0, 0, 0);
        // SAFETY: the page is loaded and the results have places.
        let done = unsafe {
            self.lib.0.FPDFPageObj_GetFillColor(
                self.handle.cast(),
                &raw mut r,
                &raw mut g,
                &raw mut b,
                &raw mut a,
            )
        };
        let channel = |value| u8::try_from(value).unwrap_or(u8::MAX);
        (done != 0).then_some([r, g, b, a].map(channel))
    }

    /// A text's font.
    pub fn font(&self) -> Option<FontFacts> {
        /// `FixedPitch` and `Italic` of a font's flags (ISO 32000-1, table 123).
        const FIXED_PITCH: i32 = 1;
        const ITALIC: i32 = 1 << 6;
        let mut name = [0_u8; 128];
        // SAFETY: the page is loaded; the font is the page's and not closed here; the buffer's length
        // is told, and the angle has a place.
        unsafe {
            let lib = self.lib.0;
            let font = lib.FPDFTextObj_GetFont(self.handle.cast());
            if font.is_null() {
                return None;
            }
            let length = lib.FPDFFont_GetBaseFontName(font, name.as_mut_ptr().cast(), name.len());
            let name = name.get(..length.saturating_sub(1)).unwrap_or_default();
            let flags = lib.FPDFFont_GetFlags(font).max(0);
            let mut angle = 0;
            let has_angle = lib.FPDFFont_GetItalicAngle(font, &raw mut angle) != 0;
            Some(FontFacts {
                name: String::from_utf8_lossy(name).into_owned(),
                embedded: lib.FPDFFont_GetIsEmbedded(font) != 0,
                fixed_pitch: flags & FIXED_PITCH != 0,
                italic: flags & ITALIC != 0 || has_angle && angle != 0,
            })
        }
    }

    /// Left, bottom, right and top of a path that is drawn, in the space that it is in.
    pub fn drawn_path(&self) -> Option<[f64; 4]> {
        let (mut fill, mut stroke) = (0, 0);
        // SAFETY: the page is loaded and the results have places; other objects give false.
        let drawn = unsafe {
            self.lib
                .0
                .FPDFPath_GetDrawMode(self.handle.cast(), &raw mut fill, &raw mut stroke)
                != 0
        };
        (drawn && (fill != 0 || stroke != 0))
            .then(|| self.bounds())
            .flatten()
    }

    /// Left, bottom, right and top in the space that it is in.
    fn bounds(&self) -> Option<[f64; 4]> {
        let (mut left, mut bottom, mut right, mut top) = (0.0, 0.0, 0.0, 0.0);
        // SAFETY: the page is loaded and the results have places.
        let done = unsafe {
            self.lib.0.FPDFPageObj_GetBounds(
                self.handle.cast(),
                &raw mut left,
                &raw mut bottom,
                &raw mut right,
                &raw mut top,
            )
        };
        (done != 0).then(|| [left, bottom, right, top].map(f64::from))
    }
}
