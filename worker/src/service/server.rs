//! The service's port: connections with deadlines, and a limited number of them.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::State,
    http::{HeaderName, StatusCode, header},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore, time::sleep};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Service, Shared,
    keys::{Caller, Scope},
    problem::Problem,
    router,
};

/// The port if it is free, and the first of those that are tried.
const DEFAULT_PORT: u16 = 8080;
/// Number of ports that are tried from there on.
const DEFAULT_PORTS: u16 = 100;
/// Maximum number of connections; others wait until one of these ends.
const CONNECTIONS: usize = 1_024;
/// Time for the head of a request, and between two requests of a connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Largest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 32 << 10;
/// Wait after a connection that the system could not give, for want of descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Time for requests in progress to end.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// The service's address, if there is to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenAddress(pub(crate) Option<SocketAddr>);

impl FromStr for ListenAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self(None)),
            _ => text.parse().map(|address| Self(Some(address))).map_err(|_| {
                "give an IP address and a port, such as 127.0.0.1:8080 or 0.0.0.0:8080, or none"
            }),
        }
    }
}

/// Opens the port that was asked for; `None` if none is wanted. By default it is the first free one from
/// [`DEFAULT_PORT`] on, on loopback.
///
/// # Errors
/// The port is taken or not to be had.
pub(crate) async fn open(wanted: Option<ListenAddress>) -> io::Result<Option<TcpListener>> {
    let Some(ListenAddress(wanted)) = wanted else {
        for port in DEFAULT_PORT..DEFAULT_PORT + DEFAULT_PORTS {
            match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
                Err(taken) if taken.kind() == io::ErrorKind::AddrInUse => {}
                opened => return opened.map(Some),
            }
        }
        return Err(io::ErrorKind::AddrInUse.into());
    };
    match wanted {
        Some(address) => TcpListener::bind(address).await.map(Some),
        None => Ok(None),
    }
}

/// Answers until it is told to stop; requests in progress then have [`DRAIN_TIMEOUT`].
pub(crate) async fn serve(service: Arc<Service>, listener: TcpListener, stop: &CancellationToken) {
    let routes = router(service);
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let open = TaskTracker::new();
    loop {
        let accepted = async {
            let permit = Arc::clone(&connections).acquire_owned().await.ok()?;
            Some((listener.accept().await, permit))
        };
        let (stream, permit) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accepted => match accepted {
                Some((Ok((stream, _)), permit)) => (stream, permit),
                _ => {
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
        };
        let (routes, stop) = (routes.clone(), stop.clone());
        open.spawn(async move {
            let mut builder = http1::Builder::new();
            builder
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(MAX_HEAD_BYTES);
            let connection =
                builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
            let mut connection = std::pin::pin!(connection);
            // A client that breaks off is its own trouble.
            tokio::select! {
                _ = connection.as_mut() => {}
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(permit);
        });
    }
    drop(listener);
    open.close();
    tokio::select! {
        () = open.wait() => {}
        () = sleep(DRAIN_TIMEOUT) => tracing::warn!("requests in progress are broken off"),
    }
}

/// `/readyz`: the ledger answers.
pub(super) async fn ready(State(service): State<Shared>) -> (StatusCode, &'static str) {
    match service.ledger.unreadable().await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the ledger does not answer\n",
            )
        }
    }
}

/// `/metrics`: for Prometheus. A service with keys asks for one that sees all batches.
pub(super) async fn metrics(
    State(service): State<Shared>,
    caller: Caller,
) -> Result<([(HeaderName, &'static str); 1], String), Problem> {
    caller.needs(Scope::Read)?;
    if !caller.sees_all() {
        return Err(Problem::not_found());
    }
    let scrape = Arc::clone(&service);
    let text = tokio::task::spawn_blocking(move || scrape.metrics.encode())
        .await
        .map_err(|_| Problem::busy("the metrics failed; see the log"))?;
    let content_type = (
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    );
    Ok(([content_type], text))
}
