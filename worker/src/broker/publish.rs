//! Publishing: messages that go out, each confirmed by the broker or known to have failed.
//!
//! A publisher has a few channels and one unconfirmed message on each at a time. So a message that
//! the broker returns is surely the one it returned (the client library gives a returned message to
//! whichever confirm comes next), and a publish that is given up in the middle costs its channel
//! and nothing else.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use lapin::{
    BasicProperties, Channel, Confirmation, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::{AMQPValue, FieldTable, ShortString},
};
use recto_schemas::FailureKind;
use tokio::{sync::Semaphore, time::timeout};

use super::error::{error_reason, protocol_error};
use recto_schemas::options::spelled;

/// Maximum number of unconfirmed messages. A confirm takes a few milliseconds.
const MAX_UNCONFIRMED: usize = 16;

/// Messages survive a restart of the broker.
const PERSISTENT: u8 = 2;

/// A short string's longest, in bytes (AMQP 0-9-1, 4.2.5.3).
const MAX_SHORT_STRING: usize = 255;

/// The reason why a message is not known to be safe with the broker.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// No queue is bound for it.
    #[error(
        "no queue takes messages for `{routing_key}` at {}: {reason}; `recto queues declare` creates what is missing",
        exchange_name(exchange)
    )]
    Unroutable {
        exchange: String,
        routing_key: String,
        reason: String,
    },
    /// The broker refused it, as a rule because its queue is full.
    #[error(
        "the broker refused a message for `{routing_key}` at {}: the queue is full or cannot store it",
        exchange_name(exchange)
    )]
    Nacked {
        exchange: String,
        routing_key: String,
    },
    /// Neither yes nor no in time.
    #[error("the broker did not confirm a message within {}", spelled(*after))]
    ConfirmTimeout { after: Duration },
    /// Channel or connection ended before the answer.
    #[error("lost the broker before it confirmed a message: {reason}")]
    Lost { reason: String },
}

impl PublishError {
    /// The machine-readable code.
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::Unroutable { .. } => FailureKind::Unroutable,
            Self::Nacked { .. } => FailureKind::Nacked,
            Self::ConfirmTimeout { .. } => FailureKind::ConfirmTimeout,
            Self::Lost { .. } => FailureKind::BrokerLost,
        }
    }
}

fn exchange_name(exchange: &str) -> String {
    match exchange {
        "" => "the default exchange".to_owned(),
        name => format!("exchange `{name}`"),
    }
}

/// Observes every publish that came to an end.
pub(crate) trait ConfirmObserver: Send + Sync {
    /// A message was confirmed or failed, `took` after the call.
    fn published(&self, result: Result<(), &PublishError>, took: Duration);
}

/// An observer that ignores everything.
pub(crate) struct NoopObserver;

impl ConfirmObserver for NoopObserver {
    fn published(&self, _result: Result<(), &PublishError>, _took: Duration) {}
}

/// Properties of a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct MessageProperties {
    pub(crate) message_id: Option<String>,
    pub(crate) correlation_id: Option<String>,
    pub(crate) content_type: Option<String>,
    /// The message's `type`.
    pub(crate) kind: Option<String>,
    pub(crate) priority: Option<u8>,
    /// Seconds since 1970.
    pub(crate) timestamp_s: Option<u64>,
    pub(crate) headers: Vec<(&'static str, i64)>,
}

/// Publishes on one connection, for any number of tasks at once.
pub(crate) struct Publisher {
    connection: Arc<Connection>,
    confirm_timeout: Duration,
    observer: Arc<dyn ConfirmObserver>,
    permits: Semaphore,
    idle: Mutex<Vec<Channel>>,
    timed_out: AtomicBool,
}

impl Publisher {
    /// A publisher on this connection.
    pub(crate) fn new(
        connection: Arc<Connection>,
        confirm_timeout: Duration,
        observer: Arc<dyn ConfirmObserver>,
    ) -> Self {
        Self {
            connection,
            confirm_timeout,
            observer,
            permits: Semaphore::new(MAX_UNCONFIRMED),
            idle: Mutex::new(Vec::with_capacity(MAX_UNCONFIRMED)),
            timed_out: AtomicBool::new(false),
        }
    }

    /// Returns true if it is of no more use: make a new connection and a new publisher. A broker that once
    /// did not confirm in time may have vanished without closing the connection.
    pub(crate) fn is_broken(&self) -> bool {
        self.timed_out.load(Ordering::Relaxed) || !self.connection.status().connected()
    }

    /// Publishes a message and waits until the broker confirms that it has it safe. The default exchange is `""`.
    /// After an error, or if the future is dropped, the broker may have it all the same.
    pub(crate) async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        body: &[u8],
        properties: MessageProperties,
    ) -> Result<(), PublishError> {
        let started = Instant::now();
        let published = self
            .publish_unobserved(exchange, routing_key, body, properties)
            .await;
        let result = published.as_ref().map(|_| ());
        self.observer.published(result, started.elapsed());
        published
    }

    async fn publish_unobserved(
        &self,
        exchange: &str,
        routing_key: &str,
        body: &[u8],
        properties: MessageProperties,
    ) -> Result<(), PublishError> {
        let closed = || PublishError::Lost {
            reason: "the connection is closed".to_owned(),
        };
        let _permit = self.permits.acquire().await.map_err(|_| closed())?;
        if self.is_broken() {
            return Err(closed());
        }
        let (exchange_short, key_short) = (short(exchange), short(routing_key));
        let exchanged = timeout(self.confirm_timeout, async {
            let channel = self.channel().await?;
            let options = BasicPublishOptions {
                mandatory: true,
                ..Default::default()
            };
            let properties = amqp_properties(properties);
            let confirm = channel
                .basic_publish(exchange_short, key_short, options, body, properties)
                .await?;
            let confirmation = confirm.await?;
            Ok((channel, confirmation))
        });
        let (exchange, routing_key) = (exchange.to_owned(), routing_key.to_owned());
        match exchanged.await {
            Ok(Ok((channel, confirmation))) => {
                self.idle().push(channel);
                outcome(confirmation, exchange, routing_key)
            }
            Ok(Err(error)) => Err(refused(&error, exchange, routing_key)),
            Err(_) => {
                self.timed_out.store(true, Ordering::Relaxed);
                Err(PublishError::ConfirmTimeout {
                    after: self.confirm_timeout,
                })
            }
        }
    }

    /// A channel without an outstanding confirm.
    async fn channel(&self) -> lapin::Result<Channel> {
        loop {
            let idle = self.idle().pop();
            match idle {
                Some(channel) if channel.status().connected() => return Ok(channel),
                Some(_closed) => {}
                None => break,
            }
        }
        let channel = self.connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(channel)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn outcome(
    confirmation: Confirmation,
    exchange: String,
    routing_key: String,
) -> Result<(), PublishError> {
    match confirmation {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned)) => {
            let reason = returned.reply_text.as_str().to_owned();
            Err(PublishError::Unroutable {
                exchange,
                routing_key,
                reason,
            })
        }
        Confirmation::Nack(None) => Err(PublishError::Nacked {
            exchange,
            routing_key,
        }),
        Confirmation::NotRequested => {
            let reason = "the channel does not confirm".to_owned();
            Err(PublishError::Lost { reason })
        }
    }
}

/// The broker closes the channel over an exchange that is not there or not for this user.
fn refused(error: &lapin::Error, exchange: String, routing_key: String) -> PublishError {
    let reason = error_reason(error);
    match protocol_error(error) {
        Some(AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND | AMQPSoftError::ACCESSREFUSED)) => {
            PublishError::Unroutable {
                exchange,
                routing_key,
                reason,
            }
        }
        _ => PublishError::Lost { reason },
    }
}

fn amqp_properties(properties: MessageProperties) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in properties.headers {
        headers.insert(name.into(), AMQPValue::LongLongInt(value));
    }
    let mut amqp = BasicProperties::default()
        .with_delivery_mode(PERSISTENT)
        .with_headers(headers);
    if let Some(text) = properties.message_id {
        amqp = amqp.with_message_id(short(&text));
    }
    if let Some(text) = properties.correlation_id {
        amqp = amqp.with_correlation_id(short(&text));
    }
    if let Some(text) = properties.content_type {
        amqp = amqp.with_content_type(short(&text));
    }
    if let Some(text) = properties.kind {
        amqp = amqp.with_type(short(&text));
    }
    if let Some(priority) = properties.priority {
        amqp = amqp.with_priority(priority);
    }
    if let Some(seconds) = properties.timestamp_s {
        amqp = amqp.with_timestamp(seconds);
    }
    amqp
}

/// As much of a text as AMQP takes in a short string.
fn short(text: &str) -> ShortString {
    let end = text.floor_char_boundary(MAX_SHORT_STRING);
    ShortString::from(&text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_kind() {
        let (exchange, routing_key, reason) =
            (String::new, || "jobs".to_owned(), || "NO_ROUTE".to_owned());
        let errors = [
            PublishError::Unroutable {
                exchange: exchange(),
                routing_key: routing_key(),
                reason: reason(),
            },
            PublishError::Nacked {
                exchange: exchange(),
                routing_key: routing_key(),
            },
            PublishError::ConfirmTimeout {
                after: Duration::from_secs(30),
            },
            PublishError::Lost { reason: reason() },
        ];
        let kinds = [
            FailureKind::Unroutable,
            FailureKind::Nacked,
            FailureKind::ConfirmTimeout,
            FailureKind::BrokerLost,
        ];
        assert_eq!(errors.each_ref().map(PublishError::kind), kinds);
        assert!(
            errors[0]
                .to_string()
                .contains("`jobs` at the default exchange: NO_ROUTE")
        );
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(short("a").as_str(), "a");
        let long = "ä".repeat(200);
        assert_eq!(short(&long).as_str(), "ä".repeat(127));
    }

    #[test]
    fn messages_are_persistent() {
        let amqp = amqp_properties(MessageProperties {
            message_id: Some("7".to_owned()),
            headers: vec![("x-recto-attempts", 2)],
            ..MessageProperties::default()
        });
        assert_eq!(amqp.delivery_mode(), &Some(PERSISTENT));
        assert_eq!(amqp.message_id(), &Some("7".into()));
    }
}
