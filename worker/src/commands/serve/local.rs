//! `recto serve --local`: a service by itself, which reads the documents in this process.

use std::{fs, path::Path, sync::Arc};

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::{ServeArgs, ServiceParts, open, run_service};
use crate::{
    commands::worker::{JobSettings, job_context},
    events::{
        config::{EventRule, EventSource},
        rules::Rules,
    },
    job::bounds::JobBounds,
    ledger::config::LedgerUrl,
    service::{config::ServiceFile, local::LocalWorker},
    store::{ObjectStores, StoreUri},
};

/// Documents that are read at once: the second one's pages keep the engine busy while the first one opens or ends.
const DOCUMENTS_AT_ONCE: usize = 3;

/// Serves until it is told to stop.
pub(super) async fn serve(
    arguments: &ServeArgs,
    file: &ServiceFile,
    folder: &Path,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let shown = folder.display();
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {shown}"))?;
    let folder =
        fs::canonicalize(folder).with_context(|| format!("cannot use the folder {shown}"))?;
    let stores = Arc::new(ObjectStores::new(&arguments.store, Some(&folder))?);
    let url = match arguments.ledger.is_given() {
        true => arguments.ledger.url(),
        false => LedgerUrl::File(folder.join("ledger.db")),
    };
    let needs_broker = file
        .source
        .iter()
        .any(|source| matches!(source, EventSource::Amqp(_)));
    anyhow::ensure!(
        !needs_broker,
        "a [[source]] of the kind `amqp` needs a broker, and --local has none"
    );
    let inbox = folder.join("inbox");
    fs::create_dir_all(&inbox).with_context(|| format!("cannot make {}", inbox.display()))?;
    let results = below(&folder, "results");
    let mut rules = file.rule.clone();
    rules.push(EventRule::of_folder("inbox", inbox, results.to_string()));
    let opened = open(arguments, file, &url).await?;
    let settings = JobSettings {
        engine: arguments.engine_settings(),
        machine: &arguments.machine,
        work: &arguments.work,
        limits: &arguments.limits,
        bounds: &JobBounds::default(),
        stores: Arc::clone(&stores),
    };
    let (context, _) = tokio::task::block_in_place(|| job_context(settings))?;
    let metrics = Arc::clone(&context.metrics);
    let (worker, jobs) = LocalWorker::new(context, opened.ledger.clone());
    let parts = ServiceParts {
        opened,
        stores,
        sink: Arc::clone(&worker) as _,
        canceller: Arc::clone(&worker) as _,
        uploads: Some(below(&folder, "documents")),
        output: Some(results),
        rules: Rules::new(&rules, Some(&folder))?,
        worker: Some(metrics),
    };
    let reading = async {
        let read = worker.run(jobs, DOCUMENTS_AT_ONCE, stop).await;
        stop.cancel();
        read
    };
    let (read, ran) = tokio::join!(reading, run_service(arguments, file, parts, stop));
    ran?;
    read
}

fn below(folder: &Path, name: &str) -> StoreUri {
    StoreUri::File {
        path: folder.join(name).to_string_lossy().into_owned(),
    }
}
