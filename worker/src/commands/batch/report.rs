//! `recto batch report`: a batch as a page to look at, as JSON or as CSV.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use recto_pipeline::text::escape_html;
use recto_schemas::service::BatchView;
use serde_json::json;

use super::{
    args::ReportArgs,
    list::{CSV_HEAD, as_csv, for_each},
};
use crate::{
    ledger::{
        Ledger,
        database::JobFilter,
        record::JobRecord,
        view::{ATTENTION, batch_view, job_json},
    },
    os::clock::{from_milliseconds, now},
};

/// Jobs on the attention list of a page.
const MAX_ATTENTION: usize = 500;
/// Width of the widest bar, in pixels.
const BAR_PX: i64 = 400;
/// Height of the highest column, in pixels.
const COLUMN_PX: i64 = 120;

/// Writes the report.
pub(super) async fn report(ledger: &Ledger, arguments: &ReportArgs) -> anyhow::Result<ExitCode> {
    let sums = ledger.sums(Some(&arguments.batch)).await?;
    anyhow::ensure!(
        !sums.is_empty(),
        "the ledger knows no batch of this name; `recto batch list` names them all"
    );
    let status = batch_view(&arguments.batch, sums.iter());
    let path = &arguments.output;
    let mut out: Box<dyn Write> = match path == Path::new("-") {
        true => Box::new(io::stdout().lock()),
        false => Box::new(BufWriter::new(
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?,
        )),
    };
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("html") => page(ledger, &arguments.batch, &status, &mut out).await?,
        Some("json") => {
            let hours = ledger.hours(&arguments.batch).await?;
            let hours = hours.iter().map(|(hour, jobs, pages)| json!({"hour": from_milliseconds(*hour), "jobs": jobs, "pages": pages}));
            let hours: Vec<_> = hours.collect();
            write!(
                out,
                "{{\"status\":{},\"hours\":{},\"attention\":[",
                serde_json::to_string(&status)?,
                json!(hours)
            )?;
            let mut comma = "";
            for_each(ledger, &attention(&arguments.batch), |job| {
                write!(out, "{comma}\n{}", job_json(job))?;
                comma = ",";
                Ok(())
            })
            .await?;
            writeln!(out, "]}}")?;
        }
        Some("csv") | None => {
            writeln!(out, "{CSV_HEAD}")?;
            let all = JobFilter {
                batch: arguments.batch.clone(),
                ..JobFilter::default()
            };
            for_each(ledger, &all, |job| Ok(writeln!(out, "{}", as_csv(job))?)).await?;
        }
        Some(other) => anyhow::bail!("a report ends in .html, .json or .csv, not in .{other}"),
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn attention(batch: &str) -> JobFilter {
    JobFilter {
        batch: batch.to_owned(),
        states: ATTENTION.to_vec(),
        kind: None,
    }
}

/// The page. It runs no script and loads nothing.
async fn page(
    ledger: &Ledger,
    batch: &str,
    status: &BatchView,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let title = escape_html(if batch.is_empty() {
        "(no batch)"
    } else {
        batch
    });
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
    )?;
    writeln!(
        out,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    )?;
    writeln!(
        out,
        "<title>Batch {title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>Batch {title}</h1>"
    )?;
    writeln!(
        out,
        "<p>{} of {} jobs have ended; {} pages, {} of them without a result. Written on {}.</p>",
        status.submitted - status.open,
        status.submitted,
        status.pages,
        status.pages_failed,
        now()
    )?;
    let states = [
        ("done", status.done),
        ("partial", status.partial),
        ("failed", status.failed),
        ("skipped", status.skipped),
        ("dead", status.dead),
        ("cancelled", status.cancelled),
        ("waiting", status.waiting),
        ("reading", status.reading),
        ("lost", status.lost),
    ];
    bars(
        out,
        "States",
        states.iter().map(|(word, jobs)| (*word, *jobs)),
    )?;
    bars(
        out,
        "Reasons",
        status
            .reasons
            .iter()
            .map(|(kind, jobs)| (kind.as_str(), *jobs)),
    )?;
    columns(out, &ledger.hours(batch).await?)?;
    let mut listed = 0_usize;
    for_each(ledger, &attention(batch), |job| {
        listed += 1;
        if listed == 1 {
            writeln!(out, "<h2>Needs attention</h2>\n<table>\n<tr><th>State</th><th>Reason</th><th>Document</th></tr>")?;
        }
        if listed <= MAX_ATTENTION {
            row(out, job)?;
        }
        Ok(())
    })
    .await?;
    if listed > 0 {
        writeln!(out, "</table>")?;
    }
    if listed > MAX_ATTENTION {
        writeln!(
            out,
            "<p>{} more are in the report as CSV.</p>",
            listed - MAX_ATTENTION
        )?;
    }
    writeln!(out, "</main>\n</body>\n</html>")?;
    Ok(())
}

fn row(out: &mut impl Write, job: &JobRecord) -> io::Result<()> {
    writeln!(
        out,
        "<tr><td>{}</td><td><strong>{}</strong> {}</td><td>{}</td></tr>",
        job.state.as_str(),
        escape_html(&job.kind),
        escape_html(&job.message),
        escape_html(&job.source)
    )
}

/// A bar for each number, the widest for the highest.
fn bars<'a>(
    out: &mut impl Write,
    title: &str,
    numbers: impl Iterator<Item = (&'a str, i64)>,
) -> io::Result<()> {
    let numbers: Vec<_> = numbers.filter(|(_, number)| *number > 0).collect();
    let Some(most) = numbers.iter().map(|(_, number)| *number).max() else {
        return Ok(());
    };
    writeln!(out, "<h2>{title}</h2>\n<table>")?;
    for (word, number) in numbers {
        let width = (number * BAR_PX / most).max(1);
        writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{number}</td><td><svg width=\"{width}\" height=\"12\" aria-hidden=\"true\"><rect width=\"{width}\" height=\"12\"/></svg></td></tr>",
            escape_html(word)
        )?;
    }
    writeln!(out, "</table>")
}

/// A column for each hour in which jobs ended.
fn columns(out: &mut impl Write, hours: &[(i64, i64, i64)]) -> io::Result<()> {
    let (Some(first), Some(last)) = (hours.first(), hours.last()) else {
        return Ok(());
    };
    let most = hours
        .iter()
        .map(|(_, _, pages)| *pages)
        .max()
        .unwrap_or(0)
        .max(1);
    let span = (last.0 - first.0) / 3_600_000 + 1;
    let width = (2 * BAR_PX / span).clamp(1, 40);
    writeln!(
        out,
        "<h2>Pages an hour</h2>\n<svg viewBox=\"0 0 {} {COLUMN_PX}\" width=\"{}\" height=\"{COLUMN_PX}\" role=\"img\" aria-label=\"Pages that ended in each hour, {most} at most\">",
        span * width,
        span * width
    )?;
    for (hour, jobs, pages) in hours {
        let height = (pages * COLUMN_PX / most).max(1);
        let left = (hour - first.0) / 3_600_000 * width;
        let at = from_milliseconds(*hour).unwrap_or_default();
        writeln!(
            out,
            "<rect x=\"{left}\" y=\"{}\" width=\"{}\" height=\"{height}\"><title>{at}: {pages} pages, {jobs} jobs</title></rect>",
            COLUMN_PX - height,
            (width - 1).max(1)
        )?;
    }
    let at = |at: i64| from_milliseconds(at).unwrap_or_default();
    writeln!(
        out,
        "</svg>\n<p>{} to {}; the highest column is {most} pages.</p>",
        at(first.0),
        at(last.0)
    )
}

/// The page's style, for light and dark.
const STYLE: &str = "\
:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0}main{max-width:60rem;margin:0 auto;padding:1rem}\
table{border-collapse:collapse}th,td{text-align:left;padding:.15rem .8rem .15rem 0;vertical-align:top;overflow-wrap:anywhere}\
th{white-space:nowrap;font-weight:600}td.n{text-align:right;font-variant-numeric:tabular-nums}svg{max-width:100%;display:block}rect{fill:#2a6fb0}\
@media(prefers-color-scheme:dark){rect{fill:#7ab8ef}}";
