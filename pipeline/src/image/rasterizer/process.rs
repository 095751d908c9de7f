//! Child process: started, asked, waited for, and killed when its time is over.

use std::{
    fs::File,
    io::{self, Read},
    net::Shutdown,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{
            net::UnixStream,
            process::{CommandExt, ExitStatusExt},
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, prlimit};

use super::validate;
use crate::{
    cancel::CancelToken,
    clock::AwakeInstant,
    deadline_stream::DeadlineStream,
    image::protocol::{ChildReply, ChildRequest, EXIT_PANIC, read_message, write_message},
    sandbox::limits::EXIT_OUT_OF_MEMORY,
};

/// Time in which a child that has hung up must end; then it is killed.
const EXIT_GRACE: Duration = Duration::from_millis(500);

/// A running child. Killed when dropped.
#[derive(Debug)]
pub(super) struct ChildProcess {
    process: Child,
    socket: Arc<UnixStream>,
}

/// The reason why a child gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// The deadline passed.
    Timeout,
    /// It was cancelled.
    Cancelled,
    /// It ran into its address-space limit.
    OutOfMemory,
    /// It ended, or its answer makes no sense.
    Crashed(String),
}

/// The time by which a call must be done, and what ends it before.
#[derive(Clone, Copy)]
pub(super) struct CallDeadline<'a> {
    /// No end if absent.
    pub at: Option<AwakeInstant>,
    /// Ends it before.
    pub cancel: &'a CancelToken,
}

/// Starts children. The kernel kills a child with the *thread* that started it, so one thread starts all of them.
#[derive(Debug)]
pub(super) struct ChildSpawner {
    requests: Option<mpsc::Sender<SpawnRequest>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct SpawnRequest {
    stdin: OwnedFd,
    stdout: OwnedFd,
    answer: mpsc::SyncSender<io::Result<Child>>,
}

impl ChildSpawner {
    /// A spawner of children that run `program`.
    pub fn new(program: &Path) -> io::Result<Self> {
        let (requests, queue) = mpsc::channel::<SpawnRequest>();
        let program: PathBuf = program.to_owned();
        let thread = thread::Builder::new()
            .name("raster-spawner".to_owned())
            .spawn(move || {
                for request in queue {
                    let started = Command::new(&program)
                        .arg("raster-child")
                        .env_clear()
                        // Ctrl-C in a terminal is the parent's to answer.
                        .process_group(0)
                        .stdin(Stdio::from(request.stdin))
                        .stdout(Stdio::from(request.stdout))
                        .stderr(Stdio::null())
                        .spawn();
                    // Nobody waits any more only if a thread panicked; the child ends at end of file.
                    let _ = request.answer.send(started);
                }
            })?;
        Ok(Self {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Starts a child on `document`.
    pub fn start(&self, document: &File) -> io::Result<ChildProcess> {
        let (socket, theirs) = UnixStream::pair()?;
        let (answer, started) = mpsc::sync_channel(1);
        // Opened again for reading alone, whatever it was opened for here.
        let document = File::open(format!("/proc/self/fd/{}", document.as_raw_fd()))?;
        let request = SpawnRequest {
            stdin: document.into(),
            stdout: theirs.into(),
            answer,
        };
        let gone = || io::Error::other("the thread that starts children is gone");
        self.requests
            .as_ref()
            .ok_or_else(gone)?
            .send(request)
            .map_err(|_| gone())?;
        let process = started.recv().map_err(|_| gone())??;
        Ok(ChildProcess {
            process,
            socket: Arc::new(socket),
        })
    }
}

impl Drop for ChildSpawner {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl ChildProcess {
    /// Allows `seconds` of processor time from now on, at most `max_cpu_s` in all: the child, in its sandbox, may not.
    pub fn allow_cpu_time(&self, seconds: u64, max_cpu_s: u64) {
        let Some(used) = cpu_time_s(self.process.id()) else {
            return;
        };
        let limit = Rlimit {
            current: Some(used.saturating_add(seconds.max(1)).min(max_cpu_s)),
            maximum: Some(max_cpu_s),
        };
        // Fails if the child has ended, which the next call tells.
        let _ = prlimit(Some(Pid::from_child(&self.process)), Resource::Cpu, limit);
    }

    /// Sends a request and waits for its answer.
    pub fn call(
        &mut self,
        request: &ChildRequest,
        deadline: CallDeadline<'_>,
    ) -> Result<ChildReply, CallError> {
        self.within(deadline, |stream| {
            write_message(&mut *stream, request)?;
            read_message(stream).map(validate::reply)
        })
    }

    /// Fills `buffer` with what the child sends after its answer.
    pub fn receive(
        &mut self,
        buffer: &mut [u8],
        deadline: CallDeadline<'_>,
    ) -> Result<(), CallError> {
        self.within(deadline, |stream| stream.read_exact(buffer))
    }

    /// Talks to the child until the deadline, or until the token is cancelled. After an error the child is of no use.
    fn within<T>(
        &mut self,
        deadline: CallDeadline<'_>,
        talk: impl FnOnce(&mut DeadlineStream<'_>) -> io::Result<T>,
    ) -> Result<T, CallError> {
        let socket = Arc::clone(&self.socket);
        // The end of the connection ends a read or write that blocks; the child ends with it.
        let closes = deadline.cancel.on_cancel(move || {
            // Fails only if the child has hung up already.
            let _ = socket.shutdown(Shutdown::Both);
        });
        let result = talk(&mut DeadlineStream {
            socket: &self.socket,
            deadline: deadline.at,
        });
        drop(closes);
        // Only now: without the registration the connection of a call that was not cancelled stays open.
        if deadline.cancel.is_cancelled() {
            return Err(CallError::Cancelled);
        }
        result.map_err(|error| self.explain(&error))
    }

    fn explain(&mut self, error: &io::Error) -> CallError {
        match error.kind() {
            io::ErrorKind::TimedOut => CallError::Timeout,
            io::ErrorKind::InvalidData => {
                CallError::Crashed("its answer makes no sense".to_owned())
            }
            _ => self.exit_reason(),
        }
    }

    /// The reason for which a child that hung up has ended.
    fn exit_reason(&mut self) -> CallError {
        let until = Instant::now() + EXIT_GRACE;
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return cause(status),
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(2)),
                _ => return CallError::Crashed("it hung up".to_owned()),
            }
        }
    }
}

impl Drop for ChildProcess {
    fn drop(&mut self) {
        // All fail only if it has ended already. It leads a group of its own, for the case that it could start others.
        let _ = kill_process_group(Pid::from_child(&self.process), Signal::KILL);
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Processor time that a process has used, in seconds; nothing if it has ended.
#[expect(unsafe_code, reason = "rustix has no clocks of other processes")]
fn cpu_time_s(process: u32) -> Option<u64> {
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: both write one value, to which they get a pointer.
    let told = unsafe {
        libc::clock_getcpuclockid(process.cast_signed(), &raw mut clock) == 0
            && libc::clock_gettime(clock, &raw mut time) == 0
    };
    told.then(|| u64::try_from(time.tv_sec).unwrap_or(0))
}

fn cause(status: ExitStatus) -> CallError {
    /// `SIGXCPU`, from the backstop behind the parent's deadline.
    const CPU_LIMIT: i32 = 24;
    match (status.code(), status.signal()) {
        (Some(EXIT_OUT_OF_MEMORY), _) => CallError::OutOfMemory,
        (Some(EXIT_PANIC), _) => CallError::Crashed("a check failed".to_owned()),
        (Some(code), _) => CallError::Crashed(format!("it ended with code {code}")),
        (_, Some(CPU_LIMIT)) => CallError::Timeout,
        (_, Some(signal)) => CallError::Crashed(match signal {
            4 => "illegal instruction".to_owned(),
            5 => "trap".to_owned(),
            6 => "abort".to_owned(),
            7 => "bus error".to_owned(),
            8 => "arithmetic error".to_owned(),
            9 => "killed from outside, perhaps because the machine ran out of memory".to_owned(),
            11 => "segmentation fault".to_owned(),
            other => format!("signal {other}"),
        }),
        _ => CallError::Crashed("it ended".to_owned()),
    }
}
