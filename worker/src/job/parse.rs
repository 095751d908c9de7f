//! Parser of message bodies.

use recto_schemas::{FailureKind, FailureStage, Job, check_version};
use serde_json::Value;

use super::{
    failure::JobFailure,
    message_limits::{self, MAX_WORD, check_words},
};

/// Longest body that is parsed, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 1 << 20;
/// Longest body of a job, in bytes. Jobs have a few hundred.
pub(super) const MAX_JOB_BYTES: usize = 1 << 16;

/// Parses the job in a message.
pub(crate) fn parse_job(body: &[u8]) -> Result<Job, JobFailure> {
    let bad =
        |message: String| JobFailure::new(FailureStage::Parse, FailureKind::BadMessage, message);
    if body.len() > MAX_BODY_BYTES {
        let bytes = body.len();
        return Err(bad(format!(
            "the message has {bytes} bytes, more than any job may have"
        )));
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| bad(format!("the message is not JSON: {error}")))?;
    // Before anything else: another version may have other members.
    if let Some(version) = value.get("schema").and_then(Value::as_str) {
        check_version(version, Job::SCHEMA).map_err(|error| {
            JobFailure::new(
                FailureStage::Parse,
                FailureKind::UnknownVersion,
                error.to_string(),
            )
        })?;
    }
    message_limits::check(&value).map_err(bad)?;
    if body.len() > MAX_JOB_BYTES {
        let bytes = body.len();
        return Err(bad(format!(
            "the message has {bytes} bytes; a job has at most {MAX_JOB_BYTES}"
        )));
    }
    let job: Job = serde_json::from_value(value)
        .map_err(|error| bad(format!("the message is no {}: {error}", Job::SCHEMA)))?;
    check_words(&job).map_err(bad)?;
    check_members(&job).map_err(bad)?;
    Ok(job)
}

fn check_members(job: &Job) -> Result<(), String> {
    if job.pages.as_ref().is_some_and(|pages| !pages.is_valid()) {
        return Err("`pages` is no range; only workers set it".to_owned());
    }
    if job.id.is_empty() {
        return Err("`id` is empty; give every job one of its own".to_owned());
    }
    Ok(())
}

/// The known parts of a message that is no job: its `id`, `batch` and labels, if it has them.
pub(crate) fn partial_job(body: &[u8]) -> Option<Job> {
    if body.len() > MAX_BODY_BYTES {
        return None;
    }
    let value: Value = serde_json::from_slice(body).ok()?;
    let word = |name: &str| Some(value.get(name)?.as_str()?.chars().take(MAX_WORD).collect());
    let text = serde_json::json!({
        "schema": Job::SCHEMA,
        "id": word("id").unwrap_or_else(String::new),
        "source": { "uri": "" },
        "output": "",
        "batch": word("batch"),
        "traceparent": word("traceparent"),
    });
    serde_json::from_value(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = r#"{"schema":"recto.job/v1","id":"j1","batch":"b","source":{"uri":"s3://a/b.pdf"},"output":"s3://a/out"}"#;

    fn kind(body: &str) -> FailureKind {
        parse_job(body.as_bytes()).unwrap_err().kind
    }

    #[test]
    fn a_job_may_have_members_that_are_not_known() {
        let more = JOB.replace("\"id\"", "\"color\":\"red\",\"id\"");
        assert_eq!(parse_job(more.as_bytes()).unwrap().id, "j1");
    }

    #[test]
    fn what_is_no_job_of_this_version_is_told_apart() {
        assert_eq!(kind("not json"), FailureKind::BadMessage);
        assert_eq!(kind("[]"), FailureKind::BadMessage);
        assert_eq!(
            kind(&JOB.replace("\"j1\"", "\"\"")),
            FailureKind::BadMessage
        );
        assert_eq!(kind(&JOB.replace("\"j1\"", "7")), FailureKind::BadMessage);
        assert_eq!(
            kind(&JOB.replace("job/v1", "job/v2")),
            FailureKind::UnknownVersion
        );
        let unknown_shape = r#"{"schema":"recto.job/v2","document":1}"#;
        assert_eq!(kind(unknown_shape), FailureKind::UnknownVersion);
    }

    #[test]
    fn what_is_no_job_still_says_whose_it_was() {
        let partial = partial_job(br#"{"id":"j9","batch":"b","source":7}"#).unwrap();
        assert_eq!(
            (partial.id.as_str(), partial.batch.as_deref()),
            ("j9", Some("b"))
        );
    }

    #[test]
    fn a_password_of_another_type_is_not_told() {
        let with = JOB.replace("\"id\"", "\"password\":1234,\"id\"");
        let failure = parse_job(with.as_bytes()).unwrap_err();
        assert!(!failure.message.contains("1234"), "{failure}");
    }
}
