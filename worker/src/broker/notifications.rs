//! The queue that stores' notifications come from, and the one for those that cannot be read.

use lapin::{Connection, ExchangeKind, options::ExchangeDeclareOptions};

use super::{
    config::BrokerConfig,
    error::BrokerError,
    requests::ReopeningChannel,
    topology::{QueueRole, kept, queue},
};

/// A queue of notifications.
#[derive(Clone, Debug)]
pub(crate) struct NotificationQueue {
    pub(crate) queue: String,
    /// The queue of those that cannot be read.
    pub(crate) unreadable: String,
    pub(crate) exchange: Option<NotificationExchange>,
}

/// The exchange that a store publishes to.
#[derive(Clone, Debug)]
pub(crate) struct NotificationExchange {
    pub(crate) name: String,
    /// Its kind, if it is to be made.
    pub(crate) kind: ExchangeKind,
    /// True if it survives a restart of the broker, if it is to be made.
    pub(crate) durable: bool,
    pub(crate) binding_key: String,
}

/// Sees to it that the queues are there and get what the store publishes. An exchange that is there is taken as it is:
/// stores declare it themselves, in their own way, and fail if another one has done so otherwise.
///
/// # Errors
/// [`BrokerError`]; without `--declare` also if something is missing.
pub(crate) async fn ensure(
    connection: &Connection,
    wanted: &NotificationQueue,
    broker: &BrokerConfig,
) -> Result<(), BrokerError> {
    let mut channel = ReopeningChannel::new(connection, broker.amqp_timeout);
    for name in [&wanted.unreadable, &wanted.queue] {
        match broker.declare {
            true => {
                let spec = queue(name, QueueRole::Notifications, kept());
                channel.declare_queue(&spec).await?;
            }
            false => channel.depth(name).await.map(drop)?,
        }
    }
    let Some(exchange) = &wanted.exchange else {
        return Ok(());
    };
    let kind = || exchange.kind.clone();
    match channel.exchange(&exchange.name, kind(), true).await {
        Err(BrokerError::Missing { .. }) if broker.declare => {
            let options = ExchangeDeclareOptions {
                durable: exchange.durable,
                ..Default::default()
            };
            channel
                .exchange_with(&exchange.name, kind(), options)
                .await?;
        }
        found => found?,
    }
    match broker.declare {
        true => {
            channel
                .bind(&wanted.queue, &exchange.name, &exchange.binding_key)
                .await
        }
        false => Ok(()),
    }
}
