//! `recto submit`: documents to jobs in the queue. What is found goes on its way at once, so that memory does not
//! grow with an archive.

mod args;
// From what a person names to single documents.
mod inputs;
// What all jobs of a run have in common, and one job of it.
mod draft;
// Copies of local files in the object store.
mod upload;
// Jobs into their queue.
mod queue;

use std::{
    io::{self, Write as _},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use futures_util::{StreamExt as _, stream};
use recto_schemas::Job;
use tokio_util::sync::CancellationToken;

use crate::{
    commands::EXIT_FAILED,
    os::signals::{self, EXIT_STOPPED},
    os::terminal::one_line,
    store::{ObjectStores, StoreUri},
};
pub(crate) use args::{NOTES, SubmitArgs};
use draft::JobTemplate;
use inputs::{DocumentSearch, FoundDocument, SearchItem};
use queue::JobQueue;
use upload::FileUploader;

/// Jobs on their way at once: a confirm takes milliseconds, a copy as long as it takes.
const JOBS_AT_ONCE: usize = 16;

/// Inputs without a job that are kept to be named at the end; more are named as they come.
const MOST_NAMED_AT_END: usize = 1000;

/// Runs `recto submit`.
///
/// # Errors
/// What keeps every job from being queued.
pub(crate) fn run(arguments: &SubmitArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let ended = runtime.block_on(submit(arguments));
    // A thread that waits for standard input is not waited for.
    runtime.shutdown_background();
    ended
}

async fn submit(arguments: &SubmitArgs) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    signals::on_first_signal(signals::TERMINAL, move |_| stopped.cancel())
        .context("cannot listen for signals")?;
    let stores = Arc::new(ObjectStores::new(&arguments.store, None)?);
    let upload = arguments.upload_to.clone();
    let way = SubmitPipeline {
        draft: JobTemplate::new(arguments),
        upload: upload.map(|to| FileUploader::new(Arc::clone(&stores), to)),
        queue: match arguments.dry_run {
            true => None,
            false => Some(JobQueue::open(&arguments.broker).await?),
        },
    };
    let search = DocumentSearch {
        stores,
        output: arguments.output.clone(),
    };
    let (found, search) = search.start(arguments.inputs.clone());
    let documents = stream::unfold(found, async |mut found| Some((found.recv().await?, found)));
    let mut jobs = documents
        .take_until(stop.cancelled())
        .map(|found| way.go(found))
        .buffer_unordered(JOBS_AT_ONCE)
        .boxed();
    let mut report = SubmitReport::new(arguments);
    while let Some(job) = jobs.next().await {
        if report.add(job).is_err() {
            // A reader that left wants no more lines. Jobs are queued all the same, and named where they are not.
            report.reader_left = true;
            if arguments.dry_run {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
    drop(jobs);
    let stopped = stop.is_cancelled();
    if !stopped && search.await.is_err() {
        report.trouble("the search for documents broke off; report this as a bug".to_owned());
    }
    let ended = report.end(way.queue.as_ref().map(JobQueue::name), stopped);
    if let Some(queue) = way.queue {
        queue.close().await;
    }
    Ok(ended)
}

/// What a document goes through.
struct SubmitPipeline {
    draft: JobTemplate,
    upload: Option<FileUploader>,
    /// None where nothing is to be queued.
    queue: Option<JobQueue>,
}

impl SubmitPipeline {
    /// A document's way into the queue, or what a person has to know of it.
    async fn go(&self, found: SearchItem) -> Result<Job, String> {
        let document = found.map_err(|trouble| format!("{}: {}", trouble.input, trouble.reason))?;
        let (at, etag) = self.settle(&document).await?;
        let job = self.draft.job(&at, etag);
        if let Some(queue) = &self.queue {
            let sent = queue.send(&job).await;
            sent.map_err(|error| format!("{at}: job {} is {error}", job.id))?;
        }
        Ok(job)
    }

    /// Where workers find the document: its copy, if it is to have one.
    async fn settle(&self, document: &FoundDocument) -> Result<(StoreUri, Option<String>), String> {
        let at = &document.location;
        let (Some(upload), StoreUri::File { path }) = (&self.upload, at) else {
            return Ok((at.clone(), document.etag.clone()));
        };
        let Some(file) = &document.file else {
            return Err(format!("{path}: no such file on this machine to copy"));
        };
        let named = |error| format!("{path}: {error}");
        let place = upload.place(file).map_err(named)?;
        let etag = match self.queue.is_some() {
            true => upload.copy(file, &place).await.map_err(named)?,
            false => None,
        };
        Ok((place, etag))
    }
}

/// What became of the inputs so far.
struct SubmitReport<'a> {
    arguments: &'a SubmitArgs,
    queued: u64,
    not_queued: u64,
    troubles: Vec<String>,
    reader_left: bool,
}

impl<'a> SubmitReport<'a> {
    fn new(arguments: &'a SubmitArgs) -> Self {
        Self {
            arguments,
            queued: 0,
            not_queued: 0,
            troubles: Vec::new(),
            reader_left: false,
        }
    }

    /// Counts one document, and prints its line.
    fn add(&mut self, job: Result<Job, String>) -> io::Result<()> {
        let job = match job {
            Ok(job) => job,
            Err(trouble) => {
                self.trouble(trouble);
                return Ok(());
            }
        };
        self.queued += 1;
        if self.reader_left {
            return Ok(());
        }
        let line = match self.arguments.dry_run || self.arguments.json {
            true => draft::shown(&job),
            false => format!("{}  {}", job.id, one_line(&job.source.uri)),
        };
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }

    fn trouble(&mut self, trouble: String) {
        self.not_queued += 1;
        if self.troubles.len() < MOST_NAMED_AT_END {
            self.troubles.push(trouble);
        } else {
            eprintln!("recto: {}", one_line(&trouble));
        }
    }

    /// Says what it came to.
    fn end(&self, queue: Option<&str>, stopped: bool) -> ExitCode {
        for trouble in &self.troubles {
            eprintln!("recto: {}", one_line(trouble));
        }
        let jobs = match self.queued {
            1 => "1 job".to_owned(),
            count => format!("{count} jobs"),
        };
        let mut said = match queue {
            Some(queue) => format!("{jobs} queued in {queue}"),
            None => format!("{jobs} would be queued in {}", self.arguments.broker.queue),
        };
        if let Some(batch) = &self.arguments.batch {
            said += &format!(", batch {batch}");
        }
        match self.not_queued {
            0 => {}
            1 => said += "; 1 input is not, named above",
            count => said += &format!("; {count} inputs are not, each named above"),
        }
        if stopped {
            said += "; stopped before the end of the inputs";
        }
        eprintln!("{said}");
        match (stopped, self.not_queued) {
            (true, _) => ExitCode::from(EXIT_STOPPED),
            (false, 0) => ExitCode::SUCCESS,
            (false, _) => ExitCode::from(EXIT_FAILED),
        }
    }
}
