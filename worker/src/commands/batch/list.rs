//! `recto batch show`: jobs of a batch.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::args::{ListFormat, ShowArgs};
use crate::{
    commands::csv,
    ledger::{
        Ledger,
        database::JobFilter,
        record::JobRecord,
        view::{job_json, job_view},
    },
    os::{clock::from_milliseconds, terminal::Shown},
};

/// The head line of a list in CSV.
pub(super) const CSV_HEAD: &str = "id,state,kind,source,manifest,pages,pages_failed,bytes,tries,worker,submitted_at,started_at,ended_at,message";

/// Prints jobs.
pub(super) async fn show(ledger: &Ledger, arguments: &ShowArgs) -> anyhow::Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    if let Some(id) = &arguments.job {
        let job = ledger
            .job(id)
            .await?
            .filter(|job| job.batch == arguments.batch);
        let Some(job) = job else {
            anyhow::bail!(
                "the ledger knows no such job in this batch; `recto batch show BATCH` lists them"
            );
        };
        writeln!(
            out,
            "{}",
            serde_json::to_string_pretty(&job_view(&job, true))?
        )?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.format == ListFormat::Csv {
        writeln!(out, "{CSV_HEAD}")?;
    }
    let filter = JobFilter {
        batch: arguments.batch.clone(),
        states: arguments.select.state.clone(),
        kind: arguments.select.kind.clone(),
    };
    for_each(ledger, &filter, |job| {
        match arguments.format {
            ListFormat::Text => {
                let reason = match job.kind.as_str() {
                    "" => String::new(),
                    kind => format!("  {}", Shown(kind)),
                };
                writeln!(
                    out,
                    "{:9}  {}  {}{reason}",
                    job.state.as_str(),
                    Shown(&job.id),
                    Shown(&job.source)
                )?;
            }
            ListFormat::Csv => writeln!(out, "{}", as_csv(job))?,
            ListFormat::Jsonl => writeln!(out, "{}", job_json(job))?,
        }
        Ok(())
    })
    .await?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Calls `each` for the jobs, in the order of their ids.
pub(super) async fn for_each(
    ledger: &Ledger,
    filter: &JobFilter,
    mut each: impl FnMut(&JobRecord) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut after = String::new();
    loop {
        let page = ledger.jobs(filter, &after).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after.clone_from(&last.id);
        for job in &page {
            each(job)?;
        }
    }
}

/// A job as a line of CSV (RFC 4180).
pub(super) fn as_csv(job: &JobRecord) -> String {
    let time = |at| from_milliseconds(at).unwrap_or_default();
    let number = |number: i64| number.to_string();
    let fields = [
        job.id.clone(),
        job.state.as_str().to_owned(),
        job.kind.clone(),
        job.source.clone(),
        job.manifest.clone(),
        number(job.pages),
        number(job.pages_failed),
        number(job.bytes),
        number(job.attempt),
        job.worker.clone(),
        time(job.submitted),
        time(job.started),
        time(job.ended),
        job.message.clone(),
    ];
    fields.map(|field| csv::field(&field)).join(",")
}
