//! The ledger: every job of a batch has its place, whatever happens to queues, workers, database and ledger.

use std::{collections::BTreeMap, fs, path::Path, process::Output};

use lapin::BasicProperties;
use recto_schemas::{Job, TextLayer};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::support::{
    cluster::{RESULTS, TestCluster},
    eventually, pdf,
    postgres::PostgresServer,
    seen, wait_until,
};

/// The file of a ledger beside the workers' scratch.
fn ledger_file(cluster: &TestCluster) -> String {
    cluster
        .work_folder()
        .join("ledger.db")
        .display()
        .to_string()
}

fn batch(cluster: &TestCluster, ledger: &str, arguments: &[&str]) -> Output {
    let mut command = cluster.recto("batch");
    command.env("RECTO_LEDGER", ledger);
    command.args(arguments).output().unwrap()
}

/// The state of a batch. Every look must add up.
fn status(cluster: &TestCluster, ledger: &str, name: &str) -> Option<Value> {
    let output = batch(cluster, ledger, &["status", name, "--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).ok()?;
    let number = |member: &str| status[member].as_i64().unwrap();
    let ended: i64 = [
        "done",
        "partial",
        "failed",
        "skipped",
        "dead",
        "cancelled",
        "open",
    ]
    .into_iter()
    .map(number)
    .sum();
    assert_eq!(number("submitted"), ended, "{status}");
    assert_eq!(
        number("open"),
        number("waiting") + number("reading") + number("lost"),
        "{status}"
    );
    Some(status)
}

fn wait_for(cluster: &TestCluster, ledger: &str, name: &str, wanted: &[(&str, i64)]) -> Value {
    let mut last = None;
    wait_until(
        &format!("the batch {name} stands at {wanted:?}"),
        || {
            last = status(cluster, ledger, name);
            let last = last.as_ref();
            last.is_some_and(|status| {
                wanted
                    .iter()
                    .all(|(member, number)| status[*member] == json!(number))
            })
        },
        || format!("{:?}", status(cluster, ledger, name)),
    );
    last.unwrap()
}

/// Submits what lies below a prefix of the bucket of documents.
fn submit(cluster: &TestCluster, prefix: &str, name: &str) -> Output {
    let mut command = cluster.recto("submit");
    command.args([
        &format!("s3://documents/{prefix}"),
        "-o",
        "s3://results/out",
        "--batch",
        name,
    ]);
    command.output().unwrap()
}

fn page(text: &str) -> Vec<u8> {
    pdf::with_pages(&[&pdf::text(&[text])])
}

#[test]
fn a_batch_is_accounted_for_from_submission_to_bag() {
    let cluster = TestCluster::start();
    let ledger = ledger_file(&cluster);
    for key in ["in/a.pdf", "in/1911/b.pdf", "in/1911/50%.pdf"] {
        cluster
            .store
            .put("documents", key, &page(&format!("Letter {key}.")));
    }
    cluster
        .store
        .put("documents", "in/broken.pdf", b"%PDF-1.7\nnothing else");
    let serve = cluster.serve(&ledger);
    let submitted = submit(&cluster, "in/", "1911");
    assert!(submitted.status.success(), "{}", seen(&submitted));
    wait_for(
        &cluster,
        &ledger,
        "1911",
        &[("submitted", 4), ("waiting", 4)],
    );
    // A run that is broken off and begun again submits none twice.
    assert!(submit(&cluster, "in/", "1911").status.success());
    let _worker = cluster.worker();
    let ended = wait_for(
        &cluster,
        &ledger,
        "1911",
        &[("submitted", 4), ("done", 3), ("dead", 1), ("open", 0)],
    );
    assert_eq!(ended["reasons"]["damaged"], 1, "{ended}");
    assert_eq!(ended["pages"], 3, "{ended}");

    let shown = batch(
        &cluster,
        &ledger,
        &["show", "1911", "--state", "dead", "--format", "jsonl"],
    );
    let dead: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(dead["source"], "s3://documents/in/broken.pdf");
    let whole = batch(
        &cluster,
        &ledger,
        &["show", "1911", "--job", dead["id"].as_str().unwrap()],
    );
    let whole: Value = serde_json::from_slice(&whole.stdout).unwrap();
    assert_eq!(whole["job"]["source"]["uri"], dead["source"]);

    let verified = batch(&cluster, &ledger, &["verify", "1911"]);
    assert!(verified.status.success(), "{}", seen(&verified));
    let folder = cluster.work_folder().join("bag");
    let export = ["export", "1911", "--bagit", folder.to_str().unwrap()];
    let exported = batch(&cluster, &ledger, &export);
    assert!(exported.status.success(), "{}", seen(&exported));
    check_bag(&folder, 3);

    for key in cluster.store.list(RESULTS, "") {
        if key.contains("/b.pdf/") {
            let mut object = cluster.store.get(RESULTS, &key).unwrap();
            let middle = object.bytes.len() / 2;
            object.bytes[middle] ^= 1;
            cluster.store.put(RESULTS, &key, &object.bytes);
            let named = batch(&cluster, &ledger, &["verify", "1911"]);
            let text = String::from_utf8(named.stdout.clone()).unwrap();
            assert_eq!(named.status.code(), Some(1), "{}", seen(&named));
            assert!(
                text.starts_with(&format!("s3://results/{key} differs"))
                    && text.lines().count() == 1,
                "{text}"
            );
            object.bytes[middle] ^= 1;
            cluster.store.put(RESULTS, &key, &object.bytes);
        }
    }

    for (ending, wanted) in [
        ("html", "damaged"),
        ("csv", "in/1911/50%25.pdf"),
        ("json", "\"attention\""),
    ] {
        let file = cluster.work_folder().join(format!("report.{ending}"));
        let written = batch(
            &cluster,
            &ledger,
            &["report", "1911", "-o", file.to_str().unwrap()],
        );
        assert!(written.status.success(), "{}", seen(&written));
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(wanted), "{text}");
    }
    drop(serve);
}

/// Every payload file and tag file of a bag has its hash in a manifest (RFC 8493).
fn check_bag(folder: &Path, results: usize) {
    let listed = |manifest: &str| -> BTreeMap<String, String> {
        let text = fs::read_to_string(folder.join(manifest)).unwrap();
        let pairs = text.lines().map(|line| line.split_once("  ").unwrap());
        pairs
            .map(|(hash, path)| (path.replace("%25", "%"), hash.to_owned()))
            .collect()
    };
    let payload = listed("manifest-sha256.txt");
    for (path, hash) in payload.iter().chain(&listed("tagmanifest-sha256.txt")) {
        let bytes = fs::read(folder.join(path)).unwrap();
        let found: String = Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(found, *hash, "{path}");
    }
    let manifests = payload
        .keys()
        .filter(|path| path.ends_with("/document.json"));
    assert_eq!(manifests.count(), results, "{payload:?}");
    assert!(
        fs::read_to_string(folder.join("bagit.txt"))
            .unwrap()
            .starts_with("BagIt-Version: 1.0\n")
    );
}

#[test]
fn a_submission_that_is_watched_ends_with_its_jobs() {
    let cluster = TestCluster::start();
    let _worker = cluster.worker();
    let client = cluster.rabbit.client();
    client.declare("mine", &[]);
    client.bind("mine", "recto.jobs.events", "#");
    cluster
        .store
        .put("documents", "in/a.pdf", &page("A letter."));
    cluster.store.put("documents", "in/b.pdf", b"%PDF-1.7");
    let mut command = cluster.recto("submit");
    command.args(["s3://documents/in/", "-o", "s3://results/out", "--watch"]);
    let watched = command.output().unwrap();
    let text = String::from_utf8(watched.stdout.clone()).unwrap();
    assert_eq!(watched.status.code(), Some(1), "{}", seen(&watched));
    let ended: Vec<&str> = text.lines().skip(2).collect();
    assert_eq!(ended.len(), 2, "{text}");
    assert!(
        ended
            .iter()
            .any(|line| line.starts_with("done") && line.contains("in/a.pdf")),
        "{text}"
    );
    assert!(
        ended
            .iter()
            .any(|line| line.contains("damaged") && line.contains("in/b.pdf")),
        "{text}"
    );
    // Whoever binds a queue hears of all.
    let mut heard: Vec<String> = client
        .take_all("mine")
        .iter()
        .filter_map(|message| Some(message.json()["event"].as_str()?.to_owned()))
        .collect();
    heard.sort();
    assert_eq!(
        heard,
        [
            "dead-lettered",
            "ended",
            "started",
            "started",
            "submitted",
            "submitted"
        ]
    );
}

#[test]
fn jobs_that_a_purged_queue_held_are_named_and_only_they_are_retried() {
    let cluster = TestCluster::start();
    let ledger = ledger_file(&cluster);
    for number in 0..6 {
        cluster
            .store
            .put("documents", &format!("in/{number}.pdf"), &page("A letter."));
    }
    cluster
        .store
        .put("documents", "ended/e.pdf", &page("Another letter."));
    let _serve = cluster.serve(&ledger);
    let mut worker = cluster.worker();
    assert!(submit(&cluster, "ended/", "lost").status.success());
    wait_for(&cluster, &ledger, "lost", &[("done", 1)]);
    worker.terminate();
    assert!(submit(&cluster, "in/", "lost").status.success());
    cluster.rabbit.ctl(&["purge_queue", "recto.jobs"]);
    let worker = cluster.worker();
    wait_for(&cluster, &ledger, "lost", &[("done", 1), ("lost", 6)]);
    let shown = batch(&cluster, &ledger, &["show", "lost", "--state", "lost"]);
    let named = String::from_utf8(shown.stdout).unwrap();
    assert!(
        (0..6).all(|number| named.contains(&format!("s3://documents/in/{number}.pdf"))),
        "{named}"
    );
    let retried = batch(&cluster, &ledger, &["retry", "lost", "--state", "lost"]);
    assert!(retried.status.success(), "{}", seen(&retried));
    wait_for(
        &cluster,
        &ledger,
        "lost",
        &[("submitted", 7), ("done", 7), ("open", 0)],
    );
    assert_eq!(worker.events("job started").len(), 6);
    assert_eq!(
        batch(&cluster, &ledger, &["status", "lost"]).status.code(),
        Some(0)
    );
}

#[test]
fn a_ledger_that_is_lost_is_filled_again_from_store_and_dead_letters() {
    let cluster = TestCluster::start();
    let ledger = ledger_file(&cluster);
    for number in 0..3 {
        let key = format!("in/{number}.pdf");
        cluster.store.put("documents", &key, &page("A letter."));
    }
    cluster.store.put("documents", "in/broken.pdf", b"%PDF-1.7");
    let serve = cluster.serve(&ledger);
    let _worker = cluster.worker();
    assert!(submit(&cluster, "in/", "b").status.success());
    let before = wait_for(
        &cluster,
        &ledger,
        "b",
        &[("done", 3), ("dead", 1), ("open", 0)],
    );
    drop(serve);
    let other = cluster.work_folder().join("other.db").display().to_string();
    for _ in 0..2 {
        let swept = batch(&cluster, &other, &["sweep", "b", "s3://results/out/"]);
        assert!(swept.status.success(), "{}", seen(&swept));
        assert_eq!(status(&cluster, &other, "b"), Some(before.clone()));
    }
    let verified = batch(&cluster, &other, &["verify", "b"]);
    assert!(verified.status.success(), "{}", seen(&verified));
}

#[test]
fn failed_jobs_are_retried_with_other_options_and_count_once() {
    let cluster = TestCluster::start();
    let ledger = ledger_file(&cluster);
    let _serve = cluster.serve(&ledger);
    let _worker = cluster.worker();
    let pages: Vec<String> = (0..4)
        .map(|number| pdf::text(&[&format!("Page {number}.")]))
        .collect();
    let pages: Vec<&str> = pages.iter().map(String::as_str).collect();
    cluster
        .store
        .put("documents", "in/long.pdf", &pdf::with_pages(&pages));
    cluster
        .store
        .put("documents", "in/good.pdf", &page("A letter."));
    let mut command = cluster.recto("submit");
    command.args([
        "s3://documents/in/",
        "-o",
        "s3://results/out",
        "--batch",
        "b",
        "--max-document-size",
        "900B",
    ]);
    let submitted = command.output().unwrap();
    assert!(submitted.status.success(), "{}", seen(&submitted));
    wait_for(
        &cluster,
        &ledger,
        "b",
        &[("submitted", 2), ("done", 1), ("dead", 1)],
    );
    let retry = [
        "retry",
        "b",
        "--max-document-size",
        "2MB",
        "--text-layer",
        "always",
    ];
    let retried = batch(&cluster, &ledger, &retry);
    assert!(retried.status.success(), "{}", seen(&retried));
    let text = String::from_utf8(retried.stdout).unwrap();
    assert!(
        text.contains("~2  s3://documents/in/long.pdf") && text.lines().count() == 1,
        "{text}"
    );
    wait_for(
        &cluster,
        &ledger,
        "b",
        &[("submitted", 2), ("done", 2), ("dead", 0)],
    );
    let manifests = cluster.manifests();
    let long = manifests
        .iter()
        .find(|(key, _)| key.contains("long.pdf"))
        .unwrap()
        .1;
    assert_eq!(long.options.text_layer, TextLayer::Always);
}

/// A result that is told three times, backwards and after its ledger was killed, counts once, on either database.
fn events_count_once(ledger: &str, cluster: &TestCluster, mut restart: impl FnMut()) {
    let mut serve = cluster.serve(ledger);
    let jobs: Vec<Job> = (0..40)
        .map(|number| Job {
            batch: Some("b".to_owned()),
            submitted_at: Some("2026-01-01T00:00:00Z".to_owned()),
            ..crate::support::cluster::job(
                &format!("job-{number}"),
                &format!("s3://documents/{number}.pdf"),
            )
        })
        .collect();
    let event = |job: &Job, step: Value| {
        let mut event = json!({
            "schema": "recto.event/v1", "id": job.id, "batch": "b", "submitted_at": job.submitted_at,
            "at": "2026-01-01T00:00:09Z",
        });
        event
            .as_object_mut()
            .unwrap()
            .extend(step.as_object().unwrap().clone());
        serde_json::to_vec(&event).unwrap()
    };
    let letter = |job: &Job, kind: &str| {
        json!({"event": "dead-lettered", "letter": {
            "schema": "recto.dead-letter/v1", "id": job.id, "stage": "read", "kind": kind, "message": "why",
            "attempts": 1, "redelivery_count": 0, "failed_at": "2026-01-01T00:00:00Z", "body": "{}",
        }})
    };
    let client = cluster.rabbit.client();
    for turn in 0..3 {
        for (number, job) in jobs.iter().enumerate().rev() {
            let kind = if number % 4 == 0 {
                "job-cancelled"
            } else {
                "timeout"
            };
            client.publish("recto.jobs.ledger", &event(job, letter(job, kind)));
            client.publish(
                "recto.jobs.ledger",
                &event(job, json!({"event": "submitted", "job": job})),
            );
            if turn == 1 && number == 20 {
                serve.kill();
                restart();
                serve = cluster.serve(ledger);
            }
            if number % 10 == 0 {
                status(cluster, ledger, "b");
            }
        }
    }
    client.publish_with("recto.jobs.ledger", b"no event", BasicProperties::default());
    eventually("every event is taken", || {
        client.ready("recto.jobs.ledger") == 0
    });
    wait_for(
        cluster,
        ledger,
        "b",
        &[
            ("submitted", 40),
            ("dead", 30),
            ("cancelled", 10),
            ("open", 0),
        ],
    );
    eventually("the message that is no event is told of", || {
        let list = batch(cluster, ledger, &["list"]);
        String::from_utf8_lossy(&list.stderr).contains("1 messages to the ledger were no events")
    });
}

#[test]
fn events_count_once_in_sqlite() {
    let cluster = TestCluster::start();
    let ledger = ledger_file(&cluster);
    events_count_once(&ledger, &cluster, || {});
}

#[test]
fn events_count_once_in_postgresql_that_is_killed_too() {
    let cluster = TestCluster::start();
    let mut server = PostgresServer::start();
    let url = server.url();
    events_count_once(&url, &cluster, || {
        server.kill();
        server.start_again();
    });
}
