//! Health of the worker and its components: told by those who know, shown by `/readyz` and `/healthz`.

use std::{
    fmt::Write,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Longest reason that is shown, in characters.
const REASON: usize = 300;

/// A component that a worker needs to take jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HealthComponent {
    /// RabbitMQ.
    Broker,
    /// S3 or a folder.
    Store,
    /// The OCR engine.
    Engine,
    /// The scratch directory and its disk.
    Disk,
}

const PARTS: [(HealthComponent, &str); 4] = [
    (HealthComponent::Broker, "broker"),
    (HealthComponent::Store, "store"),
    (HealthComponent::Engine, "engine"),
    (HealthComponent::Disk, "disk"),
];

/// A worker's health, shared by all that know of it.
#[derive(Debug)]
pub(crate) struct WorkerHealth {
    /// Most time between two beats.
    limit: Duration,
    state: Mutex<HealthState>,
}

#[derive(Debug)]
struct HealthState {
    /// In the order of [`PARTS`].
    parts: [Result<(), String>; PARTS.len()],
    draining: bool,
    beat: Instant,
}

impl WorkerHealth {
    /// A worker that lives, and of whose parts nothing is known yet. It must [send a heartbeat](WorkerHealth::heartbeat) within each `limit`.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            state: Mutex::new(HealthState {
                parts: PARTS.map(|_| Err("not tried yet".to_owned())),
                draining: false,
                beat: Instant::now(),
            }),
        }
    }

    /// Says that a part is usable, or why not. The reason is shown to anybody: no secrets.
    pub(crate) fn set(&self, part: HealthComponent, state: Result<(), String>) {
        self.state().parts[part as usize] = state.map_err(|reason| escape_controls(&reason));
    }

    /// From now on the worker takes no jobs and is not ready.
    pub(crate) fn set_draining(&self) {
        self.state().draining = true;
    }

    /// Says that the worker's loop goes round.
    pub(crate) fn heartbeat(&self) {
        self.state().beat = Instant::now();
    }

    /// Returns true if the worker takes jobs.
    pub(crate) fn ready(&self) -> bool {
        let state = self.state();
        !state.draining && state.parts.iter().all(Result::is_ok)
    }

    /// One line a part.
    pub(crate) fn report(&self) -> String {
        let state = self.state();
        let mut report = String::new();
        for ((_, name), part) in PARTS.iter().zip(&state.parts) {
            // Writing to a string does not fail.
            let _ = match part {
                Ok(()) => writeln!(report, "{name}: ok"),
                Err(reason) => writeln!(report, "{name}: not ready: {reason}"),
            };
        }
        if state.draining {
            report.push_str("worker: not ready: draining\n");
        }
        report
    }

    /// Returns true if the worker's loop still goes round.
    pub(crate) fn alive(&self) -> Result<(), String> {
        self.alive_at(Instant::now())
    }

    fn alive_at(&self, now: Instant) -> Result<(), String> {
        let silent = now.saturating_duration_since(self.state().beat);
        match silent <= self.limit {
            true => Ok(()),
            false => Err(format!(
                "the worker's loop has not gone round for {} s ({} s are allowed); restart it",
                silent.as_secs(),
                self.limit.as_secs()
            )),
        }
    }

    fn state(&self) -> MutexGuard<'_, HealthState> {
        // Each change is one assignment: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn escape_controls(reason: &str) -> String {
    let clean = |letter: char| if letter.is_control() { ' ' } else { letter };
    reason.chars().map(clean).take(REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn a_worker_is_ready_when_every_part_is() {
        let health = WorkerHealth::new(LIMIT);
        assert!(health.report().contains("disk: not ready: not tried yet\n"));
        for (part, _) in PARTS {
            assert!(!health.ready());
            health.set(part, Ok(()));
        }
        assert!(health.ready());
        assert_eq!(
            health.report(),
            "broker: ok\nstore: ok\nengine: ok\ndisk: ok\n"
        );
        health.set(HealthComponent::Store, Err("connection refused".to_owned()));
        assert!(!health.ready());
        assert_eq!(
            health.report(),
            "broker: ok\nstore: not ready: connection refused\nengine: ok\ndisk: ok\n"
        );
    }

    #[test]
    fn a_worker_that_drains_is_not_ready_and_says_so() {
        let health = WorkerHealth::new(LIMIT);
        for (part, _) in PARTS {
            health.set(part, Ok(()));
        }
        health.set_draining();
        assert!(!health.ready());
        assert!(health.report().ends_with("worker: not ready: draining\n"));
    }

    #[test]
    fn a_reason_stays_on_its_line() {
        let health = WorkerHealth::new(LIMIT);
        health.set(
            HealthComponent::Broker,
            Err(format!("a\nstore: ok\r{}", "x".repeat(1000))),
        );
        let report = health.report();
        assert_eq!(report.lines().count(), 4);
        assert!(report.len() < 500);
    }

    #[test]
    fn a_loop_that_stands_still_is_told() {
        let health = WorkerHealth::new(LIMIT);
        let now = Instant::now();
        assert_eq!(
            health.alive_at(now + LIMIT - Duration::from_secs(1)),
            Ok(())
        );
        let reason = health.alive_at(now + 2 * LIMIT).unwrap_err();
        assert!(reason.contains("60 s are allowed"), "{reason}");
        health.heartbeat();
        assert_eq!(health.alive(), Ok(()));
    }
}
