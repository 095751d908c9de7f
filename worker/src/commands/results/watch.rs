//! `recto submit --watch`: follows the jobs that this run has queued until all have ended.
//!
//! A queue of its own takes their events from before the first job on, so that no message of the results queue is touched
//! and no ledger is needed. It goes with its connection.

use std::{
    collections::HashSet,
    io::{self, Write as _},
    process::ExitCode,
};

use lapin::Connection;
use recto_schemas::{JobEvent, JobStep};
use tokio_util::sync::CancellationToken;

use super::{
    result_message::{LineFormat, ResultMessage},
    tally::ResultTally,
};
use crate::{
    broker::{
        config::BrokerConfig,
        connection::{close, connect},
        consume::{ConsumeOptions, Consumer, InboundMessage, consumer_tag},
        error::BrokerError,
        topology::{self, QueueTopology},
    },
    commands::EXIT_FAILED,
    os::signals::EXIT_STOPPED,
};

/// Events that the broker sends ahead.
const PREFETCH: u16 = 256;
/// The steps with which a job ends.
const ENDS: [&str; 3] = ["ended", "dead-lettered", "purged"];

/// Events of jobs, from now on.
pub(crate) struct JobWatch {
    connection: Connection,
    consumer: Consumer,
}

impl JobWatch {
    /// Listens from now on.
    pub(crate) async fn open(broker: &BrokerConfig) -> Result<Self, BrokerError> {
        let topology = QueueTopology::new(broker);
        let connection = connect(broker, "submit, watch").await?;
        topology::ensure_events(&connection, &topology, broker.declare).await?;
        let tag = consumer_tag();
        let queue = format!("{}.watch.{tag}", topology.jobs);
        topology::declare_own(&connection, &topology, &queue, &ENDS).await?;
        let options = ConsumeOptions {
            from_first: false,
            queue,
            prefetch: PREFETCH,
            tag,
            ack_timeout: None,
            answer_timeout: broker.amqp_timeout,
        };
        let consumer = Consumer::start(&connection, options).await?;
        Ok(Self {
            connection,
            consumer,
        })
    }

    /// Prints a line for each of the jobs that ends, until all have.
    ///
    /// # Errors
    /// The connection is lost, and with it what would have come.
    pub(crate) async fn follow(
        mut self,
        mut jobs: HashSet<String>,
        json: bool,
        stop: &CancellationToken,
    ) -> anyhow::Result<ExitCode> {
        let mut lines = LineFormat::new(json);
        let mut tally = ResultTally::new(u64::try_from(jobs.len()).ok());
        let mut purged = 0_u64;
        while !jobs.is_empty() {
            let delivery = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                delivery = self.consumer.next() => delivery,
            };
            let delivery = match delivery {
                Ok(delivery) => delivery,
                Err(closed) => anyhow::bail!(
                    "{closed}: {} jobs are not followed any more; `recto results` and `recto batch` tell of them",
                    jobs.len()
                ),
            };
            let event = serde_json::from_slice::<JobEvent>(&delivery.message.body);
            if delivery.ack().await.is_err() {
                continue;
            }
            let Ok(event) = event else { continue };
            if !jobs.remove(&event.id) {
                continue;
            }
            match message(&event) {
                Some(message) => {
                    tally.add(&message.id, &message.outcome);
                    writeln!(io::stdout().lock(), "{}", lines.line(&message))?;
                }
                None => purged += 1,
            }
        }
        close(&self.connection).await;
        eprintln!("{}", tally.summary());
        if purged > 0 {
            eprintln!("{purged} were dropped by an order to purge");
        }
        Ok(match (jobs.is_empty(), tally.all_succeeded()) {
            (false, _) => ExitCode::from(EXIT_STOPPED),
            (true, true) => ExitCode::SUCCESS,
            (true, false) => ExitCode::from(EXIT_FAILED),
        })
    }
}

/// The message that `recto results` would have printed.
fn message(event: &JobEvent) -> Option<ResultMessage> {
    let of = |body: Result<Vec<u8>, serde_json::Error>| InboundMessage {
        message_id: Some(event.id.clone()),
        body: body.unwrap_or_default(),
        ..InboundMessage::default()
    };
    match &event.step {
        JobStep::Ended { result } => {
            ResultMessage::from_result(&of(serde_json::to_vec(result))).ok()
        }
        JobStep::DeadLettered { letter } => Some(ResultMessage::from_dead_letter(&of(
            serde_json::to_vec(letter),
        ))),
        JobStep::Submitted { .. } | JobStep::Started { .. } | JobStep::Purged => None,
    }
}
