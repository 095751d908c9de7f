//! Topology of the queues: their names and arguments, declared or checked on the broker.
//!
//! All names begin with that of the jobs queue. A job that is to be retried waits in a delay queue without consumers:
//! when its time to live is over, the broker dead-letters it back to the jobs queue. Queues dead-letter messages
//! at-least-once.

use std::time::Duration;

use lapin::{
    Connection, ExchangeKind,
    types::{AMQPValue, FieldTable, LongString},
};
use recto_schemas::EngineName;

use super::{config::BrokerConfig, error::BrokerError, requests::ReopeningChannel};

/// RabbitMQ 4 drops a message after twenty deliveries unless told otherwise. Consumers of results and dead letters
/// requeue them at will, and must never lose one by that.
const NO_DELIVERY_LIMIT: i64 = 1_000_000;

/// Time that an order is kept at least.
const ORDERS_MAX_AGE: &str = "30D";

/// Recto's queues and exchanges on the broker.
#[derive(Clone, Debug)]
pub(crate) struct QueueTopology {
    /// Queue of the jobs.
    pub(crate) jobs: String,
    /// Exchange for dead letters; the routing key is the name of the jobs queue.
    pub(crate) dead_exchange: String,
    /// Queue of the dead letters.
    pub(crate) dead: String,
    /// One for each engine: jobs that ask for it, which its workers take beside those of the jobs queue.
    pub(crate) engines: Vec<EngineQueue>,
    /// One for each retry, in their order.
    pub(crate) delays: Vec<DelayQueue>,
    /// Queue of the results.
    pub(crate) results: String,
    /// Stream of the orders that every worker obeys.
    pub(crate) orders: String,
    /// Exchange of the steps of jobs, by their names as routing keys; what no queue is bound for is dropped.
    pub(crate) events: String,
    /// Queue of the ledger, which takes all events; there is one only where a ledger is kept.
    pub(crate) ledger: String,
    /// The jobs queue's `x-delivery-limit`.
    pub(crate) delivery_limit: u32,
    /// Timeout for answers of the broker.
    pub(crate) answer_timeout: Duration,
}

/// A queue in which a job waits for a retry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DelayQueue {
    /// Its name; publish to it by the default exchange.
    pub(crate) queue: String,
    /// Time that a job stays in it.
    pub(crate) delay: Duration,
}

/// The queue of jobs that ask for an engine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EngineQueue {
    /// The engine.
    pub(crate) engine: EngineName,
    /// Its name; publish to it by the default exchange.
    pub(crate) queue: String,
}

/// The purpose of a queue.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum QueueRole {
    Jobs,
    Engine,
    Delay,
    Dead,
    Results,
    Orders,
    Ledger,
    Notifications,
}

impl QueueRole {
    /// The word for it in listings.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Engine => "jobs for an engine",
            Self::Delay => "retry",
            Self::Dead => "dead letters",
            Self::Results => "results",
            Self::Orders => "orders to workers",
            Self::Ledger => "events for the ledger",
            Self::Notifications => "events of stores",
        }
    }
}

/// A queue and its wanted arguments.
#[derive(Clone, Debug)]
pub(crate) struct QueueSpec {
    pub(crate) name: String,
    pub(crate) role: QueueRole,
    pub(super) arguments: FieldTable,
}

/// The outcome of `ensure`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum DeclareOutcome {
    /// It existed.
    Existed,
    /// It was created.
    Created,
}

/// Messages and consumers of a queue at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct QueueDepth {
    /// Messages that wait to be delivered.
    pub(crate) ready: u32,
    /// Consumers.
    pub(crate) consumers: u32,
}

impl QueueTopology {
    /// The names that follow from the settings.
    pub(crate) fn new(args: &BrokerConfig) -> Self {
        let jobs = args.queue.clone();
        let delay = |delay: &Duration| DelayQueue {
            queue: format!("{jobs}.retry.{}", in_seconds(*delay)),
            delay: *delay,
        };
        Self {
            dead_exchange: format!("{jobs}.dlx"),
            dead: format!("{jobs}.dead"),
            delays: args.retry_delays.iter().map(delay).collect(),
            engines: EngineName::ALL
                .iter()
                .map(|engine| EngineQueue {
                    engine: *engine,
                    queue: format!("{jobs}.engine.{engine}"),
                })
                .collect(),
            results: args.results_queue.clone(),
            orders: format!("{jobs}.orders"),
            events: format!("{jobs}.events"),
            ledger: format!("{jobs}.ledger"),
            delivery_limit: args.delivery_limit,
            answer_timeout: args.amqp_timeout,
            jobs,
        }
    }

    /// The queue of jobs that ask for an engine by this name, if there is such an engine.
    pub(crate) fn engine_queue(&self, engine: &str) -> Option<&str> {
        let mut engines = self.engines.iter();
        let of = engines.find(|of| of.engine.to_string() == engine)?;
        Some(&of.queue)
    }

    /// Every queue once, targets of dead-lettering before what leads to them.
    pub(crate) fn queues(&self) -> Vec<QueueSpec> {
        let mut queues = vec![
            queue(&self.dead, QueueRole::Dead, kept()),
            queue(&self.results, QueueRole::Results, kept()),
            queue(&self.jobs, QueueRole::Jobs, self.jobs_arguments()),
        ];
        queues.push(stream(&self.orders, QueueRole::Orders));
        for of in &self.engines {
            queues.push(queue(&of.queue, QueueRole::Engine, self.jobs_arguments()));
        }
        for step in &self.delays {
            if queues.iter().all(|queue| queue.name != step.queue) {
                queues.push(queue(
                    &step.queue,
                    QueueRole::Delay,
                    self.delay_arguments(step.delay),
                ));
            }
        }
        queues
    }

    /// The queue of the ledger.
    fn ledger_queue(&self) -> QueueSpec {
        queue(&self.ledger, QueueRole::Ledger, kept())
    }

    /// The queues in which jobs wait.
    pub(crate) fn waiting_queues(&self) -> Vec<QueueSpec> {
        let holds_jobs = |queue: &QueueSpec| {
            matches!(
                queue.role,
                QueueRole::Jobs | QueueRole::Engine | QueueRole::Delay
            )
        };
        self.queues().into_iter().filter(holds_jobs).collect()
    }

    fn jobs_arguments(&self) -> Vec<(&'static str, AMQPValue)> {
        let mut arguments = dead_lettering(&self.dead_exchange, &self.jobs);
        arguments.push((
            "x-delivery-limit",
            AMQPValue::LongLongInt(self.delivery_limit.into()),
        ));
        arguments
    }

    fn delay_arguments(&self, delay: Duration) -> Vec<(&'static str, AMQPValue)> {
        let mut arguments = dead_lettering("", &self.jobs);
        let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        arguments.push(("x-message-ttl", AMQPValue::LongLongInt(delay_ms)));
        arguments
    }
}

/// At-least-once asks for `reject-publish`: dropping from the head would lose messages.
fn dead_lettering(exchange: &str, routing_key: &str) -> Vec<(&'static str, AMQPValue)> {
    vec![
        ("x-dead-letter-exchange", text(exchange)),
        ("x-dead-letter-routing-key", text(routing_key)),
        ("x-dead-letter-strategy", text("at-least-once")),
        ("x-overflow", text("reject-publish")),
    ]
}

/// Arguments of a queue whose messages are never dropped by count.
pub(super) fn kept() -> Vec<(&'static str, AMQPValue)> {
    vec![(
        "x-delivery-limit",
        AMQPValue::LongLongInt(NO_DELIVERY_LIMIT),
    )]
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

/// A quorum queue.
pub(super) fn queue(
    name: &str,
    role: QueueRole,
    arguments: Vec<(&'static str, AMQPValue)>,
) -> QueueSpec {
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), text("quorum"));
    for (argument, value) in arguments {
        table.insert(argument.into(), value);
    }
    QueueSpec {
        name: name.to_owned(),
        role,
        arguments: table,
    }
}

/// A stream: every consumer gets all of its messages, also those that came before it did.
fn stream(name: &str, role: QueueRole) -> QueueSpec {
    let mut table = FieldTable::default();
    table.insert("x-queue-type".into(), text("stream"));
    table.insert("x-max-age".into(), text(ORDERS_MAX_AGE));
    QueueSpec {
        name: name.to_owned(),
        role,
        arguments: table,
    }
}

/// Sees to it that everything is there: with `declare` what is missing is made and what exists is
/// compared, without it nothing is changed and what is missing is an error.
pub(crate) async fn ensure(
    connection: &Connection,
    topology: &QueueTopology,
    declare: bool,
) -> Result<Vec<(QueueSpec, DeclareOutcome)>, BrokerError> {
    let mut broker = ReopeningChannel::new(connection, topology.answer_timeout);
    if declare {
        let kind = ExchangeKind::Direct;
        broker
            .exchange(&topology.dead_exchange, kind, false)
            .await?;
    }
    broker.events(topology, declare).await?;
    let mut seen = Vec::new();
    for queue in topology.queues() {
        let presence = match broker.depth(&queue.name).await {
            Err(BrokerError::Missing { .. }) if declare => DeclareOutcome::Created,
            found => found.map(|_| DeclareOutcome::Existed)?,
        };
        if declare {
            broker.declare_queue(&queue).await?;
        }
        seen.push((queue, presence));
    }
    if declare {
        broker
            .bind(&topology.dead, &topology.dead_exchange, &topology.jobs)
            .await?;
    } else {
        let kind = ExchangeKind::Direct;
        broker.exchange(&topology.dead_exchange, kind, true).await?;
    }
    Ok(seen)
}

/// Sees to it that the exchange of events is there.
pub(crate) async fn ensure_events(
    connection: &Connection,
    topology: &QueueTopology,
    declare: bool,
) -> Result<(), BrokerError> {
    let mut broker = ReopeningChannel::new(connection, topology.answer_timeout);
    broker.events(topology, declare).await
}

/// Sees to it that the ledger's queue is there and gets all events from now on.
pub(crate) async fn ensure_ledger(
    connection: &Connection,
    topology: &QueueTopology,
    declare: bool,
) -> Result<(), BrokerError> {
    let mut broker = ReopeningChannel::new(connection, topology.answer_timeout);
    broker.events(topology, declare).await?;
    if !declare {
        return broker.depth(&topology.ledger).await.map(drop);
    }
    broker.declare_queue(&topology.ledger_queue()).await?;
    broker.bind(&topology.ledger, &topology.events, "#").await
}

/// Makes a queue for this connection alone, which goes with it, for events of these names.
pub(crate) async fn declare_own(
    connection: &Connection,
    topology: &QueueTopology,
    queue: &str,
    events: &[&str],
) -> Result<(), BrokerError> {
    let mut broker = ReopeningChannel::new(connection, topology.answer_timeout);
    broker.declare_exclusive(queue).await?;
    for event in events {
        broker.bind(queue, &topology.events, event).await?;
    }
    Ok(())
}

/// Number of messages that wait in the queues of jobs and in that of the ledger.
pub(crate) async fn waiting(
    connection: &Connection,
    topology: &QueueTopology,
) -> Result<u64, BrokerError> {
    let mut broker = ReopeningChannel::new(connection, topology.answer_timeout);
    let mut waiting = 0;
    for queue in topology.waiting_queues() {
        waiting += u64::from(broker.depth(&queue.name).await?.ready);
    }
    waiting += u64::from(broker.depth(&topology.ledger).await?.ready);
    Ok(waiting)
}

/// The depth of every queue; `None` for one that is not there.
pub(crate) async fn queue_depths(
    connection: &Connection,
    topology: &QueueTopology,
) -> Result<Vec<(QueueSpec, Option<QueueDepth>)>, BrokerError> {
    let mut broker = ReopeningChannel::new(connection, topology.answer_timeout);
    let mut depths = Vec::new();
    for queue in topology.queues() {
        let depth = match broker.depth(&queue.name).await {
            Err(BrokerError::Missing { .. }) => None,
            found => Some(found?),
        };
        depths.push((queue, depth));
    }
    Ok(depths)
}

/// Messages and consumers of a queue.
pub(crate) async fn depth(
    connection: &Connection,
    queue: &str,
    answer_timeout: Duration,
) -> Result<QueueDepth, BrokerError> {
    let mut broker = ReopeningChannel::new(connection, answer_timeout);
    broker.depth(queue).await
}

/// One spelling for each delay, which the name of its queue ends with: `60s`, or `1500ms` if it is finer than seconds.
fn in_seconds(delay: Duration) -> String {
    let milliseconds = delay.as_millis();
    match milliseconds.is_multiple_of(1000) {
        true => format!("{}s", milliseconds / 1000),
        false => format!("{milliseconds}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::broker::config::tests::arguments;

    fn argument(queue: &QueueSpec, name: &str) -> Option<AMQPValue> {
        queue.arguments.inner().get(name).cloned()
    }

    #[test]
    fn every_name_follows_from_the_queue() {
        let topology = QueueTopology::new(&arguments(&[
            "--queue",
            "letters",
            "--retry-delays",
            "10s,1m",
        ]));
        let names: Vec<String> = topology
            .queues()
            .into_iter()
            .map(|queue| queue.name)
            .collect();
        let wanted = [
            "letters.dead",
            "recto.results",
            "letters",
            "letters.orders",
            "letters.engine.ppocr",
            "letters.engine.got",
            "letters.retry.10s",
            "letters.retry.60s",
        ];
        assert_eq!(names, wanted);
        assert_eq!(topology.dead_exchange, "letters.dlx");
    }

    #[test]
    fn two_retries_after_the_same_time_share_a_queue() {
        let topology = QueueTopology::new(&arguments(&["--retry-delays", "60s,1m"]));
        assert_eq!(topology.delays.len(), 2);
        let delays = topology
            .queues()
            .into_iter()
            .filter(|queue| queue.role == QueueRole::Delay);
        assert_eq!(delays.count(), 1);
    }

    #[test]
    fn messages_move_at_least_once_and_are_never_dropped_by_count() {
        let topology = QueueTopology::new(&arguments(&[]));
        let mut queues = topology.queues();
        queues.push(topology.ledger_queue());
        queues.retain(|queue| queue.role != QueueRole::Orders);
        for queue in queues {
            assert_eq!(argument(&queue, "x-queue-type"), Some(text("quorum")));
            match queue.role {
                QueueRole::Jobs | QueueRole::Engine | QueueRole::Delay => {
                    assert_eq!(
                        argument(&queue, "x-dead-letter-strategy"),
                        Some(text("at-least-once"))
                    );
                    assert_eq!(argument(&queue, "x-overflow"), Some(text("reject-publish")));
                }
                QueueRole::Dead
                | QueueRole::Results
                | QueueRole::Orders
                | QueueRole::Ledger
                | QueueRole::Notifications => {
                    assert_eq!(argument(&queue, "x-dead-letter-exchange"), None);
                    assert_eq!(
                        argument(&queue, "x-delivery-limit"),
                        Some(AMQPValue::LongLongInt(NO_DELIVERY_LIMIT))
                    );
                }
            }
        }
    }
}
