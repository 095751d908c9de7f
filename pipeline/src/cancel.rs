//! [`CancelToken`]: a flag shared by everything that works for a document, and one below it for each request.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A flag that, once raised, stays raised. Clones share it; children are up when their parent is.
#[derive(Clone, Debug, Default)]
pub struct CancelToken {
    flag: Arc<AtomicBool>,
    parents: Vec<Arc<CancelToken>>,
}

impl CancelToken {
    /// A flag that is down.
    pub fn new() -> Self {
        Self::default()
    }

    /// A flag that is up when this one is, and can be raised on its own.
    pub fn child(&self) -> Self {
        Self {
            flag: Arc::default(),
            parents: vec![Arc::new(self.clone())],
        }
    }

    /// A flag that is up when this one or `other` is, and can be raised on its own.
    pub fn child_with(&self, other: &Self) -> Self {
        Self {
            flag: Arc::default(),
            parents: vec![Arc::new(self.clone()), Arc::new(other.clone())],
        }
    }

    /// Raises the flag.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Release);
    }

    /// Whether the flag, or one above it, is up.
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(Ordering::Acquire) || self.parents.iter().any(|parent| parent.is_cancelled())
    }
}
