//! HEAD, confirmed by GET where it fails.
//!
//! An error answer to HEAD has no body, and so no code: 404 may be a missing object, a missing bucket or a gateway that knows no
//! such path, and 400 an expired token. GET of the first byte has the code.

use aws_sdk_s3::operation::get_object::GetObjectOutput;

use super::super::{ErrorCause, ObjectMetadata, ObjectVersion, Result, StoreError, StoreUri};
use super::{S3Store, errors, is_access_denied, list::Listing, object};

impl S3Store {
    /// Size and version of an object.
    pub(super) async fn look(&self, at: &StoreUri, pin: &ObjectVersion) -> Result<ObjectMetadata> {
        let (bucket, key) = object(at)?;
        let head = self
            .client
            .head_object()
            .bucket(bucket)
            .key(key)
            .set_version_id(pin.version_id.clone())
            .set_if_match(pin.etag.clone());
        match head.send().await {
            Ok(answer) => match answer.content_length() {
                Some(bytes) => Ok(ObjectMetadata {
                    bytes: u64::try_from(bytes).unwrap_or(0),
                    etag: answer.e_tag,
                    version_id: answer.version_id,
                }),
                None => self.look_by_get(at, pin).await,
            },
            Err(error) => match errors::status(&error) {
                // It says all: the object is another one now.
                Some(412) if pin.etag.is_some() => Err(errors::at(at)(error)),
                Some(408 | 429) => Err(errors::at(at)(error)),
                Some(300..=499) => self.look_by_get(at, pin).await,
                _ => Err(errors::at(at)(error)),
            },
        }
    }

    async fn look_by_get(&self, at: &StoreUri, pin: &ObjectVersion) -> Result<ObjectMetadata> {
        let object = object(at)?;
        let first_byte = Some("bytes=0-0".to_owned());
        let answer = match self.get_range(object, pin, first_byte).await {
            // An empty object has no first byte.
            Err(error) if errors::status(&error) == Some(416) => {
                self.get_range(object, pin, None).await
            }
            answer => answer,
        };
        let answer = match answer.map_err(errors::at(at)) {
            Err(error) if is_access_denied(&error) => {
                return Err(self.denied_or_absent(at, error).await?);
            }
            answer => answer?,
        };
        let bytes = whole_bytes(&answer).ok_or_else(|| {
            let why = "it does not say how large the object is".to_owned();
            StoreError::new(at, ErrorCause::Unavailable(why))
        })?;
        Ok(ObjectMetadata {
            bytes,
            version_id: answer.version_id,
            etag: answer.e_tag,
        })
    }

    /// The error of an object that GET denies, by the word of a listing.
    async fn denied_or_absent(&self, at: &StoreUri, error: StoreError) -> Result<StoreError> {
        let cause = match self.listing_of(at).await? {
            Listing::Has => return Ok(error),
            Listing::HasNot => ErrorCause::NoSuchObject,
            Listing::Denied => ErrorCause::DeniedOrAbsent,
        };
        Ok(StoreError::new(at, cause))
    }
}

/// Size of the whole object: the last number of `bytes 0-0/1234`, or the length of an answer that is no range.
pub(super) fn whole_bytes(answer: &GetObjectOutput) -> Option<u64> {
    match answer.content_range() {
        Some(range) => range.rsplit_once('/')?.1.parse().ok(),
        None => u64::try_from(answer.content_length()?).ok(),
    }
}
