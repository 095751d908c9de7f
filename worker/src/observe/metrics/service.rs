//! Metrics of the service, with those of events and of a worker in the same process.

use std::{sync::Arc, time::Duration};

use prometheus::{HistogramOpts, HistogramVec, Registry, Result, TextEncoder, proto::MetricFamily};

use super::{Metrics, SECONDS, process, registered};

/// The service's metrics.
pub(crate) struct ServiceMetrics {
    registry: Registry,
    requests: HistogramVec,
    worker: Option<Arc<Metrics>>,
}

impl ServiceMetrics {
    /// Adds the series of the service to a registry that has those of events. Those of a worker stand beside them.
    ///
    /// # Errors
    /// The registry has them already.
    pub(crate) fn new(registry: Registry, worker: Option<Arc<Metrics>>) -> Result<Self> {
        let requests = HistogramOpts::new(
            "recto_http_request_duration_seconds",
            "Time from a request until its answer begins, by route and status.",
        );
        let requests = HistogramVec::new(
            requests.buckets(SECONDS.to_vec()),
            &["method", "route", "status"],
        )?;
        // A worker's registry has the process already.
        if worker.is_none() {
            process(&registry)?;
        }
        Ok(Self {
            requests: registered(&registry, requests)?,
            registry,
            worker,
        })
    }

    /// Notes an answer. The route is one of the service's own.
    pub(crate) fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.requests
            .with_label_values(&[method, route, &status.to_string()])
            .observe(took.as_secs_f64());
    }

    /// The families of the service itself.
    pub(super) fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    /// All series, for Prometheus.
    pub(crate) fn encode(&self) -> String {
        let own = TextEncoder::new().encode_to_string(&self.registry.gather());
        let worker = self.worker.as_ref().map(|worker| worker.encode());
        own.unwrap_or_default() + &worker.unwrap_or_default()
    }
}
