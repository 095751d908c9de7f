//! Dispositions of messages: one pure table from the outcome of the job.

use recto_schemas::ResultState;

use super::failure::{JobFailure, Retryability};

/// The disposition of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// The result is stored and its message confirmed: the job leaves the queue.
    Ack,
    /// No further try would help: the job moves to the dead-letter queue with its reason.
    DeadLetter,
    /// Tried again after the delay of this step, counted from 0.
    Retry {
        /// Which of the delay queues.
        step: usize,
    },
    /// Given back to the queue as it is, for another worker.
    HandBack,
}

impl Disposition {
    /// Every word of [`Disposition::as_str`].
    pub(crate) const ALL: [&str; 4] = ["ack", "dead-letter", "retry", "hand-back"];

    /// The word it is logged and counted as.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ack => Self::ALL[0],
            Self::DeadLetter => Self::ALL[1],
            Self::Retry { .. } => Self::ALL[2],
            Self::HandBack => Self::ALL[3],
        }
    }
}

/// The verdict on a job that ended like this after `attempts` earlier tries, if there are `steps` delays.
pub(crate) fn verdict(
    ended: Result<ResultState, &JobFailure>,
    attempts: u32,
    steps: usize,
) -> Disposition {
    let step = usize::try_from(attempts).unwrap_or(usize::MAX);
    match ended.map_err(JobFailure::nature) {
        Ok(
            ResultState::Done | ResultState::Partial | ResultState::Failed | ResultState::Skipped,
        ) => Disposition::Ack,
        Err(Retryability::Interrupted) => Disposition::HandBack,
        Err(Retryability::Transient) if step < steps => Disposition::Retry { step },
        Err(Retryability::Transient | Retryability::Permanent) => Disposition::DeadLetter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::failure::FailureStage;

    #[test]
    fn each_way_to_end_has_its_verdict() {
        let failed = |kind: &str, attempts| {
            verdict(
                Err(&JobFailure::new(FailureStage::Read, kind, "")),
                attempts,
                3,
            )
        };
        for state in ResultState::ALL {
            assert_eq!(verdict(Ok(state), 0, 3), Disposition::Ack);
        }
        for kind in [
            "bad-message",
            "unknown-version",
            "no-such-object",
            "not-a-document",
            "encrypted",
            "document-too-large",
            "engine-unavailable",
            "crash-loop",
        ] {
            assert_eq!(failed(kind, 0), Disposition::DeadLetter, "{kind}");
        }
        for kind in [
            "store-unavailable",
            "unroutable",
            "out-of-memory",
            "disk-full",
            "panic",
        ] {
            assert_eq!(failed(kind, 0), Disposition::Retry { step: 0 }, "{kind}");
            assert_eq!(failed(kind, 2), Disposition::Retry { step: 2 }, "{kind}");
            assert_eq!(failed(kind, 3), Disposition::DeadLetter, "{kind}");
        }
        assert_eq!(failed("drain", 9), Disposition::HandBack);
    }
}
