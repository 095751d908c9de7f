//! Cancellation of the work for a document: one token that everything shares, and one below it for each request.
//!
//! Nothing polls a token. Whoever waits registers a waker ([`CancelToken::on_cancel`]) that ends the wait.

mod monitor;
pub(crate) mod oneshot;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

pub(crate) use monitor::Monitor;

/// Stops work. Once cancelled, a token stays cancelled; clones share it, and cancelling it cancels its children.
///
/// ```
/// use recto_pipeline::cancel::CancelToken;
///
/// let document = CancelToken::new();
/// let page = document.child();
/// page.cancel();
/// assert!(!document.is_cancelled(), "a child stops alone");
///
/// let next_page = document.child();
/// document.cancel();
/// assert!(next_page.is_cancelled());
/// ```
#[derive(Clone, Default)]
pub struct CancelToken(Arc<TokenState>);

#[derive(Default)]
struct TokenState {
    cancelled: AtomicBool,
    wakers: Mutex<Wakers>,
    /// Cancels this token with those above it.
    _parents: Vec<CancelRegistration>,
}

#[derive(Default)]
struct Wakers {
    last_id: u64,
    by_id: BTreeMap<u64, Box<dyn FnOnce() + Send>>,
}

/// A waker that is registered with a [`CancelToken`] until this is dropped.
#[must_use = "the waker is removed when the registration is dropped"]
pub struct CancelRegistration {
    token: CancelToken,
    id: u64,
}

impl CancelToken {
    /// A token that is not cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that is cancelled with this one, and can be cancelled alone.
    pub fn child(&self) -> Self {
        Self::below(&[self])
    }

    /// A token that is cancelled with this one or with `other`, and can be cancelled alone.
    pub fn child_with(&self, other: &Self) -> Self {
        Self::below(&[self, other])
    }

    fn below(parents: &[&Self]) -> Self {
        let state = Arc::new_cyclic(|child: &Weak<TokenState>| TokenState {
            _parents: parents
                .iter()
                .map(|parent| {
                    let child = Weak::clone(child);
                    parent.on_cancel(move || {
                        if let Some(child) = child.upgrade() {
                            Self(child).cancel();
                        }
                    })
                })
                .collect(),
            ..TokenState::default()
        });
        let child = Self(state);
        // A parent that was cancelled while the child was being made could not reach it yet.
        if parents.iter().any(|parent| parent.is_cancelled()) {
            child.cancel();
        }
        child
    }

    /// Cancels the token and its children, and wakes everyone who waits.
    pub fn cancel(&self) {
        if self.0.cancelled.swap(true, Ordering::AcqRel) {
            return;
        }
        // Wakers take locks of their own, so they run outside this one.
        let wakers = std::mem::take(&mut self.wakers().by_id);
        for wake in wakers.into_values() {
            wake();
        }
    }

    /// Returns true if this token, or one above it, is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Runs `wake` once when the token is cancelled, at once if it is already. Dropping the registration
    /// removes the waker, although one that runs at that moment runs to its end.
    ///
    /// A waker that ends a wait must take the lock under which the waiting side looks at the token, so that it comes
    /// before that look or after the wait has begun.
    pub fn on_cancel(&self, wake: impl FnOnce() + Send + 'static) -> CancelRegistration {
        let mut wakers = self.wakers();
        wakers.last_id += 1;
        let id = wakers.last_id;
        if self.is_cancelled() {
            drop(wakers);
            wake();
        } else {
            wakers.by_id.insert(id, Box::new(wake));
        }
        CancelRegistration {
            token: self.clone(),
            id,
        }
    }

    /// Sleeps for `duration`, or until the token is cancelled; returns true if it is.
    pub fn sleep(&self, duration: Duration) -> bool {
        let (sender, cancelled) = mpsc::sync_channel(1);
        let _registration = self.on_cancel(move || {
            // There is room: a waker runs once.
            let _ = sender.try_send(());
        });
        cancelled.recv_timeout(duration).is_ok()
    }

    fn wakers(&self) -> MutexGuard<'_, Wakers> {
        // No code that can panic runs under the lock.
        self.0.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CancelToken")
            .field("cancelled", &self.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Drop for CancelRegistration {
    fn drop(&mut self) {
        // Dropped after the lock is released: a waker may hold things that do work when they are dropped.
        let removed = self.token.wakers().by_id.remove(&self.id);
        drop(removed);
    }
}

impl fmt::Debug for CancelRegistration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelRegistration").field(&self.id).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, thread, time::Instant};

    use super::*;

    #[test]
    fn children_are_cancelled_with_either_parent_and_never_cancel_one() {
        let (document, engine) = (CancelToken::new(), CancelToken::new());
        let request = document.child_with(&engine);
        let attempt = request.child();
        attempt.cancel();
        assert!(!request.is_cancelled());
        engine.cancel();
        assert!(request.is_cancelled() && !document.is_cancelled());
        assert!(request.child().is_cancelled(), "born cancelled");
    }

    #[test]
    fn a_token_between_two_others_may_be_dropped() {
        let document = CancelToken::new();
        let page = document.child().child();
        document.cancel();
        assert!(page.is_cancelled());
    }

    #[test]
    fn a_waker_runs_once_and_not_after_its_registration_is_gone() {
        let (token, calls) = (CancelToken::new(), Arc::new(AtomicUsize::new(0)));
        let count = || {
            let calls = Arc::clone(&calls);
            move || {
                calls.fetch_add(1, Ordering::SeqCst);
            }
        };
        drop(token.on_cancel(count()));
        let _kept = token.on_cancel(count());
        token.cancel();
        token.cancel();
        assert_eq!(calls.load(Ordering::SeqCst), 1);
        let _late = token.on_cancel(count());
        assert_eq!(calls.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn finished_children_leave_nothing_behind() {
        let document = CancelToken::new();
        for _ in 0..1_000 {
            drop(document.child());
        }
        assert!(document.wakers().by_id.is_empty());
    }

    #[test]
    fn cancelling_wakes_a_sleeper() {
        let token = CancelToken::new();
        let started = Instant::now();
        thread::scope(|scope| {
            let sleeper = scope.spawn(|| token.sleep(Duration::from_secs(3_600)));
            token.cancel();
            assert!(sleeper.join().unwrap());
        });
        assert!(started.elapsed() < Duration::from_secs(60));
        assert!(!CancelToken::new().sleep(Duration::from_millis(1)));
    }
}
