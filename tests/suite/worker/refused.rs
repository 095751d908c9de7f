//! Jobs that cannot be done: each leaves the queue with its reason.

use recto_schemas::{DocumentPassword, Job, ResultState, ScriptFallback};

use crate::support::{
    cluster::{DOCUMENTS, TestCluster, job},
    pdf, repository,
};

#[test]
fn each_permanent_failure_is_dead_lettered_with_its_reason() {
    let cluster = TestCluster::start();
    cluster.declare();
    let locked = std::fs::read(repository().join("tests/fixtures/encrypted.pdf")).unwrap();
    let letter = pdf::with_pages(&[&pdf::text(&["One page."])]);

    let with = |job: Job, change: &dyn Fn(&mut Job)| {
        let mut job = job;
        change(&mut job);
        job
    };
    let jobs = [
        (
            "no-such-object",
            job("no-such-object", &format!("s3://{DOCUMENTS}/missing.pdf")),
        ),
        ("no-such-bucket", job("no-bucket", "s3://nowhere/a.pdf")),
        (
            "not-a-document",
            cluster.document("not-a-document", b"<html>404 Not Found</html>"),
        ),
        ("damaged", cluster.document("damaged", &letter[..60])),
        ("encrypted", cluster.document("encrypted", &locked)),
        (
            "wrong-password",
            with(cluster.document("wrong-password", &locked), &|job| {
                job.password = Some(DocumentPassword::new("hunter2".to_owned()));
            }),
        ),
        (
            "document-too-large",
            with(cluster.document("too-large", &letter), &|job| {
                job.options.limits.max_document_size = "100B".parse().unwrap();
            }),
        ),
        (
            "no-such-page",
            with(cluster.document("no-such-page", &letter), &|job| {
                job.options.pages = Some("5-".parse().unwrap());
            }),
        ),
        (
            "engine-unavailable",
            with(cluster.document("engine", &letter), &|job| {
                job.engine = Some("oracle".to_owned());
            }),
        ),
        (
            "engine-unavailable",
            with(cluster.document("second-reader", &letter), &|job| {
                job.options.script_fallback = Some(ScriptFallback::Tesseract);
            }),
        ),
        (
            "source-changed",
            with(cluster.document("changed", &letter), &|job| {
                job.source.etag = Some("\"0123456789abcdef0123456789abcdef\"".to_owned());
            }),
        ),
        ("not-allowed", job("not-allowed", "file:///etc/passwd")),
        ("bad-message", job("bad-uri", "ftp://host/a.pdf")),
        (
            "bad-message",
            with(cluster.document("bad-output", &letter), &|job| {
                job.output = "results".to_owned();
            }),
        ),
        (
            "unknown-version",
            with(cluster.document("unknown-version", &letter), &|job| {
                job.schema = "recto.job/v2".to_owned();
            }),
        ),
    ];
    cluster.submit(jobs.iter().map(|(_, job)| job));
    let client = cluster.rabbit.client();
    let mut no_job = lapin::BasicProperties::default();
    no_job = no_job.with_message_id("no-json".into());
    client.publish_with("recto.jobs", b"not json", no_job);
    client.publish(
        "recto.jobs",
        br#"{"schema":"recto.job/v1","id":"half","batch":"b"}"#,
    );

    let worker = cluster.worker();
    let accounts = cluster.accounts(jobs.len() + 2);
    assert!(accounts.results.is_empty(), "{:?}", accounts.results);
    for (kind, job) in &jobs {
        let letter = &accounts.dead[&job.id];
        assert_eq!(
            letter.kind.as_str(),
            *kind,
            "{}: {}",
            job.id,
            letter.message
        );
        // What another worker may know better is tried again, for want of one by this worker.
        let seconded = [
            "no-such-object",
            "no-such-bucket",
            "engine-unavailable",
            "source-changed",
            "not-allowed",
        ];
        if !seconded.contains(kind) {
            assert_eq!(letter.attempts, 0, "{}: not tried again", job.id);
        }
        assert!(!letter.message.is_empty());
        let body: Job = serde_json::from_str(&letter.body).unwrap();
        assert_eq!(
            body.source, job.source,
            "the job can be read in its dead letter"
        );
    }
    assert_eq!(accounts.dead["no-json"].kind.as_str(), "bad-message");
    assert_eq!(accounts.dead["half"].batch.as_deref(), Some("b"));
    let shown = format!("{:?}{}", accounts.dead, worker.log());
    assert!(!shown.contains("hunter2"), "no password is shown");
    let count = worker.metric("recto_dead_letters_total{kind=\"encrypted\"}");
    assert!((count - 1.0).abs() < 0.5);
}

#[test]
fn the_right_password_opens() {
    let cluster = TestCluster::start();
    let locked = std::fs::read(repository().join("tests/fixtures/encrypted.pdf")).unwrap();
    let mut job = cluster.document("locked", &locked);
    job.password = Some(DocumentPassword::new("archive".to_owned()));
    let worker = cluster.worker();
    cluster.submit([&job]);
    assert!(cluster.accounts(1).results.contains_key("locked"));
    let manifests = serde_json::to_string(&cluster.manifests()).unwrap();
    assert!(!manifests.contains("archive\""), "no password is stored");
    assert!(!worker.log().contains("\"archive\""));
}

#[test]
fn the_result_of_an_encrypted_document_is_for_who_has_its_password() {
    let cluster = TestCluster::start();
    let locked = std::fs::read(repository().join("tests/fixtures/encrypted.pdf")).unwrap();
    let opened = Job {
        password: Some(DocumentPassword::new("archive".to_owned())),
        ..cluster.document("locked", &locked)
    };
    let worker = cluster.worker();
    cluster.submit([&opened]);
    let first = cluster.accounts(1).results["locked"].clone();
    let named = |id: &str, password: Option<&str>| Job {
        id: id.to_owned(),
        password: password.map(|password| DocumentPassword::new(password.to_owned())),
        ..opened.clone()
    };
    let strangers = [
        ("encrypted", named("none", None)),
        ("wrong-password", named("wrong", Some("hunter2"))),
        // Who knows the id of the job gets no further.
        ("encrypted", named("locked", None)),
    ];
    for (kind, job) in strangers {
        cluster.submit([&job]);
        let letter = &cluster.accounts(1).dead[&job.id];
        assert_eq!(letter.kind.as_str(), kind, "{}", job.id);
        let shown = serde_json::to_string(letter).unwrap();
        assert!(!shown.contains(&first.fingerprint[..16]), "{shown}");
    }
    cluster.submit([&named("again", Some("archive"))]);
    let again = &cluster.accounts(1).results["again"];
    assert_eq!(again.state, ResultState::Skipped);
    assert_eq!(again.outputs, first.outputs);
    assert_eq!(worker.documents_read(), 1);
}
