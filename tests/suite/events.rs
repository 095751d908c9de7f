//! Events of stores: each document becomes one job, whatever of its events comes, how often and in which order.

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Output},
};

use lapin::types::AMQPValue;
use recto_schemas::Job;
use serde_json::{Value, json};

use crate::support::{
    amqp::AmqpClient,
    cluster::{DOCUMENTS, TestCluster, WorkerProcess},
    eventually,
    objects::MotoServer,
    pdf, seen, wait_until,
};

/// Keys with signs that the stores write in different ways.
const KEYS: [&str; 4] = [
    "in/red flower.pdf",
    "in/a+b.pdf",
    "in/50%.pdf",
    "in/Grüße %41.pdf",
];

/// A service's file beside the ledger.
fn service_file(cluster: &TestCluster, text: &str) -> String {
    let path = cluster.work_folder().join("service.toml");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn ledger(cluster: &TestCluster) -> String {
    let path = cluster.work_folder().join("ledger.db");
    path.display().to_string()
}

/// `recto serve` that takes events.
fn serve(cluster: &TestCluster, file: &str) -> WorkerProcess {
    let serve = cluster.serve_with(&ledger(cluster), |command| {
        command.env("RECTO_SERVICE_CONFIG", file);
        command.args(["--listen", "none"]);
    });
    serve.wait_for("taking events of stores");
    serve
}

/// The jobs that wait in the queue.
fn queued(client: &AmqpClient) -> Vec<Job> {
    let messages = client.take_all("recto.jobs");
    let jobs = messages
        .iter()
        .map(|message| serde_json::from_slice(&message.body).unwrap());
    jobs.collect()
}

/// A batch, by the ledger.
fn status(cluster: &TestCluster, batch: &str) -> Option<Value> {
    let mut command = cluster.recto("batch");
    command.args(["status", batch, "--json", "--ledger", &ledger(cluster)]);
    serde_json::from_slice(&command.output().unwrap().stdout).ok()
}

fn record(source: &str, event: &str, bucket: &str, key: &str) -> Value {
    json!({
        "eventVersion": "2.0", "eventSource": source, "eventTime": "2026-11-29T17:40:00.000Z", "eventName": event,
        "s3": {"bucket": {"name": bucket}, "object": {"key": key, "size": 1, "sequencer": "17A"}},
    })
}

/// A notification as MinIO's code builds it: the key as Go's `url.QueryEscape` writes it.
fn minio(event: &str, bucket: &str, key: &str) -> Value {
    let escaped: String = key
        .bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    json!({
        "EventName": event, "Key": format!("{bucket}/{key}"),
        "Records": [record("minio:s3", event, bucket, &escaped)],
    })
}

/// A notification as Ceph's gateway writes it: the key as it is.
fn ceph(event: &str, bucket: &str, key: &str) -> Value {
    json!({"Records": [record("ceph:s3", event, bucket, key)]})
}

fn page(text: &str) -> Vec<u8> {
    pdf::with_pages(&[&pdf::text(&[text])])
}

const RULE: &str = r#"
    [[rule]]
    name = "letters"
    bucket = "documents"
    prefix = "in/"
    output = "s3://documents/in/texts/"

    [[source]]
    kind = "amqp"
    exchange = "stores"
"#;

#[test]
fn events_that_come_often_and_backwards_are_one_job_each() {
    let cluster = TestCluster::start();
    cluster.declare();
    let file = service_file(&cluster, RULE);
    let client = cluster.rabbit.client();
    // As MinIO declares it by default.
    client.declare_exchange("stores", lapin::ExchangeKind::Fanout, false);
    let _serve = serve(&cluster, &file);
    for key in KEYS {
        cluster.store.put(DOCUMENTS, key, &page(key));
    }
    let mut events = Vec::new();
    for key in KEYS {
        let ceph_key = key.replace("in/", "in/ceph/");
        cluster.store.put(DOCUMENTS, &ceph_key, &page(&ceph_key));
        events.push(minio("s3:ObjectCreated:Put", DOCUMENTS, key));
        events.push(ceph("s3:ObjectCreated:Put", DOCUMENTS, &ceph_key));
        events.push(minio("s3:ObjectRemoved:Delete", DOCUMENTS, key));
    }
    events.push(ceph(
        "ObjectCreated:Put",
        DOCUMENTS,
        "in/texts/a.pdf/0a/document.pages/0001.webp",
    ));
    events.push(minio("s3:ObjectCreated:Put", DOCUMENTS, "in/notes.txt"));
    for event in [&events, &events, &events].into_iter().flatten().rev() {
        client.publish_to("stores", "bucketlogs", event.to_string().as_bytes());
    }
    eventually("all events are settled", || {
        cluster.rabbit.queues().iter().any(|(name, counts)| {
            name == "recto.jobs.notifications" && counts.ready + counts.unacked == 0
        }) && client.ready("recto.jobs") as usize >= 2 * KEYS.len()
    });
    let jobs = queued(&client);
    let sources: BTreeSet<&str> = jobs.iter().map(|job| job.source.uri.as_str()).collect();
    let wanted: BTreeSet<String> = KEYS
        .iter()
        .flat_map(|key| [(*key).to_owned(), key.replace("in/", "in/ceph/")])
        .map(|key| format!("s3://{DOCUMENTS}/{key}"))
        .collect();
    assert_eq!(sources, wanted.iter().map(String::as_str).collect());
    assert_eq!(jobs.len(), wanted.len(), "one job each");
    for job in &jobs {
        assert!(
            job.source.etag.is_some(),
            "pinned to what was found: {job:?}"
        );
    }
    let known = status(&cluster, "letters").unwrap();
    assert_eq!(
        (&known["submitted"], &known["waiting"]),
        (&json!(8), &json!(8)),
        "{known}"
    );

    // Another version of a document is another job, pinned to its own ETag; what was there before is known.
    cluster
        .store
        .put(DOCUMENTS, KEYS[0], &page("Another letter."));
    let event = minio("s3:ObjectCreated:Put", DOCUMENTS, KEYS[0]).to_string();
    client.publish_to("stores", "bucketlogs", event.as_bytes());
    eventually("the new version is queued", || {
        client.ready("recto.jobs") == 1
    });
    let new = queued(&client).remove(0);
    let old = jobs
        .iter()
        .find(|job| job.source.uri == new.source.uri)
        .unwrap();
    assert_ne!(old.source.etag, new.source.etag);
}

#[test]
fn results_beside_the_documents_make_no_loop() {
    let cluster = TestCluster::start();
    let file = service_file(&cluster, RULE);
    let client = cluster.rabbit.client();
    let serve = serve(&cluster, &file);
    let _worker = cluster.worker();
    // Ceph tells of an upload in parts when it begins: the object comes later.
    let begun = ceph("ObjectCreated:Post", DOCUMENTS, "in/a.pdf").to_string();
    client.publish("recto.jobs.notifications", begun.as_bytes());
    client.publish("recto.jobs.notifications", b"{\"hello\": 1}");
    cluster.store.put(DOCUMENTS, "in/a.pdf", &page("A letter."));
    let done = |jobs: i64| {
        wait_until(
            &format!("{jobs} documents are read"),
            || status(&cluster, "letters").is_some_and(|status| status["done"] == json!(jobs)),
            || serve.log(),
        );
    };
    done(1);
    // The store tells of every result.
    let results = cluster.store.list(DOCUMENTS, "in/texts/");
    assert!(
        results.iter().any(|key| key.ends_with(".md")),
        "{results:?}"
    );
    for key in &results {
        let event = ceph("ObjectCreated:Put", DOCUMENTS, key).to_string();
        client.publish("recto.jobs.notifications", event.as_bytes());
    }
    cluster.store.put(DOCUMENTS, "in/b.pdf", &page("Another."));
    let event = ceph("ObjectCreated:Put", DOCUMENTS, "in/b.pdf").to_string();
    client.publish("recto.jobs.notifications", event.as_bytes());
    done(2);
    let known = status(&cluster, "letters").unwrap();
    assert_eq!(known["submitted"], 2, "{known}");

    let set_aside = client.take_all("recto.jobs.notifications.unreadable");
    assert_eq!(set_aside.len(), 1);
    assert_eq!(set_aside[0].json(), json!({"hello": 1}));
    let headers = set_aside[0].properties.headers().clone().unwrap();
    let Some(AMQPValue::LongString(reason)) = headers.inner().get("x-recto-reason") else {
        panic!("{headers:?}")
    };
    let reason = reason.to_string();
    assert!(reason.contains("no notification"), "{reason}");
}

/// `recto sweep`.
fn sweep(cluster: &TestCluster, file: &str, arguments: &[&str]) -> Output {
    let mut command: Command = cluster.recto("sweep");
    command.env("RECTO_SERVICE_CONFIG", file);
    command.env("RECTO_LEDGER", ledger(cluster));
    command.args(arguments).output().unwrap()
}

#[test]
fn a_sweep_finds_what_no_event_told_of() {
    let mut cluster = TestCluster::start();
    cluster.declare();
    let file = service_file(&cluster, RULE);
    let serve = serve(&cluster, &file);
    let event = minio("s3:ObjectCreated:Put", DOCUMENTS, "in/told.pdf").to_string();
    cluster.rabbit.stop();
    // The events of these were lost.
    for number in 0..20 {
        let key = format!("in/a b+{number}%.pdf");
        cluster.store.put(DOCUMENTS, &key, &page(&key));
    }
    cluster
        .store
        .put(DOCUMENTS, "in/texts/a/document.pages/1.webp", b"RIFF");
    cluster.store.put(DOCUMENTS, "in/empty.pdf", b"");

    cluster.rabbit.start_again();
    serve.wait_for_times("taking events of stores", 2);
    cluster.store.put(DOCUMENTS, "in/told.pdf", &page("Told."));
    let client = cluster.rabbit.client();
    client.publish("recto.jobs.notifications", event.as_bytes());
    eventually("it is queued", || client.ready("recto.jobs") == 1);

    let dry = sweep(&cluster, &file, &["--dry-run"]);
    let said = seen(&dry);
    assert!(
        said.contains("20 would be submitted, 1 known, 1 left"),
        "{said}"
    );
    assert_eq!(client.ready("recto.jobs"), 1, "{said}");
    let first = sweep(&cluster, &file, &["--rule", "letters"]);
    let said = seen(&first);
    assert!(
        first.status.success() && said.contains("20 submitted, 1 known"),
        "{said}"
    );
    assert_eq!(
        String::from_utf8_lossy(&first.stdout).lines().count(),
        20,
        "{said}"
    );
    assert_eq!(client.ready("recto.jobs"), 21);
    let second = seen(&sweep(&cluster, &file, &[]));
    assert!(second.contains("0 submitted, 21 known"), "{second}");

    let none = seen(&sweep(&cluster, &file, &["--rule", "leters"]));
    assert!(none.contains("there is no rule \"leters\""), "{none}");
}

#[test]
fn aws_tells_of_documents_by_sqs() {
    let cluster = TestCluster::start();
    cluster.declare();
    let moto = MotoServer::start();
    moto.create_bucket(DOCUMENTS);
    let queue = moto.queue_of(DOCUMENTS);
    let file = service_file(
        &cluster,
        &format!(
            "[[rule]]\nname = \"aws\"\nbucket = \"documents\"\noutput = \"s3://results/out\"\n\n\
             [[source]]\nkind = \"sqs\"\nqueue-url = \"{queue}\"\nendpoint = \"{}\"\n",
            moto.endpoint()
        ),
    );
    let serve = cluster.serve_with(&ledger(&cluster), |command| {
        moto.env(command);
        command.env("RECTO_SERVICE_CONFIG", &file);
        command.args(["--listen", "none"]);
    });
    serve.wait_for("taking events of stores");
    for key in KEYS {
        moto.put(DOCUMENTS, key, &page(key));
    }
    moto.put(DOCUMENTS, "in/gone.pdf", b"%PDF");
    moto.delete(DOCUMENTS, "in/gone.pdf");
    moto.put(DOCUMENTS, "notes.txt", b"none");
    let client = cluster.rabbit.client();
    let mut jobs = Vec::new();
    wait_until(
        "each document is a job",
        || {
            jobs.extend(queued(&client));
            jobs.len() >= KEYS.len()
        },
        || serve.log(),
    );
    let found = |jobs: &[Job]| -> BTreeSet<String> {
        let uris = jobs.iter().map(|job| job.source.uri.clone());
        uris.filter(|uri| !uri.ends_with("gone.pdf")).collect()
    };
    wait_until(
        "every message is settled, but for the one of what is gone",
        || {
            let (ready, taken) = moto.messages(&queue);
            ready == 0 && taken <= 1
        },
        || serve.log(),
    );
    jobs.extend(queued(&client));
    let wanted: BTreeSet<String> = KEYS
        .iter()
        .map(|key| format!("s3://{DOCUMENTS}/{key}"))
        .collect();
    assert_eq!(found(&jobs), wanted);
}

#[test]
fn files_that_arrive_in_a_folder_are_read_once_they_are_whole() {
    let cluster = TestCluster::start();
    let root = cluster.work_folder().join("files");
    let inbox = root.join("inbox");
    fs::create_dir_all(inbox.join("1911")).unwrap();
    fs::write(inbox.join("before.pdf"), page("Before.")).unwrap();
    let file = service_file(
        &cluster,
        &format!(
            "[[rule]]\nname = \"inbox\"\nfolder = {inbox:?}\noutput = \"file://{}\"\n",
            inbox.join("texts").display()
        ),
    );
    let serve = cluster.serve_with(&ledger(&cluster), |command| {
        command.env("RECTO_SERVICE_CONFIG", &file);
        command.env("RECTO_FILE_ROOT", &root);
        command.args(["--listen", "none"]);
    });
    serve.wait_for("watching a folder");
    let _worker = cluster.worker_with(|command| {
        command.env("RECTO_FILE_ROOT", &root);
    });
    let whole = page("A letter that is copied slowly.");
    fs::write(inbox.join("1911/half.pdf"), &whole[..100]).unwrap();
    fs::write(inbox.join("1911/a+b 50%.pdf.part"), &whole).unwrap();
    fs::write(inbox.join(".hidden.pdf"), &whole).unwrap();
    std::thread::sleep(std::time::Duration::from_secs(2));
    fs::rename(
        inbox.join("1911/a+b 50%.pdf.part"),
        inbox.join("1911/a+b 50%.pdf"),
    )
    .unwrap();
    fs::write(inbox.join("1911/half.pdf"), &whole).unwrap();
    // A folder that is moved in is one event.
    fs::create_dir(root.join("moved")).unwrap();
    fs::write(root.join("moved/c.pdf"), page("Moved.")).unwrap();
    fs::rename(root.join("moved"), inbox.join("moved")).unwrap();
    wait_until(
        "four documents are read",
        || {
            status(&cluster, "inbox")
                .is_some_and(|status| status["done"] == json!(4) && status["submitted"] == json!(4))
        },
        || format!("{:?}\n{}", status(&cluster, "inbox"), serve.log()),
    );
}
