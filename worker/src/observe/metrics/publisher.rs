//! Metrics of the messages that a worker publishes.

use std::time::Duration;

use prometheus::{Histogram, IntCounter, IntGauge, Registry, Result};

use super::{ConfirmOutcome, MetricFamily, counters, gauge, histogram};

/// The series of published messages.
pub(super) struct PublisherMetrics {
    confirms: MetricFamily<ConfirmOutcome, IntCounter>,
    confirm_seconds: Histogram,
    blocked: IntGauge,
}

impl PublisherMetrics {
    /// Makes all series, each at zero.
    pub(super) fn new(registry: &Registry) -> Result<Self> {
        Ok(Self {
            confirms: counters(
                registry,
                "recto_publisher_confirms_total",
                "Answers of the broker to published messages.",
            )?,
            confirm_seconds: histogram(
                registry,
                "recto_publisher_confirm_seconds",
                "Time from publishing a message to the broker's answer.",
            )?,
            blocked: gauge(
                registry,
                "recto_broker_blocked",
                "1 while the broker blocks connections that publish, for a memory or disk alarm, and a message waits for it.",
            )?,
        })
    }

    /// Counts the broker's answer to a published message, so long after it.
    pub(super) fn confirm(&self, outcome: ConfirmOutcome, took: Duration) {
        self.blocked.set(0);
        self.confirms.of(outcome).inc();
        self.confirm_seconds.observe(took.as_secs_f64());
    }

    /// Notes that the broker blocks publishers.
    pub(super) fn blocked(&self) {
        self.blocked.set(1);
    }
}
