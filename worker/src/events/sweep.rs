//! Sweep: every document of a rule that the ledger does not know becomes a job, as if an event had told of it. Stores lose
//! events; a listing loses none.

use futures_util::{StreamExt as _, stream};

use super::{
    folder,
    intake::{EventIntake, RetryMode, SettleError, Settled},
    notification::ObjectHint,
    rules::{Rule, RuleMatch},
};
use crate::{
    ledger::record::JobState,
    observe::metrics::events::{EventOrigin, EventOutcome},
    store::{ListedObject, ObjectMetadata, ObjectStore as _, StoreUri},
};

/// Documents that are looked up in the ledger, and submitted, at the same time.
const AT_ONCE: usize = 16;

/// Failures in a row after which a sweep ends: the next documents would fail as these do.
const MAX_FAILURES: u64 = 16;

/// The account of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SweepSum {
    /// Documents of the rule.
    pub(crate) documents: u64,
    /// Those that became jobs; that would, of a dry run.
    pub(crate) submitted: u64,
    /// Those whose job was lost and is sent again.
    pub(crate) sent_again: u64,
    /// Those whose job the ledger knows.
    pub(crate) known: u64,
    /// Those that are too small, too large or gone.
    pub(crate) left: u64,
    /// Those that could not be settled: store, ledger or broker are away, or the store refuses them.
    pub(crate) failed: u64,
}

/// A document that a sweep submits: the job's id, if it is known before, and the document's URI; or why it could not.
pub(crate) type SweepLine = Result<(String, String), String>;

/// Sweeps a rule, and tells of each document that is submitted or could not be. A dry run submits none.
///
/// # Errors
/// The bucket or folder cannot be listed, or too many documents fail.
pub(crate) async fn sweep(
    intake: &EventIntake,
    rule: &Rule,
    is_dry: bool,
    mut tell: impl FnMut(SweepLine),
) -> anyhow::Result<SweepSum> {
    let mut sum = SweepSum::default();
    let (mut after, mut in_a_row) = (None, 0);
    loop {
        let (listed, next) = page(intake, rule, after.as_deref()).await?;
        let mut settled = stream::iter(listed)
            .map(|found| one(intake, rule, found, is_dry))
            .buffer_unordered(AT_ONCE)
            .boxed();
        while let Some(settled) = settled.next().await {
            sum.documents += 1;
            let settled = match settled {
                Ok(settled) => {
                    in_a_row = 0;
                    settled
                }
                Err(error) => {
                    sum.failed += 1;
                    // What the store refuses is that document's alone.
                    if !error.is_refusal {
                        in_a_row += 1;
                    }
                    anyhow::ensure!(in_a_row < MAX_FAILURES, "given up: {}", error.reason);
                    tell(Err(error.reason));
                    continue;
                }
            };
            let count = match settled.outcome {
                EventOutcome::Submitted => &mut sum.submitted,
                EventOutcome::SentAgain => &mut sum.sent_again,
                EventOutcome::Known => &mut sum.known,
                _ => &mut sum.left,
            };
            *count += 1;
            let is_news = settled.outcome != EventOutcome::Known;
            if let Some(job) = settled.job.filter(|_| is_news) {
                tell(Ok(job));
            }
        }
        drop(settled);
        after = next;
        if after.is_none() {
            return Ok(sum);
        }
    }
}

/// Documents of the rule from a token on, and the token of the next ones.
async fn page(
    intake: &EventIntake,
    rule: &Rule,
    after: Option<&str>,
) -> anyhow::Result<(Vec<ListedObject>, Option<String>)> {
    let (mut entries, next) = match &rule.documents {
        StoreUri::S3 { .. } => {
            let page = intake.stores.list(&rule.documents, after).await?;
            (page.entries, page.next)
        }
        StoreUri::File { path } => (folder::documents(path.clone()).await?, None),
    };
    let is_of_rule = |at: &StoreUri| match intake.rules.of(at) {
        RuleMatch::Matches(first) => first.name == rule.name,
        RuleMatch::Result | RuleMatch::None => false,
    };
    entries.retain(|entry| is_of_rule(&entry.location));
    Ok((entries, next))
}

async fn one(
    intake: &EventIntake,
    rule: &Rule,
    listed: ListedObject,
    is_dry: bool,
) -> Result<Settled, SettleError> {
    let found = ObjectMetadata {
        bytes: listed.bytes,
        version_id: None,
        etag: listed.etag,
    };
    if !rule.takes_size(found.bytes) {
        return Ok(EventOutcome::Size.into());
    }
    let job = rule.job(&listed.location, &found);
    let known = intake.ledger.job(&job.id).await;
    let known = known.map_err(|error| format!("{}: {error}", listed.location))?;
    let outcome = match known {
        Some(record) if record.state != JobState::Lost => EventOutcome::Known,
        Some(_) => EventOutcome::SentAgain,
        None => EventOutcome::Submitted,
    };
    if is_dry || outcome == EventOutcome::Known {
        return Ok(Settled {
            outcome,
            job: Some((job.id, job.source.uri)),
        });
    }
    let hint = ObjectHint {
        at: listed.location,
        since_ms: 0,
    };
    intake
        .settle(EventOrigin::Sweep, &hint, false, RetryMode::None)
        .await
}
