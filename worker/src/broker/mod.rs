//! RabbitMQ, below the jobs: one connection at a time, queues, confirmed messages, deliveries.
//!
//! Nothing here reconnects by itself: a delivery belongs to the connection that brought it, so who
//! holds deliveries decides when to connect again.

pub(crate) mod config;
// Why the broker could not do what it was asked.
pub(crate) mod error;
// To the broker: its address, deadlines, back-off.
pub(crate) mod connection;
// The queues: their names, arguments and how they are made.
pub(crate) mod topology;
// Messages out, each confirmed or known to have failed.
pub(crate) mod publish;
// Messages in, each settled once.
pub(crate) mod consume;
