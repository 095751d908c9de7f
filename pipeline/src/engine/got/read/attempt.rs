//! [`AttemptRequest`]: one attempt at a pass, from its pages to a sequence and back.

use std::{ops::Range, sync::Arc, time::Duration};

use recto_schemas::{GotMode, PageBox};

use super::{Candidate, InferenceUnit, RequestReader};
use crate::{
    cancel::{
        CancelToken,
        oneshot::{OneshotError, OneshotReceiver},
    },
    engine::{
        EngineError,
        got::{
            config::CheckpointConfig,
            plan::{InputLayout, StackedRows},
            prompt::{OcrPrompt, PromptImages},
            schedule::{Completion, Sequence},
            view::InputImage,
        },
    },
    image::PageImage,
};

/// One attempt at a pass.
pub(super) struct AttemptRequest<'a> {
    pub(super) pass: &'a InferenceUnit,
    /// How the pages are shown, which need not be as the pass was planned.
    pub(super) shape: InputLayout,
    pub(super) mode: GotMode,
    /// Tokens that the attempt goes on from.
    pub(super) before: &'a [u32],
    pub(super) max_new_tokens: usize,
    pub(super) time_limit: Duration,
    pub(super) no_repeat_ngram: Option<usize>,
}

impl<'a> AttemptRequest<'a> {
    /// As the document asks for it.
    pub(super) fn asked(pass: &'a InferenceUnit, visit: &RequestReader<'_>) -> Self {
        Self {
            pass,
            shape: pass.shape.clone(),
            mode: visit.options.mode,
            before: &[],
            max_new_tokens: visit.options.runtime.max_new_tokens.get() as usize,
            time_limit: visit.time_limit(pass),
            no_repeat_ngram: None,
        }
    }
}

/// An attempt that was handed to the scheduler. Dropping it frees its slot.
pub(super) struct PendingAttempt {
    mode: GotMode,
    shape: InputLayout,
    prompt: Vec<u32>,
    written: OneshotReceiver<Result<Completion, EngineError>>,
    cancel: CancelToken,
}

impl Drop for PendingAttempt {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl RequestReader<'_> {
    /// Makes an attempt's views and prompt, and hands it to the scheduler.
    pub(super) fn submit(
        &self,
        attempt: &AttemptRequest<'_>,
    ) -> Result<PendingAttempt, EngineError> {
        let (pass, reader) = (attempt.pass, self.reader);
        let options = &self.options;
        let pages = &self.request.pages[pass.first..pass.first + pass.count];
        let views = self.views(pages, &attempt.shape);
        let part = part(&reader.config, &attempt.shape);
        let question = OcrPrompt {
            mode: attempt.mode,
            region: options.r#box.map(PageBox::edges),
            color: options.color,
            ask: match attempt.shape {
                InputLayout::Whole(_) | InputLayout::Rows(..) | InputLayout::Row { .. } => {
                    PromptImages::Page
                }
                InputLayout::Tiles(..) => PromptImages::Tiles,
                InputLayout::Pages(_) => PromptImages::Pages(pass.count),
            },
            image_tokens: part
                .clone()
                .map_or(views.len() * reader.config.image_tokens, |part| part.len()),
        };
        let prompt = question
            .ids(&reader.tokens, &reader.config)
            .map_err(|error| EngineError::Model(error.to_string()))?;
        let cancel = self.cancel.child();
        let written = reader.scheduler.submit(Sequence {
            document: self.request.document,
            prompt: [&prompt[..], attempt.before].concat(),
            views,
            part,
            max_new_tokens: attempt.max_new_tokens,
            time_limit: attempt.time_limit,
            loop_guard: options.loop_guard,
            most_equal_rows: pass.lines,
            no_repeat_ngram: attempt.no_repeat_ngram,
            cancel: cancel.clone(),
        })?;
        Ok(PendingAttempt {
            mode: attempt.mode,
            shape: attempt.shape.clone(),
            prompt,
            written,
            cancel,
        })
    }

    fn views(&self, pages: &[Arc<PageImage>], shape: &InputLayout) -> Vec<Arc<InputImage>> {
        let pixels = &self.reader.config.pixels;
        let size = (pixels.width, pixels.height);
        let views = pages.iter().flat_map(|page| match shape {
            InputLayout::Tiles(grid, _) => own(InputImage::tiles(page, size, *grid)),
            InputLayout::Rows(sections, _) => {
                sections.iter().map(|s| self.sheet(page, s)).collect()
            }
            InputLayout::Row { section, .. } => vec![self.sheet(page, section)],
            InputLayout::Whole(_) | InputLayout::Pages(_) => {
                own(vec![InputImage::whole(page, size)])
            }
        });
        views.collect()
    }

    /// The view of a section of `page`: the one that was made last where it is of the same section, so that the model
    /// encodes it once.
    fn sheet(&self, page: &PageImage, section: &Arc<StackedRows>) -> Arc<InputImage> {
        let mut last = self.sheet.borrow_mut();
        if let Some((of, view)) = &*last
            && Arc::ptr_eq(of, section)
        {
            return Arc::clone(view);
        }
        let pixels = &self.reader.config.pixels;
        let size = (pixels.width, section.height);
        let view = Arc::new(InputImage::section(page, size, section));
        *last = Some((Arc::clone(section), Arc::clone(&view)));
        view
    }

    /// Waits for what an attempt gives.
    pub(super) fn wait(&self, under_way: PendingAttempt) -> Result<Candidate, EngineError> {
        let received = under_way.written.recv(self.cancel, None);
        let written = received.map_err(|error| match error {
            OneshotError::Cancelled => EngineError::Cancelled,
            OneshotError::Closed | OneshotError::Timeout => EngineError::Stopped,
        })??;
        let (shape, prompt) = (under_way.shape.clone(), under_way.prompt.clone());
        Ok(Candidate::new(under_way.mode, shape, prompt, written))
    }
}

fn own(views: Vec<InputImage>) -> Vec<Arc<InputImage>> {
    views.into_iter().map(Arc::new).collect()
}

/// Which of its view's image tokens a row has; none for all other shapes, which have all.
fn part(config: &CheckpointConfig, shape: &InputLayout) -> Option<Range<usize>> {
    let InputLayout::Row { row, .. } = shape else {
        return None;
    };
    let across = config.tokens_across();
    Some(row * across..(row + 1) * across)
}
