//! Results: the files of a job that has ended, from the store.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::StreamExt as _;
use recto_schemas::{
    Manifest, ResultFile,
    service::{DocumentView, FileList, FileView},
};
use tokio_util::io::ReaderStream;

use super::{
    Service, Shared,
    documents::without_result,
    keys::{Caller, Scope},
    problem::Problem,
};
use crate::{
    document::{media_type::media_type, output::MANIFEST, stored_manifest},
    job::output_path::{NAME, is_format},
    ledger::{
        record::{JobRecord, JobState},
        view::job_view,
    },
    store::{ObjectStore as _, ObjectVersion, StoreUri},
};

/// Largest Markdown that is sent within JSON, in bytes.
const MAX_INLINE_BYTES: u64 = 32 << 20;
/// The powers of a file of a result in a browser: to be shown, with its pictures, and nothing else.
const FILE_POLICY: &str = "sandbox; default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; \
     frame-ancestors 'self'; base-uri 'none'; form-action 'none'";

/// The form of a result that a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Markdown,
    Json,
    Html,
}

impl Form {
    /// The form that `Accept` likes best (RFC 9110, 12.5.1); Markdown if it does not say.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        const KNOWN: [(&str, &str, Form); 3] = [
            ("text", "markdown", Form::Markdown),
            ("application", "json", Form::Json),
            ("text", "html", Form::Html),
        ];
        let given = headers.get_all(header::ACCEPT).iter();
        let given: Vec<&str> = given
            .filter_map(|value| value.to_str().ok())
            .flat_map(|text| text.split(','))
            .collect();
        if given.is_empty() {
            return Ok(Self::Markdown);
        }
        let quality = |kind: &str, subtype: &str| {
            given
                .iter()
                .filter_map(|range| {
                    let mut parts = range.split(';').map(str::trim);
                    let (range_kind, range_subtype) = parts.next()?.split_once('/')?;
                    let is_match = |wanted: &str, given: &str| {
                        given == "*" || given.eq_ignore_ascii_case(wanted)
                    };
                    let matches = is_match(kind, range_kind) && is_match(subtype, range_subtype);
                    let quality = parts
                        .find_map(|part| part.strip_prefix("q=")?.trim().parse::<f32>().ok())
                        .unwrap_or(1.0);
                    let detail = u8::from(range_kind != "*") + u8::from(range_subtype != "*");
                    matches.then_some((detail, quality))
                })
                .max_by(|a, b| a.0.cmp(&b.0))
                .map_or(0.0, |(_, quality)| quality)
        };
        let mut best = (0.0, None);
        for (kind, subtype, form) in KNOWN {
            let quality = quality(kind, subtype);
            if quality > best.0 {
                best = (quality, Some(form));
            }
        }
        best.1.ok_or_else(|| {
            Problem::new(
                StatusCode::NOT_ACCEPTABLE,
                "a result is text/markdown, application/json or text/html",
            )
        })
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Markdown | Self::Json => "md",
            Self::Html => "html",
        }
    }
}

/// The result of a job in the store.
pub(super) struct StoredResult {
    pub(super) folder: StoreUri,
    pub(super) manifest: Manifest,
}

impl StoredResult {
    pub(super) async fn of(service: &Service, record: &JobRecord) -> Result<Self, Problem> {
        let folder = record
            .manifest
            .parse::<StoreUri>()
            .ok()
            .and_then(|uri| uri.parent_of(&format!("{NAME}.{}", MANIFEST.0)));
        let Some(folder) = folder else {
            return Err(without_result(record));
        };
        match stored_manifest(&service.stores, &folder, NAME).await? {
            Some(manifest) => Ok(Self { folder, manifest }),
            None => Err(
                Problem::new(StatusCode::GONE, "the result is not in the store any more")
                    .about(job_view(record, false)),
            ),
        }
    }

    /// The file of an output, by its ending.
    pub(super) fn file(&self, ending: &str) -> Option<&ResultFile> {
        let mut files = self.manifest.files.iter();
        files.find(|file| is_format(&file.name, ending))
    }
}

/// The job of this id, if the caller may see it.
pub(super) async fn job_of(
    service: &Service,
    caller: &Caller,
    id: &str,
    scope: Scope,
) -> Result<JobRecord, Problem> {
    caller.needs(scope)?;
    let found = service.ledger.job(id).await?;
    found
        .filter(|record| caller.sees(&record.batch))
        .ok_or_else(Problem::not_found)
}

/// `GET /v1/jobs/{id}/result`.
pub(super) async fn result(
    State(service): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let record = job_of(&service, &caller, &id, Scope::Read).await?;
    let form = Form::of(&headers)?;
    if record.state.is_open() {
        return Err(without_result(&record));
    }
    answer(&service, &record, form).await
}

/// The result of a job that has ended, in the form that is wanted.
pub(super) async fn answer(
    service: &Service,
    record: &JobRecord,
    form: Form,
) -> Result<Response, Problem> {
    let has_result = matches!(
        record.state,
        JobState::Done | JobState::Partial | JobState::Skipped
    );
    if !has_result {
        return Err(without_result(record));
    }
    let stored = StoredResult::of(service, record).await?;
    let file = stored.file(form.ending());
    let mut answer = match (form, file) {
        (Form::Json, file) => {
            let markdown = match file {
                Some(file) => {
                    let at = file_uri(&stored.folder, &file.name)?;
                    let bytes = service.stores.read(&at, MAX_INLINE_BYTES).await?;
                    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                }
                None => None,
            };
            let job = job_view(record, false);
            Json(DocumentView { job, markdown }).into_response()
        }
        (_, Some(file)) => send(service, &stored.folder, file).await?,
        (Form::Html, None) => {
            let detail = "the job was submitted without the option `html`, so there is no page; \
                          its result is text/markdown or application/json";
            return Err(Problem::new(StatusCode::NOT_ACCEPTABLE, detail));
        }
        (Form::Markdown, None) => (
            [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")],
            String::new(),
        )
            .into_response(),
    };
    let headers = answer.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    for (name, value) in [
        ("recto-job", record.id.as_str()),
        ("recto-state", record.state.as_str()),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    Ok(answer)
}

/// `GET /v1/jobs/{id}/files`.
pub(super) async fn files(
    State(service): State<Shared>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<FileList>, Problem> {
    let record = job_of(&service, &caller, &id, Scope::Read).await?;
    let stored = StoredResult::of(&service, &record).await?;
    let files = stored.manifest.files.iter().map(|file| FileView {
        media_type: media_type(std::path::Path::new(&file.name)).to_owned(),
        name: file.name.clone(),
        bytes: file.bytes,
        sha256: file.sha256.clone(),
    });
    Ok(Json(FileList {
        files: files.collect(),
    }))
}

/// `GET /v1/jobs/{id}/files/{name}`: a file that the manifest names.
pub(super) async fn file(
    State(service): State<Shared>,
    caller: Caller,
    Path((id, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let record = job_of(&service, &caller, &id, Scope::Read).await?;
    let stored = StoredResult::of(&service, &record).await?;
    let mut files = stored.manifest.files.iter();
    let file = files
        .find(|file| file.name == name)
        .ok_or_else(Problem::not_found)?;
    let etag = format!("\"{}\"", file.sha256);
    let known = headers.get(header::IF_NONE_MATCH);
    if known.is_some_and(|known| known.as_bytes() == etag.as_bytes()) {
        return Ok(StatusCode::NOT_MODIFIED.into_response());
    }
    let mut answer = send(&service, &stored.folder, file).await?;
    // A browser keeps it, and asks if it is still the same.
    let kept = HeaderValue::from_static("private, no-cache");
    answer.headers_mut().insert(header::CACHE_CONTROL, kept);
    Ok(answer)
}

/// Sends a file of a result as a stream.
async fn send(
    service: &Service,
    folder: &StoreUri,
    file: &ResultFile,
) -> Result<Response, Problem> {
    // Held until the last byte is sent: each answer takes its file's size of the disk.
    let slot = service.downloads.take()?;
    let at = file_uri(folder, &file.name)?;
    let path = tempfile::Builder::new()
        .prefix("recto-result-")
        .tempfile_in(service.scratch.path())
        .map_err(|_| Problem::busy("there is no room for the result; try again later"))?
        .into_temp_path();
    let pin = ObjectVersion::default();
    service.stores.fetch(&at, &pin, file.bytes, &path).await?;
    let open = tokio::fs::File::open(&path).await;
    let open = open.map_err(|_| Problem::busy("the result cannot be read; try again later"))?;
    // The file is open: it goes with its last reader.
    drop(path);
    let content_type = match media_type(std::path::Path::new(&file.name)) {
        text if text.starts_with("text/") && !text.contains("charset") => {
            format!("{text}; charset=utf-8")
        }
        other => other.to_owned(),
    };
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_LENGTH, file.bytes.to_string()),
        (header::ETAG, format!("\"{}\"", file.sha256)),
        (header::CONTENT_SECURITY_POLICY, FILE_POLICY.to_owned()),
    ];
    let sent = ReaderStream::new(open).inspect(move |_| {
        let _held = &slot;
    });
    Ok((headers, Body::from_stream(sent)).into_response())
}

/// The place of a file of a result.
pub(super) fn file_uri(folder: &StoreUri, name: &str) -> Result<StoreUri, Problem> {
    folder.join(name).map_err(|_| Problem::not_found())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_the_one_that_is_liked_best() {
        let form = |accept: &str| {
            let headers = HeaderMap::from_iter([(header::ACCEPT, accept.parse().unwrap())]);
            Form::of(&headers).ok()
        };
        for (accept, wanted) in [
            ("*/*", Some(Form::Markdown)),
            ("text/*", Some(Form::Markdown)),
            ("application/json", Some(Form::Json)),
            (
                "text/html,application/xhtml+xml,*/*;q=0.8",
                Some(Form::Html),
            ),
            ("text/markdown;q=0.5, application/json", Some(Form::Json)),
            ("text/markdown;q=0, */*", Some(Form::Json)),
            ("image/png", None),
            ("nonsense", None),
        ] {
            assert_eq!(form(accept), wanted, "{accept}");
        }
        assert_eq!(Form::of(&HeaderMap::new()).ok(), Some(Form::Markdown));
    }
}
