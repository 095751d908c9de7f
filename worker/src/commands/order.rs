//! `recto cancel`, `recto queues pause`, `resume` and `purge`: orders to all workers.

use std::{process::ExitCode, sync::Arc};

use clap::Args;

use crate::broker::{
    config::BrokerConfig,
    connection::{close, connect},
    order::{OrderAction, WorkerOrder},
    publish::{MessageProperties, NoopObserver, Publisher},
    topology::{self, QueueTopology},
};

/// Notes at the end of `recto cancel --help`.
pub(crate) const CANCEL_NOTES: &str = "\
Jobs that wait end as dead letters of the kind `job-cancelled` when a worker gets them; those that are read stop at the
next page, and nothing of them is kept. Jobs that end before a worker knows, and results that are stored, stay. Jobs of
the batch that are submitted afterwards are done.

Exit status: 0 the order is given, 1 it is not, 2 wrong usage.

Examples:
  recto cancel --batch first
  recto cancel --job 01a22d51-32cc-7176-bf81-d28bb8f7b953";

/// Arguments of `recto cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    broker: BrokerConfig,
    #[command(flatten)]
    jobs: CancelledJobs,
}

/// The jobs that are cancelled.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct CancelledJobs {
    /// Cancel the jobs of this batch that are submitted by now, such as `first`
    #[arg(long, value_name = "NAME")]
    batch: Option<String>,

    /// Cancel the job of this id, such as `01a22d51-32cc-7176-bf81-d28bb8f7b953`
    #[arg(long, value_name = "ID")]
    job: Option<String>,
}

/// Runs `recto cancel`.
pub(crate) fn cancel(arguments: &CancelArgs) -> anyhow::Result<ExitCode> {
    let (batch, job) = (arguments.jobs.batch.clone(), arguments.jobs.job.clone());
    give(&arguments.broker, OrderAction::Cancel, batch, job)
}

/// Gives an order to all workers.
///
/// # Errors
/// The broker does not take it.
pub(crate) fn give(
    broker: &BrokerConfig,
    action: OrderAction,
    batch: Option<String>,
    job: Option<String>,
) -> anyhow::Result<ExitCode> {
    let order = WorkerOrder::new(action, batch, job);
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(send(broker, &order))?;
    println!("every worker of {} has the order", broker.queue);
    Ok(ExitCode::SUCCESS)
}

/// Sends an order to all workers.
///
/// # Errors
/// The broker does not take it.
pub(crate) async fn send(broker: &BrokerConfig, order: &WorkerOrder) -> anyhow::Result<()> {
    let connection = Arc::new(connect(broker, "orders").await?);
    let topology = QueueTopology::new(broker);
    topology::ensure(&connection, &topology, broker.declare).await?;
    let publisher = Publisher::new(
        Arc::clone(&connection),
        broker.confirm_timeout,
        Arc::new(NoopObserver),
    );
    let properties = MessageProperties {
        content_type: Some("application/json".to_owned()),
        kind: Some(WorkerOrder::SCHEMA.to_owned()),
        ..MessageProperties::default()
    };
    let body = serde_json::to_vec(order)?;
    publisher
        .publish("", &topology.orders, &body, properties)
        .await?;
    close(&connection).await;
    Ok(())
}
