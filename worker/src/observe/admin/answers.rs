//! Answers of the admin port.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Bytes, header};
use tokio::sync::Mutex;

use super::WorkerHealth;

/// Time for which a scrape is given to whoever asks for one: Prometheus asks every few seconds at most.
const SCRAPE_AGE: Duration = Duration::from_secs(1);

const PATHS: &str = "\
/metrics  what the worker counts and measures, for Prometheus
/healthz  200 while the worker lives
/readyz   200 while the worker takes jobs and everything it needs is usable
";

/// Writes the metrics; called on a blocking thread.
pub(crate) type ScrapeFn = Arc<dyn Fn() -> String + Send + Sync>;

/// A complete answer.
type Answer = Response<Full<Bytes>>;

/// The answers of the admin port, and what they are made from.
pub(crate) struct AdminAnswers {
    health: Arc<WorkerHealth>,
    scrape: ScrapeFn,
    /// Names, besides addresses and names of one part, by which it may be asked; in lower case.
    hosts: Vec<String>,
    /// The last scrape. Held while one is made, so that one is made at a time.
    scraped: Mutex<Option<(Instant, Bytes)>>,
}

impl AdminAnswers {
    pub(crate) fn new(health: Arc<WorkerHealth>, scrape: ScrapeFn, hosts: &[String]) -> Self {
        Self {
            health,
            scrape,
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            scraped: Mutex::new(None),
        }
    }

    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Answer {
        if !self.is_asked_by_name(request) {
            return text(
                StatusCode::MISDIRECTED_REQUEST,
                "this host name is not known here: ask by IP address, or name it with --admin-host\n",
            );
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return text(
                StatusCode::METHOD_NOT_ALLOWED,
                "GET and HEAD are answered\n",
            );
        }
        match request.uri().path() {
            "/" => text(StatusCode::OK, format!("recto worker\n\n{PATHS}")),
            "/metrics" => self.metrics().await,
            "/healthz" => match self.health.alive() {
                Ok(()) => text(StatusCode::OK, "ok\n"),
                Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
            },
            "/readyz" => {
                let status = match self.health.ready() {
                    true => StatusCode::OK,
                    false => StatusCode::SERVICE_UNAVAILABLE,
                };
                text(status, self.health.report())
            }
            _ => text(
                StatusCode::NOT_FOUND,
                format!("there is nothing here; there is\n\n{PATHS}"),
            ),
        }
    }

    /// Returns false for a request that names a host which is not this one: a page in a browser of this machine whose
    /// name was made to lead here (DNS rebinding).
    fn is_asked_by_name<B>(&self, request: &Request<B>) -> bool {
        let mut hosts = request.headers().get_all(header::HOST).iter();
        let of_headers = match (hosts.next(), hosts.next()) {
            (Some(host), None) => host.to_str().ok(),
            // HTTP/1.0 has none, and no browser speaks it.
            (None, _) => Some("localhost"),
            (Some(_), Some(_)) => None,
        };
        let of_uri = request
            .uri()
            .authority()
            .map(|authority| authority.as_str());
        of_headers.is_some_and(|host| is_own_name(host, &self.hosts))
            && of_uri.is_none_or(|host| is_own_name(host, &self.hosts))
    }

    async fn metrics(&self) -> Answer {
        let mut scraped = self.scraped.lock().await;
        if let Some((at, metrics)) = &*scraped
            && at.elapsed() < SCRAPE_AGE
        {
            return text(StatusCode::OK, metrics.clone());
        }
        let scrape = Arc::clone(&self.scrape);
        match tokio::task::spawn_blocking(move || scrape()).await {
            Ok(metrics) => {
                let metrics = Bytes::from(metrics);
                *scraped = Some((Instant::now(), metrics.clone()));
                text(StatusCode::OK, metrics)
            }
            Err(_) => text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the metrics failed; see the log\n",
            ),
        }
    }
}

/// Returns true for an IP address, a name of one part (`localhost`, a service's), `*.localhost`, and the names that the
/// operator gave. No page of the internet has such a name.
pub(crate) fn is_own_name(host: &str, hosts: &[String]) -> bool {
    if let Some(bracketed) = host.strip_prefix('[') {
        let address = bracketed.split_once(']').map(|(address, _)| address);
        return address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok()
        || (!name.is_empty() && !name.contains('.'))
        || name.ends_with(".localhost")
        || hosts.contains(&name)
}

/// An answer in plain text, the last one of its connection.
fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONNECTION, "close"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_the_internet_is_not_its_own() {
        let hosts = ["worker.ocr.svc.cluster.local".to_owned()];
        for (host, own) in [
            ("127.0.0.1:9464", true),
            ("10.1.2.3", true),
            ("[::1]:9464", true),
            ("[fe80::1]", true),
            ("localhost:9464", true),
            ("LocalHost.", true),
            ("a.localhost", true),
            ("recto-worker:9464", true),
            ("Worker.OCR.svc.cluster.local:9464", true),
            ("evil.example", false),
            ("evil.example:9464", false),
            ("127.0.0.1.evil.example", false),
            ("other.svc.cluster.local", false),
            ("", false),
            (":9464", false),
            ("[evil.example]", false),
        ] {
            assert_eq!(is_own_name(host, &hosts), own, "{host}");
        }
    }
}
