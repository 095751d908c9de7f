//! Metrics of the parts of long documents.

use prometheus::{IntCounter, Registry, Result};

use super::{MetricFamily, PartOutcome, counters};

/// The series of parts.
pub(super) struct PartsMetrics {
    parts: MetricFamily<PartOutcome, IntCounter>,
}

impl PartsMetrics {
    /// Makes all series, each at zero.
    pub(super) fn new(registry: &Registry) -> Result<Self> {
        Ok(Self {
            parts: counters(
                registry,
                "recto_parts_total",
                "Parts of long documents: stored, loaded in place of being read, already stored by another worker that read the same pages (duplicate), or removed as broken.",
            )?,
        })
    }

    /// Counts a part.
    pub(super) fn part(&self, outcome: PartOutcome) {
        self.parts.of(outcome).inc();
    }
}
