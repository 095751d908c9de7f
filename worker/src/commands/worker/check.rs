//! `recto worker --check`: tries every component, and reports every problem at once.

use std::process::ExitCode;

use tokio::time::timeout;

use super::{WorkerArgs, probes};
use crate::{
    broker::{connection::connect, topology, topology::QueueTopology},
    commands::EXIT_FAILED,
    models::{ProgressReporter, config::SandboxPolicy, loader},
    observe::admin::AdminServer,
    os::{scratch::ScratchDir, terminal::Shown},
    store::ObjectStores,
};

/// Tries everything that a worker needs, prints the state of each, and changes nothing on broker and store.
pub(super) async fn check(arguments: &WorkerArgs) -> ExitCode {
    println!("settings: {}", Shown(arguments.shown()));
    let checks = [
        ("engine", engine(arguments)),
        ("rasterizer", rasterizer(arguments)),
        ("scratch directory", work(arguments)),
        ("admin port", admin(arguments).await),
        ("store", store(arguments).await),
        ("broker", broker(arguments).await),
    ];
    let (count, mut wrong) = (checks.len(), 0);
    for (component, found) in checks {
        match found {
            Ok(details) => println!("{component}: ok, {}", Shown(details)),
            Err(error) => {
                wrong += 1;
                println!("{component}: {}", Shown(format_args!("{error:#}")));
            }
        }
    }
    match wrong {
        0 => {
            println!("no problems found: `recto worker` can start");
            ExitCode::SUCCESS
        }
        wrong => {
            println!("{wrong} of {count} components are not usable");
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn engine(arguments: &WorkerArgs) -> anyhow::Result<String> {
    let engine = loader::engine(
        arguments.engine_settings(),
        &arguments.machine,
        ProgressReporter::Person,
    )?;
    let info = engine.info();
    Ok(format!("{} with {}", info.name, info.model))
}

fn rasterizer(arguments: &WorkerArgs) -> anyhow::Result<String> {
    let (_, sandbox) = loader::rasterizer(
        &arguments.machine,
        SandboxPolicy::Require,
        ProgressReporter::Nobody,
    )?;
    let missing = match sandbox.missing() {
        missing if missing.is_empty() => missing,
        missing => format!("; missing: {missing}"),
    };
    Ok(format!("PDFium loads; sandbox of {sandbox}{missing}"))
}

fn work(arguments: &WorkerArgs) -> anyhow::Result<String> {
    let work = ScratchDir::open(&arguments.work.base(), arguments.work.limit_bytes())?;
    work.check(0)?;
    Ok(format!("below {}", arguments.work.base().display()))
}

async fn admin(arguments: &WorkerArgs) -> anyhow::Result<String> {
    match AdminServer::open(arguments.admin.admin_address).await? {
        Some(admin) => Ok(format!("{} is free", admin.address())),
        None => Ok("none is wanted".to_owned()),
    }
}

async fn store(arguments: &WorkerArgs) -> anyhow::Result<String> {
    let stores = ObjectStores::new(&arguments.store, arguments.file_root.file_root.as_deref())?;
    let probe = probes::store(&stores, arguments.store_probe.as_ref());
    match timeout(arguments.consumer.start_timeout, probe).await {
        Ok(usable) => usable?,
        Err(_) => anyhow::bail!("it does not answer"),
    }
    let found = match &arguments.store_probe {
        Some(at) => format!("objects can be written, read, listed and removed below {at}"),
        None => "it answers and accepts the credentials; --store-probe s3://BUCKET/PREFIX/ tries what a job does"
            .to_owned(),
    };
    Ok(match arguments.bounds.warning() {
        Some(warning) => format!("{found}. Warning: {warning}"),
        None => found,
    })
}

async fn broker(arguments: &WorkerArgs) -> anyhow::Result<String> {
    let connection = connect(&arguments.broker, "check").await?;
    let topology = QueueTopology::new(&arguments.broker);
    let missing: Vec<String> = topology::queue_depths(&connection, &topology)
        .await?
        .into_iter()
        .filter(|(_, load)| load.is_none())
        .map(|(queue, _)| queue.name)
        .collect();
    match (missing.is_empty(), arguments.broker.declare) {
        (true, _) => Ok(format!(
            "{}, all queues are there",
            arguments.broker.amqp_url
        )),
        (false, true) => Ok(format!(
            "{}, {} are created at the start",
            arguments.broker.amqp_url,
            missing.join(", ")
        )),
        (false, false) => anyhow::bail!(
            "{} missing; `recto queues declare` creates them",
            missing.join(", ")
        ),
    }
}
