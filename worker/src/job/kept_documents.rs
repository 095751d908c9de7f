//! [`KeptDocuments`]: shared documents that this worker has downloaded, kept for the next range of their pages.
//!
//! They stay in the scratch directory, and count as bytes in use there. A job that has no room otherwise has theirs.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use recto_schemas::ResultSource;
use tokio::time::sleep;

use crate::os::scratch::JobDir;

/// Most documents that are kept: ranges of more documents at the same time are rare, and each costs its size.
const MAX_DOCUMENTS: usize = 2;

/// Largest document that is kept, as a share of the scratch directory: the rest is for jobs.
const MAX_SHARE: u64 = 4;

/// Time for which a document is kept: the next range of a document that goes on comes within seconds.
const KEEP_TIME: Duration = Duration::from_secs(60);

/// Name of the document in its directory.
const NAME: &str = "source";

/// The documents that are kept, the oldest first.
#[derive(Debug)]
pub(crate) struct KeptDocuments {
    kept: Mutex<Kept>,
    keep_time: Duration,
}

#[derive(Debug, Default)]
struct Kept {
    documents: Vec<(u64, DocumentCopy)>,
    /// Number of documents that were ever kept.
    ever: u64,
}

impl Default for KeptDocuments {
    fn default() -> Self {
        Self {
            kept: Mutex::default(),
            keep_time: KEEP_TIME,
        }
    }
}

/// A document in a directory of its own, which is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct DocumentCopy {
    pub(crate) source: ResultSource,
    pub(crate) dir: JobDir,
}

impl DocumentCopy {
    /// The path of the document.
    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join(NAME)
    }
}

impl KeptDocuments {
    /// Hands out the very version of a document, if it is kept.
    pub(crate) fn take(&self, source: &ResultSource) -> Option<DocumentCopy> {
        let mut kept = self.lock();
        let is_it = |(_, copy): &(u64, DocumentCopy)| copy.source == *source;
        let at = kept.documents.iter().position(is_it)?;
        Some(kept.documents.remove(at).1)
    }

    /// Keeps a document for a while, if it can be told from its other versions and is small beside `scratch_bytes`, the
    /// limit of the scratch directory.
    pub(crate) fn keep(self: &Arc<Self>, copy: DocumentCopy, scratch_bytes: u64) {
        let source = &copy.source;
        let is_certain = source.etag.is_some() || source.version_id.is_some();
        let is_small = source
            .bytes
            .is_some_and(|bytes| bytes <= scratch_bytes / MAX_SHARE);
        if !is_certain || !is_small {
            return;
        }
        let number = {
            let mut kept = self.lock();
            if kept.documents.len() == MAX_DOCUMENTS {
                kept.documents.remove(0);
            }
            kept.ever += 1;
            let number = kept.ever;
            kept.documents.push((number, copy));
            number
        };
        let (this, keep_time) = (Arc::downgrade(self), self.keep_time);
        tokio::spawn(async move {
            sleep(keep_time).await;
            if let Some(this) = this.upgrade() {
                this.lock().documents.retain(|(of, _)| *of != number);
            }
        });
    }

    /// Removes all. Returns false if there are none.
    pub(crate) fn clear(&self) -> bool {
        let mut kept = self.lock();
        let had_any = !kept.documents.is_empty();
        kept.documents.clear();
        had_any
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::os::scratch::ScratchDir;

    const LIMIT: u64 = 4_000;

    fn copy(work: &ScratchDir, name: &str, etag: Option<&str>, bytes: u64) -> DocumentCopy {
        let dir = work.job_dir(bytes).unwrap();
        let copy = DocumentCopy {
            source: ResultSource {
                uri: format!("s3://b/{name}"),
                etag: etag.map(str::to_owned),
                bytes: Some(bytes),
                ..ResultSource::default()
            },
            dir,
        };
        fs::write(copy.path(), name).unwrap();
        copy
    }

    #[tokio::test]
    async fn two_documents_are_kept_and_no_large_or_uncertain_ones() {
        let base = tempfile::tempdir().unwrap();
        let work = ScratchDir::open(base.path(), LIMIT).unwrap();
        let kept = Arc::new(KeptDocuments::default());
        for name in ["a", "b", "c"] {
            kept.keep(copy(&work, name, Some("1"), 500), LIMIT);
        }
        assert_eq!(work.used_bytes(), 1_000, "the oldest is gone");
        let mut wanted = copy(&work, "c", Some("1"), 500).source;
        let found = kept.take(&wanted).unwrap();
        assert_eq!(fs::read(found.path()).unwrap(), b"c");
        assert!(kept.take(&wanted).is_none(), "one has it at a time");
        kept.keep(found, LIMIT);
        wanted.etag = Some("2".to_owned());
        assert!(kept.take(&wanted).is_none(), "another version");

        kept.keep(copy(&work, "large", Some("1"), 1_001), LIMIT);
        kept.keep(copy(&work, "unknown", None, 10), LIMIT);
        assert_eq!(work.used_bytes(), 1_000, "neither is kept");
        assert!(kept.clear() && !kept.clear());
    }

    #[tokio::test]
    async fn a_document_that_is_not_asked_for_again_is_removed() {
        let base = tempfile::tempdir().unwrap();
        let work = ScratchDir::open(base.path(), LIMIT).unwrap();
        let kept = Arc::new(KeptDocuments {
            keep_time: Duration::from_millis(10),
            ..KeptDocuments::default()
        });
        kept.keep(copy(&work, "a", Some("1"), 500), LIMIT);
        let gone = async {
            while work.used_bytes() > 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), gone).await;
        assert!(in_time.is_ok(), "{} bytes stay", work.used_bytes());
        assert!(!kept.clear());
    }

    #[tokio::test]
    async fn a_job_that_needs_the_room_has_it() {
        let base = tempfile::tempdir().unwrap();
        let work = ScratchDir::open(base.path(), LIMIT).unwrap();
        let kept = Arc::new(KeptDocuments::default());
        kept.keep(copy(&work, "a", Some("1"), 500), LIMIT);
        assert!(work.job_dir(3_800).is_err());
        assert!(kept.clear());
        assert!(work.job_dir(3_800).is_ok());
    }
}
