//! Error answers: HEAD has no code, GET confirms it.

use axum::response::{IntoResponse as _, Response};

use super::{
    fake::{ScriptedAnswer, refusal},
    *,
};

/// The page of a gateway that knows no such path.
const GATEWAY: &str = "<html><body>default backend</body></html>";

fn bare(status: u16) -> Response {
    StatusCode::from_u16(status).unwrap().into_response()
}

/// The error of a look at an object that is there, if HEAD and GET are answered so.
async fn failed(head: fn() -> Response, get: fn() -> Response) -> (StoreError, SharedServer) {
    let (store, fake) = start(FakeServer {
        script: vec![
            ScriptedAnswer::always("HEAD", head),
            ScriptedAnswer::always("GET", get),
        ],
        ..with_object(numbers(10))
    })
    .await;
    let found = store.stat(&at(), &ObjectVersion::default()).await;
    let fetched = fetch(&store, 10).await.unwrap_err();
    let error = found.unwrap_err();
    assert_eq!(error.kind(), fetched.kind(), "a download says the same");
    (error, fake)
}

#[tokio::test]
async fn get_has_the_code_that_head_lacks() {
    type Answer = fn() -> Response;
    let cases: [(Answer, Answer, &str, &str); 12] = [
        (
            || bare(404),
            || refusal(StatusCode::NOT_FOUND, "NoSuchKey"),
            "no-such-object",
            "no such object",
        ),
        (
            || bare(404),
            || refusal(StatusCode::NOT_FOUND, "NoSuchBucket"),
            "no-such-bucket",
            "no such bucket",
        ),
        (
            || bare(404),
            || (StatusCode::NOT_FOUND, GATEWAY).into_response(),
            "store-unavailable",
            "the answer is not S3's: HTTP 404; is a gateway before the store?",
        ),
        (
            || bare(404),
            || bare(404),
            "store-unavailable",
            "the answer is not S3's: HTTP 404",
        ),
        (
            || bare(405),
            || (StatusCode::METHOD_NOT_ALLOWED, GATEWAY).into_response(),
            "store-unavailable",
            "the answer is not S3's: HTTP 405",
        ),
        (
            || bare(405),
            || {
                let body = "<Error><Code>MethodNotAllowed</Code></Error>";
                (StatusCode::METHOD_NOT_ALLOWED, body).into_response()
            },
            "no-such-object",
            "no such object",
        ),
        (
            || bare(404),
            || (StatusCode::NOT_FOUND, [("x-amz-delete-marker", "true")]).into_response(),
            "no-such-object",
            "no such object",
        ),
        (
            || bare(400),
            || refusal(StatusCode::BAD_REQUEST, "ExpiredToken"),
            "bad-credentials",
            "does not accept the credentials (ExpiredToken)",
        ),
        (
            || bare(403),
            || refusal(StatusCode::FORBIDDEN, "AccessDenied"),
            "access-denied",
            "access denied, or no such object",
        ),
        (
            || bare(301),
            || {
                let body = "<Error><Code>PermanentRedirect</Code></Error>";
                let region = [("x-amz-bucket-region", "eu-west-1")];
                (StatusCode::MOVED_PERMANENTLY, region, body).into_response()
            },
            "not-configured",
            "the bucket is in the region eu-west-1 (PermanentRedirect); set --s3-region eu-west-1",
        ),
        (
            || bare(400),
            || {
                let body = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";
                (StatusCode::BAD_REQUEST, body).into_response()
            },
            "not-configured",
            "set --s3-region eu-west-1",
        ),
        (
            || bare(307),
            || (StatusCode::TEMPORARY_REDIRECT, GATEWAY).into_response(),
            "store-unavailable",
            "the answer is not S3's: HTTP 307",
        ),
    ];
    for (head, get, kind, text) in cases {
        let (error, _) = failed(head, get).await;
        assert_eq!(error.kind().as_str(), kind, "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn a_head_that_fails_does_not_hide_an_object_that_get_gives() {
    for head in [|| bare(400), || bare(403), || bare(404), || bare(405)] {
        for object in [numbers(1000), Vec::new()] {
            let (store, _) = start(FakeServer {
                script: vec![ScriptedAnswer::always("HEAD", head)],
                ..with_object(object.clone())
            })
            .await;
            let found = store.stat(&at(), &ObjectVersion::default()).await.unwrap();
            assert_eq!(found.bytes, object.len() as u64);
            assert_eq!(found.etag, Some(fake::etag(&object)));
            assert_eq!(store.stat(&at(), &found.pin()).await.unwrap(), found);
        }
    }
}

#[tokio::test]
async fn another_etag_needs_no_second_question() {
    let (store, fake) = start(with_object(numbers(10))).await;
    let pin = ObjectVersion {
        etag: Some("\"other\"".to_owned()),
        ..ObjectVersion::default()
    };
    let error = store.stat(&at(), &pin).await.unwrap_err();
    assert_eq!(error.kind().as_str(), "source-changed");
    assert_eq!(fake.lock().unwrap().requests, ["HEAD"]);
}
