//! Locks by key: holders of the same key come one after another.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

/// Locks by key, each made when it is first asked for and forgotten when nobody holds it or waits for it.
#[derive(Debug, Default)]
pub(crate) struct KeyedLock(Mutex<HashMap<String, Weak<AsyncMutex<()>>>>);

impl KeyedLock {
    /// Waits until nobody else holds the lock of `key`. It is held until the guard is dropped; those who wait get it in
    /// the order they came in.
    pub(crate) async fn lock(&self, key: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| lock.strong_count() > 0);
            let known = locks.get(key).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::new(AsyncMutex::new(()));
                locks.insert(key.to_owned(), Arc::downgrade(&lock));
                lock
            })
        };
        lock.lock_owned().await
    }

    /// The keys that somebody holds or waits for.
    pub(crate) fn keys(&self) -> Vec<String> {
        let locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let held = locks.iter().filter(|(_, lock)| lock.strong_count() > 0);
        held.map(|(key, _)| key.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_key_is_held_by_one_at_a_time_and_keys_do_not_wait_for_each_other() {
        let locks = KeyedLock::default();
        let first = locks.lock("a").await;
        let mut second = Box::pin(locks.lock("a"));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(locks.lock("b").now_or_never().is_some());
        assert_eq!(locks.keys(), ["a"]);
        drop(first);
        drop(second.now_or_never().expect("the lock is free"));
        drop(locks.lock("c").await);
        assert_eq!(locks.0.lock().unwrap().len(), 1, "only `c` is known");
    }
}
