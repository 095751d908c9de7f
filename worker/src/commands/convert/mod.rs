//! `recto convert`: converts inputs into a folder, a store, or to standard output.

mod args;
mod inputs;
mod outcome;
mod progress;

use std::{
    panic::AssertUnwindSafe,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use futures_util::{FutureExt as _, StreamExt as _, stream};
use recto_pipeline::{
    cancel::CancelToken,
    engine::{Engine, resolve},
};
use recto_schemas::{DocumentPassword, Options};
use tokio::runtime::{Builder, Runtime};

use crate::{
    commands::args::RunArgs,
    document::{
        self, ConvertContext, ConvertError, ConvertObserver, ConvertedDocument, DocumentTarget,
        PartsPlace, Requester, StoreTarget,
    },
    models::{
        ProgressReporter,
        config::SandboxPolicy,
        loader::{self, EngineSettings},
    },
    os::{allocator, signals},
    store::{ErrorCause, ObjectStore as _, ObjectStores, StoreError, StoreUri, WriteCondition},
};
pub(crate) use args::{ConvertArgs, NOTES};
pub(crate) use inputs::InputDocument;
#[cfg(feature = "eval")]
pub(crate) use inputs::{InputSearch, files};
pub(crate) use outcome::{ConvertReport, DocumentOutcome};
pub(crate) use progress::ProgressDisplay;

/// Documents in flight: the second one's pages keep the engine busy while the first one opens, ends or waits for its
/// slowest page.
const DOCUMENTS_AT_ONCE: usize = 3;

/// Files of one result that are written to a store at the same time: a review page has many small images.
const FILES_AT_ONCE: usize = 4;

/// Time for pages in hand to be read and kept after a signal.
const PAGES_IN_HAND_TIMEOUT: Duration = Duration::from_secs(3);

/// Threads that wait for the network.
const RUNTIME_THREADS: usize = 2;

/// Converts the inputs.
///
/// # Errors
/// No input can be converted: there is no model, no PDFium or no output folder.
pub(crate) fn run(arguments: &ConvertArgs) -> anyhow::Result<ExitCode> {
    let started = Instant::now();
    let runtime = runtime()?;
    let _entered = runtime.enter();
    let interrupt = Interrupt::on_signal()?;
    let mut options = arguments.run.options();
    let stores = Arc::new(ObjectStores::new(&arguments.store, None)?);
    let output = arguments.output.as_deref();
    let prefix = match output.and_then(inputs::uri) {
        Some(uri) => Some(runtime.block_on(output_prefix(uri, &stores))?),
        None => None,
    };
    let engine = engine(&arguments.run, &mut options)?;
    let (rasterizer, _) = loader::rasterizer(
        &arguments.run.machine,
        SandboxPolicy::BestEffort,
        ProgressReporter::Person,
    )?;
    let target = match (prefix, output) {
        (Some(folder), _) => OutputTarget::Store {
            stores: Arc::clone(&stores),
            folder,
        },
        (None, None) => OutputTarget::Stdout,
        (None, Some(folder)) => {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            OutputTarget::Folder(folder.to_owned())
        }
    };
    let list = |prefix: &StoreUri| runtime.block_on(list(&stores, prefix));
    let search = inputs::InputSearch {
        selection: &arguments.selection.selection(),
        left_out: output.filter(|output| inputs::uri(output).is_none()),
        list: &list,
    };
    let found = search.run(&arguments.inputs);
    let inputs = found.documents;
    let progress = Arc::new(ProgressDisplay::start(inputs.len(), arguments.run.quiet));
    let run = ConvertRun {
        context: Arc::new(ConvertContext {
            engine: Arc::clone(&engine),
            rasterizer: Arc::new(rasterizer),
            options,
            password: arguments.run.password.clone().map(DocumentPassword::new),
            requester: Requester::Person,
            observer: Arc::clone(&progress) as Arc<dyn ConvertObserver>,
            cancel: interrupt.cancel.clone(),
            stop: interrupt.stop.clone(),
            parts: Some(PartsPlace::Folder),
        }),
        stores: Some(stores),
        target,
        progress: Arc::clone(&progress),
    };
    let documents: Vec<&InputDocument> = inputs.iter().collect();
    let outcomes = runtime.block_on(run.convert_all(&documents));
    let mut report = ConvertReport::new(&outcomes, inputs.len(), started, engine.as_ref());
    report.passed_over = found.passed_over;
    progress.finish(&report, output, interrupt.stop.is_cancelled());
    if let Some(path) = &arguments.stats {
        report.write(path)?;
    }
    Ok(report.exit_code(interrupt.stop.is_cancelled()))
}

/// A runtime for signals and stores.
pub(crate) fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// The two steps in which a signal ends a run.
#[derive(Clone, Default)]
pub(crate) struct Interrupt {
    /// No further page is begun.
    pub(crate) stop: CancelToken,
    /// Pages in hand are given up.
    pub(crate) cancel: CancelToken,
}

impl Interrupt {
    /// The first signal begins the first step, and the second one follows.
    pub(crate) fn on_signal() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let begun = interrupt.clone();
        signals::on_first_signal(signals::TERMINAL, move |_| {
            begun.stop.cancel();
            std::thread::spawn(move || {
                std::thread::sleep(PAGES_IN_HAND_TIMEOUT);
                begun.cancel.cancel();
            });
        })
        .context("cannot listen for signals")?;
        Ok(interrupt)
    }
}

/// Loads the engine that a run asks for; `options` then have the values that it chose.
///
/// # Errors
/// The model or its runtime is missing or broken.
pub(crate) fn engine(run: &RunArgs, options: &mut Options) -> anyhow::Result<Arc<dyn Engine>> {
    let reporter = match run.quiet {
        true => ProgressReporter::Nobody,
        false => ProgressReporter::Person,
    };
    let settings = EngineSettings {
        name: options.engine,
        script_fallback: options.script_fallback.unwrap_or_default(),
        got: &run.engines.got.runtime,
    };
    let engine = loader::engine(settings, &run.machine, reporter)?;
    resolve(engine.as_ref(), options)?;
    Ok(engine)
}

/// The prefix for results that `-o` names, checked before hours of work begin.
async fn output_prefix(uri: &str, stores: &ObjectStores) -> anyhow::Result<StoreUri> {
    let prefix: StoreUri = uri.parse().with_context(|| format!("-o {uri}"))?;
    match stores.probe(Some(&prefix)).await {
        // Credentials that may not list may still write.
        Err(error) if !matches!(error.cause, ErrorCause::Denied { .. }) => Err(error.into()),
        _ => Ok(prefix),
    }
}

/// The objects below a prefix, in the order of their keys.
async fn list(stores: &ObjectStores, prefix: &StoreUri) -> Result<Vec<StoreUri>, StoreError> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = stores.list(prefix, after.as_deref()).await?;
        found.extend(page.entries.into_iter().map(|entry| entry.location));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

/// The target of all documents of a run.
pub(crate) enum OutputTarget {
    /// Standard output.
    Stdout,
    /// A folder.
    Folder(PathBuf),
    /// A folder in a store.
    Store {
        /// The store.
        stores: Arc<ObjectStores>,
        /// The folder.
        folder: StoreUri,
    },
}

/// A run over many documents.
pub(crate) struct ConvertRun {
    pub(crate) context: Arc<ConvertContext>,
    /// The stores of documents; a run over local files needs none.
    pub(crate) stores: Option<Arc<ObjectStores>>,
    pub(crate) target: OutputTarget,
    pub(crate) progress: Arc<ProgressDisplay>,
}

impl ConvertRun {
    /// Converts the inputs a few at a time, or one after another to standard output. Inputs that a signal kept from
    /// being converted have no outcome.
    pub(crate) async fn convert_all(&self, inputs: &[&InputDocument]) -> Vec<DocumentOutcome> {
        let at_once = match self.target {
            OutputTarget::Folder(_) | OutputTarget::Store { .. } => DOCUMENTS_AT_ONCE,
            OutputTarget::Stdout => 1,
        };
        let is_alone = inputs.len() == 1;
        let mut outcomes: Vec<_> = stream::iter(inputs.iter().enumerate())
            .map(async |(index, input)| Some((index, self.convert_one(input, is_alone).await?)))
            .buffer_unordered(at_once)
            .filter_map(std::future::ready)
            .collect()
            .await;
        outcomes.sort_by_key(|(index, _)| *index);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    async fn convert_one(&self, input: &InputDocument, is_alone: bool) -> Option<DocumentOutcome> {
        if self.context.stop.is_cancelled() {
            return None;
        }
        let started = Instant::now();
        // A panic is that document's alone.
        let converted = AssertUnwindSafe(self.convert(input, is_alone))
            .catch_unwind()
            .await
            .unwrap_or(Err(ConvertError::Panicked));
        let outcome = DocumentOutcome::new(input.uri(), converted, started)?;
        if outcome.reader_left {
            // Nobody reads the other documents either.
            self.context.stop.cancel();
            self.context.cancel.cancel();
        }
        self.progress.document(&outcome);
        allocator::trim();
        Some(outcome)
    }

    async fn convert(
        &self,
        input: &InputDocument,
        is_alone: bool,
    ) -> Result<ConvertedDocument, ConvertError> {
        let source = input.source(self.stores.as_ref());
        let target = match &self.target {
            OutputTarget::Stdout => {
                let has_title = !is_alone && self.context.options.page_markers;
                let title = has_title.then(|| input.uri());
                DocumentTarget::Stdout { title }
            }
            OutputTarget::Folder(folder) => DocumentTarget::Folder(input.result_in(folder)),
            OutputTarget::Store { stores, folder } => {
                // Made here first, and removed at the end of this function.
                let made_in = tempfile::tempdir();
                let made_in = made_in
                    .map_err(|error| self.context.not_written(error, source.info.clone()))?;
                let target = DocumentTarget::Store(StoreTarget {
                    stores: Arc::clone(stores),
                    folder: folder.clone(),
                    name: input.result_in(made_in.path()),
                    condition: WriteCondition::Always,
                    hashed_names: false,
                    files_at_once: FILES_AT_ONCE,
                });
                return document::convert(source, target, &self.context).await;
            }
        };
        document::convert(source, target, &self.context).await
    }
}
