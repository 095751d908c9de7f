//! Orders of an operator: jobs are cancelled, batches wait and go on.

use std::{process::Stdio, time::Duration};

use recto_schemas::{FailureKind, Job, ResultState};

use crate::support::{
    cluster::{RESULTS, TestCluster},
    seen,
};

fn order(cluster: &TestCluster, arguments: &[&str]) {
    let mut command = cluster.recto(arguments[0]);
    let output = command.args(&arguments[1..]).output().unwrap();
    assert!(output.status.success(), "{}", seen(&output));
}

fn of_batch(batch: &str, job: Job) -> Job {
    Job {
        batch: Some(batch.to_owned()),
        ..job
    }
}

#[test]
fn a_cancelled_batch_ends_with_an_account_of_each_job_and_nothing_is_left() {
    let cluster = TestCluster::start();
    cluster.declare();
    let worker = cluster.worker_with(|command| {
        command.env("RECTO_JOBS", "1");
    });
    let volume = of_batch("wrong", cluster.long("volume", 400));
    let mut jobs = vec![volume];
    jobs.extend((0..5).map(|n| of_batch("wrong", cluster.quick(&format!("wrong-{n}")))));
    jobs.push(of_batch("right", cluster.quick("right")));
    cluster.submit(&jobs);
    worker.wait_for_times("page ended", 40);
    order(&cluster, &["cancel", "--batch", "wrong"]);
    let accounts = cluster.accounts(7);
    assert_eq!(accounts.results["right"].state, ResultState::Done);
    assert_eq!(accounts.dead.len(), 6);
    for letter in accounts.dead.values() {
        assert_eq!(letter.kind, FailureKind::JobCancelled);
    }
    let said = &accounts.dead["volume"].message;
    assert!(said.contains("of 400 pages were read"), "{said}");
    assert!(worker.events("page ended").len() < 200, "it stopped");
    let left = cluster.store.list(RESULTS, "");
    assert!(left.iter().all(|key| !key.contains("/parts/")), "{left:?}");

    // A worker that starts later knows the order; what is submitted after it is done.
    drop(worker);
    let later = Job {
        submitted_at: Some("2999-01-01T00:00:00Z".to_owned()),
        ..of_batch("wrong", cluster.quick("later"))
    };
    cluster.submit([&later, &of_batch("wrong", cluster.quick("before"))]);
    let _worker = cluster.worker();
    let accounts = cluster.accounts(2);
    assert!(
        accounts.results.contains_key("later"),
        "{:?}",
        accounts.dead
    );
    assert!(accounts.dead.contains_key("before"));
}

#[test]
fn a_paused_batch_waits_while_others_are_done_and_goes_on_when_resumed() {
    let cluster = TestCluster::start();
    cluster.declare();
    order(&cluster, &["queues", "pause", "--batch", "slow"]);
    let worker = cluster.worker();
    let paused: Vec<Job> = (0..4)
        .map(|n| of_batch("slow", cluster.quick(&format!("slow-{n}"))))
        .collect();
    cluster.submit(&paused);
    cluster.submit([&of_batch("fast", cluster.quick("fast"))]);
    worker.wait_for("job ended");
    // They come back from their delay queue every second.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(worker.events("job ended").len(), 1);
    order(&cluster, &["queues", "resume", "--batch", "slow"]);
    let accounts = cluster.accounts(5);
    assert_eq!(accounts.results.len(), 5);
    let slow = accounts
        .results
        .values()
        .filter(|result| result.id != "fast");
    assert!(slow.clone().all(|result| result.attempts == 0));
}

#[test]
fn a_purged_batch_is_dropped_but_for_what_is_being_read() {
    let cluster = TestCluster::start();
    cluster.declare();
    let worker = cluster.worker_with(|command| {
        command.env("RECTO_JOBS", "1");
    });
    let mut jobs = vec![of_batch("wrong", cluster.long("volume", 100))];
    jobs.extend((0..5).map(|n| of_batch("wrong", cluster.quick(&format!("wrong-{n}")))));
    jobs.push(of_batch("right", cluster.quick("right")));
    cluster.submit(&jobs);
    worker.wait_for_times("page ended", 20);
    let unasked = cluster
        .recto("queues")
        .args(["purge", "--batch", "wrong"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(unasked.status.code(), Some(1), "{}", seen(&unasked));
    assert!(seen(&unasked).contains("--yes"), "{}", seen(&unasked));
    order(&cluster, &["queues", "purge", "--batch", "wrong", "--yes"]);
    let accounts = cluster.accounts(2);
    assert!(accounts.dead.is_empty(), "{:?}", accounts.dead);
    for id in ["volume", "right"] {
        assert_eq!(accounts.results[id].state, ResultState::Done);
    }
    let said = worker.events("job purged: dropped by an order, without a result or a dead letter");
    assert_eq!(said.len(), 5, "each with a line");
    cluster.submit([&of_batch("wrong", cluster.quick("late"))]);
    worker.wait_for_times(
        "job purged: dropped by an order, without a result or a dead letter",
        6,
    );
    cluster.accounts(0);
}
