//! Health of the worker and its components: reported by the code that uses them, served by `/readyz` and `/healthz`.

use std::{
    fmt::Write,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::os::terminal::Shown;

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
    /// Messages to RabbitMQ: results, retries, dead letters.
    Publisher,
    /// Taking jobs: suspended while the worker could not do them.
    Consumer,
}

const COMPONENTS: [(HealthComponent, &str); 6] = [
    (HealthComponent::Broker, "broker"),
    (HealthComponent::Store, "store"),
    (HealthComponent::Engine, "engine"),
    (HealthComponent::Disk, "disk"),
    (HealthComponent::Publisher, "publisher"),
    (HealthComponent::Consumer, "consumer"),
];

/// A worker's health, shared by all that know of it.
#[derive(Debug)]
pub(crate) struct WorkerHealth {
    /// Longest time between two heartbeats.
    limit: Duration,
    state: Mutex<HealthState>,
}

#[derive(Debug)]
struct HealthState {
    /// In the order of [`COMPONENTS`].
    components: [Result<(), String>; COMPONENTS.len()],
    /// The layers of the sandbox of rasterizer processes, once they are known.
    sandbox: Option<String>,
    draining: bool,
    last_heartbeat: Instant,
}

impl WorkerHealth {
    /// A live worker whose components have not been tried yet. It must send a [heartbeat](WorkerHealth::heartbeat)
    /// within each `limit`.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            state: Mutex::new(HealthState {
                components: COMPONENTS.map(|_| Err("not tried yet".to_owned())),
                sandbox: None,
                draining: false,
                last_heartbeat: Instant::now(),
            }),
        }
    }

    /// Sets if a component is usable, or the reason why not. The reason is shown to anybody: no secrets.
    pub(crate) fn set(&self, component: HealthComponent, state: Result<(), String>) {
        let shown = |reason| Shown(reason).to_string().chars().take(REASON).collect();
        self.state().components[component as usize] = state.map_err(shown);
    }

    /// Sets the layers of the sandbox of rasterizer processes, as they are shown.
    pub(crate) fn set_sandbox(&self, layers: String) {
        self.state().sandbox = Some(layers);
    }

    /// From now on the worker takes no jobs and is not ready.
    pub(crate) fn set_draining(&self) {
        self.state().draining = true;
    }

    /// Records that the worker's loop is alive.
    pub(crate) fn heartbeat(&self) {
        self.state().last_heartbeat = Instant::now();
    }

    /// Returns true if the worker takes jobs.
    pub(crate) fn ready(&self) -> bool {
        let state = self.state();
        !state.draining && state.components.iter().all(Result::is_ok)
    }

    /// A report of one line a component.
    pub(crate) fn report(&self) -> String {
        let state = self.state();
        let mut report = String::new();
        for ((_, name), component) in COMPONENTS.iter().zip(&state.components) {
            // Writing to a string does not fail.
            let _ = match component {
                Ok(()) => writeln!(report, "{name}: ok"),
                Err(reason) => writeln!(report, "{name}: not ready: {reason}"),
            };
        }
        if let Some(layers) = &state.sandbox {
            let _ = writeln!(report, "sandbox: {layers}");
        }
        if state.draining {
            report.push_str("worker: not ready: draining\n");
        }
        report
    }

    /// Returns an error if the heartbeats have stopped.
    pub(crate) fn alive(&self) -> Result<(), String> {
        self.alive_at(Instant::now())
    }

    fn alive_at(&self, now: Instant) -> Result<(), String> {
        let silent = now.saturating_duration_since(self.state().last_heartbeat);
        match silent <= self.limit {
            true => Ok(()),
            false => Err(format!(
                "no heartbeat of the worker's loop for {} s ({} s are allowed); restart it",
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

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn a_worker_is_ready_when_every_part_is() {
        let health = WorkerHealth::new(LIMIT);
        assert!(health.report().contains("disk: not ready: not tried yet\n"));
        for (component, _) in COMPONENTS {
            assert!(!health.ready());
            health.set(component, Ok(()));
        }
        assert!(health.ready());
        assert_eq!(
            health.report(),
            "broker: ok\nstore: ok\nengine: ok\ndisk: ok\npublisher: ok\nconsumer: ok\n"
        );
        health.set(HealthComponent::Store, Err("connection refused".to_owned()));
        assert!(!health.ready());
        assert_eq!(
            health.report(),
            "broker: ok\nstore: not ready: connection refused\nengine: ok\ndisk: ok\npublisher: ok\nconsumer: ok\n"
        );
    }

    #[test]
    fn a_worker_that_drains_is_not_ready_and_says_so() {
        let health = WorkerHealth::new(LIMIT);
        for (component, _) in COMPONENTS {
            health.set(component, Ok(()));
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
            Err(format!("a\nstore: ok\r\u{202e}{}", "x".repeat(1000))),
        );
        let report = health.report();
        assert_eq!(report.lines().count(), COMPONENTS.len());
        assert!(report.contains("a\\nstore: ok\\r\\u{202e}xxx"), "{report}");
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
