//! One page: its size, its bitmap, what is on it.

#![expect(unsafe_code, reason = "PDFium is a C library")]

use std::{
    ffi::{c_int, c_ulong, c_void},
    ptr,
};

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

/// `FPDF_ANNOT_WIDGET`.
const WIDGET: c_int = 20;
/// `FPDF_ANNOT_FLAG_HIDDEN` and `FPDF_ANNOT_FLAG_NOVIEW`.
const NOT_SHOWN: c_int = 2 | 32;
/// Annotations looked at for fields.
const MAX_FIELDS: c_int = 10_000;
/// Longest value of a field that is taken, in bytes of UTF-16.
const MAX_FIELD_BYTES: usize = 8_192;

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

/// The kind of an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::image::child) enum AnnotationKind {
    FreeText,
    Widget,
    Other,
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

    /// The annotations that viewers show: what each is, and whether it carries text.
    pub fn annotations(&self) -> Vec<(AnnotationKind, bool)> {
        /// `FPDF_ANNOT_FREETEXT`.
        const FREE_TEXT: c_int = 3;
        /// `FPDF_FORMFIELD_COMBOBOX`, `LISTBOX` and `TEXTFIELD`.
        const FIELDS_WITH_TEXT: std::ops::RangeInclusive<c_int> = 4..=6;
        /// Length in bytes of an empty UTF-16 string with its zero.
        const EMPTY: c_ulong = 2;
        let lib = self.document.lib.0;
        let form: *mut c_void = self.document.form;
        // SAFETY: page and form are open; each annotation is closed once; a null buffer of no length
        // asks for the length alone.
        unsafe {
            let count = lib.FPDFPage_GetAnnotCount(self.handle.cast());
            let mut found = Vec::new();
            for index in 0..count {
                let annotation = lib.FPDFPage_GetAnnot(self.handle.cast(), index);
                if annotation.is_null() {
                    continue;
                }
                if lib.FPDFAnnot_GetFlags(annotation) & NOT_SHOWN == 0 {
                    found.push(match lib.FPDFAnnot_GetSubtype(annotation) {
                        FREE_TEXT => {
                            let length = lib.FPDFAnnot_GetStringValue(
                                annotation,
                                "Contents",
                                ptr::null_mut(),
                                0,
                            );
                            (AnnotationKind::FreeText, length > EMPTY)
                        }
                        WIDGET if !form.is_null() => {
                            let kind = lib.FPDFAnnot_GetFormFieldType(form.cast(), annotation);
                            let length = lib.FPDFAnnot_GetFormFieldValue(
                                form.cast(),
                                annotation,
                                ptr::null_mut(),
                                0,
                            );
                            (
                                AnnotationKind::Widget,
                                FIELDS_WITH_TEXT.contains(&kind) && length > EMPTY,
                            )
                        }
                        _ => (AnnotationKind::Other, false),
                    });
                }
                lib.FPDFPage_CloseAnnot(annotation);
            }
            found
        }
    }
}

/// A field of a form that viewers show.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::image::child) struct FormField {
    /// Left, top, right and bottom, in the page's coordinates.
    pub rect: [f64; 4],
    /// Its value.
    pub value: FieldValue,
}

/// The value of a form's field.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::image::child) enum FieldValue {
    /// Text on one line, with the size of its type in points; 0 if the type fits the field.
    Text(String, f64),
    /// A check box or radio button.
    Check(bool),
}

impl PdfPage<'_> {
    /// The fields of forms on the page whose value is known without looking at it: boxes, and text on one line.
    pub fn fields(&self) -> Vec<FormField> {
        let form: *mut c_void = self.document.form;
        if form.is_null() {
            return Vec::new();
        }
        let lib = self.document.lib.0;
        // SAFETY: page and form are open; each annotation is closed once.
        unsafe {
            let count = lib.FPDFPage_GetAnnotCount(self.handle.cast());
            let mut fields = Vec::new();
            for index in 0..count.min(MAX_FIELDS) {
                let annotation = lib.FPDFPage_GetAnnot(self.handle.cast(), index);
                if annotation.is_null() {
                    continue;
                }
                let widget = lib.FPDFAnnot_GetSubtype(annotation) == WIDGET
                    && lib.FPDFAnnot_GetFlags(annotation) & NOT_SHOWN == 0;
                let mut rect = [0.0_f32; 4];
                if widget && lib.FPDFAnnot_GetRect(annotation, rect.as_mut_ptr().cast()) != 0 {
                    let rect = rect.map(f64::from);
                    let value = self.field_value(annotation.cast());
                    fields.extend(value.map(|value| FormField { rect, value }));
                }
                lib.FPDFPage_CloseAnnot(annotation);
            }
            fields
        }
    }

    /// Left, top, right and bottom of the annotations that draw something of their own beside the page's text, in the
    /// page's coordinates: no links, fields, or marks on text.
    pub fn drawn_annotations(&self) -> Vec<[f64; 4]> {
        /// `FPDF_ANNOT_FREETEXT`, `STAMP` and `INK`.
        const DRAWN: [c_int; 3] = [3, 13, 15];
        let lib = self.document.lib.0;
        // SAFETY: the page is open; each annotation is closed once; the rectangle is four floats.
        unsafe {
            let count = lib.FPDFPage_GetAnnotCount(self.handle.cast());
            let mut drawn = Vec::new();
            for index in 0..count.min(MAX_FIELDS) {
                let annotation = lib.FPDFPage_GetAnnot(self.handle.cast(), index);
                if annotation.is_null() {
                    continue;
                }
                let mut rect = [0.0_f32; 4];
                if DRAWN.contains(&lib.FPDFAnnot_GetSubtype(annotation))
                    && lib.FPDFAnnot_GetFlags(annotation) & NOT_SHOWN == 0
                    && lib.FPDFAnnot_GetRect(annotation, rect.as_mut_ptr().cast()) != 0
                {
                    drawn.push(rect.map(f64::from));
                }
                lib.FPDFPage_CloseAnnot(annotation);
            }
            drawn
        }
    }

    /// # Safety
    /// `annotation` is a widget of this page.
    unsafe fn field_value(&self, annotation: *mut c_void) -> Option<FieldValue> {
        /// `FPDF_FORMFIELD_CHECKBOX`, `RADIOBUTTON`, `COMBOBOX` and `TEXTFIELD`.
        const CHECK_BOX: c_int = 2;
        const RADIO_BUTTON: c_int = 3;
        const COMBO_BOX: c_int = 4;
        const TEXT_FIELD: c_int = 6;
        /// `FPDF_FORMFLAG_TEXT_MULTILINE`, `FPDF_FORMFLAG_TEXT_PASSWORD` and comb (ISO 32000-1, table 228).
        const NOT_ONE_LINE: c_int = 1 << 12 | 1 << 13 | 1 << 24;
        let lib = self.document.lib.0;
        let form: *mut c_void = self.document.form;
        // SAFETY: form and annotation are open; results have places; a null buffer of no length asks for the length.
        unsafe {
            let kind = lib.FPDFAnnot_GetFormFieldType(form.cast(), annotation.cast());
            let flags = lib.FPDFAnnot_GetFormFieldFlags(form.cast(), annotation.cast());
            match kind {
                CHECK_BOX | RADIO_BUTTON => Some(FieldValue::Check(
                    lib.FPDFAnnot_IsChecked(form.cast(), annotation.cast()) != 0,
                )),
                COMBO_BOX | TEXT_FIELD if kind == COMBO_BOX || flags & NOT_ONE_LINE == 0 => {
                    let length = lib.FPDFAnnot_GetFormFieldValue(
                        form.cast(),
                        annotation.cast(),
                        ptr::null_mut(),
                        0,
                    );
                    let units = usize::try_from(length).ok()?.min(MAX_FIELD_BYTES) / 2;
                    let mut text = vec![0_u16; units];
                    lib.FPDFAnnot_GetFormFieldValue(
                        form.cast(),
                        annotation.cast(),
                        text.as_mut_ptr().cast(),
                        units as c_ulong * 2,
                    );
                    let text = String::from_utf16_lossy(&text);
                    let text = text.trim_end_matches('\0').trim();
                    let mut size = 0.0_f32;
                    lib.FPDFAnnot_GetFontSize(form.cast(), annotation.cast(), &raw mut size);
                    (!text.is_empty() && !text.contains(['\r', '\n']))
                        .then(|| FieldValue::Text(text.to_owned(), f64::from(size)))
                }
                _ => None,
            }
        }
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
