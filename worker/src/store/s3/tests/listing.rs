//! Listings: odd keys, pages, errors, and credentials that may not list.

use axum::response::IntoResponse as _;

use super::{
    fake::{ScriptedAnswer, refusal},
    *,
};

fn bucket() -> StoreUri {
    "s3://b/".parse().unwrap()
}

async fn scripted(answers: Vec<ScriptedAnswer>) -> (S3Store, SharedServer) {
    start(FakeServer {
        script: answers,
        ..with_object(numbers(10))
    })
    .await
}

fn once(contains: &'static str, answer: fn() -> axum::response::Response) -> ScriptedAnswer {
    ScriptedAnswer {
        contains,
        times: 1,
        ..ScriptedAnswer::always("GET", answer)
    }
}

#[tokio::test]
async fn keys_are_decoded_and_etags_may_be_missing() {
    let (store, _) = scripted(vec![once("encoding-type=url", || {
        "<ListBucketResult><EncodingType>url</EncodingType>\
            <Contents><Key>a+b%2Bc%0A%01.pdf</Key><Size>7</Size></Contents>\
            <Contents><Key>%ff</Key><Size>8</Size></Contents>\
            <Contents><Key>%D0%B6/100%25</Key><Size>9</Size><ETag>\"e\"</ETag></Contents>\
            </ListBucketResult>"
            .into_response()
    })])
    .await;
    let page = store.list(&bucket(), None).await.unwrap();
    let found = page.entries.iter().map(|entry| {
        let key = entry.location.to_string();
        (key, entry.bytes, entry.etag.is_some())
    });
    let wanted = [
        ("s3://b/a b+c\n\u{1}.pdf".to_owned(), 7, false),
        ("s3://b/ж/100%".to_owned(), 9, true),
    ];
    assert_eq!(found.collect::<Vec<_>>(), wanted, "one has no UTF-8 name");

    let (store, _) = scripted(vec![once("encoding-type=url", || {
        "<ListBucketResult><Contents><Key>a+b%20c</Key></Contents></ListBucketResult>"
            .into_response()
    })])
    .await;
    let page = store.list(&bucket(), None).await.unwrap();
    let key = page.entries[0].location.to_string();
    assert_eq!(key, "s3://b/a+b%20c", "a store that does not encode");
}

#[tokio::test]
async fn pages_follow_each_other_and_none_is_lost_in_silence() {
    let first = || {
        "<ListBucketResult><IsTruncated>true</IsTruncated>\
            <NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
            .into_response()
    };
    let (store, _) = scripted(vec![
        once("continuation-token=t", || {
            "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>".into_response()
        }),
        ScriptedAnswer::always("GET", first),
    ])
    .await;
    let page = store.list(&bucket(), None).await.unwrap();
    assert_eq!(page.next.as_deref(), Some("t"));
    let last = store.list(&bucket(), page.next.as_deref()).await.unwrap();
    assert_eq!(last.next, None);
    // The same page again would never end, and a cut without a token would lose the rest.
    let again = store.list(&bucket(), Some("t")).await;
    assert_eq!(again.unwrap_err().kind().as_str(), "store-unavailable");
    let (store, _) = scripted(vec![once("", || {
        "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>".into_response()
    })])
    .await;
    let cut = store.list(&bucket(), None).await.unwrap_err();
    assert!(cut.to_string().contains("no token"), "{cut}");
}

#[tokio::test]
async fn an_error_or_nonsense_with_status_200_is_said() {
    type Answer = fn() -> axum::response::Response;
    let answers: [(Answer, &str); 2] = [
        (
            || "<Error><Code>InternalError</Code><Message>m</Message></Error>".into_response(),
            "HTTP 200 InternalError: m",
        ),
        (
            || "<ListBucketResult><Contents><Key>a\u{1}</Key".into_response(),
            "HTTP 200 and an answer that cannot be read",
        ),
    ];
    for (answer, text) in answers {
        let (store, _) = scripted(vec![ScriptedAnswer::always("GET", answer)]).await;
        let error = store.list(&bucket(), None).await.unwrap_err();
        assert_eq!(error.kind().as_str(), "store-unavailable");
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn without_lists_a_denied_manifest_counts_as_absent() {
    let denied = || refusal(StatusCode::FORBIDDEN, "AccessDenied");
    let missing: StoreUri = "s3://b/none".parse().unwrap();
    let (store, fake) = scripted(vec![ScriptedAnswer::always("GET", denied)]).await;
    for _ in 0..2 {
        assert_eq!(store.read(&missing, 10).await.unwrap(), None);
    }
    let requests = fake.lock().unwrap().requests.clone();
    assert_eq!(
        requests.len(),
        3,
        "the listing was asked once: {requests:?}"
    );
    let head = || StatusCode::FORBIDDEN.into_response();
    fake.lock()
        .unwrap()
        .script
        .push(ScriptedAnswer::always("HEAD", head));
    let found = store.stat(&missing, &ObjectVersion::default()).await;
    let error = found.unwrap_err().to_string();
    assert!(error.contains("without s3:ListBucket"), "{error}");
}

#[tokio::test]
async fn with_lists_a_denied_object_is_denied_only_if_it_is_there() {
    let script = ["/b/k?", "/b/none"].map(|contains| ScriptedAnswer {
        contains,
        ..ScriptedAnswer::always("GET", || refusal(StatusCode::FORBIDDEN, "AccessDenied"))
    });
    let head = ScriptedAnswer::always("HEAD", || StatusCode::FORBIDDEN.into_response());
    let (store, _) = scripted(script.into_iter().chain([head]).collect()).await;
    let pin = ObjectVersion::default();
    assert_eq!(
        store.read(&at(), 10).await.unwrap_err().kind().as_str(),
        "access-denied"
    );
    let there = store.stat(&at(), &pin).await;
    assert_eq!(there.unwrap_err().kind().as_str(), "access-denied");
    let missing: StoreUri = "s3://b/none".parse().unwrap();
    assert_eq!(store.read(&missing, 10).await.unwrap(), None);
    let gone = store.stat(&missing, &pin).await;
    assert_eq!(gone.unwrap_err().kind().as_str(), "no-such-object");
}

#[tokio::test]
async fn a_policy_is_obeyed_for_other_denials() {
    for (code, kind) in [
        ("InvalidAccessKeyId", "bad-credentials"),
        ("AllAccessDisabled", "access-denied"),
    ] {
        let refused: fn() -> axum::response::Response = match code {
            "InvalidAccessKeyId" => || refusal(StatusCode::FORBIDDEN, "InvalidAccessKeyId"),
            _ => || refusal(StatusCode::FORBIDDEN, "AllAccessDisabled"),
        };
        let (store, _) = scripted(vec![ScriptedAnswer::always("GET", refused)]).await;
        let read = store.read(&at(), 10).await;
        assert_eq!(read.unwrap_err().kind().as_str(), kind, "{code}");
    }
}
