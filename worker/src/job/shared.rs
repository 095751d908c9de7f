//! Shared documents: a long one's pages become messages for all workers. [`page_ranges`] decides.

use std::sync::Arc;

use recto_pipeline::read::PartCover;
use recto_schemas::{FailureStage, Job, JobPages};

use super::{
    JobContext, JobDelivery, JobEnd,
    failure::JobFailure,
    located::{LocatedJob, locate, pinned},
    page_ranges::{self, FolderState, RangeStep},
    whole,
};
use crate::{
    document::{
        self, ConvertError,
        parts::{ClosedBy, ObjectParts, PAGES_PER_PART, PartsListing},
    },
    store::StoreError,
};

fn failed(error: StoreError) -> JobFailure {
    JobFailure::store(FailureStage::Store, &error)
}

/// Shares out the pages that are not read yet: the messages for that. Until the job has ended, its folder says so.
///
/// # Errors
/// The store's.
pub(crate) async fn share(
    context: &JobContext,
    job: &Job,
    delivery: &JobDelivery,
    workers: u32,
) -> Result<JobEnd, JobFailure> {
    let located = locate(context, job).await?;
    let Some(pages) = delivery.progress.pages() else {
        return Ok(JobEnd::Stopped);
    };
    located.parts.write_plan().await.map_err(failed)?;
    let stored = located.parts.list().await.map_err(failed)?.cover();
    let page_s = delivery.progress.page_s().unwrap_or_default();
    let ranges = page_ranges::begin(&stored, pages, PAGES_PER_PART, page_s, workers);
    tracing::info!(
        pages,
        stored = stored.pages(),
        range_pages = ranges.first().map(|range| range.size),
        messages = ranges.len(),
        "the document is shared out among workers"
    );
    let messages = ranges.into_iter().map(|range| located.message(job, range));
    Ok(JobEnd::Continued(messages.collect()))
}

/// Reads the pages of a range's message, as far as nobody has; ends the job if they were the last ones.
pub(super) async fn read_range(
    context: &JobContext,
    job: &Job,
    range: &JobPages,
    located: LocatedJob,
    delivery: &JobDelivery,
) -> Result<JobEnd, JobFailure> {
    let task = RangeTask {
        context,
        job,
        range,
        located,
        delivery,
    };
    task.run().await
}

/// The message of a range in this worker's hands.
struct RangeTask<'a> {
    context: &'a JobContext,
    job: &'a Job,
    range: &'a JobPages,
    located: LocatedJob,
    delivery: &'a JobDelivery,
}

impl RangeTask<'_> {
    async fn run(self) -> Result<JobEnd, JobFailure> {
        let is_resumed = self.delivery.is_resumed;
        let listing = self.list().await?;
        let stored = listing.cover();
        let folder = folder_state(&listing, &stored);
        let step = page_ranges::on_delivery(folder, self.range, is_resumed);
        if step != RangeStep::Read {
            return self.take(step, &stored).await;
        }
        let stored_any = match self.read_pages().await? {
            Reading::Stopped if self.list().await?.has_plan => return Ok(JobEnd::Stopped),
            Reading::Stopped => false,
            Reading::Ended { stored_any } => stored_any,
        };
        let listing = self.list().await?;
        let stored = listing.cover();
        let folder = folder_state(&listing, &stored);
        let step = page_ranges::on_read(folder, self.range, is_resumed, stored_any);
        self.take(step, &stored).await
    }

    async fn list(&self) -> Result<PartsListing, JobFailure> {
        self.located.parts.list().await.map_err(failed)
    }

    /// Takes a step that reads nothing.
    async fn take(self, step: RangeStep, stored: &PartCover) -> Result<JobEnd, JobFailure> {
        match step {
            RangeStep::Nothing | RangeStep::Read => {
                tracing::info!(
                    first = self.range.first,
                    last = self.range.last,
                    "nothing to do for these pages: other messages see to them, or the job has ended"
                );
            }
            RangeStep::Sweep => self.located.parts.remove().await.map_err(failed)?,
            RangeStep::GoOn => {
                let next = page_ranges::next(self.range, self.delivery.is_resumed, stored);
                let next = next.map(|next| self.located.message(self.job, next));
                return Ok(JobEnd::Continued(next.into_iter().collect()));
            }
            RangeStep::Close => return self.close().await,
        }
        Ok(JobEnd::Continued(Vec::new()))
    }

    /// Ends the job, unless another message does.
    async fn close(self) -> Result<JobEnd, JobFailure> {
        let closed = self.located.parts.close(&range_name(self.range)).await;
        if closed.map_err(failed)? == ClosedBy::Another {
            return Ok(JobEnd::Continued(Vec::new()));
        }
        tracing::info!("all pages of the document are read: assembling them");
        let delivery = JobDelivery {
            is_resumed: true,
            crashes: self.delivery.crashes,
            progress: Arc::clone(&self.delivery.progress),
        };
        whole(self.context, self.job, self.located, &delivery).await
    }

    async fn read_pages(&self) -> Result<Reading, JobFailure> {
        let (context, located, delivery) = (self.context, &self.located, self.delivery);
        let (source, copy) = located.document(context)?;
        // Nothing is written; the document stays longer than its reading.
        let dir = context.work.job_dir(0);
        let dir = dir.map_err(|error| JobFailure::work(FailureStage::Fetch, &error.into()))?;
        let reading = located.convert_context(context, self.job, dir, delivery);
        let parts = located.object_parts(context, self.job, delivery);
        let of_lane = page_ranges::part_pages(self.range, delivery.is_resumed);
        let parts = ObjectParts {
            is_resumed: true,
            pages_per_part: parts.pages_per_part.min(of_lane),
            ..parts
        };
        let positions = page_ranges::positions(self.range);
        let read = document::read_positions(source, positions, parts, Arc::new(reading)).await;
        let read = match read {
            Ok(stored_any) => {
                context.known_good.read_from(&located.valid.source);
                context.known_good.wrote_to(&located.valid.output);
                Reading::Ended { stored_any }
            }
            Err(ConvertError::Stopped) => Reading::Stopped,
            Err(error) => return Err(JobFailure::convert(&error)),
        };
        let scratch_bytes = context.work.limit_bytes();
        context.kept_documents.keep(copy, scratch_bytes);
        Ok(read)
    }
}

/// The outcome of reading a range.
enum Reading {
    Stopped,
    Ended { stored_any: bool },
}

/// Claims to end the job that a message for a range of its pages belongs to, which has failed for good. Returns false if
/// another message ends it, or it has ended.
///
/// # Errors
/// The store's.
pub(crate) async fn close_failed(
    context: &JobContext,
    job: &Job,
    range: &JobPages,
) -> Result<bool, JobFailure> {
    let located = pinned(context, job)?;
    let listing = located.parts.list().await.map_err(failed)?;
    if !listing.has_plan {
        return Ok(false);
    }
    let closed = located.parts.close(&range_name(range)).await;
    Ok(closed.map_err(failed)? == ClosedBy::This)
}

/// Removes what is kept of a job that has failed for good.
pub(crate) async fn forget(context: &JobContext, job: &Job) -> Result<(), JobFailure> {
    let located = match job.pages {
        Some(_) => pinned(context, job)?,
        None => locate(context, job).await?,
    };
    located.parts.mark_used();
    located.parts.remove().await.map_err(failed)
}

/// Returns true if pages that are read of a job can be kept. A worker that cannot is no worse than one that has no time.
pub(crate) async fn can_keep(context: &JobContext, job: &Job) -> bool {
    match locate(context, job).await {
        Ok(located) => located.parts.can_keep().await,
        Err(_) => false,
    }
}

/// Number of pages that are kept of a job.
///
/// # Errors
/// As [`super::run`].
pub(crate) async fn pages_kept(context: &JobContext, job: &Job) -> Result<u32, JobFailure> {
    let located = locate(context, job).await?;
    let listing = located.parts.list().await.map_err(failed)?;
    Ok(listing.cover().pages())
}

fn folder_state<'a>(listing: &PartsListing, stored: &'a PartCover) -> FolderState<'a> {
    FolderState {
        stored,
        has_plan: listing.has_plan,
        is_closed: listing.is_closed,
    }
}

fn range_name(range: &JobPages) -> String {
    format!("{}-{}", range.first, range.last)
}

impl LocatedJob {
    /// The message for a range, about the version of the document that was found.
    fn message(&self, job: &Job, range: JobPages) -> Job {
        let mut message = job.clone();
        message
            .source
            .version_id
            .clone_from(&self.source.version_id);
        message.source.etag.clone_from(&self.source.etag);
        message.pages = Some(range);
        message
    }
}
