//! `recto serve`: keeps the ledger and answers HTTP until it is told to stop.

mod args;
mod local;

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use async_trait::async_trait;
use prometheus::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    broker::{
        config::BrokerConfig,
        order::{OrderAction, WorkerOrder},
    },
    commands::{
        job_queue::{JobQueue, JobSink},
        order,
    },
    events::{self, EventSources, intake::EventIntake, rules::Rules},
    job::bounds::JobBounds,
    ledger::{Ledger, audit, config::LedgerUrl, intake},
    observe::{
        logging,
        metrics::{Metrics, service::ServiceMetrics},
    },
    os::{scratch::ScratchDir, signals},
    service::{
        JobCanceller, Service, TransferSlots,
        config::ServiceFile,
        keys::ApiKeys,
        server,
        webhooks::{self, Webhook},
    },
    store::{ObjectStores, StoreUri},
};
pub(crate) use args::{NOTES, ServeArgs};

/// Runs `recto serve`.
///
/// # Errors
/// The ledger or the port cannot be opened, the service's file makes no sense, or the broker can never be used.
pub(crate) fn run(arguments: &ServeArgs) -> anyhow::Result<ExitCode> {
    logging::init(&arguments.log)?;
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let file = arguments.file.read()?;
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        signals::on_first_signal(signals::SERVICE, move |name| {
            tracing::info!(signal = name, "shutting down");
            stopped.cancel();
        })
        .context("cannot listen for signals")?;
        match &arguments.local {
            Some(folder) => local::serve(arguments, &file, folder, &stop).await,
            None => serve(arguments, &file, &stop).await,
        }
    })?;
    tracing::info!("recto serve exits");
    Ok(ExitCode::SUCCESS)
}

/// Serves in front of a fleet.
async fn serve(
    arguments: &ServeArgs,
    file: &ServiceFile,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let opened = open(arguments, file, &arguments.ledger.url()).await?;
    let broker = &arguments.broker;
    let root = arguments.file_root.file_root.as_deref();
    let ledger = opened.ledger.clone();
    let parts = ServiceParts {
        opened,
        stores: Arc::new(ObjectStores::new(&arguments.store, root)?),
        sink: Arc::new(JobQueue::lazy(broker)),
        canceller: Arc::new(BrokerCanceller(broker.clone())),
        uploads: arguments.uploads.clone(),
        output: arguments.output.clone(),
        rules: Rules::new(&file.rule, root)?,
        worker: None,
    };
    let taking = async {
        let taken = intake::run(broker, &ledger, stop).await;
        stop.cancel();
        taken
    };
    let audit = audit::run(broker, &ledger, arguments.lost_after, stop);
    let (taken, (), ran) = tokio::join!(taking, audit, run_service(arguments, file, parts, stop));
    ran?;
    Ok(taken?)
}

/// Everything that the two kinds of service differ in, and what both open first.
struct ServiceParts {
    opened: Opened,
    stores: Arc<ObjectStores>,
    sink: Arc<dyn JobSink>,
    canceller: Arc<dyn JobCanceller>,
    uploads: Option<StoreUri>,
    output: Option<StoreUri>,
    rules: Rules,
    /// The metrics of a worker within this process.
    worker: Option<Arc<Metrics>>,
}

/// Answers requests, takes events and tells webhooks until it is told to stop.
async fn run_service(
    arguments: &ServeArgs,
    file: &ServiceFile,
    parts: ServiceParts,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let registry = Registry::new();
    let Opened {
        ledger,
        keys,
        webhooks,
        listener,
    } = parts.opened;
    let intake = Arc::new(EventIntake::new(
        parts.rules,
        Arc::clone(&parts.stores),
        ledger.clone(),
        Arc::clone(&parts.sink),
        &registry,
    )?);
    let sources = EventSources {
        sources: file.source.clone(),
        broker: arguments.broker.clone(),
        store: arguments.store.clone(),
        sweep_every: arguments.sweep_every.0,
    };
    let hosts = arguments.service_host.iter();
    let service = Service {
        ledger: ledger.clone(),
        stores: parts.stores,
        sink: parts.sink,
        canceller: parts.canceller,
        keys,
        webhooks: webhooks
            .iter()
            .map(|webhook| webhook.name().to_owned())
            .collect(),
        events: Arc::clone(&intake),
        uploads: parts.uploads,
        output: parts.output,
        bounds: JobBounds {
            allow_source: arguments.allow_source.clone(),
            allow_output: Vec::new(),
        },
        limits: arguments.limits.clone(),
        scratch: ScratchDir::open(&arguments.work.base(), arguments.work.limit_bytes())?,
        slots: TransferSlots::default(),
        downloads: TransferSlots::default(),
        hosts: hosts.map(|host| host.to_ascii_lowercase()).collect(),
        metrics: ServiceMetrics::new(registry, parts.worker)?,
        stop: stop.clone(),
    };
    let answering = async {
        match listener {
            Some(listener) => server::serve(Arc::new(service), listener, stop).await,
            None => stop.cancelled().await,
        }
    };
    let events = async {
        let ran = events::run(&intake, &sources, stop).await;
        ran.inspect_err(|_| stop.cancel())
    };
    let telling = webhooks::run(&webhooks, &ledger, stop);
    let (ran, (), ()) = tokio::join!(events, answering, telling);
    ran
}

/// Parts of both kinds of service.
struct Opened {
    ledger: Ledger,
    keys: ApiKeys,
    webhooks: Vec<Webhook>,
    /// `None` if no service is wanted.
    listener: Option<TcpListener>,
}

/// Opens what both kinds of service need: ledger, keys and port.
async fn open(
    arguments: &ServeArgs,
    file: &ServiceFile,
    url: &LedgerUrl,
) -> anyhow::Result<Opened> {
    let webhooks = Webhook::of(&file.webhook)?;
    let keys = ApiKeys::new(&file.key)?;
    let listener = server::open(arguments.listen)
        .await
        .context("cannot listen for the service; give another address with --listen, or none")?;
    if let Some(listener) = &listener {
        let address = listener.local_addr()?;
        anyhow::ensure!(
            address.ip().is_loopback() || !keys.is_empty(),
            "{address} is not of this machine alone, and without API keys anyone could ask: make one with \
             `recto api-key NAME`, put it into a file and name that with --service-config"
        );
        tracing::info!(address = %address, url = format!("http://{address}/"), "the service answers");
    }
    let ledger = Ledger::open(url).await?;
    let ledger = ledger.with_webhooks(webhooks.iter().map(Webhook::filter));
    tracing::info!(version = env!("CARGO_PKG_VERSION"), ledger = %url, "recto serve starts");
    Ok(Opened {
        ledger,
        keys,
        webhooks,
        listener,
    })
}

/// Orders through the broker.
struct BrokerCanceller(BrokerConfig);

#[async_trait]
impl JobCanceller for BrokerCanceller {
    async fn cancel(&self, batch: Option<String>, job: Option<String>) -> anyhow::Result<()> {
        let order = WorkerOrder::new(OrderAction::Cancel, batch, job);
        order::send(&self.0, &order).await
    }
}
