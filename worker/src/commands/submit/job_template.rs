//! Job template: the members that all jobs of a run have in common.

use recto_schemas::{DocumentPassword, Job, JobSource};

use super::args::SubmitArgs;
use crate::{job::identity::id_in_batch, os::clock::now, store::StoreUri};

/// A job without its document.
pub(super) struct JobTemplate(Job);

impl JobTemplate {
    /// The template of a command line.
    pub(super) fn new(arguments: &SubmitArgs) -> Self {
        Self(Job {
            pages: None,
            schema: Job::SCHEMA.to_owned(),
            id: String::new(),
            source: JobSource::default(),
            output: arguments.output.to_string(),
            options: arguments
                .options
                .for_engine(arguments.engine, &arguments.engines),
            engine: arguments.engine.map(|engine| engine.to_string()),
            password: arguments.password.clone().map(DocumentPassword::new),
            batch: arguments.batch.clone(),
            labels: arguments.label.iter().cloned().collect(),
            traceparent: arguments.traceparent.clone(),
            submitted_at: None,
            priority: arguments.priority,
            force: arguments.force,
        })
    }

    /// The job for a document, with an id of its own.
    pub(super) fn job(&self, at: &StoreUri, etag: Option<String>) -> Job {
        let job = Job {
            source: JobSource {
                uri: at.to_string(),
                version_id: None,
                etag,
            },
            ..self.0.clone()
        };
        let id = match job.batch.is_some() && !job.force {
            true => id_in_batch(&job),
            false => uuid::Uuid::now_v7(),
        };
        Job {
            id: id.to_string(),
            submitted_at: Some(now()),
            ..job
        }
    }
}

/// A job as JSON without its password.
pub(super) fn redacted_json(job: &Job) -> String {
    let job = Job {
        password: job
            .password
            .is_some()
            .then(|| DocumentPassword::new("***".to_owned())),
        ..job.clone()
    };
    serde_json::to_string(&job).expect("a job is JSON")
}
