//! Events from a queue of the broker: MinIO, Ceph and others publish them there.

use std::sync::Arc;

use lapin::ExchangeKind;
use tokio::{task::JoinSet, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    config::{AmqpSource, ExchangeType},
    intake::EventIntake,
    notification::UnreadableEvent,
};
use crate::{
    broker::{
        config::BrokerConfig,
        connection::{ExponentialBackoff, close, connect},
        consume::{ConsumeOptions, Consumer, Delivery},
        error::BrokerError,
        notifications::{self, NotificationExchange, NotificationQueue},
        publish::{HeaderValue, MessageProperties, NoopObserver, Publisher},
    },
    observe::metrics::events::EventOrigin,
};

/// Messages that are settled at the same time. More than there are objects that may be waited for, so that those never
/// keep others back.
const PREFETCH: u16 = 1_000;
/// Header that says why a message cannot be read.
const REASON_HEADER: &str = "x-recto-reason";

impl AmqpSource {
    fn queue(&self, broker: &BrokerConfig) -> NotificationQueue {
        let queue = self.queue.clone();
        let queue = queue.unwrap_or_else(|| format!("{}.notifications", broker.queue));
        let exchange = self.exchange.clone().map(|name| NotificationExchange {
            name,
            kind: match self.exchange_type {
                ExchangeType::Topic => ExchangeKind::Topic,
                ExchangeType::Direct => ExchangeKind::Direct,
                ExchangeType::Fanout => ExchangeKind::Fanout,
                ExchangeType::Headers => ExchangeKind::Headers,
            },
            durable: self.durable,
            binding_key: self.binding_key.clone(),
        });
        NotificationQueue {
            unreadable: format!("{queue}.unreadable"),
            queue,
            exchange,
        }
    }
}

/// Takes events until it is told to stop. A broker that is away is waited for.
///
/// # Errors
/// [`BrokerError`] if the broker can never be used so.
pub(super) async fn run(
    intake: &Arc<EventIntake>,
    source: &AmqpSource,
    broker: &BrokerConfig,
    stop: &CancellationToken,
) -> Result<(), BrokerError> {
    let queue = source.queue(broker);
    let mut backoff = ExponentialBackoff::default();
    loop {
        let ended = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            ended = session(intake, &queue, broker, &mut backoff) => ended,
        };
        let reason = match ended {
            Ok(reason) => reason,
            Err(error) if error.is_transient() => error.to_string(),
            Err(error) => return Err(error),
        };
        let wait = backoff.next_wait();
        tracing::warn!(
            queue = queue.queue,
            reason,
            "lost the broker; connecting again"
        );
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(wait) => {}
        }
    }
}

/// Takes events from one connection until it is lost, and says why. What is not settled then comes again.
async fn session(
    intake: &Arc<EventIntake>,
    queue: &NotificationQueue,
    broker: &BrokerConfig,
    backoff: &mut ExponentialBackoff,
) -> Result<String, BrokerError> {
    let connection = Arc::new(connect(broker, "events").await?);
    notifications::ensure(&connection, queue, broker).await?;
    let options = ConsumeOptions {
        from_first: false,
        queue: queue.queue.clone(),
        prefetch: PREFETCH,
        tag: format!("recto-{}", uuid::Uuid::now_v7().simple()),
        ack_timeout: broker.ack_timeout,
        answer_timeout: broker.amqp_timeout,
    };
    let mut consumer = Consumer::start(&connection, options).await?;
    let observer = Arc::new(NoopObserver);
    let sender = Arc::clone(&connection);
    let publisher = Arc::new(Publisher::new(sender, broker.confirm_timeout, observer));
    tracing::info!(queue = queue.queue, "taking events of stores");
    backoff.reset();
    let mut settling = JoinSet::new();
    let lost = loop {
        tokio::select! {
            delivery = consumer.next() => match delivery {
                Ok(delivery) => {
                    let (intake, publisher) = (Arc::clone(intake), Arc::clone(&publisher));
                    let unreadable = queue.unreadable.clone();
                    settling.spawn(async move {
                        settle(&intake, &publisher, &unreadable, delivery).await
                    });
                }
                Err(closed) => break closed.to_string(),
            },
            Some(settled) = settling.join_next() => match settled {
                Ok(Ok(())) => {}
                Ok(Err(reason)) => break reason,
                Err(error) => break format!("an event could not be settled: {error}"),
            },
        }
    };
    settling.shutdown().await;
    close(&connection).await;
    Ok(lost)
}

/// Settles a message: acknowledged once each of its documents is a job, known or given up.
async fn settle(
    intake: &EventIntake,
    publisher: &Publisher,
    unreadable: &str,
    delivery: Delivery,
) -> Result<(), String> {
    let message = &delivery.message;
    let origin = EventOrigin::Amqp;
    match intake.read(origin, message.cloud_event.as_deref(), &message.body) {
        Ok(read) => {
            let redelivered = message.redelivered_by_broker;
            intake.settle_all(origin, &read.hints, redelivered).await;
        }
        Err(error) => set_aside(publisher, unreadable, &message.body, &error).await?,
    }
    let acked = delivery.acker.ack().await;
    acked.map_err(|stale| stale.to_string())
}

/// Moves a message that cannot be read to the queue of those.
async fn set_aside(
    publisher: &Publisher,
    queue: &str,
    body: &[u8],
    error: &UnreadableEvent,
) -> Result<(), String> {
    tracing::warn!(queue, %error, "a message is no event that can be read; it is set aside");
    let reason = HeaderValue::Text(error.to_string());
    let properties = MessageProperties {
        headers: vec![(REASON_HEADER, reason)],
        ..MessageProperties::default()
    };
    let published = publisher.publish("", queue, body, properties).await;
    published.map_err(|error| error.to_string())
}
