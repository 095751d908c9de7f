//! Bytes on the way: cut, changed, or an error in their place.

use std::sync::atomic::Ordering;

use axum::response::IntoResponse as _;

use super::{
    fake::{ScriptedAnswer, md5_etag},
    *,
};

/// Fetches what a look has found.
async fn fetch_pinned(store: &S3Store) -> Result<Vec<u8>> {
    let found = store.stat(&at(), &ObjectVersion::default()).await?;
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("copy");
    store.fetch(&at(), &found.pin(), 1 << 20, &to).await?;
    Ok(std::fs::read(&to).unwrap())
}

#[tokio::test]
async fn a_body_that_is_cut_and_says_so_is_not_the_object() {
    for (times, whole) in [(1, true), (u32::MAX, false)] {
        for bytes in [0, 600] {
            let (store, _) = start(FakeServer {
                cuts_to: Some((bytes, times)),
                ..with_object(numbers(1000))
            })
            .await;
            let fetched = fetch_pinned(&store).await;
            match whole {
                true => assert_eq!(fetched.unwrap(), numbers(1000)),
                false => {
                    let error = fetched.unwrap_err();
                    assert_eq!(error.kind().as_str(), "store-unavailable");
                    let why = format!("it gives {bytes} bytes of an object of 1000");
                    assert!(error.to_string().contains(&why), "{error}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_plain_etag_is_the_md5_of_what_comes() {
    for (fault, times, whole) in [
        ("garbled", 1, true),
        ("garbled", u32::MAX, false),
        ("cut", 1, true),
        ("cut", u32::MAX, false),
    ] {
        let mut fake = FakeServer {
            md5_etags: true,
            ..with_object(numbers(1000))
        };
        match fault {
            "cut" => fake.cuts_to = Some((600, times)),
            _ => fake.garbles = times,
        }
        let (store, _) = start(fake).await;
        // Without a look before it nothing but the MD5 tells.
        match (whole, fetch(&store, 1 << 20).await) {
            (true, fetched) => assert_eq!(fetched.unwrap(), numbers(1000), "{fault}"),
            (false, fetched) => {
                let error = fetched.unwrap_err();
                assert_eq!(error.kind().as_str(), "store-unavailable", "{fault}");
                assert!(error.to_string().contains("another MD5"), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn an_etag_that_is_no_md5_is_not_taken_for_one() {
    let garbled = |header| FakeServer {
        md5_etags: true,
        garbles: u32::MAX,
        header: Some(header),
        ..with_object(numbers(1000))
    };
    for header in [
        ("x-amz-server-side-encryption", "aws:kms"),
        ("x-amz-server-side-encryption", "aws:kms:dsse"),
        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
    ] {
        let (store, _) = start(garbled(header)).await;
        assert!(fetch(&store, 1000).await.is_ok(), "{header:?}");
    }
    let plain = ("x-amz-server-side-encryption", "AES256");
    let (store, _) = start(garbled(plain)).await;
    assert!(fetch(&store, 1000).await.is_err());
}

#[tokio::test]
async fn a_store_whose_etags_only_look_like_md5_is_found_out_by_its_probe() {
    let (store, fake) = start(FakeServer {
        script: vec![ScriptedAnswer {
            contains: "/.recto/probe-",
            times: 1,
            ..ScriptedAnswer::always("PUT", || {
                [("etag", md5_etag(b"something else"))].into_response()
            })
        }],
        ..FakeServer::default()
    })
    .await;
    // It forgets the probe, which matters to none of this.
    let _ = store.check_usable(&"s3://b/out".parse().unwrap()).await;
    assert!(store.etags_are_opaque.load(Ordering::Relaxed));
    fake.lock().unwrap().md5_etags = true;
    store
        .check_usable(&"s3://b/out".parse().unwrap())
        .await
        .unwrap();
    assert!(!store.etags_are_opaque.load(Ordering::Relaxed));
}

#[tokio::test]
async fn an_error_with_status_200_is_not_the_object() {
    let error =
        || "<?xml version=\"1.0\"?><Error><Code>InternalError</Code></Error>".into_response();
    for (times, whole) in [(1, true), (u32::MAX, false)] {
        let (store, _) = start(FakeServer {
            script: vec![ScriptedAnswer {
                times,
                ..ScriptedAnswer::always("GET", error)
            }],
            ..with_object(numbers(1000))
        })
        .await;
        match (whole, store.read(&at(), 1000).await) {
            (true, read) => assert_eq!(read.unwrap(), Some(numbers(1000))),
            (false, read) => {
                let error = read.unwrap_err();
                assert_eq!(error.kind().as_str(), "store-unavailable");
                assert!(
                    error.to_string().contains("HTTP 200 and an error"),
                    "{error}"
                );
            }
        }
    }
}
