//! `recto sweep`: documents of the rules for events that no event told of.

use std::{
    io::{self, Write as _},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context as _;
use async_trait::async_trait;
use clap::Args;
use recto_schemas::Job;

use crate::{
    broker::config::BrokerConfig,
    commands::{
        EXIT_FAILED,
        job_queue::{JobQueue, JobSink, QueueError},
    },
    events::{
        intake::EventIntake,
        rules::Rules,
        sweep::{self, SweepSum},
    },
    ledger::{Ledger, config::LedgerConfig},
    os::terminal::Shown,
    service::config::ServiceFileConfig,
    store::{
        ObjectStores,
        config::{FileRootConfig, StoreConfig},
    },
};

/// The end of `recto sweep --help`.
pub(crate) const NOTES: &str = "\
Lists the buckets and folders of the rules of --service-config, and submits each document that the ledger does not know,
and each whose job it holds for lost. A document is known by its ETag, as it is to events: what both tell of is one job.
Stores lose events, and so do outages; a sweep after one, and every hour, finds what they lost.

Prints a line for each job that is submitted. Exit status: 0 all are submitted or known, 1 some are not (each is named),
2 wrong usage.

Examples:
  recto sweep --service-config service.toml
  recto sweep --service-config service.toml --rule letters --dry-run";

/// Arguments of `recto sweep`.
#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// Sweep this rule alone, such as `letters`
    #[arg(long, value_name = "NAME")]
    rule: Option<String>,

    /// Print what would be submitted, and submit nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    file: ServiceFileConfig,

    #[command(flatten)]
    ledger: LedgerConfig,

    #[command(flatten)]
    broker: BrokerConfig,

    #[command(flatten)]
    store: StoreConfig,

    #[command(flatten)]
    file_root: FileRootConfig,
}

/// Runs `recto sweep`.
///
/// # Errors
/// There are no such rules, or ledger, broker or store cannot be used.
pub(crate) fn run(arguments: &SweepArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(sweep_rules(arguments))
}

async fn sweep_rules(arguments: &SweepArgs) -> anyhow::Result<ExitCode> {
    let root = arguments.file_root.file_root.as_deref();
    let rules = Rules::new(&arguments.file.read()?.rule, root)?;
    let names: Vec<String> = match &arguments.rule {
        Some(name) => vec![name.clone()],
        None => rules.names().map(str::to_owned).collect(),
    };
    anyhow::ensure!(
        !names.is_empty(),
        "there are no rules; write them into a file and name that with --service-config"
    );
    let sink: Arc<dyn JobSink> = match arguments.dry_run {
        true => Arc::new(NoSink),
        false => Arc::new(JobQueue::open(&arguments.broker).await?),
    };
    let intake = EventIntake::new(
        rules,
        Arc::new(ObjectStores::new(&arguments.store, root)?),
        Ledger::open(&arguments.ledger.url()).await?,
        sink,
        &prometheus::Registry::new(),
    )?;
    let mut failed = false;
    for name in &names {
        let rule = intake
            .rule(name)
            .with_context(|| format!("there is no rule {name:?}"))?;
        let mut out = io::stdout().lock();
        let sum = sweep::sweep(&intake, rule, arguments.dry_run, |line| match line {
            // A reader that left wants no more lines; the jobs are submitted all the same.
            Ok((job, source)) => drop(writeln!(out, "{}  {}", Shown(job), Shown(source))),
            Err(reason) => eprintln!("recto: {}", Shown(reason)),
        });
        let sum = sum.await?;
        eprintln!("{}", told(name, &sum, arguments.dry_run));
        failed |= sum.failed > 0;
    }
    Ok(match failed {
        true => ExitCode::from(EXIT_FAILED),
        false => ExitCode::SUCCESS,
    })
}

/// The sum of a rule, for people.
fn told(rule: &str, sum: &SweepSum, is_dry: bool) -> String {
    let verb = match is_dry {
        true => "would be submitted",
        false => "submitted",
    };
    let mut text = format!(
        "rule {}: {} {verb}, {} known",
        Shown(rule),
        sum.submitted,
        sum.known
    );
    for (count, what) in [
        (sum.sent_again, "lost ones again"),
        (sum.left, "left"),
        (sum.failed, "not submitted, each named above"),
    ] {
        if count > 0 {
            text += &format!(", {count} {what}");
        }
    }
    text
}

/// The sink of a dry run, which sends nothing.
struct NoSink;

#[async_trait]
impl JobSink for NoSink {
    async fn send(&self, _job: &Job) -> Result<(), QueueError> {
        Err(QueueError::NotQueued("a dry run sends nothing".to_owned()))
    }
}
