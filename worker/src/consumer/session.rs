//! [`ConsumerSession`]: one connection and its deliveries.

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
    /// Connects, declares or checks the queues, and starts to consume.
    pub(super) async fn open(context: &ConsumerContext) -> Result<Self, BrokerError> {
        let connection = Arc::new(connect(&context.broker, "worker").await?);
        topology::ensure(&connection, &context.topology, context.broker.declare).await?;
        let consuming = ConsumeOptions {
            queue: context.topology.jobs.clone(),
            prefetch: context.jobs,
            tag: format!("recto-{}", uuid::Uuid::now_v7().simple()),
            ack_timeout: context.broker.ack_timeout,
            answer_timeout: context.broker.amqp_timeout,
        };
        let consumer = Consumer::start(&connection, consuming).await?;
        Ok(Self {
            consumer,
            connection,
        })
    }

    /// Closes the connection.
    pub(super) async fn close(self) {
        close(&self.connection).await;
    }
}
