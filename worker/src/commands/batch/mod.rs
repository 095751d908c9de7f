//! `recto batch`: how batches stand by the ledger, and what is done about it.

mod args;
mod status;
mod list;
mod retry;
mod sweep;
mod stored;
mod verify;
mod report;
mod export;

use std::process::ExitCode;

use anyhow::Context;

use crate::{
    broker::order::OrderAction,
    commands::order,
    ledger::{Ledger, config::LedgerConfig},
    store::ObjectStores,
};
pub(crate) use args::BatchCommand;
use args::StoredArgs;
use stored::StoredResults;

/// Runs `recto batch`.
///
/// # Errors
/// The ledger, the broker or the store cannot be used.
pub(crate) fn run(command: &BatchCommand) -> anyhow::Result<ExitCode> {
    if let BatchCommand::Cancel { batch, broker } = command {
        return order::give(broker, OrderAction::Cancel, Some(batch.clone()), None);
    }
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    runtime.block_on(async {
        match command {
            BatchCommand::List { ledger, json } => status::list(&open(ledger).await?, *json).await,
            BatchCommand::Status(arguments) => {
                let ledger = open(&arguments.ledger).await?;
                status::status(&ledger, &arguments.batch, arguments.json).await
            }
            BatchCommand::Watch { batch } => {
                let ledger = open(&batch.ledger).await?;
                status::watch(&ledger, &batch.batch, batch.json).await
            }
            BatchCommand::Show(arguments) => {
                list::show(&open(&arguments.ledger).await?, arguments).await
            }
            BatchCommand::Retry(arguments) => {
                retry::retry(&open(&arguments.ledger).await?, arguments).await
            }
            BatchCommand::Sweep(arguments) => {
                sweep::sweep(&open(&arguments.ledger).await?, arguments).await
            }
            BatchCommand::Verify(arguments) => {
                let ledger = open(&arguments.ledger).await?;
                verify::verify(&ledger, &results(arguments)?, &arguments.batch).await
            }
            BatchCommand::Report(arguments) => {
                report::report(&open(&arguments.ledger).await?, arguments).await
            }
            BatchCommand::Export { stored, bagit } => {
                let ledger = open(&stored.ledger).await?;
                export::export(&ledger, &results(stored)?, &stored.batch, bagit).await
            }
            BatchCommand::Cancel { .. } => unreachable!("done above"),
        }
    })
}

/// The store of a batch's results.
fn results(arguments: &StoredArgs) -> anyhow::Result<StoredResults> {
    Ok(StoredResults {
        stores: ObjectStores::new(&arguments.store, arguments.file_root.file_root.as_deref())?,
        folder: tempfile::tempdir().context("cannot make a folder for what is fetched")?,
    })
}

async fn open(config: &LedgerConfig) -> anyhow::Result<Ledger> {
    Ok(Ledger::open(&config.url()).await?)
}
