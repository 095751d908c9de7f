//! Policy: one exhaustive table from the kind of a failure to what a worker does about it.
//!
//! Everything that depends on a kind is here: another attempt or none, the worker's health, the wait before the next job,
//! and whether a page that failed so is lost to its document or to this machine. A new kind does not compile before
//! it has a row.

use recto_schemas::FailureKind;

use crate::observe::{admin::HealthComponent, metrics::JobDisposition};

/// A worker's reaction to failures of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The prospect of another attempt.
    pub(crate) retry: Retryability,
    /// The component that is not usable until its next probe, if the failure says so.
    pub(crate) unhealthy: Option<HealthComponent>,
    /// Nothing mends it but a new process: the worker shuts down.
    pub(crate) restart: bool,
    /// The next job would fail the same way: the worker waits before it takes one.
    pub(crate) backoff: bool,
    /// The party at fault if a page fails so.
    pub(crate) page_fault: PageFault,
}

/// The prospect of another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retryability {
    /// Fail the same way.
    Permanent,
    /// Perhaps succeed.
    Transient,
    /// Nothing was wrong: the worker was asked to stop.
    Interrupted,
}

/// The party at fault if a page fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PageFault {
    /// The document or its limits: the page failed, and its document has a result.
    Document,
    /// This machine: the document has no result, and its job fails.
    Machine,
}

impl Policy {
    const PERMANENT: Self = Self {
        retry: Retryability::Permanent,
        unhealthy: None,
        restart: false,
        backoff: false,
        page_fault: PageFault::Document,
    };
    const TRANSIENT: Self = Self {
        retry: Retryability::Transient,
        ..Self::PERMANENT
    };
    const INTERRUPTED: Self = Self {
        retry: Retryability::Interrupted,
        ..Self::PERMANENT
    };
}

/// The policy for failures of a kind.
pub(crate) fn policy(kind: FailureKind) -> Policy {
    use FailureKind as Kind;
    match kind {
        Kind::BadMessage
        | Kind::UnknownVersion
        | Kind::NotAllowed
        | Kind::EngineUnavailable
        | Kind::PoisonMessage
        | Kind::NoSuchObject
        | Kind::NoSuchBucket
        | Kind::BadRequest
        | Kind::BadUri
        | Kind::SourceChanged
        | Kind::NotReadable
        | Kind::NotADocument
        | Kind::Damaged
        | Kind::NoPages
        | Kind::Encrypted
        | Kind::WrongPassword
        | Kind::Unsupported
        | Kind::DocumentTooLarge
        | Kind::PageTooLarge
        | Kind::NoSuchPage
        | Kind::PageTimeout
        | Kind::PageDamaged
        | Kind::PageLimit
        | Kind::DocumentTimeout
        | Kind::EngineFailed
        | Kind::Repetition
        | Kind::DeliveryLimit
        | Kind::Rejected
        | Kind::Expired
        | Kind::Maxlen
        | Kind::NoPrediction
        | Kind::PathOutside => Policy::PERMANENT,
        Kind::AccessDenied
        | Kind::NotConfigured
        | Kind::OutOfMemory
        | Kind::Crashed
        | Kind::ResultNotWritten
        | Kind::Panic
        | Kind::Unroutable
        | Kind::Nacked
        | Kind::ConfirmTimeout
        | Kind::BrokerLost
        | Kind::Other => Policy::TRANSIENT,
        // A worker without its store or disk must not be the fastest of its fleet, and run the whole queue through
        // its retries.
        Kind::StoreUnavailable => Policy {
            unhealthy: Some(HealthComponent::Store),
            backoff: true,
            ..Policy::TRANSIENT
        },
        Kind::DiskFull => Policy {
            unhealthy: Some(HealthComponent::Disk),
            backoff: true,
            ..Policy::TRANSIENT
        },
        Kind::EngineStopped | Kind::PdfiumMissing => Policy {
            unhealthy: Some(HealthComponent::Engine),
            restart: true,
            page_fault: PageFault::Machine,
            ..Policy::TRANSIENT
        },
        Kind::Io => Policy {
            page_fault: PageFault::Machine,
            ..Policy::TRANSIENT
        },
        Kind::Shutdown | Kind::Cancelled => Policy::INTERRUPTED,
    }
}

/// Returns true if a job that failed with `kind` can have this disposition: its series are there from the start.
pub(crate) fn is_possible(disposition: JobDisposition, kind: FailureKind) -> bool {
    match (disposition, policy(kind).retry) {
        (JobDisposition::DeadLetter, Retryability::Permanent | Retryability::Transient)
        | (JobDisposition::Retry, Retryability::Transient)
        | (JobDisposition::Requeue, Retryability::Interrupted) => true,
        (
            JobDisposition::Ack
            | JobDisposition::DeadLetter
            | JobDisposition::Retry
            | JobDisposition::Requeue,
            _,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(wanted: impl Fn(Policy) -> bool) -> Vec<FailureKind> {
        let all = FailureKind::ALL.iter().copied();
        all.filter(|kind| wanted(policy(*kind))).collect()
    }

    #[test]
    fn the_worker_stops_only_for_what_a_new_process_mends() {
        use FailureKind as Kind;
        assert_eq!(
            kinds(|policy| policy.restart),
            [Kind::EngineStopped, Kind::PdfiumMissing]
        );
        assert_eq!(
            kinds(|policy| policy.backoff),
            [Kind::StoreUnavailable, Kind::DiskFull]
        );
        assert_eq!(
            kinds(|policy| policy.page_fault == PageFault::Machine),
            [Kind::EngineStopped, Kind::PdfiumMissing, Kind::Io]
        );
        assert_eq!(
            kinds(|policy| policy.retry == Retryability::Interrupted),
            [Kind::Shutdown, Kind::Cancelled]
        );
    }

    /// It used to be counted and told as `io`.
    #[test]
    fn a_result_that_could_not_be_written_is_tried_again() {
        let policy = policy(FailureKind::ResultNotWritten);
        assert_eq!(policy.retry, Retryability::Transient);
    }
}
