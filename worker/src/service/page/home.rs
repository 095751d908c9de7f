//! `/`: the batches, and the form that takes a document.

use axum::{
    extract::{Request, State},
    response::Redirect,
};
use serde::Deserialize;

use super::{
    Answer, Asked, ROWS, Visitor, batch_address,
    html::{Escaped, Name, Page, Segment, Size},
    job_address, see, shown,
};
use crate::{
    ledger::{rate::Rate, view::batch_views},
    service::{Shared, documents::submit_form, keys::Scope},
};
use recto_schemas::service::BatchView;

/// The part of the list.
#[derive(Debug, Deserialize)]
pub(super) struct HomeQuery {
    /// The name that it begins after.
    after: Option<String>,
}

/// `GET /`.
pub(super) async fn show(
    State(service): State<Shared>,
    Visitor(caller): Visitor,
    Asked(query): Asked<HomeQuery>,
) -> Answer<Page> {
    let mut page = Page::new("Batches", Some(&caller));
    if caller.may(Scope::Read) {
        let mut batches = batch_views(&service.ledger.sums(None).await?);
        batches.retain(|batch| caller.sees(&batch.batch));
        if let Some(after) = &query.after {
            batches.retain(|batch| batch.batch > *after);
        }
        page.body += "<p><a href=\"/\">Refresh</a></p>\n";
        let is_whole = batches.len() <= ROWS;
        batches.truncate(ROWS);
        page.body += &table(&service, &batches).await?;
        if let (false, Some(last)) = (is_whole, batches.last()) {
            page.body += &format!(
                "<p><a href=\"/?after={}\">More batches</a></p>\n",
                Segment(&last.batch)
            );
        }
    } else {
        page.body +=
            "<p>This key may not look at batches: its scopes lack <code>read</code>.</p>\n";
    }
    let takes_documents = service.uploads.is_some() && service.output.is_some();
    if takes_documents && caller.may(Scope::Submit) {
        let max_bytes = caller.document_limit(service.limits.max_document_size.bytes());
        page.body += &upload_form(caller.own_batch(), max_bytes);
    }
    Ok(page)
}

async fn table(service: &Shared, batches: &[BatchView]) -> Answer<String> {
    if batches.is_empty() {
        return Ok("<p>There are no jobs yet.</p>\n".to_owned());
    }
    let mut html = "<div class=\"scroll\" role=\"region\" aria-label=\"Batches\" tabindex=\"0\"><table>\n\
         <caption>Batches and how far they are</caption>\n<thead><tr><th scope=\"col\">Batch</th>\
         <th scope=\"col\">Progress</th><th scope=\"col\" class=\"n\">Jobs</th><th scope=\"col\" class=\"n\">Ended</th>\
         <th scope=\"col\" class=\"n\">Open</th><th scope=\"col\" class=\"n\">Need attention</th>\
         <th scope=\"col\">Time left</th></tr></thead>\n<tbody>\n"
        .to_owned();
    for batch in batches {
        let rate = match batch.waiting + batch.reading {
            0 => None,
            _ => Some(Rate::of(&service.ledger, &batch.batch).await?),
        };
        html += &row(batch, rate);
    }
    Ok(html + "</tbody></table></div>\n")
}

fn row(batch: &BatchView, rate: Option<Rate>) -> String {
    let left = rate.and_then(|rate| rate.time_left(batch));
    let attention = attention(batch);
    let class = if attention > 0 { "n bad" } else { "n" };
    format!(
        "<tr><th scope=\"row\"><a href=\"{}\">{}</a></th><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td class=\"{class}\">{attention}</td><td>{}</td></tr>\n",
        batch_address(&batch.batch),
        Name(shown(&batch.batch)),
        progress(batch),
        batch.submitted,
        batch.submitted - batch.open,
        batch.open,
        left.map(|left| format!("some {left}")).unwrap_or_default(),
    )
}

/// Jobs that somebody should look at.
pub(super) fn attention(batch: &BatchView) -> i64 {
    batch.dead + batch.failed + batch.partial + batch.lost
}

/// A bar of the jobs that have ended.
pub(super) fn progress(batch: &BatchView) -> String {
    let ended = batch.submitted - batch.open;
    format!(
        "<progress max=\"{0}\" value=\"{ended}\" aria-label=\"{ended} of {0} jobs have ended\"></progress>",
        batch.submitted
    )
}

fn upload_form(batch: &str, max_bytes: u64) -> String {
    format!(
        "<h2>Have a document read</h2>\n\
         <form method=\"post\" action=\"/upload\" enctype=\"multipart/form-data\" class=\"stack\">\n\
         <label for=\"file\">Document (PDF or image, {} at most)</label>\n\
         <input type=\"file\" id=\"file\" name=\"file\" required accept=\".pdf,image/*\">\n\
         <label for=\"batch\">Batch</label>\n<input id=\"batch\" name=\"batch\" value=\"{}\" maxlength=\"200\">\n\
         <label for=\"password\">Password, if it has one</label>\n\
         <input type=\"password\" id=\"password\" name=\"password\" maxlength=\"200\" autocomplete=\"off\">\n\
         <button>Upload</button>\n</form>\n",
        Size(max_bytes),
        Escaped(batch)
    )
}

/// `POST /upload`.
pub(super) async fn upload(
    State(service): State<Shared>,
    Visitor(caller): Visitor,
    request: Request,
) -> Answer<Redirect> {
    let record = submit_form(&service, &caller, request).await?;
    match caller.may(Scope::Read) {
        true => Ok(see(&(job_address(&record.id) + "?watch=true"))),
        false => Ok(see("/")),
    }
}
