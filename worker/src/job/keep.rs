//! From the scratch directory to the store: the files, then the manifest, whose presence says that all is there.

use std::path::Path;

use recto_schemas::{Manifest, check_version};

use super::{
    JobContext,
    failure::{FailureStage, JobFailure},
    place::{NAME, OutputPath},
    read::WrittenResult,
};
use crate::{
    document::media_type::media_type,
    document::output,
    observe::metrics::TransferDirection,
    store::{ObjectStore, PutOutcome, StoreUri, WriteCondition},
};

/// The largest manifest that is read, in bytes: some 300 for each of a great many pages.
const MAX_MANIFEST_BYTES: u64 = 64 << 20;

/// Whose manifest is stored.
pub(super) enum PublishedResult {
    /// That of this reading.
    Ours,
    /// That of another worker, which was faster.
    Anothers(Box<Manifest>),
}

/// The manifest stored for the place, if there is one that this version reads.
pub(super) async fn stored(
    parts: &JobContext,
    place: &OutputPath,
) -> Result<Option<Manifest>, JobFailure> {
    let failed = |error| JobFailure::store(FailureStage::Store, &error);
    let manifest = file(place, &format!("{NAME}.json"))?;
    let Some(bytes) = parts
        .stores
        .read(&manifest, MAX_MANIFEST_BYTES)
        .await
        .map_err(failed)?
    else {
        return Ok(None);
    };
    match serde_json::from_slice::<Manifest>(&bytes) {
        Ok(found) if check_version(&found.schema, Manifest::SCHEMA).is_ok() => Ok(Some(found)),
        _ => {
            let message = format!(
                "{manifest} is no {}; another version of recto may have stored it: use that one, or remove the object",
                Manifest::SCHEMA
            );
            Err(JobFailure::new(FailureStage::Store, "io", message))
        }
    }
}

/// Stores the files and then the manifest; `replace` puts it in the place of an earlier one.
pub(super) async fn keep(
    parts: &JobContext,
    written: &WrittenResult,
    place: &OutputPath,
    replace: bool,
) -> Result<PublishedResult, JobFailure> {
    let failed = |error| JobFailure::store(FailureStage::Store, &error);
    // Between the first look and now another worker may have finished; its files are not touched.
    if !replace && let Some(manifest) = stored(parts, place).await? {
        return Ok(PublishedResult::Anothers(Box::new(manifest)));
    }
    let results = written.results();
    let manifest = format!("{NAME}.json");
    let mut files = output::result_files(&results, &manifest)
        .map_err(|error| JobFailure::work(FailureStage::Store, &error))?;
    // The manifest is the last.
    files.push((manifest.clone(), results.join(&manifest)));
    for (name, path) in files {
        let condition = if name == manifest && !replace {
            WriteCondition::IfAbsent
        } else {
            WriteCondition::Always
        };
        let to = self::file(place, &name)?;
        let bytes = path.metadata().map_or(0, |about| about.len());
        let stored = parts
            .stores
            .put(&to, &path, media_type(Path::new(&name)), condition)
            .await
            .map_err(failed)?;
        if matches!(stored, PutOutcome::AlreadyExists) {
            return match self::stored(parts, place).await? {
                Some(manifest) => Ok(PublishedResult::Anothers(Box::new(manifest))),
                None => Err(JobFailure::new(
                    FailureStage::Store,
                    "store-unavailable",
                    format!("the store says that {to} is there and does not give it"),
                )),
            };
        }
        parts.metrics.bytes(TransferDirection::Stored, bytes);
    }
    Ok(PublishedResult::Ours)
}

fn file(place: &OutputPath, below: &str) -> Result<StoreUri, JobFailure> {
    place
        .file(below)
        .map_err(|error| JobFailure::new(FailureStage::Store, "bad-message", error.to_string()))
}
