//! The admin port: `/metrics`, `/healthz` and `/readyz` for whoever runs the worker.
//!
//! It is bound before the worker waits for broker and store, so that a waiting worker passes its liveness probe. A
//! connection carries one request of HTTP/1 and has deadlines, their number is limited, and a new one takes the place of
//! an old one that says nothing: a slow or hostile client blocks nothing.

pub(crate) mod health;
mod answers;
mod connections;

use std::{
    future::Future,
    io,
    net::{Ipv4Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use tokio::net::TcpListener;

pub(crate) use answers::{AdminAnswers, ScrapeFn, is_own_name};
use connections::Deadlines;
pub(crate) use health::{HealthComponent, WorkerHealth};

/// Deadlines of a connection: a request is one packet as a rule, an answer a few kilobytes.
const DEADLINES: Deadlines = Deadlines {
    head: Duration::from_secs(1),
    whole: Duration::from_secs(10),
};

/// The admin port if it is free: the first one that Prometheus' exporters share (OpenTelemetry's default).
const DEFAULT_PORT: u16 = 9464;

/// Number of ports that are tried from there on.
const DEFAULT_PORTS: u16 = 100;

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

    /// Opens the port that was asked for; `None` if none is wanted. By default it is the first free one from
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

    /// Answers until `stop`, then waits for answers in progress, for ten seconds at most.
    pub(crate) async fn serve(self, answers: AdminAnswers, stop: impl Future<Output = ()>) {
        self.serve_within(DEADLINES, answers, stop).await;
    }

    async fn serve_within(
        self,
        deadlines: Deadlines,
        answers: AdminAnswers,
        stop: impl Future<Output = ()>,
    ) {
        connections::serve(self.listener, Arc::new(answers), deadlines, stop).await;
    }
}

#[cfg(test)]
mod tests;
