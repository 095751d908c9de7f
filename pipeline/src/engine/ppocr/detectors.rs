//! [`DetectorPool`]: the detectors that all lanes share.
//!
//! A detector wants some 200 MB while it runs, and a lane detects for about an eighth of its time; so
//! there are fewer detectors than lanes, and a lane waits for one.

use std::{
    ops::{Deref, DerefMut},
    sync::{Condvar, Mutex, PoisonError},
};

use super::runtime::OnnxNetwork;

/// Lanes that one detector serves. At an eighth of the time each, it is free half of the time.
pub(super) const LANES_PER_DETECTOR: usize = 4;

/// Detectors to be had one at a time.
pub(super) struct DetectorPool {
    free: Mutex<Vec<OnnxNetwork>>,
    returned: Condvar,
}

/// A detector for the time being; it goes back when this is dropped.
pub(super) struct PooledDetector<'a> {
    detectors: &'a DetectorPool,
    network: Option<OnnxNetwork>,
}

impl DetectorPool {
    /// At least one.
    pub(super) fn new(networks: Vec<OnnxNetwork>) -> Self {
        assert!(!networks.is_empty(), "lanes would wait for ever");
        Self {
            free: Mutex::new(networks),
            returned: Condvar::new(),
        }
    }

    /// Waits for a free detector.
    pub(super) fn borrow(&self) -> PooledDetector<'_> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(network) = free.pop() {
                return PooledDetector {
                    detectors: self,
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
            .detectors
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        free.extend(self.network.take());
        self.detectors.returned.notify_one();
    }
}
