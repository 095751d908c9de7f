//! Socket to a child process, with a time by which all that is said over it must be said.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use crate::clock::AwakeInstant;

/// A socket that waits no longer than it should.
pub(crate) struct DeadlineStream<'a> {
    /// The socket.
    pub(crate) socket: &'a UnixStream,
    /// The time after which it fails with [`io::ErrorKind::TimedOut`]; never if absent.
    pub(crate) deadline: Option<AwakeInstant>,
}

impl DeadlineStream<'_> {
    /// The time left, as sockets take it: no time-out if there is no deadline.
    fn left(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline else {
            return Ok(None);
        };
        match deadline.saturating_duration_since(AwakeInstant::now()) {
            // A time-out of nothing would mean none.
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            left => Ok(Some(left)),
        }
    }

    fn retry<T>(&self, mut step: impl FnMut(&UnixStream) -> io::Result<T>) -> io::Result<T> {
        loop {
            let left = self.left()?;
            self.socket.set_read_timeout(left)?;
            self.socket.set_write_timeout(left)?;
            match step(self.socket) {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock
                            | io::ErrorKind::TimedOut
                            | io::ErrorKind::Interrupted
                    ) => {}
                done => return done,
            }
        }
    }
}

impl Read for DeadlineStream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.retry(|mut socket| socket.read(buffer))
    }
}

impl Write for DeadlineStream<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.retry(|mut socket| socket.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
