//! Workers that die, stop or are kept waiting.

use std::{fs, time::Duration};

use recto_schemas::{Job, ResultState};
use rustix::process::Signal;

use crate::support::{
    cluster::{RESULTS, TestCluster, WorkerProcess},
    pdf,
    rabbit::RabbitServer,
    wait_until,
};

#[test]
fn a_killed_workers_document_is_finished_by_another() {
    let cluster = TestCluster::start();
    let mut first = cluster.worker();
    let slow = cluster.slow("slow", 10);
    cluster.submit([&slow]);
    first.wait_for("page ended");
    first.kill();
    let left = leftovers(&cluster);
    assert_eq!(
        left.len(),
        1,
        "a killed worker leaves its scratch directory: {left:?}"
    );

    let second = cluster.worker();
    let accounts = cluster.accounts(1);
    assert_eq!(accounts.results["slow"].state, ResultState::Done);
    assert_eq!(cluster.manifests().len(), 1);
    assert_eq!(second.documents_read(), 1);
    let now = leftovers(&cluster);
    assert!(
        !now.contains(&left[0]),
        "the next worker removes it: {now:?}"
    );
}

fn leftovers(cluster: &TestCluster) -> Vec<String> {
    let entries = fs::read_dir(cluster.work_folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names
        .filter(|name| name.starts_with("recto-worker-"))
        .collect()
}

#[test]
fn a_document_that_kills_its_worker_each_time_ends_as_a_poison_message_and_its_neighbors_do_not() {
    let cluster = TestCluster::start();
    cluster.declare();
    let killer = cluster.slow("killer", 30);
    let innocent = cluster.slow("innocent", 2);
    cluster.submit([&killer, &innocent]);

    let mut lives = 0;
    let started_killer = |worker: &WorkerProcess| {
        let started = worker.events("job started");
        started
            .iter()
            .any(|event| event.to_string().contains("\"killer\""))
    };
    loop {
        let mut worker = cluster.spawn_worker(|_| {});
        lives += 1;
        assert!(
            lives < 12,
            "three crashes that were surely its own are enough"
        );
        let mut gone = false;
        wait_until(
            "the killer has started or is gone",
            || {
                gone = cluster.rabbit.client().ready("recto.jobs.dead") > 0;
                gone || started_killer(&worker)
            },
            || worker.log(),
        );
        if gone {
            let accounts = cluster.accounts(2);
            assert_eq!(accounts.dead["killer"].kind.as_str(), "poison-message");
            assert_eq!(accounts.dead["killer"].stage.as_str(), "deliver");
            assert!(accounts.dead["killer"].redelivery_count >= 3);
            assert_eq!(accounts.results["innocent"].state, ResultState::Done);
            let left = cluster.store.list(RESULTS, "out/.recto/");
            assert!(left.is_empty(), "no mark is left: {left:?}");
            return;
        }
        worker.kill();
    }
}

#[test]
fn a_stopped_worker_finishes_what_it_has_and_takes_no_more() {
    let cluster = TestCluster::start();
    let mut worker = cluster.worker();
    let jobs: Vec<Job> = (0..6)
        .map(|n| cluster.slow(&format!("slow-{n}"), 3))
        .collect();
    cluster.submit(&jobs);
    worker.wait_for("page ended");
    let (status, took) = worker.terminate();
    assert!(status.success(), "{status}\n{}", worker.log());
    assert!(took < Duration::from_secs(25), "{took:?}");
    let ended = worker.documents_read();
    assert!((1..=3).contains(&ended), "in flight: {ended}");
    assert!(
        leftovers(&cluster).is_empty(),
        "nothing is left in the scratch directory"
    );

    let _next = cluster.worker();
    assert_eq!(cluster.accounts(6).results.len(), 6);
    assert_eq!(cluster.manifests().len(), 6);
}

#[test]
fn what_is_not_done_by_the_deadline_is_requeued() {
    let cluster = TestCluster::start();
    let mut worker = cluster.worker_with(|command| {
        command.env("RECTO_DRAIN_TIMEOUT", "1s");
    });
    cluster.submit([&cluster.slow("slow", 60)]);
    worker.wait_for("page ended");
    let (status, took) = worker.terminate();
    assert!(status.success(), "{status}\n{}", worker.log());
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(worker.log().contains("requeue"), "{}", worker.log());
    assert_eq!(cluster.rabbit.client().ready("recto.jobs"), 1);
    assert!(cluster.manifests().is_empty());
}

#[test]
fn a_second_signal_ends_at_once() {
    let cluster = TestCluster::start();
    let mut worker = cluster.worker();
    cluster.submit([&cluster.slow("slow", 60)]);
    worker.wait_for("page ended");
    worker.signal(Signal::TERM);
    worker.wait_for("shutting down, waiting for in-flight jobs");
    worker.signal(Signal::INT);
    assert_eq!(worker.wait().code(), Some(130));
}

#[test]
fn a_job_longer_than_the_brokers_patience_ends_in_one_result() {
    let cluster = TestCluster::with(RabbitServer::start_with(&["consumer_timeout = 2000"]));
    let workers = [cluster.worker(), cluster.worker()];
    cluster.submit([&cluster.slow("long", 16), &cluster.quick("short")]);

    let accounts = cluster.accounts(2);
    assert_eq!(accounts.results["long"].state, ResultState::Done);
    let timed_out = |worker: &WorkerProcess| worker.log().contains("timed out");
    assert!(
        workers.iter().any(timed_out),
        "the broker lost its patience, or this shows nothing"
    );
    assert_eq!(cluster.manifests().len(), 2, "one stored result each");
}

#[test]
fn a_document_that_would_fill_the_scratch_directory_by_itself_fails_and_holds_up_nobody() {
    let cluster = TestCluster::start();
    let worker = cluster.worker_with(|command| {
        command.env("RECTO_SCRATCH_SIZE", "1MB");
    });
    // With the results the folder is full; another document is larger than the whole folder.
    let page = pdf::text(&["Big."]);
    let mut big = pdf::with_pages(&vec![page.as_str(); 20]);
    big.resize(995_000, b'\n');
    let mut larger = big.clone();
    larger.resize(1_500_000, b'\n');
    let mut big = cluster.document("big", &big);
    big.options.html = true;
    let larger = cluster.document("larger", &larger);
    cluster.submit([&big, &larger, &cluster.quick("small")]);
    let accounts = cluster.accounts(3);
    assert_eq!(worker.ask("/readyz").0, 200);
    assert_eq!(accounts.dead["larger"].kind.as_str(), "document-too-large");
    assert_eq!(accounts.results["small"].state, ResultState::Done);
    assert_eq!(accounts.dead["big"].kind.as_str(), "output-too-large");
    assert_eq!(
        accounts.dead["big"].attempts, 0,
        "no other attempt would do"
    );
    assert!(!worker.log().contains("suspended"), "the machine is well");
}
