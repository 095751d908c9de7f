//! A clock that stands still while the process does: deadlines are on it.
//!
//! A process may be stopped for minutes (`SIGSTOP`, a frozen cgroup, a debugger) and go on. By the system's clock all its
//! deadlines have passed then, and pages would fail that nobody had time to read.

use std::{
    ops::Add,
    sync::{Mutex, OnceLock, PoisonError},
    thread,
    time::{Duration, Instant},
};

/// Time between two looks at the system's clock.
const TICK: Duration = Duration::from_millis(250);
/// A longer time without a look, and the process did not run. A busy machine delays a tick by much less, and if not, a
/// deadline comes that much later.
const LONGEST_GAP: Duration = Duration::from_secs(2);

/// A point in time on the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AwakeInstant(
    /// Time since the clock was first looked at, without what the process was stopped.
    Duration,
);

impl AwakeInstant {
    /// This point in time.
    pub(crate) fn now() -> Self {
        static CLOCK: OnceLock<Mutex<AwakeClock>> = OnceLock::new();
        let clock = CLOCK.get_or_init(|| {
            let ticks = thread::Builder::new().name("awake-clock".to_owned());
            // Without the thread, waits longer than the gap would not count.
            let started = ticks.spawn(|| {
                loop {
                    thread::sleep(TICK);
                    Self::now();
                }
            });
            started.expect("a thread");
            Mutex::new(AwakeClock::new(Instant::now()))
        });
        let mut clock = clock.lock().unwrap_or_else(PoisonError::into_inner);
        // Taken under the lock, so that looks are in order.
        Self(clock.look(Instant::now()))
    }

    /// The point `by` later; nothing if there is none.
    pub(crate) fn checked_add(self, by: Duration) -> Option<Self> {
        self.0.checked_add(by).map(Self)
    }

    /// The time from `earlier` to this; zero if it is later.
    pub(crate) fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for AwakeInstant {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

/// Counts the time between looks that are close to each other.
#[derive(Debug)]
struct AwakeClock {
    last_look: Instant,
    awake: Duration,
}

impl AwakeClock {
    fn new(now: Instant) -> Self {
        Self {
            last_look: now,
            awake: Duration::ZERO,
        }
    }

    fn look(&mut self, now: Instant) -> Duration {
        let gap = now.saturating_duration_since(self.last_look);
        self.last_look = now;
        self.awake += if gap > LONGEST_GAP { TICK } else { gap };
        self.awake
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_counts_unless_the_process_was_stopped() {
        let start = Instant::now();
        let mut clock = AwakeClock::new(start);
        assert_eq!(clock.look(start + TICK), TICK);
        assert_eq!(clock.look(start + TICK + LONGEST_GAP), TICK + LONGEST_GAP);
        let stopped = start + Duration::from_secs(3_600);
        assert_eq!(clock.look(stopped), 2 * TICK + LONGEST_GAP);
        assert_eq!(clock.look(stopped + TICK), 3 * TICK + LONGEST_GAP);
    }

    #[test]
    fn a_wait_counts_however_long_it_is() {
        let before = AwakeInstant::now();
        thread::sleep(LONGEST_GAP + TICK);
        let waited = AwakeInstant::now().saturating_duration_since(before);
        assert!(waited >= LONGEST_GAP, "{waited:?}");
    }
}
