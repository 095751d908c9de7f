//! [`Session`]: one connection and what it delivers.

use std::sync::Arc;

use lapin::Connection;

use super::Desk;
use crate::broker::{
    connection::{close, connect},
    consume::{Consumer, Consuming},
    error::BrokerError,
    topology,
};

/// A connection with its deliveries.
pub(super) struct Session {
    pub(super) consumer: Consumer,
    connection: Arc<Connection>,
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
