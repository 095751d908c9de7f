//! The service's page: batches, jobs and documents for somebody with a browser.
//!
//! Every page is written here, needs no script and loads nothing from elsewhere. Its buttons are forms that do what the
//! same requests to `/v1` do, and lead to a page.

mod html;
mod login;
mod home;
mod batch;
mod job;
mod document;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRequestParts, Query},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::de::DeserializeOwned;

use super::{Shared, keys::Caller, problem::Problem};
use html::{Escaped, Page, Segment};

/// Rows of a table on one page.
const ROWS: usize = 100;
/// Seconds after which a page that somebody watches is loaded again.
const REFRESH_S: u32 = 5;

/// The page's routes.
pub(super) fn routes() -> Router<Shared> {
    let upload = post(home::upload).layer(DefaultBodyLimit::disable());
    Router::new()
        .route("/", get(home::show))
        .route("/upload", upload)
        .route("/batches/{batch}", get(batch::show))
        .route("/batches/{batch}/retry", post(batch::retry))
        .route("/batches/{batch}/cancel", post(batch::cancel))
        .route("/jobs/{id}", get(job::show))
        .route("/jobs/{id}/retry", post(job::retry))
        .route("/jobs/{id}/cancel", post(job::cancel))
        .route("/jobs/{id}/pages", get(document::show))
        .route("/login", get(login::show).post(login::login))
        .route("/logout", post(login::logout))
}

/// Whoever looks at a page. One without a key is asked for it.
struct Visitor(Caller);

impl FromRequestParts<Shared> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, service: &Shared) -> Result<Self, Response> {
        match service.keys.caller(&parts.headers) {
            Ok(caller) => Ok(Self(caller)),
            Err(problem) if problem.status == StatusCode::UNAUTHORIZED => {
                let asked = parts.uri.path_and_query();
                let to = match parts.method.is_safe() {
                    true => asked.map_or("/", |asked| asked.as_str()),
                    false => "/",
                };
                Err(login::form(to, None).into_response())
            }
            Err(problem) => Err(ErrorPage(problem).into_response()),
        }
    }
}

/// The query of a page's address.
struct Asked<T>(T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Asked<T> {
    type Rejection = ErrorPage;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, ErrorPage> {
        let query = Query::<T>::try_from_uri(&parts.uri)
            .map_err(|error| Problem::bad_request(error.body_text()))?;
        Ok(Self(query.0))
    }
}

/// A [`Problem`] as a page.
struct ErrorPage(Problem);

impl<E: Into<Problem>> From<E> for ErrorPage {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ErrorPage {
    fn into_response(self) -> Response {
        let problem = self.0;
        let title = match problem.status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::CONFLICT => "Not possible",
            status if status.is_server_error() => "Not possible now",
            _ => "Not understood",
        };
        let mut page = Page::new(title, None);
        page.status = problem.status;
        page.body = format!(
            "<p role=\"alert\" class=\"notice bad\">{}</p>\n<p><a href=\"/\">All batches</a></p>\n",
            Escaped(&problem.detail)
        );
        if let Some(wait) = problem.retry_after_s {
            page.headers
                .insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        page.into_response()
    }
}

/// The outcome of a button or a page that was asked for.
type Answer<T> = Result<T, ErrorPage>;

/// The address of a batch's page. `~` stands before names that are no segment of an address by themselves.
fn batch_address(batch: &str) -> String {
    let mark = match batch {
        "" | "." | ".." => "~",
        name if name.starts_with('~') => "~",
        _ => "",
    };
    format!("/batches/{mark}{}", Segment(batch))
}

/// The batch of a segment that [`batch_address`] has made.
fn batch_of_segment(segment: &str) -> &str {
    segment.strip_prefix('~').unwrap_or(segment)
}

fn job_address(id: &str) -> String {
    format!("/jobs/{}", Segment(id))
}

fn file_address(id: &str, name: &str) -> String {
    let parts: Vec<String> = name
        .split('/')
        .map(|part| Segment(part).to_string())
        .collect();
    format!("/v1/jobs/{}/files/{}", Segment(id), parts.join("/"))
}

/// The name of a batch for people.
fn shown(batch: &str) -> &str {
    match batch {
        "" => "(no batch)",
        name => name,
    }
}

/// Leads to another page after a form was sent.
fn see(address: &str) -> Redirect {
    Redirect::to(address)
}

/// A link that has a page loaded again and again, or that ends it.
fn watch_link(address: &str, is_watched: bool) -> String {
    let (query, words) = match is_watched {
        true => ("", "Stop refreshing"),
        false => ("?watch=true", "Refresh every 5 seconds"),
    };
    format!("<a href=\"{}{query}\">{words}</a>", Escaped(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_batch_has_an_address_of_its_own() {
        for (batch, address) in [
            ("1911", "/batches/1911"),
            ("", "/batches/~"),
            ("..", "/batches/~.."),
            ("~", "/batches/~~"),
            ("a/b", "/batches/a%2Fb"),
        ] {
            assert_eq!(batch_address(batch), address);
        }
        for (segment, batch) in [("~", ""), ("~..", ".."), ("~~", "~"), ("1911", "1911")] {
            assert_eq!(batch_of_segment(segment), batch);
        }
    }
}
