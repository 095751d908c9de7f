//! Trial of a store: what a job does, done with a small object.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use aws_sdk_s3::operation::put_object::PutObjectOutput;

use super::super::{
    ErrorCause, ObjectStore as _, ObjectVersion, Result, StoreError, StoreUri, probe,
};
use super::{
    S3Store, below, checksum,
    put::{PutRejection, PutRequest},
};

/// Folder of probes below a prefix. A job's own names never begin with a dot.
const FOLDER: &str = ".recto/";

/// Time for which a denied listing is remembered: policies are mended while a worker runs.
const DENIED_FOR: Duration = Duration::from_secs(300);

/// The evidence of a probe's writes.
pub(super) struct ProbeWrites {
    /// True if the store keeps an object that exists from a write with `If-None-Match: *`.
    conditional: bool,
    /// The versions that were written, if the bucket keeps versions.
    versions: Vec<String>,
}

impl S3Store {
    /// Does below the prefix `at` what a job does: writes if absent, twice, looks, reads, lists and deletes.
    ///
    /// What the store does not know (conditions) or does not allow (lists, deletes) is remembered or logged, and no error.
    pub(super) async fn try_out(&self, at: &StoreUri) -> Result<()> {
        let probe = probe::object(at, FOLDER)?;
        let writes = self
            .write_probe(&probe)
            .await
            .map_err(probe::during("write if absent to"))?;
        self.learn_conditions(writes.conditional);
        let used = self.use_probe(&probe, at).await;
        let removed = self.remove_probe(&probe, writes).await;
        used.and(removed)
    }

    /// Tells by two writes of a probe, which stays, whether the store knows conditional writes.
    pub(super) async fn write_probe(&self, probe: &StoreUri) -> Result<ProbeWrites> {
        let mut writes = ProbeWrites {
            conditional: false,
            versions: Vec::new(),
        };
        match self.put_probe(probe, true).await {
            Ok(written) => {
                self.learn_etags(&written);
                writes.versions.extend(written.version_id);
            }
            // An earlier attempt of the client has written it, and its answer was lost.
            Err(PutRejection::Exists) => {}
            Err(PutRejection::NotImplemented(_) | PutRejection::Unknown(_)) => {
                // Either the condition is refused or the write: the write alone tells.
                let written = self.put_probe(probe, false).await;
                let written = written.map_err(|rejection| rejection.into_error(probe))?;
                writes.versions.extend(written.version_id);
                return Ok(writes);
            }
            Err(rejection) => return Err(rejection.into_error(probe)),
        }
        match self.put_probe(probe, true).await {
            Ok(written) => writes.versions.extend(written.version_id),
            Err(PutRejection::Exists) => writes.conditional = true,
            Err(rejection) => {
                let error = rejection.into_error(probe);
                // The first error is the one to report.
                let _ = self.remove_probe(probe, writes).await;
                return Err(error);
            }
        }
        Ok(writes)
    }

    async fn put_probe(
        &self,
        probe: &StoreUri,
        if_absent: bool,
    ) -> Result<PutObjectOutput, PutRejection> {
        let request = PutRequest {
            at: probe,
            content_type: probe::CONTENT_TYPE,
            if_absent,
        };
        self.put_whole(request, probe::CONTENT.to_vec()).await
    }

    /// Reads a probe in every way that a job reads.
    async fn use_probe(&self, probe: &StoreUri, at: &StoreUri) -> Result<()> {
        let other = || ErrorCause::Unavailable("it gives other bytes than were written".to_owned());
        let bytes = probe::CONTENT.len() as u64;
        let found = self.stat(probe, &ObjectVersion::default()).await;
        let found = found.map_err(probe::during("stat of"))?;
        if found.bytes != bytes {
            return Err(probe::during("stat of")(StoreError::new(probe, other())));
        }
        let read = self.read(probe, bytes).await;
        let read = read.map_err(probe::during("read of"))?;
        if read.as_deref() != Some(probe::CONTENT) {
            return Err(probe::during("read of")(StoreError::new(probe, other())));
        }
        let folder = at.join(FOLDER.trim_end_matches('/'));
        let folder = folder.map_err(|error| StoreError::new(at, error.into()))?;
        let listed = self.list(&folder, None).await;
        match listed {
            Ok(listed) => {
                for entry in listed.entries {
                    if probe::is_stale(&entry.location) {
                        // Whoever comes next tries again.
                        let _ = self.remove(&entry.location, None).await;
                    }
                }
                Ok(())
            }
            Err(error) if matches!(error.cause, ErrorCause::Denied { .. }) => Ok(()),
            Err(error) => Err(probe::during("list of")(error)),
        }
    }

    /// Removes all versions of a probe, or else puts a delete marker on them. If both are denied, the probe stays.
    pub(super) async fn remove_probe(&self, probe: &StoreUri, writes: ProbeWrites) -> Result<()> {
        static SAID: AtomicBool = AtomicBool::new(false);
        let mut removed = match writes.versions.is_empty() {
            true => self.remove(probe, None).await,
            false => Ok(()),
        };
        for version in &writes.versions {
            removed = removed.and(self.remove(probe, Some(version)).await);
        }
        if !writes.versions.is_empty() && is_denied(&removed) {
            removed = self.remove(probe, None).await;
        }
        if !is_denied(&removed) {
            return removed.map_err(probe::during("delete of"));
        }
        if !SAID.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                object = %probe,
                "probes of the store cannot be deleted; allow s3:DeleteObject below .recto/, or let a lifecycle rule remove them"
            );
        }
        Ok(())
    }

    /// Settles by a probe beside the object whether the store refused a write for its condition. If it knows conditions, the
    /// refusal was for that one request: returned is its error, as one that may pass.
    ///
    /// # Errors
    /// The store refuses the probe without a condition too: the refusal, or what the probe met if that may pass.
    pub(super) async fn settle_conditions(
        &self,
        at: &StoreUri,
        refusal: StoreError,
    ) -> Result<Option<StoreError>> {
        let _one_probe = self.settling.lock().await;
        if self.unconditional.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let probe = probe::object(&at.folder(), FOLDER)?;
        let writes = match self.write_probe(&probe).await {
            Ok(writes) => writes,
            Err(error) if error.is_transient() => return Err(error),
            Err(_) => return Err(refusal),
        };
        let conditional = writes.conditional;
        tracing::warn!(
            error = %refusal,
            conditional_writes = conditional,
            "a write with a condition was refused, and a probe has told whether the store knows conditions"
        );
        self.learn_conditions(conditional);
        if let Err(error) = self.remove_probe(&probe, writes).await {
            tracing::warn!(%error, "a probe is left");
        }
        Ok(conditional
            .then(|| StoreError::new(at, ErrorCause::Unavailable(refusal.cause.to_string()))))
    }

    /// Keeps what was seen of conditional writes, and says so when it is another than before.
    pub(super) fn learn_conditions(&self, known: bool) {
        let before = self.unconditional.swap(!known, Ordering::Relaxed);
        if before == known {
            match known {
                true => tracing::info!(store = %self.address, "the store has conditional writes"),
                false => tracing::warn!(
                    store = %self.address,
                    "the store has no conditional writes (If-None-Match): two workers that write the same result in the \
                    same moment both write, and the last one stays"
                ),
            }
        }
    }

    /// Keeps whether the ETag of a probe that was written is the MD5 that it looks like.
    fn learn_etags(&self, written: &PutObjectOutput) {
        let encryption = written.server_side_encryption.as_ref();
        let etag = written.e_tag.as_deref();
        let Some(claimed) = etag.and_then(|etag| checksum::md5_in(etag, encryption)) else {
            return;
        };
        let opaque = claimed != checksum::md5(probe::CONTENT);
        if self.etags_are_opaque.swap(opaque, Ordering::Relaxed) != opaque {
            tracing::info!(store = %self.address, opaque, "the store's ETags were checked against MD5");
        }
    }

    /// Keeps the outcome of a listing, if it tells whether listings are allowed.
    pub(super) fn learn_listing(&self, at: &StoreUri, listed: Result<(), &StoreError>) {
        let Ok((bucket, _)) = below(at) else { return };
        let mut denied = self.listing_denied.lock().expect("no holder panics");
        match listed {
            Ok(()) => drop(denied.remove(bucket)),
            Err(error) if matches!(error.cause, ErrorCause::Denied { .. }) => {
                if denied.insert(bucket.to_owned(), Instant::now()).is_none() {
                    tracing::info!(
                        bucket,
                        "the bucket may not be listed (s3:ListBucket); an object that it does not give counts as absent"
                    );
                }
            }
            Err(_) => {}
        }
    }

    /// Returns true if a listing of the bucket was denied a short while ago.
    pub(super) fn listing_is_denied(&self, at: &StoreUri) -> bool {
        let Ok((bucket, _)) = below(at) else {
            return false;
        };
        let denied = self.listing_denied.lock().expect("no holder panics");
        denied
            .get(bucket)
            .is_some_and(|seen| seen.elapsed() < DENIED_FOR)
    }
}

fn is_denied(result: &Result<()>) -> bool {
    matches!(result, Err(error) if matches!(error.cause, ErrorCause::Denied { .. }))
}
