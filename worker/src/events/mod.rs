//! Events of stores: documents that arrive become jobs.
//!
//! An event is only a hint where to look: what becomes a job is the object that is there, pinned to the ETag that it has
//! then. So events may come twice, late and in any order, and a sweep, which looks everywhere, finds what no event told of.

pub(crate) mod config;
pub(crate) mod rules;
pub(crate) mod notification;
pub(crate) mod intake;
mod amqp;
mod sqs;
mod folder;
pub(crate) mod sweep;

use std::{sync::Arc, time::Duration};

use futures_util::{FutureExt as _, future::BoxFuture, future::try_join_all};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::{broker::config::BrokerConfig, store::config::StoreConfig};
use config::EventSource;
use intake::EventIntake;

/// Everything that events come from.
#[derive(Clone, Debug)]
pub(crate) struct EventSources {
    pub(crate) sources: Vec<EventSource>,
    /// The broker of `amqp` sources.
    pub(crate) broker: BrokerConfig,
    /// Credentials of `sqs` sources.
    pub(crate) store: StoreConfig,
    /// Time between two sweeps of all rules; none if `None`.
    pub(crate) sweep_every: Option<Duration>,
}

/// Takes events from all sources, watches the folders of rules and sweeps all rules, at the start and then as often as it
/// is told, until it is told to stop. What is away is waited for.
///
/// # Errors
/// A source can never be used so.
pub(crate) async fn run(
    intake: &Arc<EventIntake>,
    sources: &EventSources,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        sources.sources.is_empty() || intake.rules.iter().next().is_some(),
        "events come from a [[source]], and no [[rule]] says what becomes of them; write one, such as with `bucket` and `output`"
    );
    let taking = sources.sources.iter().map(|source| {
        let taking: BoxFuture<'_, anyhow::Result<()>> = match source {
            EventSource::Amqp(source) => amqp::run(intake, source, &sources.broker, stop)
                .map(|ended| ended.map_err(anyhow::Error::from))
                .boxed(),
            EventSource::Sqs(source) => sqs::run(intake, source, &sources.store, stop)
                .map(|ended| ended.map_err(anyhow::Error::from))
                .boxed(),
        };
        taking
    });
    let watching = intake
        .rules
        .iter()
        .map(|rule| folder::run(intake, rule, stop).boxed());
    let sweeping = sweep_again_and_again(intake, sources.sweep_every, stop).map(Ok);
    let all = taking.chain(watching).chain([sweeping.boxed()]);
    try_join_all(all).await.map(drop)
}

async fn sweep_again_and_again(
    intake: &EventIntake,
    every: Option<Duration>,
    stop: &CancellationToken,
) {
    let Some(every) = every else { return };
    let mut times = interval(every);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = times.tick() => {}
        }
        for rule in intake.rules.iter() {
            let told = |line: sweep::SweepLine| {
                if let Err(reason) = line {
                    tracing::warn!(
                        rule = rule.name,
                        reason,
                        "a sweep could not submit a document"
                    );
                }
            };
            let swept = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                swept = sweep::sweep(intake, rule, false, told) => swept,
            };
            match swept {
                Ok(sum) => tracing::info!(
                    rule = rule.name,
                    documents = sum.documents,
                    submitted = sum.submitted,
                    sent_again = sum.sent_again,
                    known = sum.known,
                    left = sum.left,
                    failed = sum.failed,
                    "swept"
                ),
                Err(error) => {
                    tracing::warn!(
                        rule = rule.name,
                        error = format!("{error:#}"),
                        "a sweep failed"
                    );
                }
            }
        }
    }
}
