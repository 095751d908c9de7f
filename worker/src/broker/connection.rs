//! Connections to the broker: the address, the deadline for connecting, and the backoff between attempts.

use std::{
    convert::Infallible,
    fmt, fs, io,
    net::{Shutdown, TcpStream},
    os::fd::AsFd as _,
    path::Path,
    process,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use lapin::{AsyncTcpStream, Connection, ConnectionProperties, tcp::OwnedTLSConfig, uri::AMQPUri};
use rand::Rng as _;
use tokio::{net::lookup_host, sync::mpsc, time::timeout};
use url::{Host, Url};

use super::config::BrokerConfig;
use super::error::{BrokerError, error_reason};

/// Timeout for closing a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The broker's address. It is displayed without its password. An invalid one fails only when it is used, because
/// clap shows a refused argument in full.
#[derive(Clone)]
pub(crate) struct BrokerUrl(Result<AMQPUri, String>);

impl FromStr for BrokerUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(parse(text)))
    }
}

fn parse(text: &str) -> Result<AMQPUri, String> {
    let url = Url::parse(text).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "amqp" | "amqps") {
        return Err("it starts with neither amqp:// nor amqps://".to_owned());
    }
    let Some(host) = url.host().filter(|host| *host != Host::Domain("")) else {
        return Err("it names no host".to_owned());
    };
    let mut uri = AMQPUri::from_str(text).map_err(|_| "it cannot be understood".to_owned())?;
    if let Host::Ipv6(address) = host {
        uri.authority.host = address.to_string(); // the client takes it for `localhost`
    }
    Ok(uri)
}

impl BrokerUrl {
    /// The user's name at the broker, unless the address is not valid.
    pub(crate) fn user(&self) -> Option<&str> {
        let uri = self.0.as_ref().ok()?;
        Some(uri.authority.userinfo.username.as_str())
    }
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(uri) = &self.0 else {
            return f.write_str("(not valid)");
        };
        let host = match uri.authority.host.as_str() {
            address if address.contains(':') => format!("[{address}]"),
            name => name.to_owned(),
        };
        let encoded = |text: &str| -> String {
            url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
        };
        let user = encoded(&uri.authority.userinfo.username);
        let (port, vhost) = (uri.authority.port, encoded(&uri.vhost));
        write!(f, "{}://{user}:***@{host}:{port}/{vhost}", uri.scheme)
    }
}

impl fmt::Debug for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Connects, with `--amqp-timeout` for all of it. `purpose` (`worker`, say) is part of the name
/// that the broker shows for the connection. The connection ends when its last handle is dropped.
pub(crate) async fn connect(args: &BrokerConfig, purpose: &str) -> Result<Connection, BrokerError> {
    Ok(connect_with_socket(args, purpose).await?.0)
}

/// The same, with a handle of the connection's socket.
pub(crate) async fn connect_with_socket(
    args: &BrokerConfig,
    purpose: &str,
) -> Result<(Connection, ConnectionSocket), BrokerError> {
    let url = args.amqp_url.to_string();
    let mut uri = match &args.amqp_url.0 {
        Ok(uri) => uri.clone(),
        Err(reason) => {
            return Err(BrokerError::Address {
                reason: reason.clone(),
            });
        }
    };
    let heartbeat_s = args.amqp_heartbeat.as_secs_f64().ceil();
    uri.query.heartbeat = Some(heartbeat_s.min(f64::from(u16::MAX)) as u16);
    let tls = OwnedTLSConfig {
        identity: None,
        cert_chain: args.amqp_ca_file.as_deref().map(certificates).transpose()?,
    };
    let properties =
        ConnectionProperties::default().with_connection_name(connection_name(purpose).into());
    let attempt = ConnectAttempt::default();
    match timeout(
        args.amqp_timeout,
        dial(uri, tls, properties, attempt.clone(), &url),
    )
    .await
    {
        Ok(connected) => Ok((connected?, ConnectionSocket(attempt))),
        Err(_) => {
            attempt.abort();
            let (what, after) = (attempt.stage().missing_step(), args.amqp_timeout);
            Err(BrokerError::Slow { url, what, after })
        }
    }
}

/// The socket of a connection.
pub(crate) struct ConnectionSocket(ConnectAttempt);

impl ConnectionSocket {
    /// Ends the connection without a word: a broker that has stopped reading would not take a polite end, and keep
    /// the connection, its descriptor and its threads for as long as it does.
    pub(crate) fn shut_down(&self) {
        self.0.abort();
    }
}

/// The name of this worker to others: `host:4711`, unique while its process lives.
pub(crate) fn process_name() -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    format!("{}:{}", host.trim(), process::id())
}

/// Closes a connection, if the broker answers in time.
pub(crate) async fn close(connection: &Connection) {
    // A connection that is lost already needs no closing.
    let _ = timeout(CLOSE_TIMEOUT, connection.close(200, "done".into())).await;
}

fn certificates(path: &Path) -> Result<String, BrokerError> {
    let unusable = |reason: String| BrokerError::CaFile {
        path: path.to_owned(),
        reason,
    };
    let pem = fs::read_to_string(path).map_err(|error| unusable(error.to_string()))?;
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Err(unusable("it holds no certificate in PEM".to_owned()));
    }
    Ok(pem)
}

/// `recto worker 0.1.0 host:4711`.
fn connection_name(purpose: &str) -> String {
    format!(
        "recto {purpose} {} {}",
        env!("CARGO_PKG_VERSION"),
        process_name()
    )
}

async fn dial(
    uri: AMQPUri,
    tls: OwnedTLSConfig,
    properties: ConnectionProperties,
    attempt: ConnectAttempt,
    url: &str,
) -> Result<Connection, BrokerError> {
    let url = || url.to_owned();
    let found = lookup_host((uri.authority.host.as_str(), uri.authority.port)).await;
    let addresses =
        found
            .map(Iterator::collect::<Vec<_>>)
            .map_err(|error| BrokerError::UnknownHost {
                url: url(),
                reason: error.to_string(),
            })?;
    let of_client = |error| BrokerError::Unreachable {
        url: url(),
        reason: error_reason(&error),
    };
    let runtime = lapin::runtime::default_runtime().map_err(of_client)?;
    let secure = uri.scheme == lapin::uri::AMQPScheme::AMQPS;
    let own_attempt = attempt.clone();
    // lapin 4.12 forgets a socket's error that its thread meets before its caller waits for it: the error has a way
    // of its own.
    let (failed, mut failure) = mpsc::unbounded_channel();
    let connected = Connection::connector(
        uri,
        runtime,
        async move |uri, runtime| {
            let opened = async {
                let stream = AsyncTcpStream::connect(&runtime, addresses.clone()).await?;
                if let AsyncTcpStream::Plain(tcp) = &stream {
                    tcp.get_ref().set_nodelay(true)?;
                    let socket = tcp.get_ref().as_fd().try_clone_to_owned()?;
                    own_attempt.connected(TcpStream::from(socket));
                }
                if !secure {
                    return Ok(stream);
                }
                own_attempt.reached(ConnectStage::Tls);
                let stream = stream.into_tls(&uri.authority.host, tls.as_ref()).await?;
                own_attempt.reached(ConnectStage::Login);
                Ok(stream)
            };
            opened.await.inspect_err(|error: &lapin::Error| {
                let _ = failed.send(error.clone());
            })
        },
        properties,
    );
    let connected = tokio::select! {
        connected = connected => connected,
        Some(error) = failure.recv() => Err(error),
    };
    connected.map_err(|error| match attempt.stage() {
        ConnectStage::Tls if is_tls(&error) => BrokerError::Tls {
            url: url(),
            reason: error_reason(&error),
        },
        ConnectStage::Dial | ConnectStage::Tls => of_client(error),
        ConnectStage::Login => BrokerError::of_handshake(url(), &error),
    })
}

/// Returns true if TLS itself failed, not the TCP connection under it.
fn is_tls(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::IOError(error) if error.kind() == io::ErrorKind::InvalidData)
}

/// The stage of an attempt to connect, and its socket: the client library has a thread that would wait forever on a
/// silent broker, unless the socket is shut down.
#[derive(Clone, Default)]
struct ConnectAttempt(Arc<Mutex<(ConnectStage, Option<TcpStream>)>>);

#[derive(Clone, Copy, Default)]
enum ConnectStage {
    #[default]
    Dial,
    Tls,
    Login,
}

impl ConnectStage {
    /// The step that the broker failed to do, if the time is over at this stage.
    fn missing_step(self) -> &'static str {
        match self {
            Self::Dial => "accept the connection",
            Self::Tls => "complete the TLS handshake",
            Self::Login => "complete the handshake",
        }
    }
}

impl ConnectAttempt {
    fn connected(&self, socket: TcpStream) {
        *self.lock() = (ConnectStage::Login, Some(socket));
    }

    fn reached(&self, stage: ConnectStage) {
        self.lock().0 = stage;
    }

    fn stage(&self) -> ConnectStage {
        self.lock().0
    }

    fn abort(&self) {
        if let Some(socket) = self.lock().1.take() {
            let _ = socket.shutdown(Shutdown::Both); // it may be closed already
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, (ConnectStage, Option<TcpStream>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Exponential backoff with jitter: a second, then twice as long each time up to half a minute, less up to half of it
/// by chance, so that the workers of a fleet do not all reconnect at once.
#[derive(Debug, Default)]
pub(crate) struct ExponentialBackoff {
    failures: u32,
}

impl ExponentialBackoff {
    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(30);

    /// The wait after another failure.
    pub(crate) fn next_wait(&mut self) -> Duration {
        let doubled = Self::FIRST * 2_u32.pow(self.failures.min(5));
        self.failures = self.failures.saturating_add(1);
        doubled
            .min(Self::LONGEST)
            .mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// Starts over, after a success.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        BrokerUrl::from_str(text)
            .unwrap_or_else(|never| match never {})
            .to_string()
    }

    #[test]
    fn addresses_are_shown_without_their_password() {
        for (text, redacted) in [
            (
                "amqp://me:hush@broker:5673/%2f",
                "amqp://me:***@broker:5673/%2F",
            ),
            (
                "amqps://me:hush@broker/jobs",
                "amqps://me:***@broker:5671/jobs",
            ),
            ("amqp://me:hush@[::1]:5672/", "amqp://me:***@[::1]:5672/"),
            ("amqp://broker", "amqp://guest:***@broker:5672/%2F"),
            ("http://me:hush@broker", "(not valid)"),
            ("amqp://", "(not valid)"),
            ("hush", "(not valid)"),
        ] {
            assert_eq!(shown(text), redacted, "{text}");
        }
    }

    #[test]
    fn waits_grow_to_a_bound_and_start_over_after_a_success() {
        let mut backoff = ExponentialBackoff::default();
        for whole_s in [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0] {
            let wait_s = backoff.next_wait().as_secs_f64();
            assert!(
                (whole_s / 2.0..=whole_s).contains(&wait_s),
                "{wait_s} of {whole_s}"
            );
        }
        backoff.reset();
        assert!(backoff.next_wait() <= ExponentialBackoff::FIRST);
    }
}
