//! RabbitMQ: connections, queues, confirmed messages and deliveries, without any notion of jobs.
//!
//! Nothing here reconnects by itself: a delivery belongs to the connection that brought it, so whoever holds
//! deliveries decides when to connect again.

pub(crate) mod config;
pub(crate) mod error;
pub(crate) mod connection;
pub(crate) mod topology;
mod requests;
pub(crate) mod notifications;
pub(crate) mod order;
pub(crate) mod publish;
pub(crate) mod consume;
