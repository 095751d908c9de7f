//! `make bench-worker`: pages a second of `recto worker` beside `recto convert` on the same documents, and what
//! a worker takes when it has nothing to do.
//!
//! The two take turns, so that a machine that gets slower or faster meanwhile wrongs neither.

#![expect(
    clippy::unwrap_used,
    reason = "a run that cannot go on says where; clippy.toml frees test functions only"
)]

#[path = "../suite/support/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod support;

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use recto_schemas::{Job, ResultState};
use support::{
    cluster::{JobAccounts, TestCluster, WorkerProcess},
    repository,
};

/// Documents that each of the two reads in a round: as many as jobs at once.
const DOCUMENTS: usize = 10;
/// Rounds.
const ROUNDS: usize = 3;
/// Time for which an idle worker is watched.
const IDLE: Duration = Duration::from_secs(30);

fn main() {
    let cluster = TestCluster::start();
    cluster.declare();
    let sample = fs::read(repository().join("tests/samples/report.pdf")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for number in 0..DOCUMENTS {
        fs::write(folder.path().join(format!("{number}.pdf")), &sample).unwrap();
    }
    let worker = cluster.worker_with(|command| {
        command.env("RECTO_JOBS", DOCUMENTS.to_string());
        command.env("RECTO_LOG", "info");
    });
    idle("fresh", &worker);

    let mut ratios = Vec::new();
    for round in 0..ROUNDS {
        let (pages, convert_s) = convert(folder.path());
        let worker_s = work(&cluster, round, &sample);
        let (convert, worker) = (pages / convert_s, pages / worker_s);
        ratios.push(worker / convert);
        println!(
            "round {round}: {pages} pages, convert {convert:.3} pages/s, worker {worker:.3} pages/s, ratio {:.3}",
            worker / convert
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!("median ratio {:.3}", ratios[ROUNDS / 2]);
    idle("after work", &worker);
}

/// Pages and seconds of `recto convert`, its start included.
fn convert(folder: &std::path::Path) -> (f64, f64) {
    let out = tempfile::tempdir().unwrap();
    let stats = out.path().join("stats.json");
    let status = support::recto()
        .args(["convert", "-q"])
        .arg(folder)
        .arg("-o")
        .arg(out.path())
        .arg("--stats")
        .arg(&stats)
        .status()
        .unwrap();
    assert!(status.success());
    let stats: serde_json::Value = serde_json::from_slice(&fs::read(stats).unwrap()).unwrap();
    let number = |name: &str| stats[name].as_f64().unwrap();
    (number("pages"), number("wall_s"))
}

/// Seconds from the first job's submission to the last result.
fn work(cluster: &TestCluster, round: usize, sample: &[u8]) -> f64 {
    let jobs: Vec<Job> = (0..DOCUMENTS)
        .map(|number| cluster.document(&format!("round-{round}-{number}"), sample))
        .collect();
    let started = Instant::now();
    cluster.submit(&jobs);
    let client = cluster.rabbit.client();
    let mut accounts = JobAccounts::default();
    while accounts.ended() < DOCUMENTS {
        accounts.take(&client);
        thread::sleep(Duration::from_millis(100));
    }
    let seconds = started.elapsed().as_secs_f64();
    let done = |state| state == ResultState::Done;
    assert!(
        accounts.results.values().all(|result| done(result.state)),
        "{accounts:?}"
    );
    seconds
}

/// Says what an idle worker takes.
fn idle(when: &str, worker: &WorkerProcess) {
    let before = cpu_seconds(worker.pid());
    thread::sleep(IDLE);
    let busy = (cpu_seconds(worker.pid()) - before) / IDLE.as_secs_f64();
    println!(
        "idle, {when}: {:.2} % of a core, {:.0} MB resident",
        100.0 * busy,
        resident_bytes(worker.pid()) as f64 / 1e6
    );
}

/// A process's processor time so far, in seconds.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // After the name, which ends with the last parenthesis: fields 14 and 15 of proc(5).
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .unwrap()
        .1
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / rustix::param::clock_ticks_per_second() as f64
}

/// Its resident memory, in bytes.
fn resident_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1024
}
