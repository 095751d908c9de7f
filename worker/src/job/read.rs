//! From the document's bytes to its files in the scratch directory, on threads of its own.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use recto_pipeline::{
    cancel::CancelToken,
    read::{self, PageResult, PageSink},
};
use recto_schemas::{DocumentPassword, Manifest, Options, PageOutcome, ResultSource, SourceInfo};

use super::{
    JobContext,
    failure::{FailureStage, JobFailure},
    place::NAME,
};
use crate::{
    document::manifest,
    document::output::{ResultFolder, ResultName},
    observe::logging,
    os::scratch::JobDir,
};

/// A fetched document, and what to do with it.
pub(super) struct ReadTask {
    pub(super) file: PathBuf,
    pub(super) folder: JobDir,
    pub(super) source: ResultSource,
    pub(super) password: Option<DocumentPassword>,
    pub(super) options: Options,
    pub(super) identity: String,
    pub(super) job: String,
}

/// A document that has been read: its files are in the folder, the manifest among them.
pub(super) struct WrittenResult {
    pub(super) folder: JobDir,
    pub(super) manifest: Manifest,
}

impl WrittenResult {
    /// The folder of the results alone.
    pub(super) fn results(&self) -> PathBuf {
        results(self.folder.path())
    }
}

impl ReadTask {
    /// Reads the document. Dropping the future stops it at the next page.
    pub(super) async fn run(
        self,
        parts: &Arc<JobContext>,
        cancel: &CancelToken,
    ) -> Result<WrittenResult, JobFailure> {
        let (parts, stop) = (Arc::clone(parts), cancel.child());
        let _stop_on_drop = CancelOnDrop(stop.clone());
        let span = tracing::Span::current();
        tokio::task::spawn_blocking(move || span.in_scope(|| self.run_blocking(&parts, &stop)))
            .await
            .unwrap_or_else(|panicked| {
                // Its own words could quote the document.
                tracing::error!(is_panic = panicked.is_panic(), "reading broke off");
                let message =
                    "reading the document broke off; this is a defect of recto, please report it";
                Err(JobFailure::new(FailureStage::Read, "panic", message))
            })
    }

    fn run_blocking(
        mut self,
        parts: &JobContext,
        cancel: &CancelToken,
    ) -> Result<WrittenResult, JobFailure> {
        let started = Instant::now();
        let work = |error: io::Error| JobFailure::work(FailureStage::Read, &error);
        let mut file = File::open(&self.file).map_err(work)?;
        let source = SourceInfo {
            uri: self.source.uri.clone(),
            version_id: self.source.version_id.clone(),
            etag: self.source.etag.clone(),
            bytes: self.source.bytes,
            sha256: Some(manifest::sha256(&mut file).map_err(work)?),
        };
        let title = self.source.uri.rsplit('/').next().unwrap_or(NAME);
        let name = ResultName {
            folder: results(self.folder.path()),
            stem: NAME.to_owned(),
            title: title.to_owned(),
        };
        let mut output = ResultFolder::create(name, &self.options).map_err(work)?;
        let outcome = {
            let mut sink = ObservedSink {
                output: &mut output,
                parts,
                folder: &mut self.folder,
            };
            let input = read::DocumentInput {
                file,
                password: self.password.as_ref().map(DocumentPassword::reveal),
                rasterizer: &parts.rasterizer,
            };
            read::read(
                input,
                &self.options,
                parts.engine.as_ref(),
                &mut sink,
                cancel,
            )
            .map_err(|error| JobFailure::read(&error))?
        };
        let mut manifest =
            manifest::manifest(source, Ok(outcome), &self.options, parts.engine.as_ref());
        manifest.identity = Some(self.identity);
        manifest.job = Some(self.job);
        manifest.pages = std::mem::take(&mut output.summaries);
        manifest.timing.wall_s = started.elapsed().as_secs_f64();
        machine_stands(&manifest)?;
        output.finish(&manifest).map_err(work)?;
        Ok(WrittenResult {
            folder: self.folder,
            manifest,
        })
    }
}

/// Reasons of lost pages that are this machine's fault, never the document's.
const OURS: [&str; 3] = ["engine-stopped", "pdfium-missing", "io"];

/// Refuses a result whose pages were lost because this machine broke down.
fn machine_stands(manifest: &Manifest) -> Result<(), JobFailure> {
    let mut reasons = manifest.pages.iter().filter_map(|page| {
        let failed = page.outcome == PageOutcome::Failed;
        page.reason.as_ref().filter(|_| failed)
    });
    match reasons.find(|reason| OURS.contains(&reason.kind.as_str())) {
        Some(reason) => Err(JobFailure::new(
            FailureStage::Read,
            &reason.kind,
            &reason.message,
        )),
        None => Ok(()),
    }
}

fn results(folder: &Path) -> PathBuf {
    folder.join("results")
}

/// Raises the flag when nobody waits any more.
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A sink that counts, logs and holds the document to the scratch directory's cap.
struct ObservedSink<'a> {
    output: &'a mut ResultFolder,
    parts: &'a JobContext,
    folder: &'a mut JobDir,
}

impl PageSink for ObservedSink<'_> {
    fn open(&mut self, pages: u32) -> io::Result<()> {
        self.output.open(pages)
    }

    fn page(&mut self, page: PageResult) -> io::Result<()> {
        self.parts.metrics.page(&page.summary);
        logging::page(&page.summary);
        let written = self.output.written_bytes();
        self.output.page(page)?;
        let more = self.output.written_bytes().saturating_sub(written);
        self.folder.reservation.grow(more).map_err(io::Error::from)
    }
}
