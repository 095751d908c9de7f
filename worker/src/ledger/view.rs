//! Records and sums of the ledger as the command line and the service show them.

use recto_schemas::service::{BatchView, JobView};

use super::{
    BatchSum,
    record::{JobRecord, JobState},
};
use crate::os::clock::from_milliseconds;

/// The states of jobs that somebody should look at.
pub(crate) const ATTENTION: [JobState; 4] = [
    JobState::Dead,
    JobState::Failed,
    JobState::Partial,
    JobState::Lost,
];

/// A job; `whole` with the job itself.
pub(crate) fn job_view(record: &JobRecord, whole: bool) -> JobView {
    let body = || serde_json::from_str(&record.body).ok();
    JobView {
        id: record.id.clone(),
        batch: record.batch.clone(),
        state: record.state.as_str().to_owned(),
        kind: record.kind.clone(),
        message: record.message.clone(),
        source: record.source.clone(),
        output: record.output.clone(),
        manifest: record.manifest.clone(),
        manifest_sha256: record.manifest_sha256.clone(),
        pages: record.pages,
        pages_failed: record.pages_failed,
        bytes: record.bytes,
        tries: record.attempt,
        worker: record.worker.clone(),
        submitted_at: from_milliseconds(record.submitted),
        started_at: from_milliseconds(record.started),
        ended_at: from_milliseconds(record.ended),
        job: whole.then(body).flatten(),
    }
}

/// A job as a line of JSON.
pub(crate) fn job_json(record: &JobRecord) -> String {
    serde_json::to_string(&job_view(record, false)).expect("a view is JSON")
}

/// The sums of one batch.
pub(crate) fn batch_view<'a>(batch: &str, sums: impl Iterator<Item = &'a BatchSum>) -> BatchView {
    let mut view = BatchView {
        schema: BatchView::SCHEMA.to_owned(),
        batch: batch.to_owned(),
        ..BatchView::default()
    };
    for sum in sums {
        view.submitted += sum.jobs;
        let count = match sum.state {
            JobState::Waiting => &mut view.waiting,
            JobState::Reading => &mut view.reading,
            JobState::Lost => &mut view.lost,
            JobState::Done => &mut view.done,
            JobState::Partial => &mut view.partial,
            JobState::Failed => &mut view.failed,
            JobState::Skipped => &mut view.skipped,
            JobState::Dead => &mut view.dead,
            JobState::Cancelled => &mut view.cancelled,
        };
        *count += sum.jobs;
        if sum.state.is_open() {
            view.open += sum.jobs;
        }
        if !sum.kind.is_empty() {
            *view.reasons.entry(sum.kind.clone()).or_default() += sum.jobs;
        }
        view.pages += sum.pages;
        view.pages_failed += sum.pages_failed;
        view.bytes += sum.bytes;
    }
    view
}

/// The batches of sums that stand together, in the order of their names' bytes: databases have orders of their own.
pub(crate) fn batch_views(sums: &[BatchSum]) -> Vec<BatchView> {
    let views = sums
        .chunk_by(|a, b| a.batch == b.batch)
        .map(|sums| batch_view(&sums[0].batch, sums.iter()));
    let mut views: Vec<_> = views.collect();
    views.sort_by(|a, b| a.batch.cmp(&b.batch));
    views
}
