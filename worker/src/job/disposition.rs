//! Dispositions of messages: one pure table from a failure and what the worker knows about itself.

use super::policy::Reaction;
use crate::observe::metrics::{JobDisposition, MetricLabel};

/// The disposition of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// No further attempt would help: the job moves to the dead-letter queue with its reason.
    DeadLetter,
    /// Tried again after the delay of this step, counted from 0.
    Retry {
        /// Which of the delay queues.
        step: usize,
    },
    /// Given back to the queue as it came, for another worker: no attempt is counted.
    Requeue,
}

/// The word of a test of the worker, right after the failure, on who owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The same component did the same for another job: the failure is this job's.
    Proven,
    /// Nothing speaks against the worker.
    Plausible,
    /// The worker cannot do what any job needs, for this reason: the failure is not the job's.
    Unfit(String),
}

/// A failed job's circumstances.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    /// The test of the worker.
    pub(crate) evidence: &'a Evidence,
    /// Another worker has failed on this job in the same way.
    pub(crate) seconded: bool,
    /// So many jobs in a row failed alike here that it may be this worker: see the consumer's suspension.
    pub(crate) suspicious: bool,
    /// Earlier attempts.
    pub(crate) attempts: u32,
    /// Number of delay queues.
    pub(crate) steps: usize,
}

impl Disposition {
    /// The disposition of a job that failed with a kind of this reaction.
    pub(crate) fn of(reaction: Reaction, circumstances: Circumstances<'_>) -> Self {
        let Circumstances {
            evidence,
            seconded,
            suspicious,
            attempts,
            steps,
        } = circumstances;
        let attempt = match usize::try_from(attempts) {
            Ok(step) if step < steps => Self::Retry { step },
            _ => Self::DeadLetter,
        };
        match reaction {
            Reaction::Final => Self::DeadLetter,
            Reaction::Attempt => attempt,
            Reaction::Requeue => Self::Requeue,
            Reaction::Test(_) | Reaction::SecondOpinion { .. }
                if matches!(evidence, Evidence::Unfit(_)) =>
            {
                Self::Requeue
            }
            Reaction::Test(_) => attempt,
            Reaction::SecondOpinion { unless_proven }
                if unless_proven && *evidence == Evidence::Proven =>
            {
                Self::DeadLetter
            }
            Reaction::SecondOpinion { .. } if seconded => Self::DeadLetter,
            Reaction::SecondOpinion { .. } if suspicious => Self::Requeue,
            Reaction::SecondOpinion { .. } => attempt,
        }
    }

    /// The value it is counted as.
    pub(crate) fn label(self) -> JobDisposition {
        match self {
            Self::DeadLetter => JobDisposition::DeadLetter,
            Self::Retry { .. } => JobDisposition::Retry,
            Self::Requeue => JobDisposition::Requeue,
        }
    }

    /// The word it is logged as.
    pub(crate) fn as_str(self) -> &'static str {
        self.label().as_str()
    }
}

#[cfg(test)]
mod tests {
    use recto_schemas::FailureKind as Kind;

    use super::*;
    use crate::job::policy::policy;

    const CALM: Circumstances<'static> = Circumstances {
        evidence: &Evidence::Plausible,
        seconded: false,
        suspicious: false,
        attempts: 0,
        steps: 3,
    };

    fn of(kind: Kind, circumstances: Circumstances<'_>) -> Disposition {
        Disposition::of(policy(kind).reaction, circumstances)
    }

    #[test]
    fn a_documents_own_failure_ends_its_job_and_a_crash_after_all_attempts() {
        for kind in [
            Kind::BadMessage,
            Kind::NotADocument,
            Kind::Encrypted,
            Kind::PoisonMessage,
        ] {
            assert_eq!(of(kind, CALM), Disposition::DeadLetter, "{kind}");
        }
        for kind in [Kind::OutOfMemory, Kind::Panic, Kind::Crashed] {
            assert_eq!(of(kind, CALM), Disposition::Retry { step: 0 }, "{kind}");
            let last = Circumstances {
                attempts: 2,
                ..CALM
            };
            assert_eq!(of(kind, last), Disposition::Retry { step: 2 }, "{kind}");
            let over = Circumstances {
                attempts: 3,
                ..CALM
            };
            assert_eq!(of(kind, over), Disposition::DeadLetter, "{kind}");
        }
    }

    #[test]
    fn an_unfit_worker_counts_nothing_against_a_job() {
        let unfit = Evidence::Unfit("it does not answer".to_owned());
        for kind in [
            Kind::StoreUnavailable,
            Kind::BadCredentials,
            Kind::DiskFull,
            Kind::NoSuchObject,
            Kind::AccessDenied,
            Kind::BadRequest,
        ] {
            let sick = Circumstances {
                evidence: &unfit,
                seconded: true,
                attempts: 9,
                ..CALM
            };
            assert_eq!(of(kind, sick), Disposition::Requeue, "{kind}");
        }
        for kind in [Kind::Shutdown, Kind::EngineStopped, Kind::Nacked] {
            let late = Circumstances {
                attempts: 9,
                ..CALM
            };
            assert_eq!(of(kind, late), Disposition::Requeue, "{kind}");
        }
    }

    #[test]
    fn the_stores_word_on_an_object_takes_a_second_opinion() {
        let retry = Disposition::Retry { step: 0 };
        assert_eq!(of(Kind::NoSuchObject, CALM), retry);
        let seconded = Circumstances {
            seconded: true,
            ..CALM
        };
        assert_eq!(of(Kind::NoSuchObject, seconded), Disposition::DeadLetter);
        let proven = Circumstances {
            evidence: &Evidence::Proven,
            ..CALM
        };
        assert_eq!(of(Kind::NoSuchObject, proven), Disposition::DeadLetter);
        assert_eq!(of(Kind::AccessDenied, proven), retry);
        let suspicious = Circumstances {
            suspicious: true,
            attempts: 9,
            ..CALM
        };
        assert_eq!(of(Kind::NoSuchObject, suspicious), Disposition::Requeue);
    }
}
