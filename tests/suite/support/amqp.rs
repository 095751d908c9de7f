//! A blocking AMQP client for tests: publish, look into queues, make and remove them.

use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
    options::{
        BasicAckOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions,
        ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
        QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable},
};
use tokio::runtime::Runtime;

/// One connection with one channel. After an error of the broker's the channel is closed: make
/// another client.
pub struct AmqpClient {
    runtime: Runtime,
    _connection: Connection,
    channel: Channel,
}

/// A message as it was in its queue.
#[derive(Clone, Debug)]
pub struct AmqpMessage {
    /// The body as JSON.
    pub body: Vec<u8>,
    /// Identifier, headers and all.
    pub properties: BasicProperties,
}

impl AmqpMessage {
    /// Its identifier; empty for none.
    pub fn id(&self) -> String {
        self.properties
            .message_id()
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default()
    }

    /// Its body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl AmqpClient {
    /// Connects.
    pub fn connect(url: &str) -> Self {
        let runtime = Runtime::new().unwrap();
        let (connection, channel) = runtime.block_on(async {
            let connection = Connection::connect(url, ConnectionProperties::default())
                .await
                .unwrap();
            let channel = connection.create_channel().await.unwrap();
            channel
                .confirm_select(ConfirmSelectOptions::default())
                .await
                .unwrap();
            (connection, channel)
        });
        Self {
            runtime,
            _connection: connection,
            channel,
        }
    }

    /// Puts a message into a queue and waits until the broker has it.
    pub fn publish(&self, queue: &str, body: &[u8]) {
        self.publish_with(queue, body, BasicProperties::default());
    }

    /// The same with properties.
    pub fn publish_with(&self, queue: &str, body: &[u8], properties: BasicProperties) {
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let properties = properties.with_delivery_mode(2);
        let confirmation = self.runtime.block_on(async {
            let sent = self
                .channel
                .basic_publish("".into(), queue.into(), options, body, properties)
                .await;
            sent.unwrap().await.unwrap()
        });
        assert_eq!(
            confirmation,
            Confirmation::Ack(None),
            "{queue} did not take the message"
        );
    }

    /// Publishes to an exchange.
    pub fn publish_to(&self, exchange: &str, key: &str, body: &[u8]) {
        let options = BasicPublishOptions::default();
        let properties = BasicProperties::default().with_delivery_mode(2);
        self.runtime.block_on(async {
            let sent = self
                .channel
                .basic_publish(exchange.into(), key.into(), options, body, properties)
                .await;
            sent.unwrap().await.unwrap()
        });
    }

    /// Makes an exchange, durable or not.
    pub fn declare_exchange(&self, exchange: &str, kind: ExchangeKind, durable: bool) {
        let options = ExchangeDeclareOptions {
            durable,
            ..Default::default()
        };
        let arguments = FieldTable::default();
        let declared = self
            .channel
            .exchange_declare(exchange.into(), kind, options, arguments);
        self.runtime.block_on(declared).unwrap();
    }

    /// Returns true if the broker refuses a message, which closes the channel.
    pub fn is_refused(&self, queue: &str, body: &[u8], properties: BasicProperties) -> bool {
        let sent = self.runtime.block_on(async {
            let options = BasicPublishOptions::default();
            let sent =
                self.channel
                    .basic_publish("".into(), queue.into(), options, body, properties);
            sent.await?.await
        });
        sent.is_err()
    }

    /// Takes every message that waits in a queue.
    pub fn take_all(&self, queue: &str) -> Vec<AmqpMessage> {
        let mut messages = Vec::new();
        self.runtime.block_on(async {
            let get = || {
                self.channel
                    .basic_get(queue.into(), BasicGetOptions::default())
            };
            while let Some(got) = get().await.unwrap() {
                got.delivery
                    .acker
                    .ack(BasicAckOptions::default())
                    .await
                    .unwrap();
                let (body, properties) = (got.delivery.data, got.delivery.properties);
                messages.push(AmqpMessage { body, properties });
            }
        });
        messages
    }

    /// Requeues the first message of a queue; returns true if there was one.
    pub fn requeue(&self, queue: &str) -> bool {
        self.runtime.block_on(async {
            let got = self
                .channel
                .basic_get(queue.into(), BasicGetOptions::default());
            let Some(got) = got.await.unwrap() else {
                return false;
            };
            let options = BasicNackOptions {
                requeue: true,
                ..Default::default()
            };
            got.delivery.acker.nack(options).await.unwrap()
        })
    }

    /// Requeues every message of a queue: whoever gets them next is told that they were delivered before.
    pub fn requeue_all(&self, queue: &str) {
        self.runtime.block_on(async {
            let get = || {
                self.channel
                    .basic_get(queue.into(), BasicGetOptions::default())
            };
            let mut taken = Vec::new();
            while let Some(got) = get().await.unwrap() {
                taken.push(got.delivery.acker);
            }
            let options = BasicNackOptions {
                requeue: true,
                ..Default::default()
            };
            for acker in taken {
                acker.nack(options).await.unwrap();
            }
        });
    }

    /// Number of messages that wait in a queue now.
    pub fn ready(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        let declared = self
            .channel
            .queue_declare(queue.into(), options, FieldTable::default());
        self.runtime.block_on(declared).unwrap().message_count()
    }

    /// Makes a durable quorum queue with these arguments.
    pub fn declare(&self, queue: &str, arguments: &[(&str, AMQPValue)]) {
        let mut table = FieldTable::default();
        table.insert(
            "x-queue-type".into(),
            AMQPValue::LongString("quorum".into()),
        );
        for (name, value) in arguments {
            table.insert((*name).into(), value.clone());
        }
        let options = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        self.runtime
            .block_on(self.channel.queue_declare(queue.into(), options, table))
            .unwrap();
    }

    /// Binds a queue to an exchange.
    pub fn bind(&self, queue: &str, exchange: &str, key: &str) {
        let bound = self.channel.queue_bind(
            queue.into(),
            exchange.into(),
            key.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        self.runtime.block_on(bound).unwrap();
    }

    /// Removes a queue with what is in it.
    pub fn delete(&self, queue: &str) {
        let deleted = self
            .channel
            .queue_delete(queue.into(), QueueDeleteOptions::default());
        self.runtime.block_on(deleted).unwrap();
    }
}
