//! Long documents: no page is read twice, and one document is the whole fleet's.

use std::{collections::BTreeMap, time::Duration};

use recto_schemas::{Job, ResultState};

use crate::support::{
    cluster::{DOCUMENTS, JobAccounts, RESULTS, TestCluster, WorkerProcess},
    seen, wait_until,
};

/// Most pages that are read twice after a worker was killed: a part.
const LOST_BY_KILL: usize = 16;

/// The files of a job's result but for the manifest, by the ending of their names.
fn files(cluster: &TestCluster, accounts: &JobAccounts, id: &str) -> BTreeMap<String, Vec<u8>> {
    let outputs = &accounts.results[id].outputs;
    let uris = [&outputs.markdown, &outputs.pages];
    let named = uris.into_iter().flatten().map(|uri| {
        let key = uri.strip_prefix(&format!("s3://{RESULTS}/")).unwrap();
        let name = key.rsplit('/').next().unwrap().to_owned();
        (name, cluster.store.get(RESULTS, key).unwrap().bytes)
    });
    named.collect()
}

fn pages_read(workers: &[&WorkerProcess]) -> usize {
    workers
        .iter()
        .map(|worker| worker.events("page ended").len())
        .sum()
}

fn wait_for_pages(worker: &WorkerProcess, pages: usize) {
    worker.wait_for_times("page ended", pages);
}

/// Parts, plans and marks that are there.
fn parts_left(cluster: &TestCluster) -> Vec<String> {
    let mut keys = cluster.store.list(RESULTS, "");
    keys.retain(|key| key.contains("/parts/") || key.contains("/started/"));
    keys
}

/// No part, plan or mark is left.
fn assert_nothing_is_left(cluster: &TestCluster) {
    let left = parts_left(cluster);
    assert!(left.is_empty(), "{left:?}");
}

/// The files of a job's result are those of one worker that reads the same document without a disturbance.
fn assert_same_files(cluster: &TestCluster, mut accounts: JobAccounts, of: &Job) {
    let alone = Job {
        id: format!("{}-undisturbed", of.id),
        output: format!("{}-undisturbed", of.output),
        ..of.clone()
    };
    cluster.submit([&alone]);
    accounts.results.extend(cluster.accounts(1).results);
    assert_eq!(
        files(cluster, &accounts, &of.id),
        files(cluster, &accounts, &alone.id)
    );
}

#[test]
fn a_drained_document_goes_on_where_it_stopped_and_on_another_worker() {
    let cluster = TestCluster::start();
    let mut first = cluster.worker();
    let volume = cluster.long("volume", 90);
    cluster.submit([&volume]);
    wait_for_pages(&first, 40);
    let (ended, took) = first.terminate();
    assert!(ended.success(), "{}", first.log());
    assert!(took < Duration::from_secs(5), "{took:?}");
    let second = cluster.worker();
    let accounts = cluster.accounts(1);
    assert_eq!(accounts.results["volume"].state, ResultState::Done);
    let read = pages_read(&[&first, &second]);
    assert!(
        (90..=91).contains(&read),
        "at most one page is lost: {read}"
    );
    assert_eq!(accounts.results["volume"].counts.ok, 90);

    assert_same_files(&cluster, accounts, &volume);
    let manifests = cluster.manifests();
    let of_volume = manifests
        .values()
        .find(|manifest| manifest.job.as_deref() == Some("volume"));
    let parts = &of_volume.unwrap().timing.parts;
    let workers: std::collections::BTreeSet<_> = parts.iter().map(|part| &part.worker).collect();
    assert_eq!(
        workers.len(),
        2,
        "the manifest says who read what: {parts:?}"
    );
    assert_nothing_is_left(&cluster);
}

#[test]
fn two_workers_share_a_long_document() {
    let cluster = TestCluster::start();
    let share = |command: &mut std::process::Command| {
        command.env("RECTO_SHARE_ABOVE", "1s");
    };
    let workers = [cluster.worker_with(share), cluster.worker_with(share)];
    let volume = cluster.long("volume", 200);
    cluster.submit([&volume]);
    let accounts = cluster.accounts(1);
    assert_eq!(accounts.messages, 1, "one result");
    assert_eq!(accounts.results["volume"].state, ResultState::Done);
    let read: Vec<usize> = workers.iter().map(|worker| pages_read(&[worker])).collect();
    eprintln!("pages of each worker: {read:?}");
    assert_eq!(read.iter().sum::<usize>(), 200, "{read:?}");
    assert!(
        read.iter().all(|read| (80..=120).contains(read)),
        "{read:?}"
    );
    // The first worker to read the whole of it, and each for all of its ranges.
    let document = cluster.store.get(DOCUMENTS, "in/volume.pdf").unwrap();
    let fetched = workers.iter().map(|worker| {
        let bytes = worker.metric("recto_bytes_total{direction=\"fetched\"}");
        bytes / document.bytes.len() as f64
    });
    let fetched: Vec<f64> = fetched.collect();
    assert!(fetched.iter().sum::<f64>() <= 3.0, "{fetched:?}");
    drop(workers);
    let _worker = cluster.worker();
    assert_same_files(&cluster, accounts, &volume);
    assert_nothing_is_left(&cluster);
}

#[test]
fn workers_that_are_killed_cost_no_more_than_a_part_each() {
    let cluster = TestCluster::start();
    let start = || {
        cluster.spawn_worker(|command| {
            command.env("RECTO_SHARE_ABOVE", "1s");
        })
    };
    let mut workers: Vec<WorkerProcess> = (0..3).map(|_| start()).collect();
    let mut ended: Vec<WorkerProcess> = Vec::new();
    for worker in &workers {
        worker.wait_for("consuming jobs");
    }
    let volume = cluster.long("volume", 280);
    cluster.submit([&volume]);
    let (client, mut kills) = (cluster.rabbit.client(), 0);
    while client.ready("recto.results") + client.ready("recto.jobs.dead") == 0 {
        std::thread::sleep(Duration::from_secs(4));
        let mut killed = std::mem::replace(&mut workers[kills % 3], start());
        killed.kill();
        ended.push(killed);
        kills += 1;
        assert!(kills < 40, "it does not end");
    }
    let accounts = cluster.accounts(1);
    assert_eq!(
        accounts.results["volume"].state,
        ResultState::Done,
        "{:?}",
        accounts.dead
    );
    let all: Vec<&WorkerProcess> = workers.iter().chain(&ended).collect();
    let read = pages_read(&all);
    eprintln!("{kills} kills, {read} pages read");
    assert!(
        read <= 280 + kills * LOST_BY_KILL,
        "{read} after {kills} kills"
    );
    assert_same_files(&cluster, accounts, &volume);
    assert_nothing_is_left(&cluster);
}

#[test]
fn a_short_acknowledgement_timeout_is_no_hindrance() {
    let cluster = TestCluster::start();
    cluster.rabbit.ctl(&[
        "eval",
        "application:set_env(rabbit, consumer_timeout, 8000), application:set_env(rabbit, channel_tick_interval, 1000).",
    ]);
    let worker = cluster.worker_with(|command| {
        command.env("RECTO_ACK_TIMEOUT", "8s");
    });
    let volume = cluster.long("volume", 300);
    cluster.submit([&volume]);
    wait_for_pages(&worker, 2);
    let small: Vec<Job> = (0..20)
        .map(|n| cluster.quick(&format!("small-{n}")))
        .collect();
    cluster.submit(&small);
    let accounts = cluster.accounts(21);
    assert!(accounts.dead.is_empty(), "{:?}", accounts.dead);
    assert_eq!(
        worker.events("page ended").len(),
        300 + 20,
        "no page was read twice"
    );
    assert_eq!(
        worker.events("consuming jobs").len(),
        1,
        "no session was lost"
    );
    assert!(
        !worker
            .events("the pages that were read are stored; the job goes back to its queue")
            .is_empty()
    );
    wait_until(
        "all is gone",
        || {
            cluster
                .store
                .list(RESULTS, "")
                .iter()
                .all(|key| !key.contains("/parts/"))
        },
        String::new,
    );
}

/// Lines of `recto results` that looks for a moment and leaves everything where it is.
fn results_now(cluster: &TestCluster, arguments: &[&str]) -> Vec<String> {
    let mut command = cluster.recto("results");
    command.args(["--keep", "--timeout", "4s", "--reading"]);
    let prefix = format!("s3://{RESULTS}/out");
    let output = command.arg(prefix).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", seen(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(str::to_owned).collect()
}

#[test]
fn a_document_that_is_read_shows_its_progress_in_pages_until_it_has_a_result() {
    let cluster = TestCluster::start();
    let mut worker = cluster.worker();
    let volume = Job {
        batch: Some("first".to_owned()),
        ..cluster.long("volume", 90)
    };
    cluster.submit([&volume]);
    wait_for_pages(&worker, 40);
    let _ = worker.terminate();
    let read = pages_read(&[&worker]);
    let lines = results_now(&cluster, &["--batch", "first"]);
    let [line] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    assert!(line.starts_with("reading "), "{line}");
    assert!(line.contains(&format!(" {read} of 90 pages ")), "{line}");
    assert!(line.contains(&volume.source.uri), "{line}");
    assert_eq!(results_now(&cluster, &["--batch", "second"]).len(), 0);
    let lines = results_now(&cluster, &["--json"]);
    let progress: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(progress["state"], "reading");
    assert_eq!(progress["id"], "volume");
    assert_eq!(progress["pages_read"], read);
    assert_eq!(progress["pages"], 90);

    let _second = cluster.worker();
    wait_until(
        "the result is there and the parts are gone",
        || cluster.rabbit.client().ready("recto.results") == 1 && parts_left(&cluster).is_empty(),
        String::new,
    );
    let lines = results_now(&cluster, &["--batch", "first"]);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].starts_with("done "), "{lines:?}");
}
