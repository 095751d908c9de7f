//! Outages of broker and store.

use std::net::{Ipv4Addr, SocketAddr};

use recto_schemas::{Job, ResultState};

use crate::support::{cluster::TestCluster, proxy::TcpProxy, wait_until};

#[test]
fn a_broker_that_restarts_in_the_middle_loses_nothing() {
    let mut cluster = TestCluster::start();
    let workers = [cluster.worker(), cluster.worker()];
    let mut jobs: Vec<Job> = (0..20)
        .map(|n| cluster.quick(&format!("quick-{n:02}")))
        .collect();
    jobs.push(cluster.slow("slow", 12));
    cluster.submit(jobs.iter().rev());
    wait_until(
        "the slow one is in flight",
        || {
            workers
                .iter()
                .any(|worker| !worker.events("page ended").is_empty())
        },
        String::new,
    );
    cluster.rabbit.stop();
    cluster.rabbit.start_again();

    let accounts = cluster.accounts(21);
    assert_eq!(accounts.results.len(), 21, "{:?}", accounts.dead);
    assert_eq!(cluster.manifests().len(), 21);
    for worker in &workers {
        // Perhaps after the other one has done all there was to do.
        worker.wait_for_times("consuming jobs", 2);
        let reconnects = worker.metric("recto_reconnects_total{peer=\"broker\"}");
        assert!(reconnects >= 1.0, "{reconnects}");
    }
}

#[test]
fn a_store_that_is_away_and_then_slow_delays_jobs_and_loses_none() {
    let cluster = TestCluster::start();
    let proxy = TcpProxy::start(cluster.store.address());
    let worker = cluster.worker_with(|command| {
        cluster.store.env_at(command, proxy.address());
        command.env("RECTO_RETRY_DELAYS", "300ms,600ms,1s,2s,3s,5s,5s,5s,5s,5s");
    });
    proxy.answer_503();
    let jobs: Vec<Job> = (0..4).map(|n| cluster.quick(&format!("doc-{n}"))).collect();
    cluster.submit(&jobs);
    wait_until(
        "a job is tried again for the store",
        || worker.log().contains("\"store-unavailable\""),
        || worker.log(),
    );
    assert!(worker.ask("/readyz").1.contains("store: not ready"));
    proxy.slow(4_000);
    wait_until(
        "a document gets through",
        || worker.documents_read() > 0,
        || worker.log(),
    );
    proxy.pass();

    let accounts = cluster.accounts(4);
    assert_eq!(accounts.results.len(), 4, "{:?}", accounts.dead);
    assert_eq!(cluster.manifests().len(), 4);
}

#[test]
fn a_confirm_that_never_comes_leaves_the_job_with_the_broker() {
    let cluster = TestCluster::start();
    let broker = SocketAddr::from((Ipv4Addr::LOCALHOST, cluster.rabbit.port()));
    let proxy = TcpProxy::start(broker);
    let worker = cluster.worker_with(|command| {
        let direct = format!("@{broker}/");
        let by_proxy = cluster
            .rabbit
            .url()
            .replace(&direct, &format!("@{}/", proxy.address()));
        assert_ne!(by_proxy, cluster.rabbit.url());
        command.env("RECTO_AMQP_URL", by_proxy);
        command.env("RECTO_CONFIRM_TIMEOUT", "2s");
    });
    cluster.submit([&cluster.slow("slow", 4)]);
    worker.wait_for("page ended");
    proxy.swallow_downstream();
    worker.wait_for("lost the broker; connecting again");
    assert_eq!(cluster.rabbit.client().ready("recto.jobs.dead"), 0);
    proxy.drop_connections();
    proxy.pass();

    let accounts = cluster.accounts(1);
    assert_eq!(accounts.results["slow"].state, ResultState::Done);
    assert!(
        worker.documents_read() <= 1,
        "the stored result is sent again, not made again"
    );
    assert_eq!(cluster.manifests().len(), 1);
}

#[test]
fn a_results_queue_that_is_gone_is_declared_again_and_otherwise_waited_for() {
    let cluster = TestCluster::start();
    let worker = cluster.worker();
    cluster.rabbit.client().delete("recto.results");
    cluster.submit([&cluster.quick("lost"), &cluster.quick("found")]);
    worker.wait_for_times("job ended", 2);
    let accounts = cluster.accounts(2);
    assert_eq!(accounts.results.len(), 2, "{:?}", accounts.dead);
    assert_eq!(worker.documents_read(), 2);
    drop(worker);

    let worker = cluster.worker_with(|command| {
        command.env("RECTO_DECLARE", "off");
    });
    cluster.rabbit.client().delete("recto.results");
    cluster.submit([&cluster.quick("later")]);
    wait_until(
        "the worker says that no queue takes its results",
        || {
            worker
                .ask("/readyz")
                .1
                .contains("publisher: not ready: no queue")
        },
        || worker.log(),
    );
    cluster.declare();
    assert!(cluster.accounts(1).results.contains_key("later"));
    assert_eq!(worker.documents_read(), 1);
}

#[test]
fn a_worker_waits_for_a_broker_and_a_store_that_are_late_and_says_so_when_they_never_come() {
    let mut cluster = TestCluster::start();
    cluster.rabbit.stop();
    let worker = cluster.spawn_worker(|_| {});
    worker.wait_for("cannot connect to the broker yet");
    cluster.rabbit.start_again();
    worker.wait_for("consuming jobs");
    drop(worker);

    cluster.rabbit.stop();
    let mut worker = cluster.spawn_worker(|command| {
        command.env("RECTO_START_TIMEOUT", "1s");
    });
    let status = worker.wait();
    assert_eq!(status.code(), Some(1));
    assert!(
        worker.log().contains("cannot reach the broker"),
        "{}",
        worker.log()
    );
    cluster.rabbit.start_again();

    let mut worker = cluster.spawn_worker(|command| {
        command.env("RECTO_START_TIMEOUT", "1s");
        command.env("RECTO_S3_ENDPOINT", "http://127.0.0.1:9");
    });
    assert_eq!(worker.wait().code(), Some(1));
    assert!(
        worker.log().contains("the store is not usable"),
        "{}",
        worker.log()
    );
}
