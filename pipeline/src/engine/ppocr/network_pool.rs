//! The pool of networks that all workers share: the detectors, and the layout model's.
//!
//! Such a network wants 150 to 200 MB while it runs, and a worker needs it for an eighth of its time and less; so there
//! are fewer of them than workers, and a worker waits for one.

use std::{
    ops::{Deref, DerefMut},
    sync::{Condvar, Mutex, PoisonError},
};

/// Networks that are lent one at a time.
pub(super) struct NetworkPool<T> {
    free: Mutex<Vec<T>>,
    returned: Condvar,
}

/// A network on loan; it goes back to the pool when this is dropped.
pub(super) struct PooledNetwork<'a, T> {
    pool: &'a NetworkPool<T>,
    network: Option<T>,
}

impl<T> NetworkPool<T> {
    /// A pool of `networks`, at least one.
    pub(super) fn new(networks: Vec<T>) -> Self {
        assert!(!networks.is_empty(), "workers would wait for ever");
        Self {
            free: Mutex::new(networks),
            returned: Condvar::new(),
        }
    }

    /// Waits for a free network.
    pub(super) fn take(&self) -> PooledNetwork<'_, T> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(network) = free.pop() {
                return PooledNetwork {
                    pool: self,
                    network: Some(network),
                };
            }
            free = self
                .returned
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl<T> Deref for PooledNetwork<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.network
            .as_ref()
            .expect("it is there until it is dropped")
    }
}

impl<T> DerefMut for PooledNetwork<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.network
            .as_mut()
            .expect("it is there until it is dropped")
    }
}

impl<T> Drop for PooledNetwork<'_, T> {
    fn drop(&mut self) {
        let mut free = self
            .pool
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        free.extend(self.network.take());
        self.pool.returned.notify_one();
    }
}
