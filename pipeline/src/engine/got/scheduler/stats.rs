//! Statistics of the scheduler, for metrics.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Work done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::engine::got) struct SchedulerStats {
    /// Encoder batches.
    pub(in crate::engine::got) encodes: u64,
    /// Images encoded.
    pub(in crate::engine::got) images: u64,
    /// Sequences prefilled.
    pub(in crate::engine::got) prefills: u64,
    /// Tokens of their prompts, image tokens included.
    pub(in crate::engine::got) prompt_tokens: u64,
    /// Decode steps.
    pub(in crate::engine::got) steps: u64,
    /// Rows of the decode steps; divided by the steps, the mean batch size.
    pub(in crate::engine::got) rows: u64,
    /// Tokens sampled, including each sequence's first, end tokens and tokens that were cut.
    pub(in crate::engine::got) tokens: u64,
    /// Sequences that repetition ended.
    pub(in crate::engine::got) loops: u64,
    /// Time in the encoder.
    pub(in crate::engine::got) encoding: Duration,
    /// Time in prefill.
    pub(in crate::engine::got) prefilling: Duration,
    /// Time in decode steps.
    pub(in crate::engine::got) decoding: Duration,
}

/// The counters behind [`SchedulerStats`]. Times are in nanoseconds.
#[derive(Debug, Default)]
pub(super) struct SchedulerCounters {
    pub(super) encodes: AtomicU64,
    pub(super) images: AtomicU64,
    pub(super) prefills: AtomicU64,
    pub(super) prompt_tokens: AtomicU64,
    pub(super) steps: AtomicU64,
    pub(super) rows: AtomicU64,
    pub(super) tokens: AtomicU64,
    pub(super) loops: AtomicU64,
    pub(super) encoding_ns: AtomicU64,
    pub(super) prefilling_ns: AtomicU64,
    pub(super) decoding_ns: AtomicU64,
}

impl SchedulerCounters {
    /// The statistics now.
    pub(super) fn read(&self) -> SchedulerStats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SchedulerStats {
            encodes: get(&self.encodes),
            images: get(&self.images),
            prefills: get(&self.prefills),
            prompt_tokens: get(&self.prompt_tokens),
            steps: get(&self.steps),
            rows: get(&self.rows),
            tokens: get(&self.tokens),
            loops: get(&self.loops),
            encoding: Duration::from_nanos(get(&self.encoding_ns)),
            prefilling: Duration::from_nanos(get(&self.prefilling_ns)),
            decoding: Duration::from_nanos(get(&self.decoding_ns)),
        }
    }
}

/// Adds to a counter.
pub(super) fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(count as u64, Ordering::Relaxed);
}

/// Adds the time since `start` to a counter of nanoseconds.
pub(super) fn add_time(counter: &AtomicU64, start: Instant) {
    let spent = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
    counter.fetch_add(spent, Ordering::Relaxed);
}
