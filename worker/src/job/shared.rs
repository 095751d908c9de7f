//! Shared documents: a long one's pages become messages for all workers. [`page_ranges`](super::page_ranges) decides.

use std::sync::{Arc, PoisonError};

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
    let listing = located.parts.list().await.map_err(failed)?;
    let stored = listing.cover();
    let folder = folder_state(&listing, &stored);
    let step = page_ranges::on_delivery(folder, range, delivery.is_resumed);
    if step != RangeStep::Read {
        return take_step(step, context, job, range, located, delivery, &stored).await;
    }
    let stored_any = match located.read_pages(context, job, range, delivery).await? {
        Reading::Stopped if located.parts.list().await.map_err(failed)?.has_plan => {
            return Ok(JobEnd::Stopped);
        }
        Reading::Stopped => false,
        Reading::Ended { stored_any } => stored_any,
    };
    let listing = located.parts.list().await.map_err(failed)?;
    let stored = listing.cover();
    let folder = folder_state(&listing, &stored);
    let step = page_ranges::on_read(folder, range, delivery.is_resumed, stored_any);
    take_step(step, context, job, range, located, delivery, &stored).await
}

/// Takes a step that reads nothing.
async fn take_step(
    step: RangeStep,
    context: &JobContext,
    job: &Job,
    range: &JobPages,
    located: LocatedJob,
    delivery: &JobDelivery,
    stored: &PartCover,
) -> Result<JobEnd, JobFailure> {
    match step {
        RangeStep::Nothing | RangeStep::Read => {
            tracing::info!(
                first = range.first,
                last = range.last,
                "nothing to do for these pages: other messages see to them, or the job has ended"
            );
        }
        RangeStep::Sweep => located.parts.remove().await.map_err(failed)?,
        RangeStep::GoOn => return Ok(located.go_on(job, range, delivery, stored)),
        RangeStep::Close => return close(context, job, range, located, delivery).await,
    }
    Ok(JobEnd::Continued(Vec::new()))
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

/// Ends the job, unless another message does.
async fn close(
    context: &JobContext,
    job: &Job,
    range: &JobPages,
    located: LocatedJob,
    delivery: &JobDelivery,
) -> Result<JobEnd, JobFailure> {
    match located
        .parts
        .close(&range_name(range))
        .await
        .map_err(failed)?
    {
        ClosedBy::Another => Ok(JobEnd::Continued(Vec::new())),
        ClosedBy::This => {
            tracing::info!("all pages of the document are read: assembling them");
            let delivery = JobDelivery {
                is_resumed: true,
                crashes: delivery.crashes,
                progress: delivery.progress.clone(),
            };
            whole(context, job, located, &delivery).await
        }
    }
}

/// The outcome of reading a range.
enum Reading {
    Stopped,
    Ended { stored_any: bool },
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

    /// The next message of a lane.
    fn go_on(
        &self,
        job: &Job,
        range: &JobPages,
        delivery: &JobDelivery,
        stored: &PartCover,
    ) -> JobEnd {
        let next = page_ranges::next(range, delivery.is_resumed, stored);
        JobEnd::Continued(
            next.map(|next| self.message(job, next))
                .into_iter()
                .collect(),
        )
    }

    async fn read_pages(
        &self,
        context: &JobContext,
        job: &Job,
        range: &JobPages,
        delivery: &JobDelivery,
    ) -> Result<Reading, JobFailure> {
        let dir = self.scratch_dir(context)?;
        let source = self.document(context, &dir);
        let reading = self.convert_context(context, job, dir, delivery);
        let parts = self.object_parts(delivery);
        let of_lane = page_ranges::part_pages(range, delivery.is_resumed);
        let parts = ObjectParts {
            is_resumed: true,
            pages_per_part: parts.pages_per_part.min(of_lane),
            ..parts
        };
        let record = Arc::clone(&parts.record);
        let positions = page_ranges::positions(range);
        match document::read_positions(source, positions, parts, Arc::new(reading)).await {
            Ok(()) => {}
            Err(ConvertError::Stopped) => return Ok(Reading::Stopped),
            Err(error) => return Err(JobFailure::convert(&error)),
        }
        context.known_good.read_from(&self.valid.source);
        context.known_good.wrote_to(&self.valid.output);
        let record = record.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Reading::Ended {
            stored_any: record.stored_any,
        })
    }
}
