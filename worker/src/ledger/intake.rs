//! Intake: events from the ledger's queue into the database, acknowledged once they are there.

use std::time::Duration;

use recto_schemas::{JobEvent, WorkerReport, check_version};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Ledger, database::Intake};
use crate::{
    broker::{
        config::BrokerConfig,
        connection::{ExponentialBackoff, close, connect},
        consume::{Acker, ConsumeOptions, Consumer, Delivery, InboundMessage, consumer_tag},
        error::BrokerError,
        topology::{self, QueueTopology},
    },
    document::manifest::hex,
};

/// Maximum messages that are taken in one transaction.
const GROUP: usize = 500;
/// Messages that the broker sends ahead.
const PREFETCH: u16 = 2 * GROUP as u16;
/// Time that a group waits for more messages.
const GROUP_TIME: Duration = Duration::from_millis(20);
/// Characters of an unreadable message that are kept.
const KEPT_CHARS: usize = 2_000;

/// Takes events until it is told to stop. A broker or a database that is away is waited for.
///
/// # Errors
/// [`BrokerError`] if the broker can never be used so.
pub(crate) async fn run(
    broker: &BrokerConfig,
    ledger: &Ledger,
    stop: &CancellationToken,
) -> Result<(), BrokerError> {
    let mut backoff = ExponentialBackoff::default();
    while !stop.is_cancelled() {
        let lost = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            lost = session(broker, ledger, stop, &mut backoff) => lost,
        };
        let reason = match lost {
            Ok(None) => return Ok(()),
            Ok(Some(reason)) => reason,
            Err(error) if error.is_transient() => error.to_string(),
            Err(error) => return Err(error),
        };
        let wait = backoff.next_wait();
        tracing::warn!(reason, "lost the broker; connecting again");
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep(wait) => {}
        }
    }
    Ok(())
}

/// Takes events from one connection until it is lost, and says why; `None` if it was told to stop.
async fn session(
    broker: &BrokerConfig,
    ledger: &Ledger,
    stop: &CancellationToken,
    backoff: &mut ExponentialBackoff,
) -> Result<Option<String>, BrokerError> {
    let topology = QueueTopology::new(broker);
    let connection = connect(broker, "ledger").await?;
    topology::ensure_ledger(&connection, &topology, broker.declare).await?;
    let options = ConsumeOptions {
        from_first: false,
        queue: topology.ledger.clone(),
        prefetch: PREFETCH,
        tag: consumer_tag(),
        ack_timeout: broker.ack_timeout,
        answer_timeout: broker.amqp_timeout,
    };
    let mut consumer = Consumer::start(&connection, options).await?;
    tracing::info!(queue = topology.ledger, "taking events");
    backoff.reset();
    let lost = loop {
        let first = tokio::select! {
            biased;
            () = stop.cancelled() => break None,
            first = consumer.next() => first,
        };
        let mut group = match first {
            Ok(delivery) => vec![delivery],
            Err(closed) => break Some(closed.to_string()),
        };
        let mut closed = None;
        while group.len() < GROUP && closed.is_none() {
            match timeout(GROUP_TIME, consumer.next()).await {
                Ok(Ok(delivery)) => group.push(delivery),
                Ok(Err(error)) => closed = Some(error.to_string()),
                Err(_) => break,
            }
        }
        if let Err(reason) = settle(ledger, group, stop).await {
            break Some(reason);
        }
        if closed.is_some() {
            break closed;
        }
    };
    close(&connection).await;
    Ok(lost)
}

/// Takes a group of messages and acknowledges them once they are in the database.
async fn settle(
    ledger: &Ledger,
    group: Vec<Delivery>,
    stop: &CancellationToken,
) -> Result<(), String> {
    let (messages, ackers): (Vec<Intake>, Vec<Acker>) = group
        .into_iter()
        .map(|delivery| (intake(&delivery.message), delivery.acker))
        .unzip();
    let mut backoff = ExponentialBackoff::default();
    while let Err(error) = ledger.take(&messages).await {
        tracing::warn!(%error, messages = messages.len(), "events wait for the database");
        tokio::select! {
            () = stop.cancelled() => return Err("stopped".to_owned()),
            () = sleep(backoff.next_wait()) => {}
        }
    }
    for message in &messages {
        if let Intake::Unreadable { reason, .. } = message {
            tracing::warn!(
                reason,
                "a message is no event; it is kept in the ledger's table `unreadable`"
            );
        }
    }
    for acker in ackers {
        acker.ack().await.map_err(|stale| stale.to_string())?;
    }
    Ok(())
}

/// Reads a message of the ledger's queue.
fn intake(message: &InboundMessage) -> Intake {
    let unreadable = |reason: String| {
        let text = String::from_utf8_lossy(&message.body);
        Intake::Unreadable {
            sha256: hex(&Sha256::digest(&message.body)),
            reason,
            body: text.chars().take(KEPT_CHARS).collect(),
        }
    };
    let value: Value = match serde_json::from_slice(&message.body) {
        Ok(value) => value,
        Err(error) => return unreadable(error.to_string()),
    };
    let schema = value
        .get("schema")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let read = match schema.as_str() {
        WorkerReport::SCHEMA => serde_json::from_value(value).map(Intake::Worker),
        _ => match check_version(&schema, JobEvent::SCHEMA) {
            Ok(()) => serde_json::from_value(value).map(|event| Intake::Event(Box::new(event))),
            Err(error) => return unreadable(error.to_string()),
        },
    };
    read.unwrap_or_else(|error| unreadable(error.to_string()))
}
