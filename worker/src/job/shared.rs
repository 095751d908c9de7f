//! Shared documents: a long one's pages become messages for all workers. [`page_ranges`](super::page_ranges) decides.

use std::sync::{Arc, PoisonError};

use recto_pipeline::read::PartCover;
use recto_schemas::{FailureStage, Job, JobPages};

use super::{
    JobContext, JobDelivery, JobEnd, LocatedJob,
    failure::JobFailure,
    locate,
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
    let name = range_name(range);
    let listing = located.parts.list().await.map_err(failed)?;
    let stored = listing.cover();
    let nothing = Ok(JobEnd::Continued(Vec::new()));
    match step(&listing, &stored, range) {
        RangeStep::Nothing => {
            if listing.is_closed {
                // Whoever ended the job died before the last of its notes was removed.
                located.parts.remove().await.map_err(failed)?;
            }
            return nothing;
        }
        RangeStep::PassOn if listing.is_closed || !delivery.is_resumed => return nothing,
        RangeStep::PassOn => return Ok(located.go_on(job, range, &stored)),
        RangeStep::Read if listing.is_closed => {
            // The parts are being removed, by this message's own earlier delivery or by another one.
            return match located.parts.close(&name).await.map_err(failed)? {
                ClosedBy::This => whole(context, job, located, delivery).await,
                ClosedBy::Another => nothing,
            };
        }
        RangeStep::Close => return close(context, job, &name, located, delivery).await,
        RangeStep::Read => {}
    }
    let stored_any = match located.read_pages(context, job, range, delivery).await? {
        Reading::Stopped => return Ok(JobEnd::Stopped),
        Reading::Ended { stored_any } => stored_any,
    };
    let listing = located.parts.list().await.map_err(failed)?;
    let stored = listing.cover();
    match step(&listing, &stored, range) {
        RangeStep::Close => close(context, job, &name, located, delivery).await,
        RangeStep::PassOn if stored_any || delivery.is_resumed => {
            Ok(located.go_on(job, range, &stored))
        }
        RangeStep::PassOn | RangeStep::Nothing | RangeStep::Read => nothing,
    }
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
    let located = super::pinned(context, job)?;
    let listing = located.parts.list().await.map_err(failed)?;
    if !listing.has_plan {
        return Ok(false);
    }
    let closed = located.parts.close(&range_name(range)).await;
    Ok(closed.map_err(failed)? == ClosedBy::This)
}

/// Removes what is kept of a job that has failed for good.
pub(crate) async fn forget(context: &JobContext, job: &Job) -> Result<(), JobFailure> {
    let located = super::pinned(context, job)?;
    located.parts.mark_used();
    located.parts.remove().await.map_err(failed)
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

fn step(listing: &PartsListing, stored: &PartCover, range: &JobPages) -> RangeStep {
    let has_plan = listing.has_plan;
    page_ranges::step(FolderState { stored, has_plan }, range)
}

fn range_name(range: &JobPages) -> String {
    format!("{}-{}", range.first, range.last)
}

/// Ends the job, unless another message does.
async fn close(
    context: &JobContext,
    job: &Job,
    name: &str,
    located: LocatedJob,
    delivery: &JobDelivery,
) -> Result<JobEnd, JobFailure> {
    match located.parts.close(name).await.map_err(failed)? {
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
    fn go_on(&self, job: &Job, range: &JobPages, stored: &PartCover) -> JobEnd {
        let next = page_ranges::next(range, stored);
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
        let parts = ObjectParts {
            is_resumed: true,
            ..self.object_parts(delivery)
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
