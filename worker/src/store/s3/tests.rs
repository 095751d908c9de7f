//! Faults that no real store shows on demand: streams that stall, headers that it does not know, writers that meet.

mod fake;
mod bytes;
mod conditions;
mod delete;
mod listing;
mod settings;
mod usable;
mod verdicts;

use std::{collections::BTreeMap, io::Write as _};

use axum::http::StatusCode;

use super::*;
use fake::{FakeServer, SharedServer, start};

fn at() -> StoreUri {
    "s3://b/k".parse().unwrap()
}

async fn put(store: &S3Store, body: &Path, condition: WriteCondition) -> Result<PutOutcome> {
    store.put(&at(), body, "text/plain", condition).await
}

fn numbers(count: usize) -> Vec<u8> {
    (0..count).map(|number| (number % 251) as u8).collect()
}

fn with_object(bytes: Vec<u8>) -> FakeServer {
    FakeServer {
        objects: BTreeMap::from([("/b/k".to_owned(), bytes)]),
        ..FakeServer::default()
    }
}

async fn fetch(store: &S3Store, max_bytes: u64) -> Result<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy");
    let fetched = store
        .fetch(&at(), &ObjectVersion::default(), max_bytes, &to)
        .await;
    assert_eq!(
        fetched.is_ok(),
        to.exists(),
        "a copy that is not whole does not stay"
    );
    fetched.map(|_| std::fs::read(&to).unwrap())
}

#[tokio::test]
async fn a_stream_that_stalls_goes_on_where_it_stopped() {
    let (store, fake) = start(FakeServer {
        stalls_after: Some(400),
        ..with_object(numbers(1000))
    })
    .await;
    assert_eq!(fetch(&store, 1000).await.unwrap(), numbers(1000));
    assert_eq!(fake.lock().unwrap().requests, ["GET"; 3]);
    fake.lock().unwrap().stalls_after = Some(10);
    let error = fetch(&store, 1000).await.unwrap_err();
    assert_eq!(
        (error.kind().as_str(), error.is_transient()),
        ("store-unavailable", true)
    );
}

#[tokio::test]
async fn an_object_replaced_under_the_download_is_not_mixed() {
    let (store, _) = start(FakeServer {
        stalls_after: Some(400),
        replaced_by: Some(vec![7; 1000]),
        ..with_object(numbers(1000))
    })
    .await;
    assert_eq!(
        fetch(&store, 1000).await.unwrap_err().kind().as_str(),
        "source-changed"
    );
}

#[tokio::test]
async fn an_object_over_the_limit_is_not_taken() {
    let (store, _) = start(with_object(numbers(1000))).await;
    assert_eq!(
        fetch(&store, 999).await.unwrap_err().kind().as_str(),
        "document-too-large"
    );
    assert_eq!(
        store.read(&at(), 999).await.unwrap_err().kind().as_str(),
        "document-too-large"
    );
    assert_eq!(store.read(&at(), 1000).await.unwrap(), Some(numbers(1000)));
    let none = "s3://b/none".parse().unwrap();
    assert_eq!(store.read(&none, 1000).await.unwrap(), None);
}

#[tokio::test]
async fn a_version_that_the_store_does_not_keep_is_not_another_one() {
    let (store, _) = start(with_object(numbers(10))).await;
    for (version, known) in [("3HL4kqtJ", false), ("null", true)] {
        let pin = ObjectVersion {
            version_id: Some(version.to_owned()),
            ..ObjectVersion::default()
        };
        let found = store.stat(&at(), &pin).await;
        assert_eq!(found.is_ok(), known, "{version}");
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("copy");
        assert_eq!(
            store.fetch(&at(), &pin, 10, &to).await.is_ok(),
            known,
            "{version}"
        );
    }
}

async fn put_twice(fake: FakeServer) -> (Vec<PutOutcome>, S3Store, SharedServer) {
    let (store, fake) = start(fake).await;
    let mut stored = Vec::new();
    for text in ["one", "two"] {
        let mut body = tempfile::NamedTempFile::new().unwrap();
        body.write_all(text.as_bytes()).unwrap();
        let written = put(&store, body.path(), WriteCondition::IfAbsent);
        stored.push(written.await.unwrap());
    }
    (stored, store, fake)
}

#[tokio::test]
async fn the_first_writer_stays() {
    let conflict = (StatusCode::CONFLICT, 1);
    let not_known = (StatusCode::NOT_IMPLEMENTED, u32::MAX);
    let not_valid = (StatusCode::BAD_REQUEST, u32::MAX);
    for (conditional, learnt) in [
        (None, false),
        (Some(conflict), false),
        (Some(not_known), true),
        (Some(not_valid), true),
    ] {
        let fake = FakeServer {
            conditional,
            ..FakeServer::default()
        };
        let (stored, store, fake) = put_twice(fake).await;
        assert!(
            matches!(stored[0], PutOutcome::Written { .. }),
            "{conditional:?}"
        );
        assert_eq!(stored[1], PutOutcome::AlreadyExists, "{conditional:?}");
        assert_eq!(fake.lock().unwrap().objects["/b/k"], b"one");
        let unconditional = store
            .unconditional
            .load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(unconditional, learnt, "{conditional:?}");
    }
}

fn large_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), numbers((33 << 20) + 5)).unwrap();
    file
}

#[tokio::test]
async fn a_large_file_goes_in_parts() {
    let (store, fake) = start(FakeServer::default()).await;
    let file = large_file();
    let body = file.path();
    let written = put(&store, body, WriteCondition::IfAbsent);
    assert!(matches!(written.await.unwrap(), PutOutcome::Written { .. }));
    {
        let fake = fake.lock().unwrap();
        assert_eq!(fake.parts.len(), 3);
        assert!(fake.objects["/b/k"] == numbers((33 << 20) + 5));
        assert!(!fake.aborted);
    }
    let written = put(&store, body, WriteCondition::IfAbsent);
    assert_eq!(written.await.unwrap(), PutOutcome::AlreadyExists);
    assert!(
        fake.lock().unwrap().aborted,
        "parts that nobody needs are given up"
    );
}

#[tokio::test]
async fn parts_of_a_failed_upload_are_given_up() {
    let (store, fake) = start(FakeServer {
        refuses_parts: true,
        ..FakeServer::default()
    })
    .await;
    let file = large_file();
    let body = file.path();
    let written = put(&store, body, WriteCondition::Always);
    assert_eq!(written.await.unwrap_err().kind().as_str(), "access-denied");
    assert!(fake.lock().unwrap().aborted);
}
