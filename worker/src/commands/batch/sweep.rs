//! `recto batch sweep`: what the store and the queue of dead letters say of jobs that the ledger does not know or holds
//! for open.

use std::{process::ExitCode, time::Duration};

use recto_schemas::{
    DeadLetter, Job, JobEvent, JobResult, JobStep, Manifest, OutputUris, ResultSource,
    ResultTiming, check_version,
};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;

use super::args::SweepArgs;
use crate::{
    broker::{
        config::BrokerConfig,
        connection::{close, connect},
        consume::{ConsumeOptions, Consumer, consumer_tag},
        topology::QueueTopology,
    },
    document::{MAX_MANIFEST_BYTES, manifest::hex, output::MANIFEST},
    ledger::{Ledger, database::Intake, record::split_id},
    os::{
        clock::{from_milliseconds, now},
        terminal::Shown,
    },
    store::{ObjectStore as _, ObjectStores, StoreUri},
};

/// Dead letters that are looked at: the broker delivers none behind them.
const MAX_DEAD_LETTERS: u16 = 50_000;
/// Time after which no more dead letters are expected.
const IDLE: Duration = Duration::from_secs(1);

/// Takes what is found into the ledger.
pub(super) async fn sweep(ledger: &Ledger, arguments: &SweepArgs) -> anyhow::Result<ExitCode> {
    let root = arguments.file_root.file_root.as_deref();
    let stores = ObjectStores::new(&arguments.store, root)?;
    let results = results(ledger, &stores, arguments).await?;
    let letters = dead_letters(ledger, &arguments.broker, &arguments.batch).await?;
    eprintln!(
        "{results} stored results and {letters} dead letters of the batch {} are in the ledger",
        Shown(&arguments.batch)
    );
    Ok(ExitCode::SUCCESS)
}

/// Takes the results below the prefix.
async fn results(
    ledger: &Ledger,
    stores: &ObjectStores,
    arguments: &SweepArgs,
) -> anyhow::Result<u64> {
    let name = format!("/document.{}", MANIFEST.0);
    let prefix = arguments.prefix.as_folder();
    let (mut found, mut after) = (0, None);
    loop {
        let page = stores.list(&prefix, after.as_deref()).await?;
        let mut events = Vec::new();
        let manifests = page.entries.iter().map(|entry| &entry.location);
        for uri in manifests.filter(|uri| uri.to_string().ends_with(&name)) {
            let Some(bytes) = stores.read(uri, MAX_MANIFEST_BYTES).await? else {
                continue;
            };
            match stored_result(uri, &bytes) {
                Ok(result) => {
                    let event = JobStep::Ended {
                        result: Box::new(result.clone()),
                    };
                    events.push(Intake::Event(Box::new(
                        of_known(ledger, &result.id, &arguments.batch, event).await?,
                    )));
                    found += 1;
                }
                Err(error) => eprintln!("recto: {}: {}", Shown(uri), Shown(error)),
            }
        }
        ledger.take(&events).await?;
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// The result that a manifest is of.
fn stored_result(uri: &StoreUri, bytes: &[u8]) -> anyhow::Result<JobResult> {
    let manifest: Manifest = serde_json::from_slice(bytes)?;
    check_version(&manifest.schema, Manifest::SCHEMA)?;
    let fingerprint = manifest.fingerprint.clone().unwrap_or_default();
    let id = manifest
        .job
        .clone()
        .unwrap_or_else(|| format!("unknown-{}", hex(&Sha256::digest(uri.to_string()))));
    Ok(JobResult {
        schema: JobResult::SCHEMA.to_owned(),
        id,
        state: manifest.state.into(),
        source: ResultSource {
            uri: manifest.source.uri,
            version_id: manifest.source.version_id,
            etag: manifest.source.etag,
            bytes: manifest.source.bytes,
        },
        outputs: OutputUris {
            manifest: uri.to_string(),
            manifest_sha256: Some(hex(&Sha256::digest(bytes))),
            ..OutputUris::default()
        },
        fingerprint,
        engine: manifest.engine,
        model: manifest.model,
        counts: manifest.counts,
        error: manifest.failure,
        batch: None,
        labels: Default::default(),
        traceparent: None,
        attempts: 0,
        finished_at: now(),
        timing: ResultTiming::default(),
    })
}

/// An event of a job's last try, as far as the ledger knows it.
async fn of_known(
    ledger: &Ledger,
    id: &str,
    batch: &str,
    step: JobStep,
) -> anyhow::Result<JobEvent> {
    let known = ledger.job(split_id(id).0).await?;
    let submitted = known
        .filter(|job| job.message_id() == id)
        .map_or(0, |job| job.submitted);
    Ok(JobEvent {
        schema: JobEvent::SCHEMA.to_owned(),
        id: id.to_owned(),
        batch: Some(batch.to_owned()),
        submitted_at: from_milliseconds(submitted),
        at: now(),
        step,
    })
}

/// Takes the dead letters of the batch, which stay where they are.
async fn dead_letters(ledger: &Ledger, broker: &BrokerConfig, batch: &str) -> anyhow::Result<u64> {
    let topology = QueueTopology::new(broker);
    let connection = connect(broker, "ledger, sweep").await?;
    let options = ConsumeOptions {
        from_first: false,
        queue: topology.dead,
        prefetch: MAX_DEAD_LETTERS,
        tag: consumer_tag(),
        ack_timeout: None,
        answer_timeout: broker.amqp_timeout,
    };
    let mut consumer = Consumer::start(&connection, options).await?;
    let mut events = Vec::new();
    while let Ok(delivery) = timeout(IDLE, consumer.next()).await {
        let message = delivery?.message;
        let Ok(letter) = serde_json::from_slice::<DeadLetter>(&message.body) else {
            continue;
        };
        let (Some(id), true) = (&letter.id, letter.batch.as_deref() == Some(batch)) else {
            continue;
        };
        let job = serde_json::from_str::<Job>(&letter.body).ok();
        let submitted_at = job.and_then(|job| job.submitted_at);
        events.push(Intake::Event(Box::new(JobEvent {
            schema: JobEvent::SCHEMA.to_owned(),
            id: id.clone(),
            batch: Some(batch.to_owned()),
            submitted_at,
            at: letter.failed_at.clone(),
            step: JobStep::DeadLettered {
                letter: Box::new(letter),
            },
        })));
    }
    close(&connection).await;
    ledger.take(&events).await?;
    Ok(u64::try_from(events.len()).unwrap_or(u64::MAX))
}
