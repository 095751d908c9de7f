//! PP-OCR beside GOT: what it sees on a request's pages, asked at most once a page.

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

/// The second reader, made when it is first wanted.
pub(super) struct CrossCheckEngine {
    make: Option<CrossCheckFactory>,
    made: OnceLock<Option<Arc<dyn Engine>>>,
}

impl CrossCheckEngine {
    pub(super) fn new(make: Option<CrossCheckFactory>) -> Self {
        Self {
            make,
            made: OnceLock::new(),
        }
    }

    /// The engine; none where none was configured or it could not be made. What it would have checked
    /// goes unchecked then, and the manifest has no `verified` and no attempt by it.
    fn engine(&self) -> Option<&Arc<dyn Engine>> {
        self.made
            .get_or_init(|| self.make.as_ref().and_then(|make| make().ok()))
            .as_ref()
    }
}

/// What the second reader sees on the pages of one request.
pub(super) struct CrossCheckResults<'a> {
    second: &'a CrossCheckEngine,
    request: &'a EngineRequest,
    cancel: &'a CancelToken,
    patience: Duration,
    pages: Vec<OnceLock<Option<OcrResult>>>,
}

impl<'a> CrossCheckResults<'a> {
    /// Nothing seen so far; a page may take as long as `patience`.
    pub(super) fn new(
        second: &'a CrossCheckEngine,
        request: &'a EngineRequest,
        cancel: &'a CancelToken,
        patience: Duration,
    ) -> Self {
        let pages = request.pages.iter().map(|_| OnceLock::new()).collect();
        Self {
            second,
            request,
            cancel,
            patience,
            pages,
        }
    }

    /// The reading of page `index` of the request; none where there is no second reader or it failed.
    pub(super) fn reading(&self, index: usize) -> Option<&OcrResult> {
        self.look(index..index + 1);
        self.pages.get(index)?.get()?.as_ref()
    }

    /// The texts of all lines on some pages; none where a page could not be read.
    pub(super) fn texts(&self, pages: std::ops::Range<usize>) -> Option<Vec<&str>> {
        self.look(pages.clone());
        let mut texts = Vec::new();
        for index in pages {
            texts.extend(lines(self.reading(index)?).iter().map(|l| l.text.as_str()));
        }
        Some(texts)
    }

    /// Reads the pages that have not been read, all at once.
    fn look(&self, pages: std::ops::Range<usize>) {
        let asked: Vec<(usize, Option<PendingResponse>)> = pages
            .filter(|&index| self.pages.get(index).is_some_and(|p| p.get().is_none()))
            .map(|index| (index, self.ask(index)))
            .collect();
        for (index, ticket) in asked {
            let answer = ticket.and_then(|ticket| ticket.wait(self.patience).ok());
            let reading = answer.and_then(|readings| readings.into_iter().next());
            // Nobody else sets it: a request is read by one thread.
            let _ = self.pages[index].set(reading);
        }
    }

    fn ask(&self, index: usize) -> Option<PendingResponse> {
        let request = EngineRequest {
            document: self.request.document,
            pages: vec![Arc::clone(&self.request.pages[index])],
            // PP-OCR has no options of its own, and GOT's are not for it.
            options: Arc::new(Options {
                got: None,
                ..Options::clone(&self.request.options)
            }),
            cancel: self.cancel.child(),
        };
        self.second.engine()?.submit(request).ok()
    }
}

/// The lines of a reading.
pub(super) fn lines(reading: &OcrResult) -> &[TextLine] {
    match &reading.content {
        OcrContent::Regions(lines) => lines,
        OcrContent::Markup(_) => &[],
    }
}
