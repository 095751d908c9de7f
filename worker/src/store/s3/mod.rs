//! S3 and the stores that speak its language.
//!
//! **Conditional writes.** [`WriteCondition::IfAbsent`] is `If-None-Match: *`. A store that does not know the
//! header (501, or 400 if the same write without it goes through) is asked with HEAD before each write instead, and
//! remembered. Between HEAD and write another writer may write too; then the last one wins.
//!
//! **Checksums** beyond the ones that S3 demands are left out: many compatible stores refuse them. Over
//! TLS nothing is lost; a body cut short is noticed by its length.

mod client;
mod errors;
mod stat;
mod fetch;
mod put;
mod usable;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, atomic::AtomicBool},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use aws_sdk_s3::Client;

use self::fetch::DownloadTarget;
use super::{
    ErrorCause, ListPage, ListedObject, ObjectMetadata, ObjectStore, ObjectVersion, PutOutcome,
    Result, StoreError, StoreUri, WriteCondition,
};
use crate::store::config::StoreConfig;

/// The version of an object that was written while its bucket kept none.
const NO_VERSION: &str = "null";

/// A client, and what it has learned about its store.
pub(super) struct S3Store {
    client: Client,
    /// The store's name for messages that are not about an object.
    address: String,
    /// Timeout of an answer, or of its next byte.
    timeout: Duration,
    attempts: u32,
    /// True once the store has turned out not to know `If-None-Match`.
    unconditional: AtomicBool,
    /// Buckets that may not be listed, and when that was seen.
    listing_denied: Mutex<HashMap<String, Instant>>,
}

impl S3Store {
    pub(super) async fn connect(arguments: &StoreConfig) -> Result<Self> {
        let (client, address) = client::client(arguments).await?;
        Ok(Self {
            client,
            address,
            timeout: client::timeout(arguments),
            attempts: arguments.s3_attempts,
            unconditional: AtomicBool::new(false),
            listing_denied: Mutex::default(),
        })
    }
}

/// Bucket and key of an object.
fn object(at: &StoreUri) -> Result<(&str, &str)> {
    match at {
        StoreUri::S3 { bucket, key } if !key.is_empty() => Ok((bucket, key)),
        _ => Err(StoreError::new(
            at,
            ErrorCause::BadRequest("it names no object; write s3://bucket/key".to_owned()),
        )),
    }
}

/// Bucket and prefix.
fn below(at: &StoreUri) -> Result<(&str, &str)> {
    match at {
        StoreUri::S3 { bucket, key } => Ok((bucket, key)),
        StoreUri::File { .. } => object(at),
    }
}

/// Checks the version that was found: a store or a bucket without versions gives the current object, whatever version is
/// asked for.
fn check_version(at: &StoreUri, pin: &ObjectVersion, found: &ObjectMetadata) -> Result<()> {
    let versioned = pin.version_id.as_deref().filter(|id| *id != NO_VERSION);
    if versioned.is_some() && versioned != found.version_id.as_deref() {
        return Err(StoreError::new(at, ErrorCause::SourceChanged));
    }
    Ok(())
}

#[async_trait]
impl ObjectStore for S3Store {
    async fn stat(&self, at: &StoreUri, pin: &ObjectVersion) -> Result<ObjectMetadata> {
        let found = self.look(at, pin).await?;
        check_version(at, pin, &found)?;
        Ok(found)
    }

    async fn fetch(
        &self,
        at: &StoreUri,
        pin: &ObjectVersion,
        max_bytes: u64,
        to: &Path,
    ) -> Result<ObjectMetadata> {
        let mut target = DownloadTarget::file(to)
            .await
            .map_err(StoreError::local(at))?;
        let fetched = self.download(at, pin, max_bytes, &mut target).await;
        if fetched.is_err() {
            // The first error is the one to report.
            let _ = tokio::fs::remove_file(to).await;
        }
        fetched
    }

    async fn read(&self, at: &StoreUri, max_bytes: u64) -> Result<Option<Vec<u8>>> {
        let mut target = DownloadTarget::Memory(Vec::new());
        match self
            .download(at, &ObjectVersion::default(), max_bytes, &mut target)
            .await
        {
            Ok(_) => Ok(target.into_bytes()),
            Err(error) if matches!(error.cause, ErrorCause::NoSuchObject) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn put(
        &self,
        at: &StoreUri,
        body: &Path,
        content_type: &str,
        condition: WriteCondition,
    ) -> Result<PutOutcome> {
        self.upload(at, body, content_type, condition).await
    }

    async fn delete(&self, at: &StoreUri) -> Result<()> {
        self.remove(at, None).await
    }

    async fn list(&self, prefix: &StoreUri, after: Option<&str>) -> Result<ListPage> {
        let (bucket, key) = below(prefix)?;
        let answer = self
            .client
            .list_objects_v2()
            .bucket(bucket)
            .prefix(key)
            .set_continuation_token(after.map(str::to_owned))
            .send()
            .await
            .map_err(errors::at(prefix))?;
        let next = answer.next_continuation_token.clone();
        let entry = |object: aws_sdk_s3::types::Object| {
            Some(ListedObject {
                location: StoreUri::S3 {
                    bucket: bucket.to_owned(),
                    key: object.key?,
                },
                bytes: u64::try_from(object.size.unwrap_or(0)).unwrap_or(0),
                etag: object.e_tag,
            })
        };
        Ok(ListPage {
            entries: answer
                .contents
                .unwrap_or_default()
                .into_iter()
                .filter_map(entry)
                .collect(),
            // An empty token would ask for the first page again.
            next: next.filter(|token| !token.is_empty()),
        })
    }

    async fn check_usable(&self, at: &StoreUri) -> Result<()> {
        self.try_out(at).await
    }

    async fn probe(&self, at: Option<&StoreUri>) -> Result<()> {
        if let Some(at) = at {
            let (bucket, key) = below(at)?;
            let look = self.client.list_objects_v2().bucket(bucket).prefix(key);
            let answer = look.max_keys(1).send().await;
            return answer.map(|_| ()).map_err(errors::at(at));
        }
        match self.client.list_buckets().max_buckets(1).send().await {
            Ok(_) => Ok(()),
            Err(error) => match errors::at(&self.address)(error) {
                // Credentials that may not list the buckets were accepted all the same.
                error if matches!(error.cause, ErrorCause::Denied { .. }) => Ok(()),
                error => Err(error),
            },
        }
    }
}

#[cfg(test)]
mod tests;
