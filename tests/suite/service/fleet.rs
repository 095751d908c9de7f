//! Services that end, services in front of a fleet, and webhooks.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::Sha256;

use super::{PDF, get, local, page, post, problem};
use crate::support::{
    cluster::{DOCUMENTS, RESULTS, TestCluster},
    eventually,
    http::HttpReceiver,
    pdf,
    postgres::PostgresServer,
    wait_until,
};

#[test]
fn what_was_waiting_is_read_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut service = local(folder.path(), |_| {});
    let url = service.url();
    let text: Vec<String> = (0..6)
        .map(|page| pdf::text(&[&format!("Folio {page} of the register")]))
        .collect();
    let text: Vec<&str> = text.iter().map(String::as_str).collect();
    let document = pdf::with_pages(&text);
    let mut places = Vec::new();
    for number in 0..6 {
        let options = "%7B%22text_layer%22%3A%22never%22%7D";
        let at = format!("{url}/v1/documents?name={number}.pdf&options={options}");
        let sent = post(&at, &[PDF, ("prefer", "respond-async")], &document);
        assert_eq!(sent.status, 202, "{}", sent.text());
        places.push(sent.header("location").to_owned());
    }
    service.wait_for("job started");
    service.signal(Signal::KILL);
    service.wait();
    let service = local(folder.path(), |_| {});
    let url = service.url();
    for place in places {
        eventually("the document is read", || {
            get(&format!("{url}{place}"), &[]).json()["state"] == "done"
        });
        let text = get(&format!("{url}{place}/result"), &[]).text();
        assert!(
            (0..6).all(|page| text.contains(&format!("Folio {page}"))),
            "{text}"
        );
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

#[test]
fn a_webhook_that_was_away_is_told_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let receiver_address = free_address();
    let secret = "an old and well kept secret";
    let secret_file = folder.path().join("secret");
    fs::write(&secret_file, format!("{secret}\n")).unwrap();
    let file = folder.path().join("service.toml");
    let table = format!(
        "[[webhook]]\nname = 'archive'\nurl = 'http://{receiver_address}/told'\nsecret-file = '{}'\n\
         batches = ['1911']\nevents = ['job.ended', 'batch.ended']\n",
        secret_file.display()
    );
    fs::write(&file, table).unwrap();
    let service = local(folder.path(), |command| {
        command.arg("--service-config").arg(&file);
    });
    let url = service.url();
    for (batch, text) in [("1911", "Told."), ("1912", "Not told.")] {
        let at = format!("{url}/v1/documents?batch={batch}");
        assert_eq!(post(&at, &[PDF], &page(text)).status, 200);
    }
    service.wait_for("a webhook does not take a message; it is sent again");
    let waiting = get(&format!("{url}/v1/webhooks"), &[]).json();
    assert_eq!(waiting["webhooks"][0]["waiting"], 1, "{waiting}");

    let receiver = HttpReceiver::listen(receiver_address);
    wait_until(
        "both messages are taken",
        || receiver.taken().len() >= 2,
        || format!("{:?}", receiver.taken()),
    );
    let taken = receiver.taken();
    let told: Vec<Value> = taken
        .iter()
        .map(|request| serde_json::from_str(&request.body).unwrap())
        .collect();
    assert_eq!(told[0]["type"], "job.ended");
    assert_eq!(told[0]["data"]["state"], "done");
    assert_eq!(told[1]["type"], "batch.ended");
    assert_eq!(told[1]["data"]["done"], 1);
    for request in &taken {
        let (id, at) = (
            request.header("webhook-id"),
            request.header("webhook-timestamp"),
        );
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{id}.{at}.{}", request.body).as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(request.header("webhook-signature"), signature);
    }
    assert_ne!(taken[0].header("webhook-id"), taken[1].header("webhook-id"));
    eventually("they are recorded", || {
        get(&format!("{url}/v1/webhooks"), &[]).json()["webhooks"][0]["delivered"] == 2
    });
}

#[test]
fn two_services_share_a_fleet_and_outlive_each_other() {
    let cluster = TestCluster::start();
    let postgres = PostgresServer::start();
    let start = || {
        cluster.serve_with(&postgres.url(), |command| {
            command.env("RECTO_UPLOADS", format!("s3://{DOCUMENTS}/uploads/"));
            command.env("RECTO_SERVICE_OUTPUT", format!("s3://{RESULTS}/out/"));
            command.env(
                "RECTO_SERVICE_ALLOW_SOURCE",
                format!("s3://{DOCUMENTS}/in/"),
            );
        })
    };
    let (mut first, second) = (start(), start());
    let _worker = cluster.worker();
    let urls = [first.url(), second.url()];
    let send = |number: usize| {
        let at = format!(
            "{}/v1/documents?batch=shared&name={number}.pdf",
            urls[number % 2]
        );
        post(
            &at,
            &[PDF, ("prefer", "wait=60")],
            &page(&format!("Letter {number}.")),
        )
    };
    thread::scope(|scope| {
        let sent: Vec<_> = (0..8)
            .map(|number| scope.spawn(move || send(number)))
            .collect();
        for (number, answer) in sent.into_iter().enumerate() {
            let answer = answer.join().unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.text().contains(&format!("Letter {number}.")));
        }
    });
    // A document that is in the store already.
    cluster
        .store
        .put(DOCUMENTS, "in/old.pdf", &page("An old letter."));
    let body =
        json!({"uri": format!("s3://{DOCUMENTS}/in/old.pdf"), "batch": "shared"}).to_string();
    let json_type = ("content-type", "application/json");
    let old = post(
        &format!("{}/v1/documents", urls[0]),
        &[json_type],
        body.as_bytes(),
    );
    assert!(old.text().contains("An old letter."), "{}", old.text());
    let elsewhere = json!({"uri": format!("s3://{DOCUMENTS}/uploads/x.pdf")}).to_string();
    problem(
        &post(
            &format!("{}/v1/documents", urls[0]),
            &[json_type],
            elsewhere.as_bytes(),
        ),
        403,
    );

    first.kill();
    let sent = send(9);
    assert!(sent.text().contains("Letter 9."), "{}", sent.text());
    let batch = get(&format!("{}/v1/batches/shared", urls[1]), &[]).json();
    assert_eq!(
        (&batch["submitted"], &batch["done"]),
        (&json!(10), &json!(10)),
        "{batch}"
    );

    // `recto batch` tells the same.
    let mut told = cluster.recto("batch");
    told.args(["status", "shared", "--json"])
        .env("RECTO_LEDGER", postgres.url());
    let told: Value = serde_json::from_slice(&told.output().unwrap().stdout).unwrap();
    assert_eq!(told, batch);

    cluster.rabbit.freeze();
    let refused = send(11);
    cluster.rabbit.thaw();
    problem(&refused, 503);
    assert!(!refused.header("retry-after").is_empty());
    eventually("the service goes on", || send(11).status == 200);
}

#[test]
fn a_cancelled_batch_ends_and_can_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let service = local(folder.path(), |_| {});
    let url = service.url();
    let text: Vec<String> = (0..40)
        .map(|page| pdf::text(&[&format!("Folio {page}")]))
        .collect();
    let text: Vec<&str> = text.iter().map(String::as_str).collect();
    let document = pdf::with_pages(&text);
    for number in 0..5 {
        let options = "%7B%22text_layer%22%3A%22never%22%7D";
        let at = format!("{url}/v1/documents?batch=long&name={number}.pdf&options={options}");
        assert_eq!(
            post(&at, &[PDF, ("prefer", "respond-async")], &document).status,
            202
        );
    }
    service.wait_for_times("job started", 3);
    assert_eq!(
        post(&format!("{url}/v1/batches/long/cancel"), &[], b"").status,
        202
    );
    let at = format!("{url}/v1/batches/long");
    eventually("all jobs are cancelled", || {
        get(&at, &[]).json()["cancelled"] == 5
    });
    let reading = post(&format!("{at}/retry"), &[], br#"{"state": ["reading"]}"#);
    assert!(problem(&reading, 400).contains("cancel them first"));
    assert_eq!(get(&at, &[]).json()["open"], 0);
    let body = br#"{"state": ["cancelled"]}"#;
    let retried = post(&format!("{at}/retry"), &[], body).json();
    assert_eq!(retried["queued"], 5, "{retried}");
    let refused = post(&format!("{at}/retry"), &[], br#"{"states": ["dead"]}"#);
    problem(&refused, 400);
    let now = get(&at, &[]).json();
    assert_eq!(now["cancelled"], 0, "{now}");
}
