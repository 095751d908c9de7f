//! Access: which hosts and pages may ask, and the headers that every answer has.

use std::time::{Duration, Instant};

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use tokio::time::timeout;

use super::{Shared, keys::Caller, problem::Problem};
use crate::observe::admin::is_own_name;

/// Timeout of a request, from its head to the beginning of its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);
/// The same for one that brings a document.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(3600);
/// The browser's word on whether a page of this service asks.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

impl FromRequestParts<Shared> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Problem> {
        service.keys.caller(&parts.headers)
    }
}

/// Lets in what asks for this host, and keeps out what another site's page sends.
pub(super) async fn guard(State(service): State<Shared>, request: Request, next: Next) -> Response {
    if !is_asked_by_name(&request, &service) {
        let detail =
            "this host name is not known here: ask by IP address, or name it with --service-host";
        return Problem::new(StatusCode::MISDIRECTED_REQUEST, detail).into_response();
    }
    if !request.method().is_safe() && is_cross_site(request.headers()) {
        let detail = "a page of another site may not ask for that";
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    let started = Instant::now();
    // Words of clients would be series without end.
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST") => known,
        _ => "other",
    }
    .to_owned();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("none", MatchedPath::as_str).to_owned();
    // Documents have deadlines of their own, for as long as they come.
    let limit = match route.as_str() {
        "/v1/documents" | "/upload" => UPLOAD_TIMEOUT,
        _ => REQUEST_TIMEOUT,
    };
    let answer = timeout(limit, next.run(request)).await;
    let mut answer = answer.unwrap_or_else(|_| {
        let detail = "the request took too long to come or to be answered";
        Problem::new(StatusCode::REQUEST_TIMEOUT, detail).into_response()
    });
    let status = answer.status().as_u16();
    service
        .metrics
        .request(&method, &route, status, started.elapsed());
    let headers = answer.headers_mut();
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("same-origin"),
    );
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// Returns false for a name that is not this host's: a page in a browser whose name was made to lead here (DNS rebinding).
fn is_asked_by_name(request: &Request, service: &Shared) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host
            .to_str()
            .is_ok_and(|host| is_own_name(host, &service.hosts)),
        _ => false,
    }
}

/// Returns true if a browser sends this for a page of another site. Other programs say nothing of it.
fn is_cross_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get(FETCH_SITE) {
        return !matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let (Some(origin), Some(host)) = (headers.get(header::ORIGIN), headers.get(header::HOST))
    else {
        return false;
    };
    let own = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, host)| host.as_bytes());
    own != Some(host.as_bytes())
}
