//! Jobs into their queue: each confirmed by the broker, or known not to be.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use lapin::Connection;
use recto_schemas::Job;
use tokio::{sync::Mutex, time::sleep};

use crate::{
    broker::config::BrokerConfig,
    broker::{
        connection::{ExponentialBackoff, close, connect},
        error::BrokerError,
        publish::{MessageProperties, NoopObserver, PublishError, Publisher},
        topology::{self, QueueRole, QueueTopology},
    },
};

/// Attempts to reach a broker that was lost: some twenty seconds, in which it can start anew.
const RECONNECTS: u32 = 5;

/// The way to the jobs queue.
pub(super) struct JobQueue {
    broker: BrokerConfig,
    topology: QueueTopology,
    line: Mutex<QueueConnection>,
}

enum QueueConnection {
    Up(Arc<Publisher>, Arc<Connection>),
    /// Nothing goes any more, and why.
    Gone(Arc<str>),
}

/// Why a job is not known to be in the queue.
#[derive(Debug, thiserror::Error)]
pub(super) enum QueueError {
    /// It is not there.
    #[error("not queued: {0}")]
    Not(String),
    /// It may be there.
    #[error("not confirmed, it may be queued or not: {0}")]
    Unsure(PublishError),
}

impl JobQueue {
    /// Connects; makes the queues where the one for jobs is missing and `--declare` allows it.
    pub(super) async fn open(broker: &BrokerConfig) -> Result<Self, BrokerError> {
        let topology = QueueTopology::new(broker);
        let line = Mutex::new(line(broker, &topology).await?);
        Ok(Self {
            broker: broker.clone(),
            topology,
            line,
        })
    }

    /// The queue's name.
    pub(super) fn name(&self) -> &str {
        &self.topology.jobs
    }

    /// Queues a job and waits until the broker has it safe. Where the broker goes away meanwhile it is sent again,
    /// with its id: a job that comes twice is worked on once.
    pub(super) async fn send(&self, job: &Job) -> Result<(), QueueError> {
        let body = serde_json::to_vec(job).expect("jobs have nothing that JSON has not");
        let mut unsure = None;
        for _ in 0..2 {
            let publisher = match self.publisher().await {
                Ok(publisher) => publisher,
                Err(reason) => {
                    return Err(unsure.map_or(QueueError::Not(reason), QueueError::Unsure));
                }
            };
            let sent = publisher.publish("", self.name(), &body, properties(job));
            match sent.await {
                Ok(()) => return Ok(()),
                Err(error @ (PublishError::Lost { .. } | PublishError::ConfirmTimeout { .. })) => {
                    unsure = Some(error);
                }
                Err(error @ PublishError::Nacked { .. }) => {
                    return Err(QueueError::Not(error.to_string()));
                }
                Err(error @ PublishError::Unroutable { .. }) => {
                    let reason = error.to_string();
                    // What comes after it has nowhere to go either.
                    *self.line.lock().await = QueueConnection::Gone(reason.as_str().into());
                    return Err(QueueError::Not(reason));
                }
            }
        }
        match unsure {
            Some(error) => Err(QueueError::Unsure(error)),
            None => unreachable!("both attempts ended in an error"),
        }
    }

    /// A publisher that works, on a new connection if need be; all jobs wait for one attempt.
    async fn publisher(&self) -> Result<Arc<Publisher>, String> {
        let mut line = self.line.lock().await;
        match &*line {
            QueueConnection::Up(publisher, _) if !publisher.is_broken() => {
                return Ok(Arc::clone(publisher));
            }
            QueueConnection::Up(..) => {}
            QueueConnection::Gone(reason) => return Err(reason.to_string()),
        }
        eprintln!("recto: lost the broker; connecting again");
        match self.reconnect().await {
            Ok(QueueConnection::Up(publisher, connection)) => {
                *line = QueueConnection::Up(Arc::clone(&publisher), connection);
                Ok(publisher)
            }
            Ok(QueueConnection::Gone(reason)) => Err(reason.to_string()),
            Err(error) => {
                let reason = error.to_string();
                *line = QueueConnection::Gone(reason.as_str().into());
                Err(reason)
            }
        }
    }

    async fn reconnect(&self) -> Result<QueueConnection, BrokerError> {
        let mut backoff = ExponentialBackoff::default();
        for _ in 1..RECONNECTS {
            sleep(backoff.next_wait()).await;
            match line(&self.broker, &self.topology).await {
                Err(error) if error.is_transient() => {}
                settled => return settled,
            }
        }
        line(&self.broker, &self.topology).await
    }

    /// Ends the connection in order, as far as the broker takes part.
    pub(super) async fn close(self) {
        if let QueueConnection::Up(_, connection) = self.line.into_inner() {
            close(&connection).await;
        }
    }
}

async fn line(
    broker: &BrokerConfig,
    topology: &QueueTopology,
) -> Result<QueueConnection, BrokerError> {
    let connection = Arc::new(connect(broker, "submit").await?);
    let loads = topology::loads(&connection, topology).await?;
    let there = |(queue, load): &(topology::QueueSpec, _)| {
        queue.role == QueueRole::Jobs && Option::is_some(load)
    };
    if !loads.iter().any(there) {
        topology::ensure(&connection, topology, broker.declare).await?;
    }
    let (sender, observer) = (Arc::clone(&connection), Arc::new(NoopObserver));
    let publisher = Publisher::new(sender, broker.confirm_timeout, observer);
    Ok(QueueConnection::Up(Arc::new(publisher), connection))
}

fn properties(job: &Job) -> MessageProperties {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    MessageProperties {
        message_id: Some(job.id.clone()),
        content_type: Some("application/json".to_owned()),
        kind: Some(Job::SCHEMA.to_owned()),
        priority: job.priority,
        timestamp_s: now.ok().map(|since| since.as_secs()),
        ..MessageProperties::default()
    }
}
