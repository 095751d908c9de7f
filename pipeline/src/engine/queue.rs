//! [`FairQueue`]: the bounded queue in front of an engine. Documents are served in turn, so that one of
//! 2,000 pages never starves a short one.

use std::{
    collections::VecDeque,
    sync::{Condvar, MutexGuard, PoisonError},
};

use super::DocumentId;
use crate::cancel::{CancelToken, Monitor};

/// The reason why an item was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The queue is closed.
    #[error("the queue is closed")]
    Closed,
    /// The token was cancelled while the item waited for a place.
    #[error("cancelled")]
    Cancelled,
}

/// A bounded queue of items of several documents: first in, first out within a document, and one item
/// of each document in turn. Waiting for a place is first come, first served.
#[derive(Debug)]
pub struct FairQueue<T> {
    capacity: usize,
    /// Notified when a place came free, or a waiting push left.
    state: Monitor<QueueState<T>>,
    /// Signalled when an item came, or the queue closed.
    item: Condvar,
}

#[derive(Debug)]
struct QueueState<T> {
    /// Documents with items, the next to be served first; no entry is empty.
    documents: VecDeque<(DocumentId, VecDeque<T>)>,
    /// Further steps of work that was already taken; served before anything else.
    next: VecDeque<T>,
    /// Items in `documents`.
    len: usize,
    /// Pushes that wait for a place, in the order in which they came.
    waiting: VecDeque<u64>,
    last_ticket: u64,
    closed: bool,
}

impl<T: Send + 'static> FairQueue<T> {
    /// A queue with places for `capacity` items, at least one.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            state: Monitor::new(QueueState {
                documents: VecDeque::new(),
                next: VecDeque::new(),
                len: 0,
                waiting: VecDeque::new(),
                last_ticket: 0,
                closed: false,
            }),
            item: Condvar::new(),
        }
    }

    /// Adds an item of `document`; waits while the queue is full.
    ///
    /// # Errors
    /// [`PushError::Closed`] if the queue is closed, [`PushError::Cancelled`] if `cancel` was cancelled
    /// first.
    pub fn push(
        &self,
        document: DocumentId,
        item: T,
        cancel: &CancelToken,
    ) -> Result<(), PushError> {
        let _wakes = self.state.notify_on(cancel);
        let mut state = self.lock();
        state.last_ticket += 1;
        let ticket = state.last_ticket;
        state.waiting.push_back(ticket);
        let admitted = loop {
            if state.closed {
                break Err(PushError::Closed);
            }
            if cancel.is_cancelled() {
                break Err(PushError::Cancelled);
            }
            if state.len < self.capacity && state.waiting.front() == Some(&ticket) {
                break Ok(());
            }
            state = self.state.wait(state, None);
        };
        state.waiting.retain(|other| *other != ticket);
        if admitted.is_ok() {
            state.add(document, item);
            self.item.notify_one();
        }
        drop(state);
        // Whoever waited behind this push may now be the first.
        self.state.notify_all();
        admitted
    }

    /// Adds a further step of work that was already taken. It takes no place, never waits, and is
    /// served before all else; nothing happens if the queue is closed.
    pub fn push_next(&self, item: T) {
        let mut state = self.lock();
        if !state.closed {
            state.next.push_back(item);
            self.item.notify_one();
        }
    }

    /// Takes the next item; waits for one. `None` once the queue is closed.
    pub fn pop(&self) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(item) = state.take() {
                self.state.notify_all();
                return Some(item);
            }
            if state.closed {
                return None;
            }
            state = self
                .item
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Takes the next item if there is one; never waits.
    pub fn try_pop(&self) -> Option<T> {
        let item = self.lock().take();
        if item.is_some() {
            self.state.notify_all();
        }
        item
    }

    /// Takes out all waiting items that `unwanted` picks, further steps not looked at. `unwanted` runs
    /// under the queue's lock: it must not panic or touch the queue.
    pub fn remove_if(&self, unwanted: impl Fn(&T) -> bool) -> Vec<T> {
        let mut state = self.lock();
        let mut removed = Vec::new();
        for (_, items) in &mut state.documents {
            while let Some(at) = items.iter().position(&unwanted) {
                removed.extend(items.remove(at));
            }
        }
        if !removed.is_empty() {
            state.documents.retain(|(_, items)| !items.is_empty());
            state.len -= removed.len();
            self.state.notify_all();
        }
        removed
    }

    /// Returns true if the queue is closed.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Closes the queue: what is in it is dropped, and nothing more is taken.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.len = 0;
        let documents = std::mem::take(&mut state.documents);
        let next = std::mem::take(&mut state.next);
        drop(state);
        self.item.notify_all();
        self.state.notify_all();
        // Items may do work of their own when dropped: not under the lock.
        drop((documents, next));
    }

    /// Items that wait, further steps not counted.
    pub fn len(&self) -> usize {
        self.lock().len
    }

    /// Returns true if no items wait, further steps not counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The state. No code that can panic runs under the lock.
    fn lock(&self) -> MutexGuard<'_, QueueState<T>> {
        self.state.lock()
    }
}

impl<T> QueueState<T> {
    fn add(&mut self, document: DocumentId, item: T) {
        self.len += 1;
        match self.documents.iter_mut().find(|(id, _)| *id == document) {
            Some((_, items)) => items.push_back(item),
            None => self.documents.push_back((document, VecDeque::from([item]))),
        }
    }

    fn take(&mut self) -> Option<T> {
        if let Some(item) = self.next.pop_front() {
            return Some(item);
        }
        let (document, mut items) = self.documents.pop_front()?;
        let item = items.pop_front()?;
        self.len -= 1;
        if !items.is_empty() {
            self.documents.push_back((document, items));
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, thread};

    use super::*;

    const LONG: DocumentId = DocumentId(1);
    const SHORT: DocumentId = DocumentId(2);

    fn push(queue: &FairQueue<(u64, u32)>, document: DocumentId, page: u32) {
        queue
            .push(document, (document.0, page), &CancelToken::new())
            .expect("open, and with a place");
    }

    #[test]
    fn a_documents_items_keep_their_order() {
        let queue = FairQueue::new(8);
        for page in 0..3 {
            push(&queue, LONG, page);
        }
        let order: Vec<_> = (0..3).filter_map(|_| queue.pop()).map(|i| i.1).collect();
        assert_eq!(order, [0, 1, 2]);
    }

    #[test]
    fn a_long_document_does_not_starve_a_short_one() {
        let queue = FairQueue::new(4000);
        for page in 0..2000 {
            push(&queue, LONG, page);
        }
        for page in 0..3 {
            push(&queue, SHORT, page);
        }
        let taken: Vec<_> = (0..6).filter_map(|_| queue.pop()).collect();
        assert_eq!(taken, [(1, 0), (2, 0), (1, 1), (2, 1), (1, 2), (2, 2)]);
    }

    #[test]
    fn a_short_document_gets_a_place_though_a_long_one_pushes_without_end() {
        let queue = Arc::new(FairQueue::new(2));
        let long = Arc::clone(&queue);
        let flood = thread::spawn(move || {
            (0..2000).all(|page| long.push(LONG, (1, page), &CancelToken::new()).is_ok())
        });
        let short = Arc::clone(&queue);
        let one = thread::spawn(move || short.push(SHORT, (2, 0), &CancelToken::new()));
        while queue.lock().last_ticket < 3 || queue.len() < 2 {
            thread::yield_now();
        }
        // At most those in front of it, and one of the long document in turn.
        let before = (0..2001)
            .filter_map(|_| queue.pop())
            .take_while(|item| item.0 != 2);
        assert!(before.count() < 2000);
        assert_eq!(one.join().expect("no panic"), Ok(()));
        queue.close();
        flood.join().expect("no panic");
    }

    #[test]
    fn further_steps_go_first_and_take_no_place() {
        let queue = FairQueue::new(1);
        push(&queue, LONG, 0);
        queue.push_next((9, 9));
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.pop(), Some((9, 9)));
        assert_eq!(queue.pop(), Some((1, 0)));
    }

    #[test]
    fn a_full_queue_holds_the_next_push_until_a_place_is_free() {
        let queue = Arc::new(FairQueue::new(1));
        push(&queue, LONG, 0);
        let other = Arc::clone(&queue);
        let waiting = thread::spawn(move || other.push(LONG, (1, 1), &CancelToken::new()));
        while queue.lock().waiting.is_empty() {
            thread::yield_now();
        }
        assert_eq!(queue.len(), 1);
        assert_eq!(queue.pop(), Some((1, 0)));
        assert_eq!(waiting.join().expect("no panic"), Ok(()));
        assert_eq!(queue.pop(), Some((1, 1)));
    }

    #[test]
    fn a_waiting_push_can_be_cancelled_and_lets_others_pass() {
        let queue = Arc::new(FairQueue::new(1));
        push(&queue, LONG, 0);
        let cancel = CancelToken::new();
        let (other, flag) = (Arc::clone(&queue), cancel.clone());
        let waiting = thread::spawn(move || other.push(LONG, (1, 1), &flag));
        while queue.lock().waiting.is_empty() {
            thread::yield_now();
        }
        cancel.cancel();
        assert_eq!(waiting.join().expect("no panic"), Err(PushError::Cancelled));
        assert_eq!(queue.pop(), Some((1, 0)));
        push(&queue, SHORT, 0);
        assert_eq!(queue.pop(), Some((2, 0)));
    }

    #[test]
    fn taking_without_waiting_serves_documents_in_turn() {
        let queue = FairQueue::new(4);
        assert_eq!(queue.try_pop(), None);
        push(&queue, LONG, 0);
        push(&queue, LONG, 1);
        push(&queue, SHORT, 0);
        let taken: Vec<_> = std::iter::from_fn(|| queue.try_pop()).collect();
        assert_eq!(taken, [(1, 0), (2, 0), (1, 1)]);
        assert!(queue.is_empty());
    }

    #[test]
    fn removed_items_leave_their_places() {
        let queue = FairQueue::new(3);
        push(&queue, LONG, 0);
        push(&queue, LONG, 1);
        push(&queue, SHORT, 0);
        let removed = queue.remove_if(|item| item.1 == 0);
        assert_eq!(removed, [(1, 0), (2, 0)]);
        assert_eq!(queue.len(), 1);
        push(&queue, SHORT, 5);
        push(&queue, SHORT, 6);
        let left: Vec<_> = std::iter::from_fn(|| queue.try_pop()).collect();
        assert_eq!(left, [(1, 1), (2, 5), (2, 6)]);
        assert!(!queue.is_closed());
        queue.close();
        assert!(queue.is_closed());
    }

    #[test]
    fn closing_drops_what_waits_and_wakes_everybody() {
        let queue = Arc::new(FairQueue::new(1));
        push(&queue, LONG, 0);
        let other = Arc::clone(&queue);
        let waiting = thread::spawn(move || other.push(LONG, (1, 1), &CancelToken::new()));
        while queue.lock().waiting.is_empty() {
            thread::yield_now();
        }
        queue.close();
        assert_eq!(waiting.join().expect("no panic"), Err(PushError::Closed));
        assert_eq!(queue.pop(), None);
        queue.push_next((9, 9));
        assert_eq!(queue.pop(), None);
        let late = queue.push(LONG, (1, 2), &CancelToken::new());
        assert_eq!(late, Err(PushError::Closed));
    }
}
