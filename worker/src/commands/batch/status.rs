//! `recto batch list`, `status` and `watch`.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use recto_schemas::service::BatchView;
use tokio::time::sleep;

use crate::{
    commands::EXIT_FAILED,
    ledger::{
        Ledger,
        rate::Rate,
        view::{batch_view, batch_views},
    },
    os::{clock, terminal::Shown},
};

/// Time between two looks of `watch`.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

/// Returns true if every job has ended with a result or was cancelled.
fn is_well(status: &BatchView) -> bool {
    status.dead == 0 && status.failed == 0 && status.partial == 0 && status.lost == 0
}

/// Prints a line for each batch.
pub(super) async fn list(ledger: &Ledger, json: bool) -> anyhow::Result<ExitCode> {
    let sums = ledger.sums(None).await?;
    let batches = batch_views(&sums);
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
    Ok(match is_well(&status) {
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
            return Ok(match is_well(&status) {
                true => ExitCode::SUCCESS,
                false => ExitCode::from(EXIT_FAILED),
            });
        }
        before = Some(status);
        sleep(WATCH_INTERVAL).await;
    }
}

async fn look(ledger: &Ledger, batch: &str) -> anyhow::Result<(BatchView, Rate)> {
    let sums = ledger.sums(Some(batch)).await?;
    anyhow::ensure!(
        !sums.is_empty(),
        "the ledger knows no batch {:?}; `recto batch list` names them all",
        Shown(batch).to_string()
    );
    let rate = Rate::of(ledger, batch).await?;
    Ok((batch_view(batch, sums.iter()), rate))
}

fn print(status: &BatchView, rate: Rate, json: bool) -> io::Result<()> {
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
    fn of(status: &BatchView) -> Self {
        Self {
            waiting: status.waiting,
            reading: status.reading,
            lost: status.lost,
        }
    }
}

/// `; the rest takes some 2 h at that rate`, once enough jobs have ended to tell.
fn time_left(status: &BatchView, rate: Rate) -> String {
    rate.time_left(status)
        .map(|left| format!("; the rest takes some {left} at that rate"))
        .unwrap_or_default()
}

/// A line of `watch`.
fn line(status: &BatchView, rate: Rate) -> String {
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
