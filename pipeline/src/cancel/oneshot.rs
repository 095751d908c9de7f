//! One-shot channel: a single value from one thread to another, whose wait ends with a token or at a deadline.

use super::{CancelToken, Monitor};
use crate::clock::AwakeInstant;

/// The side that sends. Dropping it unused closes the channel.
#[derive(Debug)]
pub(crate) struct OneshotSender<T>(Monitor<OneshotState<T>>);

/// The side that waits.
#[derive(Debug)]
pub(crate) struct OneshotReceiver<T>(Monitor<OneshotState<T>>);

/// Reason for which no value came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OneshotError {
    /// The sender is gone.
    Closed,
    /// The token was cancelled.
    Cancelled,
    /// The deadline passed.
    Timeout,
}

#[derive(Debug)]
struct OneshotState<T> {
    value: Option<T>,
    closed: bool,
}

/// A channel for one value.
pub(crate) fn channel<T>() -> (OneshotSender<T>, OneshotReceiver<T>) {
    let state = Monitor::new(OneshotState {
        value: None,
        closed: false,
    });
    (OneshotSender(state.clone()), OneshotReceiver(state))
}

impl<T> OneshotSender<T> {
    /// Sends the value; nothing happens if nobody waits any more.
    pub(crate) fn send(self, value: T) {
        self.0.lock().value = Some(value);
        // Dropping wakes the receiver.
    }
}

impl<T> Drop for OneshotSender<T> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.notify_all();
    }
}

impl<T: Send + 'static> OneshotReceiver<T> {
    /// Waits for the value.
    ///
    /// # Errors
    /// The reason for which none came. A value that is there goes before both other reasons.
    pub(crate) fn recv(
        &self,
        cancel: &CancelToken,
        deadline: Option<AwakeInstant>,
    ) -> Result<T, OneshotError> {
        let _wakes = self.0.notify_on(cancel);
        let mut state = self.0.lock();
        loop {
            if let Some(value) = state.value.take() {
                return Ok(value);
            }
            if state.closed {
                return Err(OneshotError::Closed);
            }
            if cancel.is_cancelled() {
                return Err(OneshotError::Cancelled);
            }
            if deadline.is_some_and(|deadline| AwakeInstant::now() >= deadline) {
                return Err(OneshotError::Timeout);
            }
            state = self.0.wait(state, deadline);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    #[test]
    fn a_value_goes_before_cancelling_and_deadlines() {
        let (sender, receiver) = channel();
        let cancel = CancelToken::new();
        cancel.cancel();
        sender.send(7);
        assert_eq!(receiver.recv(&cancel, Some(AwakeInstant::now())), Ok(7));
        assert_eq!(
            receiver.recv(&cancel, None),
            Err(OneshotError::Closed),
            "there is one value only"
        );
    }

    #[test]
    fn each_reason_ends_the_wait() {
        let token = CancelToken::new();
        let (sender, receiver) = channel::<()>();
        let soon = AwakeInstant::now() + Duration::from_millis(1);
        assert_eq!(
            receiver.recv(&token, Some(soon)),
            Err(OneshotError::Timeout)
        );
        thread::scope(|scope| {
            let waits = scope.spawn(|| receiver.recv(&token, None));
            token.cancel();
            assert_eq!(waits.join().unwrap(), Err(OneshotError::Cancelled));
        });
        thread::scope(|scope| {
            let waits = scope.spawn(|| receiver.recv(&CancelToken::new(), None));
            drop(sender);
            assert_eq!(waits.join().unwrap(), Err(OneshotError::Closed));
        });
    }
}
