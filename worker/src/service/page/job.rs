//! `/jobs/{id}`: a job, its result's files, and the buttons to retry and to cancel it.

use axum::{
    extract::{Path, State},
    response::Redirect,
};
use recto_schemas::ResultFile;
use serde::Deserialize;

use super::{
    Answer, Asked, REFRESH_S, ROWS, Visitor,
    batch::document_name,
    batch_address, file_address,
    html::{Escaped, Name, Page, Size, button},
    job_address, see, shown, watch_link,
};
use crate::{
    ledger::record::{JobRecord, JobState},
    os::clock::from_milliseconds,
    service::{
        Shared, jobs,
        keys::{Caller, Scope},
        results::{StoredResult, job_of},
    },
};

/// The outcome of the button that has led here.
#[derive(Debug, Default, Deserialize)]
pub(super) struct JobQuery {
    #[serde(default)]
    watch: bool,
    #[serde(default)]
    retried: bool,
    #[serde(default)]
    cancelled: bool,
}

/// `GET /jobs/{id}`.
pub(super) async fn show(
    State(service): State<Shared>,
    Visitor(caller): Visitor,
    Path(id): Path<String>,
    Asked(query): Asked<JobQuery>,
) -> Answer<Page> {
    let record = job_of(&service, &caller, &id, Scope::Read).await?;
    let is_running = record.state.is_open() && record.state != JobState::Lost;
    let mut page = Page::new(document_name(&record.source), Some(&caller))
        .below(shown(&record.batch), batch_address(&record.batch))
        .refreshed((query.watch && is_running).then_some(REFRESH_S));
    for (is_so, words) in [
        (query.retried, "The job was submitted again."),
        (query.cancelled, "The job is being cancelled."),
    ] {
        if is_so {
            page.body += &format!("<p role=\"status\" class=\"notice\">{words}</p>\n");
        }
    }
    page.body += &facts(&record);
    let address = job_address(&record.id);
    page.body += &format!(
        "<p class=\"actions\"><a href=\"{}\">Refresh</a>",
        Escaped(&address)
    );
    if is_running {
        page.body += &format!(" {}", watch_link(&address, query.watch));
    }
    page.body += "</p>\n";
    page.body += &buttons(&record, &caller, &address);
    if has_result(&record) {
        page.body += &result(&service, &record, &address).await;
    }
    Ok(page)
}

/// Returns true if there are files of a result.
pub(super) fn has_result(record: &JobRecord) -> bool {
    !record.state.is_open() && !record.manifest.is_empty()
}

fn facts(record: &JobRecord) -> String {
    let mut html = "<dl>\n".to_owned();
    let mut fact = |name: &str, value: String| {
        if !value.is_empty() {
            html += &format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n");
        }
    };
    let time = |at: i64| match from_milliseconds(at) {
        Some(at) if !at.is_empty() => format!("<time>{}</time>", Escaped(&at)),
        _ => String::new(),
    };
    fact("State", meaning(record.state).to_owned());
    if !record.kind.is_empty() {
        fact(
            "Reason",
            format!(
                "<strong>{}</strong> {}",
                Escaped(&record.kind),
                Name(&record.message)
            ),
        );
    }
    if record.pages > 0 {
        let failed = match record.pages_failed {
            0 => String::new(),
            failed => format!(", {failed} of them without a result"),
        };
        fact("Pages", format!("{}{failed}", record.pages));
    }
    if record.bytes > 0 {
        fact("Size", Size(record.bytes.unsigned_abs()).to_string());
    }
    fact("Document", Name(&record.source).to_string());
    fact("Submitted", time(record.submitted));
    fact("Begun", time(record.started));
    fact("Ended", time(record.ended));
    fact("Tries", record.attempt.to_string());
    fact("Job", Name(&record.id).to_string());
    html + "</dl>\n"
}

/// A state and its meaning.
fn meaning(state: JobState) -> &'static str {
    match state {
        JobState::Waiting => "waiting: it waits in a queue",
        JobState::Reading => "reading: a worker has it",
        JobState::Lost => "lost: no queue holds it and no worker has it; submit it again",
        JobState::Done => "done: every page has a result",
        JobState::Partial => "partial: some pages have no result",
        JobState::Failed => "failed: no page has a result",
        JobState::Skipped => "skipped: its result was there before",
        JobState::Dead => "dead: it ended as a dead letter",
        JobState::Cancelled => "cancelled",
    }
}

fn buttons(record: &JobRecord, caller: &Caller, address: &str) -> String {
    if !caller.may(Scope::Manage) {
        return String::new();
    }
    let can_retry = !record.state.is_open() || record.state == JobState::Lost;
    let html = match can_retry {
        true => button(&format!("{address}/retry"), &[], "Retry", ""),
        false => button(&format!("{address}/cancel"), &[], "Cancel", "danger"),
    };
    format!("<div class=\"actions\">{html}</div>\n")
}

/// The links to the result. One that is not in the store any more is said, and hides nothing of the job.
async fn result(service: &Shared, record: &JobRecord, address: &str) -> String {
    let stored = match StoredResult::of(service, record).await {
        Ok(stored) => stored,
        Err(problem) => {
            return format!(
                "<h2>Result</h2>\n<p class=\"notice bad\">{}</p>\n",
                Escaped(&problem.detail)
            );
        }
    };
    let mut html = "<h2>Result</h2>\n<ul>\n".to_owned();
    if stored.file("pages.jsonl").is_some() || stored.file("html").is_some() {
        html += &format!(
            "<li><a href=\"{}/pages\">Pages beside their text</a></li>\n",
            Escaped(address)
        );
    }
    for (ending, words) in [("md", "Markdown"), ("html", "Review page")] {
        if let Some(file) = stored.file(ending) {
            html += &format!(
                "<li><a href=\"{}\">{words}</a> ({})</li>\n",
                Escaped(&file_address(&record.id, &file.name)),
                Size(file.bytes)
            );
        }
    }
    html += "</ul>\n";
    html + &files(&record.id, &stored.manifest.files)
}

fn files(id: &str, files: &[ResultFile]) -> String {
    let mut html = "<details><summary>All files</summary>\n<table>\n<caption>Files of the result</caption>\n\
         <thead><tr><th scope=\"col\">Name</th><th scope=\"col\" class=\"n\">Size</th></tr></thead>\n<tbody>\n"
        .to_owned();
    for file in files.iter().take(ROWS) {
        html += &format!(
            "<tr><th scope=\"row\"><a href=\"{}\">{}</a></th><td class=\"n\">{}</td></tr>\n",
            Escaped(&file_address(id, &file.name)),
            Name(&file.name),
            Size(file.bytes)
        );
    }
    html += "</tbody></table>\n";
    if files.len() > ROWS {
        html += &format!("<p>And {} more.</p>\n", files.len() - ROWS);
    }
    html + "</details>\n"
}

/// `POST /jobs/{id}/retry`.
pub(super) async fn retry(
    State(service): State<Shared>,
    Visitor(caller): Visitor,
    Path(id): Path<String>,
) -> Answer<Redirect> {
    let address = job_address(&id);
    let _ = jobs::retry(State(service), caller, Path(id)).await?;
    Ok(see(&format!("{address}?retried=true&watch=true")))
}

/// `POST /jobs/{id}/cancel`.
pub(super) async fn cancel(
    State(service): State<Shared>,
    Visitor(caller): Visitor,
    Path(id): Path<String>,
) -> Answer<Redirect> {
    let address = job_address(&id);
    let _ = jobs::cancel(State(service), caller, Path(id)).await?;
    Ok(see(&format!("{address}?cancelled=true&watch=true")))
}
