//! `make chaos`: workers are killed and the broker is restarted at random moments while documents are read; in the
//! end every document has to be accounted for, once.
//!
//! Everything that is random follows from the seed. Moments are counted in documents that have ended, so that they
//! fall all over the run on machines of any speed.

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
    process::ExitCode,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use recto_schemas::{FailureKind, Job};
use support::{
    cluster::{JobAccounts, TestCluster, WorkerProcess, job},
    wait_until,
};

/// Longest time without any document ending.
const PATIENCE: Duration = Duration::from_secs(300);

struct ChaosPlan {
    seed: u64,
    documents: usize,
    workers: usize,
    kills: usize,
    restarts: usize,
}

/// A disturbance, and the number of documents after which it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ChaosEvent {
    KillWorker,
    StopBroker,
    KillBroker,
}

fn main() -> ExitCode {
    let Some(plan) = plan() else {
        eprintln!(
            "usage: chaos [--seed N] [--documents N] [--workers N] [--kills N] [--restarts N]"
        );
        return ExitCode::from(2);
    };
    let mut random = StdRng::seed_from_u64(plan.seed);
    println!(
        "seed {}: {} documents, {} workers, {} SIGKILLs, {} broker restarts",
        plan.seed, plan.documents, plan.workers, plan.kills, plan.restarts
    );
    let started = Instant::now();
    let mut cluster = TestCluster::start();
    cluster.declare();
    let jobs = jobs(&cluster, plan.documents, &mut random);
    let mut workers: Vec<WorkerProcess> = (0..plan.workers).map(|_| cluster.worker()).collect();
    cluster.submit(&jobs);

    let mut accounts = JobAccounts::default();
    for (after, event) in events(&plan, &mut random) {
        collect(&cluster, &mut accounts, after);
        println!(
            "{:6.1} s  {after:4} ended  {event:?}",
            started.elapsed().as_secs_f64()
        );
        match event {
            ChaosEvent::KillWorker => {
                let victim = random.random_range(0..workers.len());
                workers[victim].kill();
                workers[victim] = cluster.spawn_worker(|_| {});
            }
            ChaosEvent::StopBroker => cluster.rabbit.stop(),
            ChaosEvent::KillBroker => cluster.rabbit.kill(),
        }
        if event != ChaosEvent::KillWorker {
            cluster.rabbit.start_again();
        }
    }
    collect(&cluster, &mut accounts, jobs.len());
    report(&cluster, &jobs, accounts, started)
}

fn plan() -> Option<ChaosPlan> {
    let mut plan = ChaosPlan {
        seed: 1,
        documents: 300,
        workers: 3,
        kills: 20,
        restarts: 3,
    };
    let mut arguments = env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value: u64 = arguments.next()?.parse().ok()?;
        let count = usize::try_from(value).ok()?;
        match name.as_str() {
            "--seed" => plan.seed = value,
            "--documents" => plan.documents = count,
            "--workers" => plan.workers = count,
            "--kills" => plan.kills = count,
            "--restarts" => plan.restarts = count,
            _ => return None,
        }
    }
    Some(plan)
}

/// Mostly short letters, some that the engine has to read, some that nobody can read.
fn jobs(cluster: &TestCluster, count: usize, random: &mut StdRng) -> Vec<Job> {
    let make = |number: usize, dice: u32| {
        let id = format!("doc-{number:04}");
        match dice {
            0..=2 => cluster.document(&id, b"<html>404 Not Found</html>"),
            3..=4 => job(&id, &format!("s3://documents/in/{id}-missing.pdf")),
            5..=24 => cluster.slow(&id, 1 + number % 3),
            _ => cluster.quick(&id),
        }
    };
    (0..count)
        .map(|number| make(number, random.random_range(0..100)))
        .collect()
}

/// In the order of their moments.
fn events(plan: &ChaosPlan, random: &mut StdRng) -> Vec<(usize, ChaosEvent)> {
    let mut events = Vec::new();
    for number in 0..plan.kills + plan.restarts {
        let event = match (number < plan.kills, random.random_bool(0.5)) {
            (true, _) => ChaosEvent::KillWorker,
            (false, true) => ChaosEvent::StopBroker,
            (false, false) => ChaosEvent::KillBroker,
        };
        events.push((random.random_range(0..plan.documents * 19 / 20), event));
    }
    events.sort();
    events
}

/// Takes results and dead letters until so many documents have ended.
fn collect(cluster: &TestCluster, accounts: &mut JobAccounts, wanted: usize) {
    let client = cluster.rabbit.client();
    let mut last = (accounts.ended(), Instant::now());
    while accounts.ended() < wanted {
        accounts.take(&client);
        if accounts.ended() > last.0 {
            last = (accounts.ended(), Instant::now());
        }
        assert!(
            last.1.elapsed() < PATIENCE,
            "{} of {wanted} ended, and no more: {:?}",
            accounts.ended(),
            cluster.rabbit.queues()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The equation, and whether it holds.
fn report(
    cluster: &TestCluster,
    jobs: &[Job],
    mut accounts: JobAccounts,
    started: Instant,
) -> ExitCode {
    let client = cluster.rabbit.client();
    wait_until(
        "every queue is empty",
        || {
            accounts.take(&client);
            let left = |counts: &support::rabbit::QueueCounts| counts.ready + counts.unacked;
            cluster
                .rabbit
                .queues()
                .iter()
                .all(|(_, counts)| left(counts) == 0)
        },
        || format!("{:?}", cluster.rabbit.queues()),
    );
    let manifests = cluster.manifests();
    let inputs: BTreeSet<&String> = jobs.iter().map(|job| &job.id).collect();
    let both = accounts
        .results
        .keys()
        .filter(|id| accounts.dead.contains_key(*id))
        .count();
    let ended: BTreeSet<&String> = accounts
        .results
        .keys()
        .chain(accounts.dead.keys())
        .collect();
    let mut reasons = std::collections::BTreeMap::<&str, usize>::new();
    for letter in accounts.dead.values() {
        *reasons.entry(letter.kind.as_str()).or_default() += 1;
    }
    println!(
        "{:6.1} s  {} inputs = {} results + {} dead letters {reasons:?}; {} manifests; {} messages came twice",
        started.elapsed().as_secs_f64(),
        inputs.len(),
        accounts.results.len(),
        accounts.dead.len(),
        manifests.len(),
        accounts.messages - accounts.ended(),
    );
    let wrong = accounts.dead.values().filter(|letter| {
        !matches!(
            letter.kind,
            FailureKind::NotADocument | FailureKind::NoSuchObject
        )
    });
    let wrong = wrong.count();
    let holds =
        inputs == ended && both == 0 && wrong == 0 && manifests.len() == accounts.results.len();
    println!(
        "{}",
        if holds {
            "the equation holds"
        } else {
            "THE EQUATION DOES NOT HOLD"
        }
    );
    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
