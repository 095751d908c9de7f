//! `recto queues` against a real RabbitMQ: what it makes, what it shows, what it says when
//! something is in the way.

use std::process::Output;

use lapin::types::AMQPValue;

use crate::support::{eventually, rabbit::RabbitServer, recto, seen};

fn queues(url: &str, arguments: &[&str]) -> Output {
    let mut command = recto();
    command
        .env("RECTO_AMQP_URL", url)
        .arg("queues")
        .args(arguments);
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    assert!(output.status.success(), "{}", seen(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Standard error of a run that fails.
fn complaint(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{}", seen(output));
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn declaring_makes_every_queue_once() {
    let rabbit = RabbitServer::start();
    assert!(
        complaint(&queues(&rabbit.url(), &["status"]))
            .contains("`recto queues declare` creates it")
    );

    let created = out(&queues(&rabbit.url(), &["declare"]));
    let names = |text: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.split_whitespace().next().unwrap().to_owned())
            .collect()
    };
    let mut all = names(&created);
    assert!(
        created.lines().all(|line| line.contains(" created ")),
        "{created}"
    );
    let again = out(&queues(&rabbit.url(), &["declare"]));
    assert!(
        again.lines().all(|line| line.contains(" existed ")),
        "{again}"
    );

    let mut at_the_broker: Vec<String> =
        rabbit.queues().into_iter().map(|(name, _)| name).collect();
    all.sort();
    at_the_broker.sort();
    assert_eq!(all, at_the_broker);
}

#[test]
fn a_job_that_waits_for_a_retry_comes_back() {
    let rabbit = RabbitServer::start();
    out(&queues(
        &rabbit.url(),
        &["declare", "--retry-delays", "50ms"],
    ));
    let client = rabbit.client();
    client.publish("recto.jobs.retry.50ms", b"again");
    eventually("the job is back", || client.ready("recto.jobs") == 1);
    let back = client.take_all("recto.jobs");
    assert_eq!(back[0].body, b"again");
    assert_eq!(client.ready("recto.jobs.retry.50ms"), 0);
}

#[test]
fn a_job_that_is_requeued_too_often_is_a_dead_letter() {
    let rabbit = RabbitServer::start();
    out(&queues(
        &rabbit.url(),
        &["declare", "--delivery-limit", "2"],
    ));
    let client = rabbit.client();
    client.publish("recto.jobs", b"crashes");
    let mut deliveries = 0;
    eventually("the job is a dead letter", || {
        deliveries += u32::from(client.requeue("recto.jobs"));
        client.ready("recto.jobs.dead") == 1
    });
    assert_eq!(deliveries, 3); // once, and twice again
    for _ in 0..50 {
        assert!(client.requeue("recto.jobs.dead"));
    }
    let dead = client.take_all("recto.jobs.dead");
    assert_eq!(dead.len(), 1, "whoever looks at dead letters loses none");
    assert_eq!(dead[0].body, b"crashes");
}

#[test]
fn status_shows_what_waits() {
    let rabbit = RabbitServer::start();
    out(&queues(&rabbit.url(), &["declare"]));
    let client = rabbit.client();
    for _ in 0..3 {
        client.publish("recto.jobs", b"{}");
    }
    client.publish("recto.jobs.dead", b"{}");

    let table = out(&queues(&rabbit.url(), &["status"]));
    let row = |name: &str| -> Vec<String> {
        let line = table
            .lines()
            .find(|line| line.split(' ').next() == Some(name))
            .unwrap();
        line.split_whitespace().skip(1).map(str::to_owned).collect()
    };
    assert_eq!(row("recto.jobs"), ["3", "0"]);
    assert_eq!(row("recto.results"), ["0", "0"]);
    assert!(
        table.ends_with("1 dead letter waits in recto.jobs.dead to be looked at\n"),
        "{table}"
    );

    let json: serde_json::Value =
        serde_json::from_str(&out(&queues(&rabbit.url(), &["status", "--json"]))).unwrap();
    let listed = json["queues"].as_array().unwrap();
    let jobs = listed
        .iter()
        .find(|queue| queue["queue"] == "recto.jobs")
        .unwrap();
    assert_eq!((&jobs["ready"], &jobs["role"]), (&3.into(), &"jobs".into()));
}

#[test]
fn queues_and_messages_outlive_the_broker() {
    let mut rabbit = RabbitServer::start();
    out(&queues(&rabbit.url(), &["declare"]));
    rabbit.client().publish("recto.jobs", b"kept");
    rabbit.stop();
    let away = complaint(&queues(&rabbit.url(), &["status"]));
    assert!(
        away.contains("is it running, and are host and port right"),
        "{away}"
    );
    rabbit.start_again();
    assert_eq!(rabbit.client().ready("recto.jobs"), 1);
    rabbit.kill();
    rabbit.start_again();
    assert_eq!(rabbit.client().take_all("recto.jobs")[0].body, b"kept");
}

#[test]
fn what_is_in_the_way_is_named() {
    let rabbit = RabbitServer::start();
    let url = rabbit.url();
    let says = |arguments: &[&str], wanted: &[&str]| {
        let said = complaint(&queues(&url, arguments));
        assert!(!said.contains("hush"), "{said}");
        for words in wanted {
            assert!(said.contains(words), "{words} in {said}");
        }
    };
    rabbit
        .client()
        .declare("recto.results", &[("x-max-length", AMQPValue::LongInt(5))]);
    says(
        &["declare"],
        &[
            "queue recto.results",
            "x-max-length",
            "'5'",
            "recto queues declare",
        ],
    );
    rabbit.client().delete("recto.results");

    out(&queues(&url, &["declare"]));
    says(
        &["declare", "--delivery-limit", "5"],
        &[
            "queue recto.jobs exists with another x-delivery-limit",
            "received '5' but current is '20'",
        ],
    );

    let at = format!("127.0.0.1:{}", rabbit.port());
    says(
        &[
            "status",
            "--amqp-url",
            &format!("amqp://recto:wrong@{at}/%2f"),
        ],
        &["refused user and password", &at],
    );
    says(
        &[
            "status",
            "--amqp-url",
            &format!("amqp://recto:hush@{at}/nix"),
        ],
        &["virtual host", "nix not found"],
    );
    says(
        &["status", "--amqp-url", &format!("amqps://recto:hush@{at}/")],
        &["no TLS connection"],
    );
    says(
        &["status", "--amqp-url", "amqp://recto:hush@nowhere.invalid/"],
        &["cannot find the broker"],
    );
    says(
        &["status", "--amqp-url", "recto:hush@nowhere"],
        &["amqp://USER:PASSWORD@HOST:PORT/VHOST"],
    );

    rabbit.ctl(&["add_user", "reader", "hush"]);
    rabbit.ctl(&["set_permissions", "reader", "", "", ".*"]);
    let reader = format!("amqp://reader:hush@{at}/%2f");
    says(
        &["declare", "--amqp-url", &reader],
        &["may not use exchange recto.jobs.dlx", "ACCESS_REFUSED"],
    );
    let status = out(&queues(&reader, &["status"]));
    assert!(status.contains("recto.results"), "{status}");
}

#[test]
fn a_broker_that_says_nothing_is_given_up() {
    let rabbit = RabbitServer::start();
    rabbit.freeze();
    let said = complaint(&queues(
        &rabbit.url(),
        &["status", "--amqp-timeout", "500ms"],
    ));
    rabbit.thaw();
    assert!(
        said.contains("did not complete the handshake within 500ms"),
        "{said}"
    );
}
