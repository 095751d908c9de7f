//! [`PageProcessor`]: pages from the rasterizer to the engine's answer.

use std::{borrow::Cow, sync::Arc, time::Instant};

use recto_schemas::{
    Options, PageOutcome, PageSummary, PageTiming, RawOutput, ReadWarning, Reason, TextLayer,
};

use crate::{
    cancel::CancelToken,
    engine::{
        DocumentId, Engine, EngineError, EngineRequest, EngineResponse, OcrContent, OcrResult,
        StopReason,
    },
    image::{
        PageImage,
        facts::PageInspection,
        ink, look,
        preview::{self, PagePreview},
        rasterizer::{OpenDocument, RasterError, RasterPage, RenderRequest, TextLayerRequest},
        rulings::{self, PageRulings},
        sound::{self, TextSource},
    },
    page::TextLine,
    text::PageContent,
};

/// Resolution of a page whose own text is taken: enough for rulings and the review page.
const TEXT_LAYER_DPI: f32 = 100.0;

/// What a document's pages are carried with.
pub(super) struct PageProcessor<'a> {
    pub(super) document: &'a OpenDocument<'a>,
    pub(super) options: &'a Arc<Options>,
    pub(super) engine: &'a dyn Engine,
    pub(super) id: DocumentId,
    pub(super) deadline: Instant,
    pub(super) stop: CancelToken,
}

/// A page that has been read, or has failed.
#[derive(Debug)]
pub(super) struct ProcessedPage {
    pub(super) summary: PageSummary,
    pub(super) content: PageContent,
    pub(super) raw: Option<RawOutput>,
    pub(super) preview: Option<PagePreview>,
    pub(super) warnings: Vec<ReadWarning>,
}

/// A page after the rasterizer: done with, or an image for the engine.
enum PreparedPage {
    Done(Box<ProcessedPage>),
    Image {
        page: u32,
        raster: Box<RasterPage>,
        image: Arc<PageImage>,
        why: Reason,
    },
}

impl PageProcessor<'_> {
    /// Carries the pages of one request. Gives one result a page, in order.
    pub(super) fn carry(&self, pages: &[u32]) -> Vec<ProcessedPage> {
        let prepared: Vec<PreparedPage> = pages.iter().map(|&page| self.prepare(page)).collect();
        let images: Vec<Arc<PageImage>> = prepared
            .iter()
            .filter_map(|prepared| match prepared {
                PreparedPage::Image { image, .. } => Some(Arc::clone(image)),
                PreparedPage::Done(_) => None,
            })
            .collect();
        let answer = if images.is_empty() {
            Ok(Vec::new())
        } else {
            self.ask(images)
        };
        let mut index = 0;
        prepared
            .into_iter()
            .map(|prepared| match prepared {
                PreparedPage::Done(carried) => *carried,
                PreparedPage::Image {
                    page,
                    raster,
                    image,
                    why,
                } => {
                    index += 1;
                    self.finish((page, why), *raster, &image, pick(&answer, index - 1))
                }
            })
            .collect()
    }

    fn prepare(&self, page: u32) -> PreparedPage {
        let plan = |facts: &PageInspection| self.plan(facts);
        let mut raster = match self.document.page(page, &plan, &self.stop) {
            Ok(raster) => raster,
            Err(error) => {
                return PreparedPage::Done(Box::new(
                    self.failed(page, self.raster_failure(&error)),
                ));
            }
        };
        let verdict = sound::text_layer_verdict(&raster.facts, self.options.text_layer);
        match (verdict, raster.text.take()) {
            (TextSource::Use(why), Some(lines)) if !lines.is_empty() => {
                PreparedPage::Done(Box::new(self.own_text((page, why), raster, lines)))
            }
            _ if !ink::has_ink(&raster.image) => {
                PreparedPage::Done(Box::new(self.empty(page, raster)))
            }
            (TextSource::Use(why) | TextSource::Read(why), _) => {
                let image = Arc::new(std::mem::take(&mut raster.image));
                PreparedPage::Image {
                    page,
                    raster: Box::new(raster),
                    image,
                    why,
                }
            }
        }
    }

    fn plan(&self, facts: &PageInspection) -> RenderRequest {
        let read_dpi = self
            .options
            .dpi
            .map_or(self.engine.info().dpi, |dpi| dpi.get() as f32);
        match sound::text_layer_verdict(facts, self.options.text_layer) {
            TextSource::Use(_) => RenderRequest {
                dpi: read_dpi.min(TEXT_LAYER_DPI),
                text: match self.options.text_layer {
                    TextLayer::Always => TextLayerRequest::All,
                    _ => TextLayerRequest::Visible,
                },
                max_side_px: self.engine.info().max_side_px,
            },
            TextSource::Read(_) => RenderRequest {
                dpi: read_dpi,
                text: TextLayerRequest::None,
                max_side_px: self.engine.info().max_side_px,
            },
        }
    }

    fn ask(&self, pages: Vec<Arc<PageImage>>) -> EngineResponse {
        let request = EngineRequest {
            document: self.id,
            pages,
            options: Arc::clone(self.options),
            cancel: self.stop.child(),
        };
        let ticket = self.engine.submit(request)?;
        ticket.wait(self.deadline.saturating_duration_since(Instant::now()))
    }

    fn own_text(
        &self,
        (page, why): (u32, Reason),
        raster: RasterPage,
        lines: Vec<TextLine>,
    ) -> ProcessedPage {
        let rulings = rulings::find(&raster.image, 0.0);
        let mut carried = self.carried(page, PageOutcome::TextLayer, &raster, &raster.image, 0);
        carried.summary.engine = Some("text-layer".to_owned());
        carried.summary.reason = Some(why);
        carried.summary.characters = characters(&lines);
        carried.content.content = OcrContent::Regions(lines);
        carried.content.rulings = rulings;
        carried
    }

    fn empty(&self, page: u32, raster: RasterPage) -> ProcessedPage {
        self.carried(page, PageOutcome::Empty, &raster, &raster.image, 0)
    }

    fn finish(
        &self,
        (page, why): (u32, Reason),
        raster: RasterPage,
        image: &PageImage,
        reading: Result<Option<&OcrResult>, &EngineError>,
    ) -> ProcessedPage {
        let reading = match reading {
            Ok(Some(reading)) => reading,
            Ok(None) => return self.read_with_previous(page, &raster, image),
            Err(error) => {
                let mut carried = self.carried(page, PageOutcome::Failed, &raster, image, 0);
                carried.fail(self.engine_failure(error));
                return carried;
            }
        };
        let mut carried = self.carried(page, PageOutcome::Ok, &raster, image, reading.rotation);
        carried.summary.decoding = reading.decoding.clone();
        carried.raw = reading.raw.clone();
        carried.summary.timing.queue_s = reading.queued.as_secs_f64();
        carried.summary.timing.engine_s = reading.worked.as_secs_f64();
        if carried.has_no_text(reading) {
            return carried;
        }
        carried.summary.engine = Some(reading.engine.to_string());
        carried.summary.reason = Some(why);
        carried.summary.confidence = reading.confidence;
        carried.warnings.extend(doubts(reading));
        carried.content.skew_deg = reading.skew_deg;
        carried.content.content = reading.content.clone();
        carried.summary.characters = match &mut carried.content.content {
            OcrContent::Regions(lines) => {
                let upright = match reading.rotation {
                    0 => Cow::Borrowed(image),
                    turn => Cow::Owned(image.turned(turn)),
                };
                look::complete(lines, &upright);
                carried.content.rulings = rulings::find(&upright, reading.skew_deg);
                characters(lines)
            }
            OcrContent::Markup(text) => count(text),
        };
        carried
    }

    /// A page whose text stands with an earlier page of the same request.
    fn read_with_previous(
        &self,
        page: u32,
        raster: &RasterPage,
        image: &PageImage,
    ) -> ProcessedPage {
        let mut carried = self.carried(page, PageOutcome::Ok, raster, image, 0);
        carried.summary.engine = Some(engine_name(self.engine));
        carried.summary.reason = Some(Reason {
            kind: "read-with-previous".to_owned(),
            message: "its text stands with the page before it, which was read together with it"
                .to_owned(),
        });
        carried
    }

    /// A page without text so far, with what the rasterizer says of it.
    fn carried(
        &self,
        page: u32,
        outcome: PageOutcome,
        raster: &RasterPage,
        image: &PageImage,
        rotation: u16,
    ) -> ProcessedPage {
        let mut carried = blank(page, outcome);
        let (width, height) = match rotation {
            90 | 270 => (image.height, image.width),
            _ => (image.width, image.height),
        };
        carried.summary.dpi = Some(image.dpi);
        carried.summary.width_px = Some(width);
        carried.summary.height_px = Some(height);
        carried.summary.rotation = rotation;
        carried.summary.timing.raster_s = raster.raster.as_secs_f64();
        carried.content.width = width as f32;
        carried.content.height = height as f32;
        carried.preview = self.options.html.then(|| preview::preview(image, rotation));
        carried.warnings.clone_from(&raster.warnings);
        carried
    }

    fn failed(&self, page: u32, failure: Reason) -> ProcessedPage {
        let mut carried = blank(page, PageOutcome::Failed);
        carried.fail(failure);
        carried
    }

    fn raster_failure(&self, error: &RasterError) -> Reason {
        if self.out_of_time() {
            return self.document_timeout();
        }
        Reason {
            kind: error.kind().to_owned(),
            message: error.to_string(),
        }
    }

    fn engine_failure(&self, error: &EngineError) -> Reason {
        if self.out_of_time() {
            return self.document_timeout();
        }
        let kind = match error {
            EngineError::Cancelled => "cancelled",
            EngineError::Stopped => "engine-stopped",
            EngineError::Timeout => "document-timeout",
            EngineError::Model(_) => "engine-failed",
        };
        Reason {
            kind: kind.to_owned(),
            message: error.to_string(),
        }
    }

    fn out_of_time(&self) -> bool {
        Instant::now() >= self.deadline
    }

    fn document_timeout(&self) -> Reason {
        Reason {
            kind: "document-timeout".to_owned(),
            message: format!(
                "not read within the document's {} s; raise --document-timeout",
                self.options.limits.document_timeout.as_secs_f64()
            ),
        }
    }
}

impl ProcessedPage {
    /// Whether a decoder wrote nothing; the page is then told apart from those that are read.
    fn has_no_text(&mut self, reading: &OcrResult) -> bool {
        match &reading.content {
            OcrContent::Markup(text) if text.trim().is_empty() => {}
            _ => return false,
        }
        if reading.stop == StopReason::Repetition {
            self.summary.outcome = PageOutcome::Failed;
            self.fail(Reason {
                kind: "repetition".to_owned(),
                message:
                    "the text repeated itself from its start, and no other way of reading helped"
                        .to_owned(),
            });
        } else {
            self.summary.outcome = PageOutcome::Empty;
            self.summary.reason = Some(Reason {
                kind: "empty-answer".to_owned(),
                message: "something stands on the page, but the model wrote nothing".to_owned(),
            });
        }
        true
    }

    fn fail(&mut self, failure: Reason) {
        self.content.failure = Some(failure.kind.clone());
        self.summary.reason = Some(failure);
    }
}

/// What a person should know of a page's text.
fn doubts(reading: &OcrResult) -> Vec<ReadWarning> {
    let mut doubts = Vec::new();
    let mut doubt = |kind: &str, message: &str| {
        doubts.push(ReadWarning {
            kind: kind.to_owned(),
            message: message.to_owned(),
            first_page: None,
            pages: 0,
        });
    };
    let verified = reading.decoding.as_ref().and_then(|d| d.verified);
    if verified.is_some_and(|verified| verified.disagrees) {
        doubt(
            "engines-disagree",
            "PP-OCR read mostly other words on these pages; compare them with the document",
        );
    }
    if reading.stop != StopReason::Complete {
        doubt(
            "text-cut-short",
            "the text of these pages ends before its end; `decoding.stop` of the page says why",
        );
    }
    doubts
}

fn blank(page: u32, outcome: PageOutcome) -> ProcessedPage {
    ProcessedPage {
        summary: PageSummary {
            page,
            outcome,
            reason: None,
            engine: None,
            dpi: None,
            width_px: None,
            height_px: None,
            rotation: 0,
            confidence: None,
            characters: 0,
            decoding: None,
            timing: PageTiming::default(),
        },
        content: PageContent {
            number: page,
            width: 0.0,
            height: 0.0,
            skew_deg: 0.0,
            content: OcrContent::Regions(Vec::new()),
            rulings: PageRulings::default(),
            failure: None,
        },
        raw: None,
        preview: None,
        warnings: Vec::new(),
    }
}

/// The reading that starts at `index`; none where an earlier one covers it.
fn pick(answer: &EngineResponse, index: usize) -> Result<Option<&OcrResult>, &EngineError> {
    static NO_READING: std::sync::LazyLock<EngineError> = std::sync::LazyLock::new(|| {
        EngineError::Model("it gave no reading of the page".to_owned())
    });
    let readings = answer.as_ref()?;
    if let Some(reading) = readings.iter().find(|reading| reading.first == index) {
        return Ok(Some(reading));
    }
    let covered = readings
        .iter()
        .any(|r| r.first < index && index < r.first.saturating_add(r.count));
    if covered { Ok(None) } else { Err(&NO_READING) }
}

fn characters(lines: &[TextLine]) -> u32 {
    lines
        .iter()
        .map(|line| count(&line.text))
        .fold(0, u32::saturating_add)
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

/// The engine's name as schemas write it.
fn engine_name(engine: &dyn Engine) -> String {
    engine.info().name.to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use recto_schemas::{
        CrossCheck, DecodingReport, EngineName, FinishReason, GotMode, PageTiling,
    };

    use super::*;

    fn written(text: &str, stop: StopReason, agreement: Option<f32>) -> OcrResult {
        let decoding = DecodingReport {
            mode: GotMode::Format,
            tiling: PageTiling {
                columns: 1,
                rows: 1,
                reason: "ordinary".to_owned(),
            },
            pages_in_pass: 1,
            prompt_tokens: 1,
            tokens: 1,
            stop: FinishReason::End,
            attempts: Vec::new(),
            verified: agreement.map(|agreement| CrossCheck {
                agreement,
                disagrees: agreement < 0.5,
            }),
        };
        OcrResult {
            first: 0,
            count: 1,
            engine: EngineName::Got,
            content: OcrContent::Markup(text.to_owned()),
            rotation: 0,
            skew_deg: 0.0,
            stop,
            confidence: None,
            decoding: Some(decoding),
            raw: None,
            queued: Duration::ZERO,
            worked: Duration::ZERO,
        }
    }

    fn kinds(reading: &OcrResult) -> Vec<String> {
        let doubts = doubts(reading).into_iter();
        doubts.map(|warning| warning.kind).collect()
    }

    #[test]
    fn a_page_on_which_nothing_was_written_is_told_apart() {
        let mut page = blank(1, PageOutcome::Ok);
        assert!(!page.has_no_text(&written("a", StopReason::Complete, None)));
        assert_eq!(page.summary.outcome, PageOutcome::Ok);

        assert!(page.has_no_text(&written(" \n", StopReason::Complete, None)));
        assert_eq!(page.summary.outcome, PageOutcome::Empty);
        let reason = page.summary.reason.expect("said");
        assert_eq!(reason.kind, "empty-answer");
        assert_eq!(page.content.failure, None);
    }

    #[test]
    fn a_page_that_repeated_itself_from_its_start_has_failed() {
        let mut page = blank(1, PageOutcome::Ok);
        assert!(page.has_no_text(&written("", StopReason::Repetition, None)));
        assert_eq!(page.summary.outcome, PageOutcome::Failed);
        assert_eq!(page.content.failure.as_deref(), Some("repetition"));
    }

    #[test]
    fn doubts_become_warnings() {
        let complete = StopReason::Complete;
        assert!(kinds(&written("a", complete, None)).is_empty());
        assert!(kinds(&written("a", complete, Some(0.9))).is_empty());
        assert_eq!(
            kinds(&written("a", complete, Some(0.2))),
            ["engines-disagree"]
        );
        let cut = written("a", StopReason::Length, None);
        assert_eq!(kinds(&cut), ["text-cut-short"]);
    }
}
