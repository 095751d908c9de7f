//! One run of the program: started in the sandbox, fed, listened to, and killed when its time is over.

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    net::Shutdown,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::{TesseractConfig, child};
use crate::{
    clock::AwakeInstant,
    deadline_stream::DeadlineStream,
    engine::ppocr::fallback::{ReadLimits, ScriptReaderError},
};

/// Most bytes of output that are taken: a page of small print has some 10 kB of text and 500 kB of table.
const MAX_OUTPUT_BYTES: u64 = 16 << 20;
/// Bytes of its error messages that are kept.
const MAX_MESSAGE_BYTES: usize = 4096;
/// Characters of its last error message that are passed on.
const MESSAGE_CHARACTERS: usize = 200;
/// Time in which a program that has said everything must end; then it is killed.
const EXIT_GRACE: Duration = Duration::from_millis(500);

/// A run of the program.
pub(super) struct ProgramCall<'a> {
    /// Its arguments.
    pub(super) arguments: Vec<&'a str>,
    /// Its standard input.
    pub(super) input: &'a [u8],
    /// The time it may take, and what ends it before.
    pub(super) limits: ReadLimits<'a>,
}

/// Runs the program; gives its standard output.
pub(super) fn run(
    config: &TesseractConfig,
    call: &ProgramCall<'_>,
) -> Result<Vec<u8>, ScriptReaderError> {
    let failed = |error: io::Error| ScriptReaderError::Failed(error.to_string());
    let ReadLimits { deadline, cancel } = call.limits;
    let (mut program, messages) = RunningProgram::start(config, call).map_err(failed)?;
    let socket = Arc::clone(&program.socket);
    // The end of the connection ends a read or write that blocks; the program is killed below.
    let closes = cancel.on_cancel(move || {
        let _ = socket.shutdown(Shutdown::Both);
    });
    let talked = program.talk(call.input, deadline);
    drop(closes);
    let has_ended = talked.is_ok() && program.ends();
    let ended = program.kill().filter(|_| has_ended);
    // Its messages end with it, or with this side of their connection.
    let message = messages.last();
    if cancel.is_cancelled() {
        return Err(ScriptReaderError::Cancelled);
    }
    let with_message = |what: String| match message.as_str() {
        "" => ScriptReaderError::Failed(what),
        said => ScriptReaderError::Failed(format!("{what}: {said}")),
    };
    match (talked, ended) {
        (Ok(said), Some(status)) if status.success() => Ok(said),
        (Ok(_), Some(status)) => Err(with_message(format!("it ended with {status}"))),
        (Ok(_), None) => Err(with_message("it did not end".to_owned())),
        (Err(error), _) if error.kind() == io::ErrorKind::TimedOut => {
            Err(with_message("it was not done in time".to_owned()))
        }
        (Err(error), _) => Err(with_message(error.to_string())),
    }
}

fn time_left(deadline: AwakeInstant) -> Duration {
    deadline.saturating_duration_since(AwakeInstant::now())
}

/// The program as it runs. Killed with its process group when dropped.
struct RunningProgram {
    process: Child,
    /// Its number, and its group's.
    group: Pid,
    /// Its standard input and output.
    socket: Arc<UnixStream>,
    /// True once it was waited for.
    is_over: bool,
}

impl RunningProgram {
    fn start(
        config: &TesseractConfig,
        call: &ProgramCall<'_>,
    ) -> io::Result<(Self, MessageReader)> {
        let (socket, theirs) = UnixStream::pair()?;
        let (messages, their_messages) = UnixStream::pair()?;
        let process = Command::new(&config.sandbox)
            .args(child::arguments(config, time_left(call.limits.deadline)))
            .args(call.arguments.iter().map(OsString::from))
            .env_clear()
            // One that is a script may start others: all are killed together. And Ctrl-C in a terminal is the
            // parent's to answer.
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs.try_clone()?)))
            .stdout(Stdio::from(OwnedFd::from(theirs)))
            .stderr(Stdio::from(OwnedFd::from(their_messages)))
            .spawn()?;
        let program = Self {
            group: Pid::from_child(&process),
            process,
            socket: Arc::new(socket),
            is_over: false,
        };
        Ok((program, MessageReader::start(messages)?))
    }

    /// Gives the program its input, and takes its output.
    fn talk(&self, input: &[u8], deadline: AwakeInstant) -> io::Result<Vec<u8>> {
        let mut stream = DeadlineStream {
            socket: &self.socket,
            deadline: Some(deadline),
        };
        match stream.write_all(input) {
            // It has ended, or wants no more: its status and its output say why.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
                ) => {}
            written => written?,
        }
        let _ = self.socket.shutdown(Shutdown::Write);
        let mut said = Vec::new();
        let mut bounded = stream.take(MAX_OUTPUT_BYTES + 1);
        match bounded.read_to_end(&mut said) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            read => drop(read?),
        }
        if said.len() as u64 > MAX_OUTPUT_BYTES {
            return Err(io::Error::other("it says more than a page has"));
        }
        Ok(said)
    }

    /// Returns true if the program, which has closed its output, ends by itself. It is not waited for yet.
    fn ends(&self) -> bool {
        let until = Instant::now() + EXIT_GRACE;
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        loop {
            match waitid(WaitId::Pid(self.group), look) {
                Ok(Some(_)) => return true,
                Ok(None) if Instant::now() < until => thread::sleep(Duration::from_millis(1)),
                _ => return false,
            }
        }
    }

    /// Ends it and what it started; gives its status.
    fn kill(&mut self) -> Option<ExitStatus> {
        // Its number is no other process's as long as nobody has waited for it; fails only if it has no group any more.
        if !self.is_over {
            let _ = kill_process_group(self.group, Signal::KILL);
            self.is_over = true;
        }
        self.process.wait().ok()
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Takes the error messages of a program while it runs, so that it never waits for a reader.
struct MessageReader {
    socket: Arc<UnixStream>,
    thread: thread::JoinHandle<Vec<u8>>,
}

impl MessageReader {
    fn start(socket: UnixStream) -> io::Result<Self> {
        let socket = Arc::new(socket);
        let theirs = Arc::clone(&socket);
        let read = move || {
            let (mut kept, mut buffer) = (Vec::new(), [0u8; 1024]);
            while let Ok(count @ 1..) = (&*theirs).read(&mut buffer) {
                kept.extend_from_slice(&buffer[..count]);
                let excess = kept.len().saturating_sub(MAX_MESSAGE_BYTES);
                kept.drain(..excess);
            }
            kept
        };
        let thread = thread::Builder::new()
            .name("tesseract-messages".to_owned())
            .spawn(read)?;
        Ok(Self { socket, thread })
    }

    /// The last line that the program wrote, in printable characters. The program must have ended.
    fn last(self) -> String {
        // A process that left the group may hold the other end.
        let _ = self.socket.shutdown(Shutdown::Both);
        let kept = self.thread.join().unwrap_or_default();
        let text = String::from_utf8_lossy(&kept);
        let is_message = |line: &&str| !line.trim().is_empty() && !line.starts_with("Page ");
        let last = text.lines().rev().find(is_message).unwrap_or_default();
        let printable = last.trim().chars().filter(|c| !c.is_control());
        printable.take(MESSAGE_CHARACTERS).collect()
    }
}
