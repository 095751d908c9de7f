//! `recto results`: what became of the jobs, one line a document, as it ends.
//!
//! A result is acknowledged once its line is printed. Everything else, dead letters and what other batches get, is
//! left unacknowledged and goes back to its queue with the end of the connection.

mod args;
// What a message says of a document.
mod news;
// How many documents have ended, and how.
mod tally;

use std::{
    future::pending,
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Context;
use lapin::Connection;
use recto_schemas::options::spelled;
use tokio::{
    task::block_in_place,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    broker::{
        connection::{ExponentialBackoff, close, connect},
        consume::{ConsumeOptions, Consumer, ConsumerClosed, Delivery},
        error::BrokerError,
        topology::{self, QueueRole, QueueTopology},
    },
    commands::EXIT_FAILED,
    os::signals::{self, EXIT_STOPPED},
    os::terminal::one_line,
};
pub(crate) use args::{NOTES, ResultsArgs};
use news::{LineFormat, ResultMessage};
use tally::ResultTally;

/// Messages that may be left in a queue and not be in the way of those behind them.
const MOST_LEFT: u16 = 50_000;

/// Results that are fetched ahead where each is taken off the queue.
const FETCHED_AHEAD: u16 = 256;

/// Runs `recto results`.
///
/// # Errors
/// What keeps results from being followed.
pub(crate) fn run(arguments: &ResultsArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let ended = runtime.block_on(follow(arguments));
    runtime.shutdown_background();
    ended
}

/// Why it ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum FollowEnd {
    /// As many as were wanted.
    Complete,
    /// A signal.
    Stopped,
    /// `--timeout`.
    TimeUp,
    /// Nobody reads the lines.
    ReaderLeft,
}

/// Why there is no more on a connection.
enum ConnectionEnd {
    End(FollowEnd),
    /// The connection, a channel or a queue is gone: there may be more on another connection.
    Lost(String),
    /// `MOST_LEFT` messages are in the way.
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
        topology: QueueTopology::new(&arguments.broker),
        tally: ResultTally::new(arguments.count),
        lines: LineFormat::new(arguments.json),
        told_of_strangers: false,
    };
    let ended = tokio::select! {
        biased;
        () = stop.cancelled() => Ok(FollowEnd::Stopped),
        () = until(deadline) => Ok(FollowEnd::TimeUp),
        connection = connect(&arguments.broker, "result") => {
            follower.over_connections(connection?, &stop, deadline).await
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

/// Follows both queues.
struct ResultFollower<'a> {
    arguments: &'a ResultsArgs,
    topology: QueueTopology,
    tally: ResultTally,
    lines: LineFormat,
    /// Whether it was said that messages are in the results queue which are none; there may be thousands.
    told_of_strangers: bool,
}

impl ResultFollower<'_> {
    /// Goes on over as many connections as it takes.
    async fn over_connections(
        &mut self,
        first: Connection,
        stop: &CancellationToken,
        deadline: Option<Instant>,
    ) -> anyhow::Result<FollowEnd> {
        self.say_who_else_reads(&first).await?;
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
                    let ended = self.on(&connection, stop, deadline).await;
                    // Where it is lost already there is nothing to end.
                    close(&connection).await;
                    if self.tally.count() > before {
                        backoff.reset();
                    }
                    match ended {
                        Ok(ConnectionEnd::End(end)) => return Ok(end),
                        Ok(ConnectionEnd::Full) => anyhow::bail!(self.full()),
                        Ok(ConnectionEnd::Lost(said)) => said,
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

    /// Makes the queues where one is missing and `--declare` allows it; tells of other readers.
    async fn say_who_else_reads(&self, connection: &Connection) -> Result<(), BrokerError> {
        let loads = topology::loads(connection, &self.topology).await?;
        let wanted = [QueueRole::Results, QueueRole::Dead];
        let mut wanted = loads
            .iter()
            .filter(|(queue, _)| wanted.contains(&queue.role));
        if wanted.any(|(_, load)| load.is_none()) {
            topology::ensure(connection, &self.topology, self.arguments.broker.declare).await?;
        }
        for (queue, load) in loads {
            if queue.role == QueueRole::Results && load.is_some_and(|load| load.consumers > 0) {
                eprintln!(
                    "recto: somebody else reads {} too; each result goes to one of you",
                    queue.name
                );
            }
        }
        Ok(())
    }

    /// Follows both queues on one connection.
    async fn on(
        &mut self,
        connection: &Connection,
        stop: &CancellationToken,
        deadline: Option<Instant>,
    ) -> Result<ConnectionEnd, BrokerError> {
        let takes_all = self.arguments.batch.is_none() && !self.arguments.keep;
        let ahead = if takes_all { FETCHED_AHEAD } else { MOST_LEFT };
        let mut results = self
            .consumer(connection, &self.topology.results, ahead)
            .await?;
        let mut dead = self
            .consumer(connection, &self.topology.dead, MOST_LEFT)
            .await?;
        let (mut left, mut dead_left) = (0_u16, 0_u16);
        loop {
            if self.tally.is_complete() {
                return Ok(ConnectionEnd::End(FollowEnd::Complete));
            }
            let handled = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(ConnectionEnd::End(FollowEnd::Stopped)),
                () = until(deadline) => return Ok(ConnectionEnd::End(FollowEnd::TimeUp)),
                delivery = results.next() => self.result(delivery, &mut left).await,
                delivery = dead.next() => self.dead_letter(delivery, &mut dead_left),
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
        let consuming = ConsumeOptions {
            queue: queue.to_owned(),
            prefetch,
            tag: format!("recto-{}", uuid::Uuid::now_v7().simple()),
            ack_timeout: self.arguments.broker.ack_timeout,
            answer_timeout: self.arguments.broker.amqp_timeout,
        };
        Consumer::start(connection, consuming).await
    }

    /// Prints a result and takes it off its queue, or leaves it there.
    async fn result(
        &mut self,
        delivery: Result<Delivery, ConsumerClosed>,
        left: &mut u16,
    ) -> Result<(), ConnectionEnd> {
        let delivery = delivery.map_err(|error| ConnectionEnd::Lost(error.to_string()))?;
        let news = ResultMessage::of_result(&delivery.message);
        let wanted = match &news {
            Ok(news) => self.is_wanted(news),
            Err(error) => {
                self.tell_of_stranger(error);
                false
            }
        };
        if let (Ok(news), true) = (&news, wanted) {
            self.show(news)?;
            if !self.arguments.keep {
                let acked = delivery.ack().await;
                return acked.map_err(|stale| ConnectionEnd::Lost(stale.to_string()));
            }
        }
        *left += 1;
        if *left == MOST_LEFT {
            return Err(ConnectionEnd::Full);
        }
        Ok(())
    }

    fn tell_of_stranger(&mut self, error: &str) {
        if !self.told_of_strangers {
            let queue = &self.topology.results;
            eprintln!(
                "recto: a message in {queue} is no result and stays there, like all such: {}",
                one_line(error)
            );
        }
        self.told_of_strangers = true;
    }

    /// Prints a dead letter and leaves it where it is.
    fn dead_letter(
        &mut self,
        delivery: Result<Delivery, ConsumerClosed>,
        left: &mut u16,
    ) -> Result<(), ConnectionEnd> {
        let delivery = delivery.map_err(|error| ConnectionEnd::Lost(error.to_string()))?;
        let news = ResultMessage::of_dead_letter(&delivery.message);
        if self.is_wanted(&news) {
            self.show(&news)?;
        }
        *left += 1;
        if *left == MOST_LEFT {
            let queue = &self.topology.dead;
            eprintln!("recto: {queue} holds more dead letters than the {MOST_LEFT} looked at");
        }
        Ok(())
    }

    fn is_wanted(&self, news: &ResultMessage) -> bool {
        self.arguments.batch.is_none() || self.arguments.batch == news.batch
    }

    /// Prints the line of a document that was not shown before.
    fn show(&mut self, news: &ResultMessage) -> Result<(), ConnectionEnd> {
        if self.tally.knows(&news.id) {
            return Ok(());
        }
        let line = self.lines.line(news);
        let printed = block_in_place(|| {
            let mut out = io::stdout().lock();
            writeln!(out, "{line}")?;
            out.flush()
        });
        printed.map_err(|_| ConnectionEnd::End(FollowEnd::ReaderLeft))?;
        self.tally.add(&news.id, &news.end);
        Ok(())
    }

    fn full(&self) -> String {
        let queue = &self.topology.results;
        match self.arguments.keep {
            true => {
                format!("{queue} holds more than the {MOST_LEFT} results that can be looked at")
            }
            false => format!(
                "{queue} begins with {MOST_LEFT} results of other batches; take those off first (recto results --batch OTHER)"
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
            FollowEnd::TimeUp | FollowEnd::Complete => match self.tally.all_well() {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(EXIT_FAILED),
            },
        }
    }
}
