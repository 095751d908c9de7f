//! One job, and many: what is stored and what is said of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::{Command, Stdio},
};

use recto_schemas::{DocumentState, Job, Manifest, ResultState, SchemaName};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::{
    cluster::{DOCUMENTS, RESULTS, TestCluster, job},
    part, pdf,
};

const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[test]
fn a_job_becomes_a_document_a_manifest_and_a_result() {
    let cluster = TestCluster::start();
    let worker = cluster.worker();
    let mut job = cluster.document(
        "ledger 4",
        &pdf::with_pages(&[
            &pdf::text(&["The first page."]),
            &pdf::text(&["The second page."]),
        ]),
    );
    job.batch = Some("ledgers".to_owned());
    job.labels = BTreeMap::from([("shelf".to_owned(), "B 12".to_owned())]);
    job.traceparent = Some(TRACE.to_owned());
    job.submitted_at = Some("2026-11-21T09:00:00Z".to_owned());
    job.options.html = true;
    cluster.submit([&job]);

    let accounts = cluster.accounts(1);
    let result = &accounts.results["ledger 4"];
    assert_eq!(result.state, ResultState::Done);
    assert_eq!(
        (result.batch.as_deref(), &result.labels),
        (Some("ledgers"), &job.labels)
    );
    assert_eq!(result.traceparent.as_deref(), Some(TRACE));
    assert_eq!(result.counts.text_layer, 2);
    assert!(result.timing.queue_s.unwrap() > 0.0);
    let schema = serde_json::to_value(recto_schemas::schema(SchemaName::Result)).unwrap();
    assert!(jsonschema::is_valid(
        &schema,
        &serde_json::to_value(result).unwrap()
    ));

    let folder = format!("out/in/ledger 4.pdf/{}", &result.fingerprint[..16]);
    let stored = cluster
        .store
        .get(RESULTS, &format!("{folder}/document.json"))
        .unwrap();
    let manifest: Manifest = serde_json::from_slice(&stored.bytes).unwrap();
    let get = |ending: &str| {
        let mut files = manifest.files.iter();
        let file = files.find(|file| file.name.ends_with(ending)).unwrap();
        let key = format!("{folder}/{}", file.name);
        let object = cluster.store.get(RESULTS, &key);
        let object = object.unwrap_or_else(|| panic!("no {key}"));
        let sha256: String = Sha256::digest(&object.bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            (object.bytes.len() as u64, sha256),
            (file.bytes, file.sha256.clone())
        );
        object
    };
    let uri = |ending: &str| {
        let mut files = manifest.files.iter();
        let file = files.find(|file| file.name.ends_with(ending)).unwrap();
        format!("s3://{RESULTS}/{folder}/{}", file.name)
    };
    assert_eq!(
        result.outputs.manifest,
        format!("s3://{RESULTS}/{folder}/document.json")
    );
    assert_eq!(result.outputs.markdown, Some(uri("md")));
    assert_eq!(result.outputs.html, Some(uri("html")));
    let markdown = get("md");
    assert_eq!(markdown.content_type, "text/markdown; charset=utf-8");
    let text = String::from_utf8(markdown.bytes).unwrap();
    assert!(
        text.contains("The first page.") && text.contains("The second page."),
        "{text}"
    );
    assert_eq!(get("pages.jsonl").content_type, "application/x-ndjson");
    assert_eq!(get("html").content_type, "text/html; charset=utf-8");

    assert_eq!(stored.content_type, "application/json");
    assert_eq!(manifest.state, DocumentState::Done);
    assert_eq!(manifest.job.as_deref(), Some("ledger 4"));
    assert_eq!(
        manifest.fingerprint.as_deref(),
        Some(result.fingerprint.as_str())
    );
    assert_eq!(manifest.source.uri, job.source.uri);
    assert!(manifest.source.etag.is_some());

    let ended = worker.events("job ended");
    assert!(
        ended[0]
            .to_string()
            .contains("0af7651916cd43dd8448eb211c80319c"),
        "the log carries the trace: {}",
        ended[0]
    );
    assert!(
        !worker.log().contains("first page"),
        "no text of documents in the log"
    );
    assert!((worker.metric("recto_documents_total{state=\"done\"}") - 1.0).abs() < 0.5);
    assert_eq!(worker.ask("/readyz").0, 200);
    promtool_is_content(&worker.ask("/metrics").1);
}

fn promtool_is_content(metrics: &str) {
    let mut promtool = Command::new(part("RECTO_TEST_PROMTOOL", "parts/promtool/promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is there: `make test-parts` fetches it");
    let mut input = promtool.stdin.take().unwrap();
    input.write_all(metrics.as_bytes()).unwrap();
    drop(input);
    let said = promtool.wait_with_output().unwrap();
    assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
}

#[test]
fn forty_documents_and_two_workers_store_each_once() {
    let cluster = TestCluster::start();
    let workers = [cluster.worker(), cluster.worker()];
    let jobs: Vec<Job> = (0..40)
        .map(|n| cluster.quick(&format!("doc-{n:02}")))
        .collect();
    cluster.submit(&jobs);

    let accounts = cluster.accounts(40);
    let done = accounts
        .results
        .values()
        .filter(|r| r.state == ResultState::Done);
    assert_eq!(done.count(), 40, "{:?}", accounts.dead);
    let manifests = cluster.manifests();
    let of: BTreeSet<_> = manifests.values().map(|m| m.job.clone()).collect();
    assert_eq!((manifests.len(), of.len()), (40, 40));
    let read: usize = workers.iter().map(|worker| worker.documents_read()).sum();
    assert_eq!(read, 40, "each was read once");
}

#[test]
fn a_duplicate_is_not_read_again() {
    let cluster = TestCluster::start();
    let worker = cluster.worker();
    let slow = cluster.slow("slow", 4);
    // The second copy comes while the first is in flight, the third when all is done.
    cluster.submit([&slow, &slow]);
    worker.wait_for_times("job ended", 2);
    cluster.submit([&slow]);
    worker.wait_for_times("job ended", 3);
    let another = Job {
        id: "another".to_owned(),
        ..slow.clone()
    };
    cluster.submit([&another]);

    let accounts = cluster.accounts(2);
    assert_eq!(accounts.results["slow"].state, ResultState::Done);
    assert_eq!(accounts.results["another"].state, ResultState::Skipped);
    assert_eq!(
        accounts.results["another"].outputs,
        accounts.results["slow"].outputs
    );
    assert_eq!(worker.documents_read(), 1);
    assert_eq!(cluster.manifests().len(), 1);
}

#[test]
fn what_changed_or_is_asked_for_again_is_read_again() {
    let cluster = TestCluster::start();
    let worker = cluster.worker();
    let first = cluster.quick("letter");
    cluster.submit([&first]);
    worker.wait_for_times("job ended", 1);

    cluster.store.put(
        DOCUMENTS,
        "in/letter.pdf",
        &pdf::with_pages(&[&pdf::text(&["Changed."])]),
    );
    let changed = Job {
        id: "changed".to_owned(),
        ..first.clone()
    };
    cluster.submit([&changed]);
    worker.wait_for_times("job ended", 2);

    let forced = Job {
        id: "forced".to_owned(),
        force: true,
        ..first.clone()
    };
    cluster.submit([&forced]);
    worker.wait_for_times("job ended", 3);
    // The forced job comes again: it has been done.
    cluster.submit([&forced]);
    worker.wait_for_times("job ended", 4);

    let accounts = cluster.accounts(3);
    let states: Vec<ResultState> = accounts.results.values().map(|r| r.state).collect();
    assert_eq!(states, [ResultState::Done; 3]);
    assert_eq!(worker.documents_read(), 3);
    assert_eq!(cluster.manifests().len(), 2, "one for each version");
    assert_ne!(
        accounts.results["letter"].fingerprint,
        accounts.results["changed"].fingerprint
    );
    assert_eq!(
        accounts.results["forced"].fingerprint,
        accounts.results["changed"].fingerprint
    );
}

#[test]
fn lost_pages_make_a_partial_result_and_all_lost_a_failed_one() {
    let cluster = TestCluster::start();
    let _worker = cluster.worker();
    let mut partial = cluster.quick("partial");
    let page = pdf::text(&["A page."]);
    cluster.store.put(
        DOCUMENTS,
        "in/partial.pdf",
        &pdf::with_pages(&[page.as_str(); 5]),
    );
    partial.options.limits.max_pages = 3.try_into().unwrap();
    let mut failed = cluster.slow("failed", 3);
    // Not enough for any page.
    failed.options.limits.document_timeout = "1ms".parse().unwrap();
    cluster.submit([&partial, &failed]);

    let accounts = cluster.accounts(2);
    let partial = &accounts.results["partial"];
    assert_eq!(partial.state, ResultState::Partial);
    assert_eq!((partial.counts.text_layer, partial.counts.skipped), (3, 2));
    assert_eq!(partial.error.as_ref().unwrap().kind.as_str(), "page-limit");
    let failed = &accounts.results["failed"];
    assert_eq!(failed.state, ResultState::Failed);
    assert_eq!(
        failed.error.as_ref().unwrap().kind.as_str(),
        "document-timeout"
    );
}

#[test]
fn a_result_that_lacks_pages_for_want_of_time_does_not_keep_another_job_from_reading() {
    let cluster = TestCluster::start();
    let worker = cluster.worker();
    let mut hurried = cluster.slow("hurried", 2);
    hurried.options.limits.document_timeout = "1ms".parse().unwrap();
    let mut patient = hurried.clone();
    patient.id = "patient".to_owned();
    patient.options.limits.document_timeout = "10m".parse().unwrap();
    let mut third = patient.clone();
    third.id = "third".to_owned();
    for (number, job) in [&hurried, &patient, &third].into_iter().enumerate() {
        cluster.submit([job]);
        worker.wait_for_times("job ended", number + 1);
    }
    let accounts = cluster.accounts(3);
    let states: Vec<ResultState> = accounts.results.values().map(|r| r.state).collect();
    let wanted = [ResultState::Failed, ResultState::Done, ResultState::Skipped];
    assert_eq!(states, wanted, "time limits are not in the fingerprint");
    let folder = cluster.store.list(RESULTS, "out/in/hurried.pdf/");
    let markdown = folder.iter().filter(|key| key.ends_with(".md"));
    assert_eq!(
        markdown.count(),
        1,
        "the files of the first result are gone: {folder:?}"
    );
}

#[test]
fn a_local_folder_stands_for_a_store() {
    let cluster = TestCluster::start();
    let root = tempfile::tempdir().unwrap();
    let scan = root.path().join("scans/a letter.pdf");
    std::fs::create_dir_all(scan.parent().unwrap()).unwrap();
    std::fs::write(&scan, pdf::with_pages(&[&pdf::text(&["On paper."])])).unwrap();
    let _worker = cluster.worker_with(|command| {
        command.env("RECTO_FILE_ROOT", root.path());
    });
    let mut inside = job("inside", &format!("file://{}", scan.display()));
    inside.output = format!("file://{}/results", root.path().display());
    let mut outside = job("outside", "file:///etc/passwd");
    outside.output.clone_from(&inside.output);
    let mut escaping = inside.clone();
    escaping.id = "escaping".to_owned();
    escaping.output = format!("file://{}/../elsewhere", root.path().display());
    cluster.submit([&inside, &outside, &escaping]);

    let accounts = cluster.accounts(3);
    let markdown = accounts.results["inside"]
        .outputs
        .markdown
        .as_ref()
        .unwrap();
    let path = markdown
        .strip_prefix("file://")
        .unwrap()
        .replace("%20", " ");
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains("On paper."));
    assert_eq!(accounts.dead["outside"].kind.as_str(), "not-allowed");
    let refused = ["not-allowed", "bad-message"];
    assert!(
        refused.contains(&accounts.dead["escaping"].kind.as_str()),
        "{:?}",
        accounts.dead["escaping"]
    );
    let value: Value = serde_json::to_value(&accounts.dead["outside"]).unwrap();
    let schema = serde_json::to_value(recto_schemas::schema(SchemaName::DeadLetter)).unwrap();
    assert!(jsonschema::is_valid(&schema, &value));
}
