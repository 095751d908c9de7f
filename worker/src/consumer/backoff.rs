//! [`FailureBackoff`]: the wait after failures that the next job would share.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::time::sleep;

use super::shutdown::Shutdown;
use crate::job::{failure::JobFailure, policy::policy};

/// Longest wait after a failure.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Power of two, in seconds, from which on the wait is [`MAX_WAIT`].
const MAX_DOUBLINGS: u32 = 6;

/// Counts failures in a row that say more of this worker than of their jobs.
#[derive(Debug, Default)]
pub(crate) struct FailureBackoff(AtomicU32);

impl FailureBackoff {
    /// Waits if the next job would fail like this one, while the job's permit is held: a worker without its store must
    /// not be the fastest of its fleet, and run the whole queue through its retries. A second at first, then twice
    /// that each time, up to a minute; a shutdown ends the wait.
    pub(super) async fn wait_after(&self, failure: &JobFailure, shutdown: &Shutdown) {
        if !policy(failure.kind).backoff {
            return;
        }
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        let wait = Duration::from_secs(1 << before.min(MAX_DOUBLINGS)).min(MAX_WAIT);
        tokio::select! {
            () = sleep(wait) => {}
            () = shutdown.draining.cancelled() => {}
        }
    }

    /// A job has succeeded.
    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}
