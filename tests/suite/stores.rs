//! Stores as they are: the same promises, kept with each server that a package brings.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    process::Command,
    thread,
};

use recto_schemas::{Job, ResultState};

use crate::support::{
    cluster::{DOCUMENTS, RESULTS, TestCluster, job},
    objects::{MotoServer, StoreClient},
    pdf, recto, seen,
};

/// Documents of a listing: more than a page of it has.
const MANY: usize = 1_005;

/// Names of documents with signs that URLs, headers and XML write otherwise.
const ODD_NAMES: [&str; 4] = ["a+b c", "100%/half%20", "tab\there", "ж<&>\"'"];

/// An upload in parts: larger than the 16 MiB that go in one request.
const LARGE_BYTES: usize = 20 << 20;

#[test]
fn seaweedfs_is_a_store() {
    let cluster = TestCluster::start();
    // Moto answers 404 to a key with a line feed, before anything of it has seen the key.
    let line_feed = "new\nline\u{1}";
    keeps_promises(
        &cluster,
        &cluster.store,
        &[&ODD_NAMES[..], &[line_feed]].concat(),
    );
}

#[test]
fn moto_is_a_store() {
    let cluster = TestCluster::start();
    let moto = MotoServer::start();
    for bucket in [DOCUMENTS, RESULTS] {
        moto.create_bucket(bucket);
    }
    keeps_promises(&cluster, &moto, &ODD_NAMES);
}

/// The metadata service of a cloud's machine that gives no credentials to this process; gives its address.
fn refusing_metadata_service() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            // The client may hang up before it has read all: that is no concern of this end.
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(
                b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\nConnection: close\r\n\r\ndenied",
            );
        }
    });
    format!("http://{address}")
}

#[test]
fn a_store_without_credentials_is_told_in_a_sentence() {
    let cluster = TestCluster::start();
    let mut command = cluster.worker_command();
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_EC2_METADATA_DISABLED",
        "RECTO_S3_REGION",
    ] {
        command.env_remove(name);
    }
    let metadata = refusing_metadata_service();
    command.env("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata);
    command.args(["--check", "--log", "info", "--log-format", "text"]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let sentence = said.lines().find(|line| line.starts_with("store: "));
    assert!(
        sentence.is_some_and(|line| line.contains("no credentials found")),
        "{said}"
    );
    let log = String::from_utf8(output.stderr).unwrap();
    assert!(!log.contains("WARN") && !log.contains("IMDS"), "{log}");
}

fn keeps_promises(cluster: &TestCluster, store: &StoreClient, odd_names: &[&str]) {
    cluster.declare();
    lists_every_key_page_by_page(store);
    finds_and_writes_keys_with_any_character(store, odd_names);
    let worker = cluster.worker_with(|command| {
        store.env(command);
        command.args(["--store-probe", &format!("s3://{RESULTS}/out/")]);
    });
    // Two writes of the probe have told.
    assert!(
        !worker.log().contains("has no conditional writes"),
        "{}",
        worker.log()
    );
    gets_and_puts(cluster, store);
    takes_uploads_in_parts(cluster, store);
    let left = store.list(RESULTS, "");
    assert!(
        !left
            .iter()
            .any(|key| key.contains("/.recto/") || key.contains("/parts/")),
        "{left:?}"
    );
    assert_eq!(worker.ask("/readyz").0, 200, "{}", worker.log());
}

fn at(store: &StoreClient, arguments: &[&str]) -> Command {
    let mut command = recto();
    store.env(&mut command);
    command.args(arguments);
    command
}

fn letter(word: &str) -> Vec<u8> {
    pdf::with_pages(&[&pdf::text(&[&format!(
        "Dear {word}, the registers have come back."
    )])])
}

fn lists_every_key_page_by_page(store: &StoreClient) {
    for number in 0..MANY {
        store.put(DOCUMENTS, &format!("many/{number:04}.pdf"), b"%PDF-");
    }
    let (source, output) = (
        format!("s3://{DOCUMENTS}/many/"),
        format!("s3://{RESULTS}/out"),
    );
    let listed = at(store, &["submit", "--dry-run", &source, "-o", &output])
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", seen(&listed));
    assert_eq!(
        String::from_utf8(listed.stdout).unwrap().lines().count(),
        MANY
    );
}

fn finds_and_writes_keys_with_any_character(store: &StoreClient, names: &[&str]) {
    for name in names {
        store.put(DOCUMENTS, &format!("odd/{name}.pdf"), &letter("binder"));
    }
    let (source, output) = (
        format!("s3://{DOCUMENTS}/odd/"),
        format!("s3://{RESULTS}/odd/"),
    );
    let read = at(store, &["convert", &source, "-o", &output])
        .output()
        .unwrap();
    assert!(read.status.success(), "{}", seen(&read));
    for name in names {
        // As in a worker's results, `%` and control characters are encoded.
        let name = name.replace('%', "%25");
        let name = name.replace('\t', "%09").replace('\n', "%0A");
        let name = name.replace('\u{1}', "%01");
        let key = format!("odd/{name}.pdf.md");
        let text = store
            .get(RESULTS, &key)
            .unwrap_or_else(|| panic!("no {key:?}: {:?}", seen(&read)));
        assert!(
            String::from_utf8(text.bytes)
                .unwrap()
                .contains("registers have come back")
        );
    }
}

/// Done once, found again, absent and changed documents told.
fn gets_and_puts(cluster: &TestCluster, store: &StoreClient) {
    store.put(DOCUMENTS, "in/letter.pdf", &letter("Mrs. Aldous"));
    let letter = job("letter", &format!("s3://{DOCUMENTS}/in/letter.pdf"));
    cluster.submit([&letter]);
    let first = cluster.accounts(1).results["letter"].clone();
    assert_eq!(first.state, ResultState::Done);
    let named = |id: &str| Job {
        id: id.to_owned(),
        ..letter.clone()
    };
    let absent = job("absent", &format!("s3://{DOCUMENTS}/in/absent.pdf"));
    let mut changed = named("changed");
    changed.source.etag = Some("\"0123456789abcdef0123456789abcdef\"".to_owned());
    let nowhere = job("nowhere", "s3://nowhere-at-all/in/absent.pdf");
    let jobs = [named("again"), absent, changed, nowhere];
    cluster.submit(&jobs);
    let accounts = cluster.accounts(jobs.len());
    let again = &accounts.results["again"];
    assert_eq!(
        (again.state, &again.outputs),
        (ResultState::Skipped, &first.outputs)
    );
    for (id, kind) in [
        ("absent", "no-such-object"),
        ("changed", "source-changed"),
        ("nowhere", "no-such-bucket"),
    ] {
        let letter = &accounts.dead[id];
        assert_eq!(letter.kind.as_str(), kind, "{id}: {}", letter.message);
    }
}

fn takes_uploads_in_parts(cluster: &TestCluster, store: &StoreClient) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.pdf");
    let mut large = letter("binder");
    // What follows the end of a PDF is not read, but it is stored and fetched.
    large.resize(LARGE_BYTES, b'%');
    fs::write(&path, &large).unwrap();
    let (to, output) = (
        format!("s3://{DOCUMENTS}/large/"),
        format!("s3://{RESULTS}/out"),
    );
    let mut submit = at(
        store,
        &[
            "submit",
            path.to_str().unwrap(),
            "--upload-to",
            &to,
            "-o",
            &output,
        ],
    );
    let submitted = submit
        .env("RECTO_AMQP_URL", cluster.rabbit.url())
        .output()
        .unwrap();
    assert!(submitted.status.success(), "{}", seen(&submitted));
    let accounts = cluster.accounts(1);
    let result = accounts
        .results
        .values()
        .next()
        .unwrap_or_else(|| panic!("{:?}", accounts.dead));
    assert_eq!(result.state, ResultState::Done);
    let stored = store.get(DOCUMENTS, "large/large.pdf").unwrap();
    assert_eq!(stored.bytes.len(), LARGE_BYTES);
    assert!(stored.etag.contains('-'), "in parts: {}", stored.etag);
}
