//! Observer of a job's document: metrics, log, and the limit of the scratch directory.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use recto_pipeline::read::OutputTooLarge;
use recto_schemas::{Manifest, PageSummary};

use super::progress::JobProgress;
use crate::{
    document::ConvertObserver,
    observe::{
        logging,
        metrics::{JobStage, Metrics, TransferDirection},
    },
    os::scratch::JobDir,
};

/// Observes the document of a job, whose directory it holds until the last thread has left it.
pub(super) struct JobObserver {
    metrics: Arc<Metrics>,
    dir: Mutex<JobDir>,
    document_bytes: u64,
    progress: Arc<JobProgress>,
}

impl JobObserver {
    /// An observer of a document of this size.
    pub(super) fn new(
        metrics: &Arc<Metrics>,
        dir: JobDir,
        bytes: Option<u64>,
        progress: Arc<JobProgress>,
    ) -> Self {
        Self {
            metrics: Arc::clone(metrics),
            dir: Mutex::new(dir),
            document_bytes: bytes.unwrap_or(0),
            progress,
        }
    }
}

impl ConvertObserver for JobObserver {
    fn fetched(&self) {
        self.metrics
            .bytes(TransferDirection::Fetched, self.document_bytes);
    }

    fn opened(&self, pages: u32) {
        self.progress.opened(pages);
    }

    fn page_resumed(&self) {
        self.progress.page_resumed();
    }

    fn page(&self, page: &PageSummary) {
        self.progress.page();
        self.metrics.page(page);
        logging::page(page);
    }

    fn written(&self, bytes: u64) -> io::Result<()> {
        let mut dir = self.dir.lock().unwrap_or_else(PoisonError::into_inner);
        let limit_bytes = dir.reservation.limit();
        dir.reservation.grow(bytes).map_err(|error| {
            // With the directory for itself it would not fit either: no other attempt will do.
            if dir.reservation.bytes().saturating_add(bytes) > limit_bytes {
                let raise = "--scratch-size of the worker";
                return io::Error::other(OutputTooLarge { limit_bytes, raise });
            }
            error.into()
        })
    }

    fn read(&self, manifest: &Manifest) {
        self.metrics.pages_skipped(manifest.counts.skipped);
    }

    fn stored(&self, bytes: u64) {
        self.metrics.bytes(TransferDirection::Stored, bytes);
    }

    fn stage(&self, stage: JobStage, took: Duration) {
        self.metrics.stage(stage, took);
    }
}
