//! Publisher of jobs: each is confirmed by the broker, or known not to be.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use lapin::Connection;
use recto_schemas::{Job, JobEvent};
use tokio::{sync::Mutex, time::sleep};

use crate::{
    broker::config::BrokerConfig,
    broker::{
        connection::{ExponentialBackoff, close, connect},
        error::BrokerError,
        publish::{MessageProperties, NoopObserver, PublishError, Publisher},
        topology::{self, QueueRole, QueueTopology},
    },
    job::messages,
};

/// Attempts to reach a lost broker: some twenty seconds, in which it can restart.
const RECONNECTS: u32 = 5;

/// A place that takes jobs.
#[async_trait]
pub(crate) trait JobSink: Send + Sync {
    /// Hands a job over, and returns once it is safe there. A job that is handed over twice is done once.
    ///
    /// # Errors
    /// [`QueueError`] says if it may be there all the same.
    async fn send(&self, job: &Job) -> Result<(), QueueError>;
}

/// The jobs queue of a broker.
pub(crate) struct JobQueue {
    broker: BrokerConfig,
    topology: QueueTopology,
    connection: Mutex<QueueConnection>,
    /// True for a service, which outlives what keeps a job from being queued.
    is_service: bool,
}

enum QueueConnection {
    /// A service's: opened with the next job.
    Closed,
    Up(Arc<Publisher>, Arc<Connection>),
    /// No more jobs can be queued, for this reason.
    Lost(Arc<str>),
}

/// A job is not known to be in the queue.
#[derive(Debug, thiserror::Error)]
pub(crate) enum QueueError {
    /// It is not in the queue.
    #[error("not queued: {0}")]
    NotQueued(String),
    /// It may be in the queue.
    #[error("not confirmed, it may be queued or not: {0}")]
    Unconfirmed(PublishError),
}

impl JobQueue {
    /// Connects. Declares the queues if the one for jobs is missing and `--declare` allows it.
    pub(crate) async fn open(broker: &BrokerConfig) -> Result<Self, BrokerError> {
        let topology = QueueTopology::new(broker);
        let connection = Mutex::new(open(broker, &topology).await?);
        Ok(Self {
            broker: broker.clone(),
            topology,
            connection,
            is_service: false,
        })
    }

    /// Connects with the first job. What keeps that from succeeding is tried again with the next.
    pub(crate) fn lazy(broker: &BrokerConfig) -> Self {
        Self {
            broker: broker.clone(),
            topology: QueueTopology::new(broker),
            connection: Mutex::new(QueueConnection::Closed),
            is_service: true,
        }
    }

    /// The queue's name.
    pub(crate) fn name(&self) -> &str {
        &self.topology.jobs
    }

    /// A working publisher, on a new connection if necessary; all jobs wait for one attempt.
    async fn publisher(&self) -> Result<Arc<Publisher>, String> {
        let mut current = self.connection.lock().await;
        match &*current {
            QueueConnection::Up(publisher, _) if !publisher.is_broken() => {
                return Ok(Arc::clone(publisher));
            }
            QueueConnection::Up(..) | QueueConnection::Closed => {}
            QueueConnection::Lost(reason) => return Err(reason.to_string()),
        }
        let opened = match self.is_service {
            // Whoever waits for the answer asks again.
            true => open(&self.broker, &self.topology).await,
            false => {
                eprintln!("recto: lost the broker; connecting again");
                self.reconnect().await
            }
        };
        match opened {
            Ok(QueueConnection::Up(publisher, connection)) => {
                *current = QueueConnection::Up(Arc::clone(&publisher), connection);
                Ok(publisher)
            }
            Ok(QueueConnection::Lost(reason)) => Err(reason.to_string()),
            Ok(QueueConnection::Closed) => Err("the connection was closed".to_owned()),
            Err(error) => {
                let reason = error.to_string();
                *current = self.without_queue(&reason);
                Err(reason)
            }
        }
    }

    /// The state after a failure that the jobs of a run that come after have too.
    fn without_queue(&self, reason: &str) -> QueueConnection {
        match self.is_service {
            true => QueueConnection::Closed,
            false => QueueConnection::Lost(reason.into()),
        }
    }

    async fn reconnect(&self) -> Result<QueueConnection, BrokerError> {
        let mut backoff = ExponentialBackoff::default();
        for _ in 1..RECONNECTS {
            sleep(backoff.next_wait()).await;
            match open(&self.broker, &self.topology).await {
                Err(error) if error.is_transient() => {}
                settled => return settled,
            }
        }
        open(&self.broker, &self.topology).await
    }

    /// Closes the connection.
    pub(crate) async fn close(self) {
        if let QueueConnection::Up(_, connection) = self.connection.into_inner() {
            close(&connection).await;
        }
    }
}

#[async_trait]
impl JobSink for JobQueue {
    /// Queues a job and waits until the broker confirms it. If the broker is lost meanwhile it is sent again, with its id:
    /// a job that comes twice is done once.
    async fn send(&self, job: &Job) -> Result<(), QueueError> {
        let body = serde_json::to_vec(job).expect("a job is JSON");
        // The ledger first: a job that it knows and that never comes is found, one that it does not know is not missed.
        let event = messages::submitted(job);
        let told = serde_json::to_vec(&event).expect("an event is JSON");
        let mut unconfirmed = None;
        for _ in 0..2 {
            let publisher = match self.publisher().await {
                Ok(publisher) => publisher,
                Err(reason) => {
                    return Err(
                        unconfirmed.map_or(QueueError::NotQueued(reason), QueueError::Unconfirmed)
                    );
                }
            };
            let sent = async {
                let (exchange, key) = (&self.topology.events, event.step.name());
                publisher
                    .publish(exchange, key, &told, event_properties(job))
                    .await?;
                publisher
                    .publish("", self.name(), &body, properties(job))
                    .await
            };
            match sent.await {
                Ok(()) => return Ok(()),
                Err(error @ (PublishError::Lost { .. } | PublishError::ConfirmTimeout { .. })) => {
                    unconfirmed = Some(error);
                }
                Err(error @ (PublishError::Nacked { .. } | PublishError::Refused { .. })) => {
                    return Err(QueueError::NotQueued(error.to_string()));
                }
                Err(error @ PublishError::Unroutable { .. }) => {
                    let reason = error.to_string();
                    *self.connection.lock().await = self.without_queue(&reason);
                    return Err(QueueError::NotQueued(reason));
                }
            }
        }
        match unconfirmed {
            Some(error) => Err(QueueError::Unconfirmed(error)),
            None => unreachable!("both attempts ended in an error"),
        }
    }
}

async fn open(
    broker: &BrokerConfig,
    topology: &QueueTopology,
) -> Result<QueueConnection, BrokerError> {
    let connection = Arc::new(connect(broker, "submit").await?);
    let depths = topology::queue_depths(&connection, topology).await?;
    let mut jobs = depths
        .iter()
        .filter(|(queue, _)| queue.role == QueueRole::Jobs);
    if !jobs.any(|(_, depth)| depth.is_some()) {
        topology::ensure(&connection, topology, broker.declare).await?;
    }
    topology::ensure_events(&connection, topology, broker.declare).await?;
    let (sender, observer) = (Arc::clone(&connection), Arc::new(NoopObserver));
    let publisher = Publisher::new(sender, broker.confirm_timeout, observer);
    Ok(QueueConnection::Up(Arc::new(publisher), connection))
}

fn event_properties(job: &Job) -> MessageProperties {
    MessageProperties {
        kind: Some(JobEvent::SCHEMA.to_owned()),
        priority: None,
        optional: true,
        ..properties(job)
    }
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
