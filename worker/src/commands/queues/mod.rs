//! `recto queues`: makes the queues at the broker, has batches wait or drops them, and says how full the queues are.

mod args;

use std::{
    io::{self, BufRead as _, IsTerminal as _, Read as _, Write},
    process::ExitCode,
};

use serde_json::json;

use crate::{
    broker::{
        config::BrokerConfig,
        connection::connect,
        error::BrokerError,
        order::OrderAction,
        topology::{self, DeclareOutcome, QueueDepth, QueueRole, QueueSpec, QueueTopology},
    },
    commands::{EXIT_FAILED, order},
    os::terminal::Shown,
};

pub(crate) use args::QueuesCommand;

/// Longest answer that is read, in bytes: a word.
const MAX_ANSWER_BYTES: u64 = 64;

/// Runs `recto queues`.
pub(crate) fn run(arguments: &QueuesCommand) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new;
    match arguments {
        QueuesCommand::Declare { broker, json } => runtime()?.block_on(declare(broker, *json)),
        QueuesCommand::Pause { broker, batch } => {
            order::give(broker, OrderAction::Pause, Some(batch.clone()), None)
        }
        QueuesCommand::Resume { broker, batch } => {
            order::give(broker, OrderAction::Resume, Some(batch.clone()), None)
        }
        QueuesCommand::Purge { broker, batch, yes } => {
            if !*yes && !confirm_purge(batch)? {
                eprintln!("recto: nothing is dropped");
                return Ok(ExitCode::from(EXIT_FAILED));
            }
            order::give(broker, OrderAction::Purge, Some(batch.clone()), None)
        }
        QueuesCommand::Status { broker, json } => runtime()?.block_on(status(broker, *json)),
    }
}

/// Asks on the terminal if the jobs are to be dropped.
fn confirm_purge(batch: &str) -> anyhow::Result<bool> {
    let mut input = io::stdin().lock();
    anyhow::ensure!(
        input.is_terminal(),
        "nobody can be asked if the jobs are to be dropped: add --yes"
    );
    eprint!(
        "The waiting jobs of the batch {} will be dropped, with neither a result nor a dead letter.\n\
         (`recto cancel --batch` ends jobs with a dead letter each.) Drop them? [y/N] ",
        Shown(batch)
    );
    let mut answer = String::new();
    input
        .by_ref()
        .take(MAX_ANSWER_BYTES)
        .read_line(&mut answer)?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

async fn declare(broker: &BrokerConfig, json: bool) -> anyhow::Result<ExitCode> {
    let connection = connect(broker, "queues").await?;
    let topology = QueueTopology::new(broker);
    let seen = topology::ensure(&connection, &topology, true).await?;
    let mut out = io::stdout().lock();
    if json {
        let queues = seen.iter().map(|(queue, presence)| {
            json!({"queue": queue.name, "role": queue.role.word(), "created": *presence == DeclareOutcome::Created})
        });
        writeln!(out, "{}", json!({ "queues": queues.collect::<Vec<_>>() }))?;
    } else {
        let width = widest(seen.iter().map(|(queue, _)| queue));
        for (QueueSpec { name, role, .. }, presence) in &seen {
            let word = match presence {
                DeclareOutcome::Existed => "existed",
                DeclareOutcome::Created => "created",
            };
            writeln!(out, "{name:width$}  {word:9}  {}", role.word())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn status(broker: &BrokerConfig, json: bool) -> anyhow::Result<ExitCode> {
    let connection = connect(broker, "queues").await?;
    let topology = QueueTopology::new(broker);
    let depths = topology::queue_depths(&connection, &topology).await?;
    let mut out = io::stdout().lock();
    if json {
        writeln!(out, "{}", as_json(&depths))?;
    } else {
        write!(out, "{}", as_table(&depths))?;
    }
    match depths.into_iter().find(|(_, depth)| depth.is_none()) {
        None => Ok(ExitCode::SUCCESS),
        Some((queue, _)) => {
            let what = format!("queue {}", queue.name);
            eprintln!("recto: {}", BrokerError::Missing { what });
            Ok(ExitCode::from(EXIT_FAILED))
        }
    }
}

fn as_json(depths: &[(QueueSpec, Option<QueueDepth>)]) -> serde_json::Value {
    let queues = depths.iter().map(|(queue, depth)| {
        json!({
            "queue": queue.name,
            "role": queue.role.word(),
            "exists": depth.is_some(),
            "ready": depth.map(|depth| depth.ready),
            "consumers": depth.map(|depth| depth.consumers),
        })
    });
    json!({ "queues": queues.collect::<Vec<_>>() })
}

fn as_table(depths: &[(QueueSpec, Option<QueueDepth>)]) -> String {
    let width = widest(depths.iter().map(|(queue, _)| queue));
    let mut table = format!("{:width$}  {:>9}  {:>9}\n", "queue", "ready", "consumers");
    for (queue, depth) in depths {
        let numbers = match depth {
            Some(depth) => format!("{:>9}  {:>9}", depth.ready, depth.consumers),
            None => "not there".to_owned(),
        };
        table += &format!("{:width$}  {numbers}\n", queue.name);
    }
    for (queue, depth) in depths {
        let dead = depth.map_or(0, |depth| depth.ready);
        if queue.role == QueueRole::Dead && dead > 0 {
            let plural = if dead == 1 {
                "1 dead letter waits"
            } else {
                &format!("{dead} dead letters wait")
            };
            table += &format!("\n{plural} in {} to be looked at\n", queue.name);
        }
    }
    table
}

fn widest<'a>(queues: impl Iterator<Item = &'a QueueSpec>) -> usize {
    queues
        .map(|queue| queue.name.chars().count())
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_a_yes() {
        for yes in ["y\n", "YES\r\n", " yes"] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "yesterday\n", "no, y\n"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
