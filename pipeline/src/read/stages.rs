//! Stages of a page: inspect, render, recognize, annotate, in this order. Assembly follows, with all pages in order.

use std::sync::Arc;

use recto_schemas::{FailureDetail, FailureKind, Options, Reason, TextLayer};

use super::{page::PageState, parts::ReadPage, residual::ResidualParts};
use crate::{
    cancel::CancelToken,
    clock::AwakeInstant,
    engine::{DocumentId, Engine, EngineError, EngineRequest, EngineResponse, OcrResult},
    image::{
        PageImage,
        rasterizer::{
            Bookmark, InspectedPage, OpenDocument, RasterError, RenderRequest, TextLayerRequest,
        },
        text_layer_policy::{TextSource, text_source},
    },
};

/// Resolution of a page whose own text is taken, in dots per inch: enough for rulings and the review page.
const TEXT_LAYER_DPI: f32 = 100.0;

/// Processes the pages of one document.
pub(super) struct PageProcessor<'a> {
    pub(super) document: &'a OpenDocument<'a>,
    pub(super) options: Arc<Options>,
    pub(super) engine: &'a dyn Engine,
    pub(super) id: DocumentId,
    pub(super) deadline: AwakeInstant,
    /// Cancelled at the deadline too.
    pub(super) cancel: CancelToken,
}

impl PageProcessor<'_> {
    /// Takes the pages of one request through all stages. Gives them in order.
    pub(super) fn process(&self, numbers: &[u32]) -> Vec<ReadPage> {
        let mut pages: Vec<PageState> = numbers.iter().map(|&n| PageState::new(n)).collect();
        for page in &mut pages {
            page.content.bookmarks = self.bookmarks_of(page.summary.page);
            if self.is_out_of_time() {
                page.fail(self.document_timeout());
                continue;
            }
            if let Err(error) = self.rasterize(page) {
                page.fail(self.raster_failure(&error));
            }
            // Its bitmap is of no more use, and the other pages of the request take their time.
            if page.image_to_read().is_none() {
                page.annotate(self.options.html);
            }
        }
        self.recognize(&mut pages);
        for page in &mut pages {
            page.annotate(self.options.html);
        }
        pages.into_iter().map(PageState::into_read).collect()
    }

    /// The bookmarks that lead to a page, or may.
    fn bookmarks_of(&self, number: u32) -> Vec<Bookmark> {
        let bookmarks = self.document.info().bookmarks.iter();
        bookmarks
            .filter(|bookmark| bookmark.page.is_none_or(|page| page == number))
            .cloned()
            .collect()
    }

    /// Inspects a page, decides where its text comes from, and renders it for that.
    fn rasterize(&self, page: &mut PageState) -> Result<(), RasterError> {
        let mut inspected = self.document.inspect(page.summary.page, &self.cancel)?;
        page.inspected(inspected.inspection());
        let choice = self.options.text_layer;
        let reads_parts = self.engine.info().reads_parts;
        let reason = match text_source(inspected.inspection(), choice, reads_parts) {
            TextSource::TextLayer(reason) => {
                let Some(reason) = self.take_text_layer(page, &mut inspected, reason)? else {
                    return Ok(());
                };
                // A text layer that turned out empty is read like a page without one.
                reason
            }
            TextSource::Ocr(reason) => reason,
        };
        let raster = inspected.render(&self.ocr_request())?;
        page.rendered(raster.image, raster.warnings, raster.raster_time);
        page.request_ocr(reason);
        Ok(())
    }

    /// Takes a page's own text, and has what it does not explain read. Gives the reason back if there is no text.
    fn take_text_layer(
        &self,
        page: &mut PageState,
        inspected: &mut InspectedPage<'_>,
        reason: Reason,
    ) -> Result<Option<Reason>, RasterError> {
        let all = self.options.text_layer == TextLayer::Always;
        let ocr = self.ocr_request();
        let raster = inspected.render(&RenderRequest {
            dpi: ocr.dpi.min(TEXT_LAYER_DPI),
            text_layer: if all {
                TextLayerRequest::All
            } else {
                TextLayerRequest::Visible
            },
            ..ocr
        })?;
        let Some(text) = raster.text_layer.filter(|text| !text.lines.is_empty()) else {
            return Ok(Some(reason));
        };
        let residual = if all {
            None
        } else {
            ResidualParts::find(&raster.image, &text, inspected.inspection())
        };
        page.rendered(raster.image, raster.warnings, raster.raster_time);
        page.take_text_layer(text, reason);
        match residual {
            Some(parts) if self.engine.info().reads_parts => {
                let fine = inspected.render(&ocr)?;
                page.request_residual(parts.cut(fine.image));
            }
            Some(_) => page.pictures_not_read(),
            None => {}
        }
        Ok(None)
    }

    /// The bitmap that the engine reads.
    fn ocr_request(&self) -> RenderRequest {
        let engine = self.engine.info();
        RenderRequest {
            dpi: self.options.dpi.map_or(engine.dpi, |dpi| dpi.get() as f32),
            max_side_px: engine.max_side_px,
            text_layer: TextLayerRequest::None,
        }
    }

    /// Has the engine read those of the pages that need it, in one request.
    fn recognize(&self, pages: &mut [PageState]) {
        let mut waiting: Vec<&mut PageState> = pages
            .iter_mut()
            .filter(|page| page.image_to_read().is_some())
            .collect();
        let images: Vec<Arc<PageImage>> = waiting
            .iter()
            .filter_map(|page| page.image_to_read().map(Arc::clone))
            .collect();
        if images.is_empty() {
            return;
        }
        let is_whole = waiting.iter().all(|page| page.reads_whole());
        match self.ask(images, is_whole) {
            Ok(results) => self.share_out(&mut waiting, results),
            Err(error) => {
                for page in waiting {
                    page.fail(self.engine_failure(&error));
                }
            }
        }
    }

    fn ask(&self, pages: Vec<Arc<PageImage>>, is_whole: bool) -> EngineResponse {
        let request = EngineRequest {
            document: self.id,
            pages,
            is_whole,
            options: Arc::clone(&self.options),
            cancel: self.cancel.child(),
        };
        let pending = self.engine.submit(request)?;
        pending.wait(self.deadline.saturating_duration_since(AwakeInstant::now()))
    }

    /// Gives each page its result. A result may cover pages after its first one, whose text it has then.
    fn share_out(&self, pages: &mut [&mut PageState], results: Vec<OcrResult>) {
        let ranges: Vec<_> = results
            .iter()
            .map(|result| result.first..result.first.saturating_add(result.count))
            .collect();
        for result in results {
            if let Some(page) = pages.get_mut(result.first)
                && page.image_to_read().is_some()
            {
                page.recognized(result);
            }
        }
        for (index, page) in pages.iter_mut().enumerate() {
            if page.image_to_read().is_none() {
                continue;
            }
            if ranges.iter().any(|range| range.contains(&index)) {
                page.read_with_previous(self.engine.info().name.to_string());
            } else {
                let error = EngineError::Model("it gave no reading of the page".to_owned());
                page.fail(self.engine_failure(&error));
            }
        }
    }

    fn raster_failure(&self, error: &RasterError) -> FailureDetail {
        if self.is_out_of_time() {
            return self.document_timeout();
        }
        FailureDetail::new(error.kind(), error.to_string())
    }

    fn engine_failure(&self, error: &EngineError) -> FailureDetail {
        if self.is_out_of_time() {
            return self.document_timeout();
        }
        let kind = match error {
            EngineError::Cancelled => FailureKind::Cancelled,
            EngineError::Stopped => FailureKind::EngineStopped,
            EngineError::Timeout => FailureKind::DocumentTimeout,
            EngineError::Model(_) => FailureKind::EngineFailed,
        };
        FailureDetail::new(kind, error.to_string())
    }

    fn is_out_of_time(&self) -> bool {
        AwakeInstant::now() >= self.deadline
    }

    fn document_timeout(&self) -> FailureDetail {
        FailureDetail {
            kind: FailureKind::DocumentTimeout,
            message: format!(
                "not read within the document's {} s; raise --document-timeout",
                self.options.limits.document_timeout.as_secs_f64()
            ),
        }
    }
}
