//! `/batches/{batch}`: a batch's sums, its jobs by state and reason, and the buttons to retry and to cancel.

use axum::{
    Form,
    extract::{Path, State},
    response::Redirect,
};
use recto_schemas::service::{BatchView, RetryRequest};
use serde::Deserialize;

use super::{
    Answer, Asked, REFRESH_S, ROWS, Visitor, batch_address, batch_of_segment,
    home::{attention, progress},
    html::{Escaped, Name, Page, Segment, button},
    job_address, see, shown, watch_link,
};
use crate::{
    ledger::{
        database::JobFilter,
        rate::Rate,
        record::{JobRecord, JobState},
        view::ATTENTION,
    },
    service::{
        Shared,
        batches::{self, batch_of, retry_batch},
        keys::{Caller, Scope},
        problem::Problem,
    },
};

/// The part of a batch that is looked at.
#[derive(Debug, Default, Deserialize)]
pub(super) struct BatchQuery {
    /// A state, `all`, or `attention`.
    #[serde(default)]
    show: String,
    /// A reason.
    kind: Option<String>,
    /// The id that the list begins after.
    #[serde(default)]
    after: String,
    #[serde(default)]
    watch: bool,
    /// Jobs that a button has submitted again.
    queued: Option<u64>,
    /// Jobs that it could not.
    refused: Option<u64>,
    /// There are more such jobs.
    #[serde(default)]
    more: bool,
    /// A button has cancelled the batch.
    #[serde(default)]
    cancelled: bool,
}

/// The jobs that are meant by the button.
#[derive(Debug, Deserialize)]
pub(super) struct RetryForm {
    kind: Option<String>,
}

/// `GET /batches/{batch}`.
pub(super) async fn show(
    State(service): State<Shared>,
    Visitor(caller): Visitor,
    Path(segment): Path<String>,
    Asked(query): Asked<BatchQuery>,
) -> Answer<Page> {
    let batch = batch_of_segment(&segment);
    let view = batch_of(&service, &caller, batch, Scope::Read).await?;
    let address = batch_address(batch);
    let is_running = view.waiting + view.reading > 0;
    let mut page = Page::new(format!("Batch {}", shown(batch)), Some(&caller));
    page = page.refreshed((query.watch && is_running).then_some(REFRESH_S));
    page.body += &notice(&query);
    page.body += &sums(&view, Rate::of(&service.ledger, batch).await?);
    page.body += &format!("<p class=\"actions\"><a href=\"{address}\">Refresh</a>");
    if is_running {
        page.body += &format!(" {}", watch_link(&address, query.watch));
    }
    page.body += "</p>\n";
    if caller.may(Scope::Manage) {
        page.body += &buttons(&view, &address);
    }
    page.body += &reasons(&view, &address, &caller);
    page.body += &jobs(&service, &view, &address, &query).await?;
    Ok(page)
}

/// The outcome of the button that has led here.
fn notice(query: &BatchQuery) -> String {
    let mut said = String::new();
    if let Some(queued) = query.queued {
        said += &format!("{queued} jobs were submitted again. ");
    }
    if let Some(refused) = query.refused.filter(|refused| *refused > 0) {
        said += &format!("{refused} could not be: retry one of them by itself to see why. ");
    }
    if query.more {
        said += "There are more of them: press the button again. ";
    }
    if query.cancelled {
        said += "The batch is being cancelled.";
    }
    match said.as_str() {
        "" => said,
        said => format!("<p role=\"status\" class=\"notice\">{said}</p>\n"),
    }
}

fn sums(view: &BatchView, rate: Rate) -> String {
    let mut html = format!(
        "<p>{} {} of {} jobs have ended; {} pages, {} of them without a result.",
        progress(view),
        view.submitted - view.open,
        view.submitted,
        view.pages,
        view.pages_failed
    );
    if rate.jobs > 0 && view.open > 0 {
        html += &format!(
            " In the last ten minutes {} jobs and {} pages ended",
            rate.jobs, rate.pages
        );
        html += &match rate.time_left(view) {
            Some(left) => format!("; the rest takes some {left} at that rate."),
            None => ".".to_owned(),
        };
    }
    html + "</p>\n"
}

/// The numbers of a batch by state.
fn states(view: &BatchView) -> [(JobState, i64); 9] {
    JobState::ALL.map(|state| {
        let jobs = match state {
            JobState::Waiting => view.waiting,
            JobState::Reading => view.reading,
            JobState::Lost => view.lost,
            JobState::Done => view.done,
            JobState::Partial => view.partial,
            JobState::Failed => view.failed,
            JobState::Skipped => view.skipped,
            JobState::Dead => view.dead,
            JobState::Cancelled => view.cancelled,
        };
        (state, jobs)
    })
}

fn buttons(view: &BatchView, address: &str) -> String {
    let mut html = String::new();
    if view.dead + view.failed > 0 {
        html += &button(
            &format!("{address}/retry"),
            &[],
            "Retry all failed jobs",
            "",
        );
    }
    if view.open > 0 {
        html += &button(
            &format!("{address}/cancel"),
            &[],
            "Cancel all open jobs",
            "danger",
        );
    }
    match html.as_str() {
        "" => html,
        html => format!("<div class=\"actions\">{html}</div>\n"),
    }
}

fn reasons(view: &BatchView, address: &str, caller: &Caller) -> String {
    if view.reasons.is_empty() {
        return String::new();
    }
    let manages = caller.may(Scope::Manage);
    let mut html =
        "<h2>Reasons</h2>\n<table>\n<caption>Jobs that did not end well, by reason</caption>\n\
         <thead><tr><th scope=\"col\">Reason</th><th scope=\"col\" class=\"n\">Jobs</th>"
            .to_owned();
    if manages {
        html += "<th scope=\"col\">Action</th>";
    }
    html += "</tr></thead>\n<tbody>\n";
    for (kind, jobs) in &view.reasons {
        html += &format!(
            "<tr><th scope=\"row\"><a href=\"{address}?show=all&amp;kind={}\">{}</a></th><td class=\"n\">{jobs}</td>",
            Segment(kind),
            Name(kind)
        );
        if manages {
            let words = format!("Retry {kind}");
            let form = button(&format!("{address}/retry"), &[("kind", kind)], &words, "");
            html += &format!("<td>{form}</td>");
        }
        html += "</tr>\n";
    }
    html + "</tbody></table>\n"
}

/// The list of jobs, with links to the other ones.
async fn jobs(
    service: &Shared,
    view: &BatchView,
    address: &str,
    query: &BatchQuery,
) -> Answer<String> {
    let selected = match query.show.as_str() {
        "" if attention(view) > 0 => "attention",
        "" => "all",
        word => word,
    };
    let filtered = match selected {
        "all" => Vec::new(),
        "attention" => ATTENTION.to_vec(),
        word => vec![JobState::of(word).ok_or_else(|| Problem::bad_request("no such state"))?],
    };
    let filter = JobFilter {
        batch: view.batch.clone(),
        states: filtered,
        kind: query.kind.clone(),
    };
    let found = service.ledger.jobs(&filter, &query.after).await?;
    let mut html = format!("<h2>Jobs</h2>\n{}", tabs(view, address, selected));
    if let Some(kind) = &query.kind {
        html += &format!("<p>For the reason {} only.</p>\n", Name(kind));
    }
    if found.is_empty() {
        return Ok(html + "<p>There are none.</p>\n");
    }
    html += &table(&found[..found.len().min(ROWS)]);
    let kind = match &query.kind {
        Some(kind) => format!("&amp;kind={}", Segment(kind)),
        None => String::new(),
    };
    if !query.after.is_empty() {
        html += &format!("<p><a href=\"{address}?show={selected}{kind}\">First jobs</a></p>\n");
    }
    if found.len() > ROWS {
        html += &format!(
            "<p><a href=\"{address}?show={selected}{kind}&amp;after={}\">More jobs</a></p>\n",
            Segment(&found[ROWS - 1].id)
        );
    }
    Ok(html)
}

fn tabs(view: &BatchView, address: &str, selected: &str) -> String {
    let all = [("attention", attention(view)), ("all", view.submitted)];
    let states = states(view).map(|(state, jobs)| (state.as_str(), jobs));
    let mut html = "<nav aria-label=\"Jobs by state\"><ul class=\"tabs\">\n".to_owned();
    for (word, jobs) in all.into_iter().chain(states) {
        if jobs == 0 && word != selected {
            continue;
        }
        let words = match word {
            "attention" => "need attention",
            word => word,
        };
        let current = if word == selected {
            " aria-current=\"page\""
        } else {
            ""
        };
        html +=
            &format!("<li><a href=\"{address}?show={word}\"{current}>{words} ({jobs})</a></li>\n");
    }
    html + "</ul></nav>\n"
}

fn table(jobs: &[JobRecord]) -> String {
    let mut html = "<div class=\"scroll\" role=\"region\" aria-label=\"Jobs\" tabindex=\"0\"><table>\n\
         <caption>Jobs, in the order of their ids</caption>\n<thead><tr><th scope=\"col\">Document</th>\
         <th scope=\"col\">State</th><th scope=\"col\" class=\"n\">Pages</th><th scope=\"col\">Reason</th></tr></thead>\n<tbody>\n"
        .to_owned();
    for job in jobs {
        let class = if ATTENTION.contains(&job.state) {
            " class=\"bad\""
        } else {
            ""
        };
        let pages = match job.pages_failed {
            0 => job.pages.to_string(),
            failed => format!("{}, {failed} failed", job.pages),
        };
        let reason = match job.kind.as_str() {
            "" => String::new(),
            kind => format!("<strong>{}</strong> {}", Escaped(kind), Name(&job.message)),
        };
        html += &format!(
            "<tr><th scope=\"row\"><a href=\"{}\">{}</a></th><td{class}>{}</td><td class=\"n\">{pages}</td><td>{reason}</td></tr>\n",
            Escaped(&job_address(&job.id)),
            Name(document_name(&job.source)),
            job.state.as_str(),
        );
    }
    html + "</tbody></table></div>\n"
}

/// The last part of a document's URI.
pub(super) fn document_name(source: &str) -> &str {
    match source.rsplit('/').next() {
        Some("") | None => source,
        Some(name) => name,
    }
}

/// `POST /batches/{batch}/retry`.
pub(super) async fn retry(
    State(service): State<Shared>,
    Visitor(caller): Visitor,
    Path(segment): Path<String>,
    Form(form): Form<RetryForm>,
) -> Answer<Redirect> {
    let batch = batch_of_segment(&segment);
    batch_of(&service, &caller, batch, Scope::Manage).await?;
    let request = RetryRequest {
        state: Vec::new(),
        kind: form.kind.filter(|kind| !kind.is_empty()),
    };
    let view = retry_batch(&service, batch.to_owned(), &request).await?;
    Ok(see(&format!(
        "{}?queued={}&refused={}&more={}",
        batch_address(batch),
        view.queued,
        view.refused,
        view.has_more
    )))
}

/// `POST /batches/{batch}/cancel`.
pub(super) async fn cancel(
    State(service): State<Shared>,
    Visitor(caller): Visitor,
    Path(segment): Path<String>,
) -> Answer<Redirect> {
    let batch = batch_of_segment(&segment).to_owned();
    let address = batch_address(&batch);
    let _ = batches::cancel(State(service), caller, Path(batch)).await?;
    Ok(see(&format!("{address}?cancelled=true")))
}
