//! Deliveries: messages that come in, each settled once, on the channel that brought it.
//!
//! The prefetch count bounds how many are unsettled at once: the broker sends no more.

use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::{
    Channel, Connection,
    message::Delivery as AmqpDelivery,
    options::{
        BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    },
    types::{AMQPValue, FieldTable},
};
use tokio::time::timeout;

use super::error::{BrokerError, error_reason};

// The headers that workers give to the messages that they publish again. A worker believes them only if the message's
// `user_id`, which the broker checks, is that of workers: see [`InboundMessage::without_claims`].

/// Header with the number of earlier attempts; only a retry raises it.
pub(crate) const ATTEMPTS_HEADER: &str = "x-recto-attempts";

/// Header with the number of redeliveries that a message had before a worker gave it back as a new message, which
/// starts the broker's own count over.
pub(crate) const REDELIVERIES_HEADER: &str = "x-recto-redeliveries";

/// Header with the kind of failure that the message's job had at the last worker, if it wants a second opinion.
pub(crate) const OPINION_HEADER: &str = "x-recto-opinion";

/// Header with the name of that worker.
pub(crate) const OPINION_BY_HEADER: &str = "x-recto-opinion-by";

/// Header of a message whose document was read in part: what was read is stored.
pub(crate) const PARTS_HEADER: &str = "x-recto-parts";

/// Header with the number of earlier deliveries of a quorum queue; absent the first time. Versions of RabbitMQ count
/// differently: up to 4.2 each time a message comes back unsettled, from 4.3 on only some.
const DELIVERY_COUNT_HEADER: &str = "x-delivery-count";

/// Options of a consumer.
#[derive(Clone, Debug)]
pub(crate) struct ConsumeOptions {
    pub(crate) queue: String,
    /// Deliveries that may be unsettled at once.
    pub(crate) prefetch: u16,
    /// The consumer's name at the broker.
    pub(crate) tag: String,
    /// True for a stream: its messages from the first one on.
    pub(crate) from_first: bool,
    /// `x-consumer-timeout`; the broker's own when `None`.
    pub(crate) ack_timeout: Option<Duration>,
    /// Timeout for answers of the broker.
    pub(crate) answer_timeout: Duration,
}

/// A name for a consumer that no other one has.
pub(crate) fn consumer_tag() -> String {
    format!("recto-{}", uuid::Uuid::now_v7().simple())
}

/// The reason why no more deliveries come.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConsumerClosed {
    /// `cancel` was called, and every earlier delivery was handed out.
    #[error("the consumer was cancelled")]
    Cancelled,
    /// The broker stopped it; as a rule because the queue was deleted.
    #[error("the broker stopped delivering from {queue}; was the queue deleted?")]
    CancelledByBroker { queue: String },
    /// The broker closed the channel, after an acknowledgement that took too long for instance.
    #[error("the broker closed the channel: {reason}")]
    ChannelClosed { reason: String },
    /// The connection is gone.
    #[error("lost the connection to the broker: {reason}")]
    ConnectionLost { reason: String },
}

/// A delivery cannot be settled any more: its channel is gone, and the broker delivers it again.
#[derive(Debug, thiserror::Error)]
#[error("the delivery's channel is closed ({reason}); the broker delivers it again")]
pub(crate) struct StaleDelivery {
    pub(crate) reason: String,
}

/// Deliveries of one queue.
pub(crate) struct Consumer {
    deliveries: lapin::Consumer,
    channel: Channel,
    options: ConsumeOptions,
    cancelled: bool,
}

/// A message and the means to settle it.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) message: InboundMessage,
    pub(crate) acker: Acker,
}

/// A message and its properties.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct InboundMessage {
    pub(crate) body: Vec<u8>,
    pub(crate) message_id: Option<String>,
    pub(crate) priority: Option<u8>,
    /// `ATTEMPTS_HEADER`; 0 when absent.
    pub(crate) attempts: u32,
    /// Deliveries before this one that ended unsettled: those that the broker counts, and those of the messages that
    /// this one is a copy of.
    pub(crate) redelivery_count: u32,
    /// Those that the broker counts against the queue's delivery limit.
    pub(crate) counted_by_broker: u32,
    /// True if it was delivered before without being settled, itself or as the message that it is a copy of.
    pub(crate) redelivered: bool,
    /// True if the broker says that this very message was delivered before.
    pub(crate) redelivered_by_broker: bool,
    /// The user who published it, as the broker has checked; `None` if the publisher does not say.
    pub(crate) user_id: Option<String>,
    /// True if pages of its document are stored.
    pub(crate) has_parts: bool,
    /// The failure that another worker, or this one, saw.
    pub(crate) opinion: Option<FirstOpinion>,
    /// The reason why the broker itself moved it here last, such as `delivery_limit`.
    pub(crate) death_reason: Option<String>,
    /// The type of the event that it is, if its headers are those of CloudEvents.
    pub(crate) cloud_event: Option<String>,
}

/// A worker's word on why a job cannot be done, which another worker may second.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FirstOpinion {
    /// The kind of the failure, as it is written.
    pub(crate) kind: String,
    /// The worker's name.
    pub(crate) by: String,
}

/// Settles one delivery, once. Keeps the channel open until then. Dropping it settles nothing.
#[derive(Debug)]
pub(crate) struct Acker {
    acker: lapin::Acker,
    _channel: Channel,
    answer_timeout: Duration,
}

impl Consumer {
    /// Starts to consume, on a channel of its own.
    pub(crate) async fn start(
        connection: &Connection,
        options: ConsumeOptions,
    ) -> Result<Self, BrokerError> {
        let what = format!("queue {}", options.queue);
        match timeout(options.answer_timeout, subscribe(connection, &options)).await {
            Ok(Ok((channel, deliveries))) => Ok(Self {
                deliveries,
                channel,
                options,
                cancelled: false,
            }),
            Ok(Err(error)) => Err(BrokerError::of_request(&what, &error)),
            Err(_) => Err(BrokerError::NoAnswer {
                what,
                after: options.answer_timeout,
            }),
        }
    }

    /// The next delivery, or why there is none. The future can be dropped without losing one.
    pub(crate) async fn next(&mut self) -> Result<Delivery, ConsumerClosed> {
        match self.deliveries.next().await {
            Some(Ok(delivery)) => Ok(self.delivery(delivery)),
            Some(Err(error)) => Err(ended(&error)),
            None if self.cancelled => Err(ConsumerClosed::Cancelled),
            None => Err(ConsumerClosed::CancelledByBroker {
                queue: self.options.queue.clone(),
            }),
        }
    }

    /// Asks the broker to send no more. Deliveries that it sent before still come out of `next`.
    pub(crate) async fn cancel(&mut self) -> Result<(), BrokerError> {
        self.cancelled = true;
        let after = self.options.answer_timeout;
        let what = format!("queue {}", self.options.queue);
        let cancel = self
            .channel
            .basic_cancel(self.deliveries.tag(), BasicCancelOptions::default());
        match timeout(after, cancel).await {
            Ok(cancelled) => cancelled.map_err(|error| BrokerError::of_request(&what, &error)),
            Err(_) => Err(BrokerError::NoAnswer { what, after }),
        }
    }

    fn delivery(&self, delivery: AmqpDelivery) -> Delivery {
        let acker = Acker {
            acker: delivery.acker.clone(),
            _channel: self.channel.clone(),
            answer_timeout: self.options.answer_timeout,
        };
        Delivery {
            message: message(delivery),
            acker,
        }
    }
}

async fn subscribe(
    connection: &Connection,
    options: &ConsumeOptions,
) -> lapin::Result<(Channel, lapin::Consumer)> {
    let channel = connection.create_channel().await?;
    channel
        .basic_qos(options.prefetch, BasicQosOptions::default())
        .await?;
    let mut arguments = FieldTable::default();
    if let Some(ack_timeout) = options.ack_timeout {
        let timeout_ms = i64::try_from(ack_timeout.as_millis()).unwrap_or(i64::MAX);
        arguments.insert(
            "x-consumer-timeout".into(),
            AMQPValue::LongLongInt(timeout_ms),
        );
    }
    if options.from_first {
        let first = AMQPValue::LongString("first".into());
        arguments.insert("x-stream-offset".into(), first);
    }
    let (queue, tag) = (options.queue.as_str().into(), options.tag.as_str().into());
    let deliveries = channel
        .basic_consume(queue, tag, BasicConsumeOptions::default(), arguments)
        .await?;
    Ok((channel, deliveries))
}

fn ended(error: &lapin::Error) -> ConsumerClosed {
    let reason = error_reason(error);
    if error.is_amqp_soft_error() {
        ConsumerClosed::ChannelClosed { reason }
    } else {
        ConsumerClosed::ConnectionLost { reason }
    }
}

fn message(delivery: AmqpDelivery) -> InboundMessage {
    let count = |header| {
        delivery
            .properties
            .headers()
            .as_ref()
            .map_or(0, |table| number(table, header))
    };
    let text = delivery.properties.message_id().as_ref();
    // The broker sets it on a message that comes again; on one that comes first it is the publisher's.
    let counted_by_broker = match delivery.redelivered {
        true => count(DELIVERY_COUNT_HEADER),
        false => 0,
    };
    let carried = count(REDELIVERIES_HEADER);
    let headers = delivery.properties.headers().as_ref();
    let opinion = headers.and_then(|headers| {
        Some(FirstOpinion {
            kind: word(headers, OPINION_HEADER)?,
            by: word(headers, OPINION_BY_HEADER)?,
        })
    });
    // CloudEvents' binding for AMQP has the colon, and its older one the underline.
    let cloud_event = headers.and_then(|headers| {
        word(headers, "cloudEvents:type").or_else(|| word(headers, "cloudEvents_type"))
    });
    InboundMessage {
        cloud_event,
        message_id: text.map(|id| id.as_str().to_owned()),
        priority: *delivery.properties.priority(),
        attempts: count(ATTEMPTS_HEADER),
        redelivery_count: counted_by_broker.saturating_add(carried),
        counted_by_broker,
        redelivered: delivery.redelivered || carried > 0,
        redelivered_by_broker: delivery.redelivered,
        user_id: delivery
            .properties
            .user_id()
            .as_ref()
            .map(ToString::to_string),
        has_parts: count(PARTS_HEADER) > 0,
        opinion,
        death_reason: delivery.properties.headers().as_ref().and_then(death),
        body: delivery.data,
    }
}

impl InboundMessage {
    /// The same message without what its headers say of earlier attempts, deliveries, parts and opinions: that is left to
    /// what the broker itself says.
    pub(crate) fn without_claims(self) -> Self {
        Self {
            attempts: 0,
            redelivery_count: self.counted_by_broker,
            redelivered: self.redelivered_by_broker,
            has_parts: false,
            opinion: None,
            ..self
        }
    }

    /// Returns true if headers say something of earlier attempts, deliveries, parts or opinions.
    pub(crate) fn has_claims(&self) -> bool {
        self.attempts > 0
            || self.redelivery_count > self.counted_by_broker
            || self.has_parts
            || self.opinion.is_some()
    }
}

/// The reason of the newest entry of `x-death`, the first one.
fn death(headers: &FieldTable) -> Option<String> {
    let Some(AMQPValue::FieldArray(deaths)) = headers.inner().get("x-death") else {
        return None;
    };
    let Some(AMQPValue::FieldTable(newest)) = deaths.as_slice().first() else {
        return None;
    };
    match newest.inner().get("reason") {
        Some(AMQPValue::LongString(reason)) => Some(reason.to_string()),
        _ => None,
    }
}

/// A text among the headers.
fn word(headers: &FieldTable, name: &str) -> Option<String> {
    match headers.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        _ => None,
    }
}

/// A count among the headers, whatever width it was sent in; 0 for anything else.
fn number(headers: &FieldTable, name: &str) -> u32 {
    let number = match headers.inner().get(name) {
        Some(AMQPValue::ShortShortInt(n)) => i64::from(*n),
        Some(AMQPValue::ShortShortUInt(n)) => i64::from(*n),
        Some(AMQPValue::ShortInt(n)) => i64::from(*n),
        Some(AMQPValue::ShortUInt(n)) => i64::from(*n),
        Some(AMQPValue::LongInt(n)) => i64::from(*n),
        Some(AMQPValue::LongUInt(n)) => i64::from(*n),
        Some(AMQPValue::LongLongInt(n)) => *n,
        _ => 0,
    };
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

impl Delivery {
    /// The message is dealt with for good.
    pub(crate) async fn ack(self) -> Result<(), StaleDelivery> {
        self.acker.ack().await
    }
}

impl Acker {
    /// Returns true if the channel is gone, so that settling would fail.
    pub(crate) fn is_stale(&self) -> bool {
        !self.acker.usable()
    }

    /// The message is dealt with for good.
    pub(crate) async fn ack(self) -> Result<(), StaleDelivery> {
        self.settle(self.acker.ack(BasicAckOptions::default()))
            .await
    }

    /// The message goes back to the queue.
    pub(crate) async fn nack_requeue(self) -> Result<(), StaleDelivery> {
        let options = BasicNackOptions {
            requeue: true,
            ..Default::default()
        };
        self.settle(self.acker.nack(options)).await
    }

    async fn settle(
        &self,
        sent: impl Future<Output = lapin::Result<bool>>,
    ) -> Result<(), StaleDelivery> {
        match timeout(self.answer_timeout, sent).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err(StaleDelivery {
                reason: "it was closed earlier".to_owned(),
            }),
            Ok(Err(error)) => Err(StaleDelivery {
                reason: error_reason(&error),
            }),
            Err(_) => Err(StaleDelivery {
                reason: "the broker does not answer".to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_in_any_width_and_nothing_else_is_one() {
        let mut headers = FieldTable::default();
        for (name, value, wanted) in [
            ("byte", AMQPValue::ShortShortUInt(3), 3),
            ("int", AMQPValue::LongInt(4), 4),
            ("long", AMQPValue::LongLongInt(5), 5),
            ("negative", AMQPValue::LongLongInt(-1), 0),
            ("huge", AMQPValue::LongLongInt(i64::MAX), u32::MAX),
            ("text", AMQPValue::LongString("6".into()), 0),
        ] {
            headers.insert(name.into(), value);
            assert_eq!(number(&headers, name), wanted, "{name}");
        }
        assert_eq!(number(&headers, "absent"), 0);
    }

    #[test]
    fn a_message_says_who_it_is_and_what_it_went_through() {
        let mut headers = FieldTable::default();
        headers.insert(ATTEMPTS_HEADER.into(), AMQPValue::LongLongInt(2));
        headers.insert(DELIVERY_COUNT_HEADER.into(), AMQPValue::LongLongInt(1));
        headers.insert(REDELIVERIES_HEADER.into(), AMQPValue::LongLongInt(3));
        let text = |text: &str| AMQPValue::LongString(text.into());
        headers.insert(OPINION_HEADER.into(), text("no-such-object"));
        headers.insert(OPINION_BY_HEADER.into(), text("host:1"));
        let mut delivery = AmqpDelivery::mock(1, "".into(), "jobs".into(), true, b"{}".to_vec());
        delivery.properties = delivery
            .properties
            .with_message_id("7".into())
            .with_user_id("worker".into())
            .with_headers(headers);
        let wanted = InboundMessage {
            body: b"{}".to_vec(),
            message_id: Some("7".to_owned()),
            priority: None,
            attempts: 2,
            redelivery_count: 4,
            counted_by_broker: 1,
            redelivered: true,
            redelivered_by_broker: true,
            user_id: Some("worker".to_owned()),
            has_parts: false,
            opinion: Some(FirstOpinion {
                kind: "no-such-object".to_owned(),
                by: "host:1".to_owned(),
            }),
            death_reason: None,
            cloud_event: None,
        };
        assert_eq!(message(delivery), wanted);
        let believed = wanted.clone().without_claims();
        assert!(wanted.has_claims() && !believed.has_claims());
        assert_eq!((believed.attempts, believed.redelivery_count), (0, 1));
        assert!(believed.redelivered, "so says the broker");
    }

    #[test]
    fn a_count_of_deliveries_that_the_broker_did_not_make_is_none() {
        let mut headers = FieldTable::default();
        headers.insert(DELIVERY_COUNT_HEADER.into(), AMQPValue::LongLongInt(25));
        let mut delivery = AmqpDelivery::mock(1, "".into(), "jobs".into(), false, b"{}".to_vec());
        delivery.properties = delivery.properties.with_headers(headers);
        let fresh = message(delivery);
        assert_eq!((fresh.redelivery_count, fresh.counted_by_broker), (0, 0));
        assert!(!fresh.redelivered);
    }

    #[test]
    fn the_newest_death_counts() {
        let death_of = |reason: &str| {
            let mut table = FieldTable::default();
            table.insert("reason".into(), AMQPValue::LongString(reason.into()));
            AMQPValue::FieldTable(table)
        };
        let deaths = vec![death_of("delivery_limit"), death_of("expired")];
        let mut headers = FieldTable::default();
        assert_eq!(death(&headers), None);
        headers.insert("x-death".into(), AMQPValue::FieldArray(deaths.into()));
        assert_eq!(death(&headers).as_deref(), Some("delivery_limit"));
    }
}
