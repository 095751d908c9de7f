//! Targets of results: standard output, a folder, or a folder in a store.

use std::sync::Arc;

use super::output::ResultName;
use crate::store::{ObjectStores, StoreUri, WriteCondition};

/// The target of a document's results.
pub(crate) enum DocumentTarget {
    /// Standard output, for Markdown alone. The title is written first if several documents follow one another.
    Stdout { title: Option<String> },
    /// Files in a folder.
    Folder(ResultName),
    /// Objects in a store.
    Store(StoreTarget),
}

/// The place of a result in a store.
pub(crate) struct StoreTarget {
    /// The store.
    pub(crate) stores: Arc<ObjectStores>,
    /// The folder in the store.
    pub(crate) folder: StoreUri,
    /// The result's name, and the folder of this machine that it is made in.
    pub(crate) name: ResultName,
    /// The condition of the manifest. With [`WriteCondition::IfAbsent`] a result that another worker has published stays.
    pub(crate) condition: WriteCondition,
    /// True if the names of files have their hash in them, so that no other writer's manifest ever has these files.
    pub(crate) hashed_names: bool,
    /// Files that are written at the same time.
    pub(crate) files_at_once: usize,
}
