//! `recto convert`: converts inputs into a folder, a store, or to standard output.

mod account;
mod args;
mod inputs;
mod outcome;
mod progress;
mod report;
mod result_path;

use std::{
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    pin::pin,
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use futures_util::{FutureExt as _, Stream, StreamExt as _, stream};
use recto_pipeline::{
    cancel::CancelToken,
    engine::{Engine, resolve},
};
use recto_schemas::{DocumentPassword, FileState, Options, ResultTiming};
use tokio::runtime::{Builder, Runtime};

use crate::{
    commands::args::RunArgs,
    document::{
        self, ConvertContext, ConvertError, ConvertObserver, ConvertedDocument, DocumentTarget,
        PartsPlace, Requester, StoreTarget, output::remove_leftovers,
    },
    job,
    models::{
        ProgressReporter,
        config::SandboxPolicy,
        loader::{self, EngineSettings},
    },
    os::{allocator, clock, signals},
    store::{ErrorCause, ObjectStore as _, ObjectStores, StoreError, StoreUri, WriteCondition},
};
use account::{AccountRow, RunAccount};
pub(crate) use args::{ConvertArgs, NOTES};
pub(crate) use inputs::{FoundInput, InputDocument};
pub(crate) use outcome::DocumentOutcome;
pub(crate) use progress::ProgressDisplay;
pub(crate) use report::ConvertReport;
use report::{RunAbout, RunSums};
#[cfg(feature = "eval")]
pub(crate) use result_path::ResultPath;

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
/// No input can be converted: there is no model, no PDFium or no output folder, or inputs would share their results.
pub(crate) fn run(arguments: &ConvertArgs) -> anyhow::Result<ExitCode> {
    let (started, started_at) = (Instant::now(), clock::now());
    let runtime = runtime()?;
    let _entered = runtime.enter();
    let interrupt = Interrupt::on_signal()?;
    let mut options = arguments.run.options();
    let stores = Arc::new(ObjectStores::new(&arguments.store, None)?);
    let selection = arguments.selection.selection();
    let output = arguments.output();
    let prefix = match output.and_then(inputs::uri) {
        Some(uri) => Some(runtime.block_on(output_prefix(uri, &stores))?),
        None => None,
    };
    let folder = output.filter(|_| prefix.is_none());
    if output.is_some() {
        result_path::refuse_shared(&arguments.inputs, &selection, folder)?;
    }
    let engine = engine(&arguments.run, &mut options)?;
    let (rasterizer, _) = loader::rasterizer(
        &arguments.run.machine,
        SandboxPolicy::BestEffort,
        ProgressReporter::Person,
    )?;
    let target = OutputTarget::of(folder, prefix.clone(), &stores)?;
    let progress = Arc::new(ProgressDisplay::start(arguments.run.quiet));
    let account = match arguments.has_account() {
        true => RunAccount::begin(&target).context("cannot begin the account of the run")?,
        false => None,
    };
    let search = inputs::InputSearch {
        selection,
        left_out: folder.map(Path::to_owned),
        prefix_left_out: prefix,
        stores: Arc::clone(&stores),
        progress: Arc::clone(&progress),
    };
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
        force: arguments.force,
        account,
        swept: Mutex::default(),
        progress: Arc::clone(&progress),
    };
    let found = search.start(arguments.inputs.clone());
    let found = stream::unfold(found, async |mut found| Some((found.recv().await?, found)));
    let sums = runtime.block_on(run.convert_all(found));
    let stopped = interrupt.stop.is_cancelled();
    if let Some(account) = run.account {
        let inputs: Vec<String> = arguments
            .inputs
            .iter()
            .map(|i| i.display().to_string())
            .collect();
        let about = RunAbout {
            inputs: &inputs,
            started_at: &started_at,
            started,
        };
        let report = sums.account(&about, !stopped, &run.context);
        runtime.block_on(account.end(&report))?;
    }
    let report = ConvertReport::new(sums, progress.documents(), started, engine.as_ref());
    progress.finish(&report, output, stopped);
    if let Some(path) = &arguments.stats {
        report.write(path)?;
    }
    Ok(report.exit_code(stopped))
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

impl OutputTarget {
    /// The folder, which is made, or the prefix; else standard output.
    fn of(
        folder: Option<&Path>,
        prefix: Option<StoreUri>,
        stores: &Arc<ObjectStores>,
    ) -> anyhow::Result<Self> {
        Ok(match (prefix, folder) {
            (Some(folder), _) => Self::Store {
                stores: Arc::clone(stores),
                folder,
            },
            (None, None) => Self::Stdout,
            (None, Some(folder)) => {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("cannot make the folder {}", folder.display()))?;
                Self::Folder(folder.to_owned())
            }
        })
    }
}

/// A run over many documents.
pub(crate) struct ConvertRun {
    pub(crate) context: Arc<ConvertContext>,
    /// The stores of documents; a run over local files needs none.
    pub(crate) stores: Option<Arc<ObjectStores>>,
    pub(crate) target: OutputTarget,
    /// True if documents are read again whose results are there.
    pub(crate) force: bool,
    /// The account of the run, if it has one.
    account: Option<RunAccount>,
    /// The folder of the last document's results and those above it: what killed runs left in them is gone.
    swept: Mutex<Vec<PathBuf>>,
    pub(crate) progress: Arc<ProgressDisplay>,
}

impl ConvertRun {
    /// A run without an account that reads every document, into a folder.
    #[cfg(feature = "eval")]
    pub(crate) fn into_folder(
        context: Arc<ConvertContext>,
        folder: PathBuf,
        progress: Arc<ProgressDisplay>,
    ) -> Self {
        Self {
            context,
            stores: None,
            target: OutputTarget::Folder(folder),
            force: true,
            account: None,
            swept: Mutex::default(),
            progress,
        }
    }

    /// Converts the documents of that list.
    #[cfg(feature = "eval")]
    pub(crate) async fn convert_these(&self, documents: Vec<InputDocument>) -> ConvertReport {
        let started = Instant::now();
        documents.iter().for_each(|_| self.progress.found());
        self.progress.all_found();
        let sums = self.convert_all(stream::iter(
            documents.into_iter().map(FoundInput::Document),
        ));
        let sums = sums.await;
        let engine = self.context.engine.as_ref();
        ConvertReport::new(sums, self.progress.documents(), started, engine)
    }

    /// Converts what is found, a few documents at a time, or one after another to standard output. A signal ends it, and
    /// documents that it kept from being converted have no outcome.
    async fn convert_all(&self, found: impl Stream<Item = FoundInput>) -> RunSums {
        let at_once = match self.target {
            OutputTarget::Folder(_) | OutputTarget::Store { .. } => DOCUMENTS_AT_ONCE,
            OutputTarget::Stdout => 1,
        };
        let sums = Mutex::new(RunSums::default());
        let documents = found
            .take_while(|_| std::future::ready(!self.context.stop.is_cancelled()))
            .enumerate()
            .filter_map(|(number, found)| {
                let document = self.take(number, found, &sums);
                std::future::ready(document.map(|document| (number, document)))
            })
            .fuse();
        let mut documents = pin!(documents);
        // On standard output documents have titles, unless there is only one.
        let first = match self.target {
            OutputTarget::Stdout => vec![documents.next().await, documents.next().await],
            OutputTarget::Folder(_) | OutputTarget::Store { .. } => Vec::new(),
        };
        let is_alone = first.iter().flatten().count() == 1;
        let first = stream::iter(first.into_iter().flatten());
        first
            .chain(documents)
            .map(|(number, document)| self.convert_one(number, document, is_alone, &sums))
            .buffer_unordered(at_once)
            .for_each(std::future::ready)
            .await;
        sums.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// The document that was found; anything else gets its row.
    fn take(
        &self,
        number: usize,
        found: FoundInput,
        sums: &Mutex<RunSums>,
    ) -> Option<InputDocument> {
        match found {
            FoundInput::Document(document) => return Some(document),
            FoundInput::PassedOver { path, kind } => {
                let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
                sums.pass_over(kind.clone());
                if let Some(account) = &self.account {
                    account.add(&AccountRow {
                        path: &path.to_string_lossy(),
                        manifest: "",
                        state: FileState::PassedOver,
                        reason: &String::from(kind),
                        message: "",
                        pages: 0,
                        failed_pages: 0,
                        bytes: None,
                        seconds: 0.0,
                    });
                }
            }
            FoundInput::Unreadable { path, error } => {
                let path = path.to_string_lossy().into_owned();
                let outcome = DocumentOutcome::failed(path, &ConvertError::Unreadable(error));
                self.ended(number, &outcome, "", sums);
            }
        }
        None
    }

    fn ended(
        &self,
        number: usize,
        outcome: &DocumentOutcome,
        manifest: &str,
        sums: &Mutex<RunSums>,
    ) {
        let mut sums = sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.add(number, outcome);
        if let Some(account) = &self.account {
            outcome.row(manifest, |row| account.add(row));
        }
        self.progress.document(outcome);
    }

    async fn convert_one(
        &self,
        number: usize,
        input: InputDocument,
        is_alone: bool,
        sums: &Mutex<RunSums>,
    ) {
        if self.context.stop.is_cancelled() {
            return;
        }
        let started = Instant::now();
        // A panic is that document's alone.
        let converted = AssertUnwindSafe(self.convert(&input, is_alone))
            .catch_unwind()
            .await
            .unwrap_or(Err(ConvertError::Panicked));
        let Some(outcome) = DocumentOutcome::new(input.uri(), converted, started) else {
            return;
        };
        if outcome.reader_left {
            // Nobody reads the other documents either.
            self.context.stop.cancel();
            self.context.cancel.cancel();
        }
        self.ended(number, &outcome, &input.result.manifest(), sums);
        if !outcome.is_skipped {
            allocator::trim();
        }
    }

    /// Converts a document, unless an earlier run has made the result that this one would.
    async fn convert(
        &self,
        input: &InputDocument,
        is_alone: bool,
    ) -> Result<ConvertedDocument, ConvertError> {
        let source = input.source(self.stores.as_ref());
        // A folder of this machine that an object's files are made in; removed at the end of this function.
        let mut made_in = None;
        let target = match &self.target {
            OutputTarget::Stdout => {
                let has_title = !is_alone && self.context.options.page_markers;
                let title = has_title.then(|| input.uri());
                DocumentTarget::Stdout { title }
            }
            OutputTarget::Folder(folder) => {
                let folder = input.result.folder_in(folder);
                self.sweep(&folder);
                DocumentTarget::Folder(input.result_in(folder))
            }
            OutputTarget::Store { stores, folder } => {
                let scratch = tempfile::tempdir();
                let scratch = scratch
                    .map_err(|error| self.context.not_written(error, source.info.clone()))?;
                let name = input.result_in(scratch.path().to_owned());
                made_in = Some(scratch);
                DocumentTarget::Store(StoreTarget {
                    stores: Arc::clone(stores),
                    folder: input
                        .result
                        .prefix_in(folder)
                        .map_err(|error| StoreError::new(folder, error.into()))?,
                    name,
                    condition: WriteCondition::Always,
                    hashed_names: false,
                    files_at_once: FILES_AT_ONCE,
                })
            }
        };
        if !self.force
            && let Some(manifest) = document::stored_result(&source, &target, &self.context).await
            && !job::is_unfinished(&manifest)
        {
            return Ok(ConvertedDocument {
                manifest,
                is_ours: false,
                timing: ResultTiming::default(),
                reader_left: false,
            });
        }
        let converted = document::convert(source, target, &self.context).await;
        drop(made_in);
        converted
    }

    /// Removes from the folder of results what killed runs left in it, once in a run.
    fn sweep(&self, folder: &Path) {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        while swept.last().is_some_and(|last| !folder.starts_with(last)) {
            swept.pop();
        }
        if swept.last().is_none_or(|last| last != folder) {
            remove_leftovers(folder);
            swept.push(folder.to_owned());
        }
    }
}
