//! Deletes of one object and of many.

use std::sync::atomic::Ordering;

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::super::{ErrorCause, Result, StoreError, StoreUri};
use super::{S3Store, errors, object};

/// Most keys of a request, which is S3's limit.
const MAX_KEYS: usize = 1000;

impl S3Store {
    /// Deletes an object or one version of it. One that does not exist is no error.
    pub(super) async fn remove(&self, at: &StoreUri, version: Option<&str>) -> Result<()> {
        let (bucket, key) = object(at)?;
        let delete = self.client.delete_object().bucket(bucket).key(key);
        let delete = delete.set_version_id(version.map(str::to_owned));
        match delete.send().await.map_err(errors::at(at)) {
            Err(error) if !matches!(error.cause, ErrorCause::NoSuchObject) => Err(error),
            _ => Ok(()),
        }
    }

    /// Deletes objects of one bucket, many with each request if the store takes that.
    pub(super) async fn remove_all(&self, objects: &[StoreUri]) -> Result<()> {
        for objects in objects.chunks(MAX_KEYS) {
            let left = match self.may_remove_together(objects) {
                true => self.remove_together(objects).await?,
                false => objects.iter().collect(),
            };
            for at in left {
                self.remove(at, None).await?;
            }
        }
        Ok(())
    }

    fn may_remove_together(&self, objects: &[StoreUri]) -> bool {
        // XML has no control characters.
        let is_writable =
            |at: &StoreUri| object(at).is_ok_and(|(_, key)| !key.contains(char::is_control));
        objects.len() > 1
            && !self.deletes_singly.load(Ordering::Relaxed)
            && objects.iter().all(is_writable)
    }

    /// Deletes objects with one request. Returns those that are left: all, if the store refuses such requests.
    async fn remove_together<'a>(&self, objects: &'a [StoreUri]) -> Result<Vec<&'a StoreUri>> {
        let Some(first) = objects.first() else {
            return Ok(Vec::new());
        };
        let (bucket, _) = object(first)?;
        let mut delete = Delete::builder().quiet(true);
        for at in objects {
            let named = ObjectIdentifier::builder().key(object(at)?.1).build();
            delete = delete.objects(named.map_err(|error| unwritable(first, &error))?);
        }
        let delete = delete.build().map_err(|error| unwritable(first, &error))?;
        let request = self.client.delete_objects().bucket(bucket).delete(delete);
        match request.send().await {
            Ok(answer) => {
                let failed: Vec<_> = answer.errors().iter().filter_map(|of| of.key()).collect();
                let is_left =
                    |at: &&StoreUri| object(at).is_ok_and(|(_, key)| failed.contains(&key));
                Ok(objects.iter().filter(is_left).collect())
            }
            Err(error) => {
                // 501, 405, or the answer of another call: it does not know this one.
                let is_unknown = matches!(errors::status(&error), Some(200..=299 | 405 | 501));
                let error = errors::at(first)(error);
                if error.is_transient() && !is_unknown {
                    return Err(error);
                }
                self.deletes_singly.store(true, Ordering::Relaxed);
                tracing::info!(%error, "the store does not delete several objects with one request");
                Ok(objects.iter().collect())
            }
        }
    }
}

/// The error of a request that cannot be made.
fn unwritable(at: &StoreUri, error: &dyn std::error::Error) -> StoreError {
    StoreError::new(at, ErrorCause::BadRequest(error.to_string()))
}
