//! Attempt at an inference unit: from its pages to a sequence, and back to a candidate.

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
            input_image::InputImage,
            plan::{InputLayout, StackedRows},
            prompt::{OcrPrompt, PromptImages},
            scheduler::{Completion, Sequence},
        },
    },
    image::PageImage,
};

/// One attempt at an inference unit.
pub(super) struct AttemptRequest<'a> {
    pub(super) unit: &'a InferenceUnit,
    /// Form in which the pages are shown, which may differ from the plan.
    pub(super) layout: InputLayout,
    pub(super) mode: GotMode,
    /// Tokens that the answer continues.
    pub(super) prefix: &'a [u32],
    pub(super) max_new_tokens: usize,
    pub(super) time_limit: Duration,
    pub(super) no_repeat_ngram: Option<usize>,
}

impl<'a> AttemptRequest<'a> {
    /// The attempt that the document's options ask for.
    pub(super) fn requested(unit: &'a InferenceUnit, reader: &RequestReader<'_>) -> Self {
        Self {
            unit,
            layout: unit.layout.clone(),
            mode: reader.options.mode,
            prefix: &[],
            max_new_tokens: reader.options.runtime.max_new_tokens.get() as usize,
            time_limit: reader.time_limit(unit),
            no_repeat_ngram: None,
        }
    }
}

/// An attempt that the scheduler works on. Dropping it frees its slot.
pub(super) struct PendingAttempt {
    mode: GotMode,
    layout: InputLayout,
    prompt: Vec<u32>,
    completion: OneshotReceiver<Result<Completion, EngineError>>,
    cancel: CancelToken,
}

impl Drop for PendingAttempt {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl RequestReader<'_> {
    /// Makes an attempt's input images and prompt, and submits them to the scheduler.
    pub(super) fn submit(
        &self,
        attempt: &AttemptRequest<'_>,
    ) -> Result<PendingAttempt, EngineError> {
        let (unit, shared) = (attempt.unit, self.shared);
        let options = &self.options;
        let pages = &self.request.pages[unit.first..unit.first + unit.count];
        let images = self.input_images(pages, &attempt.layout);
        let token_range = token_range(&shared.config, &attempt.layout);
        let prompt = OcrPrompt {
            mode: attempt.mode,
            region: options.r#box.map(PageBox::edges),
            color: options.color,
            images: match attempt.layout {
                InputLayout::Whole(_) | InputLayout::Rows(..) | InputLayout::Row { .. } => {
                    PromptImages::Page
                }
                InputLayout::Tiles(..) => PromptImages::Tiles,
                InputLayout::Pages(_) => PromptImages::Pages(unit.count),
            },
            image_tokens: token_range
                .clone()
                .map_or(images.len() * shared.config.image_tokens, |token_range| {
                    token_range.len()
                }),
        };
        let prompt = prompt
            .token_ids(&shared.tokenizer, &shared.config)
            .map_err(|error| EngineError::Model(error.to_string()))?;
        let cancel = self.cancel.child();
        let completion = shared.scheduler.submit(Sequence {
            document: self.request.document,
            prompt: [&prompt[..], attempt.prefix].concat(),
            images,
            token_range,
            max_new_tokens: attempt.max_new_tokens,
            time_limit: attempt.time_limit,
            loop_guard: options.loop_guard,
            max_equal_rows: unit.lines,
            no_repeat_ngram: attempt.no_repeat_ngram,
            cancel: cancel.clone(),
        })?;
        Ok(PendingAttempt {
            mode: attempt.mode,
            layout: attempt.layout.clone(),
            prompt,
            completion,
            cancel,
        })
    }

    fn input_images(&self, pages: &[Arc<PageImage>], layout: &InputLayout) -> Vec<Arc<InputImage>> {
        let processor = &self.shared.config.processor;
        let size = (processor.width, processor.height);
        let images = pages.iter().flat_map(|page| match layout {
            InputLayout::Tiles(grid, _) => into_arcs(InputImage::tiles(page, size, *grid)),
            InputLayout::Rows(stacks, _) => {
                stacks.iter().map(|s| self.stacked_image(page, s)).collect()
            }
            InputLayout::Row { stack, .. } => vec![self.stacked_image(page, stack)],
            InputLayout::Whole(_) | InputLayout::Pages(_) => {
                into_arcs(vec![InputImage::whole_page(page, size)])
            }
        });
        images.collect()
    }

    /// The input image of a stack of rows. The last one is kept, so that its rows share one image,
    /// which the model encodes once.
    fn stacked_image(&self, page: &PageImage, stack: &Arc<StackedRows>) -> Arc<InputImage> {
        let mut last = self.last_stack.borrow_mut();
        if let Some((of, image)) = &*last
            && Arc::ptr_eq(of, stack)
        {
            return Arc::clone(image);
        }
        let processor = &self.shared.config.processor;
        let size = (processor.width, stack.height);
        let image = Arc::new(InputImage::of_rows(page, size, stack));
        *last = Some((Arc::clone(stack), Arc::clone(&image)));
        image
    }

    /// Waits for the result of an attempt.
    pub(super) fn wait(&self, pending: PendingAttempt) -> Result<Candidate, EngineError> {
        let received = pending.completion.recv(self.cancel, None);
        let completion = received.map_err(|error| match error {
            OneshotError::Cancelled => EngineError::Cancelled,
            OneshotError::Closed | OneshotError::Timeout => EngineError::Stopped,
        })??;
        let (layout, prompt) = (pending.layout.clone(), pending.prompt.clone());
        Ok(Candidate::new(pending.mode, layout, prompt, completion))
    }
}

fn into_arcs(images: Vec<InputImage>) -> Vec<Arc<InputImage>> {
    images.into_iter().map(Arc::new).collect()
}

/// The image tokens of a row within its input image; `None` for all other layouts, which use all
/// tokens.
fn token_range(config: &CheckpointConfig, layout: &InputLayout) -> Option<Range<usize>> {
    let InputLayout::Row { row, .. } = layout else {
        return None;
    };
    let across = config.tokens_per_row();
    Some(row * across..(row + 1) * across)
}
