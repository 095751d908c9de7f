//! `recto convert`: inputs to a folder of results, or to standard output.

mod args;
// Which documents are meant, and what their results are called.
mod inputs;
// Documents from an object store and results into one.
mod objects;
// One document, from its bytes to its manifest.
mod one;
// What a person sees while it goes on.
mod progress;

use std::{
    io,
    path::Path,
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::Context;
use recto_pipeline::{
    cancel::CancelToken,
    engine::{Engine, resolve},
};
use recto_schemas::{DocumentState, Options};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use crate::{
    commands::{EXIT_FAILED, args::RunArgs},
    models::hub::ProgressReporter,
    models::loader,
    os::{
        allocator,
        signals::{self, EXIT_STOPPED},
    },
    store::StoreUri,
};
pub(crate) use args::{ConvertArgs, NOTES};
pub(crate) use inputs::{Input, expand, files};
use objects::BlockingStore;
use one::DocumentOutcome;
pub(crate) use one::{Context as ReadContext, DocumentTarget};
pub(crate) use progress::ProgressDisplay;

/// Documents under way at once: the second one's pages keep the engine busy while the first one opens,
/// ends or waits for its slowest page.
const DOCUMENTS_AT_ONCE: usize = 3;

/// Threads that wait for the network.
const RUNTIME_THREADS: usize = 2;

/// Converts the inputs.
///
/// # Errors
/// What keeps every input from being converted: no model, no PDFium, no output folder.
pub(crate) fn run(arguments: &ConvertArgs) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let runtime = runtime()?;
    let _entered = runtime.enter();
    let cancel = cancel_on_signal()?;
    let mut options = arguments.run.options();
    let objects = BlockingStore::new(&arguments.store)?;
    let prefix = arguments.output.as_deref().and_then(inputs::uri);
    let prefix = prefix.map(|uri| prefix_of(uri, &objects)).transpose()?;
    let engine = engine(&arguments.run, &mut options)?;
    let rasterizer = loader::rasterizer(&arguments.run.machine)?;
    let destination = match (&prefix, &arguments.output) {
        (Some(prefix), _) => DocumentTarget::Prefix(prefix, &objects),
        (None, None) => DocumentTarget::Stdout,
        (None, Some(folder)) => {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            DocumentTarget::Folder(folder)
        }
    };
    let inputs = inputs::expand(&arguments.inputs, &|prefix| objects.list(prefix));
    let context = ReadContext {
        options: &options,
        password: arguments.run.password.as_deref(),
        engine: engine.as_ref(),
        rasterizer: &rasterizer,
        objects: Some(&objects),
        destination,
        several: inputs.len() > 1,
    };
    let progress = ProgressDisplay::start(inputs.len(), arguments.run.quiet);
    let documents: Vec<&Input> = inputs.iter().collect();
    let ended = convert_all(&documents, &context, &progress, &cancel);
    let report = ConvertReport::new(&ended, inputs.len(), started, engine.as_ref());
    progress.finish(&report, arguments.output.as_deref(), cancel.is_cancelled());
    if let Some(path) = &arguments.stats {
        write_stats(path, &report)?;
    }
    Ok(report.exit_code(cancel.is_cancelled()))
}

/// Loads the engine that a run asks for; `options` then have what it settled on.
///
/// # Errors
/// The model or what runs it is missing or broken.
pub(crate) fn engine(run: &RunArgs, options: &mut Options) -> anyhow::Result<Arc<dyn Engine>> {
    let tell = match run.quiet {
        true => ProgressReporter::Nobody,
        false => ProgressReporter::Person,
    };
    let engine = loader::engine(options.engine, &run.machine, &run.got.runtime, tell)?;
    resolve(engine.as_ref(), options)?;
    Ok(engine)
}

/// The place for results that `-o` names, looked at before the work begins.
fn prefix_of(uri: &str, objects: &BlockingStore) -> anyhow::Result<StoreUri> {
    let prefix: StoreUri = uri.parse().with_context(|| format!("-o {uri}"))?;
    objects.check(&prefix)?;
    Ok(prefix)
}

/// Converts the inputs a few at a time, or one after another where all write to standard output.
pub(crate) fn convert_all(
    inputs: &[&Input],
    context: &ReadContext<'_>,
    progress: &ProgressDisplay,
    cancel: &CancelToken,
) -> Vec<DocumentOutcome> {
    let at_once = match context.destination {
        DocumentTarget::Folder(_) | DocumentTarget::Prefix(..) => DOCUMENTS_AT_ONCE,
        DocumentTarget::Stdout => 1,
    };
    let (next, ended) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..at_once.min(inputs.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(input) = inputs.get(index) else {
                        return;
                    };
                    let Some(result) = one::convert(input, context, progress, cancel) else {
                        return;
                    };
                    progress.document(&result);
                    allocator::trim();
                    ended
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push((index, result));
                }
            });
        }
    });
    let mut ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    ended.sort_by_key(|(index, _)| *index);
    ended.into_iter().map(|(_, ended)| ended).collect()
}

/// A runtime for signals and stores; the documents of a run share its threads.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// A token that the first signal cancels.
pub(crate) fn cancel_on_signal() -> anyhow::Result<CancelToken> {
    let cancel = CancelToken::new();
    let cancelled = cancel.clone();
    signals::on_first_signal(signals::TERMINAL, move |_| cancelled.cancel())
        .context("cannot listen for signals")?;
    Ok(cancel)
}

/// What the whole run came to.
#[derive(Debug, Serialize)]
pub(crate) struct ConvertReport {
    inputs: usize,
    done: usize,
    partial: usize,
    failed: usize,
    pages: u64,
    wall_s: f64,
    pages_per_s: f64,
    /// Share of the wall time that the engine's threads were at work, 0 to 1.
    engine_busy: f64,
    #[serde(skip)]
    troubles: Vec<String>,
    #[serde(skip)]
    reader_left: bool,
}

impl ConvertReport {
    pub(crate) fn new(
        ended: &[DocumentOutcome],
        inputs: usize,
        started: Instant,
        engine: &dyn Engine,
    ) -> Self {
        let wall_s = started.elapsed().as_secs_f64();
        let pages: u64 = ended.iter().map(|ended| u64::from(ended.pages)).sum();
        let with = |state| ended.iter().filter(|ended| ended.state == state).count();
        let usage = engine.usage();
        Self {
            inputs,
            done: with(DocumentState::Done),
            partial: with(DocumentState::Partial),
            failed: with(DocumentState::Failed),
            pages,
            wall_s,
            pages_per_s: pages as f64 / wall_s.max(1e-9),
            engine_busy: usage.busy.as_secs_f64() / (wall_s * f64::from(usage.lanes.max(1))),
            troubles: ended.iter().filter_map(DocumentOutcome::trouble).collect(),
            reader_left: ended.iter().any(|ended| ended.reader_left),
        }
    }

    pub(crate) fn exit_code(&self, stopped: bool) -> ExitCode {
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
}

fn write_stats(path: &Path, report: &ConvertReport) -> anyhow::Result<()> {
    let text = serde_json::to_string(report).map_err(io::Error::from)?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}
