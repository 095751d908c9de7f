//! Page state: one page on its way from the document to assembly. Each stage fills in its part.

use std::{borrow::Cow, sync::Arc, time::Duration};

use recto_schemas::{
    DecodingReport, FailureDetail, FailureKind, FinishReason, PageOutcome, PageSummary, PageTiming,
    RawOutput, ReadWarning, Reason, TextReason, UnreadLineRecord, UnreadSummary, WarningKind,
};

use super::{drawn_regions::drawn_regions, parts::ReadPage, residual::ResidualImage};
use crate::{
    engine::{OcrContent, OcrResult},
    format_controls,
    image::{
        PageImage, blank_page, contrast,
        inspection::{LineDoubt, PageInspection},
        preview::{self, PagePreview},
        rasterizer::PageText,
        rulings::{self, PageRulings},
        typography,
    },
    page::{TextLine, UnreadInk, UnreadLine},
    text::PageContent,
    text_marks::plain,
};

/// A page and all that is known of it so far.
#[derive(Debug)]
pub(super) struct PageState {
    pub(super) summary: PageSummary,
    pub(super) content: PageContent,
    pub(super) raw: Option<RawOutput>,
    pub(super) preview: Option<PagePreview>,
    pub(super) warnings: Vec<ReadWarning>,
    /// Lines of which most was not read.
    pub(super) unread: Vec<UnreadLineRecord>,
    /// Its bitmap, from rendering to annotation; with more contrast than the page has if that is low.
    pub(super) image: Option<Arc<PageImage>>,
    /// The reason for which its image is read, until it is.
    ocr_reason: Option<Reason>,
    /// The origin of its lines; `None` as long as it has none.
    text_origin: Option<TextOrigin>,
    /// Its contrast, in levels of 255, if that is so low that there may be nothing on it.
    faint_contrast: Option<u8>,
    /// True if its bitmap was given more contrast.
    is_enhanced: bool,
    /// The part of it that is read beside its own text, until it is.
    residual: Option<ResidualImage>,
    /// For each line of its own text, the reason to doubt it.
    doubts: Vec<Option<LineDoubt>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextOrigin {
    TextLayer,
    Ocr,
}

impl PageState {
    /// A page of which only its one-based number is known.
    pub(super) fn new(number: u32) -> Self {
        Self {
            summary: PageSummary {
                page: number,
                outcome: PageOutcome::Empty,
                reason: None,
                engine: None,
                dpi: None,
                width_px: None,
                height_px: None,
                rotation: 0,
                confidence: None,
                characters: 0,
                unread: None,
                lines_by_fallback: 0,
                decoding: None,
                timing: PageTiming::default(),
            },
            content: PageContent {
                number,
                width: 0.0,
                height: 0.0,
                skew_deg: 0.0,
                content: OcrContent::Regions(Vec::new()),
                rulings: PageRulings::default(),
                asides: Vec::new(),
                pictures: Vec::new(),
                bookmarks: Vec::new(),
                is_partial: false,
                failure: None,
            },
            raw: None,
            preview: None,
            warnings: Vec::new(),
            unread: Vec::new(),
            image: None,
            ocr_reason: None,
            text_origin: None,
            faint_contrast: None,
            is_enhanced: false,
            residual: None,
            doubts: Vec::new(),
        }
    }

    /// The page has a bitmap.
    pub(super) fn rendered(
        &mut self,
        image: PageImage,
        warnings: Vec<ReadWarning>,
        raster_time: Duration,
    ) {
        self.summary.timing.raster_s = raster_time.as_secs_f64();
        self.warnings.extend(warnings);
        self.image = Some(Arc::new(image));
    }

    /// Takes the warnings that an inspection has for whoever uses the page's text.
    pub(super) fn inspected(&mut self, inspection: &PageInspection) {
        if inspection.is_xfa_form {
            self.warnings.push(warning(
                WarningKind::XfaForm,
                "the document is an XFA form: what was read are the pages for viewers that do not know XFA, often no \
                 more than a notice; print the form to a PDF in a viewer that does",
            ));
        }
        if inspection.text.truncated {
            self.warnings.push(warning(
                WarningKind::TextCutShort,
                "these pages have more characters of their own than are read; --text-layer never reads what they show",
            ));
        }
    }

    /// The page's own text is its text.
    pub(super) fn take_text_layer(&mut self, text: PageText, mut reason: Reason) {
        if text.unseen > 0 {
            reason.message = format!(
                "{}; {} characters that cannot be seen are left out",
                reason.message, text.unseen
            );
        }
        self.summary.outcome = PageOutcome::TextLayer;
        self.summary.engine = Some("text-layer".to_owned());
        self.summary.reason = Some(reason);
        self.content.content = OcrContent::Regions(text.lines);
        self.doubts = text.doubts;
        self.text_origin = Some(TextOrigin::TextLayer);
    }

    /// Has a part of the page read beside its own text.
    pub(super) fn request_residual(&mut self, residual: ResidualImage) {
        self.residual = Some(residual);
    }

    /// Says that pictures or drawings on the page may hold text that was not read.
    pub(super) fn pictures_not_read(&mut self) {
        self.warnings.push(warning(
            WarningKind::PicturesNotRead,
            "pictures or drawings on these pages may hold text, which this engine does not read beside a page's own \
             text; --text-layer never has it read the whole page",
        ));
    }

    /// Has the page read by the engine, unless nothing is drawn on it: then it is empty.
    pub(super) fn request_ocr(&mut self, reason: Reason) {
        let Some(image) = &self.image else { return };
        let enhanced = contrast::enhance(image);
        let is_faint = !blank_page::has_ink(image);
        if is_faint
            && !enhanced
                .as_ref()
                .is_some_and(|page| blank_page::has_ink(&page.image))
        {
            return;
        }
        self.ocr_reason = Some(reason);
        if let Some(page) = enhanced {
            self.faint_contrast = is_faint.then_some(page.contrast);
            self.is_enhanced = true;
            self.image = Some(Arc::new(page.image));
        }
    }

    /// The bitmap that the engine has to read, if there is one.
    pub(super) fn image_to_read(&self) -> Option<&Arc<PageImage>> {
        let residual = self.residual.as_ref().map(|residual| &residual.image);
        residual.or(self.ocr_reason.as_ref().and(self.image.as_ref()))
    }

    /// Returns true if that is all of the page.
    pub(super) fn reads_whole(&self) -> bool {
        self.residual.is_none()
    }

    /// The engine has read what it had to.
    pub(super) fn recognized(&mut self, result: OcrResult) {
        match self.residual.take() {
            Some(residual) => self.recognized_residual(&residual, result),
            None => self.recognized_page(result),
        }
    }

    fn recognized_residual(&mut self, residual: &ResidualImage, result: OcrResult) {
        self.summary.timing.queue_s = result.queued.as_secs_f64();
        self.summary.timing.engine_s = result.inference_time.as_secs_f64();
        let engine = result.engine;
        let content = &mut self.content.content;
        let OcrContent::Regions(own) = std::mem::replace(content, OcrContent::Regions(Vec::new()))
        else {
            return;
        };
        let completed = residual.complete(own, &self.doubts, result);
        if completed.read > 0 {
            let own = self
                .summary
                .reason
                .take()
                .map_or(String::new(), |reason| reason.message);
            self.summary.reason = Some(Reason::new(
                TextReason::TextLayerWithOcr,
                format!("{own}; {engine} read {} lines beside it", completed.read),
            ));
        }
        *content = OcrContent::Regions(completed.lines);
        self.content.asides = completed.asides;
        self.content.pictures = completed.pictures;
        if let Some(unread) = completed.unread {
            self.leave_unread(unread, "the lines read beside its own text");
        }
    }

    fn recognized_page(&mut self, result: OcrResult) {
        let reason = self.ocr_reason.take();
        let answer = match Answer::of(&result) {
            Answer::Text if self.is_enhanced && shows_shadows(&result) => Answer::NoLines,
            answer => answer,
        };
        self.summary.outcome = PageOutcome::Ok;
        self.summary.rotation = result.rotation;
        self.summary.timing.queue_s = result.queued.as_secs_f64();
        self.summary.timing.engine_s = result.inference_time.as_secs_f64();
        self.raw = result.raw;
        match (answer, result.stop) {
            (Answer::Text, _) => {
                self.warnings
                    .extend(warnings(result.decoding.as_ref(), result.stop));
                self.summary.engine = Some(result.engine.to_string());
                self.summary.reason = reason;
                self.summary.confidence = result.confidence;
                self.content.skew_deg = result.skew_deg;
                self.content.content = result.content;
                self.text_origin = Some(TextOrigin::Ocr);
                if let Some(unread) = result.unread {
                    self.leave_unread(unread, "its lines");
                }
            }
            (Answer::NoLines, _) => match self.faint_contrast {
                Some(contrast) => {
                    self.summary.outcome = PageOutcome::Empty;
                    self.summary.reason = Some(Reason::new(
                        TextReason::EmptyAnswer,
                        format!(
                            "nothing on the page differs from its paper by more than {contrast} levels of 255, and \
                             none of it is text"
                        ),
                    ));
                }
                None => self.find_no_text(),
            },
            (Answer::NoMarkup, FinishReason::Repetition) => self.fail(FailureDetail::new(
                FailureKind::Repetition,
                "the text repeated itself from its start, and no other way of reading helped",
            )),
            (Answer::NoMarkup, _) => {
                self.summary.outcome = PageOutcome::Empty;
                self.summary.reason = Some(Reason::new(
                    TextReason::EmptyAnswer,
                    "something stands on the page, but the model wrote nothing",
                ));
            }
        }
        self.summary.decoding = result.decoding;
    }

    /// Part of the page was not read. `lines_read` are those that the share is of.
    fn leave_unread(&mut self, unread: UnreadInk, lines_read: &str) {
        let UnreadInk { share, lines } = unread;
        let summary = UnreadSummary {
            share,
            lines: u32::try_from(lines.len()).unwrap_or(u32::MAX),
        };
        self.summary.outcome = PageOutcome::Partial;
        self.summary.unread = Some(summary);
        self.summary.reason = Some(Reason::new(
            TextReason::UnreadableScript,
            format!(
                "{:.0} % of the ink of {lines_read} was not read: most likely the model does not know their script",
                share * 100.0
            ),
        ));
        self.unread = lines.into_iter().map(unread_line).collect();
        self.warnings.push(warning(
            WarningKind::UnreadableScript,
            "lines of these pages were not read, most likely because the model does not know their script; `unread` of \
             the pages says how much",
        ));
    }

    /// There is ink on the page, but no line of text.
    fn find_no_text(&mut self) {
        self.summary.outcome = PageOutcome::Empty;
        self.summary.reason = Some(Reason::new(
            TextReason::NoTextFound,
            "something is drawn on the page, but no line of text was found",
        ));
        self.warnings.push(warning(
            WarningKind::NoTextFound,
            "something is drawn on these pages, but no line of text was found; see whether they show pictures only",
        ));
    }

    /// The page's text is part of an earlier page's, which `engine` read together with it.
    pub(super) fn read_with_previous(&mut self, engine: String) {
        self.ocr_reason = None;
        self.residual = None;
        self.summary.outcome = PageOutcome::Ok;
        self.summary.engine = Some(engine);
        self.summary.reason = Some(Reason::new(
            TextReason::ReadWithPrevious,
            "its text stands with the page before it, which was read together with it",
        ));
    }

    /// The page has failed.
    pub(super) fn fail(&mut self, failure: FailureDetail) {
        self.ocr_reason = None;
        self.residual = None;
        self.summary.outcome = PageOutcome::Failed;
        self.content.failure = Some(failure.kind);
        self.summary.reason = Some(failure.into());
    }

    /// The page as assembly and parts take it.
    pub(super) fn into_read(self) -> ReadPage {
        ReadPage {
            summary: self.summary,
            content: self.content,
            unread: self.unread,
            raw: self.raw,
            preview: self.preview,
            warnings: self.warnings,
            is_stored: false,
        }
    }

    /// Takes from the bitmap what it says beside the text, and drops it. Does nothing without a bitmap.
    pub(super) fn annotate(&mut self, with_preview: bool) {
        self.strip_format_controls();
        let Some(image) = self.image.take() else {
            return;
        };
        let rotation = self.summary.rotation;
        let (width, height) = match rotation {
            90 | 270 => (image.height, image.width),
            _ => (image.width, image.height),
        };
        self.summary.dpi = Some(image.dpi);
        self.summary.width_px = Some(width);
        self.summary.height_px = Some(height);
        self.content.width = width as f32;
        self.content.height = height as f32;
        self.preview = with_preview.then(|| preview::preview(&image, rotation));
        if let Some(origin) = self.text_origin {
            self.annotate_text(origin, &image);
        }
    }

    /// Takes out characters that would disguise the text for whoever looks at it, and says how many there were.
    fn strip_format_controls(&mut self) {
        let count = match &mut self.content.content {
            OcrContent::Markup(text) => format_controls::strip(text),
            OcrContent::Regions(lines) => lines.iter_mut().map(strip_line).sum(),
        };
        if count == 0 {
            return;
        }
        if let Some(reason) = &mut self.summary.reason {
            let said = "invisible format characters are left out";
            reason.message = format!("{}; {count} {said}", reason.message);
        }
    }

    fn annotate_text(&mut self, origin: TextOrigin, image: &PageImage) {
        let rotation = self.summary.rotation;
        self.summary.characters = match &mut self.content.content {
            OcrContent::Regions(lines) => {
                let upright = match rotation {
                    0 => Cow::Borrowed(image),
                    turn => Cow::Owned(image.rotated(turn)),
                };
                // A text layer says itself how its type looks.
                if origin == TextOrigin::Ocr {
                    typography::annotate(lines, &upright);
                    self.content.pictures = drawn_regions(lines, &upright);
                }
                self.content.rulings = rulings::find(&upright, self.content.skew_deg);
                let by_fallback = lines.iter().filter(|line| line.read_by.is_some()).count();
                self.summary.lines_by_fallback = u32::try_from(by_fallback).unwrap_or(u32::MAX);
                lines
                    .iter()
                    .map(|line| character_count(&line.text))
                    .fold(0, u32::saturating_add)
            }
            OcrContent::Markup(text) => character_count(text),
        };
    }
}

/// Takes format controls out of a line's text, and gives their number.
fn strip_line(line: &mut TextLine) -> usize {
    let count = format_controls::strip(&mut line.text);
    if count > 0 {
        // It says how many bytes of the text are bold.
        line.lead = None;
    }
    count
}

/// The content of an engine's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// Text, or lines that were seen and not read.
    Text,
    /// A decoder wrote nothing.
    NoMarkup,
    /// A detector found no lines.
    NoLines,
}

impl Answer {
    fn of(result: &OcrResult) -> Self {
        match &result.content {
            OcrContent::Markup(text) if text.trim().is_empty() => Self::NoMarkup,
            OcrContent::Regions(lines) if lines.is_empty() && result.unread.is_none() => {
                Self::NoLines
            }
            _ => Self::Text,
        }
    }
}

/// Returns true if no text was read, and next to nothing looks like lines that were not: on a pale page that is what
/// shows through from its other side. A page in a script that the model does not know has more.
fn shows_shadows(result: &OcrResult) -> bool {
    /// Most such lines.
    const MOST_LINES: usize = 2;
    let is_without_text = matches!(&result.content, OcrContent::Regions(lines) if lines.is_empty());
    let unread = result.unread.as_ref();
    is_without_text && unread.is_some_and(|unread| unread.lines.len() <= MOST_LINES)
}

fn unread_line(line: UnreadLine) -> UnreadLineRecord {
    UnreadLineRecord {
        text: line.text,
        quad: line.quad.0.map(|corner| [corner.x, corner.y]),
        share: line.share,
    }
}

fn warning(kind: WarningKind, message: &str) -> ReadWarning {
    ReadWarning {
        kind,
        message: message.to_owned(),
        first_page: None,
        pages: 0,
    }
}

/// Warnings for whoever reads the text of a page.
fn warnings(decoding: Option<&DecodingReport>, stop: FinishReason) -> Vec<ReadWarning> {
    let mut warnings = Vec::new();
    let verified = decoding.and_then(|decoding| decoding.verified);
    if verified.is_some_and(|verified| verified.disagrees) {
        warnings.push(warning(
            WarningKind::EnginesDisagree,
            "PP-OCR read mostly other words on these pages; compare them with the document",
        ));
    }
    if stop != FinishReason::End {
        warnings.push(warning(
            WarningKind::TextCutShort,
            "the text of these pages ends before its end; `decoding.stop` of the page says why",
        ));
    }
    warnings
}

fn character_count(text: &str) -> u32 {
    u32::try_from(plain(text).chars().count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
