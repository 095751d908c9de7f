//! Job template: the members that all jobs of a run have in common.

use recto_schemas::{DocumentPassword, Job, JobSource};
use sha2::{Digest as _, Sha256};

use super::args::SubmitArgs;
use crate::{os::clock::now, store::StoreUri};

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

/// The id of a job in its batch: the same document with the same options is the same job, so that a run that is broken off
/// and begun again submits none twice. Of its password nothing is in it.
fn id_in_batch(job: &Job) -> uuid::Uuid {
    let identity = serde_json::json!({
        "batch": job.batch, "source": job.source, "output": job.output, "options": job.options, "engine": job.engine,
    });
    let hash = Sha256::digest(identity.to_string());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    // RFC 9562, version 8: bits of one's own.
    uuid::Uuid::new_v8(bytes)
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
