//! Audit: which jobs no queue holds and no worker has.
//!
//! A broker does not say what is in a queue. But once all queues of jobs have been empty for a while, every open job is
//! in a worker's hands, and workers say every few seconds what they have. What is open and nobody has is lost: somebody
//! emptied a queue, or whoever submitted it ended before it was sent. If it comes up after all, its next event counts.

use std::{collections::HashSet, time::Duration};

use lapin::Connection;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{
    Ledger, LedgerError,
    record::{JobState, milliseconds, split_id},
};
use crate::{
    broker::{
        config::BrokerConfig,
        connection::{close, connect},
        error::BrokerError,
        topology::{self, QueueTopology},
    },
    os::clock,
};

/// Time between two looks at the queues.
const INTERVAL: Duration = Duration::from_secs(5);

/// Looks until it is told to stop.
pub(crate) async fn run(
    broker: &BrokerConfig,
    ledger: &Ledger,
    lost_after: Duration,
    stop: &CancellationToken,
) {
    let topology = QueueTopology::new(broker);
    let mut looks = interval(INTERVAL);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection: Option<Connection> = None;
    let mut empty_since: Option<i64> = None;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = looks.tick() => {}
        }
        match waiting(broker, &topology, &mut connection).await {
            Ok(0) => {}
            found => {
                if let Err(error) = found {
                    tracing::debug!(%error, "the queues could not be looked at");
                }
                empty_since = None;
                continue;
            }
        }
        let now = milliseconds(&clock::now());
        let since = *empty_since.get_or_insert(now);
        if now - since < i64::try_from(lost_after.as_millis()).unwrap_or(i64::MAX) {
            continue;
        }
        match mark_lost(ledger, since).await {
            Ok(0) => {}
            Ok(jobs) => tracing::warn!(
                jobs,
                "jobs are lost: no queue holds them and no worker has them; `recto batch retry --state lost` submits them again"
            ),
            Err(error) => tracing::warn!(%error, "the ledger could not be audited"),
        }
    }
    if let Some(connection) = connection {
        close(&connection).await;
    }
}

/// Number of messages in the queues of jobs and in that of the ledger.
async fn waiting(
    broker: &BrokerConfig,
    topology: &QueueTopology,
    connection: &mut Option<Connection>,
) -> Result<u64, BrokerError> {
    let open = match connection.take().filter(|known| known.status().connected()) {
        Some(open) => open,
        None => connect(broker, "ledger, audit").await?,
    };
    let waiting = topology::waiting(&open, topology).await?;
    *connection = Some(open);
    Ok(waiting)
}

/// Marks the open jobs that were last heard of before `since` and that no worker has had in hand from then on. Gives their
/// number.
async fn mark_lost(ledger: &Ledger, since: i64) -> Result<usize, LedgerError> {
    let in_hand: HashSet<String> = ledger
        .in_hand(since)
        .await?
        .iter()
        .map(|id| split_id(id).0.to_owned())
        .collect();
    let (mut lost, mut after) = (0, String::new());
    loop {
        let page = ledger.unheard(since, &after).await?;
        let Some(last) = page.last() else {
            return Ok(lost);
        };
        after = last.id.clone();
        let ids: Vec<String> = page
            .into_iter()
            .map(|job| job.id)
            .filter(|id| !in_hand.contains(id))
            .collect();
        let marked = ledger.change(&ids, |job| {
            let is_lost = job.state.is_open() && job.seen < since;
            if is_lost {
                job.state = JobState::Lost;
            }
            is_lost
        });
        lost += marked.await?.len();
    }
}
