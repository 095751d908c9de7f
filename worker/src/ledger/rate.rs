//! [`Rate`]: how fast a batch's jobs end, and how long the rest takes at that rate.

use std::fmt;

use recto_schemas::service::BatchView;

use super::{Ledger, LedgerError, record::milliseconds};
use crate::os::clock;

/// The time that a batch's rate is measured over, in milliseconds.
const RATE_TIME_MS: i64 = 10 * 60 * 1000;
/// Jobs that must have ended for a rate.
const MIN_RATE_JOBS: i64 = 5;

/// Jobs and pages of the last ten minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    pub(crate) jobs: i64,
    pub(crate) pages: i64,
    /// Milliseconds since the first of them ended.
    span_ms: i64,
}

/// A time in seconds, for people: `100 s`, `16 min`, `3 h`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TimeLeft(i64);

impl Rate {
    /// The rate of a batch.
    pub(crate) async fn of(ledger: &Ledger, batch: &str) -> Result<Self, LedgerError> {
        let now = milliseconds(&clock::now());
        let (jobs, pages, first) = ledger.ended_since(batch, now - RATE_TIME_MS).await?;
        Ok(Self {
            jobs,
            pages,
            span_ms: now - first,
        })
    }

    /// The time that the rest of the batch takes, once enough jobs have ended to tell.
    pub(crate) fn time_left(self, status: &BatchView) -> Option<TimeLeft> {
        let rest = status.waiting + status.reading;
        if rest == 0 || self.jobs < MIN_RATE_JOBS {
            return None;
        }
        // The first of them ended at the beginning of the time.
        Some(TimeLeft(rest * self.span_ms / 1000 / (self.jobs - 1)))
    }
}

impl fmt::Display for TimeLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds @ ..120 => write!(f, "{} s", seconds.max(1)),
            seconds @ 120..7200 => write!(f, "{} min", seconds / 60),
            seconds => write!(f, "{} h", seconds / 3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_told_once_there_is_a_rate() {
        let status = BatchView {
            waiting: 90,
            reading: 10,
            ..BatchView::default()
        };
        let left = |status: &BatchView, jobs, span_ms| {
            let rate = Rate {
                jobs,
                pages: jobs,
                span_ms,
            };
            rate.time_left(status).map(|left| left.to_string())
        };
        assert_eq!(left(&status, 4, 1000), None);
        assert_eq!(left(&status, 11, 10_000).unwrap(), "100 s");
        assert_eq!(left(&status, 11, 100_000).unwrap(), "16 min");
        assert_eq!(left(&BatchView::default(), 11, 1000), None);
    }
}
