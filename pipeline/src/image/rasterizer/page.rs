//! Inspected page: a page that a child has loaded, up to its bitmap and its own text.

use std::time::{Duration, Instant};

use recto_schemas::{ReadWarning, WarningKind};

use super::{
    OpenDocument, RasterError, TextLayerRequest,
    bitmap_size::{BitmapSize, bitmap_size},
    document::{LeasedChild, protocol_violation},
    process::CallDeadline,
    validate,
};
use crate::{
    cancel::CancelToken,
    image::{
        PageImage,
        inspection::{LineDoubt, PageInspection},
        protocol::{ChildReply, ChildRequest, MAX_LINES, PictureCut},
    },
    page::{Rect, TextLine},
};

/// Options of a page's bitmap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RenderRequest {
    /// Preferred resolution in dots per inch; images are never scaled up to meet it.
    pub dpi: f32,
    /// Longest side of the bitmap in pixels; the resolution is lowered to meet it.
    pub max_side_px: u32,
    /// The part of the page's own text that comes with it.
    pub text_layer: TextLayerRequest,
}

/// A page that a child has loaded and looked at. The child waits for [`InspectedPage::render`]; it goes on to other
/// pages when this is dropped.
pub struct InspectedPage<'a> {
    document: &'a OpenDocument<'a>,
    /// `None` after the child has failed.
    child: Option<LeasedChild<'a>>,
    /// One for inspection and bitmap together.
    deadline: CallDeadline<'a>,
    number: u32,
    inspection: PageInspection,
    started: Instant,
    /// True if the page is the first one of its child.
    is_childs_first: bool,
}

/// A page's own text, in pixels of its bitmap.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageText {
    /// Its lines, in content order.
    pub lines: Vec<TextLine>,
    /// For each line, the reason to doubt it.
    pub doubts: Vec<Option<LineDoubt>>,
    /// The outline boxes of the glyphs that the lines are made of.
    pub glyphs: Vec<Rect>,
    /// Characters that were left out because they cannot be seen.
    pub unseen: u32,
    /// True if the page has more lines than are taken.
    pub truncated: bool,
}

/// A page's bitmap and its own text.
#[derive(Clone, Debug, PartialEq)]
pub struct RasterPage {
    /// The child's inspection of it.
    pub inspection: PageInspection,
    /// Its bitmap.
    pub image: PageImage,
    /// Its own text if it was requested.
    pub text_layer: Option<PageText>,
    /// `fonts-missing`, `dpi-lowered`, `picture-cut-short`.
    pub warnings: Vec<ReadWarning>,
    /// Time from asking the child to having the page, without waiting for a child.
    pub raster_time: Duration,
}

impl<'r> OpenDocument<'r> {
    /// Loads the one-based page `number` in a child, which looks at it.
    ///
    /// # Errors
    /// The reason for which the page cannot be loaded; if [`RasterError::is_page_only`] is true, other pages are worth
    /// asking for.
    pub fn inspect<'a>(
        &'a self,
        number: u32,
        cancel: &'a CancelToken,
    ) -> Result<InspectedPage<'a>, RasterError> {
        let pages = self.info().pages;
        if !(1..=pages).contains(&number) {
            return Err(RasterError::NoSuchPage {
                page: number,
                pages,
            });
        }
        loop {
            let child = self.child(cancel)?;
            let is_new = child.is_new();
            match self.inspect_in(child, number, cancel) {
                Err(error) if !is_new && is_childs_end(&error) => {}
                inspected => return inspected,
            }
        }
    }

    fn inspect_in<'a>(
        &'a self,
        mut child: LeasedChild<'a>,
        number: u32,
        cancel: &'a CancelToken,
    ) -> Result<InspectedPage<'a>, RasterError> {
        let started = Instant::now();
        let deadline = self.page_deadline(cancel);
        let is_childs_first = child.is_new();
        child.count_page();
        let inspect = ChildRequest::Inspect { page: number };
        let (child, reply) = child.call(self, &inspect, deadline)?;
        let ChildReply::Inspected(inspection) = reply else {
            return Err(protocol_violation());
        };
        Ok(InspectedPage {
            document: self,
            child: Some(child),
            deadline,
            number,
            inspection,
            started,
            is_childs_first,
        })
    }

    /// The warning of a page whose fonts have no substitutes. It has the same words for every page, so that a document
    /// has the warning once whatever page comes first.
    fn font_warning(&self, inspection: &PageInspection) -> Option<ReadWarning> {
        if inspection.substituted_fonts == 0 || self.rasterizer.has_fonts {
            return None;
        }
        let font_dirs = &self.rasterizer.config.font_dirs;
        let dirs: Vec<String> = font_dirs
            .iter()
            .map(|dir| dir.display().to_string())
            .collect();
        Some(ReadWarning {
            first_page: None,
            pages: 0,
            kind: WarningKind::FontsMissing,
            message: format!(
                "the document uses fonts that it does not hold, and there are none to take their \
                 place in {}; install some (such as fonts-dejavu and fonts-noto-cjk), or text may \
                 be missing from pages",
                dirs.join(", ")
            ),
        })
    }
}

impl InspectedPage<'_> {
    /// The child's inspection of the page.
    pub fn inspection(&self) -> &PageInspection {
        &self.inspection
    }

    /// Makes a bitmap of the page.
    ///
    /// # Errors
    /// The reason for which there is no bitmap; if [`RasterError::is_page_only`] is true, other pages are worth asking
    /// for.
    pub fn render(&mut self, request: &RenderRequest) -> Result<RasterPage, RasterError> {
        loop {
            let (document, number) = (self.document, self.number);
            let (cancel, is_childs_first) = (self.deadline.cancel, self.is_childs_first);
            match self.render_once(request) {
                Err(error) if !is_childs_first && is_childs_end(&error) => {
                    *self = document.inspect(number, cancel)?;
                }
                rendered => return rendered,
            }
        }
    }

    fn render_once(&mut self, request: &RenderRequest) -> Result<RasterPage, RasterError> {
        let document = self.document;
        let size = bitmap_size(&self.inspection, request, &document.limits)?;
        let BitmapSize { width, height, .. } = size;
        let render = ChildRequest::Render {
            width,
            height,
            text_layer: request.text_layer,
        };
        let child = self.child.take().ok_or_else(protocol_violation)?;
        let (mut child, reply) = child.call(document, &render, self.deadline)?;
        let ChildReply::Rendered { text_layer, cut } = reply else {
            return Err(protocol_violation());
        };
        // The size is this side's own, and within the limits.
        let mut rgb = vec![0; width as usize * height as usize * 3];
        child.receive(document, &mut rgb, self.deadline)?;
        self.child = Some(child);
        let text_layer = (request.text_layer != TextLayerRequest::None)
            .then(|| validate::text(text_layer.unwrap_or_default(), width, height));
        let is_truncated = text_layer.as_ref().is_some_and(|text| text.truncated);
        let warnings = [
            size.warning,
            document.font_warning(&self.inspection),
            cut.map(cut_warning),
            is_truncated.then(truncated_warning),
        ];
        Ok(RasterPage {
            text_layer,
            warnings: warnings.into_iter().flatten().collect(),
            image: PageImage {
                width,
                height,
                dpi: size.dpi,
                rgb,
            },
            inspection: self.inspection.clone(),
            raster_time: self.started.elapsed(),
        })
    }
}

impl Drop for InspectedPage<'_> {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            child.keep(self.document);
        }
    }
}

/// The warning of a page whose picture ends too early.
fn cut_warning(cut: PictureCut) -> ReadWarning {
    let message = match cut.rows {
        Some((read, all)) => format!(
            "the picture's data is cut short or damaged: {read} of its {all} rows could be read; \
             scan or fetch it again"
        ),
        None => {
            "the picture's data is cut short: its end is missing, and text may be missing with it; \
                 scan or fetch it again"
                .to_owned()
        }
    };
    ReadWarning {
        first_page: None,
        pages: 0,
        kind: WarningKind::PictureCutShort,
        message,
    }
}

/// The warning of a page with more lines of its own text than are taken.
fn truncated_warning() -> ReadWarning {
    ReadWarning {
        first_page: None,
        pages: 0,
        kind: WarningKind::TextCutShort,
        message: format!(
            "the page's own text has more than {MAX_LINES} lines, and those after them were not taken; \
             --text-layer never reads what can be seen"
        ),
    }
}

/// Returns true if a child may have come to its end by what it had done before, so that a new one is worth a try.
fn is_childs_end(error: &RasterError) -> bool {
    matches!(
        error,
        RasterError::OutOfMemory { .. } | RasterError::Crashed(_)
    )
}
