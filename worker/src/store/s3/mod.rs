//! S3 and the stores that speak its language.
//!
//! **Conditional writes.** [`WriteCondition::IfAbsent`] is `If-None-Match: *`. A store that does not know the
//! header (501, or two writes of a probe that show it) is asked with HEAD before each write instead, and remembered until a
//! probe shows otherwise. Between HEAD and write another writer may write too; then the last one wins.
//!
//! **Errors** are judged by S3's code, never by a status alone: a gateway before the store has statuses too. HEAD has no code, so
//! what it refuses is asked for with GET.
//!
//! **Permissions.** Without `s3:ListBucket` AWS denies an object that does not exist. Then a listing is tried; if that is denied
//! too, a manifest counts as absent.
//!
//! **Deletes** of many objects are `DeleteObjects`, a thousand keys each. A store that refuses it is asked for one object
//! after another.
//!
//! **Checksums** beyond the ones that S3 demands are left out: many compatible stores refuse them. Over
//! TLS nothing is lost; a body cut short is noticed by the length that HEAD gave, and by its MD5 where the ETag is one.

mod client;
mod errors;
mod checksum;
mod stat;
mod fetch;
mod list;
mod put;
mod delete;
mod usable;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, atomic::AtomicBool},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use aws_sdk_s3::Client;

use self::{client::WriteEncryption, fetch::DownloadTarget, list::Listing};
use super::{
    ErrorCause, ListPage, ObjectMetadata, ObjectStore, ObjectVersion, PutOutcome, Result,
    StoreError, StoreUri, WriteCondition,
};
use crate::store::config::StoreConfig;
pub(crate) use client::sdk_config;

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
    encryption: WriteEncryption,
    /// True once the store has turned out not to know `If-None-Match`.
    unconditional: AtomicBool,
    /// Held while a probe tells whether it does.
    settling: tokio::sync::Mutex<()>,
    /// True once an ETag that looks like an MD5 has turned out to be none.
    etags_are_opaque: AtomicBool,
    /// True once the store has turned out not to delete several objects with one request.
    deletes_singly: AtomicBool,
    /// Buckets that may not be listed, and when that was seen.
    listing_denied: Mutex<HashMap<String, Instant>>,
}

impl S3Store {
    pub(super) async fn connect(arguments: &StoreConfig) -> Result<Self> {
        let encryption = WriteEncryption::new(arguments)?;
        let (client, address) = client::client(arguments).await?;
        Ok(Self {
            client,
            address,
            timeout: client::timeout(arguments),
            attempts: arguments.s3_attempts,
            encryption,
            unconditional: AtomicBool::new(false),
            settling: tokio::sync::Mutex::default(),
            etags_are_opaque: AtomicBool::new(false),
            deletes_singly: AtomicBool::new(false),
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

/// Returns true for the code that a missing object may have too, if its bucket may not be listed.
fn is_access_denied(error: &StoreError) -> bool {
    matches!(&error.cause, ErrorCause::Denied { code } if code == "AccessDenied")
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
            // Without s3:ListBucket a missing object is denied too. It counts as absent: a conditional write does not replace
            // one that is there after all.
            Err(error) if is_access_denied(&error) => match self.listing_of(at).await? {
                Listing::Has => Err(error),
                Listing::HasNot | Listing::Denied => Ok(None),
            },
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

    async fn delete_all(&self, objects: &[StoreUri]) -> Result<()> {
        self.remove_all(objects).await
    }

    async fn list(&self, prefix: &StoreUri, after: Option<&str>) -> Result<ListPage> {
        self.list_page(prefix, after).await
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
