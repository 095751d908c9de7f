//! A worker's metrics, for Prometheus. Only this module knows their names.
//!
//! Callers report events in their own types. Label values come from closed sets, and all series are at zero from the
//! start, so that a rate is right from the first event on and an alert never waits for a series to appear.

mod reference;
mod labels;
mod jobs;
mod decoding;
mod fallback;
mod publisher;
mod parts;
pub(crate) mod events;
pub(crate) mod service;

use std::{
    marker::PhantomData,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prometheus::{
    Counter, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, Result, TextEncoder, core::Collector,
    process_collector::ProcessCollector,
};
use recto_pipeline::{engine::EngineUsage, sandbox::SandboxReport};
use recto_schemas::{FailureKind, PageOutcome, PageSummary, ResultState};

use decoding::DecodingMetrics;
use fallback::FallbackMetrics;
use jobs::JobMetrics;
pub(crate) use labels::{
    ConfirmOutcome, JobDisposition, JobStage, MetricLabel, PartOutcome, ReconnectPeer,
    TransferDirection,
};
use parts::PartsMetrics;
use publisher::PublisherMetrics;
pub(crate) use reference::reference;

/// Upper bounds of buckets in seconds, from a small page to the longest document.
const SECONDS: [f64; 17] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0,
    1800.0, 3600.0,
];

/// The build that runs here.
#[derive(Clone, Debug)]
pub(crate) struct BuildInfo<'a> {
    /// Version of this program.
    pub(crate) version: &'a str,
    /// Name of the engine.
    pub(crate) engine: &'a str,
    /// SHA-256 of its model's files, 64 hexadecimal digits.
    pub(crate) model_sha256: &'a str,
    /// The sandbox of rasterizer processes.
    pub(crate) sandbox: &'a SandboxReport,
}

/// A worker's metrics, in a registry of their own.
pub(crate) struct Metrics {
    registry: Registry,
    jobs: JobMetrics,
    jobs_in_flight: IntGauge,
    jobs_permits: IntGauge,
    ready: IntGauge,
    documents: MetricFamily<ResultState, IntCounter>,
    job_duration_seconds: Histogram,
    pages: MetricFamily<PageOutcome, IntCounter>,
    pages_skipped: IntCounter,
    pages_without_text: IntCounter,
    unread_ink_pages: Counter,
    stage_seconds: MetricFamily<JobStage, Histogram>,
    queue_wait_seconds: Histogram,
    bytes: MetricFamily<TransferDirection, IntCounter>,
    engine_workers: IntGauge,
    engine_busy_seconds: Counter,
    /// The engine's time that is in the counter. Held while any of the engine's counters is raised.
    engine_busy: Mutex<Duration>,
    decoding: DecodingMetrics,
    fallback: FallbackMetrics,
    reconnects: MetricFamily<ReconnectPeer, IntCounter>,
    publisher: PublisherMetrics,
    parts: PartsMetrics,
    stale_settlements: IntCounter,
    scratch_bytes: IntGauge,
    scratch_limit_bytes: IntGauge,
}

impl Metrics {
    /// Makes all series, each at zero. Of failed jobs, those for which `is_possible` is true.
    pub(crate) fn new(
        build: &BuildInfo<'_>,
        is_possible: impl Fn(JobDisposition, FailureKind) -> bool,
    ) -> Result<Self> {
        let registry = Registry::new();
        let r = &registry;
        process(r)?;
        build_info(r, build)?;
        sandbox_info(r, build.sandbox)?;
        let (pages, pages_skipped) = pages(r)?;
        Ok(Self {
            jobs: JobMetrics::new(r, is_possible)?,
            jobs_in_flight: gauge(r, "recto_jobs_in_flight", "Jobs being worked on.")?,
            jobs_permits: gauge(
                r,
                "recto_jobs_permits",
                "Maximum number of concurrent jobs.",
            )?,
            ready: gauge(
                r,
                "recto_ready",
                "1 while the worker takes jobs and broker, store, engine and disk are usable.",
            )?,
            documents: counters(r, "recto_documents_total", "Documents by how they ended.")?,
            job_duration_seconds: histogram(
                r,
                "recto_job_duration_seconds",
                "Time of one job, from its delivery until it is settled.",
            )?,
            pages,
            pages_skipped,
            pages_without_text: counter(
                r,
                "recto_pages_without_text_total",
                "Pages with something drawn on them on which no text was found.",
            )?,
            unread_ink_pages: unread_ink_pages(r)?,
            stage_seconds: histograms(
                r,
                "recto_stage_seconds",
                "Time by stage: fetch, read, store and publish of a document; raster, queue and engine of a page.",
            )?,
            queue_wait_seconds: histogram(
                r,
                "recto_queue_wait_seconds",
                "Time from a job's submission to its delivery.",
            )?,
            bytes: counters(
                r,
                "recto_bytes_total",
                "Bytes fetched from and stored in the store.",
            )?,
            engine_workers: gauge(
                r,
                "recto_engine_workers",
                "Threads or devices that run the model.",
            )?,
            engine_busy_seconds: busy_seconds(r)?,
            engine_busy: Mutex::default(),
            decoding: DecodingMetrics::new(r)?,
            fallback: FallbackMetrics::new(r)?,
            reconnects: counters(
                r,
                "recto_reconnects_total",
                "Connections made again after a loss.",
            )?,
            publisher: PublisherMetrics::new(r)?,
            parts: PartsMetrics::new(r)?,
            stale_settlements: counter(
                r,
                "recto_stale_settlements_total",
                "Settlements that came after their delivery's channel was gone; the broker delivers the job again.",
            )?,
            scratch_bytes: gauge(
                r,
                "recto_scratch_bytes",
                "Bytes in use in the scratch directory.",
            )?,
            scratch_limit_bytes: gauge(
                r,
                "recto_scratch_limit_bytes",
                "Maximum bytes in the scratch directory.",
            )?,
            registry,
        })
    }

    /// Everything in Prometheus' text format.
    pub(crate) fn encode(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_else(|error| {
                tracing::error!(%error, "the metrics cannot be written");
                String::new()
            })
    }

    /// Counts a job with a result, `took` after its delivery.
    pub(crate) fn job_done(&self, state: ResultState, took: Duration) {
        self.jobs.done(state);
        self.documents.of(state).inc();
        self.job_duration_seconds.observe(took.as_secs_f64());
    }

    /// Counts a job that failed.
    pub(crate) fn job_failed(&self, disposition: JobDisposition, kind: FailureKind) {
        self.jobs.failed(disposition, kind);
    }

    /// Counts a job that was dropped by an order.
    pub(crate) fn job_purged(&self) {
        self.jobs.purged();
    }

    /// Counts a job as in flight until the guard is dropped.
    pub(crate) fn job_in_flight(&self) -> InFlight {
        self.jobs_in_flight.inc();
        InFlight(self.jobs_in_flight.clone())
    }

    /// Number of jobs in flight.
    pub(crate) fn jobs_in_flight(&self) -> i64 {
        self.jobs_in_flight.get()
    }

    /// Sets the maximum number of concurrent jobs.
    pub(crate) fn permits(&self, jobs: usize) {
        self.jobs_permits.set(whole(jobs as u64));
    }

    /// Sets if the worker is ready, as `/readyz` reports it.
    pub(crate) fn ready(&self, ready: bool) {
        self.ready.set(ready.into());
    }

    /// Counts a page and its stages.
    pub(crate) fn page(&self, page: &PageSummary) {
        self.pages.of(page.outcome).inc();
        if page.has_no_text() {
            self.pages_without_text.inc();
        }
        if let Some(unread) = &page.unread {
            self.unread_ink_pages.inc_by(unread.share.into());
        }
        if let Some(decoding) = &page.decoding {
            self.decoding.page(decoding);
        }
        let timing = &page.timing;
        for (stage, seconds) in [
            (JobStage::Raster, timing.raster_s),
            (JobStage::Queue, timing.queue_s),
            (JobStage::Engine, timing.engine_s),
        ] {
            // A stage that the page did not go through would only pull the quantiles down.
            if seconds > 0.0 {
                self.stage_seconds.of(stage).observe(seconds);
            }
        }
    }

    /// Counts pages that were not read because their document has too many.
    pub(crate) fn pages_skipped(&self, pages: u32) {
        self.pages_skipped.inc_by(pages.into());
    }

    /// Counts a part of a long document.
    pub(crate) fn part(&self, outcome: PartOutcome) {
        self.parts.part(outcome);
    }

    /// Records the time of a stage.
    pub(crate) fn stage(&self, stage: JobStage, took: Duration) {
        self.stage_seconds.of(stage).observe(took.as_secs_f64());
    }

    /// Records the time from submission to delivery.
    pub(crate) fn queue_wait(&self, wait: Duration) {
        self.queue_wait_seconds.observe(wait.as_secs_f64());
    }

    /// Counts bytes between store and worker.
    pub(crate) fn bytes(&self, direction: TransferDirection, bytes: u64) {
        self.bytes.of(direction).inc_by(bytes);
    }

    /// Takes over the engine's counters; to be called at each scrape.
    pub(crate) fn observe_engine(&self, usage: EngineUsage) {
        self.engine_workers.set(usage.workers.into());
        let mut counted = self
            .engine_busy
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(decode) = &usage.decode {
            self.decoding.observe(decode);
        }
        if let Some(fallback) = &usage.fallback {
            self.fallback.observe(fallback);
        }
        if let Some(more) = usage.busy.checked_sub(*counted) {
            self.engine_busy_seconds.inc_by(more.as_secs_f64());
            *counted = usage.busy;
        }
    }

    /// Counts a connection that was made again.
    pub(crate) fn reconnected(&self, peer: ReconnectPeer) {
        self.reconnects.of(peer).inc();
    }

    /// Counts the broker's answer to a published message, so long after it.
    pub(crate) fn confirm(&self, outcome: ConfirmOutcome, took: Duration) {
        self.publisher.confirm(outcome, took);
    }

    /// Notes that the broker blocks connections that publish, until the next answer to a message.
    pub(crate) fn broker_blocked(&self) {
        self.publisher.blocked();
    }

    /// Counts a settlement that came after its delivery's channel was gone.
    pub(crate) fn stale_settlement(&self) {
        self.stale_settlements.inc();
    }

    /// Sets the use of the scratch directory; to be called at each scrape.
    pub(crate) fn scratch(&self, used_bytes: u64, limit_bytes: u64) {
        self.scratch_bytes.set(whole(used_bytes));
        self.scratch_limit_bytes.set(whole(limit_bytes));
    }
}

/// Guard of a job in flight.
#[must_use]
pub(crate) struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// One metric for each value of a label.
struct MetricFamily<L, M> {
    members: Vec<M>,
    label: PhantomData<fn(L)>,
}

impl<L: MetricLabel, M> MetricFamily<L, M> {
    fn new(member: impl Fn(&'static str) -> Result<M>) -> Result<Self> {
        Ok(Self {
            members: L::ALL
                .iter()
                .map(|value| member(value.as_str()))
                .collect::<Result<_>>()?,
            label: PhantomData,
        })
    }

    fn of(&self, label: L) -> &M {
        &self.members[label.index()]
    }
}

/// Pages that were read by their outcome, and those that were not because the document has too many.
fn pages(registry: &Registry) -> Result<(MetricFamily<PageOutcome, IntCounter>, IntCounter)> {
    let all = registered(
        registry,
        IntCounterVec::new(
            Opts::new("recto_pages_total", "Pages by how they ended."),
            &[PageOutcome::KEY],
        )?,
    )?;
    let family = MetricFamily::new(|outcome| all.get_metric_with_label_values(&[outcome]))?;
    Ok((family, all.get_metric_with_label_values(&["skipped"])?))
}

/// The series of the process itself, as Prometheus' client libraries name them.
fn process(registry: &Registry) -> Result<()> {
    registry.register(Box::new(ProcessCollector::for_self()))
}

fn build_info(registry: &Registry, build: &BuildInfo<'_>) -> Result<()> {
    let info = registered(
        registry,
        IntGaugeVec::new(
            Opts::new("recto_build_info", "1; what runs here is in the labels."),
            &["version", "engine", "model_sha256"],
        )?,
    )?;
    info.get_metric_with_label_values(&[build.version, build.engine, build.model_sha256])?
        .set(1);
    Ok(())
}

fn sandbox_info(registry: &Registry, report: &SandboxReport) -> Result<()> {
    let layers = report.layers();
    let info = registered(
        registry,
        IntGaugeVec::new(
            Opts::new(
                "recto_sandbox_info",
                "1; the layers of the sandbox of rasterizer processes are in the labels, active or missing.",
            ),
            &layers.map(|(name, _)| name),
        )?,
    )?;
    let states = layers.map(|(_, layer)| match layer.is_active() {
        true => "active",
        false => "missing",
    });
    info.get_metric_with_label_values(&states)?.set(1);
    Ok(())
}

fn unread_ink_pages(registry: &Registry) -> Result<Counter> {
    registered(
        registry,
        Counter::new(
            "recto_unread_ink_pages_total",
            "Ink of lines that were not read, in pages: the unread shares of all partial pages added up.",
        )?,
    )
}

fn busy_seconds(registry: &Registry) -> Result<Counter> {
    registered(
        registry,
        Counter::new(
            "recto_engine_busy_seconds_total",
            "Busy time of the engine's workers, all of them together.",
        )?,
    )
}

fn counter(registry: &Registry, name: &str, help: &str) -> Result<IntCounter> {
    registered(registry, IntCounter::new(name, help)?)
}

fn gauge(registry: &Registry, name: &str, help: &str) -> Result<IntGauge> {
    registered(registry, IntGauge::new(name, help)?)
}

fn histogram(registry: &Registry, name: &str, help: &str) -> Result<Histogram> {
    registered(registry, Histogram::with_opts(seconds(name, help))?)
}

fn counters<L: MetricLabel>(
    registry: &Registry,
    name: &str,
    help: &str,
) -> Result<MetricFamily<L, IntCounter>> {
    let all = registered(
        registry,
        IntCounterVec::new(Opts::new(name, help), &[L::KEY])?,
    )?;
    MetricFamily::new(|value| all.get_metric_with_label_values(&[value]))
}

fn histograms<L: MetricLabel>(
    registry: &Registry,
    name: &str,
    help: &str,
) -> Result<MetricFamily<L, Histogram>> {
    let all = registered(registry, HistogramVec::new(seconds(name, help), &[L::KEY])?)?;
    MetricFamily::new(|value| all.get_metric_with_label_values(&[value]))
}

fn seconds(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(SECONDS.to_vec())
}

fn registered<M: Collector + Clone + 'static>(registry: &Registry, metric: M) -> Result<M> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
