//! [`Suspension`]: a worker that could not do its jobs takes none.
//!
//! It is a circuit breaker: it opens when a test after a failed job shows that the worker, its store or its disk is
//! unwell, or when so many jobs in a row fail alike that this worker is more likely the reason than they are. While it
//! is open the consumer is cancelled, what was delivered is given back, and the worker is not ready. After a growing wait the worker tries again what
//! failed; if that works, or if nothing speaks against the worker any more, it takes jobs again, and the first success
//! closes the matter.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use recto_schemas::{FailureKind, FailureStage};
use tokio::{sync::watch, time::sleep};

use crate::{
    broker::connection::ExponentialBackoff,
    job::{
        JobContext,
        disposition::Evidence,
        evidence::{self, JobPlaces},
    },
    observe::admin::{HealthComponent, WorkerHealth},
};

/// So many jobs in a row that fail alike, and no success between them, are taken for this worker's own trouble.
const SUSPICIOUS_AFTER: u32 = 8;

/// Time between two attempts to clear a doubt.
const DOUBT_INTERVAL: Duration = Duration::from_secs(3);

/// The reason for taking no jobs, and what has to work before any is taken.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    /// The component that is unwell.
    pub(super) component: HealthComponent,
    /// A sentence for people.
    pub(super) reason: String,
    /// The stage at which the last job failed.
    pub(super) stage: FailureStage,
    /// The store's places that it needed.
    pub(super) places: Option<JobPlaces>,
}

/// The state of the circuit breaker.
#[derive(Debug, Default)]
pub(crate) struct Suspension {
    state: Mutex<SuspensionState>,
    suspended: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct SuspensionState {
    trouble: Option<Trouble>,
    /// The kind that jobs in a row failed with, and how many did.
    alike: Option<(FailureKind, u32)>,
    /// Grows from one suspension to the next, until what failed works or a job succeeds.
    backoff: ExponentialBackoff,
}

impl Suspension {
    /// Waits until the worker is suspended.
    pub(super) async fn suspended(&self) {
        let mut suspended = self.suspended.subscribe();
        // The sender lives as long as this.
        let _ = suspended.wait_for(|suspended| *suspended).await;
    }

    /// Suspends the worker.
    pub(super) fn suspend(&self, health: &WorkerHealth, trouble: Trouble) {
        health.set(trouble.component, Err(trouble.reason.clone()));
        let mut state = self.lock();
        if state.trouble.is_none() {
            tracing::error!(
                reason = trouble.reason,
                "suspended: this worker takes no jobs until it can do them"
            );
            let shown = format!("suspended: {}", trouble.reason);
            health.set(HealthComponent::Consumer, Err(shown));
        }
        state.trouble = Some(trouble);
        drop(state);
        self.suspended.send_replace(true);
    }

    /// Counts a job that failed with a kind that may be this worker's trouble as well as the job's. Returns true if so
    /// many have in a row that the worker is the likelier reason; then it is suspended.
    pub(super) fn note_alike(
        &self,
        health: &WorkerHealth,
        kind: FailureKind,
        trouble: impl FnOnce(u32) -> Trouble,
    ) -> bool {
        let number = {
            let mut state = self.lock();
            let number = match state.alike {
                Some((last, number)) if last == kind => number.saturating_add(1),
                _ => 1,
            };
            state.alike = Some((kind, number));
            number
        };
        let suspicious = number >= SUSPICIOUS_AFTER;
        if suspicious {
            self.suspend(health, trouble(number));
        }
        suspicious
    }

    /// A job has succeeded, or failed for a reason that is surely its own.
    pub(super) fn note_success(&self, health: &WorkerHealth) {
        let mut state = self.lock();
        let was_doubted = state.alike.take().is_some();
        state.backoff.reset();
        if was_doubted && state.trouble.is_none() {
            drop(state);
            health.set(HealthComponent::Consumer, Ok(()));
        }
    }

    /// Waits until the worker may take jobs again, and ends the suspension.
    ///
    /// Gives the trouble if it may still be there: then the worker is not ready before a job has succeeded.
    pub(super) async fn wait_until_fit(
        &self,
        context: &JobContext,
        health: &WorkerHealth,
    ) -> Option<Trouble> {
        let doubt = loop {
            let wait = self.lock().backoff.next_wait();
            sleep(wait).await;
            let Some(trouble) = self.lock().trouble.clone() else {
                break None;
            };
            match try_again(context, &trouble).await {
                // The next failure suspends the worker again.
                Fitness::Unproven if self.is_suspicious() => {
                    health.set(trouble.component, Ok(()));
                    break Some(trouble);
                }
                Fitness::Unproven => {
                    health.set(trouble.component, Ok(()));
                    health.set(HealthComponent::Consumer, Ok(()));
                    break None;
                }
                Fitness::Fit => {
                    health.set(trouble.component, Ok(()));
                    health.set(HealthComponent::Consumer, Ok(()));
                    let mut state = self.lock();
                    state.alike = None;
                    state.backoff.reset();
                    break None;
                }
                Fitness::Unfit(reason) => {
                    tracing::warn!(%reason, "still suspended");
                    health.set(trouble.component, Err(reason.clone()));
                    let shown = format!("suspended: {reason}");
                    health.set(HealthComponent::Consumer, Err(shown));
                }
            }
        };
        self.lock().trouble = None;
        self.suspended.send_replace(false);
        tracing::info!("the suspension is over");
        doubt
    }

    /// Tries again what failed, until it works, a job has told, or the worker is suspended again. A worker that gets no
    /// more jobs would otherwise stay not ready for good.
    pub(super) async fn clear_doubt(
        &self,
        context: &JobContext,
        health: &WorkerHealth,
        trouble: &Trouble,
    ) {
        loop {
            sleep(DOUBT_INTERVAL).await;
            if !self.is_suspicious() || *self.suspended.borrow() {
                return;
            }
            if matches!(try_again(context, trouble).await, Fitness::Fit) {
                return self.note_success(health);
            }
        }
    }

    /// Returns true if so many jobs in a row failed alike that the worker is the likelier reason.
    fn is_suspicious(&self) -> bool {
        let alike = self.lock().alike;
        alike.is_some_and(|(_, number)| number >= SUSPICIOUS_AFTER)
    }

    fn lock(&self) -> MutexGuard<'_, SuspensionState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outcome of trying again what failed.
enum Fitness {
    /// It works.
    Fit,
    /// It does not, but that may be the job's fault: nothing else speaks against the worker.
    Unproven,
    /// It does not, for this reason.
    Unfit(String),
}

async fn try_again(context: &JobContext, trouble: &Trouble) -> Fitness {
    if trouble.component == HealthComponent::Disk {
        return match context.work.check_room() {
            Ok(()) => Fitness::Fit,
            Err(error) => Fitness::Unfit(error.to_string()),
        };
    }
    let Some(places) = &trouble.places else {
        return Fitness::Unproven;
    };
    if let Ok(true) = evidence::replay(&context.stores, trouble.stage, places).await {
        return Fitness::Fit;
    }
    let known = &context.known_good;
    match evidence::of_store(&context.stores, known, trouble.stage, places).await {
        Evidence::Proven => Fitness::Fit,
        Evidence::Plausible => Fitness::Unproven,
        Evidence::Unfit(reason) => Fitness::Unfit(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trouble(_: u32) -> Trouble {
        Trouble {
            component: HealthComponent::Store,
            reason: "many in a row".to_owned(),
            stage: FailureStage::Fetch,
            places: None,
        }
    }

    #[test]
    fn jobs_that_fail_alike_in_a_row_suspend_the_worker_and_a_success_between_them_does_not() {
        let health = WorkerHealth::new(Duration::from_secs(60));
        let suspension = Suspension::default();
        let note = |kind| suspension.note_alike(&health, kind, trouble);
        for _ in 1..SUSPICIOUS_AFTER {
            assert!(!note(FailureKind::NoSuchObject));
        }
        suspension.note_success(&health);
        for _ in 1..SUSPICIOUS_AFTER {
            assert!(!note(FailureKind::NoSuchObject));
        }
        assert!(!note(FailureKind::AccessDenied), "another kind");
        for _ in 1..SUSPICIOUS_AFTER {
            assert!(!*suspension.suspended.borrow());
            note(FailureKind::NoSuchObject);
        }
        assert!(note(FailureKind::NoSuchObject));
        assert!(*suspension.suspended.borrow());
        assert!(
            health
                .report()
                .contains("consumer: not ready: suspended: many in a row")
        );
    }
}
