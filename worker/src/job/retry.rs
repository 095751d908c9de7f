//! Retry of a job: it is submitted again as another try of its own.

use anyhow::Context as _;
use recto_schemas::{DocumentPassword, Job, Options};
use serde_json::{Map, Value};

use super::parse;
use crate::{
    commands::job_queue::JobSink,
    ledger::{
        Ledger, LedgerError,
        record::{JobRecord, JobState, milliseconds},
    },
    os::clock,
};

/// The states that are tried again if none is named.
const FAILED: [JobState; 2] = [JobState::Dead, JobState::Failed];
/// The states that a reason alone is looked for in.
const WITH_REASON: [JobState; 4] = [
    JobState::Dead,
    JobState::Failed,
    JobState::Partial,
    JobState::Cancelled,
];

/// The states of the jobs that are meant by the states and the reason that are named.
pub(crate) fn states(named: &[JobState], kind: Option<&str>) -> Vec<JobState> {
    match (named, kind) {
        ([], None) => FAILED.to_vec(),
        ([], Some(_)) => WITH_REASON.to_vec(),
        (named, _) => named.to_vec(),
    }
}

/// The way in which jobs are submitted again.
pub(crate) struct Retry<'a> {
    pub(crate) ledger: &'a Ledger,
    /// Takes the jobs; `None` only looks if they can be submitted.
    pub(crate) sink: Option<&'a dyn JobSink>,
    /// Options that take the place of the job's own.
    pub(crate) changes: Map<String, Value>,
    /// The password of encrypted documents, which the ledger does not keep.
    pub(crate) password: Option<String>,
}

impl Retry<'_> {
    /// Submits a job again: the ledger knows of the try before the queue has it.
    ///
    /// # Errors
    /// It cannot be submitted, with the reason for a person.
    pub(crate) async fn submit(&self, record: &JobRecord) -> anyhow::Result<Job> {
        let mut body: Value = serde_json::from_str(&record.body)
            .context("the ledger does not have the job itself; submit its document again")?;
        if let Some(options) = body.get_mut("options").and_then(Value::as_object_mut) {
            merge(options, &self.changes);
        } else if let Some(body) = body.as_object_mut() {
            body.insert("options".to_owned(), Value::Object(self.changes.clone()));
        }
        let job: Job = serde_json::from_value(body)
            .context("the ledger's copy of the job cannot be read; submit its document again")?;
        anyhow::ensure!(
            !record.has_password || self.password.is_some(),
            "the job had a password, which the ledger does not keep: give it again (RECTO_PASSWORD)"
        );
        let at = clock::now();
        let next = JobRecord {
            attempt: record.attempt + 1,
            ..record.clone()
        };
        let job = Job {
            id: next.message_id(),
            submitted_at: Some(at.clone()),
            password: self
                .password
                .clone()
                .filter(|_| record.has_password)
                .map(DocumentPassword::new),
            ..job
        };
        let body = serde_json::to_vec(&job)?;
        parse::parse_job(&body)
            .map_err(|failure| anyhow::anyhow!("no worker takes the job: {failure}"))?;
        let Some(sink) = self.sink else {
            return Ok(job);
        };
        let submitted = milliseconds(&at);
        let changed = self
            .ledger
            .change(std::slice::from_ref(&record.id), |found| {
                // Whoever retried it meanwhile was first.
                let is_same = found.attempt == record.attempt && found.state == record.state;
                if is_same {
                    found.begin_try(next.attempt, submitted);
                }
                is_same
            });
        anyhow::ensure!(
            !changed.await?.is_empty(),
            "somebody else has submitted it again"
        );
        sink.send(&job).await.map_err(|error| {
            anyhow::anyhow!("job {} is {error}; `recto batch retry --state lost` sends it once it is known to be lost", job.id)
        })?;
        Ok(job)
    }
}

/// A lost job as the same try once more, which may then be handed over; `None` if somebody else was first.
pub(crate) async fn lost_again(
    ledger: &Ledger,
    job: &Job,
    lost: &JobRecord,
) -> Result<Option<Job>, LedgerError> {
    let submitted_at = clock::now();
    let submitted = milliseconds(&submitted_at);
    let changed = ledger.change(std::slice::from_ref(&lost.id), |record| {
        let is_same = record.state == JobState::Lost && record.attempt == lost.attempt;
        if is_same {
            record.begin_try(lost.attempt, submitted);
        }
        is_same
    });
    Ok((!changed.await?.is_empty()).then(|| Job {
        id: lost.message_id(),
        submitted_at: Some(submitted_at),
        ..job.clone()
    }))
}

/// The options that differ from their defaults.
pub(crate) fn changed_options(options: &Options) -> anyhow::Result<Map<String, Value>> {
    let of = |options: &Options| match serde_json::to_value(options)? {
        Value::Object(members) => Ok(members),
        _ => anyhow::bail!("options are an object"),
    };
    Ok(difference(&of(options)?, &of(&Options::default())?))
}

fn difference(given: &Map<String, Value>, default: &Map<String, Value>) -> Map<String, Value> {
    let mut changed = Map::new();
    for (name, value) in given {
        match (value, default.get(name)) {
            (Value::Object(given), Some(Value::Object(default))) => {
                let inner = difference(given, default);
                if !inner.is_empty() {
                    changed.insert(name.clone(), Value::Object(inner));
                }
            }
            (value, default) if Some(value) != default => {
                changed.insert(name.clone(), value.clone());
            }
            _ => {}
        }
    }
    changed
}

fn merge(into: &mut Map<String, Value>, changes: &Map<String, Value>) {
    for (name, value) in changes {
        match (into.get_mut(name), value) {
            (Some(Value::Object(into)), Value::Object(changes)) => merge(into, changes),
            _ => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn options_that_are_given_take_the_place_of_the_jobs_own_and_leave_the_others() {
        let object = |value: Value| value.as_object().unwrap().clone();
        let default = object(json!({"dpi": 200, "html": false, "limits": {"pages": 1, "time": 2}}));
        let given = object(json!({"dpi": 300, "html": false, "limits": {"pages": 1, "time": 9}}));
        let changes = difference(&given, &default);
        assert_eq!(
            Value::Object(changes.clone()),
            json!({"dpi": 300, "limits": {"time": 9}})
        );
        let mut own = object(json!({"html": true, "limits": {"pages": 7}}));
        merge(&mut own, &changes);
        assert_eq!(
            Value::Object(own),
            json!({"dpi": 300, "html": true, "limits": {"pages": 7, "time": 9}})
        );
    }
}
