//! [`Attempting`]: one attempt at a pass, from its pages to a sequence and back.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use recto_schemas::Mode;

use super::{Draft, Pass, Visit};
use crate::{
    cancel::Cancel,
    engine::{
        EngineError,
        got::{
            plan::Shape,
            prompt::{Ask, Question},
            schedule::{Sequence, Written},
            view::View,
        },
    },
    image::PageImage,
};

/// How often a waiting thread looks at its flags.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// One attempt at a pass.
pub(super) struct Attempting<'a> {
    pub(super) pass: &'a Pass,
    /// How the pages are shown, which need not be as the pass was planned.
    pub(super) shape: Shape,
    pub(super) mode: Mode,
    /// Tokens that the attempt goes on from.
    pub(super) before: &'a [u32],
    pub(super) max_new_tokens: usize,
    pub(super) time_limit: Duration,
    pub(super) no_repeat_ngram: Option<usize>,
}

impl<'a> Attempting<'a> {
    /// As the document asks for it.
    pub(super) fn asked(pass: &'a Pass, visit: &Visit<'_>) -> Self {
        Self {
            pass,
            shape: pass.shape.clone(),
            mode: visit.options.mode,
            before: &[],
            max_new_tokens: visit.options.max_new_tokens as usize,
            time_limit: visit.time_limit(pass),
            no_repeat_ngram: None,
        }
    }
}

/// An attempt that was handed to the scheduler. Dropping it frees its slot.
pub(super) struct UnderWay {
    mode: Mode,
    shape: Shape,
    prompt: Vec<u32>,
    written: mpsc::Receiver<Result<Written, EngineError>>,
    cancel: Cancel,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Visit<'_> {
    /// Makes an attempt's views and prompt, and hands it to the scheduler.
    pub(super) fn submit(&self, attempt: &Attempting<'_>) -> Result<UnderWay, EngineError> {
        let (pass, reader) = (attempt.pass, self.reader);
        let options = &self.options;
        let pages = &self.request.pages[pass.first..pass.first + pass.count];
        let views = self.views(pages, &attempt.shape);
        let question = Question {
            mode: attempt.mode,
            region: options.region,
            color: options.color,
            ask: match attempt.shape {
                Shape::Whole(_) | Shape::Sections(..) => Ask::Page,
                Shape::Tiles(..) => Ask::Tiles,
                Shape::Pages(_) => Ask::Pages(pass.count),
            },
            views: views.len(),
        };
        let prompt = question
            .ids(&reader.tokens, &reader.config)
            .map_err(|error| EngineError::Model(error.to_string()))?;
        let cancel = self.cancel.child();
        let written = reader.scheduler.submit(Sequence {
            document: self.request.document,
            prompt: [&prompt[..], attempt.before].concat(),
            views,
            max_new_tokens: attempt.max_new_tokens,
            time_limit: attempt.time_limit,
            loop_guard: options.loop_guard,
            most_equal_rows: pass.lines,
            no_repeat_ngram: attempt.no_repeat_ngram,
            cancel: cancel.clone(),
        })?;
        Ok(UnderWay {
            mode: attempt.mode,
            shape: attempt.shape.clone(),
            prompt,
            written,
            cancel,
        })
    }

    fn views(&self, pages: &[Arc<PageImage>], shape: &Shape) -> Vec<Arc<View>> {
        let pixels = &self.reader.config.pixels;
        let size = (pixels.width, pixels.height);
        let views = pages.iter().flat_map(|page| match shape {
            Shape::Tiles(grid, _) => View::tiles(page, size, *grid),
            Shape::Sections(sections, _) => {
                let view = |section| View::section(page, size, section);
                sections.iter().map(view).collect()
            }
            Shape::Whole(_) | Shape::Pages(_) => vec![View::whole(page, size)],
        });
        views.map(Arc::new).collect()
    }

    /// Waits for what an attempt gives.
    pub(super) fn wait(&self, under_way: UnderWay) -> Result<Draft, EngineError> {
        let written = loop {
            match under_way.written.recv_timeout(CANCEL_POLL) {
                Ok(written) => break written?,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(EngineError::Stopped),
                Err(mpsc::RecvTimeoutError::Timeout) if self.cancel.is_cancelled() => {
                    return Err(EngineError::Cancelled);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
            }
        };
        let (shape, prompt) = (under_way.shape.clone(), under_way.prompt.clone());
        Ok(Draft::new(under_way.mode, shape, prompt, written))
    }
}
