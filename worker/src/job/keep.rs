//! From the work folder to the store: the files, then the manifest, whose presence says that all is there.

use std::path::{Path, PathBuf};

use recto_schemas::{Manifest, check_version};

use super::{
    Parts,
    failure::{Failure, Stage},
    place::{NAME, Place},
    read::Written,
};
use crate::{
    metrics::Direction,
    store::{Body, Condition, Location, ObjectStore, Stored},
};

/// The largest manifest that is read, in bytes: some 300 for each of a great many pages.
const MAX_MANIFEST_BYTES: u64 = 64 << 20;

/// Whose manifest is stored.
pub(super) enum Kept {
    /// That of this reading.
    Ours,
    /// That of another worker, which was faster.
    Anothers(Box<Manifest>),
}

/// The manifest stored for the place, where there is one that this version reads.
pub(super) async fn stored(parts: &Parts, place: &Place) -> Result<Option<Manifest>, Failure> {
    let failed = |error| Failure::store(Stage::Store, &error);
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
            Err(Failure::new(Stage::Store, "io", message))
        }
    }
}

/// Stores the files and then the manifest; `replace` puts it in the place of an earlier one.
pub(super) async fn keep(
    parts: &Parts,
    written: &Written,
    place: &Place,
    replace: bool,
) -> Result<Kept, Failure> {
    let failed = |error| Failure::store(Stage::Store, &error);
    // Between the first look and now another worker may have finished; its files are not touched.
    if !replace && let Some(manifest) = stored(parts, place).await? {
        return Ok(Kept::Anothers(Box::new(manifest)));
    }
    let results = written.results();
    let manifest = PathBuf::from(format!("{NAME}.json"));
    let mut files = files(&results).map_err(|error| Failure::work(Stage::Store, &error))?;
    files.retain(|file| *file != manifest);
    // The manifest is the last.
    files.push(manifest.clone());
    for file in files {
        let condition = if file == manifest && !replace {
            Condition::IfAbsent
        } else {
            Condition::Always
        };
        let name = file.to_string_lossy();
        let to = self::file(place, &name)?;
        let path = results.join(&file);
        let bytes = path.metadata().map_or(0, |about| about.len());
        let stored = parts
            .stores
            .put(&to, &Body::File(path), content_type(&name), condition)
            .await
            .map_err(failed)?;
        if matches!(stored, Stored::AlreadyThere) {
            return match self::stored(parts, place).await? {
                Some(manifest) => Ok(Kept::Anothers(Box::new(manifest))),
                None => Err(Failure::new(
                    Stage::Store,
                    "store-unavailable",
                    format!("the store says that {to} is there and does not give it"),
                )),
            };
        }
        parts.metrics.bytes(Direction::Stored, bytes);
    }
    Ok(Kept::Ours)
}

fn file(place: &Place, below: &str) -> Result<Location, Failure> {
    place
        .file(below)
        .map_err(|error| Failure::new(Stage::Store, "bad-message", error.to_string()))
}

/// What a result file says it is, by its ending.
fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("md") => "text/markdown; charset=utf-8",
        Some("jsonl") => "application/x-ndjson",
        Some("html") => "text/html; charset=utf-8",
        Some("json") => "application/json",
        Some("jpg" | "jpeg") => "image/jpeg",
        _ => "application/octet-stream",
    }
}

/// Files below `folder`, relative to it, in the order of their names.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    fn walk(folder: &Path, below: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
        for entry in std::fs::read_dir(folder.join(below))? {
            let entry = entry?;
            let name = below.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                walk(folder, &name, found)?;
            } else {
                found.push(name);
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    walk(folder, Path::new(""), &mut found)?;
    found.sort();
    Ok(found)
}
