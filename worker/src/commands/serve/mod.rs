//! `recto serve`: keeps the ledger until it is told to stop.

use std::{process::ExitCode, time::Duration};

use anyhow::Context;
use clap::Args;
use recto_schemas::options::duration;
use tokio_util::sync::CancellationToken;

use crate::{
    broker::config::BrokerConfig,
    ledger::{Ledger, audit, config::LedgerConfig, intake},
    observe::{config::LogConfig, logging},
    os::signals,
};

/// The end of `recto serve --help`.
pub(crate) const NOTES: &str = "\
Takes the events of all jobs from the queue NAME.ledger, which it declares, into the ledger: who submits, begins and ends
which job how. From its first start on the queue keeps events while it is away. Several may run at once on one PostgreSQL
ledger. `recto batch` asks the ledger.

Where no ledger is wanted any more, delete the queue NAME.ledger: it would fill.

Exit status: 0 told to stop, 1 it cannot start, 2 wrong usage.

Examples:
  recto serve
  recto serve --ledger postgres://recto:PASSWORD@db/recto";

/// Arguments of `recto serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    ledger: LedgerConfig,

    /// Time for which all queues of jobs must have been empty before an open job that no worker has is taken for lost;
    /// workers say every 10s what they have
    #[arg(long, value_name = "TIME", env = "RECTO_LOST_AFTER", default_value = "60s", value_parser = duration, help_heading = "Ledger")]
    lost_after: Duration,

    #[command(flatten)]
    broker: BrokerConfig,

    #[command(flatten)]
    log: LogConfig,
}

/// Runs `recto serve`.
///
/// # Errors
/// The ledger cannot be opened, or the broker can never be used.
pub(crate) fn run(arguments: &ServeArgs) -> anyhow::Result<ExitCode> {
    logging::init(&arguments.log)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(serve(arguments))
}

async fn serve(arguments: &ServeArgs) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    signals::on_first_signal(signals::SERVICE, move |name| {
        tracing::info!(signal = name, "shutting down");
        stopped.cancel();
    })
    .context("cannot listen for signals")?;
    let url = arguments.ledger.url();
    let ledger = Ledger::open(&url).await?;
    tracing::info!(version = env!("CARGO_PKG_VERSION"), ledger = %url, "recto serve starts");
    let intake = intake::run(&arguments.broker, &ledger, &stop);
    let audit = audit::run(&arguments.broker, &ledger, arguments.lost_after, &stop);
    let (taken, ()) = tokio::join!(
        async {
            let taken = intake.await;
            stop.cancel();
            taken
        },
        audit
    );
    taken?;
    tracing::info!("recto serve exits");
    Ok(ExitCode::SUCCESS)
}
