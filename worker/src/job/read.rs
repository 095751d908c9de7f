//! From the document's bytes to its files in the work folder, on threads of its own.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use recto_pipeline::{
    cancel::Cancel,
    read::{self, Page, Sink},
};
use recto_schemas::{Manifest, Options, PageOutcome, Password, ResultSource, Source};

use super::{
    Parts,
    failure::{Failure, Stage},
    place::NAME,
};
use crate::{document, output::Output, telemetry, workdir::JobFolder};

/// A fetched document, and what to do with it.
pub(super) struct Reading {
    pub(super) file: PathBuf,
    pub(super) folder: JobFolder,
    pub(super) source: ResultSource,
    pub(super) password: Option<Password>,
    pub(super) options: Options,
    pub(super) identity: String,
    pub(super) job: String,
}

/// A document that has been read: its files are in the folder, the manifest among them.
pub(super) struct Written {
    pub(super) folder: JobFolder,
    pub(super) manifest: Manifest,
}

impl Written {
    /// The folder of the results alone.
    pub(super) fn results(&self) -> PathBuf {
        results(self.folder.path())
    }
}

impl Reading {
    /// Reads the document. Dropping the future stops it at the next page.
    pub(super) async fn run(self, parts: &Arc<Parts>, cancel: &Cancel) -> Result<Written, Failure> {
        let (parts, stop) = (Arc::clone(parts), cancel.child());
        let _stop_on_drop = StopOnDrop(stop.clone());
        let span = tracing::Span::current();
        tokio::task::spawn_blocking(move || span.in_scope(|| self.run_blocking(&parts, &stop)))
            .await
            .unwrap_or_else(|panicked| {
                // Its own words could quote the document.
                tracing::error!(is_panic = panicked.is_panic(), "reading broke off");
                let message =
                    "reading the document broke off; this is a defect of recto, please report it";
                Err(Failure::new(Stage::Read, "panic", message))
            })
    }

    fn run_blocking(mut self, parts: &Parts, cancel: &Cancel) -> Result<Written, Failure> {
        let started = Instant::now();
        let work = |error: io::Error| Failure::work(Stage::Read, &error);
        let mut file = File::open(&self.file).map_err(work)?;
        let source = Source {
            uri: self.source.uri.clone(),
            version_id: self.source.version_id.clone(),
            etag: self.source.etag.clone(),
            bytes: self.source.bytes,
            sha256: Some(document::sha256(&mut file).map_err(work)?),
        };
        let results = results(self.folder.path());
        let title = self
            .source
            .uri
            .rsplit('/')
            .next()
            .unwrap_or(NAME)
            .to_owned();
        let mut output = Output::create(&results, NAME, &title, self.options.html).map_err(work)?;
        let outcome = {
            let mut sink = Watched {
                output: &mut output,
                parts,
                folder: &mut self.folder,
            };
            let input = read::Input {
                file,
                password: self.password.as_ref().map(Password::reveal),
                rasterizer: &parts.rasterizer,
            };
            read::read(
                input,
                &self.options,
                parts.engine.as_ref(),
                &mut sink,
                cancel,
            )
            .map_err(|error| Failure::read(&error))?
        };
        let mut manifest =
            document::manifest(source, Ok(outcome), &self.options, parts.engine.as_ref());
        manifest.identity = Some(self.identity);
        manifest.job = Some(self.job);
        manifest.pages = std::mem::take(&mut output.summaries);
        manifest.timing.wall_s = started.elapsed().as_secs_f64();
        machine_stands(&manifest)?;
        output.finish(&manifest).map_err(work)?;
        Ok(Written {
            folder: self.folder,
            manifest,
        })
    }
}

/// Reasons of lost pages that are this machine's fault, never the document's.
const OURS: [&str; 3] = ["engine-stopped", "pdfium-missing", "io"];

/// Where this machine broke down, the pages it lost are no result.
fn machine_stands(manifest: &Manifest) -> Result<(), Failure> {
    let mut reasons = manifest.pages.iter().filter_map(|page| {
        let failed = page.outcome == PageOutcome::Failed;
        page.reason.as_ref().filter(|_| failed)
    });
    match reasons.find(|reason| OURS.contains(&reason.kind.as_str())) {
        Some(reason) => Err(Failure::new(Stage::Read, &reason.kind, &reason.message)),
        None => Ok(()),
    }
}

fn results(folder: &Path) -> PathBuf {
    folder.join("results")
}

/// Raises the flag when nobody waits any more.
struct StopOnDrop(Cancel);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// A sink that counts, logs and holds the document to the work folder's cap.
struct Watched<'a> {
    output: &'a mut Output,
    parts: &'a Parts,
    folder: &'a mut JobFolder,
}

impl Sink for Watched<'_> {
    fn open(&mut self, pages: u32) -> io::Result<()> {
        self.output.open(pages)
    }

    fn page(&mut self, page: Page) -> io::Result<()> {
        self.parts.metrics.page(&page.summary);
        telemetry::page(&page.summary);
        let written = self.output.written();
        self.output.page(page)?;
        let more = self.output.written().saturating_sub(written);
        self.folder.reservation.grow(more).map_err(io::Error::from)
    }
}
