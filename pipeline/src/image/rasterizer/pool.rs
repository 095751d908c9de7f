//! The pool of children: a bounded number of processes, shared fairly by documents.
//!
//! A child belongs to one document until it ends. A document that asks for a page takes an idle child
//! of its own, else a new one if there is a free slot, else one of another document's idle children ends to
//! make room. While documents wait, those that hold more children than their share give them up after
//! a page, and all give them up after [`QUANTUM`] pages, so that none waits for ever and none pays for a
//! new child with each page.

use std::{sync::MutexGuard, time::Duration};

use super::{RasterError, process::ChildProcess};
use crate::cancel::{CancelToken, Monitor};
use crate::clock::AwakeInstant;

/// Pages that a child serves before its slot goes to a document that waits and has none.
const QUANTUM: u32 = 8;
/// Time for which an idle child is kept from others while its document is likely to ask again, as it does
/// between pages.
const GRACE: Duration = Duration::from_millis(20);

/// The children of all documents.
#[derive(Debug)]
pub(super) struct ChildPool<C = ChildProcess> {
    max_children: usize,
    state: Monitor<PoolState<C>>,
}

#[derive(Debug)]
struct PoolState<C> {
    /// Children that run or are being started, and the document of each.
    held: Vec<u64>,
    idle: Vec<IdleChild<C>>,
    waiting: Vec<PoolTicket>,
    tickets: u64,
    documents: u64,
}

#[derive(Debug)]
struct IdleChild<C> {
    document: u64,
    child: C,
    served: u32,
    since: AwakeInstant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PoolTicket {
    ticket: u64,
    document: u64,
}

/// The slot or child that a document was given.
pub(super) enum PoolGrant<'p, C> {
    /// An idle child of its own.
    Child(ChildLease<'p, C>, C),
    /// A slot for a new child.
    Slot(ChildLease<'p, C>),
}

/// The right to have one child. Gives it up when dropped.
#[derive(Debug)]
pub(super) struct ChildLease<'p, C> {
    pool: &'p ChildPool<C>,
    document: u64,
    /// Pages the child has served.
    pub served: u32,
    /// True if the child was kept or ended by the pool, so that dropping the lease changes nothing.
    is_settled: bool,
}

enum PoolTurn<C> {
    Own(IdleChild<C>),
    Slot(Option<IdleChild<C>>),
    /// Nothing yet; if nobody notifies the pool before, look again at that time.
    Wait(Option<AwakeInstant>),
}

impl<C: Send + 'static> ChildPool<C> {
    /// A pool of at most `max_children` children, at least one.
    pub fn new(max_children: usize) -> Self {
        Self {
            max_children: max_children.max(1),
            state: Monitor::new(PoolState {
                held: Vec::new(),
                idle: Vec::new(),
                waiting: Vec::new(),
                tickets: 0,
                documents: 0,
            }),
        }
    }

    /// A number for a new document.
    pub fn new_document(&self) -> u64 {
        let mut state = self.lock();
        state.documents += 1;
        state.documents
    }

    /// Waits until `document` may have a child.
    pub fn acquire(
        &self,
        document: u64,
        cancel: &CancelToken,
    ) -> Result<PoolGrant<'_, C>, RasterError> {
        let _wakes = self.state.notify_on(cancel);
        let mut state = self.lock();
        state.tickets += 1;
        let me = PoolTicket {
            ticket: state.tickets,
            document,
        };
        state.waiting.push(me);
        loop {
            if cancel.is_cancelled() {
                state.leave(me);
                self.state.notify_all();
                return Err(RasterError::Cancelled);
            }
            match state.turn(me, self.max_children, AwakeInstant::now()) {
                PoolTurn::Own(idle) => {
                    state.leave(me);
                    // Another may be the first in line now.
                    self.state.notify_all();
                    let lease = self.lease(document, idle.served);
                    return Ok(PoolGrant::Child(lease, idle.child));
                }
                PoolTurn::Slot(evicted) => {
                    state.leave(me);
                    state.held.push(document);
                    drop(state);
                    // Ends the other document's child before a new one starts.
                    drop(evicted);
                    self.state.notify_all();
                    return Ok(PoolGrant::Slot(self.lease(document, 0)));
                }
                PoolTurn::Wait(until) => state = self.state.wait(state, until),
            }
        }
    }

    /// Ends the idle children of a document that is done.
    pub fn forget(&self, document: u64) {
        let mut state = self.lock();
        let (gone, kept): (Vec<_>, Vec<_>) = state
            .idle
            .drain(..)
            .partition(|idle| idle.document == document);
        state.idle = kept;
        for _ in &gone {
            state.release(document);
        }
        drop(state);
        drop(gone);
        self.state.notify_all();
    }

    fn lease(&self, document: u64, served: u32) -> ChildLease<'_, C> {
        ChildLease {
            pool: self,
            document,
            served,
            is_settled: false,
        }
    }
}

impl<C> ChildPool<C> {
    fn lock(&self) -> MutexGuard<'_, PoolState<C>> {
        self.state.lock()
    }
}

impl<C> ChildLease<'_, C> {
    /// Keeps the child for the document's next page, or ends it if another document waits for its slot.
    pub fn keep(mut self, child: C) {
        self.is_settled = true;
        let mut state = self.pool.lock();
        let ended = if state.must_yield(self.document, self.served) {
            state.release(self.document);
            Some(child)
        } else {
            state.idle.push(IdleChild {
                document: self.document,
                child,
                served: self.served,
                since: AwakeInstant::now(),
            });
            None
        };
        drop(state);
        drop(ended);
        self.pool.state.notify_all();
    }
}

impl<C> Drop for ChildLease<'_, C> {
    fn drop(&mut self) {
        if !self.is_settled {
            self.pool.lock().release(self.document);
            self.pool.state.notify_all();
        }
    }
}

impl<C> PoolState<C> {
    fn turn(&mut self, me: PoolTicket, max_children: usize, now: AwakeInstant) -> PoolTurn<C> {
        if let Some(own) = self.idle.iter().position(|i| i.document == me.document) {
            return PoolTurn::Own(self.idle.swap_remove(own));
        }
        if self.next_in_line() != Some(me) {
            return PoolTurn::Wait(None);
        }
        if self.held.len() < max_children {
            return PoolTurn::Slot(None);
        }
        let longest_idle = self
            .idle
            .iter()
            .enumerate()
            .filter(|(_, idle)| {
                idle.served >= QUANTUM || now.saturating_duration_since(idle.since) >= GRACE
            })
            .min_by_key(|(_, idle)| idle.since)
            .map(|(index, _)| index);
        match longest_idle {
            Some(index) => {
                let idle = self.idle.swap_remove(index);
                self.release(idle.document);
                PoolTurn::Slot(Some(idle))
            }
            None => PoolTurn::Wait(self.idle.iter().map(|idle| idle.since + GRACE).min()),
        }
    }

    /// Of those that no idle child of their own can serve: the one whose document has fewest children,
    /// then the one that has waited longest.
    fn next_in_line(&self) -> Option<PoolTicket> {
        self.waiting
            .iter()
            .filter(|waiting| !self.idle.iter().any(|i| i.document == waiting.document))
            .min_by_key(|waiting| (self.children_of(waiting.document), waiting.ticket))
            .copied()
    }

    /// Returns true if a child of `document` that has served so many pages must make room.
    fn must_yield(&self, document: u64, served: u32) -> bool {
        let mine = self.children_of(document);
        self.waiting
            .iter()
            .filter(|waiting| waiting.document != document)
            .map(|waiting| self.children_of(waiting.document))
            .any(|theirs| theirs + 1 < mine || (theirs == 0 && served >= QUANTUM))
    }

    fn children_of(&self, document: u64) -> usize {
        self.held.iter().filter(|&&held| held == document).count()
    }

    fn release(&mut self, document: u64) {
        if let Some(place) = self.held.iter().position(|&held| held == document) {
            self.held.swap_remove(place);
        }
    }

    fn leave(&mut self, me: PoolTicket) {
        self.waiting.retain(|waiting| *waiting != me);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use super::*;

    /// Serves `pages` pages to a document on a thread; counts the children that were started.
    fn work(
        pool: &ChildPool<u8>,
        document: u64,
        pages: u32,
        started: &AtomicUsize,
        live: &AtomicUsize,
    ) {
        for _ in 0..pages {
            let (mut lease, child) = match pool.acquire(document, &CancelToken::new()).unwrap() {
                PoolGrant::Child(lease, child) => (lease, child),
                PoolGrant::Slot(lease) => {
                    started.fetch_add(1, Ordering::SeqCst);
                    (lease, 0)
                }
            };
            let now = live.fetch_add(1, Ordering::SeqCst) + 1;
            assert!(now <= 2, "more children at work than allowed");
            thread::yield_now();
            live.fetch_sub(1, Ordering::SeqCst);
            lease.served += 1;
            lease.keep(child);
        }
        pool.forget(document);
    }

    #[test]
    fn a_document_keeps_its_child_from_page_to_page() {
        let pool = ChildPool::new(2);
        let (started, live) = (AtomicUsize::new(0), AtomicUsize::new(0));
        work(&pool, pool.new_document(), 50, &started, &live);
        assert_eq!(started.load(Ordering::SeqCst), 1);
        assert!(pool.lock().held.is_empty());
    }

    #[test]
    fn more_documents_than_children_all_finish_without_a_child_a_page() {
        let pool = ChildPool::new(2);
        let (started, live) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let shared = (&pool, &started, &live);
        thread::scope(|scope| {
            for _ in 0..5 {
                let document = pool.new_document();
                for _ in 0..2 {
                    let (pool, started, live) = shared;
                    scope.spawn(move || work(pool, document, 80, started, live));
                }
            }
        });
        let started = started.load(Ordering::SeqCst);
        // 800 pages; a child each quantum would be 100, and there is some back and forth at the ends.
        assert!(started <= 250, "{started} children for 800 pages");
        assert!(pool.lock().held.is_empty() && pool.lock().waiting.is_empty());
    }

    #[test]
    fn an_idle_child_makes_room_for_another_document() {
        let pool: ChildPool<u8> = ChildPool::new(1);
        let (first, second) = (pool.new_document(), pool.new_document());
        let PoolGrant::Slot(lease) = pool.acquire(first, &CancelToken::new()).unwrap() else {
            panic!("no child was idle");
        };
        lease.keep(1);
        let second = pool.acquire(second, &CancelToken::new()).unwrap();
        assert!(matches!(second, PoolGrant::Slot(_)));
    }

    #[test]
    fn a_document_with_more_than_its_share_gives_one_up() {
        let pool: ChildPool<u8> = ChildPool::new(2);
        let (first, second) = (pool.new_document(), pool.new_document());
        let (PoolGrant::Slot(one), PoolGrant::Slot(_two)) = (
            pool.acquire(first, &CancelToken::new()).unwrap(),
            pool.acquire(first, &CancelToken::new()).unwrap(),
        ) else {
            panic!("no child was idle");
        };
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.acquire(second, &CancelToken::new()).is_ok());
            while pool.lock().waiting.is_empty() {
                thread::yield_now();
            }
            one.keep(1);
            assert!(pool.lock().idle.is_empty(), "it went to the one who waits");
            assert!(waiting.join().unwrap());
        });
    }

    #[test]
    fn waiting_ends_when_cancelled() {
        let pool: ChildPool<u8> = ChildPool::new(1);
        let (first, second) = (pool.new_document(), pool.new_document());
        let _held = pool.acquire(first, &CancelToken::new()).unwrap();
        let cancel = CancelToken::new();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| pool.acquire(second, &cancel).err());
            while pool.lock().waiting.is_empty() {
                thread::yield_now();
            }
            cancel.cancel();
            assert_eq!(waiting.join().unwrap(), Some(RasterError::Cancelled));
        });
        // A token that was cancelled before does not even begin to wait.
        assert_eq!(
            pool.acquire(second, &cancel).err(),
            Some(RasterError::Cancelled)
        );
        assert!(pool.lock().waiting.is_empty());
    }
}
