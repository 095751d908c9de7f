//! [`ResultPublisher`]: publishes results, retries and dead letters, on a connection of its own.
//!
//! It is not the connection of the deliveries, because a broker that is short of memory or disk blocks connections that
//! publish, and deliveries must stay unsettled meanwhile. It reconnects by itself; a delivery waits for that. While the
//! broker blocks it, it waits: no new connection, nothing sent twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lapin::Connection;
use recto_schemas::{FailureKind, Job, JobEvent, WorkerReport};
use serde::Serialize;
use tokio::sync::Mutex;

use crate::{
    broker::config::BrokerConfig,
    broker::{
        connection::{ConnectionSocket, close, connect_with_socket, process_name},
        consume::{
            ATTEMPTS_HEADER, InboundMessage, OPINION_BY_HEADER, OPINION_HEADER, PARTS_HEADER,
            REDELIVERIES_HEADER,
        },
        error::BrokerError,
        publish::{ConfirmObserver, HeaderValue, MessageProperties, PublishError, Publisher},
        topology::{self, DelayQueue, QueueDepth, QueueTopology},
    },
    observe::admin::{HealthComponent, WorkerHealth},
    observe::metrics::{ConfirmOutcome, Metrics},
    os::clock,
};

/// Longest time between two looks if a paused batch goes on.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// Publishes results, retries and dead letters, each confirmed.
pub(crate) struct ResultPublisher {
    arguments: BrokerConfig,
    topology: QueueTopology,
    observer: Arc<PublishingHealth>,
    /// This worker's name in opinions.
    name: String,
    /// Set once the broker does not take its user's name: it knows the user under another one.
    user_is_unknown: AtomicBool,
    open: Mutex<Option<OpenConnection>>,
}

struct OpenConnection {
    connection: Arc<Connection>,
    socket: ConnectionSocket,
    publisher: Arc<Publisher>,
}

impl ResultPublisher {
    /// Connects when first used.
    pub(crate) fn new(
        arguments: BrokerConfig,
        metrics: Arc<Metrics>,
        health: Arc<WorkerHealth>,
    ) -> Self {
        health.set(HealthComponent::Publisher, Ok(()));
        Self {
            topology: QueueTopology::new(&arguments),
            arguments,
            observer: Arc::new(PublishingHealth { metrics, health }),
            name: process_name(),
            user_is_unknown: AtomicBool::new(false),
            open: Mutex::new(None),
        }
    }

    /// This worker's name in the opinions that messages carry.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The name of the broker's user that all workers have, as their messages carry it (`user_id`). The broker refuses a
    /// message that carries another user's. `None` if it does not know its users by what is in `--amqp-url`, as with
    /// OAuth 2.0; then nothing tells the messages of workers from others.
    pub(super) fn user_id(&self) -> Option<&str> {
        match self.user_is_unknown.load(Ordering::Relaxed) {
            true => None,
            false => self.arguments.amqp_url.user(),
        }
    }

    /// Publishes a result.
    pub(super) async fn result(
        &self,
        id: &str,
        result: &impl Serialize,
    ) -> Result<(), PublishError> {
        let properties = properties(Some(id.to_owned()), "recto.result/v1");
        self.publish("", &self.topology.results, &json(result), properties)
            .await
    }

    /// Publishes a job that goes on where that of `message` ends.
    pub(super) async fn job(
        &self,
        queue: &str,
        job: &Job,
        message: &InboundMessage,
    ) -> Result<(), PublishError> {
        let properties = continued_properties(job, message);
        self.publish("", queue, &json(job), properties).await
    }

    /// Publishes a dead letter.
    pub(super) async fn dead_letter(
        &self,
        id: Option<String>,
        letter: &impl Serialize,
    ) -> Result<(), PublishError> {
        let properties = properties(id, "recto.dead-letter/v1");
        let (exchange, key) = (&self.topology.dead_exchange, &self.topology.jobs);
        self.publish(exchange, key, &json(letter), properties).await
    }

    /// Publishes a step of a job to whoever wants to know, the ledger first of all.
    pub(super) async fn event(&self, event: &JobEvent) -> Result<(), PublishError> {
        let properties = MessageProperties {
            optional: true,
            ..properties(Some(event.id.clone()), JobEvent::SCHEMA)
        };
        let (exchange, key) = (&self.topology.events, event.step.name());
        self.publish(exchange, key, &json(event), properties).await
    }

    /// Publishes what this worker has in hand.
    pub(super) async fn report(&self, jobs: Vec<String>) -> Result<(), PublishError> {
        let report = WorkerReport {
            schema: WorkerReport::SCHEMA.to_owned(),
            worker: self.name.clone(),
            at: clock::now(),
            jobs,
        };
        let properties = MessageProperties {
            optional: true,
            ..properties(None, WorkerReport::SCHEMA)
        };
        self.publish(&self.topology.events, "worker", &json(&report), properties)
            .await
    }

    /// Publishes a message again to the delay queue of that step, as one attempt further. `opinion` is this worker's
    /// word on its job, if another worker may know better.
    pub(super) async fn retry(
        &self,
        step: usize,
        message: &InboundMessage,
        opinion: Option<FailureKind>,
    ) -> Result<(), PublishError> {
        let attempts = message.attempts.saturating_add(1);
        let mut properties = copy_properties(message, attempts);
        if let Some(kind) = opinion {
            let headers = opinion_headers(kind.as_str(), &self.name);
            properties.headers.extend(headers);
        }
        let queue = &self.topology.delays[step].queue;
        self.publish("", queue, &message.body, properties).await
    }

    /// Publishes a message again as it came, to the jobs queue or that of an engine: another worker gets it, and the
    /// broker's count of its deliveries begins at zero.
    pub(super) async fn hand_over(
        &self,
        queue: &str,
        message: &InboundMessage,
    ) -> Result<(), PublishError> {
        let mut properties = copy_properties(message, message.attempts);
        if let Some(opinion) = &message.opinion {
            let headers = opinion_headers(&opinion.kind, &opinion.by);
            properties.headers.extend(headers);
        }
        self.publish("", queue, &message.body, properties).await
    }

    /// Publishes a message again as it came, to the delay queue that it came from last.
    pub(super) async fn postpone(&self, message: &InboundMessage) -> Result<(), PublishError> {
        let last = usize::try_from(message.attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        let step = last.min(self.topology.delays.len().saturating_sub(1));
        let queue = match self.topology.delays.get(step) {
            Some(delay) => &delay.queue,
            None => &self.topology.jobs,
        };
        self.hand_over(queue, message).await
    }

    /// Publishes a message again as it came, to the delay queue in which jobs of paused batches wait.
    pub(super) async fn pause(&self, message: &InboundMessage) -> Result<(), PublishError> {
        let short = |delay: &&DelayQueue| delay.delay <= MAX_PAUSE;
        let mut delays = self.topology.delays.iter();
        let queue = match delays.rfind(short).or(self.topology.delays.first()) {
            Some(delay) => &delay.queue,
            None => &self.topology.jobs,
        };
        self.hand_over(queue, message).await
    }

    /// Returns true if another worker takes jobs from the jobs queue too, as far as the broker says.
    pub(super) async fn others_consume(&self) -> bool {
        let depth = self.depth().await;
        depth.is_some_and(|depth| depth.consumers > 1)
    }

    /// Jobs that wait in the jobs queue, and workers that take them, as far as the broker says.
    pub(super) async fn depth(&self) -> Option<QueueDepth> {
        let asked = async {
            let connection = self.connection().await?;
            let after = self.topology.answer_timeout;
            topology::depth(&connection, &self.topology.jobs, after)
                .await
                .map_err(lost)
        };
        asked.await.ok()
    }

    /// Declares queues and exchanges that are gone, if `--declare` allows it.
    pub(super) async fn restore_queues(&self) {
        if !self.arguments.declare {
            return;
        }
        let restored = async {
            let connection = self.connection().await?;
            topology::ensure(&connection, &self.topology, true)
                .await
                .map_err(lost)
        };
        if let Err(error) = restored.await {
            tracing::warn!(%error, "could not declare the queues again");
        }
    }

    async fn publish(
        &self,
        exchange: &str,
        key: &str,
        body: &[u8],
        properties: MessageProperties,
    ) -> Result<(), PublishError> {
        let publisher = self.publisher().await?;
        let signed = MessageProperties {
            user_id: self.user_id().map(str::to_owned),
            ..properties.clone()
        };
        let has_user = signed.user_id.is_some();
        match publisher.publish(exchange, key, body, signed).await {
            Err(PublishError::Refused { reason }) if has_user => {
                let published = publisher.publish(exchange, key, body, properties).await;
                if published.is_ok() {
                    tracing::warn!(
                        reason,
                        "the broker does not know the user of --amqp-url by that name: headers of publishers are believed"
                    );
                    self.user_is_unknown.store(true, Ordering::Relaxed);
                }
                published
            }
            published => published,
        }
    }

    async fn publisher(&self) -> Result<Arc<Publisher>, PublishError> {
        Ok(Arc::clone(
            &self.opened().await?.as_ref().ok_or_else(closed)?.publisher,
        ))
    }

    async fn connection(&self) -> Result<Arc<Connection>, PublishError> {
        Ok(Arc::clone(
            &self.opened().await?.as_ref().ok_or_else(closed)?.connection,
        ))
    }

    /// The open connection, or a new one. There is one at a time: one that is given up is ended first.
    async fn opened(
        &self,
    ) -> Result<tokio::sync::MutexGuard<'_, Option<OpenConnection>>, PublishError> {
        let mut open = self.open.lock().await;
        if open
            .as_ref()
            .is_some_and(|known| !known.publisher.is_broken())
        {
            return Ok(open);
        }
        if let Some(given_up) = open.take() {
            given_up.socket.shut_down();
        }
        let (connection, socket) = connect_with_socket(&self.arguments, "worker, results")
            .await
            .map_err(lost)?;
        let connection = Arc::new(connection);
        let publisher = Publisher::new(
            Arc::clone(&connection),
            self.arguments.confirm_timeout,
            Arc::clone(&self.observer) as Arc<dyn ConfirmObserver>,
        );
        *open = Some(OpenConnection {
            connection,
            socket,
            publisher: Arc::new(publisher),
        });
        Ok(open)
    }

    /// Closes the connection, if the broker answers in time.
    pub(super) async fn close(&self) {
        if let Some(open) = self.open.lock().await.take() {
            close(&open.connection).await;
        }
    }
}

fn closed() -> PublishError {
    PublishError::Lost {
        reason: "the connection is closed".to_owned(),
    }
}

fn lost(error: BrokerError) -> PublishError {
    PublishError::Lost {
        reason: error.to_string(),
    }
}

/// The properties of a job that goes on where that of `message` ends.
fn continued_properties(job: &Job, message: &InboundMessage) -> MessageProperties {
    MessageProperties {
        priority: message.priority,
        ..properties(Some(job.id.clone()), Job::SCHEMA)
    }
}

/// The properties of a copy of a job's message.
fn copy_properties(message: &InboundMessage, attempts: u32) -> MessageProperties {
    let mut headers = vec![(ATTEMPTS_HEADER, attempts.into())];
    if message.redelivery_count > 0 {
        headers.push((REDELIVERIES_HEADER, message.redelivery_count.into()));
    }
    if message.has_parts {
        headers.push((PARTS_HEADER, 1.into()));
    }
    MessageProperties {
        priority: message.priority,
        headers,
        ..properties(message.message_id.clone(), "recto.job/v1")
    }
}

fn opinion_headers(kind: &str, by: &str) -> [(&'static str, HeaderValue); 2] {
    [
        (OPINION_HEADER, HeaderValue::Text(kind.to_owned())),
        (OPINION_BY_HEADER, HeaderValue::Text(by.to_owned())),
    ]
}

fn properties(message_id: Option<String>, kind: &str) -> MessageProperties {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    MessageProperties {
        message_id,
        content_type: Some("application/json".to_owned()),
        kind: Some(kind.to_owned()),
        timestamp_s: now.ok().map(|since| since.as_secs()),
        ..MessageProperties::default()
    }
}

fn json(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("messages are representable as JSON")
}

/// Counts confirms in the metrics, and tells readiness whether the broker takes messages.
struct PublishingHealth {
    metrics: Arc<Metrics>,
    health: Arc<WorkerHealth>,
}

impl ConfirmObserver for PublishingHealth {
    fn published(&self, result: Result<(), &PublishError>, took: Duration) {
        let outcome = match result {
            Ok(()) => ConfirmOutcome::Confirmed,
            Err(PublishError::Unroutable { .. }) => ConfirmOutcome::Unroutable,
            Err(PublishError::Nacked { .. }) => ConfirmOutcome::Nacked,
            Err(PublishError::ConfirmTimeout { .. }) => ConfirmOutcome::TimedOut,
            Err(PublishError::Lost { .. } | PublishError::Refused { .. }) => {
                ConfirmOutcome::BrokerLost
            }
        };
        self.metrics.confirm(outcome, took);
        let health = result.map_err(ToString::to_string);
        self.health.set(HealthComponent::Publisher, health);
    }

    fn blocked(&self) {
        self.metrics.broker_blocked();
        let reason = "the broker blocks connections that publish (connection.blocked): it is short of memory or disk";
        self.health
            .set(HealthComponent::Publisher, Err(reason.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_keeps_its_priority_however_it_goes_on() {
        let text = r#"{"schema": "recto.job/v1", "id": "7", "source": {"uri": "s3://a/b"}, "output": "s3://a/out"}"#;
        let job: Job = serde_json::from_str(text).unwrap();
        for priority in [None, Some(5)] {
            let message = InboundMessage {
                priority,
                ..InboundMessage::default()
            };
            let retried = copy_properties(&message, 1);
            assert_eq!(retried.priority, priority);
            assert_eq!(continued_properties(&job, &message).priority, priority);
        }
    }
}
