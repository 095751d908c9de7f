//! [`Session`]: one connection, what it delivers and what is sent on it.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lapin::Connection;
use serde::Serialize;

use super::Desk;
use crate::{
    broker::{
        connection::connect,
        consume::{ATTEMPTS_HEADER, Consumer, Consuming, Message},
        error::BrokerError,
        publish::{ConfirmObserver, Header, Properties, PublishError, Publisher},
        topology::{self, Topology},
    },
    metrics::{Confirm, Metrics},
};

/// Longest time for the broker to answer a farewell.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection with its deliveries.
pub(super) struct Session {
    pub(super) consumer: Consumer,
    pub(super) line: Arc<Line>,
}

/// The sending side of a connection, shared by the jobs that it brought.
pub(super) struct Line {
    connection: Arc<Connection>,
    publisher: Publisher,
}

impl Session {
    /// Connects, sees to the queues and starts to consume.
    pub(super) async fn open(desk: &Desk) -> Result<Self, BrokerError> {
        let connection = Arc::new(connect(&desk.broker, "worker").await?);
        topology::ensure(&connection, &desk.topology, desk.broker.declare).await?;
        let consuming = Consuming {
            queue: desk.topology.jobs.clone(),
            prefetch: desk.jobs,
            tag: format!("recto-{}", uuid::Uuid::now_v7().simple()),
            ack_timeout: desk.broker.ack_timeout,
            answer_timeout: desk.broker.amqp_timeout,
        };
        let consumer = Consumer::start(&connection, consuming).await?;
        let observer = Arc::new(Counted(Arc::clone(&desk.parts.metrics)));
        let publisher = Publisher::new(
            Arc::clone(&connection),
            desk.broker.confirm_timeout,
            observer,
        );
        Ok(Self {
            consumer,
            line: Arc::new(Line {
                connection,
                publisher,
            }),
        })
    }
}

impl Line {
    /// Whether nothing more can be sent.
    pub(super) fn is_broken(&self) -> bool {
        self.publisher.is_broken()
    }

    /// Sends a result.
    pub(super) async fn result(
        &self,
        topology: &Topology,
        id: &str,
        result: &impl Serialize,
    ) -> Result<(), PublishError> {
        let properties = properties(Some(id.to_owned()), "recto.result/v1");
        self.publisher
            .publish("", &topology.results, &json(result), properties)
            .await
    }

    /// Sends a dead letter.
    pub(super) async fn dead_letter(
        &self,
        topology: &Topology,
        id: Option<String>,
        letter: &impl Serialize,
    ) -> Result<(), PublishError> {
        let properties = properties(id, "recto.dead-letter/v1");
        self.publisher
            .publish(
                &topology.dead_exchange,
                &topology.jobs,
                &json(letter),
                properties,
            )
            .await
    }

    /// Sends a message again, as it came, to the delay queue of that step.
    pub(super) async fn retry(
        &self,
        topology: &Topology,
        step: usize,
        message: &Message,
    ) -> Result<(), PublishError> {
        let properties = Properties {
            priority: message.priority,
            headers: vec![(
                ATTEMPTS_HEADER,
                Header::Number(i64::from(message.attempts) + 1),
            )],
            ..properties(message.message_id.clone(), "recto.job/v1")
        };
        self.publisher
            .publish("", &topology.delays[step].queue, &message.body, properties)
            .await
    }

    /// Ends the connection in order, as far as the broker takes part.
    pub(super) async fn close(&self) {
        let close = self.connection.close(200, "done".into());
        // Where it is lost already there is nothing to end.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, close).await;
    }
}

fn properties(message_id: Option<String>, kind: &str) -> Properties {
    Properties {
        message_id,
        content_type: Some("application/json".to_owned()),
        kind: Some(kind.to_owned()),
        timestamp_s: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .map(|since| since.as_secs()),
        ..Properties::default()
    }
}

fn json(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("messages have nothing that JSON has not")
}

/// Counts confirms.
struct Counted(Arc<Metrics>);

impl ConfirmObserver for Counted {
    fn published(&self, kind: Option<&'static str>, took: Duration) {
        let outcome = match kind {
            None => Confirm::Confirmed,
            Some("unroutable") => Confirm::Unroutable,
            Some("nacked") => Confirm::Nacked,
            Some("confirm-timeout") => Confirm::TimedOut,
            Some(_) => Confirm::BrokerLost,
        };
        self.0.confirm(outcome, took);
    }
}
