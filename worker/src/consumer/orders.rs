//! [`Orders`]: what operators have ordered, as every worker knows it.
//!
//! Orders are messages of a stream. A worker reads all of them before it takes its first job, and those that come later
//! as they come.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lapin::Connection;
use recto_schemas::{Job, check_version};
use tokio::time::timeout;

use super::ConsumerContext;
use crate::broker::{
    consume::{ConsumeOptions, Consumer, Delivery},
    error::BrokerError,
    order::{OrderAction, WorkerOrder},
    topology,
};

/// Orders that are sent ahead.
const PREFETCH: u16 = 1_000;

/// Time without an order after which all earlier ones are taken to be known, if the broker's count was wrong.
const SILENCE: Duration = Duration::from_secs(2);

/// The orders that hold.
#[derive(Debug, Default)]
pub(crate) struct Orders(Mutex<Vec<WorkerOrder>>);

/// The verdict of the orders on a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OrderVerdict {
    /// Nothing speaks against it.
    Go,
    /// Its batch waits.
    Paused,
    /// It is to end.
    Cancelled,
    /// It is to be dropped, if nothing of it is read yet.
    Purged,
}

impl Orders {
    /// Reads all orders that were given. Later ones come out of the consumer.
    pub(super) async fn follow(
        &self,
        connection: &Connection,
        context: &ConsumerContext,
    ) -> Result<Consumer, BrokerError> {
        let queue = &context.topology.orders;
        let after = context.broker.amqp_timeout;
        let known = topology::depth(connection, queue, after).await?.ready;
        let consuming = ConsumeOptions {
            queue: queue.clone(),
            prefetch: PREFETCH,
            tag: format!("recto-orders-{}", uuid::Uuid::now_v7().simple()),
            from_first: true,
            ack_timeout: None,
            answer_timeout: after,
        };
        let mut consumer = Consumer::start(connection, consuming).await?;
        self.lock().clear();
        for _ in 0..known {
            match timeout(SILENCE, consumer.next()).await {
                Ok(Ok(delivery)) => self.take(delivery).await,
                Ok(Err(_)) | Err(_) => break,
            }
        }
        Ok(consumer)
    }

    /// Takes an order.
    pub(super) async fn take(&self, delivery: Delivery) {
        match serde_json::from_slice::<WorkerOrder>(&delivery.message.body) {
            Ok(order) if check_version(&order.schema, WorkerOrder::SCHEMA).is_ok() => {
                tracing::info!(
                    action = ?order.action,
                    batch = order.batch,
                    job = order.job,
                    at = order.at,
                    "an order"
                );
                self.obey(order);
            }
            _ => tracing::warn!("an order of another version is not obeyed"),
        }
        // A stream keeps it; the acknowledgement asks for more.
        let _ = delivery.ack().await;
    }

    fn obey(&self, order: WorkerOrder) {
        let mut orders = self.lock();
        // A later order on pausing takes the place of earlier ones.
        if !order.action.is_final() {
            orders.retain(|earlier| {
                earlier.action.is_final()
                    || earlier.batch != order.batch
                    || earlier.job != order.job
            });
        }
        if order.action != OrderAction::Resume {
            orders.push(order);
        }
    }

    /// The verdict on a job.
    pub(super) fn verdict(&self, job: &Job) -> OrderVerdict {
        let orders = self.lock();
        let about = || orders.iter().filter(|order| order.is_about(job));
        let ends = |action| {
            let ends = |order: &WorkerOrder| order.action == action && !order.is_before(job);
            about().any(ends)
        };
        if ends(OrderAction::Cancel) {
            OrderVerdict::Cancelled
        } else if ends(OrderAction::Purge) {
            OrderVerdict::Purged
        } else if about().any(|order| order.action == OrderAction::Pause) {
            OrderVerdict::Paused
        } else {
            OrderVerdict::Go
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<WorkerOrder>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(action: OrderAction, batch: Option<&str>, job: Option<&str>, at: &str) -> WorkerOrder {
        WorkerOrder {
            schema: WorkerOrder::SCHEMA.to_owned(),
            action,
            batch: batch.map(str::to_owned),
            job: job.map(str::to_owned),
            at: at.to_owned(),
        }
    }

    fn job(id: &str, batch: &str, submitted_at: Option<&str>) -> Job {
        let text = serde_json::json!({
            "schema": Job::SCHEMA, "id": id, "batch": batch, "submitted_at": submitted_at,
            "source": {"uri": "s3://a/b"}, "output": "s3://a/out",
        });
        serde_json::from_value(text).unwrap()
    }

    #[test]
    fn orders_hold_for_jobs_of_their_batch_that_were_submitted_before() {
        let orders = Orders::default();
        let cancel = order(OrderAction::Cancel, Some("b"), None, "2026-01-02T00:00:00Z");
        orders.obey(cancel);
        let verdict = |id, batch, at| orders.verdict(&job(id, batch, at));
        assert_eq!(
            verdict("1", "b", Some("2026-01-01T23:00:00Z")),
            OrderVerdict::Cancelled
        );
        assert_eq!(verdict("1", "b", None), OrderVerdict::Cancelled);
        let later = Some("2026-01-02T01:00:00.5+00:30");
        assert_eq!(
            verdict("1", "b", later),
            OrderVerdict::Go,
            "submitted again"
        );
        assert_eq!(verdict("1", "c", None), OrderVerdict::Go);
        orders.obey(order(
            OrderAction::Cancel,
            None,
            Some("7"),
            "2026-01-02T00:00:00Z",
        ));
        assert_eq!(verdict("7", "c", None), OrderVerdict::Cancelled);
    }

    #[test]
    fn a_purge_holds_for_good_and_a_cancel_is_above_it() {
        let orders = Orders::default();
        let at = "2026-01-02T00:00:00Z";
        let verdict = |at| orders.verdict(&job("1", "b", Some(at)));
        let (before, after) = ("2026-01-01T00:00:00Z", "2026-01-03T00:00:00Z");
        for action in [OrderAction::Pause, OrderAction::Purge, OrderAction::Pause] {
            orders.obey(order(action, Some("b"), None, at));
        }
        assert_eq!(verdict(before), OrderVerdict::Purged);
        assert_eq!(verdict(after), OrderVerdict::Paused);
        orders.obey(order(OrderAction::Resume, Some("b"), None, at));
        assert_eq!(verdict(before), OrderVerdict::Purged);
        assert_eq!(verdict(after), OrderVerdict::Go);
        orders.obey(order(OrderAction::Cancel, Some("b"), None, at));
        assert_eq!(verdict(before), OrderVerdict::Cancelled);
    }

    #[test]
    fn the_last_word_on_pausing_counts() {
        let orders = Orders::default();
        let verdict = || orders.verdict(&job("1", "b", None));
        for (action, wanted) in [
            (OrderAction::Pause, OrderVerdict::Paused),
            (OrderAction::Resume, OrderVerdict::Go),
            (OrderAction::Pause, OrderVerdict::Paused),
            (OrderAction::Pause, OrderVerdict::Paused),
            (OrderAction::Resume, OrderVerdict::Go),
        ] {
            orders.obey(order(action, Some("b"), None, "2026-01-01T00:00:00Z"));
            assert_eq!(verdict(), wanted);
        }
    }
}
