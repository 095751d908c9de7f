//! Listings, page by page, and what they tell of an object that GET denies.
//!
//! Keys are asked for percent-encoded (`encoding-type=url`): XML 1.0 has no control characters, and a key with one makes the
//! whole answer unreadable.

use aws_sdk_s3::{
    operation::list_objects_v2::ListObjectsV2Output,
    types::{EncodingType, Object},
};

use super::super::{
    ErrorCause, ListPage, ListedObject, Result, StoreError, StoreUri, uri::percent_decoded,
};
use super::{S3Store, below, errors, object};

/// The word of a listing on an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listing {
    /// The object is in it.
    Has,
    /// The object is not in it.
    HasNot,
    /// The bucket may not be listed.
    Denied,
}

impl S3Store {
    /// The objects below a prefix, from the token `after` on.
    pub(super) async fn list_page(
        &self,
        prefix: &StoreUri,
        after: Option<&str>,
    ) -> Result<ListPage> {
        let answer = self.listed(prefix, after, None).await?;
        let (bucket, _) = below(prefix)?;
        // An empty token, or the same again, would ask for a page that was seen.
        let next = answer.next_continuation_token.clone();
        let next = next.filter(|token| !token.is_empty() && Some(token.as_str()) != after);
        if next.is_none() && answer.is_truncated() == Some(true) {
            let why = "it cuts the listing short and gives no token to go on with".to_owned();
            return Err(StoreError::new(prefix, ErrorCause::Unavailable(why)));
        }
        let encoded = is_encoded(&answer);
        let objects = answer.contents.unwrap_or_default().into_iter();
        Ok(ListPage {
            entries: objects
                .filter_map(|object| entry(bucket, object, encoded))
                .collect(),
            next,
        })
    }

    async fn listed(
        &self,
        prefix: &StoreUri,
        after: Option<&str>,
        max_keys: Option<i32>,
    ) -> Result<ListObjectsV2Output> {
        let (bucket, key) = below(prefix)?;
        let list = self
            .client
            .list_objects_v2()
            .bucket(bucket)
            .prefix(key)
            .encoding_type(EncodingType::Url)
            .set_max_keys(max_keys)
            .set_continuation_token(after.map(str::to_owned));
        let listed = list.send().await.map_err(errors::at(prefix));
        self.learn_listing(prefix, listed.as_ref().map(|_| ()));
        listed
    }

    /// Asks a listing for an object that GET denies: AWS denies a missing object too if its bucket may not be listed.
    pub(super) async fn listing_of(&self, at: &StoreUri) -> Result<Listing> {
        if self.listing_is_denied(at) {
            return Ok(Listing::Denied);
        }
        match self.listed(at, None, Some(1)).await {
            Ok(answer) => {
                let (bucket, _) = object(at)?;
                let encoded = is_encoded(&answer);
                // Of the keys that begin with this one, this one comes first.
                let first = answer.contents.unwrap_or_default().into_iter().next();
                let first = first.and_then(|object| entry(bucket, object, encoded));
                Ok(match first.is_some_and(|first| first.location == *at) {
                    true => Listing::Has,
                    false => Listing::HasNot,
                })
            }
            Err(error) if matches!(error.cause, ErrorCause::Denied { .. }) => Ok(Listing::Denied),
            Err(error) => Err(error),
        }
    }
}

fn is_encoded(answer: &ListObjectsV2Output) -> bool {
    answer.encoding_type == Some(EncodingType::Url)
}

fn entry(bucket: &str, object: Object, encoded: bool) -> Option<ListedObject> {
    let key = object.key?;
    let key = match encoded {
        // As in a form: a space is a plus, and a plus is %2B.
        true => match percent_decoded(&key.replace('+', " ")) {
            Ok(key) => key,
            Err(error) => {
                tracing::warn!(bucket, %key, %error, "an object is left out: its key cannot be decoded");
                return None;
            }
        },
        false => key,
    };
    Some(ListedObject {
        location: StoreUri::S3 {
            bucket: bucket.to_owned(),
            key,
        },
        bytes: u64::try_from(object.size.unwrap_or(0)).unwrap_or(0),
        etag: object.e_tag,
    })
}
