//! Progress of a job: what its delivery sees of the reading, and how it stops it.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use recto_pipeline::cancel::CancelToken;

/// Pages that are read before the time of the others is estimated.
const MIN_PAGES: u32 = 8;

/// The progress of a job's reading.
#[derive(Debug, Default)]
pub(crate) struct JobProgress {
    /// Begins no further page; pages in hand are kept.
    pub(crate) stop: CancelToken,
    opened: OnceLock<(Instant, u32)>,
    /// Pages that were read now.
    read: AtomicU32,
    /// Pages that an earlier delivery had read.
    resumed: AtomicU32,
}

impl JobProgress {
    /// The document is open, and this many pages will come.
    pub(crate) fn opened(&self, pages: u32) {
        let _ = self.opened.set((Instant::now(), pages));
    }

    /// A page was read.
    pub(crate) fn page(&self) {
        self.read.fetch_add(1, Ordering::Relaxed);
    }

    /// A page was read before.
    pub(crate) fn page_resumed(&self) {
        self.resumed.fetch_add(1, Ordering::Relaxed);
    }

    /// Time since the document was opened.
    pub(crate) fn reading_for(&self) -> Option<Duration> {
        self.opened.get().map(|(since, _)| since.elapsed())
    }

    /// Pages of the document.
    pub(crate) fn pages(&self) -> Option<u32> {
        self.opened.get().map(|(_, pages)| *pages)
    }

    /// Pages that are still to be read.
    pub(crate) fn remaining(&self) -> u32 {
        let done = self.read.load(Ordering::Relaxed) + self.resumed.load(Ordering::Relaxed);
        self.pages().unwrap_or(0).saturating_sub(done)
    }

    /// The time that a page takes, in seconds, once that can be told.
    pub(crate) fn page_s(&self) -> Option<f64> {
        let read = self.read.load(Ordering::Relaxed);
        let took = self.reading_for()?.as_secs_f64();
        (read >= MIN_PAGES).then(|| took / f64::from(read))
    }

    /// The time that the remaining pages take, once that can be told.
    pub(crate) fn remaining_time(&self) -> Option<Duration> {
        let seconds = self.page_s()? * f64::from(self.remaining());
        Duration::try_from_secs_f64(seconds).ok()
    }
}
