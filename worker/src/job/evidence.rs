//! [`Evidence`] of whose a failure is: right after a job has failed, the worker tries to do what a job does.
//!
//! The strongest test is to do again what has worked before: to get an object that an earlier job has read, or to
//! write where an earlier job's result lies. A worker that has done nothing yet can only ask if the bucket or the store
//! answers and takes its credentials.

use std::sync::{Mutex, MutexGuard, PoisonError};

use recto_schemas::FailureStage;

use super::disposition::Evidence;
use crate::store::{
    ErrorCause, ObjectStore as _, ObjectStores, ObjectVersion, StoreError, StoreUri,
};

/// Buckets whose last good object is remembered, the latest ones.
const MAX_BUCKETS: usize = 32;

/// The store's places that a job needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobPlaces {
    /// The document.
    pub(crate) source: StoreUri,
    /// The prefix that results are written below.
    pub(crate) output: StoreUri,
}

/// Objects that this process has read and prefixes it has written below, the latest of each bucket.
#[derive(Debug, Default)]
pub(crate) struct KnownGood(Mutex<KnownPlaces>);

#[derive(Debug, Default)]
struct KnownPlaces {
    /// Oldest first.
    sources: Vec<StoreUri>,
    outputs: Vec<StoreUri>,
}

impl KnownGood {
    /// Remembers an object that was read.
    pub(super) fn read_from(&self, source: &StoreUri) {
        remember(&mut self.lock().sources, source);
    }

    /// Remembers a prefix that a result was written below.
    pub(super) fn wrote_to(&self, output: &StoreUri) {
        remember(&mut self.lock().outputs, output);
    }

    fn source_like(&self, source: &StoreUri) -> Option<StoreUri> {
        most_like(&self.lock().sources, source)
    }

    fn output_like(&self, output: &StoreUri) -> Option<StoreUri> {
        most_like(&self.lock().outputs, output)
    }

    fn forget(&self, source: &StoreUri) {
        self.lock().sources.retain(|known| known != source);
    }

    fn lock(&self) -> MutexGuard<'_, KnownPlaces> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remember(known: &mut Vec<StoreUri>, at: &StoreUri) {
    known.retain(|other| other.root() != at.root());
    if known.len() >= MAX_BUCKETS {
        known.remove(0);
    }
    known.push(at.clone());
}

/// One of the same bucket, else the latest of the same store.
fn most_like(known: &[StoreUri], at: &StoreUri) -> Option<StoreUri> {
    let same_bucket = known.iter().find(|other| other.root() == at.root());
    let same_store = || {
        let mut latest = known.iter().rev();
        latest
            .find(|other| matches!(other, StoreUri::S3 { .. }) == matches!(at, StoreUri::S3 { .. }))
    };
    same_bucket.or_else(same_store).cloned()
}

/// Tests the store after a job that needs `places` has failed at `stage`.
pub(crate) async fn of_store(
    stores: &ObjectStores,
    known: &KnownGood,
    stage: FailureStage,
    places: &JobPlaces,
) -> Evidence {
    let proven = match stage {
        FailureStage::Store => written_before(stores, known, &places.output).await,
        _ => read_before(stores, known, &places.source).await,
    };
    match proven {
        Some(evidence) => evidence,
        None => answers(stores, places).await,
    }
}

/// Tries again to do with the store what the failed job did there.
///
/// # Errors
/// The store's, if it does not let the worker do it.
pub(crate) async fn replay(
    stores: &ObjectStores,
    stage: FailureStage,
    places: &JobPlaces,
) -> Result<bool, StoreError> {
    match stage {
        FailureStage::Store => stores.check_usable(&places.output).await.map(|()| true),
        _ => readable(stores, &places.source).await,
    }
}

async fn read_before(
    stores: &ObjectStores,
    known: &KnownGood,
    source: &StoreUri,
) -> Option<Evidence> {
    let good = known.source_like(source)?;
    match readable(stores, &good).await {
        Ok(true) => Some(Evidence::Proven),
        // It was removed, as documents are that have been read.
        Ok(false) => {
            known.forget(&good);
            None
        }
        Err(error) => Some(Evidence::Unfit(error.to_string())),
    }
}

async fn written_before(
    stores: &ObjectStores,
    known: &KnownGood,
    output: &StoreUri,
) -> Option<Evidence> {
    let good = known.output_like(output)?;
    match stores.check_usable(&good).await {
        Ok(()) => Some(Evidence::Proven),
        Err(error) => Some(Evidence::Unfit(error.to_string())),
    }
}

/// Returns false if there is no such object, as far as credentials that may not list the bucket can tell.
async fn readable(stores: &ObjectStores, at: &StoreUri) -> Result<bool, StoreError> {
    match stores.stat(at, &ObjectVersion::default()).await {
        Ok(_) => Ok(true),
        Err(StoreError {
            cause: ErrorCause::NoSuchObject | ErrorCause::DeniedOrAbsent,
            ..
        }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Asks the bucket, and if that cannot tell, the store; credentials that may not list the bucket must at least be able to
/// write the result.
async fn answers(stores: &ObjectStores, places: &JobPlaces) -> Evidence {
    let mut asked = stores.probe(Some(&places.source.root())).await;
    match asked.as_ref().map_err(|error| &error.cause) {
        Err(ErrorCause::Denied { .. } | ErrorCause::DeniedOrAbsent) => {
            asked = stores.check_usable(&places.output).await;
        }
        Err(ErrorCause::NoSuchBucket | ErrorCause::NoSuchObject) => {
            asked = stores.probe(None).await;
        }
        _ => {}
    }
    match asked {
        Ok(()) => Evidence::Plausible,
        Err(error) => Evidence::Unfit(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> StoreUri {
        text.parse().unwrap()
    }

    #[test]
    fn the_latest_object_of_the_same_bucket_is_asked_for_first() {
        let known = KnownGood::default();
        assert_eq!(known.source_like(&uri("s3://a/x")), None);
        for at in ["s3://a/1", "s3://b/2", "s3://a/3", "file:///srv/4"] {
            known.read_from(&uri(at));
        }
        assert_eq!(known.source_like(&uri("s3://a/x")), Some(uri("s3://a/3")));
        assert_eq!(known.source_like(&uri("s3://b/x")), Some(uri("s3://b/2")));
        assert_eq!(known.source_like(&uri("s3://c/x")), Some(uri("s3://a/3")));
        known.forget(&uri("s3://a/3"));
        assert_eq!(known.source_like(&uri("s3://a/x")), Some(uri("s3://b/2")));
        assert_eq!(
            known.source_like(&uri("file:///y")),
            Some(uri("file:///srv/4"))
        );
    }

    #[test]
    fn a_limited_number_of_buckets_is_remembered() {
        let known = KnownGood::default();
        for number in 0..100 {
            known.wrote_to(&uri(&format!("s3://bucket-{number}/out")));
        }
        assert_eq!(known.lock().outputs.len(), MAX_BUCKETS);
    }
}
