//! [`ReopeningChannel`]: questions to the broker, and declarations.

use std::time::Duration;

use lapin::{
    Channel, Connection, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use tokio::time::timeout;

use super::{
    error::BrokerError,
    topology::{QueueDepth, QueueSpec, QueueTopology},
};

/// Requests one after the other. The broker closes the channel of one that it refuses; the next
/// gets a new one.
pub(super) struct ReopeningChannel<'a> {
    connection: &'a Connection,
    answer_timeout: Duration,
    channel: Option<Channel>,
}

impl<'a> ReopeningChannel<'a> {
    pub(super) fn new(connection: &'a Connection, answer_timeout: Duration) -> Self {
        Self {
            connection,
            answer_timeout,
            channel: None,
        }
    }

    pub(super) async fn depth(&mut self, queue: &str) -> Result<QueueDepth, BrokerError> {
        let options = QueueDeclareOptions {
            passive: true,
            durable: true,
            ..Default::default()
        };
        let what = format!("queue {queue}");
        let found = self
            .ask(&what, async |channel| {
                channel
                    .queue_declare(queue.into(), options, FieldTable::default())
                    .await
            })
            .await?;
        Ok(QueueDepth {
            ready: found.message_count(),
            consumers: found.consumer_count(),
        })
    }

    pub(super) async fn declare_queue(&mut self, queue: &QueueSpec) -> Result<(), BrokerError> {
        let options = QueueDeclareOptions {
            durable: true,
            ..Default::default()
        };
        let (name, arguments) = (queue.name.as_str(), &queue.arguments);
        self.ask(&format!("queue {name}"), async |channel| {
            channel
                .queue_declare(name.into(), options, arguments.clone())
                .await
        })
        .await
        .map(drop)
    }

    /// Makes a queue for this connection alone, which goes with it.
    pub(super) async fn declare_exclusive(&mut self, queue: &str) -> Result<(), BrokerError> {
        let options = QueueDeclareOptions {
            exclusive: true,
            ..Default::default()
        };
        self.ask(&format!("queue {queue}"), async |channel| {
            channel
                .queue_declare(queue.into(), options, FieldTable::default())
                .await
        })
        .await
        .map(drop)
    }

    /// Declares the exchange of events, or looks for it.
    pub(super) async fn events(
        &mut self,
        topology: &QueueTopology,
        declare: bool,
    ) -> Result<(), BrokerError> {
        let passive = !declare;
        self.exchange(&topology.events, ExchangeKind::Topic, passive)
            .await
    }

    pub(super) async fn exchange(
        &mut self,
        exchange: &str,
        kind: ExchangeKind,
        passive: bool,
    ) -> Result<(), BrokerError> {
        let options = ExchangeDeclareOptions {
            passive,
            durable: true,
            ..Default::default()
        };
        self.exchange_with(exchange, kind, options).await
    }

    pub(super) async fn exchange_with(
        &mut self,
        exchange: &str,
        kind: ExchangeKind,
        options: ExchangeDeclareOptions,
    ) -> Result<(), BrokerError> {
        self.ask(&format!("exchange {exchange}"), async |channel| {
            let arguments = FieldTable::default();
            channel
                .exchange_declare(exchange.into(), kind, options, arguments)
                .await
        })
        .await
    }

    pub(super) async fn bind(
        &mut self,
        queue: &str,
        exchange: &str,
        key: &str,
    ) -> Result<(), BrokerError> {
        self.ask(&format!("queue {queue}"), async |channel| {
            let options = QueueBindOptions::default();
            let arguments = FieldTable::default();
            channel
                .queue_bind(
                    queue.into(),
                    exchange.into(),
                    key.into(),
                    options,
                    arguments,
                )
                .await
        })
        .await
    }

    pub(super) async fn ask<T>(
        &mut self,
        what: &str,
        request: impl AsyncFnOnce(&Channel) -> lapin::Result<T>,
    ) -> Result<T, BrokerError> {
        let open = self
            .channel
            .take()
            .filter(|channel| channel.status().connected());
        let answer = timeout(self.answer_timeout, async {
            let channel = match open {
                Some(channel) => channel,
                None => self.connection.create_channel().await?,
            };
            let answer = request(&channel).await?;
            Ok((channel, answer))
        });
        match answer.await {
            Ok(Ok((channel, answer))) => {
                self.channel = Some(channel);
                Ok(answer)
            }
            Ok(Err(error)) => Err(BrokerError::of_request(what, &error)),
            Err(_) => Err(BrokerError::NoAnswer {
                what: what.to_owned(),
                after: self.answer_timeout,
            }),
        }
    }
}
