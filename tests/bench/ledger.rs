//! `make bench-ledger`: events a second that `recto serve` takes, and the time of `recto batch status` beside them. The
//! events are real messages of a real broker.

#![expect(
    clippy::unwrap_used,
    reason = "a run that cannot go on says where; clippy.toml frees test functions only"
)]

#[path = "../suite/support/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod support;

use std::{
    env,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use lapin::{BasicProperties, Connection, ConnectionProperties, options::BasicPublishOptions};
use serde_json::json;
use support::{cluster::TestCluster, postgres::PostgresServer};

/// Events that are in the queue at most while it is filled: what is measured is the ledger.
const AHEAD: u32 = 50_000;

fn main() {
    let mut arguments = env::args().skip(1);
    let jobs: usize = arguments
        .next()
        .map_or(100_000, |jobs| jobs.parse().unwrap());
    let database = arguments.next().unwrap_or_else(|| "sqlite".to_owned());
    let cluster = TestCluster::start();
    let server = (database == "postgres").then(PostgresServer::start);
    let file = cluster
        .work_folder()
        .join("ledger.db")
        .display()
        .to_string();
    let ledger = server.as_ref().map_or(file, PostgresServer::url);
    let _serve = cluster.serve(&ledger);
    let started = Instant::now();
    publish(&cluster, jobs);
    let client = cluster.rabbit.client();
    while client.ready("recto.jobs.ledger") > 0 {
        thread::sleep(Duration::from_millis(50));
    }
    let taken = started.elapsed().as_secs_f64();
    println!(
        "{database}: {} events in {taken:.1} s, {:.0} a second",
        2 * jobs,
        2.0 * jobs as f64 / taken
    );
    let mut times = Vec::new();
    for _ in 0..20 {
        let started = Instant::now();
        let output = status(&cluster, &ledger).output().unwrap();
        assert!(!output.stdout.is_empty(), "{}", support::seen(&output));
        times.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    println!(
        "{database}: `recto batch status` of {jobs} jobs takes {:.0} ms (median of 20), {:.0} ms at most",
        times[10], times[19]
    );
}

fn status(cluster: &TestCluster, ledger: &str) -> Command {
    let mut command = cluster.recto("batch");
    command
        .env("RECTO_LEDGER", ledger)
        .args(["status", "bench", "--json"]);
    command
}

/// Two events for each job: it is submitted, and it ends.
fn publish(cluster: &TestCluster, jobs: usize) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = cluster.rabbit.client();
    runtime.block_on(async {
        let url = cluster.rabbit.url();
        let connection = Connection::connect(&url, ConnectionProperties::default());
        let connection = connection.await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let properties = BasicProperties::default().with_delivery_mode(2);
        for number in 0..jobs {
            for body in events(number) {
                let options = BasicPublishOptions::default();
                let sent = channel.basic_publish(
                    "recto.jobs.events".into(),
                    "bench".into(),
                    options,
                    &body,
                    properties.clone(),
                );
                sent.await.unwrap();
            }
            if number % 1_000 == 999 {
                while tokio::task::block_in_place(|| client.ready("recto.jobs.ledger")) > AHEAD {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    });
}

fn events(number: usize) -> [Vec<u8>; 2] {
    let id = format!("{number:08x}-0000-7000-8000-000000000000");
    let source = format!("s3://archive/in/{}/{number:08}.pdf", number / 1000);
    let head = |at: &str| json!({"schema": "recto.event/v1", "id": id, "batch": "bench", "submitted_at": "2026-01-01T00:00:00Z", "at": at});
    let with = |mut head: serde_json::Value, step: serde_json::Value| {
        head.as_object_mut()
            .unwrap()
            .extend(step.as_object().unwrap().clone());
        serde_json::to_vec(&head).unwrap()
    };
    let job = json!({"schema": "recto.job/v1", "id": id, "source": {"uri": source}, "output": "s3://archive/out"});
    let result = json!({
        "schema": "recto.result/v1", "id": id, "state": "done", "source": {"uri": source, "bytes": 40_000},
        "outputs": {"manifest": format!("s3://archive/out/{number:08}.pdf/0123456789abcdef/document.json")},
        "fingerprint": "0".repeat(64), "engine": "ppocr", "model": {"name": "PP-OCRv6-small", "sha256": "0".repeat(64)},
        "counts": {"document": 3, "selected": 3, "ok": 3, "empty": 0, "text_layer": 0, "failed": 0, "skipped": 0},
        "attempts": 0, "finished_at": "2026-01-01T00:00:09Z", "timing": {},
    });
    [
        with(
            head("2026-01-01T00:00:00Z"),
            json!({"event": "submitted", "job": job}),
        ),
        with(
            head("2026-01-01T00:00:09Z"),
            json!({"event": "ended", "result": result}),
        ),
    ]
}
