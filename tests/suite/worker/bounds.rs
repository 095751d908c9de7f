//! Jobs of strangers: what they cannot reach, and what they cannot make a worker say or do.

use recto_schemas::Job;
use serde_json::{Value, json};

use crate::support::{
    cluster::{DOCUMENTS, RESULTS, TestCluster, job},
    pdf,
};

/// A bucket that the worker's credentials reach, and no job should.
const SECRET: &str = "hr-secret";

#[test]
fn no_job_reads_or_writes_outside_of_the_allowed_prefixes() {
    let cluster = TestCluster::start();
    cluster.declare();
    cluster.store.create_bucket(SECRET);
    let salaries = pdf::with_pages(&[&pdf::text(&["Salaries of 1921."])]);
    for key in ["salaries.pdf", "in/salaries.pdf"] {
        cluster.store.put(SECRET, key, &salaries);
    }
    cluster
        .store
        .put(DOCUMENTS, "internal/salaries.pdf", &salaries);

    let mut refused = Vec::new();
    for (number, source) in [
        format!("s3://{SECRET}/salaries.pdf"),
        format!("s3://{SECRET}/in/salaries.pdf"),
        format!("s3://{DOCUMENTS}/internal/salaries.pdf"),
        format!("s3://{DOCUMENTS}/in/../internal/salaries.pdf"),
        format!("s3://{DOCUMENTS}/in/%2e%2e/internal/salaries.pdf"),
        "file:///etc/passwd".to_owned(),
    ]
    .iter()
    .enumerate()
    {
        refused.push(job(&format!("source-{number}"), source));
    }
    for (number, output) in [
        format!("s3://{SECRET}/loot"),
        format!("s3://{RESULTS}/outer"),
        format!("s3://{RESULTS}/out/../{SECRET}"),
        format!("s3://{RESULTS}"),
    ]
    .into_iter()
    .enumerate()
    {
        refused.push(Job {
            output,
            ..cluster.quick(&format!("output-{number}"))
        });
    }
    let allowed = cluster.quick("allowed");
    cluster.submit(&refused);
    // Marks of a job that was delivered before are looked for at its output.
    cluster.rabbit.client().requeue_all("recto.jobs");
    let worker = cluster.worker_with(|command| {
        command.env(
            "RECTO_ALLOW_SOURCE",
            format!("s3://{DOCUMENTS}/in/,s3://nowhere"),
        );
        command.env("RECTO_ALLOW_OUTPUT", format!("s3://{RESULTS}/out"));
    });
    cluster.submit([&allowed]);
    let accounts = cluster.accounts(refused.len() + 1);
    assert!(accounts.results.contains_key("allowed"));
    for job in &refused {
        let letter = &accounts.dead[&job.id];
        assert_eq!(letter.kind.as_str(), "not-allowed", "{}", job.id);
        let option = match job.id.starts_with("source") {
            true => "--allow-source",
            false => "--allow-output",
        };
        assert!(letter.message.contains(option), "{}", letter.message);
    }
    let mut kept = cluster.store.list(SECRET, "");
    kept.sort();
    assert_eq!(kept, ["in/salaries.pdf", "salaries.pdf"]);
    for key in cluster.store.list(RESULTS, "") {
        assert!(key.starts_with("out/in/allowed.pdf/"), "{key}");
    }
    assert_eq!(worker.ask("/readyz").0, 200, "{}", worker.log());
    assert!(
        worker
            .events("suspended: this worker takes no jobs until it can do them")
            .is_empty()
    );
}

#[test]
fn a_worker_without_bounds_says_who_reaches_what() {
    let cluster = TestCluster::start();
    cluster.declare();
    let check = |allow: bool| {
        let mut command = cluster.worker_command();
        command.arg("--check");
        if allow {
            command.args(["--allow-source", "s3://documents/in/"]);
            command.args([
                "--allow-output",
                "s3://results/out/",
                "--allow-output",
                "s3://b",
            ]);
        }
        let output = command.output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let said = check(false);
    assert!(
        said.contains("Warning: whoever can publish jobs may read and write in every bucket"),
        "{said}"
    );
    let said = check(true);
    assert!(!said.contains("Warning"), "{said}");
    let worker = cluster.worker();
    assert!(worker.log().contains("whoever can publish jobs"));
}

#[test]
fn nothing_long_gets_from_a_message_into_log_result_or_dead_letter() {
    let cluster = TestCluster::start();
    cluster.declare();
    let long = |bytes: usize| "q".repeat(bytes);
    let base = cluster.quick("base");
    let with = |id: &str, change: &dyn Fn(&mut Value)| {
        let mut job = serde_json::to_value(Job {
            id: id.to_owned(),
            ..base.clone()
        })
        .unwrap();
        change(&mut job);
        (id.to_owned(), serde_json::to_vec(&job).unwrap())
    };
    let labels = |number: usize| -> Value {
        let labels = (0..number).map(|label| (format!("label {label}"), json!("a")));
        Value::Object(labels.collect())
    };
    let messages = [
        (
            "`source.uri`",
            with("uri", &|job| {
                job["source"]["uri"] = json!(format!("s3://documents/{}", long(900_000)))
            }),
        ),
        (
            "the key has",
            with("key", &|job| {
                job["source"]["uri"] = json!(format!("s3://documents/{}", long(1_025)))
            }),
        ),
        (
            "`output`",
            with("output", &|job| {
                job["output"] = json!(format!("s3://results/{}", long(300_000)))
            }),
        ),
        (
            "`source.etag`",
            with("etag", &|job| job["source"]["etag"] = json!(long(200_000))),
        ),
        (
            "`source.version_id`",
            with("version", &|job| {
                job["source"]["version_id"] = json!(long(200_000))
            }),
        ),
        (
            "`traceparent`",
            with("trace", &|job| job["traceparent"] = json!(long(300_000))),
        ),
        (
            "`password`",
            with("password", &|job| job["password"] = json!(long(100_000))),
        ),
        (
            "`labels`",
            with("labels", &|job| job["labels"] = labels(5_000)),
        ),
        (
            "`labels` has 100",
            with("some labels", &|job| job["labels"] = labels(100)),
        ),
        (
            "`labels.a`",
            with("label", &|job| job["labels"] = json!({"a": long(50_000)})),
        ),
        (
            "`engine`",
            with("engine", &|job| job["engine"] = json!(long(201))),
        ),
        (
            "`color`",
            with("unknown", &|job| job["color"] = json!(long(5_000))),
        ),
        (
            "`options.pages`",
            with("pages", &|job| {
                let pages: Vec<String> = (1..=1_001).map(|page| (2 * page).to_string()).collect();
                job["options"]["pages"] = json!(pages.join(","));
            }),
        ),
        (
            "a job has at most",
            with("whole", &|job| {
                job["more"] = json!((0..100).map(|_| long(1_000)).collect::<Vec<_>>());
            }),
        ),
    ];
    let client = cluster.rabbit.client();
    for (_, (_, body)) in &messages {
        client.publish("recto.jobs", body);
    }
    let worker = cluster.worker();
    let accounts = cluster.accounts(messages.len());
    for (said, (id, _)) in &messages {
        let letter = &accounts.dead[id];
        assert_eq!(
            letter.kind.as_str(),
            "bad-message",
            "{id}: {}",
            letter.message
        );
        assert_eq!(letter.attempts, 0);
        assert!(letter.message.contains(said), "{id}: {}", letter.message);
        let bytes = serde_json::to_vec(letter).unwrap().len();
        assert!(bytes < 10_000, "{id}: {bytes} bytes");
    }
    let log = worker.log();
    assert!(log.len() < 50_000, "{} bytes of log", log.len());
    // A key of a kilobyte is the job's name for a person.
    assert!(!log.contains(&long(1_100)), "nothing longer is quoted");
}
