//! Pages of a PDF: their inspection, bitmaps and text.

use super::{
    object_walk::ObjectWalk,
    page_text::PageCharacters,
    pdfium::{AnnotationKind, OpenError, PdfFile, PdfPage, PdfiumLibrary},
    pread::PreadFile,
    visibility::Bitmap,
};
use crate::{
    image::{
        inspection::{PageInspection, TextInspection},
        protocol::{ChildError, TextLayerRequest, WireText},
    },
    sandbox::limits,
};

/// Opens the PDF in `reader`.
pub(super) fn open(
    lib: PdfiumLibrary,
    reader: PreadFile,
    password: Option<&str>,
) -> Result<PdfFile, ChildError> {
    lib.open(reader, password).map_err(|error| match error {
        OpenError::Password if password.is_some() => ChildError::WrongPassword,
        OpenError::Password => ChildError::Encrypted,
        OpenError::Security => ChildError::Unsupported(
            "the document is encrypted in a way that is not known".to_owned(),
        ),
        OpenError::File => ChildError::Io("the document could not be read".to_owned()),
        OpenError::Format => {
            ChildError::Damaged("it begins like a PDF, but its objects cannot be found".to_owned())
        }
    })
}

/// A page that is loaded and inspected, and may be rendered.
pub(super) struct LoadedPdfPage<'d> {
    page: PdfPage<'d>,
    size: (f32, f32),
    characters: PageCharacters,
}

/// Loads the zero-based page and looks at it.
pub(super) fn inspect(
    document: &PdfFile,
    index: u32,
) -> Result<(PageInspection, LoadedPdfPage<'_>), ChildError> {
    limits::forget_out_of_memory();
    let page = document.page(index).ok_or_else(|| {
        if limits::out_of_memory() {
            ChildError::OutOfMemory
        } else {
            ChildError::PageDamaged(
                "it cannot be loaded; its entry in the document is broken".to_owned(),
            )
        }
    })?;
    let size = page.size();
    let no_size = || ChildError::PageDamaged(format!("its size is {} × {} points", size.0, size.1));
    if !(size.0 > 0.0 && size.1 > 0.0 && size.0.is_finite() && size.1.is_finite()) {
        return Err(no_size());
    }
    let to_display = page.to_display().ok_or_else(no_size)?;
    let walk = ObjectWalk::over(page.objects(), to_display, size);

    let mut text = TextInspection {
        in_annotations: annotations_with_text(&page),
        ..TextInspection::default()
    };
    let mut characters = page
        .text()
        .map_or_else(PageCharacters::default, |characters| {
            PageCharacters::read(&characters, &walk, &page.structure(), &mut text)
        });
    characters.add_fields(&page.fields(), &walk);
    characters.mark_struck(&walk, &page.struck_out());
    if limits::out_of_memory() {
        return Err(ChildError::OutOfMemory);
    }
    let inspection = PageInspection {
        width_pt: size.0,
        height_pt: size.1,
        image_coverage: walk.coverage(),
        image_dpi: walk.image_dpi(),
        image_px: None,
        images: walk.image_bounds(),
        annotations: page
            .drawn_annotations()
            .iter()
            .map(|rect| walk.to_display.bounds(*rect).map(|at| at as f32))
            .collect(),
        paths: walk.paths,
        is_xfa_form: document.is_xfa_form(),
        substituted_fonts: u32::try_from(walk.substituted.len()).unwrap_or(u32::MAX),
        text,
    };
    let inspected = LoadedPdfPage {
        page,
        size,
        characters,
    };
    Ok((inspection, inspected))
}

impl<'d> LoadedPdfPage<'d> {
    /// The page itself.
    pub fn page(&self) -> &PdfPage<'d> {
        &self.page
    }

    /// Draws the page.
    pub fn render(&self, width: u32, height: u32) -> Result<Vec<u8>, ChildError> {
        let bytes = usize::try_from(u64::from(width) * u64::from(height) * 3)
            .map_err(|_| ChildError::OutOfMemory)?;
        let mut buffer = Vec::new();
        buffer
            .try_reserve_exact(bytes)
            .map_err(|_| ChildError::OutOfMemory)?;
        buffer.resize(bytes, 0xFF);
        limits::forget_out_of_memory();
        let drawn = self.page.render_rgb(&mut buffer, width, height);
        if limits::out_of_memory() {
            return Err(ChildError::OutOfMemory);
        }
        if !drawn {
            return Err(ChildError::PageDamaged("it cannot be drawn".to_owned()));
        }
        Ok(buffer)
    }

    /// The page's text, in pixels of its `bitmap`.
    pub fn text(&self, bitmap: Bitmap<'_>, request: TextLayerRequest) -> Option<WireText> {
        let size = (f64::from(self.size.0), f64::from(self.size.1));
        self.characters.text(bitmap, size, request)
    }
}

fn annotations_with_text(page: &PdfPage<'_>) -> u32 {
    let count = page
        .annotations()
        .iter()
        .filter(|(kind, text)| *text && *kind != AnnotationKind::Other)
        .count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
