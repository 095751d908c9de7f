//! `recto submit`: queues a job for each document. A document that is found is submitted at once, so that memory does
//! not grow with an archive.

mod args;
mod job_template;
mod search;
mod upload;

use std::{
    collections::HashSet,
    io::{self, Write as _},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use futures_util::{StreamExt as _, stream};
use recto_schemas::Job;
use tokio_util::sync::CancellationToken;

use crate::{
    commands::{
        EXIT_FAILED,
        job_queue::{JobQueue, JobSink as _},
        results::JobWatch,
    },
    document::passed_over::PassedOver,
    job::parse,
    os::signals::{self, EXIT_STOPPED},
    os::terminal::Shown,
    store::{ObjectStores, StoreUri},
};
pub(crate) use args::{NOTES, SubmitArgs};
use job_template::JobTemplate;
use search::{DocumentSearch, FoundDocument, SearchItem};
use upload::FileUploader;

/// Documents that are submitted at once: a confirm takes milliseconds, a copy as long as it takes.
const JOBS_AT_ONCE: usize = 16;

/// Maximum errors that are held to be printed at the end; more are printed as they come.
const MAX_ERRORS_AT_END: usize = 1000;

/// Runs `recto submit`.
///
/// # Errors
/// No job can be queued: the broker or the store cannot be used.
pub(crate) fn run(arguments: &SubmitArgs) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
    let ended = runtime.block_on(submit(arguments));
    // Without waiting for a thread that reads standard input.
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
    let pipeline = SubmitPipeline {
        template: JobTemplate::new(arguments),
        uploader: upload.map(|to| FileUploader::new(Arc::clone(&stores), to)),
        queue: match arguments.dry_run {
            true => None,
            false => Some(JobQueue::open(&arguments.broker).await?),
        },
    };
    let watch = match arguments.watch {
        true => Some(JobWatch::open(&arguments.broker).await?),
        false => None,
    };
    let search = DocumentSearch {
        stores,
        output: arguments.output.clone(),
        selection: arguments.selection.selection(),
    };
    let (found, search) = search.start(arguments.inputs.clone());
    let documents = stream::unfold(found, async |mut found| Some((found.recv().await?, found)));
    let mut jobs = documents
        .take_until(stop.cancelled())
        .map(|found| pipeline.submit_one(found))
        .buffer_unordered(JOBS_AT_ONCE)
        .boxed();
    let mut report = SubmitReport::new(arguments);
    while let Some(job) = jobs.next().await {
        if report.add(job).is_err() {
            // A reader that left wants no more lines. The other jobs are queued all the same, and errors are printed.
            report.reader_left = true;
            if arguments.dry_run {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
    drop(jobs);
    let stopped = stop.is_cancelled();
    if !stopped {
        match search.await {
            Ok(passed_over) => report.passed_over = passed_over,
            Err(_) => {
                report.error("the search for documents panicked; report this as a bug".to_owned());
            }
        }
    }
    let ended = report.finish(pipeline.queue.as_ref().map(JobQueue::name), stopped);
    if let Some(queue) = pipeline.queue {
        queue.close().await;
    }
    if let Some(watch) = watch
        && !stopped
    {
        let followed = watch.follow(report.ids, arguments.json, &stop).await?;
        return Ok(if report.not_queued == 0 {
            followed
        } else {
            ended
        });
    }
    Ok(ended)
}

/// The steps of a document on its way to the queue.
struct SubmitPipeline {
    template: JobTemplate,
    uploader: Option<FileUploader>,
    /// `None` for `--dry-run`.
    queue: Option<JobQueue>,
}

impl SubmitPipeline {
    /// Queues a job for a document. The error is a line for a person.
    async fn submit_one(&self, found: SearchItem) -> Result<Job, String> {
        let document = found.map_err(|error| format!("{}: {}", error.input, error.reason))?;
        let (at, etag) = self.locate(&document).await?;
        let job = self.template.job(&at, etag);
        let body = serde_json::to_vec(&job).expect("a job is JSON");
        parse::parse_job(&body)
            .map_err(|failure| format!("{at}: no worker takes the job: {failure}"))?;
        if let Some(queue) = &self.queue {
            let sent = queue.send(&job).await;
            sent.map_err(|error| format!("{at}: job {} is {error}", job.id))?;
        }
        Ok(job)
    }

    /// The URI that workers read the document from, which is that of its copy if it is to have one, and its ETag.
    async fn locate(&self, document: &FoundDocument) -> Result<(StoreUri, Option<String>), String> {
        let at = &document.location;
        let (Some(uploader), StoreUri::File { path }) = (&self.uploader, at) else {
            return Ok((at.clone(), document.etag.clone()));
        };
        let Some(file) = &document.file else {
            return Err(format!("{path}: no such file on this machine to copy"));
        };
        let named = |error| format!("{path}: {error}");
        let target = uploader.target(file).map_err(named)?;
        let etag = match self.queue.is_some() {
            true => uploader.copy(file, &target).await.map_err(named)?,
            false => None,
        };
        Ok((target, etag))
    }
}

/// The outcome of the inputs so far.
struct SubmitReport<'a> {
    arguments: &'a SubmitArgs,
    queued: u64,
    not_queued: u64,
    errors: Vec<String>,
    passed_over: PassedOver,
    reader_left: bool,
    /// The jobs, if they are watched.
    ids: HashSet<String>,
}

impl<'a> SubmitReport<'a> {
    fn new(arguments: &'a SubmitArgs) -> Self {
        Self {
            arguments,
            queued: 0,
            not_queued: 0,
            errors: Vec::new(),
            passed_over: PassedOver::default(),
            reader_left: false,
            ids: HashSet::new(),
        }
    }

    /// Counts one document, and prints its line.
    fn add(&mut self, job: Result<Job, String>) -> io::Result<()> {
        let job = match job {
            Ok(job) => job,
            Err(error) => {
                self.error(error);
                return Ok(());
            }
        };
        self.queued += 1;
        if self.arguments.watch {
            self.ids.insert(job.id.clone());
        }
        if self.reader_left {
            return Ok(());
        }
        let line = match self.arguments.dry_run || self.arguments.json {
            true => job_template::redacted_json(&job),
            false => format!("{}  {}", job.id, Shown(&job.source.uri)),
        };
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }

    fn error(&mut self, error: String) {
        self.not_queued += 1;
        if self.errors.len() < MAX_ERRORS_AT_END {
            self.errors.push(error);
        } else {
            eprintln!("recto: {}", Shown(&error));
        }
    }

    /// Prints the errors and the summary.
    fn finish(&self, queue: Option<&str>, stopped: bool) -> ExitCode {
        for error in &self.errors {
            eprintln!("recto: {}", Shown(error));
        }
        let jobs = match self.queued {
            1 => "1 job".to_owned(),
            count => format!("{count} jobs"),
        };
        let mut summary = match queue {
            Some(queue) => format!("{jobs} queued in {queue}"),
            None => format!("{jobs} would be queued in {}", self.arguments.broker.queue),
        };
        if let Some(batch) = &self.arguments.batch {
            summary += &format!(", batch {batch}");
        }
        match self.not_queued {
            0 => {}
            1 => summary += "; 1 input is not, named above",
            count => summary += &format!("; {count} inputs are not, each named above"),
        }
        if stopped {
            summary += "; stopped before the end of the inputs";
        }
        eprintln!("{summary}");
        if !self.passed_over.is_empty() {
            eprintln!("{}", Shown(&self.passed_over));
        }
        match (stopped, self.not_queued) {
            (true, _) => ExitCode::from(EXIT_STOPPED),
            (false, 0) => ExitCode::SUCCESS,
            (false, _) => ExitCode::from(EXIT_FAILED),
        }
    }
}
