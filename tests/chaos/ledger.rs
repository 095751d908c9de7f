//! `make chaos-ledger`: a batch of two thousand documents while the ledger is killed again and again, a worker dies, events
//! come twice and a queue is purged by hand. At every look the sums must be right, at the end the lost jobs named, and after
//! `recto batch retry` nothing open.

#![expect(
    clippy::unwrap_used,
    reason = "a run that cannot go on says where; clippy.toml frees test functions only"
)]

#[path = "../suite/support/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod support;

use std::{
    collections::BTreeSet,
    env,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::Value;
use support::{
    amqp::AmqpClient,
    cluster::{DOCUMENTS, TestCluster},
    pdf,
    postgres::PostgresServer,
    seen,
};

/// The batch's name.
const BATCH: &str = "chaos";
/// Parts in which the documents are submitted.
const PARTS: usize = 4;
/// One in so many documents is damaged.
const DAMAGED: usize = 50;
/// Times that the ledger is killed.
const KILLS: usize = 5;
/// Longest time of the whole.
const DEADLINE: Duration = Duration::from_secs(1200);
/// A copy of all events, for the trial.
const COPY: &str = "copy-of-events";

fn main() {
    let mut arguments = env::args().skip(1);
    let jobs: usize = arguments.next().map_or(2000, |jobs| jobs.parse().unwrap());
    let database = arguments.next().unwrap_or_else(|| "sqlite".to_owned());
    let seed: u64 = arguments.next().map_or(1, |seed| seed.parse().unwrap());
    let mut random = StdRng::seed_from_u64(seed);
    let cluster = TestCluster::start();
    let server = (database == "postgres").then(PostgresServer::start);
    let file = cluster
        .work_folder()
        .join("ledger.db")
        .display()
        .to_string();
    let ledger = server.as_ref().map_or(file, PostgresServer::url);
    let started = Instant::now();

    let mut trial = Trial {
        ledger,
        events: Events::new(&cluster),
        cluster: &cluster,
        looks: 0,
    };
    for number in 0..jobs {
        let key = format!("in/{}/{number:05}.pdf", number % PARTS);
        let page = pdf::text(&[&format!("Letter {number} of the archive.")]);
        let bytes = match number % DAMAGED {
            0 => b"%PDF-1.7\nnothing else".to_vec(),
            _ => pdf::with_pages(&[&page]),
        };
        cluster.store.put(DOCUMENTS, &key, &bytes);
    }
    let mut serve = cluster.serve(&trial.ledger);
    let mut workers: Vec<_> = (0..2)
        .map(|_| {
            cluster.worker_with(|command| {
                command.env("RECTO_JOBS", "4");
            })
        })
        .collect();
    let mut kills = KILLS;
    for part in 0..PARTS {
        let mut submit = trial.submit(part);
        if part == 2 {
            // Nobody takes jobs while a part of them waits and is purged.
            for worker in &mut workers {
                worker.terminate();
            }
            submit.wait().unwrap();
            cluster.rabbit.ctl(&["purge_queue", "recto.jobs"]);
            workers = (0..2)
                .map(|_| {
                    cluster.worker_with(|command| {
                        command.env("RECTO_JOBS", "4");
                    })
                })
                .collect();
        }
        while submit.try_wait().unwrap().is_none() {
            trial.look();
            if kills > 0 && random.random_ratio(1, 3) {
                kills -= 1;
                serve.kill();
                serve = cluster.serve(&trial.ledger);
            }
            trial.repeat(&mut random);
        }
        if part == 1 {
            workers[0].kill();
            workers[0] = cluster.worker();
        }
    }
    while kills > 0 {
        kills -= 1;
        serve.kill();
        thread::sleep(Duration::from_millis(random.random_range(0..500)));
        serve = cluster.serve(&trial.ledger);
        trial.look();
    }
    let status = trial.wait(started, &mut random, |status| {
        status["waiting"] == 0 && status["reading"] == 0
    });
    println!("{database}, seed {seed}: {status}");
    let named = trial.ids(&["show", BATCH, "--state", "lost", "--format", "jsonl"]);
    trial.repeat(&mut random);
    let unheard: BTreeSet<String> = trial
        .events
        .submitted
        .difference(&trial.events.ended)
        .cloned()
        .collect();
    assert_eq!(
        named, unheard,
        "the lost jobs are those that no event says the end of"
    );
    assert!(!named.is_empty(), "the purged queue held none");
    let submitted: usize = usize::try_from(status["submitted"].as_u64().unwrap()).unwrap();
    assert_eq!(submitted, jobs);

    let before = trial.events.started;
    let retried = trial
        .batch(&["retry", BATCH, "--state", "lost"])
        .output()
        .unwrap();
    assert!(retried.status.success(), "{}", seen(&retried));
    let status = trial.wait(started, &mut random, |status| status["open"] == 0);
    let rerun = trial.events.started - before;
    assert_eq!(rerun, named.len(), "only the lost ones were read");
    let bad = jobs.div_ceil(DAMAGED);
    assert_eq!(
        status["done"].as_u64().unwrap() as usize,
        jobs - bad,
        "{status}"
    );
    assert_eq!(status["dead"].as_u64().unwrap() as usize, bad, "{status}");
    if let Some(bag) = arguments.next() {
        let export = ["export", BATCH, "--bagit", &bag];
        let exported = trial.batch(&export).output().unwrap();
        assert!(exported.status.success(), "{}", seen(&exported));
    }
    println!(
        "{database}, seed {seed}: {jobs} jobs, {KILLS} kills of the ledger, {} lost and named and read by a retry, {} events repeated, {} looks, all right; {:.0} s; {status}",
        named.len(),
        trial.events.repeated,
        trial.looks,
        started.elapsed().as_secs_f64()
    );
}

struct Trial<'a> {
    cluster: &'a TestCluster,
    ledger: String,
    events: Events,
    looks: usize,
}

impl Trial<'_> {
    fn batch(&self, arguments: &[&str]) -> Command {
        let mut command = self.cluster.recto("batch");
        command.env("RECTO_LEDGER", &self.ledger).args(arguments);
        command
    }

    fn submit(&self, part: usize) -> std::process::Child {
        let mut command = self.cluster.recto("submit");
        command.args([
            &format!("s3://{DOCUMENTS}/in/{part}/"),
            "-o",
            "s3://results/out",
            "--batch",
            BATCH,
        ]);
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Looks at the batch, which must add up.
    fn look(&mut self) -> Option<Value> {
        let output = self.batch(&["status", BATCH, "--json"]).output().unwrap();
        let status: Value = serde_json::from_slice(&output.stdout).ok()?;
        let number = |member: &str| status[member].as_i64().unwrap();
        let parts = [
            "done",
            "partial",
            "failed",
            "skipped",
            "dead",
            "cancelled",
            "open",
        ];
        let sum: i64 = parts.into_iter().map(number).sum();
        assert_eq!(sum, number("submitted"), "{status}");
        assert_eq!(
            number("open"),
            number("waiting") + number("reading") + number("lost"),
            "{status}"
        );
        self.looks += 1;
        Some(status)
    }

    /// Looks until it is so.
    fn wait(
        &mut self,
        started: Instant,
        random: &mut StdRng,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        loop {
            self.repeat(random);
            let status = self.look();
            if let Some(status) = status.filter(&is_so) {
                self.repeat(random);
                return status;
            }
            assert!(
                started.elapsed() < DEADLINE,
                "not in time: {:?}",
                self.look()
            );
            thread::sleep(Duration::from_millis(300));
        }
    }

    /// Sends some of the events of the last moments again.
    fn repeat(&mut self, random: &mut StdRng) {
        self.events.repeat(random);
    }

    fn ids(&self, arguments: &[&str]) -> BTreeSet<String> {
        let output = self.batch(arguments).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines()
            .map(|line| {
                serde_json::from_str::<Value>(line).unwrap()["id"]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    }
}

/// The events of all jobs, as the trial hears them.
struct Events {
    client: AmqpClient,
    submitted: BTreeSet<String>,
    ended: BTreeSet<String>,
    started: usize,
    repeated: usize,
}

impl Events {
    fn new(cluster: &TestCluster) -> Self {
        cluster.declare();
        let client = cluster.rabbit.client();
        client.declare(COPY, &[]);
        client.bind(COPY, "recto.jobs.events", "#");
        Self {
            client,
            submitted: BTreeSet::new(),
            ended: BTreeSet::new(),
            started: 0,
            repeated: 0,
        }
    }

    fn repeat(&mut self, random: &mut StdRng) {
        let mut again = Vec::new();
        for message in self.client.take_all(COPY) {
            let event = message.json();
            let id = event["id"].as_str().unwrap_or_default().to_owned();
            match event["event"].as_str() {
                Some("submitted") => drop(self.submitted.insert(id)),
                Some("ended" | "dead-lettered") => drop(self.ended.insert(id)),
                Some("started") => self.started += 1,
                _ => {}
            }
            if random.random_ratio(1, 2) {
                again.push(message.body);
            }
        }
        self.repeated += again.len();
        for body in again.iter().rev() {
            self.client.publish("recto.jobs.ledger", body);
        }
    }
}
