//! A TCP proxy on loopback that does to connections what networks and busy servers do. It can be told
//! otherwise at any time; connections that are open follow.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

/// A disturbance of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyFault {
    /// Nothing: all goes through.
    Pass,
    /// Connections are closed as soon as they are made; open ones at their next byte.
    Refuse,
    /// A request's head is read and answered with this, whatever it asks for.
    Answer(&'static str),
    /// So many bytes a second, each way.
    Slow(u32),
    /// The server's bytes are dropped, the client's go through.
    SwallowDownstream,
    /// Nothing moves, either way; nothing is closed.
    Stall,
}

/// Time between two looks of a held-up connection at its fault.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// An overloaded S3's answer.
pub const SLOW_DOWN: &str = "HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n\
    <Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>";

/// AWS's answer to a session token that has expired.
pub const EXPIRED: &str = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n\
    <Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";

/// The same as HEAD has it: without a word.
pub const BARE_400: &str =
    "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// An ingress that knows no such backend.
pub const GATEWAY_404: &str = "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n\
    default backend - 404";

/// A bucket of another region.
pub const MOVED: &str = "HTTP/1.1 301 Moved Permanently\r\nContent-Type: application/xml\r\n\
    x-amz-bucket-region: eu-north-1\r\nConnection: close\r\n\r\n\
    <Error><Code>PermanentRedirect</Code><Message>The bucket must be addressed using the specified endpoint.</Message></Error>";

/// A policy that lets these credentials do nothing.
pub const DENIED: &str = "HTTP/1.1 403 Forbidden\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n\
    <Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>";

/// The proxy; it ends, and all its connections with it, when dropped.
pub struct TcpProxy {
    address: SocketAddr,
    shared: Arc<ProxyState>,
    accepting: Option<JoinHandle<()>>,
}

struct ProxyState {
    target: Mutex<SocketAddr>,
    fault: Mutex<ProxyFault>,
    ended: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
    accepted: AtomicUsize,
    refused: AtomicUsize,
    carried_down: AtomicU64,
}

impl TcpProxy {
    /// Passes everything to `target`, for now.
    pub fn start(target: SocketAddr) -> Self {
        let listener = listen();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(ProxyState {
            target: Mutex::new(target),
            fault: Mutex::new(ProxyFault::Pass),
            ended: AtomicBool::new(false),
            connections: Mutex::default(),
            accepted: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
            carried_down: AtomicU64::new(0),
        });
        let accepting = Arc::clone(&shared);
        Self {
            address,
            shared,
            accepting: Some(thread::spawn(move || accept(&listener, &accepting))),
        }
    }

    /// Address at which it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on, for open connections too.
    pub fn set(&self, fault: ProxyFault) {
        *lock(&self.shared.fault) = fault;
    }

    pub fn pass(&self) {
        self.set(ProxyFault::Pass);
    }

    pub fn refuse(&self) {
        self.set(ProxyFault::Refuse);
    }

    pub fn answer_503(&self) {
        self.set(ProxyFault::Answer(SLOW_DOWN));
    }

    /// From now on connections lead to another server; those that are open end.
    pub fn lead_to(&self, target: SocketAddr) {
        *lock(&self.shared.target) = target;
        self.drop_connections();
    }

    pub fn slow(&self, bytes_per_second: u32) {
        self.set(ProxyFault::Slow(bytes_per_second));
    }

    pub fn swallow_downstream(&self) {
        self.set(ProxyFault::SwallowDownstream);
    }

    pub fn stall(&self) {
        self.set(ProxyFault::Stall);
    }

    /// Closes every connection that is open.
    pub fn drop_connections(&self) {
        for stream in lock(&self.shared.connections).drain(..) {
            // It may be closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Connections made so far.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::Relaxed)
    }

    /// Connections refused and requests answered with 503 so far.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::Relaxed)
    }

    /// Bytes that the server has sent so far.
    pub fn carried_down(&self) -> u64 {
        self.shared.carried_down.load(Ordering::Relaxed)
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        self.drop_connections();
    }
}

/// On a port below those that the system gives to outgoing connections.
fn listen() -> TcpListener {
    let nanos = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let start = u64::from(std::process::id()) * 104_729 + u64::from(nanos / 1000);
    (0..20_000)
        .map(|step| 12_000 + ((start + step * 41) % 20_000) as u16)
        .find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok())
        .unwrap()
}

fn accept(listener: &TcpListener, shared: &Arc<ProxyState>) {
    for client in listener.incoming() {
        if shared.ended() {
            return;
        }
        let Ok(client) = client else { continue };
        shared.accepted.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(shared);
        // Errors of a connection end it, which its two ends see.
        thread::spawn(move || connection(client, &shared).ok());
    }
}

fn connection(client: TcpStream, shared: &Arc<ProxyState>) -> io::Result<()> {
    match shared.fault() {
        ProxyFault::Refuse => {
            shared.refused.fetch_add(1, Ordering::Relaxed);
            return client.shutdown(Shutdown::Both);
        }
        ProxyFault::Answer(answer) => return shared.answer(client, answer),
        _ => {}
    }
    let server = TcpStream::connect(*lock(&shared.target))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    lock(&shared.connections).extend([client.try_clone()?, server.try_clone()?]);
    let (up, down) = ((client.try_clone()?, server.try_clone()?), (server, client));
    let upward = Arc::clone(shared);
    let up = thread::spawn(move || pump(up.0, up.1, true, &upward));
    pump(down.0, down.1, false, shared);
    let _ = up.join();
    Ok(())
}

/// Carries bytes one way until an end closes, or is closed.
fn pump(mut from: TcpStream, mut to: TcpStream, upward: bool, shared: &ProxyState) {
    let mut buffer = [0; 16 << 10];
    loop {
        let most = match shared.fault() {
            ProxyFault::Slow(bytes_per_second) => {
                (bytes_per_second as usize / 100).clamp(1, buffer.len())
            }
            _ => buffer.len(),
        };
        let Ok(read @ 1..) = from.read(&mut buffer[..most]) else {
            break;
        };
        if !upward {
            shared
                .carried_down
                .fetch_add(read as u64, Ordering::Relaxed);
        }
        if !shared.carry(&buffer[..read], &mut to, upward, &from) {
            break;
        }
    }
    for stream in [&from, &to] {
        // It may be closed already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

impl ProxyState {
    fn fault(&self) -> ProxyFault {
        *lock(&self.fault)
    }

    fn ended(&self) -> bool {
        self.ended.load(Ordering::Relaxed)
    }

    /// Does with the bytes what is asked for at the moment. Whether the connection goes on.
    fn carry(&self, bytes: &[u8], to: &mut TcpStream, upward: bool, from: &TcpStream) -> bool {
        loop {
            return match self.fault() {
                ProxyFault::Pass => to.write_all(bytes).is_ok(),
                ProxyFault::Slow(bytes_per_second) => {
                    let seconds = bytes.len() as f64 / f64::from(bytes_per_second.max(1));
                    thread::sleep(Duration::from_secs_f64(seconds));
                    to.write_all(bytes).is_ok()
                }
                ProxyFault::SwallowDownstream => !upward || to.write_all(bytes).is_ok(),
                // A connection kept open from before: its next request has the same answer.
                ProxyFault::Answer(answer) if upward => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    let mut from = from;
                    let _ = from.write_all(answer.as_bytes());
                    false
                }
                ProxyFault::Answer(_) => to.write_all(bytes).is_ok(),
                ProxyFault::Refuse => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    false
                }
                ProxyFault::Stall if self.ended() => false,
                ProxyFault::Stall => {
                    thread::sleep(LOOK_EVERY);
                    continue;
                }
            };
        }
    }

    fn answer(&self, mut client: TcpStream, answer: &str) -> io::Result<()> {
        client.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        self.refused.fetch_add(1, Ordering::Relaxed);
        client.write_all(answer.as_bytes())?;
        client.shutdown(Shutdown::Write)?;
        // Closing with bytes unread would reset the connection before the answer is read.
        io::copy(&mut client, &mut io::sink()).map(drop)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives back what it is sent.
    fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                thread::spawn(move || {
                    let mut back = stream.try_clone().unwrap();
                    io::copy(&mut { stream }, &mut back).ok()
                });
            }
        });
        address
    }

    fn open(proxy: &TcpProxy) -> TcpStream {
        let stream = TcpStream::connect(proxy.address()).unwrap();
        let patience = Some(Duration::from_millis(300));
        stream.set_read_timeout(patience).unwrap();
        stream
    }

    /// Returns true if a byte comes back, `None` if the connection is closed.
    fn echoes(stream: &mut TcpStream) -> Option<bool> {
        stream.write_all(b"x").ok()?;
        match stream.read(&mut [0]) {
            Ok(read) => (read == 1).then_some(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(false),
            Err(_) => None,
        }
    }

    #[test]
    fn the_proxy_does_what_it_is_asked() {
        let proxy = TcpProxy::start(echo());
        let mut stream = open(&proxy);
        assert_eq!(echoes(&mut stream), Some(true));
        proxy.slow(1000);
        assert_eq!(echoes(&mut stream), Some(true));
        proxy.swallow_downstream();
        assert_eq!(echoes(&mut stream), Some(false));
        proxy.stall();
        assert_eq!(echoes(&mut stream), Some(false));
        proxy.pass();
        assert_eq!(stream.read(&mut [0]).unwrap(), 1, "what was held up comes");
        proxy.drop_connections();
        assert_eq!(echoes(&mut stream), None);
        proxy.refuse();
        assert_eq!(echoes(&mut open(&proxy)), None);
        proxy.answer_503();
        let mut asking = open(&proxy);
        asking.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut answer = [0; 12];
        asking.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 503");
        assert_eq!((proxy.accepted(), proxy.refused()), (3, 2));
    }
}
