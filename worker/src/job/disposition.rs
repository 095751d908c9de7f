//! Dispositions of messages: one pure table from the outcome of the job.

use recto_schemas::ResultState;

use super::{
    failure::JobFailure,
    policy::{Retryability, policy},
};
use crate::observe::metrics::{JobDisposition, MetricLabel};

/// The disposition of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// The result is stored and its message confirmed: the job leaves the queue.
    Ack,
    /// No further attempt would help: the job moves to the dead-letter queue with its reason.
    DeadLetter,
    /// Tried again after the delay of this step, counted from 0.
    Retry {
        /// Which of the delay queues.
        step: usize,
    },
    /// Given back to the queue as it is, for another worker.
    Requeue,
}

impl Disposition {
    /// The disposition of a job that ended like this after `attempts` earlier attempts, with `steps` delay queues.
    pub(crate) fn of(ended: Result<ResultState, &JobFailure>, attempts: u32, steps: usize) -> Self {
        let step = usize::try_from(attempts).unwrap_or(usize::MAX);
        match ended.map_err(|failure| policy(failure.kind).retry) {
            Ok(
                ResultState::Done
                | ResultState::Partial
                | ResultState::Failed
                | ResultState::Skipped,
            ) => Self::Ack,
            Err(Retryability::Interrupted) => Self::Requeue,
            Err(Retryability::Transient) if step < steps => Self::Retry { step },
            Err(Retryability::Transient | Retryability::Permanent) => Self::DeadLetter,
        }
    }

    /// The value it is counted as.
    pub(crate) fn label(self) -> JobDisposition {
        match self {
            Self::Ack => JobDisposition::Ack,
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
    use recto_schemas::{FailureKind as Kind, FailureStage};

    use super::*;

    #[test]
    fn each_way_to_end_has_its_disposition() {
        let failed = |kind, attempts| {
            Disposition::of(
                Err(&JobFailure::new(FailureStage::Read, kind, "")),
                attempts,
                3,
            )
        };
        for state in ResultState::ALL {
            assert_eq!(Disposition::of(Ok(state), 0, 3), Disposition::Ack);
        }
        for kind in [
            Kind::BadMessage,
            Kind::UnknownVersion,
            Kind::NoSuchObject,
            Kind::NotADocument,
            Kind::Encrypted,
            Kind::DocumentTooLarge,
            Kind::EngineUnavailable,
            Kind::PoisonMessage,
        ] {
            assert_eq!(failed(kind, 0), Disposition::DeadLetter, "{kind}");
        }
        for kind in [
            Kind::StoreUnavailable,
            Kind::Unroutable,
            Kind::OutOfMemory,
            Kind::DiskFull,
            Kind::Panic,
        ] {
            assert_eq!(failed(kind, 0), Disposition::Retry { step: 0 }, "{kind}");
            assert_eq!(failed(kind, 2), Disposition::Retry { step: 2 }, "{kind}");
            assert_eq!(failed(kind, 3), Disposition::DeadLetter, "{kind}");
        }
        assert_eq!(failed(Kind::Shutdown, 9), Disposition::Requeue);
    }
}
