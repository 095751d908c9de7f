//! [`InOrderWindow`]: gives out work in order, and no more than a lead ahead of what has been delivered.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Gives out the indices `0..count` once each, at most `lead` ahead of the delivered ones.
#[derive(Debug)]
pub(super) struct InOrderWindow {
    count: usize,
    lead: usize,
    state: Mutex<WindowState>,
    moved: Condvar,
}

#[derive(Debug)]
struct WindowState {
    next: usize,
    delivered: usize,
    closed: bool,
}

impl InOrderWindow {
    pub(super) fn new(count: usize, lead: usize) -> Self {
        let state = WindowState {
            next: 0,
            delivered: 0,
            closed: false,
        };
        Self {
            count,
            lead: lead.max(1),
            state: Mutex::new(state),
            moved: Condvar::new(),
        }
    }

    /// The next index; waits while it is too far ahead. `None` when all are given out or it is closed.
    pub(super) fn next(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.closed || state.next >= self.count {
                return None;
            }
            if state.next < state.delivered + self.lead {
                state.next += 1;
                return Some(state.next - 1);
            }
            state = self
                .moved
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Says how many have been delivered so far.
    pub(super) fn release(&self, delivered: usize) {
        self.lock().delivered = delivered;
        self.moved.notify_all();
    }

    /// Gives out nothing more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.moved.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, WindowState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_given_out_more_than_the_lead_ahead() {
        let turnstile = InOrderWindow::new(5, 2);
        assert_eq!((turnstile.next(), turnstile.next()), (Some(0), Some(1)));
        std::thread::scope(|scope| {
            let third = scope.spawn(|| turnstile.next());
            turnstile.release(1);
            assert_eq!(third.join().unwrap(), Some(2));
        });
        assert_eq!(turnstile.lock().next, 3, "the fourth waits for the second");
        turnstile.close();
        assert_eq!(turnstile.next(), None);
    }
}
