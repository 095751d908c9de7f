//! [`PartsScan`]: documents that are being read, as their parts in a store tell.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use recto_pipeline::read::{PagePositions, PartCover};

use super::{PartDocument, header, name, object::MAX_PART_BYTES, parse_name};
use crate::store::{ObjectStore as _, ObjectStores, StoreError, StoreUri};

/// Most documents that are told of: more are not read at one time by any fleet, and each costs a request.
const MAX_DOCUMENTS: usize = 10_000;

/// A look, again and again, at the parts below a prefix for results.
pub(crate) struct PartsScan {
    stores: Arc<ObjectStores>,
    prefix: StoreUri,
    /// The documents of earlier looks, by the folder of their parts.
    known: HashMap<String, PartDocument>,
}

/// A document whose job has no result yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DocumentProgress {
    pub(crate) document: PartDocument,
    /// Number of pages that are kept.
    pub(crate) pages_read: u32,
}

impl PartsScan {
    /// Will look below `prefix`.
    pub(crate) fn new(stores: Arc<ObjectStores>, prefix: &StoreUri) -> Self {
        Self {
            stores,
            prefix: prefix.as_folder(),
            known: HashMap::new(),
        }
    }

    /// The documents of which parts are there now, in the order of their keys. Lists all that is below the prefix.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn look(&mut self) -> Result<Vec<DocumentProgress>, StoreError> {
        let folders = self.folders().await?;
        self.known.retain(|folder, _| folders.contains_key(folder));
        let mut documents = Vec::new();
        for (folder, parts) in folders {
            if let Some(document) = self.document(folder, &parts).await? {
                documents.push(DocumentProgress {
                    document,
                    pages_read: PartCover::new(parts).pages(),
                });
            }
        }
        Ok(documents)
    }

    /// The parts that are there, by folder.
    async fn folders(&self) -> Result<BTreeMap<String, Vec<PagePositions>>, StoreError> {
        let mut folders: BTreeMap<String, Vec<PagePositions>> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.stores.list(&self.prefix, after.as_deref()).await?;
            for object in page.entries {
                let location = object.location.to_string();
                let Some((folder, part)) = part_at(&location) else {
                    continue;
                };
                if let Some(parts) = folders.get_mut(folder) {
                    parts.push(part);
                } else if folders.len() < MAX_DOCUMENTS {
                    folders.insert(folder.to_owned(), vec![part]);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(folders);
            }
        }
    }

    /// The document that the parts of a folder are of, as one of them says. None if it is gone by now, or says nothing.
    async fn document(
        &mut self,
        folder: String,
        parts: &[PagePositions],
    ) -> Result<Option<PartDocument>, StoreError> {
        if let Some(known) = self.known.get(&folder) {
            return Ok(Some(known.clone()));
        }
        let at = parts.first().map(|part| format!("{folder}/{}", name(part)));
        let Some(Ok(at)) = at.map(|at| at.parse::<StoreUri>()) else {
            return Ok(None);
        };
        let bytes = self.stores.read(&at, MAX_PART_BYTES).await?;
        let header = bytes.as_deref().and_then(|bytes| header(bytes).ok());
        let document = header.and_then(|(header, _)| header.document);
        if let Some(document) = &document {
            self.known.insert(folder, document.clone());
        }
        Ok(document)
    }
}

/// Folder and pages of a part: `…/parts/JOB/000001-000016`.
fn part_at(location: &str) -> Option<(&str, PagePositions)> {
    let (folder, name) = location.rsplit_once('/')?;
    let (above, _) = folder.rsplit_once('/')?;
    let part = parse_name(name)?;
    above.ends_with("/parts").then_some((folder, part))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::document::parts::{encode, report};

    #[tokio::test]
    async fn documents_in_hand_are_told_with_their_pages_until_their_parts_are_gone() {
        let root = tempfile::tempdir().unwrap();
        let stores = Arc::new(crate::store::local_stores(root.path()));
        let real = root.path().canonicalize().unwrap();
        let folder = real.join("out/a.pdf/0123456789abcdef/parts/fedcba9876543210");
        fs::create_dir_all(&folder).unwrap();
        let document = PartDocument {
            job: "7".to_owned(),
            batch: Some("b".to_owned()),
            uri: "s3://archive/a.pdf".to_owned(),
            pages: 300,
        };
        for part in [1..=16, 17..=32, 25..=40] {
            let bytes = encode(report(&part, "w"), Some(document.clone()), &[]).unwrap();
            fs::write(folder.join(name(&part)), bytes).unwrap();
        }
        // What is no part, and a part of an older version, which does not say what it is of.
        fs::write(folder.join("plan"), "w").unwrap();
        fs::write(real.join("out/000001-000016"), "no part").unwrap();
        let older = real.join("out/b.pdf/0123456789abcdef/parts/00");
        fs::create_dir_all(&older).unwrap();
        let part = encode(report(&(1..=2), "w"), None, &[]).unwrap();
        fs::write(older.join("000001-000002"), part).unwrap();

        let prefix = format!("file://{}/out", real.display()).parse().unwrap();
        let mut scan = PartsScan::new(stores, &prefix);
        let wanted = DocumentProgress {
            document,
            pages_read: 40,
        };
        assert_eq!(scan.look().await.unwrap(), [wanted]);
        fs::remove_dir_all(folder).unwrap();
        assert_eq!(scan.look().await.unwrap(), []);
        assert!(scan.known.is_empty());
    }
}
