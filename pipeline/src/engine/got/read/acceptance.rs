//! Acceptance of texts by PP-OCR's words: units that skipped pages, and pages on which the engines
//! disagree.

use recto_schemas::{CrossCheck, FinishReason, RejectionKind};

use super::{
    Candidate, RequestReader, candidate::cut_short, page_sample::is_sampled,
    word_recall::word_recall,
};
use crate::engine::got::plan::InferenceUnit;

/// Minimum share of PP-OCR's words that a unit of several pages must have; with fewer, pages were
/// probably skipped.
const ENOUGH_WORDS: f32 = 0.9;
/// Share of PP-OCR's words below which the two engines disagree about a page.
const AGREEING_WORDS: f32 = 0.5;

impl RequestReader<'_> {
    /// Agreement with PP-OCR on the pages, if the document asks for that.
    pub(super) fn verified(&self, unit: &InferenceUnit, text: &str) -> Option<CrossCheck> {
        let pages = &self.request.pages[unit.first..unit.first + unit.count];
        if !pages
            .iter()
            .any(|page| is_sampled(page, self.options.verify.get()))
        {
            return None;
        }
        let agreement = self.word_share(unit, text)?;
        Some(CrossCheck {
            agreement,
            disagrees: agreement < AGREEING_WORDS,
        })
    }

    /// Share of PP-OCR's words on the pages that `text` has; `None` if there is no PP-OCR result,
    /// or if GOT was asked for a part of the page only.
    pub(super) fn word_share(&self, unit: &InferenceUnit, text: &str) -> Option<f32> {
        if self.is_partial() {
            return None;
        }
        let cross_check = self
            .cross_check
            .texts(unit.first..unit.first + unit.count)?;
        Some(word_recall(cross_check, text))
    }

    /// Returns true if only a part of each page is asked for, which PP-OCR cannot do.
    pub(super) fn is_partial(&self) -> bool {
        self.options.r#box.is_some() || self.options.color.is_some()
    }
}

/// The reason to reject a unit of several pages, if there is one.
pub(super) fn rejection(
    candidate: &Candidate,
    text: &str,
    share: Option<f32>,
) -> Option<RejectionKind> {
    match candidate.stop {
        FinishReason::End if text.trim().is_empty() => Some(RejectionKind::Empty),
        FinishReason::End if share.is_some_and(|share| share < ENOUGH_WORDS) => {
            Some(RejectionKind::TooFewWords)
        }
        stop => cut_short(stop),
    }
}
