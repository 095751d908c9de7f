//! Identity of jobs: ids that follow from what a job is.

use recto_schemas::Job;
use sha2::{Digest as _, Sha256};

/// The id of a job in its batch: the same document with the same options is the same job, so that a run that is broken off
/// and begun again submits none twice, and an event that comes twice makes one job. Of its password nothing is in it.
pub(crate) fn id_in_batch(job: &Job) -> uuid::Uuid {
    let identity = serde_json::json!({
        "batch": job.batch, "source": job.source, "output": job.output, "options": job.options, "engine": job.engine,
    });
    id_of(identity.to_string().as_bytes())
}

/// The id that follows from these bytes.
pub(crate) fn id_of(identity: &[u8]) -> uuid::Uuid {
    let hash = Sha256::digest(identity);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    // RFC 9562, version 8: bits of one's own.
    uuid::Uuid::new_v8(bytes)
}
