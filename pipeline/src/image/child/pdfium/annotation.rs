//! Annotations of a page: notes, stamps, fields of forms.

#![expect(unsafe_code, reason = "PDFium is a C library")]

use std::{
    ffi::{c_int, c_ulong, c_void},
    ptr,
};

use super::PdfPage;

/// `FPDF_ANNOT_FREETEXT`.
const FREE_TEXT: c_int = 3;
/// `FPDF_ANNOT_WIDGET`.
const WIDGET: c_int = 20;
/// `FPDF_ANNOT_FLAG_HIDDEN` and `FPDF_ANNOT_FLAG_NOVIEW`.
const NOT_SHOWN: c_int = 2 | 32;
/// Annotations looked at for fields.
const MAX_FIELDS: c_int = 10_000;
/// Stretches of text looked at of an annotation.
const MAX_QUADS: usize = 1_000;
/// Longest value of a field that is taken, in bytes of UTF-16.
const MAX_FIELD_BYTES: usize = 8_192;

/// The kind of an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::image::child) enum AnnotationKind {
    FreeText,
    Widget,
    Other,
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
    /// The annotations that viewers show: what each is, and whether it carries text.
    pub fn annotations(&self) -> Vec<(AnnotationKind, bool)> {
        let mut found = Vec::new();
        self.for_each_shown(c_int::MAX, |annotation, subtype| {
            // SAFETY: the annotation is open while it is visited.
            found.push(unsafe { self.kind_and_text(annotation, subtype) });
        });
        found
    }

    /// The fields of forms on the page whose value is known without looking at it: boxes, and text on one line.
    pub fn fields(&self) -> Vec<FormField> {
        let mut fields = Vec::new();
        if self.document.form.is_null() {
            return fields;
        }
        self.for_each_shown(MAX_FIELDS, |annotation, subtype| {
            if subtype != WIDGET {
                return;
            }
            // SAFETY: the annotation is open while it is visited, and a widget.
            let (rect, value) = unsafe { (self.rect(annotation), self.field_value(annotation)) };
            if let (Some(rect), Some(value)) = (rect, value) {
                fields.push(FormField { rect, value });
            }
        });
        fields
    }

    /// Left, top, right and bottom of the annotations that draw something of their own beside the page's text, in the
    /// page's coordinates: no links, fields, or marks on text.
    pub fn drawn_annotations(&self) -> Vec<[f64; 4]> {
        /// `STAMP` and `INK` of `FPDF_ANNOT_`.
        const STAMP: c_int = 13;
        const INK: c_int = 15;
        let mut drawn = Vec::new();
        self.for_each_shown(MAX_FIELDS, |annotation, subtype| {
            if matches!(subtype, FREE_TEXT | STAMP | INK) {
                // SAFETY: the annotation is open while it is visited.
                drawn.extend(unsafe { self.rect(annotation) });
            }
        });
        drawn
    }

    /// Left, top, right and bottom of the stretches of text that annotations strike out, in the page's coordinates.
    pub fn struck_out(&self) -> Vec<[f64; 4]> {
        /// `FPDF_ANNOT_STRIKEOUT`.
        const STRIKE_OUT: c_int = 12;
        let lib = self.document.lib.0;
        let mut struck = Vec::new();
        self.for_each_shown(MAX_FIELDS, |annotation, subtype| {
            if subtype != STRIKE_OUT {
                return;
            }
            // SAFETY: the annotation is open while it is visited; `FS_QUADPOINTSF` is four points as floats.
            unsafe {
                let count = lib.FPDFAnnot_CountAttachmentPoints(annotation.cast());
                for index in 0..count.min(MAX_QUADS) {
                    let mut quad = [0.0_f32; 8];
                    let points = quad.as_mut_ptr().cast();
                    if lib.FPDFAnnot_GetAttachmentPoints(annotation.cast(), index, points) != 0 {
                        struck.push(bounds_of(&quad));
                    }
                }
            }
        });
        struck
    }

    /// Visits those of the page's first `most` annotations that viewers show, each with its subtype.
    fn for_each_shown(&self, most: c_int, mut visit: impl FnMut(*mut c_void, c_int)) {
        let lib = self.document.lib.0;
        // SAFETY: the page is open; each annotation is closed once, after its visit.
        unsafe {
            let count = lib.FPDFPage_GetAnnotCount(self.handle.cast());
            for index in 0..count.min(most) {
                let annotation = lib.FPDFPage_GetAnnot(self.handle.cast(), index);
                if annotation.is_null() {
                    continue;
                }
                if lib.FPDFAnnot_GetFlags(annotation) & NOT_SHOWN == 0 {
                    visit(annotation.cast(), lib.FPDFAnnot_GetSubtype(annotation));
                }
                lib.FPDFPage_CloseAnnot(annotation);
            }
        }
    }

    /// # Safety
    /// `annotation` is an open annotation of this page.
    unsafe fn rect(&self, annotation: *mut c_void) -> Option<[f64; 4]> {
        let mut rect = [0.0_f32; 4];
        // SAFETY: the annotation is open; `FS_RECTF` is left, top, right and bottom as floats.
        let done = unsafe {
            self.document
                .lib
                .0
                .FPDFAnnot_GetRect(annotation.cast(), rect.as_mut_ptr().cast())
        };
        (done != 0).then(|| rect.map(f64::from))
    }

    /// # Safety
    /// `annotation` is an open annotation of this page, of that subtype.
    unsafe fn kind_and_text(
        &self,
        annotation: *mut c_void,
        subtype: c_int,
    ) -> (AnnotationKind, bool) {
        /// `FPDF_FORMFIELD_COMBOBOX`, `LISTBOX` and `TEXTFIELD`.
        const FIELDS_WITH_TEXT: std::ops::RangeInclusive<c_int> = 4..=6;
        /// Length in bytes of an empty UTF-16 string with its zero.
        const EMPTY: c_ulong = 2;
        let lib = self.document.lib.0;
        let form: *mut c_void = self.document.form;
        // SAFETY: form and annotation are open; a null buffer of no length asks for the length alone.
        unsafe {
            match subtype {
                FREE_TEXT => {
                    let length = lib.FPDFAnnot_GetStringValue(
                        annotation.cast(),
                        "Contents",
                        ptr::null_mut(),
                        0,
                    );
                    (AnnotationKind::FreeText, length > EMPTY)
                }
                WIDGET if !form.is_null() => {
                    let kind = lib.FPDFAnnot_GetFormFieldType(form.cast(), annotation.cast());
                    let length = lib.FPDFAnnot_GetFormFieldValue(
                        form.cast(),
                        annotation.cast(),
                        ptr::null_mut(),
                        0,
                    );
                    let has_text = FIELDS_WITH_TEXT.contains(&kind) && length > EMPTY;
                    (AnnotationKind::Widget, has_text)
                }
                _ => (AnnotationKind::Other, false),
            }
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

/// Left, top, right and bottom of four points.
fn bounds_of(quad: &[f32; 8]) -> [f64; 4] {
    let of = |first: usize, fold: fn(f32, f32) -> f32| {
        let values = quad.iter().skip(first).step_by(2).copied();
        f64::from(values.reduce(fold).unwrap_or_default())
    };
    [
        of(0, f32::min),
        of(1, f32::max),
        of(0, f32::max),
        of(1, f32::min),
    ]
}
