//! [`Attempting`]: one attempt at a pass, from its pages to a sequence and back.

use std::{
    ops::Range,
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
            config::Config,
            plan::{Section, Shape},
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
        let part = part(&reader.config, &attempt.shape);
        let question = Question {
            mode: attempt.mode,
            region: options.region,
            color: options.color,
            ask: match attempt.shape {
                Shape::Whole(_) | Shape::Rows(..) | Shape::Row { .. } => Ask::Page,
                Shape::Tiles(..) => Ask::Tiles,
                Shape::Pages(_) => Ask::Pages(pass.count),
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
            Shape::Tiles(grid, _) => own(View::tiles(page, size, *grid)),
            Shape::Rows(sections, _) => sections.iter().map(|s| self.sheet(page, s)).collect(),
            Shape::Row { section, .. } => vec![self.sheet(page, section)],
            Shape::Whole(_) | Shape::Pages(_) => own(vec![View::whole(page, size)]),
        });
        views.collect()
    }

    /// The view of a section of `page`: the one that was made last where it is of the same section, so that the model
    /// encodes it once.
    fn sheet(&self, page: &PageImage, section: &Arc<Section>) -> Arc<View> {
        let mut last = self.sheet.borrow_mut();
        if let Some((of, view)) = &*last
            && Arc::ptr_eq(of, section)
        {
            return Arc::clone(view);
        }
        let pixels = &self.reader.config.pixels;
        let size = (pixels.width, section.height);
        let view = Arc::new(View::section(page, size, section));
        *last = Some((Arc::clone(section), Arc::clone(&view)));
        view
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

fn own(views: Vec<View>) -> Vec<Arc<View>> {
    views.into_iter().map(Arc::new).collect()
}

/// Which of its view's image tokens a row has; none for all other shapes, which have all.
fn part(config: &Config, shape: &Shape) -> Option<Range<usize>> {
    let Shape::Row { row, .. } = shape else {
        return None;
    };
    let across = config.tokens_across();
    Some(row * across..(row + 1) * across)
}
