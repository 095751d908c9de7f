//! The pool of detectors that all workers share.
//!
//! A detector wants some 200 MB while it runs, and a worker detects for about an eighth of its
//! time; so there are fewer detectors than workers, and a worker waits for one.

use std::{
    ops::{Deref, DerefMut},
    sync::{Condvar, Mutex, PoisonError},
};

use super::runtime::OnnxNetwork;

/// Detectors that are lent one at a time.
pub(super) struct DetectorPool {
    free: Mutex<Vec<OnnxNetwork>>,
    returned: Condvar,
}

/// A detector on loan; it goes back to the pool when this is dropped.
pub(super) struct PooledDetector<'a> {
    pool: &'a DetectorPool,
    network: Option<OnnxNetwork>,
}

impl DetectorPool {
    /// A pool of `networks`, at least one.
    pub(super) fn new(networks: Vec<OnnxNetwork>) -> Self {
        assert!(!networks.is_empty(), "workers would wait for ever");
        Self {
            free: Mutex::new(networks),
            returned: Condvar::new(),
        }
    }

    /// Waits for a free detector.
    pub(super) fn take(&self) -> PooledDetector<'_> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(network) = free.pop() {
                return PooledDetector {
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

impl Deref for PooledDetector<'_> {
    type Target = OnnxNetwork;

    fn deref(&self) -> &OnnxNetwork {
        self.network
            .as_ref()
            .expect("it is there until it is dropped")
    }
}

impl DerefMut for PooledDetector<'_> {
    fn deref_mut(&mut self) -> &mut OnnxNetwork {
        self.network
            .as_mut()
            .expect("it is there until it is dropped")
    }
}

impl Drop for PooledDetector<'_> {
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
