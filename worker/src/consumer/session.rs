//! [`ConsumerSession`]: one connection and what it delivers.

use std::sync::Arc;

use lapin::Connection;

use super::ConsumerContext;
use crate::broker::{
    connection::{close, connect},
    consume::{ConsumeOptions, Consumer},
    error::BrokerError,
    topology,
};

/// A connection with its deliveries.
pub(super) struct ConsumerSession {
    pub(super) consumer: Consumer,
    connection: Arc<Connection>,
}

impl ConsumerSession {
    /// Connects, sees to the queues and starts to consume.
    pub(super) async fn open(desk: &ConsumerContext) -> Result<Self, BrokerError> {
        let connection = Arc::new(connect(&desk.broker, "worker").await?);
        topology::ensure(&connection, &desk.topology, desk.broker.declare).await?;
        let consuming = ConsumeOptions {
            queue: desk.topology.jobs.clone(),
            prefetch: desk.jobs,
            tag: format!("recto-{}", uuid::Uuid::now_v7().simple()),
            ack_timeout: desk.broker.ack_timeout,
            answer_timeout: desk.broker.amqp_timeout,
        };
        let consumer = Consumer::start(&connection, consuming).await?;
        Ok(Self {
            consumer,
            connection,
        })
    }

    /// Ends the connection.
    pub(super) async fn close(self) {
        close(&self.connection).await;
    }
}
