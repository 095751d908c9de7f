//! PDFium, as far as a child needs it, behind functions that cannot be misused.
//!
//! pdfium-render finds and checks the library's functions; its own documents and pages are not used,
//! because they give no way to the handles that the questions asked here need (which text object a
//! character is of, whether its mapping to Unicode failed, rendering into a buffer of ours).

#![expect(unsafe_code, reason = "PDFium is a C library")]

mod annotation;
mod bookmarks;
mod object;
mod page;
mod structure;
mod text;

use std::{
    ffi::{CString, c_char, c_int, c_uchar, c_ulong, c_void},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    ptr,
};

use pdfium_render::prelude::{Pdfium, PdfiumLibraryBindings};

pub(super) use self::{
    annotation::{AnnotationKind, FieldValue, FormField},
    object::{FontFacts, ObjectKind, PageObject},
    page::{Band, PdfPage},
    text::TextPage,
};
use super::pread::PreadFile;

/// `FPDF_ERR_FILE`, `FPDF_ERR_PASSWORD`, `FPDF_ERR_SECURITY` of `FPDF_GetLastError`.
const ERROR_FILE: u32 = 2;
const ERROR_PASSWORD: u32 = 4;
const ERROR_SECURITY: u32 = 5;

/// The library, loaded and initialized once for the life of the process.
#[derive(Clone, Copy)]
pub(super) struct PdfiumLibrary(&'static dyn PdfiumLibraryBindings);

/// The reason why a document does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenError {
    Password,
    Security,
    File,
    Format,
}

/// An open document.
pub(super) struct PdfFile {
    lib: PdfiumLibrary,
    handle: *mut c_void,
    form: *mut c_void,
    _form_info: Box<FormInfo>,
    _source: PdfBytes,
}

/// A document's bytes; PDFium reads from them until the document is closed.
enum PdfBytes {
    File {
        _reader: Box<PreadFile>,
        _access: Box<FileAccess>,
    },
    Memory {
        _bytes: Vec<u8>,
    },
}

/// `FPDF_FILEACCESS`.
#[repr(C)]
struct FileAccess {
    length: c_ulong,
    get_block: extern "C" fn(*mut c_void, c_ulong, *mut c_uchar, c_ulong) -> c_int,
    param: *mut c_void,
}

/// `FPDF_FORMFILLINFO`: a version, then callbacks, all absent. Larger than any version of the struct.
#[repr(C)]
struct FormInfo {
    version: c_int,
    callbacks: [usize; 64],
}

/// `FPDF_LIBRARY_CONFIG` version 2; the members after it stay zero.
#[repr(C)]
struct LibraryConfig {
    version: c_int,
    font_paths: *mut *const c_char,
    rest: [usize; 8],
}

impl PdfiumLibrary {
    /// Loads the library from `path`; it will look for fonts in `font_dirs` alone.
    pub fn load(path: &Path, font_dirs: &[PathBuf]) -> Result<Self, String> {
        let bindings = Pdfium::bind_to_library(path).map_err(|e| format!("{e:?}"))?;
        let bindings: &'static dyn PdfiumLibraryBindings = Box::leak(bindings);
        // PDFium keeps these for the life of the process, so they are never freed.
        let mut paths: Vec<*const c_char> = font_dirs
            .iter()
            .filter_map(|dir| CString::new(dir.as_os_str().as_bytes()).ok())
            .map(|dir| dir.into_raw().cast_const())
            .collect();
        paths.push(ptr::null());
        let config = LibraryConfig {
            version: 2,
            font_paths: paths.leak().as_mut_ptr(),
            rest: [0; 8],
        };
        // SAFETY: the struct has the layout of `FPDF_LIBRARY_CONFIG` and lives through the call, the
        // list of paths ends with null and is never freed.
        unsafe { bindings.FPDF_InitLibraryWithConfig((&raw const config).cast()) };
        Ok(Self(bindings))
    }

    /// Opens the document in `reader`.
    pub fn open(self, reader: PreadFile, password: Option<&str>) -> Result<PdfFile, OpenError> {
        extern "C" fn get_block(
            param: *mut c_void,
            position: c_ulong,
            buffer: *mut c_uchar,
            size: c_ulong,
        ) -> c_int {
            let Ok(size) = usize::try_from(size) else {
                return 0;
            };
            // SAFETY: `param` is the boxed reader that the document owns, and PDFium's buffer has
            // `size` bytes, which are written before they are read.
            let (reader, buffer) = unsafe {
                ptr::write_bytes(buffer, 0, size);
                (
                    &*param.cast::<PreadFile>().cast_const(),
                    std::slice::from_raw_parts_mut(buffer, size),
                )
            };
            c_int::from(reader.read_exact_at(buffer, position).is_ok())
        }
        let reader = Box::new(reader);
        let mut access = Box::new(FileAccess {
            length: reader.length(),
            get_block,
            param: (&raw const *reader).cast_mut().cast(),
        });
        // SAFETY: the struct has the layout of `FPDF_FILEACCESS`; it and the reader are boxed and kept
        // until the document is closed.
        let handle: *mut c_void = unsafe {
            self.0
                .FPDF_LoadCustomDocument((&raw mut *access).cast(), password)
        }
        .cast();
        self.opened(
            handle,
            PdfBytes::File {
                _reader: reader,
                _access: access,
            },
        )
    }

    /// Opens a document of ours that lies in memory.
    pub fn open_bytes(self, bytes: Vec<u8>) -> Result<PdfFile, OpenError> {
        // SAFETY: the bytes do not move and are kept until the document is closed.
        let handle: *mut c_void = unsafe { self.0.FPDF_LoadMemDocument64(&bytes, None) }.cast();
        self.opened(handle, PdfBytes::Memory { _bytes: bytes })
    }

    fn opened(self, handle: *mut c_void, source: PdfBytes) -> Result<PdfFile, OpenError> {
        if handle.is_null() {
            // SAFETY: takes nothing.
            let error = unsafe { self.0.FPDF_GetLastError() };
            return Err(match u32::try_from(error) {
                Ok(ERROR_PASSWORD) => OpenError::Password,
                Ok(ERROR_SECURITY) => OpenError::Security,
                Ok(ERROR_FILE) => OpenError::File,
                _ => OpenError::Format,
            });
        }
        let mut form_info = Box::new(FormInfo {
            version: 2,
            callbacks: [0; 64],
        });
        // SAFETY: the document is open; the struct begins like `FPDF_FORMFILLINFO`, is no smaller, has
        // no callbacks, and is kept until the form is closed.
        let form: *mut c_void = unsafe {
            if self.0.FPDF_GetFormType(handle.cast()) == 0 {
                ptr::null_mut()
            } else {
                self.0
                    .FPDFDOC_InitFormFillEnvironment(handle.cast(), (&raw mut *form_info).cast())
                    .cast()
            }
        };
        Ok(PdfFile {
            lib: self,
            handle,
            form,
            _form_info: form_info,
            _source: source,
        })
    }
}

/// A text that PDFium writes in UTF-16, without the zero at its end; what is longer than so many bytes is left out.
///
/// `write` is given null to tell the length in bytes, then a buffer of that length.
fn utf16_text(max_bytes: usize, write: impl Fn(*mut c_void, c_ulong) -> c_ulong) -> String {
    let bytes = usize::try_from(write(ptr::null_mut(), 0)).unwrap_or(usize::MAX);
    if bytes > max_bytes {
        return String::new();
    }
    let mut units = vec![0_u16; bytes.div_ceil(2)];
    write(units.as_mut_ptr().cast(), (units.len() * 2) as c_ulong);
    while units.pop_if(|unit| *unit == 0).is_some() {}
    String::from_utf16_lossy(&units)
}

impl PdfFile {
    /// Number of pages it says it has.
    pub fn pages(&self) -> u32 {
        // SAFETY: the document is open.
        let count = unsafe { self.lib.0.FPDF_GetPageCount(self.handle.cast()) };
        u32::try_from(count).unwrap_or(0)
    }

    /// Returns true if viewers that know XFA show a form in place of its pages.
    pub fn is_xfa_form(&self) -> bool {
        /// `FORMTYPE_XFA_FULL`.
        const XFA_FULL: c_int = 2;
        // SAFETY: the document is open.
        unsafe { self.lib.0.FPDF_GetFormType(self.handle.cast()) == XFA_FULL }
    }

    /// Returns true if it is encrypted.
    pub fn is_encrypted(&self) -> bool {
        // SAFETY: the document is open.
        unsafe {
            self.lib
                .0
                .FPDF_GetSecurityHandlerRevision(self.handle.cast())
                >= 0
        }
    }

    /// Loads the page at the zero-based `index`.
    pub fn page(&self, index: u32) -> Option<PdfPage<'_>> {
        let index = c_int::try_from(index).ok()?;
        // SAFETY: the document is open; an index out of range gives null.
        let handle: *mut c_void =
            unsafe { self.lib.0.FPDF_LoadPage(self.handle.cast(), index) }.cast();
        if handle.is_null() {
            return None;
        }
        if !self.form.is_null() {
            // SAFETY: page and form are open and of one document.
            unsafe {
                self.lib
                    .0
                    .FORM_OnAfterLoadPage(handle.cast(), self.form.cast());
            }
        }
        Some(PdfPage {
            document: self,
            handle,
        })
    }
}

impl Drop for PdfFile {
    fn drop(&mut self) {
        // SAFETY: both are open, and closed once, the form first; pages borrow the document, so none is left.
        unsafe {
            if !self.form.is_null() {
                self.lib.0.FPDFDOC_ExitFormFillEnvironment(self.form.cast());
            }
            self.lib.0.FPDF_CloseDocument(self.handle.cast());
        }
    }
}
