//! The admin port: `/metrics`, `/healthz` and `/readyz` for whoever runs the worker.
//!
//! It is bound before the worker waits for broker and store, so that a waiting worker passes its liveness probe. A
//! connection carries one request and has a deadline, and their number is limited: a slow or hostile client blocks
//! nothing.

pub(crate) mod health;
mod listener;

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;

pub(crate) use health::{HealthComponent, WorkerHealth};
use listener::BoundedListener;

/// Timeout of one connection: an answer is a few kilobytes.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);

/// The admin port if it is free: the first one that Prometheus' exporters share (OpenTelemetry's default).
const DEFAULT_PORT: u16 = 9464;

/// Number of ports that are tried from there on.
const DEFAULT_PORTS: u16 = 100;

/// Maximum number of concurrent connections: Prometheus, the probes of an orchestrator and some people.
const CONNECTIONS: usize = 64;

const PATHS: &str = "\
/metrics  what the worker counts and measures, for Prometheus
/healthz  200 while the worker lives
/readyz   200 while the worker takes jobs and everything it needs is usable
";

/// The admin port's address, if there is to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AdminAddress(pub(crate) Option<SocketAddr>);

impl FromStr for AdminAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self(None)),
            _ => text.parse().map(|address| Self(Some(address))).map_err(|_| {
                "give an IP address and a port, such as 127.0.0.1:9464 or 0.0.0.0:9464, or none"
            }),
        }
    }
}

/// The admin port cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address} for the admin port: {error}; \
     free it, or give another with --admin-address or RECTO_ADMIN_ADDRESS (none: no admin port)"
)]
pub(crate) struct BindError {
    address: SocketAddr,
    error: io::Error,
}

/// Writes the metrics; called on a blocking thread.
pub(crate) type ScrapeFn = Arc<dyn Fn() -> String + Send + Sync>;

/// The open admin port.
pub(crate) struct AdminServer {
    listener: TcpListener,
    address: SocketAddr,
}

impl AdminServer {
    /// Opens the port; connections wait until [`AdminServer::serve`].
    pub(crate) async fn bind(address: SocketAddr) -> Result<Self, BindError> {
        let wrong = |error| BindError { address, error };
        let listener = TcpListener::bind(address).await.map_err(wrong)?;
        let address = listener.local_addr().map_err(wrong)?;
        Ok(Self { listener, address })
    }

    /// Opens the port that was asked for; `None` if none is wanted. Without a wish it is the first free one from
    /// [`DEFAULT_PORT`] on, so that several workers of one machine need no port each from whoever starts them.
    pub(crate) async fn open(wanted: Option<AdminAddress>) -> Result<Option<Self>, BindError> {
        let Some(AdminAddress(wanted)) = wanted else {
            for port in DEFAULT_PORT..DEFAULT_PORT + DEFAULT_PORTS {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                match Self::bind(address).await {
                    Err(taken) if taken.error.kind() == io::ErrorKind::AddrInUse => {}
                    opened => return opened.map(Some),
                }
            }
            let last = SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT + DEFAULT_PORTS));
            return Self::bind(last).await.map(Some);
        };
        match wanted {
            Some(address) => Self::bind(address).await.map(Some),
            None => Ok(None),
        }
    }

    /// The address at which it listens; tells the port if 0 was asked for.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop`, then waits for answers in progress, for [`CONNECTION_TIMEOUT`] at most.
    pub(crate) async fn serve(
        self,
        health: Arc<WorkerHealth>,
        scrape: ScrapeFn,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        self.serve_within(CONNECTION_TIMEOUT, router(health, scrape), stop)
            .await
    }

    async fn serve_within(
        self,
        timeout: Duration,
        router: Router,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        axum::serve(
            BoundedListener::new(self.listener, CONNECTIONS, timeout),
            router,
        )
        .with_graceful_shutdown(stop)
        .await
    }
}

fn router(health: Arc<WorkerHealth>, scrape: ScrapeFn) -> Router {
    Router::new()
        .route(
            "/",
            get(async || text(StatusCode::OK, format!("recto worker\n\n{PATHS}"))),
        )
        .route("/metrics", get(metrics).with_state(scrape))
        .route("/healthz", get(healthz).with_state(Arc::clone(&health)))
        .route("/readyz", get(readyz).with_state(health))
        .fallback(async || {
            text(
                StatusCode::NOT_FOUND,
                format!("there is nothing here; there is\n\n{PATHS}"),
            )
        })
}

async fn metrics(State(scrape): State<ScrapeFn>) -> Response {
    match tokio::task::spawn_blocking(move || scrape()).await {
        Ok(metrics) => text(StatusCode::OK, metrics),
        Err(_) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the metrics failed; see the log\n".to_owned(),
        ),
    }
}

async fn healthz(State(health): State<Arc<WorkerHealth>>) -> Response {
    match health.alive() {
        Ok(()) => text(StatusCode::OK, "ok\n".to_owned()),
        Err(reason) => text(StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}

async fn readyz(State(health): State<Arc<WorkerHealth>>) -> Response {
    let status = match health.ready() {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    text(status, health.report())
}

/// An answer in plain text, the last one of its connection.
fn text(status: StatusCode, body: String) -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            "text/plain; version=0.0.4; charset=utf-8",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONNECTION, "close"),
    ];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests;
