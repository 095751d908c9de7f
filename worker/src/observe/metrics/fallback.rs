//! Metrics of a second reader of lines, in scripts that the engine does not know.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prometheus::{Counter, IntCounter, Registry, Result};
use recto_pipeline::engine::FallbackUsage;

use super::{counter, registered};

/// The second reader's series; they stay at zero if there is none.
pub(super) struct FallbackMetrics {
    lines: IntCounter,
    failures: IntCounter,
    seconds: Counter,
    /// The time that is in the counter. Held while any of the counters is raised.
    counted: Mutex<Duration>,
}

impl FallbackMetrics {
    /// Makes all series, each at zero.
    pub(super) fn new(registry: &Registry) -> Result<Self> {
        Ok(Self {
            lines: counter(
                registry,
                "recto_fallback_lines_total",
                "Lines that the second reader read (--script-fallback).",
            )?,
            failures: counter(
                registry,
                "recto_fallback_failures_total",
                "Pages on which the second reader failed, so that their lines stayed unread.",
            )?,
            seconds: registered(
                registry,
                Counter::new(
                    "recto_fallback_seconds_total",
                    "Time that the second reader took; part of the engine's busy time.",
                )?,
            )?,
            counted: Mutex::default(),
        })
    }

    /// Takes over the reader's counters; to be called at each scrape.
    pub(super) fn observe(&self, usage: &FallbackUsage) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        for (count, total) in [(&self.lines, usage.lines), (&self.failures, usage.failures)] {
            count.inc_by(total.saturating_sub(count.get()));
        }
        if let Some(more) = usage.busy.checked_sub(*counted) {
            self.seconds.inc_by(more.as_secs_f64());
            *counted = usage.busy;
        }
    }
}
