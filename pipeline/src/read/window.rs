//! In-order window: requests are started in order by several threads and taken in order by one, and never more than
//! a lookahead of them exist at once, so that memory does not grow with the page count however long one page takes.

use std::collections::BTreeMap;

use crate::cancel::{CancelRegistration, CancelToken, Monitor};
use crate::clock::AwakeInstant;

/// The requests `0..count` of a document, and the results of those that are finished.
#[derive(Debug)]
pub(super) struct InOrderWindow<T> {
    count: usize,
    lookahead: usize,
    state: Monitor<WindowState<T>>,
}

#[derive(Debug)]
struct WindowState<T> {
    /// The next request to start.
    next_start: usize,
    /// The next request to take.
    next_take: usize,
    /// Results that are not taken yet, in any order.
    finished: BTreeMap<usize, T>,
    /// Threads that may still finish a request.
    workers: usize,
    closed: bool,
}

/// A thread that works on requests. When all are gone, nothing more will finish.
pub(super) struct WindowWorker<'w, T>(&'w InOrderWindow<T>);

/// The outcome of [`InOrderWindow::take`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken<T> {
    /// The next result in order.
    Next(T),
    /// All results were taken, or no thread is left that would finish the next one.
    End,
    /// The token was cancelled.
    Cancelled,
    /// The deadline passed.
    Timeout,
}

impl<T: Send + 'static> InOrderWindow<T> {
    /// A window over `count` requests, of which `lookahead`, at least one, may be started and not taken.
    pub(super) fn new(count: usize, lookahead: usize) -> Self {
        Self {
            count,
            lookahead: lookahead.max(1),
            state: Monitor::new(WindowState {
                next_start: 0,
                next_take: 0,
                finished: BTreeMap::new(),
                workers: 0,
                closed: false,
            }),
        }
    }

    /// A further thread that works on requests.
    pub(super) fn worker(&self) -> WindowWorker<'_, T> {
        self.state.lock().workers += 1;
        WindowWorker(self)
    }

    /// Waits for the next result in order.
    pub(super) fn take(&self, cancel: &CancelToken, deadline: Option<AwakeInstant>) -> Taken<T> {
        let _wakes = self.state.notify_on(cancel);
        let mut state = self.state.lock();
        loop {
            if cancel.is_cancelled() {
                return Taken::Cancelled;
            }
            let next = state.next_take;
            if let Some(result) = state.finished.remove(&next) {
                state.next_take += 1;
                self.state.notify_all();
                return Taken::Next(result);
            }
            if next >= self.count || state.workers == 0 {
                return Taken::End;
            }
            if deadline.is_some_and(|deadline| AwakeInstant::now() >= deadline) {
                return Taken::Timeout;
            }
            state = self.state.wait(state, deadline);
        }
    }

    /// Lets no further request start once `stop` is cancelled, as long as the registration is held.
    pub(super) fn close_on(&self, stop: &CancelToken) -> CancelRegistration {
        let state = self.state.clone();
        stop.on_cancel(move || {
            state.lock().closed = true;
            state.notify_all();
        })
    }

    /// Lets no further request start.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
        self.state.notify_all();
    }
}

impl<T: Send + 'static> WindowWorker<'_, T> {
    /// Starts the next request; waits while it is too far ahead of what was taken. `None` when all are started or the
    /// window is closed.
    pub(super) fn start(&self) -> Option<usize> {
        let window = self.0;
        let mut state = window.state.lock();
        loop {
            if state.closed || state.next_start >= window.count {
                return None;
            }
            if state.next_start < state.next_take + window.lookahead {
                state.next_start += 1;
                return Some(state.next_start - 1);
            }
            state = window.state.wait(state, None);
        }
    }

    /// Hands over the result of a request.
    pub(super) fn finish(&self, index: usize, result: T) {
        self.0.state.lock().finished.insert(index, result);
        self.0.state.notify_all();
    }
}

impl<T> Drop for WindowWorker<'_, T> {
    fn drop(&mut self) {
        // Also when its thread panics: nobody may wait for its result then.
        self.0.state.lock().workers -= 1;
        self.0.state.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    #[test]
    fn nothing_starts_more_than_the_lookahead_ahead() {
        let (window, cancel) = (InOrderWindow::new(5, 2), CancelToken::new());
        let worker = window.worker();
        assert_eq!((worker.start(), worker.start()), (Some(0), Some(1)));
        worker.finish(0, "first");
        thread::scope(|scope| {
            let third = scope.spawn(|| window.worker().start());
            assert_eq!(window.take(&cancel, None), Taken::Next("first"));
            assert_eq!(third.join().unwrap(), Some(2));
        });
        assert_eq!(
            window.state.lock().next_start,
            3,
            "the fourth waits for the second"
        );
        window.close();
        assert_eq!(worker.start(), None);
    }

    #[test]
    fn results_are_taken_in_order_whatever_finishes_first() {
        let (window, cancel) = (InOrderWindow::new(3, 3), CancelToken::new());
        let worker = window.worker();
        for index in [2, 0, 1] {
            worker.finish(index, index);
        }
        let taken = || window.take(&cancel, None);
        let expected = [Taken::Next(0), Taken::Next(1), Taken::Next(2), Taken::End];
        assert_eq!([taken(), taken(), taken(), taken()], expected);
    }

    #[test]
    fn each_reason_ends_the_wait() {
        let (window, cancel) = (InOrderWindow::<()>::new(2, 2), CancelToken::new());
        let worker = window.worker();
        let soon = Some(AwakeInstant::now() + Duration::from_millis(1));
        assert_eq!(window.take(&cancel, soon), Taken::Timeout);
        thread::scope(|scope| {
            let waits = scope.spawn(|| window.take(&cancel, None));
            drop(worker);
            assert_eq!(waits.join().unwrap(), Taken::End, "its thread is gone");
            let worker = window.worker();
            let waits = scope.spawn(|| window.take(&cancel, None));
            cancel.cancel();
            assert_eq!(waits.join().unwrap(), Taken::Cancelled);
            drop(worker);
        });
    }
}
