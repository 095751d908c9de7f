//! Metrics of events, in the registry of whoever takes them.

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, Result};

pub(crate) use super::labels::{EventOrigin, EventOutcome};
use super::{MetricFamily, labels::MetricLabel, registered};

/// Upper bounds of buckets in seconds: an event comes in moments, or after the hours of an outage.
const AGES_S: [f64; 10] = [
    0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 21_600.0, 86_400.0,
];

/// The series of events.
pub(crate) struct EventMetrics {
    /// For each origin, by outcome.
    events: Vec<MetricFamily<EventOutcome, IntCounter>>,
    age_seconds: Histogram,
}

impl EventMetrics {
    /// Makes all series, each at zero.
    ///
    /// # Errors
    /// The registry has them already.
    pub(crate) fn new(registry: &Registry) -> Result<Self> {
        let all = IntCounterVec::new(
            Opts::new(
                "recto_events_total",
                "Objects that events, requests and sweeps told of, by what became of each.",
            ),
            &[EventOrigin::KEY, EventOutcome::KEY],
        )?;
        let all = registered(registry, all)?;
        let events = EventOrigin::ALL.iter().map(|origin| {
            MetricFamily::new(|outcome| {
                all.get_metric_with_label_values(&[origin.as_str(), outcome])
            })
        });
        let age = HistogramOpts::new(
            "recto_event_age_seconds",
            "Time from an event at the store until it is settled here.",
        );
        Ok(Self {
            events: events.collect::<Result<_>>()?,
            age_seconds: registered(
                registry,
                Histogram::with_opts(age.buckets(AGES_S.to_vec()))?,
            )?,
        })
    }

    /// Counts an object.
    pub(crate) fn count(&self, origin: EventOrigin, outcome: EventOutcome) {
        self.events[origin.index()].of(outcome).inc();
    }

    /// Notes how old a settled event is.
    pub(crate) fn age(&self, seconds: f64) {
        self.age_seconds.observe(seconds.max(0.0));
    }
}
