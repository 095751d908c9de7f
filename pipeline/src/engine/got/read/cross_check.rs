//! Cross-check engine: PP-OCR's results for a request's pages, at most one a page.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use recto_schemas::Options;

use crate::{
    cancel::CancelToken,
    engine::{
        Engine, EngineRequest, OcrContent, OcrResult, PendingResponse, got::CrossCheckFactory,
    },
    page::TextLine,
};

/// The cross-check engine, created when it is first needed.
pub(super) struct CrossCheckEngine {
    factory: Option<CrossCheckFactory>,
    engine: OnceLock<Option<Arc<dyn Engine>>>,
}

impl CrossCheckEngine {
    pub(super) fn new(factory: Option<CrossCheckFactory>) -> Self {
        Self {
            factory,
            engine: OnceLock::new(),
        }
    }

    /// The engine; `None` if none was configured or it could not be created. Pages then go
    /// unchecked, and the manifest has no `verified` and no attempt by PP-OCR.
    fn engine(&self) -> Option<&Arc<dyn Engine>> {
        self.engine
            .get_or_init(|| self.factory.as_ref().and_then(|factory| factory().ok()))
            .as_ref()
    }
}

/// PP-OCR's results for the pages of one request.
pub(super) struct CrossCheckResults<'a> {
    cross_check: &'a CrossCheckEngine,
    request: &'a EngineRequest,
    cancel: &'a CancelToken,
    timeout: Duration,
    pages: Vec<OnceLock<Option<OcrResult>>>,
}

impl<'a> CrossCheckResults<'a> {
    /// No results yet; a page may take as long as `timeout`.
    pub(super) fn new(
        cross_check: &'a CrossCheckEngine,
        request: &'a EngineRequest,
        cancel: &'a CancelToken,
        timeout: Duration,
    ) -> Self {
        let pages = request.pages.iter().map(|_| OnceLock::new()).collect();
        Self {
            cross_check,
            request,
            cancel,
            timeout,
            pages,
        }
    }

    /// The result for page `index` of the request; `None` if there is no cross-check engine or it
    /// failed.
    pub(super) fn result(&self, index: usize) -> Option<&OcrResult> {
        self.run(index..index + 1);
        self.pages.get(index)?.get()?.as_ref()
    }

    /// The texts of all lines of some pages; `None` if a page could not be read.
    pub(super) fn texts(&self, pages: std::ops::Range<usize>) -> Option<Vec<&str>> {
        self.run(pages.clone());
        let mut texts = Vec::new();
        for index in pages {
            texts.extend(lines(self.result(index)?).iter().map(|l| l.text.as_str()));
        }
        Some(texts)
    }

    /// Reads the pages that have no result yet, all at once.
    fn run(&self, pages: std::ops::Range<usize>) {
        let tickets: Vec<(usize, Option<PendingResponse>)> = pages
            .filter(|&index| self.pages.get(index).is_some_and(|p| p.get().is_none()))
            .map(|index| (index, self.submit(index)))
            .collect();
        for (index, ticket) in tickets {
            let answer = ticket.and_then(|ticket| ticket.wait(self.timeout).ok());
            let result = answer.and_then(|results| results.into_iter().next());
            // Cannot be set already, because one thread reads a request.
            let _ = self.pages[index].set(result);
        }
    }

    fn submit(&self, index: usize) -> Option<PendingResponse> {
        let request = EngineRequest {
            document: self.request.document,
            pages: vec![Arc::clone(&self.request.pages[index])],
            is_whole: true,
            // PP-OCR has no options of its own, and GOT's are not for it.
            options: Arc::new(Options {
                got: None,
                ..Options::clone(&self.request.options)
            }),
            cancel: self.cancel.child(),
        };
        self.cross_check.engine()?.submit(request).ok()
    }
}

/// The text lines of a result.
pub(super) fn lines(result: &OcrResult) -> &[TextLine] {
    match &result.content {
        OcrContent::Regions(lines) => lines,
        OcrContent::Markup(_) => &[],
    }
}
