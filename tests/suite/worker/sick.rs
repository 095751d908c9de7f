//! A sick part harms itself only: what a worker, the store or the broker has is never taken for a job's failure.

use std::time::{Duration, Instant};

use recto_schemas::{Job, ResultState};

use crate::support::{
    cluster::{DOCUMENTS, RESULTS, TestCluster, WorkerProcess},
    objects::SeaweedServer,
    proxy::{BARE_400, DENIED, EXPIRED, GATEWAY_404, MOVED, ProxyFault, SLOW_DOWN, TcpProxy},
    rabbit::RabbitServer,
    wait_until,
};

/// Time in which a sick worker must say that it is not ready.
const NOTICE: Duration = Duration::from_secs(5);

#[test]
fn a_worker_whose_store_is_unwell_harms_no_job_and_comes_back_when_healed() {
    let cluster = TestCluster::start();
    let staging = SeaweedServer::start();
    staging.create_bucket(DOCUMENTS);
    let _healthy = cluster.worker();
    let proxy = TcpProxy::start(cluster.store.address());
    let sick = cluster.worker_with(|command| cluster.store.env_at(command, proxy.address()));
    type Fault<'a> = (&'a str, &'a dyn Fn(&TcpProxy));
    let answer =
        |answer: &'static str| move |proxy: &TcpProxy| proxy.set(ProxyFault::Answer(answer));
    let faults: [Fault<'_>; 7] = [
        ("expired", &answer(EXPIRED)),
        ("bare-400", &answer(BARE_400)),
        ("gateway", &answer(GATEWAY_404)),
        ("region", &answer(MOVED)),
        ("denied", &answer(DENIED)),
        ("busy", &answer(SLOW_DOWN)),
        ("staging", &|proxy| proxy.lead_to(staging.address())),
    ];
    for (name, fault) in faults {
        let jobs: Vec<Job> = (0..120)
            .map(|n| cluster.quick(&format!("{name}-{n}")))
            .collect();
        fault(&proxy);
        cluster.submit(&jobs);
        let since = Instant::now();
        wait_for_readiness(&sick, 503);
        assert!(since.elapsed() < NOTICE, "{name}: {:?}", since.elapsed());
        let accounts = cluster.accounts(jobs.len());
        assert!(accounts.dead.is_empty(), "{name}: {:?}", accounts.dead);
        let (status, report) = sick.ask("/readyz");
        assert_eq!(status, 503, "{name}: {report}");
        assert!(
            report.contains("consumer: not ready: suspended"),
            "{name}: {report}"
        );
        proxy.lead_to(cluster.store.address());
        proxy.pass();
        wait_for_readiness(&sick, 200);
    }
}

fn wait_for_readiness(worker: &WorkerProcess, wanted: u16) {
    wait_until(
        &format!("the worker's readiness is {wanted}"),
        || worker.ask("/readyz").0 == wanted,
        || worker.ask("/readyz").1,
    );
}

#[test]
fn a_fleet_without_its_store_keeps_every_job_however_long_it_takes() {
    let cluster = TestCluster::start();
    let proxy = TcpProxy::start(cluster.store.address());
    let worker = cluster.worker_with(|command| cluster.store.env_at(command, proxy.address()));
    let jobs: Vec<Job> = (0..6).map(|n| cluster.quick(&format!("doc-{n}"))).collect();
    // All retries take 2 s: without a test of the worker each job would end as a dead letter by then.
    proxy.set(ProxyFault::Answer(EXPIRED));
    cluster.submit(&jobs);
    worker.wait_for_times("still suspended", 3);
    assert_eq!(cluster.rabbit.client().ready("recto.jobs"), 6);
    proxy.pass();
    let accounts = cluster.accounts(6);
    assert_eq!(accounts.results.len(), 6);
    assert!(accounts.results.values().all(|result| result.attempts == 0));
}

#[test]
fn a_job_for_another_engine_waits_for_a_worker_that_runs_it() {
    let cluster = TestCluster::start();
    let worker = cluster.worker();
    let mut of_other = cluster.quick("got");
    of_other.engine = Some("got".to_owned());
    let mut of_this = cluster.quick("ppocr");
    of_this.engine = Some("ppocr".to_owned());
    cluster.submit([&of_other, &of_this, &cluster.quick("any")]);
    worker.wait_for_times("job ended", 2);
    let client = cluster.rabbit.client();
    wait_until(
        "the other engine's job is in its own queue",
        || client.ready("recto.jobs.engine.got") == 1,
        || worker.log(),
    );
    assert_eq!(client.ready("recto.jobs"), 0);
    let left = client.take_all("recto.jobs.engine.got");
    assert_eq!(left[0].json()["id"], "got");
    assert_eq!(cluster.accounts(2).results.len(), 2);
}

#[test]
fn a_full_results_queue_is_waited_for() {
    let cluster = TestCluster::start();
    cluster.declare();
    let full = r#"{"max-length": 2, "overflow": "reject-publish"}"#;
    cluster.rabbit.ctl(&[
        "set_policy",
        "full",
        "^recto.results$",
        full,
        "--apply-to",
        "queues",
    ]);
    let worker = cluster.worker();
    let jobs: Vec<Job> = (0..9).map(|n| cluster.quick(&format!("doc-{n}"))).collect();
    cluster.submit(&jobs);
    wait_until(
        "the worker says that its results are refused",
        || worker.ask("/readyz").1.contains("publisher: not ready"),
        || worker.log(),
    );
    cluster.rabbit.ctl(&["clear_policy", "full"]);
    let accounts = cluster.accounts(9);
    assert_eq!(accounts.results.len(), 9, "{:?}", accounts.dead);
    assert_eq!(worker.documents_read(), 9);
    wait_for_readiness(&worker, 200);
}

#[test]
fn a_stored_result_is_found_though_its_document_is_gone() {
    let cluster = TestCluster::start();
    let worker = cluster.worker();
    let job = cluster.quick("letter");
    cluster.submit([&job]);
    worker.wait_for_times("job ended", 1);
    // Whoever looks into the store removes what has been read; the message comes again.
    cluster.store.delete(DOCUMENTS, "in/letter.pdf");
    cluster.submit([&job]);
    worker.wait_for_times("job ended", 2);
    let accounts = cluster.accounts(1);
    assert_eq!(accounts.results["letter"].state, ResultState::Done);
    assert_eq!(worker.documents_read(), 1);
}

#[test]
fn orderly_drains_and_lost_connections_are_no_crashes() {
    let cluster = TestCluster::start();
    cluster.declare();
    // An operator's policy, which no worker sees.
    let strict = r#"{"delivery-limit": 3}"#;
    cluster.rabbit.ctl(&[
        "set_policy",
        "strict",
        "^recto.jobs$",
        strict,
        "--apply-to",
        "queues",
    ]);
    cluster.submit([&cluster.slow("volume", 40)]);
    let mut read = 0;
    for _ in 0..4 {
        let mut worker = cluster.worker_with(|command| {
            command.env("RECTO_DRAIN_TIMEOUT", "200ms");
        });
        worker.wait_for("page ended");
        assert!(worker.terminate().0.success(), "{}", worker.log());
        read += worker.events("page ended").len();
    }
    let worker = cluster.worker();
    worker.wait_for("page ended");
    for lost in 2..=6 {
        cluster
            .rabbit
            .ctl(&["close_all_connections", "an operator's word"]);
        worker.wait_for_times("consuming jobs", lost);
    }
    let accounts = cluster.accounts(1);
    assert_eq!(
        accounts.results["volume"].state,
        ResultState::Done,
        "{:?}",
        accounts.dead
    );
    read += worker.events("page ended").len();
    assert_eq!(read, 40, "no page was read twice");
    let left = cluster.store.list(RESULTS, "out/.recto/");
    assert!(left.is_empty(), "no mark is left: {left:?}");
}

#[test]
fn a_broker_alarm_is_waited_for_on_the_same_connections() {
    let cluster = TestCluster::with(RabbitServer::start());
    let worker = cluster.worker_with(|command| {
        command.env("RECTO_CONFIRM_TIMEOUT", "3s");
    });
    cluster.submit([&cluster.quick("before")]);
    worker.wait_for_times("job ended", 1);
    let connections = || {
        let listed = cluster
            .rabbit
            .ctl(&["list_connections", "--no-table-headers", "pid"]);
        listed.lines().filter(|line| !line.is_empty()).count()
    };
    let jobs: Vec<Job> = (0..5).map(|n| cluster.quick(&format!("doc-{n}"))).collect();
    cluster.submit(&jobs);
    worker.wait_for_times("job ended", 6);
    // The first message after the alarm still gets through; it is the one that makes the broker block the connection.
    // So some more have to come, however long it takes to raise the alarm.
    let slow: Vec<Job> = (0..8)
        .map(|n| cluster.slow(&format!("slow-{n}"), 6))
        .collect();
    cluster.submit(&slow);
    worker.wait_for_times("job ended", 7);
    let before = connections();
    cluster
        .rabbit
        .ctl(&["set_vm_memory_high_watermark", "0.00001"]);
    wait_until(
        "the worker says that the broker blocks it",
        || worker.ask("/readyz").1.contains("connection.blocked"),
        || worker.log(),
    );
    assert!((worker.metric("recto_broker_blocked") - 1.0).abs() < 0.5);
    // More than two confirm timeouts.
    std::thread::sleep(Duration::from_secs(7));
    assert!(connections() <= before + 1, "{} of {before}", connections());
    cluster.rabbit.ctl(&["set_vm_memory_high_watermark", "0.6"]);
    let accounts = cluster.accounts(14);
    assert_eq!(accounts.results.len(), 14, "{:?}", accounts.dead);
    assert_eq!(accounts.messages, 14, "each result was sent once");
    assert_eq!(worker.documents_read(), 14);
    wait_for_readiness(&worker, 200);
}
