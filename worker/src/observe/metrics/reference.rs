//! Reference of the metrics: names, types, labels and help of every series that a worker or the service has.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use prometheus::{Registry, Result, proto::MetricType};
use recto_pipeline::sandbox::SandboxReport;
use recto_schemas::FailureKind;

use super::{BuildInfo, JobDisposition, Metrics, events::EventMetrics, service::ServiceMetrics};

/// A metric as it is known before anything was counted.
pub(crate) struct MetricReference {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// Labels, each with the values it has from the start.
    pub(crate) labels: BTreeMap<String, BTreeSet<String>>,
    pub(crate) help: String,
}

/// Every metric of a worker and of the service, by name.
pub(crate) fn reference(
    is_possible: impl Fn(JobDisposition, FailureKind) -> bool,
) -> Result<Vec<MetricReference>> {
    let build = BuildInfo {
        version: "0.0.0",
        engine: "ppocr",
        model_sha256: "…",
        sandbox: &SandboxReport::ALL_ACTIVE,
    };
    let metrics = Metrics::new(&build, is_possible)?;
    let service = Registry::new();
    EventMetrics::new(&service)?;
    let service = ServiceMetrics::new(service, None)?;
    service.request("GET", "/v1/jobs", 200, Duration::ZERO);
    let mut families = metrics.registry.gather();
    families.extend(service.gather());
    families.sort_by(|a, b| a.name().cmp(b.name()));
    let of_recto = families
        .iter()
        .filter(|family| family.name().starts_with("recto_"));
    Ok(of_recto
        .map(|family| {
            let mut labels: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for pair in family
                .get_metric()
                .iter()
                .flat_map(|metric| metric.get_label())
            {
                let values = labels.entry(pair.name().to_owned()).or_default();
                values.insert(pair.value().to_owned());
            }
            MetricReference {
                name: family.name().to_owned(),
                kind: kind(family.get_field_type()),
                labels,
                help: family.help().to_owned(),
            }
        })
        .collect())
}

fn kind(kind: MetricType) -> &'static str {
    match kind {
        MetricType::COUNTER => "counter",
        MetricType::GAUGE => "gauge",
        MetricType::HISTOGRAM => "histogram",
        MetricType::SUMMARY => "summary",
        MetricType::UNTYPED => "untyped",
    }
}
