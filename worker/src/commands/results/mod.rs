//! `recto results`: prints a line for each document whose job has ended.
//!
//! A result is acknowledged once its line is printed. Everything else, dead letters and results of other batches, is left
//! unacknowledged and goes back to its queue when the connection is closed.

mod args;
mod reading;
mod result_message;
mod tally;
mod watch;

use std::{
    future::pending,
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Context;
pub(crate) use args::{NOTES, ResultsArgs};
use lapin::Connection;
use recto_schemas::options::spelled;
use tokio::{
    sync::mpsc,
    task::block_in_place,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    broker::{
        connection::{ExponentialBackoff, close, connect},
        consume::{ConsumeOptions, Consumer, ConsumerClosed, Delivery, consumer_tag},
        error::BrokerError,
        topology::{self, QueueRole, QueueTopology},
    },
    commands::EXIT_FAILED,
    document::parts::DocumentProgress,
    os::signals::{self, EXIT_STOPPED},
    os::terminal::Shown,
};
use result_message::{LineFormat, ResultMessage};
use tally::ResultTally;
pub(crate) use watch::JobWatch;

/// Maximum messages of a queue that are left unacknowledged: the broker delivers none behind them.
const MAX_UNACKED: u16 = 50_000;

/// Prefetch if every result is acknowledged.
const PREFETCH: u16 = 256;

/// Runs `recto results`.
///
/// # Errors
/// The results cannot be consumed.
pub(crate) fn run(arguments: &ResultsArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let ended = runtime.block_on(follow(arguments));
    runtime.shutdown_background();
    ended
}

/// The reason why the command ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum FollowEnd {
    /// `--count` documents have ended.
    Complete,
    /// A signal.
    Stopped,
    /// `--timeout`.
    TimeUp,
    /// The reader of standard output has gone.
    ReaderLeft,
}

/// The reason why a connection gives no more messages.
enum ConnectionEnd {
    End(FollowEnd),
    /// The connection, a channel or a queue is lost: another connection may give more.
    Lost(String),
    /// `MAX_UNACKED` messages are left unacknowledged.
    Full,
}

async fn follow(arguments: &ResultsArgs) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    signals::on_first_signal(signals::TERMINAL, move |_| stopped.cancel())
        .context("cannot listen for signals")?;
    let deadline = arguments.timeout.map(|time| Instant::now() + time);
    let mut follower = ResultFollower {
        arguments,
        reading: reading::start(arguments)?,
        topology: QueueTopology::new(&arguments.broker),
        tally: ResultTally::new(arguments.count),
        lines: LineFormat::new(arguments.json),
        warned_of_foreign_messages: false,
    };
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => Ok(FollowEnd::Stopped),
        () = until(deadline) => Ok(FollowEnd::TimeUp),
        connection = connect(&arguments.broker, "result") => {
            follower.follow(connection?, &stop, deadline).await
        }
    };
    let end = match ended {
        Ok(end) => end,
        Err(error) => {
            if follower.tally.count() > 0 {
                eprintln!("{}", follower.tally.summary());
            }
            return Err(error);
        }
    };
    if end == FollowEnd::TimeUp
        && let Some(time) = arguments.timeout
    {
        eprintln!(
            "{}; gave up after {}",
            follower.tally.summary(),
            spelled(time)
        );
    } else if end != FollowEnd::ReaderLeft {
        eprintln!("{}", follower.tally.summary());
    }
    Ok(follower.exit_code(end))
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

/// Writes a line to standard output.
fn write_line(line: &str) -> Result<(), ConnectionEnd> {
    let written = block_in_place(|| {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    });
    written.map_err(|_| ConnectionEnd::End(FollowEnd::ReaderLeft))
}

/// Consumes both queues.
struct ResultFollower<'a> {
    arguments: &'a ResultsArgs,
    /// Documents that are being read.
    reading: mpsc::Receiver<Vec<DocumentProgress>>,
    topology: QueueTopology,
    tally: ResultTally,
    lines: LineFormat,
    /// True once a message that is not a result was reported; there may be thousands.
    warned_of_foreign_messages: bool,
}

impl ResultFollower<'_> {
    /// Consumes both queues, on a new connection whenever one is lost.
    async fn follow(
        &mut self,
        first: Connection,
        stop: &CancellationToken,
        deadline: Option<Instant>,
    ) -> anyhow::Result<FollowEnd> {
        self.prepare_queues(&first).await?;
        let (mut connection, mut backoff) = (Some(first), ExponentialBackoff::default());
        loop {
            let lost = match connection.take() {
                None => match connect(&self.arguments.broker, "result").await {
                    Ok(made) => {
                        connection = Some(made);
                        continue;
                    }
                    Err(error) if error.is_transient() => error.to_string(),
                    Err(error) => return Err(error.into()),
                },
                Some(connection) => {
                    let before = self.tally.count();
                    let ended = self.consume(&connection, stop, deadline).await;
                    // A lost connection is closed without waiting.
                    close(&connection).await;
                    if self.tally.count() > before {
                        backoff.reset();
                    }
                    match ended {
                        Ok(ConnectionEnd::End(end)) => return Ok(end),
                        Ok(ConnectionEnd::Full) => anyhow::bail!(self.too_many_left()),
                        Ok(ConnectionEnd::Lost(reason)) => reason,
                        Err(error) if error.is_transient() => error.to_string(),
                        Err(error) => return Err(error.into()),
                    }
                }
            };
            let wait = backoff.next_wait();
            eprintln!(
                "recto: {lost}; connecting again in {:.0} s",
                wait.as_secs_f64().ceil()
            );
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(FollowEnd::Stopped),
                () = until(deadline) => return Ok(FollowEnd::TimeUp),
                () = sleep(wait) => {}
            }
        }
    }

    /// Declares the queues if one is missing and `--declare` allows it. Reports other consumers of the results.
    async fn prepare_queues(&self, connection: &Connection) -> Result<(), BrokerError> {
        let depths = topology::queue_depths(connection, &self.topology).await?;
        let wanted = [QueueRole::Results, QueueRole::Dead];
        let mut wanted = depths
            .iter()
            .filter(|(queue, _)| wanted.contains(&queue.role));
        if wanted.any(|(_, depth)| depth.is_none()) {
            topology::ensure(connection, &self.topology, self.arguments.broker.declare).await?;
        }
        for (queue, depth) in depths {
            if queue.role == QueueRole::Results && depth.is_some_and(|depth| depth.consumers > 0) {
                eprintln!(
                    "recto: somebody else reads {} too; each result goes to one of you",
                    queue.name
                );
            }
        }
        Ok(())
    }

    /// Consumes both queues on one connection.
    async fn consume(
        &mut self,
        connection: &Connection,
        stop: &CancellationToken,
        deadline: Option<Instant>,
    ) -> Result<ConnectionEnd, BrokerError> {
        let acks_all = self.arguments.batch.is_none() && !self.arguments.keep;
        let prefetch = if acks_all { PREFETCH } else { MAX_UNACKED };
        let mut results = self
            .consumer(connection, &self.topology.results, prefetch)
            .await?;
        let mut dead = self
            .consumer(connection, &self.topology.dead, MAX_UNACKED)
            .await?;
        let mut results_left = 0_u16;
        let mut dead_letters_left = 0_u16;
        loop {
            if self.tally.is_complete() {
                return Ok(ConnectionEnd::End(FollowEnd::Complete));
            }
            let handled = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(ConnectionEnd::End(FollowEnd::Stopped)),
                () = until(deadline) => return Ok(ConnectionEnd::End(FollowEnd::TimeUp)),
                delivery = results.next() => self.result(delivery, &mut results_left).await,
                delivery = dead.next() => self.dead_letter(delivery, &mut dead_letters_left),
                Some(documents) = self.reading.recv() => self.show_progress(&documents),
            };
            if let Err(end) = handled {
                return Ok(end);
            }
        }
    }

    async fn consumer(
        &self,
        connection: &Connection,
        queue: &str,
        prefetch: u16,
    ) -> Result<Consumer, BrokerError> {
        let options = ConsumeOptions {
            from_first: false,
            queue: queue.to_owned(),
            prefetch,
            tag: consumer_tag(),
            ack_timeout: self.arguments.broker.ack_timeout,
            answer_timeout: self.arguments.broker.amqp_timeout,
        };
        Consumer::start(connection, options).await
    }

    /// Prints a result and acknowledges it, or leaves it in its queue.
    async fn result(
        &mut self,
        delivery: Result<Delivery, ConsumerClosed>,
        left: &mut u16,
    ) -> Result<(), ConnectionEnd> {
        let delivery = delivery.map_err(|error| ConnectionEnd::Lost(error.to_string()))?;
        let message = ResultMessage::from_result(&delivery.message);
        let wanted = match &message {
            Ok(message) => self.is_wanted(message),
            Err(error) => {
                self.warn_of_foreign_message(error);
                false
            }
        };
        if let (Ok(message), true) = (&message, wanted) {
            self.print(message)?;
            if !self.arguments.keep {
                let acked = delivery.ack().await;
                return acked.map_err(|stale| ConnectionEnd::Lost(stale.to_string()));
            }
        }
        *left += 1;
        if *left == MAX_UNACKED {
            return Err(ConnectionEnd::Full);
        }
        Ok(())
    }

    fn warn_of_foreign_message(&mut self, error: &str) {
        if !self.warned_of_foreign_messages {
            let queue = &self.topology.results;
            eprintln!(
                "recto: a message in {queue} is no result and stays there, like all such: {}",
                Shown(error)
            );
        }
        self.warned_of_foreign_messages = true;
    }

    /// Prints a dead letter and leaves it where it is.
    fn dead_letter(
        &mut self,
        delivery: Result<Delivery, ConsumerClosed>,
        left: &mut u16,
    ) -> Result<(), ConnectionEnd> {
        let delivery = delivery.map_err(|error| ConnectionEnd::Lost(error.to_string()))?;
        let message = ResultMessage::from_dead_letter(&delivery.message);
        if self.is_wanted(&message) {
            self.print(&message)?;
        }
        *left += 1;
        if *left == MAX_UNACKED {
            let queue = &self.topology.dead;
            eprintln!("recto: {queue} holds more dead letters than the {MAX_UNACKED} looked at");
        }
        Ok(())
    }

    fn is_wanted(&self, message: &ResultMessage) -> bool {
        self.arguments.batch.is_none() || self.arguments.batch == message.batch
    }

    /// Prints the line of a document, unless it was printed before.
    fn print(&mut self, message: &ResultMessage) -> Result<(), ConnectionEnd> {
        if self.tally.contains(&message.id) {
            return Ok(());
        }
        write_line(&self.lines.line(message))?;
        self.tally.add(&message.id, &message.outcome);
        Ok(())
    }

    /// Prints a line for each document that is being read.
    fn show_progress(&mut self, documents: &[DocumentProgress]) -> Result<(), ConnectionEnd> {
        for progress in documents {
            // Its result has come, and its parts are about to be removed.
            if !self.tally.contains(&progress.document.job) {
                write_line(&self.lines.progress(progress))?;
            }
        }
        Ok(())
    }

    fn too_many_left(&self) -> String {
        let queue = &self.topology.results;
        match self.arguments.keep {
            true => {
                format!("{queue} holds more than the {MAX_UNACKED} results that can be looked at")
            }
            false => format!(
                "{queue} begins with {MAX_UNACKED} results of other batches; take those first (recto results --batch OTHER)"
            ),
        }
    }

    fn exit_code(&self, end: FollowEnd) -> ExitCode {
        let counting = self.arguments.count.is_some();
        match end {
            FollowEnd::ReaderLeft => ExitCode::SUCCESS,
            FollowEnd::Stopped if counting => ExitCode::from(EXIT_STOPPED),
            FollowEnd::Stopped => ExitCode::SUCCESS,
            FollowEnd::TimeUp if counting => ExitCode::from(EXIT_FAILED),
            FollowEnd::TimeUp | FollowEnd::Complete => match self.tally.all_succeeded() {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(EXIT_FAILED),
            },
        }
    }
}
