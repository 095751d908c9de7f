//! Publishers who are no workers: what their messages say of themselves is not believed.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    thread,
};

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use recto_schemas::{Job, JobPages};

use crate::support::{amqp::AmqpClient, cluster::TestCluster};

/// Headers that a message would have after a long life among workers.
fn forged() -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, number) in [
        ("x-delivery-count", 25),
        ("x-recto-attempts", 9),
        ("x-recto-redeliveries", 30),
        ("x-recto-parts", 1),
    ] {
        headers.insert(name.into(), AMQPValue::LongLongInt(number));
    }
    for (name, text) in [
        ("x-recto-opinion", "engine-unavailable"),
        ("x-recto-opinion-by", "elsewhere:1"),
    ] {
        headers.insert(name.into(), AMQPValue::LongString(text.into()));
    }
    BasicProperties::default().with_headers(headers)
}

#[test]
fn headers_of_publishers_neither_end_nor_slow_a_job() {
    let cluster = TestCluster::start();
    cluster.declare();
    let rabbit = &cluster.rabbit;
    rabbit.ctl(&["add_user", "submitter", "hush"]);
    rabbit.ctl(&["set_permissions", "submitter", "^$", ".*", ".*"]);
    let submitter = AmqpClient::connect(&rabbit.url_of("submitter", "hush"));
    let publish = |job: &Job, properties| {
        let body = serde_json::to_vec(job).unwrap();
        submitter.publish_with("recto.jobs", &body, properties);
    };
    let fresh = cluster.quick("fresh");
    publish(&fresh, forged());
    publish(
        &cluster.quick("named"),
        forged().with_user_id("submitter".into()),
    );
    // The workers' user has published it, but no worker.
    let body = serde_json::to_vec(&cluster.quick("careless")).unwrap();
    rabbit.client().publish_with("recto.jobs", &body, forged());
    // For want of the engine it is tried after each delay, whatever its headers say of that.
    let elsewhere = Job {
        engine: Some("oracle".to_owned()),
        ..cluster.quick("elsewhere")
    };
    publish(&elsewhere, forged());
    // Pages that no worker has shared out.
    let part = Job {
        pages: Some(JobPages {
            first: 1,
            last: 1,
            total: 1,
            size: 1,
            lanes: 1,
            part: 1,
        }),
        ..cluster.quick("part")
    };
    publish(&part, BasicProperties::default());

    let worker = cluster.worker();
    let accounts = cluster.accounts(5);
    let attempts: BTreeMap<&str, u32> = accounts
        .results
        .iter()
        .map(|(id, result)| (id.as_str(), result.attempts))
        .collect();
    let done = ["careless", "fresh", "named", "part"].map(|id| (id, 0));
    assert_eq!(attempts, BTreeMap::from(done));
    let letter = &accounts.dead["elsewhere"];
    assert_eq!(letter.kind.as_str(), "engine-unavailable");
    assert_eq!((letter.attempts, letter.redelivery_count), (3, 0));
    assert!(worker.events("job in quarantine: runs alone").is_empty());
    let said = "a message claims to be a worker's and is not believed; all workers of a queue have the same user at the broker";
    assert_eq!(worker.events(said).len(), 5, "and not of the workers' own");

    // Nobody else can claim to be the workers' user.
    let body = serde_json::to_vec(&fresh).unwrap();
    let claimed = forged().with_user_id("recto".into());
    assert!(submitter.is_refused("recto.jobs", &body, claimed));
}

#[test]
fn a_broker_that_knows_its_user_by_another_name_is_worked_with() {
    let cluster = TestCluster::start();
    cluster.declare();
    // As with OAuth 2.0: the name in the address is not that of the user.
    let port = renaming_proxy(cluster.rabbit.port());
    let worker = cluster.worker_with(|command| {
        command.env(
            "RECTO_AMQP_URL",
            format!("amqp://rectx:hush@127.0.0.1:{port}/%2f"),
        );
    });
    let elsewhere = Job {
        engine: Some("oracle".to_owned()),
        ..cluster.quick("elsewhere")
    };
    cluster.submit([&cluster.quick("quick")]);
    assert!(cluster.accounts(1).results.contains_key("quick"));
    cluster.submit([&elsewhere]);
    let letter = &cluster.accounts(1).dead["elsewhere"];
    assert_eq!(letter.attempts, 3, "attempts are counted");
    let said = "the broker does not know the user of --amqp-url by that name: headers of publishers are believed";
    assert_eq!(worker.events(said).len(), 1);
}

/// A port that leads to the broker, at which the user `rectx` is called `recto`.
fn renaming_proxy(broker: u16) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, broker)).unwrap();
            let (mut from_server, mut to_client) =
                (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut from_server, &mut to_client));
            thread::spawn(move || rename(client, server));
        }
    });
    port
}

fn rename(mut from: TcpStream, mut to: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer)?;
        let bytes = &mut buffer[..length];
        // SASL PLAIN has the name between two zeros.
        let name = b"\0rectx\0";
        if let Some(at) = bytes.windows(name.len()).position(|found| found == name) {
            bytes[at..at + name.len()].copy_from_slice(b"\0recto\0");
        }
        if length == 0 {
            return to.shutdown(Shutdown::Write);
        }
        to.write_all(bytes)?;
    }
}
