//! `recto batch list`, `status` and `watch`.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use serde::Serialize;
use tokio::time::sleep;

use crate::{
    commands::EXIT_FAILED,
    ledger::{
        BatchSum, Ledger,
        record::{JobState, milliseconds},
    },
    os::{clock, terminal::Shown},
};

/// The time that a batch's rate is measured over.
const RATE_TIME_MS: i64 = 10 * 60 * 1000;
/// Jobs that must have ended for a rate.
const MIN_RATE_JOBS: i64 = 5;
/// Time between two looks of `watch`.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

/// The state of a batch: `recto.batch/v1`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(crate) struct BatchStatus {
    schema: &'static str,
    batch: String,
    /// Jobs that were submitted: the sum of those that follow.
    pub(crate) submitted: i64,
    pub(crate) done: i64,
    pub(crate) partial: i64,
    pub(crate) failed: i64,
    pub(crate) skipped: i64,
    pub(crate) dead: i64,
    pub(crate) cancelled: i64,
    /// Not ended: waiting, reading and lost.
    pub(crate) open: i64,
    pub(crate) waiting: i64,
    pub(crate) reading: i64,
    /// Neither in a queue nor with a worker.
    pub(crate) lost: i64,
    /// Jobs that did not end well by reason.
    pub(crate) reasons: BTreeMap<String, i64>,
    pub(crate) pages: i64,
    pub(crate) pages_failed: i64,
    pub(crate) bytes: i64,
}

impl BatchStatus {
    /// The value of `schema`.
    const SCHEMA: &'static str = "recto.batch/v1";

    /// Adds up the sums of one batch.
    pub(crate) fn new<'a>(batch: &str, sums: impl Iterator<Item = &'a BatchSum>) -> Self {
        let mut status = Self {
            schema: Self::SCHEMA,
            batch: batch.to_owned(),
            ..Self::default()
        };
        for sum in sums {
            status.add(sum);
        }
        status
    }

    fn add(&mut self, sum: &BatchSum) {
        self.submitted += sum.jobs;
        let count = match sum.state {
            JobState::Waiting => &mut self.waiting,
            JobState::Reading => &mut self.reading,
            JobState::Lost => &mut self.lost,
            JobState::Done => &mut self.done,
            JobState::Partial => &mut self.partial,
            JobState::Failed => &mut self.failed,
            JobState::Skipped => &mut self.skipped,
            JobState::Dead => &mut self.dead,
            JobState::Cancelled => &mut self.cancelled,
        };
        *count += sum.jobs;
        if sum.state.is_open() {
            self.open += sum.jobs;
        }
        if !sum.kind.is_empty() {
            *self.reasons.entry(sum.kind.clone()).or_default() += sum.jobs;
        }
        self.pages += sum.pages;
        self.pages_failed += sum.pages_failed;
        self.bytes += sum.bytes;
    }

    /// Returns true if every job has ended with a result or was cancelled.
    fn is_well(&self) -> bool {
        self.dead == 0 && self.failed == 0 && self.partial == 0 && self.lost == 0
    }
}

/// Jobs and pages of the last ten minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rate {
    jobs: i64,
    pages: i64,
    /// Milliseconds since the first of them ended.
    span_ms: i64,
}

/// Prints a line for each batch.
pub(super) async fn list(ledger: &Ledger, json: bool) -> anyhow::Result<ExitCode> {
    let sums = ledger.sums(None).await?;
    let batches: Vec<BatchStatus> = sums
        .chunk_by(|a, b| a.batch == b.batch)
        .map(|sums| BatchStatus::new(&sums[0].batch, sums.iter()))
        .collect();
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", serde_json::json!({ "batches": batches }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let head = [
        "batch",
        "submitted",
        "done",
        "partial",
        "failed",
        "skipped",
        "dead",
        "cancelled",
        "open",
        "lost",
    ];
    let rows = batches.iter().map(|batch| {
        let numbers = [
            batch.submitted,
            batch.done,
            batch.partial,
            batch.failed,
            batch.skipped,
            batch.dead,
            batch.cancelled,
            batch.open,
            batch.lost,
        ];
        (Shown(name(&batch.batch)).to_string(), numbers)
    });
    let rows: Vec<_> = rows.collect();
    let width = rows
        .iter()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0)
        .max(head[0].len());
    write!(out, "{:width$}", head[0])?;
    for column in &head[1..] {
        write!(out, "  {column:>9}")?;
    }
    writeln!(out)?;
    for (name, numbers) in rows {
        write!(out, "{name:width$}")?;
        for number in numbers {
            write!(out, "  {number:>9}")?;
        }
        writeln!(out)?;
    }
    let unreadable = ledger.unreadable().await?;
    if unreadable > 0 {
        eprintln!(
            "recto: {unreadable} messages to the ledger were no events; its table `unreadable` has them"
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The name of a batch for people.
fn name(batch: &str) -> &str {
    match batch {
        "" => "(no batch)",
        name => name,
    }
}

/// Prints how a batch stands.
pub(super) async fn status(ledger: &Ledger, batch: &str, json: bool) -> anyhow::Result<ExitCode> {
    let (status, rate) = look(ledger, batch).await?;
    print(&status, rate, json)?;
    Ok(match status.is_well() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_FAILED),
    })
}

/// Prints how a batch stands whenever that changes, until all of its jobs have ended.
pub(super) async fn watch(ledger: &Ledger, batch: &str, json: bool) -> anyhow::Result<ExitCode> {
    let mut before = None;
    loop {
        let (status, rate) = look(ledger, batch).await?;
        if before.as_ref() != Some(&status) {
            match json {
                true => print(&status, rate, true)?,
                false => println!("{}", line(&status, rate)),
            }
        }
        // Nothing brings back what is lost but somebody who looks.
        if status.open == status.lost {
            if !json {
                print(&status, rate, false)?;
            }
            return Ok(match status.is_well() {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(EXIT_FAILED),
            });
        }
        before = Some(status);
        sleep(WATCH_INTERVAL).await;
    }
}

async fn look(ledger: &Ledger, batch: &str) -> anyhow::Result<(BatchStatus, Rate)> {
    let sums = ledger.sums(Some(batch)).await?;
    anyhow::ensure!(
        !sums.is_empty(),
        "the ledger knows no batch {:?}; `recto batch list` names them all",
        Shown(batch).to_string()
    );
    let now = milliseconds(&clock::now());
    let (jobs, pages, first) = ledger.ended_since(batch, now - RATE_TIME_MS).await?;
    let rate = Rate {
        jobs,
        pages,
        span_ms: now - first,
    };
    Ok((BatchStatus::new(batch, sums.iter()), rate))
}

fn print(status: &BatchStatus, rate: Rate, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        return writeln!(out, "{}", serde_json::to_string(status)?);
    }
    let ended = [
        ("done", status.done),
        ("partial", status.partial),
        ("failed", status.failed),
        ("skipped", status.skipped),
        ("dead", status.dead),
        ("cancelled", status.cancelled),
        ("open", status.open),
    ];
    writeln!(out, "batch {}", Shown(name(&status.batch)))?;
    writeln!(out, "  {:>9}  submitted", status.submitted)?;
    for (word, number) in ended.into_iter().filter(|(_, number)| *number > 0) {
        write!(out, "  {number:>9}  {word}")?;
        if word == "open" {
            let Counts {
                waiting,
                reading,
                lost,
            } = Counts::of(status);
            write!(out, ": {waiting} waiting, {reading} reading, {lost} lost")?;
        }
        writeln!(out)?;
    }
    writeln!(
        out,
        "  {:>9}  pages, {} of them without a result",
        status.pages, status.pages_failed
    )?;
    if !status.reasons.is_empty() {
        writeln!(out, "reasons")?;
        for (kind, jobs) in &status.reasons {
            writeln!(out, "  {jobs:>9}  {}", Shown(kind))?;
        }
    }
    if rate.jobs > 0 {
        writeln!(
            out,
            "in the last ten minutes {} jobs and {} pages ended{}",
            rate.jobs,
            rate.pages,
            time_left(status, rate)
        )?;
    }
    if status.lost > 0 {
        writeln!(
            out,
            "lost jobs are in no queue and no worker has them; `recto batch show {0} --state lost` names them, \
             `recto batch retry {0} --state lost` submits them again",
            Shown(&status.batch)
        )?;
    }
    Ok(())
}

struct Counts {
    waiting: i64,
    reading: i64,
    lost: i64,
}

impl Counts {
    fn of(status: &BatchStatus) -> Self {
        Self {
            waiting: status.waiting,
            reading: status.reading,
            lost: status.lost,
        }
    }
}

/// `; some 2 h at that rate` for the rest, once enough jobs have ended to tell.
fn time_left(status: &BatchStatus, rate: Rate) -> String {
    let rest = status.waiting + status.reading;
    if rest == 0 || rate.jobs < MIN_RATE_JOBS {
        return String::new();
    }
    // The first of them ended at the beginning of the time.
    let seconds = rest * rate.span_ms / 1000 / (rate.jobs - 1);
    match seconds {
        ..120 => format!("; the rest takes some {} s at that rate", seconds.max(1)),
        120..7200 => format!("; the rest takes some {} min at that rate", seconds / 60),
        _ => format!("; the rest takes some {} h at that rate", seconds / 3600),
    }
}

/// A line of `watch`.
fn line(status: &BatchStatus, rate: Rate) -> String {
    let ended = status.submitted - status.open;
    format!(
        "{}  {ended} of {} ended ({} done, {} partial, {} failed, {} skipped, {} dead, {} cancelled), {} waiting, {} reading, {} lost{}",
        clock::now(),
        status.submitted,
        status.done,
        status.partial,
        status.failed,
        status.skipped,
        status.dead,
        status.cancelled,
        status.waiting,
        status.reading,
        status.lost,
        time_left(status, rate),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_once_there_is_a_rate() {
        let status = BatchStatus {
            waiting: 90,
            reading: 10,
            ..BatchStatus::default()
        };
        let rate = |jobs, span_ms| Rate {
            jobs,
            pages: jobs,
            span_ms,
        };
        assert_eq!(time_left(&status, rate(4, 1000)), "");
        assert_eq!(
            time_left(&status, rate(11, 10_000)),
            "; the rest takes some 100 s at that rate"
        );
        assert_eq!(
            time_left(&status, rate(11, 100_000)),
            "; the rest takes some 16 min at that rate"
        );
        assert_eq!(time_left(&BatchStatus::default(), rate(11, 1000)), "");
    }
}
