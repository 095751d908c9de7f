//! `make chaos`: at random moments, while documents are read, workers are killed, frozen and drained, the broker is
//! restarted and raises alarms, the results queue is full, and the store, or one worker's way to it, is away, slow,
//! denied or wrong. In the end every document has to be accounted for, once, and nothing may be left behind.
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
    thread,
    time::{Duration, Instant},
};

use rand::{Rng, SeedableRng, rngs::StdRng};
use recto_schemas::{DeadLetter, FailureKind, Job};
use rustix::process::Signal;
use support::{
    cluster::{JobAccounts, TestCluster, WorkerProcess, job},
    proxy::{BARE_400, DENIED, EXPIRED, GATEWAY_404, MOVED, ProxyFault, SLOW_DOWN, TcpProxy},
    wait_until,
};

/// The long document's job.
const LONG: &str = "long";

/// Pages that are kept together.
const PART_PAGES: usize = 16;

/// Longest time without any document ending.
const PATIENCE: Duration = Duration::from_secs(300);

struct ChaosPlan {
    seed: u64,
    documents: usize,
    workers: usize,
    kills: usize,
    restarts: usize,
    /// Disturbances of other kinds.
    faults: usize,
    /// Pages of one long document among the others; none if 0.
    long_pages: usize,
}

/// A disturbance, and the number of documents after which it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ChaosEvent {
    KillWorker,
    StopBroker,
    KillBroker,
    /// A worker stands still, as a machine that swaps or is suspended.
    FreezeWorker,
    /// SIGTERM with less time than a document takes.
    DrainWorker,
    /// One worker's store gives this answer to all it asks.
    SickWorker(&'static str),
    /// Every worker's.
    SickStore(&'static str),
    /// Every worker's store gives 2 kB a second.
    SlowStore,
    /// The broker refuses results.
    FullResults,
    /// The broker is short of memory.
    Alarm,
    /// The broker closes every connection.
    CloseConnections,
}

/// Answers of a store that is unwell, by the name that the log shows.
const ANSWERS: [&str; 6] = [EXPIRED, BARE_400, GATEWAY_404, MOVED, DENIED, SLOW_DOWN];

/// A worker and its way to the store.
struct ProxiedWorker {
    worker: WorkerProcess,
    proxy: TcpProxy,
}

impl ProxiedWorker {
    fn start(cluster: &TestCluster) -> Self {
        let proxy = TcpProxy::start(cluster.store.address());
        let worker = Self::spawn(cluster, &proxy);
        Self { worker, proxy }
    }

    fn spawn(cluster: &TestCluster, proxy: &TcpProxy) -> WorkerProcess {
        cluster.spawn_worker(|command| {
            cluster.store.env_at(command, proxy.address());
            command.env("RECTO_DRAIN_TIMEOUT", "300ms");
            command.env("RECTO_CONFIRM_TIMEOUT", "5s");
            command.env("RECTO_SHARE_ABOVE", "2s");
        })
    }
}

fn main() -> ExitCode {
    let Some(plan) = plan() else {
        eprintln!(
            "usage: chaos [--seed N] [--documents N] [--workers N] [--kills N] [--restarts N] [--faults N] [--long-pages N]"
        );
        return ExitCode::from(2);
    };
    let mut random = StdRng::seed_from_u64(plan.seed);
    println!(
        "seed {}: {} documents, one of {} pages, {} workers, {} SIGKILLs, {} broker restarts, {} other faults",
        plan.seed,
        plan.documents,
        plan.long_pages,
        plan.workers,
        plan.kills,
        plan.restarts,
        plan.faults
    );
    let started = Instant::now();
    let mut cluster = TestCluster::start();
    cluster.declare();
    let mut jobs = jobs(&cluster, plan.documents, &mut random);
    if plan.long_pages > 0 {
        jobs[0] = cluster.long(LONG, plan.long_pages);
    }
    let mut workers: Vec<ProxiedWorker> = (0..plan.workers)
        .map(|_| ProxiedWorker::start(&cluster))
        .collect();
    cluster.submit(&jobs);

    let mut accounts = JobAccounts::default();
    for (after, event) in events(&plan, &mut random) {
        collect(&cluster, &mut accounts, after);
        println!(
            "{:6.1} s  {after:4} ended  {}",
            started.elapsed().as_secs_f64(),
            name(event)
        );
        let victim = random.random_range(0..workers.len());
        let time = Duration::from_millis(random.random_range(1_000..5_000));
        disturb(&mut cluster, &mut workers, victim, event, time);
    }
    collect(&cluster, &mut accounts, jobs.len());
    let long_holds = plan.long_pages == 0 || {
        let disturbances = plan.kills + plan.restarts + plan.faults;
        long_document_holds(&cluster, &jobs[0], &mut accounts, &plan, disturbances)
    };
    match report(&cluster, &jobs, accounts, started) {
        true if long_holds => {
            println!("the equation holds");
            ExitCode::SUCCESS
        }
        _ => {
            println!("THE EQUATION DOES NOT HOLD");
            ExitCode::FAILURE
        }
    }
}

/// Returns true if the long document's result is that of an undisturbed reading, and if no more of its pages were read
/// twice than a part for each disturbance.
fn long_document_holds(
    cluster: &TestCluster,
    long: &Job,
    accounts: &mut JobAccounts,
    plan: &ChaosPlan,
    disturbances: usize,
) -> bool {
    let read = pages_read(cluster, &long.id);
    let alone = Job {
        id: "undisturbed".to_owned(),
        output: format!("{}-undisturbed", long.output),
        ..long.clone()
    };
    cluster.submit([&alone]);
    let ended = accounts.ended();
    collect(cluster, accounts, ended + 1);
    let text = |accounts: &JobAccounts, id: &str| {
        let uri = accounts.results.get(id)?.outputs.markdown.clone()?;
        let key = uri.strip_prefix("s3://results/")?.to_owned();
        cluster
            .store
            .get("results", &key)
            .map(|object| object.bytes)
    };
    let (shared, whole) = (text(accounts, &long.id), text(accounts, &alone.id));
    accounts.results.remove(&alone.id);
    accounts.messages -= 1;
    let is_same = shared.is_some() && shared == whole;
    let most = plan.long_pages + disturbances * PART_PAGES;
    println!(
        "the long document: {read} pages read of {}, at most {most} allowed; {}",
        plan.long_pages,
        if is_same {
            "the text of one reading"
        } else {
            "ANOTHER TEXT"
        }
    );
    is_same && read <= most
}

/// Pages of a job's document that workers have read, all of them together.
fn pages_read(cluster: &TestCluster, id: &str) -> usize {
    let files = std::fs::read_dir(cluster.work_folder()).unwrap();
    let logs = files
        .map(|file| file.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "log"));
    let of_job = format!("\"job.id\":\"{id}\"");
    logs.map(|log| {
        let text = std::fs::read_to_string(log).unwrap();
        let lines = text.lines();
        lines
            .filter(|line| line.contains("\"page ended\"") && line.contains(&of_job))
            .count()
    })
    .sum()
}

/// The first line of an answer says enough of it.
fn name(event: ChaosEvent) -> String {
    let shown = format!("{event:?}");
    shown.split("\\r").next().unwrap_or_default().to_owned()
}

/// Does it to the worker number `victim`, or to all, and undoes after `time` what can be undone.
fn disturb(
    cluster: &mut TestCluster,
    workers: &mut [ProxiedWorker],
    victim: usize,
    event: ChaosEvent,
    time: Duration,
) {
    let ctl = |cluster: &TestCluster, arguments: &[&str]| drop(cluster.rabbit.ctl(arguments));
    let one = &mut workers[victim];
    match event {
        ChaosEvent::KillWorker => {
            one.worker.kill();
            one.worker = ProxiedWorker::spawn(cluster, &one.proxy);
        }
        ChaosEvent::DrainWorker => {
            let status = one.worker.terminate().0;
            assert!(status.success(), "a drain: {status}");
            one.worker = ProxiedWorker::spawn(cluster, &one.proxy);
        }
        ChaosEvent::FreezeWorker => {
            one.worker.signal(Signal::STOP);
            thread::sleep(time);
            one.worker.signal(Signal::CONT);
        }
        ChaosEvent::SickWorker(answer) => {
            one.proxy.set(ProxyFault::Answer(answer));
            thread::sleep(time);
            one.proxy.pass();
        }
        ChaosEvent::SickStore(answer) => {
            for of in workers.iter() {
                of.proxy.set(ProxyFault::Answer(answer));
            }
            thread::sleep(time);
            workers.iter().for_each(|of| of.proxy.pass());
        }
        ChaosEvent::SlowStore => {
            workers.iter().for_each(|of| of.proxy.slow(2_000));
            thread::sleep(time);
            workers.iter().for_each(|of| of.proxy.pass());
        }
        ChaosEvent::FullResults => {
            let full = r#"{"max-length": 1, "overflow": "reject-publish"}"#;
            let queue = "^recto.results$";
            ctl(
                cluster,
                &["set_policy", "full", queue, full, "--apply-to", "queues"],
            );
            thread::sleep(time);
            ctl(cluster, &["clear_policy", "full"]);
        }
        ChaosEvent::Alarm => {
            ctl(cluster, &["set_vm_memory_high_watermark", "0.00001"]);
            thread::sleep(time);
            let connections =
                cluster
                    .rabbit
                    .ctl(&["list_connections", "--no-table-headers", "pid"]);
            let open = connections.lines().filter(|line| !line.is_empty()).count();
            // Two a worker, one more each while one is given up, and the run's own.
            assert!(open <= 3 * workers.len() + 3, "{open} connections");
            ctl(cluster, &["set_vm_memory_high_watermark", "0.6"]);
        }
        ChaosEvent::CloseConnections => {
            ctl(cluster, &["close_all_connections", "chaos"]);
        }
        ChaosEvent::StopBroker => {
            cluster.rabbit.stop();
            cluster.rabbit.start_again();
        }
        ChaosEvent::KillBroker => {
            cluster.rabbit.kill();
            cluster.rabbit.start_again();
        }
    }
}

fn plan() -> Option<ChaosPlan> {
    let mut plan = ChaosPlan {
        seed: 1,
        documents: 300,
        workers: 3,
        kills: 20,
        restarts: 3,
        faults: 20,
        long_pages: 500,
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
            "--faults" => plan.faults = count,
            "--long-pages" => plan.long_pages = count,
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
    let mut at_random = |event: ChaosEvent, random: &mut StdRng| {
        events.push((random.random_range(0..plan.documents * 19 / 20), event));
    };
    for _ in 0..plan.kills {
        at_random(ChaosEvent::KillWorker, random);
    }
    for _ in 0..plan.restarts {
        let event = match random.random_bool(0.5) {
            true => ChaosEvent::StopBroker,
            false => ChaosEvent::KillBroker,
        };
        at_random(event, random);
    }
    for number in 0..plan.faults {
        let answer = ANSWERS[random.random_range(0..ANSWERS.len())];
        let kinds = [
            ChaosEvent::SickWorker(answer),
            ChaosEvent::FreezeWorker,
            ChaosEvent::DrainWorker,
            ChaosEvent::SickStore(answer),
            ChaosEvent::FullResults,
            ChaosEvent::Alarm,
            ChaosEvent::DrainWorker,
            ChaosEvent::SlowStore,
            ChaosEvent::CloseConnections,
        ];
        at_random(kinds[number % kinds.len()], random);
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
        thread::sleep(Duration::from_millis(20));
    }
}

/// Returns true if the job could not have ended otherwise.
fn is_deserved(letter: &DeadLetter) -> bool {
    match letter.kind {
        FailureKind::NotADocument => true,
        FailureKind::NoSuchObject => letter.body.contains("-missing.pdf"),
        _ => false,
    }
}

/// Prints the equation; returns true if it holds.
fn report(
    cluster: &TestCluster,
    jobs: &[Job],
    mut accounts: JobAccounts,
    started: Instant,
) -> bool {
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
    let mut manifests = cluster.manifests();
    manifests.retain(|key, _| !key.contains("-undisturbed/"));
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
    let wrong = accounts.dead.values().filter(|letter| !is_deserved(letter));
    let wrong: Vec<_> = wrong.map(|letter| (&letter.id, &letter.message)).collect();
    if !wrong.is_empty() {
        println!("dead letters that no document deserved: {wrong:?}");
    }
    let leftovers: Vec<String> = cluster
        .store
        .list("results", "")
        .into_iter()
        // A probe that its worker could not remove is swept after a day.
        .filter(|key| key.contains("/.recto/") || key.contains("/parts/"))
        .filter(|key| !key.contains("/probe-"))
        .collect();
    if !leftovers.is_empty() {
        println!("left in the store: {leftovers:?}");
    }
    leftovers.is_empty()
        && inputs == ended
        && both == 0
        && wrong.is_empty()
        && manifests.len() == accounts.results.len()
}
