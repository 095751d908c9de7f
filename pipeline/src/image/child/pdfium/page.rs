//! One page: its size, its bitmap, what is on it.

#![expect(unsafe_code, reason = "PDFium is a C library")]

use std::ffi::{c_int, c_void};

use super::{PageObject, PdfFile, TextPage};
use crate::image::child::geometry::Affine;

/// `FPDF_ANNOT`: draw annotations.
const DRAW_ANNOTATIONS: c_int = 0x01;
/// `FPDF_REVERSE_BYTE_ORDER`: RGB instead of BGR.
const RGB_ORDER: c_int = 0x10;
/// `FPDF_GRAYSCALE`: turn colors gray; without it gray bitmaps stay white.
const IN_GRAY: c_int = 0x08;
/// A pixel format of PDFium's.
#[derive(Clone, Copy, PartialEq, Eq)]
struct BitmapFormat {
    code: c_int,
    bytes_per_pixel: u32,
}

/// `FPDFBitmap_Gray`.
const FORMAT_GRAY: BitmapFormat = BitmapFormat {
    code: 1,
    bytes_per_pixel: 1,
};
/// `FPDFBitmap_BGR`.
const FORMAT_RGB: BitmapFormat = BitmapFormat {
    code: 2,
    bytes_per_pixel: 3,
};
/// Device size used to ask for the page-to-device transform: the answer comes in whole pixels.
const PROBE: c_int = 1 << 20;

/// A loaded page.
pub(in crate::image::child) struct PdfPage<'d> {
    pub(super) document: &'d PdfFile,
    pub(super) handle: *mut c_void,
}

/// Rows of a page that is drawn in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::image::child) struct Band {
    /// Width of the page in pixels.
    pub width: u32,
    /// Height of the page in pixels.
    pub height: u32,
    /// The first row that is drawn.
    pub first: u32,
    /// Number of rows that are drawn.
    pub rows: u32,
}

impl<'d> PdfPage<'d> {
    /// Width and height as displayed, in points.
    pub fn size(&self) -> (f32, f32) {
        let lib = self.document.lib.0;
        // SAFETY: the page is loaded.
        unsafe {
            (
                lib.FPDF_GetPageWidthF(self.handle.cast()),
                lib.FPDF_GetPageHeightF(self.handle.cast()),
            )
        }
    }

    /// From the page's own coordinates to points of the displayed page, y down, origin at its top left.
    pub fn to_display(&self) -> Option<Affine> {
        let (width, height) = self.size();
        let probe = |x: f64, y: f64| -> Option<(f64, f64)> {
            let (mut dx, mut dy) = (0, 0);
            // SAFETY: the page is loaded and the results have places.
            let done = unsafe {
                self.document.lib.0.FPDF_PageToDevice(
                    self.handle.cast(),
                    0,
                    0,
                    PROBE,
                    PROBE,
                    0,
                    x,
                    y,
                    &raw mut dx,
                    &raw mut dy,
                )
            };
            let scale = 1.0 / f64::from(PROBE);
            (done != 0).then(|| {
                (
                    f64::from(dx) * scale * f64::from(width),
                    f64::from(dy) * scale * f64::from(height),
                )
            })
        };
        // One page's length away from the origin, either way, so that rounding does not matter.
        let reach = f64::from(width.max(height));
        let origin = probe(0.0, 0.0)?;
        let right = probe(reach, 0.0)?;
        let up = probe(0.0, reach)?;
        Some(Affine {
            a: (right.0 - origin.0) / reach,
            b: (right.1 - origin.1) / reach,
            c: (up.0 - origin.0) / reach,
            d: (up.1 - origin.1) / reach,
            e: origin.0,
            f: origin.1,
        })
    }

    /// Draws the page as a viewer shows it into `buffer`, `width * height` pixels of RGB.
    pub fn render_rgb(&self, buffer: &mut [u8], width: u32, height: u32) -> bool {
        let band = Band {
            width,
            height,
            first: 0,
            rows: height,
        };
        buffer.fill(0xFF);
        self.render(buffer, band, FORMAT_RGB)
    }

    /// Draws rows of the page over what is in `buffer`, in RGB.
    pub fn render_rgb_band(&self, buffer: &mut [u8], band: Band) -> bool {
        self.render(buffer, band, FORMAT_RGB)
    }

    /// Draws rows of the page over what is in `buffer` in gray, one byte a pixel.
    pub fn render_gray_band(&self, buffer: &mut [u8], band: Band) -> bool {
        self.render(buffer, band, FORMAT_GRAY)
    }

    fn render(&self, buffer: &mut [u8], band: Band, format: BitmapFormat) -> bool {
        let pixels = u64::from(band.width) * u64::from(band.rows);
        let wanted = pixels * u64::from(format.bytes_per_pixel);
        let stride = band.width.checked_mul(format.bytes_per_pixel);
        let number = |value: u32| c_int::try_from(value).ok();
        let (Some(width), Some(height), Some(first), Some(rows), Some(stride)) = (
            number(band.width),
            number(band.height),
            number(band.first),
            number(band.rows),
            stride.and_then(number),
        ) else {
            return false;
        };
        if buffer.len() as u64 != wanted || width == 0 || rows == 0 {
            return false;
        }
        let lib = self.document.lib.0;
        let flags = DRAW_ANNOTATIONS
            | if format == FORMAT_GRAY {
                IN_GRAY
            } else {
                RGB_ORDER
            };
        // SAFETY: the buffer holds `rows` rows of `stride` bytes and outlives the bitmap; page and
        // form are open.
        unsafe {
            let bitmap = lib.FPDFBitmap_CreateEx(
                width,
                rows,
                format.code,
                buffer.as_mut_ptr().cast(),
                stride,
            );
            if bitmap.is_null() {
                return false;
            }
            let page = self.handle.cast();
            lib.FPDF_RenderPageBitmap(bitmap, page, 0, -first, width, height, 0, flags);
            if !self.document.form.is_null() {
                let form = self.document.form.cast();
                let page = self.handle.cast();
                lib.FPDF_FFLDraw(form, bitmap, page, 0, -first, width, height, 0, flags);
            }
            lib.FPDFBitmap_Destroy(bitmap);
        }
        true
    }

    /// The objects that are on the page itself, in the order they are painted.
    pub fn objects(&self) -> impl Iterator<Item = PageObject<'_>> {
        let lib = self.document.lib;
        // SAFETY: the page is loaded.
        let count = unsafe { lib.0.FPDFPage_CountObjects(self.handle.cast()) };
        (0..count).filter_map(move |index| {
            // SAFETY: the page is loaded; an index out of range gives null.
            let handle: *mut c_void =
                unsafe { lib.0.FPDFPage_GetObject(self.handle.cast(), index) }.cast();
            PageObject::new(lib, handle)
        })
    }

    /// The page's text.
    pub fn text(&self) -> Option<TextPage<'_>> {
        let lib = self.document.lib;
        // SAFETY: the page is loaded.
        let handle: *mut c_void = unsafe { lib.0.FPDFText_LoadPage(self.handle.cast()) }.cast();
        (!handle.is_null()).then_some(TextPage {
            lib,
            handle,
            _page: std::marker::PhantomData,
        })
    }
}

impl Drop for PdfPage<'_> {
    fn drop(&mut self) {
        // SAFETY: the page is loaded, and closed once; what borrows it is gone.
        unsafe {
            if !self.document.form.is_null() {
                self.document
                    .lib
                    .0
                    .FORM_OnBeforeClosePage(self.handle.cast(), self.document.form.cast());
            }
            self.document.lib.0.FPDF_ClosePage(self.handle.cast());
        }
    }
}
