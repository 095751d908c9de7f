//! [`Shutdown`]: the two steps in which a worker ends.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// The two steps of a shutdown, and the time between them.
#[derive(Clone, Debug)]
pub(crate) struct Shutdown {
    /// No more jobs are taken.
    pub(crate) draining: CancellationToken,
    /// Jobs in flight are given up, and their messages requeued.
    pub(crate) aborted: CancellationToken,
    /// Time that jobs in flight have to end, from draining to aborted.
    pub(crate) timeout: Duration,
}

impl Shutdown {
    /// A shutdown that has not begun.
    pub(crate) fn new(timeout: Duration) -> Self {
        Self {
            draining: CancellationToken::new(),
            aborted: CancellationToken::new(),
            timeout,
        }
    }
}
