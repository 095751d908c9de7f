//! [`ResultPublisher`]: publishes results, retries and dead letters, on a connection of its own.
//!
//! It is not the connection of the deliveries, because a broker that is short of memory or disk blocks connections that
//! publish, and deliveries must stay unsettled meanwhile. It reconnects by itself; a delivery waits for that.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lapin::Connection;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::{
    broker::config::BrokerConfig,
    broker::{
        connection::{close, connect},
        consume::{ATTEMPTS_HEADER, InboundMessage},
        publish::{ConfirmObserver, MessageProperties, PublishError, Publisher},
        topology::QueueTopology,
    },
    observe::metrics::{ConfirmOutcome, Metrics},
};

/// Publishes results, retries and dead letters, each confirmed.
pub(crate) struct ResultPublisher {
    arguments: BrokerConfig,
    topology: QueueTopology,
    observer: Arc<ConfirmCounter>,
    open: Mutex<Option<OpenConnection>>,
}

#[derive(Clone)]
struct OpenConnection {
    connection: Arc<Connection>,
    publisher: Arc<Publisher>,
}

impl ResultPublisher {
    /// Connects when first used.
    pub(crate) fn new(arguments: BrokerConfig, metrics: Arc<Metrics>) -> Self {
        Self {
            topology: QueueTopology::new(&arguments),
            arguments,
            observer: Arc::new(ConfirmCounter(metrics)),
            open: Mutex::new(None),
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

    /// Publishes a message again, unchanged, to the delay queue of that step.
    pub(super) async fn retry(
        &self,
        step: usize,
        message: &InboundMessage,
    ) -> Result<(), PublishError> {
        let attempts = i64::from(message.attempts) + 1;
        let properties = MessageProperties {
            priority: message.priority,
            headers: vec![(ATTEMPTS_HEADER, attempts)],
            ..properties(message.message_id.clone(), "recto.job/v1")
        };
        let queue = &self.topology.delays[step].queue;
        self.publish("", queue, &message.body, properties).await
    }

    async fn publish(
        &self,
        exchange: &str,
        key: &str,
        body: &[u8],
        properties: MessageProperties,
    ) -> Result<(), PublishError> {
        let publisher = self.publisher().await?;
        publisher.publish(exchange, key, body, properties).await
    }

    /// The publisher of the open connection, or of a new one.
    async fn publisher(&self) -> Result<Arc<Publisher>, PublishError> {
        let mut open = self.open.lock().await;
        if let Some(known) = open.as_ref()
            && !known.publisher.is_broken()
        {
            return Ok(Arc::clone(&known.publisher));
        }
        let connection = connect(&self.arguments, "worker, results")
            .await
            .map_err(|error| PublishError::Lost {
                reason: error.to_string(),
            })?;
        let connection = Arc::new(connection);
        let publisher = Arc::new(Publisher::new(
            Arc::clone(&connection),
            self.arguments.confirm_timeout,
            Arc::clone(&self.observer) as Arc<dyn ConfirmObserver>,
        ));
        *open = Some(OpenConnection {
            connection,
            publisher: Arc::clone(&publisher),
        });
        Ok(publisher)
    }

    /// Closes the connection, if the broker answers in time.
    pub(super) async fn close(&self) {
        if let Some(open) = self.open.lock().await.take() {
            close(&open.connection).await;
        }
    }
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

/// Counts confirms in the metrics.
struct ConfirmCounter(Arc<Metrics>);

impl ConfirmObserver for ConfirmCounter {
    fn published(&self, result: Result<(), &PublishError>, took: Duration) {
        let outcome = match result {
            Ok(()) => ConfirmOutcome::Confirmed,
            Err(PublishError::Unroutable { .. }) => ConfirmOutcome::Unroutable,
            Err(PublishError::Nacked { .. }) => ConfirmOutcome::Nacked,
            Err(PublishError::ConfirmTimeout { .. }) => ConfirmOutcome::TimedOut,
            Err(PublishError::Lost { .. }) => ConfirmOutcome::BrokerLost,
        };
        self.0.confirm(outcome, took);
    }
}
