//! A store in memory that fails as asked.

use std::{
    collections::{BTreeMap, HashMap},
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

use super::super::{client::RequestHeaders, *};

/// A store in memory that fails as asked.
#[derive(Default)]
pub(super) struct FakeServer {
    pub(super) objects: BTreeMap<String, Vec<u8>>,
    pub(super) parts: BTreeMap<u32, Vec<u8>>,
    pub(super) aborted: bool,
    /// Status of an answer to a write with a condition, and how often it is given.
    pub(super) conditional: Option<(StatusCode, u32)>,
    /// Conditions are passed over.
    pub(super) ignores_conditions: bool,
    /// Each answer to GET stalls after so many bytes.
    pub(super) stalls_after: Option<usize>,
    /// The content after the first GET instead.
    pub(super) replaced_by: Option<Vec<u8>>,
    /// GET gives and announces so many bytes at most, so often.
    pub(super) cuts_to: Option<(usize, u32)>,
    /// GET gives another first byte, so often.
    pub(super) garbles: u32,
    /// ETags are MD5 sums.
    pub(super) md5_etags: bool,
    /// A header of all answers to GET.
    pub(super) header: Option<(&'static str, &'static str)>,
    pub(super) refuses_parts: bool,
    /// Answers in place of the store's own.
    pub(super) script: Vec<ScriptedAnswer>,
    /// The methods of all requests.
    pub(super) requests: Vec<String>,
    /// Their headers.
    pub(super) headers: Vec<HeaderMap>,
}

/// An answer to the requests with a method and a text in path or query.
pub(super) struct ScriptedAnswer {
    pub(super) method: &'static str,
    pub(super) contains: &'static str,
    /// Number of requests that are answered so.
    pub(super) times: u32,
    pub(super) answer: fn() -> Response,
}

impl ScriptedAnswer {
    /// Answers all requests of a method so.
    pub(super) fn always(method: &'static str, answer: fn() -> Response) -> Self {
        Self {
            method,
            contains: "",
            times: u32::MAX,
            answer,
        }
    }
}

pub(super) type SharedServer = Arc<Mutex<FakeServer>>;

pub(super) fn etag(bytes: &[u8]) -> String {
    format!(
        "\"{}-{}\"",
        bytes.len(),
        bytes.iter().map(|b| u64::from(*b)).sum::<u64>()
    )
}

pub(super) fn md5_etag(bytes: &[u8]) -> String {
    let digits: String = checksum::md5(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{digits}\"")
}

pub(super) fn refusal(status: StatusCode, code: &str) -> Response {
    (status, format!("<Error><Code>{code}</Code></Error>")).into_response()
}

async fn answer(State(fake): State<SharedServer>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    let mut fake = fake.lock().unwrap();
    let key = head.uri.path().to_owned();
    let query = head.uri.query().unwrap_or_default().to_owned();
    fake.requests.push(head.method.to_string());
    fake.headers.push(head.headers.clone());
    if let Some(answer) = fake.scripted(head.method.as_str(), &head.uri.to_string()) {
        return answer;
    }
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
        Method::POST if query.starts_with("delete") => fake.delete_all(&key, &body),
        Method::POST => "<InitiateMultipartUploadResult><UploadId>u</UploadId>\
            </InitiateMultipartUploadResult>"
            .into_response(),
        Method::DELETE if query.contains("uploadId=") => {
            fake.aborted = true;
            StatusCode::NO_CONTENT.into_response()
        }
        Method::DELETE => {
            fake.objects.remove(&key);
            StatusCode::NO_CONTENT.into_response()
        }
        Method::GET if query.contains("list-type=2") => fake.list(&key, &query),
        method => fake.get(&key, &head.headers, method == Method::HEAD),
    }
}

impl FakeServer {
    fn etag(&self, bytes: &[u8]) -> String {
        match self.md5_etags {
            true => md5_etag(bytes),
            false => etag(bytes),
        }
    }

    fn scripted(&mut self, method: &str, uri: &str) -> Option<Response> {
        let scripted = self.script.iter_mut().find(|scripted| {
            scripted.times > 0 && scripted.method == method && uri.contains(scripted.contains)
        })?;
        scripted.times -= 1;
        Some((scripted.answer)())
    }

    /// All objects whose keys begin with the prefix, percent-encoded as stores do on request.
    fn list(&self, bucket: &str, query: &str) -> Response {
        let query: HashMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).collect();
        let folder = format!("{}/", bucket.trim_end_matches('/'));
        let keys = self.objects.iter().filter_map(|(path, bytes)| {
            let path = url::form_urlencoded::parse(path.replace('&', "%26").as_bytes())
                .map(|(key, _)| key.into_owned())
                .collect::<String>();
            let key = path.strip_prefix(&folder)?.to_owned();
            key.starts_with(&*query["prefix"]).then_some((key, bytes))
        });
        let contents: String = keys
            .map(|(key, bytes)| {
                let key = match query.contains_key("encoding-type") {
                    true => url::form_urlencoded::byte_serialize(key.as_bytes()).collect(),
                    false => key,
                };
                format!(
                    "<Contents><Key>{key}</Key><Size>{}</Size></Contents>",
                    bytes.len()
                )
            })
            .collect();
        let encoding = match query.contains_key("encoding-type") {
            true => "<EncodingType>url</EncodingType>",
            false => "",
        };
        format!("<ListBucketResult>{encoding}{contents}</ListBucketResult>").into_response()
    }

    /// Deletes the keys that a request's XML names.
    fn delete_all(&mut self, bucket: &str, body: &[u8]) -> Response {
        let body = String::from_utf8_lossy(body);
        for named in body.split("<Key>").skip(1) {
            let (key, _) = named.split_once("</Key>").unwrap();
            let path = format!("{}/{key}", bucket.trim_end_matches('/'));
            self.objects.remove(&path);
        }
        "<DeleteResult></DeleteResult>".into_response()
    }

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
        if headers.contains_key("if-none-match") && !self.ignores_conditions {
            if let Some((status, left @ 1..)) = &mut self.conditional {
                *left -= 1;
                return refusal(*status, "Trouble");
            }
            if self.objects.contains_key(&key) {
                return refusal(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
            }
        }
        let etag = self.etag(&body);
        self.objects.insert(key, body);
        [("etag", etag)].into_response()
    }

    fn get(&mut self, key: &str, headers: &HeaderMap, head: bool) -> Response {
        let Some(mut object) = self.objects.get(key).cloned() else {
            return refusal(StatusCode::NOT_FOUND, "NoSuchKey");
        };
        if headers
            .get("if-match")
            .is_some_and(|wanted| *wanted != *self.etag(&object))
        {
            return refusal(StatusCode::PRECONDITION_FAILED, "PreconditionFailed");
        }
        let etag = self.etag(&object);
        if !head {
            if let Some((bytes, left @ 1..)) = &mut self.cuts_to {
                *left -= 1;
                object.truncate(*bytes);
            }
            if self.garbles > 0 {
                self.garbles -= 1;
                object[0] ^= 1;
            }
        }
        if let Some(other) = self.replaced_by.take() {
            self.objects.insert(key.to_owned(), other);
        }
        let range = headers.get("range").map(|range| range.to_str().unwrap());
        let (from, last): (usize, usize) = range.map_or((0, usize::MAX), |range| {
            let (from, last) = range[6..].split_once('-').unwrap();
            (from.parse().unwrap(), last.parse().unwrap_or(usize::MAX))
        });
        if range.is_some() && from >= object.len() {
            return refusal(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange");
        }
        let end = object.len().min(last.saturating_add(1));
        let answer = Response::builder()
            .header("etag", etag)
            .header("content-length", end - from);
        let answer = match self.header {
            Some((name, value)) => answer.header(name, value),
            None => answer,
        };
        let answer = match range {
            Some(_) => answer.status(206).header(
                "content-range",
                format!("bytes {from}-{}/{}", end - 1, object.len()),
            ),
            None => answer,
        };
        if head {
            return answer.body(HttpBody::empty()).unwrap();
        }
        let most = self.stalls_after.unwrap_or(usize::MAX);
        let given = object[from..end]
            .iter()
            .take(most)
            .copied()
            .collect::<Vec<u8>>();
        let stalls = given.len() < end - from;
        let body = stream::iter([Ok::<_, std::io::Error>(given)]);
        if stalls {
            let body = HttpBody::from_stream(body.chain(stream::pending()));
            return answer.body(body).unwrap();
        }
        answer.body(HttpBody::from_stream(body)).unwrap()
    }
}

pub(super) async fn start(fake: FakeServer) -> (S3Store, SharedServer) {
    start_with(fake, RequestHeaders::default(), WriteEncryption::default()).await
}

pub(super) async fn start_with(
    fake: FakeServer,
    headers: RequestHeaders,
    encryption: WriteEncryption,
) -> (S3Store, SharedServer) {
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
        .interceptor(headers)
        .build();
    let store = S3Store {
        client: Client::from_conf(config),
        address,
        timeout: Duration::from_millis(300),
        attempts: 3,
        encryption,
        unconditional: AtomicBool::new(false),
        settling: tokio::sync::Mutex::default(),
        etags_are_opaque: AtomicBool::new(false),
        deletes_singly: AtomicBool::new(false),
        listing_denied: Mutex::default(),
    };
    (store, shared)
}
