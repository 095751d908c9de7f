//! Publishing: messages that go out, each confirmed by the broker or known to have failed.
//!
//! A publisher has a few channels and one unconfirmed message on each at a time. So a message that
//! the broker returns is surely the one it returned (the client library gives a returned message to
//! whichever confirm comes next), and a publish that is given up in the middle costs its channel
//! and nothing else.

use std::{
    pin::pin,
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
use tokio::{sync::Semaphore, time::timeout};

use super::error::{error_reason, protocol_error};
use recto_schemas::options::spelled;

/// Maximum number of unconfirmed messages. A confirm takes a few milliseconds.
const MAX_UNCONFIRMED: usize = 16;

/// Interval at which a message that waits for its confirm looks if the broker blocks the connection.
const BLOCKED_CHECK_INTERVAL: Duration = Duration::from_secs(1);

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
    /// It says something that the broker holds for untrue, such as the name of another user, or it is too large.
    #[error("the broker refused a message as it is: {reason}")]
    Refused { reason: String },
    /// Neither yes nor no in time.
    #[error("the broker did not confirm a message within {}", spelled(*after))]
    ConfirmTimeout { after: Duration },
    /// Channel or connection ended before the answer.
    #[error("lost the broker before it confirmed a message: {reason}")]
    Lost { reason: String },
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

    /// A message waits for a broker that blocks its publishers.
    fn blocked(&self) {}
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
    /// The name of the user who publishes it, which the broker checks.
    pub(crate) user_id: Option<String>,
    /// Seconds since 1970.
    pub(crate) timestamp_s: Option<u64>,
    pub(crate) headers: Vec<(&'static str, HeaderValue)>,
    /// Nobody needs to take it: the broker may drop it for want of a queue.
    pub(crate) optional: bool,
}

/// The value of a header.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum HeaderValue {
    Number(i64),
    Text(String),
}

impl From<u32> for HeaderValue {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<HeaderValue> for AMQPValue {
    fn from(value: HeaderValue) -> Self {
        match value {
            HeaderValue::Number(number) => Self::LongLongInt(number),
            HeaderValue::Text(text) => Self::LongString(text.into()),
        }
    }
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

    /// Returns true while the broker has blocked this connection (`connection.blocked`): it is short of memory or
    /// disk, and reads nothing from who publishes.
    fn is_blocked(&self) -> bool {
        self.connection.status().blocked()
    }

    /// Waits for a confirm. The time that the broker blocks the connection for does not count: what was sent is
    /// confirmed afterwards, and sending it again on another connection would only add to its load.
    async fn within_timeout<T>(&self, confirmed: impl Future<Output = T>) -> Option<T> {
        let mut confirmed = pin!(confirmed);
        let mut left = self.confirm_timeout;
        loop {
            let wait = left.min(BLOCKED_CHECK_INTERVAL);
            if let Ok(done) = timeout(wait, &mut confirmed).await {
                return Some(done);
            }
            left = left.saturating_sub(wait);
            if self.is_blocked() {
                self.observer.blocked();
                left = self.confirm_timeout;
            } else if left.is_zero() {
                return None;
            }
        }
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
        let exchanged = self.within_timeout(async {
            let channel = self.channel().await?;
            let options = BasicPublishOptions {
                mandatory: !properties.optional,
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
            Some(Ok((channel, confirmation))) => {
                let outcome = outcome(confirmation, exchange, routing_key);
                // A channel that once met a full queue is told when there is room again, but not when the limit itself
                // is lifted (seen with RabbitMQ 3.10): a new channel asks.
                if !matches!(outcome, Err(PublishError::Nacked { .. })) {
                    self.idle().push(channel);
                }
                outcome
            }
            Some(Err(error)) => Err(refused(&error, exchange, routing_key)),
            None => {
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
        Some(AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)) => {
            PublishError::Refused { reason }
        }
        _ => PublishError::Lost { reason },
    }
}

fn amqp_properties(properties: MessageProperties) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in properties.headers {
        headers.insert(name.into(), value.into());
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
    if let Some(text) = properties.user_id {
        amqp = amqp.with_user_id(short(&text));
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
    fn a_message_that_no_queue_takes_says_where_it_was_sent() {
        let error = PublishError::Unroutable {
            exchange: String::new(),
            routing_key: "jobs".to_owned(),
            reason: "NO_ROUTE".to_owned(),
        };
        let said = error.to_string();
        assert!(
            said.contains("`jobs` at the default exchange: NO_ROUTE"),
            "{said}"
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
            headers: vec![("x-recto-attempts", 2.into())],
            ..MessageProperties::default()
        });
        assert_eq!(amqp.delivery_mode(), &Some(PERSISTENT));
        assert_eq!(amqp.message_id(), &Some("7".into()));
    }
}
