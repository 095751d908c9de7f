//! `recto batch retry`: jobs that are submitted again, each as another try of its own.

use std::process::ExitCode;

use super::args::RetryArgs;
use crate::{
    commands::{
        EXIT_FAILED,
        job_queue::{JobQueue, JobSink},
    },
    job::retry::{self, Retry, changed_options},
    ledger::{Ledger, database::JobFilter},
    os::terminal::Shown,
};

/// Submits jobs again.
pub(super) async fn retry(ledger: &Ledger, arguments: &RetryArgs) -> anyhow::Result<ExitCode> {
    let queue = match arguments.dry_run {
        true => None,
        false => Some(JobQueue::open(&arguments.broker).await?),
    };
    let retry = Retry {
        ledger,
        sink: queue.as_ref().map(|queue| queue as &dyn JobSink),
        changes: changed_options(&arguments.options.for_engine(None, &arguments.engines))?,
        password: arguments.password.clone(),
    };
    let filter = JobFilter {
        batch: arguments.batch.clone(),
        states: retry::states(&arguments.select.state, arguments.select.kind.as_deref()),
        kind: arguments.select.kind.clone(),
    };
    let (mut queued, mut refused) = (0_u64, 0_u64);
    let mut after = String::new();
    loop {
        let page = ledger.jobs(&filter, &after).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.id);
        for record in &page {
            match retry.submit(record).await {
                Ok(job) => {
                    queued += 1;
                    println!("{}  {}", Shown(&job.id), Shown(&job.source.uri));
                }
                Err(error) => {
                    refused += 1;
                    eprintln!(
                        "recto: {}: {}",
                        Shown(&record.source),
                        Shown(format_args!("{error:#}"))
                    );
                }
            }
        }
    }
    if let Some(queue) = queue {
        queue.close().await;
    }
    let plural = if queued == 1 { "job" } else { "jobs" };
    match arguments.dry_run {
        true => eprintln!("{queued} {plural} would be submitted again; {refused} cannot be"),
        false => eprintln!("{queued} {plural} submitted again; {refused} are not"),
    }
    Ok(match refused {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_FAILED),
    })
}
