//! `recto submit` and `recto results` against a real broker and store: every input becomes a job or is named, every
//! document is shown once, and nothing leaves a queue that was not shown.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, Output, Stdio},
};

use lapin::types::AMQPValue;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{
    amqp::{AmqpClient, AmqpMessage},
    eventually,
    objects::SeaweedServer,
    rabbit::RabbitServer,
    recto, repository, seen,
};

const JOBS: &str = "recto.jobs";
const RESULTS: &str = "recto.results";
const DEAD: &str = "recto.jobs.dead";

fn at(rabbit: &RabbitServer, arguments: &[&str]) -> Command {
    let mut command = recto();
    command.env("RECTO_AMQP_URL", rabbit.url()).args(arguments);
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn declare(rabbit: &RabbitServer) -> AmqpClient {
    let declared = at(rabbit, &["queues", "declare"]).output().unwrap();
    assert!(declared.status.success(), "{}", seen(&declared));
    rabbit.client()
}

/// The jobs in the queue, by their documents.
fn jobs(client: &AmqpClient) -> BTreeMap<String, (AmqpMessage, Value)> {
    let messages = client.take_all(JOBS).into_iter();
    let by_uri = messages.map(|message| {
        let job = message.json();
        let uri = job["source"]["uri"].as_str().unwrap().to_owned();
        (uri, (message, job))
    });
    by_uri.collect()
}

/// Runs with a list on standard input.
fn with_list(mut command: Command, list: &str) -> Output {
    let command = command.stdin(Stdio::piped());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(list.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn a_prefix_becomes_jobs_pinned_to_what_was_seen() {
    let (rabbit, weed) = (RabbitServer::start(), SeaweedServer::start());
    weed.create_bucket("archive");
    for key in [
        "in/a b#1.pdf",
        "in/sub/c.TIF",
        "in/notes.txt",
        "in/texts/old/x.jpg",
        "other/d.pdf",
    ] {
        weed.put("archive", key, key.as_bytes());
    }
    let mut command = at(
        &rabbit,
        &["submit", "s3://archive/in/", "-o", "s3://archive/in/texts/"],
    );
    weed.env(&mut command);
    let options = "--batch b1 --label kind=letter --label year=1911 --priority high --pages 1-2 --engine ppocr --force";
    let submitted = command.args(options.split(' ')).output().unwrap();
    assert!(submitted.status.success(), "{}", seen(&submitted));
    let said = text(&submitted.stderr);
    assert_eq!(
        said,
        "2 jobs queued in recto.jobs, batch b1\n1 file passed over: 1 .txt\n"
    );

    let jobs = jobs(&rabbit.client());
    let uris: Vec<&str> = jobs.keys().map(String::as_str).collect();
    assert_eq!(
        uris,
        ["s3://archive/in/a b#1.pdf", "s3://archive/in/sub/c.TIF"]
    );
    let (message, job) = &jobs["s3://archive/in/a b#1.pdf"];
    let etag = weed.get("archive", "in/a b#1.pdf").unwrap().etag;
    assert_eq!(job["source"]["etag"], json!(etag));
    assert_eq!(job["output"], "s3://archive/in/texts/");
    assert_eq!(job["labels"], json!({"kind": "letter", "year": "1911"}));
    assert_eq!((&job["batch"], &job["force"]), (&json!("b1"), &json!(true)));
    assert_eq!(
        (&job["engine"], &job["options"]["pages"]),
        (&json!("ppocr"), &json!("1-2"))
    );
    assert_eq!(message.id(), job["id"].as_str().unwrap());
    assert_eq!(message.properties.priority(), &Some(5));
    assert_eq!(
        message.properties.delivery_mode(),
        &Some(2),
        "it survives a restart"
    );
    let lines = text(&submitted.stdout);
    for (uri, (_, job)) in &jobs {
        let line = format!("{}  {uri}", job["id"].as_str().unwrap());
        assert!(lines.lines().any(|printed| printed == line), "{lines}");
    }
}

#[test]
fn files_of_a_list_are_copied_and_what_is_missing_is_named() {
    let (rabbit, weed) = (RabbitServer::start(), SeaweedServer::start());
    weed.create_bucket("archive");
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("scans/deep")).unwrap();
    fs::write(folder.path().join("scans/deep/a.pdf"), "pdf").unwrap();
    fs::write(folder.path().join("b.tif"), "tif").unwrap();
    let list = format!(
        "# two and some\nscans\n\nb.tif\nmissing.pdf\n{}/b.tif\ns3://archive/there.pdf\n",
        folder.path().display()
    );
    let mut command = at(
        &rabbit,
        &[
            "submit",
            "-",
            "-o",
            "s3://texts",
            "--upload-to",
            "s3://archive/in",
        ],
    );
    weed.env(&mut command);
    command.current_dir(folder.path());
    let submitted = with_list(command, &list);
    assert_eq!(submitted.status.code(), Some(1), "{}", seen(&submitted));
    let said = text(&submitted.stderr);
    for wanted in [
        "missing.pdf: No such file",
        "another input of this run is copied to s3://archive/in/b.tif",
        "3 jobs queued in recto.jobs; 2 inputs are not, each named above",
    ] {
        assert!(said.contains(wanted), "{wanted} in {said}");
    }

    let jobs = jobs(&rabbit.client());
    let uris: Vec<&str> = jobs.keys().map(String::as_str).collect();
    assert_eq!(
        uris,
        [
            "s3://archive/in/b.tif",
            "s3://archive/in/scans/deep/a.pdf",
            "s3://archive/there.pdf"
        ]
    );
    let copy = weed.get("archive", "in/scans/deep/a.pdf").unwrap();
    assert_eq!(
        (copy.bytes.as_slice(), copy.content_type.as_str()),
        (b"pdf".as_slice(), "application/pdf")
    );
    let (_, job) = &jobs["s3://archive/in/scans/deep/a.pdf"];
    assert_eq!(job["source"]["etag"], json!(copy.etag));
}

#[test]
fn a_dry_run_needs_no_broker_and_shows_no_password() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    fs::create_dir(root.join("in")).unwrap();
    for name in ["1.pdf", "2.png"] {
        fs::write(root.join("in").join(name), "").unwrap();
    }
    let mut command = recto();
    let line = "submit in -o out --dry-run --password hush --amqp-url amqp://127.0.0.1:1/%2f";
    let run = command
        .args(line.split(' '))
        .current_dir(&root)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", seen(&run));
    assert!(!seen(&run).contains("hush"), "{}", seen(&run));
    let jobs: Vec<Value> = text(&run.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let at = |path: &str| json!(format!("file://{}/{path}", root.display()));
    assert_eq!(jobs[0]["source"]["uri"], at("in/1.pdf"));
    assert_eq!(jobs[1]["source"]["uri"], at("in/2.png"));
    assert_eq!(jobs[0]["output"], at("out"));
    assert_eq!(jobs[0]["password"], "***");
    assert_ne!(jobs[0]["id"], jobs[1]["id"]);
    let validator = jsonschema::validator_for(&schema("job")).unwrap();
    assert!(validator.is_valid(&jobs[0]), "{}", jobs[0]);
}

fn schema(name: &str) -> Value {
    let path = repository().join(format!("schemas/json/{name}.v1.schema.json"));
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn without_broker_or_queue_nothing_is_queued_in_silence() {
    let away = recto()
        .args(["submit", "s3://b/a.pdf", "-o", "s3://b/out", "--amqp-url"])
        .arg("amqp://me:hush@127.0.0.1:1/%2f")
        .output()
        .unwrap();
    assert_eq!(away.status.code(), Some(1));
    let said = text(&away.stderr);
    let wanted = "recto: cannot reach the broker at amqp://me:***@127.0.0.1:1/";
    assert!(said.starts_with(wanted), "{said}");

    let rabbit = RabbitServer::start();
    let submit = ["submit", "-", "-o", "s3://b/out", "--declare=off"];
    let missing = with_list(at(&rabbit, &submit), "s3://b/1.pdf\n");
    assert_eq!(missing.status.code(), Some(1));
    assert!(
        text(&missing.stderr).contains("`recto queues declare` creates it"),
        "{}",
        seen(&missing)
    );

    let client = declare(&rabbit);
    let (mut child, mut list) = listening(at(&rabbit, &submit));
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    writeln!(list, "s3://b/1.pdf").unwrap();
    assert!(lines.next().unwrap().unwrap().ends_with("  s3://b/1.pdf"));
    client.delete(JOBS);
    writeln!(list, "s3://b/2.pdf\ns3://b/3.pdf").unwrap();
    drop(list);
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(1), "{}", seen(&ended));
    let said = text(&ended.stderr);
    for wanted in [
        "s3://b/2.pdf: job ",
        "s3://b/3.pdf: job ",
        "no queue takes messages for `recto.jobs`",
        "1 job queued in recto.jobs; 2 inputs are not, each named above",
    ] {
        assert!(said.contains(wanted), "{wanted} in {said}");
    }
    assert!(lines.next().is_none(), "only what is queued is printed");
}

fn listening(mut command: Command) -> (Child, ChildStdin) {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let list = child.stdin.take().unwrap();
    (child, list)
}

fn result(id: &str, batch: &str, state: &str) -> Vec<u8> {
    let path = repository().join("tests/fixtures/schemas/result-valid-partial.json");
    let mut result: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    result["id"] = json!(id);
    result["batch"] = json!(batch);
    result["state"] = json!(state);
    result["source"]["uri"] = json!(format!("s3://in/{id}.pdf"));
    result.to_string().into_bytes()
}

fn job(id: &str, batch: &str) -> Value {
    json!({"schema": "recto.job/v1", "id": id, "batch": batch, "password": "hush",
        "source": {"uri": format!("s3://in/{id}.pdf")}, "output": "s3://out"})
}

fn dead_letter(id: &str, batch: &str, kind: &str) -> Vec<u8> {
    let letter = json!({"schema": "recto.dead-letter/v1", "id": id, "stage": "read", "kind": kind,
        "message": "what happened", "attempts": 0, "redelivery_count": 0, "batch": batch,
        "failed_at": "2026-01-01T00:00:00Z", "body": job(id, batch).to_string()});
    letter.to_string().into_bytes()
}

/// The first words of each line, in order.
fn starts(output: &Output) -> Vec<String> {
    let lines = text(&output.stdout);
    let mut starts: Vec<String> = lines
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let uri = words.iter().find(|word| word.starts_with("s3://in/"));
            format!("{} {}", words[0], uri.unwrap())
        })
        .collect();
    starts.sort();
    starts
}

#[test]
fn a_batch_is_followed_to_its_last_document_and_the_others_stay() {
    let rabbit = RabbitServer::start();
    let client = declare(&rabbit);
    client.publish(RESULTS, &result("x1", "other", "done"));
    client.publish(RESULTS, b"no result at all");
    for (id, state) in [
        ("m1", "done"),
        ("m1", "done"),
        ("m2", "partial"),
        ("m3", "done"),
    ] {
        client.publish(RESULTS, &result(id, "mine", state));
    }
    client.publish(RESULTS, &result("x2", "other", "failed"));
    client.publish(DEAD, &dead_letter("m4", "mine", "encrypted"));
    client.publish(DEAD, &dead_letter("x3", "other", "encrypted"));
    // What the broker itself moves there is the job as it was.
    let to_dead = [
        ("x-message-ttl", AMQPValue::LongLongInt(1)),
        ("x-dead-letter-exchange", AMQPValue::LongString("".into())),
        (
            "x-dead-letter-routing-key",
            AMQPValue::LongString(DEAD.into()),
        ),
    ];
    client.declare("passing", &to_dead);
    client.publish("passing", job("m5", "mine").to_string().as_bytes());
    eventually("the broker moved the job", || client.ready(DEAD) == 3);

    // A look takes nothing away.
    let look = ["results", "--batch", "mine", "--count", "5", "--keep"];
    let looked = at(&rabbit, &look).output().unwrap();
    assert_eq!(looked.status.code(), Some(1), "{}", seen(&looked));
    eventually("all is back", || {
        (client.ready(RESULTS), client.ready(DEAD)) == (7, 3)
    });

    let follow = [
        "results",
        "--batch",
        "mine",
        "--count",
        "5",
        "--timeout",
        "60s",
    ];
    let followed = at(&rabbit, &follow).output().unwrap();
    assert_eq!(followed.status.code(), Some(1), "{}", seen(&followed));
    let wanted = [
        "dead-letter s3://in/m4.pdf",
        "dead-letter s3://in/m5.pdf",
        "done s3://in/m1.pdf",
        "done s3://in/m3.pdf",
        "partial s3://in/m2.pdf",
    ];
    assert_eq!(starts(&followed), wanted);
    assert!(!seen(&followed).contains("hush"), "{}", seen(&followed));
    let said = text(&followed.stderr);
    let summary = "5 of 5: 2 done, 1 partial, 2 dead-lettered (1 encrypted, 1 expired)\n";
    assert!(said.ends_with(summary), "{said}");
    assert!(said.contains("is no result and stays there"), "{said}");

    eventually("what is left is back", || {
        (client.ready(RESULTS), client.ready(DEAD)) == (3, 3)
    });
    let left = client.take_all(RESULTS);
    let others = left
        .iter()
        .filter(|message| text(&message.body).contains("\"other\""));
    assert_eq!(others.count(), 2);
}

#[test]
fn fewer_than_asked_for_is_said_and_so_is_a_signal() {
    let rabbit = RabbitServer::start();
    let client = declare(&rabbit);
    client.publish(RESULTS, &result("1", "b", "done"));
    let mut command = at(
        &rabbit,
        &["results", "--count", "2", "--timeout", "10s", "--json"],
    );
    let late = command.output().unwrap();
    assert_eq!(late.status.code(), Some(1));
    assert!(
        text(&late.stderr).ends_with("1 of 2: 1 done; gave up after 10s\n"),
        "{}",
        seen(&late)
    );
    let line: Value = serde_json::from_slice(&late.stdout).unwrap();
    assert_eq!(
        (&line["schema"], &line["id"]),
        (&json!("recto.result/v1"), &json!("1"))
    );

    for (arguments, code) in [(vec!["results"], 0), (vec!["results", "--count", "2"], 130)] {
        client.publish(RESULTS, &result("1", "b", "failed"));
        let (mut child, list) = listening(at(&rabbit, &arguments));
        drop(list);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.next().unwrap().unwrap().starts_with("failed "));
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(code), "{}", seen(&ended));
        assert_eq!(client.ready(RESULTS), 0, "what was shown is taken off");
    }
}

#[test]
fn a_broker_that_starts_again_is_found_again() {
    let mut rabbit = RabbitServer::start();
    let client = declare(&rabbit);
    client.publish(RESULTS, &result("1", "b", "done"));
    client.publish(DEAD, &dead_letter("2", "b", "encrypted"));
    let (mut result_child, list) = listening(at(&rabbit, &["results", "--count", "3"]));
    drop(list);
    let mut shown = BufReader::new(result_child.stdout.take().unwrap()).lines();
    let (mut submit_child, mut list) = listening(at(
        &rabbit,
        &["submit", "-", "-o", "s3://out", "--batch", "b"],
    ));
    let mut queued = BufReader::new(submit_child.stdout.take().unwrap()).lines();
    writeln!(list, "s3://in/1.pdf").unwrap();
    queued.next().unwrap().unwrap();
    let mut first = [
        shown.next().unwrap().unwrap(),
        shown.next().unwrap().unwrap(),
    ];
    first.sort();
    assert!(first[0].starts_with("dead-letter ") && first[1].starts_with("done "));

    rabbit.kill();
    rabbit.start_again();
    writeln!(list, "s3://in/2.pdf").unwrap();
    drop(list);
    let submitted = submit_child.wait_with_output().unwrap();
    assert!(submitted.status.success(), "{}", seen(&submitted));
    assert!(queued.next().unwrap().unwrap().ends_with("  s3://in/2.pdf"));
    let client = rabbit.client();
    assert_eq!(jobs(&client).len(), 2);

    client.publish(RESULTS, &result("1", "b", "done"));
    client.publish(RESULTS, &result("3", "b", "done"));
    let followed = result_child.wait_with_output().unwrap();
    let said = text(&followed.stderr);
    let summary = "3 of 3: 2 done, 1 dead-lettered (1 encrypted)\n";
    assert!(said.ends_with(summary), "{said}");
    assert!(shown.next().unwrap().unwrap().contains("s3://in/3.pdf"));
    assert!(shown.next().is_none(), "each document is shown once");
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let rabbit = RabbitServer::start();
    let client = declare(&rabbit);
    for id in ["1", "2", "3"] {
        client.publish(RESULTS, &result(id, "b", "done"));
    }
    let mut command = at(&rabbit, &["results", "--count", "3"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", seen(&output));
    assert_eq!(text(&output.stderr), "");
    eventually("nothing is lost", || client.ready(RESULTS) == 3);
}

#[test]
fn a_job_that_no_worker_would_take_is_not_queued() {
    let rabbit = RabbitServer::start();
    let client = declare(&rabbit);
    let labels = (1..=65).flat_map(|number| ["--label".to_owned(), format!("shelf {number}=a")]);
    let mut command = at(&rabbit, &["submit", "-", "-o", "s3://texts/"]);
    command.args(labels);
    let output = with_list(command, "s3://scans/a.pdf\n");
    let seen = seen(&output);
    assert_eq!(output.status.code(), Some(1), "{seen}");
    assert!(
        seen.contains("s3://scans/a.pdf: no worker takes the job: `labels` has 65 members"),
        "{seen}"
    );
    assert!(client.take_all(JOBS).is_empty());
}
