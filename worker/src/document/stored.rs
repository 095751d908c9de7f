//! Results that are there already: a document whose result would come out the same is not read again.

use std::{
    fs::{self, File},
    path::Path,
    sync::Arc,
};

use recto_schemas::{DocumentState, Manifest, SourceInfo};

use super::{
    context::ConvertContext,
    manifest::sha256,
    output::{FORMATS, ResultName, write_manifest},
    parts::FolderParts,
    publish::{manifest_in, stored_manifest},
    source::{DocumentSource, ObjectSource, SourcePlace},
    target::DocumentTarget,
};
use crate::store::{ObjectStore as _, file_etag};

/// The manifest of the result that the target has, if the same document was read in the same way: by the same model and
/// revision of the code, with the same options. A failed document is never taken for read.
///
/// A file is the same if path, size and time of change are, or else its content; an object if its URI and version are.
/// What cannot be found out is read again.
pub(crate) async fn stored_result(
    source: &DocumentSource,
    target: &DocumentTarget,
    context: &Arc<ConvertContext>,
) -> Option<Manifest> {
    let (stored, name) = match target {
        DocumentTarget::Stdout { .. } => return None,
        DocumentTarget::Folder(name) => (manifest_in(&name.folder, &name.stem)?, Some(name)),
        DocumentTarget::Store(target) => {
            let stored = stored_manifest(&target.stores, &target.folder, &target.name.stem);
            (stored.await.ok()??, None)
        }
    };
    let is_read = stored.state != DocumentState::Failed && stored.fingerprint.is_some();
    if !is_read || name.is_some_and(|name| !has_files(name, &stored, context)) {
        return None;
    }
    let fingerprint = context.fingerprint(&stored.source)?;
    if stored.fingerprint.as_deref() != Some(fingerprint.as_str()) {
        return None;
    }
    match &source.place {
        SourcePlace::Object(object) => {
            let is_same = stored.source.uri == source.info.uri
                && is_same_object(object, &stored.source).await;
            is_same.then_some(stored)
        }
        SourcePlace::Path(path) => {
            let (path, uri, name) = (path.clone(), source.info.uri.clone(), name.cloned());
            let looked =
                tokio::task::spawn_blocking(move || same_file(&path, uri, stored, name.as_ref()));
            looked.await.ok()?
        }
        SourcePlace::Stdin | SourcePlace::Downloaded(_) => None,
    }
}

/// Returns true if all outputs that the options ask for are in the folder.
fn has_files(name: &ResultName, stored: &Manifest, context: &ConvertContext) -> bool {
    let mut wanted = FORMATS
        .iter()
        .filter(|format| (format.is_wanted)(&context.options));
    stored.pages.is_empty() || wanted.all(|format| name.path(format.ending).is_file())
}

async fn is_same_object(object: &ObjectSource, stored: &SourceInfo) -> bool {
    let known = &object.version;
    if known.etag.is_some() {
        return known.etag == stored.etag;
    }
    match object.stores.stat(&object.uri, known).await {
        Ok(now) => match (&now.version_id, &stored.version_id) {
            (Some(now), Some(stored)) => now == stored,
            _ => now.etag.is_some() && now.etag == stored.etag,
        },
        Err(_) => false,
    }
}

/// The manifest, if the file is still what it was made from. It then tells where the file is now, so that the next look
/// need not read it.
fn same_file(
    path: &Path,
    uri: String,
    mut stored: Manifest,
    name: Option<&ResultName>,
) -> Option<Manifest> {
    let found = fs::metadata(path).ok()?;
    if !found.is_file() || Some(found.len()) != stored.source.bytes {
        return None;
    }
    let etag = Some(file_etag(&found));
    if stored.source.uri != uri || stored.source.etag != etag {
        let now = sha256(&mut File::open(path).ok()?).ok();
        if now.is_none() || now != stored.source.sha256 {
            return None;
        }
        stored.source.uri = uri;
        stored.source.etag = etag;
        if let Some(name) = name {
            // If it cannot be written, the next run reads the file once more.
            let _ = write_manifest(name, &stored);
        }
    }
    if let Some(name) = name {
        FolderParts::discard(name);
    }
    Some(stored)
}
