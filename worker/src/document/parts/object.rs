//! [`JobParts`]: the parts of a job's document, beside its result in the store.
//!
//! The folder has the parts; `plan`, if the document's pages were shared out among workers, until the job has ended; and
//! `closed`, written by the one worker that ends the job. Every write but that of a part on a retry is conditional, so
//! that nobody has to be asked who does what.

use std::{
    fmt,
    io::{self, Write as _},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use recto_pipeline::read::{PagePositions, PartCover, PartStore, ReadPage};
use recto_schemas::{FailureDetail, FailureKind, PartReport};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;
use tokio::{runtime::Handle, sync::OnceCell};

use super::{DocumentParts, PartDocument, decode, encode, lost_page, name, parse_name, report};
use crate::{
    document::manifest::hex,
    observe::metrics::{Metrics, PartOutcome},
    store::{
        ErrorCause, ObjectStore as _, ObjectStores, PutOutcome, StoreError, StoreUri,
        WriteCondition,
    },
};

/// Largest part, in bytes: a thousand times that of dense pages.
pub(super) const MAX_PART_BYTES: u64 = 256 << 20;

/// Largest other object of the folder, in bytes.
const MAX_NOTE_BYTES: u64 = 4096;

const PLAN: &str = "plan";
const CLOSED: &str = "closed";

/// Digits of the job's name in the folder's.
const JOB_DIGITS: usize = 16;

/// The folder of the parts of a job's document.
pub(crate) struct JobParts {
    stores: Arc<ObjectStores>,
    folder: StoreUri,
    /// This worker's name.
    worker: String,
    /// A folder of this machine for what is written.
    scratch: PathBuf,
    /// True if something may be in it.
    is_used: AtomicBool,
    /// True if the store lets the folder be listed: parts that nobody finds are of no use.
    can_list: OnceCell<bool>,
}

/// The folder's objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartsListing {
    /// The parts.
    pub(crate) parts: Vec<PagePositions>,
    /// True if the pages were shared out among workers, and the job has not ended.
    pub(crate) has_plan: bool,
    /// True if a worker ends the job.
    pub(crate) is_closed: bool,
}

impl PartsListing {
    /// The pages that are there.
    pub(crate) fn cover(&self) -> PartCover {
        PartCover::new(self.parts.clone())
    }

    /// Pages that more than one part has, each once for each part but one.
    fn pages_reread(&self) -> u32 {
        let pages = self.parts.iter().map(pages_of);
        let in_all = pages.fold(0, u32::saturating_add);
        in_all.saturating_sub(self.cover().pages())
    }
}

/// Number of pages of a part.
fn pages_of(part: &PagePositions) -> u32 {
    part.end().saturating_sub(*part.start()).saturating_add(1)
}

/// The one that ends a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClosedBy {
    /// This range's message, now or before.
    This,
    /// Another one.
    Another,
}

impl fmt::Debug for JobParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JobParts").field(&self.folder).finish()
    }
}

impl JobParts {
    /// The parts of the job `id`, whose result is to be in `result`.
    ///
    /// # Errors
    /// The folder's name is too long for the store.
    pub(crate) fn new(
        stores: &Arc<ObjectStores>,
        result: &StoreUri,
        id: &str,
        worker: &str,
        scratch: PathBuf,
    ) -> Result<Self, StoreError> {
        let job = hex(&Sha256::digest(id.as_bytes()));
        let folder = result
            .join(&format!("parts/{}", &job[..JOB_DIGITS]))
            .map_err(|error| StoreError::new(result, ErrorCause::BadUri(error)))?;
        Ok(Self {
            stores: Arc::clone(stores),
            folder,
            worker: worker.to_owned(),
            scratch,
            is_used: AtomicBool::new(false),
            can_list: OnceCell::new(),
        })
    }

    /// Says that something may be in the folder: an earlier delivery may have left it.
    pub(crate) fn mark_used(&self) {
        self.is_used.store(true, Ordering::Relaxed);
    }

    /// Returns true if pages can be kept: if the store allows listings. Asks it once.
    pub(crate) async fn can_keep(&self) -> bool {
        let ask = async || match self.list().await {
            Err(error) => !matches!(
                error.cause,
                ErrorCause::Denied { .. } | ErrorCause::DeniedOrAbsent
            ),
            Ok(_) => true,
        };
        *self.can_list.get_or_init(ask).await
    }

    /// The folder's objects.
    pub(crate) async fn list(&self) -> Result<PartsListing, StoreError> {
        let folder = self.folder.as_folder();
        let (mut listing, mut after) = (PartsListing::default(), None);
        loop {
            let page = self.stores.list(&folder, after.as_deref()).await?;
            for object in &page.entries {
                let location = object.location.to_string();
                match location.rsplit('/').next().unwrap_or_default() {
                    PLAN => listing.has_plan = true,
                    CLOSED => listing.is_closed = true,
                    name => listing.parts.extend(parse_name(name)),
                }
                self.mark_used();
            }
            after = page.next;
            if after.is_none() {
                let _ = self.can_list.set(true);
                return Ok(listing);
            }
        }
    }

    /// Says that the pages are shared out.
    pub(crate) async fn write_plan(&self) -> Result<(), StoreError> {
        self.put(PLAN, self.worker.as_bytes()).await.map(drop)
    }

    /// Claims to end the job. One message does, and does so again if its worker dies over it.
    pub(crate) async fn close(&self, range: &str) -> Result<ClosedBy, StoreError> {
        let closed = self.put(CLOSED, range.as_bytes()).await?;
        if matches!(closed, PutOutcome::Written { .. }) {
            return Ok(ClosedBy::This);
        }
        let by = self.stores.read(&self.at(CLOSED)?, MAX_NOTE_BYTES).await?;
        Ok(match by {
            Some(by) if by == range.as_bytes() => ClosedBy::This,
            _ => ClosedBy::Another,
        })
    }

    /// Removes everything, if something may be there: the parts first, then what says that the job has not ended.
    pub(crate) async fn remove(&self) -> Result<(), StoreError> {
        if !self.is_used.load(Ordering::Relaxed) || !self.can_keep().await {
            return Ok(());
        }
        let listing = self.list().await?;
        let parts = listing.parts.iter().map(|part| self.at(&name(part)));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        self.stores.delete_all(&parts).await?;
        if listing.has_plan {
            self.stores.delete(&self.at(PLAN)?).await?;
        }
        if listing.is_closed {
            self.stores.delete(&self.at(CLOSED)?).await?;
        }
        self.is_used.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn at(&self, name: &str) -> Result<StoreUri, StoreError> {
        self.folder
            .join(name)
            .map_err(|error| StoreError::new(&self.folder, ErrorCause::BadUri(error)))
    }

    async fn put(&self, name: &str, bytes: &[u8]) -> Result<PutOutcome, StoreError> {
        let at = self.at(name)?;
        let mut body = NamedTempFile::new_in(&self.scratch).map_err(StoreError::local(&at))?;
        body.write_all(bytes).map_err(StoreError::local(&at))?;
        self.mark_used();
        let kind = "application/octet-stream";
        let condition = WriteCondition::IfAbsent;
        self.stores.put(&at, body.path(), kind, condition).await
    }
}

/// The parts of a job's document, for a thread that may block.
#[derive(Clone)]
pub(crate) struct ObjectParts {
    pub(crate) parts: Arc<JobParts>,
    /// The runtime of the store.
    pub(crate) runtime: Handle,
    /// Pages of a full part; fewer after crashes, so that the page that kills its worker stands alone.
    pub(crate) pages_per_part: u32,
    /// True if an earlier delivery may have stored parts.
    pub(crate) is_resumed: bool,
    /// Returns true if a page that fails so was lost by this machine's fault.
    pub(crate) is_machine_fault: fn(FailureKind) -> bool,
    pub(crate) metrics: Arc<Metrics>,
    /// Told to those who look at the store; its number of pages is known when the document is open.
    pub(crate) document: PartDocument,
    pub(crate) record: PartsRecord,
}

/// The outcome of a reading, beside its pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartsRecord {
    reports: Vec<PartReport>,
    /// Pages that were read more than once, as far as the parts tell.
    pages_reread: u32,
    /// The failure of a page that this machine lost: its part was not kept.
    pub(crate) lost_page: Option<FailureDetail>,
    /// True if a part was stored that was not there.
    pub(crate) stored_any: bool,
}

impl PartStore for ObjectParts {
    fn pages_per_part(&self) -> u32 {
        self.pages_per_part
    }

    fn stored(&mut self, pages: u32) -> io::Result<Vec<PagePositions>> {
        self.document.pages = pages;
        if !self.is_resumed || !self.runtime.block_on(self.parts.can_keep()) {
            return Ok(Vec::new());
        }
        let listing = self.runtime.block_on(self.parts.list());
        let listing = listing.map_err(io::Error::other)?;
        self.record.pages_reread = listing.pages_reread();
        Ok(listing.parts)
    }

    fn load(&mut self, part: &PagePositions) -> io::Result<Vec<ReadPage>> {
        let loaded = self.runtime.block_on(async {
            let at = self.parts.at(&name(part))?;
            let bytes = self.parts.stores.read(&at, MAX_PART_BYTES).await?;
            let missing = || {
                let why = "a part that was listed is gone".to_owned();
                StoreError::new(&at, ErrorCause::Unavailable(why))
            };
            let bytes = bytes.ok_or_else(missing)?;
            match decode(&bytes) {
                Ok(loaded) => Ok(loaded),
                // It is read again by the next attempt.
                Err(error) => {
                    self.metrics.part(PartOutcome::Broken);
                    self.parts.stores.delete(&at).await?;
                    let why = format!("a part is broken and was removed: {error}");
                    Err(StoreError::new(&at, ErrorCause::Unavailable(why)))
                }
            }
        });
        let (report, pages) = loaded.map_err(io::Error::other)?;
        self.metrics.part(PartOutcome::Loaded);
        self.record.reports.push(report);
        Ok(pages)
    }

    fn store(&mut self, part: PagePositions, pages: &[ReadPage]) -> io::Result<()> {
        if let Some(lost) = lost_page(pages, self.is_machine_fault) {
            self.record.lost_page.get_or_insert(lost);
            return Ok(());
        }
        if !self.runtime.block_on(self.parts.can_keep()) {
            return Ok(());
        }
        let read = report(&part, &self.parts.worker);
        let bytes = encode(read.clone(), Some(self.document.clone()), pages)?;
        let name = name(&part);
        let put = self.parts.put(&name, &bytes);
        let outcome = self.runtime.block_on(put).map_err(io::Error::other)?;
        if matches!(outcome, PutOutcome::Written { .. }) {
            self.metrics.part(PartOutcome::Stored);
            self.record.stored_any = true;
        } else {
            self.metrics.part(PartOutcome::Duplicate);
            let reread = &mut self.record.pages_reread;
            *reread = reread.saturating_add(pages_of(&part));
            tracing::info!(part = name, "another worker has read these pages too");
        }
        self.record.reports.push(read);
        Ok(())
    }
}

impl DocumentParts for ObjectParts {
    fn reports(&self) -> Vec<PartReport> {
        self.record.reports.clone()
    }

    fn pages_reread(&self) -> u32 {
        self.record.pages_reread
    }

    /// The job removes them when its result is known.
    fn finished(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use recto_pipeline::sandbox::SandboxReport;

    use super::*;
    use crate::observe::metrics::BuildInfo;

    fn parts(root: &Path, id: &str) -> JobParts {
        let stores = crate::store::local_stores(root);
        let result = format!("file://{}/out", root.display()).parse().unwrap();
        JobParts::new(&Arc::new(stores), &result, id, "w1", root.to_owned()).unwrap()
    }

    #[tokio::test]
    async fn one_message_ends_a_job_and_does_so_again() {
        let root = tempfile::tempdir().unwrap();
        let parts = parts(root.path(), "a");
        assert_eq!(parts.list().await.unwrap(), PartsListing::default());
        parts.write_plan().await.unwrap();
        parts.put("000001-000016", b"-").await.unwrap();
        assert_eq!(parts.close("17-20").await.unwrap(), ClosedBy::This);
        assert_eq!(
            parts.close("17-20").await.unwrap(),
            ClosedBy::This,
            "its worker died"
        );
        assert_eq!(parts.close("1-16").await.unwrap(), ClosedBy::Another);
        let listing = parts.list().await.unwrap();
        assert!(listing.has_plan && listing.is_closed);
        assert_eq!(listing.parts, [1..=16]);
        parts.remove().await.unwrap();
        assert_eq!(parts.list().await.unwrap(), PartsListing::default());
    }

    #[test]
    fn pages_that_two_workers_have_read_are_counted() {
        let root = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let build = BuildInfo {
            version: "0",
            engine: "ppocr",
            model_sha256: "",
            sandbox: &SandboxReport::ALL_ACTIVE,
        };
        let metrics = Arc::new(Metrics::new(&build, |_, _| false).unwrap());
        let reading = || ObjectParts {
            parts: Arc::new(parts(root.path(), "a")),
            runtime: runtime.handle().clone(),
            pages_per_part: 16,
            is_resumed: true,
            is_machine_fault: |_| false,
            metrics: Arc::clone(&metrics),
            document: PartDocument::default(),
            record: PartsRecord::default(),
        };
        let (mut slow, mut quick) = (reading(), reading());
        quick.store(1..=16, &[]).unwrap();
        slow.store(1..=16, &[]).unwrap();
        assert_eq!((quick.pages_reread(), slow.pages_reread()), (0, 16));
        assert!(!slow.record.stored_any);
        slow.store(17..=20, &[]).unwrap();
        quick.store(17..=32, &[]).unwrap();

        let mut last = reading();
        last.stored(32).unwrap();
        assert_eq!(last.pages_reread(), 4, "the parts alone tell of these");
        last.load(&(1..=16)).unwrap();
        let scrape = metrics.encode();
        for (outcome, parts) in [
            ("stored", 3),
            ("duplicate", 1),
            ("loaded", 1),
            ("broken", 0),
        ] {
            let line = format!("recto_parts_total{{outcome=\"{outcome}\"}} {parts}\n");
            assert!(scrape.contains(&line), "{line}{scrape}");
        }
    }

    #[tokio::test]
    async fn jobs_have_parts_of_their_own() {
        let root = tempfile::tempdir().unwrap();
        parts(root.path(), "a").write_plan().await.unwrap();
        assert!(!parts(root.path(), "b").list().await.unwrap().has_plan);
    }
}
