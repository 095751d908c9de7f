//! Policy: one exhaustive table from the kind of a failure to its owner, and to what a worker does about it.
//!
//! Only failures that the document or its job owns use up attempts and end a job. Those that may be the worker's, the
//! store's or the broker's are put to the test first: if the worker cannot do what a job does right after one has
//! failed, the job is given back as it came, and the worker takes no more until it can. A new kind does not compile
//! before it has a row.

use recto_schemas::FailureKind;

use crate::observe::{admin::HealthComponent, metrics::JobDisposition};

/// A worker's reaction to failures of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// The party that has to mend it, as far as the kind tells.
    pub(crate) owner: FailureOwner,
    /// The fate of the job.
    pub(crate) reaction: Reaction,
    /// Nothing mends it but a new process: the worker shuts down.
    pub(crate) restart: bool,
    /// The party at fault if a page fails so.
    pub(crate) page_fault: PageFault,
}

/// The party that has to mend what failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureOwner {
    /// The document: any worker would fail on it.
    Document,
    /// The job's message: any worker would refuse it.
    Job,
    /// This worker: its engine, disk, memory, settings or credentials.
    Worker,
    /// The store.
    Store,
    /// The broker.
    Broker,
    /// Nobody: the work was interrupted.
    Nobody,
}

impl FailureOwner {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Job => "job",
            Self::Worker => "worker",
            Self::Store => "store",
            Self::Broker => "broker",
            Self::Nobody => "nobody",
        }
    }
}

/// The fate of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// A dead letter at once: any other attempt would fail the same way.
    Final,
    /// An attempt is used up; after the last one a dead letter.
    Attempt,
    /// The same if this component passes a test right afterwards; else the failure is not the job's, which is given
    /// back uncounted, and the worker takes no more jobs until the component is well.
    Test(HealthComponent),
    /// The store's word on one object, which may be true of this worker only: it takes a test of the store, and
    /// another worker that says the same, or all attempts.
    SecondOpinion {
        /// A store that just gave another object needs no second opinion.
        unless_proven: bool,
    },
    /// The job is given back uncounted.
    Requeue,
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
    const fn of(owner: FailureOwner, reaction: Reaction) -> Self {
        Self {
            owner,
            reaction,
            restart: false,
            page_fault: PageFault::Document,
        }
    }
}

/// The policy for failures of a kind.
pub(crate) fn policy(kind: FailureKind) -> Policy {
    use FailureKind as Kind;
    use FailureOwner as Owner;
    match kind {
        Kind::NotReadable
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
        | Kind::NoPrediction
        | Kind::PathOutside => Policy::of(Owner::Document, Reaction::Final),
        // The worker's own count of crashes, and the broker's verdicts, which come with dead letters.
        Kind::PoisonMessage
        | Kind::DeliveryLimit
        | Kind::Rejected
        | Kind::Expired
        | Kind::Maxlen => Policy::of(Owner::Document, Reaction::Final),
        Kind::BadMessage | Kind::UnknownVersion | Kind::BadUri | Kind::JobCancelled => {
            Policy::of(Owner::Job, Reaction::Final)
        }
        Kind::OutOfMemory | Kind::Crashed | Kind::Panic | Kind::Other => {
            Policy::of(Owner::Document, Reaction::Attempt)
        }
        Kind::NoSuchObject | Kind::NoSuchBucket => Policy::of(
            Owner::Job,
            Reaction::SecondOpinion {
                unless_proven: true,
            },
        ),
        // Another worker may have other credentials, another file root or a second reader; and a document that was
        // replaced between two looks is found at the second one.
        Kind::AccessDenied
        | Kind::BadRequest
        | Kind::SourceChanged
        | Kind::NotAllowed
        | Kind::EngineUnavailable => Policy::of(
            Owner::Job,
            Reaction::SecondOpinion {
                unless_proven: false,
            },
        ),
        Kind::StoreUnavailable => Policy::of(Owner::Store, Reaction::Test(HealthComponent::Store)),
        Kind::BadCredentials | Kind::NotConfigured => {
            Policy::of(Owner::Worker, Reaction::Test(HealthComponent::Store))
        }
        Kind::DiskFull | Kind::ResultNotWritten => {
            Policy::of(Owner::Worker, Reaction::Test(HealthComponent::Disk))
        }
        Kind::Io => Policy {
            page_fault: PageFault::Machine,
            ..Policy::of(Owner::Worker, Reaction::Test(HealthComponent::Disk))
        },
        Kind::EngineStopped | Kind::PdfiumMissing | Kind::SandboxMissing => Policy {
            restart: true,
            page_fault: PageFault::Machine,
            ..Policy::of(Owner::Worker, Reaction::Requeue)
        },
        // Of a message that the broker does not take, only a new attempt to send it comes: see the consumer.
        Kind::Unroutable | Kind::Nacked | Kind::ConfirmTimeout | Kind::BrokerLost => {
            Policy::of(Owner::Broker, Reaction::Requeue)
        }
        Kind::Shutdown | Kind::Cancelled => Policy::of(Owner::Nobody, Reaction::Requeue),
    }
}

/// Returns true if a page that failed so may be read by another attempt: time, memory or the machine had a part in it. A
/// result with such a page is not read again by itself, but it does not keep another job from reading the document.
pub(crate) fn may_pass(kind: FailureKind) -> bool {
    use FailureKind as Kind;
    policy(kind).page_fault == PageFault::Machine
        || matches!(
            kind,
            Kind::PageTimeout
                | Kind::DocumentTimeout
                | Kind::OutOfMemory
                | Kind::Crashed
                | Kind::EngineFailed
        )
}

/// Returns true if a job that failed with `kind` can have this disposition: its series are there from the start.
pub(crate) fn is_possible(disposition: JobDisposition, kind: FailureKind) -> bool {
    let reaction = policy(kind).reaction;
    match disposition {
        JobDisposition::Ack => false,
        JobDisposition::DeadLetter => reaction != Reaction::Requeue,
        JobDisposition::Retry => !matches!(reaction, Reaction::Requeue | Reaction::Final),
        JobDisposition::Requeue => !matches!(reaction, Reaction::Attempt | Reaction::Final),
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
    fn only_documents_and_jobs_end_a_job_without_a_test_of_the_worker() {
        let untested = |policy: Policy| {
            matches!(
                policy.reaction,
                Reaction::Final | Reaction::Attempt | Reaction::SecondOpinion { .. }
            )
        };
        for kind in kinds(untested) {
            let owner = policy(kind).owner;
            assert!(
                matches!(owner, FailureOwner::Document | FailureOwner::Job),
                "{kind}: {owner:?}"
            );
        }
        for kind in kinds(|policy| policy.owner == FailureOwner::Broker) {
            assert_eq!(policy(kind).reaction, Reaction::Requeue, "{kind}");
        }
    }

    #[test]
    fn the_worker_stops_only_for_what_a_new_process_mends() {
        use FailureKind as Kind;
        assert_eq!(
            kinds(|policy| policy.restart),
            [
                Kind::EngineStopped,
                Kind::PdfiumMissing,
                Kind::SandboxMissing
            ]
        );
        assert_eq!(
            kinds(|policy| policy.page_fault == PageFault::Machine),
            [
                Kind::EngineStopped,
                Kind::PdfiumMissing,
                Kind::SandboxMissing,
                Kind::Io
            ]
        );
        assert_eq!(
            kinds(|policy| policy.owner == FailureOwner::Nobody),
            [Kind::Shutdown, Kind::Cancelled]
        );
    }
}
