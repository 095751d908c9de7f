//! Metrics of the ends of jobs.

use prometheus::{IntCounter, IntCounterVec, Opts, Registry, Result};
use recto_schemas::{FailureKind, ResultState};

use super::{JobDisposition, MetricLabel, counter, registered};

/// The series of jobs that have ended, or whose message has been settled.
pub(super) struct JobMetrics {
    jobs: IntCounterVec,
    retries: IntCounterVec,
    dead_letters: IntCounterVec,
    purged: IntCounter,
}

impl JobMetrics {
    /// Makes all series, each at zero. Of failed jobs, those for which `is_possible` is true.
    pub(super) fn new(
        registry: &Registry,
        is_possible: impl Fn(JobDisposition, FailureKind) -> bool,
    ) -> Result<Self> {
        Ok(Self {
            jobs: jobs(registry, &is_possible)?,
            retries: failures(
                registry,
                "recto_retries_total",
                "Jobs put into a delay queue to be tried again.",
                |kind| is_possible(JobDisposition::Retry, kind),
            )?,
            dead_letters: failures(
                registry,
                "recto_dead_letters_total",
                "Jobs that ended in the dead-letter queue.",
                |kind| is_possible(JobDisposition::DeadLetter, kind),
            )?,
            purged: counter(
                registry,
                "recto_jobs_purged_total",
                "Jobs dropped by an order (`recto queues purge`), without a result or a dead letter.",
            )?,
        })
    }

    /// Counts a job with a result.
    pub(super) fn done(&self, state: ResultState) {
        let labels = [JobDisposition::Ack.as_str(), state.as_str()];
        self.jobs.with_label_values(&labels).inc();
    }

    /// Counts a job that failed.
    pub(super) fn failed(&self, disposition: JobDisposition, kind: FailureKind) {
        let labels = [disposition.as_str(), kind.as_str()];
        self.jobs.with_label_values(&labels).inc();
        let own = match disposition {
            JobDisposition::Retry => &self.retries,
            JobDisposition::DeadLetter => &self.dead_letters,
            JobDisposition::Ack | JobDisposition::Requeue => return,
        };
        own.with_label_values(&[kind.as_str()]).inc();
    }

    /// Counts a job that was dropped by an order.
    pub(super) fn purged(&self) {
        self.purged.inc();
    }
}

fn jobs(
    registry: &Registry,
    is_possible: impl Fn(JobDisposition, FailureKind) -> bool,
) -> Result<IntCounterVec> {
    let jobs = registered(
        registry,
        IntCounterVec::new(
            Opts::new("recto_jobs_total", "Jobs by disposition and kind."),
            &[JobDisposition::KEY, FailureKind::KEY],
        )?,
    )?;
    for state in ResultState::ALL {
        jobs.get_metric_with_label_values(&[JobDisposition::Ack.as_str(), state.as_str()])?;
    }
    for disposition in JobDisposition::ALL {
        for kind in FailureKind::ALL {
            if is_possible(*disposition, *kind) {
                jobs.get_metric_with_label_values(&[disposition.as_str(), kind.as_str()])?;
            }
        }
    }
    Ok(jobs)
}

fn failures(
    registry: &Registry,
    name: &str,
    help: &str,
    is_possible: impl Fn(FailureKind) -> bool,
) -> Result<IntCounterVec> {
    let all = registered(
        registry,
        IntCounterVec::new(Opts::new(name, help), &[FailureKind::KEY])?,
    )?;
    for kind in FailureKind::ALL.iter().filter(|kind| is_possible(**kind)) {
        all.get_metric_with_label_values(&[kind.as_str()])?;
    }
    Ok(all)
}
