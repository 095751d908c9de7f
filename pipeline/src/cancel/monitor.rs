//! Monitor: a value that threads wait on, with a lock and a condition variable that cancelling can signal too.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::{CancelRegistration, CancelToken};
use crate::clock::AwakeInstant;

/// A value behind a lock, and threads that wait for it to change. Clones share both.
#[derive(Debug)]
pub(crate) struct Monitor<T>(Arc<Guarded<T>>);

#[derive(Debug)]
struct Guarded<T> {
    value: Mutex<T>,
    changed: Condvar,
}

impl<T> Monitor<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Guarded {
            value: Mutex::new(value),
            changed: Condvar::new(),
        }))
    }

    /// The value. Poison is ignored: no code that can panic may run under the lock.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock()
    }

    /// Wakes every thread that waits.
    pub(crate) fn notify_all(&self) {
        self.0.changed.notify_all();
    }

    /// Waits until another thread has notified this one, or until `deadline`; may also wake for no reason.
    pub(crate) fn wait<'a>(
        &'a self,
        value: MutexGuard<'a, T>,
        deadline: Option<AwakeInstant>,
    ) -> MutexGuard<'a, T> {
        let changed = &self.0.changed;
        match deadline {
            None => changed.wait(value).unwrap_or_else(PoisonError::into_inner),
            Some(deadline) => {
                let left = deadline.saturating_duration_since(AwakeInstant::now());
                changed
                    .wait_timeout(value, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        }
    }
}

impl<T: Send + 'static> Monitor<T> {
    /// Wakes every thread that waits when `cancel` is cancelled, as long as the registration is held. It must be made
    /// before the value is locked.
    pub(crate) fn notify_on(&self, cancel: &CancelToken) -> CancelRegistration {
        let guarded = Arc::clone(&self.0);
        cancel.on_cancel(move || {
            // With the lock, the waiting thread is before its look at the token, or asleep already.
            drop(guarded.lock());
            guarded.changed.notify_all();
        })
    }
}

impl<T> Clone for Monitor<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Guarded<T> {
    fn lock(&self) -> MutexGuard<'_, T> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
