//! `make demo-fleet`: a whole fleet on this machine: broker, store, ledger and two workers, one of which is killed on the
//! way, and a batch whose report adds up.

#![expect(
    clippy::unwrap_used,
    reason = "a run that cannot go on says where; clippy.toml frees test functions only"
)]

#[path = "suite/support/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod support;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use support::{cluster::TestCluster, pdf, repository};

/// Small documents beside the samples.
const LETTERS: usize = 200;
/// The batch's name.
const BATCH: &str = "demo";
/// Longest time until every job has ended.
const DEADLINE: Duration = Duration::from_secs(600);
/// Jobs that have ended when a worker is killed.
const KILL_AFTER: i64 = 40;

fn main() -> ExitCode {
    let out = env::args_os()
        .nth(1)
        .map_or_else(|| repository().join("out/demo-fleet"), PathBuf::from);
    fs::create_dir_all(&out).unwrap();
    println!(
        "A RabbitMQ and an S3 store on loopback, with empty folders. Commands are shown after a $."
    );
    let cluster = TestCluster::start();
    cluster.store.create_bucket("archive");
    let ledger = out.join("ledger.db");
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{ending}", ledger.display()));
    }
    let ledger = ledger.display().to_string();
    let documents = documents(&out);

    shown(&format!("recto serve --ledger {ledger} &"));
    let _serve = cluster.serve(&ledger);
    shown("recto worker &");
    shown("recto worker &");
    let (mut first, _second) = (cluster.worker(), cluster.worker());

    let submit = [
        "--upload-to",
        "s3://archive/in/",
        "-o",
        "s3://archive/out/",
        "--batch",
        BATCH,
    ];
    let inputs = [repository().join("tests/samples"), documents];
    shown(&format!(
        "recto submit {} {} {}",
        inputs[0].display(),
        inputs[1].display(),
        submit.join(" ")
    ));
    let mut command = cluster.recto("submit");
    let submitted = command
        .args(&inputs)
        .args(submit)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(submitted.success(), "the documents could not be submitted");

    let started = Instant::now();
    let mut killed = false;
    let status = loop {
        let status = status(&cluster, &ledger);
        let number = |member: &str| status[member].as_i64().unwrap();
        let ended = number("submitted") - number("open");
        eprint!("\r  {ended} of {} jobs have ended  ", number("submitted"));
        if !killed && ended >= KILL_AFTER {
            eprintln!();
            println!(
                "One of the two workers is killed (SIGKILL, process {}), with jobs in hand.",
                first.pid()
            );
            first.kill();
            killed = true;
        }
        if number("open") == 0 {
            eprintln!();
            break status;
        }
        assert!(
            started.elapsed() < DEADLINE,
            "the batch did not end in time: {status}"
        );
        thread::sleep(Duration::from_millis(500));
    };

    println!(
        "All ended, {:.0} s after the first was submitted.\n",
        started.elapsed().as_secs_f64()
    );
    batch(&cluster, &ledger, &["status", BATCH]);
    batch(&cluster, &ledger, &["verify", BATCH]);
    let report = out.join("report.html").display().to_string();
    batch(&cluster, &ledger, &["report", BATCH, "-o", &report]);
    let bag = out.join("bag");
    let _ = fs::remove_dir_all(&bag);
    let bagit = bag.display().to_string();
    batch(&cluster, &ledger, &["export", BATCH, "--bagit", &bagit]);
    let parts = [
        "done",
        "partial",
        "failed",
        "skipped",
        "dead",
        "cancelled",
        "open",
    ];
    let sum: i64 = parts
        .iter()
        .map(|part| status[part].as_i64().unwrap())
        .sum();
    println!(
        "\n{sum} = {} submitted. The report: {report}",
        status["submitted"]
    );
    match status["submitted"] == sum {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Writes small documents to a folder.
fn documents(out: &Path) -> PathBuf {
    let folder = out.join("letters");
    let _ = fs::remove_dir_all(&folder);
    for number in 1..=LETTERS {
        let year = folder.join(format!("{}", 1900 + number / 20));
        fs::create_dir_all(&year).unwrap();
        let page = pdf::text(&[
            &format!("Letter {number} of the archive."),
            "Received and filed.",
        ]);
        fs::write(
            year.join(format!("{number:03}.pdf")),
            pdf::with_pages(&[&page]),
        )
        .unwrap();
    }
    folder
}

fn shown(command: &str) {
    println!("$ {command}");
}

fn status(cluster: &TestCluster, ledger: &str) -> Value {
    let output = of_ledger(cluster, ledger)
        .args(["status", BATCH, "--json"])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", support::seen(&output)))
}

fn of_ledger(cluster: &TestCluster, ledger: &str) -> Command {
    let mut command = cluster.recto("batch");
    command.env("RECTO_LEDGER", ledger);
    command
}

fn batch(cluster: &TestCluster, ledger: &str, arguments: &[&str]) {
    shown(&format!("recto batch {}", arguments.join(" ")));
    of_ledger(cluster, ledger).args(arguments).status().unwrap();
}
