//! Metrics of an engine with a decoder: tokens, batches, and the attempts that pages took.

use prometheus::{IntCounter, Registry, Result};
use recto_pipeline::engine::DecodeUsage;
use recto_schemas::{AttemptKind, DecodingReport, RejectionKind};

use super::{MetricFamily, counter, counters};

/// The decoder's series; they stay at zero if the engine has none.
pub(super) struct DecodingMetrics {
    steps: IntCounter,
    rows: IntCounter,
    tokens: IntCounter,
    views: IntCounter,
    loops: IntCounter,
    attempts: MetricFamily<AttemptKind, IntCounter>,
    rejections: MetricFamily<RejectionKind, IntCounter>,
}

impl DecodingMetrics {
    /// Makes all series, each at zero.
    pub(super) fn new(registry: &Registry) -> Result<Self> {
        let count = |name, help| counter(registry, name, help);
        Ok(Self {
            steps: count(
                "recto_decode_steps_total",
                "Decode steps, each of which gives every sequence of the batch its next token.",
            )?,
            rows: count(
                "recto_decode_rows_total",
                "Sequences of all decode steps; divided by the steps, the mean batch size.",
            )?,
            tokens: count("recto_decode_tokens_total", "Tokens decoded.")?,
            views: count(
                "recto_encode_views_total",
                "Views of pages that the vision encoder encoded.",
            )?,
            loops: count(
                "recto_decode_loops_total",
                "Sequences that were cut because they repeated themselves.",
            )?,
            attempts: counters(
                registry,
                "recto_page_attempts_total",
                "Attempts at reading pages, by their method.",
            )?,
            rejections: counters(
                registry,
                "recto_page_rejections_total",
                "Attempts whose text was rejected, by reason.",
            )?,
        })
    }

    /// Takes over the decoder's counters; to be called at each scrape.
    pub(super) fn observe(&self, usage: &DecodeUsage) {
        for (count, total) in [
            (&self.steps, usage.steps),
            (&self.rows, usage.rows),
            (&self.tokens, usage.tokens),
            (&self.views, usage.views),
            (&self.loops, usage.loops),
        ] {
            count.inc_by(total.saturating_sub(count.get()));
        }
    }

    /// Counts the reading of a page.
    pub(super) fn page(&self, decoding: &DecodingReport) {
        if decoding.attempts.is_empty() {
            let only = match decoding.pages_in_pass {
                0 | 1 => AttemptKind::Single,
                _ => AttemptKind::Pass,
            };
            self.attempts.of(only).inc();
        }
        for attempt in &decoding.attempts {
            self.attempts.of(attempt.method).inc();
            if let Some(rejected) = attempt.rejected {
                self.rejections.of(rejected).inc();
            }
        }
    }
}
