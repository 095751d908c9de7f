//! Connections of the admin port: a limited number, each for one request of HTTP/1, with deadlines.
//!
//! No client waits for another: a new connection takes the place of the oldest one that has not asked anything yet.

use std::{
    collections::VecDeque,
    convert::Infallible,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, Id, JoinSet},
    time::{sleep, timeout},
};

use super::answers::AdminAnswers;

/// Maximum number of connections: Prometheus, the probes of an orchestrator, some people, and a flood that must last
/// longer than a request takes to arrive.
pub(super) const CONNECTIONS: usize = 256;

/// Wait after a connection that the system could not give, for want of descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Largest head of a request, in bytes; hyper takes no less.
const MAX_HEAD_BYTES: usize = 8_192;

/// Deadlines of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    /// For the request's head, from the start of the connection.
    pub(super) head: Duration,
    /// For all of it.
    pub(super) whole: Duration,
}

/// The connections that are open, oldest first.
#[derive(Default)]
struct OpenConnections {
    tasks: JoinSet<()>,
    entries: VecDeque<OpenConnection>,
}

struct OpenConnection {
    id: Id,
    abort: AbortHandle,
    is_answered: Arc<AtomicBool>,
}

/// Answers until `stop`, then waits for answers in progress.
pub(super) async fn serve(
    listener: TcpListener,
    answers: Arc<AdminAnswers>,
    deadlines: Deadlines,
    stop: impl Future<Output = ()>,
) {
    let mut stop = pin!(stop);
    let mut open = OpenConnections::default();
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(ended) = open.tasks.join_next_with_id() => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                open.entries.retain(|entry| entry.id != id);
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if open.entries.len() >= CONNECTIONS {
                        open.drop_oldest();
                    }
                    open.start(stream, Arc::clone(&answers), deadlines);
                }
                Err(_) => {
                    open.drop_oldest();
                    sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    for entry in &open.entries {
        if !entry.is_answered.load(Ordering::Relaxed) {
            entry.abort.abort();
        }
    }
    // Each has a deadline of its own.
    while open.tasks.join_next().await.is_some() {}
}

impl OpenConnections {
    fn start(&mut self, stream: TcpStream, answers: Arc<AdminAnswers>, deadlines: Deadlines) {
        let is_answered = Arc::new(AtomicBool::new(false));
        let connection = answer(stream, answers, deadlines, Arc::clone(&is_answered));
        let abort = self.tasks.spawn(connection);
        self.entries.push_back(OpenConnection {
            id: abort.id(),
            abort,
            is_answered,
        });
    }

    /// Ends the oldest connection that has not asked anything, or the oldest of all.
    fn drop_oldest(&mut self) {
        let idle = |entry: &OpenConnection| !entry.is_answered.load(Ordering::Relaxed);
        let index = self.entries.iter().position(idle).unwrap_or(0);
        if let Some(dropped) = self.entries.remove(index) {
            dropped.abort.abort();
        }
    }
}

/// Answers one request.
async fn answer(
    stream: TcpStream,
    answers: Arc<AdminAnswers>,
    deadlines: Deadlines,
    is_answered: Arc<AtomicBool>,
) {
    let service = service_fn(move |request| {
        is_answered.store(true, Ordering::Relaxed);
        let answers = Arc::clone(&answers);
        async move { Ok::<_, Infallible>(answers.answer(&request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(deadlines.head)
        .keep_alive(false)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks off, or is no client of HTTP, is its own trouble.
    let _ = timeout(deadlines.whole, connection).await;
}
