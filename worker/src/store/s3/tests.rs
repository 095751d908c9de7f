//! Faults that no real store shows on demand: streams that stall, headers that it does not know, writers that meet.

use std::{
    collections::{BTreeMap, HashMap},
    io::Write as _,
    sync::{Arc, Mutex},
};

use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, retry::RetryConfig,
};
use axum::{
    Router,
    body::{Body as HttpBody, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode},
    response::{IntoResponse, Response},
};
use futures_util::{StreamExt as _, stream};

use super::*;

/// A store in memory that fails as asked.
#[derive(Default)]
struct FakeServer {
    objects: HashMap<String, Vec<u8>>,
    parts: BTreeMap<u32, Vec<u8>>,
    aborted: bool,
    /// Status of an answer to a write with a condition, and how often it is given.
    conditional: Option<(StatusCode, u32)>,
    /// Each answer to GET stalls after so many bytes.
    stalls_after: Option<usize>,
    /// The content after the first GET instead.
    replaced_by: Option<Vec<u8>>,
    refuses_parts: bool,
    requests: Vec<String>,
}

type SharedServer = Arc<Mutex<FakeServer>>;

fn etag(bytes: &[u8]) -> String {
    format!(
        "\"{}-{}\"",
        bytes.len(),
        bytes.iter().map(|b| u64::from(*b)).sum::<u64>()
    )
}

fn refusal(status: StatusCode, code: &str) -> Response {
    (status, format!("<Error><Code>{code}</Code></Error>")).into_response()
}

async fn answer(State(fake): State<SharedServer>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    let mut fake = fake.lock().unwrap();
    let key = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    fake.requests.push(head.method.to_string());
    match head.method {
        Method::PUT if query.contains("partNumber=") => fake.part(&query, body),
        Method::PUT => fake.put(key, body, &head.headers),
        Method::POST if query.contains("uploadId=") => {
            let whole = fake.parts.values().flatten().copied().collect();
            let put = fake.put(key, whole, &head.headers);
            if put.status() != StatusCode::OK {
                return put;
            }
            "<CompleteMultipartUploadResult><ETag>\"e\"</ETag></CompleteMultipartUploadResult>"
                .into_response()
        }
        Method::POST => "<InitiateMultipartUploadResult><UploadId>u</UploadId>\
            </InitiateMultipartUploadResult>"
            .into_response(),
        Method::DELETE => {
            fake.aborted = true;
            StatusCode::NO_CONTENT.into_response()
        }
        method => fake.get(&key, &head.headers, method == Method::HEAD),
    }
}

impl FakeServer {
    fn part(&mut self, query: &str, body: Vec<u8>) -> Response {
        if self.refuses_parts {
            return refusal(StatusCode::FORBIDDEN, "AccessDenied");
        }
        let number = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("partNumber="))
            .unwrap();
        self.parts.insert(number.parse().unwrap(), body);
        [("etag", "\"p\"")].into_response()
    }

    fn put(&mut self, key: String, body: Vec<u8>, headers: &HeaderMap) -> Response {
        if headers.contains_key("if-none-match") {
            if let Some((status, left @ 1..)) = &mut self.conditional {
                *left -= 1;
                return refusal(*status, "Trouble");
            }
            if self.objects.contains_key(&key) {
                return refusal(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
            }
        }
        let etag = etag(&body);
        self.objects.insert(key, body);
        [("etag", etag)].into_response()
    }

    fn get(&mut self, key: &str, headers: &HeaderMap, head: bool) -> Response {
        let Some(object) = self.objects.get(key).cloned() else {
            return refusal(StatusCode::NOT_FOUND, "NoSuchKey");
        };
        if headers
            .get("if-match")
            .is_some_and(|wanted| *wanted != *etag(&object))
        {
            return refusal(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        }
        if let Some(other) = self.replaced_by.take() {
            self.objects.insert(key.to_owned(), other);
        }
        let range = headers.get("range").map(|range| range.to_str().unwrap());
        let from: usize =
            range.map_or(0, |range| range[6..].trim_end_matches('-').parse().unwrap());
        let answer = Response::builder()
            .header("etag", etag(&object))
            .header("content-length", object.len() - from);
        let answer = match range {
            Some(_) => answer.status(206).header(
                "content-range",
                format!("bytes {from}-{}/{}", object.len() - 1, object.len()),
            ),
            None => answer,
        };
        if head {
            return answer.body(HttpBody::empty()).unwrap();
        }
        let most = self.stalls_after.unwrap_or(usize::MAX);
        let given = object[from..]
            .iter()
            .take(most)
            .copied()
            .collect::<Vec<u8>>();
        let stalls = given.len() < object.len() - from;
        let body = stream::iter([Ok::<_, std::io::Error>(given)]);
        if stalls {
            let body = HttpBody::from_stream(body.chain(stream::pending()));
            return answer.body(body).unwrap();
        }
        answer.body(HttpBody::from_stream(body)).unwrap()
    }
}

async fn start(fake: FakeServer) -> (S3Store, SharedServer) {
    let shared = Arc::new(Mutex::new(fake));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new()
        .fallback(answer)
        .with_state(Arc::clone(&shared));
    tokio::spawn(async { axum::serve(listener, app).await });
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(&address)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .force_path_style(true)
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .retry_config(RetryConfig::disabled())
        .build();
    let store = S3Store {
        client: Client::from_conf(config),
        address,
        timeout: Duration::from_millis(300),
        attempts: 3,
        unconditional: AtomicBool::new(false),
    };
    (store, shared)
}

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
        objects: HashMap::from([("/b/k".to_owned(), bytes)]),
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
            etag: None,
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
