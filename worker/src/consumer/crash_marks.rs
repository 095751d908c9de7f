//! [`CrashMark`]: the worker's own count of the processes that ended with a job in hand.
//!
//! The broker counts deliveries that came back unsettled, each version in its own way, and a lost connection like a
//! crash. So a worker that gets a message again leaves a mark in the store before it begins, and removes it however the
//! job ends: also if it gives the job back or loses the connection. A mark that is still there was left by a process
//! that died.

use std::{path::PathBuf, sync::Arc};

use recto_schemas::Job;
use sha2::{Digest as _, Sha256};
use tokio::time::sleep;

use crate::{
    broker::connection::ExponentialBackoff,
    document::manifest::hex,
    job::JobContext,
    store::{ErrorCause, ObjectStore as _, StoreError, StoreUri, WriteCondition},
};

/// So many processes that ended with a job make it a poison message.
pub(super) const MAX_CRASHES: u32 = 3;

/// Folder of marks, below the job's output prefix.
const FOLDER: &str = ".recto/started";

/// Attempts to remove a mark: for an hour, as the waits between them grow to half a minute.
const MAX_REMOVALS: u32 = 120;

/// Longest mark, in bytes: the name of a worker and a number of pages.
const MAX_MARK_BYTES: u64 = 1024;

/// The processes that ended with a job.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Crashes {
    /// Their number.
    pub(super) number: u32,
    /// The pages that were stored when the last one of them began.
    pub(super) pages: u32,
}

/// A mark that this process left.
#[derive(Debug)]
pub(super) struct CrashMark {
    at: StoreUri,
}

impl CrashMark {
    /// The processes that ended with this job, up to [`MAX_CRASHES`].
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn crashes(context: &JobContext, job: &Job) -> Result<Crashes, StoreError> {
        let mut crashes = Crashes::default();
        for number in 0..MAX_CRASHES {
            let at = place(context, job, number)?;
            let Some(mark) = context.stores.read(&at, MAX_MARK_BYTES).await? else {
                break;
            };
            crashes.number = number + 1;
            crashes.pages = pages_of(&mark);
        }
        Ok(crashes)
    }

    /// Leaves the mark after those of earlier crashes.
    ///
    /// # Errors
    /// The store's, or that of a file in the scratch directory.
    pub(super) async fn leave(
        context: &JobContext,
        job: &Job,
        crashes: Crashes,
    ) -> Result<Self, StoreError> {
        let at = place(context, job, crashes.number)?;
        let text = format!("{}\n{}\n", context.worker, crashes.pages);
        let body = mark_file(context, &at, &text)?;
        let put = context
            .stores
            .put(
                &at,
                &body,
                "text/plain; charset=utf-8",
                WriteCondition::Always,
            )
            .await;
        // It is in the worker's own directory, which goes with the worker.
        let _ = std::fs::remove_file(&body);
        put.map(|_| Self { at })
    }

    /// Removes the mark: the process lives. If the store does not let it now, that is tried again while the process
    /// lives.
    pub(super) async fn remove(self, context: &JobContext) {
        let Err(error) = context.stores.delete(&self.at).await else {
            return;
        };
        tracing::warn!(%error, "the mark of a job in flight could not be removed; trying again");
        let stores = Arc::clone(&context.stores);
        tokio::spawn(async move {
            let mut backoff = ExponentialBackoff::default();
            for _ in 0..MAX_REMOVALS {
                sleep(backoff.next_wait()).await;
                if stores.delete(&self.at).await.is_ok() {
                    return;
                }
            }
        });
    }

    /// Removes every mark of a job that has ended.
    pub(super) async fn remove_all(context: &JobContext, job: &Job) {
        for number in 0..MAX_CRASHES {
            if let Ok(at) = place(context, job, number) {
                Self { at }.remove(context).await;
            }
        }
    }
}

/// The pages that were stored when a mark was left: the number in its second line.
fn pages_of(mark: &[u8]) -> u32 {
    let text = String::from_utf8_lossy(mark);
    let pages = text.lines().nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0)
}

fn mark_file(context: &JobContext, at: &StoreUri, text: &str) -> Result<PathBuf, StoreError> {
    let body = context
        .work
        .path()
        .join(format!("mark-{}", uuid::Uuid::now_v7().simple()));
    std::fs::write(&body, text)
        .map_err(|error| StoreError::new(at, ErrorCause::DiskFull(error)))?;
    Ok(body)
}

fn place(context: &JobContext, job: &Job, number: u32) -> Result<StoreUri, StoreError> {
    let output: StoreUri = job
        .output
        .parse()
        .map_err(|error| StoreError::new(&job.output, ErrorCause::BadUri(error)))?;
    if !context.bounds.allows_output(&output) {
        let outside = ErrorCause::NotAllowed("not below a prefix of --allow-output");
        return Err(StoreError::new(&job.output, outside));
    }
    let name = match &job.pages {
        Some(range) => format!("{} {}-{}", job.id, range.first, range.last),
        None => job.id.clone(),
    };
    let id = hex(&Sha256::digest(name.as_bytes()));
    output
        .join(&format!("{FOLDER}/{}-{number}", &id[..16]))
        .map_err(|error| StoreError::new(&job.output, ErrorCause::BadUri(error)))
}
