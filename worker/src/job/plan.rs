//! [`ValidatedJob`]: what a job asks for, checked against what this worker may do.

use recto_pipeline::engine::{Engine, OptionsError, resolve};
use recto_schemas::{DocumentLimits, FailureKind, FailureStage, Job, Options};

use super::{JobContext, failure::JobFailure};
use crate::store::{ObjectVersion, StoreUri};

/// A job, checked against the worker's limits.
#[derive(Clone, Debug)]
pub(crate) struct ValidatedJob {
    pub(crate) source: StoreUri,
    pub(crate) pin: ObjectVersion,
    pub(crate) output: StoreUri,
    /// The job's, with this worker's engine and no limit above this worker's.
    pub(crate) options: Options,
}

impl ValidatedJob {
    /// Checks a job against a worker's bounds, engine and limits.
    pub(super) fn of(context: &JobContext, job: &Job) -> Result<Self, JobFailure> {
        context.bounds.check(job)?;
        Self::new(job, &context.limits, context.engine.as_ref())
    }

    /// Checks a job; no limit of it goes beyond `limits`.
    fn new(job: &Job, limits: &DocumentLimits, engine: &dyn Engine) -> Result<Self, JobFailure> {
        let bad = |what: &str, error: &dyn std::fmt::Display| {
            JobFailure::new(
                FailureStage::Parse,
                FailureKind::BadMessage,
                format!("`{what}`: {error}"),
            )
        };
        let loaded = engine.info().name;
        if let Some(wanted) = &job.engine
            && *wanted != loaded.to_string()
        {
            return Err(JobFailure::new(
                FailureStage::Parse,
                FailureKind::EngineUnavailable,
                format!(
                    "the job wants engine `{wanted}`, this worker runs `{loaded}`; send it to a queue whose workers run that engine"
                ),
            ));
        }
        let mut options = Options {
            limits: job.options.limits.lower(limits),
            ..job.options.clone()
        };
        resolve(engine, &mut options).map_err(|error| match error {
            OptionsError::Invalid(_) => bad("options", &error),
            OptionsError::Unavailable(message) => {
                JobFailure::new(FailureStage::Parse, FailureKind::EngineUnavailable, message)
            }
        })?;
        Ok(Self {
            source: job.source.uri.parse().map_err(|e| bad("source.uri", &e))?,
            pin: ObjectVersion {
                version_id: job.source.version_id.clone(),
                etag: job.source.etag.clone(),
                bytes: None,
            },
            output: job.output.parse().map_err(|e| bad("output", &e))?,
            options,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use recto_pipeline::engine::fake::FakeEngine;
    use recto_schemas::{EngineName, GotOptions, JobSource};

    use super::*;

    fn validated(change: impl FnOnce(&mut Job)) -> Result<ValidatedJob, JobFailure> {
        validated_within(&DocumentLimits::DEFAULT, change)
    }

    fn validated_within(
        limits: &DocumentLimits,
        change: impl FnOnce(&mut Job),
    ) -> Result<ValidatedJob, JobFailure> {
        let engine = FakeEngine::new(1, 1, &|_| (Duration::ZERO, Ok(())));
        let mut job = Job {
            id: "a".to_owned(),
            source: JobSource {
                uri: "s3://in/a.pdf".to_owned(),
                ..JobSource::default()
            },
            output: "s3://out/".to_owned(),
            ..serde_json::from_str(
                r#"{"schema": "recto.job/v1", "id": "", "source": {"uri": ""}, "output": ""}"#,
            )
            .unwrap()
        };
        change(&mut job);
        ValidatedJob::new(&job, limits, &engine)
    }

    #[test]
    fn options_of_another_engine_are_refused_with_what_to_do() {
        assert!(validated(|_| {}).is_ok());
        let failure = validated(|job| job.options.got = Some(GotOptions::default())).unwrap_err();
        let said = failure.to_string();
        assert!(
            said.contains("options.got") && said.contains("leave them out"),
            "{said}"
        );
        // What a job says of the engine in its options counts for nothing: `engine` does.
        assert!(validated(|job| job.options.engine = EngineName::Got).is_ok());
        assert!(validated(|job| job.engine = Some("got".to_owned())).is_err());
    }

    #[test]
    fn no_job_raises_a_limit() {
        let limits = |text: &str| serde_json::from_str::<DocumentLimits>(text).unwrap();
        let low = limits(
            r#"{"max_pages": 3, "max_megapixels": 5, "max_document_size": "1MB", "rasterizer_memory": "128MiB",
                "page_timeout": "2s", "read_timeout": "20s", "document_timeout": "1m"}"#,
        );
        let high = limits(
            r#"{"max_pages": 7, "max_megapixels": 9, "max_document_size": "2MB", "rasterizer_memory": "256MiB",
                "page_timeout": "3s", "read_timeout": "30s", "document_timeout": "2m"}"#,
        );
        for (workers, jobs) in [(&low, &high), (&high, &low)] {
            let job = validated_within(workers, |job| job.options.limits = jobs.clone());
            assert_eq!(job.unwrap().options.limits, low);
        }
    }

    #[test]
    fn numbers_out_of_range_are_no_job() {
        let parsed = |options: &str| {
            let text = format!(
                r#"{{"schema": "recto.job/v1", "id": "a", "source": {{"uri": "s3://a/b"}}, "output": "s3://o/", "options": {options}}}"#
            );
            serde_json::from_str::<Job>(&text)
        };
        assert!(parsed("{}").is_ok());
        for wrong in [
            r#"{"dpi": 5}"#,
            r#"{"limits": {"max_pages": 0}}"#,
            r#"{"limits": {"page_timeout": "NaN"}}"#,
            r#"{"limits": {"rasterizer_memory": "1MiB"}}"#,
            r#"{"limits": {"read_timeout": "0s"}}"#,
            r#"{"limits": {"max_megapixels": 0}}"#,
            r#"{"got": {"max_tiles": 99}}"#,
            r#"{"got": {"box": [9, 9, 3, 3]}}"#,
        ] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
