//! Report on a whole run: sums of its outcomes, never the outcomes themselves.

use std::{collections::BTreeMap, io, path::Path, process::ExitCode, time::Instant};

use anyhow::Context as _;
use recto_pipeline::engine::Engine;
use recto_schemas::{FileState, PIPELINE_REVISION, RunFiles, RunPages, RunReport};
use serde::Serialize;

use super::DocumentOutcome;
use crate::{
    commands::EXIT_FAILED,
    document::{
        ConvertContext,
        passed_over::{PassedKind, PassedOver},
    },
    os::signals::EXIT_STOPPED,
};

/// Errors that are shown again at the end of a run.
const MAX_ERRORS: usize = 50;

/// Sums of a run.
#[derive(Debug, Default)]
pub(super) struct RunSums {
    pub(super) files: RunFiles,
    pub(super) pages: RunPages,
    bytes: u64,
    failed_by_kind: BTreeMap<String, u64>,
    pub(super) passed_over: PassedOver,
    /// Inputs whose result is not whole, whether it was made now or before.
    pub(super) not_whole: u64,
    /// The first of them, each with its number among all files.
    errors: Vec<(usize, String)>,
    pub(super) reader_left: bool,
}

impl RunSums {
    /// Adds a document, the file of that number.
    pub(super) fn add(&mut self, number: usize, outcome: &DocumentOutcome) {
        self.files.found += 1;
        let (files, pages) = (&mut self.files, u64::from(outcome.pages));
        match outcome.file_state() {
            FileState::Done => files.done += 1,
            FileState::Partial => files.partial += 1,
            FileState::Failed => files.failed += 1,
            FileState::Skipped | FileState::PassedOver => files.skipped += 1,
        }
        if outcome.is_skipped {
            self.pages.skipped += pages;
        } else {
            self.pages.read += pages;
            self.pages.failed += u64::from(outcome.failed_pages);
            self.bytes += outcome.bytes.unwrap_or(0);
        }
        if let (FileState::Failed, Some(kind)) = (outcome.file_state(), outcome.kind) {
            let kind = kind.as_str().to_owned();
            *self.failed_by_kind.entry(kind).or_default() += 1;
        }
        if let Some(error) = outcome.error_line() {
            self.not_whole += 1;
            if self.errors.len() < MAX_ERRORS {
                self.errors.push((number, error));
            }
        }
        self.reader_left |= outcome.reader_left;
    }

    /// Adds a file that was passed over.
    pub(super) fn pass_over(&mut self, kind: PassedKind) {
        self.files.found += 1;
        self.files.passed_over += 1;
        self.passed_over.count(kind);
    }

    /// The account of the run.
    pub(super) fn account(
        &self,
        run: &RunAbout<'_>,
        is_complete: bool,
        context: &ConvertContext,
    ) -> RunReport {
        RunReport {
            schema: RunReport::SCHEMA.to_owned(),
            started_at: run.started_at.to_owned(),
            ended_at: crate::os::clock::now(),
            is_complete,
            inputs: run.inputs.to_vec(),
            engine: context.engine.info().name.to_string(),
            model: context.model(),
            pipeline_revision: PIPELINE_REVISION,
            files: self.files,
            failed_by_kind: self.failed_by_kind.clone(),
            passed_over_by_kind: self.passed_over.by_kind(),
            pages: self.pages,
            bytes: self.bytes,
            wall_s: run.started.elapsed().as_secs_f64(),
        }
    }
}

/// The beginning of a run.
pub(super) struct RunAbout<'a> {
    pub(super) inputs: &'a [String],
    pub(super) started_at: &'a str,
    pub(super) started: Instant,
}

/// The report on a run.
#[derive(Debug, Serialize)]
pub(crate) struct ConvertReport {
    pub(super) inputs: u64,
    pub(super) done: u64,
    pub(super) partial: u64,
    pub(super) failed: u64,
    /// Documents whose results were there.
    pub(super) skipped: u64,
    pub(super) pages: u64,
    pub(super) wall_s: f64,
    pub(super) pages_per_s: f64,
    /// Share of the wall time that the engine's threads were busy, 0 to 1.
    engine_busy: f64,
    /// Files that were not taken for documents, by kind.
    pub(super) passed_over: PassedOver,
    /// Inputs whose result is not whole.
    #[serde(skip)]
    pub(super) not_whole: u64,
    /// The first errors, in the order of the files.
    #[serde(skip)]
    pub(super) errors: Vec<String>,
    #[serde(skip)]
    pub(super) reader_left: bool,
}

impl ConvertReport {
    /// The report on so many documents.
    pub(super) fn new(sums: RunSums, inputs: u64, started: Instant, engine: &dyn Engine) -> Self {
        let wall_s = started.elapsed().as_secs_f64();
        let usage = engine.usage();
        let mut errors = sums.errors;
        errors.sort();
        Self {
            inputs,
            done: sums.files.done,
            partial: sums.files.partial,
            failed: sums.files.failed,
            skipped: sums.files.skipped,
            pages: sums.pages.read,
            wall_s,
            pages_per_s: sums.pages.read as f64 / wall_s.max(1e-9),
            engine_busy: usage.busy.as_secs_f64() / (wall_s * f64::from(usage.workers.max(1))),
            passed_over: sums.passed_over,
            not_whole: sums.not_whole,
            errors: errors.into_iter().map(|(_, error)| error).collect(),
            reader_left: sums.reader_left,
        }
    }

    /// A run ends as one would that reads all: results of earlier runs that are not whole count.
    pub(super) fn exit_code(&self, stopped: bool) -> ExitCode {
        if self.reader_left {
            ExitCode::SUCCESS
        } else if stopped {
            ExitCode::from(EXIT_STOPPED)
        } else if self.not_whole > 0 {
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
