//! [`StopWatch`]: has a job stop reading at the next page, its pages kept, when others should go on with it.

use std::time::{Duration, Instant};

use recto_schemas::Job;

use super::{ConsumerContext, orders::OrderVerdict};
use crate::{
    broker::consume::Acker,
    job::{page_ranges::may_share, progress::JobProgress, shared},
};

/// Pages that are still read when a worker drains, or its delivery is lost.
const SHORT_PAGES: u32 = 4;
/// The time that they may take.
const SHORT_TIME: Duration = Duration::from_secs(2);
/// The broker's own acknowledgement timeout, where no other is set (RabbitMQ 3.8.17 and later).
const DEFAULT_ACK_TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Share of the acknowledgement timeout after which a message goes back: the rest is for the page in hand.
const ACK_SHARE: u32 = 2;
/// Least time of reading before a message goes back, so that each delivery reads something.
const MIN_READING: Duration = Duration::from_secs(1);
/// Time between two questions to the broker whether there are other workers.
const WORKERS_INTERVAL: Duration = Duration::from_secs(5);

/// The reason for which a job stops reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopReason {
    /// The worker shuts down.
    Shutdown,
    /// The session is lost: the broker delivers the message again, most likely to another worker.
    Stale,
    /// The broker would take the message for lost.
    AckTimeout,
    /// The job was cancelled.
    Cancel,
    /// Other workers read with this one: so many workers.
    Share(u32),
}

/// Watches the reading of one delivery.
pub(super) struct StopWatch<'a> {
    pub(super) context: &'a ConsumerContext,
    pub(super) acker: &'a Acker,
    pub(super) delivered: Instant,
    /// True if the document may be shared out.
    pub(super) may_share: bool,
    pub(super) job: &'a Job,
    /// True if pages can be kept, once that was asked.
    pub(super) can_keep: Option<bool>,
    /// The last time that the broker was asked for other workers.
    pub(super) asked: Option<Instant>,
}

/// The time from a delivery after which its message goes back.
pub(super) fn hold_time(context: &ConsumerContext) -> Duration {
    context.broker.ack_timeout.unwrap_or(DEFAULT_ACK_TIMEOUT) / ACK_SHARE
}

impl StopWatch<'_> {
    /// The reason to stop now, if there is one.
    pub(super) async fn reason(&mut self, progress: &JobProgress) -> Option<StopReason> {
        let reading_for = progress.reading_for()?;
        if self.context.orders.verdict(self.job) == OrderVerdict::Cancelled {
            return Some(StopReason::Cancel);
        }
        let remaining = progress.remaining();
        let time = progress.remaining_time();
        let is_short = remaining <= SHORT_PAGES && time.is_none_or(|time| time <= SHORT_TIME);
        if self.context.shutdown.draining.is_cancelled() && !is_short {
            return Some(StopReason::Shutdown);
        }
        if self.acker.is_stale() && !is_short && self.can_keep().await {
            return Some(StopReason::Stale);
        }
        if self.delivered.elapsed() >= hold_time(self.context)
            && reading_for >= MIN_READING
            && remaining > 0
            && self.can_keep().await
        {
            return Some(StopReason::AckTimeout);
        }
        let is_long = time.is_some_and(|time| time >= self.context.share_above);
        let may_ask = self.asked.is_none_or(|at| at.elapsed() >= WORKERS_INTERVAL);
        if self.may_share && is_long && may_ask {
            self.asked = Some(Instant::now());
            let depth = self.context.publisher.depth().await?;
            let workers = depth.consumers;
            if may_share(depth.ready, workers) && self.can_keep().await {
                return Some(StopReason::Share(workers));
            }
        }
        None
    }

    /// Returns true if pages can be kept. Asks the store once.
    async fn can_keep(&mut self) -> bool {
        if self.can_keep.is_none() {
            let context = &self.context.job_context;
            self.can_keep = Some(shared::can_keep(context, self.job).await);
        }
        self.can_keep == Some(true)
    }
}
