//! Outcomes of documents, and the report on a whole run.

use std::{io, path::Path, process::ExitCode, time::Instant};

use anyhow::Context as _;
use recto_pipeline::engine::Engine;
use recto_schemas::{DocumentState, Manifest, PageOutcome};
use serde::Serialize;

use crate::{
    commands::EXIT_FAILED,
    document::{ConvertError, ConvertedDocument, passed_over::PassedOver},
    os::signals::EXIT_STOPPED,
};

/// The outcome of a document.
#[derive(Debug)]
pub(crate) struct DocumentOutcome {
    pub(super) uri: String,
    state: DocumentState,
    /// The reason why it failed or was cut short.
    failure: Option<String>,
    /// Pages with a result.
    pub(super) pages: u32,
    /// Pages that failed.
    pub(super) failed_pages: u32,
    /// The reason why the first of them failed.
    page_failure: Option<String>,
    /// Pages that were read in part only.
    partial_pages: u32,
    pub(super) seconds: f64,
    /// True if the reader of standard output has gone.
    pub(super) reader_left: bool,
}

impl DocumentOutcome {
    /// The outcome of a conversion. `None` if it was cancelled: then nothing is left of it.
    pub(super) fn new(
        uri: String,
        converted: Result<ConvertedDocument, ConvertError>,
        started: Instant,
    ) -> Option<Self> {
        let outcome = match converted {
            Ok(converted) => Self {
                reader_left: converted.reader_left,
                ..Self::of_manifest(uri, &converted.manifest)
            },
            Err(ConvertError::Stopped | ConvertError::Cancelled) => return None,
            Err(
                ref error @ (ConvertError::Write { ref manifest, .. }
                | ConvertError::Publish { ref manifest, .. }),
            ) => Self {
                state: DocumentState::Failed,
                failure: Some(error.to_string()),
                ..Self::of_manifest(uri, manifest)
            },
            Err(error) => Self::failed(uri, error.to_string()),
        };
        Some(Self {
            seconds: started.elapsed().as_secs_f64(),
            ..outcome
        })
    }

    /// A document without any page.
    pub(super) fn failed(uri: String, failure: String) -> Self {
        Self {
            uri,
            state: DocumentState::Failed,
            failure: Some(failure),
            pages: 0,
            failed_pages: 0,
            page_failure: None,
            partial_pages: 0,
            seconds: 0.0,
            reader_left: false,
        }
    }

    fn of_manifest(uri: String, manifest: &Manifest) -> Self {
        let mut pages = manifest.pages.iter();
        let first_failed = pages.find(|page| page.outcome == PageOutcome::Failed);
        let counts = manifest.counts;
        Self {
            uri,
            state: manifest.state,
            failure: manifest
                .failure
                .as_ref()
                .map(|failure| failure.message.clone()),
            pages: counts.ok + counts.empty + counts.text_layer,
            failed_pages: counts.failed,
            page_failure: first_failed
                .and_then(|page| page.reason.as_ref())
                .map(|reason| reason.message.clone()),
            partial_pages: counts.partial,
            seconds: 0.0,
            reader_left: false,
        }
    }

    /// The failure of the document or of its pages, in one line. `None` for a document that is done.
    pub(super) fn error_line(&self) -> Option<String> {
        if self.state == DocumentState::Done {
            return None;
        }
        let pages = self
            .page_failure
            .as_ref()
            .map(|failure| format!("{} failed: {failure}", page_count(self.failed_pages)));
        let partial = (self.partial_pages > 0).then(|| {
            let pages = page_count(self.partial_pages);
            format!("{pages} read in part: lines in a script that the model does not know")
        });
        let failure = self.failure.clone().or(pages).or(partial);
        let failure = failure.unwrap_or_else(|| "failed".to_owned());
        Some(format!("{}: {failure}", self.uri))
    }
}

fn page_count(pages: u32) -> String {
    match pages {
        1 => "1 page".to_owned(),
        pages => format!("{pages} pages"),
    }
}

/// The report on a run.
#[derive(Debug, Serialize)]
pub(crate) struct ConvertReport {
    pub(super) inputs: usize,
    pub(super) done: usize,
    pub(super) partial: usize,
    pub(super) failed: usize,
    pub(super) pages: u64,
    pub(super) wall_s: f64,
    pub(super) pages_per_s: f64,
    /// Share of the wall time that the engine's threads were busy, 0 to 1.
    engine_busy: f64,
    /// Files that were not taken for documents, by kind.
    pub(super) passed_over: PassedOver,
    #[serde(skip)]
    pub(super) errors: Vec<String>,
    #[serde(skip)]
    pub(super) reader_left: bool,
}

impl ConvertReport {
    pub(crate) fn new(
        outcomes: &[DocumentOutcome],
        inputs: usize,
        started: Instant,
        engine: &dyn Engine,
    ) -> Self {
        let wall_s = started.elapsed().as_secs_f64();
        let pages: u64 = outcomes.iter().map(|o| u64::from(o.pages)).sum();
        let with = |state| outcomes.iter().filter(|o| o.state == state).count();
        let usage = engine.usage();
        Self {
            inputs,
            done: with(DocumentState::Done),
            partial: with(DocumentState::Partial),
            failed: with(DocumentState::Failed),
            pages,
            wall_s,
            pages_per_s: pages as f64 / wall_s.max(1e-9),
            engine_busy: usage.busy.as_secs_f64() / (wall_s * f64::from(usage.workers.max(1))),
            passed_over: PassedOver::default(),
            errors: outcomes
                .iter()
                .filter_map(DocumentOutcome::error_line)
                .collect(),
            reader_left: outcomes.iter().any(|o| o.reader_left),
        }
    }

    pub(super) fn exit_code(&self, stopped: bool) -> ExitCode {
        if self.reader_left {
            ExitCode::SUCCESS
        } else if stopped {
            ExitCode::from(EXIT_STOPPED)
        } else if self.partial + self.failed > 0 {
            ExitCode::from(EXIT_FAILED)
        } else {
            ExitCode::SUCCESS
        }
    }

    /// Writes the report for `--stats`.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string(self).map_err(io::Error::from)?;
        std::fs::write(path, text + "\n")
            .with_context(|| format!("cannot write {}", path.display()))
    }
}
